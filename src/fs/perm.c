/* SPDX-License-Identifier: BSD-2-Clause */
/* perm.c - who may do what in an instance: the kernel's generic rules, without ACLs. */
#include <unistd.h>
#include "fs/inode.h"

#define OVERFLOW_ID 65534u

u32 fs_idmap_inside(const struct fs_idmap *map, u32 outside)
{
	if (!map->nr)
		return outside;
	for (u32 i = 0; i < map->nr && i < FS_IDMAP_MAX; i++)
		if (outside - map->extent[i].outside < map->extent[i].count)
			return map->extent[i].inside + (outside - map->extent[i].outside);
	return OVERFLOW_ID;
}

u32 fs_idmap_outside(const struct fs_idmap *map, u32 inside)
{
	if (!map->nr)
		return inside;
	for (u32 i = 0; i < map->nr && i < FS_IDMAP_MAX; i++)
		if (inside - map->extent[i].inside < map->extent[i].count)
			return map->extent[i].outside + (inside - map->extent[i].inside);
	return OVERFLOW_ID;
}

/* What the mode grants; groups are asked about only where it makes a difference. */
static bool granted(const struct fs_inode *i, const struct cred *c, int mask)
{
	bool group = !(mask & ~(i->mode >> 3 & 7)), others = !(mask & ~(i->mode & 7));

	if (c->uid == i->uid)
		return !(mask & ~(i->mode >> 6 & 7));
	if (group == others)
		return group;
	return cred_in_group(c, i->gid) ? group : others;
}

int fs_access_locked(const struct fs_inode *i, const struct cred *c, int mask)
{
	if (!c || S_ISLNK(i->mode) || granted(i, c, mask))
		return 0;
	if (S_ISDIR(i->mode)) {
		if (!(mask & W_OK) && cred_has(c, CAP_DAC_READ_SEARCH))
			return 0;
		return cred_has(c, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
	}
	if (mask == R_OK && cred_has(c, CAP_DAC_READ_SEARCH))
		return 0;
	if ((!(mask & X_OK) || i->mode & 0111) && cred_has(c, CAP_DAC_OVERRIDE))
		return 0;
	return -EACCES;
}

bool fs_owner_locked(const struct fs_inode *i, const struct cred *c)
{
	return !c || c->uid == i->uid || cred_has(c, CAP_FOWNER);
}

int fs_sticky_locked(const struct fs_inode *dir, const struct fs_inode *victim,
		     const struct cred *c)
{
	if (!(dir->mode & S_ISVTX) || fs_owner_locked(victim, c) || c->uid == dir->uid)
		return 0;
	return -EPERM;
}
