/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SHIM_H
#define USERBPF_SHIM_H
/*
 * shim.h - the bpf(2) of a client process, served by userbpfd.
 *
 *   interpose.c  the libc symbols replaced           init.c    start in a process
 *   process.c    its state, fork
 *   bpf.c        where a command is answered         pack.c    most commands, as MSG_BPF
 *   elem.c       element commands, on shared memory  run.c     BPF_PROG_TEST_RUN, here
 *   fdtab.c      what the fds are, hold.c who looks  image.c   program images, their host
 *   mmap.c       mmap of a map                       procfs.c  readlink, fdinfo of handles
 *   path.c       pathnames of pins, statfs           bpffs.c   mount(2) of type bpf
 *   client.c     connections to the service          guard.c   the caller's memory
 *   inner.c      maps inside maps
 *   sigchain.c   SIGSEGV handlers of the program     trace.c   calls as records in a file
 *   host.c       what SYSCALL programs ask for       fail.c    faults on demand
 *   ring.c       epoll, poll on ring buffers     agent*.c  programs attached to this process
 *   perf_ring.c  perf events of bpf output       select.c  select on ring buffers
 *   perf.c       perf_event_open, ioctl        trace_files.c  kprobe_events, uprobe_events
 *
 * One state for the process. Without USERBPF_SOCKET in the environment @on is false and every call
 * goes straight to libc. Functions return the system call's value or negative errno; only
 * interpose.c touches errno. What runs inside the shim (map_bind() calling mmap(), say) is marked
 * by @hit_inside, per thread, and passes through.
 */
#include <sys/select.h>
#include "agent/hit.h"
#include "shim/client.h"
#include "shim/fdtab.h"

struct shim {
	bool on;
	bool tracing; /* calls are recorded, see trace.c */
	bool met;     /* the service knows of this process, and so hears when it dies */
	struct client client;
	struct fdtab *fds;
	struct slot_table *slots;
	const char *virtual_root; /* bpffs without FUSE, by text only; or NULL */
	void (*probe_signals)(void); /* code is going to be patched (sigchain.c); or NULL */
};

extern struct shim shim;

/* process.c: the shim's state, whether it answers calls or not; @path is the service's socket. */
bool shim_make_state(const char *path);
void shim_take_slots(int memfd); /* the service's slot table */
/* The least that programs need which run here, in a process that was not started with us. */
void shim_attach(const char *path);


static inline bool shim_active(void)
{
	return shim.on && !hit_inside;
}

/* bpf(2). */
long shim_bpf(int cmd, void *uattr, u32 size);

void shim_meet_service(void);
/* Before maps are written to by this process: who dies with a lock is missed. */
static inline void shim_meet(void)
{
	if (unlikely(!shim.met))
		shim_meet_service();
}

/* The same for a thread that is inside already. */
long shim_answer(int cmd, u64 uattr, u32 size);

/* trace.c: shim_answer() and a record of it; a close of @fd to come. */
void shim_trace_start(const char *path);
long shim_trace_bpf(int cmd, u64 uattr, u32 size);
void shim_trace_close(int fd);
bool shim_trace_owns_fd(int fd);
unsigned int shim_trace_next_fd(unsigned int first); /* from @first on; ~0u: none */

/* Element commands on memory of this process; SHIM_ELSEWHERE: the service has to do it. */
#define SHIM_ELSEWHERE (-(MAX_ERRNO + 1))
long shim_elem(int cmd, u64 uattr, u32 size);
long shim_test_run(u64 uattr, u32 size);
long shim_pack(int cmd, u64 uattr, u32 size);

/* Attr of a command as the kernel takes it: 0, -EFAULT, or SHIM_ELSEWHERE for sizes that need the
 * service's opinion. */
int shim_read_attr(union bpf_attr *attr, u64 uattr, u32 size);
bool shim_attr_tail_zero(const union bpf_attr *attr, u32 end);

/* describe.c: what the service says about an fd; MSG_HANDLE, the table's source */
struct msg_handle_info;
int shim_described(const struct msg_handle_info *i, struct fd_obj *out); /* 0 or -EIO */
/* @fd is about to be closed: what is to be told afterwards, ino 0: nothing. */
struct msg_closed shim_closing(int fd);
/* It is closed: waits until the service has detached what hung on it, when nobody else holds it. */
void shim_closed(const struct msg_closed *m);
int shim_describe(void *arg, int fd, struct fd_obj *out, struct map_attr *attr, int *memfd);

/* image.c */
struct exec_host;
struct exec_image *shim_image(struct fd_obj *prog, int prog_fd); /* referenced; ERR_PTR */
/* The image came with the program: @len bytes at @body of @reply. */
void shim_image_tell(struct fd_obj *prog, const struct client_reply *reply, const void *body, u64 len);
void shim_image_put(struct exec_image *img);
/* An image that came in a message: @body, @len are within that of @reply, whose fds are the maps. */
struct client_reply;
struct exec_image *shim_image_parse(const struct client_reply *reply, const void *body, u32 len); /* ERR_PTR */
const struct exec_host *shim_host(void);
void shim_images_after_fork(void);
void shim_image_test(const struct exec_image *img, u32 *kind, u32 *max_ctx_offset);

/* inner.c: maps inside maps. Programs run between begin and end. */
void shim_run_begin(void);
void shim_run_end(void);
struct exec_run;
struct bpf_map *shim_inner_map(struct exec_run *run, struct bpf_map *outer, u32 id);
/* timer.c */
struct exec_timer;
long shim_timer(struct exec_run *run, const struct exec_timer *t);
void shim_inner_put(struct inner_cache *inner);
void shim_inner_after_fork(void);

/* ring.c: epoll on ring buffers. Of fds that epoll_ctl(2) refuses: SHIM_ELSEWHERE when it is right. */
struct epoll_event;
long shim_epoll_ctl(int epfd, int op, int fd, struct epoll_event *ev);
struct pollfd;
bool shim_poll_begin(struct pollfd *fds, unsigned long nr); /* puts eventfds in the place of handles; true: there were any */
/* select.c: @fds gets what select(2) of the first @n fds asks, as poll; how many, 0: none of them is a handle to wait
 * for. Then the sets from what poll answered: select's result or negative errno. */
struct select_sets {
	fd_set *in, *out, *ex;
};
u32 shim_select_begin(int n, const struct select_sets *s, struct pollfd *fds);
int shim_select_end(int n, const struct select_sets *s, const struct pollfd *fds, u32 nr);
void shim_epoll_sweep(bool waits); /* the thread is about to wait, or only looks */
void shim_epoll_drop(unsigned int first, unsigned int last); /* these were closed */
unsigned int shim_epoll_next_fd(unsigned int first); /* from @first on; ~0u: none */
void shim_ring_after_fork(void);
void shim_wake(struct exec_run *run, struct bpf_map *map);

/* perf_ring.c: perf events of bpf output; SHIM_ELSEWHERE: another event */
long shim_perf_ring_open(u64 uattr, int pid, int cpu, int group, unsigned long flags);
long shim_perf_ring_ioctl(int fd, unsigned long cmd, u64 arg);
/* trace_files.c: SHIM_ELSEWHERE: another file; close: 0 or the errno of what was written */
long shim_trace_file_open(const char *path, int flags);
bool shim_trace_files_open(void); /* were there any? */
long shim_trace_file_close(int fd);

/* perf.c: perf events of tracing clients; SHIM_ELSEWHERE: the machine's */
long shim_perf_open(u64 uattr, int pid, int cpu, int group, unsigned long flags);
long shim_perf_ioctl(int fd, unsigned long cmd, u64 arg);
int shim_call_tests(void *arg, u32 attach_type, u32 *retval);

/* fail.c */
void shim_fail_start(const char *text);
bool shim_fail_on(void);
int shim_fail_call(void); /* of a call that begins: 0 or the negative errno it fails with */
void shim_fail_after_fork(void);

/* host.c */
long host_sys_bpf(void *caller, int cmd, void *attr, u32 size);
long host_sys_close(void *caller, int fd);
long host_btf_find(void *caller, const char *name, u32 len, u32 kind);
long host_ksym_find(void *caller, const char *name, u32 len, u64 *addr);

/* mmap.c: address or MAP_FAILED style negative errno; SHIM_ELSEWHERE when @fd is no map handle */
long shim_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);

/* procfs.c */
long shim_readlink(int dir, const char *path, char *buf, size_t len); /* SHIM_ELSEWHERE */
void shim_fd_path(char path[40], int fd);
int shim_open_fdinfo(const char *path, int flags); /* new fd, SHIM_ELSEWHERE */

/* path.c */
int shim_path_body(char *body, size_t cap, u64 upath, bool pin, int index,
		   int *fd); /* bytes of struct msg_path; *fd: -1 or to be passed */
bool shim_is_virtual(const char *path);
long shim_virtual_op(u32 type, const char *path, u32 flags);

/* fds of our own (sockets, map memory), hidden from close() and close_range() */
bool shim_owns_fd(int fd);
bool shim_next_own_fd(unsigned int first, unsigned int last, unsigned int *own);

#endif
