/* SPDX-License-Identifier: BSD-2-Clause */
/* table.c - hash tables of inodes, entries and groups (inode.h has what depends on the type). */
#include <stdlib.h>
#include "fs/inode.h"

u32 fs_hash_name(u64 dir, const char *name)
{
	u32 h = 2166136261u ^ (u32)(dir * 0x9e3779b97f4a7c15ull >> 32);

	for (; *name; name++)
		h = (h ^ (u8)*name) * 16777619u;
	return h ^ h >> 15;
}

u32 fs_hash_ino(u64 ino)
{
	return (u32)(ino * 0x9e3779b97f4a7c15ull >> 32);
}

int fs_table_init(struct fs_table *t)
{
	t->bucket = calloc(16, sizeof(*t->bucket));
	t->nr = t->bucket ? 16 : 0;
	t->count = 0;
	return t->bucket ? 0 : -ENOMEM;
}
