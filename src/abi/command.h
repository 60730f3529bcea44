/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_COMMAND_H
#define USERBPF_COMMAND_H
/*
 * command.h - the bpf(2) ABI described once (DESIGN D3). Run side (the shim uses it).
 *
 * commands.def has a row per command; fields.def a row per attr field: what it is (scalar, fd of a
 * kind, string, pointer in/out) and, for pointers, how long the memory behind it is. Five users:
 * packing in the shim, size and tail checks in the service, the printer, the recorder, the fuzzer's
 * grammar.
 */
#include "abi/compat.h"
#include "base/base.h"

enum abi_kind {
	ABI_SCALAR,
	ABI_FLAGS,
	ABI_ENUM,
	ABI_NAME,	/* char array inside attr */
	ABI_FD,		/* fd; see fd_kinds. From here on: numbers of the calling process */
	ABI_STR,	/* pointer to NUL-terminated text in client memory (license, path, name) */
	ABI_PATH,	/* ABI_STR resolved by the client (OBJ_PIN, OBJ_GET) */
	ABI_IN,		/* pointer to memory the kernel reads */
	ABI_OUT,	/* pointer to memory the kernel writes */
	ABI_INOUT,	/* both (bpf_*_info, log buffers are ABI_OUT) */
	ABI_INSNS,	/* ABI_IN; fds inside LD_IMM64 travel too */
	ABI_FD_ARRAY,	/* ABI_IN of ints, as many as the insns' largest index needs; the fds travel too */
};

enum abi_len {
	LEN_NONE,
	LEN_FIXED,	/* unit bytes */
	LEN_FIELD,	/* value of attr field @len_off (4 bytes) times unit */
	LEN_KEY,	/* key_size of the map of the command */
	LEN_VALUE,	/* map_sys_value_size of it */
	LEN_STR,	/* up to NUL, at most unit bytes */
	LEN_RULE,	/* computed by a function of the row (prog array info pointers, insns, fd_array) */
};

/* bits of fd_kinds */
#define ABI_FD_MAP 1u
#define ABI_FD_PROG 2u
#define ABI_FD_LINK 4u
#define ABI_FD_BTF 8u
#define ABI_FD_FOREIGN 16u /* a host fd: cgroup directory, netns, perf event */
#define ABI_FD_ANY_BPF (ABI_FD_MAP | ABI_FD_PROG | ABI_FD_LINK | ABI_FD_BTF)
#define ABI_FD_SIGNED0 32u /* 0 means "none" */

/* What fd_kind() adds for links whose info has other pointers. */
#define ABI_LINK_PERF 64u
#define ABI_LINK_KPROBES 128u
#define ABI_LINK_UPROBES 256u

static inline u32 abi_link_kind(u32 link_type)
{
	return link_type == BPF_LINK_TYPE_PERF_EVENT	       ? ABI_LINK_PERF
	       : link_type == BPF_LINK_TYPE_KPROBE_MULTI       ? ABI_LINK_KPROBES
	       : link_type == BPF_LINK_TYPE_UPROBE_MULTI_NR    ? ABI_LINK_UPROBES
							       : 0;
}

struct abi_field {
	const char *name;
	u16 off, size;
	u8 kind;
	u8 len;
	u16 len_off;
	u32 unit;	/* LEN_RULE: enum abi_rule of table.h; LEN_KEY, LEN_VALUE: 1, or 0 for an array with its count at len_off */
	u32 fd_kinds;
};

struct abi_command {
	const char *name;	/* "MAP_CREATE" */
	int cmd;
	u16 attr_end;		/* end of the last field this build knows (offsetofend as in 6.1); the tail beyond must be zero */
	u16 nr_fields;
	const struct abi_field *fields;
};

/* sizeof(union bpf_attr) of 6.1: bytes a caller passes beyond it must be zero, -E2BIG otherwise;
 * more than ABI_ATTR_MAX is -E2BIG at once. */
#define ABI_ATTR_SIZE 144u
#define ABI_ATTR_MAX 4096u

const struct abi_command *abi_command(int cmd); /* NULL: unknown (-EINVAL) */
u32 abi_nr_commands(void);
const struct abi_command *abi_command_at(u32 i); /* 0..nr-1, ascending cmd */

/*
 * Visits every pointer and fd of a call. @attr is a zero-padded copy of the caller's. Pointers that
 * are NULL or whose length is 0 are skipped. read() lets rules look at client memory (insns); it
 * returns 0 or -EFAULT and a rule that cannot read simply stops there: the handler will find the
 * same fault. Return of abi_walk: first nonzero value a callback returned, else 0.
 */
struct abi_visitor {
	int (*mem)(void *arg, const struct abi_field *f, u64 uaddr, u64 len, bool in, bool out);
	int (*fd)(void *arg, const struct abi_field *f, int fd);
	int (*path)(void *arg, const struct abi_field *f, u64 uaddr);
	int (*read)(void *arg, void *dst, u64 uaddr, u64 len);
	/* key_size and bpf(2) value size of the map behind @fd; nonzero = unknown, its memory is
	 * not packed */
	int (*map_sizes)(void *arg, int fd, u32 *key_size, u32 *value_size);
	/* ABI_FD_* of the object behind @fd, 0 = unknown; NULL: OBJ_GET_INFO_BY_FD's buffer is
	 * told by its length */
	u32 (*fd_kind)(void *arg, int fd);
	/* PROG_LOAD's fd_array_cnt, which lies beyond 6.1's attr; NULL: 0 */
	u32 (*fd_array_cnt)(void *arg);
	/* true: values of the map behind @fd are fds (prog array) and travel too; NULL: no */
	bool (*fd_values)(void *arg, int fd);
	/* the same of keys (task storage) */
	bool (*fd_keys)(void *arg, int fd);
};
int abi_walk(const struct abi_command *row, const union bpf_attr *attr, const struct abi_visitor *v, void *arg);

/* strace-like text of a call: bpf(BPF_MAP_CREATE, {map_type=BPF_MAP_TYPE_HASH, key_size=4, ...},
 * 72); no client memory is read but through v->read (may be NULL). */
int abi_print(char *buf, size_t len, int cmd, const union bpf_attr *attr, u32 size, const struct abi_visitor *v, void *arg);

#endif
