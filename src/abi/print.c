/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>

#include "abi/print.h"
#include "abi/table.h"
#include "isa/disasm.h"

#define MAX_RANGES  24u
#define FEW_INSNS   4u
#define FEW_BYTES   32u
#define FEW_TEXT    160u
#define UNION_START 16u /* LINK_CREATE: from here on fields depend on the attach type */

/* One call being printed. Names in JSON are quoted, symbols too; numbers that say more in hex are strings. */
struct out {
	const struct abi_printer *p;
	const struct abi_visitor *v;
	void *arg;
	const struct abi_rec *rec;   /* or NULL: no fds known, nothing after */
	const union bpf_attr *after; /* or NULL */
	int cmd;
	bool comma;
	struct {
		const struct abi_field *f;
		u64 len;
		bool in;
	} ranges[MAX_RANGES];
	u32 nr_ranges;
};

static void put(struct out *o, const char *fmt, ...) __printf(2, 3);
static void put(struct out *o, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		o->p->write(o->p->arg, text, min((size_t)n, sizeof(text) - 1));
}

static void put_char(struct out *o, unsigned char c)
{
	if (c == '"' || c == '\\')
		put(o, "\\%c", c);
	else if (c == '\n')
		put(o, "\\n");
	else if (c == '\t')
		put(o, "\\t");
	else if (c < ' ' || c > '~')
		put(o, o->p->json ? "\\u%04x" : "\\x%02x", c);
	else
		put(o, "%c", c);
}

static void put_quoted(struct out *o, const char *s, size_t max)
{
	put(o, "\"");
	for (size_t i = 0; i < max && s[i]; i++)
		put_char(o, s[i]);
	put(o, "\"");
}

static void next(struct out *o)
{
	if (o->comma)
		put(o, ", ");
	o->comma = true;
}

static void put_name(struct out *o, const char *name)
{
	const char *member = strrchr(name, '.');

	next(o);
	put(o, o->p->json ? "\"%s\": " : "%s=", member ? member + 1 : name);
}

static void open_bracket(struct out *o, char c)
{
	put(o, "%c", c);
	o->comma = false;
}

static void close_bracket(struct out *o, char c)
{
	put(o, "%c", c);
	o->comma = true;
}

static void put_symbol(struct out *o, const char *text)
{
	put(o, o->p->json ? "\"%s\"" : "%s", text);
}

static void put_hex(struct out *o, u64 value)
{
	if (!value)
		put(o, "0");
	else
		put(o, o->p->json ? "\"%#llx\"" : "%#llx", value);
}

static void put_address(struct out *o, u64 value)
{
	if (value)
		put_hex(o, value);
	else
		put(o, o->p->json ? "null" : "NULL");
}

static void put_bytes(struct out *o, const u8 *bytes, u64 len, u64 total)
{
	u64 n = o->p->verbose ? len : min(len, (u64)FEW_BYTES);

	put(o, o->p->json ? "\"" : "[");
	for (u64 i = 0; i < n; i++)
		put(o, "%s%02x", i ? " " : "", bytes[i]);
	if (n < total)
		put(o, " ...%llu bytes", total);
	put(o, o->p->json ? "\"" : "]");
}

static void put_fd(struct out *o, int fd, const struct abi_rec_fd *info)
{
	const char *text = info && o->p->fd_text ? o->p->fd_text(o->p->fd_arg, info) : NULL;

	if (!o->p->json) {
		put(o, text ? "%d<%s>" : "%d", fd, text);
		return;
	}
	if (!text) {
		put(o, "%d", fd);
		return;
	}
	put(o, "{\"fd\": %d, \"is\": ", fd);
	put_quoted(o, text, strlen(text));
	put(o, "}");
}

/* --- memory behind pointers --- */

static int on_mem(void *arg, const struct abi_field *f, u64 uaddr, u64 len, bool in, bool out)
{
	struct out *o = arg;

	if (o->nr_ranges == MAX_RANGES)
		return 0;
	o->ranges[o->nr_ranges].f = f;
	o->ranges[o->nr_ranges].in = in;
	o->ranges[o->nr_ranges++].len = len;
	return 0;
}

/* The caller's visitor for what it knows, and ours for lengths. */
static int on_read(void *arg, void *dst, u64 uaddr, u64 len)
{
	struct out *o = arg;

	return o->v && o->v->read ? o->v->read(o->arg, dst, uaddr, len) : -EFAULT;
}

static int on_map_sizes(void *arg, int fd, u32 *key_size, u32 *value_size)
{
	struct out *o = arg;

	return o->v && o->v->map_sizes ? o->v->map_sizes(o->arg, fd, key_size, value_size)
				       : -EINVAL;
}

static u32 on_fd_kind(void *arg, int fd)
{
	struct out *o = arg;

	return o->v && o->v->fd_kind ? o->v->fd_kind(o->arg, fd) : 0;
}

static bool on_fd_values(void *arg, int fd)
{
	struct out *o = arg;

	return o->v && o->v->fd_values && o->v->fd_values(o->arg, fd);
}

static void measure(struct out *o, const struct abi_command *row, const union bpf_attr *attr)
{
	static const struct abi_visitor v = {
		.mem = on_mem, .read = on_read, .map_sizes = on_map_sizes, .fd_kind = on_fd_kind};

	abi_walk(row, attr, &v, o);
}

static u64 length_of(const struct out *o, const struct abi_field *f)
{
	for (u32 i = 0; i < o->nr_ranges; i++)
		if (o->ranges[i].f == f ||
		    (o->ranges[i].f->off == f->off && !strcmp(o->ranges[i].f->name, f->name)))
			return o->ranges[i].len;
	return 0;
}

/* Bytes at @uaddr: from the record, as they were after the call for what the command writes. */
static u32 bytes_at(const struct out *o, const struct abi_field *f, u64 uaddr, const void **data)
{
	bool out = f->kind == ABI_OUT || f->kind == ABI_INOUT;

	return o->rec ? abi_rec_mem(o->rec, uaddr, out, data) : 0;
}

static void put_text(struct out *o, u64 uaddr)
{
	char text[256];
	u32 n = 0;

	while (uaddr && n < sizeof(text) - 1 && !on_read(o, text + n, uaddr + n, 1) && text[n])
		n++;
	text[n] = 0;
	if (n)
		put_quoted(o, text, n);
	else
		put_address(o, uaddr);
}

static void put_log(struct out *o, const char *text, u32 len)
{
	u32 n = o->p->verbose || o->p->json ? len : min(len, FEW_TEXT);

	put_quoted(o, text, n);
	if (n < len && text[n] && !o->p->json)
		put(o, "...");
}

static void put_insns(struct out *o, u64 uaddr, u32 cnt)
{
	const void *data;
	u32 have = o->rec ? abi_rec_mem(o->rec, uaddr, false, &data) / sizeof(struct bpf_insn) : 0;
	u32 n = min(o->p->verbose || o->p->json ? cnt : min(cnt, FEW_INSNS), have);
	char line[160];

	if (!n) {
		put_address(o, uaddr);
		return;
	}
	open_bracket(o, '[');
	for (u32 i = 0; i < n; i++) {
		const struct bpf_insn *insn = (const struct bpf_insn *)data + i;
		bool wide = insn->code == (BPF_LD | BPF_IMM | BPF_DW);

		if (wide && i + 1 == have)
			break;
		disasm_str(line, sizeof(line), insn);
		if (i)
			put(o, o->p->json ? ", " : "; ");
		if (o->p->json)
			put_quoted(o, line, strlen(line));
		else
			put(o, "%s", line);
		i += wide;
	}
	if (n < cnt && !o->p->json)
		put(o, "; ...");
	close_bracket(o, ']');
}

static void put_fd_array(struct out *o, u64 uaddr, u64 len)
{
	const void *data;
	u32 have = o->rec ? abi_rec_mem(o->rec, uaddr, false, &data) : 0;

	len = min(len, (u64)have) / sizeof(int);
	if (!len) {
		put_address(o, uaddr);
		return;
	}
	open_bracket(o, '[');
	for (u64 i = 0; i < len; i++) {
		int fd;

		memcpy(&fd, (const char *)data + i * sizeof(fd), sizeof(fd));
		next(o);
		put_fd(o, fd, fd ? abi_rec_fd(o->rec, fd) : NULL);
	}
	close_bracket(o, ']');
}

static void put_field(struct out *o, const struct abi_field *f, const void *base,
		      const void *after);

static void put_info(struct out *o, const union bpf_attr *attr, u64 uaddr)
{
	const union bpf_attr *a = o->after ?: attr;
	const struct abi_field *fields;
	struct abi_field info = {.kind = ABI_INOUT};
	const void *data;
	u32 nr, have = bytes_at(o, &info, uaddr, &data), len = min(have, a->info.info_len);

	fields = abi_info_fields(on_fd_kind(o, attr->info.bpf_fd), &nr);
	if (!len || !fields || !o->rec || o->rec->ret < 0) {
		put_address(o, uaddr);
		return;
	}
	open_bracket(o, '{');
	for (u32 i = 0; i < nr && fields[i].off + fields[i].size <= len; i++)
		put_field(o, &fields[i], data, NULL);
	close_bracket(o, '}');
}

static bool is_log(const struct abi_field *f)
{
	return !strcmp(f->name, "log_buf") || !strcmp(f->name, "btf_log_buf");
}

static bool is_text(const struct out *o, const struct abi_field *f)
{
	return o->cmd == BPF_OBJ_GET_INFO_BY_FD &&
	       (!strcmp(f->name, "name") || !strcmp(f->name, "iter.target_name"));
}

static void put_memory(struct out *o, const struct abi_field *f, const union bpf_attr *attr,
		       u64 uaddr)
{
	u64 len = length_of(o, f);
	const void *data;
	int fd;
	u32 have = uaddr ? bytes_at(o, f, uaddr, &data) : 0;

	if (!have || !len)
		put_address(o, uaddr);
	else if (is_log(f) || is_text(o, f))
		put_log(o, data, min((u64)have, len));
	else if (f->kind == ABI_IN && have >= sizeof(fd) && !strcmp(f->name, "value") &&
		 on_fd_values(o, attr->map_fd)) {
		memcpy(&fd, data, sizeof(fd));
		put_fd(o, fd, abi_rec_fd(o->rec, fd));
	} else
		put_bytes(o, data, min((u64)have, len), len);
}

/* --- one field --- */

static void put_number(struct out *o, const struct abi_field *f, u64 value)
{
	char text[256];
	const char *name;

	switch (f->kind) {
	case ABI_FLAGS:
		if (abi_flag_names(o->cmd, f->name, value, text, sizeof(text)) && value)
			put_symbol(o, text);
		else if (value)
			put_hex(o, value);
		else if (abi_flag_names(o->cmd, f->name, 0, text, sizeof(text)) && text[0] != '0')
			put_symbol(o, text);
		else
			put(o, "0");
		break;
	case ABI_ENUM:
		name = abi_enum_name(f->name, value);
		if (name)
			put_symbol(o, name);
		else
			put(o, "%llu", value);
		break;
	default: put(o, "%llu", value);
	}
}

static void put_pointer(struct out *o, const struct abi_field *f, const union bpf_attr *attr,
			u64 value)
{
	switch (f->kind) {
	case ABI_STR:
	case ABI_PATH: put_text(o, value); break;
	case ABI_INSNS: put_insns(o, value, attr->insn_cnt); break;
	case ABI_FD_ARRAY: put_fd_array(o, value, length_of(o, f)); break;
	default:
		if (!strcmp(f->name, "info.info"))
			put_info(o, attr, value);
		else
			put_memory(o, f, attr, value);
	}
}

static u64 value_at(const void *base, const struct abi_field *f)
{
	return abi_field_value(base, f->off, f->size);
}

static void put_value(struct out *o, const struct abi_field *f, const void *base)
{
	u64 value = value_at(base, f);

	switch (f->kind) {
	case ABI_FD: put_fd(o, value, o->rec ? abi_rec_fd(o->rec, value) : NULL); break;
	case ABI_SCALAR:
	case ABI_FLAGS:
	case ABI_ENUM: put_number(o, f, value); break;
	default: put_pointer(o, f, base, value);
	}
}

/* @after: the same struct when the call had returned, or NULL. */
static void put_field(struct out *o, const struct abi_field *f, const void *base, const void *after)
{
	bool changed = after && f->size <= 8 && value_at(base, f) != value_at(after, f);

	put_name(o, f->name);
	if (f->kind == ABI_NAME) {
		put_quoted(o, (const char *)base + f->off, f->size);
		return;
	}
	if (f->size > 8 || f->len == LEN_FIXED) {
		put_bytes(o, (const u8 *)base + f->off, f->size, f->size);
		return;
	}
	if (changed && o->p->json)
		put(o, "{\"in\": ");
	put_value(o, f, base);
	if (!changed)
		return;
	put(o, o->p->json ? ", \"out\": " : " => ");
	put_value(o, f, after);
	if (o->p->json)
		put(o, "}");
}

/* Bytes that no field of the command covers. */
static void put_tail(struct out *o, u32 from, const u8 *bytes, u32 have, u32 size)
{
	bool any = false;

	for (u32 i = from; i < have; i++)
		any |= bytes[i];
	if (!any)
		return;
	if (o->p->json)
		put_name(o, "unknown");
	else
		next(o), put(o, "/* bytes %u..%u */ ", from, size - 1);
	put_bytes(o, bytes + from, have - from, size - from);
}

static u32 put_fields(struct out *o, const struct abi_field *f, u32 nr, const union bpf_attr *attr,
		      u32 size)
{
	u32 end = 0;

	for (u32 i = 0; i < nr && f[i].off < size; i++) {
		put_field(o, &f[i], attr, o->after);
		end = max(end, (u32)f[i].off + f[i].size);
	}
	return end;
}

/* PROG_LOAD's fields of later kernels, shown when they say something; -> where they end. */
static u32 put_later(struct out *o, const u8 *raw, u32 have, u32 end)
{
	static const struct abi_field later[] = {
		{"log_true_size", BPF_ATTR_LOG_TRUE_SIZE, 4, .kind = ABI_SCALAR},
		{"prog_token_fd", BPF_ATTR_PROG_TOKEN_FD, 4, .kind = ABI_SCALAR},
		{"fd_array_cnt", BPF_ATTR_FD_ARRAY_CNT, 4, .kind = ABI_SCALAR},
	};

	for (u32 i = 0; o->cmd == BPF_PROG_LOAD && i < ARRAY_SIZE(later); i++) {
		if (later[i].off + later[i].size > have)
			break;
		if (value_at(raw, &later[i]))
			put_field(o, &later[i], raw, NULL);
		end = later[i].off + later[i].size;
	}
	return end;
}

static void put_attr(struct out *o, const struct abi_command *row, const union bpf_attr *attr,
		     const u8 *raw, u32 have, u32 size)
{
	const struct abi_field *more;
	u32 nr_more, nr = row->nr_fields, end, more_end;

	more = abi_union_fields(o->cmd, attr, &nr_more);
	while (o->cmd == BPF_LINK_CREATE && nr && row->fields[nr - 1].off >= UNION_START)
		nr--;
	open_bracket(o, '{');
	end = put_fields(o, row->fields, nr, attr, size);
	more_end = put_fields(o, more, nr_more, attr, size);
	end = put_later(o, raw, have, max(end, more_end));
	put_tail(o, end, raw, have, size);
	close_bracket(o, '}');
}

static void print_call(struct out *o, const union bpf_attr *attr, const u8 *raw, u32 have, u32 size)
{
	const struct abi_command *row = abi_command(o->cmd);

	if (!row && o->p->json)
		put(o, "\"cmd\": %d, \"size\": %u", o->cmd, size);
	else if (!row)
		put(o, "bpf(%#x, ..., %u)", o->cmd, size);
	if (!row)
		return;
	measure(o, row, attr);
	put(o, o->p->json ? "\"cmd\": \"BPF_%s\", \"attr\": " : "bpf(BPF_%s, ", row->name);
	put_attr(o, row, attr, raw, have, size);
	put(o, o->p->json ? ", \"size\": %u" : ", %u)", size);
}

/* --- the functions of the headers --- */

struct buffer {
	char *buf;
	size_t len, at; /* at may run past len: the full length */
};

static void to_buffer(void *arg, const char *text, size_t len)
{
	struct buffer *b = arg;
	size_t room = b->at + 1 < b->len ? b->len - 1 - b->at : 0, n = min(room, len);

	memcpy(b->buf + (n ? b->at : 0), text, n);
	if (b->len)
		b->buf[min(b->at + n, b->len - 1)] = 0;
	b->at += len;
}

int abi_print(char *buf, size_t len, int cmd, const union bpf_attr *attr, u32 size,
	      const struct abi_visitor *v, void *arg)
{
	struct buffer b = {buf, len, 0};
	const struct abi_printer p = {.write = to_buffer, .arg = &b};
	struct out o = {.p = &p, .v = v, .arg = arg, .cmd = cmd};

	print_call(&o, attr, (const u8 *)attr, min(size, (u32)sizeof(*attr)), size);
	return b.at;
}

static void put_result(struct out *o, const struct abi_rec *rec)
{
	const struct abi_rec_fd *fd = abi_rec_result(rec);
	const char *name;

	put(o, o->p->json ? ", \"ret\": " : " = ");
	if (rec->ret >= 0 && fd) {
		put_fd(o, rec->ret, fd);
		return;
	}
	if (rec->ret >= 0 || o->p->json)
		put(o, "%lld", rec->ret >= 0 ? rec->ret : -1);
	if (rec->ret >= 0)
		return;
	name = abi_errno_name(-rec->ret);
	if (o->p->json)
		put(o, ", \"errno\": \"%s\"", name ?: "?");
	else
		put(o, "-1 %s (%s)", name ?: "?",
		    strerrordesc_np(-rec->ret) ?: "Operation not supported");
}

static void print_close(struct out *o, const struct abi_rec *rec)
{
	const struct abi_rec_part *p = abi_rec_next(rec, NULL);
	const struct abi_rec_fd *fd = p && p->kind == ABI_PART_FD ? abi_rec_data(p) : NULL;

	put(o, o->p->json ? "\"cmd\": \"close\", \"fd\": " : "close(");
	if (fd)
		put_fd(o, fd->fd, fd);
	if (!o->p->json)
		put(o, ")");
}

void abi_print_record(const struct abi_printer *p, const struct abi_rec *rec)
{
	struct abi_rec_memory in = {.rec = rec};
	const struct abi_rec_part *part = abi_rec_next(rec, NULL);
	struct out o = {.p = p, .v = &abi_rec_visitor, .arg = &in, .rec = rec, .cmd = rec->cmd};
	bool readable = part && part->kind == ABI_PART_ATTR;
	union bpf_attr attr, after;

	if (rec->kind == ABI_REC_CLOSE) {
		print_close(&o, rec);
		return;
	}
	abi_rec_attr(rec, &attr, false);
	abi_rec_attr(rec, &after, true);
	o.after = rec->ret >= 0 || rec->ret == -ENOSPC ? &after : NULL;
	print_call(&o, &attr, readable ? abi_rec_data(part) : (const void *)&attr,
		   readable ? part->len : 0, rec->attr_size);
	put_result(&o, rec);
}
