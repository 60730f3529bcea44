/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_MAP_TEST_H
#define USERBPF_MAP_TEST_H
/* map_test.h - shared by the tests of src/map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/slot.h"
#include "map/map.h"
#include "map/heap.h"
#include "map/perf_ring.h"

#define NR_CPUS 4u

static inline struct map_attr attr_of(u32 type, u32 key, u32 value, u32 entries, u32 flags)
{
	return (struct map_attr){.map_type = type,
				 .key_size = key,
				 .value_size = value,
				 .max_entries = entries,
				 .map_flags = flags,
				 .nr_cpus = NR_CPUS,
				 .name = "test"};
}

static inline void open_map(struct bpf_map *map, u32 type, u32 key, u32 value, u32 entries,
			    u32 flags)
{
	struct map_attr a = attr_of(type, key, value, entries, flags);

	assert_int_equal(map_check_attr(&a), 0);
	assert_int_equal(map_open(map, &a), 0);
}

/* bpf(2) update of a u32 key and a u64 value, all slots alike. */
static inline int put(struct bpf_map *map, u32 key, u64 value, u64 flags)
{
	u64 values[NR_CPUS];

	for (u32 i = 0; i < NR_CPUS; i++)
		values[i] = value;
	return map_sys_update(map, &key, values, flags);
}

static inline int get(struct bpf_map *map, u32 key, u64 *value)
{
	u64 values[NR_CPUS] = {};
	int err = map_sys_lookup(map, &key, values, 0);

	*value = values[0];
	return err;
}

static inline int del(struct bpf_map *map, u32 key)
{
	return map_sys_delete(map, &key);
}

/* Number of keys GET_NEXT_KEY gives; stops at @max. */
static inline u32 count_keys(struct bpf_map *map, u32 max)
{
	u32 key, next, n = 0;
	int err = map_sys_next_key(map, NULL, &key);

	while (!err && n < max) {
		n++;
		err = map_sys_next_key(map, &key, &next);
		key = next;
	}
	return n;
}

#endif
