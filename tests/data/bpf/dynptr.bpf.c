/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that use dynptrs and check what they get: each returns 0, or the number of what went wrong. What they leave in `result` the
 * test reads. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define CHECK(n, ok)              \
	do {                      \
		if (!(ok))        \
			return n; \
	} while (0)
#define E2BIG  7
#define EINVAL 22

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, char[64]);
	__uint(max_entries, 1);
} result SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

SEC("tc")
int value(struct __sk_buff *skb)
{
	__u32 key = 0;
	char *v = bpf_map_lookup_elem(&result, &key);
	__u64 n = 0x6f6c6c6568, m = 0;
	struct bpf_dynptr d;
	char *at;

	CHECK(1, v);
	CHECK(2, bpf_dynptr_from_mem(v, 32, 1, &d) == -EINVAL);
	CHECK(3, bpf_dynptr_write(&d, 0, &n, 8, 0) == -EINVAL);
	CHECK(4, !bpf_dynptr_data(&d, 0, 1));
	CHECK(5, !bpf_dynptr_from_mem(v, 32, 0, &d));
	CHECK(6, !bpf_dynptr_write(&d, 24, &n, 8, 0));
	CHECK(7, bpf_dynptr_write(&d, 25, &n, 8, 0) == -E2BIG);
	CHECK(8, bpf_dynptr_write(&d, -1, &n, 8, 0) == -E2BIG);
	CHECK(9, bpf_dynptr_write(&d, 0, &n, 8, 1) == -EINVAL);
	CHECK(10, !bpf_dynptr_read(&m, 8, &d, 24, 0) && m == n);
	CHECK(11, bpf_dynptr_read(&m, 8, &d, 25, 0) == -E2BIG);
	CHECK(12, !bpf_dynptr_data(&d, 25, 8));
	at = bpf_dynptr_data(&d, 24, 8);
	CHECK(13, at && at[0] == 'h' && at == v + 24);
	at[5] = '!';
	return 0;
}

static long fill(__u32 i, struct bpf_dynptr *d)
{
	return bpf_dynptr_write(d, i, "abcdefgh", 1, 0) != 0;
}

SEC("tc")
int records(struct __sk_buff *skb)
{
	struct bpf_dynptr d;
	char c = 0;

	CHECK(1, bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) % 24 == 0);
	CHECK(2, bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) < 4000);
	/* more than the ring has room for, ever */
	CHECK(3, bpf_ringbuf_reserve_dynptr(&ring, 8192, 0, &d) == -EINVAL ||
			 (bpf_ringbuf_discard_dynptr(&d, 0), 0));
	CHECK(4, !bpf_dynptr_data(&d, 0, 1) || (bpf_ringbuf_discard_dynptr(&d, 0), 0));
	bpf_ringbuf_discard_dynptr(&d, 0);
	if (bpf_ringbuf_reserve_dynptr(&ring, skb->len / 4, 0, &d)) { /* 16, 24 with its header */
		bpf_ringbuf_discard_dynptr(&d, 0);
		return 5;
	}
	if (bpf_loop(100, fill, &d, 0) != 17 || bpf_dynptr_read(&c, 1, &d, 15, 0) || c != 'a') {
		bpf_ringbuf_discard_dynptr(&d, 0);
		return 6;
	}
	bpf_ringbuf_submit_dynptr(&d, 0);
	CHECK(7, bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) % 24 == 0);
	CHECK(8, bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
