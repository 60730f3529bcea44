/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HELPER_RING_H
#define USERBPF_HELPER_RING_H
/* ring.h - records of ring buffers by whatever helper: reserved, then submitted or discarded in the same run. Run side. */
#include "exec/exec.h"

void *ring_reserve(struct exec_run *run, struct bpf_map *map, u64 size); /* NULL: no room */
/* @flags: BPF_RB_*. Wakes the reader where that is due. */
void ring_commit(struct exec_run *run, void *record, bool discard, u64 flags);

#endif
