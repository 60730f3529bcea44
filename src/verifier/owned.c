/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * owned.c - objects that programs make (bpf_obj_new()), of structs in their own BTF.
 *
 * A pointer to one owns it: it has a reference that must be given up, to bpf_obj_drop(), a list or a tree. Once it was given to
 * a collection, copies of it only look: until the lock that guards the collection is released, for then anybody may take
 * the object. The same goes for what bpf_rbtree_first() and its kin return.
 *
 * Which lock guards a list or tree is a matter of place: the bpf_spin_lock in the same map value or object.
 */
#include "map/heap.h"
#include "verifier/kcall.h"

#define LOOK NON_OWN_REF

/* --- structs with fields that are not the program's to touch --- */

/* Fields of what @r points to, a map value or an object; NULL: none. */
static const struct btf_graph *fields_of(struct venv *env, const struct vreg *r)
{
	const struct vmap_fields *f;
	struct vstruct *s;

	if (r->type == PTR_TO_MAP_VALUE) {
		f = r->map->btf ? vfy_map_fields(env, r->map) : NULL;
		return f ? &f->graph : NULL;
	}
	if (!vfy_is_object(r->type))
		return NULL;
	for (s = env->structs; s; s = s->next)
		if (s->btf == r->btf && s->id == r->btf_id)
			return &s->graph;
	s = vmem_alloc(&env->mem, sizeof(*s));
	if (!s)
		return NULL;
	*s = (struct vstruct){.next = env->structs, .btf = r->btf, .id = r->btf_id};
	if (btf_find_graph(r->btf, r->btf_id, BTF_GRAPH_IN_OBJECTS, &s->graph))
		s->graph.nr = 0;
	env->structs = s;
	return &s->graph;
}

static const struct btf_graph_field *field_at(const struct btf_graph *g, u32 kind, s64 off)
{
	for (u32 i = 0; g && i < g->nr; i++)
		if (g->field[i].kind == kind && g->field[i].off == off)
			return &g->field[i];
	return NULL;
}

s32 vfy_object_lock(struct venv *env, const struct vreg *r)
{
	const struct btf_graph *g = fields_of(env, r);
	const struct btf_graph_field *f = g ? btf_graph_find(g, BTF_GRAPH_LOCK) : NULL;

	return f ? (s32)f->off : -ENOENT;
}

static u32 field_size(u32 kind)
{
	static const u8 size[] = {
		[BTF_GRAPH_LOCK] = 4,	  [BTF_GRAPH_LIST_HEAD] = 16, [BTF_GRAPH_LIST_NODE] = 24,
		[BTF_GRAPH_RB_ROOT] = 16, [BTF_GRAPH_RB_NODE] = 32,   [BTF_GRAPH_REFCOUNT] = 4,
	};

	return size[kind];
}

int vfy_graph_touch(struct venv *env, const struct vreg *r, s64 first, s64 last, const char *fmt)
{
	const struct btf_graph *g = fields_of(env, r);

	for (u32 i = 0; g && i < g->nr; i++) {
		const struct btf_graph_field *f = &g->field[i];

		if (first >= (s64)f->off + field_size(f->kind) || (s64)f->off >= last)
			continue;
		if (log_on(env->log))
			log_printf(env->log, fmt, btf_graph_kind_name(f->kind));
		return -EACCES;
	}
	return 0;
}

int vfy_object_access(struct venv *env, const struct vreg *r, s32 off, s32 size)
{
	const struct btf_type *t = btf_type_by_id(r->btf, r->btf_id);
	u32 next = 0, flags = 0;
	int err;

	if (!t || (!r->ref_id && !(r->type & LOOK))) {
		vlog(env,
		     "verifier internal error: ref_obj_id for allocated object must be non-zero\n");
		return -EFAULT;
	}
	err = vfy_graph_touch(env, r, off, (s64)off + size, "direct access to %s is disallowed\n");
	if (err)
		return err;
	/* a flexible array at the end is as large as it says: nothing */
	if ((u64)off + size > t->size) {
		vlog(env, "access beyond struct %s at off %u size %u\n",
		     vfy_btf_name(r->btf, r->btf_id), off, size);
		return -EACCES;
	}
	return btf_struct_walk(env->log, r->btf, t, off, size, &next, &flags) == BTF_WALK_ERROR
		       ? -EACCES
		       : 0;
}

/* --- what is looked at only --- */

bool vfy_in_less(const struct venv *env)
{
	for (u32 i = 0; i <= env->cur->curframe; i++) {
		const struct vframe *f = env->cur->frame[i];
		u16 row = f->in_callback ? env->aux[f->callsite].kfunc : 0;

		if (row && KF_OWNED_OP(kfunc_row(row - 1)->flags) == OWNED_ADD)
			return true;
	}
	return false;
}

static void forget(struct venv *env, struct vreg *r)
{
	if (env->ptr_leaks)
		reg_unknown(env, r);
	else
		reg_not_init(env, r);
}

void vfy_looks_end(struct venv *env)
{
	for_each_vreg(env->cur, r, {
		if (vfy_is_object(r->type) && (r->type & LOOK))
			forget(env, r);
	});
}

static void set_look(struct venv *env, struct vreg *r)
{
	const struct btf_graph *g = fields_of(env, r);

	r->type |= LOOK;
	if (g && btf_graph_find(g, BTF_GRAPH_REFCOUNT))
		r->type |= MEM_RCU;
}

/* The reference went into a collection. */
static int give_up(struct venv *env, u32 ref_id)
{
	int err = vfy_ref_forget(vfy_frame(env), ref_id);

	if (err)
		return err;
	for_each_vreg(env->cur, r, {
		if (r->ref_id == ref_id) {
			r->ref_id = 0;
			set_look(env, r);
		}
	});
	return 0;
}

/* --- arguments --- */

static int no_constant_offset(struct venv *env, u32 i, const char *what)
{
	vlog(env, "R%d doesn't have constant offset. %s has to be at the constant offset\n", i + 1,
	     what);
	return -EINVAL;
}

static bool lock_is_held(const struct venv *env, const struct vreg *r)
{
	const void *of = r->type == PTR_TO_MAP_VALUE ? (const void *)r->map : (const void *)r->btf;

	return env->cur->lock_of && env->cur->lock_of == of && env->cur->lock_id == r->id;
}

static int root_arg(struct venv *env, u32 i, u32 kind, struct kcall *call)
{
	const char *name = btf_graph_kind_name(kind);
	struct vreg *r = vfy_reg(env, i + 1);
	struct vowned *o = &call->owned;
	const struct btf_graph *g;
	const struct btf *btf;

	if (r->type != PTR_TO_MAP_VALUE && r->type != (PTR_TO_BTF_ID | MEM_ALLOC)) {
		vlog(env, "arg#%d expected pointer to map value or allocated object\n", i);
		return -EINVAL;
	}
	o->in_object = r->type != PTR_TO_MAP_VALUE;
	if (o->in_object && !r->ref_id) {
		vlog(env, "allocated object must be referenced\n");
		return -EINVAL;
	}
	if (!tnum_is_const(r->var))
		return no_constant_offset(env, i, name);
	g = fields_of(env, r);
	o->head_off = r->off + r->var.value;
	o->root = field_at(g, kind, o->head_off);
	if (!o->root) {
		vlog(env, "%s not found at offset=%u\n", name, o->head_off);
		return -EINVAL;
	}
	if (!lock_is_held(env, r)) {
		if (env->cur->lock_of)
			vlog(env, "held lock and object are not in the same allocation\n");
		vlog(env, "bpf_spin_lock at off=%d must be held for %s\n",
		     btf_graph_find(g, BTF_GRAPH_LOCK)->off, name);
		return -EINVAL;
	}
	btf = o->in_object ? r->btf : r->map->btf;
	if (btf != env->prog->btf) { /* objects are where those of the program's BTF are */
		vlog(env, "%s of another BTF than the program's is not supported\n", name);
		return -EOPNOTSUPP;
	}
	o->btf = env->prog->btf;
	o->id = o->root->type_id;
	o->off = o->root->node_off;
	return 0;
}

static int node_place(struct venv *env, u32 i, u32 kind, u32 root_kind, struct kcall *call)
{
	const char *name = btf_graph_kind_name(kind), *want;
	struct vreg *r = vfy_reg(env, i + 1);
	struct vowned *o = &call->owned;
	u32 off = r->off + r->var.value;

	if (!tnum_is_const(r->var))
		return no_constant_offset(env, i, name);
	if (!field_at(fields_of(env, r), kind, off)) {
		vlog(env, "%s not found at offset=%u\n", name, off);
		return -EINVAL;
	}
	want = vfy_btf_name(o->btf, o->id);
	if (r->btf != o->btf || r->btf_id != o->id) {
		vlog(env,
		     "operation on %s expects arg#1 %s at offset=%d in struct %s, but arg is at offset=%d in struct %s\n",
		     btf_graph_kind_name(root_kind), name, o->off, want, off,
		     vfy_btf_name(r->btf, r->btf_id));
		return -EINVAL;
	}
	if (off != o->off) {
		vlog(env, "arg#1 offset=%d, but expected %s at offset=%d in struct %s\n", off, name,
		     o->off, want);
		return -EINVAL;
	}
	return 0;
}

/* An object that is given up. */
static int owned_object(struct venv *env, u32 i)
{
	const struct vreg *r = vfy_reg(env, i + 1);

	if (r->type != (PTR_TO_BTF_ID | MEM_ALLOC)) {
		vlog(env, "arg#%d expected pointer to allocated object\n", i);
		return -EINVAL;
	}
	if (r->ref_id)
		return 0;
	vlog(env, "allocated object must be referenced\n");
	return -EINVAL;
}

static int node_arg(struct venv *env, u32 i, u32 kind, struct kcall *call)
{
	bool list = kind == BTF_GRAPH_LIST_NODE,
	     give = kcall_op(call) == OWNED_PUSH || kcall_op(call) == OWNED_ADD;
	const struct vreg *r = vfy_reg(env, i + 1);
	int err;

	if (give) {
		err = owned_object(env, i);
		if (err)
			return err;
		call->owned.ref_id = r->ref_id;
	} else if (!vfy_is_object(r->type) || (r->type & PTR_MAYBE_NULL)) {
		vlog(env, "%s can only take non-owning or refcounted bpf_rb_node pointer\n",
		     call->fn->name);
		return -EINVAL;
	} else if (vfy_in_less(env)) {
		vlog(env, "%s not allowed in rbtree cb\n", call->fn->name);
		return -EINVAL;
	}
	return node_place(env, i, kind, list ? BTF_GRAPH_LIST_HEAD : BTF_GRAPH_RB_ROOT, call);
}

static int whole_object(struct venv *env, u32 i, struct kcall *call)
{
	const struct vreg *r = vfy_reg(env, i + 1);

	if (r->off) {
		vlog(env,
		     "R%d must have zero offset when passed to release func or trusted arg to kfunc\n",
		     i + 1);
		return -EINVAL;
	}
	call->owned.btf = r->btf;
	call->owned.id = r->btf_id;
	return 0;
}

static int drop_arg(struct venv *env, u32 i, struct kcall *call)
{
	int err;

	if (vfy_reg(env, i + 1)->type == SCALAR_VALUE) {
		vlog(env, "R%d must be referenced or trusted\n", i + 1);
		return -EINVAL;
	}
	err = owned_object(env, i);

	if (!err)
		err = whole_object(env, i, call);
	call->release_reg = i + 1;
	call->ref_id = vfy_reg(env, i + 1)->ref_id;
	return err;
}

static int acquire_arg(struct venv *env, u32 i, struct kcall *call)
{
	const struct vreg *r = vfy_reg(env, i + 1);
	const struct btf_graph *g;

	if (reg_is_null(r) || (r->type & PTR_MAYBE_NULL)) {
		vlog(env, "Possibly NULL pointer passed to trusted arg%d\n", i);
		return -EACCES;
	}
	if (!vfy_is_object(r->type)) {
		vlog(env, "arg#%d is neither owning or non-owning ref\n", i);
		return -EINVAL;
	}
	call->owned.owning = !(r->type & LOOK);
	g = fields_of(env, r);
	if (!g || !btf_graph_find(g, BTF_GRAPH_REFCOUNT)) {
		vlog(env, "arg#%d doesn't point to a type with bpf_refcount field\n", i);
		return -EINVAL;
	}
	return whole_object(env, i, call);
}

static int type_arg(struct venv *env, u32 i, struct kcall *call)
{
	const struct vreg *r = vfy_reg(env, i + 1);
	struct btf *btf = env->prog->btf;
	const struct btf_type *t;

	if (r->type != SCALAR_VALUE) {
		vlog(env, "R%d is not a scalar\n", i + 1);
		return -EINVAL;
	}
	if (!tnum_is_const(r->var)) {
		vlog(env, "R%d must be a known constant\n", i + 1);
		return -EINVAL;
	}
	if (r->var.value > UINT32_MAX) {
		vlog(env, "local type ID argument must be in range [0, U32_MAX]\n");
		return -EINVAL;
	}
	if (!btf) {
		vlog(env, "bpf_obj_new/bpf_percpu_obj_new requires prog BTF\n");
		return -EINVAL;
	}
	t = btf_type_by_id(btf, r->var.value);
	if (!t || btf_type_kind(t) != BTF_KIND_STRUCT) {
		vlog(env, "bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct\n");
		return -EINVAL;
	}
	call->owned.btf = btf;
	call->owned.id = r->var.value;
	call->owned.size = t->size;
	return vfy_precise(env, i + 1);
}

static int less_arg(struct venv *env, u32 i, struct kcall *call)
{
	const struct vreg *r = vfy_reg(env, i + 1);

	if (r->type != PTR_TO_FUNC) {
		vlog(env, "arg%d expected pointer to func\n", i);
		return -EINVAL;
	}
	call->owned.subprog = r->subprog;
	return 0;
}

static bool has_suffix(const char *s, const char *suffix)
{
	size_t n = s ? strlen(s) : 0, len = strlen(suffix);

	return n >= len && !strcmp(s + n - len, suffix);
}

/* -> enum btf_graph_kind of what the argument points to, or -ENOENT */
static int points_to(const struct kcall *call, const struct btf_type *t)
{
	const struct btf_type *to = btf_type_skip_modifiers(call->btf, t->type, NULL);
	const char *name =
		to && btf_type_is_struct(to) ? btf_name_by_offset(call->btf, to->name_off) : NULL;

	for (u32 k = BTF_GRAPH_LIST_HEAD; name && k <= BTF_GRAPH_RB_NODE; k++)
		if (!strcmp(name, btf_graph_kind_name(k)))
			return k;
	return -ENOENT;
}

int vfy_owned_arg(struct venv *env, u32 i, const struct btf_type *t, struct kcall *call)
{
	const char *name = btf_name_by_offset(call->btf, btf_params(call->proto)[i].name_off);
	const struct btf_type *to;
	struct vreg *r = vfy_reg(env, i + 1);
	int kind, err;

	if (has_suffix(name, "__ign"))
		return 0;
	err = vfy_use_reg(env, i + 1, USE_SRC);
	if (err)
		return err;
	if (has_suffix(name, "__k"))
		return type_arg(env, i, call);
	if (!btf_type_is_ptr(t)) {
		if (r->type == SCALAR_VALUE)
			return 0;
		vlog(env, "R%d is not a scalar\n", i + 1);
		return -EINVAL;
	}
	to = btf_type_skip_modifiers(call->btf, t->type, NULL);
	if (to && btf_type_is_func_proto(to))
		return less_arg(env, i, call);
	if (type_base(r->type) == PTR_TO_BTF_ID && !tnum_is(r->var, 0))
		return vfy_ptr_off(env, r, i + 1, true);
	if (has_suffix(name, "__alloc"))
		return drop_arg(env, i, call);
	if (has_suffix(name, "__refcounted_kptr"))
		return acquire_arg(env, i, call);
	kind = points_to(call, t);
	if (kind == BTF_GRAPH_LIST_HEAD || kind == BTF_GRAPH_RB_ROOT)
		return root_arg(env, i, kind, call);
	if (kind == BTF_GRAPH_LIST_NODE || kind == BTF_GRAPH_RB_NODE)
		return node_arg(env, i, kind, call);
	return -EFAULT;
}

/* --- effects --- */

/* Both sides of a comparison are looked at only. */
void vfy_less_args(struct venv *env, const struct vowned *o, struct vreg *to)
{
	for (u32 i = 1; i <= 2; i++) {
		reg_btf_ptr(env, &to[i], o->btf, o->id, MEM_ALLOC);
		to[i].off = o->off;
		to[i].id = ++env->id_gen;
		set_look(env, &to[i]);
	}
}

/* What the rewrite puts into a register for the function: the same on all paths. */
static int note_hidden(struct venv *env, s32 idx, const struct kcall *call)
{
	static const u8 where[] = {
		[OWNED_NEW] = 1, [OWNED_PUSH] = 4,   [OWNED_POP] = 2,  [OWNED_END] = 2,
		[OWNED_ADD] = 5, [OWNED_REMOVE] = 3, [OWNED_ROOT] = 2, [OWNED_STEP] = 3,
	};
	struct vfy_insn_aux *aux = &env->aux[idx];
	enum owned_op op = kcall_op(call);
	const struct vowned *o = &call->owned;
	struct heap_at at = {o->off, o->in_object ? o->head_off : 0, o->in_object};
	u32 value;

	if (op == OWNED_DROP || op == OWNED_ACQUIRE)
		return 0;
	if (op != OWNED_NEW &&
	    (o->off >= HEAP_OBJ_MAX || (o->in_object && o->head_off >= HEAP_OBJ_MAX))) {
		vlog(env, "struct %s is too large for an object\n", vfy_btf_name(o->btf, o->id));
		return -E2BIG;
	}
	value = op == OWNED_NEW ? min(o->size, HEAP_OBJ_MAX + 1) : heap_at_pack(at);
	if (aux->hidden_reg && aux->hidden != value) {
		vlog(env, "same insn cannot be used with different pointers\n");
		return -EINVAL;
	}
	aux->hidden_reg = where[op];
	aux->hidden = value;
	return 0;
}

int vfy_owned_effects(struct venv *env, s32 idx, struct kcall *call)
{
	struct vcall cb = {.func_id = VFY_CALLS_LESS, .owned = &call->owned};
	int err = note_hidden(env, idx, call);

	env->prog->uses_heap = true;
	if (err)
		return err;
	if (kcall_op(call) == OWNED_ADD) {
		env->aux[idx].kfunc = kfunc_find(call->fn->name) + 1; /* for vfy_in_less() */
		err = vfy_callback(env, idx, call->owned.subprog, &cb);
		if (err)
			return err;
	}
	if (call->owned.ref_id) {
		err = give_up(env, call->owned.ref_id);
		if (err)
			vlog(env, "kfunc %s#%d reference has not been acquired before\n",
			     call->fn->name, call->id);
	}
	return err;
}

int vfy_owned_return(struct venv *env, s32 idx, const struct kcall *call)
{
	const struct vowned *o = &call->owned;
	struct vreg *r = vfy_reg(env, 0);
	bool maybe = !(kcall_op(call) == OWNED_ACQUIRE && o->owning);
	int id;

	reg_btf_ptr(env, r, o->btf, o->id, MEM_ALLOC);
	r->off = o->off;
	if (maybe) {
		r->type |= PTR_MAYBE_NULL;
		r->id = ++env->id_gen;
	}
	if (call->fn->flags & KF_ACQUIRE) {
		id = vfy_ref_acquire(env, idx);
		if (id < 0)
			return id;
		r->ref_id = id;
		if (maybe)
			r->id = id;
	} else {
		set_look(env, r);
	}
	if (!r->id && vfy_object_lock(env, r) >= 0)
		r->id = ++env->id_gen;
	return 0;
}
