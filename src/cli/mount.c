/* SPDX-License-Identifier: BSD-2-Clause */
/* mount.c - mount and umount: bpffs instances outside `userbpf run`. */
#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/cli.h"
#include "shim/bpffs.h"

static int spawn_wait(pid_t pid)
{
	int status;

	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

/* fusermount3 mounts for us and sends the /dev/fuse fd over a socket it inherits. */
static int recv_fd(int sock)
{
	char ctl[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = ctl,
			   .msg_controllen = sizeof(ctl)};
	struct cmsghdr *cm;
	int fd;

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) <= 0)
		return -EPERM;
	cm = CMSG_FIRSTHDR(&m);
	if (!cm || cm->cmsg_type != SCM_RIGHTS)
		return -EPERM;
	memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
	return fd;
}

static int mount_with_helper(const char *dir, bool cgroup)
{
	int pair[2], fd, err;
	char number[16];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (!pid) {
		fcntl(pair[1], F_SETFD, 0);
		snprintf(number, sizeof(number), "%d", pair[1]);
		setenv("_FUSE_COMMFD", number, 1);
		execlp("fusermount3", "fusermount3", "-o",
		       cgroup ? "fsname=cgroup,subtype=cgroup"
			      : "fsname=bpf,subtype=bpf,default_permissions",
		       "--", dir, NULL);
		_exit(127);
	}
	close(pair[1]);
	fd = recv_fd(pair[0]);
	err = spawn_wait(pid);
	close(pair[0]);
	if (!err || fd < 0)
		return fd < 0 ? fd : fd;
	close(fd);
	return err;
}

static int mount_unprivileged(struct cli *cli, const char *dir, bool cgroup, const char *options)
{
	char full[PATH_MAX];
	int fuse = mount_with_helper(dir, cgroup), root, err;

	if (fuse < 0)
		return fuse;
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	err = root < 0 ? -errno
		       : bpffs_announce(&cli->client, cgroup ? MOUNT_CGROUP : 0, fuse, root,
					realpath(dir, full) ?: dir, options);
	close(root);
	close(fuse);
	return err;
}

/* Takes "remount" out of an option list; true when it was there. */
static bool take_remount(char *options)
{
	char *copy = strdup(options), *save, *word;
	bool remount = false;

	if (!copy)
		return false;
	options[0] = '\0';
	for (word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (!strcmp(word, "remount")) {
			remount = true;
			continue;
		}
		if (options[0])
			strcat(options, ",");
		strcat(options, word);
	}
	free(copy);
	return remount;
}

static int mount_failed(const char *dir, const char *what, bool remount, int err)
{
	if (err == -ENODEV)
		return cli_fail("cannot mount at %s: /dev/fuse cannot be opened; use `userbpf ls` "
				"and `userbpf cat`",
				dir);
	if (err == -EPERM)
		return cli_fail("cannot mount at %s: not permitted; be root, install fusermount3, "
				"or use `userbpf run`",
				dir);
	if (err == -EINVAL)
		return cli_fail("cannot %smount at %s: bad option or no %s of ours; see "
				"`userbpf help mount`",
				remount ? "re" : "", dir, what);
	return cli_fail("cannot %smount at %s: %s", remount ? "re" : "", dir, strerror(-err));
}

static int do_mount(struct cli *cli, const char *dir, bool cgroup, char *options, bool remount)
{
	int err = cgroup ? cgroup_mount(&cli->client, dir, false, options)
			 : bpffs_mount(&cli->client, "bpf", dir, remount ? MS_REMOUNT : 0, options);

	if (err == -EPERM && !remount && geteuid() != 0)
		err = mount_unprivileged(cli, dir, cgroup, options);
	return err ? mount_failed(dir, cgroup ? "cgroup tree" : "bpffs", remount, err) : 0;
}

static int add_option(char *options, size_t cap, const char *name, const char *value)
{
	if (strlen(options) + strlen(name) + strlen(value) + 2 > cap)
		return cli_usage("mount: the options are too long");
	if (options[0])
		strcat(options, ",");
	strcat(strcat(options, name), value);
	return 0;
}

int cmd_mount(struct cli *cli, int argc, char **argv)
{
	const struct cli_cmd *cmd = cli_cmd_by_name("mount");
	char options[2048] = "";
	bool remount, cgroup;
	int c, status;

	while ((c = cli_getopt(cli, cmd, argc, argv)) == 'o' || c == 'R') {
		status = add_option(options, sizeof(options), c == 'R' ? "root=" : "", optarg);
		if (status)
			return status;
	}
	if (c != -1)
		return EXIT_USAGE;
	remount = take_remount(options);
	cgroup = !remount && argc - optind == 2 && !strcmp(argv[optind], "cgroup");
	if (!remount && !cgroup && (argc - optind != 2 || strcmp(argv[optind], "bpffs")))
		return cli_usage(
			"mount needs `bpffs DIR`, `cgroup DIR` or `-o remount DIR`; see `userbpf help mount`");
	if (remount && argc - optind != 1)
		return cli_usage("mount -o remount needs one directory; see `userbpf help mount`");
	status = cli_service(cli);
	return status ?: do_mount(cli, argv[argc - 1], cgroup, options, remount);
}

static int umount_with_helper(const char *option, const char *dir)
{
	pid_t pid = fork();

	if (!pid) {
		execlp("fusermount3", "fusermount3", option, "--", dir, NULL);
		_exit(127);
	}
	return spawn_wait(pid);
}

#define DEAD_TRIES 1000 /* times 1 ms */

static int ask_mount(const char *dir)
{
	struct statfs fs;

	return statfs(dir, &fs) && errno == ENOTCONN;
}

/* A process of its own asks: a service that is stuck, somebody else's perhaps, does not answer. */
static bool is_dead(const char *dir)
{
	int status = 0, tries = 0;
	pid_t pid = fork(), done = 0;

	if (!pid)
		_exit(ask_mount(dir));
	while (pid > 0 && !(done = waitpid(pid, &status, WNOHANG)) && ++tries < DEAD_TRIES)
		usleep(1000);
	if (!done && pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, WNOHANG); /* it may not even be able to die */
	}
	return done > 0 && WIFEXITED(status) && WEXITSTATUS(status);
}

void mount_sweep(const struct cli *cli)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;

	while (f && (m = getmntent(f))) {
		if ((strcmp(m->mnt_type, BPFFS_FUSE_TYPE) &&
		     strcmp(m->mnt_type, CGROUP_FUSE_TYPE)) ||
		    !is_dead(m->mnt_dir))
			continue;
		if (umount2(m->mnt_dir, MNT_DETACH) && umount_with_helper("-uz", m->mnt_dir))
			cli_note(cli, "%s: its service is gone, and it cannot be unmounted",
				 m->mnt_dir);
	}
	if (f)
		endmntent(f);
}

int cmd_umount(struct cli *cli, int argc, char **argv)
{
	int err;

	if (cli_getopt(cli, cli_cmd_by_name("umount"), argc, argv) != -1)
		return EXIT_USAGE;
	if (argc - optind != 1)
		return cli_usage("umount needs one directory; see `userbpf help umount`");
	if (!bpffs_is(-1, argv[optind]) && !cgroup_is(argv[optind]))
		return cli_fail("%s is no bpffs of ours; see `findmnt -t " BPFFS_FUSE_TYPE
				"," CGROUP_FUSE_TYPE "`",
				argv[optind]);
	if (!umount(argv[optind]))
		return 0;
	if (errno != EPERM)
		return cli_fail("cannot unmount %s: %s; does a program use it?", argv[optind],
				strerror(errno));
	err = umount_with_helper("-u", argv[optind]);
	return err ? cli_fail("cannot unmount %s: %s; be root or install fusermount3", argv[optind],
			      strerror(-err))
		   : 0;
}
