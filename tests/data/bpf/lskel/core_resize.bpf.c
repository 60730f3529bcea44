// SPDX-License-Identifier: BSD-2-Clause
/* core_resize.bpf.c - CO-RE: fields that are longer or shorter there; loads and stores change their size. */
#include "core_types.h"

/* the same fields, of other sizes than any kernel has them */
struct bpf_map___resized {
	__u64 max_entries;
	__u64 key_size;
	__u16 value_size;
	__u64 id;
} CORE;

struct bpf_iter_meta___resized {
	__u32 seq_num;
} CORE;

__u64 want_id, max_entries, key_size;
__u32 value_size, seq_num;

SEC("iter/bpf_map")
int resize(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map___resized *map = (void *)ctx->map;
	struct bpf_iter_meta___resized *meta = (void *)ctx->meta;

	if (!map || map->id != want_id)
		return 0;
	max_entries = map->max_entries;
	key_size = map->key_size;
	value_size = map->value_size;
	seq_num = meta->seq_num;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
