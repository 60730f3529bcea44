// SPDX-License-Identifier: BSD-2-Clause
/* profile.bpf.c - where the time goes: stacks of whoever runs, and how often each was seen. */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_helpers.h>
#include "profile.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, struct where);
	__type(value, __u64);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16384);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, FRAMES * sizeof(__u64));
} stacks SEC(".maps");

const volatile __u32 only; /* this process; 0: all */

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	struct where w = {.pid = bpf_get_current_pid_tgid() >> 32};
	__u64 *n, one = 1;

	if (!w.pid || (only && w.pid != only)) /* 0: the CPU is idle */
		return 0;
	w.user = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	w.kernel = bpf_get_stackid(ctx, &stacks, 0);
	bpf_get_current_comm(w.comm, sizeof(w.comm));
	n = bpf_map_lookup_elem(&samples, &w);
	if (n)
		__sync_fetch_and_add(n, 1);
	else
		bpf_map_update_elem(&samples, &w, &one, BPF_NOEXIST);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
