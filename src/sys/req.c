/* SPDX-License-Identifier: BSD-2-Clause */
/* req.c - the caller's memory and fds, as every handler needs them. */

#include "abi/command.h"
#include "sys/priv.h"

#define CHUNK 256u
#define PAGE  4096u
/* More than any command copies in one piece; keeps a hostile length from becoming an allocation. */
#define MAX_DUP (256ull << 20)

int req_copy_in(struct sys_req *r, void *dst, u64 uaddr, u64 len)
{
	return len ? r->call->ops->copy_in(r->call, dst, uaddr, len) : 0;
}

int req_copy_out(struct sys_req *r, u64 uaddr, const void *src, u64 len)
{
	return len ? r->call->ops->copy_out(r->call, uaddr, src, len) : 0;
}

int req_copy_str(struct sys_req *r, char *dst, u64 uaddr, u32 size)
{
	u32 len = 0;

	while (len < size - 1) {
		u32 n = min(min(CHUNK, (u32)(PAGE - (uaddr + len) % PAGE)), size - 1 - len), have;

		/* The service knows exactly the bytes up to the NUL: when a chunk cannot be had,
		 * go on byte by byte. */
		if (req_copy_in(r, dst + len, uaddr + len, n)) {
			n = 1;
			if (req_copy_in(r, dst + len, uaddr + len, 1))
				return -EFAULT;
		}
		have = strnlen(dst + len, n);
		len += have;
		if (have < n)
			return len;
	}
	dst[len] = 0;
	return len;
}

void *req_dup(struct sys_req *r, u64 uaddr, u64 len)
{
	void *p = len <= MAX_DUP ? malloc(len ? len : 1) : NULL;

	if (!p)
		return ERR_PTR(-ENOMEM);
	if (req_copy_in(r, p, uaddr, len)) {
		free(p);
		return ERR_PTR(-EFAULT);
	}
	return p;
}

int req_tail_zero(struct sys_req *r, u64 uaddr, u32 known, u32 len)
{
	char buf[CHUNK];

	if (len > ABI_ATTR_MAX)
		return -E2BIG;
	for (u32 at = known; at < len; at += CHUNK) {
		u32 n = min(CHUNK, len - at);

		if (req_copy_in(r, buf, uaddr + at, n))
			return -EFAULT;
		for (u32 i = 0; i < n; i++)
			if (buf[i])
				return -E2BIG;
	}
	return 0;
}

int req_copy_struct(struct sys_req *r, void *dst, u32 known, u64 uaddr, u32 len)
{
	int err = req_tail_zero(r, uaddr, known, len);

	if (err)
		return err;
	memset(dst, 0, known);
	return req_copy_in(r, dst, uaddr, min(known, len)) ? -EFAULT : 0;
}

int req_put_u32(struct sys_req *r, u32 attr_off, u32 value)
{
	return req_copy_out(r, r->uattr + attr_off, &value, sizeof(value));
}

struct obj *req_any_obj(struct sys_req *r, int fd, u32 *perm)
{
	int local = r->call->ops->fd(r->call, fd);
	struct obj *o;

	if (local < 0)
		return ERR_PTR(-EBADF);
	o = handle_lookup(r->sys->objs, local, perm);
	return IS_ERR(o) ? ERR_PTR(-EINVAL) : o;
}

struct obj *req_obj(struct sys_req *r, int fd, enum obj_kind kind, u32 *perm)
{
	struct obj *o = req_any_obj(r, fd, perm);

	if (IS_ERR(o) || o->class->kind == kind)
		return o;
	obj_put(o);
	return ERR_PTR(-EINVAL);
}

long req_install(struct sys_req *r, struct obj *o, u32 perm)
{
	int fd = handle_open(r->sys->objs, o, perm);

	return fd < 0 ? fd : r->call->ops->install_fd(r->call, fd);
}

int req_file_perm(u32 flags)
{
	switch (flags & (BPF_F_RDONLY | BPF_F_WRONLY)) {
	case 0: return HANDLE_RW;
	case BPF_F_RDONLY: return HANDLE_READ;
	case BPF_F_WRONLY: return HANDLE_WRITE;
	default: return -EINVAL;
	}
}

int req_log_check(u32 level, u64 ubuf, u32 size)
{
	if (!level && !ubuf && !size)
		return 0;
	return size >= 128 && size <= UINT32_MAX >> 2 && level && ubuf && !(level & ~LOG_MASK)
		       ? 0
		       : -EINVAL;
}

int req_log_finish(struct sys_req *r, struct log *log, u64 ubuf, int verdict)
{
	if (!log->level)
		return verdict;
	if (log->truncated)
		verdict = -ENOSPC;
	if (log->len && req_copy_out(r, ubuf, log->buf, log->len + 1))
		verdict = -EFAULT;
	return verdict;
}

int req_name_check(const char name[BPF_OBJ_NAME_LEN])
{
	for (u32 i = 0; i < BPF_OBJ_NAME_LEN; i++) {
		if (!name[i])
			return 0;
		if (!obj_name_char(name[i]))
			return -EINVAL;
	}
	return -EINVAL;
}
