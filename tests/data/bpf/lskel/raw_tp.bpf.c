// SPDX-License-Identifier: BSD-2-Clause
/* raw_tp.bpf.c - raw tracepoints, by name. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 args[2], calls;

SEC("raw_tp/sys_enter")
int enter(struct bpf_raw_tracepoint_args *ctx)
{
	args[0] = ctx->args[0];
	args[1] = ctx->args[1];
	calls++;
	return 0;
}

SEC("raw_tracepoint/sys_exit")
int leave(struct bpf_raw_tracepoint_args *ctx)
{
	return ctx->args[1] ? 1 : 0;
}

char LICENSE[] SEC("license") = "GPL";
