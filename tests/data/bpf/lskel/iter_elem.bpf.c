// SPDX-License-Identifier: BSD-2-Clause
/* iter_elem.bpf.c - an iterator over the elements of one map, named when it is attached. */
#include "core_types.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} walked SEC(".maps");

__u64 sum;
__u32 elems;

SEC("iter/bpf_map_elem")
int walk(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 *key = ctx->key;
	__u64 *value = ctx->value;

	if (!key || !value)
		return 0;
	elems++;
	sum += *value + *key;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
