/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "map/kptr.h"
#include "prog/map_obj.h"
#include "prog/prog.h"
#include "prog/timer.h"

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

bool map_obj_has_user(struct map_obj *m)
{
	return !m->obj.table ||
	       __atomic_load_n(&m->obj.refs, __ATOMIC_ACQUIRE) > program_refs(m->obj.table, m) + 1;
}

/*
 * A prog array that only programs hold any more is emptied, and timers in values of such a map go: nobody could reach it, and a program in
 * an array it uses would never go (kernel: the user reference count of a map). @o is the caller's
 * reference, the one that is no program's.
 */
static void dropped(struct obj *o)
{
	struct map_obj *m = obj_to_map(o);
	u32 timers = __atomic_load_n(&m->nr_timers, __ATOMIC_ACQUIRE);
	bool mine;

	if ((!READ_ONCE(m->nr_progs) && !timers) || map_obj_has_user(m))
		return;
	if (timers)
		timers_drop_map(m->timers, m);
	if (!READ_ONCE(m->nr_progs))
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
	struct map_obj *m = obj_to_map(o);

	if (m->map.targets)
		clear_slots(m);
	map_obj_clear_inner(m);
	if (m->nr_timers)
		timers_drop_map(m->timers, m);
	map_free_fields(&m->map);
}

static void map_obj_free(struct obj *o)
{
	struct map_obj *m = obj_to_map(o);

	map_close(&m->map);
	if (m->event >= 0)
		close(m->event);
	btf_put(m->map.btf);
	if (m->map.inner_map_meta)
		btf_put(m->map.inner_map_meta->btf);
	free(m->map.inner_map_meta);
	idr_free(&m->inner);
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

/* --- waiting for elements --- */

static int event_of(struct map_obj *m)
{
	pthread_mutex_lock(&m->lock);
	if (m->event < 0) {
		m->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (m->event >= 0)
			__atomic_store_n(&m->map.shm->watched, 1, __ATOMIC_SEQ_CST);
	}
	pthread_mutex_unlock(&m->lock);
	return m->event < 0 ? -errno : m->event;
}

int map_obj_watch(struct map_obj *m)
{
	int fd = m->map.ops->events ? event_of(m) : -EINVAL;

	if (fd < 0)
		return fd;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

void map_obj_wake(struct map_obj *m)
{
	int event = __atomic_load_n(&m->event, __ATOMIC_ACQUIRE);
	u64 n = 1;
	ssize_t done = 0;

	/* of a USER_RINGBUF writers wait: for the counter not to be full (shim/ring.c) */
	if (event >= 0)
		done = m->map.map_type == BPF_MAP_TYPE_USER_RINGBUF ? read(event, &n, sizeof(n))
								    : write(event, &n, sizeof(n));
	(void)done; /* nothing to do: it says so already */
}

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

	if (!map->ops->fd_values || map->ops->map_values)
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
	m->event = -1;
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

/* Value fields with a meaning of their own, and the kinds that may hold them (6.1). */
static const struct special {
	const char *name;
	u32 size, align;
	int err; /* of other kinds */
	u32 attr_field;
	u64 kinds;
} specials[] = {
	{"bpf_spin_lock", sizeof(struct bpf_spin_lock), 4, -ENOTSUPP,
	 offsetof(struct map_attr, lock_at),
	 1ull << BPF_MAP_TYPE_HASH | 1ull << BPF_MAP_TYPE_ARRAY |
		 1ull << BPF_MAP_TYPE_CGROUP_STORAGE | 1ull << BPF_MAP_TYPE_SK_STORAGE},
	{"bpf_timer", sizeof(struct bpf_timer), 8, -EOPNOTSUPP, offsetof(struct map_attr, timer_at),
	 1ull << BPF_MAP_TYPE_HASH | 1ull << BPF_MAP_TYPE_ARRAY},
};

#define NR_SPECIALS ARRAY_SIZE(specials)

/* Where each special field lies: 0 none, 1 + offset, or -1: several, misplaced. */
struct fields {
	s64 at[NR_SPECIALS];
};

static void note_field(const struct btf *btf, u32 id, u32 off, struct fields *f)
{
	const struct btf_type *t = btf_type_skip_modifiers(btf, id, NULL);
	const char *name;

	if (!t || btf_type_kind(t) != BTF_KIND_STRUCT)
		return;
	name = btf_name_by_offset(btf, t->name_off);
	for (size_t i = 0; i < NR_SPECIALS; i++)
		if (t->size == specials[i].size && name && !strcmp(name, specials[i].name))
			f->at[i] = f->at[i] || off % specials[i].align ? -1 : (s64)off + 1;
}

static int find_fields(const struct btf *btf, const struct btf_type *value, struct fields *f)
{
	bool datasec = btf_type_kind(value) == BTF_KIND_DATASEC;
	u32 n = btf_type_vlen(value);

	*f = (struct fields){};
	if (!datasec && btf_type_kind(value) != BTF_KIND_STRUCT)
		return 0;
	for (u32 i = 0; i < n; i++) {
		const struct btf_var_secinfo *v = (const struct btf_var_secinfo *)(value + 1) + i;
		const struct btf_member *m = btf_members(value) + i;
		const struct btf_type *var = datasec ? btf_type_by_id(btf, v->type) : NULL;

		if (datasec && !var)
			return -EINVAL;
		note_field(btf, datasec ? var->type : m->type,
			   datasec ? v->offset : btf_member_bit_offset(value, m) / 8, f);
	}
	return 0;
}

static int check_fields(const struct map_attr *attr, const struct btf *btf,
			const struct btf_type *value)
{
	struct fields f;
	int err = find_fields(btf, value, &f);

	if (err)
		return err;
	for (size_t i = 0; i < NR_SPECIALS; i++) {
		if (f.at[i] <= 0)
			continue;
		if (attr->map_flags & BPF_F_RDONLY_PROG)
			return -EACCES;
		if (!(specials[i].kinds >> attr->map_type & 1))
			return specials[i].err;
		if (f.at[i] - 1 + specials[i].size > attr->value_size)
			return -EFAULT;
	}
	return 0;
}

void map_obj_note_fields(struct map_attr *attr, const struct btf *btf, u32 value_id)
{
	const struct btf_type *value;
	struct fields f;
	u32 size;

	value = btf_type_id_size(btf, &value_id, &size);
	if (IS_ERR_OR_NULL(value) || find_fields(btf, value, &f))
		return;
	for (size_t i = 0; i < NR_SPECIALS; i++)
		if (f.at[i] > 0)
			*(u32 *)((char *)attr + specials[i].attr_field) = f.at[i];
}

/*
 * Pointers to objects of the service. As in the kernel tags that mean nothing are no error: the map
 * has no such pointers then. -> how many
 */
static u32 find_kptrs(struct map_kptr *out, const struct btf *btf, u32 value_id,
		      const struct btf *vmlinux)
{
	struct btf_kptr k[BTF_MAX_KPTRS];
	int n = vmlinux ? btf_find_kptrs(btf, value_id, k) : 0;

	for (int i = 0; i < n; i++) {
		const struct btf_type *t = btf_type_by_id(btf, k[i].type_id);
		const char *name = t ? btf_name_by_offset(btf, t->name_off) : NULL;
		u32 type = name ? kptr_type_of(name) : KPTR_OTHER;

		if (!name || btf_find_by_name_kind(vmlinux, name, btf_type_kind(t)) < 0 ||
		    (k[i].ref && !kptr_dtor(type)))
			return 0;
		out[i] = (struct map_kptr){.off = k[i].off, .type = type, .ref = k[i].ref};
	}
	return max(n, 0);
}

int map_obj_note_kptrs(struct map_attr *attr, const struct btf *btf, u32 value_id,
		       const struct btf *vmlinux, bool capable)
{
	const u64 kinds = 1ull << BPF_MAP_TYPE_HASH | 1ull << BPF_MAP_TYPE_LRU_HASH |
			  1ull << BPF_MAP_TYPE_ARRAY | 1ull << BPF_MAP_TYPE_PERCPU_ARRAY;

	attr->nr_kptrs = find_kptrs(attr->kptr, btf, value_id, vmlinux);
	if (!attr->nr_kptrs)
		return 0;
	if (!capable)
		return -EPERM;
	if (attr->map_flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG))
		return -EACCES;
	return kinds >> attr->map_type & 1 ? 0 : -EOPNOTSUPP;
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
		if (!key ||
		    !(is_array_kind(attr->map_type) || attr->map_type == BPF_MAP_TYPE_BLOOM_FILTER))
			return -EINVAL;
	}
	value = btf_type_id_size(btf, &value_id, &size);
	if (IS_ERR_OR_NULL(value) || size != attr->value_size)
		return -EINVAL;
	err = check_fields(attr, btf, value);
	if (err)
		return err;
	switch (attr->map_type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY: return check_array_key(attr, key, value);
	case BPF_MAP_TYPE_BLOOM_FILTER: return btf_type_is_void(key) ? 0 : -EINVAL;
	case BPF_MAP_TYPE_LPM_TRIE: return btf_type_kind(key) == BTF_KIND_STRUCT ? 0 : -EINVAL;
	}
	return 0;
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
