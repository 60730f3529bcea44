// SPDX-License-Identifier: BSD-2-Clause
/* dynptr.bpf.c - records of a size that is known only when the program runs. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8192);
} records SEC(".maps");

__u64 written;

SEC("tc")
int write(struct __sk_buff *skb)
{
	struct bpf_dynptr ptr;
	__u64 len = skb->len;

	if (bpf_ringbuf_reserve_dynptr(&records, 16 + (len & 127), 0, &ptr)) {
		bpf_ringbuf_discard_dynptr(&ptr, 0);
		return 0;
	}
	if (!bpf_dynptr_write(&ptr, 8, &len, sizeof(len), 0))
		written += len;
	bpf_ringbuf_submit_dynptr(&ptr, 0);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
