/* SPDX-License-Identifier: BSD-2-Clause */
/* reply.c - answers: what handlers put together, and how it is sent. */
#include <stdlib.h>
#include <unistd.h>
#include "daemon/daemon.h"

void *reply_add(struct reply *r, const void *data, size_t len)
{
	size_t pad = MSG_PAD(len), room = r->room ? r->room : 1024;
	u8 *p;

	if (r->failed || pad < len || r->len + pad > PROTO_MAX_BODY) {
		r->failed = true;
		return NULL;
	}
	while (room < r->len + pad)
		room *= 2;
	if (room != r->room) {
		p = realloc(r->data, room);
		if (!p) {
			r->failed = true;
			return NULL;
		}
		r->data = p;
		r->room = room;
	}
	p = r->data + r->len;
	if (data)
		memcpy(p, data, len);
	memset(p + (data ? len : 0), 0, data ? pad - len : pad);
	r->len += pad;
	return p;
}

void reply_fd(struct reply *r, int fd)
{
	if (r->nr_fds < ARRAY_SIZE(r->fds)) {
		r->fds[r->nr_fds++] = fd;
		return;
	}
	close(fd);
	r->failed = true;
}

void reply_reset(struct reply *r)
{
	for (u32 i = 0; i < r->nr_fds; i++)
		close(r->fds[i]);
	r->nr_fds = 0;
	r->len = 0;
	r->result = 0;
	r->failed = false;
	if (r->room > (64u << 10)) {
		free(r->data);
		r->data = NULL;
		r->room = 0;
	}
}

int reply_send_part(struct conn *c, const void *data, size_t len)
{
	struct msg_hdr h = {.type = c->msg.hdr.type, .len = len};

	return wire_send(c->sock, &h, data, NULL);
}

int reply_send(struct conn *c)
{
	struct reply *r = &c->reply;
	struct msg_hdr h = {.type = c->msg.hdr.type, .result = r->failed ? -ENOMEM : r->result};

	if (!r->failed && (r->result >= 0 || r->len)) {
		h.len = r->len;
		h.nfds = r->nr_fds;
	}
	return wire_send(c->sock, &h, r->data, r->fds);
}
