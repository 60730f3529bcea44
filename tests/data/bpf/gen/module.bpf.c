// SPDX-License-Identifier: BSD-2-Clause
/* module.bpf.c - functions of a kernel module (nf_conntrack): called, and as the target of a program. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct nf_conn {
	int unused;
};
struct bpf_ct_opts___local {
	__s32 netns_id;
	__s32 error;
	__u8 l4proto;
	__u8 dir;
	__u8 reserved[2];
};
extern struct nf_conn *bpf_skb_ct_lookup(struct __sk_buff *skb, struct bpf_sock_tuple *tuple, __u32 len,
					 struct bpf_ct_opts___local *opts, __u32 opts_len) __ksym;
extern void bpf_ct_release(struct nf_conn *ct) __ksym;
extern void userbpf_no_such_function(struct nf_conn *ct) __ksym __weak;

__u64 found, entered;

SEC("tc")
int look(struct __sk_buff *skb)
{
	struct bpf_ct_opts___local opts = {.netns_id = -1, .l4proto = 6};
	struct bpf_sock_tuple tuple = {};
	struct nf_conn *ct;

	ct = bpf_skb_ct_lookup(skb, &tuple, sizeof(tuple.ipv4), &opts, sizeof(opts));
	if (ct) {
		found++;
		bpf_ct_release(ct);
	}
	return 0;
}

SEC("fentry/nf_conntrack_in")
int enter(void *ctx)
{
	entered++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
