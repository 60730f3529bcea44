/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PROTO_H
#define USERBPF_PROTO_H
/*
 * proto.h - the wire between a client process (shim, CLI) and userbpfd: a Unix stream socket, one request then one reply on a connection; a process
 * opens as many connections as it has calls in flight. Same machine, same build family: native byte order, fixed-width fields, 8-byte aligned.
 *
 *   message  = struct msg_hdr, body (hdr.len bytes), and hdr.nfds fds as SCM_RIGHTS (with the first byte; in chunks of at most 250 for more)
 *
 * Retired numbers are never reused; any change of a layout raises PROTO_VERSION, which both sides exchange in HELLO.
 * Nothing in a message is trusted by the service.
 */
#include "abi/compat.h"
#include "base/base.h"
#include "map/map.h"

#define PROTO_VERSION 1
#define PROTO_MAX_BODY (64u << 20)
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
	/* CLI */
	MSG_STATUS = 32,     /* -> text for `userbpf status` (body flag: json) */
	MSG_MOUNT = 33,	     /* options text, label, /dev/fuse fd -> mounted instance serves it */
	MSG_REMOUNT = 34,    /* options text, fd of the root: restores preload files, applies options */
	MSG_FS_CAT = 35,     /* virtual path -> content in replies until an empty one */
	MSG_FS_LS = 36,	     /* virtual path -> ls -la like entries */
	MSG_SHUTDOWN = 37,
	/* preload driver */
	MSG_PRELOAD_DONE = 48, /* array of {link id, name} */
};

struct msg_hdr {
	u32 type;
	u32 len;
	u32 nfds;
	s32 result; /* replies: 0 / value, or negative errno */
};

struct msg_hello {
	u32 version;
	u32 pid;
	u32 nr_cpus;
	u32 flags;
};

struct msg_bpf {
	u32 cmd;
	u32 attr_size;	/* as the client passed it; attr bytes that follow: min(attr_size, 4096), padded to 8 */
	u64 uattr;	/* client address of attr: results inside attr are written there */
	u32 nr_segs;
	u32 nr_fds;	/* struct msg_fd entries after the segments' headers */
};

struct msg_seg {
	u64 uaddr;
	u64 len;
	u32 flags;	/* SEG_* */
	u32 pad;
};
#define SEG_DATA 1u  /* bytes follow (padded to 8) */
#define SEG_FAULT 2u /* could not be read */
#define SEG_OUT 4u   /* may be written */

struct msg_fd {
	s32 client_fd;	/* number in the client */
	s32 index;	/* which passed fd; -1: EBADF there */
};

#endif
