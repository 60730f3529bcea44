/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lskel_types.c - the variables of a data section as members of a C struct. As in bpftool's skeletons: static variables do not
 * show, const and volatile go, gaps are filled so that every member is where the section has it.
 */
#include <bpf/btf.h>
#include <ctype.h>
#include "gen/lskel_priv.h"

struct types {
	const struct lskel *s;
	struct btf *btf;
	struct btf_dump *dump;
	u32 pads;
};

static void to_out(void *ctx, const char *fmt, va_list ap)
{
	struct types *t = ctx;

	vfprintf(t->s->out, fmt, ap);
}

static int types_open(struct types *t, const struct lskel *s, btf_dump_printf_fn_t print)
{
	const struct gen_trace *trace = s->l->trace;

	*t = (struct types){.s = s};
	if (!trace->btf)
		return -ENOENT;
	t->btf = btf__new(trace->btf, trace->btf_len);
	if (!t->btf)
		return errno == ENOMEM ? -ENOMEM : -EINVAL;
	t->dump = btf_dump__new(t->btf, print, t, NULL);
	if (t->dump)
		return 0;
	btf__free(t->btf);
	return -ENOMEM;
}

static void types_close(struct types *t)
{
	btf_dump__free(t->dump);
	btf__free(t->btf);
}

/* ".data.my-vars" and the identifier "data_my_vars". */
static bool names_section(const char *sec, const char *ident)
{
	if (*sec++ != '.')
		return false;
	for (; *sec && *ident; sec++, ident++)
		if (*ident != (isalnum((unsigned char)*sec) ? *sec : '_'))
			return false;
	return !*sec && !*ident;
}

static const struct btf_type *find_section(const struct types *t, const char *ident)
{
	u32 nr = btf__type_cnt(t->btf);

	for (u32 id = 1; id < nr; id++) {
		const struct btf_type *sec = btf__type_by_id(t->btf, id);

		if (btf_is_datasec(sec) &&
		    names_section(btf__name_by_offset(t->btf, sec->name_off), ident))
			return sec;
	}
	return NULL;
}

static void pad(struct types *t, u32 bytes)
{
	fprintf(t->s->out, "\tchar __pad%u[%u];\n", t->pads++, bytes);
}

/* @off: where the member before ended. -> where this one ends */
static int member(struct types *t, const struct btf_var_secinfo *v, int off)
{
	const struct btf_type *var = btf__type_by_id(t->btf, v->type);
	char name[256];
	LIBBPF_OPTS(btf_dump_emit_type_decl_opts, opts, .field_name = name, .indent_level = 1,
		    .strip_mods = true);
	int align = btf__align_of(t->btf, var->type), natural, err;

	if (btf_var(var)->linkage == BTF_VAR_STATIC)
		return off;
	if (v->offset < off || align <= 0)
		return -EINVAL;
	/* where the compiler of the skeleton puts it without our help */
	natural = (off + align - 1) / align * align;
	if (natural != v->offset || (align > (int)sizeof(void *) && natural != off))
		pad(t, v->offset - off);
	snprintf(name, sizeof(name), "%s", btf__name_by_offset(t->btf, var->name_off));
	fputs("\t", t->s->out);
	err = btf_dump__emit_type_decl(t->dump, var->type, &opts);
	fputs(";\n", t->s->out);
	return err ?: v->offset + v->size;
}

int lskel_section(const struct lskel *s, u32 slot)
{
	const struct btf_type *sec;
	struct types t;
	int err = types_open(&t, s, to_out), off = 0;

	if (err)
		return err;
	sec = find_section(&t, s->l->trace->slots[slot].ident);
	for (u32 i = 0; sec && i < btf_vlen(sec) && off >= 0; i++)
		off = member(&t, &btf_var_secinfos(sec)[i], off);
	if (sec && !off) /* static variables only */
		pad(&t, max((u64)1, lskel_data_size(s->l->trace, slot)));
	types_close(&t);
	return sec ? min(off, 0) : -ENOENT;
}

/* --- definitions --- */

/* What <linux/types.h>, which the skeleton includes, defines; as dumped at a line's start. */
static bool is_libc_type(const char *name)
{
	static const char *const known[] = {
		"__u8",	  "__u16",  "__u32",  "__u64",	"__s8",	  "__s16",  "__s32",   "__s64",
		"__be16", "__be32", "__be64", "__le16", "__le32", "__le64", "__sum16", "__wsum"};

	for (u32 i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(known[i], name))
			return true;
	return false;
}

/* Structs, unions, enums and typedefs a member's declaration needs. */
static int define(struct types *t, u32 id, u32 depth)
{
	const struct btf_type *type = btf__type_by_id(t->btf, id);
	const char *name = type ? btf__name_by_offset(t->btf, type->name_off) : NULL;

	if (!type || depth > 32)
		return -EINVAL;
	if (btf_is_mod(type) || btf_is_ptr(type) || btf_is_type_tag(type))
		return type->type ? define(t, type->type, depth + 1) : 0;
	if (btf_is_array(type))
		return define(t, btf_array(type)->type, depth + 1);
	if (btf_is_typedef(type) && is_libc_type(name))
		return 0;
	if (btf_is_composite(type) || btf_is_any_enum(type) || btf_is_typedef(type))
		return name && *name ? btf_dump__dump_type(t->dump, id) : 0;
	return 0;
}

static int define_section(struct types *t, const struct btf_type *sec)
{
	int err = 0;

	for (u32 i = 0; i < btf_vlen(sec) && !err; i++) {
		const struct btf_type *var = btf__type_by_id(t->btf, btf_var_secinfos(sec)[i].type);

		if (btf_var(var)->linkage != BTF_VAR_STATIC)
			err = define(t, var->type, 0);
	}
	return err;
}

int lskel_types(const struct lskel *s)
{
	const struct gen_trace *trace = s->l->trace;
	struct types t;
	int err = types_open(&t, s, to_out);

	if (err)
		return err == -ENOENT ? 0 : err;
	fprintf(s->out, "#ifdef %s__TYPES\n", s->name);
	for (u32 i = 0; i < trace->nr_slots && !err; i++) {
		const struct btf_type *sec =
			lskel_has_data(trace, i) ? find_section(&t, trace->slots[i].ident) : NULL;

		err = sec ? define_section(&t, sec) : 0;
	}
	fprintf(s->out, "#endif\n\n");
	types_close(&t);
	return err;
}
