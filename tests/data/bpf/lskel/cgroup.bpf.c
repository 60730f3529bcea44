// SPDX-License-Identifier: BSD-2-Clause
/* cgroup.bpf.c - programs of cgroups: their expected attach types travel with the load. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__u64 bytes;

SEC("cgroup_skb/egress")
int egress(struct __sk_buff *skb)
{
	bytes += skb->len;
	return 1;
}

SEC("cgroup_skb/ingress")
int ingress(struct __sk_buff *skb)
{
	return skb->len < 9000;
}

SEC("cgroup/sock_create")
int create(struct bpf_sock *sk)
{
	return sk->type != 3;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	return ctx->user_port != 0;
}

SEC("cgroup/dev")
int device(struct bpf_cgroup_dev_ctx *ctx)
{
	return ctx->major == 1;
}

SEC("cgroup/sysctl")
int sysctl(struct bpf_sysctl *ctx)
{
	return !ctx->write;
}

char LICENSE[] SEC("license") = "GPL";
