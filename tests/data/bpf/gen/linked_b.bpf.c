// SPDX-License-Identifier: BSD-2-Clause
/* linked_b.bpf.c - one half of an object made by `bpftool gen object`: both have a static function of the same name and type. */
#include "../lskel/core_types.h"

__u64 sum_b;

static __attribute__((noinline)) __u64 of_map(struct bpf_map *m)
{
	return m ? m->id + m->max_entries : 0;
}

SEC("iter/bpf_map")
int maps_b(struct bpf_iter__bpf_map *ctx)
{
	sum_b += of_map(ctx->map);
	return 0;
}

char LICENSE_b[] SEC("license") = "GPL";
