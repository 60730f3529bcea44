/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LSKEL_PRIV_H
#define USERBPF_LSKEL_PRIV_H
/*
 * lskel_priv.h - between the files of the C skeleton: lskel.c (the skeleton's functions), lskel_attach.c (what SEC() says about
 * attaching), lskel_types.c (variables of data sections as C structs). lskel_rt.h is the text every skeleton carries.
 */
#include <stdio.h>
#include "gen/lskel.h"

struct lskel {
	const struct gen_loader *l;
	const char *name;
	FILE *out;
	struct log *log;
};

extern const char lskel_rt_text[];

/* lskel_attach.c */
/* The expression that attaches program @slot, of prog_fd and opts; false when programs of its kind have no link. */
bool lskel_attach_expr(const struct gen_trace *t, u32 slot, char *buf, size_t len);
/* NAME__attach() does it: SEC() names the whole target. */
bool lskel_autoattach(const struct gen_trace *t, u32 slot);

/* lskel_types.c */
/* The body of struct NAME__IDENT for data map @slot, one member per global variable. 0, -ENOENT: no BTF for it. */
int lskel_section(const struct lskel *s, u32 slot);
/* Where its members are, checked where the skeleton is compiled: their types are the application's. */
int lskel_layout(const struct lskel *s, u32 slot);
/* Definitions of the types those members use, for who has no header with them. */
int lskel_types(const struct lskel *s);

/* lskel.c */
static inline const union bpf_attr *lskel_attr(const struct gen_trace *t, u32 slot)
{
	return &t->calls[t->slots[slot].call].attr;
}
/* Is it the data of a skeleton's struct: mapped by open and load? */
bool lskel_has_data(const struct gen_trace *t, u32 slot);
u64 lskel_data_size(const struct gen_trace *t, u32 slot);

#endif
