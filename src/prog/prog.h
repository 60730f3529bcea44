/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PROG_H
#define USERBPF_PROG_H
/*
 * prog.h - program objects: types, the load pipeline, info. Control side.
 *
 * struct bpf_prog and bpf_prog_aux are also what iterator programs see through BTF, so shared
 * fields carry the kernel's names. A program holds references to its maps, BTFs, attach BTF and
 * target program until it is released. Everything in it is immutable after prog_load() but the run
 * counters (atomic) and used_maps (BPF_PROG_BIND_MAP, under used_maps_lock).
 */
#include <pthread.h>
#include "exec/exec.h"
#include "obj/cred.h"
#include "obj/obj.h"
#include "verifier/verifier.h"

struct bpf_prog;

#define FOREIGN_ITER_ARGS 2

struct bpf_prog_aux {
	u32 used_map_cnt;
	u32 used_btf_cnt;
	u32 max_ctx_offset;
	u32 max_rdonly_access, max_rdwr_access; /* of PTR_TO_BUF context arguments; from vfy_prog */
	u32 stack_depth;
	u32 id;
	u32 func_cnt;		/* functions, the main one included; 0 when there is no other */
	u32 func_idx;
	u32 attach_btf_id;
	const struct vfy_ctx_arg *ctx_arg_info;
	struct bpf_prog *dst_prog;
	struct btf *attach_btf;
	struct bpf_prog **func;
	bool verifier_zext, dev_bound, offload_requested, attach_btf_trace;
	bool func_proto_unreliable, sleepable, tail_call_reachable, xdp_has_frags;
	const struct btf_type *attach_func_proto;
	const char *attach_func_name;
	struct bpf_map **used_maps;
	struct btf **used_btfs;
	struct bpf_prog *prog;
	u64 load_time;		/* ns since boot */
	u32 verified_insns;
	char name[BPF_OBJ_NAME_LEN];
	uid_t uid;		/* user who loaded it */
	struct btf *btf;
	struct bpf_func_info *func_info;
	struct bpf_line_info *linfo;
	u32 func_info_cnt;
	u32 nr_linfo;
	/* private */
	pthread_mutex_t used_maps_lock;
	u32 nr_subprogs;
	struct vfy_subprog *subprogs;
	struct vfy_ctx_arg iter_args[FOREIGN_ITER_ARGS]; /* behind ctx_arg_info, of another kernel's iterators */
	struct vfy_type_ops const *type_ops;
};

struct bpf_prog {
	struct bpf_prog_aux *aux;
	u16 pages;
	u16 jited : 1, gpl_compatible : 1, cb_access : 1, has_callchain : 1, kprobe_override : 1;
	enum bpf_prog_type type;
	enum bpf_attach_type expected_attach_type;
	u32 len;		/* insns after rewriting */
	u8 tag[BPF_TAG_SIZE];
	/* private */
	struct obj obj;
	struct exec_image *image; /* bound in this process */
	struct bpf_insn *xlated;  /* rewritten insns, unbound (for dump xlated and for shipping) */
	u32 prog_flags;
	const u32 *stats;	  /* prog_load_env.stats */
	u64 run_cnt, run_time_ns, misses; /* atomic */
};

extern const struct obj_class prog_class;
static inline struct bpf_prog *obj_to_prog(struct obj *o) { return o ? container_of(o, struct bpf_prog, obj) : NULL; }

/* One row per program type (types.def): name as bpftool knows it, what contexts look like, which
 * helper groups, test run support. */
struct prog_type {
	const char *name;
	enum bpf_prog_type type;
	const struct vfy_type_ops *ops;
	u32 helper_groups;	/* HG_* */
	u8 test_run;		/* enum test_run_kind of exec/test_run.h, 0: -ENOTSUPP */
	bool needs_net_admin, needs_perfmon; /* kernel: is_net_admin_prog_type, is_perfmon_prog_type */
};
const struct prog_type *prog_type_of(u32 type); /* NULL: unknown to us (-EINVAL) */
/* Iterators and views: programs that get a seq_file. */
static inline bool prog_writes_file(enum bpf_prog_type type, u32 attach)
{
	return type == BPF_PROG_TYPE_TRACING && (attach == BPF_TRACE_ITER || attach == BPF_TRACE_VIEW);
}
/* Those, and what takes what is written to a view: attached to functions that only describe arguments. */
static inline bool prog_serves_file(enum bpf_prog_type type, u32 attach)
{
	return prog_writes_file(type, attach) || (type == BPF_PROG_TYPE_TRACING && attach == BPF_TRACE_VIEW_WRITE);
}
/* Its type; of an extension, the type of what it replaces. */
enum bpf_prog_type prog_type_resolved(const struct bpf_prog *prog);

/* Everything PROG_LOAD needs from around it; filled by src/sys. */
struct prog_load_env {
	const struct cred *cred;
	struct btf *vmlinux;
	struct btf *const *modules; /* of the kernel whose BTF that is */
	u32 nr_modules;
	const struct vfy_env_ops *vfy_env; /* map_by_fd ... ; arg below */
	void *vfy_arg;
	struct bpf_prog *(*prog_by_fd)(void *arg, int fd); /* referenced or ERR_PTR */
	/* object behind attach_btf_obj_fd (same union as attach_prog_fd): btf or prog */
	struct btf *(*btf_by_fd)(void *arg, int fd);
	/* arguments of the iterator and view programs (@attach) that attach to vmlinux FUNC @func,
	 * NULL: no such target (src/link knows) */
	const struct vfy_ctx_arg *(*target_ctx)(void *arg, enum bpf_attach_type attach, const char *func, u32 *nr);
	bool verify_only; /* vmlinux is another kernel's, nothing will run */
	const u32 *stats; /* nonzero while run statistics are on (BPF_ENABLE_STATS); outlives the program; NULL: never */
	void *arg;
};

/* PROG_LOAD after the caller's memory was copied in. Pointers are borrowed copies of client
 * memory. */
struct prog_load_req {
	union bpf_attr attr;		/* scalars; pointers in it are not to be followed */
	const struct bpf_insn *insns;
	const char *license;		/* NUL-terminated, at most 127 chars */
	const void *func_info, *line_info, *core_relos;
	u32 attr_size;
	u32 fd_array_cnt;		/* beyond attr; see abi/compat.h */
	bool no_log_check;		/* the caller has checked log_level, log_buf, log_size itself */
};

/*
 * Checks attr, runs BTF checks and the verifier, builds image. A new program with one reference,
 * not yet published, or ERR_PTR. The order of checks and errno are the kernel's (bpf_prog_load,
 * 6.1).
 */
struct bpf_prog *prog_load(const struct prog_load_env *env, const struct prog_load_req *req, struct log *log);
/* Publishes @prog; id mirrored into aux->id and image. */
int prog_publish(struct obj_table *t, struct bpf_prog *prog);

/* Insns as PROG_LOAD's caller may see them (xlated_prog_insns): map fds as ids, no addresses.
 * @buf has prog->len insns. */
void prog_dump_xlated(const struct bpf_prog *prog, struct bpf_insn *buf);
/* Adds @map to the program's maps (BPF_PROG_BIND_MAP); takes over one reference of @map on
 * success. */
int prog_bind_map(struct bpf_prog *prog, struct bpf_map *map);
u64 prog_clock(void); /* ns, for prog_account() */
/* Accounting of one or more runs; does nothing unless statistics are enabled. */
void prog_account(struct bpf_prog *prog, u64 runs, u64 ns);

#endif
