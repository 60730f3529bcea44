/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <bpf/btf.h>

#include "cli/gen/types.h"
#include "userbpf/view.h"

/* --- attach targets --- */

/* What an attach type calls its targets in the kernel's BTF. */
static const struct {
	enum bpf_attach_type attach;
	const char *prefix;
	u32 kind;
} targets[] = {
	{BPF_TRACE_FENTRY, "", BTF_KIND_FUNC},
	{BPF_TRACE_FEXIT, "", BTF_KIND_FUNC},
	{BPF_MODIFY_RETURN, "", BTF_KIND_FUNC},
	{BPF_TRACE_RAW_TP, "btf_trace_", BTF_KIND_TYPEDEF},
	{BPF_LSM_MAC, "bpf_lsm_", BTF_KIND_FUNC},
	{BPF_LSM_CGROUP, "bpf_lsm_", BTF_KIND_FUNC},
	{BPF_TRACE_ITER, "bpf_iter_", BTF_KIND_FUNC},
	{(enum bpf_attach_type)BPF_TRACE_VIEW, "bpf_view_", BTF_KIND_FUNC},
	{(enum bpf_attach_type)BPF_TRACE_VIEW_WRITE, "bpf_view_write_", BTF_KIND_FUNC},
};

static bool has_target(enum bpf_prog_type type)
{
	return type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM;
}

static int add_named(struct btf *btf, const char *name, u32 kind)
{
	int proto;

	if (btf__find_by_name_kind(btf, name, kind) > 0)
		return 0;
	proto = btf__add_func_proto(btf, 0);
	if (proto < 0)
		return proto;
	return kind == BTF_KIND_FUNC ? btf__add_func(btf, name, BTF_FUNC_STATIC, proto)
				     : btf__add_typedef(btf, name, proto);
}

static int add_target(struct types *t, struct bpf_program *p, struct log *log)
{
	enum bpf_attach_type attach = bpf_program__expected_attach_type(p);
	const char *sec = bpf_program__section_name(p), *target = strchr(sec, '/');
	char name[256];
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(targets) && err >= 0; i++) {
		if (targets[i].attach != attach)
			continue;
		if (!target || !target[1]) {
			log_printf(
				log,
				"program %s: SEC(\"%s\") names no target, and a loader has nobody to "
				"ask; name it there\n",
				bpf_program__name(p), sec);
			return -EINVAL;
		}
		snprintf(name, sizeof(name), "%s%s", targets[i].prefix, target + 1);
		err = add_named(t->btf, name, targets[i].kind);
	}
	return min(err, 0);
}

static int add_targets(struct types *t, struct bpf_object *obj, struct log *log)
{
	struct bpf_program *p;
	int err = 0;

	bpf_object__for_each_program(p, obj)
	{
		if (!err && bpf_program__autoload(p) && has_target(bpf_program__type(p)))
			err = add_target(t, p, log);
	}
	return err;
}

/* --- typeless symbols --- */

static bool is_void(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t)))
		t = btf__type_by_id(btf, t->type);
	return t && btf_is_void(t);
}

static int add_ksym(struct types *t, const char *name)
{
	char **n = realloc(t->ksyms, (t->nr_ksyms + 1) * sizeof(*n));

	if (!n)
		return -ENOMEM;
	t->ksyms = n;
	n[t->nr_ksyms] = strdup(name);
	return n[t->nr_ksyms++] ? 0 : -ENOMEM;
}

/* extern const void X __ksym */
static int add_ksyms(struct types *t, const struct btf *btf)
{
	int err = 0;

	for (u32 id = 1; id < btf__type_cnt(btf) && !err; id++) {
		const struct btf_type *v = btf__type_by_id(btf, id);

		if (btf_is_var(v) && btf_var(v)->linkage == BTF_VAR_GLOBAL_EXTERN &&
		    is_void(btf, v->type))
			err = add_ksym(t, btf__name_by_offset(btf, v->name_off));
	}
	return err;
}

/*
 * The object's own types go in whole, as the file has them (libbpf changes its copy): functions and variables
 * that it takes from the kernel are among them, with the very types that it expects.
 */
int types_make(struct types *t, const struct elf_obj *elf, struct bpf_object *obj, struct log *log)
{
	*t = (struct types){.btf = elf->btf ? btf__new(elf->btf, elf->btf_len) : btf__new_empty()};
	if (!t->btf)
		return -errno;
	return add_ksyms(t, t->btf) ?: add_targets(t, obj, log);
}

void types_free(struct types *t)
{
	for (u32 i = 0; i < t->nr_ksyms; i++)
		free(t->ksyms[i]);
	free(t->ksyms);
	btf__free(t->btf);
	*t = (struct types){0};
}
