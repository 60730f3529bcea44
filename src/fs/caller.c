/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * caller.c - a thread of the service with the rights of the process it works for.
 *
 * Ids and capabilities belong to threads as far as the kernel goes, so the system calls are made
 * directly: libc's functions would change every thread. A cgroup file remembers who opened it and
 * asks that again at each write (migration into a delegated subtree), so checking modes beforehand
 * would not do.
 */
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "fs/cg.h"

#define GROUPS_MAX 256u /* who is in more has the rights of the first */

static int caps_get(u32 effective[2], struct __user_cap_data_struct d[2])
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};

	if (syscall(SYS_capget, &h, d))
		return -errno;
	effective[0] = d[0].effective;
	effective[1] = d[1].effective;
	return 0;
}

static int caps_set(const u32 effective[2])
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];
	u32 was[2];
	int err = caps_get(was, d);

	if (err)
		return err;
	d[0].effective = effective[0];
	d[1].effective = effective[1];
	return syscall(SYS_capset, &h, d) ? -errno : 0;
}

/* Root, but with less than we have. */
static int narrow_caps(struct caller *as, const struct cred *c)
{
	struct __user_cap_data_struct d[2];
	u32 want[2];
	int err = caps_get(as->effective, d);

	if (err)
		return -EACCES;
	want[0] = as->effective[0] & (u32)c->caps;
	want[1] = as->effective[1] & (u32)(c->caps >> 32);
	if (want[0] == as->effective[0] && want[1] == as->effective[1])
		return 0;
	as->caps = true;
	return caps_set(want) ? -EACCES : 0;
}

/* Another user, with their groups. The effective capabilities go with the uid. */
static int change_ids(struct caller *as, const struct cred *c)
{
	gid_t groups[GROUPS_MAX];
	u32 nr = cred_groups(c, groups, GROUPS_MAX);

	as->ids = true;
	if (syscall(SYS_setgroups, nr, groups) || syscall(SYS_setresgid, -1, c->gid, -1) ||
	    syscall(SYS_setresuid, -1, c->uid, -1)) {
		caller_end(as);
		return -EACCES;
	}
	return 0;
}

int caller_begin(struct caller *as, const struct cred *c, bool change)
{
	uid_t uid = geteuid();

	memset(as, 0, sizeof(*as));
	if (!c)
		return 0;
	if (!uid)
		return c->uid ? change_ids(as, c) : narrow_caps(as, c);
	/* Not root: we cannot be somebody else. Reading was checked by mode and owner. */
	return c->uid == uid || !change ? 0 : -EACCES;
}

/* What we go back to is ours, so this cannot fail; a thread that stayed somebody else would be
 * worse than none. */
void caller_end(struct caller *as)
{
	if (as->ids) {
		if (syscall(SYS_setresuid, -1, 0, -1) || syscall(SYS_setresgid, -1, getgid(), -1))
			abort();
		prctl(PR_SET_DUMPABLE, 1); /* clients look at our /proc */
	}
	if (as->caps && caps_set(as->effective))
		abort();
	as->ids = as->caps = false;
}
