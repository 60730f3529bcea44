/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_KPTR_TEST_H
#define USERBPF_KPTR_TEST_H
/* kptr_test.h - the object with which Linux tests references (helper/kfunc_test.h): there is one
 * per process, as there is one per kernel; its count is the one that all processes share. */
#include "base/base.h"

typedef struct {
	int counter;
} atomic_t;

typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

struct prog_test_member1 {
	int a;
};

struct prog_test_member {
	struct prog_test_member1 m;
	int c;
};

struct prog_test_ref_kfunc {
	int a, b;
	struct prog_test_member memb;
	struct prog_test_ref_kfunc *next;
	refcount_t cnt; /* as last seen by this process */
};

extern struct prog_test_ref_kfunc kptr_test_object;

#endif
