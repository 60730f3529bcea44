// SPDX-License-Identifier: BSD-2-Clause
/* ksym_addr.bpf.c - kernel symbols without a type: only their addresses count. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern const void bpf_map_lookup_elem_nowhere __ksym __weak;
extern const void bpf_get_smp_processor_id_nowhere __ksym __weak;
extern const void bpf_ktime_get_ns_proto __ksym __weak;
__u64 addrs[3];

SEC("raw_tp/sys_enter")
int look(void *ctx)
{
	addrs[0] = (__u64)&bpf_map_lookup_elem_nowhere;
	addrs[1] = (__u64)&bpf_get_smp_processor_id_nowhere;
	addrs[2] = (__u64)&bpf_ktime_get_ns_proto;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
