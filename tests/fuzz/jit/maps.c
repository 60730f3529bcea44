/* SPDX-License-Identifier: BSD-2-Clause */
/* maps.c - lookups in real maps: with keys from registers, from memory and known, of any value, and what programs do with the
 * answer. */
#include "base/slot.h"
#include "maps.h"

#define MAP(kind, key, value, n)                                                       \
	{                                                                              \
		.map_type = BPF_MAP_TYPE_##kind, .key_size = key, .value_size = value, \
		.max_entries = n, .seed = 0xabcdef01                                   \
	}

const struct map_attr fuzz_maps[LOOKUP_MAPS] = {
	MAP(ARRAY, 4, 8, 5),	   MAP(ARRAY, 4, 40, 16),      MAP(PERCPU_ARRAY, 4, 8, 7),
	MAP(HASH, 4, 8, 32),	   MAP(HASH, 8, 16, 20),       MAP(HASH, 16, 8, 16),
	MAP(PERCPU_HASH, 4, 8, 9), MAP(PERCPU_HASH, 8, 24, 8),
};

static int fill(struct bpf_map *map)
{
	u64 key[2] = {0}, value[8] = {0};
	int err = 0;

	for (u32 i = 0; !err && i < map->max_entries; i++) {
		key[0] = i;
		value[0] = 0x1234567ull * (i + 1);
		err = map->ops->update(map, key, value, BPF_ANY);
	}
	return err;
}

/* The slot is kept all along, so that per-CPU values stay the same. */
struct bpf_map **open_maps(void)
{
	static struct bpf_map maps[LOOKUP_MAPS], *list[LOOKUP_MAPS];

	slot_enter();
	for (u32 i = 0; i < LOOKUP_MAPS; i++) {
		struct map_attr attr = fuzz_maps[i];

		attr.nr_cpus = slot_possible_cpus();
		list[i] = &maps[i];
		if (map_open(&maps[i], &attr) || fill(&maps[i]))
			return NULL;
	}
	return list;
}

static void put_word(struct rng *r, struct prog *p, u8 size, s16 off)
{
	u32 reg = free_reg(r, p);
	s32 v = below(r, 3) ? (s32)below(r, 36) : (s32)number(r);

	switch (below(r, 4)) {
	case 0: put(p, BPF_ST_MEM(size, BPF_REG_10, off, v)); return;
	case 1:
		put(p,
		    BPF_INSN((below(r, 2) ? BPF_ALU64 : BPF_ALU) | BPF_MOV | BPF_K, reg, 0, 0, v));
		break;
	case 2: put(p, BPF_ALU64_IMM(BPF_AND, reg, 31)); break;
	case 3: break;
	}
	put(p, BPF_STX_MEM(size, BPF_REG_10, reg, off));
	if (!below(r, 4))
		put(p, BPF_ALU64_IMM(BPF_ADD, reg, 1));
}

/* Something between, that may or may not change the key. */
static void put_between(struct rng *r, struct prog *p, s16 off)
{
	u32 a = free_reg(r, p), b = free_reg(r, p);

	switch (below(r, 8)) {
	case 0:
		put(p,
		    BPF_ST_MEM(BPF_B, BPF_REG_10, (s16)(off + (s32)below(r, 8)), (s32)below(r, 8)));
		break;
	case 1: put(p, BPF_ALU64_REG(below(r, 2) ? BPF_DIV : BPF_MOD, a, b)); break;
	case 2:
		put(p, any_branch(r, p, 1));
		put(p, BPF_ALU64_IMM(BPF_ADD, a, 1));
		break;
	case 3:
		put(p, BPF_MOV64_REG(a, BPF_REG_10));
		put(p, BPF_ST_MEM(BPF_W, a, off, 2));
		put(p, BPF_MOV64_IMM(a, 3));
		break;
	case 4: put(p, BPF_ALU64_IMM(BPF_MUL, a, 77)); break;
	default: break;
	}
}

static void put_arguments(struct rng *r, struct prog *p, s32 off, u32 map)
{
	bool first = below(r, 2);

	for (u32 n = 0; n < 2; n++) {
		if (first == !n) {
			put(p, BPF_MOV64_REG(BPF_REG_2, BPF_REG_10));
			put(p, BPF_ALU64_IMM(BPF_ADD, BPF_REG_2, off));
		} else {
			put(p,
			    BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, (s32)map));
			put(p, BPF_INSN(0, 0, 0, 0, 0));
		}
		if (!below(r, 12))
			put(p, BPF_MOV64_REG(BPF_REG_3, BPF_REG_10));
	}
}

static void put_answer(struct rng *r, struct prog *p)
{
	switch (below(r, 4)) {
	case 0: break;
	case 1:
		put(p, BPF_JMP_IMM(BPF_JEQ, 0, 0, 1));
		put(p, BPF_LDX_MEM(BPF_DW, 0, 0, 0));
		return;
	case 2:
		put(p, BPF_JMP_IMM(BPF_JNE, 0, 0, 2));
		put(p, BPF_ALU64_IMM(BPF_ADD, 0, 5));
		put(p, BPF_JMP_A(1));
		put(p, BPF_LDX_MEM(BPF_DW, 0, 0, 0));
		return;
	case 3:
		put(p, BPF_JMP_IMM(BPF_JEQ, 0, 0, 2));
		put(p, BPF_LDX_MEM(BPF_W, 0, 0, 0));
		put(p, BPF_JMP_A(1));
		put(p, BPF_MOV64_IMM(0, 9));
		return;
	}
	/* whether there is one, where is the same for both */
	put(p, BPF_JMP_IMM(BPF_JEQ, 0, 0, 1));
	put(p, BPF_MOV64_IMM(0, 1));
}

void put_lookup(struct rng *r, struct prog *p)
{
	u32 map = below(r, LOOKUP_MAPS), size = fuzz_maps[map].key_size;
	s32 off = -8 * (s32)(2 + below(r, AT_STACK - 2));

	if (size == 16 && below(r, 4))
		put(p, BPF_ST_MEM(BPF_DW, BPF_REG_10, (s16)(off + 8), 0));
	put_word(r, p, size == 4 ? BPF_W : BPF_DW, (s16)off);
	put_between(r, p, (s16)off);
	put_arguments(r, p, off, map);
	put(p, BPF_EMIT_CALL(BPF_FUNC_map_lookup_elem));
	put_answer(r, p);
}
