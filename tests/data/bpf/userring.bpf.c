// SPDX-License-Identifier: BSD-2-Clause
/* userring.bpf.c - a program that reads what user space wrote, and answers through a ring buffer. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct sample {
	__u64 number, twice;
};

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} in SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} out SEC(".maps");

struct {
	__u64 flags, stop_at, sum, seen, bad, nested;
	__s64 ret;
} volatile o;

static long on_nested(struct bpf_dynptr *d, void *ctx)
{
	return 1;
}

static long on_sample(struct bpf_dynptr *d, void *ctx)
{
	__u64 *calls = ctx;
	struct sample s = {}, *direct;

	*calls += 1;
	o.seen++;
	if (o.nested)
		o.nested = bpf_user_ringbuf_drain(&in, on_nested, NULL, 0);
	if (bpf_dynptr_read(&s, sizeof(s), d, 0, 0)) {
		o.bad++;
		return 0;
	}
	direct = bpf_dynptr_data(d, 0, sizeof(*direct));
	if (!direct || direct->number != s.number || s.twice != 2 * s.number)
		o.bad++;
	o.sum += s.number;
	bpf_ringbuf_output(&out, &s, sizeof(s), 0);
	return s.number == o.stop_at;
}

SEC("tc")
int drain(void *ctx)
{
	__u64 calls = 0;

	o.ret = bpf_user_ringbuf_drain(&in, on_sample, &calls, o.flags);
	return calls & 0xffff;
}

char _license[] SEC("license") = "GPL";
