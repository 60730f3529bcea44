/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_DAEMON_H
#define USERBPF_DAEMON_H
/*
 * daemon.h - inside of userbpfd.
 *
 *   main.c     options, start, event loop (accept, signals, closed handles, sweeps), end
 *   rundir.c   the private runtime directory and its files        trace.c    trace_pipe
 *   reply.c    what handlers answer
 *   conn.c     one thread per connection, request table           cred.c     who the peer is and what it may
 *   bpf.c      MSG_BPF: packed memory and fds as struct sys_call   image.c    MSG_HANDLE, MSG_IMAGE, MSG_TAIL_TARGET, MSG_ACCOUNT
 *   mount.c    instances and their FUSE mounts, MSG_FS_*           preload.c  the iterators' driver process
 *   sweep.c    what dead clients left behind                       status.c   MSG_STATUS
 *   agent.c    programs in other processes, MSG_AGENT             targets.c, inject.c   finding them, calling in them
 *   symbol.c   MSG_BTF_FIND, MSG_KSYM_FIND                        expose.c   MSG_EXPOSE, MSG_WHY
 *   end.c      an end that comes in any case
 *   perf.c     MSG_PERF_*, MSG_CALL_TESTS                         tracing.c  files of tracefs and of perf's devices
 *
 * Threads: main loop, reap.c (objects nobody holds any more), one per connection, the FUSE workers, one for the preload driver. struct
 * daemon is shared by all of them; what changes in it is behind
 * @lock or atomic, the rest is set before the first thread starts.
 */
#include <pthread.h>
#include <time.h>
#include "daemon/wire.h"
#include "obj/cred.h"
#include "sys/sys.h"

#define CONNS_MAX 4096u
#define BODY_TOTAL_MAX (512ull << 20) /* request bodies above 64 KiB held at once, all clients */
#define PRELOAD_MAX 64u

struct preload_link {
	u32 id;
	char name[64];
};

struct preload {
	pthread_mutex_t lock; /* serialises runs of the driver and the use of its links */
	const char *driver, *shim, *dir;
	pid_t pid;	      /* atomic: of a running driver; its connections have every capability */
	u32 nr_links;
	struct preload_link links[PRELOAD_MAX];
	char reason[256];     /* why the last run failed, "" if it did not; under lock */
	u32 runs;
	bool configured;
	bool begun; /* under daemon->lock */
	bool stopping;
};

struct mount; /* one FUSE mount of an instance */
struct agents; /* agent.h */
struct bpf_prog;

struct daemon {
	/* options */
	const char *dir, *btf;
	const char *tracing; /* installed events/; NULL: none */
	const char *cgroup_host; /* NULL: a tree of our own */
	u32 unpriv;
	uid_t allow_uid;
	u32 run_limit_ms;
	bool foreground;
	int ready_fd;
	/* set at start */
	int dir_fd, lock_fd, sock, epfd, wake_fd, spare_fd, signal_fd, timer_fd, slots_fd, reap_stop, storage_timer;
	int groups_fd; /* groups with entries went; -1: nobody tells */
	bool dir_made;
	pthread_t reaper;
	struct slot_table *slots;
	struct sys *sys;
	struct fs_super *root; /* the default bpffs */
	struct fs_super *cgroup; /* the default cgroup tree, or NULL */
	uid_t uid;
	u64 user_ns;
	struct timespec started;
	struct preload preload;
	int trace_fd;
	struct agents *agents;
	/* change */
	pthread_mutex_t lock;
	pthread_cond_t idle;   /* no connection left */
	struct list conns;
	u32 map_watchers; /* atomic: connections that count operations of maps (map_top.c) */
	u32 nr_conns;
	u64 served;	       /* atomic: requests */
	u64 body_bytes;	       /* atomic */
	struct list mounts;
	bool stopping;
	u32 sweeps_left;       /* main thread */
};

struct reply {
	s32 result;
	u8 *data;
	size_t len, room;
	int fds[80];
	u32 nr_fds;
	bool failed; /* no memory; becomes -ENOMEM */
};

struct conn {
	struct list node; /* daemon->conns */
	struct daemon *d;
	int sock, pidfd;
	int ns;		  /* O_PATH fd of /proc/PID/ns, -1: gone */
	pid_t pid;
	uid_t uid;
	gid_t gid;
	u64 ns_ino;	  /* user namespace the verdict below is about */
	bool ns_counts;
	bool greeted;
	struct wire_msg msg;
	struct reply reply;
	u64 charged;	  /* of daemon->body_bytes */
	bool counts;	  /* has asked for MSG_MAP_TOP */
};

/* conn.c */
void conn_accept(struct daemon *d);
void conn_stop_all(struct daemon *d); /* hangs up everybody and waits */

/* reply.c */
void *reply_add(struct reply *r, const void *data, size_t len); /* appends, padded to 8; NULL data: zeroes. NULL: no memory */
void reply_fd(struct reply *r, int fd);		/* takes over */
void reply_reset(struct reply *r);
int reply_send(struct conn *c);
int reply_send_part(struct conn *c, const void *data, size_t len); /* one more message before the reply proper */

/* Handlers: body and fds are in c->msg, unchecked; the answer goes to c->reply. Return: result
 * of the reply. */
int bpf_handle(struct conn *c);
/* Of a handle that command @cmd has made: what it is, and what its maker will want at once, added to the reply; BPF_REPLY_* */
u32 image_describe_new(struct conn *c, int fd, u32 cmd);
/* A program for another process: struct msg_image and what follows it, with its fds. */
int image_reply(struct reply *r, const struct bpf_prog *p);
int image_handle_info(struct conn *c);
int image_handle_prog(struct conn *c);
int image_handle_tail(struct conn *c);
int image_handle_inner(struct conn *c);
int image_handle_watch(struct conn *c);
int image_handle_timer(struct conn *c);
int image_handle_perf_ring(struct conn *c);
int image_handle_view_changed(struct conn *c);
int image_handle_account(struct conn *c);
int image_handle_btf_show(struct conn *c);

/* perf.c */
int perf_handle_open(struct conn *c);
int perf_handle_ioctl(struct conn *c);
int perf_handle_call_tests(struct conn *c);
int perf_handle_closed(struct conn *c);
int perf_handle_trace_events(struct conn *c);
/* symbol.c */
int symbol_handle_btf(struct conn *c);
int symbol_handle_ksym(struct conn *c);
int mount_handle_mount(struct conn *c);
int mount_handle_remount(struct conn *c);
int mount_handle_umount(struct conn *c);
int mount_handle_rm(struct conn *c);
int mount_handle_mkdir(struct conn *c);
int mount_handle_cat(struct conn *c);
int mount_handle_ls(struct conn *c);
int expose_handle_expose(struct conn *c);
int expose_handle_why(struct conn *c);
/* mount.c: the inode at @path, referenced; *sb referenced too, and *cred filled */
struct fs_inode *mount_path_inode(struct conn *c, const char *path, bool nofollow, struct fs_super **sb, struct cred *cred);
const char *mount_req_path(struct conn *c, struct msg_fs_req *h); /* NULL: malformed */
int status_handle(struct conn *c);

/* map_top.c */
int map_top_handle(struct conn *c);
void map_top_end(struct conn *c); /* the connection ends */
int trace_handle_printk(struct conn *c);

/* cred.c */
int cred_open(struct conn *c); /* 0, -EACCES: not admitted */
void cred_close(struct conn *c);
bool cred_gone(const struct conn *c); /* the process that connected has ended */
void cred_get(struct conn *c, struct cred *out);
int cred_idmaps(pid_t pid, struct fs_idmap *uids, struct fs_idmap *gids);
u64 cred_user_ns(void);
int cred_stat_path(int fd, dev_t *dev, u64 *ino);

/* rundir.c */
int rundir_open(struct daemon *d);  /* directory, lock */
int rundir_files(struct daemon *d); /* files for clients' namespaces, trace_pipe */
int rundir_listen(struct daemon *d);
void rundir_remove(struct daemon *d);
void rundir_remove_groups(struct daemon *d); /* the directories of an own cgroup tree */

/* trace.c */
void trace_write(struct daemon *d, u32 tid, u32 cpu, const char *text, u32 len);
void trace_own(void *arg, const char *text, u32 len); /* sys_options.printk */

/* tracing.c: part of rundir_files() and rundir_remove() */
int tracing_make(struct daemon *d);
void tracing_remove(struct daemon *d);

/* end.c: the process is gone some seconds from now, whatever hangs */
void end_certainly(struct daemon *d);

/* reap.c */
int reap_start(struct daemon *d);
void reap_end(struct daemon *d);

/* sweep.c */
void sweep_dead(struct daemon *d);
void sweep_storage_made(struct daemon *d); /* a map with values of tasks or groups is there */
void sweep_storage_due(struct daemon *d);  /* d->storage_timer */

/* mount.c */
void mount_wake(struct daemon *d);  /* main loop: stop FUSE mounts that ended */
void mount_stop_all(struct daemon *d);
int mount_cgroup_init(struct daemon *d); /* the cgroup tree and its default instance */
u32 mount_count(struct daemon *d);

/* preload.c */
void preload_start(struct daemon *d); /* first run, in a thread of its own */
/* Pins what is missing; runs the driver when links are gone, after a failure only with @retry. */
void preload_fill(struct daemon *d, struct fs_super *sb, bool retry);
void preload_wait(struct daemon *d); /* until a run in progress is over */
void preload_stop(struct daemon *d);
int preload_describe(struct daemon *d, char *buf, size_t len, bool *ok);

/* options.c */
int options_parse(struct daemon *d, int argc, char **argv); /* 0: go on; 1: done; negative: wrong, usage printed */
void options_find_parts(struct daemon *d);		      /* fills what the command line left open */

/* say.c */
void daemon_wake(struct daemon *d); /* makes the main loop look at mounts and the dead */
void daemon_say(const char *fmt, ...) __printf(1, 2); /* stderr */

#endif
