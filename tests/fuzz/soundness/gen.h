/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SOUNDNESS_GEN_H
#define USERBPF_SOUNDNESS_GEN_H
/*
 * gen.h - random programs that have a chance. The generator keeps a rough idea of what is in each
 * register, and most of what it emits (bounds checks before variable offsets, NULL checks, packet
 * checks) is right or nearly so.
 *
 * A program is blocks of pieces, one idea each; a gen_THEME.c has the pieces of a theme and a table
 * of them, gen.c the list of the themes and what makes functions of blocks. R6 keeps the context.
 */
#include "isa/insn.h"
#include "soundness.h"

enum kind { K_NONE, K_NUM, K_CTX, K_VALUE, K_PKT, K_STACK };

struct gen {
	struct rng *r;
	struct sprog *p;
	enum kind kind[VFY_REGS];
	u32 value_map[VFY_REGS];
	u32 fixups[128], nr_fixups;	 /* jumps to the end of the function */
	u32 func, depth, nr_calls, last; /* last: highest function called */
	struct {
		u32 at, func;
		bool pointer;
	} calls[32];
	u32 moves; /* mask of functions that begin with moving the packet */
	bool has_ctx, in_loop;
	u64 written; /* stack slots with data */
};

struct piece {
	void (*make)(struct gen *g);
	u32 weight;
};
struct theme {
	const struct piece *pieces;
	u32 nr;
};
#define THEME(name, table) const struct theme name = {.pieces = table, .nr = ARRAY_SIZE(table)}
extern const struct theme gen_numbers, gen_memory, gen_packets, gen_flow, gen_merges, gen_objects,
	gen_newer, gen_globals, gen_kptrs, gen_queues, gen_paths;

/* --- gen.c: emitting --- */
bool full(const struct gen *g);
void emit(struct gen *g, struct bpf_insn in);
void emit_imm64(struct gen *g, u32 dst, u8 pseudo, u64 v);
void emit_map(struct gen *g, u32 dst, u32 map);
void emit_value(struct gen *g, u32 dst, u32 map, u32 off); /* address in a one-element map */
void emit_kfunc(struct gen *g, u32 which);
u32 any_of(struct gen *g, enum kind k); /* VFY_REGS: none */
u32 some_dst(struct gen *g);
u32 free_reg(struct gen *g, u32 mask); /* of R7..R9 */
u32 number(struct gen *g);
u8 random_size(struct gen *g);
u8 random_cond(struct gen *g);
void to_end(struct gen *g, struct bpf_insn jump);
struct bpf_insn random_jump(struct gen *g);
void save(struct gen *g, enum kind *k);
void join(struct gen *g, const enum kind *k);
void clobbered(struct gen *g, enum kind r0);
void block(struct gen *g, u32 pieces);
bool can_call(const struct gen *g); /* one more call of a function of the program? */
void note_call(struct gen *g, u32 callee, bool pointer); /* the next instruction names @callee */

/* --- of one theme, used by others --- */
u32 bound(struct gen *g, u32 d);	   /* gen_numbers.c: makes @d small */
void unknown_in(struct gen *g, u32 d);	   /* gen_numbers.c */
void piece_lookup(struct gen *g);	   /* gen_memory.c: a checked pointer to a value */
void access_at(struct gen *g, u32 ptr, s32 off, u8 size); /* gen_memory.c */
void move_packet(struct gen *g);	   /* gen_packets.c */
void callback_body(struct gen *g);	   /* gen_flow.c */

#endif
