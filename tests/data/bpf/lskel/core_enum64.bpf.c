// SPDX-License-Identifier: BSD-2-Clause
/* core_enum64.bpf.c - CO-RE: enumerators of 64 bits. */
#include "core_types.h"

enum perf_callchain_context___other {
	PERF_CONTEXT_KERNEL___other = 0x100000001ull,
	PERF_CONTEXT_MAX___other = 0x200000002ull,
	USERBPF_NO_SUCH_CONTEXT___other = 0x300000003ull,
};

__u64 kernel, max;
__u32 exists, missing;

SEC("raw_tp/sys_enter")
int enums64(void *ctx)
{
	kernel = bpf_core_enum_value(enum perf_callchain_context___other, PERF_CONTEXT_KERNEL___other);
	max = bpf_core_enum_value(enum perf_callchain_context___other, PERF_CONTEXT_MAX___other);
	exists = bpf_core_enum_value_exists(enum perf_callchain_context___other, PERF_CONTEXT_MAX___other);
	missing = bpf_core_enum_value_exists(enum perf_callchain_context___other, USERBPF_NO_SUCH_CONTEXT___other);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
