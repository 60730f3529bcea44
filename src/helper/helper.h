/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HELPER_H
#define USERBPF_HELPER_H
/*
 * helper.h - what a helper is to the verifier (its prototype) and to the run side (its function).
 *
 * helpers.def has one row per helper: HELPER(name, RET, ARG1, ARG2, ARG3, ARG4, ARG5, groups,
 * flags). From it come the prototype table, the id -> function table and the disassembler's names.
 * A helper that cannot run here is not in the list (the verifier then says "unknown func").
 * @groups says which families of program types may call it; src/prog maps program types to groups (and adds exceptions).
 * Names of the argument and return kinds are the verifier's of Linux 6.1.
 */
#include "exec/exec.h"

enum bpf_arg_type {
	ARG_DONTCARE = 0,
	ARG_CONST_MAP_PTR,
	ARG_PTR_TO_MAP_KEY,
	ARG_PTR_TO_MAP_VALUE,
	ARG_PTR_TO_MEM,
	ARG_CONST_SIZE,
	ARG_CONST_SIZE_OR_ZERO,
	ARG_PTR_TO_CTX,
	ARG_ANYTHING,
	ARG_PTR_TO_SPIN_LOCK,
	ARG_PTR_TO_SOCK_COMMON,
	ARG_PTR_TO_INT,
	ARG_PTR_TO_LONG,
	ARG_PTR_TO_SOCKET,
	ARG_PTR_TO_BTF_ID,
	ARG_PTR_TO_RINGBUF_MEM,
	ARG_CONST_ALLOC_SIZE_OR_ZERO,
	ARG_PTR_TO_BTF_ID_SOCK_COMMON,
	ARG_PTR_TO_PERCPU_BTF_ID,
	ARG_PTR_TO_FUNC,
	ARG_PTR_TO_STACK,
	ARG_PTR_TO_CONST_STR,
	ARG_PTR_TO_TIMER,
	ARG_PTR_TO_KPTR,
	ARG_PTR_TO_DYNPTR,
	__BPF_ARG_TYPE_MAX,
};

enum bpf_return_type {
	RET_INTEGER = 0,
	RET_VOID,
	RET_PTR_TO_MAP_VALUE,
	RET_PTR_TO_SOCKET,
	RET_PTR_TO_TCP_SOCK,
	RET_PTR_TO_SOCK_COMMON,
	RET_PTR_TO_MEM,
	RET_PTR_TO_MEM_OR_BTF_ID,
	RET_PTR_TO_BTF_ID,
	__BPF_RET_TYPE_MAX,
};

/* Modifiers, or'ed to the base kinds above and to enum bpf_reg_type of the verifier (same bits
 * as one space, as in the kernel). */
#define BPF_BASE_TYPE_BITS 8
#define BPF_BASE_TYPE_MASK 0xffu
enum bpf_type_flag {
	PTR_MAYBE_NULL = 1u << 8,
	MEM_RDONLY = 1u << 9,
	MEM_RINGBUF = 1u << 10,
	MEM_USER = 1u << 11,
	MEM_PERCPU = 1u << 12,
	OBJ_RELEASE = 1u << 13,
	PTR_UNTRUSTED = 1u << 14,
	MEM_UNINIT = 1u << 15,
	DYNPTR_TYPE_LOCAL = 1u << 16,
	DYNPTR_TYPE_RINGBUF = 1u << 17,
	MEM_FIXED_SIZE = 1u << 18,
	PTR_TRUSTED = 1u << 19,
	MEM_RCU = 1u << 20,
	MEM_ALLOC = 1u << 21,
	NON_OWN_REF = 1u << 22, /* of objects programs make: looks at it only */
};

/* Functions only the rewrite calls (LD_ABS, LD_IND); no program can name them: their rows have
 * no group. */
#define BPF_FUNC_int_skb_load_8 ((enum bpf_func_id)253)
#define BPF_FUNC_int_skb_load_16 ((enum bpf_func_id)254)
#define BPF_FUNC_int_skb_load_32 ((enum bpf_func_id)255)

/* groups: who may call (helper_groups of a program type is the union of what it may) */
#define HG_BASE 0x0001u	   /* every program type, unprivileged ones too */
#define HG_BPF 0x0002u	   /* every type, with CAP_BPF (bpf_base_func_proto's second half) */
#define HG_PERFMON 0x0004u /* every type, with CAP_PERFMON: probe_read_kernel, trace_printk, snprintf_btf ... */
#define HG_TRACING 0x0008u /* kprobe, tracepoint, perf_event, raw_tp, tracing */
#define HG_ITER 0x0010u	   /* seq helpers: BPF_TRACE_ITER and BPF_TRACE_VIEW programs */
#define HG_SKB 0x0020u	   /* socket filter's skb helpers */
#define HG_SKB_RW 0x0040u  /* sched_cls, sched_act, lwt_xmit, sk_skb: writes */
#define HG_XDP 0x0080u
#define HG_SYSCALL 0x0100u
#define HG_CGROUP 0x0200u
#define HG_SLEEPABLE 0x0400u /* sleepable tracing and syscall programs: copy_from_user ... */
#define HG_TC 0x0800u	   /* sched_cls, sched_act */
#define HG_LWT 0x1000u	   /* lwt_in, lwt_out, lwt_xmit, lwt_seg6local */
#define HG_LWT_XMIT 0x2000u
#define HG_SK_SKB 0x4000u
#define HG_FLOW 0x8000u	   /* flow dissector */
#define HG_CG_SKB 0x10000u /* cgroup_skb, besides HG_SKB */
#define HG_SOCK_OPS 0x20000u
#define HG_SOCK_ADDR 0x40000u /* cgroup_sock_addr, besides HG_CGROUP; so the next two */
#define HG_CG_SOCK 0x80000u
#define HG_SOCKOPT 0x100000u
#define HG_SK_MSG 0x200000u
#define HG_REUSEPORT 0x400000u
#define HG_SK_LOOKUP 0x800000u
#define HG_SYSCTL 0x1000000u	 /* cgroup_sysctl, besides HG_CGROUP */
#define HG_LIRC 0x2000000u
#define HG_PERF_EVENT 0x4000000u /* perf_event, besides HG_TRACING */
#define HG_TRACE_PROG 0x8000000u /* what tracing, lsm and syscall programs have beyond HG_TRACING */
#define HG_TRAMPOLINE 0x10000000u /* programs around a function: fentry, fexit, fmod_ret, lsm */
#define HG_KPROBE 0x40000000u /* kprobe, besides HG_TRACING */
#define HG_LSM_CGROUP 0x20000000u

/* flags */
#define HELPER_GPL 0x01u
#define HELPER_PKT_ACCESS 0x02u /* packet pointers may be passed as memory */
#define HELPER_SLEEP 0x04u	/* sleepable programs only */
#define HELPER_CHANGES_PKT 0x08u /* invalidates packet pointers */

struct helper_proto {
	const char *name; /* "map_lookup_elem"; the verifier prints "bpf_..." itself */
	enum bpf_func_id id;
	helper_fn fn;
	u32 ret;	  /* enum bpf_return_type | flags */
	u32 arg[5];	  /* enum bpf_arg_type | flags */
	const char *arg_btf[5]; /* struct name behind ARG_PTR_TO_BTF_ID, NULL = "bpf_map" rules do not apply */
	const char *ret_btf;
	u32 groups, flags;
};

/* Any row for @id, or NULL. */
const struct helper_proto *helper_by_id(u32 id);
/* The row for @id that a program whose type has @groups may call (a helper may have one row per
 * group where prototypes differ), or NULL. */
const struct helper_proto *helper_for(u32 id, u32 groups);
/* "unknown" beyond HELPER_IDS_END; otherwise the UAPI name without "bpf_", whether or not we
 * have it. */
const char *helper_name(u32 id);

#endif
