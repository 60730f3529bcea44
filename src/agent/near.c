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
#define BREAK_ROOM (64ul << 20) /* a break that cannot grow makes malloc() go elsewhere */
#define STACK_ROOM (128ul << 20)
#define USER_END   0x7ffffffff000ul
#define LOWEST	   0x10000ul /* vm.mmap_min_addr */
#define NEW_PAGES  512u	     /* remembered in one look */
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

/* A look at the address space, for those who may choose. Sorted by start. */
static struct {
	struct range *taken;
	u32 nr, max;
} look;

/* Where the break and the main stack may grow. */
static struct range rooms[2];

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

static void take(struct range r)
{
	u32 j = look.nr;

	if (look.nr == look.max)
		return;
	for (; j && look.taken[j - 1].start > r.start; j--)
		look.taken[j] = look.taken[j - 1];
	look.taken[j] = r;
	look.nr++;
}

static void take_line(const char *p, const char *end)
{
	struct range r;

	r.start = hex(&p);
	p++;
	r.end = hex(&p);
	if (end - p > 7 && !memcmp(end - 7, "[stack]", 7))
		rooms[1] = (struct range){r.end - min(r.end, stack_room()), r.end};
	if (r.start < USER_END)
		take(r);
}

void near_forget(void)
{
	if (look.taken)
		raw3(SYS_munmap, look.taken, look.max * sizeof(look.taken[0]), 0);
	look.taken = NULL;
	look.nr = look.max = 0;
}

static bool look_around(void)
{
	size_t len, size, lines = NEW_PAGES + ARRAY_SIZE(rooms);
	u64 brk = (u64)raw3(SYS_brk, 0, 0, 0);
	char *buf, *p, *nl;

	if (look.taken && look.nr < look.max)
		return true;
	near_forget();
	buf = read_maps(&len, &size);
	if (!buf)
		return false;
	for (p = buf; (nl = memchr(p, '\n', len - (size_t)(p - buf))); p = nl + 1)
		lines++;
	look.taken = map_new(lines * sizeof(look.taken[0]));
	if (look.taken) {
		look.max = (u32)lines;
		for (p = buf; (nl = memchr(p, '\n', len - (size_t)(p - buf))); p = nl + 1)
			take_line(p, nl);
		rooms[0] = (struct range){brk, brk + BREAK_ROOM};
		take(rooms[0]);
		take(rooms[1]);
	}
	raw3(SYS_munmap, buf, size, 0);
	return look.taken;
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

static bool is_reserved(u64 page)
{
	for (u32 i = 0; i < ARRAY_SIZE(rooms); i++)
		if (page + PAGE > rooms[i].start && page < rooms[i].end)
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

static bool usable(u64 page, u64 lo, u64 hi)
{
	struct stub_page *pg = page_row(page);

	if (pg && pg->addr)
		return page_bits(pg, lo, hi, false);
	return page >= LOWEST && page < USER_END - PAGE && !is_reserved(page) &&
	       pages.nr < PAGES_MAX;
}

static bool make_page(u64 page)
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
	if (look.taken)
		take((struct range){page, page + PAGE});
	return true;
}

/* The block with its code at @at, when nobody has anything there. */
static bool claim(u64 at, u32 size)
{
	u64 lo = at - STUB_HEAD, hi = at + size, first = lo & ~(PAGE - 1), page;

	if (at < LOWEST + STUB_HEAD || hi > USER_END)
		return false;
	for (page = first; page < hi; page += PAGE)
		if (!usable(page, lo, hi))
			return false;
	for (page = first; page < hi; page += PAGE)
		if (!make_page(page))
			return false; /* a page made in front of it stays for others */
	for (page = first; page < hi; page += PAGE)
		page_bits(page_row(page), lo, hi, true);
	return true;
}

static u64 claim_in_page(const struct stub_page *pg, u64 lo, u64 hi, u32 size)
{
	u64 off = lo > pg->addr + STUB_HEAD ? round_up(lo - pg->addr - STUB_HEAD, GRANULE) : 0;

	for (; off + STUB_HEAD + size <= PAGE && pg->addr + off + STUB_HEAD <= hi; off += GRANULE) {
		u64 at = pg->addr + off + STUB_HEAD;

		if (!(pg->used[off / GRANULE / 64] >> off / GRANULE % 64 & 1) && claim(at, size))
			return at;
	}
	return 0;
}

static u64 claim_in_ours(u64 lo, u64 hi, u32 size)
{
	for (u32 i = 0; i < pages.size; i++) {
		const struct stub_page *pg = &pages.row[i];
		u64 at = 0;

		if (pg->addr && pg->addr + PAGE > lo && pg->addr <= hi)
			at = claim_in_page(pg, lo, hi, size);
		if (at)
			return at;
	}
	return 0;
}

/* In the gap [start, end): the possible place next to @want; 0: none. */
static u64 place_in_gap(struct range gap, u64 lo, u64 hi, u64 want, u32 size)
{
	u64 first = max(gap.start + STUB_HEAD, lo), last, at, begin;

	if (gap.end < gap.start + STUB_HEAD + size)
		return 0;
	last = min(gap.end - size, hi);
	if (first > last)
		return 0;
	/* from where a page begins others can share it */
	at = want > last ? last : max(want, first);
	begin = (at & ~(PAGE - 1)) + STUB_HEAD;
	return begin >= first && begin < at ? begin : at;
}

static u64 claim_in_gaps(u64 lo, u64 hi, u64 want, u32 size)
{
	u64 best = 0, distance = UINT64_MAX, end = LOWEST;

	for (u32 i = 0; i <= look.nr; i++) {
		struct range gap = {end, i < look.nr ? look.taken[i].start : USER_END - PAGE};
		u64 at = 0, far;

		if (i < look.nr)
			end = max(end, look.taken[i].end);
		if (gap.end > gap.start && gap.start <= hi && gap.end >= lo)
			at = place_in_gap(gap, lo, hi, want, size);
		far = at > want ? at - want : want - at;
		if (at && far < distance)
			distance = far, best = at;
	}
	return best && claim(best, size) ? best : 0;
}

u64 near_alloc(u64 lo, u64 hi, u64 want, u32 size)
{
	u64 at;

	if (!rooms[0].end && !look_around())
		return 0;
	if (hi < lo + GRANULE)
		return claim(lo, size) ? lo : 0;
	at = claim_in_ours(lo, hi, size);
	if (!at && look_around())
		at = claim_in_gaps(lo, hi, want, size);
	return at;
}
