/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rundir.c - the runtime directory, mode 0700:
 *
 *   lock    held by the running service            sock         proto.h is spoken here
 *   pid     its process id                         trace_pipe   bpf_trace_printk() text
 *   probes  there while processes have to look for programs to attach (agent.c)
 *   kallsyms, btf/vmlinux, unprivileged_bpf_disabled   what `userbpf run` puts over the host's files of these names
 *
 * Everything in it is made at start and removed at the end; what a killed service left behind is
 * replaced.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "daemon/daemon.h"

static const char *const names[] = {
	"sock", "trace_pipe", "kallsyms", "btf/vmlinux", "unprivileged_bpf_disabled",
	"probes", "pid",	"lock"};

static bool shared(const struct daemon *d)
{
	return d->allow_uid != (uid_t)-1;
}

static int check_dir(struct daemon *d)
{
	struct stat st;

	if (fstat(d->dir_fd, &st))
		return -errno;
	if (st.st_uid != d->uid || st.st_mode & (shared(d) ? 066 : 077)) {
		daemon_say("%s: must belong to uid %u and have mode 0700", d->dir, d->uid);
		return -EPERM;
	}
	/* the way in for --allow-uid; who may connect is decided by who it is, not by the
	 * socket's mode */
	return shared(d) && fchmod(d->dir_fd, 0711) ? -errno : 0;
}

/* One that was killed a moment ago may be on its way out still. */
static int take_lock(int fd)
{
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB); i++) {
		if (errno != EWOULDBLOCK || i == 50)
			return -1;
		usleep(10000);
	}
	return 0;
}

int rundir_open(struct daemon *d)
{
	int err;

	d->dir_made = !mkdir(d->dir, 0700);
	d->dir_fd = open(d->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir_fd < 0) {
		err = -errno;
		daemon_say("%s: %s", d->dir, strerror(-err));
		return err;
	}
	err = check_dir(d);
	if (err)
		return err;
	d->lock_fd = openat(d->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock_fd < 0 || take_lock(d->lock_fd)) {
		err = -errno;
		daemon_say("%s: %s", d->dir,
			   err == -EWOULDBLOCK ? "a service is running there already"
					       : strerror(-err));
		if (d->lock_fd >= 0)
			close(d->lock_fd);
		d->lock_fd = -1;
		return err;
	}
	return 0;
}

static FILE *create(struct daemon *d, const char *name)
{
	int fd;
	FILE *f;

	unlinkat(d->dir_fd, name, 0);
	fd = openat(d->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f && fd >= 0)
		close(fd);
	return f;
}

static int finish(FILE *f)
{
	int bad = ferror(f);

	return fclose(f) || bad ? -EIO : 0;
}

static void write_ksym(void *f, const char *name, u64 addr)
{
	fprintf(f, "%016llx T %s\n", (unsigned long long)addr, name);
}

static int write_kallsyms(struct daemon *d)
{
	FILE *f = create(d, "kallsyms");

	if (!f)
		return -errno;
	sys_ksyms(write_ksym, f);
	return finish(f);
}

static int write_number(struct daemon *d, const char *name, long n)
{
	FILE *f = create(d, name);

	if (!f)
		return -errno;
	fprintf(f, "%ld\n", n);
	return finish(f);
}

static int copy_btf(struct daemon *d)
{
	FILE *in, *out;
	char buf[16384];
	size_t n;

	mkdirat(d->dir_fd, "btf", 0755);
	in = fopen(d->btf, "re");
	if (!in) {
		daemon_say("%s: %s", d->btf, strerror(errno));
		return -errno;
	}
	out = create(d, "btf/vmlinux");
	while (out && (n = fread(buf, 1, sizeof(buf), in)) > 0)
		fwrite(buf, 1, n, out);
	fclose(in);
	return out ? finish(out) : -EIO;
}

static int open_trace(struct daemon *d)
{
	unlinkat(d->dir_fd, "trace_pipe", 0);
	if (mkfifoat(d->dir_fd, "trace_pipe", 0600))
		return -errno;
	d->trace_fd = openat(d->dir_fd, "trace_pipe", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return d->trace_fd < 0 ? -errno : 0;
}

int rundir_files(struct daemon *d)
{
	int err = write_kallsyms(d);

	if (!err)
		err = write_number(d, "unprivileged_bpf_disabled", d->unpriv);
	if (!err)
		err = write_number(d, "pid", getpid());
	if (!err && d->btf)
		err = copy_btf(d);
	if (!err)
		err = open_trace(d);
	if (!err)
		err = tracing_make(d);
	if (err)
		daemon_say("%s: %s", d->dir, strerror(-err));
	return err;
}

int rundir_listen(struct daemon *d)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int err;

	if (snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/sock", d->dir) >=
	    sizeof(sun.sun_path)) {
		daemon_say("%s: path too long for a socket", d->dir);
		return -ENAMETOOLONG;
	}
	unlinkat(d->dir_fd, "sock", 0);
	d->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->sock < 0 || bind(d->sock, (struct sockaddr *)&sun, sizeof(sun)) ||
	    listen(d->sock, 512)) {
		err = -errno;
		daemon_say("%s: %s", sun.sun_path, strerror(-err));
		return err;
	}
	return shared(d) && chmod(sun.sun_path, 0666) ? -errno : 0;
}

/* The groups of an own tree are directories and nothing else. */
static void remove_groups(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d && fd >= 0)
		close(fd);
	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			remove_groups(fd, e->d_name);
	if (d)
		closedir(d);
	unlinkat(dir_fd, name, AT_REMOVEDIR);
}

void rundir_remove_groups(struct daemon *d)
{
	remove_groups(d->dir_fd, "cgroup");
}

void rundir_remove(struct daemon *d)
{
	if (d->lock_fd < 0)
		return; /* somebody else's */
	/* "pid" goes when all else is gone: `userbpf down` waits for that */
	tracing_remove(d);
	rundir_remove_groups(d);
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		unlinkat(d->dir_fd, names[i], 0);
	unlinkat(d->dir_fd, "btf", AT_REMOVEDIR);
	if (d->dir_made)
		rmdir(d->dir);
}
