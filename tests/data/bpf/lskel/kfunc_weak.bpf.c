// SPDX-License-Identifier: BSD-2-Clause
/* kfunc_weak.bpf.c - a weak function of the kernel that is not there: dead code, and the program loads. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int userbpf_no_such_kfunc(int a) __ksym __weak;
const volatile _Bool have_it = 0;
__u32 runs;

SEC("tc")
int maybe(struct __sk_buff *skb)
{
	runs++;
	return have_it ? userbpf_no_such_kfunc(skb->len) : 7;
}

char LICENSE[] SEC("license") = "GPL";
