/* SPDX-License-Identifier: BSD-2-Clause */
/* fuse_file.c - open files, and who waits for them. */
#include "fs/fuse_priv.h"
#include <stdlib.h>

struct fuse_open {
	struct list node;
	struct fs_file *file;
	struct fuse_pollhandle *poll; /* who waits for it; under lock */
	struct fs_fuse *fuse;
};

static struct fuse_open *file_add(struct fs_fuse *f, struct fs_file *file)
{
	struct fuse_open *o = malloc(sizeof(*o));

	if (!o)
		return NULL;
	*o = (struct fuse_open){.file = file, .fuse = f};
	pthread_mutex_lock(&f->lock);
	list_add(&f->files, &o->node);
	pthread_mutex_unlock(&f->lock);
	return o;
}

static void file_del(struct fs_fuse *f, struct fuse_open *o)
{
	pthread_mutex_lock(&f->lock);
	list_del(&o->node);
	pthread_mutex_unlock(&f->lock);
	fs_close(o->file); /* nobody wakes it any more */
	if (o->poll)
		fuse_pollhandle_destroy(o->poll);
	free(o);
}

void fuse_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct cred cred;
	struct fs_fuse *f = fuse_ctx_of(req);
	struct fs_inode *i = fuse_node(req, ino);
	struct fs_file *file;
	struct fuse_open *o;

	if (!i)
		return;
	file = fs_open(i, fuse_who(req, &cred), fi->flags);
	fs_inode_put(i, 1);
	if (IS_ERR(file)) {
		fuse_reply_errno(req, PTR_ERR(file));
		return;
	}
	o = file_add(f, file);
	if (!o) {
		fs_close(file);
		fuse_reply_errno(req, -ENOMEM);
		return;
	}
	fi->fh = (uintptr_t)o;
	fi->direct_io = 1; /* or a size of 0 would read as empty */
	fi->nonseekable = !file->seekable;
	if (fuse_reply_open(req, fi) == -ENOENT)
		file_del(f, o);
}

/* --- reads and writes may take long, and their callers get signals --- */

struct in_service {
	const struct fs_content_ops *content;
	pthread_t thread;
};

static void interrupted(fuse_req_t req, void *data)
{
	const struct in_service *s = data;

	s->content->interrupt(s->content->arg, s->thread);
}

static void begin_long(fuse_req_t req, const struct fuse_open *o, struct in_service *s)
{
	*s = (struct in_service){&o->file->inode->sb->fs->content, pthread_self()};
	if (s->content->interrupt)
		fuse_req_interrupt_func(req, interrupted, s);
}

/* Behind it interrupted() is not called, and does not run. */
static void end_long(fuse_req_t req)
{
	fuse_req_interrupt_func(req, NULL, NULL);
}

void fuse_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fuse_open *o = (struct fuse_open *)(uintptr_t)fi->fh;
	char *buf = malloc(size);
	struct in_service s;
	ssize_t n;

	begin_long(req, o, &s);
	n = buf ? fs_read(o->file, buf, size, off) : -ENOMEM;
	end_long(req);
	if (n < 0)
		fuse_reply_errno(req, n);
	else
		fuse_reply_buf(req, buf, n);
	free(buf);
}

void fuse_op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		   struct fuse_file_info *fi)
{
	struct fuse_open *o = (struct fuse_open *)(uintptr_t)fi->fh;
	struct in_service s;
	ssize_t n;

	begin_long(req, o, &s);
	n = fs_write(o->file, fuse_req_ctx(req)->pid, buf, size, off);
	end_long(req);
	if (n < 0)
		fuse_reply_errno(req, n);
	else
		fuse_reply_write(req, n);
}

/* Tells the kernel to look again. */
static void wake(void *arg)
{
	struct fuse_open *o = arg;
	struct fuse_pollhandle *ph;

	pthread_mutex_lock(&o->fuse->lock);
	ph = o->poll;
	o->poll = NULL;
	pthread_mutex_unlock(&o->fuse->lock);
	if (!ph)
		return;
	fuse_lowlevel_notify_poll(ph);
	fuse_pollhandle_destroy(ph);
}

void fuse_op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		  struct fuse_pollhandle *ph)
{
	struct fuse_open *o = (struct fuse_open *)(uintptr_t)fi->fh;
	struct fuse_pollhandle *before = NULL;

	if (ph) {
		pthread_mutex_lock(&o->fuse->lock);
		before = o->poll;
		o->poll = ph;
		pthread_mutex_unlock(&o->fuse->lock);
	}
	if (before)
		fuse_pollhandle_destroy(before);
	fuse_reply_poll(req, fs_poll(o->file, wake, o));
}

void fuse_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	file_del(fuse_ctx_of(req), (struct fuse_open *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

void fuse_close_all(struct fs_fuse *f)
{
	while (!list_empty(&f->files))
		file_del(f, list_entry(f->files.next, struct fuse_open, node));
}
