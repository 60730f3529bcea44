/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CLI_GEN_ELF_H
#define USERBPF_CLI_GEN_ELF_H
/*
 * elf.h - a BPF object file in memory, and what libbpf must not resolve for us: CO-RE relocations are
 * taken out of the image that libbpf gets, so that instructions stay as compiled and the kernel
 * that loads them does the work.
 */
#include <linux/bpf.h>
#include <bpf/btf.h>
#include "base/base.h"
#include "base/log.h"

struct elf_obj {
	char *image;
	size_t len;
	const char *btf; /* raw, in the image; NULL: none */
	u32 btf_len;
	char *ext; /* a copy of .BTF.ext as the file has it; NULL: none */
	u32 ext_len;
	u32 core_relo_cnt;
	struct elf_code {
		char *name;
		const struct bpf_insn *insns; /* in the image */
		u32 cnt;
	} *code; /* sections with instructions */
	u32 nr_code;
	char **weak; /* names of weak symbols that are defined elsewhere */
	u32 nr_weak;
};

/* 0 or negative errno with the reason in @log. */
int elf_obj_open(struct elf_obj *o, const char *path, struct log *log);
void elf_obj_close(struct elf_obj *o);
bool elf_obj_weak(const struct elf_obj *o, const char *name);

/* A program as it is loaded: libbpf appends the subprograms it needs. */
struct elf_prog {
	const struct bpf_insn *insns;
	u32 insn_cnt;
	const struct bpf_func_info *funcs;
	u32 nr_funcs;
};

/*
 * The relocations of a program as PROG_LOAD wants them, from the places its functions have in it. Caller frees
 * *out.
 */
int elf_obj_core_relos(const struct elf_obj *o, const struct btf *btf, const struct elf_prog *prog,
		       struct bpf_core_relo **out, u32 *cnt, struct log *log);

#endif
