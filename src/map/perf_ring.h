/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PERF_RING_H
#define USERBPF_PERF_RING_H
/*
 * perf_ring.h - buffers of perf events (perf_ring.c). A buffer's struct map_attr says:
 *   key_size    the CPU whose programs may write
 *   value_size  wakeup_events, or wakeup_watermark with PERF_RING_WATERMARK
 *   map_extra   sample_type, PERF_RING_WATERMARK
 */
#include "map/map.h"

#define MAP_TYPE_PERF_RING  64u /* no bpf_map_type */
#define PERF_RING_PAGES_MAX (1u << 14)
#define PERF_RING_WATERMARK (1ull << 63)
#define PERF_RING_FIELDS    4
/* What a record may say beside the program's data; RAW it must. */
#define PERF_RING_SAMPLES                                                         \
	(PERF_SAMPLE_RAW | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU | \
	 PERF_SAMPLE_PERIOD)

/* A record: two pieces one after the other. */
struct perf_raw {
	const void *data, *data2;
	u64 len, len2;
};

/* Somebody maps @len bytes from the beginning: 0, or mmap's errno. The first decides. */
int map_perf_ring_mapped(struct bpf_map *map, u64 len);
int map_perf_ring_control(struct bpf_map *map, bool enable);
/* -EOPNOTSUPP: another CPU's, or disabled; -ENOSPC: no room, or nobody mapped it. *wake: readers are to be woken. */
int map_perf_ring_write(struct bpf_map *map, u32 cpu, const struct perf_raw *raw, bool *wake);

#endif
