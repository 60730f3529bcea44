// SPDX-License-Identifier: BSD-2-Clause
/* struct_ops.bpf.c - a table of functions whose layout is the kernel's. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct tcp_congestion_ops {
	void (*init)(void *sk);
	char name[16];
};

SEC("struct_ops/start")
void start(void *ctx)
{
}

SEC(".struct_ops")
struct tcp_congestion_ops ours = {.init = (void *)start, .name = "ours"};

char LICENSE[] SEC("license") = "GPL";
