/* SPDX-License-Identifier: BSD-2-Clause */
/* names.c - types by name; in a kernel's BTF, which has many, by hash. */
#include <stdlib.h>
#include "btf/priv.h"

static u32 name_hash(const char *s)
{
	u32 h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (u8)*s) * 16777619u;
	return h ^ h >> 15;
}

int btf_hash_names(struct btf *btf)
{
	struct btf_priv *p = btf->priv;
	u32 size = 64, i;

	while (size < btf->nr_types)
		size *= 2;
	p->bucket = calloc(size, sizeof(u32));
	p->next = calloc(max(btf->nr_types, 1u), sizeof(u32));
	if (!p->bucket || !p->next)
		return -ENOMEM;
	p->mask = size - 1;
	/* from the end, so that each chain ascends and the lowest id is found first */
	for (i = btf->nr_types - 1; i > 0; i--) {
		u32 *b;

		if (!btf->types[i]->name_off)
			continue;
		b = &p->bucket[name_hash(btf_name_by_offset(btf, btf->types[i]->name_off)) &
			       p->mask];
		p->next[i] = *b;
		*b = i;
	}
	return 0;
}

static bool is_it(const struct btf *btf, const struct btf_type *t, const char *name, u8 kind)
{
	return btf_type_kind(t) == kind && !strcmp(btf_name_by_offset(btf, t->name_off), name);
}

s32 btf_find_by_name_kind(const struct btf *btf, const char *name, u8 kind)
{
	const struct btf_priv *p = btf->priv;
	u32 i;

	if (btf->base_btf) {
		s32 id = btf_find_by_name_kind(btf->base_btf, name, kind);

		if (id > 0)
			return id;
	}
	if (p && p->bucket && *name) {
		for (i = p->bucket[name_hash(name) & p->mask]; i; i = p->next[i])
			if (is_it(btf, btf->types[i], name, kind))
				return i;
		return -ENOENT;
	}
	for (i = btf->base_btf ? 0 : 1; i < btf->nr_types; i++)
		if (is_it(btf, btf->types[i], name, kind))
			return btf->start_id + i;
	return -ENOENT;
}
