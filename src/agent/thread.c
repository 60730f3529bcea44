/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.c - what a thread has: a stack for hits, whether it is in one, room for vector registers.
 *
 * Made at the first hit, in one mapping: guard page, stack, struct hit_thread, vector registers.
 * They are listed for ever; one whose thread is dead is given to a new thread, which looks at a few of them.
 */
#include <cpuid.h>
#include <signal.h>
#include <time.h>
#include "agent/engine.h"
#include "base/raw.h"

#define LOOK_AT	   8u
#define STATE_ROOM (16ul << 10)
/* x87, SSE, AVX, AVX-512: what compiled C may use */
#define VECTORS 0xe7u

__thread struct hit_thread *hit_thread
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

static struct hit_thread *all;	  /* atomic */
static struct hit_thread *cursor; /* atomic: the next one to look at */
static u64 missed;		  /* atomic: of threads without state */
static s32 our_pid;		  /* atomic: after a fork that nobody told us about it is another */

struct hit_thread *thread_all(void)
{
	return __atomic_load_n(&all, __ATOMIC_ACQUIRE);
}

static bool is_dead(s32 tid)
{
	return raw3(SYS_tgkill, raw_getpid(), tid, 0) == -ESRCH;
}

static struct hit_thread *take_dead(s32 self)
{
	struct hit_thread *t = __atomic_load_n(&cursor, __ATOMIC_ACQUIRE);

	if (__atomic_load_n(&our_pid, __ATOMIC_RELAXED) != raw_getpid())
		return NULL;
	for (u32 i = 0; i < LOOK_AT; i++) {
		s32 tid;

		if (!t && !(t = thread_all()))
			return NULL;
		tid = __atomic_load_n(&t->tid, __ATOMIC_ACQUIRE);
		if ((tid == self || is_dead(tid)) &&
		    __atomic_compare_exchange_n(&t->tid, &tid, self, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			break;
		t = t->next;
		if (i == LOOK_AT - 1) {
			__atomic_store_n(&cursor, t, __ATOMIC_RELEASE);
			return NULL;
		}
	}
	__atomic_store_n(&cursor, t->next, __ATOMIC_RELEASE);
	t->busy = 0;
	t->vectors = t->on_own = false;
	return t;
}

static struct hit_thread *make(s32 self)
{
	long p = raw6(SYS_mmap, 0, PAGE + HIT_STACK + STATE_ROOM, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	struct hit_thread *t;

	if (p < 0 && p >= -MAX_ERRNO)
		return NULL;
	raw3(SYS_mprotect, p, PAGE, PROT_NONE);
	t = (void *)(p + PAGE + HIT_STACK);
	t->stack = (u64)t;
	t->stack_low = (u64)p;
	t->xsave = (u8 *)t + round_up(sizeof(*t), 64);
	t->tid = self;
	t->next = thread_all();
	while (!__atomic_compare_exchange_n(&all, &t->next, t, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_ACQUIRE))
		;
	return t;
}

struct hit_thread *thread_get(void)
{
	/* errno itself is a call that the compiler may make at any time */
	int *(*volatile where)(void) = __errno_location;
	s32 self = (s32)raw3(SYS_gettid, 0, 0, 0);
	struct hit_thread *t = take_dead(self);

	if (!t)
		t = make(self);
	if (!t)
		return NULL;
	/* libc is asked, which may be probed: whatever it hits is missed */
	t->outer_sp = UINT64_MAX;
	t->on_own = true;
	t->busy = 1;
	hit_thread = t;
	asm volatile("" ::: "memory");
	t->err = where();
	asm volatile("" ::: "memory");
	t->busy = 0;
	t->on_own = false;
	return t;
}

void thread_init(void)
{
	__atomic_store_n(&our_pid, raw_getpid(), __ATOMIC_RELAXED);
}

void thread_after_fork(void)
{
	thread_init();
	if (hit_thread)
		__atomic_store_n(&hit_thread->tid, (s32)raw3(SYS_gettid, 0, 0, 0),
				 __ATOMIC_RELEASE);
}

static bool on_alternate_stack(void)
{
	stack_t ss;

	return raw3(SYS_sigaltstack, NULL, &ss, 0) || (ss.ss_flags & SS_ONSTACK);
}

enum hit_inside thread_inside(struct hit_thread *t, u64 sp)
{
	if ((sp >= t->stack_low && sp < t->stack) || on_alternate_stack())
		return HIT_RECURSION;
	if (sp > t->outer_sp) {
		t->vectors = t->on_own = false;
		return HIT_ABANDONED;
	}
	if (t->on_own)
		return HIT_RECURSION;
	t->vectors = false;
	return HIT_INTERRUPTED;
}

void thread_miss(struct hit_thread *t)
{
	if (t)
		t->missed++;
	else
		__atomic_fetch_add(&missed, 1, __ATOMIC_RELAXED);
}

u64 patch_missed(void)
{
	u64 sum = __atomic_load_n(&missed, __ATOMIC_RELAXED);

	for (struct hit_thread *t = thread_all(); t; t = t->next)
		sum += READ_ONCE(t->missed);
	return sum;
}

/* --- the end of hits --- */

static bool over(struct hit_thread *t, u32 seq)
{
	return !__atomic_load_n(&t->busy, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&t->seq, __ATOMIC_ACQUIRE) != seq ||
	       is_dead(__atomic_load_n(&t->tid, __ATOMIC_ACQUIRE));
}

bool thread_quiesce(u32 ms)
{
	u32 left = ms * 10;

	text_sync(); /* from here on hits see what was changed, or we see them */
	for (struct hit_thread *t = thread_all(); t; t = t->next) {
		u32 seq = __atomic_load_n(&t->seq, __ATOMIC_ACQUIRE);

		while (!over(t, seq)) {
			struct timespec nap = {.tv_nsec = 100000};

			if (!left)
				return false;
			left--;
			raw3(SYS_nanosleep, &nap, 0, 0);
		}
	}
	return true;
}

/* --- vector registers --- */

/* How this CPU saves them: 0 not known yet. */
enum { BY_XSAVEC = 1, BY_XSAVE, BY_FXSAVE };

static int save_by(void)
{
	static int how;
	u32 a, b, c, d;

	if (likely(how))
		return how;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		how = BY_FXSAVE;
	else if (__get_cpuid_count(13, 1, &a, &b, &c, &d) && (a & 2))
		how = BY_XSAVEC;
	else
		how = BY_XSAVE;
	return how;
}

void patch_save_vectors(void)
{
	struct hit_thread *t = hit_thread;

	if (!t || !t->busy || t->vectors)
		return;
	switch (save_by()) {
	case BY_XSAVEC:
		asm volatile("xsavec64 (%0)" ::"r"(t->xsave), "a"(VECTORS), "d"(0) : "memory");
		break;
	case BY_XSAVE:
		asm volatile("xsave64 (%0)" ::"r"(t->xsave), "a"(VECTORS), "d"(0) : "memory");
		break;
	default: asm volatile("fxsave64 (%0)" ::"r"(t->xsave) : "memory");
	}
	t->vectors = true;
}

void thread_restore_vectors(struct hit_thread *t)
{
	t->vectors = false;
	if (save_by() == BY_FXSAVE)
		asm volatile("fxrstor64 (%0)" ::"r"(t->xsave) : "memory");
	else
		asm volatile("xrstor64 (%0)" ::"r"(t->xsave), "a"(VECTORS), "d"(0) : "memory");
}
