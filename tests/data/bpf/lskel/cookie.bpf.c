// SPDX-License-Identifier: BSD-2-Clause
/* cookie.bpf.c - one program for several places, told apart by what was given with the attachment. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 last;
__u32 hits;

SEC("uprobe")
int hit(void *ctx)
{
	last = bpf_get_attach_cookie(ctx);
	hits++;
	return 0;
}

SEC("uretprobe")
int leave(void *ctx)
{
	last = bpf_get_attach_cookie(ctx);
	hits++;
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getppid")
int called(void *ctx)
{
	last = bpf_get_attach_cookie(ctx);
	hits++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
