/* SPDX-License-Identifier: BSD-2-Clause */
/* pin.c - OBJ_PIN, OBJ_GET, and pins the service makes itself. */
#include <limits.h>

#include "sys/priv.h"

#define OBJ_FLAG_MASK (BPF_F_RDONLY | BPF_F_WRONLY)

/* "/dir/name" -> directory path (in @dir) and last component. */
static int split(const char *path, char dir[PATH_MAX], const char **name)
{
	const char *slash = strrchr(path, '/');
	size_t n;

	*name = slash ? slash + 1 : "";
	if (!**name)
		return -EEXIST; /* the root: as user_path_create() of an existing directory */
	n = slash - path;
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(dir, path, n);
	strcpy(dir + n, n ? "" : "/");
	return 0;
}

static struct fs_inode *inode_by_dev(struct sys_req *r, const struct sys_path *p, int wrong_fs)
{
	struct fs_super *sb = fs_super_by_dev(r->sys->fs, p->dev);
	struct fs_inode *i;

	if (!sb)
		return ERR_PTR(wrong_fs);
	i = fs_inode_by_ino(sb, p->ino);
	fs_super_put(sb);
	return i ? i : ERR_PTR(-ENOENT);
}

static bool cut_slashes(char *path)
{
	size_t len = strlen(path), was = len;

	while (len && path[len - 1] == '/')
		path[--len] = '\0';
	return len < was;
}

/* A name with a slash after it can only be a directory's, which a pin does not make. */
static int no_pin(struct sys_req *r, struct fs_inode *dir, const char *name)
{
	struct fs_inode *i = fs_lookup(dir, r->cred, name);

	if (IS_ERR(i))
		return PTR_ERR(i);
	fs_inode_put(i, 1);
	return -EEXIST;
}

/* Directory and name a pin goes to. */
static struct fs_inode *pin_dir(struct sys_req *r, struct sys_path *p, const char **name)
{
	char dir[PATH_MAX];
	const char *inside;
	struct fs_super *sb;
	struct fs_inode *i;
	bool slash;
	int err;

	*name = p->name;
	if (p->dev)
		return inode_by_dev(r, p, -EPERM);
	slash = cut_slashes(p->text);
	sb = fs_super_by_path(r->sys->fs, p->text, &inside);
	if (!sb)
		return ERR_PTR(-EPERM);
	err = split(inside, dir, name);
	i = err ? ERR_PTR(err) : fs_walk(sb, r->cred, dir, false);
	if (!IS_ERR(i) && slash) {
		err = no_pin(r, i, *name);
		fs_inode_put(i, 1);
		i = ERR_PTR(err);
	}
	fs_super_put(sb);
	return i;
}

static struct obj *pinnable(struct sys_req *r, int fd)
{
	struct obj *o = req_any_obj(r, fd, NULL);

	if (IS_ERR(o))
		return ERR_PTR(-EINVAL); /* kernel: also for a bad fd */
	if (o->class->kind == OBJ_MAP || o->class->kind == OBJ_PROG || o->class->kind == OBJ_LINK)
		return o;
	obj_put(o);
	return ERR_PTR(-EINVAL);
}

long sys_obj_pin(struct sys_req *r)
{
	struct sys_path *path;
	struct fs_inode *dir;
	const char *name;
	struct obj *o;
	long ret;

	if (r->attr.file_flags)
		return -EINVAL;
	o = pinnable(r, r->attr.bpf_fd);
	if (IS_ERR(o))
		return PTR_ERR(o);
	path = calloc(1, sizeof(*path));
	ret = path ? r->call->ops->path(r->call, r->attr.pathname, true, path) : -ENOMEM;
	if (ret)
		goto out;
	dir = pin_dir(r, path, &name);
	if (IS_ERR(dir)) {
		ret = PTR_ERR(dir);
		goto out;
	}
	ret = fs_pin(dir, r->cred, name, o, S_IFREG | S_IRUSR | S_IWUSR, false);
	fs_inode_put(dir, 1);
out:
	free(path);
	obj_put(o);
	return ret;
}

static struct fs_inode *get_inode(struct sys_req *r, const struct sys_path *p)
{
	const char *inside;
	struct fs_super *sb;
	struct fs_inode *i;

	if (p->dev)
		return inode_by_dev(r, p, -EACCES);
	sb = fs_super_by_path(r->sys->fs, p->text, &inside);
	if (!sb)
		return ERR_PTR(-EACCES);
	i = fs_walk(sb, r->cred, *inside ? inside : "/", false);
	fs_super_put(sb);
	return i;
}

long sys_obj_get(struct sys_req *r)
{
	struct sys_path *path;
	struct fs_inode *inode;
	struct obj *o;
	int perm;
	long ret;

	if (r->attr.bpf_fd || r->attr.file_flags & ~OBJ_FLAG_MASK)
		return -EINVAL;
	perm = req_file_perm(r->attr.file_flags);
	if (perm < 0)
		return perm;
	path = calloc(1, sizeof(*path));
	ret = path ? r->call->ops->path(r->call, r->attr.pathname, false, path) : -ENOMEM;
	if (ret)
		goto out;
	inode = get_inode(r, path);
	if (IS_ERR(inode)) {
		ret = PTR_ERR(inode);
		goto out;
	}
	o = fs_pinned(inode, r->cred, perm);
	fs_inode_put(inode, 1);
	if (IS_ERR(o)) {
		ret = PTR_ERR(o);
		goto out;
	}
	/* Only a map's handle can be restricted; a program's ignores the flags, a link's refuses
	 * them. */
	if (o->class->kind == OBJ_LINK && perm != HANDLE_RW)
		ret = -EINVAL;
	else
		ret = req_install(r, o, o->class->kind == OBJ_MAP ? (u32)perm : HANDLE_RW);
	obj_put(o);
out:
	free(path);
	return ret;
}

int sys_pin_link(struct sys *sys, u32 link_id, struct fs_inode *dir, const char *name, mode_t mode)
{
	struct obj *o = obj_by_id(sys->objs, OBJ_LINK, link_id);
	int err;

	if (!o)
		return -ENOENT;
	err = fs_pin(dir, NULL, name, o, S_IFREG | mode, true);
	obj_put(o);
	return err;
}
