/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse_lookup.c - a lookup with what compilers write around it:
 *
 *	r2 = r10; r2 += -4; r1 = map; call bpf_map_lookup_elem; if r0 == 0 goto out
 *
 * The arguments end with the call, so without a call they need not be; who finds nothing goes where the question behind the
 * call would send it. What was stored as the key before, if that is plain to see, is taken from where it came from: a register,
 * or a number, whose place is then known, too.
 */
#include "exec/fuse.h"
#include "exec/jit_known.h"
#include "exec/jit_maps_x86_64.h"
#include "isa/insn.h"

#define MAX_STEPS 24 /* instructions looked back */

struct pattern {
	const struct bpf_map *map;
	s32 key; /* from R10 */
	u32 call, span;
	const struct bpf_insn *jump; /* or NULL */
};

static bool is_key(const struct bpf_insn *mov, const struct bpf_insn *add)
{
	return jit_is_alu64(mov, BPF_MOV | BPF_X) && !mov->off && mov->dst_reg == BPF_REG_2 &&
	       mov->src_reg == BPF_REG_10 && jit_is_alu64(add, BPF_ADD | BPF_K) &&
	       add->dst_reg == BPF_REG_2;
}

static bool is_lookup(const struct jit *j, const struct bpf_insn *in)
{
	return in->code == (BPF_JMP | BPF_CALL) && !in->src_reg &&
	       in->imm == BPF_FUNC_map_lookup_elem &&
	       j->helpers[BPF_FUNC_map_lookup_elem] == exec_helpers[BPF_FUNC_map_lookup_elem];
}

static bool is_question(const struct bpf_insn *in)
{
	u32 op = in->code & 0xf8;

	return BPF_CLASS(in->code) == BPF_JMP &&
	       (op == (BPF_JEQ | BPF_K) || op == (BPF_JNE | BPF_K)) && !in->dst_reg && !in->imm;
}

/* Both arguments, in any order. */
static bool pattern_at(const struct jit *j, u32 i, struct pattern *p)
{
	const struct bpf_insn *in = &j->img->insns[i];
	bool key = false;
	u32 at = i;

	p->map = NULL;
	for (u32 n = 0; n < 2; n++, at += 2, in = jit_ahead(j, at)) {
		if (!key && is_key(in, jit_ahead(j, at + 1))) {
			p->key = in[1].imm;
			key = true;
		} else if (!p->map && insn_is_ld_imm64(in) && in->dst_reg == BPF_REG_1) {
			p->map = jit_map_of(j, insn_imm64(in));
		} else {
			return false;
		}
	}
	if (!key || !p->map || !is_lookup(j, in) || !jit_may_look_up(j, p->map))
		return false;
	p->call = at;
	in = jit_ahead(j, at + 1);
	p->jump = is_question(in) ? in : NULL;
	p->span = at + 1 - i + (p->jump != NULL);
	return true;
}

u32 jit_match_lookup(struct jit *j, u32 i)
{
	struct pattern p;

	return pattern_at(j, i, &p) ? p.span : 0;
}

/* --- the key --- */

/* Changes nothing but its register, and leaves those alone that nobody reads any more. */
static bool is_plain(const struct bpf_insn *in)
{
	u32 mode = BPF_MODE(in->code), op = BPF_OP(in->code);

	switch (BPF_CLASS(in->code)) {
	case BPF_ALU:
	case BPF_ALU64: return op != BPF_DIV && op != BPF_MOD;
	case BPF_LD: return true;
	case BPF_LDX: return mode == BPF_MEM || mode == BPF_MEMSX;
	case BPF_ST:
	case BPF_STX: return mode == BPF_MEM && in->dst_reg == BPF_REG_10;
	}
	return jit_is_jump(in) && !jit_is_goto(in);
}

static bool is_store(const struct bpf_insn *in)
{
	return BPF_CLASS(in->code) == BPF_ST || BPF_CLASS(in->code) == BPF_STX;
}

static bool overlaps(const struct bpf_insn *store, s32 off, u32 size)
{
	s32 bytes = jit_bytes_of[JIT_SIZE_ROW(store->code)];

	return store->off < off + (s32)size && off < store->off + bytes;
}

/* The number that @reg is in front of instruction @k. */
static bool number_in(const struct jit *j, u32 k, u32 reg, u64 *v)
{
	for (u32 n = 0; n < MAX_STEPS && jit_step_back(j, &k); n++) {
		const struct bpf_insn *in = &j->img->insns[k];
		u32 class = BPF_CLASS(in->code);

		if ((class == BPF_ALU || class == BPF_ALU64) && in->dst_reg == reg &&
		    (in->code & 0xf8) == (BPF_MOV | BPF_K)) {
			*v = class == BPF_ALU ? (u32)in->imm : (u64)(s64)in->imm;
			return true;
		}
		if (!is_plain(in) || (!is_store(in) && !jit_is_jump(in) && in->dst_reg == reg))
			return false;
	}
	return false;
}

/* @store, at @k, wrote the key; since then the registers @written were. */
static void key_from(const struct jit *j, u32 k, u32 written, struct jit_key *key)
{
	const struct bpf_insn *store = &j->img->insns[k];

	if (BPF_CLASS(store->code) == BPF_ST) {
		key->kind = JIT_KEY_IS;
		key->value = (u64)(s64)store->imm;
	} else if (number_in(j, k, store->src_reg, &key->value)) {
		key->kind = JIT_KEY_IS;
	} else if (BPF_SIZE(store->code) == BPF_W && !(written >> store->src_reg & 1)) {
		key->kind = JIT_KEY_IN;
		key->reg = jit_hw[store->src_reg];
	}
}

/* In front of instruction @i: the last store to the key, if nothing in between can have been one. */
static struct jit_key find_key(const struct jit *j, u32 i, const struct pattern *p)
{
	struct jit_key key = {.kind = JIT_KEY_AT, .base = RBP, .off = p->key};
	u32 size = p->map->key_size, written = 0, k = i;

	for (u32 n = 0; n < MAX_STEPS && jit_step_back(j, &k); n++) {
		const struct bpf_insn *in = &j->img->insns[k];

		if (!is_plain(in))
			break;
		if (!is_store(in)) {
			written |= jit_is_jump(in) ? 0 : 1u << in->dst_reg;
		} else if (overlaps(in, p->key, size)) {
			if (in->off == p->key && jit_bytes_of[JIT_SIZE_ROW(in->code)] == size)
				key_from(j, k, written, &key);
			break;
		}
	}
	return key;
}

/* --- code --- */

/* if r0 != 0 goto: what was found goes on there, and who found nothing behind it. */
static void emit_found(struct jit *j, struct jit_lookup *l, u32 jump, u32 target)
{
	if (!l->always)
		jit_emit_jump(j, jump, target, -1);
	jit_land_lookup(j, l);
}

void jit_emit_lookup(struct jit *j, u32 i, u32 span)
{
	struct jit_lookup l = {.at = i, .absent = -1};
	struct pattern p;
	s64 target;

	pattern_at(j, i, &p);
	l.map = p.map;
	l.key = find_key(j, i, &p);
	target = p.jump ? jit_target(p.jump, p.call + 1) : -1;
	if (p.jump && BPF_OP(p.jump->code) == BPF_JNE) {
		l.ask = true;
		jit_look_up(j, &l);
		emit_found(j, &l, p.call + 1, (u32)target);
		return;
	}
	l.absent = target;
	jit_look_up(j, &l);
	if (l.always && p.jump)
		jit_emit_jump(j, i, (u32)target, -1);
	jit_land_lookup(j, &l);
}
