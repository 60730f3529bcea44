/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "prog/map_obj.h"
#include "prog/prog.h"

static void set_id(struct obj *o, u32 id)
{
	struct map_obj *m = obj_to_map(o);

	m->map.id = id;
	m->map.attr.id = id;
}

/* Takes the program out of a slot; the caller drops the reference, without lock. */
static struct bpf_prog *take_slot(struct map_obj *m, u32 index)
{
	struct bpf_prog *old;

	pthread_mutex_lock(&m->lock);
	old = m->map.targets[index];
	m->map.targets[index] = NULL;
	m->nr_progs -= !!old;
	map_prog_array_publish(&m->map, index, 0);
	pthread_mutex_unlock(&m->lock);
	return old;
}

static void clear_slots(struct map_obj *m)
{
	for (u32 i = 0; READ_ONCE(m->nr_progs) && i < m->map.max_entries; i++) {
		struct bpf_prog *old = READ_ONCE(m->map.targets[i]) ? take_slot(m, i) : NULL;

		if (old)
			obj_put(&old->obj);
	}
}

/* References of @m a program holds: its own and its image's. */
static u32 refs_of_prog(const struct bpf_prog *prog, const struct map_obj *m)
{
	struct bpf_prog_aux *aux = prog->aux;
	u32 n = 0;

	pthread_mutex_lock(&aux->used_maps_lock);
	for (u32 i = 0; i < aux->used_map_cnt; i++)
		n += aux->used_maps[i] == &m->map;
	pthread_mutex_unlock(&aux->used_maps_lock);
	for (u32 i = 0; prog->image && i < prog->image->nr_maps; i++)
		n += prog->image->maps[i] == &m->map;
	return n;
}

static u32 program_refs(struct obj_table *t, const struct map_obj *m)
{
	struct obj *o;
	u32 n = 0;

	for (u32 id = 1; (o = obj_next(t, OBJ_PROG, id)); obj_put(o)) {
		id = o->id + 1;
		n += refs_of_prog(obj_to_prog(o), m);
	}
	return n;
}

/*
 * A prog array that only programs hold any more is emptied: nobody could reach it, and a program in
 * an array it uses would never go (kernel: the user reference count of a map). @o is the caller's
 * reference, the one that is no program's.
 */
static void dropped(struct obj *o)
{
	struct map_obj *m = obj_to_map(o);
	bool mine;

	if (!READ_ONCE(m->nr_progs) || !o->table ||
	    __atomic_load_n(&o->refs, __ATOMIC_ACQUIRE) > program_refs(o->table, m) + 1)
		return;
	/* the programs that go now drop the map themselves: once is enough */
	pthread_mutex_lock(&m->lock);
	mine = !m->clearing;
	m->clearing = true;
	pthread_mutex_unlock(&m->lock);
	if (!mine)
		return;
	clear_slots(m);
	m->clearing = false;
}

static void release(struct obj *o)
{
	clear_slots(obj_to_map(o));
}

static void map_obj_free(struct obj *o)
{
	struct map_obj *m = obj_to_map(o);

	map_close(&m->map);
	btf_put(m->map.btf);
	pthread_mutex_destroy(&m->lock);
	free(m->map.targets);
	free(m);
}

const struct obj_class map_class = {
	.name = "map",
	.kind = OBJ_MAP,
	.set_id = set_id,
	.release = release,
	.free = map_obj_free,
	.dropped = dropped,
};

static u64 boot_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

/* Slots for programs; as much memory as the kernel would ask for, so refused when the machine has
 * not got it. */
static int alloc_targets(struct bpf_map *map)
{
	u64 ram = (u64)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);

	if (!map->ops->fd_values)
		return 0;
	if ((u64)map->max_entries * sizeof(void *) > ram)
		return -ENOMEM;
	map->targets = calloc(map->max_entries, sizeof(void *));
	return map->targets ? 0 : -ENOMEM;
}

struct map_obj *map_obj_new(const struct map_attr *attr, struct btf *btf, u32 key_id, u32 value_id)
{
	struct map_obj *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return ERR_PTR(-ENOMEM);
	err = map_open(&m->map, attr);
	if (err)
		goto fail_free;
	err = alloc_targets(&m->map);
	if (err)
		goto fail_close;
	obj_init(&m->obj, &map_class);
	pthread_mutex_init(&m->lock, NULL);
	m->map.priv = m;
	m->load_time = boot_ns();
	if (btf) {
		m->map.btf = btf_get(btf);
		m->map.btf_key_type_id = key_id;
		m->map.btf_value_type_id = value_id;
	}
	return m;

fail_close:
	map_close(&m->map);
fail_free:
	free(m);
	return ERR_PTR(err);
}

/* --- BTF --- */

static bool is_array_kind(u32 map_type)
{
	return map_type == BPF_MAP_TYPE_ARRAY || map_type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

/* Key of an array: a plain 32-bit integer, or nothing at all for the one-element arrays of global
 * data. */
static int check_array_key(const struct map_attr *attr, const struct btf_type *key,
			   const struct btf_type *value)
{
	u32 int_data;

	if (btf_type_is_void(key)) {
		if (attr->map_type != BPF_MAP_TYPE_ARRAY || attr->max_entries != 1 ||
		    btf_type_kind(value) != BTF_KIND_DATASEC)
			return -EINVAL;
		return 0;
	}
	if (!btf_type_is_int(key))
		return -EINVAL;
	int_data = *(const u32 *)(key + 1);
	return BTF_INT_BITS(int_data) != 32 || BTF_INT_OFFSET(int_data) ? -EINVAL : 0;
}

/* Value fields with a meaning of their own that this build has not got; the errno is the kernel's
 * for kinds that cannot hold them. */
static const struct special {
	const char *name;
	u32 size;
	int err;
} specials[] = {
	{"bpf_spin_lock", sizeof(struct bpf_spin_lock), -ENOTSUPP},
	{"bpf_timer", sizeof(struct bpf_timer), -EOPNOTSUPP},
};

static int check_field(const struct btf *btf, const struct btf_type *t)
{
	if (btf_type_is_ptr(t)) {
		const struct btf_type *tag = btf_type_by_id(btf, t->type);
		const char *name;

		if (!tag || btf_type_kind(tag) != BTF_KIND_TYPE_TAG)
			return 0;
		name = btf_name_by_offset(btf, tag->name_off);
		return name && !strncmp(name, "kptr", 4) ? -EOPNOTSUPP : 0;
	}
	if (btf_type_kind(t) != BTF_KIND_STRUCT)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(specials); i++) {
		const char *name = btf_name_by_offset(btf, t->name_off);

		if (t->size == specials[i].size && name && !strcmp(name, specials[i].name))
			return specials[i].err;
	}
	return 0;
}

static int check_fields(const struct btf *btf, const struct btf_type *value)
{
	bool datasec = btf_type_kind(value) == BTF_KIND_DATASEC;
	u32 n = btf_type_vlen(value);

	if (!datasec && btf_type_kind(value) != BTF_KIND_STRUCT)
		return 0;
	for (u32 i = 0; i < n; i++) {
		u32 id = datasec ? ((const struct btf_var_secinfo *)(value + 1))[i].type
				 : btf_members(value)[i].type;
		const struct btf_type *t = btf_type_by_id(btf, id);
		int err;

		if (t && btf_type_kind(t) == BTF_KIND_VAR)
			t = btf_type_by_id(btf, t->type);
		err = t ? check_field(btf, t) : -EINVAL;
		if (err)
			return err;
	}
	return 0;
}

int map_obj_check_btf(const struct map_attr *attr, const struct btf *btf, u32 key_id, u32 value_id)
{
	const struct btf_type *key, *value;
	u32 size;
	int err;

	if (key_id) {
		key = btf_type_id_size(btf, &key_id, &size);
		if (IS_ERR_OR_NULL(key) || size != attr->key_size)
			return -EINVAL;
	} else {
		key = btf_type_by_id(btf, 0);
		if (!key || !is_array_kind(attr->map_type))
			return -EINVAL;
	}
	value = btf_type_id_size(btf, &value_id, &size);
	if (IS_ERR_OR_NULL(value) || size != attr->value_size)
		return -EINVAL;
	err = check_fields(btf, value);
	if (err)
		return err;
	return is_array_kind(attr->map_type) ? check_array_key(attr, key, value) : 0;
}

/* --- prog arrays --- */

static bool proto_matters(u32 prog_type)
{
	return prog_type == BPF_PROG_TYPE_TRACING || prog_type == BPF_PROG_TYPE_LSM ||
	       prog_type == BPF_PROG_TYPE_EXT || prog_type == BPF_PROG_TYPE_STRUCT_OPS;
}

/* Attach type of an owner that was fixed without saying it. */
#define ANY_ATTACH UINT32_MAX

static bool owner_ok(struct map_obj *m, u32 type, u32 attach, const struct btf_type *proto)
{
	bool ok = true;

	pthread_mutex_lock(&m->lock);
	if (!m->owned) {
		m->owned = true;
		m->owner_type = type;
		m->owner_attach = attach;
		m->owner_proto = proto;
	} else if (m->owner_type != type) {
		ok = false;
	} else if (attach != ANY_ATTACH && m->owner_attach == ANY_ATTACH) {
		m->owner_attach = attach;
		m->owner_proto = proto;
	} else if (attach != ANY_ATTACH) {
		ok = m->owner_attach == attach && (!proto_matters(type) || m->owner_proto == proto);
	}
	pthread_mutex_unlock(&m->lock);
	return ok;
}

bool map_obj_prog_ok(struct map_obj *m, u32 prog_type)
{
	return owner_ok(m, prog_type, ANY_ATTACH, NULL);
}

bool map_obj_prog_fits(struct map_obj *m, u32 prog_type, u32 attach_type,
		       const struct btf_type *attach_proto)
{
	return owner_ok(m, prog_type, attach_type, attach_proto);
}

int map_obj_set_prog(struct map_obj *m, u32 index, struct bpf_prog *prog)
{
	struct bpf_prog *old;

	if (!m->map.targets)
		return -EINVAL;
	if (index >= m->map.max_entries)
		return -E2BIG;
	if (prog->type == BPF_PROG_TYPE_EXT ||
	    !map_obj_prog_fits(m, prog->type, prog->expected_attach_type,
			       prog->aux->attach_func_proto))
		return -EINVAL;
	obj_get(&prog->obj);
	pthread_mutex_lock(&m->lock);
	old = m->map.targets[index];
	m->map.targets[index] = prog;
	m->nr_progs += !old;
	map_prog_array_publish(&m->map, index, prog->aux->id);
	pthread_mutex_unlock(&m->lock);
	if (old)
		obj_put(&old->obj);
	return 0;
}

int map_obj_del_prog(struct map_obj *m, u32 index)
{
	struct bpf_prog *old;

	if (!m->map.targets)
		return -EINVAL;
	if (index >= m->map.max_entries)
		return -E2BIG;
	old = take_slot(m, index);
	if (!old)
		return -ENOENT;
	obj_put(&old->obj);
	return 0;
}

const struct exec_image *map_obj_tail_target(struct map_obj *m, u32 index)
{
	struct exec_image *img = NULL;
	struct bpf_prog *prog;

	if (!m->map.targets || index >= m->map.max_entries)
		return NULL;
	pthread_mutex_lock(&m->lock);
	prog = m->map.targets[index];
	if (prog)
		img = exec_image_get(prog->image);
	pthread_mutex_unlock(&m->lock);
	return img;
}

u32 map_obj_prog_id(struct map_obj *m, u32 index)
{
	struct bpf_prog *prog;
	u32 id = 0;

	if (!m->map.targets || index >= m->map.max_entries)
		return 0;
	pthread_mutex_lock(&m->lock);
	prog = m->map.targets[index];
	if (prog)
		id = prog->aux->id;
	pthread_mutex_unlock(&m->lock);
	return id;
}
