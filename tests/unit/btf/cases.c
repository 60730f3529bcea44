/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "cases.h"

#define MAX_ARGS 8

static int case_fail(const char *file, int lineno, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, lineno, what);
	exit(2);
}

static void word(struct btf_case *c, u32 w)
{
	if (c->nr_words < CASE_MAX_WORDS)
		c->words[c->nr_words++] = w;
}

static u32 info(u32 kind, u32 kflag, u32 vlen)
{
	return kflag << 31 | kind << 24 | vlen;
}

/* "-" no name, "@N" a raw offset, else an entry of the string section */
static u32 name(struct btf_case *c, const char *s)
{
	u32 off = 1, len = strlen(s) + 1;

	if (!strcmp(s, "-"))
		return 0;
	if (*s == '@')
		return strtoul(s + 1, NULL, 0);
	for (; off < c->str_len; off += strlen(c->strings + off) + 1)
		if (!strcmp(c->strings + off, s))
			return off;
	if (c->str_len + len > sizeof(c->strings))
		abort();
	memcpy(c->strings + c->str_len, s, len);
	c->str_len += len;
	return off;
}

u32 case_string(struct btf_case *c, const char *s)
{
	return name(c, s);
}

static void record(struct btf_case *c, u32 name_off, u32 info_word, u32 last)
{
	c->open = c->nr_words;
	word(c, name_off);
	word(c, info_word);
	word(c, last);
}

static u32 num(const char *s)
{
	return s ? (u32)strtoll(s, NULL, 0) : 0;
}

static void item(struct btf_case *c, u32 a, u32 b, u32 d, int n)
{
	c->words[c->open + 1]++; /* vlen */
	word(c, a);
	word(c, b);
	if (n > 2)
		word(c, d);
}

/* Records "kind name kflag? ..." are spelled out here; the shape is how their words follow. */
enum shape { NAME_LAST, LAST, NAME_SIZE_KFLAG, NAME_KFLAG };
static const struct {
	const char *word;
	u32 kind;
	enum shape shape;
} simple[] = {
	{"ptr", BTF_KIND_PTR, LAST},
	{"const", BTF_KIND_CONST, LAST},
	{"volatile", BTF_KIND_VOLATILE, LAST},
	{"restrict", BTF_KIND_RESTRICT, LAST},
	{"proto", BTF_KIND_FUNC_PROTO, LAST},
	{"typedef", BTF_KIND_TYPEDEF, NAME_LAST},
	{"type_tag", BTF_KIND_TYPE_TAG, NAME_LAST},
	{"float", BTF_KIND_FLOAT, NAME_LAST},
	{"datasec", BTF_KIND_DATASEC, NAME_LAST},
	{"struct", BTF_KIND_STRUCT, NAME_SIZE_KFLAG},
	{"union", BTF_KIND_UNION, NAME_SIZE_KFLAG},
	{"enum", BTF_KIND_ENUM, NAME_SIZE_KFLAG},
	{"enum64", BTF_KIND_ENUM64, NAME_SIZE_KFLAG},
	{"fwd", BTF_KIND_FWD, NAME_KFLAG},
};

static bool simple_record(struct btf_case *c, char **a)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(simple); i++) {
		if (strcmp(a[0], simple[i].word))
			continue;
		switch (simple[i].shape) {
		case LAST: record(c, 0, info(simple[i].kind, 0, 0), num(a[1])); break;
		case NAME_LAST:
			record(c, name(c, a[1]), info(simple[i].kind, 0, 0), num(a[2]));
			break;
		case NAME_SIZE_KFLAG:
			record(c, name(c, a[1]), info(simple[i].kind, num(a[3]), 0), num(a[2]));
			break;
		case NAME_KFLAG:
			record(c, name(c, a[1]), info(simple[i].kind, num(a[2]), 0), 0);
			break;
		}
		return true;
	}
	return false;
}

static bool other_record(struct btf_case *c, char **a)
{
	if (!strcmp(a[0], "int")) { /* name size bits encoding offset */
		record(c, name(c, a[1]), info(BTF_KIND_INT, 0, 0), num(a[2]));
		word(c, num(a[4]) << 24 | num(a[5]) << 16 | num(a[3]));
	} else if (!strcmp(a[0], "array")) { /* elem index nelems */
		record(c, 0, info(BTF_KIND_ARRAY, 0, 0), 0);
		word(c, num(a[1]));
		word(c, num(a[2]));
		word(c, num(a[3]));
	} else if (!strcmp(a[0], "func")) { /* name proto linkage */
		record(c, name(c, a[1]), info(BTF_KIND_FUNC, 0, num(a[3])), num(a[2]));
	} else if (!strcmp(a[0], "var") ||
		   !strcmp(a[0], "decl_tag")) { /* name type linkage|component */
		record(c, name(c, a[1]),
		       info(a[0][0] == 'v' ? BTF_KIND_VAR : BTF_KIND_DECL_TAG, 0, 0), num(a[2]));
		word(c, num(a[3]));
	} else if (!strcmp(a[0], "record")) { /* name kind kflag vlen last */
		record(c, name(c, a[1]), info(num(a[2]), num(a[3]), num(a[4])), num(a[5]));
	} else if (!strcmp(a[0], "word")) {
		word(c, num(a[1]));
	} else {
		return false;
	}
	return true;
}

static bool item_line(struct btf_case *c, char **a)
{
	if (!strcmp(a[0], "member")) /* name type bit_offset */
		item(c, name(c, a[1]), num(a[2]), num(a[3]), 3);
	else if (!strcmp(a[0], "bits")) /* name type bitfield_size bit_offset */
		item(c, name(c, a[1]), num(a[2]), num(a[3]) << 24 | num(a[4]), 3);
	else if (!strcmp(a[0], "val")) /* name value */
		item(c, name(c, a[1]), num(a[2]), 0, 2);
	else if (!strcmp(a[0], "val64"))
		item(c, name(c, a[1]), (u32)strtoll(a[2], NULL, 0),
		     (u32)(strtoll(a[2], NULL, 0) >> 32), 3);
	else if (!strcmp(a[0], "arg")) /* name type */
		item(c, name(c, a[1]), num(a[2]), 0, 2);
	else if (!strcmp(a[0], "in")) /* var offset size */
		item(c, num(a[1]), num(a[2]), num(a[3]), 3);
	else
		return false;
	return true;
}

static void split(char *line, char **a)
{
	int n = 0;
	char *save, *tok;

	for (tok = strtok_r(line, " \t\n", &save); tok && n < MAX_ARGS;
	     tok = strtok_r(NULL, " \t\n", &save))
		a[n++] = tok;
	for (; n < MAX_ARGS; n++)
		a[n] = NULL;
}

static void case_line(const char *file, int lineno, struct btf_case *c, char *line)
{
	char *a[MAX_ARGS];

	split(line, a);
	if (!a[0])
		return;
	if (!strcmp(a[0], "hdr") && c->nr_hdr < ARRAY_SIZE(c->hdr)) {
		snprintf(c->hdr[c->nr_hdr].field, sizeof(c->hdr[0].field), "%s", a[1]);
		c->hdr[c->nr_hdr++].value = num(a[2]);
		return;
	}
	if (!strcmp(a[0], "target")) {
		c->local = malloc(sizeof(*c));
		*c->local = *c;
		c->nr_words = 0;
		c->str_len = 1;
		return;
	}
	if (!simple_record(c, a) && !other_record(c, a) && !item_line(c, a))
		case_fail(file, lineno, "unknown line");
}

bool case_read(void *f, const char *file, int *lineno, struct btf_case *c)
{
	struct case_action *act = NULL;
	char line[4096];
	long at;

	free(c->local);
	memset(c, 0, sizeof(*c));
	c->str_len = 1;
	for (at = ftell(f); fgets(line, sizeof(line), f); at = ftell(f)) {
		if (!strncmp(line, "== ", 3)) {
			if (c->lineno) {
				fseek(f, at, SEEK_SET);
				return true;
			}
			++*lineno;
			c->lineno = *lineno;
			snprintf(c->title, sizeof(c->title), "%.*s", (int)strcspn(line + 3, "\n"),
				 line + 3);
			continue;
		}
		++*lineno;
		if (!strncmp(line, "-> ", 3)) {
			if (c->nr_actions == CASE_MAX_ACTIONS)
				case_fail(file, *lineno, "too many actions");
			act = &c->actions[c->nr_actions++];
			act->lineno = *lineno;
			snprintf(act->line, sizeof(act->line), "%.*s", (int)strcspn(line + 3, "\n"),
				 line + 3);
		} else if (act) {
			if (strcmp(line, "\n") && strncmp(line, "# ", 2))
				snprintf(act->expect + strlen(act->expect),
					 sizeof(act->expect) - strlen(act->expect), "%s", line);
		} else if (*line != '#') {
			case_line(file, *lineno, c, line);
		}
	}
	return c->lineno;
}

u32 case_blob(const struct btf_case *c, u8 *buf, u32 room)
{
	static const struct {
		const char *field;
		u32 off, size;
	} fields[] = {
#define F(f) {#f, offsetof(struct btf_header, f), sizeof_field(struct btf_header, f)}
		F(magic),    F(version),  F(flags),   F(hdr_len),
		F(type_off), F(type_len), F(str_off), F(str_len),
	};
	struct btf_header h = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(h),
		.type_len = c->nr_words * 4,
		.str_off = c->nr_words * 4,
		.str_len = c->str_len,
	};
	u32 i, j, size = sizeof(h) + h.type_len + h.str_len;

	if (size > room)
		abort();
	for (i = 0; i < c->nr_hdr; i++) {
		for (j = 0; j < ARRAY_SIZE(fields); j++)
			if (!strcmp(fields[j].field, c->hdr[i].field))
				memcpy((u8 *)&h + fields[j].off, &c->hdr[i].value, fields[j].size);
		if (!strcmp(c->hdr[i].field, "size"))
			size = c->hdr[i].value;
	}
	memset(buf, 0, room);
	memcpy(buf, &h, sizeof(h));
	memcpy(buf + sizeof(h), c->words, c->nr_words * 4);
	memcpy(buf + sizeof(h) + c->nr_words * 4, c->strings, c->str_len);
	return size;
}

int case_errno(const char *s)
{
	static const struct {
		const char *name;
		int err;
	} names[] = {
		{"ok", 0},	     {"EINVAL", -EINVAL}, {"E2BIG", -E2BIG},
		{"EEXIST", -EEXIST}, {"ELOOP", -ELOOP},	  {"ENOTSUPP", -ENOTSUPP},
		{"EACCES", -EACCES}, {"EFAULT", -EFAULT}, {"ENOENT", -ENOENT},
		{"ENOSPC", -ENOSPC}, {"ERANGE", -ERANGE}, {"EOPNOTSUPP", -EOPNOTSUPP},
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i].name, s))
			return names[i].err;
	return case_fail("errno", 0, s);
}
