/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/btf.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi/print.h"
#include "cli/gen/calls.h"
#include "gen/record.h"

#define PROBE_INSNS 16

struct object {
	u32 kind, id; /* ABI_FD_*, and the id it had when it was recorded */
	u64 dev, ino; /* of its handle, which is another one when only a pin was left in between */
	s32 pid;      /* of who made it */
	int slot;     /* -1: made elsewhere, or by a call that is left out */
	u32 made, closed; /* numbers of records; closed 0: never */
	bool pinned, probe, used;
};

struct calls {
	const struct calls_input *in;
	struct gen_trace *t;
	struct log *log;
	struct btf *kernel;
	struct object *objs;
	u32 nr_objs;
	const struct abi_rec *rec; /* the one at hand, and its number */
	u32 at;
	u32 last_made; /* last record that made or changed something */
	char **said;   /* warnings, each given once */
	u32 nr_said;
};

/* --- warnings --- */

static void warn(struct calls *c, const char *fmt, ...) __printf(2, 3);
static void warn(struct calls *c, const char *fmt, ...)
{
	char text[512], **more;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (u32 i = 0; i < c->nr_said; i++)
		if (!strcmp(c->said[i], text))
			return;
	c->in->warn(text);
	more = reallocarray(c->said, c->nr_said + 1, sizeof(*more));
	if (!more)
		return;
	c->said = more;
	c->said[c->nr_said] = strdup(text);
	c->nr_said += c->said[c->nr_said] != NULL;
}

/* --- objects --- */

static bool is_same(const struct object *o, const struct abi_rec_fd *fd)
{
	if (fd->kind)
		return o->kind == fd->kind && o->id == fd->id;
	return fd->ino && o->ino == fd->ino && o->dev == fd->dev;
}

static struct object *find(struct calls *c, const struct abi_rec_fd *fd)
{
	for (u32 i = c->nr_objs; fd && i-- > 0;) {
		struct object *o = &c->objs[i];

		if (!is_same(o, fd))
			continue;
		o->dev = fd->dev;
		o->ino = fd->ino;
		return o;
	}
	return NULL;
}

static struct object *of_fd(struct calls *c, int fd)
{
	return find(c, abi_rec_fd(c->rec, fd));
}

static struct object *object_new(struct calls *c, const struct abi_rec_fd *fd)
{
	struct object *more;

	if (!(c->nr_objs & (c->nr_objs - 1))) {
		more = reallocarray(c->objs, c->nr_objs ? c->nr_objs * 2 : 1, sizeof(*more));
		if (!more)
			return NULL;
		c->objs = more;
	}
	more = &c->objs[c->nr_objs++];
	*more = (struct object){.kind = fd->kind,
				.id = fd->id,
				.dev = fd->dev,
				.ino = fd->ino,
				.pid = c->rec->pid,
				.slot = -1,
				.made = c->at};
	return more;
}

/* --- what gen_record() asks --- */

static int client_read(void *arg, void *dst, u64 addr, u64 len)
{
	struct calls *c = arg;
	const void *data;

	if (abi_rec_mem(c->rec, addr, false, &data) < len)
		return -EFAULT;
	memcpy(dst, data, len);
	return 0;
}

static int client_slot(void *arg, int fd)
{
	struct object *o = of_fd(arg, fd);

	if (!o)
		return -1;
	o->used = true;
	return o->slot;
}

/* There is one BTF of the kernel and none of modules. */
static int client_btf(void *arg, int btf_fd, u32 id, struct gen_symbol *sym)
{
	struct calls *c = arg;
	const struct btf_type *t = c->kernel && !btf_fd ? btf__type_by_id(c->kernel, id) : NULL;

	if (!t)
		return -ENOENT;
	*sym = (struct gen_symbol){.name = btf__name_by_offset(c->kernel, t->name_off),
				   .btf_kind = btf_kind(t)};
	return 0;
}

static u32 client_fd_array_cnt(void *arg)
{
	return abi_rec_fd_array_cnt(((struct calls *)arg)->rec);
}

/* --- names --- */

static const struct gen_ref *attr_ref(const struct gen_call *call, u32 off)
{
	for (u32 i = 0; i < call->nr_refs; i++)
		if (call->refs[i].at.seg == GEN_ATTR && call->refs[i].at.off == off &&
		    call->refs[i].kind == GEN_REF_FD)
			return &call->refs[i];
	return NULL;
}

static const struct gen_seg *attr_seg(const struct gen_call *call, u32 off)
{
	for (u32 i = 0; i < call->nr_segs; i++)
		if (call->segs[i].ptr.seg == GEN_ATTR && call->segs[i].ptr.off == off)
			return &call->segs[i];
	return NULL;
}

/* BTF that the fd in attr at @off is of, parsed; NULL: none. */
static struct btf *call_btf(const struct calls *c, const struct gen_call *call, u32 off)
{
	const struct gen_ref *ref = attr_ref(call, off);
	const struct gen_seg *seg = NULL;
	struct btf *btf;

	if (ref)
		seg = attr_seg(&c->t->calls[c->t->slots[ref->slot].call],
			       offsetof(union bpf_attr, btf));
	btf = seg ? btf__new(seg->data, seg->len) : NULL;
	return btf;
}

/* BPF_OBJ_NAME_LEN cuts names; the function's is in the BTF. */
static void prog_name(const struct calls *c, const struct gen_call *call, char *name, size_t cap)
{
	const struct gen_seg *funcs = attr_seg(call, offsetof(union bpf_attr, func_info));
	struct btf *btf = call_btf(c, call, offsetof(union bpf_attr, prog_btf_fd));
	const struct btf_type *t = NULL;
	const struct bpf_func_info *f = funcs ? funcs->data : NULL;

	snprintf(name, cap, "%.15s", call->attr.prog_name);
	if (btf && f && funcs->len >= sizeof(*f))
		t = btf__type_by_id(btf, f->type_id);
	if (t && btf_is_func(t))
		snprintf(name, cap, "%s", btf__name_by_offset(btf, t->name_off));
	if (!*name)
		snprintf(name, cap, "prog");
	btf__free(btf);
}

/* Data sections are known by the type of their value, and go by the section's name. */
static int map_names(struct calls *c, const struct gen_call *call, int slot)
{
	struct btf *btf = call_btf(c, call, offsetof(union bpf_attr, btf_fd));
	const struct btf_type *t = btf ? btf__type_by_id(btf, call->attr.btf_value_type_id) : NULL;
	const char *dot = strchr(call->attr.map_name, '.');
	struct gen_slot *s = &c->t->slots[slot];
	const char *ident = NULL;
	int err = 0;

	s->mmapable =
		call->attr.map_flags & BPF_F_MMAPABLE && call->attr.map_type == BPF_MAP_TYPE_ARRAY;
	s->page_multiple = call->attr.map_type == BPF_MAP_TYPE_RINGBUF ||
			   call->attr.map_type == BPF_MAP_TYPE_USER_RINGBUF;
	if (t && btf_is_datasec(t))
		ident = btf__name_by_offset(btf, t->name_off) + 1;
	else if (dot && s->mmapable)
		ident = dot + 1;
	s->data = ident != NULL;
	if (ident)
		err = gen_slot_name(c->t, slot, s->name, ident);
	btf__free(btf);
	return err;
}

static enum gen_obj_kind kind_of(int cmd)
{
	switch (abi_result_kind(cmd)) {
	case ABI_FD_MAP: return GEN_MAP;
	case ABI_FD_PROG: return GEN_PROG;
	case ABI_FD_BTF: return GEN_BTF;
	default: return GEN_LINK;
	}
}

/* A link is called as its program. */
static void link_name(const struct calls *c, const struct gen_call *call, char *name, size_t cap)
{
	u32 off = call->cmd == BPF_LINK_CREATE ? offsetof(union bpf_attr, link_create.prog_fd)
					       : offsetof(union bpf_attr, raw_tracepoint.prog_fd);
	const struct gen_ref *ref = attr_ref(call, off);

	snprintf(name, cap, "%s", ref ? c->t->slots[ref->slot].name : "link");
}

static int add_slot(struct calls *c, u32 idx, struct object *o)
{
	struct gen_call *call = &c->t->calls[idx];
	enum gen_obj_kind kind = kind_of(call->cmd);
	char name[256] = "btf";
	int slot;

	if (kind == GEN_PROG)
		prog_name(c, call, name, sizeof(name));
	else if (kind == GEN_MAP)
		snprintf(name, sizeof(name), "%.15s",
			 *call->attr.map_name ? call->attr.map_name : "map");
	else if (kind == GEN_LINK)
		link_name(c, call, name, sizeof(name));
	slot = gen_trace_slot(c->t, idx, kind, name);
	if (slot < 0)
		return slot;
	o->slot = slot;
	return kind == GEN_MAP ? map_names(c, call, slot) : 0;
}

/* --- single calls --- */

/* What libbpf and bpftool load to learn what the kernel can do. */
static bool looks_like_probe(const struct calls *c, const union bpf_attr *a)
{
	if (c->rec->cmd == BPF_MAP_CREATE)
		return !strncmp(a->map_name, "libbpf_", 7);
	return c->rec->cmd == BPF_PROG_LOAD && !a->func_info_cnt && a->insn_cnt <= PROBE_INSNS &&
	       (!a->prog_name[0] || !strncmp(a->prog_name, "libbpf_", 7));
}

/* Values stored again under a key: only the last is needed, in the place of the first. */
static bool replaces_earlier(struct calls *c, u32 idx)
{
	const u32 key = offsetof(union bpf_attr, key), value = offsetof(union bpf_attr, value);
	const struct gen_call *n = &c->t->calls[idx];
	const struct gen_ref *map = attr_ref(n, offsetof(union bpf_attr, map_fd));
	const struct gen_seg *nk = attr_seg(n, key), *nv = attr_seg(n, value);

	if (n->cmd != BPF_MAP_UPDATE_ELEM || n->nr_refs != 1 || !map || !nk || !nv)
		return false;
	for (u32 i = idx; i-- > 0;) {
		const struct gen_call *o = &c->t->calls[i];
		const struct gen_ref *r = attr_ref(o, offsetof(union bpf_attr, map_fd));
		const struct gen_seg *k, *v;

		if (!r || r->slot != map->slot)
			continue;
		if (o->cmd != BPF_MAP_UPDATE_ELEM || o->nr_refs != 1 ||
		    o->attr.flags != n->attr.flags)
			return false;
		k = attr_seg(o, key);
		v = attr_seg(o, value);
		if (!k || !v || k->len != nk->len || v->len != nv->len ||
		    memcmp(k->data, nk->data, k->len))
			continue;
		memcpy(v->data, nv->data, v->len);
		return true;
	}
	return false;
}

static void left_out(struct calls *c, struct log *why)
{
	const struct abi_command *row = abi_command(c->rec->cmd);

	if (why->len)
		why->buf[strcspn(why->buf, "\n")] = '\0';
	warn(c, "BPF_%s is left out: %s", row->name, why->len ? why->buf : "it cannot be repeated");
}

static int repeat(struct calls *c, const union bpf_attr *attr)
{
	const struct gen_client client = {
		.read = client_read,
		.slot = client_slot,
		.btf = client_btf,
		.fd_array_cnt = client_fd_array_cnt,
		.arg = c,
	};
	const struct abi_rec_fd *fd = abi_rec_result(c->rec);
	struct object *o = fd ? object_new(c, fd) : NULL;
	struct log why;
	int idx;

	if (fd && !o)
		return -ENOMEM;
	if (o)
		o->probe = looks_like_probe(c, attr);
	log_init(&why, LOG_LEVEL1, 1024);
	idx = gen_record(c->t, &client, c->rec->cmd, attr, c->rec->attr_size, &why);
	if (idx < 0 && idx != -ENOMEM)
		left_out(c, &why);
	log_free(&why);
	if (idx == -ENOMEM)
		return idx;
	c->last_made = c->at;
	if (idx < 0)
		return 0;
	if (fd)
		return add_slot(c, idx, o);
	if (replaces_earlier(c, idx))
		gen_trace_drop(c->t);
	return 0;
}

static void path_text(const struct calls *c, const union bpf_attr *attr, char *text, size_t cap)
{
	const void *data;
	u32 len = abi_rec_mem(c->rec, attr->pathname, false, &data);

	snprintf(text, cap, "%.*s", (int)len, len ? (const char *)data : "");
}

static void pin(struct calls *c, const union bpf_attr *attr)
{
	struct object *o = of_fd(c, attr->bpf_fd);
	char path[256];

	path_text(c, attr, path, sizeof(path));
	warn(c, "BPF_OBJ_PIN %s is left out: a loader cannot pin; userbpf load --pin does", path);
	if (o)
		o->pinned = true;
}

/* Changes that a loader cannot make. */
static const struct {
	int cmd;
	const char *why;
} not_repeated[] = {
	{BPF_ITER_CREATE, "the reader of an iterator is no object that stays"},
	{BPF_PROG_ATTACH, "attaching without a link names an fd of its own process"},
	{BPF_PROG_DETACH, "attaching without a link names an fd of its own process"},
	{BPF_LINK_UPDATE, "only what links begin with is repeated"},
	{BPF_LINK_DETACH, "only what links begin with is repeated"},
	{BPF_PROG_BIND_MAP, "bpf_sys_bpf() does not do it"},
	{BPF_MAP_UPDATE_BATCH, "bpf_sys_bpf() does not do it; update single elements"},
	{BPF_MAP_DELETE_BATCH, "bpf_sys_bpf() does not do it; delete single elements"},
	{BPF_MAP_LOOKUP_AND_DELETE_ELEM, "what it finds depends on the run"},
	{BPF_MAP_LOOKUP_AND_DELETE_BATCH, "what it finds depends on the run"},
	{BPF_ENABLE_STATS, "it lasts as long as its fd"},
};

static void mention(struct calls *c)
{
	for (u32 i = 0; i < ARRAY_SIZE(not_repeated); i++)
		if (not_repeated[i].cmd == c->rec->cmd)
			warn(c, "BPF_%s is left out: %s", abi_command(c->rec->cmd)->name,
			     not_repeated[i].why);
}

static int one_call(struct calls *c)
{
	union bpf_attr attr;

	if (c->rec->ret < 0 || !abi_command(c->rec->cmd))
		return 0;
	abi_rec_attr(c->rec, &attr, false);
	if (gen_can_repeat(c->rec->cmd))
		return repeat(c, &attr);
	if (c->rec->cmd == BPF_OBJ_PIN)
		pin(c, &attr);
	else
		mention(c);
	return 0;
}

static void one_close(struct calls *c)
{
	const struct abi_rec_part *p = abi_rec_next(c->rec, NULL);
	struct object *o = p && p->kind == ABI_PART_FD ? find(c, abi_rec_data(p)) : NULL;

	if (o && o->pid == c->rec->pid)
		o->closed = c->at;
}

static int all_records(struct calls *c, const char *buf, size_t len)
{
	int err = 0;

	while (len && !err) {
		long n = abi_rec_check(buf, len);

		if (n <= 0) {
			log_printf(c->log, "record %u of the calls is broken\n", c->at);
			return -EINVAL;
		}
		c->rec = (const void *)buf;
		c->at++;
		if (c->rec->kind == ABI_REC_BPF)
			err = one_call(c);
		else
			one_close(c);
		buf += n;
		len -= n;
	}
	return err;
}

/* --- which objects count --- */

/* It outlives its maker's work: never closed, or only when nothing more was made. */
static bool stays(const struct calls *c, const struct object *o)
{
	return o->pinned || !o->closed || o->closed > c->last_made;
}

static u32 export(struct calls *c, bool probes)
{
	u32 nr = 0;

	for (u32 i = 0; i < c->nr_objs; i++) {
		struct object *o = &c->objs[i];

		if (o->slot < 0 || c->t->slots[o->slot].kind == GEN_BTF || !stays(c, o) ||
		    (o->probe && o->closed && !o->pinned && !o->used && !probes))
			continue;
		c->t->slots[o->slot].exported = true;
		nr++;
	}
	return nr;
}

/* The BTF of data that a skeleton shows. */
static int keep_btf(struct calls *c)
{
	struct gen_trace *t = c->t;

	for (u32 i = 0; i < t->nr_slots; i++) {
		const struct gen_call *call = &t->calls[t->slots[i].call];
		u32 off = t->slots[i].kind == GEN_MAP ? offsetof(union bpf_attr, btf_fd)
						      : offsetof(union bpf_attr, prog_btf_fd);
		const struct gen_ref *ref = attr_ref(call, off);
		const struct gen_seg *seg;

		if (!t->slots[i].exported || !ref || t->slots[i].kind == GEN_LINK ||
		    (t->slots[i].kind == GEN_MAP && !t->slots[i].data))
			continue;
		seg = attr_seg(&t->calls[t->slots[ref->slot].call], offsetof(union bpf_attr, btf));
		t->btf = seg ? malloc(seg->len) : NULL;
		if (!t->btf)
			return seg ? -ENOMEM : 0;
		memcpy(t->btf, seg->data, seg->len);
		t->btf_len = seg->len;
		return 0;
	}
	return 0;
}

static int finish(struct calls *c)
{
	if (!export(c, false) && !export(c, true)) {
		log_printf(c->log, "the command loaded nothing that stays\n");
		return -ENOENT;
	}
	return keep_btf(c) ?: gen_trace_prune(c->t);
}

/* --- */

static int map_file(const char *path, char **buf, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		err = -errno;
	*len = err ? 0 : st.st_size;
	if (*len) {
		*buf = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
		err = *buf == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	return err;
}

int calls_record(const struct calls_input *in, struct gen_trace **out, struct log *log)
{
	struct calls c = {.in = in, .log = log, .t = gen_trace_new(in->name)};
	char *buf = NULL;
	size_t len = 0;
	int err;

	if (!c.t)
		return -ENOMEM;
	if (*in->btf)
		c.kernel = btf__parse(in->btf, NULL);
	err = map_file(in->records, &buf, &len);
	err = err ?: all_records(&c, buf, len);
	err = err ?: finish(&c);
	if (len)
		munmap(buf, len);
	for (u32 i = 0; i < c.nr_said; i++)
		free(c.said[i]);
	free(c.said);
	free(c.objs);
	btf__free(c.kernel);
	if (err)
		gen_trace_free(c.t);
	else
		*out = c.t;
	return err;
}
