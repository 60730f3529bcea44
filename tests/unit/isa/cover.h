/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_ISA_COVER_H
#define TEST_ISA_COVER_H
/*
 * cover.h - what the cases of tests/data/isa have, and must have: every opcode of opcodes.def; every
 * form of it, which is what another field makes another instruction of (an atomic's operation, the
 * width of a sign extension or a byte swap, signed division, kinds of calls); and the operands that
 * RFC 9669 has rules about (division by 0 and -1, shifts by more than the width, the signs of
 * comparisons).
 */
#include "data.h"

#define COVER_FORMS 10
#define COVER_EDGES 8

struct cover {
	u16 forms[256]; /* by opcode: mask of what occurred */
	u8 edges[2][256]; /* the same of operands; [1]: signed division */
};

void cover_note(struct cover *cov, const struct isa_case *c);
/* Prints what is missing; how much that is. */
int cover_missing(const struct cover *cov);

#endif
