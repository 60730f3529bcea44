/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_DISASM_H
#define USERBPF_DISASM_H
/*
 * disasm.h - instructions as text, in the very words of the kernel's verifier log and of `bpftool prog dump xlated`:
 *
 *   (b7) r0 = 0            (61) r2 = *(u32 *)(r1 +4)      (85) call bpf_map_lookup_elem#1      (95) exit
 *
 * Instructions of cpu v4 read as the kernels print that know them (6.6 and later). Nothing
 * allocates, nothing is kept.
 */
#include <stddef.h>
#include "isa/insn.h"

struct disasm {
	/* receives one line in one or more pieces, the final '\n' included */
	void (*print)(void *arg, const char *fmt, ...) __printf(2, 3);
	/* what is called, when it is not a helper of the UAPI list: a name, or NULL for "+off" /
	 * "kernel-function"; may be NULL */
	const char *(*call)(void *arg, const struct bpf_insn *insn);
	/* text for an LD_IMM64's constant (already zeroed when pointers may not leak); may be
	 * NULL */
	const char *(*imm)(void *arg, const struct bpf_insn *insn, u64 imm64);
	void *arg;
};

/* One line for @insn; an LD_IMM64 needs its second half behind it. !@allow_ptr_leaks hides map
 * and BTF addresses. */
void disasm_insn(const struct disasm *d, const struct bpf_insn *insn, bool allow_ptr_leaks);
/* The same into @buf, without newline and callbacks. Returns the length the text wants, as
 * snprintf() does. */
int disasm_str(char *buf, size_t size, const struct bpf_insn *insn);

/* "bpf_map_lookup_elem" for every id below HELPER_IDS_END, else "unknown". */
const char *disasm_helper_name(int id);

/* Kernel names of these tables, for messages: "+=" ..., "==" ..., "ldx" ... Entries without
 * meaning are NULL. */
extern const char *const disasm_alu[16];
extern const char *const disasm_jmp[16];
extern const char *const disasm_class[8];

#endif
