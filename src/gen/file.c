/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.c - a loader in a file.
 *
 *   header | instructions | map value, without the zeros at its end | objects | patches | steps | texts | BTF
 *
 * Everything but the instructions and the value is little endian; those are of the machines the
 * loader is for, as the header's flag says. Each section follows the one before, 8-aligned. Nothing read is
 * believed: sizes are checked against the file, numbers against what they index.
 */
#include <ctype.h>
#include <endian.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gen/layout.h"

#define MAGIC	    "UBPFLDR"
#define VERSION	    3
#define MAX_FILE    (1u << 29)
#define MAX_OBJECTS 16384
#define MAX_PATCHES 131072
#define MAX_STEPS   262144
#define MAX_INSNS   1000000
#define MAX_VALUE   (1u << 28)
#define MAX_CTX	    32768

#define FLAG_BIG_ENDIAN 1u

struct header {
	char magic[8];
	u32 version;
	u32 flags;
	u32 needs;
	u32 insn_cnt;
	u32 data_sz;	 /* of the map's value */
	u32 data_stored; /* bytes of it in the file */
	u32 ctx_sz;
	u32 nr_objects;
	u32 texts_sz;
	u32 btf_sz;
	u32 name; /* of the object, in texts */
	u32 nr_patches;
	u32 nr_steps; /* of each its text; as many results has the value */
	u32 pad;
};

#define OBJ_MMAPABLE 1u
#define OBJ_DATA     2u
#define OBJ_PAGES    4u
#define OBJ_CPUS     8u

struct object {
	u32 kind;
	u32 flags;
	u32 ctx_off;
	u32 max_entries;
	u32 value_off, value_sz;
	u32 version_off, version_sz;
	u32 name, ident, sec; /* in texts; sec 0: none */
	u32 pad;
};

#define NR_HEADER_U32 ((sizeof(struct header) - 8) / 4)
#define NR_OBJECT_U32 (sizeof(struct object) / 4)
#define NR_PATCH_U32  (sizeof(struct gen_patch) / 4)

/* Little endian and back. */
static void swap_u32(void *p, u32 nr)
{
	u32 *v = p;

	for (u32 i = 0; i < nr; i++)
		v[i] = htole32(v[i]);
}

/* --- writing --- */

struct texts {
	char *buf;
	u32 len, cap;
	int err;
};

/* Offset of a copy of @s; 0 is the empty text. */
static u32 add_text(struct texts *t, const char *s)
{
	u32 len = s ? strlen(s) + 1 : 1, off = t->len;

	if (t->len && len == 1)
		return 0;
	if (t->len + len > t->cap) {
		u32 cap = max(t->cap * 2, t->len + len);
		char *n = realloc(t->buf, cap);

		if (!n) {
			t->err = -ENOMEM;
			return 0;
		}
		t->buf = n;
		t->cap = cap;
	}
	memcpy(t->buf + off, s ?: "", len);
	t->len += len;
	return off;
}

static struct object make_object(const struct gen_loader *l, u32 i, struct texts *t)
{
	const struct gen_desc *d = &l->descs[i];
	const struct gen_slot *s = &l->trace->slots[d->slot];

	return (struct object){
		.kind = d->kind,
		.flags = (s->mmapable ? OBJ_MMAPABLE : 0) | (s->data ? OBJ_DATA : 0) |
			 (s->page_multiple ? OBJ_PAGES : 0) | (s->cpus ? OBJ_CPUS : 0),
		.ctx_off = d->ctx_off,
		.max_entries = d->max_entries,
		.value_off = d->value_off,
		.value_sz = d->value_sz,
		.version_off = s->version_off,
		.version_sz = s->version_sz,
		.name = add_text(t, s->name),
		.ident = add_text(t, s->ident),
		.sec = add_text(t, s->sec),
	};
}

static int put(int fd, const void *data, size_t len)
{
	static const char zeros[8];
	const char *p = data;
	size_t left = len, pad = round_up(len, 8ul) - len;

	while (left) {
		ssize_t n = write(fd, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		left -= n;
	}
	return pad ? put(fd, zeros, 0) ?: (write(fd, zeros, pad) == (ssize_t)pad ? 0 : -EIO) : 0;
}

static u32 without_zeros(const struct gen_loader *l)
{
	const char *p = l->data;
	u32 n = l->data_sz;

	while (n && !p[n - 1])
		n--;
	return n;
}

static int write_patches(const struct gen_loader *l, int fd)
{
	size_t len = l->nr_patches * sizeof(*l->patches);
	struct gen_patch *p = malloc(len ?: 1);
	int err;

	if (!p)
		return -ENOMEM;
	memcpy(p, l->patches, len);
	swap_u32(p, l->nr_patches * NR_PATCH_U32);
	err = put(fd, p, len);
	free(p);
	return err;
}

static int write_all(const struct gen_loader *l, int fd, struct object *objs, u32 *steps,
		     struct texts *t)
{
	struct header h = {
		.magic = MAGIC,
		.version = VERSION,
		.flags = l->trace->big_endian ? FLAG_BIG_ENDIAN : 0,
		.needs = l->needs,
		.insn_cnt = l->insn_cnt,
		.data_sz = l->data_sz,
		.data_stored = without_zeros(l),
		.ctx_sz = l->ctx_sz,
		.nr_objects = l->nr_descs,
		.btf_sz = l->trace->btf_len,
		.nr_patches = l->nr_patches,
		.nr_steps = l->nr_steps,
	};

	add_text(t, "");
	h.name = add_text(t, l->trace->name);
	for (u32 i = 0; i < l->nr_descs; i++)
		objs[i] = make_object(l, i, t);
	for (u32 i = 0; i < l->nr_steps; i++)
		steps[i] = add_text(t, l->steps[i]);
	h.texts_sz = t->len;
	if (t->err)
		return t->err;
	swap_u32(objs, l->nr_descs * NR_OBJECT_U32);
	swap_u32(steps, l->nr_steps);
	swap_u32(&h.version, NR_HEADER_U32);
	return put(fd, &h, sizeof(h))
		       ?: put(fd, l->insns, l->insn_cnt * sizeof(*l->insns))
		       ?: put(fd, l->data, without_zeros(l))
		       ?: put(fd, objs, l->nr_descs * sizeof(*objs))
		       ?: write_patches(l, fd)
		       ?: put(fd, steps, l->nr_steps * sizeof(*steps))
		       ?: put(fd, t->buf, t->len)
		       ?: put(fd, l->trace->btf, l->trace->btf_len);
}

int gen_loader_write(const struct gen_loader *l, int fd)
{
	struct object *objs = calloc(l->nr_descs ?: 1, sizeof(*objs));
	u32 *steps = calloc(l->nr_steps ?: 1, sizeof(*steps));
	struct texts t = {0};
	int err = objs && steps ? write_all(l, fd, objs, steps, &t) : -ENOMEM;

	free(objs);
	free(steps);
	free(t.buf);
	return err;
}

/* --- reading --- */

struct reader {
	const char *file;
	u64 len, at;
	struct header h;
	const struct object *objs;
	const char *texts;
	struct log *log;
	u32 ctx_end; /* of what has its place in the context so far */
};

static int bad(struct reader *r, const char *what)
{
	log_printf(r->log, "not a loader file that can be used: %s\n", what);
	return -EINVAL;
}

static const void *take(struct reader *r, u64 len)
{
	const char *p = r->file + r->at;

	if (len > r->len - r->at)
		return NULL;
	r->at = min(r->at + round_up(len, 8ull), r->len);
	return p;
}

static int read_header(struct reader *r)
{
	const struct header *h = take(r, sizeof(*h));

	if (!h || memcmp(h->magic, MAGIC, sizeof(h->magic)))
		return bad(r, "it does not begin as one");
	r->h = *h;
	swap_u32(&r->h.version, NR_HEADER_U32);
	h = &r->h;
	if (h->version != VERSION)
		return bad(r, "its version is not 3; generate it anew");
	if (h->flags != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? FLAG_BIG_ENDIAN : 0))
		return bad(r, "it is for machines of the other byte order");
	if (!h->insn_cnt || h->insn_cnt > MAX_INSNS || !h->data_sz || h->data_sz > MAX_VALUE ||
	    h->data_stored > h->data_sz || h->ctx_sz < sizeof(struct gen_loader_ctx) ||
	    h->ctx_sz > MAX_CTX || h->nr_objects > MAX_OBJECTS || h->nr_patches > MAX_PATCHES ||
	    h->nr_steps > MAX_STEPS || h->nr_steps > h->data_sz / 8)
		return bad(r, "its sizes are impossible");
	return 0;
}

static const char *text(struct reader *r, u32 off)
{
	return off < r->h.texts_sz ? r->texts + off : NULL;
}

/* Of letters, digits and underscores: it becomes part of a path. */
static bool is_ident(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n && !s[n];
}

/* It is printed. */
static bool is_printable(const char *s)
{
	while (*s && !iscntrl((unsigned char)*s))
		s++;
	return !*s;
}

static int read_desc(struct reader *r, struct gen_loader *l, u32 i)
{
	static const u32 sizes[] = {
		[GEN_MAP] = sizeof(struct gen_map_desc), [GEN_PROG] = 4, [GEN_LINK] = 4};
	struct gen_slot *s = &l->trace->slots[i];
	const char *name, *ident, *sec;
	struct object o = r->objs[i];

	swap_u32(&o, NR_OBJECT_U32);
	name = text(r, o.name);
	ident = text(r, o.ident);
	sec = text(r, o.sec);
	if (o.kind >= ARRAY_SIZE(sizes) || !name || !ident || !sec || !is_ident(ident) ||
	    !is_printable(name))
		return bad(r, "an object in it has no name");
	if (o.kind != GEN_MAP && (o.flags || o.value_sz))
		return bad(r, "an object in it that is no map has a value");
	if (o.ctx_off % 4 || o.ctx_off < max(r->ctx_end, (u32)sizeof(struct gen_loader_ctx)) ||
	    o.ctx_off > r->h.ctx_sz - sizes[o.kind] || (o.kind == GEN_MAP && o.ctx_off % 8))
		return bad(r, "an object in it is outside of the context");
	if (o.value_sz > l->data_sz || o.value_off > l->data_sz - o.value_sz || o.version_sz % 4 ||
	    o.version_sz > min(o.value_sz, 8u) || o.version_off > o.value_sz - o.version_sz)
		return bad(r, "a value in it is outside of its data");
	r->ctx_end = o.ctx_off + sizes[o.kind];
	l->descs[i] = (struct gen_desc){.kind = o.kind,
					.slot = i,
					.ctx_off = o.ctx_off,
					.max_entries = o.max_entries,
					.value_off = o.value_off,
					.value_sz = o.value_sz};
	*s = (struct gen_slot){
		.kind = o.kind,
		.exported = true,
		.mmapable = o.flags & OBJ_MMAPABLE,
		.data = o.flags & OBJ_DATA,
		.page_multiple = o.flags & OBJ_PAGES,
		.cpus = o.flags & OBJ_CPUS,
		.version_off = o.version_off,
		.version_sz = o.version_sz,
		.name = strdup(name),
		.ident = strdup(ident),
		.sec = *sec ? strdup(sec) : NULL,
	};
	l->trace->nr_slots++;
	return s->name && s->ident && (!*sec || s->sec) ? 0 : -ENOMEM;
}

static void *copy(const void *from, u64 len, u64 room)
{
	char *p = calloc(1, room ?: 1);

	return p ? memcpy(p, from, len) : NULL;
}

static int read_descs(struct reader *r, struct gen_loader *l)
{
	int err = 0;

	l->descs = calloc(r->h.nr_objects ?: 1, sizeof(*l->descs));
	l->trace->slots = calloc(r->h.nr_objects ?: 1, sizeof(*l->trace->slots));
	if (!l->descs || !l->trace->slots)
		return -ENOMEM;
	l->nr_descs = r->h.nr_objects;
	for (u32 i = 0; i < l->nr_descs && !err; i++)
		err = read_desc(r, l, i);
	return err;
}

/* An address of the context: a map's initial value, which for .kconfig is a copy of ours (loader.c). */
static bool is_address(const struct gen_loader *l, const struct gen_patch *p)
{
	for (u32 i = 0; i < l->nr_descs; i++) {
		const struct gen_desc *d = &l->descs[i];

		if (d->kind == GEN_MAP &&
		    p->from == d->ctx_off + offsetof(struct gen_map_desc, initial_value))
			return !l->trace->slots[d->slot].version_sz || p->len <= d->value_sz;
	}
	return false;
}

static int read_patches(struct reader *r, struct gen_loader *l, const void *patches)
{
	l->patches = copy(patches, r->h.nr_patches * sizeof(*l->patches),
			  r->h.nr_patches * sizeof(*l->patches));
	if (!l->patches)
		return -ENOMEM;
	l->nr_patches = r->h.nr_patches;
	swap_u32(l->patches, l->nr_patches * NR_PATCH_U32);
	for (u32 i = 0; i < l->nr_patches; i++) {
		const struct gen_patch *p = &l->patches[i];

		if (p->indirect > 1 || (!p->indirect && p->len != 4 && p->len != 8) ||
		    p->from > l->ctx_sz - (p->indirect ? 8 : p->len) || p->len > l->data_sz ||
		    p->to > l->data_sz - p->len || (p->indirect && !is_address(l, p)))
			return bad(r, "what the caller may say has no place in it");
	}
	return 0;
}

static int read_steps(struct reader *r, struct gen_loader *l, const u32 *steps)
{
	l->steps = calloc(r->h.nr_steps ?: 1, sizeof(*l->steps));
	if (!l->steps)
		return -ENOMEM;
	for (u32 i = 0; i < r->h.nr_steps; i++) {
		const char *s = text(r, le32toh(steps[i]));

		if (!s || !is_printable(s))
			return bad(r, "a step in it has no name");
		l->steps[i] = strdup(s);
		if (!l->steps[i])
			return -ENOMEM;
		l->nr_steps++;
	}
	return 0;
}

static int read_sections(struct reader *r, struct gen_loader *l)
{
	const struct header *h = &r->h;
	u64 insns_sz = (u64)h->insn_cnt * sizeof(*l->insns);
	const void *insns = take(r, insns_sz), *data = take(r, h->data_stored), *patches, *steps,
		   *btf;

	r->objs = take(r, (u64)h->nr_objects * sizeof(*r->objs));
	patches = take(r, (u64)h->nr_patches * sizeof(struct gen_patch));
	steps = take(r, (u64)h->nr_steps * sizeof(u32));
	r->texts = take(r, h->texts_sz);
	btf = take(r, h->btf_sz);
	if (!insns || !data || !r->objs || !patches || !steps || !r->texts || !btf)
		return bad(r, "it is cut off");
	if (!h->texts_sz || r->texts[0] || r->texts[h->texts_sz - 1] || !text(r, h->name))
		return bad(r, "its texts do not end");
	l->insn_cnt = h->insn_cnt;
	l->data_sz = h->data_sz;
	l->ctx_sz = h->ctx_sz;
	l->needs = h->needs;
	l->insns = copy(insns, insns_sz, insns_sz);
	l->data = copy(data, h->data_stored, h->data_sz);
	l->trace = gen_trace_new(text(r, h->name));
	l->owns_trace = true;
	if (!l->insns || !l->data || !l->trace)
		return -ENOMEM;
	l->trace->core_relos = h->needs & GEN_NEEDS_CORE_RELOS;
	l->trace->btf_len = h->btf_sz;
	l->trace->btf = h->btf_sz ? copy(btf, h->btf_sz, h->btf_sz) : NULL;
	if (h->btf_sz && !l->trace->btf)
		return -ENOMEM;
	return read_descs(r, l) ?: read_patches(r, l, patches) ?: read_steps(r, l, steps);
}

static int read_file(int fd, char **file, u64 *len)
{
	struct stat st;
	ssize_t n = 0;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size > MAX_FILE)
		return -EFBIG;
	*file = malloc(st.st_size + 1);
	if (!*file)
		return -ENOMEM;
	for (*len = 0; *len < st.st_size; *len += n) {
		n = pread(fd, *file + *len, st.st_size - *len, *len);
		if (n <= 0)
			break;
	}
	return n < 0 ? -errno : 0;
}

int gen_loader_read(int fd, struct gen_loader **out, struct log *log)
{
	struct gen_loader *l = calloc(1, sizeof(*l));
	struct reader r = {.log = log};
	char *file = NULL;
	int err = l ? read_file(fd, &file, &r.len) : -ENOMEM;

	r.file = file;
	err = err ?: read_header(&r) ?: read_sections(&r, l);
	free(file);
	if (err)
		gen_loader_free(l);
	else
		*out = l;
	return err;
}
