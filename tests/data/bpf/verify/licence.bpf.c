/* SPDX-License-Identifier: BSD-2-Clause */
/* licence.bpf.c - refused for its licence; names as in refused.bpf.c */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket") int gpl(struct __sk_buff *skb)
{
	static const char text[] = "%d";

	return bpf_trace_printk(text, sizeof(text), 1);
}

SEC("socket") int verified(struct __sk_buff *skb)
{
	return skb->len;
}

char LICENSE[] SEC("license") = "Proprietary";
