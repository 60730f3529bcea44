/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include "gen/lskel.h"
#include "gen/lskel_attach.h"
#include "gen/lskel_types.h"

#define MAX_ZEROS 512

extern const char lskel_rt_text[];   /* lskel_rt.h, which every skeleton carries */
extern const char lskel_usdt_text[]; /* lskel_usdt.h */

static void emit(const struct lskel *s, const char *fmt, ...) __printf(2, 3);

/* printf() in which every '@' is the skeleton's name. */
static void emit(const struct lskel *s, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (const char *p = text; *p; p++)
		if (*p == '@')
			fputs(s->name, s->out);
		else
			fputc(*p, s->out);
}

/* Descriptors of one kind, in the context's order. */
#define for_each_desc(s, kind_, d)                                                                \
	for (const struct gen_desc *d = (s)->l->descs; d < (s)->l->descs + (s)->l->nr_descs; d++) \
		if (d->kind == (kind_))

static const struct gen_slot *slot_of(const struct lskel *s, const struct gen_desc *d)
{
	return &s->l->trace->slots[d->slot];
}

static u32 count(const struct lskel *s, enum gen_obj_kind kind)
{
	u32 n = 0;

	for_each_desc(s, kind, d)
		n++;
	return n;
}

static bool attaches(const struct lskel *s, const struct gen_desc *d, char *expr, size_t len)
{
	return lskel_attach_expr(s->l->trace, d->slot, expr, len);
}

/* A program that the loader attached has its link there already, of the same name. */
static bool needs_link(const struct lskel *s, const struct gen_desc *prog)
{
	char expr[512];

	for_each_desc(s, GEN_LINK, d)
		if (!strcmp(slot_of(s, d)->ident, slot_of(s, prog)->ident))
			return false;
	return attaches(s, prog, expr, sizeof(expr));
}

static bool has_more_links(const struct lskel *s, const struct gen_desc *prog)
{
	return needs_link(s, prog) && lskel_is_usdt(s->l->trace, prog->slot);
}

static bool any_link(const struct lskel *s)
{
	char expr[512];

	for_each_desc(s, GEN_PROG, d)
		if (attaches(s, d, expr, sizeof(expr)))
			return true;
	return count(s, GEN_LINK);
}

/* Nobody changes it after the load. */
static bool is_constant(const struct lskel *s, const struct gen_desc *d)
{
	const struct gen_trace *t = s->l->trace;

	for (u32 i = 0; i < t->nr_calls; i++)
		if (t->calls[i].cmd == BPF_MAP_FREEZE &&
		    gen_call_subject(&t->calls[i]) == (s32)d->slot)
			return lskel_attr(t, d->slot)->map_flags & BPF_F_RDONLY_PROG;
	return false;
}

/* --- the struct --- */

static int emit_section(const struct lskel *s, const struct gen_desc *d)
{
	const char *ident = slot_of(s, d)->ident;
	int err;

	emit(s, "struct @__%s {\n", ident);
	err = lskel_section(s, d->slot);
	if (err == -ENOENT) { /* no variables are known: bytes */
		emit(s, "\tchar bytes[%u];\n", lskel_attr(s->l->trace, d->slot)->value_size);
		err = 0;
	}
	emit(s, "};\n");
	return err ?: lskel_layout(s, d->slot);
}

/* Not inside the skeleton's struct, where C++ would give them other names. */
static int emit_sections(const struct lskel *s)
{
	int err = 0;

	for_each_desc(s, GEN_MAP, d)
		if (!err && lskel_has_data(s->l->trace, d->slot))
			err = emit_section(s, d);
	return err;
}

static void emit_links(const struct lskel *s)
{
	if (!any_link(s))
		return;
	emit(s, "\tstruct {\n");
	for_each_desc(s, GEN_LINK, d)
		emit(s, "\t\tint %s_fd;\n", slot_of(s, d)->ident);
	for_each_desc(s, GEN_PROG, d)
		if (needs_link(s, d))
			emit(s, "\t\tint %s_fd;\n", slot_of(s, d)->ident);
	for_each_desc(s, GEN_PROG, d)
		if (has_more_links(s, d))
			emit(s, "\t\tint %s_more[USERBPF_USDT_PLACES - 1];\n",
			     slot_of(s, d)->ident);
	emit(s, "\t} links;\n");
}

static void emit_struct(const struct lskel *s)
{
	emit(s, "struct @ {\n\tstruct userbpf_loader_ctx ctx;\n");
	if (count(s, GEN_MAP)) {
		emit(s, "\tstruct {\n");
		for_each_desc(s, GEN_MAP, d)
			emit(s, "\t\tstruct userbpf_map_desc %s;\n", slot_of(s, d)->ident);
		emit(s, "\t} maps;\n");
	}
	if (count(s, GEN_PROG)) {
		emit(s, "\tstruct {\n");
		for_each_desc(s, GEN_PROG, d)
			emit(s, "\t\tstruct userbpf_prog_desc %s;\n", slot_of(s, d)->ident);
		emit(s, "\t} progs;\n");
	}
	emit_links(s);
	for_each_desc(s, GEN_MAP, d)
		if (lskel_has_data(s->l->trace, d->slot))
			emit(s, "\tstruct @__%s *%s;\n", slot_of(s, d)->ident,
			     slot_of(s, d)->ident);
	emit(s,
	     "\tconst char *failed; /* of a load that failed: what it was about, \"map x\"; NULL: the loader itself */\n"
	     "\tint loaded;\n};\n\n");
}

/* What the loader program believes of the struct, checked where it is compiled. */
static void emit_asserts(const struct lskel *s)
{
	static const char *const members[] = {
		[GEN_MAP] = "maps", [GEN_PROG] = "progs", [GEN_LINK] = "links"};

	for (u32 i = 0; i < s->l->nr_descs; i++) {
		const struct gen_desc *d = &s->l->descs[i];

		if (i && d[-1].kind == d->kind)
			continue;
		emit(s, "typedef char @__%s_are_at_%u[offsetof(struct @, %s) == %u ? 1 : -1];\n",
		     members[d->kind], d->ctx_off, members[d->kind], d->ctx_off);
	}
}

/* --- bytes --- */

static void emit_bytes(const struct lskel *s, const char *indent, const void *bytes, size_t len)
{
	const u8 *b = bytes;
	size_t column = 0;

	for (size_t i = 0; i < len; i++) {
		if (!column)
			column = fprintf(s->out, "%s\"", indent);
		column += fprintf(s->out, "\\%o", b[i]);
		if (column > 96) {
			fputs("\"\n", s->out);
			column = 0;
		}
	}
	if (column)
		fputs("\"\n", s->out);
	if (!len)
		fprintf(s->out, "%s\"\"\n", indent);
}

/* The value a data map starts with: what the trace stores in it. */
static const struct gen_seg *initial_value(const struct lskel *s, u32 slot)
{
	const struct gen_trace *t = s->l->trace;

	for (u32 i = 0; i < t->nr_calls; i++) {
		const struct gen_call *c = &t->calls[i];
		bool same = false;

		if (c->cmd != BPF_MAP_UPDATE_ELEM)
			continue;
		for (u32 j = 0; j < c->nr_refs; j++)
			same |= c->refs[j].kind == GEN_REF_FD && c->refs[j].slot == slot &&
				c->refs[j].at.seg == GEN_ATTR;
		for (u32 j = 0; same && j < c->nr_segs; j++)
			if (c->segs[j].ptr.seg == GEN_ATTR &&
			    c->segs[j].ptr.off == offsetof(union bpf_attr, value))
				return &c->segs[j];
	}
	return NULL;
}

static size_t used_bytes(const char *data, size_t len)
{
	while (len && !data[len - 1])
		len--;
	return len;
}

static void emit_patches(const struct lskel *s)
{
	emit(s, "static inline const struct userbpf_patch *@__patches(size_t *nr)\n{\n");
	emit(s, "\tstatic const struct userbpf_patch patches[] = {\n");
	for (u32 i = 0; i < s->l->nr_patches; i++) {
		const struct gen_patch *p = &s->l->patches[i];

		emit(s, "\t\t{%u, %u, %u, %u},\n", p->to, p->from, p->len, p->indirect);
	}
	emit(s, "\t\t{0, 0, 0, 0},\n\t};\n\n\t*nr = %u;\n\treturn patches;\n}\n\n",
	     s->l->nr_patches);
}

/* A text of each, one behind the other. */
static void emit_steps(const struct lskel *s)
{
	emit(s, "static inline const char *@__steps(void)\n{\n\treturn\n");
	for (u32 i = 0; i < s->l->nr_steps; i++)
		emit_bytes(s, "\t\t", s->l->steps[i], strlen(s->l->steps[i]) + 1);
	emit(s, "\t\t\"\";\n}\n\n");
}

/* Tables of a loader without names; of one with, none. */
static void emit_calls(const struct lskel *s)
{
	const struct gen_replay *r = &s->l->replay;

	emit(s, "static inline void @__calls(struct userbpf_loader *l)\n{\n");
	if (!r->calls) {
		emit(s, "\tl->calls = NULL;\n}\n\n");
		return;
	}
	emit(s, "\tstatic const struct userbpf_call calls[] = {\n");
	for (u32 i = 0; i < r->nr_calls; i++) {
		const struct gen_replay_call *c = &r->calls[i];

		emit(s, "\t\t{%u, %u, %u, %u, %u, %u, %u, %u},\n", c->cmd, c->attr, c->size,
		     c->result, c->ctx, c->nr_fds, c->nr_types, c->flags);
	}
	emit(s, "\t\t{0, 0, 0, 0, 0, 0, 0, 0},\n\t};\n\tstatic const __u32 places[] = {");
	for (u32 i = 0; i < r->nr_places; i++)
		emit(s, "%s%u,", i % 16 ? " " : "\n\t\t", r->places[i]);
	emit(s,
	     "\n\t\t0,\n\t};\n\n\tl->calls = calls;\n\tl->nr_calls = %u;\n"
	     "\tl->places = places;\n\tl->nr_pointers = %u;\n}\n\n",
	     r->nr_calls, r->nr_pointers);
}

/* Few zeros at the end are better written out, where a process need not copy all to add them. */
static void emit_blobs(const struct lskel *s)
{
	size_t used = used_bytes(s->l->data, s->l->data_sz);
	size_t data_sz = s->l->data_sz - used <= MAX_ZEROS ? s->l->data_sz : used;

	emit(s, "static inline const void *@__data(size_t *size)\n{\n");
	emit(s, "\tstatic const char data[] __attribute__((aligned(8))) =\n");
	emit_bytes(s, "\t\t", s->l->data, data_sz);
	emit(s, "\t\t;\n\n\t*size = sizeof(data) - 1;\n\treturn data;\n}\n\n");
	emit(s, "static inline const void *@__insns(size_t *size)\n{\n");
	emit(s, "\tstatic const char insns[] __attribute__((aligned(8))) =\n");
	emit_bytes(s, "\t\t", s->l->insns, s->l->insn_cnt * sizeof(struct bpf_insn));
	emit(s, "\t\t;\n\n\t*size = sizeof(insns) - 1;\n\treturn insns;\n}\n\n");
}

/* --- attach, detach --- */

static void emit_attach_prog(const struct lskel *s, const struct gen_desc *d)
{
	const char *ident = slot_of(s, d)->ident;
	char expr[512];

	if (!attaches(s, d, expr, sizeof(expr)))
		return;
	if (slot_of(s, d)->sec)
		emit(s, "/* SEC(\"%s\") */\n", slot_of(s, d)->sec);
	emit(s,
	     "static inline int @__attach_%s(struct @ *skel, const struct userbpf_attach_opts *opts)\n"
	     "{\n"
	     "\tint prog_fd = skel->progs.%s.prog_fd;\n"
	     "\tint fd = !userbpf_opts_ok(opts, opts ? opts->sz : 0) ? -EINVAL : prog_fd > 0 ? %s : -EBADF;\n\n"
	     "\tif (fd < 0) {\n\t\terrno = -fd;\n\t\treturn fd;\n\t}\n"
	     "\tif (skel->links.%s_fd > 0)\n\t\tclose(skel->links.%s_fd);\n"
	     "\tskel->links.%s_fd = fd;\n"
	     "\treturn fd;\n"
	     "}\n\n",
	     ident, ident, expr, ident, ident, ident);
	emit(s,
	     "static inline int @__%s__attach(struct @ *skel)\n"
	     "{\n\treturn @__attach_%s(skel, NULL);\n}\n\n",
	     ident, ident);
}

static void emit_detach(const struct lskel *s)
{
	emit(s, "static inline void @__detach(struct @ *skel)\n{\n");
	for_each_desc(s, GEN_LINK, d)
		emit(s, "\tuserbpf_close(&skel->links.%s_fd);\n", slot_of(s, d)->ident);
	for_each_desc(s, GEN_PROG, d)
		if (needs_link(s, d))
			emit(s, "\tuserbpf_close(&skel->links.%s_fd);\n", slot_of(s, d)->ident);
	for_each_desc(s, GEN_PROG, d)
		if (has_more_links(s, d))
			emit(s, "\tuserbpf_usdt_close(skel->links.%s_more);\n",
			     slot_of(s, d)->ident);
	if (!any_link(s))
		emit(s, "\t(void)skel;\n");
	emit(s, "}\n\n");
}

/* Those that are attached by hand before stay as they are, also when a later one fails. */
static void emit_attach(const struct lskel *s)
{
	u32 nr = 0;

	for_each_desc(s, GEN_PROG, d)
		nr += lskel_autoattach(s->l->trace, d->slot);
	emit(s,
	     "/* Every program whose SEC() says where. On failure nothing that this call attached stays attached. */\n"
	     "static inline int @__attach(struct @ *skel)\n{\n");
	if (!nr) {
		emit(s, "\t(void)skel;\n\treturn 0;\n}\n\n");
		return;
	}
	emit(s, "\tint *made[%u], nr = 0, err = 0;\n\n", nr);
	for_each_desc(s, GEN_PROG, d) {
		const char *ident = slot_of(s, d)->ident;

		if (!lskel_autoattach(s->l->trace, d->slot))
			continue;
		emit(s,
		     "\tif (err >= 0 && skel->links.%s_fd <= 0) {\n"
		     "\t\terr = @__attach_%s(skel, NULL);\n"
		     "\t\tmade[nr++] = &skel->links.%s_fd;\n\t}\n",
		     ident, ident, ident);
	}
	emit(s, "\tif (err >= 0)\n\t\treturn 0;\n"
		"\twhile (nr)\n\t\tuserbpf_close(made[--nr]);\n");
	for_each_desc(s, GEN_PROG, d)
		if (has_more_links(s, d))
			emit(s,
			     "\tif (!skel->links.%s_fd)\n\t\tuserbpf_usdt_close(skel->links.%s_more);\n",
			     slot_of(s, d)->ident, slot_of(s, d)->ident);
	emit(s, "\terrno = -err;\n\treturn err;\n}\n\n");
}

/* --- open, load, destroy --- */

/* One piece of memory has the skeleton and, each on pages of its own, the variables. */
static void emit_size(const struct lskel *s)
{
	emit(s, "static inline size_t @__size(void)\n{\n\treturn userbpf_pages(sizeof(struct @))");
	for_each_desc(s, GEN_MAP, d)
		if (lskel_has_data(s->l->trace, d->slot))
			emit(s, " + userbpf_pages(%llu)", lskel_data_size(s->l->trace, d->slot));
	emit(s, ";\n}\n\n");
}

static void emit_destroy(const struct lskel *s)
{
	emit(s, "static inline void @__destroy(struct @ *skel)\n{\n"
		"\tif (!skel)\n\t\treturn;\n\t@__detach(skel);\n");
	for_each_desc(s, GEN_PROG, d)
		emit(s, "\tuserbpf_close(&skel->progs.%s.prog_fd);\n", slot_of(s, d)->ident);
	for_each_desc(s, GEN_MAP, d)
		emit(s, "\tuserbpf_close(&skel->maps.%s.map_fd);\n", slot_of(s, d)->ident);
	emit(s, "\tmunmap(skel, @__size());\n}\n\n");
}

static void emit_open_data(const struct lskel *s, const struct gen_desc *d)
{
	const struct gen_seg *seg = initial_value(s, d->slot);
	const char *ident = slot_of(s, d)->ident;
	size_t len = seg ? used_bytes(seg->data, seg->len) : 0;

	emit(s, "\tskel->%s = (struct @__%s *)at;\n", ident, ident);
	emit(s, "\tat += userbpf_pages(%llu);\n", lskel_data_size(s->l->trace, d->slot));
	if (len) {
		emit(s, "\t{\n\t\tstatic const char init[] =\n");
		emit_bytes(s, "\t\t\t", seg->data, len);
		emit(s, "\t\t\t;\n\n\t\tmemcpy(skel->%s, init, %zu);\n\t}\n", ident, len);
	}
	if (slot_of(s, d)->version_sz)
		emit(s, "\tuserbpf_set_version((char *)skel->%s + %u, %u);\n", ident,
		     slot_of(s, d)->version_off, slot_of(s, d)->version_sz);
	emit(s, "\tskel->maps.%s.initial_value = userbpf_ptr(skel->%s);\n", ident, ident);
}

static void emit_open(const struct lskel *s)
{
	bool data = false;

	for_each_desc(s, GEN_MAP, d)
		data |= lskel_has_data(s->l->trace, d->slot);
	emit(s,
	     "/* NULL and errno when there is no memory, or opts->sz is not set. */\n"
	     "static inline struct @ *@__open_opts(const struct userbpf_open_opts *opts)\n{\n"
	     "\tstruct @ *skel;\n%s\n"
	     "\tif (!userbpf_opts_ok(opts, opts ? opts->sz : 0)) {\n\t\terrno = EINVAL;\n\t\treturn NULL;\n\t}\n"
	     "\tskel = (struct @ *)userbpf_memory(@__size());\n"
	     "\tif (!skel)\n\t\treturn NULL;\n",
	     data ? "\tchar *at;\n" : "");
	if (data)
		emit(s, "\tat = (char *)skel + userbpf_pages(sizeof(*skel));\n");
	emit(s,
	     "\tskel->ctx.sz = %u;\n"
	     "\tif (opts && opts->sz >= sizeof(*opts)) {\n"
	     "\t\tskel->ctx.log_level = opts->log_level;\n"
	     "\t\tskel->ctx.log_size = opts->log_size;\n"
	     "\t\tskel->ctx.log_buf = userbpf_ptr(opts->log_buf);\n\t}\n",
	     s->l->ctx_sz);
	for_each_desc(s, GEN_MAP, d) {
		const struct gen_slot *slot = slot_of(s, d);

		if (slot->page_multiple)
			emit(s, "\tskel->maps.%s.max_entries = userbpf_ring_size(%u);\n",
			     slot->ident, d->max_entries);
		if (slot->cpus)
			emit(s, "\tskel->maps.%s.max_entries = userbpf_entry_per_cpu();\n",
			     slot->ident);
		if (lskel_has_data(s->l->trace, d->slot))
			emit_open_data(s, d);
	}
	emit(s, "\treturn skel;\n}\n\n");
	emit(s, "static inline struct @ *@__open(void)\n{\n\treturn @__open_opts(NULL);\n}\n\n");
}

static void emit_load(const struct lskel *s)
{
	emit(s,
	     "/* 0 or negative errno, which is in errno, too. */\n"
	     "static inline int @__load(struct @ *skel)\n{\n"
	     "\tstruct userbpf_loader loader;\n"
	     "\tint err;\n\n"
	     "\tif (skel->loaded) { /* a second load would lose the fds of the first */\n"
	     "\t\terrno = EALREADY;\n\t\treturn -EALREADY;\n\t}\n"
	     "\tloader.data = @__data(&loader.data_sz);\n"
	     "\tloader.value_sz = %u;\n"
	     "\tloader.insns = @__insns(&loader.insns_sz);\n"
	     "\tloader.patches = @__patches(&loader.nr_patches);\n"
	     "\tloader.nr_results = %u;\n"
	     "\tloader.steps = @__steps();\n"
	     "\tloader.nr_maps = %u;\n"
	     "\tloader.nr_fds = %u;\n"
	     "\t@__calls(&loader);\n"
	     "\terr = userbpf_load(&skel->ctx, &loader, &skel->failed);\n"
	     "\tskel->loaded = !err;\n",
	     s->l->data_sz, s->l->nr_steps, count(s, GEN_MAP),
	     count(s, GEN_PROG) + count(s, GEN_LINK));
	for_each_desc(s, GEN_MAP, d) {
		const char *ident = slot_of(s, d)->ident;

		if (!lskel_has_data(s->l->trace, d->slot))
			continue;
		if (!initial_value(s, d->slot))
			emit(s,
			     "\tif (!err)\n\t\terr = userbpf_data_fill(skel->%s, %u, skel->maps.%s.map_fd);\n",
			     ident, lskel_attr(s->l->trace, d->slot)->value_size, ident);
		emit(s,
		     "\tif (!err)\n\t\terr = userbpf_data_map(skel->%s, %llu, %s, skel->maps.%s.map_fd);\n",
		     ident, lskel_data_size(s->l->trace, d->slot),
		     is_constant(s, d) ? "true" : "false", ident);
	}
	emit(s, "\tif (err)\n\t\terrno = -err;\n\treturn err;\n}\n\n");
	emit(s, "static inline struct @ *@__open_and_load(void)\n{\n"
		"\tstruct @ *skel = @__open();\n\tint err;\n\n"
		"\tif (!skel)\n\t\treturn NULL;\n"
		"\terr = @__load(skel);\n\tif (!err)\n\t\treturn skel;\n"
		"\t@__destroy(skel);\n\terrno = -err;\n\treturn NULL;\n}\n\n");
}

/* --- */

static void emit_head(const struct lskel *s)
{
	const struct gen_need *needs = gen_loader_needs(s->l);

	emit(s, "/* THIS FILE IS GENERATED (userbpf %s, light skeleton of %s). */\n",
	     USERBPF_VERSION, s->l->trace->name);
	emit(s,
	     "/* Needs Linux %u.%u or later, or userbpf. With structs among the variables: include the header that defines them first, or define\n"
	     "   @__TYPES. */\n",
	     needs->major, needs->minor);
	emit(s, "#ifndef USERBPF_LSKEL_@_H\n#define USERBPF_LSKEL_@_H\n\n");
	fputs(lskel_rt_text, s->out);
	for_each_desc(s, GEN_PROG, d)
		if (has_more_links(s, d)) {
			fputs(lskel_usdt_text, s->out);
			break;
		}
	fputs("\n#if defined(__GNUC__)\n#pragma GCC diagnostic push\n"
	      "#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n#endif\n\n",
	      s->out);
}

int gen_lskel_c(const struct gen_loader *l, const char *name, FILE *out, struct log *log)
{
	const struct lskel s = {.l = l, .name = name, .out = out, .log = log};
	int err;

	emit_head(&s);
	err = lskel_types(&s);
	err = err ?: emit_sections(&s);
	if (err) {
		log_printf(log, "%s: the types of its variables make no C: %s\n", l->trace->name,
			   strerror(-err));
		return err;
	}
	emit_struct(&s);
	emit_asserts(&s);
	fputc('\n', out);
	for_each_desc(&s, GEN_PROG, d)
		emit_attach_prog(&s, d);
	emit_detach(&s);
	emit_attach(&s);
	emit_size(&s);
	emit_destroy(&s);
	emit_open(&s);
	emit_blobs(&s);
	emit_steps(&s);
	emit_patches(&s);
	emit_calls(&s);
	emit_load(&s);
	fputs("#if defined(__GNUC__)\n#pragma GCC diagnostic pop\n#endif\n\n", out);
	emit(&s, "#endif\n");
	return ferror(out) ? -EIO : 0;
}
