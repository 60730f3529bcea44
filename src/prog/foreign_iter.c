/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * foreign_iter.c - iterators of another kernel, for verification only: which arguments their programs
 * get as objects that may be missing, or as buffers. Their types are those of the function in BTF.
 */
#include "prog/load.h"

#define PREFIX "bpf_iter_"
#define OBJECT (PTR_TO_BTF_ID | PTR_MAYBE_NULL)
#define BUFFER (PTR_TO_BUF | PTR_MAYBE_NULL)

/* Arguments are counted from 1; the first is the iteration itself. 6.1's targets. */
static const struct foreign_iter {
	const char *name;
	struct {
		u32 arg, type;
	} args[FOREIGN_ITER_ARGS];
} iters[] = {
	{"bpf_map", {{2, OBJECT}}},
	{"bpf_prog", {{2, OBJECT}}},
	{"bpf_link", {{2, OBJECT}}},
	{"bpf_map_elem", {{3, BUFFER | MEM_RDONLY}, {4, BUFFER}}},
	{"bpf_sk_storage_map", {{3, OBJECT}, {4, BUFFER}}},
	{"sockmap", {{3, BUFFER | MEM_RDONLY}, {4, OBJECT}}},
	{"cgroup", {{2, OBJECT}}},
	{"task", {{2, OBJECT}}},
	{"task_file", {{2, OBJECT}, {4, OBJECT}}},
	{"task_vma", {{2, OBJECT}, {3, OBJECT}}},
	{"ksym", {{2, OBJECT}}},
	{"ipv6_route", {{2, OBJECT}}},
	{"netlink", {{2, OBJECT}}},
	{"tcp", {{2, OBJECT}}},
	{"udp", {{2, OBJECT}}},
	{"unix", {{2, OBJECT}}},
};

static const struct foreign_iter *iter_of(const char *func)
{
	if (strncmp(func, PREFIX, strlen(PREFIX)))
		return NULL;
	for (u32 i = 0; i < ARRAY_SIZE(iters); i++)
		if (!strcmp(iters[i].name, func + strlen(PREFIX)))
			return &iters[i];
	return NULL;
}

/* The struct that argument @n points to; 0: none. */
static u32 struct_of(const struct btf *btf, const struct btf_type *proto, u32 n)
{
	const struct btf_type *t;
	u32 id = 0;

	if (n > btf_type_vlen(proto))
		return 0;
	t = btf_type_skip_modifiers(btf, btf_params(proto)[n - 1].type, NULL);
	if (!t || !btf_type_is_ptr(t))
		return 0;
	t = btf_type_skip_modifiers(btf, t->type, &id);
	return t && btf_type_is_struct(t) ? id : 0;
}

u32 foreign_iter_args(struct btf *btf, const char *func, const struct btf_type *proto,
		      struct vfy_ctx_arg *out)
{
	const struct foreign_iter *it = iter_of(func);
	u32 n = 0;

	for (u32 i = 0; it && i < FOREIGN_ITER_ARGS && it->args[i].arg; i++) {
		out[n] = (struct vfy_ctx_arg){
			.offset = (it->args[i].arg - 1) * 8,
			.reg_type = it->args[i].type,
			.btf = btf,
		};
		if (it->args[i].type == OBJECT)
			out[n].btf_id = struct_of(btf, proto, it->args[i].arg);
		if (it->args[i].type != OBJECT || out[n].btf_id)
			n++;
	}
	return n;
}
