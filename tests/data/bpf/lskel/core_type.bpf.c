// SPDX-License-Identifier: BSD-2-Clause
/* core_type.bpf.c - CO-RE: types as such: there or not, how large, alike or not, their ids here and there. */
#include "core_types.h"

struct userbpf_no_such_struct {
	int a;
};

struct bpf_map___unlike {
	struct {
		int id;
	} max_entries;
};

struct bpf_iter_meta___alike {
	__u64 session_id;
};

typedef int (*userbpf_no_such_fn)(int);

struct {
	__u32 exists, missing, fwd, size, missing_size, local_id, target_id, missing_id;
	__u32 matches, unlike, fn, enum_exists, union_exists;
} out;

union userbpf_no_such_union {
	int a;
};

SEC("raw_tp/sys_enter")
int type(void *ctx)
{
	out.exists = bpf_core_type_exists(struct bpf_map);
	out.missing = bpf_core_type_exists(struct userbpf_no_such_struct);
	out.fwd = bpf_core_type_exists(struct seq_file);
	out.size = bpf_core_type_size(struct bpf_iter_meta);
	out.missing_size = bpf_core_type_size(struct userbpf_no_such_struct);
	out.local_id = bpf_core_type_id_local(struct bpf_prog);
	out.target_id = bpf_core_type_id_kernel(struct bpf_prog);
	out.missing_id = bpf_core_type_id_kernel(struct userbpf_no_such_struct);
	out.matches = bpf_core_type_matches(struct bpf_iter_meta___alike);
	out.unlike = bpf_core_type_matches(struct bpf_map___unlike);
	out.fn = bpf_core_type_exists(userbpf_no_such_fn);
	out.enum_exists = bpf_core_type_exists(enum bpf_map_type);
	out.union_exists = bpf_core_type_exists(union userbpf_no_such_union);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
