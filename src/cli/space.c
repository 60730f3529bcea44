/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * space.c - the namespaces a command runs in (DESIGN D9): a mount namespace, and a user namespace
 * when we are not root. There our own id is mapped to 0, since clients ask geteuid() before they
 * try anything; who they are to the service is still their real id.
 */
#include <fcntl.h>
#include <mntent.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/cli.h"
#include "shim/bpffs.h"

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int map_ids(uid_t uid, gid_t gid)
{
	char text[64];
	int err;

	snprintf(text, sizeof(text), "0 %u 1", uid);
	err = write_file("/proc/self/uid_map", text);
	if (err)
		return err;
	write_file("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "0 %u 1", gid);
	return write_file("/proc/self/gid_map", text);
}

static int user_namespace(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return -errno;
	prctl(PR_SET_DUMPABLE,
	      1); /* new capabilities turned it off, and the service reads our /proc */
	return map_ids(uid, gid);
}

/* In a chroot "/" need not be a mount point; then every mount we can see is taken one by one. */
static int slave_each_mount(void)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	if (!f)
		return -errno;
	while ((m = getmntent(f)))
		mount(NULL, m->mnt_dir, NULL, MS_SLAVE, NULL); /* not all are below our root */
	endmntent(f);
	return 0;
}

/* What we mount must not show outside; what is mounted outside may show here. */
static int slave_mounts(void)
{
	if (!mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return 0;
	return errno == EINVAL ? slave_each_mount() : -errno;
}

static int new_namespaces(void)
{
	int err = unshare(CLONE_NEWNS) ? -errno : 0;

	if (err == -EPERM)
		err = user_namespace();
	return err ?: slave_mounts();
}

#define TRACING_DIR "/sys/kernel/tracing"

/* What the service keeps in its directory, and where commands look for it. */
static const struct bind {
	const char *ours, *theirs;
	bool optional;
} binds[] = {
	{"btf", "/sys/kernel/btf", false},
	{"kallsyms", "/proc/kallsyms", false},
	{"unprivileged_bpf_disabled", "/proc/sys/kernel/unprivileged_bpf_disabled", false},
	{"devices", "/sys/bus/event_source/devices", true},
	{"tracing", TRACING_DIR, false},
	{"trace_pipe", TRACING_DIR "/trace_pipe", false},
	/* libraries prefer the older place where there is one */
	{"tracing", "/sys/kernel/debug/tracing", true},
	{"trace_pipe", "/sys/kernel/debug/tracing/trace_pipe", true},
};

static void bind_file(struct cli *cli, const struct bind *b)
{
	char from[DIR_CAP + 64];
	struct stat st;

	snprintf(from, sizeof(from), "%s/%s", cli->dir, b->ours);
	if (stat(from, &st) || stat(b->theirs, &st)) {
		if (!b->optional)
			cli_note(cli, "%s: nothing to put there, or no such place on this machine",
				 b->theirs);
	} else if (mount(from, b->theirs, NULL, MS_BIND, NULL)) {
		cli_note(cli, "%s stays the machine's own: %s", b->theirs, strerror(errno));
	}
}

static void bind_files(struct cli *cli)
{
	for (u32 i = 0; i < ARRAY_SIZE(binds); i++)
		bind_file(cli, &binds[i]);
}

static int mount_bpffs(struct cli *cli, bool *virtual_fs)
{
	int err = bpffs_mount_shared(&cli->client, BPFFS_DIR);

	if (!err)
		return 0;
	cli_note(cli, "no files at %s: %s; `userbpf cat` and `userbpf ls` show them", BPFFS_DIR,
		 strerror(-err));
	err = bpffs_mount_virtual(&cli->client, BPFFS_DIR, "");
	if (err)
		return cli_fail("the service has no bpffs for us: %s; see %s/log", strerror(-err),
				cli->dir);
	*virtual_fs = true;
	return 0;
}

/* Without it the machine's own tree stays, where nothing can be exposed. */
static void mount_cgroup(struct cli *cli)
{
	int err = cgroup_mount(&cli->client, MOUNT_CGROUP_LABEL, true, "");

	if (err)
		cli_note(cli, "%s stays the machine's own: %s", MOUNT_CGROUP_LABEL, strerror(-err));
}

int space_enter(struct cli *cli, bool *virtual_fs)
{
	int err = new_namespaces();

	if (err) {
		cli_note(cli, "no namespaces: %s; paths below %s are known to bpf(2) only",
			 strerror(-err), BPFFS_DIR);
		*virtual_fs = true;
		err = bpffs_mount_virtual(&cli->client, BPFFS_DIR, "");
		if (err)
			return cli_fail("the service has no bpffs for us: %s; see %s/log",
					strerror(-err), cli->dir);
		return 0;
	}
	bind_files(cli);
	mount_cgroup(cli);
	return mount_bpffs(cli, virtual_fs);
}
