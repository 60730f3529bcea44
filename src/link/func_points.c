/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * func_points.c - the functions of func_points.def. They compute something simple of their arguments,
 * so that whoever is attached can tell whether it saw the right ones; names, prototypes and results are
 * those of a kernel's test points.
 */
#include "link/func_types.h"

int bpf_fentry_test1(int a)
{
	return a + 1;
}

int bpf_fentry_test2(int a, u64 b)
{
	return (int)(a + b);
}

int bpf_fentry_test3(char a, int b, u64 c)
{
	return (int)(a + b + c);
}

int bpf_fentry_test4(void *a, char b, int c, u64 d)
{
	return (int)((uintptr_t)a + b + c + d);
}

int bpf_fentry_test5(u64 a, void *b, short c, int d, u64 e)
{
	return (int)(a + (uintptr_t)b + c + d + e);
}

int bpf_fentry_test6(u64 a, void *b, short c, int d, void *e, u64 f)
{
	return (int)(a + (uintptr_t)b + c + d + (uintptr_t)e + f);
}

int bpf_fentry_test7(struct bpf_fentry_test_t *arg)
{
	return (int)(uintptr_t)arg;
}

int bpf_fentry_test8(struct bpf_fentry_test_t *arg)
{
	return (int)(uintptr_t)arg->a;
}

int bpf_modify_return_test(int a, int *b)
{
	*b += 1;
	return a + *b;
}
