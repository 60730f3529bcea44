/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CLI_GEN_TYPES_H
#define USERBPF_CLI_GEN_TYPES_H
/*
 * types.h - a kernel that has just what an object asks for: BTF with its attach targets, functions
 * and variables, and a kallsyms file. Ids and addresses in it mean nothing; fake.c makes names of them again.
 */
#include <bpf/libbpf.h>
#include "base/base.h"
#include "base/log.h"
#include "cli/gen/elf.h"

/* One of the kernel's symbols without a type: where it pretends to be. */
#define TYPES_KSYM_BASE 0xff5ca1ab1e000000ull

struct types {
	struct btf *btf;
	char **ksyms; /* address: TYPES_KSYM_BASE + 16 * index */
	u32 nr_ksyms;
};

int types_make(struct types *t, const struct elf_obj *elf, struct bpf_object *obj,
	       struct log *log);
void types_free(struct types *t);

#endif
