/* SPDX-License-Identifier: BSD-2-Clause */
/* map.c - MAP_CREATE, the element commands, MAP_FREEZE. Order of checks and errno:
 * kernel/bpf/syscall.c of 6.1. */
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "helper/cgroup_id.h"
#include "prog/perf_ring.h"
#include "sys/priv.h"

static bool numa_node_exists(u32 node)
{
	char path[64];

	if (!node)
		return true;
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u", node);
	return node <= INT32_MAX && access(path, F_OK) == 0;
}

static int create_check(const union bpf_attr *a)
{
	if (a->btf_vmlinux_value_type_id) {
		if (a->map_type != BPF_MAP_TYPE_STRUCT_OPS || a->btf_key_type_id ||
		    a->btf_value_type_id)
			return -EINVAL;
	} else if (a->btf_key_type_id && !a->btf_value_type_id) {
		return -EINVAL;
	}
	if (a->map_type != BPF_MAP_TYPE_BLOOM_FILTER && a->map_extra)
		return -EINVAL;
	if (req_file_perm(a->map_flags) < 0)
		return -EINVAL;
	if (a->map_flags & BPF_F_NUMA_NODE && !numa_node_exists(a->numa_node))
		return -EINVAL;
	return 0;
}

static void fill_attr(const struct sys_req *r, struct map_attr *ma)
{
	const union bpf_attr *a = &r->attr;

	*ma = (struct map_attr){
		.map_type = a->map_type,
		.key_size = a->key_size,
		.value_size = a->value_size,
		.max_entries = a->max_entries,
		.map_flags = a->map_flags,
		.map_extra = a->map_extra,
		.nr_cpus = r->sys->nr_cpus,
	};
	memcpy(ma->name, a->map_name, sizeof(ma->name));
	if (!(a->map_flags & BPF_F_ZERO_SEED) &&
	    getrandom(&ma->seed, sizeof(ma->seed), 0) != sizeof(ma->seed))
		ma->seed = (u32)(uintptr_t)r ^ 0x9e3779b9u;
}

/* The map's BTF, checked against its sizes, referenced; NULL when the caller gave none. */
static struct btf *create_btf(struct sys_req *r, struct map_attr *ma)
{
	const union bpf_attr *a = &r->attr;
	struct btf *btf;
	int err = 0;

	if (!a->btf_key_type_id && !a->btf_value_type_id)
		return NULL;
	btf = req_btf(r, a->btf_fd);
	if (IS_ERR(btf))
		return btf;
	if (btf->kernel_btf)
		err = -EACCES;
	else
		err = map_obj_check_btf(ma, btf, a->btf_key_type_id, a->btf_value_type_id);
	if (!err)
		err = map_obj_note_kptrs(ma, btf, a->btf_value_type_id, r->sys->vmlinux,
					 cred_bpf(r->cred));
	if (!err)
		err = map_obj_note_roots(ma, btf, a->btf_value_type_id, cred_bpf(r->cred));
	if (!err)
		return btf;
	btf_put(btf);
	return ERR_PTR(err);
}

/* Kinds that ask for a capability of their own. */
static int create_perm(const struct sys_req *r)
{
	switch (r->attr.map_type) {
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_DEVMAP_HASH:
	case BPF_MAP_TYPE_XSKMAP:
	case BPF_MAP_TYPE_SOCKMAP:
	case BPF_MAP_TYPE_SOCKHASH: return cred_net_admin(r->cred) ? 0 : -EPERM;
	case BPF_MAP_TYPE_CPUMAP:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_LPM_TRIE:
	case BPF_MAP_TYPE_QUEUE:
	case BPF_MAP_TYPE_STACK:
	case BPF_MAP_TYPE_BLOOM_FILTER:
	case BPF_MAP_TYPE_STACK_TRACE:
	case BPF_MAP_TYPE_REUSEPORT_SOCKARRAY: return cred_bpf(r->cred) ? 0 : -EPERM;
	}
	return 0;
}

static bool is_storage(u32 map_type)
{
	return map_type == BPF_MAP_TYPE_SK_STORAGE || map_type == BPF_MAP_TYPE_INODE_STORAGE ||
	       map_type == BPF_MAP_TYPE_TASK_STORAGE || map_type == BPF_MAP_TYPE_CGRP_STORAGE;
}

/* Tables of a kernel's functions: no struct of ours is one. */
static int create_struct_ops(const struct sys_req *r)
{
	const union bpf_attr *a = &r->attr;

	if (a->key_size != sizeof(u32) || a->max_entries != 1 || a->map_flags ||
	    !a->btf_vmlinux_value_type_id)
		return -EINVAL;
	return cred_bpf(r->cred) ? -ENOTSUPP : -EPERM;
}

/* Storage of tasks, sockets ... is nothing without BTF; values that are too large are refused last. */
static int create_kind(const struct sys_req *r, struct map_attr *ma)
{
	int err;

	if (ma->map_type == BPF_MAP_TYPE_STRUCT_OPS)
		return create_struct_ops(r);
	err = map_check_attr(ma);
	/* programs get a pointer to the number of the device */
	if (!err &&
	    (ma->map_type == BPF_MAP_TYPE_DEVMAP || ma->map_type == BPF_MAP_TYPE_DEVMAP_HASH))
		ma->map_flags |= BPF_F_RDONLY_PROG;
	if (!is_storage(ma->map_type) || (err && err != -E2BIG))
		return err;
	if (!r->attr.btf_key_type_id || !r->attr.btf_value_type_id)
		return -EINVAL;
	return cred_bpf(r->cred) ? err : -EPERM;
}

static int create_inner(struct sys_req *r, struct map_obj *m)
{
	struct map_obj *inner;
	int err;

	if (!map_is_of_maps(m->map.map_type))
		return 0;
	inner = req_map(r, r->attr.inner_map_fd, NULL);
	if (IS_ERR(inner))
		return PTR_ERR(inner);
	err = map_obj_set_inner(m, &inner->map);
	obj_put(&inner->obj);
	return err;
}

long sys_map_create(struct sys_req *r)
{
	const union bpf_attr *a = &r->attr;
	struct map_obj *m;
	struct map_attr ma;
	struct btf *btf;
	long ret = create_check(a);

	if (ret)
		return ret;
	/* Offload to a device: only root may ask, and there is none. */
	if (a->map_ifindex)
		return cred_sys_admin(r->cred) ? -EINVAL : -EPERM;
	if (a->map_flags & BPF_F_ZERO_SEED && !cred_sys_admin(r->cred) && map_ops_of(a->map_type))
		return -EPERM;
	ret = create_perm(r);
	if (ret)
		return ret;
	fill_attr(r, &ma);
	ret = create_kind(r, &ma);
	if (!ret)
		ret = req_name_check(a->map_name);
	if (ret)
		return ret;
	btf = create_btf(r, &ma);
	if (IS_ERR(btf))
		return PTR_ERR(btf);
	if (btf)
		map_obj_note_fields(&ma, btf, a->btf_value_type_id);
	m = map_obj_new(&ma, btf, a->btf_key_type_id, a->btf_value_type_id);
	ret = IS_ERR(m) ? 0 : map_obj_use_heap(m);
	if (btf)
		btf_put(btf);
	if (IS_ERR(m))
		return PTR_ERR(m);
	m->uid = r->cred->uid;
	m->map.bypass_spec_v1 = cred_perfmon(r->cred);
	ret = ret ?: create_inner(r, m) ?: obj_publish(r->sys->objs, &m->obj);
	if (!ret)
		ret = req_install(r, &m->obj, req_file_perm(a->map_flags));
	obj_put(&m->obj);
	return ret;
}

/* --- elements --- */

/* What the element commands share: the map, and key and value in our memory. */
struct elem {
	struct map_obj *m;
	struct bpf_map *map;
	void *key, *value;
	bool writes;
};

/* Kernel: map_get_sys_perms(). */
static bool may(const struct bpf_map *map, u32 perm, u32 want)
{
	if (map->frozen)
		perm &= ~HANDLE_WRITE;
	return (perm & want) == want;
}

static int elem_open(struct sys_req *r, struct elem *e, int fd, u32 want)
{
	u32 perm;

	*e = (struct elem){.m = req_map(r, fd, &perm), .writes = want & HANDLE_WRITE};
	if (IS_ERR(e->m))
		return PTR_ERR(e->m);
	e->map = &e->m->map;
	if (e->writes)
		__atomic_add_fetch(&e->m->writecnt, 1, __ATOMIC_ACQ_REL);
	return may(e->map, perm, want) ? 0 : -EPERM;
}

static void elem_close(struct elem *e)
{
	if (IS_ERR(e->m))
		return;
	if (e->writes)
		__atomic_sub_fetch(&e->m->writecnt, 1, __ATOMIC_ACQ_REL);
	free(e->key);
	free(e->value);
	obj_put(&e->m->obj);
}

static int elem_key(struct sys_req *r, struct elem *e)
{
	void *key;

	if (!e->map->key_size)
		return r->attr.key ? -EINVAL : 0;
	key = req_dup(r, r->attr.key, e->map->key_size);
	if (IS_ERR(key))
		return PTR_ERR(key);
	e->key = key;
	if (e->map->ops->owner_keys) /* the caller's fd, as we have it */
		*(int *)key = r->call->ops->fd(r->call, *(int *)key);
	return 0;
}

static int elem_value(struct sys_req *r, struct elem *e, bool copy)
{
	u32 size = map_sys_value_size(e->map);
	void *value = copy ? req_dup(r, r->attr.value, size) : calloc(1, size ? size : 1);

	if (!value)
		return -ENOMEM;
	if (IS_ERR(value))
		return PTR_ERR(value);
	e->value = value;
	return 0;
}

/* Map, key and room for the value of a lookup. The element is to be closed whatever comes back. */
static long lookup_open(struct sys_req *r, struct elem *e, u32 perm)
{
	long ret;

	*e = (struct elem){.m = ERR_PTR(-EINVAL)};
	if (r->attr.flags & ~(u64)BPF_F_LOCK)
		return -EINVAL;
	ret = elem_open(r, e, r->attr.map_fd, perm);
	if (!ret && r->attr.flags & BPF_F_LOCK && !e->map->attr.lock_at)
		ret = -EINVAL;
	if (!ret)
		ret = elem_key(r, e);
	return ret ?: elem_value(r, e, e->map->ops->asks_value && perm == HANDLE_READ);
}

/* Maps of maps: ids go out. */
static int lookup_inner(struct elem *e)
{
	u32 id = map_obj_inner_id(e->m, e->key);

	memcpy(e->value, &id, sizeof(id));
	return id ? 0 : -ENOENT;
}

long sys_map_lookup(struct sys_req *r)
{
	struct elem e;
	long ret = lookup_open(r, &e, HANDLE_READ);

	if (!ret)
		ret = map_is_of_maps(e.map->map_type)
			      ? lookup_inner(&e)
			      : map_sys_lookup(e.map, e.key, e.value, r->attr.flags);
	if (!ret && req_copy_out(r, r->attr.value, e.value, map_sys_value_size(e.map)))
		ret = -EFAULT;
	elem_close(&e);
	return ret;
}

static int update_with_map(struct sys_req *r, struct elem *e, u32 fd, u64 flags)
{
	struct map_obj *inner = req_map(r, fd, NULL);
	int err;

	if (IS_ERR(inner))
		return PTR_ERR(inner);
	err = map_obj_put_inner(e->m, e->key, inner, flags);
	obj_put(&inner->obj);
	return err;
}

/* Kernel: perf_event_get(). */
static int update_with_ring(struct sys_req *r, struct elem *e, u32 fd)
{
	struct obj *o = req_any_obj(r, fd, NULL);
	struct map_obj *ring;
	int err;

	if (IS_ERR(o))
		return -EBADF;
	ring = obj_to_perf_ring(o);
	err = ring ? map_obj_put_ring(e->m, e->key, ring) : -EBADF;
	obj_put(o);
	return err;
}

/* Kernel: cgroup_get_from_fd(). */
static int update_with_group(struct sys_req *r, struct elem *e, u32 fd, u32 index)
{
	int local = r->call->ops->fd(r->call, (int)fd);
	u64 id = local < 0 ? 0 : cgroup_id_fd(local);

	return id ? map_cgroup_array_store(e->map, index, id) : -EBADF;
}

/* Prog arrays, maps of maps: the value is an fd. Indices are checked before it is. */
static int update_fd_value(struct sys_req *r, struct elem *e, u64 flags)
{
	struct bpf_prog *prog;
	u32 index, fd;
	int err;

	memcpy(&fd, e->value, sizeof(fd));
	if (e->map->map_type == BPF_MAP_TYPE_HASH_OF_MAPS)
		return update_with_map(r, e, fd, flags);
	memcpy(&index, e->key, sizeof(index));
	if (flags != BPF_ANY)
		return -EINVAL;
	if (index >= e->map->max_entries)
		return -E2BIG;
	if (e->map->map_type == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
		return update_with_ring(r, e, fd);
	if (e->map->map_type == BPF_MAP_TYPE_CGROUP_ARRAY)
		return update_with_group(r, e, fd, index);
	if (e->map->ops->map_values)
		return update_with_map(r, e, fd, flags);
	prog = req_prog(r, fd);
	if (IS_ERR(prog))
		return PTR_ERR(prog);
	err = map_obj_set_prog(e->m, index, prog);
	obj_put(&prog->obj);
	return err;
}

long sys_map_update(struct sys_req *r)
{
	struct elem e;
	long ret = elem_open(r, &e, r->attr.map_fd, HANDLE_WRITE);

	if (!ret && r->attr.flags & BPF_F_LOCK && !e.map->attr.lock_at)
		ret = -EINVAL;
	if (!ret)
		ret = elem_key(r, &e);
	if (!ret)
		ret = elem_value(r, &e, true);
	if (!ret)
		ret = e.map->ops->fd_values ? update_fd_value(r, &e, r->attr.flags)
					    : map_sys_update(e.map, e.key, e.value, r->attr.flags);
	elem_close(&e);
	return ret;
}

static int delete_fd_value(struct elem *e)
{
	u32 index;

	memcpy(&index, e->key, sizeof(index));
	if (e->map->map_type == BPF_MAP_TYPE_PERF_EVENT_ARRAY && index >= e->map->max_entries)
		return -E2BIG;
	if (e->map->ops->map_values)
		return map_obj_del_inner(e->m, e->key);
	if (e->map->map_type == BPF_MAP_TYPE_CGROUP_ARRAY)
		return map_cgroup_array_store(e->map, index, 0);
	return index >= e->map->max_entries ? -E2BIG : map_obj_del_prog(e->m, index);
}

long sys_map_delete(struct sys_req *r)
{
	struct elem e;
	long ret = elem_open(r, &e, r->attr.map_fd, HANDLE_WRITE);

	if (!ret)
		ret = elem_key(r, &e);
	if (!ret)
		ret = e.map->ops->fd_values ? delete_fd_value(&e) : map_sys_delete(e.map, e.key);
	elem_close(&e);
	return ret;
}

long sys_map_next_key(struct sys_req *r)
{
	struct elem e;
	long ret = elem_open(r, &e, r->attr.map_fd, HANDLE_READ);
	void *next = NULL;

	if (!ret && r->attr.key)
		ret = elem_key(r, &e);
	if (!ret) {
		next = calloc(1, e.map->key_size + 1);
		ret = next ? map_sys_next_key(e.map, e.key, next) : -ENOMEM;
	}
	if (!ret && req_copy_out(r, r->attr.next_key, next, e.map->key_size))
		ret = -EFAULT;
	free(next);
	elem_close(&e);
	return ret;
}

long sys_map_lookup_and_delete(struct sys_req *r)
{
	struct elem e;
	long ret = lookup_open(r, &e, HANDLE_RW);

	if (!ret)
		ret = map_sys_take(e.map, e.key, e.value, r->attr.flags);
	if (!ret && req_copy_out(r, r->attr.value, e.value, map_sys_value_size(e.map)))
		ret = -EFAULT;
	elem_close(&e);
	return ret;
}

long sys_map_freeze(struct sys_req *r)
{
	struct map_obj *m = req_map(r, r->attr.map_fd, NULL);
	long ret;

	if (IS_ERR(m))
		return PTR_ERR(m);
	if (m->map.attr.timer_at || m->map.attr.nr_kptrs || m->map.attr.nr_roots) {
		obj_put(&m->obj);
		return -ENOTSUPP;
	}
	pthread_mutex_lock(&m->lock);
	if (__atomic_load_n(&m->writecnt, __ATOMIC_ACQUIRE) || m->map.frozen)
		ret = -EBUSY;
	else if (!cred_bpf(r->cred))
		ret = -EPERM;
	else
		ret = map_freeze(&m->map);
	pthread_mutex_unlock(&m->lock);
	obj_put(&m->obj);
	return ret;
}

/* --- batches: the kernel's generic implementation (elements one by one) --- */

struct batch {
	struct sys_req *r;
	struct bpf_map *map;
	u32 value_size, count, done;
};

/* Kinds with batch operations in 6.1, out of those we have. */
static bool batch_kind(const struct bpf_map *map, int cmd)
{
	switch (map->map_type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
		return cmd == BPF_MAP_LOOKUP_BATCH || cmd == BPF_MAP_UPDATE_BATCH;
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_HASH_OF_MAPS: return true;
	case BPF_MAP_TYPE_LPM_TRIE: return cmd != BPF_MAP_LOOKUP_AND_DELETE_BATCH;
	default: return false;
	}
}

static int batch_check(struct sys_req *r, const struct bpf_map *map)
{
	if (!batch_kind(map, r->cmd))
		return -ENOTSUPP;
	if (r->attr.batch.elem_flags & ~(u64)BPF_F_LOCK || r->attr.batch.flags)
		return -EINVAL;
	return r->attr.batch.elem_flags & BPF_F_LOCK && !map->attr.lock_at ? -EINVAL : 0;
}

static int batch_write(struct batch *b, struct elem *e)
{
	const union bpf_attr *a = &b->r->attr;
	u64 i = b->done;

	if (req_copy_in(b->r, e->key, a->batch.keys + i * b->map->key_size, b->map->key_size))
		return -EFAULT;
	if (b->r->cmd == BPF_MAP_DELETE_BATCH)
		return b->map->ops->fd_values ? delete_fd_value(e) : map_sys_delete(b->map, e->key);
	if (req_copy_in(b->r, e->value, a->batch.values + i * b->value_size, b->value_size))
		return -EFAULT;
	if (b->map->ops->fd_values)
		return update_fd_value(b->r, e, a->batch.elem_flags);
	return map_sys_update(b->map, e->key, e->value, a->batch.elem_flags);
}

/* The element with e->key: its value, and it may go. */
static int batch_value(struct batch *b, struct elem *e, bool take)
{
	int err;

	if (!b->map->ops->fd_values)
		return take ? map_sys_take(b->map, e->key, e->value, b->r->attr.batch.elem_flags)
			    : map_sys_lookup(b->map, e->key, e->value, b->r->attr.batch.elem_flags);
	err = lookup_inner(e);
	return err ?: take ? delete_fd_value(e) : 0;
}

static int batch_out(struct batch *b, const struct elem *e)
{
	const union bpf_attr *a = &b->r->attr;
	u64 i = b->done;

	if (req_copy_out(b->r, a->batch.keys + i * b->map->key_size, e->key, b->map->key_size) ||
	    req_copy_out(b->r, a->batch.values + i * b->value_size, e->value, b->value_size))
		return -EFAULT;
	b->done++;
	return 0;
}

#define BUCKET_MAX 4096u

/* A whole bucket, or nothing of it: -ENOSPC. @keys has room for BUCKET_MAX. */
static int batch_bucket(struct batch *b, struct elem *e, u32 bucket, char *keys)
{
	u32 n = 0, size = b->map->key_size;
	bool take = b->r->cmd == BPF_MAP_LOOKUP_AND_DELETE_BATCH;
	int err = 0;

	while (n < BUCKET_MAX && !b->map->ops->in_bucket(b->map, bucket, n, keys + (u64)n * size))
		n++;
	if (n > b->count - b->done)
		return -ENOSPC;
	for (u32 i = 0; i < n && !err; i++) {
		memcpy(e->key, keys + (u64)i * size, size);
		err = batch_value(b, e, take);
		err = err == -ENOENT ? 0 /* deleted meanwhile */ : err ?: batch_out(b, e);
	}
	return err;
}

/* Kernel: __htab_map_lookup_and_delete_batch(). The cursor is a bucket's number. */
static int batch_buckets(struct batch *b, struct elem *e)
{
	const union bpf_attr *a = &b->r->attr;
	char *keys = malloc((u64)BUCKET_MAX * b->map->key_size);
	u32 bucket = 0;
	int err = keys ? 0 : -ENOMEM;

	if (!err && a->batch.in_batch)
		err = req_copy_in(b->r, &bucket, a->batch.in_batch, sizeof(bucket));
	if (!err && b->map->ops->in_bucket(b->map, bucket, 0, keys) == -ERANGE) {
		free(keys);
		return -ENOENT;
	}
	while (!err) {
		err = batch_bucket(b, e, bucket, keys);
		if (!err && b->map->ops->in_bucket(b->map, ++bucket, 0, keys) == -ERANGE)
			err = -ENOENT;
	}
	if (err == -ENOSPC && b->done)
		err = 0;
	free(keys);
	if (err != -EFAULT && err != -ENOMEM &&
	    req_copy_out(b->r, a->batch.out_batch, &bucket, sizeof(bucket)))
		return -EFAULT;
	return err;
}

static int batch_read(struct batch *b, struct elem *e, void *next, bool *have_key)
{
	int err = map_sys_next_key(b->map, *have_key ? e->key : NULL, next);

	if (err)
		return err;
	memcpy(e->key, next, b->map->key_size);
	*have_key = true;
	err = batch_value(b, e, false);
	if (err == -ENOENT &&
	    b->map->map_type != BPF_MAP_TYPE_ARRAY) /* a hole, or deleted meanwhile */
		return -EAGAIN;
	return err ?: batch_out(b, e);
}

static bool reads_batch(int cmd)
{
	return cmd == BPF_MAP_LOOKUP_BATCH || cmd == BPF_MAP_LOOKUP_AND_DELETE_BATCH;
}

static int batch_run(struct batch *b, struct elem *e)
{
	const union bpf_attr *a = &b->r->attr;
	bool reads = reads_batch(b->r->cmd), have_key = false;
	void *next = calloc(1, b->map->key_size + 4);
	u64 holes = 2 * (u64)b->map->max_entries + 16; /* while others delete, or lie */
	int err = 0;

	if (!next)
		return -ENOMEM;
	if (reads && a->batch.in_batch) {
		err = req_copy_in(b->r, e->key, a->batch.in_batch, b->map->key_size);
		have_key = true;
	}
	while (!err && b->done < b->count) {
		err = reads ? batch_read(b, e, next, &have_key) : batch_write(b, e);
		if (!err && !reads)
			b->done++;
		if (err == -EAGAIN && holes--)
			err = 0;
	}
	if (reads && (!err || err == -ENOENT) && b->done &&
	    req_copy_out(b->r, a->batch.out_batch, have_key ? e->key : next, b->map->key_size))
		err = -EFAULT;
	free(next);
	return err;
}

long sys_map_batch(struct sys_req *r)
{
	static const u32 want[] = {
		[BPF_MAP_LOOKUP_BATCH - BPF_MAP_LOOKUP_BATCH] = HANDLE_READ,
		[BPF_MAP_LOOKUP_AND_DELETE_BATCH - BPF_MAP_LOOKUP_BATCH] = HANDLE_RW,
		[BPF_MAP_UPDATE_BATCH - BPF_MAP_LOOKUP_BATCH] = HANDLE_WRITE,
		[BPF_MAP_DELETE_BATCH - BPF_MAP_LOOKUP_BATCH] = HANDLE_WRITE,
	};
	struct batch b = {.r = r, .count = r->attr.batch.count};
	struct elem e;
	long ret = elem_open(r, &e, r->attr.batch.map_fd, want[r->cmd - BPF_MAP_LOOKUP_BATCH]);

	if (!ret)
		ret = batch_check(r, e.map);
	if (!ret && b.count) {
		b.map = e.map;
		b.value_size = map_sys_value_size(e.map);
		e.key = calloc(1, e.map->key_size + 1);
		e.value = calloc(1, b.value_size + 1);
		ret = !e.key || !e.value			     ? -ENOMEM
		      : reads_batch(r->cmd) && e.map->ops->in_bucket ? batch_buckets(&b, &e)
								     : batch_run(&b, &e);
		if (ret != -EFAULT && req_put_attr(r, batch.count, b.done))
			ret = -EFAULT;
	}
	elem_close(&e);
	return ret;
}
