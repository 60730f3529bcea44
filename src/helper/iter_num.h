/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_ITER_NUM_H
#define USERBPF_ITER_NUM_H
/* iter_num.h - the iterator over numbers (Linux 6.4), by the kernel's names and prototypes. Run side. */
#include "base/base.h"

/* On the program's stack, which cannot look inside. */
struct bpf_iter_num {
	u64 __opaque[1];
} __attribute__((aligned(8)));

int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end);
int *bpf_iter_num_next(struct bpf_iter_num *it); /* the next of start .. end - 1, or NULL */
void bpf_iter_num_destroy(struct bpf_iter_num *it);

#endif
