// SPDX-License-Identifier: BSD-2-Clause
/*
 * memleak.bpf.c - what malloc() and its kin gave out and nobody gave back. One program for all entries and one for all
 * returns: the cookie says which function it was. The stack is taken at the return, where the thread is in
 * the caller again; so the first frame is the caller whether or not the allocator keeps frame pointers.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "memleak.h"

struct call {
	__u64 thread, function;
};

struct asked {
	__u64 size, old,
		where; /* old: what realloc() is given; where: posix_memalign()'s result goes */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct call);
	__type(value, struct asked);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 20);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct block);
} blocks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16384);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, FRAMES * sizeof(__u64));
} stacks SEC(".maps");

SEC("uprobe")
int enter(struct pt_regs *ctx)
{
	struct call c = {bpf_get_current_pid_tgid(), bpf_get_attach_cookie(ctx)};
	__u64 a = PT_REGS_PARM1(ctx), b = PT_REGS_PARM2(ctx);
	struct asked asked = {};

	switch (c.function) {
	case MALLOC: asked.size = a; break;
	case CALLOC: asked.size = a * b; break;
	case REALLOC:
		asked.old = a;
		asked.size = b;
		break;
	case ALIGNED_ALLOC:
	case MEMALIGN: asked.size = b; break;
	case POSIX_MEMALIGN:
		asked.where = a;
		asked.size = PT_REGS_PARM3(ctx);
		break;
	case FREE: bpf_map_delete_elem(&blocks, &a);
	default: return 0;
	}
	bpf_map_update_elem(&calls, &c, &asked, BPF_ANY);
	return 0;
}

SEC("uretprobe")
int leave(struct pt_regs *ctx)
{
	struct call c = {bpf_get_current_pid_tgid(), bpf_get_attach_cookie(ctx)};
	struct asked *asked = bpf_map_lookup_elem(&calls, &c);
	__u64 got = PT_REGS_RC(ctx);
	struct block block = {};

	if (!asked)
		return 0;
	if (c.function == POSIX_MEMALIGN) { /* returns 0, or an error */
		if (got || bpf_probe_read_user(&got, sizeof(got), (void *)asked->where))
			got = 0;
	}
	/* realloc() that fails leaves the old block, of 0 bytes it is free() */
	if (asked->old && (got || !asked->size))
		bpf_map_delete_elem(&blocks, &asked->old);
	if (got) {
		block.size = asked->size;
		block.since = bpf_ktime_get_ns();
		block.stack = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
		bpf_map_update_elem(&blocks, &got, &block, BPF_ANY);
	}
	bpf_map_delete_elem(&calls, &c);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
