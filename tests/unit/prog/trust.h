/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TRUST_H
#define TRUST_H
/*
 * trust.h - a stand-in for the verifier in tests of what is around it: believes everything. Loads
 * and stores based on R1 or R6 with an offset below 1000 are taken for context accesses when the
 * type allows them.
 */
#include "verifier/verifier.h"

struct trust {
	int result; /* what vfy_check() returns */
	bool called;
	u32 func_info_cnt, nr_linfo, nr_ctx_args;
	const char *attach_name;
};
extern struct trust trust;

#endif
