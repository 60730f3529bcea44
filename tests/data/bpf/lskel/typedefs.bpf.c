/* SPDX-License-Identifier: BSD-2-Clause */
/* typedefs - as headers made of kernel BTF have them: names that libc has, too. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

typedef _Bool bool;
typedef long long __s64_alias;
typedef __s64_alias int64_t;
typedef unsigned long __kernel_size;
typedef __kernel_size size_t;

bool done;
_Bool plain;
size_t bytes;
struct {
	bool seen;
	__u8 kind;
	int64_t at;
} last;
const volatile bool enabled = 1;
int64_t total = 5;

SEC("xdp")
int count(struct xdp_md *ctx)
{
	if (!enabled)
		return XDP_PASS;
	bytes += ctx->data_end - ctx->data;
	total++;
	last.seen = done;
	last.at = total;
	done = plain = 1;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
