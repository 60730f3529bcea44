// SPDX-License-Identifier: BSD-2-Clause
/* ksym_var.bpf.c - typed kernel variables, weak: what is not there is NULL. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct rq___small {
	int nothing;
};

extern const int bpf_prog_active __ksym __weak;
extern const struct rq___small userbpf_no_such_variable __ksym __weak;
__u32 found;

SEC("raw_tp/sys_enter")
int look(void *ctx)
{
	const int *active = &bpf_prog_active, *mine;

	found = 0;
	if (active) {
		mine = bpf_this_cpu_ptr(active);
		found |= 1 | (*mine < 0) << 8;
	}
	if (&userbpf_no_such_variable)
		found |= 2;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
