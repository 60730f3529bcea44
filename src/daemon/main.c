/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - userbpfd: start in order, event loop, end in reverse.
 *
 * The loop has five sources: connections to accept, signals, closed handles, a timer that follows a
 * client's end (its threads may need a moment to die), and wake-ups from other threads (a mount
 * ended, a connection ended, shutdown).
 */
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "base/slot.h"
#include "daemon/agent.h"
#include "daemon/daemon.h"

static void raise_limits(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		return;
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
}

static int make_slots(struct daemon *d)
{
	d->slots_fd = memfd_create("userbpf-slots", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (d->slots_fd < 0 ||
	    ftruncate(d->slots_fd, round_up(sizeof(struct slot_table), 4096ul)) ||
	    fcntl(d->slots_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	d->slots = mmap(NULL, sizeof(struct slot_table), PROT_READ | PROT_WRITE, MAP_SHARED,
			d->slots_fd, 0);
	if (d->slots == MAP_FAILED)
		return -errno;
	slot_table_init(d->slots);
	slot_use(d->slots);
	return 0;
}

static int make_signals(struct daemon *d)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file size limit shows as EFBIG */
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return d->signal_fd < 0 ? -errno : 0;
}

static int watch(struct daemon *d, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	return fd < 0 || epoll_ctl(d->epfd, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static int make_loop(struct daemon *d)
{
	int err = 0;
	int fds[4];

	d->epfd = epoll_create1(EPOLL_CLOEXEC);
	d->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->epfd < 0)
		return -errno;
	memcpy(fds, (int[]){d->sock, d->signal_fd, d->timer_fd, d->wake_fd}, sizeof(fds));
	for (u32 i = 0; !err && i < ARRAY_SIZE(fds); i++)
		err = watch(d, fds[i]);
	d->groups_fd = fs_cgroup_event_fd(sys_fs(d->sys));
	return err || d->groups_fd < 0 ? err : watch(d, d->groups_fd);
}

static int make_sys(struct daemon *d)
{
	struct sys_options so = {.vmlinux_btf = d->btf,
				 .unpriv_bpf_disabled = d->unpriv,
				 .slots = d->slots,
				 .remote = true,
				 .run_limit_ms = d->run_limit_ms,
				 .printk = trace_own,
				 .printk_arg = d};
	struct fs_options fo = FS_OPTIONS_DEFAULT;

	d->sys = sys_open(&so);
	if (IS_ERR(d->sys)) {
		daemon_say("no subsystem with the types of %s; is it BTF?", d->btf ?: "(none)");
		return PTR_ERR(d->sys);
	}
	fo.uid = d->uid;
	fo.gid = getegid();
	d->root = fs_mount(sys_fs(d->sys), &fo, MOUNT_DEFAULT_LABEL);
	return IS_ERR(d->root) ? PTR_ERR(d->root) : mount_cgroup_init(d);
}

/* The parent leaves when the service is ready or has failed. */
static int go_background(int *report)
{
	int p[2], status = 1;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		close(p[0]);
		setsid();
		*report = p[1];
		return 0;
	}
	close(p[1]);
	if (read(p[0], &status, sizeof(status)) != sizeof(status))
		status = 1;
	_exit(status);
}

static void announce(struct daemon *d, int report)
{
	int zero = 0, null;

	if (d->ready_fd >= 0) {
		if (write(d->ready_fd, "ready\n", 6) != 6)
			daemon_say("nobody reads --ready-fd");
		close(d->ready_fd);
	}
	if (report < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		close(null);
	}
	if (write(report, &zero, sizeof(zero)) < 0)
		return; /* nobody waits */
	close(report);
}

static int start(struct daemon *d)
{
	int err = rundir_open(d);

	if (err)
		return err; /* said already */
	err = make_slots(d);
	if (!err)
		err = make_signals(d);
	if (!err)
		err = make_sys(d);
	if (err) {
		daemon_say("cannot start: %s", strerror(-err));
		return err;
	}
	err = rundir_files(d);
	if (!err)
		err = rundir_listen(d);
	if (err)
		return err; /* said already */
	err = agents_init(d);
	if (!err)
		err = make_loop(d);
	if (!err)
		err = reap_start(d);
	if (err)
		daemon_say("event loop: %s", strerror(-err));
	return err;
}

/* --- loop --- */

static const u32 sweep_after_ms[] = {1000, 200, 20}; /* index: sweeps_left - 1 */

static void arm_sweep(struct daemon *d)
{
	u32 ms = d->sweeps_left ? sweep_after_ms[d->sweeps_left - 1] : 0;
	struct itimerspec t = {.it_value = {ms / 1000, ms % 1000 * 1000000l}};

	timerfd_settime(d->timer_fd, 0, &t, NULL);
}

static void drain(int fd)
{
	u64 buf[64];

	while (read(fd, buf, sizeof(buf)) == sizeof(buf))
		;
}

static void on_wake(struct daemon *d)
{
	drain(d->wake_fd);
	mount_wake(d);
	d->sweeps_left = ARRAY_SIZE(sweep_after_ms);
	arm_sweep(d);
}

static void on_timer(struct daemon *d)
{
	drain(d->timer_fd);
	sweep_dead(d);
	fs_cgroup_sweep(sys_fs(d->sys));
	if (d->sweeps_left)
		d->sweeps_left--;
	if (!d->sweeps_left) /* a quiet second after the last client: what it left in the heaps goes back */
		malloc_trim(0);
	arm_sweep(d);
}

static void on_signal(struct daemon *d)
{
	struct signalfd_siginfo si;

	while (read(d->signal_fd, &si, sizeof(si)) == sizeof(si))
		if (si.ssi_signo != SIGCHLD) /* children are waited for where they were made */
			d->stopping = true;
}

static void event(struct daemon *d, int fd)
{
	if (fd == d->signal_fd)
		on_signal(d);
	else if (fd == d->timer_fd)
		on_timer(d);
	else if (fd == d->wake_fd)
		on_wake(d);
	else
		fs_cgroup_notice(sys_fs(d->sys));
}

static void loop(struct daemon *d)
{
	struct epoll_event e[16];

	while (!d->stopping) {
		int n = epoll_wait(d->epfd, e, ARRAY_SIZE(e), -1);

		for (int i = 0; i < n; i++) /* who comes does not wait for what others left */
			if (e[i].data.fd == d->sock)
				conn_accept(d);
		for (int i = 0; i < n; i++)
			if (e[i].data.fd != d->sock)
				event(d, e[i].data.fd);
	}
}

static void stop(struct daemon *d)
{
	end_certainly(d);
	if (!IS_ERR_OR_NULL(d->sys))
		sys_stop_runs(d->sys); /* nobody below waits for a program any more */
	if (d->sock >= 0) {
		unlinkat(d->dir_fd, "sock", 0); /* nobody else comes */
		close(d->sock);
	}
	preload_stop(d); /* its driver is a client */
	conn_stop_all(d);
	mount_stop_all(d);
	reap_end(d);
	if (!IS_ERR_OR_NULL(d->sys) && !d->nr_conns) {
		sys_close(d->sys);
		agents_free(d);
	}
	rundir_remove(d);
}

int main(int argc, char **argv)
{
	static struct daemon d = {
		.unpriv = 2,
		.allow_uid = (uid_t)-1,
		.run_limit_ms = 10000,
		.ready_fd = -1,
		.dir_fd = -1,
		.lock_fd = -1,
		.sock = -1,
		.epfd = -1,
		.wake_fd = -1,
		.spare_fd = -1,
		.signal_fd = -1,
		.timer_fd = -1,
		.slots_fd = -1,
		.reap_stop = -1,
		.storage_timer = -1,
		.trace_fd = -1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.idle = PTHREAD_COND_INITIALIZER,
		.preload.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	int err = options_parse(&d, argc, argv), report = -1;

	if (err)
		return err < 0 ? 2 : 0;
	/* Fixed, so that it does not rise: bodies of requests and logs then go back to the
	 * system, instead of leaving a heap full of holes. */
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	list_init(&d.conns);
	list_init(&d.mounts);
	d.uid = geteuid();
	d.user_ns = cred_user_ns();
	clock_gettime(CLOCK_MONOTONIC, &d.started);
	options_find_parts(&d);
	raise_limits();
	/* A thread per connection would otherwise get a heap each, and what it left there stays
	 * with the service. */
	mallopt(M_ARENA_MAX, 1);
	umask(d.allow_uid == (uid_t)-1 ? 077 : 022);
	if (!d.foreground)
		err = go_background(&report);
	d.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d.spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (err || d.wake_fd < 0) {
		daemon_say("cannot start: %s", strerror(errno));
		return 1;
	}
	err = start(&d);
	if (!err) {
		d.dir = realpath(d.dir, NULL) ?: d.dir;
		preload_start(&d);
		announce(&d, report);
		loop(&d);
	}
	stop(&d);
	return err ? 1 : 0;
}
