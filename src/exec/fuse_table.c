/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse_table.c - many comparisons of one register.
 *
 * What compilers make of a switch: jumps that compare it with small constants and do nothing else, in a tree. Where
 * each value goes is found by walking it; numbers above all constants go one way, negative ones must go the
 * same. The other comparisons stay, since something else may jump there.
 */
#include "exec/fuse.h"
#include "exec/jit_parts_x86_64.h"
#include "isa/insn.h"

#define MIN_NODES 6
#define MAX_NODES 48
#define MAX_CONST 126
#define MAX_STEPS 64

struct tree {
	const struct bpf_insn *root;
	s32 most; /* the greatest constant */
	u32 nr;
	u32 nodes[MAX_NODES];
};

static bool is_node(const struct jit *j, u32 i, const struct bpf_insn *root)
{
	const struct bpf_insn *in = &j->img->insns[i];

	return jit_is_condition(in) && BPF_OP(in->code) != BPF_JSET && BPF_SRC(in->code) == BPF_K &&
	       BPF_CLASS(in->code) == BPF_CLASS(root->code) && in->dst_reg == root->dst_reg &&
	       in->imm >= 0 && in->imm <= MAX_CONST && !(j->flags[i] & JIT_SECOND);
}

static bool holds(const struct bpf_insn *in, u64 v)
{
	s64 s = (s64)v, k = in->imm;

	switch (BPF_OP(in->code)) {
	case BPF_JEQ: return s == k;
	case BPF_JNE: return s != k;
	case BPF_JGT: return v > (u64)k;
	case BPF_JGE: return v >= (u64)k;
	case BPF_JLT: return v < (u64)k;
	case BPF_JLE: return v <= (u64)k;
	case BPF_JSGT: return s > k;
	case BPF_JSGE: return s >= k;
	case BPF_JSLT: return s < k;
	}
	return s <= k;
}

/* Where the value @v leaves the tree; 0 when it walks too long. */
static u32 leaf_of(const struct jit *j, u32 i, const struct bpf_insn *root, u64 v)
{
	for (u32 steps = 0; steps < MAX_STEPS; steps++) {
		const struct bpf_insn *in = &j->img->insns[i];

		if (is_node(j, i, root))
			i = holds(in, v) ? (u32)jit_target(in, i) : i + 1;
		else if (jit_is_goto(in))
			i = (u32)jit_target(in, i);
		else
			return i;
	}
	return 0;
}

static void add_node(const struct jit *j, struct tree *t, u32 i)
{
	if (t->nr == MAX_NODES || !is_node(j, i, t->root))
		return;
	for (u32 n = 0; n < t->nr; n++)
		if (t->nodes[n] == i)
			return;
	t->nodes[t->nr++] = i;
	t->most = max(t->most, j->img->insns[i].imm);
}

static bool tree_at(const struct jit *j, u32 i, struct tree *t)
{
	t->root = &j->img->insns[i];
	t->nr = 0;
	t->most = 0;
	add_node(j, t, i);
	for (u32 n = 0; n < t->nr; n++) {
		u32 at = t->nodes[n];

		add_node(j, t, at + 1);
		add_node(j, t, (u32)jit_target(&j->img->insns[at], at));
	}
	return t->nr >= MIN_NODES;
}

/* The value @v goes to a place that others can come to, too; from here on. */
static bool lands(struct jit *j, u32 i, u64 v)
{
	u32 leaf = leaf_of(j, i, &j->img->insns[i], v);

	if (!leaf || (leaf <= i && !(j->flags[leaf] & JIT_LEADER)))
		return false;
	j->flags[leaf] |= JIT_LEADER;
	return true;
}

u32 jit_match_table(struct jit *j, u32 i)
{
	const struct bpf_insn *in = &j->img->insns[i];
	struct tree t;
	u32 above;

	if ((j->flags[i] & JIT_NODE) || !is_node(j, i, in) || !tree_at(j, i, &t))
		return 0;
	above = leaf_of(j, i, in, (u64)t.most + 1);
	if (above != leaf_of(j, i, in, ~0ull) || (u32)t.most > 16 * t.nr)
		return 0;
	for (s32 v = 0; v <= t.most + 1; v++)
		if (!lands(j, i, (u64)v))
			return 0;
	for (u32 n = 0; n < t.nr; n++)
		j->flags[t.nodes[n]] |= JIT_NODE;
	return 1;
}

/* cmp; ja; lea table; jmp *; table */
void jit_emit_table(struct jit *j, u32 i, u32 span)
{
	const struct bpf_insn *in = &j->img->insns[i];
	u32 w = BPF_CLASS(in->code) == BPF_JMP, reg = jit_hw[in->dst_reg];
	struct tree t;

	tree_at(j, i, &t);
	x86_alu_imm(j, w, 7, reg, t.most);
	jit_emit_jump(j, i, leaf_of(j, i, in, (u64)t.most + 1), CC_A);
	x86_mov(j, 0, TMP3, reg);
	x86_op(j, 1, 0x8d, TMP, 0); /* lea TMP, [rip + 4]: behind the jump */
	put8(j, 0x05 | (TMP & 7) << 3);
	put32(j, 4);
	x86_at(j, 0, 0xff, 4, &(struct x86_addr){TMP, TMP3, 3, 0}); /* jmp [TMP + TMP3 * 8] */
	for (s32 v = 0; v <= t.most; v++)
		put64(j, (u64)j->code + jit_place(j, leaf_of(j, i, in, (u64)v)));
}
