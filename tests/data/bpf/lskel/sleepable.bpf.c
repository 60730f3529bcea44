// SPDX-License-Identifier: BSD-2-Clause
/* sleepable.bpf.c - programs that may sleep. */
#include "core_types.h"

__u64 user_addr, user_value;
__u32 runs;

SEC("iter.s/bpf_map")
int peek(struct bpf_iter__bpf_map *ctx)
{
	runs++;
	if (user_addr)
		bpf_copy_from_user(&user_value, sizeof(user_value), (void *)(unsigned long)user_addr);
	return 0;
}

SEC("syscall")
int fetch(__u64 *ctx)
{
	return bpf_copy_from_user(&user_value, sizeof(user_value), (void *)(unsigned long)ctx[0]);
}

char LICENSE[] SEC("license") = "GPL";
