/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LSKEL_TYPES_H
#define USERBPF_LSKEL_TYPES_H
/* lskel_types.h - variables of data sections as C structs. */
#include "gen/lskel_data.h"

/* The body of struct NAME__IDENT for data map @slot, one member per global variable. 0, -ENOENT: no BTF for it. */
int lskel_section(const struct lskel *s, u32 slot);
/* Where its members are, checked where the skeleton is compiled: their types are the application's. */
int lskel_layout(const struct lskel *s, u32 slot);
/* Definitions of the types those members use, for who has no header with them. */
int lskel_types(const struct lskel *s);

#endif
