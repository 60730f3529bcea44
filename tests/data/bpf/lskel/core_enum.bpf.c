// SPDX-License-Identifier: BSD-2-Clause
/* core_enum.bpf.c - CO-RE: values of enumerators, as they are there. */
#include "core_types.h"

/* numbered otherwise than anywhere */
enum bpf_map_type___shuffled {
	BPF_MAP_TYPE_HASH___shuffled = 77,
	BPF_MAP_TYPE_RINGBUF___shuffled = 3,
	USERBPF_NO_SUCH_ENUMERATOR___shuffled = 5,
};

enum userbpf_no_such_enum {
	USERBPF_NOTHING = 1,
};

struct {
	__u32 hash, ringbuf, exists, missing, no_enum;
} out;

SEC("raw_tp/sys_enter")
int enums(void *ctx)
{
	out.hash = bpf_core_enum_value(enum bpf_map_type___shuffled, BPF_MAP_TYPE_HASH___shuffled);
	out.ringbuf = bpf_core_enum_value(enum bpf_map_type___shuffled, BPF_MAP_TYPE_RINGBUF___shuffled);
	out.exists = bpf_core_enum_value_exists(enum bpf_map_type___shuffled, BPF_MAP_TYPE_HASH___shuffled);
	out.missing = bpf_core_enum_value_exists(enum bpf_map_type___shuffled, USERBPF_NO_SUCH_ENUMERATOR___shuffled);
	out.no_enum = bpf_core_enum_value_exists(enum userbpf_no_such_enum, USERBPF_NOTHING);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
