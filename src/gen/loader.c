/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gen/layout.h"
#include "gen/lskel_rt.h" /* what runners know of the machine */

/* Where the value of a map of variables lies. */
static void find_value(struct gen_desc *d, const struct gen_layout *lay)
{
	const struct gen_trace *t = lay->trace;

	for (u32 i = 0; i < t->nr_calls; i++) {
		const struct gen_call *c = &t->calls[i];

		if (gen_value_slot(t, c) != (s32)d->slot)
			continue;
		for (u32 j = 0; j < c->nr_segs; j++)
			if (c->segs[j].ptr.off == offsetof(union bpf_attr, value)) {
				d->value_off = lay->seg_off[i][j];
				d->value_sz = c->segs[j].len;
			}
	}
}

static struct gen_desc make_desc(const struct gen_layout *lay, enum gen_obj_kind kind, u32 slot)
{
	const struct gen_trace *t = lay->trace;
	struct gen_desc d = {.kind = kind, .slot = slot, .ctx_off = lay->ctx_off[slot]};

	if (kind != GEN_MAP)
		return d;
	d.max_entries = t->calls[t->slots[slot].call].attr.max_entries;
	find_value(&d, lay);
	return d;
}

static int add_descs(struct gen_loader *l, const struct gen_layout *lay)
{
	static const enum gen_obj_kind order[] = {GEN_MAP, GEN_PROG, GEN_LINK};
	const struct gen_trace *t = lay->trace;

	l->descs = calloc(t->nr_slots ?: 1, sizeof(*l->descs));
	if (!l->descs)
		return -ENOMEM;
	for (u32 k = 0; k < ARRAY_SIZE(order); k++)
		for (u32 i = 0; i < t->nr_slots; i++) {
			if (t->slots[i].kind != order[k] || lay->ctx_off[i] < 0)
				continue;
			l->descs[l->nr_descs++] = make_desc(lay, order[k], i);
		}
	return 0;
}

static u32 needs_of(const struct gen_trace *t)
{
	u32 needs = t->core_relos ? GEN_NEEDS_CORE_RELOS : 0;

	for (u32 i = 0; i < t->nr_calls; i++) {
		const struct gen_call *c = &t->calls[i];

		if (c->cmd == BPF_LINK_CREATE || c->cmd == BPF_RAW_TRACEPOINT_OPEN)
			needs |= GEN_NEEDS_LINKS;
		if (c->cmd == BPF_MAP_DELETE_ELEM)
			needs |= GEN_NEEDS_DELETE;
		if (c->fd_array_cnt)
			needs |= GEN_NEEDS_FD_ARRAY_CNT;
		for (u32 j = 0; j < c->nr_refs; j++)
			if (c->refs[j].kind == GEN_REF_KSYM_ADDR)
				needs |= GEN_NEEDS_KSYMS;
	}
	return needs;
}

/* --- what results are about --- */

static const char *const kinds[] = {
	[GEN_MAP] = "map", [GEN_PROG] = "program", [GEN_LINK] = "link", [GEN_BTF] = "BTF"};

static int add_step(struct gen_loader *l, const char *fmt, ...) __printf(2, 3);
static int add_step(struct gen_loader *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&l->steps[l->nr_steps], fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	l->nr_steps++;
	return 0;
}

/* With the program that wants it first. */
static int add_name_step(struct gen_loader *l, const struct gen_name *n)
{
	s32 slot = l->trace->calls[n->before].slot;
	const char *what = !n->btf_kind			  ? "symbol"
			   : n->btf_kind == BTF_KIND_FUNC ? "kernel function"
			   : n->btf_kind == BTF_KIND_VAR  ? "kernel variable"
							  : "kernel type";

	if (slot < 0)
		return add_step(l, "%s %s", what, n->name);
	return add_step(l, "%s %s for %s %s", what, n->name, kinds[l->trace->slots[slot].kind],
			l->trace->slots[slot].name);
}

static int add_call_step(struct gen_loader *l, const struct gen_call *c)
{
	s32 about = c->slot >= 0 ? c->slot : gen_call_subject(c);
	const struct gen_slot *s = l->trace->slots + max(about, 0);

	if (about < 0)
		return add_step(l, "a call");
	if (c->slot < 0 && s->kind == GEN_MAP)
		return add_step(l, "contents of map %s", s->name);
	if (s->kind == GEN_BTF)
		return add_step(l, "BTF");
	return add_step(l, "%s %s", kinds[s->kind], s->name);
}

/* In the order of layout.c's results. */
static int add_steps(struct gen_loader *l, const struct gen_layout *lay)
{
	u32 name = 0;
	int err;

	l->steps = calloc(lay->nr_results, sizeof(*l->steps));
	if (!l->steps)
		return -ENOMEM;
	err = add_step(l, "%s", "");
	for (u32 i = 0; i < l->trace->nr_calls && !err; i++) {
		for (; name < lay->nr_names && lay->names[name].before == i && !err; name++)
			err = add_name_step(l, &lay->names[name]);
		err = err ?: add_call_step(l, &l->trace->calls[i]);
	}
	return err;
}

static int take(struct gen_loader *l, struct gen_layout *lay)
{
	int err = gen_emit(lay, &l->insns, &l->insn_cnt);

	err = err ?: gen_replay_make(lay, &l->replay) ?: add_descs(l, lay) ?: add_steps(l, lay);
	if (err)
		return err;
	l->data = lay->data;
	l->data_sz = lay->len;
	l->ctx_sz = lay->ctx_sz;
	l->needs = needs_of(lay->trace);
	l->patches = lay->patches;
	l->nr_patches = lay->nr_patches;
	lay->data = NULL;
	lay->patches = NULL;
	return 0;
}

int gen_loader_build(struct gen_trace *t, struct gen_loader **out, struct log *log)
{
	struct gen_loader *l = calloc(1, sizeof(*l));
	struct gen_layout lay;
	int err;

	if (!l)
		return -ENOMEM;
	l->trace = t;
	err = gen_layout(&lay, t, log) ?: take(l, &lay);
	gen_layout_free(&lay);
	if (err)
		gen_loader_free(l);
	else
		*out = l;
	return err;
}

void gen_loader_free(struct gen_loader *l)
{
	if (!l)
		return;
	if (l->owns_trace)
		gen_trace_free(l->trace);
	for (u32 i = 0; i < l->nr_steps; i++)
		free(l->steps[i]);
	free(l->steps);
	gen_replay_free(&l->replay);
	free(l->insns);
	free(l->data);
	free(l->patches);
	free(l->descs);
	free(l);
}

/* Newest first: what none has needs the kernel that began with loader programs. */
static const struct gen_need needs[] = {
	{GEN_NEEDS_FD_ARRAY_CNT, 6, 14, "its fd_array_cnt"},
	{GEN_NEEDS_DELETE, 6, 0, "the elements it deletes"},
	{GEN_NEEDS_LINKS, 5, 18, "the links it makes"},
	{GEN_NEEDS_CORE_RELOS, 5, 17, "its CO-RE relocations"},
	{GEN_NEEDS_KSYMS, 5, 16, "its kernel symbols without a type"},
	{0, 5, 15, "a loader program"},
};

const struct gen_need *gen_loader_needs(const struct gen_loader *l)
{
	const struct gen_need *n = needs;

	while (n->bit & ~l->needs)
		n++;
	return n;
}

/* --- running one --- */

static struct gen_map_desc *map_desc(const struct gen_loader *l, void *ctx, u32 i)
{
	return (void *)((char *)ctx + l->descs[i].ctx_off);
}

void gen_loader_ctx(const struct gen_loader *l, void *ctx)
{
	((struct gen_loader_ctx *)ctx)->sz = l->ctx_sz;
	for (u32 i = 0; i < l->nr_descs; i++) {
		const struct gen_slot *s = &l->trace->slots[l->descs[i].slot];
		struct gen_map_desc *d = map_desc(l, ctx, i);

		if (s->page_multiple)
			d->max_entries = userbpf_ring_size(l->descs[i].max_entries);
		if (s->cpus)
			d->max_entries = userbpf_entry_per_cpu();
	}
}

_Static_assert(sizeof(struct gen_patch) == sizeof(struct userbpf_patch), "one layout");

/* LINUX_KERNEL_VERSION is that of this machine; a value of the caller comes after it and has its own. */
static void set_versions(const struct gen_loader *l, char *value)
{
	for (u32 i = 0; i < l->nr_descs; i++) {
		const struct gen_desc *d = &l->descs[i];
		const struct gen_slot *s = &l->trace->slots[d->slot];

		if (d->kind == GEN_MAP && s->version_sz &&
		    s->version_off + s->version_sz <= d->value_sz)
			userbpf_set_version(value + d->value_off + s->version_off, s->version_sz);
	}
}

static int make_map_of(const struct gen_loader *l, gen_bpf_fn bpf, const char *value)
{
	union bpf_attr attr = {0};
	int fd, err;
	u32 key = 0;

	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = l->data_sz;
	attr.max_entries = 1;
	strcpy(attr.map_name, "__loader.map");
	fd = bpf(BPF_MAP_CREATE, &attr, offsetofend(union bpf_attr, map_extra));
	if (fd < 0)
		return fd;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = fd;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)value;
	err = bpf(BPF_MAP_UPDATE_ELEM, &attr, offsetofend(union bpf_attr, flags));
	if (err < 0) {
		close(fd);
		return err;
	}
	return fd;
}

static int make_map(const struct gen_loader *l, gen_bpf_fn bpf, const void *ctx)
{
	char *value = malloc(l->data_sz);
	int fd;

	if (!value)
		return -ENOMEM;
	memcpy(value, l->data, l->data_sz);
	set_versions(l, value);
	userbpf_patch_all(value, ctx, (const struct userbpf_patch *)l->patches, l->nr_patches);
	fd = make_map_of(l, bpf, value);
	free(value);
	return fd;
}

/* @ctx: whose log says why a loader is refused; NULL: none. */
static int load_prog(const struct gen_loader *l, gen_bpf_fn bpf, int map,
		     const struct gen_loader_ctx *ctx)
{
	union bpf_attr attr = {0};

	attr.prog_type = BPF_PROG_TYPE_SYSCALL;
	attr.prog_flags = BPF_F_SLEEPABLE;
	attr.insns = (uintptr_t)l->insns;
	attr.insn_cnt = l->insn_cnt;
	attr.license = (uintptr_t) "Dual BSD/GPL";
	attr.fd_array = (uintptr_t)&map;
	strcpy(attr.prog_name, "__loader.prog");
	if (ctx) {
		attr.log_level = ctx->log_level ?: 1;
		attr.log_size = ctx->log_size;
		attr.log_buf = ctx->log_buf;
	}
	return bpf(BPF_PROG_LOAD, &attr, offsetofend(union bpf_attr, fd_array));
}

static int run_prog(const struct gen_loader *l, gen_bpf_fn bpf, int prog, void *ctx)
{
	union bpf_attr attr = {0};
	int err;

	attr.test.prog_fd = prog;
	attr.test.ctx_in = (uintptr_t)ctx;
	attr.test.ctx_size_in = l->ctx_sz;
	err = bpf(BPF_PROG_TEST_RUN, &attr, offsetofend(union bpf_attr, test));
	return err < 0 ? err : min(0, (int)attr.test.retval);
}

/* Of a loader that failed with @err: why, of what it left in its map. */
static int why(const struct gen_loader *l, gen_bpf_fn bpf, int map, int err, const char **failed)
{
	char *value = malloc(l->data_sz);
	union bpf_attr attr = {0};
	size_t step = 0;
	u32 key = 0;
	int told;

	attr.map_fd = map;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)value;
	told = value ? bpf(BPF_MAP_LOOKUP_ELEM, &attr, offsetofend(union bpf_attr, flags))
		     : -ENOMEM;
	if (!told) {
		told = userbpf_first_error(value, l->nr_steps, &step);
		*failed = told ? l->steps[step] : NULL;
	}
	free(value);
	return told ?: err;
}

static void drop_fds(const struct gen_loader *l, void *ctx)
{
	for (u32 i = 0; i < l->nr_descs; i++)
		userbpf_drop_fd((char *)ctx + l->descs[i].ctx_off);
}

static int run_once(const struct gen_loader *l, gen_bpf_fn bpf, void *ctx, const char **failed)
{
	int map, prog, err;

	*failed = NULL;
	map = make_map(l, bpf, ctx);
	if (map < 0)
		return map;
	err = prog = load_prog(l, bpf, map, NULL);
	if (err < 0 && ((struct gen_loader_ctx *)ctx)->log_buf)
		err = prog = load_prog(l, bpf, map, ctx);
	if (prog >= 0) {
		err = run_prog(l, bpf, prog, ctx);
		close(prog);
		if (err) {
			drop_fds(l, ctx);
			err = why(l, bpf, map, err, failed);
		}
	}
	close(map);
	return err;
}

int gen_loader_run(const struct gen_loader *l, gen_bpf_fn bpf, void *ctx, const char **failed)
{
	const char *nobody;
	int err, tries = 0;

	do
		err = run_once(l, bpf, ctx, failed ?: &nobody);
	while (err == -EAGAIN && ++tries < USERBPF_TRIES);
	return err;
}
