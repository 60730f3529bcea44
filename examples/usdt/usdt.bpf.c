// SPDX-License-Identifier: BSD-2-Clause
/*
 * usdt.bpf.c - hits of USDT probes with their arguments. One program for all probes: the cookie is the probe's number
 * on the command line.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>
#include "usdt.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct place);
} places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

static void lose(void)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&lost, &zero);

	if (n)
		__sync_fetch_and_add(n, 1);
}

SEC("usdt")
int probe(struct pt_regs *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 key = bpf_usdt_cookie(ctx);
	struct place *place = bpf_map_lookup_elem(&places, &key);
	struct hit *h = place ? bpf_ringbuf_reserve(&hits, sizeof(*h), 0) : NULL;

	if (!h) {
		lose();
		return 0;
	}
	h->ns = bpf_ktime_get_ns();
	h->place = key;
	h->pid = id >> 32;
	h->tid = (__u32)id;
	h->nr_args = bpf_usdt_arg_cnt(ctx);
	bpf_get_current_comm(h->comm, sizeof(h->comm));
#pragma unroll
	for (int i = 0; i < ARGS; i++) {
		long v = 0;

		bpf_usdt_arg(ctx, i, &v);
		h->value[i] = v;
		h->text[i][0] = '\0';
		if (place->format[i] == 's')
			bpf_probe_read_user_str(h->text[i], TEXT, (void *)v);
	}
	bpf_ringbuf_submit(h, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
