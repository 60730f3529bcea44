/* SPDX-License-Identifier: BSD-2-Clause */
/* ring.c - records for user space: ring buffers, perf events. */
#include "base/slot.h"
#include "helper/dynptr.h"
#include "helper/fn.h"
#include "helper/ring.h"

#define WAKE_FLAGS ((u64)(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP))

static struct bpf_map *to_map(u64 r)
{
	return (struct bpf_map *)(uintptr_t)r;
}

/* A release names only the record: the run remembers where it reserved. */
static bool remember(struct exec_run *run, struct bpf_map *map)
{
	for (u32 i = 0; i < EXEC_RUN_RINGS; i++) {
		if (!run->rings[i])
			run->rings[i] = map;
		if (run->rings[i] == map)
			return true;
	}
	return false;
}

void *ring_reserve(struct exec_run *run, struct bpf_map *map, u64 size)
{
	return remember(run, map) ? map_ringbuf_reserve(map, size) : NULL;
}

static void wake(struct exec_run *run, struct bpf_map *map)
{
	if (map_watched(map) && run->host && run->host->wake)
		run->host->wake(run, map);
}

void ring_commit(struct exec_run *run, void *record, bool discard, u64 flags)
{
	for (u32 i = 0; i < EXEC_RUN_RINGS && run->rings[i]; i++) {
		if (!map_ringbuf_holds(run->rings[i], record))
			continue;
		if (map_ringbuf_commit(run->rings[i], record, discard, flags))
			wake(run, run->rings[i]);
		return;
	}
}

HELPER_FN(ringbuf_reserve)
{
	return r3 ? 0 : (u64)ring_reserve(run, to_map(r1), r2);
}

HELPER_FN(ringbuf_submit)
{
	ring_commit(run, (void *)(uintptr_t)r1, false, r2);
	return 0;
}

HELPER_FN(ringbuf_discard)
{
	ring_commit(run, (void *)(uintptr_t)r1, true, r2);
	return 0;
}

HELPER_FN(ringbuf_output)
{
	struct bpf_map *map = to_map(r1);
	void *record;

	if (r4 & ~WAKE_FLAGS)
		return (u64)-EINVAL;
	UNLESS_STOPPED_AND_LONG(r3, -EAGAIN);
	record = map_ringbuf_reserve(map, r3);
	if (!record)
		return (u64)-EAGAIN;
	memcpy(record, (const void *)(uintptr_t)r2, r3);
	if (map_ringbuf_commit(map, record, false, r4))
		wake(run, map);
	return 0;
}

HELPER_FN(ringbuf_query)
{
	return map_ringbuf_query(to_map(r1), r2);
}

#define SAMPLES_MAX (128u * 1024) /* BPF_MAX_USER_RINGBUF_SAMPLES */

/* Calls back with each record, until the callback says stop. -> records, or errno; *seen counts
 * discarded ones, too. */
static long drain(struct exec_run *run, struct bpf_map *map, u64 func, u64 ctx, u32 *seen)
{
	long taken = 0, stop = 0;

	for (*seen = 0; *seen < SAMPLES_MAX && !stop && !exec_stopped(run); ++*seen) {
		struct dynptr d = {};
		u32 size;
		int err;

		d.data = map_user_ringbuf_next(map, &size, &err);
		if (!d.data && !err)
			break;
		if (err == -EAGAIN)
			continue;
		if (err)
			return err;
		d.size = size;
		stop = (long)exec_callback(run, func, (u64)&d, ctx, 0, 0, 0);
		map_user_ringbuf_done(map, size);
		taken++;
	}
	return taken;
}

HELPER_FN(user_ringbuf_drain)
{
	struct bpf_map *map = to_map(r1);
	u32 seen = 0;
	long ret;

	if (r4 & ~WAKE_FLAGS)
		return (u64)-EINVAL;
	ret = map_user_ringbuf_begin(map);
	if (ret)
		return (u64)ret;
	ret = drain(run, map, r2, r3, &seen);
	map_user_ringbuf_end(map);
	if (r4 & BPF_RB_FORCE_WAKEUP || (seen && !(r4 & BPF_RB_NO_WAKEUP)))
		wake(run, map);
	return (u64)ret;
}
