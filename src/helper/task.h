/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HELPER_TASK_H
#define USERBPF_HELPER_TASK_H
/*
 * task.h - the current task as programs see it (DESIGN D6): the kernel's names for what the host
 * tells about a thread. BTF-visible; what cannot be known has no field, so that programs that ask
 * for it do not load. Run side.
 *
 * Every thread that asks has one view, at the same address as long as it lives: its task, the
 * leader of its process, and two generations of parents. Ids, names and credentials of the task
 * itself are right at each call of task_current(); the rest, which comes from /proc, is read again
 * when it is older than TASK_FRESH_NS or the thread forked.
 */
#include "base/base.h"
#include "helper/cgroup_view.h"

#define TASK_COMM_LEN 16
#define TASK_FRESH_NS 100000000ull

typedef struct {
	u32 val;
} kuid_t;
typedef struct {
	u32 val;
} kgid_t;
typedef struct kernel_cap_struct {
	u32 cap[2];
} kernel_cap_t;

struct ns_common {
	unsigned int inum;
};
struct new_utsname {
	char sysname[65];
	char nodename[65];
	char release[65];
	char version[65];
	char machine[65];
	char domainname[65];
};
struct uts_namespace {
	struct new_utsname name;
	struct ns_common ns;
};
struct ipc_namespace {
	struct ns_common ns;
};
struct mnt_namespace {
	struct ns_common ns;
};
struct pid_namespace {
	unsigned int level; /* 0: pids are those of the process's own namespace */
	struct ns_common ns;
};
struct net {
	struct ns_common ns;
};
struct time_namespace {
	struct ns_common ns;
};
struct cgroup_namespace {
	struct ns_common ns;
};
struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct cgroup_namespace *cgroup_ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID, PIDTYPE_MAX };

struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t suid;
	kgid_t sgid;
	kuid_t euid;
	kgid_t egid;
	kuid_t fsuid;
	kgid_t fsgid;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective, cap_bset, cap_ambient;
};

struct mm_struct {
	unsigned long total_vm; /* pages */
	unsigned long start_code, end_code, start_data, end_data;
	unsigned long start_brk, start_stack;
	unsigned long arg_start, arg_end, env_start, env_end;
};

struct signal_struct {
	int nr_threads;
	struct pid *pids[PIDTYPE_MAX];
};

struct thread_info {
	u32 cpu;
};

/* The groups the task is in; the other controllers' are in hierarchies of their own (v1) or the same. */
struct css_set {
	struct cgroup_subsys_state *subsys[CGROUP_SUBSYS_COUNT];
	struct cgroup *dfl_cgrp;
};
/* The group that the cpu controller counts the task in. */
struct task_group {
	struct cgroup_subsys_state css;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	unsigned int flags;
	int on_cpu;
	int prio, static_prio;
	unsigned int rt_priority;
	unsigned int policy;
	struct mm_struct *mm;
	int exit_code, exit_signal;
	int pid, tgid;
	struct task_struct *real_parent, *parent, *group_leader;
	struct pid *thread_pid;
	u64 utime, stime; /* ns */
	u64 start_time, start_boottime;
	unsigned long min_flt, maj_flt;
	const struct cred *real_cred, *cred;
	char comm[TASK_COMM_LEN];
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct task_group *sched_task_group;
	kuid_t loginuid;
	unsigned int sessionid;
};

/* The task that calls; NULL when there is no memory for its view. */
struct task_struct *task_current(void);

#endif
