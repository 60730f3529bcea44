/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "helper/proc_text.h"
#include "link/dyn_event.h"
#include "link/perf_event.h"

#define MAX_SAMPLE_RATE 100000u /* kernel.perf_event_max_sample_rate */
#define CONFIG_RETPROBE 1u

struct perf_events {
	pthread_mutex_t lock;
	struct list list;
	struct hooks *hooks;
	struct probes *probes;
	struct dyn_events *dyn;
	u64 last_id;
};

struct perf_event_obj {
	struct perf_event pub;
	struct obj obj;
	struct perf_events *all;
	struct list node; /* under all->lock */
	u64 id;
	u32 type;
	u64 config;
	pthread_mutex_t lock;
	struct bpf_prog *prog; /* referenced; under both locks */
	bool enabled, running;
	/* where: a function of the service, else a place in processes */
	struct hook *hook;
	struct hook_user user;
	struct probe_point point;
	u64 probe;
	char *name;			      /* function or file; NULL */
	const struct trace_event *tracepoint; /* PERF_TYPE_TRACEPOINT, ... */
	struct dyn_event *dyn;		      /* ... or one that a client defined */
	u64 addr;			      /* kprobe without a name */
	bool override;			      /* its function may be overridden */
};

struct perf_events *perf_events_new(struct hooks *hooks, struct probes *probes)
{
	struct perf_events *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->dyn = dyn_events_new(trace_event_next_id());
	if (!all->dyn) {
		free(all);
		return NULL;
	}
	list_init(&all->list);
	pthread_mutex_init(&all->lock, NULL);
	all->hooks = hooks;
	all->probes = probes;
	return all;
}

void perf_events_free(struct perf_events *all)
{
	if (!all)
		return;
	dyn_events_free(all->dyn);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

struct dyn_events *perf_events_dyn(struct perf_events *all)
{
	return all->dyn;
}

/* --- objects --- */

static void release(struct obj *o)
{
	struct perf_event_obj *e = obj_to_perf_event(o);

	perf_event_unset_prog(e);
	pthread_mutex_lock(&e->all->lock);
	list_del(&e->node);
	pthread_mutex_unlock(&e->all->lock);
	dyn_event_put(e->all->dyn, e->dyn);
}

static void event_free(struct obj *o)
{
	struct perf_event_obj *e = obj_to_perf_event(o);

	pthread_mutex_destroy(&e->lock);
	if (e->point.file >= 0)
		close(e->point.file);
	free(e->name);
	free(e);
}

static const struct obj_class event_class = {
	.name = "perf-event",
	.kind = OBJ_PERF_EVENT,
	.release = release,
	.free = event_free,
};

struct obj *perf_event_to_obj(struct perf_event_obj *e)
{
	return &e->obj;
}

struct perf_event_obj *obj_to_perf_event(struct obj *o)
{
	return container_of(o, struct perf_event_obj, obj);
}

struct perf_event *perf_event_public(struct perf_event_obj *e)
{
	return &e->pub;
}

/* --- opening: which place --- */

static int copy_name(struct perf_event_obj *e, const char *name)
{
	e->name = strdup(name);
	return e->name ? 0 : -ENOMEM;
}

/* A function of the service, or of a system call of processes. Inside of one there is nothing. */
static int open_kprobe(struct perf_event_obj *e, const struct perf_open *o)
{
	bool ret = o->attr.config & CONFIG_RETPROBE;
	const char *name = o->name && *o->name ? o->name : NULL;

	if (!cred_perfmon(o->cred))
		return -EACCES;
	if (name) {
		e->hook = hook_function(e->all->hooks, name);
		e->point.nr = e->hook ? -1 : syscall_by_func(name);
	} else {
		e->addr = o->attr.kprobe_addr;
		e->hook = hook_function_at(e->all->hooks, e->addr);
		e->point.nr = e->hook ? -1 : syscall_by_addr(e->addr);
	}
	if (!e->hook && e->point.nr < 0)
		return name ? -ENOENT : -EINVAL;
	if (name && o->attr.probe_offset) /* else it is the address, which has the same place */
		return ret ? -EINVAL : -EILSEQ;
	e->override = !ret && (!e->hook || hook_point_of(e->hook)->flags & FUNC_INJECT);
	e->user.how = ret ? HOOK_KRETPROBE : HOOK_KPROBE;
	e->point.kind = ret ? PROBE_SYS_KRETPROBE : PROBE_SYS_KPROBE;
	return name ? copy_name(e, name) : 0;
}

static int open_uprobe(struct perf_event_obj *e, const struct perf_open *o)
{
	struct stat st;

	if (!cred_sys_admin(o->cred))
		return -EACCES;
	if (!o->name || !*o->name)
		return -EINVAL;
	if (fstat(o->file, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	e->point.kind = o->attr.config & CONFIG_RETPROBE ? PROBE_URETPROBE : PROBE_UPROBE;
	e->point.offset = o->attr.probe_offset;
	e->point.ref_ctr_offset = o->attr.config >> PERF_UPROBE_REF_SHIFT;
	e->point.dev = st.st_dev;
	e->point.ino = st.st_ino;
	e->point.file = fcntl(o->file, F_DUPFD_CLOEXEC, 0);
	return e->point.file < 0 ? -errno : copy_name(e, o->name);
}

/* What a client defined as a tracepoint is the same as what it can open without. */
static int open_dyn(struct perf_event_obj *e, const struct perf_open *o)
{
	struct perf_open as = *o;

	e->dyn = dyn_event_get(e->all->dyn, o->attr.config);
	if (!e->dyn)
		return -EINVAL;
	as.name = *e->dyn->place ? e->dyn->place : NULL;
	as.file = e->dyn->file;
	as.attr.config = e->dyn->ret | e->dyn->ref_ctr_offset << PERF_UPROBE_REF_SHIFT;
	as.attr.probe_offset = as.name ? e->dyn->offset : e->dyn->addr;
	return e->dyn->uprobe ? open_uprobe(e, &as) : open_kprobe(e, &as);
}

static int open_tracepoint(struct perf_event_obj *e, const struct perf_open *o)
{
	e->tracepoint = trace_event_by_id(o->attr.config);
	if (!e->tracepoint)
		return open_dyn(e, o);
	e->point.kind = e->tracepoint->kind;
	e->point.nr = e->tracepoint->nr;
	return 0;
}

static int open_clock(struct perf_event_obj *e, const struct perf_open *o)
{
	if (o->attr.config != PERF_COUNT_SW_CPU_CLOCK && o->attr.config != PERF_COUNT_SW_TASK_CLOCK)
		return -ENOENT;
	if (!o->attr.sample_period)
		return -EOPNOTSUPP; /* counting is the machine's business */
	e->point.kind = PROBE_SAMPLE;
	e->point.task_clock = o->attr.config == PERF_COUNT_SW_TASK_CLOCK;
	e->point.freq = o->attr.freq;
	e->point.period = o->attr.sample_period;
	e->point.cpu = o->cpu;
	return 0;
}

static const struct {
	u32 type;
	int (*open)(struct perf_event_obj *e, const struct perf_open *o);
} types[] = {
	{PERF_TYPE_TRACEPOINT, open_tracepoint},
	{PERF_TYPE_KPROBE, open_kprobe},
	{PERF_TYPE_UPROBE, open_uprobe},
	{PERF_TYPE_SOFTWARE, open_clock},
};

/* The process a thread is of, 0: there is none. */
static pid_t process_of(pid_t tid)
{
	char path[64], text[512];
	const char *at;

	proc_path(path, tid, "status");
	if (proc_read(path, text, sizeof(text)) <= 0)
		return 0;
	at = strstr(text, "\nTgid:\t");
	if (!at)
		return 0;
	at += strlen("\nTgid:\t");
	return (pid_t)proc_number(&at, 10);
}

/* Of which process; tracepoints and functions of system calls call for all, as a kernel's do. */
static int set_task(struct perf_event_obj *e, const struct perf_open *o)
{
	pid_t tid = o->pid ? o->pid : o->caller, pid;

	if (o->pid < 0)
		return 0;
	pid = process_of(tid);
	if (!pid)
		return -ESRCH;
	if (e->point.kind == PROBE_UPROBE || e->point.kind == PROBE_URETPROBE ||
	    e->point.kind == PROBE_SAMPLE)
		e->point.pid = pid;
	if (e->point.kind == PROBE_SAMPLE)
		e->point.tid = tid;
	return 0;
}

/* Kernel: the checks of perf_event_open() that do not look at the type. */
static int check_open(const struct perf_open *o)
{
	if (!cred_perfmon(o->cred))
		return -EACCES;
	if (o->attr.freq ? o->attr.sample_freq > MAX_SAMPLE_RATE : o->attr.sample_period >> 63)
		return -EINVAL;
	if (o->pid > 0 && !process_of(o->pid))
		return -ESRCH;
	if (o->cpu < -1 || o->cpu >= (s32)sysconf(_SC_NPROCESSORS_CONF) ||
	    (o->cpu == -1 && o->pid < 0))
		return -EINVAL;
	return 0;
}

static int open_place(struct perf_event_obj *e, const struct perf_open *o)
{
	for (u32 i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].type != o->attr.type)
			continue;
		if (o->attr.sample_type & PERF_SAMPLE_BRANCH_STACK)
			return -EOPNOTSUPP;
		return types[i].open(e, o);
	}
	return -ENOENT;
}

struct perf_event_obj *perf_event_open(struct perf_events *all, const struct perf_open *o)
{
	struct perf_event_obj *e;
	int err = check_open(o);

	if (err)
		return ERR_PTR(err);
	e = calloc(1, sizeof(*e));
	if (!e)
		return ERR_PTR(-ENOMEM);
	e->all = all;
	e->type = o->attr.type;
	e->config = o->attr.config;
	e->enabled = !o->attr.disabled;
	e->point = (struct probe_point){.file = -1, .nr = -1, .cpu = -1};
	obj_init(&e->obj, &event_class);
	pthread_mutex_init(&e->lock, NULL);
	err = open_place(e, o);
	if (!err)
		err = set_task(e, o);
	e->point.path = e->point.file >= 0 ? e->name : NULL;
	pthread_mutex_lock(&all->lock);
	e->id = ++all->last_id;
	list_add_tail(&all->list, &e->node);
	pthread_mutex_unlock(&all->lock);
	if (!err)
		return e;
	obj_put(&e->obj);
	return ERR_PTR(err);
}

/* --- programs --- */

static bool is_clock(const struct perf_event_obj *e)
{
	return !e->hook && e->point.kind == PROBE_SAMPLE;
}

static bool is_uprobe(const struct perf_event_obj *e)
{
	return !e->hook && (e->point.kind == PROBE_UPROBE || e->point.kind == PROBE_URETPROBE);
}

/* Bytes of a tracepoint's record that programs may read. */
static u32 record_size(const struct trace_event *t)
{
	u32 args = 0;

	switch (t->kind) {
	case PROBE_SYS_ENTER:
		if (t->nr < 0)
			return 64;
		for (const char *p = t->args; *p; p++)
			args += p == t->args || *p == ',';
		return 16 + 8 * args;
	case PROBE_SYS_EXIT: return 24;
	case PROBE_PROC_EXEC: return 20;
	case PROBE_PROC_FORK: return 48;
	default: return 32;
	}
}

static int may_set(const struct perf_event_obj *e, const struct bpf_prog *prog)
{
	if (is_clock(e))
		return prog->type == BPF_PROG_TYPE_PERF_EVENT ? 0 : -EINVAL;
	if (prog->type != (e->tracepoint ? BPF_PROG_TYPE_TRACEPOINT : BPF_PROG_TYPE_KPROBE))
		return -EINVAL;
	if (prog->type == BPF_PROG_TYPE_KPROBE && prog->aux->sleepable && !is_uprobe(e))
		return -EINVAL;
	if (prog->kprobe_override && (is_uprobe(e) || !e->override))
		return -EINVAL;
	if (e->tracepoint && prog->aux->max_ctx_offset > record_size(e->tracepoint))
		return -EACCES;
	return 0;
}

static bool same_place(const struct perf_event_obj *a, const struct perf_event_obj *b)
{
	return a->tracepoint == b->tracepoint && a->dyn == b->dyn;
}

/* Programs at a tracepoint count together, whatever event they are on. */
static int join_tracepoint(struct perf_event_obj *e, const struct bpf_prog *prog, u64 cookie)
{
	struct perf_event_obj *o;
	u32 n = 0;

	list_for_each(o, &e->all->list, node) {
		if (!same_place(o, e) || !o->prog)
			continue;
		if (o->prog == prog && o->pub.bpf_cookie == cookie)
			return -EEXIST;
		n++;
	}
	return n >= PERF_MAX_PROGS ? -E2BIG : 0;
}

static int start(struct perf_event_obj *e)
{
	struct probe_spec spec = {.point = e->point, .cookie = e->pub.bpf_cookie};
	int err;

	if (e->running || !e->prog || (is_clock(e) && !e->enabled))
		return 0;
	if (e->hook) {
		e->user.prog = e->prog;
		e->user.cookie = e->pub.bpf_cookie;
		err = hook_attach(e->hook, &e->user);
	} else {
		err = probes_add(e->all->probes, &spec, 1, e->prog, &e->probe);
	}
	e->running = !err;
	return err;
}

static void stop(struct perf_event_obj *e)
{
	if (e->running && e->hook)
		hook_detach(&e->user);
	else if (e->running)
		probes_del(e->all->probes, e->probe, 1);
	e->running = false;
}

static void set(struct perf_event_obj *e, struct bpf_prog *prog, u64 cookie)
{
	e->prog = prog;
	e->pub.bpf_cookie = cookie;
}

int perf_event_set_prog(struct perf_event_obj *e, struct bpf_prog *prog, u64 cookie)
{
	int err;

	pthread_mutex_lock(&e->lock);
	err = is_clock(e) && e->prog ? -EEXIST : may_set(e, prog);
	if (!err && e->prog)
		err = -EEXIST;
	pthread_mutex_lock(&e->all->lock);
	if (!err && (e->tracepoint || e->dyn))
		err = join_tracepoint(e, prog, cookie);
	if (!err)
		set(e, obj_to_prog(obj_get(&prog->obj)), cookie);
	pthread_mutex_unlock(&e->all->lock);
	if (err)
		goto out;
	err = start(e);
	if (err) {
		pthread_mutex_lock(&e->all->lock);
		set(e, NULL, 0);
		pthread_mutex_unlock(&e->all->lock);
		obj_put(&prog->obj);
	}
out:
	pthread_mutex_unlock(&e->lock);
	return err;
}

void perf_event_unset_prog(struct perf_event_obj *e)
{
	struct bpf_prog *prog;

	pthread_mutex_lock(&e->lock);
	stop(e);
	pthread_mutex_lock(&e->all->lock);
	prog = e->prog;
	set(e, NULL, 0);
	pthread_mutex_unlock(&e->all->lock);
	pthread_mutex_unlock(&e->lock);
	if (prog)
		obj_put(&prog->obj);
}

int perf_event_enable(struct perf_event_obj *e, bool on)
{
	int err = 0;

	pthread_mutex_lock(&e->lock);
	e->enabled = on;
	if (on)
		err = start(e);
	else if (is_clock(e))
		stop(e);
	pthread_mutex_unlock(&e->lock);
	return err;
}

int perf_event_set_period(struct perf_event_obj *e, u64 value)
{
	int err;

	if (!is_clock(e) || !value)
		return -EINVAL;
	pthread_mutex_lock(&e->lock);
	if (e->point.freq ? value > MAX_SAMPLE_RATE : value >> 63) {
		err = -EINVAL;
	} else {
		stop(e);
		e->point.period = value;
		err = start(e);
	}
	pthread_mutex_unlock(&e->lock);
	return err;
}

u64 perf_event_id(const struct perf_event_obj *e)
{
	return e->id;
}

/* --- what is there --- */

int perf_event_progs(struct perf_event_obj *e, u32 *ids, u32 room)
{
	struct perf_event_obj *o;
	u32 n = 0;

	if (!e->tracepoint && !e->dyn)
		return -EINVAL;
	pthread_mutex_lock(&e->all->lock);
	list_for_each(o, &e->all->list, node) {
		if (!same_place(o, e) || !o->prog)
			continue;
		if (n < room)
			ids[n] = o->prog->aux->id;
		n++;
	}
	pthread_mutex_unlock(&e->all->lock);
	return (int)n;
}

static void kprobe_info(const struct perf_event_obj *e, struct perf_event_info *info)
{
	bool ret = e->user.how == HOOK_KRETPROBE;

	info->fd_type = ret ? BPF_FD_TYPE_KRETPROBE : BPF_FD_TYPE_KPROBE;
	info->link_type = ret ? PERF_EVENT_INFO_KRETPROBE : PERF_EVENT_INFO_KPROBE;
	info->name = e->name;
	info->addr = e->name ? 0 : e->addr;
}

static void uprobe_info(const struct perf_event_obj *e, struct perf_event_info *info)
{
	bool ret = e->point.kind == PROBE_URETPROBE;

	info->fd_type = ret ? BPF_FD_TYPE_URETPROBE : BPF_FD_TYPE_UPROBE;
	info->link_type = ret ? PERF_EVENT_INFO_URETPROBE : PERF_EVENT_INFO_UPROBE;
	info->name = e->name;
	info->offset = e->point.offset;
	info->ref_ctr_offset = e->point.ref_ctr_offset;
}

int perf_event_info(struct perf_event_obj *e, struct perf_event_info *info)
{
	struct bpf_prog *prog;

	pthread_mutex_lock(&e->all->lock);
	prog = e->prog;
	*info = (struct perf_event_info){.prog_id = prog ? prog->aux->id : 0,
					 .cookie = e->pub.bpf_cookie,
					 .type = e->type,
					 .config = e->config};
	pthread_mutex_unlock(&e->all->lock);
	if (!prog)
		return -ENOENT;
	if (is_clock(e)) {
		info->link_type = PERF_EVENT_INFO_EVENT;
		return -EOPNOTSUPP;
	}
	if (e->tracepoint) {
		info->fd_type = BPF_FD_TYPE_TRACEPOINT;
		info->link_type = PERF_EVENT_INFO_TRACEPOINT;
		info->name = e->tracepoint->name;
	} else if (is_uprobe(e)) {
		uprobe_info(e, info);
	} else {
		kprobe_info(e, info);
	}
	return 0;
}
