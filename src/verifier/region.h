/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_REGION_H
#define USERBPF_REGION_H
/*
 * region.h - is it inside? What accesses by instructions (memory.c) and by helpers (helper_mem.c) have in common. What is
 * of use beyond these is in vfy.h.
 */
#include "verifier/vfy.h"

/* [@off, @off + @size) of a region of @region bytes, the register's variable offset added: both ends must be inside. */
int region_access(struct venv *env, u32 regno, s32 off, s32 size, u32 region, bool zero_ok);
int region_packet(struct venv *env, u32 regno, s32 off, s32 size, bool zero_ok);
int region_buffer(struct venv *env, u32 regno, s32 off, s32 size, enum bpf_access_type t);
/* Of a buffer whose size is known when the program is attached: raises @most. */
int region_offset(struct venv *env, const struct vreg *r, u32 regno, s32 off, s32 size, const char *kind, u32 *most);
int region_map_allowed(struct venv *env, const struct vreg *r, s32 off, s32 size, enum bpf_access_type t);

#endif
