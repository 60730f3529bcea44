/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preload.c - the iterators every bpffs instance shows (DESIGN D10).
 *
 * A driver process loads them through the same bpf(2) as everybody and tells link ids and names on
 * its fd 3; we pin the links and close our end, it goes. The service remembers ids only: when the
 * last instance's file is removed, link, program, maps and BTF go. A later mount or remount runs
 * the driver again. One run for the built-in set, one for each object of the directory of further
 * sets. A driver that fails or hangs leaves the instance without its files and a reason for
 * `userbpf status`, nothing else.
 *
 * Everything here is under preload->lock, so a mount waits for a run that is in progress.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "daemon/daemon.h"

#define PATIENCE_MS 10000

struct run {
	struct daemon *d;
	const char *object; /* NULL: the built-in set */
	int sock, err;	    /* our ends of fd 3 and stderr */
	pid_t pid;
	u64 deadline;	/* ms */
	char said[256]; /* last words on stderr */
	u32 first;	/* links of this run: preload->links[first..] */
};

static u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

/* --- child: between fork and exec in a process with threads, so only system calls --- */

/* libbpf looks for the kernel's types in this file; in a mount namespace of its own the driver
 * finds ours there. Failure shows when it loads. */
static void child_btf(const char *btf)
{
	static const char path[] = "/sys/kernel/btf/vmlinux";
	int fd;

	if (unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return;
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (!mount(btf, path, NULL, MS_BIND, NULL))
		return;
	/* a kernel without BTF: there is nothing to mount over, so put a directory with the file
	 * there (our source may lie below no part of it) */
	if (mount("none", "/sys/kernel", "tmpfs", 0, NULL) || mkdir("/sys/kernel/btf", 0755))
		return;
	fd = open(path, O_WRONLY | O_CREAT, 0444);
	if (fd >= 0 && !close(fd))
		mount(btf, path, NULL, MS_BIND, NULL);
}

static void child(const struct run *r, int sock, int err, char *const *argv, char *const *envp,
		  const char *btf)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	child_btf(btf);
	/* both above 3 first, so that neither overwrites the other */
	sock = fcntl(sock, F_DUPFD, 10);
	err = fcntl(err, F_DUPFD, 10);
	if (sock < 0 || err < 0 || dup2(sock, 3) < 0 || dup2(err, 2) < 0 || dup2(err, 1) < 0)
		_exit(126);
	close_range(4, ~0u, 0);
	execve(argv[0], argv, envp);
	_exit(127);
}

/* --- parent --- */

extern char **environ;

/* The environment of the service, with shim and socket in front. NULL: no memory. */
static char **make_env(struct daemon *d, char *preload, size_t psize, char *sock, size_t ssize)
{
	u32 n = 0, k = 2;
	char **e;

	while (environ[n])
		n++;
	e = calloc(n + 3, sizeof(*e));
	if (!e)
		return NULL;
	snprintf(preload, psize, "LD_PRELOAD=%s", d->preload.shim);
	snprintf(sock, ssize, "USERBPF_SOCKET=%s/sock", d->dir);
	e[0] = preload;
	e[1] = sock;
	for (u32 i = 0; i < n; i++)
		if (strncmp(environ[i], "LD_PRELOAD=", 11) &&
		    strncmp(environ[i], "USERBPF_SOCKET=", 15))
			e[k++] = environ[i];
	return e;
}

static int spawn(struct run *r)
{
	struct daemon *d = r->d;
	char *argv[] = {(char *)d->preload.driver, (char *)r->object, NULL};
	char lib[PATH_MAX + 16], sock[PATH_MAX + 32], btf[PATH_MAX + 16];
	int s[2], e[2];
	char **env = make_env(d, lib, sizeof(lib), sock, sizeof(sock));

	if (!env)
		return -ENOMEM;
	snprintf(btf, sizeof(btf), "%s/btf/vmlinux", d->dir);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s))
		goto fail_env;
	if (pipe2(e, O_CLOEXEC | O_NONBLOCK))
		goto fail_sock;
	r->pid = fork();
	if (r->pid < 0)
		goto fail_pipe;
	if (!r->pid)
		child(r, s[1], e[1], argv, env, btf);
	__atomic_store_n(&d->preload.pid, r->pid, __ATOMIC_RELEASE);
	close(s[1]);
	close(e[1]);
	r->sock = s[0];
	r->err = e[0];
	free(env);
	return 0;
fail_pipe:
	close(e[0]);
	close(e[1]);
fail_sock:
	close(s[0]);
	close(s[1]);
fail_env:
	free(env);
	return -EAGAIN;
}

static void read_stderr(struct run *r)
{
	char buf[1024], *line, *save;
	ssize_t n;

	while ((n = read(r->err, buf, sizeof(buf) - 1)) > 0) {
		buf[n] = '\0';
		for (ssize_t i = 0; i < n; i++) /* it goes to a terminal */
			if (buf[i] != '\n' && (buf[i] < ' ' || buf[i] > '~'))
				buf[i] = '?';
		for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
			snprintf(r->said, sizeof(r->said), "%s", line);
	}
}

/* "link ID NAME" */
static int take_line(struct run *r, char *line)
{
	struct preload *p = &r->d->preload;
	struct preload_link *l = &p->links[p->nr_links];
	int used = 0;

	if (p->nr_links == PRELOAD_MAX)
		return -E2BIG;
	if (sscanf(line, "link %u %63s%n", &l->id, l->name, &used) != 2 || line[used] ||
	    strchr(l->name, '/') || l->name[0] == '.')
		return -EPROTO;
	p->nr_links++;
	return 0;
}

/* Lines until the driver's end of file; -ETIMEDOUT. */
static int take_links(struct run *r)
{
	char buf[4096], *nl, *line;
	size_t len = 0;
	int err = 0;

	for (;;) {
		struct pollfd p[2] = {{r->sock, POLLIN, 0}, {r->err, POLLIN, 0}};
		s64 left = r->deadline - now_ms();
		ssize_t n;

		if (left <= 0 || !poll(p, 2, left))
			return -ETIMEDOUT;
		if (p[1].revents & POLLIN)
			read_stderr(r);
		if (!p[0].revents) {
			if (p[1].revents & POLLHUP)
				usleep(1000); /* stderr closed early: no reason to spin */
			continue;
		}
		n = read(r->sock, buf + len, sizeof(buf) - 1 - len);
		if (n <= 0)
			return n < 0 && errno != ECONNRESET ? -errno : len ? -EPROTO : 0;
		len += n;
		buf[len] = '\0';
		for (line = buf; (nl = strchr(line, '\n')); line = nl + 1) {
			*nl = '\0';
			err = take_line(r, line);
			if (err)
				return err;
		}
		len -= line - buf;
		memmove(buf, line, len);
		if (len == sizeof(buf) - 1)
			return -EPROTO;
	}
}

/* The driver goes by itself once our end is closed; one that does not is killed. -> wait status */
static int reap(struct run *r, bool hurry)
{
	int status = 0;

	close(r->sock);
	if (hurry)
		kill(-r->pid, SIGKILL);
	while (waitpid(r->pid, &status, WNOHANG) == 0) {
		if (now_ms() > r->deadline)
			kill(-r->pid, SIGKILL);
		usleep(2000);
	}
	__atomic_store_n(&r->d->preload.pid, 0, __ATOMIC_RELEASE);
	read_stderr(r);
	close(r->err);
	return status;
}

static void explain(struct run *r, int err, int status)
{
	char *out = r->d->preload.reason;
	const char *what = r->object ? r->object : "the built-in iterators";
	size_t size = sizeof(r->d->preload.reason);

	if (err == -ETIMEDOUT)
		snprintf(out, size, "%s: no answer within %d s", what, PATIENCE_MS / 1000);
	else if (r->said[0])
		snprintf(out, size, "%s", r->said);
	else if (err)
		snprintf(out, size, "%s: %s", what, strerror(-err));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		snprintf(out, size, "%s cannot be started", r->d->preload.driver);
	else if (WIFSIGNALED(status))
		snprintf(out, size, "%s: driver killed by signal %d", what, WTERMSIG(status));
	else
		snprintf(out, size, "%s: driver gave no links", what);
}

static bool want(const struct fs_super *sb)
{
	return fs_super_options((struct fs_super *)sb)->preload_mode != (mode_t)-1;
}

static bool is_pinned(struct fs_inode *root, const char *name)
{
	struct fs_inode *i = fs_lookup(root, NULL, name);
	bool yes = !IS_ERR(i);

	fs_inode_put(i, 1);
	return yes;
}

static bool is_alive(struct daemon *d, const struct preload_link *l)
{
	struct obj *o = obj_by_id(sys_objs(d->sys), OBJ_LINK, l->id);

	obj_put(o);
	return o;
}

/* Pins links[first..] where the name is free. @fresh: the driver just named them; otherwise
 * those that went since are skipped. */
static void pin_links(struct daemon *d, struct fs_super *sb, u32 first, bool fresh)
{
	struct preload *p = &d->preload;
	struct fs_inode *root = fs_root(sb);
	int err;

	if (!root)
		return;
	for (u32 i = first; i < p->nr_links; i++) {
		if (is_pinned(root, p->links[i].name) || (!fresh && !is_alive(d, &p->links[i])))
			continue;
		err = sys_pin_link(d->sys, p->links[i].id, root, p->links[i].name,
				   fs_super_options(sb)->preload_mode);
		if (err)
			snprintf(p->reason, sizeof(p->reason), "%s: cannot be pinned: %s",
				 p->links[i].name, strerror(-err));
	}
	fs_inode_put(root, 1);
}

static void run_one(struct daemon *d, struct fs_super *sb, const char *object)
{
	struct run r = {.d = d,
			.object = object,
			.deadline = now_ms() + PATIENCE_MS,
			.first = d->preload.nr_links};
	int err = d->preload.stopping ? -ESHUTDOWN : spawn(&r), status = 0;

	if (err) {
		explain(&r, err, 0);
		return;
	}
	err = take_links(&r);
	if (!err && d->preload.nr_links > r.first)
		pin_links(d, sb, r.first, true);
	else
		d->preload.nr_links = r.first;
	status = reap(&r, err);
	if (err || status || d->preload.nr_links == r.first)
		explain(&r, err, status);
}

static int is_object(const struct dirent *e)
{
	static const char *const suffixes[] = {".bpf.o", ".loader"};
	size_t n = strlen(e->d_name);

	for (u32 i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t s = strlen(suffixes[i]);

		if (n > s && !strcmp(e->d_name + n - s, suffixes[i]))
			return 1;
	}
	return 0;
}

static void run_all(struct daemon *d, struct fs_super *sb)
{
	struct dirent **list = NULL;
	char path[PATH_MAX];
	int n = -1;

	d->preload.nr_links = 0;
	d->preload.reason[0] = '\0';
	d->preload.runs++;
	run_one(d, sb, NULL);
	if (d->preload.dir)
		n = scandir(d->preload.dir, &list, is_object, alphasort);
	if (d->preload.dir && n < 0)
		snprintf(d->preload.reason, sizeof(d->preload.reason), "%s: %s", d->preload.dir,
			 strerror(errno));
	for (int i = 0; i < n; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", d->preload.dir, list[i]->d_name) <
		    sizeof(path))
			run_one(d, sb, path);
		free(list[i]);
	}
	free(list);
}

static u32 nr_alive(struct daemon *d)
{
	u32 n = 0;

	for (u32 i = 0; i < d->preload.nr_links; i++)
		n += is_alive(d, &d->preload.links[i]);
	return n;
}

/* A failed run is not repeated for every mount (each could hang): only when somebody asks with a
 * remount. */
static bool need_run(struct daemon *d, bool retry)
{
	struct preload *p = &d->preload;

	if (p->runs && p->reason[0])
		return retry;
	return !p->nr_links || nr_alive(d) < p->nr_links;
}

static bool all_pinned(struct daemon *d, struct fs_super *sb)
{
	struct fs_inode *root = fs_root(sb);
	bool all = root && d->preload.nr_links;

	for (u32 i = 0; all && i < d->preload.nr_links; i++)
		all = is_pinned(root, d->preload.links[i].name);
	fs_inode_put(root, 1);
	return all;
}

static void set_modes(struct daemon *d, struct fs_super *sb)
{
	struct stat st = {.st_mode = fs_super_options(sb)->preload_mode};
	struct fs_inode *root = fs_root(sb), *i;

	for (u32 k = 0; root && k < d->preload.nr_links; k++) {
		i = fs_lookup(root, NULL, d->preload.links[k].name);
		if (!IS_ERR(i))
			fs_setattr(i, NULL, &st, FS_SET_MODE);
		fs_inode_put(i, 1);
	}
	fs_inode_put(root, 1);
}

static void fill_locked(struct daemon *d, struct fs_super *sb, bool retry)
{
	if (!want(sb))
		return;
	if (!all_pinned(d, sb)) {
		if (need_run(d, retry))
			run_all(d, sb);
		else
			pin_links(d, sb, 0, false);
	}
	if (retry)
		set_modes(d, sb);
}

void preload_fill(struct daemon *d, struct fs_super *sb, bool retry)
{
	if (!d->preload.configured)
		return;
	pthread_mutex_lock(&d->preload.lock);
	fill_locked(d, sb, retry);
	pthread_mutex_unlock(&d->preload.lock);
}

static void *first_run(void *arg)
{
	struct daemon *d = arg;

	pthread_mutex_lock(&d->preload.lock);
	pthread_mutex_lock(&d->lock);
	d->preload.begun = true;
	pthread_cond_broadcast(&d->idle);
	pthread_mutex_unlock(&d->lock);
	fill_locked(d, d->root, false);
	pthread_mutex_unlock(&d->preload.lock);
	return NULL;
}

/* Comes back when the run holds its lock: whoever connects from now on waits for it where that
 * matters. */
void preload_start(struct daemon *d)
{
	pthread_attr_t attr;
	pthread_t tid;

	if (!d->preload.configured)
		return;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256u << 10);
	if (pthread_create(&tid, &attr, first_run, d)) {
		snprintf(d->preload.reason, sizeof(d->preload.reason), "no thread for the driver");
		d->preload.begun = true;
	}
	pthread_attr_destroy(&attr);
	pthread_mutex_lock(&d->lock);
	while (!d->preload.begun)
		pthread_cond_wait(&d->idle, &d->lock);
	pthread_mutex_unlock(&d->lock);
}

void preload_wait(struct daemon *d)
{
	if (!d->preload.configured)
		return;
	pthread_mutex_lock(&d->preload.lock);
	pthread_mutex_unlock(&d->preload.lock);
}

void preload_stop(struct daemon *d)
{
	pid_t pid = __atomic_load_n(&d->preload.pid, __ATOMIC_ACQUIRE);

	d->preload.stopping = true;
	if (pid)
		kill(-pid, SIGKILL);
	preload_wait(d);
}

int preload_describe(struct daemon *d, char *buf, size_t len, bool *ok)
{
	struct preload *p = &d->preload;
	int n;

	*ok = true;
	if (!p->configured)
		return snprintf(buf, len, "off");
	if (pthread_mutex_trylock(&p->lock))
		return snprintf(buf, len, "running");
	*ok = !p->reason[0];
	if (*ok)
		n = snprintf(buf, len, p->runs ? "%u of %u links alive" : "not run yet",
			     nr_alive(d), p->nr_links);
	else
		n = snprintf(buf, len, "%s", p->reason);
	pthread_mutex_unlock(&p->lock);
	return n;
}
