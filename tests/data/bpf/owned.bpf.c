/* SPDX-License-Identifier: BSD-2-Clause */
/* Objects that programs make, in lists and trees of map values. tests/e2e/owned.c runs these, in one process or several. */
#include "owned.h"

struct item {
	struct bpf_list_node l;
	__u64 key;
};

struct box {
	struct bpf_list_node node;
	struct bpf_list_head items __contains(item, l);
	struct bpf_spin_lock lock;
	char pad[1900]; /* so that it shows when they leak */
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
	__u32 n;
	struct bpf_list_head head __contains(box, node);
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, struct value);
	__uint(max_entries, 8);
} boxes SEC(".maps");

private(A) struct bpf_spin_lock lock;
private(A) struct bpf_list_head list __contains(item, l);
private(B) struct bpf_spin_lock tree_lock;
private(B) struct bpf_rb_root tree __contains(leaf, node);
private(C) struct bpf_spin_lock shared_lock;
private(C) struct bpf_rb_root shared_tree __contains(shared, r);
private(C) struct bpf_list_head shared_list __contains(shared, l);

__u64 arg, count, sum, sorted = 1;

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct leaf, node)->key < container_of(b, struct leaf, node)->key;
}

static bool less_shared(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container_of(a, struct shared, r)->key < container_of(b, struct shared, r)->key;
}

static long push_one(__u32 i, void *ctx)
{
	struct item *p = bpf_obj_new(struct item);

	if (!p)
		return 1;
	p->key = i;
	bpf_spin_lock(&lock);
	if (arg)
		push_back(&list, &p->l);
	else
		push_front(&list, &p->l);
	bpf_spin_unlock(&lock);
	count++;
	return 0;
}

/* how many were pushed: 1,000 at most */
SEC("tc") int push(void *ctx)
{
	count = 0;
	bpf_loop(1000, push_one, NULL, 0);
	return count;
}

static long pop_one(__u32 i, void *ctx)
{
	struct bpf_list_node *n;

	bpf_spin_lock(&lock);
	n = bpf_list_pop_front(&list);
	bpf_spin_unlock(&lock);
	if (!n)
		return 1;
	sum = sum * 31 + container_of(n, struct item, l)->key;
	bpf_obj_drop(container_of(n, struct item, l));
	count++;
	return 0;
}

SEC("tc") int pop(void *ctx)
{
	count = sum = 0;
	bpf_loop(1000, pop_one, NULL, 0);
	return count;
}

static long add_one(__u32 i, void *ctx)
{
	struct leaf *p = bpf_obj_new(struct leaf);

	if (!p)
		return 1;
	p->key = bpf_get_prandom_u32();
	bpf_spin_lock(&tree_lock);
	tree_add(&tree, &p->node, less);
	bpf_spin_unlock(&tree_lock);
	count++;
	return 0;
}

SEC("tc") int add(void *ctx)
{
	count = 0;
	bpf_loop(1000, add_one, NULL, 0);
	return count;
}

static long remove_one(__u32 i, void *ctx)
{
	struct bpf_rb_node *n;
	struct leaf *p;

	bpf_spin_lock(&tree_lock);
	n = bpf_rbtree_first(&tree);
	if (n)
		n = bpf_rbtree_remove(&tree, n);
	bpf_spin_unlock(&tree_lock);
	if (!n)
		return 1;
	p = container_of(n, struct leaf, node);
	if (p->key < sum)
		sorted = 0;
	sum = p->key;
	bpf_obj_drop(p);
	count++;
	return 0;
}

/* how many there were, in order; -1: not in order */
SEC("tc") int remove(void *ctx)
{
	count = sum = 0;
	sorted = 1;
	bpf_loop(100000, remove_one, NULL, 0);
	return sorted ? count : -1;
}

/* one object in a tree and a list: 1 when both have the same */
SEC("tc") int both(void *ctx)
{
	struct shared *n = bpf_obj_new(struct shared), *m;
	struct bpf_list_node *l;
	struct bpf_rb_node *r;
	int same = 0;

	if (!n)
		return -1;
	n->key = 42;
	m = bpf_refcount_acquire(n);
	bpf_spin_lock(&shared_lock);
	tree_add(&shared_tree, &n->r, less_shared);
	push_back(&shared_list, &m->l);
	l = bpf_list_pop_front(&shared_list);
	r = bpf_rbtree_first(&shared_tree);
	if (r)
		container_of(r, struct shared, r)->key++;
	if (r)
		r = bpf_rbtree_remove(&shared_tree, r);
	bpf_spin_unlock(&shared_lock);
	if (r)
		bpf_obj_drop(container_of(r, struct shared, r));
	if (l) {
		same = container_of(l, struct shared, l)->key == 43;
		bpf_obj_drop(container_of(l, struct shared, l));
	}
	return same;
}

static long box_one(__u32 i, void *ctx)
{
	struct value *v = bpf_map_lookup_elem(&boxes, &arg);
	struct item *p;
	struct box *b;

	if (!v)
		return 1;
	b = bpf_obj_new(struct box);
	if (!b)
		return 1;
	p = bpf_obj_new(struct item);
	if (!p) {
		bpf_obj_drop(b);
		return 1;
	}
	bpf_spin_lock(&b->lock);
	push_back(&b->items, &p->l);
	bpf_spin_unlock(&b->lock);
	bpf_spin_lock(&v->lock);
	push_back(&v->head, &b->node);
	v->n++;
	bpf_spin_unlock(&v->lock);
	count++;
	return 0;
}

/* boxes with an item each into the value of key @arg */
SEC("tc") int fill(void *ctx)
{
	count = 0;
	bpf_loop(5000, box_one, NULL, 0);
	return count;
}

/* the element goes, and what it owns */
SEC("tc") int delete(void *ctx)
{
	return bpf_map_delete_elem(&boxes, &arg);
}

char _license[] SEC("license") = "GPL";
