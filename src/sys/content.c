/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * content.c - what `cat` of a pin shows: the text of an iterator link, or the elements of a map
 * that has BTF (kernel: map_seq_show and the kinds' map_seq_show_elem). Everything else cannot be
 * opened (-EIO, as the kernel's bpffs_obj_open).
 */
#include <stdarg.h>
#include <stdio.h>

#include "helper/cgroup_view.h"
#include "sys/priv.h"

#define WARNING                                              \
	"# WARNING!! The output is for debug purpose only\n" \
	"# WARNING!! The output format will change\n"

struct content {
	struct iter_file *iter; /* or: */
	struct view_file *view;
	struct cgroup *group; /* what a view/cgroup shows */
	/* or: */
	struct map_obj *m;
	void (*show)(struct content *c);
	pthread_mutex_t lock;
	u64 off;     /* file position of text[0] */
	u64 visited; /* elements shown; bounds a walk others delete under */
	bool started, done;
	void *key, *next, *value;
	char *text;
	size_t len, room;
	int err; /* no memory for text */
};

static int emit(void *out, const char *s, size_t n)
{
	struct content *c = out;
	size_t room = c->room ? c->room : 4096;
	char *p;

	while (room < c->len + n)
		room *= 2;
	if (room != c->room) {
		p = realloc(c->text, room);
		if (!p)
			return c->err = -ENOMEM;
		c->text = p;
		c->room = room;
	}
	memcpy(c->text + c->len, s, n);
	c->len += n;
	return 0;
}

static void put(struct content *c, const char *fmt, ...) __printf(2, 3);
static void put(struct content *c, const char *fmt, ...)
{
	char buf[64];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	emit(c, buf, n);
}

static void put_typed(struct content *c, u32 type_id, const void *data)
{
	btf_show_map_value(c->m->map.btf, type_id, data, emit, c);
}

static u32 key_u32(const struct content *c)
{
	u32 key;

	memcpy(&key, c->key, sizeof(key));
	return key;
}

/* --- one element per kind --- */

static void show_array(struct content *c)
{
	const struct bpf_map *map = &c->m->map;

	if (map_sys_lookup(&c->m->map, c->key, c->value, 0))
		return;
	if (map->btf_key_type_id)
		put(c, "%u: ", key_u32(c));
	put_typed(c, map->btf_value_type_id, c->value);
	put(c, "\n");
}

static void show_cpus(struct content *c)
{
	const struct bpf_map *map = &c->m->map;
	u32 stride = round_up(map->value_size, 8);

	for (u32 cpu = 0; cpu < map->attr.nr_cpus; cpu++) {
		put(c, "\tcpu%u: ", cpu);
		put_typed(c, map->btf_value_type_id, (char *)c->value + (size_t)cpu * stride);
		put(c, "\n");
	}
	put(c, "}\n");
}

static void show_percpu_array(struct content *c)
{
	if (map_sys_lookup(&c->m->map, c->key, c->value, 0))
		return;
	put(c, "%u: {\n", key_u32(c));
	show_cpus(c);
}

static void show_hash(struct content *c)
{
	const struct bpf_map *map = &c->m->map;

	if (map_sys_lookup(&c->m->map, c->key, c->value, 0))
		return;
	put_typed(c, map->btf_key_type_id, c->key);
	put(c, ": ");
	put_typed(c, map->btf_value_type_id, c->value);
	put(c, "\n");
}

static void show_percpu_hash(struct content *c)
{
	if (map_sys_lookup(&c->m->map, c->key, c->value, 0))
		return;
	put_typed(c, c->m->map.btf_key_type_id, c->key);
	put(c, ": {\n");
	show_cpus(c);
}

static void show_prog_array(struct content *c)
{
	u32 id = map_obj_prog_id(c->m, key_u32(c));

	if (!id)
		return;
	put(c, "%u: ", key_u32(c));
	put_typed(c, c->m->map.btf_value_type_id, &id);
	put(c, "\n");
}

static void (*const shows[])(struct content *c) = {
	[BPF_MAP_TYPE_ARRAY] = show_array,
	[BPF_MAP_TYPE_PERCPU_ARRAY] = show_percpu_array,
	[BPF_MAP_TYPE_HASH] = show_hash,
	[BPF_MAP_TYPE_LRU_HASH] = show_hash,
	[BPF_MAP_TYPE_PERCPU_HASH] = show_percpu_hash,
	[BPF_MAP_TYPE_LRU_PERCPU_HASH] = show_percpu_hash,
	[BPF_MAP_TYPE_PROG_ARRAY] = show_prog_array,
};

/* --- open, read, close --- */

static int open_map(struct content *c, struct obj *o)
{
	struct map_obj *m = obj_to_map(o);
	const struct bpf_map *map = &m->map;

	if (!map->btf || !map->btf_value_type_id || map->map_type >= ARRAY_SIZE(shows) ||
	    !shows[map->map_type])
		return -EIO;
	c->show = shows[map->map_type];
	c->key = calloc(1, map->key_size + 1);
	c->next = calloc(1, map->key_size + 1);
	c->value = calloc(1, map_sys_value_size(map) + 1);
	if (!c->key || !c->next || !c->value)
		return -ENOMEM;
	obj_get(o);
	c->m = m;
	return 0;
}

static int open_view(struct content *c, struct sys *sys, struct bpf_link *link)
{
	struct view_env env = {sys->view_events, &sys->view_held, &sys->host};

	c->view = view_open(link, c->group, &env);
	if (!IS_ERR(c->view))
		return 0;
	/* shown where it is not a place of its kind */
	c->view = NULL;
	return -EIO;
}

static int open_link(struct content *c, struct sys *sys, struct obj *o)
{
	struct iter_file *f;

	if (view_link_target(obj_to_link(o)))
		return open_view(c, sys, obj_to_link(o));
	f = iter_open(obj_to_link(o), sys->objs, &sys->host);

	if (IS_ERR(f))
		return PTR_ERR(f) == -EINVAL ? -EIO : PTR_ERR(f);
	c->iter = f;
	return 0;
}

static void content_close(void *arg, void *file)
{
	struct content *c = file;

	if (c->iter)
		iter_close(c->iter);
	if (c->view)
		view_close(c->view);
	cgroup_put(c->group);
	if (c->m)
		obj_put(&c->m->obj);
	pthread_mutex_destroy(&c->lock);
	free(c->key);
	free(c->next);
	free(c->value);
	free(c->text);
	free(c);
}

static int open_in_bpffs(struct content *c, struct sys *sys, struct obj *o)
{
	if (o->class->kind == OBJ_LINK)
		return open_link(c, sys, o);
	return o->class->kind == OBJ_MAP ? open_map(c, o) : -EIO;
}

/* The group of the place, referenced; ERR_PTR(-ENODEV): removed meanwhile. */
static struct cgroup *group_at(struct sys *sys, const struct fs_where *where)
{
	struct cgroup *g =
		(where->own ? cgroup_get_own : cgroup_get_dir)(where->mount, where->group);

	if (IS_ERR(g))
		return PTR_ERR(g) == -ENOENT ? ERR_PTR(-ENODEV) : g;
	cgroup_put(__atomic_exchange_n(&sys->recent, cgroup_get(g), __ATOMIC_ACQ_REL));
	return g;
}

/* In a group's directory: views of groups, nothing else. */
static int open_in_group(struct content *c, struct sys *sys, struct obj *o,
			 const struct fs_where *where)
{
	struct bpf_link *link = o->class->kind == OBJ_LINK ? obj_to_link(o) : NULL;
	const struct view_target *t = link ? view_link_target(link) : NULL;
	struct cgroup *group;

	if (!t)
		return -EIO;
	if (!t->by_place)
		return -EACCES;
	group = group_at(sys, where);
	if (IS_ERR(group))
		return PTR_ERR(group);
	c->group = group;
	return open_view(c, sys, link);
}

static void *content_open(void *arg, struct obj *o, const struct fs_where *where)
{
	struct content *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return ERR_PTR(-ENOMEM);
	pthread_mutex_init(&c->lock, NULL);
	err = where ? open_in_group(c, arg, o, where) : open_in_bpffs(c, arg, o);
	if (!err)
		return c;
	content_close(arg, c);
	return ERR_PTR(err);
}

static void map_rewind(struct content *c)
{
	c->off = c->visited = 0;
	c->started = c->done = false;
	c->len = 0;
}

/* Appends the text of what comes next. */
static void map_produce(struct content *c)
{
	struct bpf_map *map = &c->m->map;

	if (!c->started) {
		c->started = true;
		emit(c, WARNING, strlen(WARNING));
		return;
	}
	/* A key deleted while we stand on it sends a hash back to its start: never show more
	 * than the map can hold. */
	if (c->visited > map->max_entries ||
	    map_sys_next_key(map, c->visited ? c->key : NULL, c->next)) {
		c->done = true;
		return;
	}
	c->visited++;
	memcpy(c->key, c->next, map->key_size);
	c->show(c);
}

/* Throws away @n bytes from the front. */
static void map_consume(struct content *c, size_t n)
{
	memmove(c->text, c->text + n, c->len - n);
	c->len -= n;
	c->off += n;
}

static ssize_t map_read(struct content *c, char *buf, size_t len, u64 off)
{
	size_t n;

	if (off < c->off)
		map_rewind(c);
	while (!c->done && !c->err && c->off + c->len < off + len) {
		if (c->off + c->len <= off && c->len)
			map_consume(c, c->len);
		map_produce(c);
	}
	if (c->err)
		return c->err;
	if (off >= c->off + c->len)
		return 0;
	map_consume(c, off - c->off);
	n = min(len, c->len);
	memcpy(buf, c->text, n);
	map_consume(c, n);
	return n;
}

static ssize_t content_read(void *arg, void *file, char *buf, size_t len, u64 off)
{
	struct content *c = file;
	ssize_t n;

	if (c->view)
		return view_read(c->view, buf, len, off);
	if (c->iter)
		return iter_read(c->iter, buf, len); /* a stream: its own position counts */
	pthread_mutex_lock(&c->lock);
	n = map_read(c, buf, len, off);
	pthread_mutex_unlock(&c->lock);
	return n;
}

/* --- what else files of views can do --- */

static bool content_takes_writes(void *arg, struct obj *o)
{
	struct bpf_prog *p = o->class->kind == OBJ_LINK ? view_writer(obj_to_link(o)) : NULL;

	if (p)
		obj_put(&p->obj);
	return p;
}

static ssize_t content_write(void *arg, struct obj *o, const struct fs_where *where,
			     const struct cred *by, const char *buf, size_t len)
{
	struct sys *sys = arg;
	struct cgroup *group = group_at(sys, where);
	ssize_t n;

	if (IS_ERR(group))
		return PTR_ERR(group);
	n = view_write(obj_to_link(o), group, &sys->host, by, buf, len);
	cgroup_put(group);
	return n;
}

static u32 content_poll(void *arg, void *file, void (*wake)(void *), void *wake_arg)
{
	struct content *c = file;

	return view_poll(c->view, wake, wake_arg); /* of all contents only views are in groups */
}

static void content_interrupt(void *arg, pthread_t thread)
{
	limits_interrupt(((struct sys *)arg)->host.limits, thread);
}

/* --- userbpf view why --- */

static void describe_prog(const char *what, const struct bpf_prog *p, FILE *out)
{
	fprintf(out, "%s: %u %s\n", what, p->obj.id, p->aux->name);
}

static void describe_link(struct bpf_link *l, FILE *out)
{
	struct bpf_prog *writer = view_writer(l);

	fprintf(out, "link: %u %s\n", l->obj.id, l->ops->name);
	pthread_mutex_lock(&l->lock); /* it may get another program */
	if (l->prog)
		describe_prog("program", l->prog, out);
	pthread_mutex_unlock(&l->lock);
	if (!writer)
		return;
	describe_prog("writes go to", writer, out);
	obj_put(&writer->obj);
}

static void content_describe(void *arg, struct obj *o, FILE *out)
{
	if (o->class->kind == OBJ_PROG)
		describe_prog("program", obj_to_prog(o), out);
	else if (o->class->kind == OBJ_MAP)
		fprintf(out, "map: %u %s\n", o->id, obj_to_map(o)->map.name);
	else if (o->class->kind == OBJ_LINK)
		describe_link(obj_to_link(o), out);
}

const struct fs_content_ops sys_content_ops = {
	.open = content_open,
	.read = content_read,
	.close = content_close,
	.takes_writes = content_takes_writes,
	.write = content_write,
	.poll = content_poll,
	.interrupt = content_interrupt,
	.describe = content_describe,
};
