/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LSKEL_DATA_H
#define USERBPF_LSKEL_DATA_H
/*
 * lskel_data.h - what all files of the C skeleton look at: the skeleton being written, and which maps of its trace are the data of its structs.
 */
#include <stdio.h>
#include "gen/loader.h"

struct lskel {
	const struct gen_loader *l;
	const char *name;
	FILE *out;
	struct log *log;
};

static inline const union bpf_attr *lskel_attr(const struct gen_trace *t, u32 slot)
{
	return &t->calls[t->slots[slot].call].attr;
}

/* Mapped by open and load? */
static inline bool lskel_has_data(const struct gen_trace *t, u32 slot)
{
	return t->slots[slot].kind == GEN_MAP && t->slots[slot].exported && t->slots[slot].data &&
	       t->slots[slot].mmapable;
}

static inline u64 lskel_data_size(const struct gen_trace *t, u32 slot)
{
	const union bpf_attr *a = lskel_attr(t, slot);

	return round_up((u64)a->value_size, 8) * a->max_entries;
}

#endif
