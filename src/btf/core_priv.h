/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_BTF_CORE_PRIV_H
#define USERBPF_BTF_CORE_PRIV_H
/* core_priv.h - what the files of the CO-RE resolver share. Private to src/btf/core*.c. */
#include "btf/core.h"
#include "btf/priv.h"

#define CORE_SPEC_MAX 64u
#define CORE_BAD_RELO 0xbad2310 /* the helper that does not exist */

enum core_family { CORE_NONE, CORE_FIELD, CORE_TYPE, CORE_ENUMVAL };

/* One step of an access that has a meaning in C: a named member or an index. */
struct core_step {
	u32 type_id; /* struct the member is of; type of the element */
	u32 idx;
	const char *name; /* NULL: an index */
};

/* What a relocation names, in one BTF: for "s->a[3].b" steps [0] .a [3] .b, and all the numbers
 * on the way, anonymous members included (@raw). */
struct core_spec {
	const struct btf *btf;
	u32 root, kind;
	u32 len, raw_len;
	u32 bit_off;
	u32 raw[CORE_SPEC_MAX];
	struct core_step step[CORE_SPEC_MAX];
};

/* A value on one side, with the size of the field it is the offset of (0: does not matter). */
struct core_value {
	u64 val;
	u32 size, type_id;
	bool exact; /* local side: the instruction must hold it now */
};

struct core_result {
	struct core_value local, target;
	bool poison;
	bool bad_size; /* a load or store cannot take the other size */
};

/* core_spec.c */
enum core_family core_family(u32 kind);
const char *core_kind_name(u32 kind);
size_t core_name_len(const char *name); /* without flavour */
int core_parse(struct core_spec *s, const struct btf *btf, const struct bpf_core_relo *relo,
	       struct log *log);
void core_format(char *buf, size_t len, const struct core_spec *s);
bool core_is_flex_array(const struct btf *btf, const struct core_step *parent,
			const struct btf_array *a);
s64 core_sizeof(const struct btf *btf, u32 id); /* or negative errno */
u32 core_enum_name(const struct btf_type *t, u32 i);

/* core_match.c: @out is @local found in type @id of @btf; 1, 0: not there, or negative errno */
int core_match(const struct core_spec *local, const struct btf *btf, u32 id, struct core_spec *out,
	       struct log *log);

/* core_patch.c */
int core_patch(struct log *log, struct bpf_insn *insns, u32 len, u32 at, u32 relo_idx,
	       const struct core_result *r);

#endif
