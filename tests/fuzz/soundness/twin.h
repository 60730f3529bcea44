/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SOUNDNESS_TWIN_H
#define USERBPF_SOUNDNESS_TWIN_H
/*
 * twin.h - the rewritten program in the real interpreter (src/exec), or as the JIT's code, on the
 * same inputs as the machine had with the program as loaded. Runs with an odd seed are interpreted.
 *
 * The machine goes first and logs what the world did to it: results of helpers, memory they filled,
 * rounds of callbacks, packets that moved, tail calls. The twin's helpers give the same again and
 * check that they are called in the same order with the same arguments. Its memory has the
 * contents the machine's began with; context and packet are our own structs (exec/context.h), maps
 * real maps, packet and records end at a page nobody may touch. Afterwards both have returned the
 * same and left the same in all memory, as far as it does not tell addresses.
 */
#include "soundness.h"

struct exec_image;

#define MAX_HAPPENED 600

/* One call of the world: what came of it. Addresses are the machine's; *_region/_pos name them. */
struct happened {
	s32 id;	     /* of the helper; -1: a tail call's target is asked for */
	u64 arg[5], r0;
	u8 how[5], nr_args;
	bool r0_address;
	/* memory behind arg[at - 1] was filled with blob[from..] */
	u32 at, from, size;
	/* 1: memory at @other was copied there, 2: it was copied to @other */
	u32 copy;
	u64 other;
	/* callbacks */
	bool callback;
	int map;
	u32 rounds;
	/* the packet is another one now */
	bool moved, taken;
	u32 pkt_len, meta_len, pkt_epoch;
	s32 elem; /* an element got the value behind arg 3: map * ELEMS + element, -1: none */
	u32 record; /* 1 + number of the record that began */
};

struct machine;
struct happening {
	struct happened at[MAX_HAPPENED];
	u32 n, nr_bytes;
	u8 bytes[16384];
	bool full;
};

struct world;
struct vfy_prog;
int twin_init(struct world *w); /* memory and handlers, once */
struct exec_image *twin_image(const struct vfy_prog *v); /* of an accepted program; NULL: no memory */
void twin_begin(const struct machine *m); /* takes over the contents the machine starts with */
bool twin_compiled(const struct exec_image *img);
/* true: all alike, or nothing to compare */
bool twin_run(struct machine *m, struct exec_image *img, bool interpreted);
struct happened *happens(struct machine *m, s32 id, u32 nr_args); /* next entry of the log */

#endif
