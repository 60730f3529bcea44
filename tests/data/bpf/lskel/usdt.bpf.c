// SPDX-License-Identifier: BSD-2-Clause
/* usdt.bpf.c - probes of programs (USDT) with arguments and a cookie: two at places that notes in a file tell. */
#define __TARGET_ARCH_x86
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

__u64 hits, sum, cookies, others;

SEC("usdt//proc/self/exe:test:probe")
int BPF_USDT(on_probe, long a, long b)
{
	hits++;
	sum += a + b;
	cookies += bpf_usdt_cookie(ctx);
	return 0;
}

SEC("usdt")
int BPF_USDT(on_other, long a)
{
	others += a;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
