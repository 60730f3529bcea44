/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SYS_PRIV_H
#define USERBPF_SYS_PRIV_H
/*
 * priv.h - what the command handlers share. Private to src/sys.
 *
 * A handler gets a struct sys_req: attr already copied in, zero padded, size and tail checked
 * (sys.c), privilege of creation commands checked. It returns what bpf(2) returns. req_*() reach
 * the caller's memory and fds.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/slot.h"
#include "link/hook.h"
#include "link/iter.h"
#include "link/link.h"
#include "link/perf_event.h"
#include "link/probe.h"
#include "link/view.h"
#include "link/view_events.h"
#include "prog/limit.h"
#include "prog/map_obj.h"
#include "prog/prog.h"
#include "prog/timer.h"
#include "sys/sys.h"

struct sys {
	struct obj_table *objs;
	struct fs *fs;
	struct btf *vmlinux; /* published, referenced; NULL when there is none */
	struct btf **modules; /* the same of split BTF */
	u32 nr_modules;
	struct exec_host host;
	struct timers *timers;
	struct perf_rings *rings;
	struct hooks *hooks;
	struct probes *probes;
	struct view_events *view_events;
	u64 view_held; /* view.h */
	struct cgroup *recent; /* the group shown last, held: what reads one file after the other finds those above it known */
	struct perf_events *perf_events;
	u32 nr_cpus; /* slots per-CPU values are laid out for */
	u32 unpriv_bpf_disabled;
	bool verify_only;
	bool remote;
	u32 stats; /* atomic: how many ENABLE_STATS handles are open */
	void (*printk)(void *arg, const char *text, u32 len);
	void *printk_arg;

	/* iterators read through pipes (iter.c) */
	pthread_mutex_t pump_lock;
	struct list pumps;
	int stop_fd; /* eventfd: becomes readable when sys_close begins */
	bool stopping;
};

struct sys_req {
	struct sys *sys;
	struct sys_call *call;
	const struct cred *cred;
	union {
		union bpf_attr attr;
		u8 attr_bytes[BPF_ATTR_LOAD_SIZE]; /* PROG_LOAD: with what later kernels added */
	};
	u64 uattr;
	u32 size; /* bytes of attr the caller gave, at most what we know of it */
	int cmd;
};

/* --- req.c --- */
int req_copy_in(struct sys_req *r, void *dst, u64 uaddr, u64 len);
int req_copy_out(struct sys_req *r, u64 uaddr, const void *src, u64 len);
/* Text up to a NUL, at most @size - 1 bytes, always terminated: its length or -EFAULT (kernel:
 * strncpy_from_user). */
int req_copy_str(struct sys_req *r, char *dst, u64 uaddr, u32 size);
void *req_dup(struct sys_req *r, u64 uaddr, u64 len); /* malloc'ed copy; ERR_PTR(-ENOMEM/-EFAULT) */
/* Like req_copy_in() of a struct this build knows @known bytes of: the caller's tail must be
 * zero (-E2BIG); @dst is zero padded. */
int req_copy_struct(struct sys_req *r, void *dst, u32 known, u64 uaddr, u32 len);
int req_tail_zero(struct sys_req *r, u64 uaddr, u32 known, u32 len);
int req_put_u32(struct sys_req *r, u32 attr_off, u32 value); /* into the caller's attr */
#define req_put_attr(r, member, value) req_put_u32(r, offsetof(union bpf_attr, member), value)
/* Object of @kind behind the caller's fd, referenced: ERR_PTR(-EBADF) for no fd, (-EINVAL) for
 * another kind. */
struct obj *req_obj(struct sys_req *r, int fd, enum obj_kind kind, u32 *perm);
struct obj *req_any_obj(struct sys_req *r, int fd, u32 *perm);
static inline struct map_obj *req_map(struct sys_req *r, int fd, u32 *perm)
{
	struct obj *o = req_obj(r, fd, OBJ_MAP, perm);

	return IS_ERR(o) ? ERR_CAST(o) : obj_to_map(o);
}
static inline struct bpf_prog *req_prog(struct sys_req *r, int fd)
{
	struct obj *o = req_obj(r, fd, OBJ_PROG, NULL);

	return IS_ERR(o) ? ERR_CAST(o) : obj_to_prog(o);
}
static inline struct bpf_link *req_link(struct sys_req *r, int fd)
{
	struct obj *o = req_obj(r, fd, OBJ_LINK, NULL);

	return IS_ERR(o) ? ERR_CAST(o) : obj_to_link(o);
}
static inline struct btf *req_btf(struct sys_req *r, int fd)
{
	struct obj *o = req_obj(r, fd, OBJ_BTF, NULL);

	return IS_ERR(o) ? ERR_CAST(o) : container_of(o, struct btf, obj);
}
/* Gives the caller a handle of @o: what the command returns. */
long req_install(struct sys_req *r, struct obj *o, u32 perm);
/* BPF_F_RDONLY/WRONLY -> HANDLE_*; -EINVAL for both. */
int req_file_perm(u32 flags);
/* log_level, log_size, log_buf as the kernel wants them: 0 or -EINVAL */
int req_log_check(u32 level, u64 ubuf, u32 size);
/* Copies the log out; the verdict becomes -ENOSPC or -EFAULT when it did not fit. */
int req_log_finish(struct sys_req *r, struct log *log, u64 ubuf, int verdict);
/* 0 or -EINVAL: characters of object names */
int req_name_check(const char name[BPF_OBJ_NAME_LEN]);

/* --- iter.c --- */
int sys_pumps_init(struct sys *sys);
void sys_pumps_stop(struct sys *sys);
void sys_pumps_reap(struct sys *sys); /* gives back the stacks of threads that ended */
/* --- content.c --- */
extern const struct fs_content_ops sys_content_ops;

/* --- handlers, one per row of abi/commands.def ("COMMANDS") --- */
typedef long (*sys_handler)(struct sys_req *r);
long sys_map_create(struct sys_req *r);
long sys_map_lookup(struct sys_req *r);
long sys_map_update(struct sys_req *r);
long sys_map_delete(struct sys_req *r);
long sys_map_next_key(struct sys_req *r);
long sys_map_lookup_and_delete(struct sys_req *r);
long sys_map_freeze(struct sys_req *r);
long sys_map_batch(struct sys_req *r);
long sys_prog_load(struct sys_req *r);
long sys_prog_test_run(struct sys_req *r);
long sys_prog_bind_map(struct sys_req *r);
long sys_obj_pin(struct sys_req *r);
long sys_obj_get(struct sys_req *r);
long sys_get_next_id(struct sys_req *r);
long sys_get_fd_by_id(struct sys_req *r);
long sys_get_info(struct sys_req *r);
long sys_btf_load(struct sys_req *r);
long sys_link_create(struct sys_req *r);
long sys_link_update(struct sys_req *r);
long sys_link_detach(struct sys_req *r);
long sys_iter_create(struct sys_req *r);
long sys_raw_tp_open(struct sys_req *r);
long sys_prog_attach(struct sys_req *r);
long sys_prog_detach(struct sys_req *r);
long sys_prog_query(struct sys_req *r);
long sys_task_fd_query(struct sys_req *r);
long sys_enable_stats(struct sys_req *r);

#endif
