/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_VFY_H
#define USERBPF_VFY_H
/*
 * vfy.h - what the files of the check share; private to src/verifier.
 *
 * The check walks every path of the program with an abstract machine: struct vstate is its state
 * (call frames of registers and stack slots), struct vreg what is known of one value. At prune
 * points states are kept in @explored; a path that arrives there with a state that an explored one
 * covers ends. Two kinds of information flow backwards along the tree of explored states
 * (vstate.parent): which registers and slots are read (LIVE_READ) and which scalars' exact values
 * mattered (precise). What was never read, or whose value never mattered, need not match.
 *
 * Memory: everything a check allocates comes from env->mem (mem.c) and goes with it. The state that
 * runs has whole frames (struct vframe). Explored states share values, and frames in which nothing
 * changed, with the state they continue (struct vshot, past.c); what still changes in them,
 * liveness and precision, stands beside (struct vnote). Paths that wait are stored as differences
 * (pending.c).
 *
 * Errors: negative errno with the reason in the log. Functions return 0 unless said otherwise.
 */
#include <limits.h>
#include <stdarg.h>
#include "verifier/rewrite.h"
#include "verifier/tnum.h"
#include "verifier/verifier.h"

#define VFY_REGS 11 /* R0..R10 */
#define REG_FP 10
#define SLOT_SIZE 8
#define VFY_MAX_SUBPROGS 256
#define VFY_MAX_VAR_OFF (1 << 29)
#define VFY_MAX_VAR_SIZE (1 << 29)
#define VFY_MAX_PACKET_OFF 0xffff
#define VFY_MAX_PENDING 8192 /* jumps waiting on one path */
#define VFY_MAX_STATES_UNPRIV 64
#define VFY_MAX_MEM (512ull << 20)
#define VFY_MAX_MEM_UNPRIV (128ull << 20)
#define VFY_MAIN_CALLSITE (-1)

#define MEM_ALLOC_FLAG MEM_RINGBUF /* 6.1 calls ring buffer records "alloc_mem" */

enum slot_kind { SLOT_INVALID, SLOT_SPILL, SLOT_MISC, SLOT_ZERO, SLOT_DYNPTR, SLOT_ITER };
enum { LIVE_READ = 1, LIVE_WRITTEN = 2 };
#define HOME_NONE 0xff
enum { PKT_AT_END = -1, PKT_BEYOND_END = -2 };

/* One value. The part up to @live is compared bytewise: keep it free of holes and of stale
 * bytes. */
struct vreg {
	u32 type; /* enum bpf_reg_type | flags */
	s32 off;  /* constant part of a pointer's offset */
	union {
		s32 range; /* packet: bytes known to be there */
		struct {
			struct bpf_map *map;
			u64 map_uid; /* identity of an inner map */
		};
		struct {
			struct btf *btf;
			u64 btf_id;
		};
		struct {
			u32 mem_size;
			u32 dynptr_id; /* memory of a dynptr: whose */
		};
		u32 subprog; /* PTR_TO_FUNC */
		struct { /* of a slot: the object there (dynptr.c) */
			u32 obj_type, obj_state, obj_depth;
		};
		u32 frameno; /* PTR_TO_STACK: whose */
		struct {     /* SCALAR_VALUE with an id: the number is that of others with the id ... */
			s32 delta;  /* ... plus this */
			u32 narrow; /* ... modulo 2^32, upper half 0 */
		};
		u64 raw[2];
	};
	u32 id;	    /* same id: same value (scalars, but see delta), same base (packets), same NULL-ness, same lock */
	u32 ref_id; /* acquired reference this pointer stands for */
	struct tnum var; /* scalar: the value; pointer: the variable part of the offset. The bounds are of the same number. */
	s64 smin64, smax64;
	u64 umin64, umax64;
	s32 smin32, smax32;
	u32 umin32, umax32;
	/* not part of the value */
	u8 live;
	bool precise;
	u8 home_frame, home_item; /* what it continues of the explored state cur->parent: reads of it are marked there. Items: see struct vshot */
	u32 owners;		  /* of a value that explored states share */
};

/* Eight bytes of stack; kind[i] belongs to the byte at offset -8 * index - 1 - i. kind[7] ==
 * SLOT_SPILL: @reg is valid. */
struct vslot {
	struct vreg reg;
	u8 kind[SLOT_SIZE];
};

struct vref {
	s32 id, insn;
	s32 cb_frame; /* frame of the callback that acquired it, 0: none */
};

struct vframe {
	struct vreg regs[VFY_REGS];
	s32 callsite;
	u32 frameno, subprog;
	u32 async_cnt;
	bool in_callback, in_async;
	struct tnum cb_range; /* what a callback may return */
	struct vstate *cb_entry; /* callback: the callers as they were; every round must leave them so (callback.c) */
	u32 nr_refs, room_refs, nr_slots;
	struct vref *refs;
	struct vslot *slots;
};

/* A step that was not to the next instruction, or a comparison at @to that taught copies of its
 * operands (registers, slots) something. */
struct vjump {
	s32 from;
	u32 to : 21, copies : 10, outer : 1; /* @outer: callers' have copies, too */
	u64 copied_slots;
};
#define JUMP_BEGIN (-1) /* @from: the state, or the program, begins there */

/* A frame as an explored state remembers it; never changes, and states share it. Items are the
 * registers, then the stack slots. */
struct vshot {
	u32 owners;
	s32 callsite;
	u32 frameno, subprog, async_cnt;
	bool in_callback, in_async;
	struct vstate *cb_entry;
	u32 nr_refs, nr_slots;
	struct vref *refs;
	u64 *kinds; /* of the slots: vslot.kind */
	const struct vreg *val[];
};

/* What becomes known of an item later, and where it comes from (vreg.home_*). */
struct vnote {
	u8 live : 2, precise : 1, home_frame : 3;
	u8 home_item;
};

struct vpast {
	struct vshot *shot;
	struct vnote *note; /* per item */
};

struct vstate {
	struct vstate *parent; /* explored state this one continues */
	/* list of explored states of an instruction, or stack of paths still to walk */
	struct vstate *next;
	struct vjump *jumps; /* non-linear steps since first_insn */
	u32 nr_jumps;
	s32 first_insn, last_insn;
	u32 curframe;
	const void *lock_of; /* spin lock held: the map, or BTF of the object, it is in; NULL: none ... */
	u32 lock_id;	     /* ... and the id of the pointer */
	u32 seen, kept; /* the observer's: last step of the path, step an explored state was kept at */
	u32 depth;	/* explored states this one continues */
	u32 goto_depth; /* rounds of loops with may_goto */
	bool speculative;
	/* waiting: where it goes on */
	s32 resume, resume_prev;
	u32 pushed_at;
	u32 log_pos;
	u32 packed_size; /* not 0: instead of what follows there is something shorter (pending.c) */
	u32 branches;	 /* paths from here that are not finished */
	/* explored */
	u32 insn_idx;
	u32 hits, misses;
	bool explored;	  /* @past instead of @frame, as many as there are frames */
	bool done;	  /* seen again since all paths from here are finished */
	bool retired;	  /* compared no more, goes when the last path from here is finished */
	bool all_precise; /* all scalars here and in its ancestors are precise */
	bool is_head;	  /* loops begin here (loops.c) */
	bool waits;	  /* finished, but its loop is not */
	struct vstate *loop;  /* head of the outermost loop that a path from here is in */
	struct vstate *later; /* list of those that wait */
	union {
		struct vframe *frame[MAX_CALL_FRAMES];
		struct vpast past[MAX_CALL_FRAMES];
	};
};

enum { ROUND_NONE, ROUND_ITER, ROUND_GOTO };

/* Per instruction, private to the check. */
struct vinsn {
	struct bpf_map *call_map; /* map every call saw so far; VFY_MAP_MANY when they differ */
	u32 var_type;		  /* PSEUDO_BTF_ID: type of the register */
	u32 var_id;		  /* ... and btf id or memory size */
	struct btf *var_btf;
	u8 round;		  /* a loop begins here whose end is not counted (loops.c) */
	u32 loop;		  /* bpf_loop() to be inlined: its callback's subprog, LOOP_NOT when it cannot be; 0: not seen */
	u64 *changed; /* call of a helper that calls back: stack slots of each frame that callbacks were seen to change */
};
#define VFY_RESTART (-8192) /* internal: a callback changed what was assumed; walk again, assuming less */
#define LOOP_NOT UINT32_MAX
#define VFY_MAP_MANY ((struct bpf_map *)1)

struct vfunc {
	u8 linkage; /* BTF_FUNC_* */
	bool unreliable; /* arguments do not match its BTF */
	bool changes_pkt; /* it or what it calls may move packet data */
	bool sleeps;	  /* it or what it calls may sleep */
};

/* A pointer to an object in map values. */
struct vkptr {
	u32 off, btf_id; /* the struct, in the service's BTF */
	u16 type;	 /* map/kptr.h */
	bool ref;
};

struct vmap_fields {
	struct vmap_fields *next;
	const struct bpf_map *map;
	s32 lock_off, timer_off; /* -ENOENT none, -E2BIG several, -EINVAL unusable */
	s32 nr_kptrs;		 /* the same */
	struct vkptr kptr[BTF_MAX_KPTRS];
	struct btf_graph graph; /* lists and trees */
};

/* The same of objects that programs make. */
struct vstruct {
	struct vstruct *next;
	const struct btf *btf;
	u32 id;
	struct btf_graph graph;
};

struct vmem {
	void *chunks;
	char *at;
	u64 left, total, limit;
	void *free[384];
};

struct venv {
	struct vfy_prog *prog;
	const struct vfy_type_ops *ops;
	struct log *log;
	struct bpf_insn *insns;
	s32 len;
	struct vfy_insn_aux *aux;
	struct vinsn *vi;
	bool ptr_leaks, uninit_stack, ptr_to_map, bypass_v1, capable;
	bool strict_align, test_freq, explore_alu_limits;

	struct vstate *cur;
	struct vstate *pending; /* stack */
	u32 nr_pending;
	struct vstate **explored;
	struct vedge *edges;  /* loops.c: paths that ended inside their own loop */
	struct vstate *late;  /* finished states of unfinished loops */
	u64 marks;	      /* of liveness and precision that explored states got */
	bool exact;	      /* comparing states: everything counts */
	u32 id_gen, pass;
	s32 insn_idx, prev_insn_idx;

	union {
		struct vcounts {
			u32 n[8];
		} counts;
		struct {
			u32 processed, prev_processed, jumps, prev_jumps;
			u32 max_states, total_states, peak_states, longest_walk;
		};
	};

	struct vfy_subprog *subprogs; /* and a last one at the end of the program; malloc'ed, goes to @prog */
	struct vfunc *funcs;
	u32 nr_subprogs, room_subprogs;

	struct vstruct *structs;
	struct vmap_fields *fields; /* of maps with BTF, and of maps inside maps */

	/* log */
	u32 scratched_regs;
	u64 scratched_slots;
	const struct bpf_line_info *prev_linfo;
	u32 prev_log_len, prev_print_len;
	char type_text[4][96];
	u32 type_text_at;

	struct {
		u32 old, cur;
	} idmap[MAX_CALL_FRAMES * (VFY_REGS + MAX_BPF_STACK / SLOT_SIZE)];
	u32 nr_ids;
	struct vmem mem;
};

/* What the arguments of a helper call told. */
struct vcall {
	const struct helper_proto *fn;
	s32 func_id;
	struct bpf_map *map;
	u64 map_uid;
	bool raw_mode, pkt_access;
	u8 release_reg;
	s32 raw_reg, raw_size; /* stack memory the helper fills */
	u32 mem_size;
	u64 msize_max;
	u32 ref_id;
	struct btf *btf;
	u32 btf_id;
	u32 subprog;
	u8 new_dynptr; /* argument the helper makes a dynptr in */
	u32 dynptr_id, dynptr_ref; /* of the one it is passed */
	const struct vkptr *kptr;  /* bpf_kptr_xchg() */
	const struct vowned *owned; /* VFY_CALLS_LESS */
};

#define VFY_CALLS_LESS (-1000) /* vcall.func_id: no helper, but bpf_rbtree_add() */
struct vowned;

/* An iterator that is passed to a function. */
struct viter {
	const struct btf *btf;
	u32 btf_id;
	u32 frame, nr; /* where; slots */
	s32 slot;
	u32 ref_id;
};

enum vsrc { SRC_INSN, SRC_HELPER };
enum vuse { USE_SRC, USE_DST, USE_DST_NO_MARK };

/* --- small questions --- */
static inline u32 type_base(u32 t) { return t & BPF_BASE_TYPE_MASK; }
static inline u32 type_flags(u32 t) { return t & ~BPF_BASE_TYPE_MASK; }
static inline struct vframe *vfy_frame(struct venv *env) { return env->cur->frame[env->cur->curframe]; }
static inline struct vreg *vfy_reg(struct venv *env, u32 n) { return &vfy_frame(env)->regs[n]; }
static inline struct vframe *reg_frame(struct venv *env, const struct vreg *r) { return env->cur->frame[r->frameno]; }
/* A pointer to an object programs make (owned.c), that may be NULL or not. */
static inline bool vfy_is_object(u32 t) { return type_base(t) == PTR_TO_BTF_ID && (t & MEM_ALLOC); }
static inline bool reg_is_null(const struct vreg *r) { return r->type == SCALAR_VALUE && tnum_is(r->var, 0); }
static inline bool type_is_pkt(u32 t) { return t == PTR_TO_PACKET || t == PTR_TO_PACKET_META; }
static inline bool reg_is_pkt_any(const struct vreg *r) { return type_is_pkt(r->type) || r->type == PTR_TO_PACKET_END; }
static inline bool type_is_sock(u32 t)
{
	return t == PTR_TO_SOCKET || t == PTR_TO_SOCK_COMMON || t == PTR_TO_TCP_SOCK || t == PTR_TO_XDP_SOCK;
}
static inline bool kinds_are_spill(const u8 *kind) { return kind[SLOT_SIZE - 1] == SLOT_SPILL; }
static inline bool slot_is_spill(const struct vslot *s) { return kinds_are_spill(s->kind); }
static inline bool kinds_are_object(const u8 *kind) { return kind[SLOT_SIZE - 1] >= SLOT_DYNPTR; }
static inline bool slot_is_object(const struct vslot *s) { return kinds_are_object(s->kind); }
static inline u32 shot_items(const struct vshot *s) { return VFY_REGS + s->nr_slots; }
static inline const u8 *shot_kind(const struct vshot *s, u32 slot) { return (const u8 *)&s->kinds[slot]; }
/* What is known of two registers is the same. */
static inline bool same_value(const struct vreg *a, const struct vreg *b)
{
	return !memcmp(a, b, offsetof(struct vreg, live));
}
/* A pointer, to one who may not know addresses. */
static inline bool reg_leaks(struct venv *env, u32 n) { return !env->ptr_leaks && vfy_reg(env, n)->type != SCALAR_VALUE; }
/* Instructions of Linux 6.6 and later: for those with CAP_BPF; the others get the verdicts of
 * 6.1. */
static inline bool vfy_cpu_v4(const struct venv *env) { return env->capable; }
static inline bool insn_is_call(const struct bpf_insn *i, u8 pseudo)
{
	return i->code == (BPF_JMP | BPF_CALL) && i->src_reg == pseudo;
}
static inline bool insn_is_ldimm64(const struct bpf_insn *i) { return i->code == (BPF_LD | BPF_IMM | BPF_DW); }
static inline bool insn_is_func_ptr(const struct bpf_insn *i) { return insn_is_ldimm64(i) && i->src_reg == BPF_PSEUDO_FUNC; }

/* Runs over every register and every spilled register of a state. */
#define for_each_vreg(st, r, body)                                                         \
	do {                                                                               \
		for (u32 _f = 0; _f <= (st)->curframe; _f++) {                             \
			struct vframe *_fr = (st)->frame[_f];                              \
			for (u32 _i = 0; _i < VFY_REGS; _i++) {                            \
				struct vreg *r = &_fr->regs[_i];                           \
				body;                                                      \
			}                                                                  \
			for (u32 _i = 0; _i < _fr->nr_slots; _i++) {                       \
				struct vreg *r = &_fr->slots[_i].reg;                      \
				if (_fr->slots[_i].kind[0] != SLOT_SPILL)                  \
					continue;                                          \
				body;                                                      \
			}                                                                  \
		}                                                                          \
	} while (0)

/* --- log.c --- */
#define vlog(env, ...)                                     \
	do {                                               \
		if (log_on((env)->log))                    \
			log_printf((env)->log, __VA_ARGS__); \
	} while (0)
static inline u32 vlog_level(const struct venv *env) { return env->log ? env->log->level : 0; }
const char *vfy_type_text(struct venv *env, u32 type);
void vfy_log_frame(struct venv *env, const struct vframe *f, bool all);
void vfy_log_state_line(struct venv *env, const struct vframe *f); /* changed registers, on the line of the instruction if it is still open */
void vfy_log_insn(struct venv *env, u32 idx);
void vfy_log_linfo(struct venv *env, u32 idx, const char *prefix);
void vfy_log_bad_scalar(struct venv *env, const struct vreg *r, struct tnum range, const char *what, const char *name);
const char *vfy_btf_name(const struct btf *btf, u32 id);
const char *vfy_kind_name(const struct btf_type *t);

/* --- mem.c --- */
void *vmem_alloc(struct vmem *m, size_t size); /* not cleared; NULL: no memory */
void vmem_free(struct vmem *m, void *p, size_t size);
size_t vmem_room(size_t size); /* bytes an allocation of @size really has */
void vmem_release(struct vmem *m);

/* --- state.c: frames and states --- */
/* Room grows in steps: histories do. */
static inline size_t vfy_jumps_size(u32 n) { return round_up(n, 4u) * sizeof(struct vjump); }
struct vstate *vfy_state_new(struct venv *env);
void vfy_state_free(struct venv *env, struct vstate *st);
struct vstate *vfy_state_copy(struct venv *env, const struct vstate *src); /* deep; NULL: no memory */
struct vframe *vfy_frame_new(struct venv *env, s32 callsite, u32 frameno, u32 subprog);
void vfy_frame_free(struct venv *env, struct vframe *f);
int vfy_frame_grow(struct venv *env, struct vframe *f, u32 bytes);
int vfy_frame_copy_refs(struct venv *env, struct vframe *dst, const struct vframe *src);
/* Remembers the current state, to be continued at @insn later. The copy, or NULL with everything
 * released (message logged). */
struct vstate *vfy_push(struct venv *env, s32 insn, s32 prev, bool speculative);
void vfy_drop_paths(struct venv *env); /* the one that is walked, and those that wait */
/* pending.c: puts another in place of the state on top of the stack, unless the instruction that
 * pushed it may still change it; without memory the old stays */
void vfy_pack(struct venv *env, struct vstate **link);
int vfy_unpack(struct venv *env, struct vstate **link);
int vfy_pop(struct venv *env, s32 *prev, s32 *insn, bool pop_log); /* -ENOENT: nothing left */
int vfy_jump_record(struct venv *env, struct vstate *st);
int vfy_jump_copies(struct venv *env, u32 regs, u64 slots, bool outer); /* of the comparison that runs now */
int vfy_ref_acquire(struct venv *env, s32 insn); /* id */
int vfy_ref_forget(struct vframe *f, s32 id);
int vfy_ref_release(struct venv *env, s32 id);	 /* also invalidates every copy of the pointer */
int vfy_ref_leak(struct venv *env);

/* --- past.c: explored states --- */
struct vstate *vfy_past_make(struct venv *env, const struct vstate *cur); /* what is to be remembered of it; NULL: no memory */
void vfy_past_free(struct venv *env, struct vstate *st);		  /* with what @st remembers */
void vfy_past_shrink(struct venv *env, struct vstate *st);		  /* no path from it is left: forgets what was never read */
void vfy_past_log(struct venv *env, const struct vstate *st, u32 frame);

/* --- bounds.c: registers as values --- */
void reg_unknown(const struct venv *env, struct vreg *r);
void reg_not_init(const struct venv *env, struct vreg *r);
void reg_known(struct vreg *r, u64 v);	   /* keeps type; clears off, id ... */
void reg_set_const(struct vreg *r, u64 v); /* bounds only */
void reg_set_const32(struct vreg *r, u32 v);
void reg_copy(struct vreg *dst, const struct vreg *src); /* the value; liveness stays */
void reg_forget64(struct vreg *r);
void reg_forget32(struct vreg *r);
void reg_unlink(struct vreg *r); /* a number no longer related to others */
void reg_sync(struct vreg *r);
void reg_update_bounds(struct vreg *r);	  /* bounds from var */
void reg_update_bounds32(struct vreg *r);
void reg_zext32(struct vreg *r);
void reg_truncate(struct vreg *r, int bytes);
bool reg_unbounded(const struct vreg *r);
void reg_btf_ptr(struct venv *env, struct vreg *r, struct btf *btf, u32 id, u32 flags);
void scalar_op(struct vreg *dst, const struct vreg *src, u8 op, bool is32); /* ADD SUB MUL AND OR XOR LSH RSH ARSH, shift in range */
bool scalar_sane(const struct vreg *r, bool is32); /* bounds agree with each other */

/* --- liveness.c --- */
int vfy_use_reg(struct venv *env, u32 n, enum vuse use);
void vfy_mark_read(struct venv *env, const struct vreg *r); /* in the ancestors of @r, of the state that runs, up to the write it sees */
void vfy_clobber_caller_saved(struct venv *env, struct vframe *f);

/* --- precision.c --- */
int vfy_precise(struct venv *env, u32 regno);
int vfy_precise_frame(struct venv *env, u32 frame, s32 regno, s32 slot);
void vfy_forget_precision(struct vstate *st);

/* --- prune.c --- */
int vfy_visited(struct venv *env, s32 insn); /* 1: covered, the path ends; 0 go on; or error */
int vfy_branch_done(struct venv *env, struct vstate *st);
struct vstate **vfy_bucket(struct venv *env, s32 insn); /* explored states of @insn, and others */
int vfy_pass_needs(struct venv *env, const struct vstate *old); /* the path that runs ends in @old */
void vfy_state_finish(struct venv *env, struct vstate *st); /* explored, and nothing will be learnt of it any more */

/* --- loops.c --- */
struct vstate *vfy_loop_round(struct venv *env, s32 insn); /* remembers to walk one more round, which begins after @insn; like vfy_push() */
int vfy_may_goto(struct venv *env, const struct bpf_insn *insn, s32 *idx);
bool vfy_loop_progress(struct venv *env, s32 insn, const struct vstate *old);
struct vstate *vfy_loop_of(const struct vstate *st); /* @st is incomplete until this one is finished, or NULL */
int vfy_loop_end(struct venv *env, struct vstate *to);
int vfy_loop_finished(struct venv *env, struct vstate *st);
void vfy_loops_drop(struct venv *env);

/* --- iter_kfunc.c --- */
int vfy_iter_arg(struct venv *env, u32 regno, u32 flags, s32 idx, struct viter *it);
int vfy_iter_destroy(struct venv *env, const struct viter *it);
int vfy_iter_next(struct venv *env, s32 idx, const struct viter *it);
bool vfy_iter_active(struct venv *env);
bool vfy_iters_moved(struct venv *env, const struct vstate *old);
void vfy_iter_log(struct venv *env, const struct vreg *r);

bool vfy_ids_match(struct venv *env, u32 old, u32 cur); /* while states are compared: @cur plays the part of @old */

/* --- dynptr.c: objects on the stack; dynptrs --- */
s32 vfy_obj_slot(struct venv *env, const struct vreg *r, u32 nr);
bool vfy_obj_whole(const struct vslot *s, u8 kind);
struct vreg *vfy_obj_set(struct venv *env, struct vframe *f, s32 slot, u8 kind, u32 type);
void vfy_obj_overwritten(struct venv *env, struct vframe *f, s32 slot); /* the object that @slot is part of is none any more */
bool vfy_obj_covered(struct venv *env, const struct vreg *old, u8 kind, const struct vslot *cur);
int vfy_dynptr_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call);
int vfy_dynptr_made(struct venv *env, s32 idx, const struct vcall *call);
int vfy_dynptr_released(struct venv *env, const struct vcall *call);

/* --- the rest, one concept each --- */
int vfy_find_subprog(const struct venv *env, s32 insn); /* number or -ENOENT */
int vfy_cfg_subprogs(struct venv *env);
int vfy_cfg_check(struct venv *env);
int vfy_cfg_stack_depth(struct venv *env);
int vfy_btf_info(struct venv *env);
int vfy_ldimm_resolve(struct venv *env);
int vfy_ldimm(struct venv *env, struct bpf_insn *insn);

/* --- fields.c: fields of map values that need care --- */
int vfy_map_scan(struct venv *env, const struct bpf_map *map); /* what registers can ever point to: the map, and those in it */
const struct vmap_fields *vfy_map_fields(const struct venv *env, const struct bpf_map *map); /* NULL: a map without BTF */
/* A helper is about a @what in the value @regno points to: where. @user: what needs the map's BTF. */
int vfy_field_place(struct venv *env, u32 regno, const char *what, const char *user, s64 *off);
int vfy_field_only(struct venv *env, const struct bpf_map *map, s32 at, const char *what); /* @at: offset of the only one, or why there is none */
static inline bool vfy_map_has_lock(struct venv *env, const struct bpf_map *map)
{
	return map && map->btf && vfy_map_fields(env, map)->lock_off >= 0;
}
/* A new pointer to a map value that is there: locks are told apart by its id. */
static inline void vfy_new_value(struct venv *env, struct vreg *r)
{
	if (vfy_map_has_lock(env, r->map))
		r->id = ++env->id_gen;
}

/* --- kptr.c: pointers to objects in map values --- */
void vfy_kptr_scan(struct venv *env, const struct bpf_map *map, struct vmap_fields *f);
const struct vkptr *vfy_kptr_at(struct venv *env, const struct bpf_map *map, u64 off); /* NULL: none there */
/* May the map access at @off touch one, and is it one that programs may make? */
int vfy_kptr_touch(struct venv *env, const struct vreg *r, const struct vmap_fields *f, s32 off, s32 size, enum vsrc src);
int vfy_kptr_access(struct venv *env, s32 idx, s32 value, const struct vkptr *k);
int vfy_kptr_note(struct venv *env, s32 idx, u32 type); /* what the instruction accesses: the same on all paths */
int vfy_kptr_match(struct venv *env, const struct vkptr *k, u32 regno);
int vfy_kptr_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call);

/* --- args.c --- */
int vfy_helper_arg(struct venv *env, u32 i, struct vcall *call);
int vfy_arg_offset(struct venv *env, const struct vreg *r, u32 regno);
int vfy_arg_reference(struct venv *env, u32 regno, u32 *ref_id); /* *@ref_id: of the arguments so far */

/* --- lock.c --- */
int vfy_lock_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call);

/* --- owned.c: objects that programs make, lists and trees of them --- */
s32 vfy_object_lock(struct venv *env, const struct vreg *r); /* where the lock in an object is, or -ENOENT */
/* Do bytes from @first to before @last of what @r points to touch a field that is not the program's? @fmt: says so, of a name */
int vfy_graph_touch(struct venv *env, const struct vreg *r, s64 first, s64 last, const char *fmt);
int vfy_object_access(struct venv *env, const struct vreg *r, s32 off, s32 size);
bool vfy_in_less(const struct venv *env); /* a callback that says what comes first in a tree */
void vfy_looks_end(struct venv *env);	  /* the lock is released */
void vfy_less_args(struct venv *env, const struct vowned *o, struct vreg *to);

/* --- timer.c --- */
int vfy_timer_arg(struct venv *env, u32 regno, u32 arg, struct vcall *call);
int vfy_timer_callback(struct venv *env, const struct vcall *call);
void vfy_timer_args(struct venv *env, struct vframe *f, struct bpf_map *map);

/* --- effects.c --- */
void vfy_find_effects(struct venv *env);    /* vfunc.changes_pkt, .sleeps */
bool vfy_may_sleep(const struct venv *env); /* here */
int vfy_pkt_changed(struct venv *env);	    /* packet pointers are no more */

int vfy_alu(struct venv *env, struct bpf_insn *insn);
void vfy_sign_extend(struct venv *env, struct vreg *dst, const struct vreg *src, s32 bits, bool alu64);
int vfy_jump(struct venv *env, struct bpf_insn *insn, s32 *idx);
struct vstate *vfy_push_speculative(struct venv *env, const struct bpf_insn *insn, s32 next, s32 cur);
int vfy_mem(struct venv *env, s32 idx, u32 regno, s32 off, u8 bpf_size, enum bpf_access_type t, s32 value_reg, bool aligned);
int vfy_atomic(struct venv *env, s32 idx, struct bpf_insn *insn);
int vfy_helper_mem(struct venv *env, u32 regno, s32 size, enum bpf_access_type t, bool zero_ok, struct vcall *call);
int vfy_map_access(struct venv *env, u32 regno, s32 off, s32 size, bool zero_ok, enum vsrc src);
int vfy_ptr_off(struct venv *env, const struct vreg *r, u32 regno, bool fixed_ok);
int vfy_ptr_align(struct venv *env, const struct vreg *r, s32 off, s32 size, bool once);
bool vfy_map_is_const(const struct bpf_map *map); /* frozen, programs may not write: contents are facts */
bool vfy_pkt_allowed(struct venv *env, const struct vcall *call, enum bpf_access_type t);
int vfy_stack_bounds(struct venv *env, u32 regno, s32 off, s32 size, enum vsrc src, enum bpf_access_type t);
int vfy_stack_read(struct venv *env, u32 regno, s32 off, s32 size, s32 dst);
int vfy_stack_write(struct venv *env, u32 regno, s32 off, s32 size, s32 value, s32 insn);
int vfy_stack_range(struct venv *env, u32 regno, s32 off, s32 size, bool zero_ok, enum vsrc src, enum bpf_access_type t, struct vcall *call);
bool vfy_sock_access(u32 type, s32 off, s32 size, u32 *field_size);
int vfy_helper_call(struct venv *env, struct bpf_insn *insn, s32 *idx);
int vfy_map_func(struct venv *env, struct bpf_map *map, s32 func_id);
int vfy_subprog_call(struct venv *env, struct bpf_insn *insn, s32 *idx);
int vfy_subprog_exit(struct venv *env, s32 *idx); /* 1: the path ends here (callback) */
int vfy_callback(struct venv *env, s32 idx, u32 subprog, struct vcall *call);
int vfy_callback_exit(struct venv *env, struct vframe *callee);
bool vfy_callback_same_entry(const struct vshot *a, const struct vframe *b);
bool vfy_in_callback(const struct venv *env);
int vfy_subprog_args(struct venv *env, u32 subprog, struct vframe *f);	    /* entry of a global function */
int vfy_subprog_match(struct venv *env, u32 subprog, struct vreg *regs, bool call); /* arguments against BTF */
bool vfy_is_ctx_type(const struct venv *env, const struct btf *btf, u32 id); /* what pointers to the context point to */
/* The struct of vmlinux behind the context @id of programs of @prog_type, NULL: no context or none. */
const char *vfy_ctx_inside(u32 prog_type, const struct btf *btf, u32 id);
int vfy_mem_arg(struct venv *env, u32 regno, u32 size); /* memory for a function that is known by its BTF only */
int vfy_hold_fd_array(struct venv *env);
int vfy_kfunc_named(struct venv *env, const struct bpf_insn *insn); /* does the call name a function at all? */
int vfy_kfunc_call(struct venv *env, const struct bpf_insn *insn, s32 idx);
u32 vfy_kfunc_flags(struct venv *env, const struct bpf_insn *insn); /* 0: none, or not known */
int vfy_ld_abs(struct venv *env, struct bpf_insn *insn);
int vfy_return_code(struct venv *env);
int vfy_walk(struct venv *env); /* the main loop */
void vfy_null_mark(struct venv *env, struct vstate *st, u32 regno, bool is_null);
void vfy_not_null(struct venv *env, struct vreg *r);
const char *vfy_alu_sign(u8 op);
bool vfy_calls_back(s32 func_id); /* helpers that run a subprogram of the caller */

#endif
