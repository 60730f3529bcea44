// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent_time.c - samples of the time that this process's threads use: a timer of CPU time per thread
 * and period, whose signal runs the programs where the thread is. The kernel looks at such timers at its
 * tick: the periods that went by since are that many samples of one place.
 *
 * Both clocks of perf tick only while a thread runs, as seen from the thread. Who asks for one CPU's time gets
 * the samples of threads that are on that CPU.
 *
 * The signal is one that nobody uses. A system call that it ends with EINTR though it said SA_RESTART
 * (poll, sleep) is made again.
 */
#include <dirent.h>
#include <time.h>
#include <ucontext.h>
#include "agent/patch.h"
#include "base/raw.h"
#include "shim/agent.h"
#include "shim/agent_probe.h"
#include "shim/shim.h"

#define THREADS	      4096u
#define PERIODS	      8u
#define OVERRUNS      100
#define LOOK_MS	      50		  /* for new threads */
#define MAGIC	      0x75627066u	  /* of our signals, in the upper half of their value */
#define CLOCK_OF(tid) ((~(tid) << 3) | 6) /* CPU time of a thread, as clock ids have it */

struct thread_timer {
	u32 tid; /* 0: free */
	s32 id[PERIODS];
	bool seen;
};

struct sample_list {
	u32 nr;
	struct agent_probe *p[];
};

static struct {
	struct sample_list *list; /* atomic; what ticks read */
	u64 period[PERIODS];	  /* ns */
	u32 nr;
	struct thread_timer *threads;
} state;

static u64 period_of(const struct agent_probe *p)
{
	u64 ns = p->m.flags & MSG_PROBE_FREQ ? p->m.period ? 1000000000ull / p->m.period : 0
					     : p->m.period;

	return max(ns, 100000ull);
}

/* --- ticks --- */

#if defined(__x86_64__)

struct sample_ctx {
	struct pt_regs regs;
	u64 sample_period, addr;
};

static void fill(struct sample_ctx *c, const ucontext_t *uc, u64 period)
{
	const greg_t *g = uc->uc_mcontext.gregs;

	memset(c, 0, sizeof(*c));
	c->regs = (struct pt_regs){.r15 = g[REG_R15],
				   .r14 = g[REG_R14],
				   .r13 = g[REG_R13],
				   .r12 = g[REG_R12],
				   .rbp = g[REG_RBP],
				   .rbx = g[REG_RBX],
				   .r11 = g[REG_R11],
				   .r10 = g[REG_R10],
				   .r9 = g[REG_R9],
				   .r8 = g[REG_R8],
				   .rax = g[REG_RAX],
				   .rcx = g[REG_RCX],
				   .rdx = g[REG_RDX],
				   .rsi = g[REG_RSI],
				   .rdi = g[REG_RDI],
				   .rip = g[REG_RIP],
				   .rsp = g[REG_RSP],
				   .eflags = g[REG_EFL],
				   .orig_rax = -1,
				   .cs = 0x33,
				   .ss = 0x2b};
	c->sample_period = period;
}

/* mov $number, %eax; syscall, which says EINTR because of us: once more. */
static void make_again(ucontext_t *uc)
{
	greg_t *g = uc->uc_mcontext.gregs;
	u8 code[7];

	if (g[REG_RAX] != -EINTR || fault_copy(code, (void *)(g[REG_RIP] - 7), sizeof(code)))
		return;
	if (code[5] == 0x0f && code[6] == 0x05 && (code[0] == 0xb8 || code[0] == 0xe9))
		g[REG_RIP] -= 7;
}

static void run_samples(ucontext_t *uc, u64 period)
{
	const struct sample_list *l;
	struct bpf_perf_event_value value = {
		.counter = period, .enabled = period, .running = period};
	struct sample_ctx ctx;
	struct exec_regs user;
	u32 cpu = 0, slot;

	if (!hit_begin(&slot))
		return;
	raw3(SYS_getcpu, &cpu, NULL, NULL);
	l = __atomic_load_n(&state.list, __ATOMIC_ACQUIRE);
	for (u32 i = 0; l && i < l->nr; i++) {
		struct agent_probe *p = l->p[i];

		if (period_of(p) != period || (p->m.cpu >= 0 && (u32)p->m.cpu != cpu) ||
		    (p->m.tid && (s32)p->m.tid != raw3(SYS_gettid, 0, 0, 0)))
			continue;
		fill(&ctx, uc, period);
		user = (struct exec_regs){ctx.regs.rip, ctx.regs.rsp, ctx.regs.rbp};
		hit_exec_perf(&p->hit, &ctx, &user, &value);
	}
	hit_end(slot);
}

#else

static void make_again(ucontext_t *uc) {}

static void run_samples(ucontext_t *uc, u64 period) {}

#endif

bool agent_time_tick(const siginfo_t *info, void *uc)
{
	u64 value = (u64)info->si_value.sival_ptr;
	u32 n = (u32)value;

	if (info->si_code != SI_TIMER || value >> 32 != MAGIC)
		return false;
	for (s32 i = min(info->si_overrun, OVERRUNS); i >= 0; i--)
		if (n < PERIODS && state.period[n])
			run_samples(uc, state.period[n]);
	make_again(uc);
	return true;
}

/* --- timers --- */

static void arm(struct thread_timer *t, u32 n)
{
	struct {
		u64 value;
		s32 signo, notify, tid, pad[11];
	} ev = {.value = (u64)MAGIC << 32 | n,
		.signo = AGENT_TIME_SIGNAL,
		.notify = 4 /* SIGEV_THREAD_ID */,
		.tid = (s32)t->tid};
	u64 ns = state.period[n];
	struct itimerspec its = {.it_interval = {ns / 1000000000, ns % 1000000000}};

	its.it_value = its.it_interval;
	t->id[n] = -1;
	if (raw3(SYS_timer_create, CLOCK_OF((s32)t->tid), &ev, &t->id[n]))
		t->id[n] = -1;
	else
		raw4(SYS_timer_settime, t->id[n], 0, &its, NULL);
}

static void disarm(struct thread_timer *t)
{
	for (u32 i = 0; i < PERIODS; i++)
		if (t->id[i] >= 0)
			raw3(SYS_timer_delete, t->id[i], 0, 0);
	t->tid = 0;
}

static void see_thread(u32 tid)
{
	struct thread_timer *t = NULL;

	for (u32 i = 0; i < THREADS; i++) {
		if (state.threads[i].tid == tid) {
			state.threads[i].seen = true;
			return;
		}
		if (!state.threads[i].tid) {
			t = &state.threads[i];
			break; /* they are kept together */
		}
	}
	if (!t || tid == (u32)raw3(SYS_gettid, 0, 0, 0))
		return;
	*t = (struct thread_timer){.tid = tid, .seen = true};
	for (u32 i = 0; i < PERIODS; i++)
		t->id[i] = -1;
	for (u32 i = 0; i < state.nr; i++)
		arm(t, i);
}

static void look_at_threads(void)
{
	int fd = raw_openat(AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	char buf[4096] __attribute__((aligned(8)));
	long n;

	if (fd < 0)
		return;
	while ((n = raw3(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			const struct dirent64 *e = (void *)(buf + at);
			u32 tid = 0;

			for (const char *c = e->d_name; *c >= '0' && *c <= '9'; c++)
				tid = tid * 10 + (u32)(*c - '0');
			if (tid)
				see_thread(tid);
			at += e->d_reclen;
		}
	}
	raw_close(fd);
}

u32 agent_time_look(void)
{
	u32 last = 0;

	if (!state.nr || !state.threads)
		return 0;
	for (u32 i = 0; i < THREADS && state.threads[i].tid; i++) {
		state.threads[i].seen = false;
		last = i + 1;
	}
	look_at_threads();
	for (u32 i = last; i-- > 0;) {
		struct thread_timer *t = &state.threads[i];
		u32 end = last;

		if (t->seen)
			continue;
		disarm(t);
		while (end < THREADS && state.threads[end].tid)
			end++;
		if (end - 1 != i) { /* the last one takes its place */
			*t = state.threads[end - 1];
			state.threads[end - 1].tid = 0;
		}
	}
	return LOOK_MS;
}

static void stop_all(void)
{
	for (u32 i = 0; state.threads && i < THREADS && state.threads[i].tid; i++)
		disarm(&state.threads[i]);
	memset(state.period, 0, sizeof(state.period));
	state.nr = 0;
}

static void add_period(u64 ns)
{
	for (u32 i = 0; i < state.nr; i++)
		if (state.period[i] == ns)
			return;
	if (state.nr < PERIODS)
		state.period[state.nr++] = ns;
}

static bool is_sample(const struct agent_probe *p)
{
	return p->m.kind == PROBE_SAMPLE && !p->orphan;
}

static bool same(const struct sample_list *l, struct agent_probe *all)
{
	u32 n = 0;

	for (struct agent_probe *p = all; p; p = p->next) {
		if (!is_sample(p))
			continue;
		if (!l || n == l->nr || l->p[n] != p)
			return false;
		n++;
	}
	return n == (l ? l->nr : 0);
}

void agent_time_place(struct agent_probe *all)
{
	struct sample_list *old = state.list, *l = NULL;
	u32 n = 0;

	if (same(old, all))
		return;
	stop_all();
	if (!state.threads) {
		state.threads =
			raw_mmap(NULL, THREADS * sizeof(*state.threads), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (IS_ERR(state.threads))
			state.threads = NULL;
	}
	for (struct agent_probe *p = all; p; p = p->next)
		n += is_sample(p);
	if (n && state.threads) {
		l = raw_mmap(NULL, sizeof(*l) + n * sizeof(l->p[0]), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (IS_ERR(l))
			l = NULL;
	}
	for (struct agent_probe *p = all; l && p; p = p->next) {
		if (!is_sample(p))
			continue;
		l->p[l->nr++] = p;
		add_period(period_of(p));
	}
	__atomic_store_n(&state.list, l, __ATOMIC_RELEASE);
	if (old && hit_quiesce(1000))
		raw_munmap(old, sizeof(*old) + old->nr * sizeof(old->p[0]));
	agent_time_look();
}

/* A child has no timers, and the thread that comes makes its own. */
void agent_time_after_fork(void)
{
	for (u32 i = 0; state.threads && i < THREADS; i++)
		state.threads[i].tid = 0;
	state.list = NULL;
	state.nr = 0;
}
