/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_TEST_CORE_OURS_H
#define USERBPF_TEST_CORE_OURS_H
/* core_ours.h - our resolver for core_libbpf.c, whose libbpf headers have inlines of our names. */
#include <linux/bpf.h>

struct core_ours;

/* NULL: one of the two is no BTF; says why */
struct core_ours *core_ours_open(const void *local, unsigned int local_size, const void *target,
				 unsigned int target_size);
/* 0 or negative errno; *log is the text of all calls so far */
int core_ours_apply(struct core_ours *o, const struct bpf_core_relo *relo, unsigned int idx,
		    struct bpf_insn *insns, unsigned int len, const char **log);
void core_ours_close(struct core_ours *o);

#endif
