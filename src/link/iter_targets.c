/* SPDX-License-Identifier: BSD-2-Clause */
/* iter_targets.c - what can be iterated, by name. */
#include "link/iter_target.h"

#define FUNC_PREFIX "bpf_iter_"

static const struct iter_target *const targets[] = {
#define ITER_TARGET(name) &iter_target_##name,
#include "link/iter_targets.def"
#undef ITER_TARGET
};

const struct iter_target *iter_target_at(u32 i)
{
	return i < ARRAY_SIZE(targets) ? targets[i] : NULL;
}

const struct iter_target *iter_target_by_func(const char *func)
{
	if (strncmp(func, FUNC_PREFIX, strlen(FUNC_PREFIX)))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
		if (!strcmp(func + strlen(FUNC_PREFIX), targets[i]->name))
			return targets[i];
	return NULL;
}

void iter_targets_init(struct btf *vmlinux)
{
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		for (u32 a = 0; a < targets[i]->nr_ctx_args; a++) {
			const char *type = targets[i]->ctx_types[a];
			s32 id = type ? btf_find_by_name_kind(vmlinux, type, BTF_KIND_STRUCT) : 0;

			targets[i]->ctx_args[a].btf_id = id > 0 ? id : 0;
		}
	}
}
