// SPDX-License-Identifier: BSD-2-Clause
/* ksym_addr.bpf.c - kernel symbols without a type: only their addresses count. One is there, two are not. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern const void __bpf_call_base __ksym;
extern const void userbpf_no_such_symbol __ksym __weak;
extern const void userbpf_no_such_other __ksym __weak;
__u64 addrs[3];

SEC("raw_tp/sys_enter")
int look(void *ctx)
{
	addrs[0] = (__u64)&__bpf_call_base;
	addrs[1] = (__u64)&userbpf_no_such_symbol;
	addrs[2] = (__u64)&userbpf_no_such_other;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
