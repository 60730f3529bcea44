/* SPDX-License-Identifier: BSD-2-Clause */
/* invoke.c - which way a program is executed: as code when it was compiled, else by the
 * interpreter. */
#include "exec/interp.h"
#include "exec/jit.h"

void exec_image_compile(const struct exec_image *image)
{
	struct exec_image *img = (struct exec_image *)image;

	struct jit_code *jit;

	/* who comes second need not wait: the interpreter does the same */
	if (__atomic_exchange_n(&img->jit_tried, 1, __ATOMIC_ACQ_REL))
		return;
	jit = jit_compile(img);
	jit_perf(img, jit);
	__atomic_store_n(&img->jit, jit, __ATOMIC_RELEASE);
}

bool exec_image_function(const struct exec_image *img, u32 n, struct exec_function *f)
{
	const struct jit_code *jit = __atomic_load_n(&img->jit, __ATOMIC_ACQUIRE);

	return jit && n < img->nr_subprogs && jit_function(jit, img->subprogs[n].start, f);
}

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

const struct exec_image *exec_tail_target(struct exec_run *run, struct bpf_map *map, u32 index)
{
	const struct exec_host *host = run->host;
	const struct exec_image *target;

	if (index >= map->max_entries || run->tail_calls >= MAX_TAIL_CALL_CNT || exec_stopped(run))
		return NULL;
	run->tail_calls++; /* also when the slot turns out empty, as in the kernel */
	target = host && host->tail_target ? host->tail_target(host->arg, map, index) : NULL;
	if (target && unlikely(!target->jit_tried))
		exec_image_compile(target);
	return target;
}
