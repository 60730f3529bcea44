/* SPDX-License-Identifier: BSD-2-Clause */
/* pack.c - a command as MSG_BPF: which memory and fds go along says the command's row (abi_walk).
 */
#include "abi/command.h"
#include "shim/guard.h"
#include "base/raw.h"
#include "shim/shim.h"

#define MAX_SEGS     40u
#define MAX_PACK_FDS 1000u
#define FEW_FDS	     64u
#define PATH_ROOM    round_up(sizeof(struct msg_path) + 4096 + 256 + 8, 4096)

/* On the stack of whoever calls bpf(2), so what is rarely needed (many fds, a path) gets its own
 * mapping. */
struct pack {
	u32 nr_segs, nr_fds, nr_passed, max_fds;
	u64 data_len;
	u32 fd_array_cnt;
	int path_fd;
	char *path; /* struct msg_path */
	struct msg_fd *fds;
	int *passed;
	void *more_fds;
	struct msg_seg segs[MAX_SEGS];
	struct msg_fd few_fds[FEW_FDS];
	int few_passed[FEW_FDS + 1];
};

#define MANY_FDS_SIZE (MAX_PACK_FDS * (sizeof(struct msg_fd) + sizeof(int)) + sizeof(int))

static void *scratch(size_t len)
{
	void *p = raw_mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return IS_ERR(p) ? NULL : p;
}

static void pack_init(struct pack *p, bool pin)
{
	memset(p, 0, offsetof(struct pack, segs));
	p->path_fd = pin ? -2 : -1;
	p->fds = p->few_fds;
	p->passed = p->few_passed;
	p->max_fds = FEW_FDS;
}

static void pack_free(struct pack *p)
{
	if (p->path_fd >= 0)
		raw_close(p->path_fd);
	if (p->path)
		raw_munmap(p->path, PATH_ROOM);
	if (p->more_fds)
		raw_munmap(p->more_fds, MANY_FDS_SIZE);
}

static int more_fds(struct pack *p)
{
	if (p->more_fds)
		return -E2BIG;
	p->more_fds = scratch(MANY_FDS_SIZE);
	if (!p->more_fds)
		return -ENOMEM;
	p->max_fds = MAX_PACK_FDS;
	p->fds = memcpy(p->more_fds, p->few_fds, sizeof(p->few_fds));
	p->passed = memcpy(p->fds + MAX_PACK_FDS, p->few_passed, sizeof(p->few_passed));
	return 0;
}

static int on_mem(void *arg, const struct abi_field *f, u64 uaddr, u64 len, bool in, bool out)
{
	struct pack *p = arg;
	struct msg_seg *s;

	if (!len || p->nr_segs == MAX_SEGS)
		return 0;
	s = &p->segs[p->nr_segs++];
	*s = (struct msg_seg){.uaddr = uaddr, .len = len, .flags = out ? SEG_OUT : 0};
	if (!in)
		return 0;
	/* more than a message holds: the handler refuses such a length before it reads, or finds a
	 * fault */
	if (len > PROTO_MAX_BODY / 2 || p->data_len + MSG_PAD(len) > PROTO_MAX_BODY / 2) {
		s->flags |= SEG_FAULT;
		return 0;
	}
	s->flags |= SEG_DATA;
	p->data_len += MSG_PAD(len);
	return 0;
}

static int on_fd(void *arg, const struct abi_field *f, int fd)
{
	struct pack *p = arg;
	struct msg_fd *e;
	int err;

	for (u32 i = 0; i < p->nr_fds; i++)
		if (p->fds[i].client_fd == fd)
			return 0;
	if (p->nr_fds == p->max_fds && (err = more_fds(p)))
		return err;
	e = &p->fds[p->nr_fds++];
	e->client_fd = fd;
	e->index = -1;
	if (fd < 0 || client_owns_fd(&shim.client, fd) || raw_fcntl(fd, F_GETFD, 0) < 0)
		return 0;
	e->index = p->nr_passed;
	p->passed[p->nr_passed++] = fd;
	return 0;
}

static int on_path(void *arg, const struct abi_field *f, u64 uaddr)
{
	struct pack *p = arg;
	int len;

	if (p->path || p->nr_segs == MAX_SEGS)
		return 0;
	p->path = scratch(PATH_ROOM);
	if (!p->path)
		return -ENOMEM;
	/* OBJ_PIN and OBJ_GET share attr; pack_init() set path_fd to -2 for a pin */
	len = shim_path_body(p->path, PATH_ROOM, uaddr, p->path_fd == -2, p->nr_passed,
			     &p->path_fd);
	if (len < 0)
		return len;
	if (p->path_fd >= 0)
		p->passed[p->nr_passed++] = p->path_fd;
	p->segs[p->nr_segs++] =
		(struct msg_seg){.uaddr = uaddr, .len = len, .flags = SEG_DATA | SEG_PATH};
	p->data_len += MSG_PAD(len);
	return 0;
}

static int on_read(void *arg, void *dst, u64 uaddr, u64 len)
{
	return guard_read_fast(dst, uaddr, len);
}

static const struct bpf_map *shape_of(const struct fd_obj *o)
{
	if (o->kind != FD_MAP)
		return NULL;
	return o->unmapped ? &o->view : o->map;
}

static u32 on_fd_kind(void *arg, int fd)
{
	static const u32 kinds[] = {
		[FD_PROG] = ABI_FD_PROG,    [FD_MAP] = ABI_FD_MAP,
		[FD_LINK] = ABI_FD_LINK,    [FD_BTF] = ABI_FD_BTF,
		[FD_PERF] = ABI_FD_FOREIGN, [FD_PERF_RING] = ABI_FD_FOREIGN,
	};
	struct fd_obj *o = fdtab_get_shape(shim.fds, fd);
	u32 kind;

	if (IS_ERR(o))
		return 0;
	kind = kinds[o->kind];
	if (o->kind == FD_LINK)
		kind |= abi_link_kind(o->type);
	fdtab_put(shim.fds, o);
	return kind;
}

static bool on_fd_values(void *arg, int fd)
{
	struct fd_obj *o = fdtab_get_shape(shim.fds, fd);
	const struct bpf_map *map;
	bool yes;

	if (IS_ERR(o))
		return false;
	map = shape_of(o);
	yes = map && map->ops->fd_values;
	fdtab_put(shim.fds, o);
	return yes;
}

static bool on_fd_keys(void *arg, int fd)
{
	struct fd_obj *o = fdtab_get_shape(shim.fds, fd);
	const struct bpf_map *map;
	bool yes;

	if (IS_ERR(o))
		return false;
	map = shape_of(o);
	yes = map && map->ops->owner_keys;
	fdtab_put(shim.fds, o);
	return yes;
}

static int on_map_sizes(void *arg, int fd, u32 *key_size, u32 *value_size)
{
	struct fd_obj *o = fdtab_get_shape(shim.fds, fd);
	const struct bpf_map *map;
	int err = -EINVAL;

	if (IS_ERR(o))
		return PTR_ERR(o);
	map = shape_of(o);
	if (map) {
		*key_size = map->key_size;
		*value_size = map_sys_value_size(map);
		err = 0;
	}
	fdtab_put(shim.fds, o);
	return err;
}

static u32 on_fd_array_cnt(void *arg)
{
	return ((struct pack *)arg)->fd_array_cnt;
}

static const struct abi_visitor visitor = {
	.mem = on_mem,
	.fd = on_fd,
	.path = on_path,
	.read = on_read,
	.map_sizes = on_map_sizes,
	.fd_kind = on_fd_kind,
	.fd_array_cnt = on_fd_array_cnt,
	.fd_values = on_fd_values,
	.fd_keys = on_fd_keys,
};

/* Short pieces without a system call. */
static int read_user(void *dst, u64 uaddr, u64 len)
{
	return len <= 4096 ? guard_read_fast(dst, uaddr, len) : guard_read(dst, uaddr, len);
}

/* Fills in the data; a segment that cannot be read loses its place and says so. -> bytes used */
static u64 gather(struct pack *p, char *data)
{
	u64 used = 0;

	for (u32 i = 0; i < p->nr_segs; i++) {
		struct msg_seg *s = &p->segs[i];
		char *at = data + used;

		if (!(s->flags & SEG_DATA))
			continue;
		if (s->flags & SEG_PATH) {
			memcpy(at, p->path, s->len);
		} else if (read_user(at, s->uaddr, s->len)) {
			s->flags ^= SEG_DATA | SEG_FAULT;
			continue;
		}
		memset(at + s->len, 0, MSG_PAD(s->len) - s->len);
		used += MSG_PAD(s->len);
	}
	return used;
}

/* Stores what the command wrote. Everything is stored that can be; a fault anywhere is the result.
 * @rest: what comes after it. */
static int scatter(const struct client_reply *reply, const char **rest)
{
	const struct msg_bpf_reply *r = reply->body;
	const char *at = (const char *)(r + 1), *end = (const char *)reply->body + reply->len;
	int err = 0;

	*rest = end;
	if (reply->len < sizeof(*r))
		return reply->len ? -EIO : 0;
	for (u32 i = 0; i < r->nr_segs; i++) {
		const struct msg_seg *s = (const void *)at;

		if (end - at < (long)sizeof(*s) || s->len > (u64)(end - at) - sizeof(*s))
			return -EIO;
		if (s->len <= 4096 ? guard_write_fast(s->uaddr, s + 1, s->len)
				   : guard_write(s->uaddr, s + 1, s->len))
			err = -EFAULT;
		at += sizeof(*s) + min(MSG_PAD(s->len), (u64)(end - at) - sizeof(*s));
	}
	*rest = at;
	return err;
}

/* An fd the service made: whatever the number meant before, it was closed behind our back. */
static void new_fd(const struct client_reply *reply, int fd, const char *rest)
{
	const struct msg_bpf_reply *r = reply->body;
	const struct msg_handle_info *info =
		(const void *)((const char *)reply->body + reply->len - sizeof(*info));
	struct fd_obj what = {0}, *o;

	fdtab_drop(shim.fds, fd);
	if (reply->len < sizeof(*r) + sizeof(*info) || !(r->flags & BPF_REPLY_HANDLE))
		return;
	if (!shim_described(info, &what))
		fdtab_tell(shim.fds, fd, &what, &info->map,
			   r->flags & BPF_REPLY_MEMORY && reply->nr_fds == 2 ? reply->fds[1] : -1);
	if (r->flags & BPF_REPLY_IMAGE && rest < (const char *)info) {
		o = fdtab_peek(shim.fds, fd);
		if (o && o->kind == FD_PROG)
			shim_image_tell(o, reply, rest, (const char *)info - rest);
		fdtab_put(shim.fds, o);
	}
}

static long finish(struct client_reply *reply)
{
	long result = reply->result;
	const char *rest;
	int err = scatter(reply, &rest);

	if (result >= 0 && err)
		result = err;
	if (result >= 0 && reply->nr_fds) {
		result = reply->fds[0];
		reply->fds[0] = -1;
		new_fd(reply, result, rest);
	}
	client_done(reply);
	return result;
}

static long send_packed(struct pack *p, const struct msg_bpf *head, const void *attr, char *data,
			u64 data_len)
{
	struct iovec iov[] = {
		{(void *)head, sizeof(*head)},
		{(void *)attr, MSG_PAD(min(head->attr_size, MSG_ATTR_MAX))},
		{p->segs, p->nr_segs * sizeof(p->segs[0])},
		{p->fds, p->nr_fds * sizeof(p->fds[0])},
		{data, data_len},
	};
	struct client_req req = {
		.type = MSG_BPF,
		.iov = iov,
		.nr_iov = ARRAY_SIZE(iov),
		.fds = p->passed,
		.nr_fds = p->nr_passed,
	};
	struct client_reply reply;
	int err = client_call(&shim.client, &req, &reply);

	return err ?: finish(&reply);
}

static int walk(struct pack *p, int cmd, const char *attr, u32 size)
{
	const struct abi_command *row = abi_command(cmd);
	union bpf_attr known;

	if (!row)
		return 0;
	memset(&known, 0, sizeof(known));
	memcpy(&known, attr, min(size, (u32)sizeof(known)));
	if (cmd == BPF_PROG_LOAD && size >= BPF_ATTR_LOAD_SIZE)
		memcpy(&p->fd_array_cnt, attr + BPF_ATTR_FD_ARRAY_CNT, sizeof(p->fd_array_cnt));
	return abi_walk(row, &known, &visitor, p);
}

static long pack_and_send(struct pack *p, int cmd, u64 uattr, const char *attr, u32 size)
{
	struct msg_bpf head = {.cmd = cmd, .attr_size = size, .uattr = uattr};
	char small[1024] __attribute__((aligned(8))), *data = small;
	long result = walk(p, cmd, attr, size);
	u64 len = 0;

	if (result)
		return result;
	if (p->data_len > sizeof(small))
		data = scratch(p->data_len);
	if (!data)
		return -ENOMEM;
	len = gather(p, data);
	head.nr_segs = p->nr_segs;
	head.nr_fds = p->nr_fds;
	result = send_packed(p, &head, attr, data, len);
	if (data != small)
		raw_munmap(data, p->data_len);
	return result;
}

long shim_pack(int cmd, u64 uattr, u32 size)
{
	char attr[MSG_ATTR_MAX] __attribute__((aligned(8)));
	u32 len = min(size, MSG_ATTR_MAX);
	struct pack p;
	long result;

	if (guard_read_fast(attr, uattr, len))
		return size > MSG_ATTR_MAX ? -E2BIG : -EFAULT;
	memset(attr + len, 0, MSG_PAD(len) - len);
	pack_init(&p, cmd == BPF_OBJ_PIN);
	result = pack_and_send(&p, cmd, uattr, attr, size);
	pack_free(&p);
	return result;
}
