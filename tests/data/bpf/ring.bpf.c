// SPDX-License-Identifier: BSD-2-Clause
/* ring.bpf.c - records for readers in other processes: from test runs and from an iterator. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct record {
	__u64 number, from;
	char text[48];
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8192);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} other SEC(".maps");

struct {
	__u64 flags, next, query_what, query_answer, discard;
} volatile o;

/* Reserve and submit. */
SEC("tc")
int reserve(void *ctx)
{
	struct record *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0), *second;

	if (!r)
		return 1;
	second = bpf_ringbuf_reserve(&other, sizeof(*second), 0);
	r->number = o.next++;
	r->from = 1;
	if (second) {
		second->from = 4;
		second->number = r->number;
		bpf_ringbuf_submit(second, o.flags);
	}
	if (o.discard)
		bpf_ringbuf_discard(r, o.flags);
	else
		bpf_ringbuf_submit(r, o.flags);
	return 0;
}

/* Output in one go. */
SEC("tc")
int output(void *ctx)
{
	struct record r = {.from = 2};

	r.number = o.next++;
	return -bpf_ringbuf_output(&ring, &r, sizeof(r), o.flags);
}

SEC("tc")
int query(void *ctx)
{
	o.query_answer = bpf_ringbuf_query(&ring, o.query_what);
	return 0;
}

/* A record per map that there is. */
SEC("iter/bpf_map")
int maps(void **ctx)
{
	struct record r = {.from = 3};

	if (!ctx[1])
		return 0;
	r.number = o.next++;
	bpf_ringbuf_output(&ring, &r, sizeof(r), o.flags);
	return 0;
}

char _license[] SEC("license") = "GPL";
