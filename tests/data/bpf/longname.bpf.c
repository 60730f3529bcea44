// SPDX-License-Identifier: BSD-2-Clause
/* longname.bpf.c - names beyond the 15 characters that fit bpf_prog_info. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int a_program_whose_name_is_longer_than_sixteen(struct __sk_buff *skb)
{
	return skb->len;
}

char LICENSE[] SEC("license") = "GPL";
