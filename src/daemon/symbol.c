/* SPDX-License-Identifier: BSD-2-Clause */
/* symbol.c - MSG_BTF_FIND and MSG_KSYM_FIND: names that SYSCALL programs look up in a client. */
#include "daemon/daemon.h"

int symbol_handle_btf(struct conn *c)
{
	const char *name = (const char *)c->msg.body + sizeof(struct msg_btf_find);
	struct msg_btf_find m;
	struct btf *module;
	int id, fd;

	memcpy(&m, c->msg.body, sizeof(m));
	if (!m.len || m.len > c->msg.hdr.len - sizeof(m) || name[m.len - 1])
		return -EINVAL;
	id = sys_btf_find(c->d->sys, name, m.kind, &module);
	if (!module)
		return id;
	fd = handle_open(sys_objs(c->d->sys), &module->obj, HANDLE_RW);
	if (fd < 0)
		return fd;
	reply_fd(&c->reply, fd);
	return id;
}

int symbol_handle_ksym(struct conn *c)
{
	const char *name = (const char *)c->msg.body;
	struct cred cred;
	u64 addr;
	int err;

	if (name[c->msg.hdr.len - 1])
		return -EINVAL;
	cred_get(c, &cred);
	err = sys_ksym_find(&cred, name, &addr);
	if (!err && !reply_add(&c->reply, &addr, sizeof(addr)))
		return -ENOMEM;
	return err;
}
