// SPDX-License-Identifier: BSD-2-Clause
/*
 * calltime.bpf.c - how long calls of functions take. One pair of programs for all functions: the cookie of an
 * attachment says which function it is about.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#include "calltime.h"

struct call {
	__u64 thread, function;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct call);
	__type(value, __u64);
} begun SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct histogram);
} histograms SEC(".maps");

SEC("uprobe")
int enter(struct pt_regs *ctx)
{
	struct call c = {bpf_get_current_pid_tgid(), bpf_get_attach_cookie(ctx)};
	__u64 now = bpf_ktime_get_ns();

	/* of a function that calls itself, the outermost call counts */
	bpf_map_update_elem(&begun, &c, &now, BPF_NOEXIST);
	return 0;
}

static __u32 log2_of(__u64 v)
{
	__u32 n = 0;

	for (int i = 5; i >= 0; i--) {
		if (v >> (1 << i)) {
			v >>= 1 << i;
			n += 1 << i;
		}
	}
	return n;
}

SEC("uretprobe")
int leave(struct pt_regs *ctx)
{
	struct call c = {bpf_get_current_pid_tgid(), bpf_get_attach_cookie(ctx)};
	__u64 *start = bpf_map_lookup_elem(&begun, &c), took;
	__u32 function = c.function, slot;
	struct histogram *h = bpf_map_lookup_elem(&histograms, &function);

	if (!start || !h)
		return 0;
	took = bpf_ktime_get_ns() - *start;
	bpf_map_delete_elem(&begun, &c);
	slot = log2_of(took);
	if (slot < SLOTS)
		__sync_fetch_and_add(&h->slot[slot], 1);
	__sync_fetch_and_add(&h->calls, 1);
	__sync_fetch_and_add(&h->ns, took);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
