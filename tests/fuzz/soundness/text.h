/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SOUNDNESS_TEXT_H
#define USERBPF_SOUNDNESS_TEXT_H
/*
 * text.h - programs as text cases of tests/data/verifier: what reports are written as and what
 * --replay and the seeds of mutation are read from. What such a case has no line for stands in
 * comments: "# run SEED", "# global MASK CTX-MASK".
 */
#include <stdio.h>
#include "world.h"

void text_write(FILE *out, const struct world *w, const struct sprog *p, const char *name);
/* The next case of @in (@loud: what is wrong goes to stderr); 1, 0 at the end, negative: this one cannot be had with the fixed maps. */
int text_read(FILE *in, const struct world *w, struct sprog *p, u64 *run_seed, bool loud);

/* The fixed map most like one of @kind (as bpftool names it) with these sizes, -1: none of the kind. */
s32 text_map_like(const char *kind, u32 key, u32 value, u32 entries, bool rdonly);

/* shrink.c: @p without the instructions that do not matter to @fails (which may change *@seed). */
typedef bool (*fails_fn)(void *arg, const struct sprog *p, u64 *seed);
void shrink(struct sprog *p, u64 *seed, fails_fn fails, void *arg);

#endif
