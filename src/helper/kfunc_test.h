/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_KFUNC_TEST_H
#define USERBPF_KFUNC_TEST_H
/*
 * kfunc_test.h - the functions with which Linux tests calls of its functions, by the kernel's names
 * and prototypes. They stand for every kind of argument and result, and do next to nothing.
 */
#include "base/base.h"
#include "map/kptr_test.h"

struct sock;
struct __sk_buff;

struct prog_test_pass1 {
	int x0;
	struct {
		int x1;
		struct {
			int x2;
			struct {
				int x3;
			};
		};
	};
};

struct prog_test_pass2 {
	int len;
	short arr1[4];
	struct {
		char arr2[4];
		unsigned long arr3[8];
	} x;
};

struct prog_test_fail1 {
	void *p;
	int x;
};

struct prog_test_fail2 {
	int x8;
	struct prog_test_pass1 x;
};

struct prog_test_fail3 {
	int len;
	char arr1[2];
	char arr2[];
};

u64 bpf_kfunc_call_test1(struct sock *sk, u32 a, u64 b, u32 c, u64 d);
int bpf_kfunc_call_test2(struct sock *sk, u32 a, u32 b);
struct sock *bpf_kfunc_call_test3(struct sock *sk);
struct prog_test_ref_kfunc *bpf_kfunc_call_test_kptr_get(struct prog_test_ref_kfunc **pp, int a, int b);
struct prog_test_ref_kfunc *bpf_kfunc_call_test_acquire(unsigned long *scalar_ptr);
struct prog_test_member *bpf_kfunc_call_memb_acquire(void);
void bpf_kfunc_call_test_release(struct prog_test_ref_kfunc *p);
void bpf_kfunc_call_memb_release(struct prog_test_member *p);
void bpf_kfunc_call_memb1_release(struct prog_test_member1 *p);
int *bpf_kfunc_call_test_get_rdwr_mem(struct prog_test_ref_kfunc *p, const int rdwr_buf_size);
int *bpf_kfunc_call_test_get_rdonly_mem(struct prog_test_ref_kfunc *p, const int rdonly_buf_size);
int *bpf_kfunc_call_test_acq_rdonly_mem(struct prog_test_ref_kfunc *p, const int rdonly_buf_size);
void bpf_kfunc_call_int_mem_release(int *p);
void bpf_kfunc_call_test_pass_ctx(struct __sk_buff *skb);
void bpf_kfunc_call_test_pass1(struct prog_test_pass1 *p);
void bpf_kfunc_call_test_pass2(struct prog_test_pass2 *p);
void bpf_kfunc_call_test_fail1(struct prog_test_fail1 *p);
void bpf_kfunc_call_test_fail2(struct prog_test_fail2 *p);
void bpf_kfunc_call_test_fail3(struct prog_test_fail3 *p);
void bpf_kfunc_call_test_mem_len_pass1(void *mem, int mem__sz);
void bpf_kfunc_call_test_mem_len_fail1(void *mem, int len);
void bpf_kfunc_call_test_mem_len_fail2(u64 *mem, int len);
void bpf_kfunc_call_test_ref(struct prog_test_ref_kfunc *p);
void bpf_kfunc_call_test_destructive(void);

#endif
