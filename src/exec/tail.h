/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_TAIL_H
#define USERBPF_TAIL_H
/* tail.h - where tail calls go, for interpreter and code alike. */
#include "exec/exec.h"

/* The image a tail call goes to, with a reference, or NULL: the program then goes on behind the
 * call. */
const struct exec_image *exec_tail_target(struct exec_run *run, struct bpf_map *map, u32 index);

#endif
