/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CRED_H
#define USERBPF_CRED_H
/*
 * cred.h - who calls, and what they may (DESIGN D13). Filled per request by the daemon from the
 * client's own credentials (or by libuserbpf from its own); the kernel's rules then apply.
 */
#include <linux/capability.h>
#include <sys/types.h>
#include "abi/compat.h"
#include "base/base.h"

struct cred {
	pid_t pid;	/* as the service sees it */
	uid_t uid;	/* effective */
	gid_t gid;
	pid_t groups_of; /* the process, alive, whose supplementary groups count too; 0: none do */
	u64 caps;	/* effective set that counts here: bit CAP_* */
	u32 unpriv_disabled; /* the service's unprivileged_bpf_disabled: 0, 1 or 2 */
};

/* cred.c. Supplementary groups are those that the process has now: they are looked up when a decision hangs on them, which is seldom. */
bool cred_in_group(const struct cred *c, gid_t gid); /* of the effective group or a supplementary one */
u32 cred_groups(const struct cred *c, gid_t *list, u32 max); /* supplementary ones, @max at most: how many */

static inline bool cred_has(const struct cred *c, int cap) { return c->caps >> cap & 1; }
static inline bool cred_bpf(const struct cred *c) { return cred_has(c, CAP_BPF) || cred_has(c, CAP_SYS_ADMIN); }
static inline bool cred_perfmon(const struct cred *c) { return cred_has(c, CAP_PERFMON) || cred_has(c, CAP_SYS_ADMIN); }
static inline bool cred_net_admin(const struct cred *c) { return cred_has(c, CAP_NET_ADMIN) || cred_has(c, CAP_SYS_ADMIN); }
static inline bool cred_sys_admin(const struct cred *c) { return cred_has(c, CAP_SYS_ADMIN); }

#endif
