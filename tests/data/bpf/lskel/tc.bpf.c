// SPDX-License-Identifier: BSD-2-Clause
/* tc.bpf.c - traffic control: classifier and action. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

__u32 marks = 5;

SEC("tc")
int classify(struct __sk_buff *skb)
{
	skb->mark = marks++;
	return TC_ACT_OK;
}

SEC("classifier")
int classify_old(struct __sk_buff *skb)
{
	return skb->len > 60 ? TC_ACT_SHOT : TC_ACT_OK;
}

SEC("action")
int act(struct __sk_buff *skb)
{
	return bpf_skb_store_bytes(skb, 0, &marks, sizeof(marks), 0) ? TC_ACT_SHOT : TC_ACT_PIPE;
}

char LICENSE[] SEC("license") = "GPL";
