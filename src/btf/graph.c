/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * graph.c - structs that own others: lists and trees (decl tag "contains:STRUCT:MEMBER"), the nodes by which
 * they do, the lock that guards them. Order of checks and errno are the kernel's.
 */
#include "btf/priv.h"

static const struct graph_kind {
	const char *name;
	u32 size, align;
	bool once;
} kinds[] = {
	[BTF_GRAPH_LOCK] = {"bpf_spin_lock", 4, 4, true},
	[BTF_GRAPH_LIST_HEAD] = {"bpf_list_head", 16, 8},
	[BTF_GRAPH_LIST_NODE] = {"bpf_list_node", 24, 8},
	[BTF_GRAPH_RB_ROOT] = {"bpf_rb_root", 16, 8},
	[BTF_GRAPH_RB_NODE] = {"bpf_rb_node", 32, 8},
	[BTF_GRAPH_REFCOUNT] = {"bpf_refcount", 4, 4, true},
};

const char *btf_graph_kind_name(enum btf_graph_kind kind)
{
	return kinds[kind].name;
}

/* enum btf_graph_kind, or -ENOENT */
static int kind_of(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btf_type_skip_modifiers(btf, id, NULL);
	const char *name = t && btf_type_kind(t) == BTF_KIND_STRUCT
				   ? btf_name_by_offset(btf, t->name_off)
				   : NULL;

	for (u32 i = 0; name && i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(name, kinds[i].name) && t->size == kinds[i].size)
			return i;
	return -ENOENT;
}

/* The text behind "contains:" of a tag on member @idx of @id (-1: on @id itself), or NULL. */
static const char *contains_of(const struct btf *btf, u32 id, s32 idx)
{
	static const char tag[] = "contains:";

	for (u32 i = 1; i < btf_nr_types(btf); i++) {
		const struct btf_type *t = btf_type_by_id(btf, i);
		const char *name;

		if (btf_type_kind(t) != BTF_KIND_DECL_TAG || t->type != id ||
		    btf_component_idx(t) != idx)
			continue;
		name = btf_name_by_offset(btf, t->name_off);
		if (name && !strncmp(name, tag, sizeof(tag) - 1))
			return name + sizeof(tag) - 1;
	}
	return NULL;
}

/* What a list or tree holds: @tag is "STRUCT:MEMBER". */
static int resolve_root(const struct btf *btf, const char *tag, struct btf_graph_field *f)
{
	bool list = f->kind == BTF_GRAPH_LIST_HEAD;
	enum btf_graph_kind want = list ? BTF_GRAPH_LIST_NODE : BTF_GRAPH_RB_NODE;
	const char *colon = tag ? strchr(tag, ':') : NULL;
	const struct btf_type *t;
	char name[BTF_NAME_MAX];
	s32 id;

	if (!colon || colon == tag || (size_t)(colon - tag) >= sizeof(name))
		return -EINVAL;
	memcpy(name, tag, colon - tag);
	name[colon - tag] = '\0';
	id = btf_find_by_name_kind(btf, name, BTF_KIND_STRUCT);
	if (id < 0)
		return id;
	t = btf_type_by_id(btf, id);
	for (u32 i = 0; i < btf_type_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		const char *member = btf_name_by_offset(btf, m->name_off);
		u32 bit = btf_member_bit_offset(t, m);

		if (!member || strcmp(member, colon + 1))
			continue;
		if (kind_of(btf, m->type) != (int)want || bit % (kinds[want].align * 8))
			return -EINVAL;
		f->type_id = id;
		f->node_off = bit / 8;
		return 0;
	}
	return -ENOENT;
}

static int add(struct btf_graph *g, const struct btf *btf, u32 kinds_wanted, u32 type, u32 bit,
	       u32 tagged, s32 idx)
{
	struct btf_graph_field f = {.off = bit / 8};
	int kind = kind_of(btf, type), err;

	/* as in the kernel one at an odd place is none */
	if (kind < 0 || !(kinds_wanted >> kind & 1) || bit % (kinds[kind].align * 8))
		return 0;
	f.kind = kind;
	for (u32 i = 0; i < g->nr; i++)
		if (kinds[kind].once && g->field[i].kind == f.kind)
			return -E2BIG;
	if (g->nr == BTF_GRAPH_MAX)
		return -E2BIG;
	if (kind == BTF_GRAPH_LIST_HEAD || kind == BTF_GRAPH_RB_ROOT) {
		err = resolve_root(btf, contains_of(btf, tagged, idx), &f);
		if (err)
			return err;
	}
	g->field[g->nr++] = f;
	return 0;
}

static int collect(struct btf_graph *g, const struct btf *btf, u32 wanted, u32 id,
		   const struct btf_type *t)
{
	const struct btf_var_secinfo *v = btf_secinfos(t);
	const struct btf_type *var;
	int err = 0;

	for (u32 i = 0; i < btf_type_vlen(t) && !err; i++) {
		if (btf_type_kind(t) != BTF_KIND_DATASEC) {
			const struct btf_member *m = &btf_members(t)[i];

			err = add(g, btf, wanted, m->type, btf_member_bit_offset(t, m), id, i);
			continue;
		}
		var = btf_type_by_id(btf, v[i].type);
		err = var ? add(g, btf, wanted, var->type, v[i].offset * 8, v[i].type, -1)
			  : -EINVAL;
	}
	return err;
}

const struct btf_graph_field *btf_graph_find(const struct btf_graph *g, enum btf_graph_kind kind)
{
	for (u32 i = 0; i < g->nr; i++)
		if (g->field[i].kind == kind)
			return &g->field[i];
	return NULL;
}

static bool has(const struct btf_graph *g, enum btf_graph_kind kind)
{
	return btf_graph_find(g, kind);
}

bool btf_graph_owns(const struct btf_graph *g)
{
	return has(g, BTF_GRAPH_LIST_HEAD) || has(g, BTF_GRAPH_RB_ROOT);
}

static bool is_owned(const struct btf_graph *g)
{
	return has(g, BTF_GRAPH_LIST_NODE) || has(g, BTF_GRAPH_RB_NODE);
}

int btf_find_graph(const struct btf *btf, u32 id, u32 wanted, struct btf_graph *g)
{
	const struct btf_type *t = btf_type_skip_modifiers(btf, id, &id);
	u32 end = 0;
	int err;

	g->nr = 0;
	if (!t || (btf_type_kind(t) != BTF_KIND_STRUCT && btf_type_kind(t) != BTF_KIND_DATASEC))
		return 0;
	err = collect(g, btf, wanted, id, t);
	for (u32 i = 0; i < g->nr && !err; i++) {
		const struct btf_graph_field *f = &g->field[i];

		if (f->off + kinds[f->kind].size > t->size)
			return -EFAULT;
		if (f->off < end)
			return -EEXIST;
		end = f->off + kinds[f->kind].size;
	}
	if (!err && btf_graph_owns(g) && !has(g, BTF_GRAPH_LOCK))
		return -EINVAL;
	if (!err && has(g, BTF_GRAPH_LIST_NODE) && has(g, BTF_GRAPH_RB_NODE) &&
	    !has(g, BTF_GRAPH_REFCOUNT))
		return -EINVAL;
	return err;
}

int btf_check_owners(const struct btf *btf, const struct btf_graph *g)
{
	struct btf_graph held;
	int err;

	for (u32 i = 0; i < g->nr; i++) {
		const struct btf_graph_field *f = &g->field[i];

		if (f->kind != BTF_GRAPH_LIST_HEAD && f->kind != BTF_GRAPH_RB_ROOT)
			continue;
		err = btf_find_graph(btf, f->type_id, BTF_GRAPH_IN_OBJECTS, &held);
		if (err)
			return err;
		/* what is owned may own only what owns nothing: so there are no circles */
		if (is_owned(g) && btf_graph_owns(&held))
			return -ELOOP;
	}
	return 0;
}

/* Does anything here have one of the names at all? */
static bool wants_check(const struct btf *btf)
{
	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++)
		if (btf_find_by_name_kind(btf, kinds[k].name, BTF_KIND_STRUCT) > 0)
			return true;
	return false;
}

int btf_check_graphs(const struct btf *btf)
{
	struct btf_graph g;
	int err = 0;

	if (!wants_check(btf))
		return 0;
	for (u32 i = 1; i < btf_nr_types(btf) && !err; i++) {
		if (btf_type_kind(btf_type_by_id(btf, i)) != BTF_KIND_STRUCT)
			continue;
		/* 6.1 leaves a struct with locks only to those who use it */
		if (btf_find_graph(btf, i, ~(1u << BTF_GRAPH_LOCK), &g) || g.nr)
			err = btf_find_graph(btf, i, BTF_GRAPH_IN_OBJECTS, &g);
	}
	for (u32 i = 1; i < btf_nr_types(btf) && !err; i++) {
		if (btf_type_kind(btf_type_by_id(btf, i)) != BTF_KIND_STRUCT)
			continue;
		if (!btf_find_graph(btf, i, BTF_GRAPH_IN_OBJECTS, &g))
			err = btf_check_owners(btf, &g);
	}
	return err;
}
