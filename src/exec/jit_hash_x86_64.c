/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit_hash_x86_64.c - lookups in hash maps (map/chains.h): what the likely home or the first element of the chain
 * answers, in place; the helper for all else: others in the bucket, an element that somebody changes, lookups that are counted.
 *
 * rsi is left alone, since the key may be behind it; rcx has the hash, r8 a short key, r9 where the bucket is, rdx the
 * reference, rdi the element, TMP its gen.
 */
#include <stddef.h>
#include "exec/jit_hash_x86_64.h"
#include "map/chains.h"

#define MAX_SLOW 6

struct hash {
	struct map_chains c;
	u32 nr_slow;
	u8 *slow[MAX_SLOW];
};

static bool fits(u64 v)
{
	return v <= INT32_MAX;
}

bool jit_is_hash(const struct jit *j, const struct bpf_map *map)
{
	struct map_chains c;

	return map_chains(map, &c) && fits(c.elem_size) && fits(c.pcpu_stride) &&
	       fits(map->elem_stride) &&
	       j->helpers[BPF_FUNC_map_lookup_elem] == exec_helpers[BPF_FUNC_map_lookup_elem];
}

static void slow_if(struct jit *j, struct hash *h, u32 cc)
{
	h->slow[h->nr_slow++] = x86_skip_far(j, (int)cc);
}

static void emit_shift(struct jit *j, u32 reg, u32 count)
{
	x86_rr(j, 1, 0xc1, 5, reg); /* shr */
	put8(j, count);
}

/* to = from turned right */
static void emit_rotate(struct jit *j, u32 to, u32 from, u32 right)
{
	if (j->features & HAS_BMI2) {
		x86_rorx(j, 1, to, from, right);
		return;
	}
	x86_mov(j, 1, to, from);
	x86_rr(j, 1, 0xc1, 1, to); /* ror */
	put8(j, right);
}

/* rcx ^= rcx >> @count, through rdx */
static void emit_fold(struct jit *j, u32 count)
{
	x86_mov(j, 1, RDX, RCX);
	emit_shift(j, RDX, count);
	x86_rr(j, 1, 0x31, RDX, RCX);
}

static void emit_mix(struct jit *j, u64 flip, u32 size)
{
	x86_mov_imm(j, TMP, flip);
	x86_rr(j, 1, 0x31, TMP, RCX);
	emit_rotate(j, RDX, RCX, 64 - 49);
	emit_rotate(j, R9, RCX, 64 - 24);
	x86_rr(j, 1, 0x31, RDX, RCX);
	x86_rr(j, 1, 0x31, R9, RCX);
	x86_mov_imm(j, TMP, CHAIN_PRIME_MIX);
	x86_rr(j, 1, 0x0faf, RCX, TMP);
	x86_mov(j, 1, RDX, RCX);
	emit_shift(j, RDX, 35);
	x86_alu_imm(j, 1, 0, RDX, (s32)size);
	x86_rr(j, 1, 0x31, RDX, RCX);
	x86_rr(j, 1, 0x0faf, RCX, TMP);
	emit_fold(j, 28);
}

static void emit_mix_long(struct jit *j, const struct jit_key *key, const u64 *flip)
{
	x86_mov_imm(j, RDI, flip[0]);
	x86_mem(j, 1, 0x33, RDI, key->base, key->off); /* xor */
	x86_mov_imm(j, R9, flip[1]);
	x86_mem(j, 1, 0x33, R9, key->base, key->off + 8);
	x86_mov(j, 1, RAX, RDI);
	x86_rr(j, 1, 0xf7, 4, R9); /* mul: rdx, rax */
	x86_mov(j, 1, RCX, RDX);
	x86_rr(j, 1, 0x31, RAX, RCX);
	x86_rr(j, 1, 0x01, R9, RCX);
	x86_op(j, 1, 0x0fc8 | RDI, 0, RDI); /* bswap */
	x86_at(j, 1, 0x8d, RCX, &(struct x86_addr){RCX, RDI, 0, 16});
	emit_fold(j, 37);
	x86_mov_imm(j, TMP, CHAIN_PRIME_LONG);
	x86_rr(j, 1, 0x0faf, RCX, TMP);
	emit_fold(j, 32);
}

/* r8 = a key of at most 8 bytes */
static void emit_key(struct jit *j, const struct jit_lookup *l)
{
	const struct jit_key *key = &l->key;
	u32 w = l->map->key_size == 8;

	if (key->kind == JIT_KEY_IS)
		x86_mov_imm(j, R8, w ? key->value : (u32)key->value);
	else if (key->kind == JIT_KEY_IN)
		x86_mov(j, w, R8, key->reg);
	else
		x86_mem(j, w, 0x8b, R8, key->base, key->off);
}

/* r9 = where the bucket is, rcx = the hash */
static void emit_bucket(struct jit *j, const struct jit_lookup *l, const struct hash *h)
{
	u32 size = l->map->key_size;

	if (l->key.kind == JIT_KEY_IS) {
		u32 hash = map_chains_hash(l->map, &l->key.value);

		x86_mov_imm(j, RCX, hash);
		x86_mov_imm(j, R9,
			    (u64)h->c.buckets +
				    ((u64)(hash & h->c.bucket_mask) << h->c.bucket_shift));
		return;
	}
	if (size == 16) {
		emit_mix_long(j, &l->key, h->c.flip);
	} else if (size == 8) {
		emit_rotate(j, RCX, R8, 32);
		emit_mix(j, h->c.flip[0], size);
	} else {
		x86_mov(j, 1, RCX, R8);
		x86_rr(j, 1, 0xc1, 4, RCX); /* shl */
		put8(j, 32);
		x86_rr(j, 1, 0x09, R8, RCX);
		emit_mix(j, h->c.flip[0], size);
	}
	x86_mov(j, 0, RDX, RCX);
	x86_alu_imm(j, 0, 4, RDX, (s32)h->c.bucket_mask);
	jit_emit_scale(j, RDX, 1u << h->c.bucket_shift);
	x86_mov_imm(j, R9, (u64)h->c.buckets);
	x86_rr(j, 1, 0x01, RDX, R9);
}

static void emit_same_key(struct jit *j, struct jit_lookup *l, struct hash *h)
{
	u32 size = l->map->key_size;

	for (u32 at = 0; at < size; at += 8) {
		if (size == 16)
			x86_mem(j, 1, 0x8b, R8, l->key.base, l->key.off + (s32)at);
		x86_mem(j, size > 4, 0x39, R8, RDI, CHAIN_KEY + (s32)at); /* cmp */
		slow_if(j, h, CC_NE);
	}
}

/* rdi, whose gen is in TMP, is the element and still was when its key was read. */
static void emit_same(struct jit *j, struct jit_lookup *l, struct hash *h)
{
	x86_mem(j, 0, 0x39, RCX, RDI, CHAIN_HASH); /* cmp */
	slow_if(j, h, CC_NE);
	emit_same_key(j, l, h);
	x86_mem(j, 0, 0x39, TMP, RDI, CHAIN_GEN);
	slow_if(j, h, CC_NE);
}

static void emit_home(struct jit *j, struct jit_lookup *l, struct hash *h)
{
	if (h->c.homes == 2) {
		x86_mem(j, 1, 0x8d, RDI, R9, (s32)h->c.elem_size); /* lea */
		x86_mem(j, 0, 0x39, RCX, RDI, CHAIN_HASH);
		x86_rr(j, 1, 0x0f40 | CC_NE, RDI, R9); /* cmov */
	} else {
		x86_mov(j, 1, RDI, R9);
	}
	x86_mem(j, 0, 0x8b, TMP, RDI, CHAIN_GEN);
	x86_rr(j, 0, 0xf7, 0, TMP); /* test */
	put32(j, 1);
	slow_if(j, h, CC_E);
	emit_same(j, l, h);
	x86_mem(j, 1, 0x8d, RAX, RDI, (s32)h->c.value_off);
}

/* The first element: in rdi, its index in rdx. */
static void emit_first(struct jit *j, struct jit_lookup *l, struct hash *h)
{
	x86_mem(j, 0, 0x8b, RDX, R9, 0);
	x86_mem(j, 0, 0x8d, RDI, RDX, -1); /* lea */
	x86_zero(j, RAX);
	x86_alu_imm(j, 0, 7, RDI, (s32)h->c.nr_elems);
	jit_lookup_leave(j, l, CC_AE);
	jit_emit_scale(j, RDI, h->c.elem_size);
	x86_mov_imm(j, TMP, (u64)h->c.elems);
	x86_rr(j, 1, 0x01, TMP, RDI);
	x86_mem(j, 0, 0x8b, TMP, RDI, CHAIN_GEN);
	x86_mem(j, 0, 0x39, RDX, R9, 0); /* cmp: the chain still begins there */
	slow_if(j, h, CC_NE);
	emit_same(j, l, h);
}

/* rax = its value */
static void emit_value(struct jit *j, struct jit_lookup *l, const struct hash *h)
{
	if (!h->c.pcpu) {
		x86_mem(j, 1, 0x8d, RAX, RDI, (s32)h->c.value_off);
		return;
	}
	x86_mem(j, 0, 0x8d, RDX, RDX, -1); /* lea */
	jit_emit_slot_offset(j, l, RDI, (u32)h->c.pcpu_stride);
	jit_emit_scale(j, RDX, l->map->elem_stride);
	x86_mov_imm(j, RAX, (u64)h->c.pcpu);
	x86_rr(j, 1, 0x01, RDX, RAX);
	x86_rr(j, 1, 0x01, RDI, RAX);
}

static void emit_helper(struct jit *j, struct jit_lookup *l)
{
	if (l->key.base != RSI || l->key.off)
		x86_mem(j, 1, 0x8d, RSI, l->key.base, l->key.off);
	x86_mov_imm(j, RDI, (u64)l->map);
	jit_emit_helper(j, exec_helpers[BPF_FUNC_map_lookup_elem]);
	if (l->absent < 0 && !l->ask)
		return;
	x86_rr(j, 1, 0x85, RAX, RAX);
	jit_lookup_leave(j, l, CC_E);
}

void jit_look_up_hash(struct jit *j, struct jit_lookup *l)
{
	struct hash h = {0};
	u8 *done;

	map_chains(l->map, &h.c);
	x86_mov_imm(j, TMP, (u64)&l->map->shm->counting);
	x86_mem(j, 0, 0x83, 7, TMP, 0); /* cmp */
	put8(j, 0);
	slow_if(j, &h, CC_NE);
	if (l->map->key_size < 16)
		emit_key(j, l);
	emit_bucket(j, l, &h);
	if (h.c.homes) {
		emit_home(j, l, &h);
	} else {
		emit_first(j, l, &h);
		emit_value(j, l, &h);
	}
	done = X86_SKIP(j);
	for (u32 i = 0; i < h.nr_slow; i++)
		x86_land_far(j, h.slow[i]);
	emit_helper(j, l);
	x86_land(j, done);
}
