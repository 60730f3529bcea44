/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HELPER_CGROUP_ID_H
#define USERBPF_HELPER_CGROUP_ID_H
/*
 * cgroup_id.h - the cgroup (v2) of the process a program runs in: the kernel's id of a cgroup is the
 * inode number of its directory. Run side.
 */
#include "base/base.h"

/* The id of its ancestor @level steps below the root that it sees, -1: its own. 0: none such, or no
 * cgroup file system to ask. */
u64 cgroup_id_current(s32 level);

#endif
