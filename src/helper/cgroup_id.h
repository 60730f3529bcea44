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

/* Is @path the directory of a group (v2) in a mirror of the machine's tree? Its id. */
bool cgroup_id_mirrored(const char *path, u64 *id);
/* The id of the group (v2) whose directory @fd is, in the machine's tree or a mirror of it. 0: it is none. */
u64 cgroup_id_fd(int fd);
/* Is the process in the group with this id, or below it? As far as it sees the tree. */
bool cgroup_id_has_current(u64 id);

#endif
