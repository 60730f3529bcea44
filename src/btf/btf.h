/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_BTF_H
#define USERBPF_BTF_H
/*
 * btf.h - type information: parse and check (kernel verdicts and log text), layout, walk, show.
 * Control side.
 *
 * struct btf is also what programs see through BTF (kernel names: strings, types, hdr, name ...),
 * so those fields keep their meaning: types[id] is the record of type @id (of a split BTF: ids
 * below start_id live in base_btf). Immutable once parsed, so no locking. Ownership:
 * btf_get/btf_put; a program, map or handle holds a reference.
 */
#include "abi/compat.h"
#include "base/log.h"
#include "obj/obj.h"

struct btf {
	struct obj obj;		/* a btf is an object of its own kind once it has an id (BTF_LOAD) */
	void *data;
	struct btf_type **types;
	u32 *resolved_ids;
	u32 *resolved_sizes;
	const char *strings;
	void *nohdr_data;
	struct btf_header hdr;
	u32 nr_types;		/* includes void for a base BTF */
	u32 types_size;
	u32 data_size;
	u32 id;
	struct btf *base_btf;
	u32 start_id;
	u32 start_str_off;
	char name[64];		/* "vmlinux" or module name; "" for program BTF */
	bool kernel_btf;
	/* private to src/btf */
	void *priv;
	/* objects of its types (prog/heap.h): whoever made them, and how they go; atomic */
	void *heap;
	void (*heap_put)(void *heap);
};

extern const struct obj_class btf_class; /* release/free of src/btf */

/* Parses a copy of @data with all of the kernel's checks; log text as the kernel's btf verifier.
 * ERR_PTR on refusal. One reference, no id. */
struct btf *btf_parse(const void *data, u32 size, struct log *log);
/* The service's own BTF (trusted, but checked all the same); kernel_btf set, name "vmlinux". */
struct btf *btf_parse_vmlinux(const void *data, u32 size);
/* Split BTF of module @name: its ids and strings go on where those of @base end (kernel:
 * btf_parse_module). Holds a reference on @base; kernel_btf set. */
struct btf *btf_parse_module(struct btf *base, const char *name, const void *data, u32 size);
struct btf *btf_get(struct btf *btf);
void btf_put(struct btf *btf);

/* --- access: names as in the kernel --- */
const struct btf_type *btf_type_by_id(const struct btf *btf, u32 id); /* NULL beyond the end */
const char *btf_name_by_offset(const struct btf *btf, u32 off);	     /* NULL beyond the end */
const char *btf_type_name(const struct btf *btf, u32 id);	     /* "" when anonymous or unknown */
s32 btf_find_by_name_kind(const struct btf *btf, const char *name, u8 kind); /* id or -ENOENT; hashed for vmlinux */
const struct btf_type *btf_type_skip_modifiers(const struct btf *btf, u32 id, u32 *res_id); /* typedef const volatile restrict type_tag */
const struct btf_type *btf_type_resolve_ptr(const struct btf *btf, u32 id, u32 *res_id); /* what a pointer points to, modifiers skipped; NULL if no pointer */
const struct btf_type *btf_type_resolve_func_ptr(const struct btf *btf, u32 id, u32 *res_id);
const struct btf_type *btf_resolve_size(const struct btf *btf, const struct btf_type *t, u32 *size); /* ERR_PTR(-EINVAL) when it has none */
const struct btf_type *btf_type_id_size(const struct btf *btf, u32 *id, u32 *size);
u32 btf_nr_types(const struct btf *btf);
const char *btf_kind_name(u32 kind); /* "INT" ..., as the kernel's messages have it */

static inline u16 btf_type_kind(const struct btf_type *t) { return BTF_INFO_KIND(t->info); }
static inline u16 btf_type_vlen(const struct btf_type *t) { return BTF_INFO_VLEN(t->info); }
static inline bool btf_type_kflag(const struct btf_type *t) { return BTF_INFO_KFLAG(t->info); }
static inline bool btf_type_is_struct(const struct btf_type *t)
{
	return btf_type_kind(t) == BTF_KIND_STRUCT || btf_type_kind(t) == BTF_KIND_UNION;
}
static inline bool btf_type_is_ptr(const struct btf_type *t) { return btf_type_kind(t) == BTF_KIND_PTR; }
static inline bool btf_type_is_func(const struct btf_type *t) { return btf_type_kind(t) == BTF_KIND_FUNC; }
static inline bool btf_type_is_func_proto(const struct btf_type *t) { return btf_type_kind(t) == BTF_KIND_FUNC_PROTO; }
static inline bool btf_type_is_void(const struct btf_type *t) { return btf_type_kind(t) == BTF_KIND_UNKN; }
static inline bool btf_type_is_int(const struct btf_type *t) { return btf_type_kind(t) == BTF_KIND_INT; }
static inline bool btf_type_is_any_enum(const struct btf_type *t)
{
	return btf_type_kind(t) == BTF_KIND_ENUM || btf_type_kind(t) == BTF_KIND_ENUM64;
}
static inline const struct btf_member *btf_members(const struct btf_type *t) { return (const struct btf_member *)(t + 1); }
static inline const struct btf_param *btf_params(const struct btf_type *t) { return (const struct btf_param *)(t + 1); }
static inline const struct btf_array *btf_array(const struct btf_type *t) { return (const struct btf_array *)(t + 1); }
static inline u32 btf_member_bit_offset(const struct btf_type *t, const struct btf_member *m)
{
	return btf_type_kflag(t) ? BTF_MEMBER_BIT_OFFSET(m->offset) : m->offset;
}
static inline u32 btf_member_bitfield_size(const struct btf_type *t, const struct btf_member *m)
{
	return btf_type_kflag(t) ? BTF_MEMBER_BITFIELD_SIZE(m->offset) : 0;
}

/* --- pointers to objects in map values (type tags kptr, kptr_ref) --- */
#define BTF_MAX_KPTRS 8
struct btf_kptr {
	u32 off;
	u32 type_id; /* of the struct, in the map's BTF */
	bool ref;
};
/* How many there are in values of type @value_id; -E2BIG, -EINVAL: a tag where it means nothing. */
int btf_find_kptrs(const struct btf *btf, u32 value_id, struct btf_kptr kptr[BTF_MAX_KPTRS]);

/* --- structs that own others: lists, trees and their nodes (graph.c) --- */
#define BTF_GRAPH_MAX 11
enum btf_graph_kind {
	BTF_GRAPH_LOCK, /* bpf_spin_lock */
	BTF_GRAPH_LIST_HEAD,
	BTF_GRAPH_LIST_NODE,
	BTF_GRAPH_RB_ROOT,
	BTF_GRAPH_RB_NODE,
	BTF_GRAPH_REFCOUNT,
};
struct btf_graph_field {
	enum btf_graph_kind kind;
	u32 off;
	u32 type_id, node_off; /* list, tree: of what, and where the node is in it */
};
struct btf_graph {
	u32 nr;
	struct btf_graph_field field[BTF_GRAPH_MAX];
};
#define BTF_GRAPH_IN_OBJECTS (~0u)
#define BTF_GRAPH_IN_MAPS (1u << BTF_GRAPH_LOCK | 1u << BTF_GRAPH_LIST_HEAD | 1u << BTF_GRAPH_RB_ROOT) /* others are just bytes there */
/* Fields of struct or DATASEC @id of the kinds @wanted (bits), in order; 0 or the kernel's errno. */
int btf_find_graph(const struct btf *btf, u32 id, u32 wanted, struct btf_graph *g);
const struct btf_graph_field *btf_graph_find(const struct btf_graph *g, enum btf_graph_kind kind); /* the first, or NULL */
bool btf_graph_owns(const struct btf_graph *g); /* has lists or trees */
int btf_check_owners(const struct btf *btf, const struct btf_graph *g); /* -ELOOP */
const char *btf_graph_kind_name(enum btf_graph_kind kind);

/* --- walk: a read of @size bytes at @off of struct @t (kernel: btf_struct_access) --- */
enum btf_walk_result {
	BTF_WALK_ERROR = -1, /* refused; reason in the log, text as the kernel's; errno in *next_id as negative number */
	BTF_WALK_SCALAR = 0,
	BTF_WALK_PTR = 1,    /* the field is a pointer to struct *next_id; flags: MEM_USER/MEM_PERCPU/MEM_RCU from type tags, helper/helper.h bits */
	BTF_WALK_STRUCT = 2, /* the read starts at a nested struct (only for address-taking, unused by loads) */
};
int btf_struct_walk(struct log *log, const struct btf *btf, const struct btf_type *t, int off, int size, u32 *next_id, u32 *flags);
/* Are bytes @off.. of struct @id of type @need_id (first nested member chain)? kernel:
 * btf_struct_ids_match (strict: off must be 0) */
bool btf_struct_ids_match(struct log *log, const struct btf *btf, u32 id, int off, const struct btf *need_btf, u32 need_id, bool strict);

/* --- show: C-like text of an object (kernel: btf_type_show); BTF_F_* flags of uapi. Reads @obj
 * directly (caller makes it safe). --- */
typedef int (*btf_emit_fn)(void *out, const char *text, size_t len);
int btf_show(const struct btf *btf, u32 id, const void *obj, u64 flags, btf_emit_fn emit, void *out); /* snprintf_btf style */
/* as `cat` of a pinned map prints a key or value (kernel: btf_type_seq_show: default flags
 * BTF_SHOW_NONAME|COMPACT|ZERO|UNSAFE) */
int btf_show_map_value(const struct btf *btf, u32 id, const void *obj, btf_emit_fn emit, void *out);

#endif
