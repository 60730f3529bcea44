/* SPDX-License-Identifier: BSD-2-Clause */
/* walk.c - paths inside an instance, for machines without FUSE and for the CLI. */
#include <stdio.h>
#include <unistd.h>
#include "fs/inode.h"

#define FS_MAX_SYMLINKS 40

struct walk {
	struct fs_super *sb;
	const struct cred *c;
	u32 links;
};

/* An absolute target names a path of the client's; it leads back here only below our own label. */
static struct fs_inode *link_base(struct walk *w, struct fs_inode *dir, const char **target)
{
	size_t n = strlen(w->sb->label);

	if (**target != '/')
		return fs_inode_get(dir);
	if (strncmp(*target, w->sb->label, n) || ((*target)[n] && (*target)[n] != '/'))
		return ERR_PTR(-ENOENT);
	*target += n;
	return fs_root(w->sb);
}

static struct fs_inode *walk(struct walk *w, struct fs_inode *dir, const char *path, bool nofollow);

static struct fs_inode *follow(struct walk *w, struct fs_inode *dir, struct fs_inode *link)
{
	char text[4097];
	const char *target = text;
	struct fs_inode *base, *res;
	int n = fs_readlink(link, text, sizeof(text) - 1);

	if (n < 0)
		return ERR_PTR(n);
	text[n] = '\0';
	if (++w->links > FS_MAX_SYMLINKS)
		return ERR_PTR(-ELOOP);
	base = link_base(w, dir, &target);
	if (IS_ERR_OR_NULL(base))
		return base ? base : ERR_PTR(-ENOENT);
	res = walk(w, base, target, false);
	fs_inode_put(base, 1);
	return res;
}

/* One component from @dir (reference stays the caller's); @more: others come, so it has to be a
 * directory. */
static struct fs_inode *step(struct walk *w, struct fs_inode *dir, const char *name, bool more,
			     bool nofollow)
{
	struct fs_inode *i = fs_lookup(dir, w->c, name), *t;

	if (!IS_ERR(i) && S_ISLNK(i->type) && (more || !nofollow)) {
		t = follow(w, dir, i);
		fs_inode_put(i, 1);
		i = t;
	}
	if (!IS_ERR(i) && more && !S_ISDIR(i->type)) {
		fs_inode_put(i, 1);
		i = ERR_PTR(-ENOTDIR);
	}
	return i;
}

static struct fs_inode *walk(struct walk *w, struct fs_inode *dir, const char *path, bool nofollow)
{
	struct fs_inode *i = fs_inode_get(dir), *next;
	char name[FS_NAME_MAX + 1];
	size_t n;

	while (!IS_ERR(i)) {
		path += strspn(path, "/");
		if (!*path)
			break;
		n = strcspn(path, "/");
		if (n > FS_NAME_MAX) {
			next = ERR_PTR(-ENAMETOOLONG);
		} else {
			memcpy(name, path, n);
			name[n] = '\0';
			path += n;
			next = step(w, i, name, *path == '/', nofollow);
		}
		fs_inode_put(i, 1);
		i = next;
	}
	return i;
}

struct fs_inode *fs_walk(struct fs_super *sb, const struct cred *c, const char *path, bool nofollow)
{
	struct walk w = {.sb = sb, .c = c};
	struct fs_inode *root = fs_root(sb), *i;

	if (!root)
		return ERR_PTR(-ENOENT);
	i = walk(&w, root, path, nofollow);
	fs_inode_put(root, 1);
	return IS_ERR(i) && PTR_ERR(i) == -ESTALE ? ERR_PTR(-ENOENT) : i; /* we have just looked */
}
