/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>

#include "abi/table.h"

struct out {
	char *buf;
	size_t len,
		at; /* at may run past len; snprintf's return value then tells the full length */
	const struct abi_visitor *v;
	void *arg;
};

static void put(struct out *o, const char *fmt, ...) __printf(2, 3);
static void put(struct out *o, const char *fmt, ...)
{
	size_t room = o->at < o->len ? o->len - o->at : 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room ? o->buf + o->at : NULL, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		o->at += n;
}

static const char *const map_types[] = {
#define MAP_TYPE(x) [BPF_MAP_TYPE_##x] = "BPF_MAP_TYPE_" #x,
#define PROG_TYPE(x)
#define ATTACH_TYPE(x)
#include "abi/names.def"
#undef MAP_TYPE
#undef PROG_TYPE
};
static const char *const prog_types[] = {
#define MAP_TYPE(x)
#define PROG_TYPE(x) [BPF_PROG_TYPE_##x] = "BPF_PROG_TYPE_" #x,
#include "abi/names.def"
#undef PROG_TYPE
#undef ATTACH_TYPE
};
static const char *const attach_types[] = {
#define PROG_TYPE(x)
#define ATTACH_TYPE(x) [BPF_##x] = "BPF_" #x,
#include "abi/names.def"
};

static const struct {
	const char *field;
	const char *const *names;
	u32 nr;
} enums[] = {
	{"map_type", map_types, ARRAY_SIZE(map_types)},
	{"prog_type", prog_types, ARRAY_SIZE(prog_types)},
	{"attach_type", attach_types, ARRAY_SIZE(attach_types)},
};

static const char *enum_name(const char *member, u64 value)
{
	size_t len = strlen(member);

	for (u32 i = 0; i < ARRAY_SIZE(enums); i++) {
		size_t n = strlen(enums[i].field);

		if (len >= n && !strcmp(member + len - n, enums[i].field))
			return value < enums[i].nr ? enums[i].names[value] : NULL;
	}
	return NULL;
}

static void put_quoted(struct out *o, const char *s, size_t max)
{
	put(o, "\"");
	for (size_t i = 0; i < max && s[i]; i++) {
		unsigned char c = s[i];

		if (c == '"' || c == '\\')
			put(o, "\\%c", c);
		else if (c < ' ' || c > '~')
			put(o, "\\x%02x", c);
		else
			put(o, "%c", c);
	}
	put(o, "\"");
}

static void put_text(struct out *o, u64 uaddr)
{
	char text[128];
	u32 n = 0;

	while (uaddr && n < sizeof(text) - 1 && o->v && o->v->read &&
	       o->v->read(o->arg, text + n, uaddr + n, 1) == 0 && text[n])
		n++;
	text[n] = 0;
	if (n)
		put_quoted(o, text, n);
	else if (uaddr)
		put(o, "%#llx", uaddr);
	else
		put(o, "NULL");
}

static void put_field(struct out *o, const struct abi_field *f, const union bpf_attr *attr)
{
	const char *member = strrchr(f->name, '.'), *name;
	u64 value;

	put(o, "%s=", member ? member + 1 : f->name);
	if (f->kind == ABI_NAME) {
		put_quoted(o, (const char *)attr + f->off, f->size);
		return;
	}
	value = abi_field_value(attr, f->off, f->size);
	switch (f->kind) {
	case ABI_FLAGS: put(o, value ? "%#llx" : "%llu", value); break;
	case ABI_ENUM:
		name = enum_name(f->name, value);
		if (name)
			put(o, "%s", name);
		else
			put(o, "%llu", value);
		break;
	case ABI_FD: put(o, "%d", (int)value); break;
	case ABI_STR:
	case ABI_PATH: put_text(o, value); break;
	case ABI_SCALAR: put(o, "%llu", value); break;
	default:
		if (value)
			put(o, "%#llx", value);
		else
			put(o, "NULL");
	}
}

int abi_print(char *buf, size_t len, int cmd, const union bpf_attr *attr, u32 size,
	      const struct abi_visitor *v, void *arg)
{
	struct out o = {.buf = buf, .len = len, .v = v, .arg = arg};
	const struct abi_command *row = abi_command(cmd);
	const char *sep = "";

	if (!row) {
		put(&o, "bpf(%#x, ..., %u)", cmd, size);
		return o.at;
	}
	put(&o, "bpf(BPF_%s, {", row->name);
	for (u32 i = 0; i < row->nr_fields && row->fields[i].off < size; i++) {
		put(&o, "%s", sep);
		put_field(&o, &row->fields[i], attr);
		sep = ", ";
	}
	put(&o, "}, %u)", size);
	return o.at;
}
