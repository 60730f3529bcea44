/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's test points (kfunc_test.h). Compiled into the run side, and once more into
 * vmlinux.btf. */
#include "helper/kfunc_test.h"
#include "map/kptr.h"

u64 bpf_kfunc_call_test1(struct sock *sk, u32 a, u64 b, u32 c, u64 d)
{
	return a + b + c + d;
}

int bpf_kfunc_call_test2(struct sock *sk, u32 a, u32 b)
{
	return (int)(a + b);
}

struct prog_test_ref_kfunc *bpf_kfunc_call_test_acquire(unsigned long *scalar_ptr)
{
	kptr_get(KPTR_TEST_REF);
	return &kptr_test_object;
}

struct sock *bpf_kfunc_call_test3(struct sock *sk)
{
	return sk;
}

/* @pp is a field of a map value: what is there is a number. */
struct prog_test_ref_kfunc *bpf_kfunc_call_test_kptr_get(struct prog_test_ref_kfunc **pp, int a,
							 int b)
{
	struct prog_test_ref_kfunc *p = kptr_load(pp, KPTR_TEST_REF);

	if (p)
		kptr_get(KPTR_TEST_REF);
	return p;
}

struct prog_test_member *bpf_kfunc_call_memb_acquire(void)
{
	return NULL;
}

void bpf_kfunc_call_test_release(struct prog_test_ref_kfunc *p)
{
	if (p == &kptr_test_object)
		kptr_put(KPTR_TEST_REF);
}

void bpf_kfunc_call_memb_release(struct prog_test_member *p) {}

void bpf_kfunc_call_memb1_release(struct prog_test_member1 *p) {}

/* The first members as memory. The verifier lets the program use @size bytes of it. */
static int *first_ints(struct prog_test_ref_kfunc *p, int size)
{
	return p == &kptr_test_object && size >= 0 && size <= (int)(2 * sizeof(int)) ? &p->a : NULL;
}

int *bpf_kfunc_call_test_get_rdwr_mem(struct prog_test_ref_kfunc *p, const int rdwr_buf_size)
{
	return first_ints(p, rdwr_buf_size);
}

int *bpf_kfunc_call_test_get_rdonly_mem(struct prog_test_ref_kfunc *p, const int rdonly_buf_size)
{
	return first_ints(p, rdonly_buf_size);
}

/* Functions that acquire must return a struct, and functions that release get one: no program
 * can call the next two. */
int *bpf_kfunc_call_test_acq_rdonly_mem(struct prog_test_ref_kfunc *p, const int rdonly_buf_size)
{
	return first_ints(p, rdonly_buf_size);
}

void bpf_kfunc_call_int_mem_release(int *p) {}

void bpf_kfunc_call_test_pass_ctx(struct __sk_buff *skb) {}

void bpf_kfunc_call_test_pass1(struct prog_test_pass1 *p) {}

void bpf_kfunc_call_test_pass2(struct prog_test_pass2 *p) {}

void bpf_kfunc_call_test_fail1(struct prog_test_fail1 *p) {}

void bpf_kfunc_call_test_fail2(struct prog_test_fail2 *p) {}

void bpf_kfunc_call_test_fail3(struct prog_test_fail3 *p) {}

void bpf_kfunc_call_test_mem_len_pass1(void *mem, int mem__sz) {}

void bpf_kfunc_call_test_mem_len_fail1(void *mem, int len) {}

void bpf_kfunc_call_test_mem_len_fail2(u64 *mem, int len) {}

void bpf_kfunc_call_test_ref(struct prog_test_ref_kfunc *p) {}

void bpf_kfunc_call_test_destructive(void) {}
