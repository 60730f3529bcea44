/* SPDX-License-Identifier: BSD-2-Clause */
/* core.bpf.c - CO-RE against whatever kernel types there are: fields that moved, fields that are
 * not there, sizes, enum values. Built by btf_core.sh. */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Another kernel's idea of these types: other order, other offsets, and fields nobody has. */
struct bpf_map___elsewhere {
	char unknown_to_all[72];
	int no_such_field;
	struct {
		__u32 id;
	} nested;
	__u32 max_entries;
	char name[16];
	__u32 id;
} __attribute__((preserve_access_index));

struct no_such_struct___x {
	int a;
} __attribute__((preserve_access_index));

__u32 seen, want_id, wrong;
__u32 max_entries_by_core, id_by_core, has_id, has_none, has_struct, has_no_struct, name_size,
	key_size_direct, off_id;
char name_by_core[16];

SEC("iter/bpf_map")
int look(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	struct bpf_map___elsewhere *other = (void *)map;

	if (!map || map->id != want_id)
		return 0;
	seen++;
	max_entries_by_core = BPF_CORE_READ(other, max_entries);
	id_by_core = BPF_CORE_READ(other, id);
	has_id = bpf_core_field_exists(other->id);
	has_none = bpf_core_field_exists(other->no_such_field);
	has_struct = bpf_core_type_exists(struct bpf_map);
	has_no_struct = bpf_core_type_exists(struct no_such_struct___x);
	name_size = bpf_core_field_size(other->name);
	off_id = bpf_core_field_offset(other->id) == __builtin_offsetof(struct bpf_map, id);
	key_size_direct = map->key_size;
	bpf_core_read_str(name_by_core, sizeof(name_by_core), &other->name);
	if (bpf_core_field_exists(other->no_such_field))
		wrong += BPF_CORE_READ(other, no_such_field); /* dead code: libbpf poisons it */
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
