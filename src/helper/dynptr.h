/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HELPER_DYNPTR_H
#define USERBPF_HELPER_DYNPTR_H
/*
 * dynptr.h - what lies in the 16 bytes of a program's struct bpf_dynptr; the program cannot touch it. All
 * zero: a dynptr without memory, which answers every access with an error. Run side.
 */
#include "base/base.h"

struct dynptr {
	char *data;
	u64 size;
};

#endif
