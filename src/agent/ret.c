/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ret.c - return stubs: one per call that is to be seen returning, of a pool that all threads share.
 *
 *	nop			the unwinder asks for the address before the return address
 *	push $number		where the return address was
 *	jmp *patch_return
 *
 * A stub is free again when its call returned, whichever thread that happens in. What longjmp and
 * exceptions skip is looked for when no other stub is left: the stack then has something else in its
 * slot. It would be so, too, for a coroutine whose stack was copied away; so that comes last.
 *
 * Lists: each thread has one of its own, for it alone and outside of signal handlers; the common one is
 * a lock-free stack with a count against ABA.
 */
#include "agent/engine.h"
#include "base/raw.h"
#include "exec/fault.h"

#define GROW	4096u /* stubs written at a time */
#define BATCH	16u
#define OWN_MAX 128u
#define RETRY	4096u /* failures until another search */

u8 *ret_code;
struct ret_entry *ret_entries;

static u64 common;	/* atomic: count << 32 | number + 1 of the first free one */
static u32 next_new;	/* atomic: beyond, none was ever used */
static u32 ready;	/* atomic: so many have code */
static u32 growing;	/* atomic: trylock */
static u32 until_sweep; /* atomic */

#define CODE_SIZE (RET_MAX * RET_STRIDE)

static void write_stub(u8 *p, u32 idx)
{
	s32 to_pointer = (s32)(ret_code + CODE_SIZE - (p + 12));

	p[0] = 0x90;
	p[1] = 0x68;
	memcpy(p + 2, &idx, 4);
	p[6] = 0xff;
	p[7] = 0x25;
	memcpy(p + 8, &to_pointer, 4);
	memset(p + 12, 0xcc, RET_STRIDE - 12);
}

/* Code for GROW more; a page is never writable once it may run. In a hit: no waiting. */
static bool grow(void)
{
	u32 from = __atomic_load_n(&ready, __ATOMIC_ACQUIRE);
	u8 *p = ret_code + from * RET_STRIDE;
	bool ok = false;

	if (__atomic_exchange_n(&growing, 1, __ATOMIC_ACQUIRE))
		return false;
	ok = from != __atomic_load_n(&ready, __ATOMIC_ACQUIRE); /* another thread did it */
	if (ok || from >= RET_MAX)
		goto out;
	if (raw3(SYS_mprotect, p, GROW * RET_STRIDE, PROT_READ | PROT_WRITE))
		goto out;
	for (u32 i = 0; i < GROW; i++)
		write_stub(p + i * RET_STRIDE, from + i);
	ok = !raw3(SYS_mprotect, p, GROW * RET_STRIDE, PROT_READ | PROT_EXEC);
	if (ok)
		__atomic_store_n(&ready, from + GROW, __ATOMIC_RELEASE);
out:
	__atomic_store_n(&growing, 0, __ATOMIC_RELEASE);
	return ok;
}

/* code, a page with &patch_return and the unwind information, entries: one mapping */
int ret_init(void)
{
	size_t size = CODE_SIZE + PAGE + RET_MAX * sizeof(struct ret_entry);
	u64 entry = (u64)patch_return;
	long p;

	if (ret_code)
		return 0;
	p = raw6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p < 0 && p >= -MAX_ERRNO)
		return -ENOMEM;
	raw3(SYS_mprotect, p, CODE_SIZE, PROT_NONE);
	ret_code = (u8 *)p;
	ret_entries = (void *)(p + CODE_SIZE + PAGE);
	memcpy(ret_code + CODE_SIZE, &entry, sizeof(entry));
	unwind_make(ret_code + CODE_SIZE + 64);
	if (!raw3(SYS_mprotect, ret_code + CODE_SIZE, PAGE, PROT_READ) && grow())
		return 0;
	ret_code = NULL;
	raw3(SYS_munmap, p, size, 0);
	return -EPERM;
}

/* --- lists --- */

static void push_common(u32 idx)
{
	u64 old = __atomic_load_n(&common, __ATOMIC_ACQUIRE);

	do
		ret_entries[idx].next = (u32)old;
	while (!__atomic_compare_exchange_n(&common, &old, ((old >> 32) + 1) << 32 | (idx + 1),
					    false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
}

static u32 pop_common(void)
{
	u64 old = __atomic_load_n(&common, __ATOMIC_ACQUIRE);
	u32 next;

	do {
		if (!(u32)old)
			return RET_MAX;
		next = READ_ONCE(ret_entries[(u32)old - 1].next);
	} while (!__atomic_compare_exchange_n(&common, &old, ((old >> 32) + 1) << 32 | next, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return (u32)old - 1;
}

static void push_own(struct hit_thread *t, u32 idx)
{
	if (t->ret_nr >= OWN_MAX) {
		push_common(idx);
		return;
	}
	ret_entries[idx].next = t->ret_free;
	t->ret_free = idx + 1;
	t->ret_nr++;
}

static bool is_lost(const struct ret_entry *e, u32 idx)
{
	u64 now;

	if (!__atomic_load_n(&e->site, __ATOMIC_ACQUIRE))
		return false;
	return fault_load64(&now, e->slot) || (now != ret_stub(idx) && now != idx);
}

/* Stubs whose call was left without returning. */
static void sweep(struct hit_thread *t)
{
	u32 found = 0, wait = __atomic_load_n(&until_sweep, __ATOMIC_RELAXED);

	if (wait) {
		__atomic_store_n(&until_sweep, wait - 1, __ATOMIC_RELAXED);
		return;
	}
	if (__atomic_exchange_n(&growing, 1, __ATOMIC_ACQUIRE))
		return;
	for (u32 i = 0; i < RET_MAX; i++) {
		if (!is_lost(&ret_entries[i], i))
			continue;
		ret_entries[i].site = NULL;
		push_own(t, i);
		found++;
	}
	if (found < 64)
		__atomic_store_n(&until_sweep, RETRY, __ATOMIC_RELAXED);
	__atomic_store_n(&growing, 0, __ATOMIC_RELEASE);
}

static u32 fresh(struct hit_thread *t)
{
	u32 first = __atomic_load_n(&next_new, __ATOMIC_ACQUIRE);

	do {
		if (first >= RET_MAX)
			return RET_MAX;
		if (first + BATCH > __atomic_load_n(&ready, __ATOMIC_ACQUIRE) && !grow())
			return RET_MAX;
	} while (!__atomic_compare_exchange_n(&next_new, &first, first + BATCH, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	for (u32 i = BATCH - 1; i; i--)
		push_own(t, first + i);
	return first;
}

static u32 pop(struct hit_thread *t)
{
	u32 idx = t->ret_free;

	if (likely(idx)) {
		t->ret_free = ret_entries[idx - 1].next;
		t->ret_nr--;
		return idx - 1;
	}
	idx = pop_common();
	if (idx == RET_MAX)
		idx = fresh(t);
	if (idx < RET_MAX)
		return idx;
	sweep(t);
	return t->ret_free ? pop(t) : RET_MAX;
}

/* --- calls --- */

bool ret_plant(struct hit_thread *t, struct site *site, u64 *slot)
{
	u32 idx = pop(t);
	struct ret_entry *e = &ret_entries[idx];

	if (idx == RET_MAX)
		return false;
	e->ret = *slot;
	e->slot = slot;
	*slot = ret_stub(idx);
	__atomic_store_n(&e->site, site, __ATOMIC_RELEASE);
	return true;
}

u64 ret_take(struct hit_thread *t, u32 idx, struct site **site)
{
	struct ret_entry *e = &ret_entries[idx];
	u64 ret = e->ret;

	*site = e->site;
	__atomic_store_n(&e->site, NULL, __ATOMIC_RELEASE);
	if (likely(t))
		push_own(t, idx);
	else
		push_common(idx);
	return ret;
}

u64 patch_return_address(u64 value)
{
	u64 code = (u64)ret_code;

	for (u32 i = 0; i < 64 && code && value >= code && value < code + CODE_SIZE; i++)
		value = READ_ONCE(ret_entries[(value - code) / RET_STRIDE].ret);
	return value;
}
