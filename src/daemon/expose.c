/* SPDX-License-Identifier: BSD-2-Clause */
/* expose.c - objects shown in groups, by path, and what stands behind such a file. */
#include <stdio.h>
#include <stdlib.h>
#include "daemon/daemon.h"

struct expose_req {
	struct msg_expose h;
	const char *pin, *path;
};

static int parse(struct conn *c, struct expose_req *r)
{
	const char *p = (const char *)c->msg.body + sizeof(r->h);
	u64 left = c->msg.hdr.len - sizeof(r->h);

	memcpy(&r->h, c->msg.body, sizeof(r->h));
	if (!r->h.pin_len || !r->h.path_len || (u64)r->h.pin_len + r->h.path_len > left ||
	    r->h.flags & ~EXPOSE_INHERIT || r->h.mode & ~0777)
		return -EINVAL;
	r->pin = p;
	r->path = p + r->h.pin_len;
	return p[r->h.pin_len - 1] || r->path[r->h.path_len - 1] ? -EINVAL : 0;
}

/* The object of a pin that the caller may read and write, as OBJ_GET would give it. */
static struct obj *object_at(struct conn *c, const char *path)
{
	struct fs_super *sb;
	struct cred cred;
	struct fs_inode *i = mount_path_inode(c, path, false, &sb, &cred);
	struct obj *o;

	if (IS_ERR(i))
		return ERR_CAST(i);
	o = fs_pinned(i, &cred, HANDLE_RW);
	fs_inode_put(i, 1);
	fs_super_put(sb);
	return o;
}

int expose_handle_expose(struct conn *c)
{
	char dir[4096];
	struct expose_req r;
	struct fs_super *sb;
	struct fs_inode *i;
	const char *slash;
	struct cred cred;
	struct obj *o;
	int err = parse(c, &r);

	if (err)
		return err;
	slash = strrchr(r.path, '/');
	if (!slash || slash - r.path >= sizeof(dir))
		return -EINVAL;
	memcpy(dir, r.path, slash - r.path);
	dir[slash - r.path] = '\0';
	o = object_at(c, r.pin);
	if (IS_ERR(o))
		return PTR_ERR(o);
	i = mount_path_inode(c, dir, false, &sb, &cred);
	if (!IS_ERR(i)) {
		err = fs_expose(i, &cred, slash + 1, o, r.h.mode ?: 0600,
				r.h.flags & EXPOSE_INHERIT);
		fs_inode_put(i, 1);
		fs_super_put(sb);
	} else {
		err = PTR_ERR(i);
	}
	obj_put(o);
	return err;
}

int expose_handle_why(struct conn *c)
{
	struct msg_fs_req h;
	const char *path = mount_req_path(c, &h), *rest;
	struct fs_super *sb;
	struct cred cred;
	char *text = NULL;
	size_t len = 0;
	FILE *out;
	int err;

	if (!path)
		return -EINVAL;
	sb = fs_super_by_path(sys_fs(c->d->sys), path, &rest);
	if (!sb)
		return -EXDEV;
	cred_get(c, &cred);
	out = open_memstream(&text, &len);
	err = out ? fs_why(sb, &cred, rest, out) : -ENOMEM;
	if (out && fclose(out))
		err = -ENOMEM;
	fs_super_put(sb);
	if (len && reply_add(&c->reply, text, len))
		c->reply.len = len; /* text, not padding */
	free(text);
	return err;
}
