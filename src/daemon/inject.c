// SPDX-License-Identifier: BSD-2-Clause
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "daemon/inject.h"

#define ENTERED 1 /* an answer before the last: it is on borrowed registers from now on */

struct answer {
	s32 err;
	s64 result;
};

#define CALL_MS	  3000 /* a call that takes longer is not waited for */
#define MARGIN_MS 2000

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

static bool send_answer(int out, s32 err, s64 result)
{
	struct answer a = {.err = err, .result = result};

	return write(out, &a, sizeof(a)) == sizeof(a);
}

#if defined(__x86_64__)

#define XSTATE_MAX   (16u << 10)
#define RED_ZONE     128u
#define EVENT(st)    ((st) >> 16)
#define ERESTARTSYS_ 512 /* the kernel's own, seen by tracers only: 512 .. 516 */

struct target {
	const struct inject *in;
	int out; /* for answers */
	pid_t tid;
	u64 until; /* ms */
	struct user_regs_struct regs;
	u64 mask;
	struct iovec xstate;
	u8 xbuf[XSTATE_MAX];
	bool at_entry; /* of a system call that was not begun */
};

/* The next stop of the thread: 1; 0: it ended; -EAGAIN: not in time. */
static int wait_stop(struct target *t, int *status, u64 until)
{
	struct timespec nap = {.tv_nsec = 50000};

	for (;;) {
		pid_t got = waitpid(t->tid, status, __WALL | WNOHANG);

		if (got == t->tid)
			return WIFSTOPPED(*status);
		if (got < 0)
			return 0;
		if (now_ms() > until)
			return -EAGAIN;
		nanosleep(&nap, NULL);
		nap.tv_nsec = min(nap.tv_nsec * 2, 2000000l);
	}
}

/* One that never waits stops whenever we look. */
static bool late(const struct target *t)
{
	return now_ms() > t->until;
}

#define FUTEX_CMD_	   0x7f
#define FUTEX_WAIT_BITSET_ 9 /* conditions, joins, semaphores; libc's own locks wait otherwise */

/* No part of the memory allocator or the dynamic linker makes these. */
static bool calm_nr(u64 nr, u64 second)
{
	static const u16 theirs[] = {
		SYS_mmap,	  SYS_munmap,	      SYS_mremap,      SYS_brk,
		SYS_madvise,	  SYS_mprotect,	      SYS_openat,      SYS_open,
		SYS_fstat,	  SYS_newfstatat,     SYS_pread64,     SYS_close,
		SYS_getdents64,	  SYS_rt_sigprocmask, SYS_sched_yield, SYS_getrandom,
		SYS_rt_sigreturn, SYS_clone,	      SYS_clone3,      SYS_vfork,
		SYS_fork,	  SYS_execve,	      SYS_exit,	       SYS_exit_group,
		SYS_prctl,	  SYS_arch_prctl,     SYS_tgkill,      SYS_set_robust_list};

	if (nr == SYS_futex)
		return (second & FUTEX_CMD_) == FUTEX_WAIT_BITSET_;
	for (u32 i = 0; i < ARRAY_SIZE(theirs); i++)
		if (theirs[i] == nr)
			return false;
	return nr < 1024;
}

static bool calm_call(const struct inject *in, const struct user_regs_struct *r)
{
	return calm_nr(r->orig_rax, r->rsi) &&
	       r->rip - in->linker[0] > in->linker[1] - in->linker[0];
}

/* Is the dynamic linker through with what it does, starting the program above all? */
static bool linker_rests(const struct target *t)
{
	struct r_debug r;
	struct iovec here = {&r, sizeof(r)}, there = {(void *)t->in->r_debug, sizeof(r)};

	if (!t->in->r_debug)
		return true;
	return process_vm_readv(t->tid, &here, 1, &there, 1, 0) == sizeof(r) && r.r_version &&
	       r.r_map && r.r_state == RT_CONSISTENT;
}

/* Blocked in a system call that a stop has interrupted. */
static bool in_call(const struct user_regs_struct *r)
{
	s64 ret = (s64)r->rax;

	return (s64)r->orig_rax >= 0 && (ret == -EINTR || (ret <= -ERESTARTSYS_ && ret >= -516));
}

static int get_regs(struct target *t)
{
	if (ptrace(PTRACE_GETREGS, t->tid, NULL, &t->regs))
		return -ESRCH;
	return t->regs.cs == 0x33 ? 0 : -ENOEXEC;
}

/*
 * Lets the thread run until it stands at a system call's beginning, or was interrupted in one. What
 * comes to it meanwhile (signals) it gets.
 */
static int find_calm(struct target *t)
{
	int status, err, sig = 0;

	for (;;) {
		err = get_regs(t);
		if (err)
			return err;
		if ((t->at_entry || in_call(&t->regs)) && calm_call(t->in, &t->regs) &&
		    linker_rests(t))
			return 0;
		if (ptrace(PTRACE_SYSCALL, t->tid, NULL, (void *)(long)sig))
			return -ESRCH;
		err = wait_stop(t, &status, t->until);
		if (err == -EAGAIN || (err > 0 && late(t))) {
			/* it has to stand still to be let go */
			if (err == -EAGAIN && (ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL) ||
					       wait_stop(t, &status, now_ms() + 1000) <= 0))
				return -ESRCH;
			sig = WSTOPSIG(status) & 0x7f;
			ptrace(PTRACE_DETACH, t->tid, NULL,
			       (void *)(long)(EVENT(status) || sig == SIGTRAP ? 0 : sig));
			return -EAGAIN;
		}
		if (err <= 0)
			return -ESRCH;
		sig = 0;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			t->at_entry = !t->at_entry;
		else if (!EVENT(status))
			sig = WSTOPSIG(status);
	}
}

/* Seizes and stops. 0: stands still. */
static int stop_thread(struct target *t)
{
	int status, err;

	if (ptrace(PTRACE_SEIZE, t->tid, NULL, PTRACE_O_TRACESYSGOOD))
		return -errno;
	ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL);
	for (;;) {
		err = wait_stop(t, &status, t->until);
		if (err <= 0)
			return err ? err : -ESRCH;
		if (EVENT(status) == PTRACE_EVENT_STOP)
			break;
		ptrace(PTRACE_CONT, t->tid, NULL, (void *)(long)WSTOPSIG(status));
	}
	err = t->in->calm ? find_calm(t) : get_regs(t);
	if (err == -ENOEXEC)
		ptrace(PTRACE_DETACH, t->tid, NULL, NULL);
	return err;
}

/* The kernel says EINTR of these after any stop, and a program that knows of no signal is surprised. */
static bool eintr_after_stop(u64 nr)
{
	static const u16 calls[] = {SYS_epoll_wait,	 SYS_epoll_pwait,  SYS_epoll_pwait2,
				    SYS_rt_sigtimedwait, SYS_semop,	   SYS_semtimedop,
				    SYS_io_getevents,	 SYS_io_pgetevents};

	for (u32 i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i] == nr)
			return true;
	return false;
}

/* A signal that will be delivered is a reason for EINTR. */
static bool signal_pending(pid_t tid)
{
	unsigned long long pending = 0, blocked = 0, v;
	char path[40], buf[4096], *line, *save;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return true;
	buf[n] = '\0';
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "SigPnd: %llx", &v) == 1 || sscanf(line, "ShdPnd: %llx", &v) == 1)
			pending |= v;
		else if (sscanf(line, "SigBlk: %llx", &v) == 1)
			blocked = v;
	}
	return pending & ~blocked;
}

/* What the thread goes on with. */
static void make_again(struct target *t)
{
	struct user_regs_struct *r = &t->regs;

	if (t->at_entry || ((s64)r->orig_rax >= 0 && (s64)r->rax == -EINTR &&
			    eintr_after_stop(r->orig_rax) && !signal_pending(t->tid))) {
		r->rip -= 2; /* length of SYSCALL */
		r->rax = r->orig_rax;
		r->orig_rax = -1;
	}
}

static int put(struct target *t, u64 addr, const void *data, size_t len)
{
	struct iovec here = {(void *)data, len}, there = {(void *)addr, len};

	return process_vm_writev(t->tid, &here, 1, &there, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

static int lend(struct target *t)
{
	const struct inject *in = t->in;
	struct user_regs_struct r = t->regs;
	u64 sp = in->stack ? in->stack : r.rsp - RED_ZONE, nowhere = 0, mask = ~0ull;
	size_t len = in->text ? strlen(in->text) + 1 : 0;

	r.rdi = in->arg[0];
	r.rsi = in->arg[1];
	if (in->text) {
		sp -= len;
		r.rdi = sp;
		if (put(t, sp, in->text, len))
			return -EFAULT;
	}
	sp = (sp & ~63ull) - 8; /* as behind a CALL */
	if (put(t, sp, &nowhere, sizeof(nowhere)))
		return -EFAULT;
	r.rsp = sp;
	r.rip = in->fn;
	r.rax = 0;
	r.orig_rax = -1;
	r.eflags &= ~0x400ull; /* direction */
	/* what code raises has to come through, or it kills */
	mask &= ~(1ull << (SIGSEGV - 1) | 1ull << (SIGBUS - 1) | 1ull << (SIGTRAP - 1));
	t->xstate = (struct iovec){t->xbuf, sizeof(t->xbuf)};
	if (ptrace(PTRACE_GETREGSET, t->tid, (void *)NT_X86_XSTATE, &t->xstate) ||
	    ptrace(PTRACE_GETSIGMASK, t->tid, (void *)8, &t->mask) ||
	    ptrace(PTRACE_SETSIGMASK, t->tid, (void *)8, &mask) ||
	    ptrace(PTRACE_SETREGS, t->tid, NULL, &r))
		return -ESRCH;
	return 0;
}

/* Until it comes back to address 0. */
static int run_call(struct target *t, s64 *result)
{
	struct user_regs_struct r;
	int status, err, sig = 0;

	for (;;) {
		if (ptrace(PTRACE_CONT, t->tid, NULL, (void *)(long)sig))
			return -ESRCH;
		/* however long: letting go of it on borrowed registers would kill it */
		err = wait_stop(t, &status, ~0ull);
		if (err <= 0 || ptrace(PTRACE_GETREGS, t->tid, NULL, &r))
			return -ESRCH;
		sig = EVENT(status) ? 0 : WSTOPSIG(status);
		if (sig == SIGSEGV)
			break;
	}
	*result = (s64)r.rax;
	return r.rip ? -EFAULT : 0;
}

static void give_back(struct target *t)
{
	make_again(t);
	ptrace(PTRACE_SETREGSET, t->tid, (void *)NT_X86_XSTATE, &t->xstate);
	ptrace(PTRACE_SETSIGMASK, t->tid, (void *)8, &t->mask);
	ptrace(PTRACE_SETREGS, t->tid, NULL, &t->regs);
	ptrace(PTRACE_DETACH, t->tid, NULL, NULL);
}

static int call_in(const struct inject *in, int out, pid_t tid, u32 patience_ms, s64 *result)
{
	static struct target t;
	int err;

	t = (struct target){.in = in, .out = out, .tid = tid, .until = now_ms() + patience_ms};
	err = stop_thread(&t);
	if (err)
		return err;
	err = lend(&t);
	if (!err && send_answer(out, ENTERED, 0))
		err = run_call(&t, result);
	give_back(&t);
	return err;
}

/* The first thread that stands still; one that waits for a vfork()ed child does not. */
static int call_any(const struct inject *in, int out, s64 *result)
{
	u64 until = now_ms() + 2 * in->patience_ms;
	int err = -ESRCH, first = 0;
	char path[40];
	struct dirent *e;
	DIR *d;

	err = call_in(in, out, in->pid, in->patience_ms, result);
	if (err != -EAGAIN && err != -ESRCH)
		return err;
	first = err;
	snprintf(path, sizeof(path), "/proc/%d/task", in->pid);
	d = opendir(path);
	while (d && (e = readdir(d)) && (err == -EAGAIN || err == -ESRCH) && now_ms() < until) {
		pid_t tid = atoi(e->d_name);

		if (tid > 0 && tid != in->pid)
			err = call_in(in, out, tid, in->patience_ms / 4, result);
	}
	if (d)
		closedir(d);
	return err == -ESRCH ? first : err;
}

#else

static int call_any(const struct inject *in, int out, s64 *result)
{
	return -ENOEXEC;
}

#endif

static bool traced(pid_t pid)
{
	char path[40], line[128];
	int tracer = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			break;
	if (f)
		fclose(f);
	return tracer > 0;
}

static void child(const struct inject *in, int out)
{
	s64 result = 0;
	sigset_t all;
	int err;

	setsid(); /* signals for the service's group are not for us: the target stands on our feet */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	err = call_any(in, out, &result);
	_exit(!send_answer(out, err, result));
}

int inject_start(const struct inject *in, struct inject_call *call)
{
	int p[2];

	if (kill(in->pid, 0) && errno == ESRCH)
		return -ESRCH;
	if (traced(in->pid))
		return -EBUSY;
	if (pipe2(p, O_CLOEXEC))
		return -errno;
	call->child = fork();
	if (!call->child)
		child(in, p[1]);
	close(p[1]);
	call->pipe = p[0];
	call->until_ms = now_ms() + 2 * in->patience_ms + MARGIN_MS;
	if (call->child > 0)
		return 0;
	close(p[0]);
	return -EAGAIN;
}

static void wait_child(pid_t child)
{
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static void *wait_later(void *arg)
{
	wait_child((pid_t)(long)arg);
	return NULL;
}

/* Nobody wants its answer any more; it ends when the target has come back. */
static void leave_behind(pid_t child)
{
	pthread_t t;

	if (!pthread_create(&t, NULL, wait_later, (void *)(long)child))
		pthread_detach(t);
}

/* The next answer before @until; false: none. */
static bool next_answer(const struct inject_call *call, u64 until, struct answer *a)
{
	struct pollfd p = {.fd = call->pipe, .events = POLLIN};
	ssize_t n = -1;
	u64 now;

	do {
		now = now_ms();
		if (poll(&p, 1, until > now ? (int)(until - now) : 0) > 0)
			n = read(call->pipe, a, sizeof(*a));
	} while (n < 0 && until > now);
	if (n >= 0 && n != sizeof(*a)) /* the child was killed */
		*a = (struct answer){.err = -ESRCH};
	return n >= 0;
}

int inject_wait(struct inject_call *call, long *result)
{
	struct answer a = {};
	bool there = next_answer(call, call->until_ms, &a);

	if (there && a.err == ENTERED)
		there = next_answer(call, now_ms() + CALL_MS, &a);
	close(call->pipe);
	if (!there) {
		leave_behind(call->child);
		return a.err == ENTERED ? -EINPROGRESS : -EAGAIN;
	}
	wait_child(call->child);
	*result = a.result;
	return a.err;
}
