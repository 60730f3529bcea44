/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_FILE_TYPES_H
#define USERBPF_LINK_FILE_TYPES_H
/*
 * file_types.h - open files as programs of iter/task_file see them: the kernel's names for what /proc
 * tells. BTF-visible. f_op is an address that nothing is at: of bpf_prog_fops and its like, which
 * programs compare it with, or NULL; private_data then is the service's object.
 */
#include "base/base.h"

struct file_operations {
	void *owner;
};

struct inode {
	unsigned short i_mode;
	unsigned int i_uid, i_gid;
	unsigned long i_ino;
	long long i_size;
};

struct file {
	struct inode *f_inode;
	const struct file_operations *f_op;
	unsigned int f_flags;
	long long f_pos;
	void *private_data;
};

/* Symbols of the service, by kind of object (enum obj_kind). */
struct file_symbol {
	const char *name;
	u64 addr;
};
const struct file_symbol *file_symbol_at(u32 kind); /* NULL: none */

#endif
