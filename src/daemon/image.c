/* SPDX-License-Identifier: BSD-2-Clause */
/* image.c - what a client process needs to use maps and run programs itself: handles explained,
 * map memory, program images. */
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "link/link.h"
#include "prog/map_obj.h"
#include "prog/perf_ring.h"
#include "prog/prog.h"

_Static_assert(OBJ_PROG == 0 && OBJ_MAP == 1 && OBJ_LINK == 2 && OBJ_BTF == 3,
	       "msg_handle_info.kind");
_Static_assert(OBJ_PERF_RING == 6, "msg_handle_info.kind");
_Static_assert(OBJ_PERF_EVENT == 5, "msg_handle_info.kind");

static int passed_fd(struct conn *c, u32 i)
{
	return i < c->msg.nr_fds ? c->msg.fds[i] : -1;
}

/* The map's memory for the client, opened anew so that a read-only fd cannot be mapped writable. */
static int map_fd(const struct bpf_map *map, bool rdonly)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", map->memfd);
	fd = open(path, (rdonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static u32 type_of(struct obj *o)
{
	switch (o->class->kind) {
	case OBJ_PROG: return obj_to_prog(o)->type;
	case OBJ_MAP: return obj_to_map(o)->map.map_type;
	case OBJ_LINK: return obj_to_link(o)->type;
	default: return 0;
	}
}

static int add_map_fd(struct conn *c, const struct msg_handle_info *info, const struct bpf_map *map)
{
	int fd = map_fd(map, !(info->perm & HANDLE_WRITE) || map->ops->fd_values);

	if (fd < 0)
		return fd;
	reply_fd(&c->reply, fd);
	return 0;
}

/* The object, referenced, or ERR_PTR(-EBADF). */
static struct obj *describe(struct conn *c, int fd, struct msg_handle_info *info)
{
	struct stat st;
	struct obj *o;

	memset(info, 0, sizeof(*info));
	if (fd < 0 || fstat(fd, &st))
		return ERR_PTR(-EBADF);
	o = handle_lookup(sys_objs(c->d->sys), fd, &info->perm);
	if (IS_ERR(o))
		return o;
	info->kind = o->class->kind;
	info->id = o->id;
	info->type = type_of(o);
	info->dev = st.st_dev;
	info->ino = st.st_ino;
	if (info->kind == OBJ_MAP || info->kind == OBJ_PERF_RING)
		info->map = obj_to_map(o)->map.attr;
	if (info->kind != OBJ_KINDS)
		return o;
	obj_put(o); /* a handle, but of nothing that can be shown (BPF_ENABLE_STATS) */
	return ERR_PTR(-EBADF);
}

static int add_memory(struct conn *c, const struct msg_handle_info *info, struct obj *o)
{
	if (info->kind != OBJ_MAP && info->kind != OBJ_PERF_RING)
		return 0;
	return add_map_fd(c, info, &obj_to_map(o)->map);
}

int image_handle_info(struct conn *c)
{
	struct msg_handle_info info;
	struct obj *o = describe(c, passed_fd(c, 0), &info);
	int err;

	if (IS_ERR(o))
		return PTR_ERR(o);
	err = add_memory(c, &info, o);
	if (!err)
		reply_add(&c->reply, &info, sizeof(info));
	obj_put(o);
	return err;
}

/* --- images --- */

static u32 image_flags(const struct bpf_prog *p)
{
	return (p->aux->sleepable ? IMAGE_SLEEPABLE : 0) | (p->gpl_compatible ? IMAGE_GPL : 0) |
	       (p->aux->xdp_has_frags ? IMAGE_XDP_FRAGS : 0);
}

/* A map for a program. Maps whose values are fds are written by the service only. */
static int reply_map(struct reply *r, const struct bpf_map *map)
{
	bool rdonly = map->map_flags & BPF_F_RDONLY_PROG || map->ops->fd_values;
	struct msg_map m = {
		.attr = map->attr, .index = r->nr_fds, .flags = rdonly ? MSG_MAP_RDONLY : 0};
	int fd = map_fd(map, rdonly);

	if (fd < 0)
		return fd;
	reply_fd(r, fd);
	reply_add(r, &m, sizeof(m));
	return 0;
}

static int image_maps(struct reply *r, const struct exec_image *img)
{
	int err = 0;

	for (u32 i = 0; i < img->nr_maps && !err; i++)
		err = reply_map(r, img->maps[i]);
	return err;
}

int image_reply(struct reply *r, const struct bpf_prog *p)
{
	const struct exec_image *img = p->image;
	const struct prog_type *type = prog_type_of(p->type);
	struct msg_image m = {
		.prog_id = p->aux->id,
		.prog_type = p->type,
		.attach_type = p->expected_attach_type,
		.len = p->len,
		.nr_subprogs = img->nr_subprogs,
		.nr_maps = img->nr_maps,
		.flags = image_flags(p),
		.test_run = type ? type->test_run : 0,
		.max_ctx_offset = min(p->aux->max_ctx_offset, 0xffffu),
	};

	memcpy(m.name, p->aux->name, sizeof(m.name));
	reply_add(r, &m, sizeof(m));
	reply_add(r, p->xlated, (size_t)p->len * sizeof(struct bpf_insn));
	for (u32 i = 0; i < img->nr_subprogs; i++) {
		struct msg_subprog s = {img->subprogs[i].start, img->subprogs[i].stack_depth};

		reply_add(r, &s, sizeof(s));
	}
	return image_maps(r, img);
}

/* What was added since goes again. */
static void reply_back(struct reply *r, size_t len, u32 nr_fds)
{
	r->len = len;
	while (r->nr_fds > nr_fds)
		close(r->fds[--r->nr_fds]);
}

/* Not so large that who does not run it would mind. */
static bool is_loader(struct obj *o)
{
	const struct bpf_prog *p = o->class->kind == OBJ_PROG ? obj_to_prog(o) : NULL;

	return p && p->type == BPF_PROG_TYPE_SYSCALL && p->len <= 8192 && p->image->nr_maps <= 4;
}

static bool add_loader(struct conn *c, struct obj *o)
{
	struct reply *r = &c->reply;
	size_t len = r->len;
	u32 nr_fds = r->nr_fds;

	if (!is_loader(o))
		return false;
	if (!image_reply(r, obj_to_prog(o)))
		return true;
	reply_back(r, len, nr_fds);
	return false;
}

/* Maps that are written next: variables, and what a loader works on. Many another is only made and handed on. */
static bool wants_memory(const struct msg_handle_info *info)
{
	const struct map_attr *a = &info->map;

	return info->kind == OBJ_MAP &&
	       (a->map_flags & BPF_F_MMAPABLE ||
		(a->map_type == BPF_MAP_TYPE_ARRAY && a->max_entries == 1));
}

u32 image_describe_new(struct conn *c, int fd, u32 cmd)
{
	struct msg_handle_info info;
	struct obj *o = describe(c, fd, &info);
	u32 flags = BPF_REPLY_HANDLE;

	if (IS_ERR(o))
		return 0;
	if (cmd == BPF_PROG_LOAD && add_loader(c, o))
		flags |= BPF_REPLY_IMAGE;
	if (cmd == BPF_MAP_CREATE && wants_memory(&info) && !add_memory(c, &info, o))
		flags |= BPF_REPLY_MEMORY;
	if (cmd == BPF_MAP_CREATE && info.kind == OBJ_MAP &&
	    map_ops_of(info.map.map_type)->owner_keys)
		sweep_storage_made(c->d);
	reply_add(&c->reply, &info, sizeof(info));
	obj_put(o);
	return flags;
}

static struct obj *passed_prog(struct conn *c)
{
	struct obj *o = handle_lookup(sys_objs(c->d->sys), passed_fd(c, 0), NULL);

	if (!IS_ERR(o) && o->class->kind != OBJ_PROG) {
		obj_put(o);
		return ERR_PTR(-EINVAL);
	}
	return o;
}

int image_handle_prog(struct conn *c)
{
	struct obj *o = passed_prog(c);
	int err;

	if (IS_ERR(o))
		return PTR_ERR(o);
	err = image_reply(&c->reply, obj_to_prog(o));
	obj_put(o);
	return err;
}

/* Who holds the memory of a prog array or a map of maps got it with a program that uses it, or with
 * a handle: it may run, or use, what is in there. */
static bool same_file(int a, int b)
{
	struct stat sa, sb;

	return a >= 0 && b >= 0 && !fstat(a, &sa) && !fstat(b, &sb) && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* The map with @id, whose memory the client shows. */
static struct obj *shown_map(struct conn *c, u32 id)
{
	struct obj *o = obj_by_id(sys_objs(c->d->sys), OBJ_MAP, id);

	if (!o)
		return ERR_PTR(-ENOENT);
	if (same_file(passed_fd(c, 0), obj_to_map(o)->map.memfd))
		return o;
	obj_put(o);
	return ERR_PTR(-EBADF);
}

int image_handle_inner(struct conn *c)
{
	struct msg_inner_map m;
	struct map_obj *inner;
	struct obj *o;
	int err;

	memcpy(&m, c->msg.body, sizeof(m));
	o = shown_map(c, m.map_id);
	if (IS_ERR(o))
		return PTR_ERR(o);
	inner = map_obj_inner(obj_to_map(o), m.inner_id);
	err = inner ? reply_map(&c->reply, &inner->map) : -ENOENT;
	if (inner)
		obj_put(&inner->obj);
	obj_put(o);
	return err;
}

/* The perf event's buffer with @id, whose memory the client shows. */
static struct obj *shown_ring(struct conn *c, u32 id)
{
	struct map_obj *m = sys_perf_ring_by_id(c->d->sys, id);

	if (!m)
		return ERR_PTR(-ENOENT);
	if (same_file(passed_fd(c, 0), m->map.memfd))
		return &m->obj;
	obj_put(&m->obj);
	return ERR_PTR(-EBADF);
}

int image_handle_perf_ring(struct conn *c)
{
	struct msg_perf_ring m;
	struct perf_ring_open o;
	int fd;

	memcpy(&m, c->msg.body, sizeof(m));
	o = (struct perf_ring_open){m.cpu, m.wakeup, m.sample_type, m.enabled};
	fd = sys_perf_ring_open(c->d->sys, &o);
	if (fd >= 0)
		reply_fd(&c->reply, fd);
	return fd < 0 ? fd : 0;
}

int image_handle_watch(struct conn *c)
{
	struct msg_watch m;
	struct obj *o;
	int fd;

	memcpy(&m, c->msg.body, sizeof(m));
	o = shown_map(c, m.map_id);
	if (IS_ERR(o))
		o = shown_ring(c, m.map_id);
	if (IS_ERR(o))
		return PTR_ERR(o);
	fd = map_obj_watch(obj_to_map(o), m.always);
	if (fd >= 0)
		reply_fd(&c->reply, fd);
	obj_put(o);
	return fd < 0 ? fd : 0;
}

/* Whoever names a timer has read its id in the map. */
int image_handle_view_changed(struct conn *c)
{
	struct msg_view_changed m;

	memcpy(&m, c->msg.body, sizeof(m));
	sys_view_changed(c->d->sys, m.group);
	return 0;
}

int image_handle_timer(struct conn *c)
{
	struct obj *o = NULL;
	struct msg_timer m;
	struct exec_timer t;
	long ret;

	memcpy(&m, c->msg.body, sizeof(m));
	t = (struct exec_timer){.op = m.op,
				.value_off = m.value_off,
				.id = m.id,
				.prog_id = m.prog_id,
				.callback = m.callback,
				.ns = m.ns};
	if (m.op == EXEC_TIMER_INIT) {
		o = shown_map(c, m.map_id);
		if (IS_ERR(o))
			return PTR_ERR(o);
		t.map = &obj_to_map(o)->map;
	}
	ret = sys_timer(c->d->sys, &t);
	obj_put(o);
	return ret;
}

int image_handle_tail(struct conn *c)
{
	struct msg_tail_target m;
	struct bpf_prog *p;
	struct obj *o;
	int err;

	memcpy(&m, c->msg.body, sizeof(m));
	o = shown_map(c, m.map_id);
	if (IS_ERR(o))
		return PTR_ERR(o);
	p = obj_to_prog(
		obj_by_id(sys_objs(c->d->sys), OBJ_PROG, map_obj_prog_id(obj_to_map(o), m.index)));
	err = p ? image_reply(&c->reply, p) : -ENOENT;
	if (p)
		obj_put(&p->obj);
	obj_put(o);
	return err;
}

int image_handle_account(struct conn *c)
{
	struct obj *o = passed_prog(c);
	struct msg_account m;

	if (IS_ERR(o))
		return PTR_ERR(o);
	memcpy(&m, c->msg.body, sizeof(m));
	prog_account(obj_to_prog(o), m.runs, m.ns);
	obj_put(o);
	return 0;
}

/* --- MSG_BTF_SHOW --- */

static int emit(void *out, const char *text, size_t len)
{
	struct {
		struct conn *c;
		char *text;
		size_t len, room;
	} *o = out;
	char *p;

	if (o->len + len > 1 << 20)
		return -E2BIG;
	if (o->len + len > o->room) {
		o->room = (o->len + len) * 2;
		p = realloc(o->text, o->room);
		if (!p)
			return -ENOMEM;
		o->text = p;
	}
	memcpy(o->text + o->len, text, len);
	o->len += len;
	return 0;
}

/* The object's bytes are the client's; a type that is larger than what came is refused. */
int image_handle_btf_show(struct conn *c)
{
	struct {
		struct conn *c;
		char *text;
		size_t len, room;
	} out = {c};
	struct btf *btf = sys_vmlinux(c->d->sys);
	const struct btf_type *t;
	struct msg_btf_show m;
	struct obj *o = NULL;
	u32 id, size = 0;
	int err = -EINVAL;

	memcpy(&m, c->msg.body, sizeof(m));
	if (m.btf_id) {
		o = obj_by_id(sys_objs(c->d->sys), OBJ_BTF, m.btf_id);
		btf = o ? container_of(o, struct btf, obj) : NULL;
	}
	id = m.type_id;
	t = btf ? btf_type_id_size(btf, &id, &size) : NULL;
	if (!IS_ERR_OR_NULL(t) && size <= c->msg.hdr.len - sizeof(m))
		err = btf_show(btf, m.type_id, c->msg.body + sizeof(m), m.flags, emit, &out);
	if (err >= 0) {
		void *p = reply_add(&c->reply, out.text ? out.text : "", out.len);

		if (p)
			c->reply.len -= MSG_PAD(out.len) - out.len; /* text, not padding */
		err = out.len;
	}
	free(out.text);
	obj_put(o);
	return err;
}
