// SPDX-License-Identifier: BSD-2-Clause
/* kfunc.bpf.c - functions of the kernel: the test points that 6.1 has in vmlinux. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct sock {
	int unused;
};
extern int bpf_kfunc_call_test2(struct sock *sk, __u32 a, __u32 b) __ksym;
extern void bpf_kfunc_call_test_mem_len_pass1(void *mem, int len) __ksym;
__u32 result;

SEC("tc")
int call(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	char buf[8] = {0};

	bpf_kfunc_call_test_mem_len_pass1(buf, sizeof(buf));
	if (!sk)
		return -1;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return -2;
	result = bpf_kfunc_call_test2((struct sock *)sk, 40, 2);
	return result;
}

char LICENSE[] SEC("license") = "GPL";
