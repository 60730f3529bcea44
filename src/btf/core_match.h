/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_BTF_CORE_MATCH_H
#define USERBPF_BTF_CORE_MATCH_H
/* core_match.h - the same thing in another BTF. Private to src/btf/core*.c. */
#include "btf/core_spec.h"

/* @out is @local found in type @id of @btf; 1, 0: not there, or negative errno */
int core_match(const struct core_spec *local, const struct btf *btf, u32 id, struct core_spec *out,
	       struct log *log);

#endif
