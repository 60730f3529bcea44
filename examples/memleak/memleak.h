/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef MEMLEAK_H
#define MEMLEAK_H

/* The functions are told apart by their cookies. */
enum function { MALLOC, CALLOC, REALLOC, ALIGNED_ALLOC, MEMALIGN, POSIX_MEMALIGN, FREE, FUNCTIONS };

/* Memory that is in use; its address is the key. */
struct block {
	unsigned long long size, since; /* bytes; ns, of CLOCK_MONOTONIC */
	int stack, pad;			/* of the call; negative: not known */
};

#define FRAMES 32

#endif
