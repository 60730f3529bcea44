/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_JIT_HASH_X86_64_H
#define USERBPF_JIT_HASH_X86_64_H
/* jit_hash_x86_64.h - lookups in hash maps: the first element of a chain without a call. */
#include "exec/jit_lookup_x86_64.h"

bool jit_is_hash(const struct jit *j, const struct bpf_map *map);
void jit_look_up_hash(struct jit *j, struct jit_lookup *l);

#endif
