/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_BTF_PRIV_H
#define USERBPF_BTF_PRIV_H
/*
 * priv.h - what the files of src/btf share and nobody else sees.
 *
 * Parsing has three phases: header and sections (parse.c), every record on its own ("meta",
 * check.c), then what records refer to ("resolve", resolve.c). Only when all three are done does a
 * btf leave this folder.
 */
#include "btf/btf.h"

#define BTF_MAX_SIZE (16u * 1024 * 1024)
#define BTF_NAME_MAX 512u	/* longest identifier, NUL included (kernel: KSYM_NAME_LEN) */
#define BTF_RESOLVE_DEPTH 32	/* records open at once while resolving; also the longest modifier chain */

/* Bytes that @bits span, partial ones dropped or counted. */
#define BITS_DOWN(bits) ((bits) >> 3)
#define BITS_UP(bits) (((bits) >> 3) + !!((bits) & 7))
#define BITS_IN_BYTE(bits) ((bits) & 7)
#define INT128_BITS 128u

struct btf_priv {
	void *mem;	/* the allocation around btf->data */
	u32 *bucket;	/* kernel BTF: name hash -> lowest id, 0 = none */
	u32 *next;	/* id -> next id of the same bucket */
	u32 mask;
};

/* One record being resolved; @next_member is where to go on in a struct or datasec. */
struct btf_vertex {
	const struct btf_type *t;
	u32 id;
	u16 next_member;
};

enum btf_resolve_mode { RESOLVE_TBD, RESOLVE_PTR, RESOLVE_AGGREGATE };

struct btf_env {
	struct btf *btf;
	struct log *log;
	u32 log_id;	/* record the log speaks of */
	bool resolving;	/* meta phase is over */
	u8 *visit;	/* enum in resolve.c, per local id */
	u8 *named;	/* prototypes all of whose arguments have names */
	enum btf_resolve_mode mode;
	u32 depth;
	struct btf_vertex stack[BTF_RESOLVE_DEPTH];
};

/* check.c: log lines as the kernel writes them */
void btf_log(struct btf_env *env, const char *fmt, ...) __printf(2, 3);
/* "[id] KIND name details reason"; the _basic one leaves the details out. All return -EINVAL for
 * `return btf_refuse(...)`. */
int btf_refuse(struct btf_env *env, const struct btf_type *t, const char *reason);
int btf_refuse_fmt(struct btf_env *env, const struct btf_type *t, bool details, const char *fmt, ...) __printf(4, 5);
int btf_refuse_member(struct btf_env *env, const struct btf_type *t, const struct btf_member *m, const char *reason);
int btf_refuse_vsi(struct btf_env *env, const struct btf_type *t, const struct btf_var_secinfo *v, const char *reason);
bool btf_name_ok(const struct btf *btf, u32 off);	  /* offset inside the string section */
bool btf_name_identifier(const struct btf *btf, u32 off); /* and a valid identifier */
int btf_check_metas(struct btf_env *env);
int btf_check_type_tags(struct btf_env *env, u32 start_id);
int btf_check_ids(struct btf_env *env); /* kernel BTF, which is not resolved: no id beyond the end */

/* resolve.c */
int btf_resolve_all(struct btf_env *env);

/* nest.c: after the modifier chains are known to end */
int btf_check_nesting(struct btf_env *env);

/* names.c: the kernel's */
int btf_hash_names(struct btf *btf);

/* graph.c: all structs of a program's BTF */
int btf_check_graphs(const struct btf *btf);

/* layout.c */
const struct btf_type *btf_resolve_elem(const struct btf *btf, const struct btf_type *t, u32 *size, const struct btf_type **elem,
					u32 *elem_id, u32 *nelems, u32 *type_id);
u32 btf_resolved_id(const struct btf *btf, u32 id);
bool btf_int_is_regular(const struct btf_type *t);

/* Name for texts: "(anon)" for none, "(invalid-name-offset)" beyond the end. */
const char *btf_text_name(const struct btf *btf, u32 off);
/* ctype as the kernel has it: Latin-1, no locale */
bool btf_isalpha(u8 c);
bool btf_isprint(u8 c);

static inline u32 btf_int_data(const struct btf_type *t) { return *(const u32 *)(t + 1); }
static inline const struct btf_enum *btf_enums(const struct btf_type *t) { return (const struct btf_enum *)(t + 1); }
static inline const struct btf_enum64 *btf_enums64(const struct btf_type *t) { return (const struct btf_enum64 *)(t + 1); }
static inline u64 btf_enum64_val(const struct btf_enum64 *e) { return (u64)e->val_hi32 << 32 | e->val_lo32; }
static inline const struct btf_var *btf_var_of(const struct btf_type *t) { return (const struct btf_var *)(t + 1); }
static inline const struct btf_var_secinfo *btf_secinfos(const struct btf_type *t) { return (const struct btf_var_secinfo *)(t + 1); }
static inline s32 btf_component_idx(const struct btf_type *t) { return ((const struct btf_decl_tag *)(t + 1))->component_idx; }

/* Sets of kinds as bits. */
#define K(kind) (1u << BTF_KIND_##kind)
static inline bool btf_kind_in(const struct btf_type *t, u32 set) { return (1u << btf_type_kind(t)) & set; }
#define K_MODIFIER (K(TYPEDEF) | K(VOLATILE) | K(CONST) | K(RESTRICT) | K(TYPE_TAG))
#define K_STRUCT (K(STRUCT) | K(UNION))
#define K_NOSIZE (K(UNKN) | K(FWD) | K(FUNC) | K(FUNC_PROTO) | K(DECL_TAG))
#define K_SIZE (K(INT) | K_STRUCT | K(ENUM) | K(DATASEC) | K(FLOAT) | K(ENUM64)) /* t->size is the size */
#define K_SOURCE_ONLY (K(VAR) | K(DECL_TAG) | K(DATASEC)) /* nothing but a datasec or tag may refer to these */
#define K_NEEDS_RESOLVE (K_MODIFIER | K(PTR) | K_STRUCT | K(ARRAY) | K(VAR) | K(FUNC) | K(DECL_TAG) | K(DATASEC))
#define K_TAG_TARGET (K(FUNC) | K_STRUCT | K(VAR) | K(TYPEDEF))

#endif
