/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CGROUP_VIEW_H
#define USERBPF_CGROUP_VIEW_H
/*
 * cgroup_view.h - control groups as programs see them (DESIGN D6): the kernel's names for what the
 * host's cgroup file systems tell. BTF-visible; what cannot be known has no field. Run side.
 *
 * A group is known by its hierarchy's device and its inode number, which is its id; as long as
 * somebody holds it there is one struct cgroup of it per process, which holds its parent's. What
 * changes in a group (populated, descendants, controllers) is as old as the last cgroup_refresh().
 * Memory: helper/objpool.h.
 */
#include <sys/types.h>
#include "base/base.h"

#define CGROUP_LEVELS 64 /* deeper groups are -ENAMETOOLONG */

/* The kernel's order, all of its controllers. */
enum cgroup_subsys_id {
	cpuset_cgrp_id,
	cpu_cgrp_id,
	cpuacct_cgrp_id,
	io_cgrp_id,
	memory_cgrp_id,
	devices_cgrp_id,
	freezer_cgrp_id,
	net_cls_cgrp_id,
	perf_event_cgrp_id,
	net_prio_cgrp_id,
	hugetlb_cgrp_id,
	pids_cgrp_id,
	rdma_cgrp_id,
	misc_cgrp_id,
	CGROUP_SUBSYS_COUNT
};

struct kernfs_node {
	struct kernfs_node *parent;
	const char *name; /* the root's: "" */
	u64 id;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

struct cgroup_root {
	unsigned int subsys_mask; /* v1: its controllers */
	int hierarchy_id;	  /* as in /proc/PID/cgroup; 0: the v2 one */
	char name[64];		  /* v1: of a hierarchy without controllers */
};

struct cgroup {
	struct cgroup_subsys_state self;
	int level;
	int max_depth, max_descendants; /* INT_MAX: no limit */
	int nr_descendants, nr_dying_descendants;
	/* 1 for "some": in the group itself, in groups below it */
	int nr_populated_csets, nr_populated_domain_children;
	struct kernfs_node *kn;
	u16 subtree_control; /* bits by cgroup_subsys_id */
	struct cgroup_subsys_state *subsys[CGROUP_SUBSYS_COUNT]; /* NULL: not a controller of this group */
	struct cgroup_root *root;
	struct cgroup *ancestors[CGROUP_LEVELS]; /* [level] is the group itself */
};

/* In a client: its tree is a mirror of the machine's, which the service must not look into. */
void cgroup_look_into_mirrors(void);
/* The group at @path ("/", "/a/b") of the hierarchy whose root is mounted at @mount, referenced;
 * ERR_PTR(-ENOENT), -EINVAL (no cgroup file system) ... */
struct cgroup *cgroup_get_dir(const char *mount, const char *path);
/* The same for a tree of directories that is no cgroup file system: as v2 without controllers. */
struct cgroup *cgroup_get_own(const char *mount, const char *path);
struct cgroup *cgroup_get_child(const struct cgroup *parent, const char *name); /* ERR_PTR */
struct cgroup *cgroup_get_root(void); /* of the v2 hierarchy; NULL: there is none */
/* The group whose directory @fd is, on the machine or in one of our trees mounted at the same place;
 * ERR_PTR(-EBADF): none. */
struct cgroup *cgroup_get_fd(int fd);
/* By id, of the v2 hierarchy, else of any. NULL */
struct cgroup *cgroup_get_id(u64 id);
/* Of @ids, in order, those of groups that there are become 0; all of them when there is no v2 hierarchy to look in. */
void cgroup_find_ids(u64 *ids, u32 nr);
struct cgroup *cgroup_get(const struct cgroup *cgrp); /* any address; NULL when it is no group that is held */
bool cgroup_is_v2(const struct cgroup *cgrp);
void cgroup_put(struct cgroup *cgrp);		       /* NULL: nothing */
void cgroup_refresh(struct cgroup *cgrp);

/* Groups of a task: [cgroup_subsys_id] the one that its controller counts it in, [CGROUP_SUBSYS_COUNT]
 * of the v2 hierarchy. Each referenced or NULL. */
#define CGROUP_OF_TASK (CGROUP_SUBSYS_COUNT + 1)
void cgroup_of_task(u32 tid, struct cgroup *groups[CGROUP_OF_TASK]);

/* Path of @file in the group's directory on this machine: length, or -ENAMETOOLONG. */
int cgroup_file(const struct cgroup *cgrp, const char *file, char *path, size_t size);
/* Text of the group's file, NUL-terminated: length or negative errno. */
long cgroup_read(const struct cgroup *cgrp, const char *file, char *buf, size_t size);

#endif
