/* SPDX-License-Identifier: BSD-2-Clause */
#include "helper/file.h"
#include "helper/fn.h"

void file_view_init(struct file_view *f)
{
	const char *last = strrchr(f->path, '/');

	last = last && last[1] ? last + 1 : f->path;
	f->dentry =
		(struct dentry){.d_name = {.len = (u32)strlen(last), .name = (const void *)last},
				.d_inode = &f->inode,
				.d_fsdata = f->path};
	f->inode.i_sb = &f->sb;
	f->file.f_inode = &f->inode;
	f->file.f_path.dentry = &f->dentry;
}

/* Length with the NUL; the kernel's errno where the path does not fit. */
HELPER_FN(d_path)
{
	const struct path *path = (const struct path *)(uintptr_t)r1;
	char *buf = (char *)(uintptr_t)r2;
	const struct dentry *dentry;
	const void *text;
	u32 size = (u32)r3;
	char none;
	long n;

	if (!size)
		return 0;
	if (fault_copy(&dentry, &path->dentry, sizeof(dentry)) ||
	    fault_copy(&text, &dentry->d_fsdata, sizeof(text)))
		return (u64)-ENOENT;
	n = fault_copy_str(buf, text, size);
	if (n < 0)
		return (u64)n;
	/* cut? */
	if (n == size && !fault_copy(&none, (const char *)text + n - 1, 1) && none) {
		memset(buf, 0, size);
		return (u64)-ENAMETOOLONG;
	}
	return (u64)n;
}
