/* SPDX-License-Identifier: BSD-2-Clause */
/* tail.c - where tail calls go. */
#include "exec/tail.h"

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
