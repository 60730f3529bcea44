// SPDX-License-Identifier: BSD-2-Clause
/* umulti.bpf.c - one program at many functions of a file: at those that match, at entry and return, sleepable, and where the caller says. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 hits[4], cookies[4];

static int count(void *ctx, int i)
{
	hits[i]++;
	cookies[i] += bpf_get_attach_cookie(ctx);
	return 0;
}

SEC("uprobe.multi//proc/self/exe:multi_*")
int enter(void *ctx)
{
	return count(ctx, 0);
}

SEC("uretprobe.multi//proc/self/exe:multi_one")
int leave(void *ctx)
{
	return count(ctx, 1);
}

SEC("uprobe.multi.s//proc/self/exe:multi_two")
int enter_sleeping(void *ctx)
{
	return count(ctx, 2);
}

SEC("uprobe.multi")
int enter_given(void *ctx)
{
	return count(ctx, 3);
}

char LICENSE[] SEC("license") = "GPL";
