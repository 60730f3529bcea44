/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HELPER_BUILD_ID_H
#define USERBPF_HELPER_BUILD_ID_H
/*
 * build_id.h - addresses of this process as (build id, offset in the file), for stacks that are
 * read elsewhere. Asks the dynamic linker, so not from a signal handler. Run side.
 */
#include "helper/fn.h"

/* An address without a build id stays an address (BPF_STACK_BUILD_ID_IP). */
void build_ids_of(struct bpf_stack_build_id *out, const u64 *ips, u32 nr);

#endif
