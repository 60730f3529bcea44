/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_KFUNC_H
#define USERBPF_KFUNC_H
/*
 * kfunc.h - functions of the service that programs call by BTF id (the kernel's kfuncs).
 *
 * kfuncs.def has one row per function: KFUNC(name, types, flags, call). The functions are ordinary
 * C, with the prototypes that vmlinux.btf shows and the verifier checks arguments against; @call
 * passes registers to one. The rewrite puts the number of the row, counted from 1, into insn.off,
 * and the interpreter calls exec_kfuncs[insn.off]. Run side.
 *
 * As in the kernel a pointer to plain memory may be NULL whatever its type says: functions must
 * expect that.
 */
#include "helper/helper.h"

/* flags: the kernel's, by name and value */
#define KF_ACQUIRE 0x01u      /* returns a reference that must be released */
#define KF_RELEASE 0x02u      /* releases the reference it gets */
#define KF_RET_NULL 0x04u     /* may return NULL */
#define KF_KPTR_GET 0x08u     /* the first argument is a field of a map value that owns a reference */
#define KF_TRUSTED_ARGS 0x10u /* pointers to objects must be references, unmodified */
#define KF_SLEEPABLE 0x20u    /* sleepable programs only */
#define KF_DESTRUCTIVE 0x40u  /* asks for CAP_SYS_BOOT */
#define KF_ITER_NEW 0x100u    /* the first argument is an iterator on the program's stack: makes it */
#define KF_ITER_NEXT 0x200u   /* returns an element of it, or NULL after the last */
#define KF_ITER_DESTROY 0x400u
#define KF_RCU 0x800u	      /* as KF_TRUSTED_ARGS, but for pointers under RCU */
#define KF_LOCKED 0x1000u     /* may be called while a bpf_spin_lock is held */
#define KF_OWNED(op) ((u32)(op) << 16) /* what it does with objects that programs own */
#define KF_OWNED_OP(flags) ((enum owned_op)((flags) >> 16))
#define KF_ITER (KF_ITER_NEW | KF_ITER_NEXT | KF_ITER_DESTROY)

enum owned_op {
	OWNED_NONE,
	OWNED_NEW,
	OWNED_DROP,
	OWNED_ACQUIRE,
	OWNED_PUSH,
	OWNED_POP,
	OWNED_END,
	OWNED_ADD,
	OWNED_REMOVE,
	OWNED_ROOT,
	OWNED_STEP,
};

struct kfunc {
	const char *name;
	u64 types; /* bit per enum bpf_prog_type that may call it */
	u32 flags;
};

s32 kfunc_find(const char *name); /* number of the row, from 0, or -ENOENT */
const struct kfunc *kfunc_row(u32 n);

#endif
