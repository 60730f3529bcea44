/* SPDX-License-Identifier: BSD-2-Clause */
/* jit_maps_x86_64.c - which kinds of maps have lookups without a call. */
#include "exec/jit_array_x86_64.h"
#include "exec/jit_hash_x86_64.h"
#include "exec/jit_maps_x86_64.h"

bool jit_may_look_up(const struct jit *j, const struct bpf_map *map)
{
	return jit_is_array(map) || jit_is_hash(j, map);
}

void jit_look_up(struct jit *j, struct jit_lookup *l)
{
	if (jit_is_array(l->map))
		jit_look_up_array(j, l);
	else
		jit_look_up_hash(j, l);
}
