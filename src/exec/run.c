/* SPDX-License-Identifier: BSD-2-Clause */
/* run.c - runs, from outside. */
#include "base/slot.h"
#include "exec/current.h"
#include "exec/invoke.h"

/* Loaders run once, in less time than it takes to compile them: such programs are compiled when they come again. */
static bool wants_code(const struct exec_image *image)
{
	struct exec_image *img = (struct exec_image *)image;

	return img->prog_type != BPF_PROG_TYPE_SYSCALL ||
	       __atomic_exchange_n(&img->ran, true, __ATOMIC_RELAXED);
}

static u64 run_from(struct exec_run *run, u32 start, u64 r1, u64 r2, u64 r3)
{
	u64 ret;

	if (unlikely(!run->image->jit_tried) && wants_code(run->image))
		exec_image_compile(run->image);
	run->outer = exec_current();
	run->tail_call = exec_tail_call;
	run->slot = slot_enter();
	exec_current_set(run);
	ret = exec_invoke(run, start, r1, r2, r3, 0, 0);
	exec_current_set(run->outer);
	slot_leave();
	return ret;
}

u64 exec_run(const struct exec_image *img, void *ctx, struct exec_run *run)
{
	run->image = img;
	run->ctx = ctx;
	return run_from(run, 0, (u64)ctx, 0, 0);
}

u64 exec_run_subprog(const struct exec_image *img, u32 start, u64 r1, u64 r2, u64 r3,
		     struct exec_run *run)
{
	if (start >= img->len)
		return 0;
	run->image = img;
	return run_from(run, start, r1, r2, r3);
}
