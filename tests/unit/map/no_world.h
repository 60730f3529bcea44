/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_NO_WORLD_H
#define USERBPF_NO_WORLD_H
/* no_world.h - owners of storage in tests of maps alone (no_world.c). */
#include "base/base.h"

extern u64 storage_end; /* owners from here on are no more */

#endif
