/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kfunc_owned_btf.h - types and prototypes of kfunc_owned.h's functions as programs see them (Linux 6.6 and later), for
 * vmlinux.btf alone: nothing here runs. Names of arguments mean something: __k is a constant, __ign is ignored, __alloc is an
 * object that is given up, __refcounted_kptr one with a bpf_refcount.
 */
#include "base/base.h"

struct bpf_list_head {
	u64 __opaque[2];
};
struct bpf_list_node {
	u64 __opaque[3];
};
struct bpf_rb_root {
	u64 __opaque[2];
};
struct bpf_rb_node {
	u64 __opaque[4];
};
struct bpf_refcount {
	u32 __opaque[1];
};

void *bpf_obj_new_impl(u64 local_type_id__k, void *meta__ign) { return NULL; }
void bpf_obj_drop_impl(void *p__alloc, void *meta__ign) {}
void *bpf_refcount_acquire_impl(void *p__refcounted_kptr, void *meta__ign) { return NULL; }
int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta__ign, u64 off) { return 0; }
int bpf_list_push_back_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta__ign, u64 off) { return 0; }
struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head) { return NULL; }
struct bpf_list_node *bpf_list_pop_back(struct bpf_list_head *head) { return NULL; }
struct bpf_list_node *bpf_list_front(struct bpf_list_head *head) { return NULL; }
struct bpf_list_node *bpf_list_back(struct bpf_list_head *head) { return NULL; }
struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root, struct bpf_rb_node *node) { return NULL; }
int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node, bool (less)(struct bpf_rb_node *a, const struct bpf_rb_node *b),
			void *meta__ign, u64 off) { return 0; }
struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root) { return NULL; }
struct bpf_rb_node *bpf_rbtree_root(struct bpf_rb_root *root) { return NULL; }
struct bpf_rb_node *bpf_rbtree_left(struct bpf_rb_root *root, struct bpf_rb_node *node) { return NULL; }
struct bpf_rb_node *bpf_rbtree_right(struct bpf_rb_root *root, struct bpf_rb_node *node) { return NULL; }
