/* SPDX-License-Identifier: BSD-2-Clause */
/* Points where the service calls programs: who may attach, that the source runs just while somebody is attached, and what programs at a function do. */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "link/link_kind.h"
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

static struct bpf_link *raw_tp(struct hooks *h, const char *name, struct fake_prog *p, u64 cookie)
{
	struct link_create_env env = {.hooks = h};

	return raw_tp_link_create(&env, name, &p->prog, cookie);
}

static void test_errors(void **state)
{
	struct exec_host host = {};
	struct hooks *h = hooks_new(&host);
	struct fake_prog *p = prog_of(BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE);

	assert_int_equal(PTR_ERR(raw_tp(NULL, "sched_stat_wait", p, 0)), -ENOENT);
	assert_int_equal(PTR_ERR(raw_tp(h, "sched_switch", p, 0)), -ENOENT);
	assert_int_equal(PTR_ERR(raw_tp(h, "", p, 0)), -ENOENT);
	assert_int_equal(PTR_ERR(raw_tp(h, "sys_enter", p, 0)), -ENOENT); /* no processes here */
	assert_int_equal(PTR_ERR(raw_tp(h, "bpf_fentry_test1", p, 0)), -ENOENT); /* a function */
	assert_int_equal(PTR_ERR(raw_tp(h, "sched_stat_wait", p, 0)), -EINVAL);
	assert_int_equal(p->prog.obj.refs, 1);
	obj_put(&p->prog.obj);
	hooks_free(h);
}

/* --- functions --- */

static char order[16];
static u64 modify, override_to;

static void note(char c)
{
	order[strlen(order)] = c;
}

static u64 on_fentry(struct fake_prog *p, void *ctx)
{
	const u64 *args = ctx;

	note('e');
	assert_int_equal(args[-1], 2); /* how many arguments */
	assert_int_equal(args[0], 2);
	assert_int_equal(args[1], 3);
	return 0;
}

static u64 on_fexit(struct fake_prog *p, void *ctx)
{
	note('x');
	assert_int_equal(((u64 *)ctx)[2], modify ? modify : 5);
	return 0;
}

static u64 on_fmod_ret(struct fake_prog *p, void *ctx)
{
	note('m');
	return modify;
}

static u64 on_kprobe(struct fake_prog *p, void *ctx)
{
	note('k');
	fake_run->override = override_to;
	fake_run->override_rc = override_to;
	return 0;
}

static u64 on_kretprobe(struct fake_prog *p, void *ctx)
{
	note('r');
	assert_int_equal(fake_run->cookie, 77);
	return 0;
}

/* Everything that can be at a function, each in its turn. */
static void test_function(void **state)
{
	static const struct {
		enum hook_how how;
		u64 (*run)(struct fake_prog *p, void *ctx);
	} all[] = {{HOOK_KRETPROBE, on_kretprobe},
		   {HOOK_FEXIT, on_fexit},
		   {HOOK_FMOD_RET, on_fmod_ret},
		   {HOOK_FENTRY, on_fentry},
		   {HOOK_KPROBE, on_kprobe}};
	struct exec_host host = {};
	struct hooks *hs = hooks_new(&host);
	struct hook *h = hook_function(hs, "bpf_fentry_test2");
	struct fake_prog *p[ARRAY_SIZE(all)];
	struct hook_user u[ARRAY_SIZE(all)], again;
	u64 args[] = {2, 3};

	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		p[i] = fake_prog(BPF_PROG_TYPE_TRACING, 0, "bpf_fentry_test2");
		p[i]->run = all[i].run;
		u[i] = (struct hook_user){.prog = &p[i]->prog, .cookie = 77, .how = all[i].how};
		assert_int_equal(hook_attach(h, &u[i]), 0);
	}
	again = (struct hook_user){.prog = &p[1]->prog, .how = HOOK_FEXIT};
	assert_int_equal(hook_attach(h, &again), -EBUSY);
	assert_int_equal(hook_call(h, args, NULL), 5);
	assert_string_equal(order, "kemxr");
	memset(order, 0, sizeof(order));
	modify = 40; /* the function is not called */
	assert_int_equal(hook_call(h, args, NULL), 40);
	assert_string_equal(order, "kemxr");
	memset(order, 0, sizeof(order));
	override_to = 9; /* nor is what comes behind the kprobe */
	assert_int_equal(hook_call(h, args, NULL), 9);
	assert_string_equal(order, "k");
	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		hook_detach(&u[i]);
		obj_put(&p[i]->prog.obj);
	}
	assert_int_equal(hook_call(h, args, NULL), 5);
	hooks_free(hs);
}

/* The functions that test runs call give what a kernel's give; one whose result was changed is an error. */
static void test_test_run(void **state)
{
	struct exec_host host = {};
	struct hooks *hs = hooks_new(&host);
	struct fake_prog *p = fake_prog(BPF_PROG_TYPE_TRACING, 0, "bpf_fentry_test2");
	struct hook_user u = {.prog = &p->prog, .how = HOOK_FMOD_RET};
	u32 ret;

	assert_int_equal(hook_test_run(hs, BPF_TRACE_FENTRY, NULL, &ret), 0);
	assert_int_equal(ret, 0);
	assert_int_equal(hook_test_run(hs, BPF_MODIFY_RETURN, NULL, &ret), 0);
	assert_int_equal(ret, 1 << 16 | 4);
	assert_int_equal(hook_test_run(hs, BPF_TRACE_ITER, NULL, &ret), -EFAULT);
	p->run = on_fmod_ret;
	assert_int_equal(hook_attach(hook_function(hs, "bpf_fentry_test2"), &u), 0);
	assert_int_equal(hook_test_run(hs, BPF_TRACE_FEXIT, NULL, &ret), -EFAULT);
	hook_detach(&u);
	obj_put(&p->prog.obj);
	hooks_free(hs);
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
		a = raw_tp(h, "sched_stat_wait", p, 0);
		b = raw_tp(h, "sched_stat_wait", p, 0);
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
		cmocka_unit_test(test_function),
		cmocka_unit_test(test_test_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
