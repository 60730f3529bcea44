/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FUZZ_JIT_MAPS_H
#define FUZZ_JIT_MAPS_H
/* maps.h - the maps that programs look up in; nobody writes them. */
#include "prog.h"

extern const struct map_attr fuzz_maps[LOOKUP_MAPS];
/* All of them, filled; NULL: there is no memory for them. */
struct bpf_map **open_maps(void);

#endif
