/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LSKEL_ATTACH_H
#define USERBPF_LSKEL_ATTACH_H
/* lskel_attach.h - how a program of a skeleton is attached, as its type and SEC() say. */
#include "gen/trace.h"

/* The expression that attaches program @slot, of prog_fd and opts; false when programs of its kind have no link. */
bool lskel_attach_expr(const struct gen_trace *t, u32 slot, char *buf, size_t len);
/* It has links at several places, and its expression names the skeleton's. */
bool lskel_is_usdt(const struct gen_trace *t, u32 slot);
/* NAME__attach() does it: SEC() names the whole target. */
bool lskel_autoattach(const struct gen_trace *t, u32 slot);

#endif
