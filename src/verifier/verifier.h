/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_VERIFIER_H
#define USERBPF_VERIFIER_H
/*
 * verifier.h - the trust boundary (DESIGN D8). Control side; one call, no global state, any number
 * of threads.
 *
 * vfy_check() takes a program as the client gave it plus everything already looked up around it,
 * and either refuses it (negative errno, reason in the log, text as Linux 6.1) or leaves in @prog
 * the rewritten program ready for exec_image (REWRITE conventions of exec/exec.h), with func_info,
 * line_info and subprogs adjusted to the rewritten instructions. Sound before complete.
 *
 * Files: check.c has the steps in order, walk.c the walk, the others a concept each (vfy.h); rewrite.c the passes
 * afterwards (rewrite.h, rw.h).
 */
#include "abi/compat.h"
#include "base/log.h"
#include "btf/btf.h"
#include "exec/exec.h"
#include "helper/helper.h"
#include "map/map.h"
#include "obj/cred.h"

struct vfy_prog;
struct venv;
struct vstate;

/* Register types a context access can yield (kernel names). */
enum bpf_reg_type {
	NOT_INIT = 0,
	SCALAR_VALUE,
	PTR_TO_CTX,
	CONST_PTR_TO_MAP,
	PTR_TO_MAP_VALUE,
	PTR_TO_MAP_KEY,
	PTR_TO_STACK,
	PTR_TO_PACKET_META,
	PTR_TO_PACKET,
	PTR_TO_PACKET_END,
	PTR_TO_FLOW_KEYS,
	PTR_TO_SOCKET,
	PTR_TO_SOCK_COMMON,
	PTR_TO_TCP_SOCK,
	PTR_TO_TP_BUFFER,
	PTR_TO_XDP_SOCK,
	PTR_TO_BTF_ID,
	PTR_TO_MEM,
	PTR_TO_BUF,
	PTR_TO_FUNC,
	CONST_PTR_TO_DYNPTR,
	__BPF_REG_TYPE_MAX,
};

enum bpf_access_type { BPF_READ = 1, BPF_WRITE = 2 };

struct insn_access_aux {
	u32 reg_type;	    /* enum bpf_reg_type | flags the loaded register gets */
	u32 ctx_field_size; /* natural size of the field, for narrow loads */
	struct btf *btf;    /* PTR_TO_BTF_ID */
	u32 btf_id;
	struct log *log;
};

/*
 * What a program type means to the verifier; one const table per type in src/prog (kernel:
 * bpf_verifier_ops). All but is_valid_access may be NULL.
 */
struct vfy_type_ops {
	/* prototype of helper @id for this program, or NULL = "unknown func" */
	const struct helper_proto *(*helper)(u32 id, const struct vfy_prog *prog);
	/* may it call that helper where it is attached? NULL: all of them */
	bool (*helper_allowed)(u32 id, const struct vfy_prog *prog);
	/* may the program read/write @size bytes at @off of its context? fills @info */
	bool (*is_valid_access)(int off, int size, enum bpf_access_type type, const struct vfy_prog *prog, struct insn_access_aux *info);
	/* LD_ABS/LD_IND replacement; 0 = the generic one */
	int (*gen_ld_abs)(const struct bpf_insn *orig, struct bpf_insn *buf);
	/* replaces one context access by accesses to our own structs; returns insn count (>0), 0
	 * = error; *target_size: bytes really read */
	u32 (*convert_ctx_access)(enum bpf_access_type type, const struct bpf_insn *si, struct bpf_insn *buf, const struct vfy_prog *prog, u32 *target_size);
	/* BTF pointer fields programs may write: 0 or negative errno; NULL = none ("only read is
	 * supported") */
	int (*btf_struct_access)(struct log *log, const struct btf *btf, const struct btf_type *t, int off, int size);
	bool skb_data;		/* LD_ABS/LD_IND allowed (may_access_skb) */
	bool btf_ctx;		/* context is an array of u64 arguments described by attach_btf_id (tracing, lsm, iter, raw_tp with btf) */
	bool packet_write;	/* may_access_direct_pkt_data for BPF_WRITE */
	bool packet_read;
};

struct vfy_subprog {
	u32 start;	    /* insn index; rewritten index on return */
	u16 stack_depth;
	u32 linfo_idx;
	bool has_tail_call, tail_call_reachable, has_ld_abs, is_async_cb;
	bool is_global;
	bool unreliable; /* [out] its BTF does not describe its arguments */
	u64 async_maps, async_inner; /* callback of timers in values of these used_maps; of maps inside these */
	char name[BPF_OBJ_NAME_LEN];
};

/* Looks up what instructions name by fd; the caller of vfy_check owns the answers (they stay
 * valid until vfy_prog_free). */
struct vfy_env_ops {
	/* map behind a client fd: the map, or ERR_PTR(-EBADF/-EINVAL). Called once per
	 * instruction; same fd -> same pointer. */
	struct bpf_map *(*map_by_fd)(void *arg, int fd);
	/* value at index of attr.fd_array (PSEUDO_MAP_IDX, kfunc btf): 0 and *fd, which may be
	 * anything; -EPROTO: there is no array; -EFAULT */
	int (*fd_array)(void *arg, u32 idx, int *fd);
	struct btf *(*btf_by_fd)(void *arg, int fd);
	/* address of a kernel (service) symbol for PSEUDO_BTF_ID; 0 = unknown */
	u64 (*ksym_addr)(void *arg, const char *name);
	/* -EINVAL etc. when map and program do not suit each other (kernel:
	 * check_map_prog_compatibility's type-specific part); may be NULL */
	int (*map_compatible)(void *arg, struct bpf_map *map, const struct vfy_prog *prog);
};

/*
 * For tests: watches the walk (tests/fuzz/soundness). May write nothing but vstate.seen and
 * vstate.kept (vfy.h), or raise env->processed to the limit to end the walk.
 */
struct vfy_observer {
	/* the instruction at env->insn_idx is about to be checked with the state env->cur */
	void (*step)(const struct vfy_observer *o, struct venv *env);
	/* the path ends before env->insn_idx: explored state @old covers env->cur; what @old
	 * says of liveness and precision is final */
	void (*covered)(const struct vfy_observer *o, struct venv *env, const struct vstate *old);
};

/* In: filled by src/prog. Out: same struct, marked [out]. */
struct vfy_prog {
	/* in */
	enum bpf_prog_type type; /* of an extension: what it replaces is */
	enum bpf_attach_type expected_attach_type;
	bool ext;		 /* takes a function's place: its arguments are those of its BTF */
	u32 prog_flags;		/* BPF_F_STRICT_ALIGNMENT, ANY_ALIGNMENT, TEST_RND_HI32, TEST_STATE_FREQ, SLEEPABLE */
	bool gpl_compatible, sleepable;
	const struct cred *cred; /* decides allow_ptr_leaks, bypass_spec_*, bpf_capable */
	const struct vfy_type_ops *ops;
	const struct vfy_env_ops *env;
	void *env_arg;
	u32 fd_array_cnt;	/* entries of fd_array the program shall hold, used or not (6.14) */
	struct btf *btf;	/* program BTF or NULL */
	struct btf *vmlinux;	/* the service's BTF */
	struct btf *attach_btf; /* BTF that attach_btf_id is of; NULL when none */
	u32 attach_btf_id;
	const struct btf_type *attach_func_proto; /* FUNC_PROTO of the context of btf_ctx types */
	const char *attach_func_name;
	/* for btf_ctx of iterators: per-argument info of the target (reg type flags such as
	 * PTR_MAYBE_NULL), see src/link/iter.h */
	const struct vfy_ctx_arg *ctx_args;
	u32 nr_ctx_args;
	/* called when the BTF infos were found good, to patch instructions (CO-RE); NULL: nothing to
	 * patch */
	int (*relocate)(void *arg, struct vfy_prog *prog, struct log *log);
	void *relocate_arg;
	const struct vfy_observer *observer; /* NULL but in tests */
	/* fentry and fexit on a program: its type (of an extension: what that replaces); else 0 */
	enum bpf_prog_type target_type;

	/* in, replaced by rewritten versions (malloc'ed; freed by vfy_prog_free) */
	struct bpf_insn *insns;
	u32 len;
	struct bpf_func_info *func_info;
	u32 func_info_cnt;
	struct bpf_line_info *line_info;
	u32 nr_linfo;

	/* [out] */
	struct vfy_subprog *subprogs;
	u32 nr_subprogs;
	struct bpf_map *used_maps[MAX_USED_MAPS];
	u32 nr_maps;
	struct btf *used_btfs[MAX_USED_BTFS];
	u32 nr_btfs;
	u32 verified_insns;	/* processed, for bpf_prog_info */
	u32 max_ctx_offset, max_rdonly_access, max_rdwr_access, max_pkt_offset, max_tp_access;
	bool cb_access, has_callchain, kprobe_override, uses_tail_call, changes_pkt_data;
	bool uses_heap;		/* calls functions that make or move objects of @btf (map/heap.h) */
	u64 verification_time;	/* ns */
};

struct vfy_ctx_arg {
	u32 offset;	/* of the argument in the context, bytes */
	u32 reg_type;	/* PTR_TO_BTF_ID | PTR_MAYBE_NULL, PTR_TO_BUF | MEM_RDONLY | PTR_MAYBE_NULL ... */
	u32 btf_id;
	struct btf *btf;
};

/* 0 or negative errno; -ENOSPC for a log that did not fit is the caller's business
 * (log->truncated). */
int vfy_check(struct vfy_prog *prog, struct log *log);
void vfy_prog_free(struct vfy_prog *prog); /* what vfy_check and its caller malloc'ed in here (insns, infos, subprogs), not maps or btfs */

/* Kernel: bpf_log's counterpart for btf_ctx types, used by src/prog too. */
bool vfy_btf_ctx_access(int off, int size, enum bpf_access_type type, const struct vfy_prog *prog, struct insn_access_aux *info);

#endif
