/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * why.c - what stands behind a file of a cgroup tree, or why it is not there: the question whoever
 * finds a file missing one day has to ask. An answer is lines of "what: value".
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "fs/cg.h"

struct asked {
	struct fs_super *sb;
	const struct cred *c;
	const char *path, *name;
	FILE *out;
};

static const char *const group_names[] = {[CG_NONE] = "no cgroup",
					  [CG_V1] = "a cgroup v1",
					  [CG_V2] = "a cgroup v2",
					  [CG_OWN] = "a cgroup of the service's own tree"};

/* --- names --- */

static struct fs_entry *entry_of_locked(struct fs_inode *i)
{
	struct fs_table *t = &i->sb->entries;

	for (u32 b = 0; b < t->nr; b++)
		for (struct fs_entry *e = t->bucket[b]; e; e = e->chain)
			if (e->inode == i)
				return e;
	return NULL;
}

/* Where a bpffs inode is: its name below the names of its directories. */
static void print_pin_locked(FILE *out, struct fs_inode *i)
{
	struct fs_entry *e = i == i->sb->root ? NULL : entry_of_locked(i);

	if (!e) {
		fputs(i->sb->label, out);
		return;
	}
	print_pin_locked(out, e->dir);
	fprintf(out, "/%s", e->name);
}

/* What is below the root of an instance that shows a part of the tree; NULL: outside of it. */
static const char *inside(const struct fs_super *sb, const char *path)
{
	const char *root = cg_super(sb)->path;
	size_t n = strlen(root);

	return strncmp(path, root, n) || (path[n] && path[n] != '/') ? NULL : path + n;
}

static bool is_part(const struct fs_super *sb)
{
	return cg_super(sb)->opt.root[0];
}

/* As the machine has it, unless the instance shows a part only: whoever sees that sees no other names. */
static void print_path(const struct asked *a, const char *path)
{
	const char *rest = inside(a->sb, path);

	if (!is_part(a->sb))
		fputs(path, a->out);
	else if (rest)
		fprintf(a->out, "%s%s", a->sb->label, rest);
	else
		fputs("a group above this mount's", a->out);
}

static void group_path(const struct fs_group *g, char path[PATH_MAX])
{
	char link[40];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", g->fd);
	n = readlink(link, path, PATH_MAX - 1);
	path[max(n, (ssize_t)0)] = '\0';
}

static void print_group(const struct asked *a, const struct fs_group *g)
{
	char path[PATH_MAX];

	group_path(g, path);
	print_path(a, path);
}

static bool group_shows(const struct asked *a, const struct fs_group *g)
{
	char path[PATH_MAX];

	group_path(g, path);
	return !is_part(a->sb) || inside(a->sb, path);
}

static void print_time(FILE *out, const struct timespec *t)
{
	char text[32];
	struct tm tm;

	localtime_r(&t->tv_sec, &tm);
	strftime(text, sizeof(text), "%F %T", &tm);
	fputs(text, out);
}

/* --- a file that is there --- */

static void entry_lines_locked(struct asked *a, struct fs_expose *e, bool inherited)
{
	fputs(inherited ? "inherited from: " : "exposed in: ", a->out);
	print_group(a, e->group);
	fprintf(a->out, "%s\n", e->inherit ? " (and all groups below)" : "");
	fputs("pin: ", a->out);
	print_pin_locked(a->out, e->pin);
	fprintf(a->out, "\nexposed by: uid %u, pid %d (%s), ", e->by_uid, e->by_pid,
		*e->by_comm ? e->by_comm : "?");
	print_time(a->out, &e->ctime);
	fprintf(a->out, "\nowner: %u:%u, mode %04o\n", e->uid, e->gid, e->mode & 07777);
}

static int say_entry(struct asked *a, struct fs_inode *i)
{
	const struct fs_content_ops *ops = &a->sb->fs->content;
	struct fs_expose *e = cg_node(i)->e;
	struct obj *o = NULL;

	pthread_mutex_lock(&a->sb->fs->lock);
	if (expose_alive_locked(e)) {
		o = obj_get(e->pin->obj);
		entry_lines_locked(a, e, !cg_same(e->group->id, cg_node(i)->id));
		if (fs_access_locked(i, a->c, R_OK))
			fprintf(a->out, "you: uid %u may not read it\n", a->c->uid);
	}
	fs_unlock(a->sb->fs);
	if (!o)
		return -ENOENT;
	if (ops->describe)
		ops->describe(ops->arg, o, a->out);
	obj_put(o);
	return 0;
}

static int say_host(struct asked *a, struct fs_inode *i)
{
	char path[PATH_MAX];

	if (cg_path(i, path))
		return -ENAMETOOLONG;
	fputs(cg_node(i)->what == CG_DIR ? "directory: " : "file: ", a->out);
	if (cg_node(i)->what == CG_FILE || cg_node(i)->what == CG_LINK)
		fputs("the machine's own, ", a->out);
	print_path(a, path);
	if (cg_node(i)->what == CG_PROCS)
		fputs(", kept by the service\n", a->out);
	else if (cg_node(i)->what == CG_DIR)
		fprintf(a->out, " on this machine, %s\n", group_names[cg_node(i)->group]);
	else
		fputs("; nothing of BPF\n", a->out);
	return 0;
}

/* --- one that is not --- */

static bool say_hidden(struct asked *a, struct fs_inode *dir)
{
	char path[PATH_MAX];

	if (cg_super(a->sb)->opt.host_files || cg_path(dir, path) ||
	    strlen(path) + strlen(a->name) + 2 > PATH_MAX)
		return false;
	if (access(strcat(strcat(path, "/"), a->name), F_OK))
		return false;
	fputs("not there: the machine has ", a->out);
	print_path(a, path);
	fputs(", but this mount was made without hostfiles\n", a->out);
	return true;
}

/* An entry of that name elsewhere: in a group above that does not pass it on, or any other. */
static void say_elsewhere_locked(struct asked *a, struct fs_inode *dir)
{
	struct fs_table *t = &a->sb->fs->cg->exposes;

	for (u32 b = 0; b < t->nr; b++)
		for (struct fs_expose *e = t->bucket[b]; e; e = e->chain) {
			if (strcmp(e->name, a->name) || !group_shows(a, e->group))
				continue;
			fputs("elsewhere: ", a->out);
			print_group(a, e->group);
			fputs(e->inherit ? " (and the groups below it)\n" : " (that group only)\n",
			      a->out);
		}
}

static void say_past_locked(struct asked *a, struct fs_inode *dir)
{
	struct fs_cg *cg = a->sb->fs->cg;

	for (u32 n = 0; n < CG_PAST; n++) {
		const struct cg_past *p = &cg->past[(cg->next_past + n) % CG_PAST];

		if (!p->name[0] || strcmp(p->name, a->name) || !cg_same(p->group, cg_node(dir)->id))
			continue;
		fputs("ended: ", a->out);
		print_time(a->out, &p->when);
		fprintf(a->out, ", %s\n", p->why);
	}
}

static int say_missing(struct asked *a, struct fs_inode *dir)
{
	if (cg_node(dir)->group == CG_NONE) {
		fputs("not there: the directory is no cgroup, so nothing can be exposed in it\n",
		      a->out);
		return -ENOENT;
	}
	if (say_hidden(a, dir))
		return -ENOENT;
	fprintf(a->out, "not there: nothing named %s is exposed in this group or passed on to it\n",
		a->name);
	pthread_mutex_lock(&a->sb->fs->lock);
	say_past_locked(a, dir);
	say_elsewhere_locked(a, dir);
	fs_unlock(a->sb->fs);
	return -ENOENT;
}

static int say_no_group(struct asked *a, const char *dir, int err)
{
	fprintf(a->out, "not there: %s%s: %s\n", a->sb->label, dir,
		err == -ENOENT ? "no such group on this machine" : strerror(-err));
	return -ENOENT;
}

static int say(struct asked *a, struct fs_inode *dir)
{
	struct fs_inode *i = fs_lookup(dir, NULL, a->name);
	int err;

	if (IS_ERR(i))
		return PTR_ERR(i) == -ENOENT ? say_missing(a, dir) : PTR_ERR(i);
	err = cg_node(i)->what == CG_ENTRY ? say_entry(a, i) : say_host(a, i);
	fs_inode_put(i, 1);
	return err;
}

int fs_why(struct fs_super *sb, const struct cred *c, const char *path, FILE *out)
{
	struct asked a = {.sb = sb, .c = c, .path = path, .out = out};
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	struct fs_inode *d;
	int err;

	if (!fs_super_is_cgroup(sb)) {
		fputs("a file of a bpffs: see `ls -l` and `bpftool -f`\n", out);
		return 0;
	}
	if (!slash || slash - path >= PATH_MAX)
		return -EINVAL;
	memcpy(dir, path, slash - path);
	dir[slash - path] = '\0';
	a.name = slash + 1;
	d = fs_walk(sb, c, dir, false);
	if (IS_ERR(d))
		return say_no_group(&a, dir, PTR_ERR(d));
	err = !*a.name ? say_host(&a, d) : S_ISDIR(d->type) ? say(&a, d) : -ENOTDIR;
	fs_inode_put(d, 1);
	return err;
}
