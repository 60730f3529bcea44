/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_GEN_RECORD_H
#define USERBPF_GEN_RECORD_H
/*
 * record.h - one bpf(2) call of a client, made symbolic and added to a trace. Control side.
 *
 * The table of src/abi says what belongs to the call; the client's side is asked what its fds, BTF
 * ids and addresses mean. Log buffers are left out: the loader's context has those.
 */
#include "base/log.h"
#include "gen/trace.h"

/* What a number in a call stands for. */
struct gen_symbol {
	const char *name; /* the asked side's; copied */
	u32 btf_kind;
	bool weak;
};

struct gen_client {
	/* 0 or -EFAULT */
	int (*read)(void *arg, void *dst, u64 addr, u64 len);
	/* slot of the object behind @fd, or -1 */
	int (*slot)(void *arg, int fd);
	/* type @id of the kernel's BTF, or of the module's behind @btf_fd when that is not 0; 0 or -ENOENT */
	int (*btf)(void *arg, int btf_fd, u32 id, struct gen_symbol *sym);
	/* symbol at @addr, constants are asked for too; 0 or -ENOENT. May be NULL */
	int (*ksym)(void *arg, u64 addr, struct gen_symbol *sym);
	/* PROG_LOAD's, which lies beyond attr. NULL: 0 */
	u32 (*fd_array_cnt)(void *arg);
	void *arg;
};

/* Commands that a loader program can repeat (what bpf_sys_bpf() lets through). */
bool gen_can_repeat(int cmd);

/*
 * Adds a call; if it yields an fd, gen_trace_slot() is the next step once it has succeeded. Index of the call, or negative errno
 * with the reason in @log: -EOPNOTSUPP for what cannot be repeated.
 */
int gen_record(struct gen_trace *t, const struct gen_client *c, int cmd, const union bpf_attr *attr,
	       u32 size, struct log *log);

#endif
