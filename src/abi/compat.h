/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_COMPAT_H
#define USERBPF_COMPAT_H
/*
 * compat.h - the system's UAPI headers plus what Debian 12's (6.1) lack, each with the kernel
 * version that introduced it. The one place for such constants. Facts of the kernel ABI only.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include "userbpf/view.h" /* ours, of no kernel */

/* BPF cpu v4, Linux 6.6 */
#ifndef BPF_MEMSX
#define BPF_MEMSX 0x80
#endif
/* may_goto, Linux 6.9: BPF_JMP | BPF_JCOND with this source register */
#define BPF_JCOND 0xe0
#define BPF_MAY_GOTO 0
/* The kernel's internal load modes for loads that may fault, and ours for pointers in map values (never
 * accepted from a client). */
#define BPF_PROBE_MEM 0x20
#define BPF_PROBE_MEMSX 0x40
#define BPF_KPTR 0xa0
/* The kernel's internal opcodes: a tail call, never accepted from a client. */
#define BPF_TAIL_CALL 0xf0

/* PROG_LOAD's attr beyond Linux 6.1's: log_true_size (6.4), prog_token_fd (6.9), and what we know of
 * it, fd_array_cnt (6.14), at this offset. */
#define BPF_ATTR_LOG_TRUE_SIZE 140
#define BPF_ATTR_PROG_TOKEN_FD 144
#define BPF_ATTR_FD_ARRAY_CNT 148
#define BPF_ATTR_LOAD_SIZE 152

/* RAW_TRACEPOINT_OPEN: the cookie's offset (6.10) */
#define BPF_ATTR_RAW_TP_COOKIE 16

/* Storage of groups, Linux 6.2 */
#define BPF_MAP_TYPE_CGRP_STORAGE ((enum bpf_map_type)32)

/* uprobe_multi, Linux 6.6; the numbers are those of enum bpf_attach_type and bpf_link_type */
#define BPF_TRACE_UPROBE_MULTI_NR 48
#define BPF_LINK_TYPE_UPROBE_MULTI_NR 12
#define BPF_ATTR_LINK_KIND 16 /* where what only one kind of link has begins in link_create */
struct link_create_uprobe_multi {
	__aligned_u64 path, offsets, ref_ctr_offsets, cookies;
	__u32 cnt, flags, pid;
};

/* enum bpf_perf_event_type, Linux 6.6 */
enum {
	PERF_EVENT_INFO_NONE,
	PERF_EVENT_INFO_UPROBE,
	PERF_EVENT_INFO_URETPROBE,
	PERF_EVENT_INFO_KPROBE,
	PERF_EVENT_INFO_KRETPROBE,
	PERF_EVENT_INFO_TRACEPOINT,
	PERF_EVENT_INFO_EVENT,
};

/* struct bpf_link_info as it grew: perf events, kprobe_multi and uprobe_multi 6.6, cookies up to 6.16. */
struct bpf_link_info_long {
	__u32 type, id, prog_id, pad;
	union {
		struct {
			__aligned_u64 tp_name;
			__u32 tp_name_len, pad;
			__u64 cookie;
		} raw_tracepoint;
		struct {
			__u32 attach_type, target_obj_id, target_btf_id, pad;
			__u64 cookie;
		} tracing;
		struct {
			__aligned_u64 addrs;
			__u32 count, flags;
			__u64 missed;
			__aligned_u64 cookies;
		} kprobe_multi;
		struct {
			__aligned_u64 path, offsets, ref_ctr_offsets, cookies;
			__u32 path_size, count, flags, pid;
		} uprobe_multi;
		struct {
			__u32 type, pad;
			union {
				struct {
					__aligned_u64 name;
					__u32 name_len, offset;
					union {
						struct {
							__u64 cookie, ref_ctr_offset;
						} uprobe;
						struct {
							__u64 addr, missed, cookie;
						} kprobe;
						struct {
							__u64 cookie;
						} tracepoint;
					};
				};
				struct {
					__u64 config;
					__u32 type, pad;
					__u64 cookie;
				} event;
			};
		} perf_event;
	};
};
_Static_assert(sizeof(struct bpf_link_info_long) == 64, "ABI");
/* What bpf(2) fills: either view of it. */
union link_info {
	struct bpf_link_info info;
	struct bpf_link_info_long more;
};

/* capabilities the kernel's linux/capability.h of old distributions may lack */
#ifndef CAP_PERFMON
#define CAP_PERFMON 38 /* 5.8 */
#endif
#ifndef CAP_BPF
#define CAP_BPF 39 /* 5.8 */
#endif

#define MAX_BPF_STACK 512
#define MAX_CALL_FRAMES 8
#define MAX_TAIL_CALL_CNT 33
#define MAX_USED_MAPS 64
#define MAX_USED_BTFS 64
#define BPF_COMPLEXITY_LIMIT_INSNS 1000000
#define BPF_FS_MAGIC_NR 0xcafe4a11

/* statfs(2) of a cgroup tree of ours: FUSE has no field for f_type, so it is in f_files, and this in
 * f_ffree. f_bfree is the group's id. */
#define STATFS_MARK 0x75736572627066ull

#endif
