/* SPDX-License-Identifier: BSD-2-Clause */
/* dynptr.c - memory of a size that is known only when the program runs. */
#include "helper/dynptr.h"
#include "helper/fn.h"
#include "helper/ring.h"

#define DYNPTR_MAX_SIZE ((1u << 24) - 1)

static struct dynptr *to_dynptr(u64 r)
{
	return (struct dynptr *)(uintptr_t)r;
}

static long make(struct dynptr *d, void *data, u32 size, long err)
{
	*d = err ? (struct dynptr){NULL, 0} : (struct dynptr){data, size};
	return err;
}

static bool inside(const struct dynptr *d, u32 off, u32 len)
{
	return len <= d->size && off <= d->size - len;
}

HELPER_FN(dynptr_from_mem)
{
	u32 size = (u32)r2;

	return make(to_dynptr(r4), (void *)(uintptr_t)r1, size,
		    size > DYNPTR_MAX_SIZE ? -E2BIG
		    : r3		   ? -EINVAL
					   : 0);
}

/* Memory and dynptr may be the same memory twice. */
HELPER_FN(dynptr_read)
{
	const struct dynptr *d = to_dynptr(r3);

	if (!d->data || r5)
		return (u64)-EINVAL;
	if (!inside(d, (u32)r4, (u32)r2))
		return (u64)-E2BIG;
	UNLESS_STOPPED_AND_LONG(r2, -E2BIG);
	memmove((void *)(uintptr_t)r1, d->data + (u32)r4, (u32)r2);
	return 0;
}

HELPER_FN(dynptr_write)
{
	struct dynptr *d = to_dynptr(r1);

	if (!d->data || r5)
		return (u64)-EINVAL;
	if (!inside(d, (u32)r2, (u32)r4))
		return (u64)-E2BIG;
	UNLESS_STOPPED_AND_LONG(r4, -E2BIG);
	memmove(d->data + (u32)r2, (const void *)(uintptr_t)r3, (u32)r4);
	return 0;
}

HELPER_FN(dynptr_data)
{
	const struct dynptr *d = to_dynptr(r1);

	return d->data && inside(d, (u32)r2, (u32)r3) ? (u64)(d->data + (u32)r2) : 0;
}

/* A program releases what it reserved even when there was no room: then there is nothing to
 * release. */
HELPER_FN(ringbuf_reserve_dynptr)
{
	u32 size = (u32)r2;
	void *record = NULL;
	long err = r3 ? -EINVAL : size > DYNPTR_MAX_SIZE ? -E2BIG : 0;

	if (!err)
		record = ring_reserve(run, (struct bpf_map *)(uintptr_t)r1, size);
	return make(to_dynptr(r4), record, size, err ? err : record ? 0 : -EINVAL);
}

static u64 commit(struct exec_run *run, struct dynptr *d, bool discard, u64 flags)
{
	if (d->data)
		ring_commit(run, d->data, discard, flags);
	make(d, NULL, 0, 0);
	return 0;
}

HELPER_FN(ringbuf_submit_dynptr)
{
	return commit(run, to_dynptr(r1), false, r2);
}

HELPER_FN(ringbuf_discard_dynptr)
{
	return commit(run, to_dynptr(r1), true, r2);
}
