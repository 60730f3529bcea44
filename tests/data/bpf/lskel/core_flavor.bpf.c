// SPDX-License-Identifier: BSD-2-Clause
/* core_flavor.bpf.c - CO-RE: flavours of one type, of which some do not fit; what cannot be relocated must be dead code. */
#include "core_types.h"

struct bpf_map___old {
	__u32 userbpf_old_name;
	struct {
		__u32 userbpf_deep;
	} userbpf_gone;
} CORE;

struct bpf_map___nosuch {
	__u32 max_entries;
	__u64 userbpf_never;
} CORE;

__u32 want_id, got, way;

SEC("iter/bpf_map")
int flavor(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	struct bpf_map___old *old = (void *)map;
	struct bpf_map___nosuch *no = (void *)map;

	if (!map || map->id != want_id)
		return 0;
	if (bpf_core_field_exists(old->userbpf_old_name)) {
		got = old->userbpf_old_name;
		way = 1;
	} else if (bpf_core_field_exists(no->userbpf_never)) {
		got = no->userbpf_never;
		way = 2;
	} else {
		got = no->max_entries;
		way = 3;
	}
	if (bpf_core_field_exists(old->userbpf_gone.userbpf_deep))
		got = BPF_CORE_READ(old, userbpf_gone.userbpf_deep);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
