/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CLI_INPROCESS_H
#define USERBPF_CLI_INPROCESS_H
/*
 * inprocess.h - libbpf on a BPF subsystem inside this process: the executable defines syscall(2)'s
 * wrapper and those of open and access, so libbpf's bpf(2) calls go to libuserbpf and
 * /sys/kernel/btf/vmlinux is the BTF we say. No service, no privilege, nothing of it outside. One
 * instance per process.
 */
#include <linux/bpf.h>
#include <bpf/btf.h>

/* @btf_path: raw BTF, or ELF with .BTF. @modules: the same of split BTF of modules, with NULL at the
 * end; a module is called as its file is, up to the first dot. 0 or negative errno. */
#define INPROCESS_MAX_MODULES 64
int inprocess_open(const char *btf_path, const char *const *modules);
void inprocess_close(void);

/* What the last BPF_PROG_LOAD with line information passed. */
struct inprocess_load {
	struct bpf_insn *insns;
	unsigned int insn_cnt;
	struct bpf_line_info *lines;
	unsigned int line_cnt;
};
const struct inprocess_load *inprocess_last_load(void);
void inprocess_forget_load(void);

#endif
