/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lskel_types.c - the variables of a data section as members of a C struct. As in bpftool's skeletons: static variables do not
 * show, const and volatile go, gaps are filled so that every member is where the section has it.
 */
#include <bpf/btf.h>
#include <ctype.h>
#include <stdlib.h>
#include "gen/lskel_types.h"

struct types {
	const struct lskel *s;
	struct btf *btf;
	struct btf_dump *dump;
	FILE *out; /* to text, which put_text() corrects */
	char *text;
	size_t len;
	u32 pads;
};

static void to_out(void *ctx, const char *fmt, va_list ap)
{
	struct types *t = ctx;

	vfprintf(t->out, fmt, ap);
}

/* What the headers that the skeleton includes define. */
static bool is_libc_type(const char *name, size_t len)
{
	static const char *const known[] = {
		"__u8",	    "__u16",	"__u32",    "__u64",   "__s8",	  "__s16",   "__s32",
		"__s64",    "__be16",	"__be32",   "__be64",  "__le16",  "__le32",  "__le64",
		"__sum16",  "__wsum",	"int8_t",   "int16_t", "int32_t", "int64_t", "uint8_t",
		"uint16_t", "uint32_t", "uint64_t", "bool",    "size_t"};

	for (u32 i = 0; i < ARRAY_SIZE(known); i++)
		if (strlen(known[i]) == len && !memcmp(known[i], name, len))
			return true;
	return false;
}

/* "typedef unsigned char __u8;" and the like, with the empty line after it; its length, or 0. */
static size_t known_typedef(const char *line)
{
	size_t len = strcspn(line, "\n"), name = 0;

	if (strncmp(line, "typedef ", 8) || line[len - 1] != ';')
		return 0;
	while (line[len - 2 - name] != ' ')
		name++;
	if (!is_libc_type(line + len - 1 - name, name))
		return 0;
	return len + strspn(line + len, "\n");
}

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Without definitions that are there already. C++ has no _Bool. */
static void put_text(FILE *out, const char *text)
{
	bool start = true; /* of a line */

	for (const char *p = text; *p; p++) {
		size_t skip = start ? known_typedef(p) : 0;

		if (skip) {
			p += skip - 1;
			continue;
		}
		if (!strncmp(p, "_Bool", 5) && !in_word(p[5]) && (p == text || !in_word(p[-1]))) {
			fputs("bool", out);
			p += 4;
		} else {
			fputc(*p, out);
		}
		start = *p == '\n';
	}
}

static void types_free(struct types *t)
{
	btf_dump__free(t->dump);
	btf__free(t->btf);
	if (t->out)
		fclose(t->out);
	free(t->text);
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
	t->out = open_memstream(&t->text, &t->len);
	if (t->dump && t->out)
		return 0;
	types_free(t);
	return -ENOMEM;
}

/* 0 or -ENOMEM */
static int types_close(struct types *t)
{
	int err = fflush(t->out) || ferror(t->out) ? -ENOMEM : 0;

	if (!err)
		put_text(t->s->out, t->text);
	types_free(t);
	return err;
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
	fprintf(t->out, "\tchar __pad%u[%u];\n", t->pads++, bytes);
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
	fputs("\t", t->out);
	err = btf_dump__emit_type_decl(t->dump, var->type, &opts);
	fputs(";\n", t->out);
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
	err = types_close(&t);
	return err ?: sec ? min(off, 0) : -ENOENT;
}

int lskel_layout(const struct lskel *s, u32 slot)
{
	const char *ident = s->l->trace->slots[slot].ident;
	const struct btf_type *sec;
	struct types t;
	int err = types_open(&t, s, to_out);

	if (err)
		return err == -ENOENT ? 0 : err;
	sec = find_section(&t, ident);
	for (u32 i = 0; sec && i < btf_vlen(sec); i++) {
		const struct btf_var_secinfo *v = &btf_var_secinfos(sec)[i];
		const struct btf_type *var = btf__type_by_id(t.btf, v->type);
		const char *name = btf__name_by_offset(t.btf, var->name_off);

		if (btf_var(var)->linkage != BTF_VAR_STATIC)
			fprintf(t.out,
				"typedef char %s__%s__%s_as_in_object[offsetof(struct %s__%s, %s) == %u &&\n"
				"\tsizeof(((struct %s__%s *)0)->%s) == %u ? 1 : -1];\n",
				s->name, ident, name, s->name, ident, name, v->offset, s->name,
				ident, name, v->size);
	}
	return types_close(&t);
}

/* --- definitions --- */

static int define(struct types *t, u32 id, u32 depth);

static int define_members(struct types *t, const struct btf_type *type, u32 depth)
{
	int err = 0;

	for (u32 i = 0; i < btf_vlen(type) && !err; i++)
		err = define(t, btf_members(type)[i].type, depth);
	return err;
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
	if (btf_is_typedef(type) && is_libc_type(name, strlen(name)))
		return 0;
	if (btf_is_composite(type) && !*name) /* is written out where it is used */
		return define_members(t, type, depth + 1);
	if (btf_is_composite(type) || btf_is_any_enum(type) || btf_is_typedef(type))
		return *name ? btf_dump__dump_type(t->dump, id) : 0;
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
	int err = types_open(&t, s, to_out), closed;

	if (err)
		return err == -ENOENT ? 0 : err;
	fprintf(s->out, "#ifdef %s__TYPES\n", s->name);
	for (u32 i = 0; i < trace->nr_slots && !err; i++) {
		const struct btf_type *sec =
			lskel_has_data(trace, i) ? find_section(&t, trace->slots[i].ident) : NULL;

		err = sec ? define_section(&t, sec) : 0;
	}
	closed = types_close(&t);
	fprintf(s->out, "#endif\n\n");
	return err ?: closed;
}
