/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.c - bpf_timer: all is done by the service, whose thread runs the callbacks. The field of
 * the value holds what the service calls the timer, 0: none.
 */
#include <time.h>
#include "helper/fn.h"

#define MAX_CLOCKS 16u

static u64 request(struct exec_run *run, const struct exec_timer *t)
{
	return (u64)(run->host && run->host->timer ? run->host->timer(run, t) : -EOPNOTSUPP);
}

static u64 id_at(u64 field)
{
	return __atomic_load_n((const u64 *)(uintptr_t)field, __ATOMIC_ACQUIRE);
}

HELPER_FN(timer_init)
{
	struct bpf_map *map = (struct bpf_map *)(uintptr_t)r2;
	u64 at = r1 - (map->attr.timer_at - 1);
	struct exec_timer t = {
		.op = EXEC_TIMER_INIT, .map = map, .value_off = at - (u64)(uintptr_t)map->shm};

	if (r3 >= MAX_CLOCKS ||
	    (r3 != CLOCK_MONOTONIC && r3 != CLOCK_REALTIME && r3 != CLOCK_BOOTTIME))
		return (u64)-EINVAL;
	return request(run, &t);
}

HELPER_FN(timer_set_callback)
{
	struct exec_timer t = {.op = EXEC_TIMER_CALLBACK, .id = id_at(r1)};

	t.prog_id = run->image->prog_id;
	t.callback = (struct bpf_insn *)(uintptr_t)r2 - run->image->insns;
	return t.id ? request(run, &t) : (u64)-EINVAL;
}

HELPER_FN(timer_start)
{
	struct exec_timer t = {.op = EXEC_TIMER_START, .id = id_at(r1), .ns = r2};

	return t.id && !r3 ? request(run, &t) : (u64)-EINVAL;
}

HELPER_FN(timer_cancel)
{
	struct exec_timer t = {.op = EXEC_TIMER_CANCEL, .id = id_at(r1)};

	return t.id ? request(run, &t) : (u64)-EINVAL;
}
