/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.c - what SYSCALL programs that run in this process ask for. Their attr and what it points to
 * is memory of this process like any other; fds are made in our own table; names are looked up by
 * the service.
 */
#include "exec/exec.h"
#include "base/raw.h"
#include "shim/shim.h"

#define NAME_MAX_LEN 4096u /* longer than any name there is */

long host_sys_bpf(void *caller, int cmd, void *attr, u32 size)
{
	return shim_bpf(cmd, attr, size);
}

long host_sys_close(void *caller, int fd)
{
	if (fd < 0 || shim_owns_fd(fd))
		return -EBADF;
	if (unlikely(shim.tracing))
		shim_trace_close(fd);
	fdtab_drop(shim.fds, fd);
	return raw_close(fd);
}

/* id | fd << 32, where the fd is that of a module's BTF. */
static long found_type(struct client_reply *reply)
{
	long id = reply->result;

	if (id > 0 && reply->nr_fds == 1) {
		id |= (long)reply->fds[0] << 32;
		fdtab_drop(shim.fds, reply->fds[0]);
		reply->fds[0] = -1;
	}
	return id;
}

long host_btf_find(void *caller, const char *name, u32 len, u32 kind)
{
	struct msg_btf_find m = {.kind = kind, .len = len};
	struct iovec iov[] = {{&m, sizeof(m)}, {(void *)name, len}};
	struct client_req req = {.type = MSG_BTF_FIND, .iov = iov, .nr_iov = 2};
	struct client_reply reply;
	long ret;

	if (len > NAME_MAX_LEN)
		return -ENOENT;
	ret = client_call(&shim.client, &req, &reply);
	if (ret)
		return ret;
	ret = found_type(&reply);
	client_done(&reply);
	return ret;
}

long host_ksym_find(void *caller, const char *name, u32 len, u64 *addr)
{
	struct iovec iov = {(void *)name, len};
	struct client_req req = {.type = MSG_KSYM_FIND, .iov = &iov, .nr_iov = 1};
	struct client_reply reply;
	long ret;

	if (len > NAME_MAX_LEN)
		return -ENOENT;
	ret = client_call(&shim.client, &req, &reply);
	if (ret)
		return ret;
	ret = reply.result;
	if (!ret && reply.len >= sizeof(*addr))
		memcpy(addr, reply.body, sizeof(*addr));
	client_done(&reply);
	return ret;
}
