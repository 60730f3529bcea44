// SPDX-License-Identifier: BSD-2-Clause
/* probes.bpf.c - kprobes, tracepoints, perf events, uprobes: where they attach is no business of the load. */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <bpf/bpf_helpers.h>

__u64 hits[5];

SEC("kprobe/do_nanosleep")
int on_kprobe(void *ctx)
{
	hits[0]++;
	return 0;
}

SEC("kretprobe/do_nanosleep")
int on_kretprobe(void *ctx)
{
	hits[1]++;
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getpid")
int on_tracepoint(void *ctx)
{
	hits[2]++;
	return 0;
}

SEC("perf_event")
int on_sample(struct bpf_perf_event_data *ctx)
{
	hits[3] += ctx->sample_period;
	return 0;
}

SEC("uprobe")
int on_uprobe(void *ctx)
{
	hits[4] += bpf_get_attach_cookie(ctx);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
