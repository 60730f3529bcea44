/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs for functions of a kernel, those of tests/e2e/hooks.sh: the name says whether it may attach. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define PROG(section, name)               \
	SEC(section)                      \
	int name(unsigned long long *ctx) \
	{                                 \
		return 0;                 \
	}

PROG("fentry/do_thing", ok_fentry)
PROG("fentry/migrate_disable", no_denied)
PROG("fentry.s/__x64_sys_getpgid", ok_sleeps_in_syscall)
PROG("fentry.s/do_thing", no_sleeps_anywhere)
PROG("fentry.s/should_failslab", no_sleeps_in_atomic)
PROG("fmod_ret/should_failslab", ok_changes_injectable)
PROG("fmod_ret/security_file_open", ok_changes_security)
PROG("fmod_ret/do_thing", no_changes_anything)
PROG("lsm/file_open", ok_lsm)
PROG("lsm.s/file_open", ok_lsm_sleeps)
PROG("lsm.s/task_free", no_lsm_sleeps)
PROG("lsm/inode_need_killpriv", no_lsm_disabled)

/* What the kernel may not have reads as NULL. */
struct thing {
	int a;
};
struct bpf_iter__task {
	void *meta;
	struct thing *task;
};

SEC("iter/task")
int ok_iter(struct bpf_iter__task *ctx)
{
	return ctx->task && ctx->task->a == 4711;
}

SEC("iter/task")
int no_iter_unchecked(struct bpf_iter__task *ctx)
{
	return ctx->task->a == 4711;
}

SEC("iter/nobody")
int no_iter(struct bpf_iter__task *ctx)
{
	return 0;
}

/* The path behind a file is within reach at some functions only. */
struct path {
	int a;
};

SEC("fentry/security_file_open")
int ok_path(unsigned long long *ctx)
{
	char name[8];

	return bpf_d_path((struct path *)ctx[0], name, sizeof(name)) & 0;
}

SEC("fentry/look_at")
int no_path(unsigned long long *ctx)
{
	char name[8];

	return bpf_d_path((struct path *)ctx[0], name, sizeof(name)) & 0;
}

char LICENSE[] SEC("license") = "GPL";
