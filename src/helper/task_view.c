/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task_view.c - struct task_struct from /proc and system calls. Memory is one mapping per thread
 * that ever asks, given back when the thread ends; nothing is allocated after that.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "base/slot.h"
#include "exec/exec.h"
#include "helper/cgroup_view.h"
#include "helper/objpool.h"
#include "helper/proc_text.h"
#include "helper/task.h"
#include "helper/task_view.h"

#define NSEC	    1000000000ull
#define TICK_NS	    (NSEC / 100) /* USER_HZ */
#define PAGE_BITS   12
#define GENERATIONS 3 /* itself, its parent, its parent's parent */

struct task_view_one {
	struct task_struct task;
	struct cred cred;
	struct mm_struct mm;
	struct signal_struct signal;
	struct pid tid, tgid, pgid, sid;
};

struct task_view {
	struct task_view_one gen[GENERATIONS], leader;
	struct nsproxy nsproxy;
	struct uts_namespace uts;
	struct ipc_namespace ipc;
	struct mnt_namespace mnt;
	struct pid_namespace pid;
	struct net net;
	struct time_namespace time;
	struct cgroup_namespace cgroup;
	struct css_set css_set;
	struct task_group group;
	struct cgroup *groups[CGROUP_OF_TASK]; /* referenced */
	u64 read_at;
	u32 tid; /* whose view; another's after a fork */
};

static __thread __attribute__((tls_model("initial-exec"))) struct task_view *mine;

/* --- text of /proc --- */

/* The file @name of process @pid (0: this thread), NUL-terminated; its length or negative errno. */
static long read_proc(u32 pid, const char *name, char *buf, size_t size)
{
	char path[64];
	long len;

	proc_path(path, pid, name);
	len = proc_read(path, buf, size);
	return len ? len : -EIO;
}

/* Fields of /proc/PID/stat by their number in proc(5), from 4 on. */
enum {
	PPID = 4,
	PGRP = 5,
	SESSION = 6,
	FLAGS = 9,
	MINFLT = 10,
	MAJFLT = 12,
	UTIME = 14,
	STIME = 15,
	PRIORITY = 18,
	NICE = 19,
	THREADS = 20,
	STARTTIME = 22,
	VSIZE = 23,
	STARTCODE = 26,
	ENDCODE = 27,
	STARTSTACK = 28,
	EXIT_SIGNAL = 38,
	PROCESSOR = 39,
	RT_PRIORITY = 40,
	POLICY = 41,
	START_DATA = 45,
	END_DATA = 46,
	START_BRK = 47,
	ARG_START = 48,
	ARG_END = 49,
	ENV_START = 50,
	ENV_END = 51,
	EXIT_CODE = 52,
	NR_STAT
};

struct stat_text {
	u32 pid;
	char comm[TASK_COMM_LEN];
	char state;
	u64 f[NR_STAT];
};

/* The name stands in parentheses and may hold some of its own. */
static int parse_stat(struct stat_text *s, const char *text)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')'), *p = text;
	size_t len;

	memset(s, 0, sizeof(*s));
	s->pid = (u32)proc_number(&p, 10);
	if (!open || !close || close < open || !close[1])
		return -EIO;
	len = (size_t)(close - open) - 1;
	memcpy(s->comm, open + 1, len < TASK_COMM_LEN ? len : TASK_COMM_LEN - 1);
	s->state = close[2];
	p = close[2] ? close + 3 : close + 2;
	for (u32 i = PPID; i < NR_STAT; i++)
		s->f[i] = proc_number(&p, 10);
	return 0;
}

static u32 state_bits(char c)
{
	static const char letters[] = "SDTtXZPI"; /* TASK_INTERRUPTIBLE is bit 0 */
	const char *at = c ? strchr(letters, c) : NULL;

	return !at ? 0 : c == 'I' ? 0x402 : 1u << (at - letters);
}

/* --- one task --- */

static void set_pid(struct task_view *v, struct pid *pid, u32 nr)
{
	pid->level = 0;
	pid->numbers[0] = (struct upid){.nr = (int)nr, .ns = &v->pid};
}

static u64 now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (u64)ts.tv_sec * NSEC + (u64)ts.tv_nsec;
}

static void from_stat(struct task_view_one *o, const struct stat_text *s)
{
	struct task_struct *t = &o->task;
	u64 awake = now(CLOCK_MONOTONIC), asleep = now(CLOCK_BOOTTIME) - awake;

	t->pid = (int)s->pid;
	memcpy(t->comm, s->comm, sizeof(t->comm));
	t->__state = state_bits(s->state);
	t->on_cpu = s->state == 'R';
	t->thread_info.cpu = (u32)s->f[PROCESSOR];
	t->flags = (u32)s->f[FLAGS];
	t->prio = (int)s->f[PRIORITY] + 100;
	t->static_prio = (int)s->f[NICE] + 120;
	t->rt_priority = (u32)s->f[RT_PRIORITY];
	t->policy = (u32)s->f[POLICY];
	t->exit_code = (int)s->f[EXIT_CODE];
	t->exit_signal = (int)s->f[EXIT_SIGNAL];
	t->utime = s->f[UTIME] * TICK_NS;
	t->stime = s->f[STIME] * TICK_NS;
	t->min_flt = s->f[MINFLT];
	t->maj_flt = s->f[MAJFLT];
	t->start_boottime = s->f[STARTTIME] * TICK_NS;
	asleep -= asleep % TICK_NS; /* the same each time */
	t->start_time = t->start_boottime > asleep ? t->start_boottime - asleep : 0;
	o->mm = (struct mm_struct){
		.total_vm = s->f[VSIZE] >> PAGE_BITS,
		.start_code = s->f[STARTCODE],
		.end_code = s->f[ENDCODE],
		.start_data = s->f[START_DATA],
		.end_data = s->f[END_DATA],
		.start_brk = s->f[START_BRK],
		.start_stack = s->f[STARTSTACK],
		.arg_start = s->f[ARG_START],
		.arg_end = s->f[ARG_END],
		.env_start = s->f[ENV_START],
		.env_end = s->f[ENV_END],
	};
	t->mm = s->f[VSIZE] ? &o->mm : NULL; /* kernel threads have none */
	o->signal.nr_threads = (int)s->f[THREADS];
}

static void caps(kernel_cap_t *to, u64 bits)
{
	to->cap[0] = (u32)bits;
	to->cap[1] = (u32)(bits >> 32);
}

/* The value of line @name in /proc/PID/status. */
static const char *line_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at && at > text && at[-1] == '\n' ? at + strlen(name) : "";
}

static void cred_from_status(struct cred *c, const char *text)
{
	const char *u = line_of(text, "Uid:"), *g = line_of(text, "Gid:");
	const struct {
		const char *name;
		kernel_cap_t *to;
	} sets[] = {
		{"CapInh:", &c->cap_inheritable}, {"CapPrm:", &c->cap_permitted},
		{"CapEff:", &c->cap_effective},	  {"CapBnd:", &c->cap_bset},
		{"CapAmb:", &c->cap_ambient},
	};

	c->uid.val = (u32)proc_number(&u, 10);
	c->euid.val = (u32)proc_number(&u, 10);
	c->suid.val = (u32)proc_number(&u, 10);
	c->fsuid.val = (u32)proc_number(&u, 10);
	c->gid.val = (u32)proc_number(&g, 10);
	c->egid.val = (u32)proc_number(&g, 10);
	c->sgid.val = (u32)proc_number(&g, 10);
	c->fsgid.val = (u32)proc_number(&g, 10);
	for (u32 i = 0; i < ARRAY_SIZE(sets); i++) {
		const char *at = line_of(text, sets[i].name);

		caps(sets[i].to, proc_number(&at, 16));
	}
}

/* Task @pid (0: this thread) into @o; its parent's pid, 0: none that we can see. */
static u32 read_task(struct task_view *v, struct task_view_one *o, u32 pid)
{
	struct task_struct *t = &o->task;
	struct stat_text s;
	char text[4096];
	const char *at;

	if (read_proc(pid, "stat", text, sizeof(text)) < 0 || parse_stat(&s, text)) {
		memset(o, 0, sizeof(*o));
		return 0;
	}
	from_stat(o, &s);
	t->tgid = t->pid;
	if (read_proc(pid, "status", text, sizeof(text)) > 0) {
		at = line_of(text, "Tgid:");
		t->tgid = (int)proc_number(&at, 10);
		cred_from_status(&o->cred, text);
	}
	at = text;
	if (read_proc(pid, "loginuid", text, sizeof(text)) > 0)
		t->loginuid.val = (u32)proc_number(&at, 10);
	at = text;
	if (read_proc(pid, "sessionid", text, sizeof(text)) > 0)
		t->sessionid = (u32)proc_number(&at, 10);
	t->cred = t->real_cred = &o->cred;
	t->signal = &o->signal;
	t->thread_pid = &o->tid;
	set_pid(v, &o->tid, (u32)t->pid);
	set_pid(v, &o->tgid, (u32)t->tgid);
	set_pid(v, &o->pgid, (u32)s.f[PGRP]);
	set_pid(v, &o->sid, (u32)s.f[SESSION]);
	o->signal.pids[PIDTYPE_TGID] = &o->tgid;
	o->signal.pids[PIDTYPE_PGID] = &o->pgid;
	o->signal.pids[PIDTYPE_SID] = &o->sid;
	return (u32)s.f[PPID];
}

/* --- namespaces --- */

static unsigned int inum(u32 pid, const char *name)
{
	struct stat st;
	char path[64];

	proc_path(path, pid, name);
	return stat(path, &st) ? 0 : (unsigned int)st.st_ino;
}

static void read_namespaces(struct task_view *v, u32 pid)
{
	v->uts.ns.inum = inum(pid, "ns/uts");
	v->ipc.ns.inum = inum(pid, "ns/ipc");
	v->mnt.ns.inum = inum(pid, "ns/mnt");
	v->pid.ns.inum = inum(pid, "ns/pid");
	v->net.ns.inum = inum(pid, "ns/net");
	v->time.ns.inum = inum(pid, "ns/time");
	v->cgroup.ns.inum = inum(pid, "ns/cgroup");
	_Static_assert(sizeof(struct new_utsname) == sizeof(struct utsname), "utsname differs");
	/* names of a namespace that is not ours cannot be seen from here */
	memset(&v->uts.name, 0, sizeof(v->uts.name));
	if (!pid || v->uts.ns.inum == inum(0, "ns/uts"))
		uname((struct utsname *)&v->uts.name);
	v->nsproxy =
		(struct nsproxy){&v->uts, &v->ipc, &v->mnt, &v->pid, &v->net, &v->time, &v->cgroup};
}

/* --- groups --- */

static void put_groups(struct task_view *v)
{
	for (u32 i = 0; i < CGROUP_OF_TASK; i++)
		cgroup_put(v->groups[i]);
}

static void read_groups(struct task_view *v, u32 pid)
{
	struct cgroup *was[CGROUP_OF_TASK];

	memcpy(was, v->groups, sizeof(was));
	cgroup_of_task(pid, v->groups);
	for (u32 i = 0; i < CGROUP_SUBSYS_COUNT; i++)
		v->css_set.subsys[i] = v->groups[i] ? v->groups[i]->subsys[i] : NULL;
	v->css_set.dfl_cgrp = v->groups[CGROUP_SUBSYS_COUNT];
	v->group.css.cgroup = v->groups[cpu_cgrp_id];
	v->group.css.parent =
		v->css_set.subsys[cpu_cgrp_id] ? v->css_set.subsys[cpu_cgrp_id]->parent : NULL;
	v->gen[0].task.cgroups = &v->css_set;
	v->gen[0].task.sched_task_group = &v->group;
	for (u32 i = 0; i < CGROUP_OF_TASK; i++)
		cgroup_put(was[i]);
}

/* --- the view --- */

static void link_tasks(struct task_view *v)
{
	struct task_struct *self = &v->gen[0].task;

	for (u32 i = 0; i < GENERATIONS; i++) {
		struct task_struct *t = &v->gen[i].task;
		struct task_struct *up =
			i + 1 < GENERATIONS && v->gen[i + 1].task.pid ? &v->gen[i + 1].task : NULL;

		t->real_parent = t->parent = up;
		t->group_leader = t;
	}
	self->nsproxy = &v->nsproxy;
	if (self->pid != self->tgid) {
		read_task(v, &v->leader, (u32)self->tgid);
		v->leader.task.real_parent = v->leader.task.parent = self->real_parent;
		v->leader.task.nsproxy = &v->nsproxy;
		self->group_leader = v->leader.task.group_leader = &v->leader.task;
	}
}

/* Task @pid, 0: this thread. */
static void read_view(struct task_view *v, u32 pid)
{
	read_namespaces(v, pid);
	read_groups(v, pid);
	for (u32 i = 0; i < GENERATIONS; i++) {
		if (i && !pid)
			memset(&v->gen[i], 0, sizeof(v->gen[i]));
		else
			pid = read_task(v, &v->gen[i], pid);
	}
	link_tasks(v);
	v->read_at = now(CLOCK_MONOTONIC_COARSE);
}

/* What a program expects to be right at each call, /proc or not. */
static void refresh_self(struct task_view_one *o)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {};
	struct task_struct *t = &o->task;
	char comm[TASK_COMM_LEN + 1] = "";
	struct cred *c = &o->cred;

	t->pid = (int)slot_tid();
	t->tgid = getpid();
	prctl(PR_GET_NAME, comm, 0, 0, 0);
	memcpy(t->comm, comm, sizeof(t->comm));
	t->thread_info.cpu = slot_current();
	t->__state = 0;
	t->on_cpu = 1;
	t->cred = t->real_cred = c;
	getresuid(&c->uid.val, &c->euid.val, &c->suid.val);
	getresgid(&c->gid.val, &c->egid.val, &c->sgid.val);
	c->fsuid.val = (u32)setfsuid((uid_t)-1);
	c->fsgid.val = (u32)setfsgid((gid_t)-1);
	if (syscall(SYS_capget, &head, data))
		return;
	for (u32 i = 0; i < 2; i++) {
		c->cap_effective.cap[i] = data[i].effective;
		c->cap_permitted.cap[i] = data[i].permitted;
		c->cap_inheritable.cap[i] = data[i].inheritable;
	}
}

static pthread_key_t at_exit;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool have_key;

static void drop(void *view)
{
	mine = NULL;
	put_groups(view);
	munmap(view, sizeof(struct task_view));
}

static void make_key(void)
{
	have_key = !pthread_key_create(&at_exit, drop);
}

/* A library that is unloaded takes its destructor along. */
static void __attribute__((destructor)) drop_key(void)
{
	if (have_key)
		pthread_key_delete(at_exit);
}

static struct task_view *new_view(void)
{
	struct task_view *v =
		mmap(NULL, sizeof(*v), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (v == MAP_FAILED)
		return NULL;
	pthread_once(&once, make_key);
	if (have_key)
		pthread_setspecific(at_exit, v);
	return mine = v;
}

struct task_struct *task_current(void)
{
	int saved = errno;
	struct task_view *v = mine ?: new_view();

	if (v) {
		if (v->tid != slot_tid() ||
		    now(CLOCK_MONOTONIC_COARSE) - v->read_at >= TASK_FRESH_NS)
			read_view(v, 0);
		v->tid = slot_tid();
		refresh_self(&v->gen[0]);
	}
	errno = saved;
	return v ? &v->gen[0].task : NULL;
}

/* --- tasks by number --- */

static void release(void *view)
{
	put_groups(view);
}

static struct objpool pool = {.size = sizeof(struct task_view), .release = release};

struct task_struct *task_get_pid(u32 tid)
{
	int saved = errno;
	struct task_view *v = tid ? objpool_new(&pool) : NULL;

	if (v) {
		read_view(v, tid);
		if (!v->gen[0].task.pid) {
			objpool_put(&pool, v);
			v = NULL;
		}
	}
	errno = saved;
	return v ? &v->gen[0].task : NULL;
}

struct task_struct *task_get(const struct task_struct *task)
{
	struct task_struct *t = objpool_get(&pool, task);
	int pid = 0;

	/* the current task, a parent ...: they live in somebody's view */
	if (!t &&
	    !fault_copy(&pid, (const char *)task + offsetof(struct task_struct, pid),
			sizeof(pid)) &&
	    pid > 0)
		t = task_get_pid((u32)pid);
	return t;
}

void task_put(struct task_struct *task)
{
	objpool_put(&pool, task);
}

u32 task_number(const struct task_struct *task)
{
	return (u32)task->pid;
}

static u64 identity(u32 tid, u64 start_ticks)
{
	return tid ? tid | start_ticks << 32 : 0;
}

u64 task_identity(const struct task_struct *task)
{
	const char *at = (const char *)task;
	u64 started;
	int pid;

	if (!task || fault_copy(&pid, at + offsetof(struct task_struct, pid), sizeof(pid)) ||
	    fault_copy(&started, at + offsetof(struct task_struct, start_boottime),
		       sizeof(started)))
		return 0;
	return pid > 0 ? identity((u32)pid, started / TICK_NS) : 0;
}

u64 task_identity_of(u32 tid)
{
	struct stat_text s;
	char text[1024];

	if (!tid || read_proc(tid, "stat", text, sizeof(text)) < 0 || parse_stat(&s, text))
		return 0;
	return identity(tid, s.f[STARTTIME]);
}

bool task_is_leader(const struct task_struct *task)
{
	return task->pid == task->tgid;
}

int pidfd_pid(int fd)
{
	char path[64], text[512];
	const char *at;
	s64 pid;

	proc_path(path, 0, "fdinfo/");
	proc_put_number(path + strlen(path), (u32)fd);
	if (fd < 0 || proc_read(path, text, sizeof(text)) <= 0)
		return -EBADF;
	at = line_of(text, "Pid:");
	if (!*at)
		return -EINVAL;
	pid = (s64)proc_number(&at, 10);
	return pid > 0 ? (int)pid : -ESRCH;
}
