/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_BTF_CORE_H
#define USERBPF_BTF_CORE_H
/*
 * core.h - CO-RE relocations resolved by the side that loads (PROG_LOAD's core_relos, Linux 5.17).
 * Control side; no global state.
 *
 * A relocation says what an instruction's number means in the program's own BTF (the local side): the offset
 * of a field, the size of a type, the value of an enumerator. It is looked up by name in the BTF of
 * the kernel (the target side) and the number there replaces it. What follows the last ___ of a
 * local name, its flavour, does not count. What is not found makes the instruction one that no
 * program may reach (a call of 0xbad2310) unless the question was whether it is there.
 *
 *   core_spec.c   the access string and its text in the log     core_match.c  the same field, type
 *   core.c        candidates, the new value, ambiguity                        or enumerator there
 *   core_patch.c  the instruction
 *
 * Verdicts, errno and log text are those of Linux 6.1 (bpf_core_apply).
 */
#include "btf/btf.h"

struct btf_core;

/* Where types are looked for: the kernel's BTF (NULL: every search fails), and where it has none of a
 * name its modules'. */
struct btf_core_target {
	const struct btf *vmlinux;
	struct btf *const *modules;
	u32 nr_modules;
};

/* Borrows what it gets until btf_core_free(). NULL: no memory. */
struct btf_core *btf_core_new(const struct btf *local, const struct btf_core_target *target,
			      struct log *log);
void btf_core_free(struct btf_core *c);
/*
 * Resolves @relo, number @idx in the log, and patches insns[insn_off / 8] of @len instructions
 * (insn_off is checked by the caller). 0 or negative errno with a reason in the log.
 */
int btf_core_apply(struct btf_core *c, const struct bpf_core_relo *relo, u32 idx,
		   struct bpf_insn *insns, u32 len);

#endif
