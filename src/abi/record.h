/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_RECORD_H
#define USERBPF_RECORD_H
/*
 * record.h - a bpf(2) call as bytes in a file: what `userbpf trace` prints and `userbpf record` replays. Run side: the shim
 * writes records, anybody reads them.
 *
 *	struct abi_rec, then nr_parts times (struct abi_rec_part, data, zeros up to 8 bytes)
 *
 * A record is written by one write(2) to a file open for appending, after the call returned, so processes and threads do not mix.
 * It carries attr before and after the call, the memory attr points to (what the kernel read, what it wrote) under its address in
 * the client, and what every fd was. Reading one again is abi_walk() with abi_rec_visitor: the parts stand for the
 * client's memory. Everything is in the byte order of the machine; nothing in a record is trusted by its readers.
 */
#include "abi/command.h"

#define ABI_REC_MAGIC	 0x43455242u /* "BREC" */
#define ABI_REC_MAX	 (192u << 20)
#define ABI_REC_PAD(len) (((u64)(len) + 7) & ~7ull)
/* Where the shim finds the file's path. */
#define ABI_REC_ENV "USERBPF_RECORD"

enum abi_rec_kind {
	ABI_REC_BPF,   /* a bpf(2) call */
	ABI_REC_CLOSE, /* an fd of a handle was closed: one ABI_PART_FD */
};

/* abi_rec.flags */
#define ABI_REC_NESTED 1u /* made by a program (bpf_sys_bpf, bpf_sys_close) */

struct abi_rec {
	u32 magic;
	u32 len; /* of all, this header included */
	u16 kind, flags;
	s32 cmd;
	s32 pid, tid;
	u32 attr_size; /* as the caller said */
	u32 nr_parts;
	s64 ret; /* value or negative errno */
	u64 start_ns, end_ns; /* CLOCK_MONOTONIC */
};

enum abi_rec_part_kind {
	ABI_PART_ATTR,	   /* attr before the call */
	ABI_PART_ATTR_OUT, /* attr after it, when it differs */
	ABI_PART_IN,	   /* memory as it was before */
	ABI_PART_OUT,	   /* memory the command may write, after a call that did */
	ABI_PART_PATH,	   /* text of a path */
	ABI_PART_FD,	   /* struct abi_rec_fd of an fd among the arguments */
	ABI_PART_RESULT,   /* struct abi_rec_fd of the fd returned */
};

struct abi_rec_part {
	u16 kind;
	u16 cut; /* data ends early: more was there than a record keeps */
	u32 len; /* of the data, without padding */
	u64 uaddr;
};

/* dev and ino name the object, whatever number the fd has: all fds of a handle share them. */
struct abi_rec_fd {
	s32 fd;
	u32 kind; /* ABI_FD_*; 0: no handle, or closed */
	u64 dev, ino;
	u32 id, type;		  /* of the object */
	u32 key_size, value_size; /* maps: as bpf(2) sees them */
	u32 fd_values;		  /* maps: values are fds */
	u32 pad;
	char name[16]; /* maps */
};

_Static_assert(sizeof(struct abi_rec) == 56 && sizeof(struct abi_rec_part) == 16, "layout");
_Static_assert(sizeof(struct abi_rec_fd) == 64, "layout");

/* Commands whose result is an fd. */
bool abi_returns_fd(int cmd);
/* ABI_FD_* of that fd; 0 for those where it depends (OBJ_GET) or is no object. */
u32 abi_result_kind(int cmd);

/*
 * Reading. @buf starts with a record: its length when all of it is there and well-formed, 0 when more bytes are needed, -EINVAL.
 * The other functions want a record that passed.
 */
long abi_rec_check(const void *buf, size_t len);
const struct abi_rec_part *abi_rec_next(const struct abi_rec *rec, const struct abi_rec_part *prev);
static inline const void *abi_rec_data(const struct abi_rec_part *p)
{
	return p + 1;
}
/* Zero-padded copy; @after: as the call left it. */
void abi_rec_attr(const struct abi_rec *rec, union bpf_attr *attr, bool after);
/* Beyond what union bpf_attr has; 0 for other commands than PROG_LOAD. */
u32 abi_rec_fd_array_cnt(const struct abi_rec *rec);
/* What @fd was when the call was made, or NULL. */
const struct abi_rec_fd *abi_rec_fd(const struct abi_rec *rec, int fd);
const struct abi_rec_fd *abi_rec_result(const struct abi_rec *rec);
/* Client memory at @uaddr: bytes available there, 0 when it was not recorded. @out: as the call left it. */
u32 abi_rec_mem(const struct abi_rec *rec, u64 uaddr, bool out, const void **data);

/* For abi_walk() and abi_print(): read, map_sizes, fd_kind, fd_values and fd_array_cnt from the record; arg = struct abi_rec_memory. */
struct abi_rec_memory {
	const struct abi_rec *rec;
	bool out; /* memory as the call left it */
};
extern const struct abi_visitor abi_rec_visitor;

#endif
