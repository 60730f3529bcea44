// SPDX-License-Identifier: BSD-2-Clause
/* core_chain.bpf.c - CO-RE: arrays inside structs, nested anonymous ones, chains of pointers, strings. */
#include "core_types.h"

struct btf_type {
	__u32 name_off;
	__u32 info;
	union {
		__u32 size;
		__u32 type;
	};
} CORE;

struct btf {
	struct btf_type **types;
	__u32 nr_types;
	char name[60];
} CORE;

struct bpf_map___btf {
	struct btf *btf;
	char name[4];
} CORE;

__u32 want_id, nr_types, third_name, type_off;
char name[16], letter;

SEC("iter/bpf_map")
int chain(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	struct bpf_map___btf *b = (void *)map;

	if (!map || map->id != want_id)
		return 0;
	letter = map->name[2];
	bpf_core_read_str(name, sizeof(name), &map->name);
	nr_types = BPF_CORE_READ(b, btf, nr_types);
	type_off = bpf_core_field_offset(struct btf_type, type);
	third_name = BPF_CORE_READ_STR_INTO(&name, b, btf, name) < 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
