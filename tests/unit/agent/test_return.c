/* SPDX-License-Identifier: BSD-2-Clause */
/* Return probes, and all the ways not to return. */
#include "agent_test.h"
#include <execinfo.h>
#include <pthread.h>
#include <sys/wait.h>
#include <ucontext.h>

int cxx_alive(void);
int cxx_thrower(int depth);
int cxx_catcher(int depth);
int cxx_outer(int depth);

#define NOIPA __attribute__((noipa))

#ifdef __SANITIZE_ADDRESS__
#define NEEDS_UNWINDING() skip()
#else
#define NEEDS_UNWINDING() (void)0
#endif
#ifndef __SANITIZE_ADDRESS__ /* its runtime asks libc before there is one, and unwinds by itself */
/* What libc is asked; the library with the engine exports it the same way. */
__attribute__((visibility("default"))) int
dl_iterate_phdr(int (*cb)(struct dl_phdr_info *, size_t, void *), void *data)
{
	return patch_dl_iterate_phdr(cb, data);
}
#ifdef DLFO_STRUCT_HAS_EH_DBASE
__attribute__((visibility("default"))) int _dl_find_object(void *pc, struct dl_find_object *result)
{
	return patch_dl_find_object(pc, result);
}
#endif
#endif

struct seen {
	u64 hits, rets, sum, last_ip;
};

static void on_entry(void *arg, struct pt_regs *regs)
{
	struct seen *s = arg;

	__atomic_fetch_add(&s->hits, 1, __ATOMIC_RELAXED);
}

static void on_return(void *arg, struct pt_regs *regs)
{
	struct seen *s = arg;

	__atomic_fetch_add(&s->rets, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&s->sum, regs->rax, __ATOMIC_RELAXED);
	s->last_ip = regs->rip;
}

struct probe {
	struct patch *entry, *ret;
	struct seen seen;
};

static void attach(struct probe *p, void *fn)
{
	struct site_plan plan;

	memset(p, 0, sizeof(*p));
	assert_int_equal(plan_of(fn, &plan), 0);
	assert_true(plan.flags & SITE_F_ENTRY);
	assert_int_equal(
		patch_add(fn, &plan, &(struct patch_hit){on_entry, &p->seen, false}, &p->entry), 0);
	assert_int_equal(
		patch_add(fn, &plan, &(struct patch_hit){on_return, &p->seen, true}, &p->ret), 0);
}

static void detach(struct probe *p)
{
	assert_int_equal(patch_del(p->entry), 0);
	assert_int_equal(patch_del(p->ret), 0);
}

static NOIPA u64 plain(u64 a, u64 b)
{
	return a * b + 1;
}

static void test_value(void **state)
{
	struct probe p;
	u64 got;

	attach(&p, plain);
	got = plain(6, 7);
	assert_int_equal(got, 43);
	assert_int_equal(p.seen.hits, 1);
	assert_int_equal(p.seen.rets, 1);
	assert_int_equal(p.seen.sum, 43);
	assert_true(p.seen.last_ip > (u64)test_value && p.seen.last_ip < (u64)test_value + 1000);
	detach(&p);
	assert_int_equal(plain(1, 1), 2);
	assert_int_equal(p.seen.rets, 1);
}

static NOIPA double floats(double a, float b)
{
	return a * b;
}

static void test_float(void **state)
{
	struct probe p;

	attach(&p, floats);
	assert_true(floats(1.5, 3) == 4.5);
	assert_int_equal(p.seen.rets, 1);
	detach(&p);
}

static NOIPA u64 fib(u64 n)
{
	u64 a = n, b = 0;

	if (n > 1)
		a = fib(n - 1), b = fib(n - 2);
	asm volatile("" : "+r"(a), "+r"(b));
	return a + b;
}

static void test_recursion(void **state)
{
	struct probe p;

	attach(&p, fib);
	assert_int_equal(fib(15), 610);
	assert_int_equal(p.seen.hits, 1973);
	assert_int_equal(p.seen.rets, 1973);
	detach(&p);
}

static NOIPA u64 deep(u64 n)
{
	u64 below = n ? deep(n - 1) : 0;

	asm volatile("" : "+r"(below));
	return below + 1;
}

/* More calls at a time than stubs: what is too deep is missed. */
static void test_deep(void **state)
{
	u64 missed = patch_missed();
	struct probe p;

	attach(&p, deep);
	assert_int_equal(deep(9999), 10000);
	assert_int_equal(p.seen.rets, 10000);
	assert_int_equal(patch_missed(), missed);
	assert_int_equal(deep(79999), 80000);
	assert_int_equal(p.seen.hits, 90000);
	assert_true(patch_missed() - missed >= 80000 - RET_MAX);
	assert_int_equal(p.seen.rets + patch_missed() - missed, 90000);
	detach(&p);
}

/* g in place of f: both return. */
static NOIPA u64 tail_callee(u64 a)
{
	return a + 5;
}
static NOIPA __attribute__((optimize("optimize-sibling-calls"))) u64 tail_caller(u64 a)
{
	return tail_callee(a * 2);
}

static void test_tail_call(void **state)
{
	struct probe f, g;

	attach(&f, tail_caller);
	attach(&g, tail_callee);
	assert_int_equal(tail_caller(10), 25);
	assert_int_equal(f.seen.rets, 1);
	assert_int_equal(g.seen.rets, 1);
	assert_int_equal(f.seen.sum, 25);
	assert_int_equal(g.seen.sum, 25);
	assert_true(g.seen.last_ip > (u64)test_tail_call &&
		    g.seen.last_ip < (u64)test_tail_call + 1000);
	detach(&g);
	detach(&f);
}

static jmp_buf env;
static NOIPA u64 jumper(u64 depth)
{
	if (!depth)
		longjmp(env, 1);
	return depth > 100 ? 0 : jumper(depth - 1) + 1;
}

static NOIPA u64 jump_once(u64 depth)
{
	if (setjmp(env))
		return 1;
	return jumper(depth);
}

/* As often as there are stubs, several times. */
static void test_longjmp(void **state)
{
	struct probe p, q;

	attach(&p, jumper);
	attach(&q, jump_once);
	for (u32 i = 0; i < 100000; i++)
		assert_int_equal(jump_once(i % 7), 1);
	assert_int_equal(p.seen.rets, 0);
	assert_int_equal(q.seen.rets, q.seen.hits);
	detach(&p);
	detach(&q);
}

static void test_exceptions(void **state)
{
	struct probe p[3];

	NEEDS_UNWINDING();
	assert_int_equal(cxx_catcher(3), -3);
	attach(&p[0], cxx_thrower);
	attach(&p[1], cxx_catcher);
	attach(&p[2], cxx_outer);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(cxx_catcher(i), -i);
		assert_int_equal(cxx_outer(i), -1000 - i);
		assert_int_equal(cxx_alive(), 0);
	}
	assert_int_equal(p[0].seen.rets, 0);
	assert_int_equal(p[0].seen.hits, 2 * 210);
	assert_int_equal(p[1].seen.rets, 20);
	assert_int_equal(p[2].seen.rets, 20);
	for (int i = 0; i < 3; i++)
		detach(&p[i]);
}

struct trace {
	void *pc[64];
	int nr;
};

static NOIPA int tracer(struct trace *t)
{
	t->nr = backtrace(t->pc, 64);
	return t->nr;
}
static NOIPA int traced(struct trace *t)
{
	int nr = tracer(t);

	asm volatile("" : "+r"(nr));
	return nr;
}

/* backtrace() goes through: the same frames, and one per call with a return probe. */
static void test_backtrace(void **state)
{
	struct trace before, with;
	struct probe p, q;
	int nr = 0;

	NEEDS_UNWINDING();
	traced(&before);
	attach(&p, tracer);
	attach(&q, traced);
	traced(&with);
	detach(&p);
	detach(&q);
	assert_int_equal(p.seen.rets + q.seen.rets, 2);
	assert_int_equal(with.nr, before.nr + 2);
	for (int i = 0; i < with.nr; i++) {
		u64 pc = (u64)with.pc[i];

		if (pc >= (u64)ret_code && pc < (u64)ret_code + RET_MAX * RET_STRIDE)
			continue;
		assert_true(nr == 0 || nr == 2 || pc == (u64)before.pc[nr]); /* 2: two calls here */
		nr++;
	}
	assert_int_equal(nr, before.nr);
}

static int cleaned;
static void clean(void *arg)
{
	cleaned++;
}

static NOIPA u64 sleeper(u64 n)
{
	pthread_cleanup_push(clean, NULL);
	for (;;)
		sleep(100);
	pthread_cleanup_pop(0);
	return n;
}

static void *cancelled(void *arg)
{
	return (void *)sleeper(1);
}

static NOIPA u64 exiter(u64 n)
{
	pthread_cleanup_push(clean, NULL);
	pthread_exit((void *)5);
	pthread_cleanup_pop(0);
	return n;
}

static void *exits(void *arg)
{
	return (void *)exiter(1);
}

static void test_cancel(void **state)
{
	struct probe p, q;
	pthread_t t;
	void *ret;

	NEEDS_UNWINDING();
	attach(&p, sleeper);
	attach(&q, exiter);
	pthread_create(&t, NULL, cancelled, NULL);
	while (!READ_ONCE(p.seen.hits))
		usleep(1000);
	usleep(10000);
	pthread_cancel(t);
	pthread_join(t, &ret);
	assert_ptr_equal(ret, PTHREAD_CANCELED);
	assert_int_equal(cleaned, 1);
	pthread_create(&t, NULL, exits, NULL);
	pthread_join(t, &ret);
	assert_ptr_equal(ret, 5);
	assert_int_equal(cleaned, 2);
	detach(&p);
	detach(&q);
}

/* Two coroutines, each in the middle of probed calls, in turn. */
static ucontext_t main_ctx, co_ctx[2];
static int running;
static NOIPA u64 yielder(u64 n)
{
	u64 sum = n ? yielder(n - 1) : 0;

	swapcontext(&co_ctx[running], &main_ctx);
	return sum + n;
}
static u64 co_result[2];
static void co_main(void)
{
	u64 r = yielder(10);

	co_result[running] = r;
}

static void test_coroutines(void **state)
{
	static char stacks[2][65536];
	struct probe p;

	attach(&p, yielder);
	for (int i = 0; i < 2; i++) {
		getcontext(&co_ctx[i]);
		co_ctx[i].uc_stack.ss_sp = stacks[i];
		co_ctx[i].uc_stack.ss_size = sizeof(stacks[i]);
		co_ctx[i].uc_link = &main_ctx;
		makecontext(&co_ctx[i], co_main, 0);
	}
	for (int step = 0; step < 12; step++)
		for (running = 0; running < 2; running++)
			swapcontext(&main_ctx, &co_ctx[running]);
	assert_int_equal(co_result[0], 55);
	assert_int_equal(co_result[1], 55);
	assert_int_equal(p.seen.rets, 22);
	detach(&p);
}

/* A coroutine that goes on in another thread. */
static void *resume(void *arg)
{
	running = 0;
	swapcontext(&main_ctx, &co_ctx[0]);
	return NULL;
}

static void test_migration(void **state)
{
	static char stack[65536];
	struct probe p;
	pthread_t t;

	attach(&p, yielder);
	getcontext(&co_ctx[0]);
	co_ctx[0].uc_stack.ss_sp = stack;
	co_ctx[0].uc_stack.ss_size = sizeof(stack);
	co_ctx[0].uc_link = &main_ctx;
	makecontext(&co_ctx[0], co_main, 0);
	running = 0;
	co_result[0] = 0;
	for (int step = 0; step < 12; step++) {
		pthread_create(&t, NULL, resume, NULL);
		pthread_join(t, NULL);
	}
	assert_int_equal(co_result[0], 55);
	assert_int_equal(p.seen.rets, 11);
	detach(&p);
}

/* Signal handlers on their own stack, in the middle of a probed call, with probed calls. */
static volatile u64 in_handler;
static void on_usr1(int sig)
{
	in_handler += plain(2, 3);
}
static NOIPA u64 raiser(u64 n)
{
	raise(SIGUSR1);
	return n + 1;
}

static void test_alternate_stack(void **state)
{
	static char stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
	struct sigaction sa = {.sa_handler = on_usr1, .sa_flags = SA_ONSTACK};
	struct probe p, q;

	attach(&p, plain);
	attach(&q, raiser);
	sigaltstack(&ss, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	in_handler = 0;
	for (u64 i = 0; i < 100; i++)
		assert_int_equal(raiser(i), i + 1);
	assert_int_equal(in_handler, 700);
	assert_int_equal(p.seen.rets, 100);
	assert_int_equal(q.seen.rets, 100);
	detach(&p);
	detach(&q);
}

static NOIPA u64 forker(u64 n)
{
	return (u64)fork();
}

static void test_fork(void **state)
{
	struct probe p, q;
	int status;
	pid_t pid;

	attach(&p, forker);
	attach(&q, plain);
	pid = (pid_t)forker(1);
	if (!pid) {
		u64 ok = p.seen.rets == 1 && plain(2, 2) == 5 && q.seen.rets == 1;

		detach(&p);
		detach(&q);
		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(p.seen.rets, 1);
	assert_int_equal(q.seen.rets, 0);
	assert_int_equal(plain(2, 2), 5);
	assert_int_equal(q.seen.rets, 1);
	detach(&p);
	detach(&q);
}

/* What a hit calls is not probed, and counted. */
static void recursing(void *arg, struct pt_regs *regs)
{
	patch_save_vectors();
	on_entry(arg, regs);
	plain(3, 4);
}

static void test_guard(void **state)
{
	u64 missed = patch_missed();
	struct seen seen = {};
	struct site_plan plan;
	struct patch *p;

	assert_int_equal(plan_of(plain, &plan), 0);
	assert_int_equal(patch_add(plain, &plan, &(struct patch_hit){recursing, &seen, false}, &p),
			 0);
	plain(1, 2);
	assert_int_equal(seen.hits, 1);
	assert_int_equal(patch_missed() - missed, 1);
	assert_int_equal(patch_del(p), 0);
}

/* A signal handler leaves a hit by longjmp: the thread's next hits are seen again. */
static sigjmp_buf hit_env;
static void leave_hit(int sig)
{
	siglongjmp(hit_env, 1);
}
static volatile bool leave;
static void left_hit(void *arg, struct pt_regs *regs)
{
	patch_save_vectors();
	on_entry(arg, regs);
	if (leave)
		raise(SIGUSR2);
}

static NOIPA void call_and_leave(void)
{
	if (!sigsetjmp(hit_env, 1))
		plain(1, 2);
}

static void test_left_hit(void **state)
{
	struct sigaction sa = {.sa_handler = leave_hit};
	struct seen seen = {};
	struct site_plan plan;
	struct patch *p;

	sigaction(SIGUSR2, &sa, NULL);
	assert_int_equal(plan_of(plain, &plan), 0);
	assert_int_equal(patch_add(plain, &plan, &(struct patch_hit){left_hit, &seen, false}, &p),
			 0);
	for (u32 i = 0; i < 10; i++) {
		leave = true;
		call_and_leave();
		leave = false;
		assert_int_equal(plain(2, 2), 5);
		assert_int_equal(plain(2, 2), 5);
	}
	assert_int_equal(seen.hits, 30);
	assert_int_equal(patch_del(p), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_value),
		cmocka_unit_test(test_float),
		cmocka_unit_test(test_recursion),
		cmocka_unit_test(test_tail_call),
		cmocka_unit_test(test_longjmp),
		cmocka_unit_test(test_exceptions),
		cmocka_unit_test(test_backtrace),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_coroutines),
		cmocka_unit_test(test_migration),
		cmocka_unit_test(test_alternate_stack),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_left_hit),
		cmocka_unit_test(test_deep),
	};

	patch_init();
	catch_traps();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
