/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BENCH_BPF_H
#define BENCH_BPF_H
/* bench.bpf.h - what the objects of `make bench` share. Each has one program, written to make verifying it long work of one kind. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* A value the verifier knows nothing of, and which the compiler cannot fold with another. */
static __always_inline __u32 unknown(void)
{
	return bpf_get_prandom_u32();
}

char LICENSE[] SEC("license") = "GPL";
#endif
