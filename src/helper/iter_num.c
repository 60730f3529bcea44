/* SPDX-License-Identifier: BSD-2-Clause */
/* Compiled into the run side, and once more into vmlinux.btf. */
#include "helper/iter_num.h"

#define MAX_NUMBERS (8 << 20)

struct iter_num {
	int cur, end; /* cur: what was returned last */
};
_Static_assert(sizeof(struct iter_num) == sizeof(struct bpf_iter_num), "room on the stack");

int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end)
{
	struct iter_num *s = (struct iter_num *)it;
	s64 n = (s64)end - start;

	s->cur = s->end = 0;
	if (n < 0)
		return -EINVAL;
	if (n > MAX_NUMBERS)
		return -E2BIG;
	s->cur = (int)((u32)start - 1);
	s->end = end;
	return 0;
}

/* The first step may wrap: from INT_MIN - 1. */
int *bpf_iter_num_next(struct bpf_iter_num *it)
{
	struct iter_num *s = (struct iter_num *)it;
	s64 next = (s64)(int)((u32)s->cur + 1);

	if (next >= s->end) {
		s->cur = s->end = 0;
		return NULL;
	}
	s->cur = (int)next;
	return &s->cur;
}

void bpf_iter_num_destroy(struct bpf_iter_num *it)
{
	it->__opaque[0] = 0;
}
