/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf.c - MSG_BPF: the client's memory, fds and path as it packed them, behind struct sys_call_ops.
 *
 * Everything is a view into the message body; bpf_parse() checks every count and length against the
 * body once, the ops then only search.
 */
#include <stdlib.h>
#include "abi/command.h"
#include "daemon/daemon.h"

struct seg {
	u64 uaddr, len;
	u32 flags;
	const u8 *data; /* NULL without SEG_DATA */
};

struct call {
	struct sys_call sc; /* first: ops get it */
	struct conn *c;
	struct seg *segs; /* attr is segment 0 */
	u32 nr_segs;
	const struct msg_fd *fds;
	u32 nr_fds;
	struct msg_bpf h;
	u32 nr_out;
	bool installed;
};

static struct call *call_of(struct sys_call *sc)
{
	return container_of(sc, struct call, sc);
}

/* --- parsing --- */

struct cursor {
	const u8 *p;
	u64 left;
};

/* @len bytes of the body, advancing by the padded length (the last part may lack its padding). */
static const void *take(struct cursor *cur, u64 len)
{
	const u8 *p = cur->p;
	u64 step = min(MSG_PAD(len), cur->left);

	if (len > cur->left)
		return NULL;
	cur->p += step;
	cur->left -= step;
	return p;
}

static int parse_segs(struct call *k, struct cursor *cur, const struct msg_seg *hdrs)
{
	for (u32 i = 0; i < k->h.nr_segs; i++) {
		const struct msg_seg *m = &hdrs[i];
		struct seg *s = &k->segs[k->nr_segs++];

		*s = (struct seg){.uaddr = m->uaddr, .len = m->len, .flags = m->flags};
		if (m->uaddr + m->len <
		    m->uaddr) /* beyond the end of all addresses: nothing is there */
			*s = (struct seg){.uaddr = m->uaddr, .flags = SEG_FAULT};
		if (!(m->flags & SEG_DATA))
			continue;
		s->data = take(cur, m->len);
		if (!s->data)
			return -EBADMSG;
	}
	return 0;
}

static int parse(struct call *k)
{
	struct cursor cur = {k->c->msg.body, k->c->msg.hdr.len};
	const struct msg_seg *hdrs;
	const void *attr;
	u32 attr_len;

	memcpy(&k->h, take(&cur, sizeof(k->h)), sizeof(k->h)); /* min_len of the request */
	attr_len = min(k->h.attr_size, MSG_ATTR_MAX);
	if (k->h.nr_segs > MSG_MAX_SEGS || k->h.nr_fds > PROTO_MAX_FDS)
		return -EBADMSG;
	attr = take(&cur, attr_len);
	hdrs = attr ? take(&cur, (u64)k->h.nr_segs * sizeof(*hdrs)) : NULL;
	k->fds = hdrs ? take(&cur, (u64)k->h.nr_fds * sizeof(*k->fds)) : NULL;
	if (!k->fds)
		return -EBADMSG;
	k->nr_fds = k->h.nr_fds;
	k->segs = calloc(k->h.nr_segs + 2, sizeof(*k->segs));
	if (!k->segs)
		return -ENOMEM;
	k->segs[k->nr_segs++] = (struct seg){k->h.uattr, attr_len, SEG_DATA | SEG_OUT, attr};
	/* the kernel stores results in attr no matter what size the caller said */
	if (attr_len < ABI_ATTR_SIZE)
		k->segs[k->nr_segs++] = (struct seg){k->h.uattr + attr_len,
						     ABI_ATTR_SIZE - attr_len, SEG_OUT, NULL};
	return parse_segs(k, &cur, hdrs);
}

/* --- struct sys_call_ops --- */

static const struct seg *find_seg(const struct call *k, u64 uaddr, u32 flag)
{
	for (u32 i = 0; i < k->nr_segs; i++) {
		const struct seg *s = &k->segs[i];

		if (s->flags & flag && !(s->flags & SEG_PATH) && uaddr - s->uaddr < s->len)
			return s;
	}
	return NULL;
}

/* A range may span segments that touch (each is used at most once, so this ends). */
static int op_copy_in(struct sys_call *sc, void *dst, u64 uaddr, u64 len)
{
	struct call *k = call_of(sc);

	while (len) {
		const struct seg *s = find_seg(k, uaddr, SEG_DATA);
		u64 n;

		if (!s)
			return -EFAULT;
		n = min(len, s->uaddr + s->len - uaddr);
		memcpy(dst, s->data + (uaddr - s->uaddr), n);
		dst = (u8 *)dst + n;
		uaddr += n;
		len -= n;
	}
	return 0;
}

static int may_write(const struct call *k, u64 uaddr, u64 len)
{
	while (len) {
		const struct seg *s = find_seg(k, uaddr, SEG_OUT);
		u64 n;

		if (!s)
			return -EFAULT;
		n = min(len, s->uaddr + s->len - uaddr);
		uaddr += n;
		len -= n;
	}
	return 0;
}

static int op_copy_out(struct sys_call *sc, u64 uaddr, const void *src, u64 len)
{
	struct call *k = call_of(sc);
	struct msg_seg m = {.uaddr = uaddr, .len = len};
	int err = may_write(k, uaddr, len);

	if (err || !len)
		return err;
	if (!reply_add(&k->c->reply, &m, sizeof(m)) || !reply_add(&k->c->reply, src, len))
		return -ENOMEM;
	k->nr_out++;
	return 0;
}

static int op_fd(struct sys_call *sc, int client_fd)
{
	struct call *k = call_of(sc);

	for (u32 i = 0; i < k->nr_fds; i++)
		if (k->fds[i].client_fd == client_fd)
			return (u32)k->fds[i].index < k->c->msg.nr_fds
				       ? k->c->msg.fds[k->fds[i].index]
				       : -EBADF;
	return -EBADF;
}

static int op_install_fd(struct sys_call *sc, int fd)
{
	reply_fd(&call_of(sc)->c->reply, fd);
	return 0;
}

static bool is_ours(struct daemon *d, dev_t dev)
{
	struct fs_super *sb = fs_super_by_dev(sys_fs(d->sys), dev);

	fs_super_put(sb);
	return sb;
}

/* The text leads to an instance without a mount of its own where the client looks. */
static bool is_text(struct daemon *d, const char *text)
{
	struct fs_super *sb = fs_super_by_path(sys_fs(d->sys), text, NULL);

	fs_super_put(sb);
	return sb;
}

static const struct seg *path_seg(const struct call *k, u64 uaddr)
{
	for (u32 i = 0; i < k->nr_segs; i++)
		if (k->segs[i].flags & SEG_PATH && k->segs[i].uaddr == uaddr && k->segs[i].data)
			return &k->segs[i];
	return NULL;
}

static int op_path(struct sys_call *sc, u64 uaddr, bool pin, struct sys_path *out)
{
	struct call *k = call_of(sc);
	const struct seg *s = path_seg(k, uaddr);
	const char *text, *name;
	struct msg_path m;
	int err;

	if (!s || s->len < sizeof(m))
		return -EFAULT;
	memcpy(&m, s->data, sizeof(m));
	if (!m.text_len || !m.name_len || m.text_len > sizeof(out->text) ||
	    m.name_len > sizeof(out->name) || s->len < sizeof(m) + m.text_len + m.name_len)
		return -EFAULT;
	text = (const char *)s->data + sizeof(m);
	name = text + m.text_len;
	if (text[m.text_len - 1] || name[m.name_len - 1])
		return -EFAULT;
	memset(out, 0, offsetof(struct sys_path, name));
	out->fd = (u32)m.index < k->c->msg.nr_fds ? k->c->msg.fds[m.index] : -1;
	memcpy(out->text, text, m.text_len);
	memcpy(out->name, name, m.name_len);
	err = m.error;
	if (m.index >= 0)
		err = (u32)m.index < k->c->msg.nr_fds
			      ? cred_stat_path(k->c->msg.fds[m.index], &out->dev, &out->ino)
			      : -EBADF;
	if (!err && out->dev && is_ours(k->c->d, out->dev))
		return 0;
	if (is_text(k->c->d, out->text)) {
		out->dev = 0;
		return 0;
	}
	if (err >= 0)
		return m.index < 0 ? -ENOENT : 0;
	return err > -MAX_ERRNO ? err : -EINVAL;
}

static const struct sys_call_ops call_ops = {op_copy_in, op_copy_out, op_fd, op_install_fd,
					     op_path};

int bpf_handle(struct conn *c)
{
	struct call k = {.sc.ops = &call_ops, .c = c};
	struct msg_bpf_reply out = {};
	struct cred cred;
	long res = parse(&k);

	reply_add(&c->reply, &out, sizeof(out));
	if (!res) {
		cred_get(c, &cred);
		k.sc.cred = &cred;
		k.sc.arg = &k;
		res = sys_bpf(c->d->sys, &k.sc, k.h.cmd, k.h.uattr, k.h.attr_size);
	}
	free(k.segs);
	out.nr_segs = k.nr_out;
	if (res >= 0 &&
	    c->reply.nr_fds ==
		    1) /* a client asks about every fd it gets sooner or later: it is told at once */
		out.flags = image_describe_new(c, c->reply.fds[0], k.h.cmd);
	if (c->reply.data)
		memcpy(c->reply.data, &out, sizeof(out));
	return res;
}
