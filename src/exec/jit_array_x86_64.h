/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_ARRAY_X86_64_H
#define USERBPF_JIT_ARRAY_X86_64_H
/* jit_array_x86_64.h - lookups in arrays: an address. */
#include "exec/jit_lookup_x86_64.h"

bool jit_is_array(const struct bpf_map *map);
void jit_look_up_array(struct jit *j, struct jit_lookup *l);

#endif
