/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SYS_H
#define USERBPF_SYS_H
/*
 * sys.h - sys_bpf(): one handler per bpf(2) command over one subsystem instance. Control side; any
 * number of threads.
 *
 * The caller's memory, fds and paths are reached through struct sys_call only, so the same handlers
 * serve a socket client (memory was packed into the request), libuserbpf (memory is our own) and
 * the fuzzer.
 */
#include "abi/compat.h"
#include "btf/btf.h"
#include "exec/exec.h"
#include "fs/fs.h"
#include "obj/cred.h"
#include "obj/obj.h"

struct sys;
struct sys_call;

/* Where OBJ_PIN / OBJ_GET point to, resolved in the client's own view (DESIGN D9). */
struct sys_path {
	dev_t dev;		/* of the parent directory (pin) or of the file (get); 0: no FUSE, use @text */
	u64 ino;
	int fd;			/* get: O_PATH fd of the file, borrowed until the call ends; -1: none */
	char name[256];		/* pin: last component */
	char text[4096];	/* path as the client gave it */
};

struct sys_call_ops {
	/* 0 or -EFAULT */
	int (*copy_in)(struct sys_call *c, void *dst, u64 uaddr, u64 len);
	int (*copy_out)(struct sys_call *c, u64 uaddr, const void *src, u64 len);
	/* an fd of this process for the client's fd number, borrowed until the call ends; -EBADF */
	int (*fd)(struct sys_call *c, int client_fd);
	/* gives the client an fd: takes over @fd; -> value the command returns (a number in
	 * libuserbpf, 0 in the service, where the shim fills it in) */
	int (*install_fd)(struct sys_call *c, int fd);
	/* pathname of OBJ_PIN/OBJ_GET; @pin says which of the two. -errno as the kernel's path
	 * walk gives */
	int (*path)(struct sys_call *c, u64 uaddr, bool pin, struct sys_path *out);
};

struct sys_call {
	const struct sys_call_ops *ops;
	const struct cred *cred;
	void *arg;
};

struct sys_options {
	const char *vmlinux_btf; /* file with the service's BTF; NULL: the installed one */
	const char *const *module_btfs; /* name and file with split BTF of each of its modules, then NULL; or NULL */
	u32 unpriv_bpf_disabled; /* 0..2, default 2 as Debian's kernel */
	struct slot_table *slots; /* NULL: private */
	void (*printk)(void *arg, const char *text, u32 len); /* bpf_trace_printk of programs run here */
	void *printk_arg;
	u32 run_limit_ms; /* of runs by the subsystem itself (prog/limit.h); 0: none */
	bool remote; /* callers are other processes and run programs themselves (PROG_TEST_RUN: EOPNOTSUPP) */
	bool verify_only; /* vmlinux_btf is another kernel's: its functions and variables count as there; nothing may run or be attached */
};

struct sys *sys_open(const struct sys_options *opt); /* ERR_PTR */
/* Releases all objects and waits for them. Returns how many somebody still held: 0 unless the
 * embedding program leaked references. */
u32 sys_close(struct sys *sys);
/* What runs ends soon, with -ENOTCONN, and so does what begins: before waiting for those who wait for it. */
void sys_stop_runs(struct sys *sys);
u32 sys_run_limit(struct sys *sys, u64 *over); /* ms; how many took longer so far */

/*
 * bpf(2): @uattr/@size as the client passed them. Result as the system call: >= 0 or negative
 * errno. PROG_TEST_RUN runs here only when the caller did not run it itself (libuserbpf); the shim
 * asks for the image with sys_prog_image() instead and never sends the command.
 */
long sys_bpf(struct sys *sys, struct sys_call *call, int cmd, u64 uattr, u32 size);

/* Names that SYSCALL programs look up. Id of a type, and in *module the BTF it is of when that is not
 * vmlinux's; or negative errno. */
s32 sys_btf_find(struct sys *sys, const char *name, u32 kind, struct btf **module);
/* Symbols that /proc/kallsyms shows: 0 and *addr, -EPERM for callers without CAP_SYSLOG, -ENOENT */
int sys_ksym_find(const struct cred *cred, const char *name, u64 *addr);
void sys_ksyms(void (*each)(void *arg, const char *name, u64 addr), void *arg);

struct obj_table *sys_objs(struct sys *sys);
struct fs *sys_fs(struct sys *sys);
struct btf *sys_vmlinux(struct sys *sys);
struct probes;
struct probes *sys_probes(struct sys *sys); /* link/probe.h: who runs in processes registers there */
/* perf_event_open(2) and ioctl(2) on what it gives: a new fd; the ioctl's value. */
struct perf_open;
struct perf_ioctl {
	u32 cmd; /* PERF_EVENT_IOC_* */
	u64 arg; /* by value; QUERY_BPF: room in ids */
	int prog_fd; /* SET_BPF: the program's handle */
	const struct cred *cred;
	u32 *ids;  /* QUERY_BPF: out; the value is how many there are */
	u64 value; /* ID: out */
};
int sys_perf_open(struct sys *sys, const struct perf_open *o);
int sys_perf_ioctl(struct sys *sys, int fd, struct perf_ioctl *io);
/* PROG_TEST_RUN of a program around functions, on behalf of @task (NULL: the thread's own) */
struct exec_task;
struct perf_events;
struct perf_events *sys_perf_events(struct sys *sys);
int sys_call_tests(struct sys *sys, u32 attach_type, const struct exec_task *task, u32 *retval);
struct exec_timer;
/* A bpf_timer helper of a program in another process; the caller holds the map of INIT. */
long sys_timer(struct sys *sys, const struct exec_timer *t);
/* bpf_view_changed() of a program that ran elsewhere */
/* A perf event of bpf output (prog/perf_ring.h): new fd, or negative errno. */
struct perf_ring_open;
long sys_perf_ring_open(struct sys *sys, const struct perf_ring_open *o);
struct map_obj *sys_perf_ring_by_id(struct sys *sys, u32 id); /* referenced, or NULL */
void sys_view_changed(struct sys *sys, u64 group);
const struct exec_host *sys_exec_host(struct sys *sys);
int sys_event_fd(struct sys *sys);  /* poll for reading, then sys_reap() */
void sys_reap(struct sys *sys);
void sys_settle(struct sys *sys, dev_t dev, ino_t ino); /* obj_table_settle() */

/* Iterators as files (ITER_CREATE): default ops give the client a pipe fed by a thread. Preload
 * pins: by link id. */
int sys_pin_link(struct sys *sys, u32 link_id, struct fs_inode *dir, const char *name, mode_t mode);

#endif
