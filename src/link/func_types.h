/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_FUNC_TYPES_H
#define USERBPF_LINK_FUNC_TYPES_H
/* func_types.h - prototypes of the rows of func_points.def. BTF-visible. */
#include "base/base.h"

struct bpf_fentry_test_t {
	struct bpf_fentry_test_t *a;
};

#define FUNC_POINT(name, flags, ret, ...) ret name(__VA_ARGS__);
#include "link/func_points.def"
#undef FUNC_POINT

#endif
