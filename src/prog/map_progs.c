/* SPDX-License-Identifier: BSD-2-Clause */
/* map_progs.c - programs in the slots of prog arrays, and which programs such a map is for. */
#include "prog/map_obj.h"
#include "prog/prog.h"

/* --- the owner --- */

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

/* --- slots --- */

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

static void drop_all(struct map_obj *m)
{
	for (u32 i = 0; READ_ONCE(m->nr_progs) && i < m->map.max_entries; i++) {
		struct bpf_prog *old = READ_ONCE(m->map.targets[i]) ? take_slot(m, i) : NULL;

		if (old)
			obj_put(&old->obj);
	}
}

int map_obj_set_prog(struct map_obj *m, u32 index, struct bpf_prog *prog)
{
	struct bpf_prog *old;

	if (!m->map.targets)
		return -EINVAL;
	if (index >= m->map.max_entries)
		return -E2BIG;
	/* what overrides is told by where it is attached, which a tail call hides */
	if (prog->type == BPF_PROG_TYPE_EXT || prog->kprobe_override ||
	    !map_obj_prog_fits(m, prog->type, prog->expected_attach_type,
			       prog->aux->attach_func_proto))
		return -EINVAL;
	obj_get(&prog->obj);
	pthread_mutex_lock(&m->lock);
	old = m->map.targets[index];
	m->map.targets[index] = prog;
	m->drop_progs = drop_all;
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
