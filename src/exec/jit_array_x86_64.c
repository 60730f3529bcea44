/* SPDX-License-Identifier: BSD-2-Clause */
/* jit_array_x86_64.c - lookups in arrays (map.h, INDEXED). */
#include "exec/jit_array_x86_64.h"

static bool fits(u64 v)
{
	return v <= INT32_MAX;
}

bool jit_is_array(const struct bpf_map *map)
{
	return map->ops->indexed && map->key_size == 4 && map->elem_stride &&
	       fits(map->elem_stride) && fits(map->slot_stride);
}

/* rax = address of the first element, + @add */
static void emit_base(struct jit *j, const struct bpf_map *map, u64 add)
{
	x86_mov_imm(j, RAX, (u64)map->shm + map->value_off + add);
}

/* The key is known: so is the address, but for the slot. */
static void emit_constant(struct jit *j, struct jit_lookup *l)
{
	const struct bpf_map *map = l->map;
	u64 index = (u32)l->key.value;

	if (index >= map->max_entries) {
		x86_zero(j, RAX);
		l->always = true;
		return;
	}
	l->never = !map->slot_stride;
	if (map->slot_stride) {
		x86_zero(j, RAX);
		jit_emit_slot_offset(j, l, RDI, (u32)map->slot_stride);
	}
	emit_base(j, map, map->elem_stride * (index & map->index_mask));
	if (map->slot_stride)
		x86_rr(j, 1, 0x01, RDI, RAX);
}

static void emit_index(struct jit *j, const struct jit_key *key)
{
	if (key->kind == JIT_KEY_IN)
		x86_mov(j, 0, TMP, key->reg);
	else
		x86_mem(j, 0, 0x8b, TMP, key->base, key->off);
}

/* rax = the array + TMP elements */
static void emit_element(struct jit *j, const struct bpf_map *map)
{
	u32 stride = map->elem_stride, scale = stride == 8 ? 3 : 0;

	/* above the last element there is nothing but for hostile peers and speculation: max_entries was compared */
	if (!map->bypass_spec_v1)
		x86_alu_imm(j, 0, 4, TMP, (s32)map->index_mask);
	if (!scale)
		jit_emit_scale(j, TMP, stride);
	emit_base(j, map, 0);
	x86_at(j, 1, 0x8d, RAX, &(struct x86_addr){RAX, TMP, (u8)scale, 0}); /* lea */
}

static void emit_indexed(struct jit *j, struct jit_lookup *l)
{
	const struct bpf_map *map = l->map;

	emit_index(j, &l->key);
	x86_zero(j, RAX);
	x86_alu_imm(j, 0, 7, TMP, (s32)map->max_entries);
	jit_lookup_leave(j, l, CC_AE);
	if (map->slot_stride)
		jit_emit_slot_offset(j, l, RDI, (u32)map->slot_stride);
	emit_element(j, map);
	if (map->slot_stride)
		x86_rr(j, 1, 0x01, RDI, RAX);
}

void jit_look_up_array(struct jit *j, struct jit_lookup *l)
{
	if (l->key.kind == JIT_KEY_IS)
		emit_constant(j, l);
	else
		emit_indexed(j, l);
}
