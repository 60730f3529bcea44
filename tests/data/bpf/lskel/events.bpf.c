// SPDX-License-Identifier: BSD-2-Clause
/* events.bpf.c - maps that depend on the machine: perf event array (as many entries as CPUs), stack traces. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 64);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, 20 * sizeof(__u64));
} stacks SEC(".maps");

SEC("raw_tp/sys_enter")
int sample(void *ctx)
{
	struct {
		__u64 time;
		__s64 stack;
	} e = {bpf_ktime_get_ns(), bpf_get_stackid(ctx, &stacks, 0)};

	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &e, sizeof(e));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
