// SPDX-License-Identifier: BSD-2-Clause
/* tracing.bpf.c - attach targets by name in the kernel's BTF: functions and tracepoints. Needs a kernel that has them. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 entered, left, switched;

SEC("fentry/bpf_fentry_test1")
int on_entry(__u64 *ctx)
{
	entered += ctx[0];
	return 0;
}

SEC("fexit/bpf_fentry_test1")
int on_exit(__u64 *ctx)
{
	left += ctx[1];
	return 0;
}

SEC("tp_btf/sched_switch")
int on_switch(__u64 *ctx)
{
	switched++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
