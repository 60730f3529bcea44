/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_MAP_CASES_H
#define USERBPF_MAP_CASES_H
/* cases.h - what maps must answer: for our kinds (test_create, test_kinds), and through bpf(2) for
 * whoever serves it (test_kernel). */
#include <linux/bpf.h>
#include "base/base.h"

#define A  BPF_MAP_TYPE_ARRAY
#define H  BPF_MAP_TYPE_HASH
#define PA BPF_MAP_TYPE_PERCPU_ARRAY
#define PH BPF_MAP_TYPE_PERCPU_HASH
#define P  BPF_MAP_TYPE_PROG_ARRAY

static const struct create_case {
	u32 type, key, value, entries, flags;
	int want;
} create_cases[] = {
	{A, 4, 8, 1, 0, 0},
	{A, 4, 8, 1, BPF_F_MMAPABLE, 0},
	{A, 4, 8, 1, BPF_F_INNER_MAP, 0},
	{A, 4, 8, 1, BPF_F_NUMA_NODE, 0},
	{A, 4, 8, 1, BPF_F_RDONLY_PROG, 0},
	{A, 4, 8, 1, BPF_F_WRONLY_PROG, 0},
	{A, 4, 8, 1, BPF_F_RDONLY, 0},
	{A, 4, 8, 1, BPF_F_WRONLY, 0},
	{A, 4, 8, 1, BPF_F_RDONLY | BPF_F_WRONLY, -EINVAL},
	{A, 4, 8, 1, BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG, -EINVAL},
	{A, 4, 8, 1, BPF_F_NO_PREALLOC, -EINVAL},
	{A, 4, 8, 1, BPF_F_ZERO_SEED, -EINVAL},
	{A, 4, 8, 1, BPF_F_PRESERVE_ELEMS, -EINVAL},
	{A, 4, 8, 1, 1u << 30, -EINVAL},
	{A, 8, 8, 1, 0, -EINVAL},
	{A, 0, 8, 1, 0, -EINVAL},
	{A, 4, 0, 1, 0, -EINVAL},
	{A, 4, 8, 0, 0, -EINVAL},
	{A, 4, 0x7fffffff, 1, 0, 0},
	{A, 4, 0x80000000, 1, 0, -E2BIG},
	{PA, 4, 8, 1, 0, 0},
	{PA, 4, 8, 1, BPF_F_MMAPABLE, -EINVAL},
	{PA, 4, 8, 1, BPF_F_INNER_MAP, -EINVAL},
	{PA, 4, 8, 1, BPF_F_NUMA_NODE, -EINVAL},
	{PA, 4, 32768, 1, 0, 0},
	{PA, 4, 32769, 1, 0, -E2BIG},
	{PA, 8, 8, 1, 0, -EINVAL},
	{P, 4, 4, 1, 0, 0},
	{P, 4, 8, 1, 0, -EINVAL},
	{P, 8, 4, 1, 0, -EINVAL},
	{P, 4, 4, 0, 0, -EINVAL},
	{P, 4, 4, 1, BPF_F_RDONLY_PROG, -EINVAL},
	{P, 4, 4, 1, BPF_F_WRONLY_PROG, -EINVAL},
	{P, 4, 4, 1, BPF_F_MMAPABLE, -EINVAL},
	{P, 4, 4, 1, BPF_F_RDONLY, 0},
	{H, 4, 8, 1, 0, 0},
	{H, 1, 1, 1, BPF_F_NO_PREALLOC, 0},
	{H, 4, 8, 1, BPF_F_ZERO_SEED, 0},
	{H, 4, 8, 1, BPF_F_NUMA_NODE, 0},
	{H, 4, 8, 1, BPF_F_RDONLY_PROG, 0},
	{H, 4, 8, 1, BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG, -EINVAL},
	{H, 4, 8, 1, BPF_F_MMAPABLE, -EINVAL},
	{H, 4, 8, 1, BPF_F_INNER_MAP, -EINVAL},
	{H, 4, 8, 1, BPF_F_NO_COMMON_LRU, -EINVAL},
	{H, 0, 8, 1, 0, -EINVAL},
	{H, 4, 0, 1, 0, -EINVAL},
	{H, 4, 8, 0, 0, -EINVAL},
	{H, 4, (4u << 20) - 48 - 4, 1, 0, -E2BIG},
	{H, 4, (4u << 20) - 48 - 5, 1, 0, 0},
	{H, 0xfffffff0, 0xfffffff0, 1, 0, -E2BIG},
	{H, 4, 8, 0x80000001, BPF_F_NO_PREALLOC, -E2BIG},
	{H, 4, 8, 0x80000000, BPF_F_NO_PREALLOC, -E2BIG},
	{PH, 4, 8, 1, 0, 0},
	{PH, 4, 8, 1, BPF_F_NO_PREALLOC, 0},
	{PH, 4, 8, 1, BPF_F_NUMA_NODE, -EINVAL},
	{PH, 4, 32768, 1, 0, 0},
	{PH, 4, 32769, 1, 0, -E2BIG},
	{0, 4, 8, 1, 0, -EINVAL},
	{12345, 4, 8, 1, 0, -EINVAL},
	{0xffffffff, 4, 8, 1, 0, -EINVAL},
};

enum op { PUT, DEL, GET, NEXT, FIRST };

/* Scripts of operations on a map of u32 keys and u64 values; each step with what it must give. */
static const struct step {
	u32 type, entries;
	enum op op;
	u32 key;
	u64 value, flags; /* value: to write, or expected */
	int want;
} steps[] = {
	/* array: all elements exist, from the beginning, for ever */
	{A, 3, GET, 0, 0, 0, 0},
	{A, 3, PUT, 2, 7, BPF_ANY, 0},
	{A, 3, GET, 2, 7, 0, 0},
	{A, 3, PUT, 2, 8, BPF_EXIST, 0},
	{A, 3, PUT, 2, 9, BPF_NOEXIST, -EEXIST},
	{A, 3, PUT, 3, 9, BPF_ANY, -E2BIG},
	{A, 3, PUT, 3, 9, BPF_NOEXIST, -E2BIG},
	{A, 3, PUT, 2, 9, 3, -EINVAL},
	{A, 3, PUT, 9, 9, 1ull << 40, -EINVAL},
	{A, 3, PUT, 2, 9, BPF_F_LOCK, -EINVAL},
	{A, 3, GET, 3, 0, 0, -ENOENT},
	{A, 3, GET, 2, 8, 0, 0},
	{A, 3, DEL, 0, 0, 0, -EINVAL},
	{A, 3, DEL, 9, 0, 0, -EINVAL},
	{A, 3, FIRST, 0, 0, 0, 0},
	{A, 3, NEXT, 0, 1, 0, 0},
	{A, 3, NEXT, 1, 2, 0, 0},
	{A, 3, NEXT, 2, 0, 0, -ENOENT},
	{A, 3, NEXT, 3, 0, 0, 0},
	{A, 3, NEXT, 0xffffffff, 0, 0, 0},
	{PA, 2, GET, 1, 0, 0, 0},
	{PA, 2, PUT, 1, 7, BPF_ANY, 0},
	{PA, 2, GET, 1, 7, 0, 0},
	{PA, 2, PUT, 2, 7, BPF_ANY, -E2BIG},
	{PA, 2, PUT, 1, 7, BPF_NOEXIST, -EEXIST},
	{PA, 2, PUT, 1, 7, BPF_F_LOCK, -EINVAL},
	{PA, 2, PUT, 1, 7, 3, -EINVAL},
	{PA, 2, GET, 2, 0, 0, -ENOENT},
	{PA, 2, DEL, 1, 0, 0, -EINVAL},
	{PA, 2, NEXT, 0, 1, 0, 0},
	{PA, 2, NEXT, 1, 0, 0, -ENOENT},
	{H, 2, FIRST, 0, 0, 0, -ENOENT},
	{H, 2, GET, 5, 0, 0, -ENOENT},
	{H, 2, DEL, 5, 0, 0, -ENOENT},
	{H, 2, PUT, 5, 1, BPF_EXIST, -ENOENT},
	{H, 2, PUT, 5, 1, BPF_NOEXIST, 0},
	{H, 2, PUT, 5, 2, BPF_NOEXIST, -EEXIST},
	{H, 2, GET, 5, 1, 0, 0},
	{H, 2, FIRST, 0, 5, 0, 0},
	{H, 2, NEXT, 5, 0, 0, -ENOENT},
	{H, 2, NEXT, 77, 5, 0, 0}, /* unknown key: from the start */
	{H, 2, PUT, 6, 2, BPF_ANY, 0},
	{H, 2, PUT, 7, 3, BPF_ANY, -E2BIG},
	{H, 2, PUT, 7, 3, BPF_NOEXIST, -E2BIG},
	{H, 2, PUT, 7, 3, BPF_EXIST, -ENOENT},
	{H, 2, PUT, 6, 4, BPF_ANY, 0}, /* full, but it is there already */
	{H, 2, GET, 6, 4, 0, 0},
	{H, 2, PUT, 6, 4, 3, -EINVAL},
	{H, 2, PUT, 6, 4, BPF_F_LOCK, -EINVAL},
	{H, 2, PUT, 6, 4, 1ull << 32, -EINVAL},
	{H, 2, DEL, 5, 0, 0, 0},
	{H, 2, GET, 5, 0, 0, -ENOENT},
	{H, 2, DEL, 5, 0, 0, -ENOENT},
	{H, 2, PUT, 7, 3, BPF_ANY, 0},
	{PH, 2, PUT, 5, 1, BPF_EXIST, -ENOENT},
	{PH, 2, PUT, 5, 1, BPF_NOEXIST, 0},
	{PH, 2, PUT, 5, 1, BPF_NOEXIST, -EEXIST},
	{PH, 2, PUT, 5, 2, BPF_EXIST, 0},
	{PH, 2, GET, 5, 2, 0, 0},
	{PH, 2, PUT, 6, 2, BPF_ANY, 0},
	{PH, 2, PUT, 7, 2, BPF_ANY, -E2BIG},
	{PH, 2, PUT, 7, 2, BPF_F_LOCK, -EINVAL},
	{PH, 2, DEL, 5, 0, 0, 0},
	{PH, 2, DEL, 5, 0, 0, -ENOENT},
	{PH, 2, GET, 5, 0, 0, -ENOENT},
};

#endif
