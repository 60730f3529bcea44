/* SPDX-License-Identifier: BSD-2-Clause */
/* Perf events: what opens, which programs may go on which, and when something is in place. */
#include <fcntl.h>
#include <unistd.h>
#include "link/perf_event.h"
#include "link_test.h"

struct rig {
	struct exec_host host;
	struct hooks *hooks;
	struct probes *probes;
	struct perf_events *all;
	u32 added, removed;
	struct probe_point last;
	u64 last_cookie;
	int fail;
};

static int added(void *arg, struct probe *const *p, u32 n)
{
	struct rig *r = arg;

	r->added += n;
	r->last = p[0]->point;
	r->last_cookie = p[0]->cookie;
	return r->fail;
}

static void removed(void *arg, struct probe *const *p, u32 n)
{
	((struct rig *)arg)->removed += n;
}

static const struct probe_ops ops = {.added = added, .removed = removed};

static void set_up(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	r->hooks = hooks_new(&r->host);
	r->probes = probes_new();
	probes_set_ops(r->probes, &ops, r);
	r->all = perf_events_new(r->hooks, r->probes);
}

static void tear_down(struct rig *r)
{
	assert_int_equal(probes_count(r->probes), 0);
	assert_int_equal(r->added - (r->fail != 0), r->removed);
	perf_events_free(r->all);
	probes_free(r->probes);
	hooks_free(r->hooks);
}

static const struct cred root = {.caps = ~0ull}, nobody = {},
			 perfmon = {.caps = 1ull << CAP_PERFMON};

static struct perf_open opening(u32 type, u64 config)
{
	return (struct perf_open){.attr = {.type = type, .config = config},
				  .cred = &root,
				  .pid = -1,
				  .caller = getpid(),
				  .file = -1};
}

static struct perf_event_obj *open_one(struct rig *r, const struct perf_open *o)
{
	struct perf_event_obj *e = perf_event_open(r->all, o);

	assert_false(IS_ERR(e));
	return e;
}

static void close_one(struct perf_event_obj *e)
{
	obj_put(perf_event_to_obj(e));
}

static u64 id_of(const char *system, const char *name)
{
	return trace_event_id(trace_event_by_name(system, name));
}

static void test_open(void **state)
{
	struct perf_open o = opening(PERF_TYPE_TRACEPOINT, 5);
	struct rig r;

	set_up(&r);
	assert_int_equal(PTR_ERR(perf_event_open(r.all, &o)), -EINVAL); /* no such tracepoint */
	o = opening(PERF_TYPE_TRACEPOINT, id_of("syscalls", "sys_enter_read"));
	o.cred = &nobody;
	assert_int_equal(PTR_ERR(perf_event_open(r.all, &o)), -EACCES);
	o = opening(PERF_TYPE_UPROBE, 0);
	o.cred = &perfmon; /* enough for functions of the service, not for somebody's code */
	assert_int_equal(PTR_ERR(perf_event_open(r.all, &o)), -EACCES);
	o = opening(PERF_TYPE_BREAKPOINT, 0);
	assert_int_equal(PTR_ERR(perf_event_open(r.all, &o)), -ENOENT);
	o = opening(PERF_TYPE_KPROBE, 0);
	o.name = "bpf_fentry_test1";
	o.attr.probe_offset = 3;
	assert_int_equal(PTR_ERR(perf_event_open(r.all, &o)), -EILSEQ);
	o.attr.config = 1;
	assert_int_equal(PTR_ERR(perf_event_open(r.all, &o)), -EINVAL);
	o = opening(PERF_TYPE_KPROBE, 0);
	o.attr.kprobe_addr = 12345;
	assert_int_equal(PTR_ERR(perf_event_open(r.all, &o)), -EINVAL);
	o.attr.kprobe_addr = syscall_func_addr(syscall_by_func("__x64_sys_openat"));
	close_one(open_one(&r, &o));
	o = opening(PERF_TYPE_TRACEPOINT, id_of("syscalls", "sys_enter_read"));
	o.attr.sample_type = PERF_SAMPLE_BRANCH_STACK;
	assert_int_equal(PTR_ERR(perf_event_open(r.all, &o)), -EOPNOTSUPP);
	assert_int_equal(r.added, 0);
	tear_down(&r);
}

/* Programs on a tracepoint count together; one of them goes twice only with another cookie. */
static void test_tracepoint(void **state)
{
	struct perf_open o = opening(PERF_TYPE_TRACEPOINT, id_of("syscalls", "sys_enter_getpgid"));
	struct fake_prog *p = fake_prog(BPF_PROG_TYPE_TRACEPOINT, 0, NULL),
			 *k = fake_prog(BPF_PROG_TYPE_KPROBE, 0, NULL);
	struct perf_event_obj *e[PERF_MAX_PROGS + 1];
	u32 ids[4] = {};
	struct rig r;

	set_up(&r);
	p->aux.id = 33;
	for (u32 i = 0; i <= PERF_MAX_PROGS; i++)
		e[i] = open_one(&r, &o);
	assert_int_equal(perf_event_set_prog(e[0], &k->prog, 0), -EINVAL);
	p->aux.max_ctx_offset = 32; /* beyond the one argument */
	assert_int_equal(perf_event_set_prog(e[0], &p->prog, 0), -EACCES);
	p->aux.max_ctx_offset = 24;
	assert_int_equal(perf_event_set_prog(e[0], &p->prog, 5), 0);
	assert_int_equal(r.last.kind, PROBE_SYS_ENTER);
	assert_int_equal(r.last.nr, syscall_by_func("__x64_sys_getpgid"));
	assert_int_equal(r.last_cookie, 5);
	assert_int_equal(perf_event_set_prog(e[0], &p->prog, 6), -EEXIST);
	assert_int_equal(perf_event_set_prog(e[1], &p->prog, 5), -EEXIST);
	for (u32 i = 1; i < PERF_MAX_PROGS; i++)
		assert_int_equal(perf_event_set_prog(e[i], &p->prog, 5 + i), 0);
	assert_int_equal(perf_event_set_prog(e[PERF_MAX_PROGS], &p->prog, 1), -E2BIG);
	assert_int_equal(perf_event_progs(e[PERF_MAX_PROGS], ids, 2), PERF_MAX_PROGS);
	assert_true(ids[0] == 33 && ids[1] == 33 && !ids[2]);
	for (u32 i = 0; i <= PERF_MAX_PROGS; i++)
		close_one(e[i]);
	urcu_bp_synchronize_rcu();
	assert_int_equal(p->prog.obj.refs, 1);
	tear_down(&r);
	obj_put(&p->prog.obj);
	obj_put(&k->prog.obj);
}

/* A clock runs programs only while it is enabled. */
static void test_clock(void **state)
{
	struct perf_open o = opening(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK);
	struct fake_prog *p = fake_prog(BPF_PROG_TYPE_PERF_EVENT, 0, NULL);
	struct perf_event_info info;
	struct perf_event_obj *e;
	struct rig r;

	set_up(&r);
	assert_int_equal(PTR_ERR(perf_event_open(r.all, &o)), -EOPNOTSUPP); /* counting */
	o.attr.freq = 1;
	o.attr.sample_freq = 99;
	o.attr.disabled = 1;
	o.pid = 0;
	o.cpu = -1;
	e = open_one(&r, &o);
	assert_int_equal(perf_event_set_prog(e, &p->prog, 7), 0);
	assert_int_equal(r.added, 0);
	assert_int_equal(perf_event_enable(e, true), 0);
	assert_int_equal(r.added, 1);
	assert_int_equal(perf_event_enable(e, true), 0);
	assert_int_equal(r.added, 1);
	assert_true(r.last.kind == PROBE_SAMPLE && r.last.task_clock && r.last.freq &&
		    r.last.period == 99 && r.last.cpu == -1);
	assert_int_equal(r.last.pid, getpid());
	assert_int_equal(r.last.tid, getpid());
	assert_int_equal(perf_event_set_period(e, 0), -EINVAL);
	assert_int_equal(perf_event_set_period(e, 1000000), -EINVAL);
	assert_int_equal(perf_event_set_period(e, 49), 0);
	assert_int_equal(r.added, 2);
	assert_int_equal(r.last.period, 49);
	assert_int_equal(perf_event_enable(e, false), 0);
	assert_int_equal(r.removed, 2);
	assert_int_equal(perf_event_info(e, &info), -EOPNOTSUPP);
	assert_int_equal(info.link_type, PERF_EVENT_INFO_EVENT);
	assert_int_equal(info.cookie, 7);
	assert_int_equal(perf_event_set_prog(e, &p->prog, 7), -EEXIST);
	close_one(e);
	tear_down(&r);
	obj_put(&p->prog.obj);
}

static void test_uprobe(void **state)
{
	struct perf_open o = opening(PERF_TYPE_UPROBE, 1 | 64ull << PERF_UPROBE_REF_SHIFT);
	struct fake_prog *p = fake_prog(BPF_PROG_TYPE_KPROBE, 0, NULL);
	struct perf_event_info info;
	struct perf_event_obj *e;
	struct rig r;

	set_up(&r);
	o.name = "/proc/self/exe";
	o.file = open(o.name, O_RDONLY | O_CLOEXEC);
	o.attr.probe_offset = 4096;
	o.pid = getpid();
	e = open_one(&r, &o);
	close(o.file);
	assert_int_equal(perf_event_info(e, &info), -ENOENT);
	p->prog.kprobe_override = 1;
	assert_int_equal(perf_event_set_prog(e, &p->prog, 0), -EINVAL);
	p->prog.kprobe_override = 0;
	r.fail = -EINVAL; /* what cannot be put in place is not there */
	assert_int_equal(perf_event_set_prog(e, &p->prog, 9), -EINVAL);
	assert_int_equal(perf_event_info(e, &info), -ENOENT);
	assert_int_equal(p->prog.obj.refs, 1);
	r.fail = 0;
	r.added = 0;
	assert_int_equal(perf_event_set_prog(e, &p->prog, 9), 0);
	assert_true(r.last.kind == PROBE_URETPROBE && r.last.offset == 4096 &&
		    r.last.ref_ctr_offset == 64 && r.last.pid == getpid() && !r.last.tid);
	assert_int_equal(perf_event_info(e, &info), 0);
	assert_int_equal(info.fd_type, BPF_FD_TYPE_URETPROBE);
	assert_string_equal(info.name, "/proc/self/exe");
	assert_int_equal(info.offset, 4096);
	assert_int_equal(perf_event_progs(e, NULL, 0), -EINVAL);
	perf_event_unset_prog(e);
	assert_int_equal(r.removed, 1);
	close_one(e);
	tear_down(&r);
	obj_put(&p->prog.obj);
}

/* A link keeps its event, and tells of it. */
static struct perf_event_obj *the_event;

static struct perf_event_obj *event_by_fd(void *arg, int fd)
{
	return fd == 5 ? obj_to_perf_event(obj_get(perf_event_to_obj(the_event))) : ERR_PTR(-EBADF);
}

static int copy_out(void *arg, u64 uaddr, const char *s, u32 len)
{
	memcpy((void *)(uintptr_t)uaddr, s, len);
	return 0;
}

static void test_link(void **state)
{
	struct perf_open o = opening(PERF_TYPE_KPROBE, 0);
	struct fake_prog *p = fake_prog(BPF_PROG_TYPE_KPROBE, 0, NULL);
	struct link_create_env env = {.cred = &root, .event_by_fd = event_by_fd};
	union link_info info = {};
	union bpf_attr attr = {};
	struct bpf_link *l;
	char name[32] = "";
	struct rig r;

	set_up(&r);
	o.name = "__x64_sys_openat";
	the_event = open_one(&r, &o);
	attr.link_create.attach_type = BPF_PERF_EVENT;
	attr.link_create.target_fd = 4;
	assert_int_equal(PTR_ERR(link_create(&env, &attr, &p->prog, NULL)), -EBADF);
	attr.link_create.target_fd = 5;
	attr.link_create.flags = 1;
	assert_int_equal(PTR_ERR(link_create(&env, &attr, &p->prog, NULL)), -EINVAL);
	attr.link_create.flags = 0;
	attr.link_create.perf_event.bpf_cookie = 11;
	l = link_create(&env, &attr, &p->prog, NULL);
	assert_false(IS_ERR(l));
	close_one(the_event); /* the fd */
	assert_int_equal(r.last.kind, PROBE_SYS_KPROBE);
	assert_int_equal(r.last_cookie, 11);
	info.more.perf_event.name = (uintptr_t)name;
	info.more.perf_event.name_len = sizeof(name);
	assert_int_equal(l->ops->fill_info(l, &info.info, copy_out, NULL), 0);
	assert_int_equal(info.more.perf_event.type, PERF_EVENT_INFO_KPROBE);
	assert_string_equal(name, "__x64_sys_openat");
	assert_int_equal(info.more.perf_event.kprobe.cookie, 11);
	assert_null(l->ops->detach);
	obj_put(&l->obj);
	assert_int_equal(r.removed, 1);
	assert_int_equal(p->prog.obj.refs, 1);
	tear_down(&r);
	obj_put(&p->prog.obj);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),  cmocka_unit_test(test_tracepoint),
		cmocka_unit_test(test_clock), cmocka_unit_test(test_uprobe),
		cmocka_unit_test(test_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
