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
#define BPF_ATTR_FD_ARRAY_CNT 148
#define BPF_ATTR_LOAD_SIZE 152

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
