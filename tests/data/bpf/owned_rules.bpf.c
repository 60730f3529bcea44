/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What programs may do with objects they make, a rule per program. REFUSED("text"): the verifier refuses it and says so;
 * others are accepted. tests/e2e/owned.c loads them one by one, and, where root may, on the machine's kernel.
 */
#include "owned.h"

#define REFUSED(msg) __attribute__((btf_decl_tag("refused:" msg)))

struct bar {
	struct bpf_list_node node;
	int data;
};

struct foo {
	struct bpf_list_node node;
	struct bpf_list_head head __contains(bar, node);
	struct bpf_spin_lock lock;
	int data;
	struct bpf_list_node node2;
};

struct leaf {
	struct bpf_rb_node node;
	__u64 key;
};

struct shared {
	struct bpf_refcount ref;
	struct bpf_rb_node r;
	struct bpf_list_node l;
	__u64 key;
};

struct value {
	struct bpf_spin_lock lock;
	int data;
	struct bpf_list_head head __contains(foo, node2);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct value);
	__uint(max_entries, 1);
} array SEC(".maps");

private(A) struct bpf_spin_lock lock;
private(A) struct bpf_list_head list __contains(foo, node2);
private(B) struct bpf_spin_lock tree_lock;
private(B) struct bpf_rb_root tree __contains(leaf, node);
private(B) struct bpf_rb_root tree2 __contains(leaf, node);
private(C) struct bpf_spin_lock shared_lock;
private(C) struct bpf_rb_root shared_tree __contains(shared, r);
private(C) struct bpf_list_head shared_list __contains(shared, l);

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct leaf, node)->key < container_of(b, struct leaf, node)->key;
}

/* --- making and dropping --- */

SEC("tc") int made_and_dropped(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	f->data = 42;
	bpf_obj_drop(f);
	return 0;
}

SEC("tc") REFUSED("Unreleased reference id=") int made_and_forgotten(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	return 1;
}

SEC("tc") REFUSED("R0 invalid mem access 'ptr_or_null_'") int made_and_not_checked(void *ctx)
{
	((volatile struct foo *)bpf_obj_new(struct foo))->data = 4;
	return 0;
}

SEC("tc") REFUSED("invalid mem access 'scalar'") int used_after_drop(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	bpf_obj_drop(f);
	return f->data;
}

SEC("tc") REFUSED("R1 must be referenced or trusted") int dropped_twice(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	bpf_obj_drop(f);
	bpf_obj_drop(f);
	return 0;
}

SEC("tc") REFUSED("R1 must have zero offset when passed to release func") int dropped_in_the_middle(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	bpf_obj_drop((void *)f + 4);
	return 0;
}

SEC("tc") REFUSED("expected pointer to allocated object") int dropped_what_is_a_value(void *ctx)
{
	int k = 0;
	struct value *v = bpf_map_lookup_elem(&array, &k);

	if (!v)
		return 0;
	bpf_obj_drop(v);
	return 0;
}

SEC("tc") REFUSED("local type ID argument must be in range [0, U32_MAX]") int made_of_no_type(void *ctx)
{
	void *p = bpf_obj_new_impl(0x1ffffffffULL, NULL);

	if (p)
		bpf_obj_drop(p);
	return 0;
}

SEC("tc") REFUSED("type ID argument must be of a struct") int made_of_an_int(void *ctx)
{
	void *p = bpf_obj_new_impl(bpf_core_type_id_local(int), NULL);

	if (p)
		bpf_obj_drop(p);
	return 0;
}

/* --- fields --- */

#define FIELD(name, what, access)                                                                          \
	SEC("tc") REFUSED("direct access to bpf_" #what " is disallowed") int name(void *ctx)         \
	{                                                                                                  \
		struct foo *f = bpf_obj_new(struct foo);                                                   \
                                                                                                           \
		if (!f)                                                                                    \
			return 0;                                                                          \
		access;                                                                                    \
		bpf_obj_drop(f);                                                                           \
		return 0;                                                                                  \
	}
FIELD(read_lock, spin_lock, if (*(volatile int *)&f->lock) return 1)
FIELD(write_lock, spin_lock, *(volatile int *)&f->lock = 0)
FIELD(read_head, list_head, if (*(volatile int *)&f->head) return 1)
FIELD(write_head, list_head, *(volatile int *)&f->head = 0)
FIELD(read_node, list_node, if (*(volatile int *)&f->node2) return 1)
FIELD(write_node, list_node, *(volatile int *)&f->node2 = 0)

SEC("tc") REFUSED("bpf_list_head cannot be accessed directly by load/store") int read_head_of_a_value(void *ctx)
{
	int k = 0;
	struct value *v = bpf_map_lookup_elem(&array, &k);

	return v ? *(volatile int *)&v->head : 0;
}

SEC("tc") REFUSED("access beyond struct foo at off 72") int beyond_the_end(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	*(volatile int *)((char *)f + sizeof(*f)) = 1;
	bpf_obj_drop(f);
	return 0;
}

SEC("tc") REFUSED("R3 type=ptr_ expected=") int as_memory_of_a_helper(struct __sk_buff *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	bpf_skb_load_bytes(ctx, 0, (void *)&f->data, 4);
	bpf_obj_drop(f);
	return 0;
}

/* --- lists --- */

SEC("tc") int pushed(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	bpf_spin_lock(&lock);
	push_front(&list, &f->node2);
	f->data = 13; /* still there: the lock is held */
	bpf_spin_unlock(&lock);
	return 0;
}

SEC("tc") REFUSED("invalid mem access 'scalar'") int used_after_unlock(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	bpf_spin_lock(&lock);
	push_front(&list, &f->node2);
	bpf_spin_unlock(&lock);
	f->data = 13;
	return 0;
}

SEC("tc") REFUSED("arg#1 expected pointer to allocated object") int pushed_twice(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	bpf_spin_lock(&lock);
	push_front(&list, &f->node2);
	push_back(&list, &f->node2);
	bpf_spin_unlock(&lock);
	return 0;
}

SEC("tc") REFUSED("must be held for bpf_list_head") int pushed_without_lock(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	push_front(&list, &f->node2);
	return 0;
}

SEC("tc") REFUSED("held lock and object are not in the same allocation") int pushed_with_another_lock(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	bpf_spin_lock(&tree_lock);
	push_front(&list, &f->node2);
	bpf_spin_unlock(&tree_lock);
	return 0;
}

SEC("tc") REFUSED("held lock and object are not in the same allocation") int values_have_locks_each(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);
	int k = 0;
	struct value *v, *w;

	if (!f)
		return 0;
	v = bpf_map_lookup_elem(&array, &k);
	w = bpf_map_lookup_elem(&array, &k);
	if (!v || !w) {
		bpf_obj_drop(f);
		return 0;
	}
	bpf_spin_lock(&v->lock);
	push_front(&w->head, &f->node2);
	bpf_spin_unlock(&v->lock);
	return 0;
}

SEC("tc") REFUSED("must be held for bpf_list_head") int popped_without_lock(void *ctx)
{
	struct bpf_list_node *n = bpf_list_pop_front(&list);

	if (n)
		bpf_obj_drop(container_of(n, struct foo, node2));
	return 0;
}

SEC("tc") REFUSED("operation on bpf_list_head expects arg#1 bpf_list_node at offset=48 in struct foo, but arg is at offset=0 in struct bar")
int pushed_another_type(void *ctx)
{
	struct bar *b = bpf_obj_new(struct bar);

	if (!b)
		return 0;
	bpf_spin_lock(&lock);
	push_front(&list, &b->node);
	bpf_spin_unlock(&lock);
	return 0;
}

SEC("tc") REFUSED("arg#1 offset=0, but expected bpf_list_node at offset=48 in struct foo") int pushed_by_another_node(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	bpf_spin_lock(&lock);
	push_front(&list, &f->node);
	bpf_spin_unlock(&lock);
	return 0;
}

SEC("tc") REFUSED("bpf_list_node not found at offset=49") int pushed_beside_the_node(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	bpf_spin_lock(&lock);
	push_front(&list, (void *)&f->node2 + 1);
	bpf_spin_unlock(&lock);
	return 0;
}

SEC("tc") REFUSED("bpf_list_head not found at offset=") int beside_the_head(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	bpf_spin_lock(&lock);
	push_front((void *)&list + 1, &f->node2);
	bpf_spin_unlock(&lock);
	return 0;
}

SEC("tc") REFUSED("variable ptr_ access var_off=") int node_at_a_variable_offset(struct __sk_buff *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);

	if (!f)
		return 0;
	bpf_spin_lock(&lock);
	push_front(&list, (void *)&f->node2 + ctx->protocol);
	bpf_spin_unlock(&lock);
	return 0;
}

SEC("tc") REFUSED("function calls are not allowed while holding a lock") int made_while_locked(void *ctx)
{
	struct foo *f;

	bpf_spin_lock(&lock);
	f = bpf_obj_new(struct foo);
	bpf_spin_unlock(&lock);
	if (f)
		bpf_obj_drop(f);
	return 0;
}

SEC("tc") REFUSED("Unreleased reference id=") int popped_and_forgotten(void *ctx)
{
	bpf_spin_lock(&lock);
	bpf_list_pop_front(&list);
	bpf_spin_unlock(&lock);
	return 0;
}

SEC("tc") REFUSED("that is at 40") int popped_is_at_its_node(void *ctx)
{
	struct bpf_list_node *n;

	bpf_spin_lock(&lock);
	n = bpf_list_pop_front(&list);
	bpf_spin_unlock(&lock);
	if (!n)
		return 0;
	bpf_spin_lock((void *)n);
	bpf_spin_unlock((void *)n);
	bpf_obj_drop(container_of(n, struct foo, node2));
	return 0;
}

SEC("tc") int list_in_an_object(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo);
	struct bar *b;

	if (!f)
		return 0;
	b = bpf_obj_new(struct bar);
	if (!b)
		goto out;
	bpf_spin_lock(&f->lock);
	push_back(&f->head, &b->node);
	bpf_spin_unlock(&f->lock);
out:
	bpf_obj_drop(f);
	return 0;
}

SEC("?raw_tp") REFUSED("tracing progs cannot use bpf_{list_head,rb_root} yet") int of_a_tracing_program(void *ctx)
{
	bpf_spin_lock(&lock);
	bpf_spin_unlock(&lock);
	return 0;
}

/* --- trees --- */

SEC("tc") int added(void *ctx)
{
	struct leaf *n = bpf_obj_new(struct leaf);

	if (!n)
		return 0;
	bpf_spin_lock(&tree_lock);
	tree_add(&tree, &n->node, less);
	n->key = 1;
	bpf_spin_unlock(&tree_lock);
	return 0;
}

SEC("tc") REFUSED("must be held for bpf_rb_root") int added_without_lock(void *ctx)
{
	struct leaf *n = bpf_obj_new(struct leaf);

	if (!n)
		return 0;
	tree_add(&tree, &n->node, less);
	return 0;
}

SEC("tc") REFUSED("must be held for bpf_rb_root") int first_without_lock(void *ctx)
{
	return bpf_rbtree_first(&tree) ? 1 : 0;
}

SEC("tc") REFUSED("arg#1 expected pointer to allocated object") int added_to_two_trees(void *ctx)
{
	struct leaf *n = bpf_obj_new(struct leaf);

	if (!n)
		return 0;
	bpf_spin_lock(&tree_lock);
	tree_add(&tree, &n->node, less);
	tree_add(&tree2, &n->node, less);
	bpf_spin_unlock(&tree_lock);
	return 0;
}

SEC("tc") int removed(void *ctx)
{
	struct bpf_rb_node *n;

	bpf_spin_lock(&tree_lock);
	n = bpf_rbtree_first(&tree);
	if (n)
		n = bpf_rbtree_remove(&tree, n);
	bpf_spin_unlock(&tree_lock);
	if (n)
		bpf_obj_drop(container_of(n, struct leaf, node));
	return 0;
}

SEC("tc") REFUSED("Unreleased reference id=") int removed_and_forgotten(void *ctx)
{
	struct bpf_rb_node *n;

	bpf_spin_lock(&tree_lock);
	n = bpf_rbtree_first(&tree);
	if (n)
		bpf_rbtree_remove(&tree, n);
	bpf_spin_unlock(&tree_lock);
	return 0;
}

SEC("tc") REFUSED("can only take non-owning or refcounted bpf_rb_node pointer") int look_escapes_the_lock(void *ctx)
{
	struct bpf_rb_node *n;

	bpf_spin_lock(&tree_lock);
	n = bpf_rbtree_first(&tree);
	bpf_spin_unlock(&tree_lock);
	if (!n)
		return 0;
	bpf_spin_lock(&tree_lock);
	n = bpf_rbtree_remove(&tree, n);
	bpf_spin_unlock(&tree_lock);
	if (n)
		bpf_obj_drop(container_of(n, struct leaf, node));
	return 0;
}

SEC("tc") REFUSED("R1 must be referenced or trusted") int look_is_dropped(void *ctx)
{
	struct bpf_rb_node *n;

	bpf_spin_lock(&tree_lock);
	n = bpf_rbtree_first(&tree);
	bpf_spin_unlock(&tree_lock);
	if (!n)
		return 0;
	bpf_obj_drop(container_of(n, struct leaf, node));
	return 0;
}

static bool less_removes(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	bpf_rbtree_remove(&tree, a);
	return false;
}

static bool less_unlocks(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	bpf_spin_unlock(&tree_lock);
	return false;
}

static bool less_adds(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	tree_add(&tree, a, less);
	return false;
}

#define ORDER(name, f, msg)                                                             \
	SEC("tc") REFUSED(msg) int name(void *ctx)                                      \
	{                                                                               \
		struct leaf *n = bpf_obj_new(struct leaf);                              \
                                                                                        \
		if (!n)                                                                 \
			return 0;                                                       \
		bpf_spin_lock(&tree_lock);                                              \
		tree_add(&tree, &n->node, f);                                           \
		bpf_spin_unlock(&tree_lock);                                            \
		return 0;                                                               \
	}
ORDER(order_removes, less_removes, "bpf_rbtree_remove not allowed in rbtree cb")
ORDER(order_unlocks, less_unlocks, "can't spin_{lock,unlock} in rbtree cb")
ORDER(order_adds, less_adds, "arg#1 expected pointer to allocated object")

/* --- counted objects --- */

static bool less_shared(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct shared, r)->key < container_of(b, struct shared, r)->key;
}

SEC("tc") int in_two_places(void *ctx)
{
	struct shared *n = bpf_obj_new(struct shared), *m;

	if (!n)
		return 0;
	m = bpf_refcount_acquire(n);
	n->key = 3;
	bpf_spin_lock(&shared_lock);
	tree_add(&shared_tree, &n->r, less_shared);
	push_back(&shared_list, &m->l);
	bpf_spin_unlock(&shared_lock);
	return 0;
}

SEC("tc") int acquired_by_a_look(void *ctx)
{
	struct bpf_rb_node *n;
	struct shared *m = NULL;

	bpf_spin_lock(&shared_lock);
	n = bpf_rbtree_first(&shared_tree);
	if (n)
		m = bpf_refcount_acquire(container_of(n, struct shared, r));
	bpf_spin_unlock(&shared_lock);
	if (m)
		bpf_obj_drop(m);
	return 0;
}

SEC("tc") REFUSED("Unreleased reference id=") int acquired_and_forgotten(void *ctx)
{
	struct shared *n = bpf_obj_new(struct shared);

	if (!n)
		return 0;
	bpf_refcount_acquire(n);
	bpf_obj_drop(n);
	return 0;
}

SEC("tc") REFUSED("doesn't point to a type with bpf_refcount field") int acquired_what_is_not_counted(void *ctx)
{
	struct foo *f = bpf_obj_new(struct foo), *g;

	if (!f)
		return 0;
	g = bpf_refcount_acquire(f);
	if (g)
		bpf_obj_drop(g);
	bpf_obj_drop(f);
	return 0;
}

SEC("tc") REFUSED("is neither owning or non-owning ref") int acquired_a_value(void *ctx)
{
	int k = 0;
	struct value *v = bpf_map_lookup_elem(&array, &k);
	void *p;

	if (!v)
		return 0;
	p = bpf_refcount_acquire(v);
	if (p)
		bpf_obj_drop(p);
	return 0;
}

char _license[] SEC("license") = "GPL";
