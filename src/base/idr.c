/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "base/idr.h"

void idr_init(struct idr *idr)
{
	*idr = (struct idr){0};
}

void idr_free(struct idr *idr)
{
	free(idr->entries);
	idr_init(idr);
}

u32 idr_position(const struct idr *idr, u32 id)
{
	u32 lo = 0, hi = idr->nr;

	if (hi && idr->entries[hi - 1].id < id)
		return hi;
	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (idr->entries[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int idr_reserve(struct idr *idr)
{
	u32 room = idr->room ? idr->room * 2 : 16;
	struct idr_entry *e;

	if (idr->nr < idr->room)
		return 0;
	e = realloc(idr->entries, room * sizeof(*e));
	if (!e)
		return -ENOMEM;
	idr->entries = e;
	idr->room = room;
	return 0;
}

/* Lowest free id in [from, end); @pos is where it belongs. */
static bool idr_gap(const struct idr *idr, u32 from, u32 end, u32 *id, u32 *pos)
{
	u32 p = idr_position(idr, from), want = from;

	while (p < idr->nr && idr->entries[p].id == want) {
		p++;
		want++;
	}
	*id = want;
	*pos = p;
	return want < end;
}

int idr_alloc_cyclic(struct idr *idr, void *ptr, u32 start, u32 end)
{
	u32 from = max(idr->next, start), id, pos;
	int err = idr_reserve(idr);

	if (err)
		return err;
	if (from >= end || !idr_gap(idr, from, end, &id, &pos)) {
		if (!idr_gap(idr, start, end, &id, &pos))
			return -ENOSPC;
	}
	memmove(idr->entries + pos + 1, idr->entries + pos,
		(idr->nr - pos) * sizeof(*idr->entries));
	idr->entries[pos] = (struct idr_entry){.id = id, .ptr = ptr};
	idr->nr++;
	idr->next = id + 1;
	return id;
}

void *idr_find(const struct idr *idr, u32 id)
{
	u32 pos = idr_position(idr, id);

	return pos < idr->nr && idr->entries[pos].id == id ? idr->entries[pos].ptr : NULL;
}

void *idr_remove(struct idr *idr, u32 id)
{
	u32 pos = idr_position(idr, id);
	void *ptr;

	if (pos >= idr->nr || idr->entries[pos].id != id)
		return NULL;
	ptr = idr->entries[pos].ptr;
	memmove(idr->entries + pos, idr->entries + pos + 1,
		(idr->nr - pos - 1) * sizeof(*idr->entries));
	idr->nr--;
	return ptr;
}
