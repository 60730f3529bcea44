/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_BTF_CORE_SPEC_H
#define USERBPF_BTF_CORE_SPEC_H
/* core_spec.h - what a CO-RE relocation names. Private to src/btf/core*.c. */
#include "btf/core.h"
#include "btf/priv.h"

#define CORE_SPEC_MAX 64u

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

#endif
