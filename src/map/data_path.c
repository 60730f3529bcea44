/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * data_path.c - kinds whose elements are a kernel's sockets, or hang on its sockets and inodes.
 *
 * Nothing of that is here, so such a map is always empty: programs that use one can be verified
 * and test-run and find nothing in it, as on a machine where nobody has filled it. Each kind is a
 * row: what MAP_CREATE takes (6.1's checks) and what bpf(2) says of its elements. Storing an object
 * in one is refused (EOPNOTSUPP), never forgotten; what is no such object has the kernel's errno.
 */
#include <sys/stat.h>
#include "map/map_kind.h"

#define ANY_SIZE  0u
#define OPEN_MODE (BPF_F_RDONLY | BPF_F_WRONLY)

struct data_path_kind {
	u32 type;
	u32 key_size;	    /* ANY_SIZE: up to the 512 bytes of a program's stack */
	u32 value_size[2];  /* sizes allowed; none: the check does it */
	u32 flags;	    /* allowed */
	bool hash;	    /* keys are not indices: an empty map has none */
	int lookup, delete; /* errno of bpf(2) on an element that could be there */
	int (*check)(const struct map_attr *attr);
	bool fd_first; /* an update looks at its fd before its flags and key */
};

static int check_storage(const struct map_attr *attr)
{
	if (!(attr->map_flags & BPF_F_NO_PREALLOC) || attr->max_entries || !attr->value_size)
		return -EINVAL;
	return attr->value_size > MAP_STORAGE_MAX ? -E2BIG : 0;
}

#define STORAGE 4, {}, BPF_F_NO_PREALLOC | BPF_F_CLONE, true, -ENOENT, -ENOENT, check_storage

static int check_access(const struct map_attr *attr)
{
	return map_access_ok(attr->map_flags) ? 0 : -EINVAL;
}

static const struct data_path_kind rows[] = {
	{BPF_MAP_TYPE_XSKMAP, 4, {4}, BPF_F_NUMA_NODE | OPEN_MODE, false, -EOPNOTSUPP, 0},
	{BPF_MAP_TYPE_SOCKMAP,
	 4,
	 {4, 8},
	 BPF_F_NUMA_NODE | OPEN_MODE,
	 false,
	 -ENOENT,
	 -EINVAL,
	 .fd_first = true},
	{BPF_MAP_TYPE_SOCKHASH,
	 ANY_SIZE,
	 {4, 8},
	 BPF_F_NUMA_NODE | OPEN_MODE,
	 true,
	 -ENOENT,
	 -ENOENT,
	 .fd_first = true},
	{BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
	 4,
	 {4, 8},
	 BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS,
	 false,
	 -ENOENT,
	 -ENOENT,
	 check_access},
	{BPF_MAP_TYPE_SK_STORAGE, STORAGE},
	{BPF_MAP_TYPE_INODE_STORAGE, STORAGE},
};

static const struct data_path_kind *row_of(u32 type)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].type == type)
			return &rows[i];
	return NULL;
}

static int check_key(const struct data_path_kind *k, u32 size)
{
	if (k->key_size != ANY_SIZE)
		return size == k->key_size ? 0 : -EINVAL;
	return !size ? -EINVAL : size > 512 ? -E2BIG : 0;
}

static int check(const struct map_attr *attr)
{
	const struct data_path_kind *k = row_of(attr->map_type);
	bool storage = k->check == check_storage;

	if (attr->map_flags & ~k->flags || (!storage && !attr->max_entries))
		return -EINVAL;
	if (k->value_size[0] && attr->value_size != k->value_size[0] &&
	    attr->value_size != k->value_size[1])
		return -EINVAL;
	return check_key(k, attr->key_size) ?: k->check ? k->check(attr) : 0;
}

static u64 shm_size(const struct map_attr *attr)
{
	return MAP_PAGE;
}

static int bind(struct bpf_map *map)
{
	map->value_off = MAP_PAGE;
	return 0;
}

static void *lookup(struct bpf_map *map, const void *key)
{
	return NULL;
}

static bool outside(const struct bpf_map *map, const void *key)
{
	return !row_of(map->map_type)->hash && map_load_u32(key) >= map->max_entries;
}

/* What the caller's @fd is: a socket, or (inodes) anything. */
static int check_fd(const struct bpf_map *map, int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -EBADF;
	return S_ISSOCK(st.st_mode) || map->map_type == BPF_MAP_TYPE_INODE_STORAGE ? 0 : -ENOTSOCK;
}

static int check_socket(const struct bpf_map *map, const void *value)
{
	bool large = map->value_size == sizeof(u64), sockmap = row_of(map->map_type)->fd_first;
	u64 fd = map_load_u32(value);

	if (large)
		memcpy(&fd, value, sizeof(fd));
	if ((large || sockmap) && fd > INT32_MAX)
		return -EINVAL;
	return check_fd(map, (int)fd);
}

static int check_place(const struct bpf_map *map, const void *key, u64 flags)
{
	if (flags > BPF_EXIST)
		return -EINVAL;
	return outside(map, key) ? -E2BIG : 0;
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	bool fd_first = row_of(map->map_type)->fd_first;
	int err = fd_first ? check_socket(map, value) : check_place(map, key, flags);

	if (!err)
		err = fd_first ? check_place(map, key, flags) : check_socket(map, value);
	return err ?: -EOPNOTSUPP;
}

/* Arrays of fds say what an update says, the others what an array does. */
static int outside_error(u32 type)
{
	return type == BPF_MAP_TYPE_REUSEPORT_SOCKARRAY ? -E2BIG : -EINVAL;
}

static int delete (struct bpf_map *map, const void *key)
{
	return outside(map, key) ? outside_error(map->map_type) : row_of(map->map_type)->delete;
}

static int sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	/* cookies of sockets do not fit */
	if (map->value_size != sizeof(u64) && map->map_type != BPF_MAP_TYPE_XSKMAP)
		return -ENOSPC;
	return row_of(map->map_type)->lookup;
}

static int next_key(struct bpf_map *map, const void *key, void *next)
{
	return row_of(map->map_type)->hash ? -ENOENT : array_next_key(map, key, next);
}

/* Storage: keys are fds of what the value would be of. */

static int owner_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	return check_fd(map, (int)map_load_u32(key)) ?: -ENOENT;
}

static int owner_update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	int err = check_fd(map, (int)map_load_u32(key));

	if (!err && !map_update_flags_ok(flags))
		err = -EINVAL;
	return err ?: -EOPNOTSUPP;
}

static int owner_delete(struct bpf_map *map, const void *key)
{
	return check_fd(map, (int)map_load_u32(key)) ?: -ENOENT;
}

static int owner_next_key(struct bpf_map *map, const void *key, void *next)
{
	return -ENOTSUPP;
}

#define EMPTY_OPS .alloc_check = check, .shm_size = shm_size, .bind = bind, .lookup = lookup

#define DATA_PATH(lower)                               \
	const struct bpf_map_ops map_##lower##_ops = { \
		.name = #lower,                        \
		EMPTY_OPS,                             \
		.update = update,                      \
		.delete = delete,                      \
		.sys_lookup = sys_lookup,              \
		.get_next_key = next_key,              \
		.caller_update = true,                 \
	}

DATA_PATH(xskmap);
DATA_PATH(sockmap);
DATA_PATH(sockhash);
DATA_PATH(reuseport_sockarray);

#define OWNED(lower)                                   \
	const struct bpf_map_ops map_##lower##_ops = { \
		.name = #lower,                        \
		EMPTY_OPS,                             \
		.update = owner_update,                \
		.delete = owner_delete,                \
		.sys_lookup = owner_lookup,            \
		.get_next_key = owner_next_key,        \
		.owner_keys = true,                    \
	}

OWNED(sk_storage);
OWNED(inode_storage);
