/* SPDX-License-Identifier: BSD-2-Clause */
/* sys.c - one subsystem instance and the way into its handlers. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/command.h"
#include "helper/cgroup_view.h"
#include "prog/perf_ring.h"
#include "sys/priv.h"

/* --- what programs running in this process need --- */

static void host_printk(void *arg, const char *text, u32 len)
{
	struct sys *sys = arg;

	if (sys->printk)
		sys->printk(sys->printk_arg, text, len);
}

static const struct exec_image *host_tail_target(void *arg, struct bpf_map *map, u32 index)
{
	return map_obj_tail_target(map_obj_of(map), index);
}

/* Iterators: the program runs under rcu_read_lock(), so what is in there now stays until it is
 * done. */
static struct bpf_map *host_inner_map(struct exec_run *run, struct bpf_map *outer, u32 id)
{
	struct map_obj *inner = map_obj_inner(map_obj_of(outer), id);

	if (!inner)
		return NULL;
	obj_put(&inner->obj);
	return &inner->map;
}

long sys_perf_ring_open(struct sys *sys, const struct perf_ring_open *o)
{
	struct map_obj *m = perf_ring_open(sys->rings, o, sys->nr_cpus);
	long fd;

	if (IS_ERR(m))
		return PTR_ERR(m);
	fd = handle_open(sys->objs, &m->obj, HANDLE_RW);
	obj_put(&m->obj);
	return fd;
}

struct map_obj *sys_perf_ring_by_id(struct sys *sys, u32 id)
{
	return perf_ring_by_id(sys->rings, id);
}

static void host_wake(struct exec_run *run, struct bpf_map *map)
{
	map_obj_wake(map_obj_of(map));
}

void sys_view_changed(struct sys *sys, u64 group)
{
	view_events_changed(sys->view_events, group);
}

static void host_view_changed(struct exec_run *run, u64 group)
{
	sys_view_changed(run->host->arg, group);
}

static int host_call_tests(void *arg, u32 attach_type, u32 *retval)
{
	return sys_call_tests(arg, attach_type, NULL, retval);
}

static long timer_callback(struct sys *sys, const struct exec_timer *t)
{
	struct bpf_prog *prog = obj_to_prog(obj_by_id(sys->objs, OBJ_PROG, t->prog_id));
	long ret;

	if (!prog)
		return -EINVAL;
	ret = timers_set_callback(sys->timers, t->id, prog, t->callback);
	obj_put(&prog->obj);
	return ret;
}

long sys_timer(struct sys *sys, const struct exec_timer *t)
{
	switch (t->op) {
	case EXEC_TIMER_INIT: return timers_init(sys->timers, map_obj_of(t->map), t->value_off);
	case EXEC_TIMER_CALLBACK: return timer_callback(sys, t);
	case EXEC_TIMER_START: return timers_start(sys->timers, t->id, t->ns);
	case EXEC_TIMER_CANCEL: return timers_cancel(sys->timers, t->id);
	}
	return -EINVAL;
}

static long host_timer(struct exec_run *run, const struct exec_timer *t)
{
	struct obj *o = t->map ? &map_obj_of(t->map)->obj : NULL;
	long ret;

	obj_get(o);
	ret = sys_timer(run->host->arg, t);
	obj_put(o);
	return ret;
}

static long host_btf_show(void *arg, u32 btf_id, const void *obj, u64 flags,
			  int (*emit)(void *out, const char *s, size_t n), void *out)
{
	struct sys *sys = arg;
	const struct btf_type *t = sys->vmlinux ? btf_type_by_id(sys->vmlinux, btf_id) : NULL;
	void *copy;
	u32 size;
	long ret;

	if (!t)
		return -ENOENT;
	t = btf_resolve_size(sys->vmlinux, t, &size);
	if (IS_ERR(t))
		return -EINVAL;
	copy = malloc(size ? size : 1);
	if (!copy)
		return -ENOMEM;
	/* The object may be anywhere, also nowhere: show a copy that was safe to take. */
	ret = fault_copy(copy, obj, size);
	if (!ret)
		ret = btf_show(sys->vmlinux, btf_id, copy, flags, emit, out);
	free(copy);
	return ret;
}

/* --- open and close --- */

/* @base: what the BTF of module @name is split from; NULL: the file is vmlinux's. */
static struct btf *load_btf(const char *path, struct btf *base, const char *name)
{
	struct btf *btf;
	struct stat st;
	void *data;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ERR_PTR(-errno);
	if (fstat(fd, &st) || st.st_size <= 0 || st.st_size > 64 << 20) {
		close(fd);
		return ERR_PTR(-EINVAL);
	}
	data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return ERR_PTR(-ENOMEM);
	btf = base ? btf_parse_module(base, name, data, st.st_size)
		   : btf_parse_vmlinux(data, st.st_size);
	munmap(data, st.st_size);
	return btf;
}

/* The first BTF object, id 1, as in the kernel. */
static int sys_init_vmlinux(struct sys *sys, const char *path)
{
	struct btf *btf = load_btf(path ? path : USERBPF_VMLINUX_BTF, NULL, NULL);
	int err;

	if (IS_ERR(btf) && !path && PTR_ERR(btf) == -ENOENT)
		return 0; /* not installed: a subsystem without kernel BTF */
	if (IS_ERR(btf))
		return PTR_ERR(btf);
	err = obj_publish(sys->objs, &btf->obj);
	if (err) {
		btf_put(btf);
		return err;
	}
	sys->vmlinux = btf;
	iter_targets_init(btf);
	view_targets_init(btf);
	return 0;
}

static void sys_drop_btfs(struct sys *sys)
{
	while (sys->nr_modules)
		btf_put(sys->modules[--sys->nr_modules]);
	free(sys->modules);
	btf_put(sys->vmlinux);
}

/* @paths: see struct sys_options. */
static int sys_init_modules(struct sys *sys, const char *const *paths)
{
	u32 n = 0;
	int err;

	while (paths && paths[2 * n])
		n++;
	if (!n)
		return 0;
	if (!sys->vmlinux)
		return -EINVAL;
	sys->modules = calloc(n, sizeof(*sys->modules));
	if (!sys->modules)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++) {
		struct btf *btf = load_btf(paths[2 * i + 1], sys->vmlinux, paths[2 * i]);

		if (IS_ERR(btf))
			return PTR_ERR(btf);
		sys->modules[sys->nr_modules++] = btf;
		err = obj_publish(sys->objs, &btf->obj);
		if (err)
			return err;
	}
	return 0;
}

/* Without a table of its own a process shares the private one of base/slot.c among all its
 * instances. */
static void sys_init_slots(struct sys *sys, struct slot_table *slots)
{
	sys->nr_cpus = slots ? slots->nr : min(slot_possible_cpus(), SLOT_MAX);
	if (slots)
		slot_use(slots);
}

struct sys *sys_open(const struct sys_options *opt)
{
	static const struct sys_options defaults = {.unpriv_bpf_disabled = 2};
	struct fs_content_ops content = sys_content_ops;
	struct sys *sys = calloc(1, sizeof(*sys));
	int err;

	if (!sys)
		return ERR_PTR(-ENOMEM);
	if (!opt)
		opt = &defaults;
	sys->unpriv_bpf_disabled = opt->unpriv_bpf_disabled;
	sys->printk = opt->printk;
	sys->printk_arg = opt->printk_arg;
	sys->verify_only = opt->verify_only;
	sys->remote = opt->remote;
	sys->host = (struct exec_host){
		.trace_printk = host_printk,
		.tail_target = host_tail_target,
		.inner_map = host_inner_map,
		.timer = host_timer,
		.wake = host_wake,
		.call_tests = host_call_tests,
		.view_changed = host_view_changed,
		.btf_show = host_btf_show,
		.arg = sys,
		.limits = limits_new(opt->run_limit_ms),
	};
	err = -ENOMEM;
	if (!sys->host.limits)
		goto fail_sys;
	err = sys_pumps_init(sys);
	if (err)
		goto fail_limits;
	err = -ENOMEM;
	sys->timers = timers_new(&sys->host);
	if (!sys->timers)
		goto fail_pumps;
	sys->rings = perf_rings_new();
	if (!sys->rings)
		goto fail_timers;
	sys->view_events = view_events_new();
	if (!sys->view_events)
		goto fail_rings;
	sys->hooks = hooks_new(&sys->host);
	if (!sys->hooks)
		goto fail_view_events;
	sys->probes = probes_new();
	if (!sys->probes)
		goto fail_hooks;
	sys->perf_events = perf_events_new(sys->hooks, sys->probes);
	if (!sys->perf_events)
		goto fail_probes;
	sys->objs = obj_table_new();
	if (!sys->objs)
		goto fail_perf_events;
	content.arg = sys;
	sys->fs = fs_new(&content);
	if (!sys->fs)
		goto fail_objs;
	sys_init_slots(sys, opt->slots);
	err = sys_init_vmlinux(sys, opt->vmlinux_btf);
	if (!err)
		err = sys_init_modules(sys, opt->module_btfs);
	if (err)
		goto fail_btfs;
	return sys;
fail_btfs:
	sys_drop_btfs(sys);
	fs_free(sys->fs);
fail_objs:
	obj_table_free(sys->objs);
fail_perf_events:
	perf_events_free(sys->perf_events);
fail_probes:
	probes_free(sys->probes);
fail_hooks:
	hooks_free(sys->hooks);
fail_view_events:
	view_events_free(sys->view_events);
fail_rings:
	perf_rings_free(sys->rings);
fail_timers:
	timers_free(sys->timers);
fail_pumps:
	sys_pumps_stop(sys);
fail_limits:
	limits_free(sys->host.limits);
fail_sys:
	free(sys);
	return ERR_PTR(err);
}

u32 sys_close(struct sys *sys)
{
	u32 left;

	sys_stop_runs(sys);
	sys_pumps_stop(sys);
	timers_stop(sys->timers);
	fs_free(sys->fs);
	cgroup_put(sys->recent);
	sys_drop_btfs(sys);
	left = obj_table_free(sys->objs);
	timers_free(sys->timers);
	if (left)
		return left; /* somebody's image may still call our host functions */
	perf_events_free(sys->perf_events);
	hooks_free(sys->hooks);
	perf_rings_free(sys->rings);
	view_events_free(sys->view_events);
	probes_free(sys->probes);
	limits_free(sys->host.limits);
	free(sys);
	return 0;
}

void sys_stop_runs(struct sys *sys)
{
	limits_stop(sys->host.limits);
}

u32 sys_run_limit(struct sys *sys, u64 *over)
{
	*over = limits_over(sys->host.limits);
	return limits_ms(sys->host.limits);
}

struct obj_table *sys_objs(struct sys *sys)
{
	return sys->objs;
}
struct fs *sys_fs(struct sys *sys)
{
	return sys->fs;
}
struct btf *sys_vmlinux(struct sys *sys)
{
	return sys->vmlinux;
}
struct probes *sys_probes(struct sys *sys)
{
	return sys->probes;
}
const struct exec_host *sys_exec_host(struct sys *sys)
{
	return &sys->host;
}
int sys_event_fd(struct sys *sys)
{
	return obj_table_event_fd(sys->objs);
}

void sys_reap(struct sys *sys)
{
	obj_table_reap(sys->objs);
	sys_pumps_reap(sys);
}

void sys_settle(struct sys *sys, dev_t dev, ino_t ino)
{
	obj_table_settle(sys->objs, dev, ino);
}

/* --- dispatch --- */

static const struct {
	sys_handler fn;
	bool creates;	/* refused to the unprivileged when unprivileged_bpf_disabled says so */
	bool runs;	/* makes programs run: not where they are only verified */
	bool cap_first; /* the handler checks privilege before attr's tail (PROG_QUERY) */
} handlers[] = {
	[BPF_MAP_CREATE] = {sys_map_create, .creates = true},
	[BPF_MAP_LOOKUP_ELEM] = {sys_map_lookup},
	[BPF_MAP_UPDATE_ELEM] = {sys_map_update},
	[BPF_MAP_DELETE_ELEM] = {sys_map_delete},
	[BPF_MAP_GET_NEXT_KEY] = {sys_map_next_key},
	[BPF_PROG_LOAD] = {sys_prog_load, .creates = true},
	[BPF_OBJ_PIN] = {sys_obj_pin},
	[BPF_OBJ_GET] = {sys_obj_get},
	[BPF_PROG_ATTACH] = {sys_prog_attach, .runs = true},
	[BPF_PROG_DETACH] = {sys_prog_detach},
	[BPF_PROG_TEST_RUN] = {sys_prog_test_run, .runs = true},
	[BPF_PROG_GET_NEXT_ID] = {sys_get_next_id},
	[BPF_MAP_GET_NEXT_ID] = {sys_get_next_id},
	[BPF_PROG_GET_FD_BY_ID] = {sys_get_fd_by_id},
	[BPF_MAP_GET_FD_BY_ID] = {sys_get_fd_by_id},
	[BPF_OBJ_GET_INFO_BY_FD] = {sys_get_info},
	[BPF_PROG_QUERY] = {sys_prog_query, .cap_first = true},
	[BPF_RAW_TRACEPOINT_OPEN] = {sys_raw_tp_open, .runs = true},
	[BPF_BTF_LOAD] = {sys_btf_load},
	[BPF_BTF_GET_FD_BY_ID] = {sys_get_fd_by_id},
	[BPF_TASK_FD_QUERY] = {sys_task_fd_query},
	[BPF_MAP_LOOKUP_AND_DELETE_ELEM] = {sys_map_lookup_and_delete},
	[BPF_MAP_FREEZE] = {sys_map_freeze},
	[BPF_BTF_GET_NEXT_ID] = {sys_get_next_id},
	[BPF_MAP_LOOKUP_BATCH] = {sys_map_batch},
	[BPF_MAP_LOOKUP_AND_DELETE_BATCH] = {sys_map_batch},
	[BPF_MAP_UPDATE_BATCH] = {sys_map_batch},
	[BPF_MAP_DELETE_BATCH] = {sys_map_batch},
	[BPF_LINK_CREATE] = {sys_link_create, .runs = true},
	[BPF_LINK_UPDATE] = {sys_link_update, .runs = true},
	[BPF_LINK_GET_FD_BY_ID] = {sys_get_fd_by_id},
	[BPF_LINK_GET_NEXT_ID] = {sys_get_next_id},
	[BPF_ENABLE_STATS] = {sys_enable_stats},
	[BPF_ITER_CREATE] = {sys_iter_create, .runs = true},
	[BPF_LINK_DETACH] = {sys_link_detach},
	[BPF_PROG_BIND_MAP] = {sys_prog_bind_map},
};

static bool attr_tail_zero(const struct sys_req *r, u32 end)
{
	const char *p = (const char *)&r->attr;

	for (u32 i = end; i < ABI_ATTR_SIZE; i++)
		if (p[i])
			return false;
	return true;
}

long sys_bpf(struct sys *sys, struct sys_call *call, int cmd, u64 uattr, u32 size)
{
	const struct abi_command *row = abi_command(cmd);
	struct sys_req r = {
		.sys = sys, .call = call, .cred = call->cred, .uattr = uattr, .cmd = cmd};
	u32 attr_size = cmd == BPF_PROG_LOAD ? BPF_ATTR_LOAD_SIZE : ABI_ATTR_SIZE;
	bool known = row && cmd < (int)ARRAY_SIZE(handlers) && handlers[cmd].fn;
	int err;

	if (known && handlers[cmd].creates && !cred_bpf(r.cred) &&
	    (r.cred->unpriv_disabled || sys->unpriv_bpf_disabled))
		return -EPERM;
	err = req_copy_struct(&r, r.attr_bytes, attr_size, uattr, size);
	if (err)
		return err;
	r.size = min(size, attr_size);
	if (!known)
		return -EINVAL;
	if (handlers[cmd].runs && sys->verify_only)
		return -EPERM;
	if (handlers[cmd].cap_first && !cred_has(r.cred, CAP_NET_ADMIN))
		return -EPERM;
	if (!attr_tail_zero(&r, row->attr_end))
		return -EINVAL;
	return handlers[cmd].fn(&r);
}
