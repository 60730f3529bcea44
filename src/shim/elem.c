/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elem.c - MAP_LOOKUP/UPDATE/DELETE_ELEM, MAP_LOOKUP_AND_DELETE_ELEM and MAP_GET_NEXT_KEY without a system call: straight on
 * the map's shared memory, with the checks of the kernel in the kernel's order. What is rare or
 * needs other objects (prog arrays, huge keys, odd attr sizes) goes to the service.
 */
#include "shim/guard.h"
#include "base/raw.h"
#include "shim/shim.h"

#define KEY_MAX	    512u
#define VALUE_STACK 1024u

/* The part of union bpf_attr that element commands have. */
struct elem_attr {
	u32 map_fd;
	u64 key, value, flags; /* next_key where the value is */
};

struct elem_call {
	const struct elem_attr *attr;
	struct bpf_map *map;
	char key[KEY_MAX] __attribute__((aligned(8)));
	char *value; /* room for value_size or key_size bytes */
	u32 value_size;
};

struct elem_cmd {
	u32 attr_end;
	u32 perm;
	u64 flags_allowed;
	bool next_key;
	int (*run)(struct elem_call *c, const void *key);
};

static int run_lookup(struct elem_call *c, const void *key)
{
	int err = 0;

	if (c->map->ops->asks_value)
		err = guard_read_fast(c->value, c->attr->value, c->value_size);
	if (!err)
		err = map_sys_lookup(c->map, key, c->value, c->attr->flags);
	return err ?: guard_write_fast(c->attr->value, c->value, c->value_size);
}

static int run_take(struct elem_call *c, const void *key)
{
	int err = map_sys_take(c->map, key, c->value, c->attr->flags);

	return err ?: guard_write_fast(c->attr->value, c->value, c->value_size);
}

static int run_update(struct elem_call *c, const void *key)
{
	int err = guard_read_fast(c->value, c->attr->value, c->value_size);

	return err ?: map_sys_update(c->map, key, c->value, c->attr->flags);
}

static int run_delete(struct elem_call *c, const void *key)
{
	return map_sys_delete(c->map, key);
}

static int run_next_key(struct elem_call *c, const void *key)
{
	int err = map_sys_next_key(c->map, key, c->value);

	return err ?: guard_write_fast(c->attr->value, c->value, c->map->key_size);
}

_Static_assert(offsetof(struct elem_attr, key) == offsetof(union bpf_attr, key) &&
		       offsetof(struct elem_attr, value) == offsetof(union bpf_attr, value) &&
		       offsetof(struct elem_attr, value) == offsetof(union bpf_attr, next_key) &&
		       offsetof(struct elem_attr, flags) == offsetof(union bpf_attr, flags),
	       "element commands have these fields in front");

#define ATTR_END(field) (offsetof(union bpf_attr, field) + sizeof_field(union bpf_attr, field))

static const struct elem_cmd cmds[] = {
	[BPF_MAP_LOOKUP_ELEM] = {ATTR_END(flags), 1, BPF_F_LOCK, .run = run_lookup},
	[BPF_MAP_LOOKUP_AND_DELETE_ELEM] = {ATTR_END(flags), 3, BPF_F_LOCK, .run = run_take},
	[BPF_MAP_UPDATE_ELEM] = {ATTR_END(flags), 2, ~0ull, .run = run_update},
	[BPF_MAP_DELETE_ELEM] = {ATTR_END(key), 2, ~0ull, .run = run_delete},
	[BPF_MAP_GET_NEXT_KEY] = {ATTR_END(next_key), 1, ~0ull, .next_key = true,
				  .run = run_next_key},
};

static int with_value(struct elem_call *c, const struct elem_cmd *cmd, const void *key)
{
	u32 size = max(c->value_size, c->map->key_size);
	char stack[VALUE_STACK] __attribute__((aligned(8)));
	int err;

	if (size <= sizeof(stack)) {
		c->value = stack;
		return cmd->run(c, key);
	}
	c->value = raw_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (IS_ERR(c->value))
		return -ENOMEM;
	err = cmd->run(c, key);
	raw_munmap(c->value, size);
	return err;
}

static long on_map(const struct fd_obj *o, const struct elem_cmd *cmd, const struct elem_attr *attr)
{
	struct elem_call c;
	const void *key = c.key;

	if (o->kind != FD_MAP)
		return -EINVAL;
	c.map = o->map;
	if (!c.map || c.map->ops->fd_values || c.map->key_size > KEY_MAX)
		return SHIM_ELSEWHERE;
	if (cmd->perm & 2 && c.map->attr.nr_roots)
		return SHIM_ELSEWHERE; /* what values own goes with them */
	if (cmd->perm & 2 && c.map->rdonly && o->perm & 2 &&
	    !(c.map->ops->caller_update && c.map->transient_write))
		return SHIM_ELSEWHERE; /* a view we may not write through */
	if ((o->perm & cmd->perm) != cmd->perm ||
	    ((cmd->perm & 2) && READ_ONCE(c.map->shm->frozen)))
		return -EPERM;
	if (!cmd->next_key && attr->flags & BPF_F_LOCK)
		return SHIM_ELSEWHERE;
	c.attr = attr;
	c.value_size = map_sys_value_size(c.map);
	if (cmd->next_key && !attr->key)
		key = NULL;
	else if (!c.map->key_size && attr->key)
		return -EINVAL;
	else if (guard_read_fast(c.key, attr->key, c.map->key_size))
		return -EFAULT;
	return with_value(&c, cmd, key);
}

/* 0, -EFAULT, -EINVAL, or SHIM_ELSEWHERE for sizes that need the service's opinion. */
static long read_attr(struct elem_attr *attr, u32 attr_end, u64 uattr, u32 size)
{
	u32 here = min(size, (u32)sizeof(*attr));
	int err;

	if (unlikely(size > sizeof(union bpf_attr)))
		return SHIM_ELSEWHERE;
	if (unlikely(here < sizeof(*attr)))
		memset(attr, 0, sizeof(*attr));
	err = guard_read_fast(attr, uattr, here);
	if (!err && size > sizeof(*attr))
		err = guard_any(uattr + sizeof(*attr), size - sizeof(*attr));
	if (unlikely(err))
		return err < 0 ? err : -EINVAL;
	if (attr_end <= offsetof(struct elem_attr, flags) && attr->flags)
		return -EINVAL;
	if (attr_end <= offsetof(struct elem_attr, value) && attr->value)
		return -EINVAL;
	return 0;
}

/* The entry is not known yet, or its map not mapped. */
static long on_new_map(const struct elem_cmd *cmd, const struct elem_attr *attr)
{
	struct fd_obj *o;
	long ret;

	/* The initial value of a map of variables: cheaper than to map it for that. */
	if (cmd == &cmds[BPF_MAP_UPDATE_ELEM] && fdtab_first_update(shim.fds, attr->map_fd))
		return SHIM_ELSEWHERE;
	o = fdtab_get(shim.fds, attr->map_fd);
	if (IS_ERR(o))
		return PTR_ERR(o);
	ret = on_map(o, cmd, attr);
	fdtab_put(shim.fds, o);
	return ret;
}

long shim_elem(int nr, u64 uattr, u32 size)
{
	const struct elem_cmd *cmd = &cmds[nr];
	struct elem_attr attr;
	struct fd_obj *o;
	long ret = read_attr(&attr, cmd->attr_end, uattr, size);

	if (unlikely(ret))
		return ret;
	if (!cmd->next_key && attr.flags & ~cmd->flags_allowed)
		return -EINVAL;
	shim_meet();
	o = fdtab_hold(shim.fds, attr.map_fd);
	if (unlikely(!o))
		return on_new_map(cmd, &attr);
	ret = on_map(o, cmd, &attr);
	fdtab_release();
	return ret;
}
