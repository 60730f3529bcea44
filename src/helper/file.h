/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HELPER_FILE_H
#define USERBPF_HELPER_FILE_H
/*
 * file.h - open and mapped files as programs see them: the kernel's names for what /proc tells. BTF-visible.
 * f_op is an address that nothing is at, which programs compare with that of bpf_prog_fops and its like, or
 * NULL; private_data then is the service's object. bpf_d_path() finds the whole path behind d_fsdata.
 */
#include "base/base.h"

struct file_operations {
	void *owner;
};

struct super_block {
	u32 s_dev; /* major << 20 | minor */
};

struct inode {
	unsigned short i_mode;
	unsigned int i_uid, i_gid;
	unsigned long i_ino;
	long long i_size;
	struct super_block *i_sb;
};

struct qstr {
	u32 len;
	const unsigned char *name;
};

struct dentry {
	struct qstr d_name;
	struct inode *d_inode;
	void *d_fsdata;
};

struct path {
	void *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	const struct file_operations *f_op;
	unsigned int f_flags;
	long long f_pos;
	void *private_data;
};

/* A mapping. */
struct vm_area_struct {
	unsigned long vm_start, vm_end;
	unsigned long vm_flags; /* VM_READ, VM_WRITE, VM_EXEC, VM_SHARED */
	unsigned long vm_pgoff;
	struct file *vm_file; /* NULL: of no file */
};

/* A file with everything it points to. */
struct file_view {
	struct file file;
	struct inode inode;
	struct super_block sb;
	struct dentry dentry;
	char path[4096];
};
void file_view_init(struct file_view *f); /* ties the parts together; inode, sb and path are filled in */

#endif
