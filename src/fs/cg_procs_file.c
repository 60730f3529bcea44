/* SPDX-License-Identifier: BSD-2-Clause */
/* cg_procs_file.c - lists of processes: cgroup.procs of own groups as a file, and of any group for those who show it. */
#include <stdlib.h>
#include "fs/cg.h"

struct procs_file {
	bool has_cred;
	struct cred cred;
	char *text;
	size_t len;
};

static int print_pid(void *arg, pid_t pid)
{
	fprintf(arg, "%d\n", pid);
	return 0;
}

static bool is_tree_root(struct fs_inode *dir)
{
	return !strcmp(cg_super(dir->sb)->path, dir->sb->fs->cg->base) && !cg_node(dir)->dir;
}

static int procs_text(struct fs_file *f, struct procs_file *p)
{
	char name[FS_NAME_MAX + 1];
	struct fs_inode *i = f->inode, *dir = cg_place(i, name);
	bool root = is_tree_root(dir);
	FILE *out;
	int err;

	fs_inode_put(dir, 1);

	free(p->text);
	p->text = NULL;
	p->len = 0;
	out = open_memstream(&p->text, &p->len);
	if (!out)
		return -ENOMEM;
	err = procs_each(i->sb->fs, cg_node(i)->id, root, print_pid, out);
	return fclose(out) ? -ENOMEM : err;
}

static ssize_t procs_read(struct fs_file *f, char *buf, size_t len, u64 off)
{
	struct procs_file *p = f->priv;
	int err = off && p->text ? 0 : procs_text(f, p);

	if (err)
		return err;
	if (off >= p->len)
		return 0;
	len = min(len, p->len - off);
	memcpy(buf, p->text + off, len);
	return len;
}

static ssize_t procs_write(struct fs_file *f, pid_t writer, const char *buf, size_t len, u64 off)
{
	struct procs_file *p = f->priv;
	char text[24], *end;
	long pid;
	int err;

	if (len >= sizeof(text))
		return -EINVAL;
	memcpy(text, buf, len);
	text[len] = '\0';
	pid = strtol(text, &end, 10);
	if (end == text || end[strspn(end, " \n")] || pid < 0 || pid > INT_MAX)
		return -EINVAL;
	if (!pid)
		pid = writer;
	err = procs_move(f->inode->sb->fs, p->has_cred ? &p->cred : NULL, pid,
			 cg_node(f->inode)->id);
	return err ? err : (ssize_t)len;
}

static void procs_close(struct fs_file *f)
{
	struct procs_file *p = f->priv;

	free(p->text);
	free(p);
}

static const struct fs_file_ops procs_ops = {
	.read = procs_read,
	.write = procs_write,
	.close = procs_close,
};

int cg_procs_open(struct fs_file *f, const struct cred *c)
{
	struct procs_file *p;
	int err = cg_open_check(f, c);

	if (err)
		return err;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->has_cred = c;
	if (c)
		p->cred = *c;
	f->priv = p;
	f->ops = &procs_ops;
	f->seekable = true;
	return 0;
}

/* --- for those who show groups --- */

static int each_line(const char *path, int (*cb)(void *arg, pid_t pid), void *arg)
{
	FILE *f = fopen(path, "re");
	int pid, ret = 0;

	if (!f)
		return -errno;
	while (!ret && fscanf(f, "%d", &pid) == 1)
		ret = cb(arg, pid);
	fclose(f);
	return ret;
}

int fs_where_procs(const struct fs_where *w, int (*cb)(void *arg, pid_t pid), void *arg)
{
	struct fs_inode *i = w->inode;
	char path[PATH_MAX + 16];

	if (w->own)
		return procs_each(i->sb->fs, cg_node(i)->id, !strcmp(w->group, "/"), cb, arg);
	snprintf(path, sizeof(path), "%s%s/cgroup.procs", w->mount, w->group);
	return each_line(path, cb, arg);
}
