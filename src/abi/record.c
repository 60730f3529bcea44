/* SPDX-License-Identifier: BSD-2-Clause */
#include "abi/record.h"

static const struct {
	int cmd;
	u32 kind;
} makers[] = {
	{BPF_MAP_CREATE, ABI_FD_MAP},
	{BPF_PROG_LOAD, ABI_FD_PROG},
	{BPF_OBJ_GET, 0},
	{BPF_PROG_GET_FD_BY_ID, ABI_FD_PROG},
	{BPF_MAP_GET_FD_BY_ID, ABI_FD_MAP},
	{BPF_RAW_TRACEPOINT_OPEN, ABI_FD_LINK},
	{BPF_BTF_LOAD, ABI_FD_BTF},
	{BPF_BTF_GET_FD_BY_ID, ABI_FD_BTF},
	{BPF_LINK_CREATE, ABI_FD_LINK},
	{BPF_LINK_GET_FD_BY_ID, ABI_FD_LINK},
	{BPF_ENABLE_STATS, ABI_FD_FOREIGN},
	{BPF_ITER_CREATE, ABI_FD_FOREIGN},
};

bool abi_returns_fd(int cmd)
{
	for (u32 i = 0; i < ARRAY_SIZE(makers); i++)
		if (makers[i].cmd == cmd)
			return true;
	return false;
}

u32 abi_result_kind(int cmd)
{
	for (u32 i = 0; i < ARRAY_SIZE(makers); i++)
		if (makers[i].cmd == cmd && makers[i].kind != ABI_FD_FOREIGN)
			return makers[i].kind;
	return 0;
}

/* The least data of parts that are looked into. */
static u32 least(u16 kind)
{
	return kind == ABI_PART_FD || kind == ABI_PART_RESULT ? sizeof(struct abi_rec_fd) : 0;
}

long abi_rec_check(const void *buf, size_t len)
{
	const struct abi_rec *rec = buf;
	u64 at = sizeof(*rec);

	if (len < sizeof(*rec))
		return 0;
	if (rec->magic != ABI_REC_MAGIC || rec->len < sizeof(*rec) || rec->len > ABI_REC_MAX ||
	    rec->len % 8 || rec->ret < -MAX_ERRNO)
		return -EINVAL;
	if (len < rec->len)
		return 0;
	for (u32 i = 0; i < rec->nr_parts; i++) {
		const struct abi_rec_part *p = (const void *)((const char *)buf + at);

		if (rec->len - at < sizeof(*p) || p->len < least(p->kind) ||
		    rec->len - at - sizeof(*p) < ABI_REC_PAD(p->len))
			return -EINVAL;
		at += sizeof(*p) + ABI_REC_PAD(p->len);
	}
	return at == rec->len ? (long)at : -EINVAL;
}

const struct abi_rec_part *abi_rec_next(const struct abi_rec *rec, const struct abi_rec_part *prev)
{
	const char *end = (const char *)rec + rec->len,
		   *at = prev ? (const char *)(prev + 1) + ABI_REC_PAD(prev->len)
			      : (const char *)(rec + 1);

	return at < end ? (const void *)at : NULL;
}

void abi_rec_attr(const struct abi_rec *rec, union bpf_attr *attr, bool after)
{
	memset(attr, 0, sizeof(*attr));
	for (const struct abi_rec_part *p = NULL; (p = abi_rec_next(rec, p));)
		if (p->kind == ABI_PART_ATTR || (after && p->kind == ABI_PART_ATTR_OUT))
			memcpy(attr, abi_rec_data(p), min((size_t)p->len, sizeof(*attr)));
}

u32 abi_rec_fd_array_cnt(const struct abi_rec *rec)
{
	const struct abi_rec_part *p = abi_rec_next(rec, NULL);
	u32 cnt = 0;

	if (rec->cmd == BPF_PROG_LOAD && p && p->kind == ABI_PART_ATTR &&
	    p->len >= BPF_ATTR_LOAD_SIZE)
		memcpy(&cnt, (const char *)abi_rec_data(p) + BPF_ATTR_FD_ARRAY_CNT, sizeof(cnt));
	return cnt;
}

static const struct abi_rec_fd *find_fd(const struct abi_rec *rec, u16 kind, int fd)
{
	for (const struct abi_rec_part *p = NULL; (p = abi_rec_next(rec, p));) {
		const struct abi_rec_fd *i = abi_rec_data(p);

		if (p->kind == kind && i->fd == fd)
			return i;
	}
	return NULL;
}

const struct abi_rec_fd *abi_rec_fd(const struct abi_rec *rec, int fd)
{
	return find_fd(rec, ABI_PART_FD, fd);
}

const struct abi_rec_fd *abi_rec_result(const struct abi_rec *rec)
{
	return rec->ret < 0 ? NULL : find_fd(rec, ABI_PART_RESULT, rec->ret);
}

u32 abi_rec_mem(const struct abi_rec *rec, u64 uaddr, bool out, const void **data)
{
	u32 len = 0;

	for (const struct abi_rec_part *p = NULL; (p = abi_rec_next(rec, p));) {
		bool in = p->kind == ABI_PART_IN || p->kind == ABI_PART_PATH;

		if (!in && !(out && p->kind == ABI_PART_OUT))
			continue;
		if (uaddr < p->uaddr || uaddr - p->uaddr >= p->len)
			continue;
		*data = (const char *)abi_rec_data(p) + (uaddr - p->uaddr);
		len = p->len - (uaddr - p->uaddr);
		if (!in)
			break; /* what was written last counts */
	}
	return len;
}

static int on_read(void *arg, void *dst, u64 uaddr, u64 len)
{
	const struct abi_rec_memory *m = arg;
	const void *data;

	if (abi_rec_mem(m->rec, uaddr, m->out, &data) < len)
		return -EFAULT;
	memcpy(dst, data, len);
	return 0;
}

static int on_map_sizes(void *arg, int fd, u32 *key_size, u32 *value_size)
{
	const struct abi_rec_memory *m = arg;
	const struct abi_rec_fd *i = abi_rec_fd(m->rec, fd);

	if (!i || i->kind != ABI_FD_MAP)
		return -EINVAL;
	*key_size = i->key_size;
	*value_size = i->value_size;
	return 0;
}

static u32 on_fd_kind(void *arg, int fd)
{
	const struct abi_rec_memory *m = arg;
	const struct abi_rec_fd *i = abi_rec_fd(m->rec, fd);

	return i ? i->kind : 0;
}

static bool on_fd_values(void *arg, int fd)
{
	const struct abi_rec_memory *m = arg;
	const struct abi_rec_fd *i = abi_rec_fd(m->rec, fd);

	return i && i->fd_values;
}

static u32 on_fd_array_cnt(void *arg)
{
	const struct abi_rec_memory *m = arg;

	return abi_rec_fd_array_cnt(m->rec);
}

const struct abi_visitor abi_rec_visitor = {
	.read = on_read,
	.map_sizes = on_map_sizes,
	.fd_kind = on_fd_kind,
	.fd_values = on_fd_values,
	.fd_array_cnt = on_fd_array_cnt,
};
