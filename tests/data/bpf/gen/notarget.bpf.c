// SPDX-License-Identifier: BSD-2-Clause
/* notarget.bpf.c - a program whose target somebody is to name before the load. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("fentry")
int enter(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
