/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tracing.c - what /sys/kernel/tracing and /sys/bus/event_source/devices show under `userbpf run`: two
 * directories of the service's own. Those of tracepoints are installed and linked to.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "link/dyn_event.h"
#include "link/perf_event.h"

#define DEVICES "/sys/bus/event_source/devices"

static FILE *create(struct daemon *d, const char *name)
{
	int fd = openat(d->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			0644);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f && fd >= 0)
		close(fd);
	return f;
}

static int write_text(struct daemon *d, const char *name, const char *text)
{
	FILE *f = create(d, name);

	if (!f)
		return -errno;
	fputs(text, f);
	return fclose(f) ? -EIO : 0;
}

static int make_dirs(struct daemon *d, const char *const *dirs, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (mkdirat(d->dir_fd, dirs[i], 0755) && errno != EEXIST)
			return -errno;
	return 0;
}

static void remove_tree(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!dir && fd >= 0)
		close(fd);
	while (dir && (e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (unlinkat(fd, e->d_name, 0))
			remove_tree(fd, e->d_name);
	}
	if (dir)
		closedir(dir);
	unlinkat(at, name, AT_REMOVEDIR);
}

/* --- /sys/kernel/tracing --- */

static int write_functions(struct daemon *d)
{
	FILE *f = create(d, "tracing/available_filter_functions");
	const struct hook_point *p;
	const char *func;
	s32 nr;

	if (!f)
		return -errno;
	for (u32 i = 0; (func = syscall_func_at(i, &nr)); i++)
		fprintf(f, "%s\n", func);
	for (u32 i = 0; (p = hook_point_at(i)); i++)
		if (p->call)
			fprintf(f, "%s\n", p->name);
	return fclose(f) ? -EIO : 0;
}

static int link_events(struct daemon *d)
{
	static const char *const systems[] = {"syscalls", "raw_syscalls", "sched"};
	char from[4096], to[64];

	for (u32 i = 0; d->tracing && i < ARRAY_SIZE(systems); i++) {
		snprintf(from, sizeof(from), "%s/%s", d->tracing, systems[i]);
		snprintf(to, sizeof(to), "tracing/events/%s", systems[i]);
		unlinkat(d->dir_fd, to, 0);
		if (symlinkat(from, d->dir_fd, to))
			return -errno;
	}
	return 0;
}

/* --- what clients define --- */

/* A directory of ours, not one of the installed ones, which are links. */
static int open_group(struct daemon *d, const char *group)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "tracing/events/%s", group);
	mkdirat(d->dir_fd, path, 0755);
	fd = openat(d->dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -EEXIST : fd;
}

static int dyn_added(void *arg, const struct dyn_event *ev)
{
	int group = open_group(arg, ev->group), err;
	char path[160], text[512];

	if (group < 0)
		return group;
	err = mkdirat(group, ev->name, 0755) ? -errno : 0;
	close(group);
	if (err)
		return err;
	snprintf(path, sizeof(path), "tracing/events/%s/%s/id", ev->group, ev->name);
	snprintf(text, sizeof(text), "%u\n", ev->id);
	err = write_text(arg, path, text);
	snprintf(path, sizeof(path), "tracing/events/%s/%s/format", ev->group, ev->name);
	snprintf(text, sizeof(text),
		 "name: %s\nID: %u\nformat:\n"
		 "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n"
		 "\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n"
		 "\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n"
		 "\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
		 "\tfield:unsigned long __probe_ip;\toffset:8;\tsize:8;\tsigned:0;\n\n"
		 "print fmt: \"(%%lx)\", REC->__probe_ip\n",
		 ev->name, ev->id);
	return err ? err : write_text(arg, path, text);
}

static void dyn_removed(void *arg, const struct dyn_event *ev)
{
	int group = open_group(arg, ev->group);

	if (group < 0)
		return;
	remove_tree(group, ev->name);
	close(group);
}

static void dyn_changed(void *arg)
{
	struct daemon *d = arg;

	for (u32 uprobe = 0; uprobe < 2; uprobe++) {
		FILE *f = create(d, uprobe ? "tracing/uprobe_events" : "tracing/kprobe_events");

		if (!f)
			continue;
		dyn_events_print(perf_events_dyn(sys_perf_events(d->sys)), uprobe, f);
		fclose(f);
	}
}

static const struct dyn_event_ops dyn_ops = {dyn_added, dyn_removed, dyn_changed};

static int make_tracing(struct daemon *d)
{
	static const char *const dirs[] = {"tracing", "tracing/events"};
	int err = make_dirs(d, dirs, ARRAY_SIZE(dirs));

	if (!err)
		err = write_functions(d);
	if (!err)
		err = write_text(d, "tracing/trace_pipe", ""); /* the pipe goes on it */
	if (!err)
		err = link_events(d);
	dyn_events_set_ops(perf_events_dyn(sys_perf_events(d->sys)), &dyn_ops, d);
	dyn_changed(d);
	return err;
}

/* --- /sys/bus/event_source/devices --- */

static int make_device(struct daemon *d, const char *name, u32 type, bool has_ref)
{
	char path[4][64], text[16];
	const char *const dirs[] = {path[0], path[1]};
	int err;

	snprintf(path[0], sizeof(path[0]), "devices/%s", name);
	snprintf(path[1], sizeof(path[1]), "devices/%s/format", name);
	snprintf(path[2], sizeof(path[2]), "devices/%s/type", name);
	snprintf(path[3], sizeof(path[3]), "devices/%s/format/retprobe", name);
	snprintf(text, sizeof(text), "%u\n", type);
	err = make_dirs(d, dirs, ARRAY_SIZE(dirs));
	if (!err)
		err = write_text(d, path[2], text);
	if (!err)
		err = write_text(d, path[3], "config:0\n");
	if (err || !has_ref)
		return err;
	snprintf(path[3], sizeof(path[3]), "devices/%s/format/ref_ctr_offset", name);
	return write_text(d, path[3], "config:32-63\n");
}

/* The machine's other ones, which are links that lead on from where ours is put. */
static void link_devices(struct daemon *d)
{
	DIR *dir = opendir(DEVICES);
	char target[256], name[300];
	struct dirent *e;
	ssize_t n;

	while (dir && (e = readdir(dir))) {
		if (!strcmp(e->d_name, "kprobe") || !strcmp(e->d_name, "uprobe"))
			continue;
		n = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = 0;
		snprintf(name, sizeof(name), "devices/%s", e->d_name);
		unlinkat(d->dir_fd, name, 0);
		if (symlinkat(target, d->dir_fd, name))
			daemon_say("%s: %s", name, strerror(errno));
	}
	if (dir)
		closedir(dir);
}

int tracing_make(struct daemon *d)
{
	static const char *const dirs[] = {"devices"};
	int err = make_tracing(d);

	if (!err)
		err = make_dirs(d, dirs, ARRAY_SIZE(dirs));
	if (!err)
		err = make_device(d, "kprobe", PERF_TYPE_KPROBE, false);
	if (!err)
		err = make_device(d, "uprobe", PERF_TYPE_UPROBE, true);
	if (!err)
		link_devices(d);
	return err;
}

void tracing_remove(struct daemon *d)
{
	remove_tree(d->dir_fd, "tracing");
	remove_tree(d->dir_fd, "devices");
}
