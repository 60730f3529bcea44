/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_EXEC_H
#define USERBPF_EXEC_H
/*
 * exec.h - running a verified program (run side: any process, libc only, no allocation while
 * running).
 *
 * struct exec_image is what the service hands out after verification: position-independent, then
 * bound to this process.
 * Instruction conventions between the verifier's rewrite, this file and `dump xlated` (change together: "REWRITE"):
 *   LD_IMM64 src=BPF_PSEUDO_MAP_FD     imm = index into maps[]                         bound: address of struct bpf_map, src 0
 *   LD_IMM64 src=BPF_PSEUDO_MAP_VALUE  imm = index into maps[], next imm = offset       bound: address inside the value, src 0
 *   LD_IMM64 src=BPF_PSEUDO_FUNC       imm = pc-relative start of a static subprog (from the insn after the first half), next imm = subprog no.
 *                                                                                       bound: opaque cookie for callbacks
 *   LD_IMM64 src=BPF_PSEUDO_BTF_ID     imm64 = address (service process only: ksyms of the service)      bound: src 0
 *   LD_IMM64 src=EXEC_PSEUDO_JIFFIES   R0 = address of a clock, the next instruction loads it: bpf_jiffies64() as the kernel inlines it
 *                                                                                       bound: call of the helper, there is no such address
 *   CALL src=0                         imm = helper id; interpreter calls image->helpers[id], exec_helpers[id] when that is NULL
 *   CALL src=BPF_PSEUDO_CALL           imm = pc-relative start of a subprog, off = subprog no.; dst = EXEC_CALL_IF_NOT_STOPPED:
 *                                                                       it is left out when the run is to end, R0 then is not 0 (dump: 0)
 *   CALL src=BPF_PSEUDO_KFUNC_CALL     imm = BTF id of the kfunc, off = its row in helper/kfuncs.def, from 1 (dump: 0)
 *   JMP|BPF_JCOND                      as loaded: the interpreter counts, per call of a function
 *   JMP|BPF_TAIL_CALL                  was CALL bpf_tail_call
 *   LDX|BPF_KPTR, STX|BPF_KPTR         a pointer in a map value, which holds numbers (map/kptr.h); imm = its type (dump: MEM, 0)
 *   LDX|BPF_PROBE_MEM(SX)              load that may fault and then reads zero (D7)
 * Everything else is the plain ISA (RFC 9669 incl. cpu v4). Address of the stack frame: R10; each
 * subprog has its own 512 byte frame at most.
 */
#include "base/base.h"
#include "base/current.h"
#include "base/seq_file.h"
#include "abi/compat.h"
#include "map/map.h"

struct exec_image;
struct exec_run;
struct jit_code;
struct limits;

/* All helpers, whatever their arity. The run comes sixth so that five-argument code needs no
 * shuffling (sixth C register). */
typedef u64 (*helper_fn)(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct exec_run *run);

/* Of calls that the verifier did not follow: what is behind one was found right whatever it does. */
#define EXEC_CALL_IF_NOT_STOPPED 1u

/* What CALL does, by helper id; src/helper defines it from helpers.def. NULL: not callable. */
#define EXEC_PSEUDO_JIFFIES 15
#define EXEC_NR_HELPERS 256u /* ids of the UAPI, then the internal ones of helper/helper.h */
extern const helper_fn exec_helpers[EXEC_NR_HELPERS];
/* The same for kfuncs, by row of helper/kfuncs.def counted from 1. */
extern const helper_fn exec_kfuncs[];
extern const u32 exec_nr_kfuncs;

/* A call of a bpf_timer helper. What the service answers is the helper's result. */
enum { EXEC_TIMER_INIT, EXEC_TIMER_CALLBACK, EXEC_TIMER_START, EXEC_TIMER_CANCEL };
struct exec_timer {
	u32 op;
	struct bpf_map *map;   /* INIT: the value's map ... */
	u64 value_off;	       /* ... and where the value is in its memory */
	u64 id;		       /* the others: what INIT left in the value */
	u32 prog_id, callback; /* CALLBACK: first instruction of the subprogram */
	u64 ns;		       /* START */
};

/* What a program needs from the process it runs in. One per process kind (service, shim, unit
 * test); all may be NULL. */
struct exec_host {
	/* bpf_trace_printk: one line of text, newline included if the program wrote it */
	void (*trace_printk)(void *arg, const char *text, u32 len);
	/* image behind slot @index of prog array @map, with a reference for the duration of the
	 * run (exec_image_put), or NULL */
	const struct exec_image *(*tail_target)(void *arg, struct bpf_map *map, u32 index);
	/* the map with @id inside the map of maps @outer, good until the outermost run ends, or NULL.
	 * @id is a hint that anybody can have written: only a map that the service put there may
	 * come back, since programs rely on its sizes */
	struct bpf_map *(*inner_map)(struct exec_run *run, struct bpf_map *outer, u32 id);
	/* wakes who waits for elements of @map (kinds with events), map_watched() */
	void (*wake)(struct exec_run *run, struct bpf_map *map);
	/* what stood where @value stands on a stack, before the process was probed; @value mostly */
	u64 (*return_address)(u64 value);
	/* bpf_timer helpers */
	long (*timer)(struct exec_run *run, const struct exec_timer *t);
	/* bpf_view_changed(): what views of the group with this id show */
	void (*view_changed)(struct exec_run *run, u64 group);
	/* bpf_seq_printf_btf / bpf_snprintf_btf: format @obj as type @btf_id; appends to @out
	 * through @emit; -> length or errno */
	long (*btf_show)(void *arg, u32 btf_id, const void *obj, u64 flags, int (*emit)(void *out, const char *s, size_t n), void *out);
	/* SYSCALL programs: bpf_sys_bpf, bpf_sys_close, bpf_btf_find_by_name_kind and
	 * bpf_kallsyms_lookup_name. @name is NUL-terminated at name[len - 1]. They get @caller. */
	long (*sys_bpf)(void *caller, int cmd, void *attr, u32 size);
	long (*sys_close)(void *caller, int fd);
	long (*btf_find)(void *caller, const char *name, u32 len, u32 kind); /* id | fd << 32 */
	long (*ksym_find)(void *caller, const char *name, u32 len, u64 *addr);
	/* PROG_TEST_RUN of a program around functions: calls those that are there to be tried. 0 and
	 * *retval, or the errno */
	int (*call_tests)(void *arg, u32 attach_type, u32 *retval);
	void *arg;
	void *caller;
	struct limits *limits; /* the service's own runs (prog/limit.h); NULL: none */
};

struct exec_subprog {
	u32 start;	 /* first insn */
	u16 stack_depth; /* bytes, 0..512 */
};

struct exec_image {
	u32 refs;		   /* atomic */
	u32 prog_id;
	u32 prog_type, attach_type;
	u32 len;		   /* insns */
	u32 nr_subprogs, nr_maps;
	bool bound;
	struct bpf_insn *insns;
	struct exec_subprog *subprogs;
	struct bpf_map **maps;	   /* views of this process; borrowed, their owner keeps them while the image lives */
	void (*release)(struct exec_image *img); /* called when refs drops to 0; frees everything */
	void *priv;		   /* owner's pointer */
	const helper_fn *helpers;  /* EXEC_NR_HELPERS entries instead of exec_helpers; NULL = exec_helpers */
	char name[BPF_OBJ_NAME_LEN]; /* the program's, for profilers (jit_perf.c) */
	u32 jit_tried;		   /* atomic: exec_image_compile() came by */
	bool ran;		   /* atomic */
	struct jit_code *jit;	   /* atomic; NULL: interpreted (jit.h) */
};

/* Ring buffers that one run may reserve in; in more of them it finds no room. */
#define EXEC_RUN_RINGS 8u

/* Whose task programs see as the current one, when it is not the thread that runs them. */
struct exec_task {
	u32 pid, tgid, uid, gid;
	char comm[16];
};

/* Where the thread was when something made it run a program: what bpf_get_stack() begins with. */
struct exec_regs {
	u64 ip, sp, bp;
};

/* Callbacks of callbacks: the verifier allows MAX_CALL_FRAMES frames in all; this is the belt to
 * its braces. */
#define EXEC_MAX_DEPTH (2 * MAX_CALL_FRAMES)
#define EXEC_MAX_LOOPS (8u << 20) /* of may_goto in one call of a function, and of bpf_loop(); the kernel's number */

/* What a tail call is to the code that makes it. */
struct exec_tail {
	u64 ret, taken;
};

/* One activation, on the C stack of whoever runs the program. Helpers get it as sixth argument. */
struct exec_run {
	struct run_head head;
	const struct exec_image *image; /* changes at a tail call */
	const struct exec_host *host;
	void *ctx;
	u64 cookie;	    /* bpf_get_attach_cookie() */
	u64 ip;		    /* bpf_get_func_ip(): entry of the function, 0: not at one */
	const struct exec_task *task; /* NULL: the thread's own */
	const struct bpf_perf_event_value *perf; /* bpf_perf_prog_read_value() */
	const struct exec_regs *user; /* NULL: it called us */
	u64 override_rc;    /* bpf_override_return() was called: the function is not to run ... */
	bool override;	    /* ... and returns that */
	u32 slot;	    /* of the thread, all along */
	u32 tail_calls;
	u32 depth;	    /* frames below this one, callbacks included */
	struct bpf_map *rings[EXEC_RUN_RINGS]; /* where it reserved records, which are told apart by address */
	struct exec_tail (*tail_call)(u64 ctx, u64 map, u64 index, struct exec_run *run); /* of code */
	struct exec_run *outer; /* the run this one interrupted on this thread, or NULL */
};

/* Everything zero again for the next run under the same head. */
static inline void exec_run_again(struct exec_run *run, const struct exec_host *host)
{
	memset((char *)run + sizeof(run->head), 0, sizeof(*run) - sizeof(run->head));
	run->host = host;
}

/* The run is to end soon (base/current.h): for helpers that take long. */
static inline bool exec_stopped(const struct exec_run *run)
{
	return unlikely(run_stopped(&run->head));
}

/* What this thread runs, innermost; NULL: nothing. Helpers are told; this is for functions with prototypes of their own. */
static inline struct exec_run *exec_current(void)
{
	return (struct exec_run *)run_current(); /* its head */
}

/* Binds in place: turns map references into addresses of this process. -EINVAL for an index out
 * of range. Idempotent. */
int exec_image_bind(struct exec_image *img);
/* Machine code for a bound image, if this machine, the process and USERBPF_JIT want it; once. Runs
 * do it themselves; who measures one does it before. */
void exec_image_compile(const struct exec_image *img);
/* One function of a compiled image: the @n'th of subprogs, 0 is the program. */
struct exec_function {
	const void *code;
	u32 len;
};
/* false: there is no code */
bool exec_image_function(const struct exec_image *img, u32 n, struct exec_function *f);
/* Where the code of each of its instructions begins, @addr[len]; fused ones are at the same place. -ENOENT: there is no code */
int exec_image_places(const struct exec_image *img, u64 *addr);
struct exec_image *exec_image_get(struct exec_image *img);
void exec_image_put(const struct exec_image *img);

/* Runs to the end; takes and leaves a CPU slot. Returns R0. @run: zeroed by the caller but for
 * host, cookie, ip, task, perf and user. Of programs around a function ctx[-1] is the number of arguments. */
u64 exec_run(const struct exec_image *img, void *ctx, struct exec_run *run);
/* The same for one subprogram, called from outside with three arguments (timers). */
u64 exec_run_subprog(const struct exec_image *img, u32 start, u64 r1, u64 r2, u64 r3, struct exec_run *run);
/* Callback of a helper (bpf_loop, bpf_for_each_map_elem): @func is the bound PSEUDO_FUNC value. */
u64 exec_callback(struct exec_run *run, u64 func, u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);

/*
 * Fault fix-up (D7): copies that survive bad addresses. Installs a SIGSEGV/SIGBUS handler on first
 * use that chains to what was there before. 0 or -EFAULT (destination zeroed as the helpers of the
 * kernel do).
 */
int fault_copy(void *dst, const void *unsafe_src, size_t len);
/* Is any byte there not 0? -EFAULT */
int fault_any(const void *unsafe_src, size_t len);
/* Length incl. NUL, or -EFAULT. dst always NUL-terminated when size > 0. */
long fault_copy_str(char *dst, const void *unsafe_src, size_t size);

#endif
