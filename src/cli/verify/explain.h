/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CLI_EXPLAIN_H
#define USERBPF_CLI_EXPLAIN_H
/*
 * explain.h - what a verifier log of level 1 says about a refusal, taken apart:
 *
 *   ; return p[20];                                     <- source
 *   5: (71) r0 = *(u8 *)(r2 +20)                        <- insn, text; the states of R0, R2 come from the lines before
 *   invalid access to packet, off=20 size=1, R2(...)    <- message, with all lines that follow
 *   R2 offset is outside of the packet
 *   processed 6 insns ...                               <- stats
 *
 * and one sentence on what to change: the first row of advice.def whose pattern the message has.
 * Text in, text out: the log may be ours or a kernel's. The result borrows nothing; explain_free()
 * it.
 */
#include <stdbool.h>
#include <stdint.h>

#define EXPLAIN_REGS 11

struct explain_stats {
	long processed, total_states, peak_states, usec; /* -1: the log does not say */
	char stack[64];				     /* "16+0+8", one per subprogram; "" */
};

struct explain {
	int insn;	       /* -1: the refusal is about no instruction in particular */
	char *text;	       /* of the instruction, "(71) r0 = ..."; NULL when the log did not get there */
	char *source;	       /* source line in front of it, or NULL */
	char *message;	       /* lines separated by '\n'; "" when there is none */
	char *reg[EXPLAIN_REGS]; /* states of the registers that matter, before the instruction; NULL: not one of them */
	int row;	       /* of advice.def, -1: none */
	const char *topic;     /* its topic and sentence, or NULL */
	const char *advice;
	struct explain_stats stats;
};

/* -ENOMEM, or 0 for any text at all. */
int explain(const char *log, struct explain *e);
void explain_free(struct explain *e);
/* The statistics lines alone. */
void explain_stats(const char *log, struct explain_stats *s);
/* Topic of row @i, NULL behind the last. */
const char *explain_topic(unsigned int i);

#endif
