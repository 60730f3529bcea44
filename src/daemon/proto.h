/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PROTO_H
#define USERBPF_PROTO_H
/*
 * proto.h - the wire between a client process (shim, CLI) and userbpfd: a Unix stream socket, one
 * request then one reply on a connection; a process opens as many connections as it has calls in
 * flight. Same machine, same build family: native byte order, fixed-width fields, 8-byte aligned.
 *
 *   message  = struct msg_hdr, body (hdr.len bytes), and hdr.nfds fds as SCM_RIGHTS
 *
 * The header carries the first 250 fds (it is sent in one sendmsg with them); every further 250
 * travel with one byte of the body each, from its first byte on. A receiver simply collects the fds
 * of all bytes of a message; their number must be hdr.nfds then. src/daemon/wire.h does both sides
 * with libc only.
 *
 * Retired numbers are never reused; any change of a layout raises PROTO_VERSION, which both sides
 * exchange in HELLO. Nothing in a message is trusted by the service.
 */
#include <linux/perf_event.h>
#include "abi/compat.h"
#include "base/base.h"
#include "exec/site.h"
#include "map/map.h"

#define PROTO_VERSION 8
#define PROTO_MAX_BODY (64u << 20)
/* Looks at a socket before going to sleep on it: some 20 us. */
#define EAGER_TRIES 50
#define PROTO_MAX_FDS 1024

enum msg_type {
	/* client calls */
	MSG_HELLO = 1,	     /* struct msg_hello both ways; reply carries the slot table memfd */
	MSG_BPF = 2,	     /* struct msg_bpf, attr, segments; reply struct msg_bpf_reply, segments */
	MSG_HANDLE = 3,	     /* fd -> struct msg_handle_info, memfd for maps: what is this fd? */
	MSG_IMAGE = 4,	     /* prog fd -> program image to run in the client */
	MSG_TAIL_TARGET = 5, /* (map fd, index) -> image of the program in the slot */
	MSG_PRINTK = 6,	     /* text for trace_pipe */
	MSG_BTF_SHOW = 7,    /* type id, flags, object bytes -> text (bpf_snprintf_btf in clients) */
	MSG_ACCOUNT = 8,     /* prog fd, struct msg_account: runs made in the client while somebody wants statistics (slot_stats()) */
	MSG_INNER_MAP = 9,   /* (map fd, id) -> memory of a map inside a map of maps */
	MSG_BTF_FIND = 10,   /* struct msg_btf_find, name -> id as result, the BTF's fd when it is a module's */
	MSG_KSYM_FIND = 11,  /* name with NUL -> u64 address of a symbol of /proc/kallsyms */
	MSG_TIMER = 12,	     /* struct msg_timer -> result of a bpf_timer helper */
	MSG_WATCH = 13,	     /* map fd -> eventfd that writers of the map signal */
	MSG_PERF_RING = 23,  /* struct msg_perf_ring -> fd of a perf event of bpf output */
	MSG_VIEW_CHANGED = 14, /* struct msg_view_changed: bpf_view_changed() in a client */
	MSG_PERF_OPEN = 20,  /* struct msg_perf_open, name; fd 0: the file of a uprobe -> a perf event's fd */
	MSG_PERF_IOCTL = 21, /* struct msg_perf_ioctl; fd 0 = perf event, 1 = program -> what the request gives */
	MSG_CALL_TESTS = 22, /* struct msg_call_tests -> u32: what a test run of a program around functions returns */
	MSG_SYSCALLS = 24,   /* fd of an ELF file -> struct msg_syscall for each place in it that calls the kernel */
	MSG_TRACE_EVENTS = 27, /* struct msg_trace_events, text: lines written to kprobe_events or uprobe_events */
	MSG_CLOSED = 28,     /* struct msg_closed: a handle of a link or a perf event; answered when it is detached */
	/* CLI */
	MSG_STATUS = 32,     /* -> text for `userbpf status` (body flag: json) */
	MSG_MOUNT = 33,	     /* options text, label, /dev/fuse fd -> mounted instance serves it */
	MSG_REMOUNT = 34,    /* options text, fd of the root: restores preload files, applies options */
	MSG_FS_CAT = 35,     /* virtual path -> content in replies until an empty one */
	MSG_FS_LS = 36,	     /* virtual path -> ls -la like entries */
	MSG_SHUTDOWN = 37,
	MSG_FS_RM = 38,	     /* struct msg_fs_req, virtual path: unlink or rmdir; flags: FS_RM_* */
	MSG_FS_MKDIR = 39,   /* struct msg_fs_req, virtual path; flags: mode */
	MSG_UMOUNT = 40,     /* struct msg_fs_req, label: drops an instance without mounts; -EBUSY: it has some; -EPERM: the default one */
	MSG_EXPOSE = 41,     /* struct msg_expose, path of a pin, path to be: shows the pin's object in a group */
	MSG_WHY = 42,	     /* struct msg_fs_req, virtual path -> text: what stands behind it */
	MSG_MAP_TOP = 44,    /* -> struct msg_map_top of each map; operations are counted until the asking connection ends */
	MSG_ATTACH = 43,     /* struct msg_attach: the agent comes into a running process */
	/* 48 (PRELOAD_DONE) is retired: the driver reports on its fd 3 */
	/* agents */
	MSG_AGENT = 64,	     /* struct msg_agent: the connection turns round, see below */
	MSG_PROBE_ADD = 65,  /* struct msg_probe, plan, image as in the reply to MSG_IMAGE (with its fds) */
	MSG_PROBE_DEL = 66,  /* struct msg_probe_del */
	MSG_PROBE_STATS = 68, /* from the agent, no answer: struct msg_probe_stats */
	MSG_PROBE_SYNC = 67, /* nothing: these were all there are for you; what you have besides goes */
};

struct msg_hdr {
	u32 type;
	u32 len;
	u32 nfds;
	s32 result; /* replies: 0 / value, or negative errno */
};

/* First message of a connection; a service of another version answers with its own HELLO and
 * -EPROTO. */
struct msg_hello {
	u32 version;
	u32 pid;
	u32 nr_cpus;
	u32 flags; /* HELLO_* */
};
#define HELLO_SLOTS 1u /* request: send the memfd of struct slot_table (base/slot.h) as fd 0 of the reply */

/*
 * MSG_BPF request body, each part 8-byte aligned:
 *   struct msg_bpf, attr bytes, struct msg_seg[nr_segs], struct msg_fd[nr_fds], then the data of the SEG_DATA segments in order (each padded to 8).
 * Segments may not overlap in a way that matters: the first one that covers an address wins.
 */
struct msg_bpf {
	u32 cmd;
	u32 attr_size;	/* as the client passed it; attr bytes that follow: min(attr_size, MSG_ATTR_MAX), padded to 8 */
	u64 uattr;	/* client address of attr: results inside attr are written there */
	u32 nr_segs;
	u32 nr_fds;	/* struct msg_fd entries after the segments' headers */
};
#define MSG_ATTR_MAX 4096u
#define MSG_MAX_SEGS 4096u

struct msg_seg {
	u64 uaddr;
	u64 len;
	u32 flags;	/* SEG_* */
	u32 pad;
};
#define SEG_DATA 1u  /* bytes follow (padded to 8) */
#define SEG_FAULT 2u /* could not be read */
#define SEG_OUT 4u   /* may be written */
#define SEG_PATH 8u  /* with SEG_DATA: the data (len bytes) is a struct msg_path; uaddr is the pathname pointer in attr */

struct msg_fd {
	s32 client_fd;	/* number in the client */
	s32 index;	/* which passed fd; -1: EBADF there */
};

/*
 * A pathname resolved by the client in its own view (DESIGN D9). OBJ_PIN: @index is an O_PATH fd of
 * the parent directory and name the last component (no slash); OBJ_GET: @index is an O_PATH fd of
 * the file and name is empty. When the client's walk failed, @error says how (the service returns
 * it unless an earlier check of the command fails first, or the text names a file of an instance
 * without a FUSE mount). Followed by text and name, each NUL-terminated.
 */
struct msg_path {
	s32 index;	/* which passed fd; -1: none (no FUSE, or error) */
	s32 error;	/* 0 or -errno of the client's walk */
	u32 text_len;	/* bytes with NUL, at most 4096 */
	u32 name_len;	/* bytes with NUL, at most 256 */
};

/*
 * MSG_BPF reply: hdr.result is the value of the system call. With one fd passed, the fd number it
 * gets in the client is the value instead. Body: struct msg_bpf_reply, then nr_segs times { struct
 * msg_seg, len bytes padded to 8 } to be stored at seg.uaddr in order; flags of these are 0.
 */
struct msg_bpf_reply {
	u32 nr_segs;
	u32 flags; /* BPF_REPLY_* */
};
#define BPF_REPLY_HANDLE 1u /* the fd is a handle: the last bytes of the body are its struct msg_handle_info, so that nobody has to ask */
#define BPF_REPLY_MEMORY 2u /* a second fd: the memory of a new map that is mapped or written next, as for MSG_HANDLE */
#define BPF_REPLY_IMAGE 4u /* a loader, which is there to be run at once: its image (MSG_IMAGE) is before the struct msg_handle_info; further fds are its maps' */

/* MSG_HANDLE: empty body, fd 0 = the fd in question. -EBADF: not a handle of this service.
 * OBJ_MAP: reply fd 0 = memfd, read-only without HANDLE_WRITE. */
struct msg_handle_info {
	u32 kind;	/* enum obj_kind (obj/obj.h): 0 prog, 1 map, 2 link, 3 btf, 5 perf event, 6 perf event of bpf output */
	u32 perm;	/* HANDLE_READ 1, HANDLE_WRITE 2 */
	u32 id;
	u32 type;	/* program, map or link type */
	u64 dev, ino;	/* identity of the handle */
	struct map_attr map; /* kind 1: for map_bind() */
};

/*
 * MSG_IMAGE: empty body, fd 0 = program handle. Reply body, each part 8-byte aligned:
 *   struct msg_image, struct bpf_insn[len] (unbound, conventions of exec/exec.h), struct msg_subprog[nr_subprogs], struct msg_map[nr_maps]
 */
struct msg_image {
	u32 prog_id;
	u32 prog_type, attach_type;
	u32 len;	/* insns */
	u32 nr_subprogs, nr_maps;
	u32 flags;	/* IMAGE_* */
	u16 test_run;	/* enum test_run_kind (exec/test_run.h) of the program's type */
	u16 max_ctx_offset;
	char name[BPF_OBJ_NAME_LEN];
};
#define IMAGE_SLEEPABLE 1u
#define IMAGE_GPL 2u
#define IMAGE_XDP_FRAGS 4u

struct msg_subprog {
	u32 start, stack_depth;
};

struct msg_map {
	struct map_attr attr;
	u32 index;	/* which fd of the reply is its memfd */
	u32 flags;	/* MSG_MAP_* */
};
#define MSG_MAP_RDONLY 1u /* memfd is read-only: programs may not write it (BPF_F_RDONLY_PROG, frozen) */

/* MSG_TAIL_TARGET: fd 0 = memfd of the prog array as it came with an image or handle (proof of
 * access). Reply as MSG_IMAGE; -ENOENT: empty slot. */
struct msg_tail_target {
	u32 map_id;
	u32 index;
};

/* MSG_INNER_MAP: fd 0 = memfd of the map of maps, as above. Reply: struct msg_map and its memfd;
 * -ENOENT: no map of that id is in there. */
struct msg_inner_map {
	u32 map_id;
	u32 inner_id;
};

/* MSG_WATCH: fd 0 = memfd of a map with events, as above, or of a perf event's buffer. Reply fd 0: the map's eventfd, from now on
 * signalled by whoever adds something to the map that its reader is to be woken for. */
struct msg_watch {
	u32 map_id;
	u32 always; /* each signal, also when the last was not taken back yet */
};

/* MSG_PERF_RING: what struct perf_ring_open says (prog/perf_ring.h). */
struct msg_perf_ring {
	u64 sample_type;
	u32 cpu, wakeup, enabled, pad;
};

/* MSG_TIMER: what struct exec_timer says (exec/exec.h), with the map by id. INIT: fd 0 = memfd of the
 * map, as above. */
struct msg_timer {
	u32 op;
	u32 map_id;
	u64 value_off, id, ns;
	u32 prog_id, callback;
};

struct msg_view_changed {
	u64 group; /* id */
};

/* MSG_PRINTK: struct, then text (no NUL needed), at most 1024 bytes. */
struct msg_printk {
	u32 tid;
	u32 cpu;
};

/* MSG_BTF_SHOW: struct, then the object's bytes. Reply body: text, no NUL; result: bytes the
 * whole text has. */
struct msg_btf_show {
	u32 btf_id;	/* 0: vmlinux */
	u32 type_id;
	u64 flags;	/* BTF_F_* */
};

/* MSG_ACCOUNT: fd 0 = program handle. */
struct msg_account {
	u64 runs, ns;
};

/* MSG_BTF_FIND: struct, then the name with its NUL. */
struct msg_btf_find {
	u32 kind;
	u32 len; /* bytes with NUL */
};

/* MSG_PERF_OPEN: the arguments of perf_event_open(2), the pointers of attr not to be followed. */
struct msg_perf_open {
	u8 attr[sizeof(struct perf_event_attr)]; /* padded with zeros */
	s32 pid, cpu;
	u32 tid;      /* who calls */
	u32 name_len; /* bytes with NUL that follow, 0: NULL */
};

/* MSG_PERF_IOCTL: QUERY_BPF (arg: room for ids) gives u32 ids, as many as there are in hdr.result; ID a u64. */
struct msg_perf_ioctl {
	u32 cmd;
	u32 pad;
	u64 arg;
};

struct msg_trace_events {
	u32 flags; /* TRACE_EVENTS_* */
	u32 len;   /* bytes with NUL */
};
#define TRACE_EVENTS_UPROBE 1u
#define TRACE_EVENTS_CLEAR 2u /* before anything else, all of the file go */

struct msg_closed {
	u64 dev, ino; /* as in struct msg_handle_info */
};

struct msg_call_tests {
	u32 attach_type;
	u32 tid;
};

/* MSG_STATUS -> text */
struct msg_status {
	u32 flags;	/* STATUS_* */
	u32 pad;
};
#define STATUS_JSON 1u

struct msg_map_top {
	u32 id, type, max_entries, value_size;
	u64 used;     /* elements; bytes of a ring buffer */
	u64 memory;   /* bytes that the machine gave */
	u64 count[4]; /* enum map_count: since counting began */
	char name[BPF_OBJ_NAME_LEN];
	char kind[24];
};

/*
 * MSG_MOUNT: struct, options text, label text. fds: 0 = /dev/fuse fd, already mounted with it; 1 = O_PATH fd of the mounted root (for its st_dev). Without fds:
 * an instance that only text paths below its label reach. Answers when the preload files are there
 * (or preloading failed). result: instance number. The service has one instance from the start,
 * labelled MOUNT_DEFAULT_LABEL. The first mount with that label is a mount of it, and so is every
 * one with MOUNT_SHARED; others are new instances. An instance goes with its last mount, the
 * default one stays. MSG_REMOUNT: fd 0 = O_PATH fd of the root; without it the label says which.
 * The options change what is in force.
 */
#define MOUNT_DEFAULT_LABEL "/sys/fs/bpf"
#define MOUNT_SHARED 1u
/* A cgroup tree; options are those of fs_parse_cgroup_options(). The service has one from the
 * start, labelled MOUNT_CGROUP_LABEL, for which the same rules hold. No remounts. */
#define MOUNT_CGROUP 2u
#define MOUNT_CGROUP_LABEL "/sys/fs/cgroup"
struct msg_mount {
	u32 flags;
	u32 pad;
	u32 options_len; /* bytes with NUL */
	u32 label_len;	 /* bytes with NUL; the mount point */
};

/*
 * MSG_FS_CAT, MSG_FS_LS: struct, path (with NUL). The path is absolute; the longest instance label
 * that is a prefix of it says where it is. Replies: messages with a body until one with an empty
 * one; a negative result ends it too. CAT: bytes. LS: struct msg_dirent entries; FS_LS_SELF: the
 * named inode only.
 */
struct msg_fs_req {
	u32 flags;
	u32 path_len; /* with NUL */
};
#define FS_LS_SELF 1u
#define FS_RM_RECURSIVE 1u
#define FS_RM_FILE 2u /* unlink(2): no directory */
#define FS_RM_DIR 4u  /* rmdir(2): nothing else */

/* MSG_EXPOSE: struct, then both paths, each with its NUL; they are found as in msg_fs_req. */
struct msg_expose {
	u32 flags;
	u32 mode;	/* of the file; 0: 0600 */
	u32 pin_len;
	u32 path_len;
};
#define EXPOSE_INHERIT 1u /* in all groups below, too */

struct msg_dirent {
	u64 ino;
	u64 size;
	s64 mtime;	/* s */
	u32 mode, nlink, uid, gid;
	u32 name_len;	/* bytes with NUL; name, then target of a symlink follow; the entry is padded to 8 */
	u32 target_len;	/* bytes with NUL, 0: no symlink */
};

/* MSG_ATTACH. result 0, or why not: as inject_wait(), -ENXIO: no dynamic libc in there */
struct msg_attach {
	s32 pid;
	u32 flags;
};

/*
 * MSG_AGENT: from the thread of a process that attaches programs there (shim/agent.c). After the
 * reply the service asks and the agent answers: a header of the same type, result 0 or negative
 * errno, struct msg_probe_ack. First all probes of the process, then SYNC, then every change.
 * Answers come in the order of the messages.
 */
struct msg_agent {
	u32 pid, tid;
	u32 flags;
	u32 pad;
};

struct msg_probe {
	u64 id;
	u32 kind;	/* enum probe_kind (link/probe.h) */
	u32 flags;	/* MSG_PROBE_* */
	u64 dev, ino;	/* of the file, as /proc/PID/maps and stat(2) show them */
	u64 offset, ref_ctr_offset;
	u64 cookie;
	u64 period;
	s32 nr;		/* of the system call, -1: all */
	s32 cpu;
	u32 tid;
	u32 prog_id;
	u32 plan_len;	/* bytes of struct site_plan that follow; padded to 8 */
	u32 image_len;	/* bytes of the image behind; 0: you have it by a probe that is in place */
};
#define MSG_PROBE_MORE 1u /* another ADD follows at once: put them in place together; no answer to this one */
#define MSG_PROBE_PID 2u  /* for this process only, not for those it forks */
#define MSG_PROBE_TASK_CLOCK 4u
#define MSG_PROBE_FREQ 8u

/* MSG_SYSCALLS: see struct plan_syscall (link/plan.h). */
struct msg_syscall {
	u64 enter, exit;
	s32 nr;
	u32 pad;
	struct site_plan enter_plan, exit_plan;
};

struct msg_probe_del {
	u64 first;	/* ids */
	u64 n;
};

struct msg_probe_stats {
	u32 prog_id, pad;
	u64 runs, ns, missed; /* since the last one */
};

struct msg_probe_ack {
	u64 failed;	/* a probe that could not be put into code which is mapped, 0: none ... */
	s32 err;	/* ... and why */
	u32 nr_failed;	/* places of that kind */
};

#define MSG_PAD(n) (((n) + 7) & ~(u64)7)

_Static_assert(sizeof(struct msg_hdr) == 16, "layout");
_Static_assert(sizeof(struct msg_bpf) == 24 && sizeof(struct msg_seg) == 24 && sizeof(struct msg_fd) == 8, "layout");
_Static_assert(sizeof(struct msg_path) == 16 && sizeof(struct msg_bpf_reply) == 8, "layout");
_Static_assert(sizeof(struct map_attr) == 184 && sizeof(struct msg_handle_info) == 216, "layout");
_Static_assert(sizeof(struct msg_probe) == 88 && sizeof(struct msg_probe_ack) == 16 && sizeof(struct msg_syscall) % 8 == 0, "layout");
_Static_assert(sizeof(struct msg_image) == 48 && sizeof(struct msg_map) == 192 && sizeof(struct msg_dirent) == 48, "layout");

#endif
