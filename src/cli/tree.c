/* SPDX-License-Identifier: BSD-2-Clause */
/* tree.c - cat, ls and rm on the service's bpffs instances, for machines without /dev/fuse. */
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>
#include "cli/cli.h"

/* Asks for @path and gives each body to @each until the empty one. 0 or negative errno. */
static int fs_request(struct cli *cli, u32 type, const char *path, u32 flags,
		      int (*each)(void *arg, const char *body, u32 len), void *arg)
{
	struct msg_fs_req head = {.flags = flags, .path_len = strlen(path) + 1};
	struct iovec iov[] = {{&head, sizeof(head)}, {(void *)path, head.path_len}};
	struct client_req req = {.type = type, .iov = iov, .nr_iov = 2};
	struct client_reply reply;
	int err = client_call(&cli->client, &req, &reply), bad = 0;

	if (err)
		return err;
	while (reply.result >= 0 && reply.len) {
		if (each && !bad)
			bad = each(arg, reply.body, reply.len);
		err = client_next(&reply);
		if (err) {
			client_broken(&reply);
			break;
		}
	}
	if (!err)
		err = min(reply.result, 0);
	client_done(&reply);
	return err ?: bad;
}

static const char *full_path(const char *path, char *buf, size_t cap)
{
	char cwd[DIR_CAP];

	if (path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
		return path;
	snprintf(buf, cap, "%s/%s", cwd, path);
	return buf;
}

static int write_out(void *arg, const char *body, u32 len)
{
	return fwrite(body, 1, len, stdout) == len ? 0 : -EIO;
}

int cmd_cat(struct cli *cli, int argc, char **argv)
{
	char buf[2 * DIR_CAP];
	int status, err;

	if (cli_getopt(cli, cli_cmd_by_name("cat"), argc, argv) != -1)
		return EXIT_USAGE;
	if (optind == argc)
		return cli_usage("cat needs a path; see `userbpf help cat`");
	status = cli_service(cli);
	if (status)
		return status;
	for (int i = optind; i < argc; i++) {
		err = fs_request(cli, MSG_FS_CAT, full_path(argv[i], buf, sizeof(buf)), 0,
				 write_out, NULL);
		fflush(stdout);
		if (err)
			status = cli_fail("cannot read %s: %s; see `userbpf ls`", argv[i],
					  strerror(-err));
	}
	return status;
}

struct entry {
	struct msg_dirent d;
	char *name, *target;
};

struct listing {
	bool all;
	u32 nr, room;
	struct entry *e;
};

static int add_entry(struct listing *l, const struct msg_dirent *d)
{
	struct entry *e;

	if (l->nr == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		e = realloc(l->e, l->room * sizeof(*e));
		if (!e)
			return -ENOMEM;
		l->e = e;
	}
	e = &l->e[l->nr];
	e->d = *d;
	e->name = strndup((const char *)(d + 1), d->name_len);
	e->target =
		d->target_len ? strndup((const char *)(d + 1) + d->name_len, d->target_len) : NULL;
	if (!e->name)
		return -ENOMEM;
	l->nr++;
	return 0;
}

static int take_entries(void *arg, const char *body, u32 len)
{
	struct listing *l = arg;

	while (len >= sizeof(struct msg_dirent)) {
		const struct msg_dirent *d = (const void *)body;
		u64 size = MSG_PAD(sizeof(*d) + (u64)d->name_len + d->target_len);
		int err;

		if (size > MSG_PAD((u64)len) || !d->name_len)
			return -EIO;
		err = !l->all && ((const char *)(d + 1))[0] == '.' ? 0 : add_entry(l, d);
		if (err)
			return err;
		size = min(size, (u64)len);
		body += size;
		len -= size;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void mode_text(u32 mode, char out[11])
{
	static const char bits[] = "rwxrwxrwx";

	out[0] = S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : '-';
	for (int i = 0; i < 9; i++)
		out[i + 1] = mode & (0400 >> i) ? bits[i] : '-';
	if (mode & S_ISUID)
		out[3] = mode & 0100 ? 's' : 'S';
	if (mode & S_ISGID)
		out[6] = mode & 010 ? 's' : 'S';
	if (mode & S_ISVTX)
		out[9] = mode & 1 ? 't' : 'T';
	out[10] = '\0';
}

static const char *owner(u32 id, bool group, char *buf)
{
	struct passwd *p = group ? NULL : getpwuid(id);
	struct group *g = group ? getgrgid(id) : NULL;

	if (p)
		return p->pw_name;
	if (g)
		return g->gr_name;
	sprintf(buf, "%u", id);
	return buf;
}

static void print_long(const struct entry *e)
{
	char mode[11], when[32], u[16], g[16];
	time_t t = e->d.mtime;

	mode_text(e->d.mode, mode);
	strftime(when, sizeof(when), "%b %e %H:%M", localtime(&t));
	printf("%s %2u %-8s %-8s %6llu %s %s%s%s\n", mode, e->d.nlink, owner(e->d.uid, false, u),
	       owner(e->d.gid, true, g), (unsigned long long)e->d.size, when, e->name,
	       e->target ? " -> " : "", e->target ?: "");
}

static void print_json(struct json *j, const struct entry *e)
{
	char mode[11];

	mode_text(e->d.mode, mode);
	json_open(j, NULL, '{');
	json_str(j, "name", e->name);
	json_str(j, "mode", mode);
	json_num(j, "uid", e->d.uid);
	json_num(j, "gid", e->d.gid);
	json_num(j, "size", e->d.size);
	json_num(j, "mtime", e->d.mtime);
	if (e->target)
		json_str(j, "target", e->target);
	json_close(j, '}');
}

static int list_one(struct cli *cli, const char *path, bool long_form, bool all, struct json *j)
{
	struct listing l = {.all = all};
	char buf[2 * DIR_CAP];
	int err =
		fs_request(cli, MSG_FS_LS, full_path(path, buf, sizeof(buf)), 0, take_entries, &l);

	if (l.nr)
		qsort(l.e, l.nr, sizeof(*l.e), by_name);
	for (u32 i = 0; i < l.nr; i++) {
		if (cli->json)
			print_json(j, &l.e[i]);
		else if (long_form)
			print_long(&l.e[i]);
		else
			puts(l.e[i].name);
		free(l.e[i].name);
		free(l.e[i].target);
	}
	free(l.e);
	return err ? cli_fail("cannot list %s: %s; does the service have a bpffs there?", path,
			      strerror(-err))
		   : 0;
}

int cmd_ls(struct cli *cli, int argc, char **argv)
{
	struct json j = {.out = stdout};
	bool long_form = false, all = false;
	int c, status;

	while ((c = cli_getopt(cli, cli_cmd_by_name("ls"), argc, argv)) == 'l' || c == 'a')
		*(c == 'l' ? &long_form : &all) = true;
	if (c != -1)
		return EXIT_USAGE;
	status = cli_service(cli);
	if (status)
		return status;
	if (cli->json)
		json_open(&j, NULL, '[');
	if (optind == argc)
		status = list_one(cli, BPFFS_DIR, long_form, all, &j);
	for (int i = optind; i < argc; i++) {
		if (argc - optind > 1 && !cli->json)
			printf("%s%s:\n", i > optind ? "\n" : "", argv[i]);
		status |= list_one(cli, argv[i], long_form, all, &j);
	}
	if (cli->json)
		json_close(&j, ']');
	return status;
}

int cmd_rm(struct cli *cli, int argc, char **argv)
{
	char buf[2 * DIR_CAP];
	bool recursive = false;
	int c, status, err;

	while ((c = cli_getopt(cli, cli_cmd_by_name("rm"), argc, argv)) == 'r')
		recursive = true;
	if (c != -1)
		return EXIT_USAGE;
	if (optind == argc)
		return cli_usage("rm needs a path; see `userbpf help rm`");
	status = cli_service(cli);
	if (status)
		return status;
	for (int i = optind; i < argc; i++) {
		const char *path = full_path(argv[i], buf, sizeof(buf));

		err = fs_request(cli, MSG_FS_RM, path, recursive ? FS_RM_RECURSIVE : 0, NULL, NULL);
		if (err)
			status = cli_fail("cannot remove %s: %s; see `userbpf ls -l`", argv[i],
					  strerror(-err));
	}
	return status;
}
