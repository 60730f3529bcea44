/* SPDX-License-Identifier: BSD-2-Clause */
/* describe.c - MSG_HANDLE: what the service knows about an fd. MSG_CLOSED: the end of one. */
#include "base/raw.h"
#include "shim/shim.h"

int shim_described(const struct msg_handle_info *i, struct fd_obj *out)
{
	if (i->kind > FD_BTF && i->kind != FD_PERF && i->kind != FD_PERF_RING)
		return -EIO;
	out->kind = i->kind;
	out->perm = i->perm;
	out->id = i->id;
	out->type = i->type;
	out->dev = i->dev;
	out->ino = i->ino;
	return 0;
}

int shim_describe(void *arg, int fd, struct fd_obj *out, struct map_attr *attr, int *memfd)
{
	struct client_req req = {.type = MSG_HANDLE, .fds = &fd, .nr_fds = 1};
	const struct msg_handle_info *i;
	struct client_reply reply;
	int err = client_call(&shim.client, &req, &reply);

	if (err)
		return err;
	i = reply.body;
	err = reply.result;
	if (err >= 0)
		err = reply.len < sizeof(*i) ? -EIO : shim_described(i, out);
	if (!err) {
		*attr = i->map;
		if (reply.nr_fds) {
			*memfd = reply.fds[0];
			reply.fds[0] = -1;
		}
	}
	client_done(&reply);
	return err == -EBADF ? -EINVAL : err; /* open, but no BPF object */
}

/* A child that closes what it inherited has its parent beside it, mostly, and no connection yet: it need not wait. */
struct msg_closed shim_closing(int fd)
{
	struct fd_obj *o = fdtab_peek(shim.fds, fd);
	struct msg_closed m = {};

	if (!o)
		return m;
	if ((o->kind == FD_LINK || o->kind == FD_PERF) &&
	    READ_ONCE(shim.client.pid) == raw_getpid())
		m = (struct msg_closed){o->dev, o->ino};
	fdtab_put(shim.fds, o);
	return m;
}

void shim_closed(const struct msg_closed *m)
{
	const struct iovec iov = {(void *)m, sizeof(*m)};
	struct client_req req = {.type = MSG_CLOSED, .iov = &iov, .nr_iov = 1};
	struct client_reply reply;

	if (!client_call(&shim.client, &req, &reply))
		client_done(&reply);
}
