/* SPDX-License-Identifier: BSD-2-Clause */
/* cg_open.c - which of the three kinds of files of the cgroup tree is opened. */
#include "fs/cg.h"

int cg_open(struct fs_file *f, const struct cred *c, int flags)
{
	switch (cg_node(f->inode)->what) {
	case CG_FILE: return cg_host_open(f, c, flags);
	case CG_ENTRY: return cg_entry_open(f, c);
	case CG_PROCS: return cg_procs_open(f, c);
	default: return -EINVAL;
	}
}
