// SPDX-License-Identifier: BSD-2-Clause
/* core_field.bpf.c - CO-RE: where a field is, how long, whether it is there, whether it is signed. */
#include "core_types.h"

__u32 want_id, seen;
struct {
	__u32 max_entries, key_size, off, size, name_size, exists, missing, is_signed;
} out;

struct bpf_map___missing {
	int userbpf_no_such_field;
} CORE;

SEC("iter/bpf_map")
int field(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	struct bpf_map___missing *m = (void *)map;

	if (!map || map->id != want_id)
		return 0;
	seen++;
	out.max_entries = map->max_entries;
	out.key_size = BPF_CORE_READ(map, key_size);
	out.off = bpf_core_field_offset(map->max_entries);
	out.size = bpf_core_field_size(map->map_type);
	out.name_size = bpf_core_field_size(map->name);
	out.exists = bpf_core_field_exists(map->value_size);
	out.missing = bpf_core_field_exists(m->userbpf_no_such_field);
	out.is_signed = __builtin_preserve_field_info(map->max_entries, BPF_FIELD_SIGNED);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
