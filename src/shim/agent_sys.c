// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent_sys.c - programs at the system calls of this process.
 *
 * The service knows where the code of a file calls the kernel (link/plan.h); while programs are
 * attached each such place that can make a wanted call has two hits: in front of the call and behind
 * it. Calls from elsewhere (code made at run time, hand-written code without symbols) are not seen.
 * Nothing is in the way while none is attached.
 *
 * What was called is remembered per thread until the hit behind the call finds it by its place and
 * stack pointer; so signal handlers may call, too, and calls that never come back are forgotten.
 *
 * The list changes under agent_lock(); hits read it between hit_begin() and hit_end(), so after
 * hit_quiesce() nobody has the old one.
 */
#include <asm/prctl.h>
#include "agent/patch.h"
#include "base/raw.h"
#include "base/slot.h"
#include "exec/probe_kind.h"
#include "exec/trace_record.h"
#include "shim/agent.h"
#include "shim/agent_probe.h"
#include "shim/shim.h"

#define NR_MAX	512u
#define PENDING 8u
#define BATCH	64u

/* A call in a mapping. */
struct place {
	struct place *next;   /* of its file */
	u64 enter, exit;      /* addresses */
	s32 nr;		      /* -1: in EAX */
	bool wanted, no_exit; /* there is no room behind it */
	const struct msg_syscall *call;
	struct patch *at_enter, *at_exit;
};

/* The calls of one file, mapped once. */
struct sys_file {
	struct sys_file *next;
	u64 dev, ino, base; /* base: where offset 0 would be */
	struct msg_syscall *calls;
	u32 nr;
	size_t size; /* of the mapping of calls */
	bool seen;
	struct place *places;
};

struct probe_list {
	u32 nr;
	bool plain;
	struct agent_probe *p[];
};

static struct {
	struct sys_file *files;
	struct place *free;
	struct probe_list *list; /* atomic; what hits read */
	u64 own;		 /* inode of our own library */
	struct {
		char *at;
		u32 left;
	} chunk;
	bool wanted[NR_MAX];
	bool all;
	bool exits; /* somebody wants to know how calls end */
} sys;

/* --- hits --- */

struct pending {
	u64 sp;
	const struct place *at;
	s32 nr;
};

static __thread struct pending pending[PENDING] __attribute__((tls_model("initial-exec")));
static __thread u32 nr_pending __attribute__((tls_model("initial-exec")));

static void remember(const struct place *at, u64 sp, s32 nr)
{
	while (nr_pending && pending[nr_pending - 1].sp <= sp)
		nr_pending--;
	if (nr_pending == PENDING) /* other stacks, perhaps */
		nr_pending = 0;
	pending[nr_pending++] = (struct pending){sp, at, nr};
}

/* -1: not by us. A child begins behind the call, with a stack of its own, or its parent's copied. */
static s32 recall(const struct place *at, u64 sp, bool child)
{
	for (u32 i = nr_pending; i-- > 0;) {
		if (pending[i].sp == sp && pending[i].at == at) {
			nr_pending = i;
			return pending[i].nr;
		}
	}
	return child ? at->nr : -1;
}

static const s32 forks[] = {SYS_clone, SYS_fork, SYS_vfork, SYS_clone3};
static const s32 ends[] = {SYS_exit, SYS_exit_group};

static bool is_one_of(const s32 *list, u32 n, s32 nr)
{
	for (u32 i = 0; i < n; i++)
		if (list[i] == nr)
			return true;
	return false;
}

static bool begins_child(const struct place *at, u64 ret)
{
	return !ret && is_one_of(forks, ARRAY_SIZE(forks), at->nr);
}

static u16 event_of(const struct agent_probe *p)
{
	return 0; /* common_type: the event's id, which no program needs */
}

/* What a call returns that is not made. */
struct instead {
	bool yes;
	u64 ret;
};

static void run_enter(struct agent_probe *p, struct pt_regs *regs, s32 nr, struct instead *instead)
{
	struct exec_regs user = {regs->rip, regs->rsp, regs->rbp};
	struct trace_event_raw_sys_enter rec;
	struct pt_regs call;
	u64 args[2];

	if (p->m.kind == PROBE_PROC_EXIT) {
		agent_proc_exit(p, regs);
		return;
	}
	if (p->m.kind == PROBE_SYS_KPROBE) {
		call = *regs;
		call.rdi = (u64)regs;
		instead->yes |= hit_exec_call(&p->hit, &call, &user, &instead->ret);
		return;
	}
	if (p->prog->img->prog_type != BPF_PROG_TYPE_TRACEPOINT) {
		args[0] = (u64)regs;
		args[1] = (u64)(s64)nr;
		hit_exec(&p->hit, args, 0, &user);
		return;
	}
	rec.ent = (struct trace_entry){.type = event_of(p), .pid = (s32)slot_tid()};
	rec.id = nr;
	rec.args[0] = regs->rdi;
	rec.args[1] = regs->rsi;
	rec.args[2] = regs->rdx;
	rec.args[3] = regs->r10;
	rec.args[4] = regs->r8;
	rec.args[5] = regs->r9;
	hit_exec(&p->hit, &rec, 0, &user);
}

static void run_exit(struct agent_probe *p, struct pt_regs *regs, s32 nr)
{
	struct exec_regs user = {regs->rip, regs->rsp, regs->rbp};
	struct trace_event_raw_sys_exit rec;
	u64 args[2];

	if (p->m.kind == PROBE_PROC_FORK) {
		if ((s64)regs->rax > 0)
			agent_proc_fork(p, regs);
		return;
	}
	if (p->m.kind == PROBE_SYS_KRETPROBE) {
		hit_exec(&p->hit, regs, 0, &user);
		return;
	}
	if (p->prog->img->prog_type != BPF_PROG_TYPE_TRACEPOINT) {
		args[0] = (u64)regs;
		args[1] = regs->rax;
		hit_exec(&p->hit, args, 0, &user);
		return;
	}
	rec.ent = (struct trace_entry){.type = event_of(p), .pid = (s32)slot_tid()};
	rec.id = nr;
	rec.ret = (s64)regs->rax;
	hit_exec(&p->hit, &rec, 0, &user);
}

static bool wants(const struct agent_probe *p, bool enter, s32 nr)
{
	u32 k = p->m.kind;

	if (k == PROBE_PROC_FORK)
		return !enter && is_one_of(forks, ARRAY_SIZE(forks), nr);
	if (k == PROBE_PROC_EXIT)
		return enter && is_one_of(ends, ARRAY_SIZE(ends), nr);
	if (p->m.nr >= 0 && p->m.nr != nr)
		return false;
	return enter ? k == PROBE_SYS_ENTER || k == PROBE_SYS_KPROBE
		     : k == PROBE_SYS_EXIT || k == PROBE_SYS_KRETPROBE;
}

/* What children do that vfork() made, who have their parent's memory for so long. */
static bool is_of_child(s32 nr)
{
	return nr == SYS_execve || nr == SYS_execveat || is_one_of(ends, ARRAY_SIZE(ends), nr);
}

/* @instead: of calls that begin; NULL: it is over. */
static void run_all(struct pt_regs *regs, s32 nr, struct instead *instead)
{
	bool maybe_child = is_of_child(nr);
	const struct probe_list *l;
	u32 slot, me = 0;

	if (!hit_begin(&slot))
		return;
	if (unlikely(maybe_child))
		me = slot_tid_as((u32)raw3(SYS_gettid, 0, 0, 0));
	l = __atomic_load_n(&sys.list, __ATOMIC_ACQUIRE);
	if (l && !l->plain)
		patch_save_vectors();
	for (u32 i = 0; l && i < l->nr; i++) {
		if (!wants(l->p[i], instead, nr))
			continue;
		if (instead)
			run_enter(l->p[i], regs, nr, instead);
		else
			run_exit(l->p[i], regs, nr);
	}
	if (unlikely(maybe_child))
		slot_tid_as(me);
	hit_end(slot);
}

/* As the kernel has the registers when a call begins. */
static void on_enter(void *arg, struct pt_regs *regs)
{
	const struct place *at = arg;
	struct pt_regs r = *regs;
	s32 nr = at->nr >= 0 ? at->nr : (s32)regs->rax;
	struct instead instead = {};

	if (hit_inside)
		return;
	if (READ_ONCE(sys.exits))
		remember(at, regs->rsp, nr);
	r.rip = r.rcx = at->exit;
	r.r11 = r.eflags;
	r.orig_rax = nr;
	r.rax = (u64)-ENOSYS;
	run_all(&r, nr, &instead);
	if (unlikely(instead.yes)) {
		regs->rip = at->exit;
		regs->rax = instead.ret;
	}
}

static void on_exit(void *arg, struct pt_regs *regs)
{
	const struct place *at = arg;
	struct pt_regs r = *regs;
	s32 nr;

	if (hit_inside)
		return;
	nr = recall(at, regs->rsp, begins_child(at, regs->rax));
	if (nr < 0)
		return;
	r.orig_rax = nr;
	run_all(&r, nr, NULL);
}

/* Where it was called nobody is left. */
void agent_sys_execed(void)
{
	struct pt_regs r = {.orig_rax = SYS_execve};

	run_all(&r, SYS_execve, NULL);
}

/* --- places --- */

static struct place *place_new(void)
{
	struct place *p = sys.free;

	if (p) {
		sys.free = p->next;
		return p;
	}
	if (sys.chunk.left < sizeof(*p)) {
		sys.chunk.at = raw_mmap(NULL, 64u << 10, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		sys.chunk.left = IS_ERR(sys.chunk.at) ? 0 : 64u << 10;
		if (!sys.chunk.left)
			return NULL;
	}
	p = (void *)sys.chunk.at;
	sys.chunk.at += sizeof(*p);
	sys.chunk.left -= sizeof(*p);
	return p;
}

static struct {
	struct patch_req req[BATCH];
	struct patch **to[BATCH];
	u32 nr;
} batch;

/*
 * Without traps: libc makes calls with all signals blocked (when threads begin and end, to unblock them
 * again), and the kernel kills who runs into a breakpoint then.
 */
static void flush(void)
{
	if (!batch.nr)
		return;
	patch_lasting_traps(false);
	patch_add_many(batch.req, batch.nr);
	patch_lasting_traps(true);
	for (u32 i = 0; i < batch.nr; i++)
		*batch.to[i] = batch.req[i].err ? NULL : batch.req[i].patch;
	batch.nr = 0;
}

static void put(struct patch **to, u64 addr, const struct site_plan *plan, struct place *p,
		void (*fn)(void *arg, struct pt_regs *regs))
{
	batch.to[batch.nr] = to;
	batch.req[batch.nr++] =
		(struct patch_req){.addr = (void *)addr, .plan = plan, .hit = {.fn = fn, .arg = p}};
	if (batch.nr == BATCH)
		flush();
}

static bool is_wanted(s32 nr)
{
	return sys.all || nr < 0 || (nr < (s32)NR_MAX && sys.wanted[nr]);
}

static struct place *place_of(const struct sys_file *f, u64 enter)
{
	struct place *p = f->places;

	while (p && p->enter != enter)
		p = p->next;
	return p;
}

static struct place *place_add(struct sys_file *f, const struct msg_syscall *c)
{
	struct place *p = place_new();

	if (!p)
		return NULL;
	*p = (struct place){.next = f->places,
			    .enter = f->base + c->enter,
			    .exit = f->base + c->exit,
			    .nr = c->nr,
			    .call = c};
	f->places = p;
	return p;
}

static bool wants_exit(const struct place *p)
{
	return sys.exits && p->wanted && !p->at_exit && !p->no_exit;
}

static void put_exits(struct sys_file *f)
{
	for (struct place *p = f->places; p; p = p->next)
		if (wants_exit(p))
			put(&p->at_exit, p->exit, &p->call->exit_plan, p, on_exit);
	flush();
}

/* The jump in front of a call may read what is behind it. If that is in the way it goes for a moment. */
static void make_room(struct sys_file *f)
{
	for (struct place *p = f->places; p; p = p->next)
		if (wants_exit(p) && p->at_enter) {
			patch_del(p->at_enter);
			p->at_enter = NULL;
		}
}

static void put_enters(struct sys_file *f)
{
	for (struct place *p = f->places; p; p = p->next) {
		p->no_exit |= wants_exit(p);
		if (p->wanted && !p->at_enter)
			put(&p->at_enter, p->enter, &p->call->enter_plan, p, on_enter);
	}
	flush();
}

static void put_calls(struct sys_file *f)
{
	for (u32 i = 0; i < f->nr; i++) {
		const struct msg_syscall *c = &f->calls[i];
		struct place *p;

		if (!is_wanted(c->nr))
			continue;
		p = place_of(f, f->base + c->enter);
		if (!p)
			p = place_add(f, c);
		if (!p)
			break;
		p->wanted = true;
	}
	put_exits(f);
	make_room(f);
	put_exits(f);
	put_enters(f);
}

/* Takes out what is not wanted any more, of files that are gone too. */
static void drop_places(struct sys_file *f, bool gone)
{
	struct place **at = &f->places, *p, *out = NULL;
	struct patch_req req[BATCH];
	bool busy = false;
	u32 n = 0;

	while ((p = *at)) {
		if (p->wanted && !gone) {
			at = &p->next;
			continue;
		}
		if (gone) {
			patch_unmapped(p->enter, p->enter + 1);
			patch_unmapped(p->exit, p->exit + 1);
		}
		*at = p->next;
		p->next = out;
		out = p;
		if (p->at_enter)
			req[n++].patch = p->at_enter;
		if (p->at_exit)
			req[n++].patch = p->at_exit;
		if (n > BATCH - 2) {
			busy |= patch_del_many(req, n) == -EBUSY;
			n = 0;
		}
	}
	if (n)
		busy |= patch_del_many(req, n) == -EBUSY;
	while (out && !busy) { /* else a thread has one of them still: leave them */
		p = out;
		out = p->next;
		p->next = sys.free;
		sys.free = p;
	}
}

static struct sys_file *file_new(const struct map_line *l, u64 base)
{
	struct sys_file *f = raw_mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct client_req req = {.type = MSG_SYSCALLS, .nr_fds = 1};
	struct client_reply r;
	int fd;

	if (IS_ERR(f))
		return NULL;
	*f = (struct sys_file){
		.next = sys.files, .dev = l->dev, .ino = l->ino, .base = base, .seen = true};
	sys.files = f;
	fd = raw_openat(AT_FDCWD, l->path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return f;
	req.fds = &fd;
	if (!client_call(&shim.client, &req, &r)) {
		f->size = round_up(r.len, 4096u);
		if (r.result >= 0 && r.len >= sizeof(*f->calls))
			f->calls = raw_mmap(NULL, f->size, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (!IS_ERR_OR_NULL(f->calls)) {
			memcpy(f->calls, r.body, r.len);
			f->nr = r.len / sizeof(*f->calls);
		}
		client_done(&r);
	}
	raw_close(fd);
	return f;
}

static void see_mapping(void *arg, const struct map_line *l)
{
	u64 base = l->start - l->off, here = (u64)see_mapping;
	struct sys_file *f = sys.files;

	/* elsewhere the same two bytes may be a table's (libcrypto has some between its functions) */
	if (!l->exec || !l->ino || l->path[0] != '/' || !maps_is_libc(l))
		return;
	if (here >= l->start && here < l->end)
		sys.own = l->ino;
	if (l->ino == sys.own)
		return;
	while (f && (f->ino != l->ino || f->dev != l->dev || f->base != base))
		f = f->next;
	if (f)
		f->seen = true;
	else
		file_new(l, base);
}

static void file_free(struct sys_file *f)
{
	if (f->nr)
		raw_munmap(f->calls, f->size);
	raw_munmap(f, sizeof(*f));
}

/* --- the list --- */

static void want(const s32 *nr, u32 n)
{
	while (n--)
		sys.wanted[nr[n]] = true;
}

static void publish(struct agent_probe *all)
{
	struct probe_list *old = sys.list, *l = NULL;
	u32 n = 0;

	memset(sys.wanted, 0, sizeof(sys.wanted));
	sys.all = sys.exits = false;
	for (struct agent_probe *p = all; p; p = p->next)
		n += agent_probe_is_sys(p);
	if (n) {
		l = raw_mmap(NULL, sizeof(*l) + n * sizeof(l->p[0]), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (IS_ERR(l))
			l = NULL;
	}
	if (l)
		l->plain = true;
	for (struct agent_probe *p = all; l && p; p = p->next) {
		if (!agent_probe_is_sys(p) || p->orphan)
			continue;
		l->p[l->nr++] = p;
		l->plain &= p->prog->plain;
		if (p->m.kind == PROBE_SYS_EXIT || p->m.kind == PROBE_SYS_KRETPROBE ||
		    p->m.kind == PROBE_PROC_FORK)
			sys.exits = true;
		if (p->m.kind == PROBE_PROC_FORK)
			want(forks, ARRAY_SIZE(forks));
		else if (p->m.kind == PROBE_PROC_EXIT)
			want(ends, ARRAY_SIZE(ends));
		else if (p->m.nr < 0)
			sys.all = true;
		else if (p->m.nr < (s32)NR_MAX)
			sys.wanted[p->m.nr] = true;
	}
	__atomic_store_n(&sys.list, l, __ATOMIC_RELEASE);
	if (!old)
		return;
	if (hit_quiesce(1000)) /* else somebody reads it still */
		raw_munmap(old, sizeof(*old) + old->nr * sizeof(old->p[0]));
}

void agent_sys_place(struct agent_probe *all)
{
	struct sys_file **at = &sys.files, *f;
	bool any = false;

	for (struct agent_probe *p = all; p; p = p->next)
		any |= agent_probe_is_sys(p);
	if (!any && !sys.list && !sys.files)
		return;
	publish(all);
	for (f = sys.files; f; f = f->next) {
		f->seen = false;
		for (struct place *p = f->places; p; p = p->next)
			p->wanted = false;
	}
	maps_each(see_mapping, NULL);
	for (f = sys.files; any && f; f = f->next)
		if (f->seen)
			put_calls(f);
	while ((f = *at)) {
		drop_places(f, !f->seen);
		if (f->seen && any) {
			at = &f->next;
			continue;
		}
		*at = f->next;
		if (!f->places)
			file_free(f);
	}
}
