/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_VIEW_TYPES_H
#define USERBPF_LINK_VIEW_TYPES_H
/* view_types.h - what a program of view_write/... is told about one write(2). BTF-visible. */
#include "base/base.h"

struct view_write {
	u32 len;      /* bytes of data; those behind them, up to VIEW_WRITE_MAX, are 0 */
	u32 uid, gid; /* who opened the file */
	s32 pid;
};

#endif
