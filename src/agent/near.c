/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * near.c - memory at the places where a jump can lead.
 *
 * A punned jump leads to one address, or one of a few; so pages are mapped there, one by one, where
 * nothing is, and shared by stubs when chance wants it. Kept free is where the program's break and its
 * stack may grow. Pages are executable and readable from the start (text.c writes to them), so the
 * heap of a program never stands beside a writable page of code.
 */
#include <sys/resource.h>
#include "agent/engine.h"
#include "base/raw.h"

#define GRANULE	   16u
#define BREAK_ROOM (256ul << 20)
#define STACK_ROOM (128ul << 20)
#define USER_END   0x7ffffffff000ul
#define LOWEST	   0x10000ul /* vm.mmap_min_addr */
#define PAGES_MAX  24000u    /* a process may have 65,530 mappings */

struct stub_page {
	u64 addr; /* 0: unused row */
	u64 used[PAGE / GRANULE / 64];
};

/* Pages we mapped: open addressing, never removed. */
static struct {
	struct stub_page *row;
	u32 nr, size;
} pages;

struct range {
	u64 start, end;
};

struct near {
	size_t size; /* of this mapping */
	u32 nr, max;
	struct range taken[];
};

static void *map_new(size_t size)
{
	long p = raw6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);

	return p < 0 && p >= -MAX_ERRNO ? NULL : (void *)p;
}

u32 near_pages(void)
{
	return pages.nr;
}

/* --- what is where --- */

static u64 hex(const char **p)
{
	u64 v = 0;

	for (;; (*p)++) {
		u32 c = (u8) * *p;

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (c - 'a' + 10);
		else
			return v;
	}
}

static u64 stack_room(void)
{
	struct rlimit64 lim;

	if (raw4(SYS_prlimit64, 0, RLIMIT_STACK, 0, &lim) || lim.rlim_cur > 8 * STACK_ROOM)
		return 8 * STACK_ROOM;
	return max((u64)lim.rlim_cur + (1 << 20), STACK_ROOM);
}

/* The whole of /proc/self/maps in one piece; the caller unmaps it. */
static char *read_maps(size_t *len, size_t *size)
{
	for (*size = 256 << 10; *size <= 64 << 20; *size *= 4) {
		int fd = raw_openat(AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
		char *buf = fd < 0 ? NULL : map_new(*size);
		long n = 0;

		*len = 0;
		while (buf && *len < *size && (n = raw_read(fd, buf + *len, *size - *len)) > 0)
			*len += (size_t)n;
		if (fd >= 0)
			raw_close(fd);
		if (!buf)
			return NULL;
		if (*len < *size)
			return buf;
		raw3(SYS_munmap, buf, *size, 0);
	}
	return NULL;
}

/* In order of address: lines come so, but for rooms, which reach over their neighbours. */
static void take(struct near *nr, struct range r)
{
	u32 j = nr->nr;

	if (nr->nr == nr->max)
		return;
	for (; j && nr->taken[j - 1].start > r.start; j--)
		nr->taken[j] = nr->taken[j - 1];
	nr->taken[j] = r;
	nr->nr++;
}

static void take_line(struct near *nr, const char *p, const char *end)
{
	struct range r;

	r.start = hex(&p);
	p++;
	r.end = hex(&p);
	if (end - p > 7 && !memcmp(end - 7, "[stack]", 7))
		r.start -= min(r.start, stack_room());
	if (r.start < USER_END)
		take(nr, r);
}

struct near *near_open(void)
{
	size_t len, size, lines = NEAR_NEW + 2;
	struct near *nr;
	char *buf = read_maps(&len, &size), *p, *nl;
	u64 brk = (u64)raw3(SYS_brk, 0, 0, 0);

	if (!buf)
		return NULL;
	for (p = buf; (nl = memchr(p, '\n', len - (size_t)(p - buf))); p = nl + 1)
		lines++;
	nr = map_new(sizeof(*nr) + lines * sizeof(nr->taken[0]));
	if (nr) {
		nr->size = sizeof(*nr) + lines * sizeof(nr->taken[0]);
		nr->max = (u32)lines;
		take(nr, (struct range){brk, brk + BREAK_ROOM});
		for (p = buf; (nl = memchr(p, '\n', len - (size_t)(p - buf))); p = nl + 1)
			take_line(nr, p, nl);
	}
	raw3(SYS_munmap, buf, size, 0);
	return nr;
}

void near_close(struct near *nr)
{
	if (nr)
		raw3(SYS_munmap, nr, nr->size, 0);
}

/* --- our pages --- */

static struct stub_page *page_row(u64 addr)
{
	u32 i = site_hash(addr);

	while (pages.size && pages.row[i &= pages.size - 1].addr && pages.row[i].addr != addr)
		i++;
	return pages.size ? &pages.row[i] : NULL;
}

static bool grow_rows(void)
{
	struct stub_page *old = pages.row, *row;
	u32 old_size = pages.size, size = old_size ? old_size * 2 : 256;

	if (pages.nr < old_size / 2)
		return true;
	row = map_new(size * sizeof(*row));
	if (!row)
		return false;
	pages.row = row;
	pages.size = size;
	for (u32 i = 0; i < old_size; i++)
		if (old[i].addr)
			*page_row(old[i].addr) = old[i];
	if (old)
		raw3(SYS_munmap, old, old_size * sizeof(*old), 0);
	return true;
}

static bool is_taken(const struct near *nr, u64 page)
{
	for (u32 i = 0; i < nr->nr && nr->taken[i].start < page + PAGE; i++)
		if (nr->taken[i].end > page)
			return true;
	return false;
}

/* Bits of a page that the block [lo, hi) covers. */
static bool page_bits(struct stub_page *pg, u64 lo, u64 hi, bool set)
{
	u64 from = max(lo, pg->addr), to = min(hi, pg->addr + PAGE);

	for (u64 i = (from - pg->addr) / GRANULE; i * GRANULE < to - pg->addr; i++) {
		if (set)
			pg->used[i / 64] |= 1ull << i % 64;
		else if (pg->used[i / 64] >> i % 64 & 1)
			return false;
	}
	return true;
}

static bool usable(const struct near *nr, u64 page, u64 lo, u64 hi)
{
	struct stub_page *pg = page_row(page);

	if (pg && pg->addr)
		return page_bits(pg, lo, hi, false);
	return page >= LOWEST && page < USER_END - PAGE && !is_taken(nr, page) &&
	       pages.nr < PAGES_MAX;
}

static bool make_page(struct near *nr, u64 page)
{
	struct stub_page *pg;
	long got;

	if (!grow_rows())
		return false;
	pg = page_row(page);
	if (pg->addr)
		return true;
	got = raw6(SYS_mmap, (long)page, PAGE, PROT_READ | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (got != (long)page) {
		if (got > 0 || got < -MAX_ERRNO)
			raw3(SYS_munmap, got, PAGE, 0); /* a kernel that does not know the flag */
		return false;
	}
	pg->addr = page;
	pages.nr++;
	take(nr, (struct range){page, page + PAGE});
	return true;
}

/* The block with its code at @at, when nobody has anything there. */
static bool claim(struct near *nr, u64 at, u32 size)
{
	u64 lo = at - STUB_HEAD, hi = at + size, first = lo & ~(PAGE - 1), page;

	if (at < LOWEST + STUB_HEAD || hi > USER_END)
		return false;
	for (page = first; page < hi; page += PAGE)
		if (!usable(nr, page, lo, hi))
			return false;
	for (page = first; page < hi; page += PAGE)
		if (!make_page(nr, page))
			return false; /* a page made in front of it stays for others */
	for (page = first; page < hi; page += PAGE)
		page_bits(page_row(page), lo, hi, true);
	return true;
}

static u64 claim_in_page(struct near *nr, u64 page, u64 lo, u64 hi, u32 size)
{
	for (u64 off = 0; off + STUB_HEAD + size <= PAGE; off += GRANULE) {
		u64 at = page + off + STUB_HEAD;

		if (at >= lo && at <= hi && claim(nr, at, size))
			return at;
	}
	return 0;
}

static u64 claim_in_ours(struct near *nr, u64 lo, u64 hi, u32 size)
{
	for (u32 i = 0; i < pages.size; i++) {
		u64 page = pages.row[i].addr, at = 0;

		if (page && page + PAGE > lo && page <= hi)
			at = claim_in_page(nr, page, lo, hi, size);
		if (at)
			return at;
	}
	return 0;
}

/* In the gap [start, end): the possible place next to @want; 0: none. */
static u64 place_in_gap(struct range gap, u64 lo, u64 hi, u64 want, u32 size)
{
	u64 first = max(gap.start + STUB_HEAD, lo), last, at;

	if (gap.end < gap.start + STUB_HEAD + size)
		return 0;
	last = min(gap.end - size, hi);
	if (first > last)
		return 0;
	/* from where a page begins others can share it */
	at = want > last ? last : max(want, first);
	if ((at & ~(PAGE - 1)) + STUB_HEAD >= first)
		at = (at & ~(PAGE - 1)) + STUB_HEAD;
	return at;
}

static u64 claim_in_gaps(struct near *nr, u64 lo, u64 hi, u64 want, u32 size)
{
	u64 best = 0, distance = UINT64_MAX, end = LOWEST;

	for (u32 i = 0; i <= nr->nr; i++) {
		struct range gap = {end, i < nr->nr ? nr->taken[i].start : USER_END - PAGE};
		u64 at = 0, far;

		if (i < nr->nr)
			end = max(end, nr->taken[i].end);
		if (gap.end > gap.start && gap.start <= hi && gap.end >= lo)
			at = place_in_gap(gap, lo, hi, want, size);
		far = at > want ? at - want : want - at;
		if (at && far < distance)
			distance = far, best = at;
	}
	return best && claim(nr, best, size) ? best : 0;
}

u64 near_alloc(struct near *nr, u64 lo, u64 hi, u64 want, u32 size)
{
	u64 at;

	if (hi < lo + GRANULE)
		return claim(nr, lo, size) ? lo : 0;
	at = claim_in_ours(nr, lo, hi, size);
	return at ? at : claim_in_gaps(nr, lo, hi, want, size);
}
