/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patch.c - sites, the hits at each, coming and going. One mutex; hits and signal handlers take none.
 *
 * A punned jump reads its distance from bytes of instructions behind it. When one of these gets, or
 * loses, a jump of its own, the distance changes with it: so a stub is made first at the place the
 * jump will lead to then, or the first site traps instead.
 */
#include <pthread.h>
#include "agent/engine.h"
#include "base/raw.h"

#define ARCH_SHSTK_STATUS 0x5005 /* Linux 6.6 */

#define JMP	   0xe9
#define PREFIX	   0x26 /* a segment that means nothing to a jump */
#define INT3	   0xcc
#define QUIET_MS   1000
#define PAGES_MANY 4096u /* of stubs: from here on jumps that can share one come first */

struct patch {
	struct site *site;
	struct patch_hit hit;
};

struct site_table *patch_sites;
u32 patch_forms = ~0u;

static u32 locked; /* atomic; no mutex of libc, which may take none in a process with one thread */
static bool can_trap, no_lasting_traps;
static u32
	stopped; /* jumps that became traps for their neighbours' sake, since the last look at them */
static u32 left; /* sites without hits that are still patched */

static void lock(void)
{
	while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE))
		raw3(SYS_sched_yield, 0, 0, 0);
}

static void unlock(void)
{
	__atomic_store_n(&locked, 0, __ATOMIC_RELEASE);
}

/* --- the table --- */

struct site *site_find(u64 addr)
{
	struct site_table *t = __atomic_load_n(&patch_sites, __ATOMIC_ACQUIRE);
	struct site *s = NULL;

	if (!t)
		return NULL;
	for (u32 i = site_hash(addr);; i++) {
		s = __atomic_load_n(&t->slot[i & t->mask], __ATOMIC_ACQUIRE);
		if (!s || s->addr == addr)
			return s;
	}
}

static void put_site(struct site_table *t, struct site *s)
{
	u32 i = site_hash(s->addr);

	while (t->slot[i & t->mask])
		i++;
	__atomic_store_n(&t->slot[i & t->mask], s, __ATOMIC_RELEASE);
	t->nr++;
}

/* The old table stays: a signal handler may be reading it. */
static bool grow_table(void)
{
	struct site_table *old = patch_sites, *t;
	u32 size = old ? (old->mask + 1) * 2 : 64;

	if (old && old->nr < (old->mask + 1) / 2)
		return true;
	t = mem_get(sizeof(*t) + size * sizeof(t->slot[0]));
	if (!t)
		return false;
	t->mask = size - 1;
	t->old = old;
	for (u32 i = 0; old && i <= old->mask; i++)
		if (old->slot[i])
			put_site(t, old->slot[i]);
	__atomic_store_n(&patch_sites, t, __ATOMIC_RELEASE);
	return true;
}

static bool is_in_place(const struct site *s)
{
	u8 bytes[JUMP_MAX];

	return !text_read(s->addr, bytes, s->patched) && !memcmp(bytes, s->now, s->patched);
}

/* What is at the address now is none of ours. */
static void forget(struct site *s)
{
	__atomic_store_n(&s->patched, 0, __ATOMIC_RELEASE);
	s->nr_stubs = 0;
	s->many = 0;
	s->is_many = false;
	s->pad = 0;
}

static struct site *get_site(u64 addr, const struct site_plan *plan)
{
	struct site *s = site_find(addr);

	if (!s) {
		if (!grow_table() || !(s = mem_get(sizeof(*s))))
			return NULL;
		s->addr = addr;
		s->plan = *plan;
		put_site(patch_sites, s);
		return s;
	}
	if (s->patched && !is_in_place(s)) /* the mapping was replaced behind our back */
		forget(s);
	if (!s->patched && memcmp(&s->plan, plan, sizeof(*plan))) {
		forget(s); /* another file is there now */
		s->plan = *plan;
	}
	return s;
}

/* --- stubs --- */

/* One of the site's stubs with its code in [lo, hi], made if needed; 0: no place. */
static u64 stub_in(struct site *s, u64 lo, u64 hi)
{
	u64 at;

	for (u32 i = 0; i < s->nr_stubs; i++)
		if (s->stubs[i] >= lo && s->stubs[i] <= hi)
			return s->stubs[i];
	if (s->nr_stubs == STUBS_MAX)
		return 0;
	at = near_alloc(lo, hi, s->addr, STUB_MAX);
	if (!at || stub_write(s, at, false))
		return 0;
	s->stubs[s->nr_stubs++] = at;
	return at;
}

/* Where a jump at @addr can lead when so many of its bytes may be chosen and the rest are @bytes. */
static void reach(u64 addr, const u8 *bytes, u32 chosen, u64 *lo, u64 *hi)
{
	u32 fixed = 0, low = chosen > 1 ? (u32)(1ull << 8 * (chosen - 1)) - 1 : 0;

	if (chosen == JUMP_LEN) {
		*lo = addr > 0x7ffff000 ? addr - 0x7ffff000 : 1; /* 0: nowhere */
		*hi = addr + 0x7ffff000;
		return;
	}
	memcpy(&fixed, bytes + 1, 4);
	*lo = addr + JUMP_LEN + (s64)(s32)(fixed & ~low);
	*hi = *lo + low;
	if ((s64)*lo < 0)
		*lo = *hi = 0; /* below zero */
}

static void make_jump(u8 *now, u64 addr, u32 pad, u64 to)
{
	u32 rel = (u32)(to - addr - pad - JUMP_LEN);

	memset(now, PREFIX, pad);
	now[pad] = JMP;
	memcpy(now + pad + 1, &rel, 4);
}

/* --- neighbours --- */

static int ready_neighbours(u64 at, const u8 *was, const u8 *now, u32 len);

/* A jump becomes a trap, which reads nothing behind it. */
static int stop_punning(struct site *s)
{
	const u8 int3 = INT3;
	int err;

	if (!can_trap || no_lasting_traps || text_trap_kills())
		return -EADDRNOTAVAIL;
	err = ready_neighbours(s->addr, s->now, &int3, 1);
	if (!err)
		err = text_exchange(s->addr, s->now, &int3, 1, 0, true);
	text_settle(); /* what comes next changes what the jump read */
	if (!err) {
		s->now[0] = INT3;
		stopped++;
	}
	return err;
}

/* Byte @i of the jump will be @value, in one step: it has a stub where it leads then. */
static int move_stub(struct site *s, u64 i, u8 value)
{
	u8 bytes[JUMP_MAX];
	u64 lo, hi;

	if (text_read(s->addr, bytes, s->pad + JUMP_LEN))
		return -EFAULT;
	bytes[i] = value;
	reach(s->addr + s->pad, bytes + s->pad, 1, &lo, &hi);
	return stub_in(s, lo, hi) ? 0 : -EADDRNOTAVAIL;
}

/* @len bytes at @at, behind the jump of @s, will change. */
static int ready_neighbour(struct site *s, u64 at, u8 first, u32 len)
{
	if (at < s->addr + s->patched)
		return -EADDRNOTAVAIL; /* its own bytes: two probes in one instruction */
	/* several bytes change one after the other, with a trap in between */
	if (len == 1 && !move_stub(s, at - s->addr, first))
		return 0;
	return stop_punning(s);
}

/* The @len bytes at @at will change from @was to @now: jumps that read them are prepared. From the nearest
 * on, as what they become the next ones read. */
static int ready_neighbours(u64 at, const u8 *was, const u8 *now, u32 len)
{
	int err = 0;

	if (len == 1 && was[0] == now[0])
		return 0;
	for (u64 addr = at - 1; !err && addr > at - JUMP_MAX; addr--) {
		struct site *s = site_find(addr);

		if (s && s->patched && s->now[0] != INT3 && at < addr + s->pad + JUMP_LEN)
			err = ready_neighbour(s, at, now[0], len);
	}
	return err;
}

/* The trap becomes a jump again where that leads to a stub. */
static void pun_again(struct site *s)
{
	const u8 first = s->pad ? PREFIX : JMP;
	u8 bytes[JUMP_MAX];
	u64 lo, hi;

	if (text_read(s->addr, bytes, s->pad + JUMP_LEN))
		return;
	reach(s->addr + s->pad, bytes + s->pad, 1, &lo, &hi);
	if (!stub_in(s, lo, hi) || ready_neighbours(s->addr, s->now, &first, 1))
		return;
	if (!text_exchange(s->addr, s->now, &first, 1, 0, true))
		s->now[0] = first;
}

static void pun_all_again(void)
{
	struct site_table *t = patch_sites;

	if (!stopped || !(patch_forms & ~FORM_TRAP))
		return;
	stopped = 0;
	text_settle();
	for (u32 i = 0; i <= t->mask; i++)
		if (t->slot[i] && t->slot[i]->patched && t->slot[i]->now[0] == INT3)
			pun_again(t->slot[i]);
}

/* --- code --- */

/* Where instructions begin that the jump covers, when it covers any. */
static u32 inner_of(const struct site *s)
{
	u32 bits = 0, at = s->plan.insn.len;

	for (u32 i = 0; i < s->plan.nr_more; at += s->plan.more[i++].len)
		bits |= 1u << at;
	return bits;
}

static u32 inner_bits(const struct site *s)
{
	return s->is_many ? inner_of(s) : 0;
}

/* @now: JUMP_MAX bytes, the first @len of which may differ. */
static int change(struct site *s, const u8 *now, u32 len, u32 pad)
{
	int err;

	while (len > 1 && s->was[len - 1] == now[len - 1])
		len--;
	for (u32 i = 1; i < len; i++) { /* a probe inside of this instruction */
		struct site *inside = site_find(s->addr + i);

		if (inside && inside->patched)
			return -EADDRNOTAVAIL;
	}
	err = ready_neighbours(s->addr, s->was, now, len);
	if (err)
		return err;
	memcpy(s->now, now, JUMP_MAX);
	s->pad = pad;
	__atomic_store_n(&s->patched, len, __ATOMIC_RELEASE);
	err = text_exchange(s->addr, s->was, now, len, inner_bits(s), can_trap);
	if (err) {
		__atomic_store_n(&s->patched, 0, __ATOMIC_RELEASE);
		s->pad = 0;
	}
	return err;
}

/* A jump of which @chosen bytes change, the first @pad of them being prefixes: they move the bytes that the
 * distance is read from. */
static int install_jump(struct site *s, u32 chosen, u32 pad)
{
	u8 now[JUMP_MAX];
	u64 lo, hi, at;

	reach(s->addr + pad, s->was + pad, chosen - pad, &lo, &hi);
	at = lo ? stub_in(s, lo, hi) : 0;
	if (!at)
		return -EADDRNOTAVAIL;
	memcpy(now, s->was, JUMP_MAX);
	make_jump(now, s->addr, pad, at);
	__atomic_store_n(&s->stub, at, __ATOMIC_RELEASE);
	return change(s, now, chosen, pad);
}

static int install_trap(struct site *s)
{
	u64 lo, hi, at;
	u8 now[JUMP_MAX];

	if (!can_trap || no_lasting_traps || text_trap_kills())
		return -EADDRNOTAVAIL;
	reach(s->addr, s->was, JUMP_LEN, &lo, &hi);
	at = stub_in(s, lo, hi);
	if (!at)
		return -EADDRNOTAVAIL;
	__atomic_store_n(&s->stub, at, __ATOMIC_RELEASE);
	memcpy(now, s->was, JUMP_MAX);
	now[0] = INT3;
	return change(s, now, 1, 0);
}

/* A place for the stub of all instructions: an int3 is to stand in the jump's distance where each begins. Free bytes
 * below the first of these are a window, the highest of the others runs through its values, from near
 * to far. */
static u64 many_stub(struct site *s)
{
	u32 inner = inner_of(s), low = 1, top = JUMP_LEN - 1;

	while (low < JUMP_LEN && !(inner & 1u << low))
		low++;
	while (top > low && (inner & 1u << top))
		top--;
	for (u32 i = 0; i < 256; i++) {
		u8 bytes[JUMP_LEN] = {JMP, 0x40, 0x40, 0x40, 0x40};
		u64 lo, hi, at;

		bytes[top] = (u8)(i & 1 ? i >> 1 : 255 - (i >> 1));
		for (u32 j = 1; j < JUMP_LEN; j++)
			if (inner & 1u << j)
				bytes[j] = INT3;
		reach(s->addr, bytes, low, &lo, &hi);
		at = lo ? near_alloc(lo, hi, s->addr, STUB_MANY_MAX) : 0;
		if (at)
			return stub_write(s, at, true) ? 0 : at;
		if (top <= low)
			break;
	}
	return 0;
}

/* A jump that covers instructions behind the first. Threads that stand there, and branches nobody knows of, meet
 * an int3, and go on in the stub. */
static int install_many(struct site *s)
{
	u8 now[JUMP_MAX];
	int err;

	if (!s->plan.nr_more || !can_trap || text_trap_kills())
		return -EADDRNOTAVAIL;
	for (u32 i = 0, at = s->plan.insn.len; i < s->plan.nr_more; at += s->plan.more[i++].len)
		if (memcmp(s->was + at, s->plan.more[i].bytes,
			   min((u32)s->plan.more[i].len, JUMP_LEN - at)))
			return -EADDRNOTAVAIL; /* not what the plan says: a neighbour's jump */
	if (!s->many)
		s->many = many_stub(s);
	if (!s->many)
		return -EADDRNOTAVAIL;
	memcpy(now, s->was, JUMP_MAX);
	make_jump(now, s->addr, 0, s->many);
	__atomic_store_n(&s->stub, s->many, __ATOMIC_RELEASE);
	__atomic_store_n(&s->is_many, true, __ATOMIC_RELEASE);
	err = change(s, now, JUMP_LEN, 0);
	if (err)
		__atomic_store_n(&s->is_many, false, __ATOMIC_RELEASE);
	return err;
}

/* Jumps with prefixes. */
static int install_padded(struct site *s, u32 may_change)
{
	u32 most = min(may_change, JUMP_MAX);
	int err = -EADDRNOTAVAIL;

	if (text_read(s->addr, s->was, JUMP_MAX))
		return err;
	for (u32 pad = 1; err == -EADDRNOTAVAIL && pad <= PAD_MAX && pad < most; pad++)
		err = install_jump(s, min(most, pad + JUMP_LEN - 1), pad);
	return err;
}

static int install(struct site *s)
{
	/* of this instruction, before anything the file branches to */
	u32 may_change = min(s->plan.free, s->plan.insn.len), most = min(may_change, JUMP_LEN);
	bool whole;
	int err;

	memset(s->was, 0, sizeof(s->was));
	whole = !text_read(s->addr, s->was, JUMP_LEN);
	if (!whole) { /* the mapping ends: only a jump of the instruction's own bytes */
		if (text_read(s->addr, s->was, min(s->plan.insn.len, JUMP_LEN)))
			return -EFAULT;
	}
	for (u32 i = 1; i < JUMP_MAX; i++)
		if (site_find(s->addr + i))
			text_settle(); /* the jump reads what that one has changed */
	for (u32 i = whole ? 1 : JUMP_LEN; i <= most; i++) {
		u32 n = near_pages() < PAGES_MANY || !whole ? i : most + 1 - i;

		err = patch_forms & 1u << n ? install_jump(s, n, 0) : -EADDRNOTAVAIL;
		if (err != -EADDRNOTAVAIL)
			return err;
	}
	err = whole && (patch_forms & FORM_PAD) ? install_padded(s, may_change) : -EADDRNOTAVAIL;
	if (err != -EADDRNOTAVAIL)
		return err;
	err = whole && (patch_forms & FORM_MANY) ? install_many(s) : -EADDRNOTAVAIL;
	if (err != -EADDRNOTAVAIL)
		return err;
	return patch_forms & FORM_TRAP ? install_trap(s) : -EADDRNOTAVAIL;
}

static int uninstall(struct site *s)
{
	u32 len = s->patched;
	int err;

	if (!is_in_place(s)) {
		forget(s);
		return -EFAULT;
	}
	err = ready_neighbours(s->addr, s->now, s->was, len);
	if (err)
		return err;
	err = text_exchange(s->addr, s->now, s->was, len, inner_bits(s), can_trap);
	if (err)
		return err;
	__atomic_store_n(&s->patched, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&s->is_many, false, __ATOMIC_RELEASE);
	s->pad = 0;
	return 0;
}

/* --- hits --- */

static u32 nr_hits(const struct hits *h)
{
	return h ? h->nr_entry + h->nr_ret : 0;
}

/* With one more at the end of its kind; NULL: no memory. */
static struct hits *hits_with(const struct hits *old, struct patch *p)
{
	u32 nr = nr_hits(old), at = p->hit.ret ? nr : old ? old->nr_entry : 0;
	struct hits *h = mem_get(sizeof(*h) + (nr + 1) * sizeof(h->row[0]));

	if (!h)
		return NULL;
	h->nr_entry = (old ? old->nr_entry : 0) + !p->hit.ret;
	h->nr_ret = (old ? old->nr_ret : 0) + p->hit.ret;
	for (u32 i = 0; i < nr; i++)
		h->row[i + (i >= at)] = old->row[i];
	h->row[at] = (struct hit_row){p->hit.fn, p->hit.arg, p};
	return h;
}

static void hit_nothing(void *arg, struct pt_regs *regs) {}

/* Without @p; *@out is NULL when none is left. -ENOMEM: @p's row does nothing from now on. */
static int hits_without(struct hits *old, struct patch *p, struct hits **out)
{
	u32 nr = nr_hits(old), at = 0;
	struct hits *h;

	*out = NULL;
	while (at < nr && old->row[at].owner != p)
		at++;
	if (nr <= 1)
		return 0;
	h = mem_get(sizeof(*h) + (nr - 1) * sizeof(h->row[0]));
	if (!h) {
		__atomic_store_n(&old->row[at].fn, hit_nothing, __ATOMIC_RELEASE);
		return -ENOMEM;
	}
	h->nr_entry = old->nr_entry - !p->hit.ret;
	h->nr_ret = old->nr_ret - p->hit.ret;
	for (u32 i = 0; i < nr - 1; i++)
		h->row[i] = old->row[i + (i >= at)];
	*out = h;
	return 0;
}

/* --- from outside --- */

static void before_fork(void)
{
	lock();
}

static void after_fork_parent(void)
{
	unlock();
}

static void after_fork_child(void)
{
	thread_after_fork();
	unlock();
}

/* At the library's start: later the caller may be a thread that libc does not know of. */
__attribute__((constructor)) static void init(void)
{
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

/* A shadow stack wants every return to have its call; here some have none. */
static bool has_shadow_stack(void)
{
	u64 features = 0;

	return !raw3(SYS_arch_prctl, ARCH_SHSTK_STATUS, &features, 0) && features;
}

int patch_init(void)
{
	if (has_shadow_stack())
		return -EOPNOTSUPP;
	thread_init();
	return 0;
}

void patch_can_trap(bool yes)
{
	lock();
	can_trap = yes;
	unlock();
}

void patch_lasting_traps(bool yes)
{
	lock();
	no_lasting_traps = !yes;
	unlock();
}

static int check(const struct patch_req *r)
{
	if (!site_plan_valid(r->plan))
		return -EINVAL;
	if (!r->hit.ret)
		return 0;
	if (r->plan->flags & SITE_F_NO_RETURN_PROBE)
		return -EOPNOTSUPP;
	return r->plan->flags & SITE_F_ENTRY ? ret_init() : -EINVAL;
}

/* The memory has the plan's bytes, our own jump aside. */
static int check_bytes(const struct site *s, const struct site_plan *plan)
{
	u8 bytes[SITE_INSN_MAX];

	if (text_read(s->addr, bytes, plan->insn.len))
		return -EFAULT;
	if (s->patched)
		memcpy(bytes, s->was, min(s->patched, (u32)plan->insn.len));
	return memcmp(bytes, plan->insn.bytes, plan->insn.len) ? -EILSEQ : 0;
}

/* Gives back the bytes of @addr where a jump covers them: that becomes a trap. */
static int uncover(u64 addr)
{
	for (u32 i = 1; i < JUMP_LEN; i++) {
		struct site *s = site_find(addr - i);
		u8 now[JUMP_MAX];
		u64 lo, hi, at;
		int err;

		if (!s || !s->is_many || i < s->plan.insn.len)
			continue;
		reach(s->addr, s->was, JUMP_LEN, &lo, &hi);
		at = stub_in(s, lo, hi);
		if (!at)
			return -EADDRNOTAVAIL;
		memcpy(now, s->was, JUMP_MAX);
		now[0] = INT3;
		err = ready_neighbours(s->addr, s->now, now, s->patched);
		if (!err)
			err = text_exchange(s->addr, s->now, now, s->patched, inner_bits(s),
					    can_trap);
		if (err)
			return err;
		__atomic_store_n(&s->stub, at, __ATOMIC_RELEASE);
		__atomic_store_n(&s->is_many, false, __ATOMIC_RELEASE);
		__atomic_store_n(&s->patched, 1, __ATOMIC_RELEASE);
		memcpy(s->now, now, JUMP_MAX);
		stopped++;
	}
	return 0;
}

static int add(struct patch_req *r, struct hits **garbage)
{
	struct hits *old, *h;
	struct patch *p;
	struct site *s;
	int err = check(r);

	if (err)
		return err;
	s = get_site((u64)r->addr, r->plan);
	p = mem_get(sizeof(*p));
	if (!s || !p) {
		mem_put(p);
		return -ENOMEM;
	}
	*p = (struct patch){s, r->hit};
	old = s->hits;
	err = uncover(s->addr);
	if (!err)
		err = check_bytes(s, r->plan);
	h = err ? NULL : hits_with(old, p);
	if (!h) {
		mem_put(p);
		return err ? err : -ENOMEM;
	}
	__atomic_store_n(&s->hits, h, __ATOMIC_RELEASE);
	if (!s->patched && (err = install(s))) {
		__atomic_store_n(&s->hits, old, __ATOMIC_RELEASE);
		mem_put(h);
		mem_put(p);
		return err;
	}
	*garbage = old;
	r->patch = p;
	return 0;
}

static void del(struct patch_req *r, struct hits **garbage)
{
	struct patch *p = r->patch;
	struct site *s = p->site;
	struct hits *h;

	r->err = 0;
	*garbage = NULL;
	if (!hits_without(s->hits, p, &h)) {
		*garbage = s->hits;
		__atomic_store_n(&s->hits, h, __ATOMIC_RELEASE);
	}
	if (!h && !*garbage)
		return; /* no memory: the row stays, and does nothing */
	if (!s->hits && s->patched)
		r->err = uninstall(s) == -EFAULT ? -EFAULT : 0;
	left += !s->hits && s->patched;
}

/* Sites whose bytes could not be restored as long as a neighbour's jump read them. */
static void take_out_left(void)
{
	struct site_table *t = patch_sites;
	u32 before;

	for (before = left + 1; left && left < before;) {
		before = left;
		left = 0;
		for (u32 i = 0; i <= t->mask; i++) {
			struct site *s = t->slot[i];

			if (s && s->patched && !s->hits)
				left += uninstall(s) && s->patched;
		}
	}
}

/* Frees what hits may have been reading, and says whether they are through. */
static bool settle(struct hits **garbage, u32 nr)
{
	bool quiet = thread_quiesce(QUIET_MS);

	for (u32 i = 0; i < nr && quiet; i++)
		mem_put(garbage[i]);
	mem_put(garbage);
	return quiet;
}

int patch_add_many(struct patch_req *reqs, u32 nr)
{
	struct hits **garbage;
	bool any = false;
	int first = patch_init();

	for (u32 i = 0; first && i < nr; i++)
		reqs[i] = (struct patch_req){reqs[i].addr, reqs[i].plan, reqs[i].hit, NULL, first};
	if (first)
		return first;
	lock();
	garbage = mem_get(nr * sizeof(*garbage));
	if (!garbage) {
		unlock();
		return -ENOMEM;
	}
	for (u32 i = 0; i < nr; i++) {
		reqs[i].patch = NULL;
		reqs[i].err = add(&reqs[i], &garbage[i]);
		any |= garbage[i] != NULL;
		first = first ? first : reqs[i].err;
	}
	pun_all_again();
	near_forget();
	text_done();
	if (any)
		settle(garbage, nr);
	else
		mem_put(garbage);
	unlock();
	return first;
}

int patch_del_many(struct patch_req *reqs, u32 nr)
{
	struct hits **garbage, *one = NULL;
	int first = 0;
	bool quiet;

	lock();
	garbage = mem_get(nr * sizeof(*garbage));
	for (u32 i = 0; i < nr; i++) /* without memory for the list, what hits read is lost */
		del(&reqs[i], garbage ? &garbage[i] : &one);
	take_out_left();
	pun_all_again();
	near_forget();
	text_done();
	quiet = settle(garbage, garbage ? nr : 0);
	for (u32 i = 0; i < nr; i++) {
		mem_put(reqs[i].patch);
		if (!quiet)
			reqs[i].err = -EBUSY;
		first = first ? first : reqs[i].err;
	}
	unlock();
	return first;
}

int patch_add(void *addr, const struct site_plan *plan, const struct patch_hit *hit,
	      struct patch **out)
{
	struct patch_req req = {.addr = addr, .plan = plan, .hit = *hit};
	int err = patch_add_many(&req, 1);

	*out = req.patch;
	return err;
}

int patch_del(struct patch *p)
{
	struct patch_req req = {.patch = p};

	return patch_del_many(&req, 1);
}

void patch_unmapped(u64 start, u64 end)
{
	struct site_table *t;

	lock();
	t = patch_sites;
	for (u32 i = 0; t && i <= t->mask; i++) {
		struct site *s = t->slot[i];

		if (!s || s->addr < start || s->addr >= end)
			continue;
		forget(s);
	}
	unlock();
}
