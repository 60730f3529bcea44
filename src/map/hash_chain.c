/* SPDX-License-Identifier: BSD-2-Clause */
/* hash_chain.c - what leaves a chain. */
#include "map/hash.h"

void hash_free_value(const struct bpf_map *map, u32 ref)
{
	const struct hash_geom *g = geom_of(map);

	if (map_value_special(map))
		map_value_free_fields(map, (char *)elem_at(g, ref) + g->value_off);
}

void hash_drop(const struct bpf_map *map, u32 *link, u32 ref)
{
	struct elem *e = elem_at(geom_of(map), ref);

	gen_bump(e);
	ref_store(link, ref_load(&e->next));
	hash_free_value(map, ref);
	hash_pool_push(map, ref);
}
