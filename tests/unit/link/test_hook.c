/* SPDX-License-Identifier: BSD-2-Clause */
/* Points where the service calls programs: who may attach, and that the source runs just while somebody is attached. */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "link/hook.h"
#include "link_test.h"

static u64 delta_sum;

static u64 count(struct fake_prog *p, void *ctx)
{
	const u64 *args = ctx;

	assert_true(args[0] && args[1]);
	__atomic_add_fetch(&delta_sum, args[1], __ATOMIC_RELAXED);
	return 0;
}

static struct fake_prog *prog_of(u32 type)
{
	struct fake_prog *p = fake_prog(type, BPF_TRACE_RAW_TP, "sched_stat_wait");

	p->run = count;
	return p;
}

static void test_errors(void **state)
{
	struct exec_host host = {};
	struct hooks *h = hooks_new(&host);
	struct fake_prog *p = prog_of(BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE);

	assert_int_equal(PTR_ERR(hook_link_create(NULL, "sched_stat_wait", &p->prog)), -ENOENT);
	assert_int_equal(PTR_ERR(hook_link_create(h, "sched_switch", &p->prog)), -ENOENT);
	assert_int_equal(PTR_ERR(hook_link_create(h, "", &p->prog)), -ENOENT);
	assert_int_equal(PTR_ERR(hook_link_create(h, "sched_stat_wait", &p->prog)), -EINVAL);
	obj_put(&p->prog.obj);
	hooks_free(h);
}

/* Two that want the same CPU. */
static void spin(pid_t child[2])
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	for (u32 i = 0; i < 2; i++) {
		child[i] = fork();
		if (child[i])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sched_setaffinity(0, sizeof(one), &one);
		for (;;)
			;
	}
}

static void test_events(void **state)
{
	struct exec_host host = {};
	struct hooks *h = hooks_new(&host);
	struct fake_prog *p = prog_of(BPF_PROG_TYPE_TRACING);
	struct bpf_link *a, *b;
	pid_t child[2];
	u64 calls;

	if (access("/proc/self/schedstat", R_OK)) {
		hooks_free(h);
		obj_put(&p->prog.obj);
		skip();
	}
	spin(child);
	for (u32 round = 0; round < 2; round++) { /* the source starts anew */
		p->calls = 0;
		a = hook_link_create(h, "sched_stat_wait", &p->prog);
		b = hook_link_create(h, "sched_stat_wait", &p->prog);
		assert_false(IS_ERR(a) || IS_ERR(b));
		for (u32 i = 0; i < 100 && __atomic_load_n(&p->calls, __ATOMIC_RELAXED) < 4; i++)
			usleep(50000);
		assert_true(__atomic_load_n(&p->calls, __ATOMIC_RELAXED) >= 4);
		obj_put(&a->obj);
		obj_put(&b->obj);
		calls = p->calls; /* nobody runs it any more */
		usleep(250000);
		assert_int_equal(p->calls, calls);
	}
	assert_true(delta_sum > 0);
	for (u32 i = 0; i < 2; i++) {
		kill(child[i], SIGKILL);
		waitpid(child[i], NULL, 0);
	}
	obj_put(&p->prog.obj);
	hooks_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
