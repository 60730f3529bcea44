/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <bpf/libbpf.h>

#include "cli/gen/elf.h"
#include "cli/gen/fake.h"
#include "cli/gen/object.h"
#include "cli/gen/types.h"

struct object {
	struct elf_obj elf;
	struct types types;
	struct bpf_object *obj;
	struct gen_trace *trace;
	struct log *log;
	/* maps whose size is the machine's business, by name; libbpf fills the sizes in */
	struct bpf_map *by_cpus[64];
	u32 nr_by_cpus;
};

/* --- what cannot be done --- */

static int check_map(struct object *o, struct bpf_map *m)
{
	if (bpf_map__pin_path(m)) {
		log_printf(
			o->log,
			"map %s is pinned by name, which a loader program cannot do; drop pinning "
			"and pin it after the load\n",
			bpf_map__name(m));
		return -EOPNOTSUPP;
	}
	if (bpf_map__type(m) == BPF_MAP_TYPE_STRUCT_OPS) {
		log_printf(
			o->log,
			"%s: struct_ops are laid out by the kernel that takes them; load the object "
			"with libbpf\n",
			bpf_map__name(m));
		return -EOPNOTSUPP;
	}
	if (bpf_map__type(m) == BPF_MAP_TYPE_PERF_EVENT_ARRAY && !bpf_map__max_entries(m)) {
		if (o->nr_by_cpus == ARRAY_SIZE(o->by_cpus))
			return -E2BIG;
		o->by_cpus[o->nr_by_cpus++] = m;
	}
	return 0;
}

static int check_program(struct object *o, struct bpf_program *p)
{
	enum bpf_prog_type type = bpf_program__type(p);

	if (!bpf_program__autoload(p) ||
	    (type != BPF_PROG_TYPE_EXT && type != BPF_PROG_TYPE_STRUCT_OPS))
		return 0;
	log_printf(
		o->log,
		"program %s (%s) is for something that must exist before the load; load the object "
		"with libbpf, or leave it out with SEC(\"?%s\")\n",
		bpf_program__name(p), bpf_program__section_name(p), bpf_program__section_name(p));
	return -EOPNOTSUPP;
}

static int check_object(struct object *o)
{
	struct bpf_program *p;
	struct bpf_map *m;
	int err = 0;

	bpf_object__for_each_map(m, o->obj)
	{
		err = err ?: check_map(o, m);
	}
	bpf_object__for_each_program(p, o->obj)
	{
		err = err ?: check_program(o, p);
	}
	return err;
}

/* --- CO-RE --- */

static const struct gen_seg *memory(const struct gen_call *c, u32 attr_off)
{
	for (u32 i = 0; i < c->nr_segs; i++)
		if (c->segs[i].ptr.seg == GEN_ATTR && c->segs[i].ptr.off == attr_off)
			return &c->segs[i];
	return NULL;
}

static int pass_relos(struct object *o, struct gen_call *c, struct bpf_core_relo *relos, u32 cnt)
{
	struct gen_place at = {GEN_ATTR, offsetof(union bpf_attr, core_relos)};
	int seg;

	if (!cnt)
		return 0;
	seg = gen_call_seg(c, at, NULL, relos, cnt * sizeof(*relos));
	if (seg < 0)
		return seg;
	c->attr.core_relo_cnt = cnt;
	c->attr.core_relo_rec_size = sizeof(*relos);
	c->attr_size = offsetofend(union bpf_attr, core_relo_rec_size);
	o->trace->core_relos = true;
	return 0;
}

static int add_core_relos(struct object *o, struct gen_call *c)
{
	const struct gen_seg *insns = memory(c, offsetof(union bpf_attr, insns)),
			     *funcs = memory(c, offsetof(union bpf_attr, func_info));
	struct elf_prog prog = {.insn_cnt = c->attr.insn_cnt, .nr_funcs = c->attr.func_info_cnt};
	struct bpf_core_relo *relos;
	u32 cnt;
	int err;

	if (!insns || !funcs || c->attr.func_info_rec_size != sizeof(struct bpf_func_info))
		return o->elf.core_relo_cnt ? -EINVAL : 0;
	prog.insns = insns->data;
	prog.funcs = funcs->data;
	err = elf_obj_core_relos(&o->elf, bpf_object__btf(o->obj), &prog, &relos, &cnt, o->log);
	if (err)
		return err;
	err = pass_relos(o, c, relos, cnt);
	free(relos);
	return err;
}

static int all_core_relos(struct object *o)
{
	int err = 0;

	for (u32 i = 0; i < o->trace->nr_slots && !err; i++)
		if (o->trace->slots[i].kind == GEN_PROG && o->trace->slots[i].exported)
			err = add_core_relos(o, &o->trace->calls[o->trace->slots[i].call]);
	return err;
}

/* --- names --- */

/* ".rodata" of "obj.rodata", "data_custom" of ".data.custom" */
static const char *data_ident(const struct bpf_map *m)
{
	const char *name = bpf_map__name(m), *dot = strchr(name, '.');

	if (!bpf_map__is_internal(m) || !dot)
		return NULL;
	return dot + 1;
}

static bool by_cpus(const struct object *o, const struct bpf_map *m)
{
	for (u32 i = 0; i < o->nr_by_cpus; i++)
		if (o->by_cpus[i] == m)
			return true;
	return false;
}

/* LINUX_KERNEL_VERSION is of the machine that loads; libbpf has put this one's there. */
static void find_version(struct object *o, struct gen_slot *s)
{
	const struct btf *btf = bpf_object__btf(o->obj);
	int id = btf ? btf__find_by_name_kind(btf, ".kconfig", BTF_KIND_DATASEC) : -1;
	const struct btf_type *sec = id > 0 ? btf__type_by_id(btf, id) : NULL;

	for (u32 i = 0; sec && i < btf_vlen(sec); i++) {
		const struct btf_var_secinfo *v = btf_var_secinfos(sec) + i;
		const struct btf_type *var = btf__type_by_id(btf, v->type);

		if (strcmp(btf__name_by_offset(btf, var->name_off), "LINUX_KERNEL_VERSION"))
			continue;
		s->version_off = v->offset;
		s->version_sz = v->size;
	}
}

static int name_map(struct object *o, struct bpf_map *m)
{
	enum bpf_map_type type = bpf_map__type(m);
	int slot = fake_slot(bpf_map__fd(m));
	struct gen_slot *s;

	if (slot < 0)
		return 0;
	s = &o->trace->slots[slot];
	s->exported = true;
	s->data = bpf_map__is_internal(m);
	s->mmapable = bpf_map__map_flags(m) & BPF_F_MMAPABLE;
	s->page_multiple = type == BPF_MAP_TYPE_RINGBUF || type == BPF_MAP_TYPE_USER_RINGBUF;
	s->cpus = by_cpus(o, m);
	if (s->data && strstr(bpf_map__name(m), ".kconfig"))
		find_version(o, s);
	return gen_slot_name(o->trace, slot, bpf_map__name(m), data_ident(m));
}

static int name_program(struct object *o, struct bpf_program *p)
{
	int slot = fake_slot(bpf_program__fd(p));

	if (slot < 0)
		return 0;
	o->trace->slots[slot].exported = true;
	o->trace->slots[slot].sec = strdup(bpf_program__section_name(p));
	if (!o->trace->slots[slot].sec)
		return -ENOMEM;
	return gen_slot_name(o->trace, slot, bpf_program__name(p), NULL);
}

static int keep_btf(struct object *o)
{
	const struct btf *btf = bpf_object__btf(o->obj);
	const void *raw = btf ? btf__raw_data(btf, &o->trace->btf_len) : NULL;

	if (!raw)
		return 0;
	o->trace->btf = malloc(o->trace->btf_len);
	if (!o->trace->btf)
		return -ENOMEM;
	memcpy(o->trace->btf, raw, o->trace->btf_len);
	return 0;
}

static int name_all(struct object *o)
{
	struct bpf_program *p;
	struct bpf_map *m;
	int err = keep_btf(o);

	bpf_object__for_each_map(m, o->obj)
	{
		err = err ?: name_map(o, m);
	}
	bpf_object__for_each_program(p, o->obj)
	{
		err = err ?: name_program(o, p);
	}
	return err;
}

/* --- */

static int load(struct object *o)
{
	int err = fake_begin(o->trace, &o->elf, &o->types, o->log);

	err = err ?: bpf_object__load(o->obj);
	err = err ?: name_all(o);
	err = err ?: all_core_relos(o);
	fake_end();
	return err ?: gen_trace_prune(o->trace);
}

static int record(struct object *o, const char *path, const char *name)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
	int err = elf_obj_open(&o->elf, path, o->log);

	if (err)
		return err;
	o->trace = gen_trace_new(name);
	if (!o->trace)
		return -ENOMEM;
	o->obj = bpf_object__open_mem(o->elf.image, o->elf.len, &opts);
	if (!o->obj)
		return -errno;
	return check_object(o) ?: types_make(&o->types, &o->elf, o->obj, o->log) ?: load(o);
}

int object_record(const char *path, const char *name, struct gen_trace **out, struct log *log)
{
	struct object o = {.log = log};
	int err = record(&o, path, name);

	bpf_object__close(o.obj);
	types_free(&o.types);
	elf_obj_close(&o.elf);
	if (err)
		gen_trace_free(o.trace);
	else
		*out = o.trace;
	return err;
}
