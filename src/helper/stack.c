/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack.c - return addresses of the process a program runs in, along the chain of frame pointers,
 * as the kernel walks user stacks: code compiled without them cuts the chain short. There is no
 * kernel stack here.
 */
#include "exec/fault.h"
#include "helper/fn.h"

struct frame {
	const struct frame *up;
	u64 ret;
};

#define KNOWN_FLAGS (BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_USER_BUILD_ID)

static u32 walk(const struct frame *at, u64 skip, u64 *out, u32 room)
{
	struct frame f;
	u32 n = 0;

	while (n < room && at && !((uintptr_t)at & 7) && !fault_copy(&f, at, sizeof(f)) && f.ret) {
		if (skip)
			skip--;
		else
			out[n++] = f.ret;
		if (f.up <= at)
			break;
		at = f.up;
	}
	return n;
}

HELPER_FN(get_stack)
{
	u64 *out = (u64 *)(uintptr_t)r2;
	u32 size = (u32)r3, n = 0;
	long err = -EFAULT;

	if (r4 & ~KNOWN_FLAGS || (r4 & BPF_F_USER_BUILD_ID && !(r4 & BPF_F_USER_STACK)))
		err = -EINVAL;
	else if (r4 & BPF_F_USER_BUILD_ID)
		err = -EOPNOTSUPP;
	else if (size % sizeof(u64))
		err = -EINVAL;
	else if (r4 & BPF_F_USER_STACK)
		n = walk(__builtin_frame_address(0), r4 & BPF_F_SKIP_FIELD_MASK, out, size / 8);
	memset(out + n, 0, size - n * sizeof(u64));
	return n ? n * sizeof(u64) : (u64)err;
}
