/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_MAPS_X86_64_H
#define USERBPF_JIT_MAPS_X86_64_H
/* jit_maps_x86_64.h - lookups without a call, by the kind of map. */
#include "exec/jit_lookup_x86_64.h"

bool jit_may_look_up(const struct jit *j, const struct bpf_map *map);
void jit_look_up(struct jit *j, struct jit_lookup *l);

#endif
