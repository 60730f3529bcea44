/* SPDX-License-Identifier: BSD-2-Clause */
/* invoke.c - which way a program is executed: as code when it was compiled, else by the
 * interpreter. */
#include "exec/interp.h"
#include "exec/invoke.h"
#include "exec/jit_code.h"
#include "exec/tail.h"

u64 exec_invoke(struct exec_run *run, u32 start, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	const struct exec_image *img = run->image;
	const struct jit_code *jit = __atomic_load_n(&img->jit, __ATOMIC_ACQUIRE);
	const void *entry = jit ? jit_entry(jit, start) : NULL;

	if (likely(entry))
		return jit_enter(jit)(r1, r2, r3, r4, r5, run, entry);
	return interp(run, img->insns + start, r1, r2, r3, r4, r5);
}

u64 exec_callback(struct exec_run *run, u64 func, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
{
	const struct bpf_insn *insns = run->image->insns,
			      *start = (const struct bpf_insn *)(uintptr_t)func;
	u64 ret;

	if (exec_stopped(run))
		return 1; /* whatever calls back ends at that */
	if (start < insns || start >= insns + run->image->len || run->depth >= EXEC_MAX_DEPTH)
		return 0;
	run->depth++;
	ret = exec_invoke(run, start - insns, r1, r2, r3, r4, r5);
	run->depth--;
	return ret;
}

struct exec_tail exec_tail_call(u64 ctx, u64 map, u64 index, struct exec_run *run)
{
	const struct exec_image *caller = run->image,
				*target = exec_tail_target(run, (struct bpf_map *)map, (u32)index);
	struct exec_tail t = {0};

	if (!target)
		return t;
	run->image = target;
	t.ret = exec_invoke(run, 0, ctx, 0, 0, 0, 0);
	t.taken = 1;
	run->image = caller;
	exec_image_put(target);
	return t;
}
