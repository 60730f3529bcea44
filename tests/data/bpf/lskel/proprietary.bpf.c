// SPDX-License-Identifier: BSD-2-Clause
/* proprietary.bpf.c - a licence that is not the GPL, a program without maps, a long name. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int a_function_name_longer_than_the_kernel_keeps(struct __sk_buff *skb)
{
	return skb->protocol ? 4 : 0;
}

char LICENSE[] SEC("license") = "Proprietary";
