/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SOUNDNESS_MACHINE_H
#define USERBPF_SOUNDNESS_MACHINE_H
/*
 * machine.h - the concrete machine: what its files share.
 *
 * machine.c   a run: set-up, instructions
 * memory.c    regions and what is known of each byte (shadow)
 * numbers.c   what arithmetic and comparisons give
 * match.c     the recorded walk: taint, containment, following edges
 * calls.c     frames, functions, callbacks
 * helpers.c   helpers and kernel functions, one row each
 * stackobj.c  iterators and dynptrs on the stack
 * kptrs.c     pointers to objects in map values
 * context.c   what a program sees of its context
 *
 * Beside every value stands how it relates to the same value in the twin (twin.h), the run of the
 * rewritten program: the same number, the same place in the same region (an address), or anything
 * (what was never written, what was made of addresses). A branch on something that may differ
 * there ends the comparison of the two, not the run.
 */
#include "isa/insn.h"
#include "soundness.h"
#include "twin.h"

#define MAX_STEPS  4000
#define MAX_CANDS  24
#define STACK_SIZE 512
#define FAR	   40 /* bits between regions */
#define LOW	   0x51000000ull
#define ELEMS	   8 /* regions per map */
#define RECORDS	   24
#define OBJECTS	   8
#define OBJ_MEM_SIZES 9
#define PACKETS	   32
#define MAX_STACK_OBJECTS 16

enum {
	RG_NONE,
	RG_CTX,
	RG_STACK,
	RG_KEY = RG_STACK + SP_FRAMES,
	RG_HANDLE,
	RG_VALUE = RG_HANDLE + SP_MAPS,
	RG_RECORD = RG_VALUE + SP_MAPS * ELEMS, /* of a ring buffer */
	RG_OBJECT = RG_RECORD + RECORDS,	/* the first is always there, the others are references to it */
	RG_OBJ_MEM = RG_OBJECT + OBJECTS, /* its start as memory of 0 to 8 bytes: read-only, and not */
	RG_MEMBER = RG_OBJ_MEM + 2 * OBJ_MEM_SIZES, /* the struct in it that is an object, too */
	RG_NUMBER = RG_MEMBER + 1,		/* of an iterator */
	RG_ANY = RG_NUMBER + MAX_STACK_OBJECTS, /* a struct of the service: what loads of it may give nobody says */
	RG_PKT,
	RG_END = RG_PKT + PACKETS
};

/* What is known of a byte. */
enum {
	SH_JUNK = 1,	/* may differ in the twin */
	SH_ADDR = 2,	/* first byte of an address */
	SH_REST = 4,	/* its others */
	SH_SECRET = 8,	/* tells an address, to one who may not know any */
	SH_WRITTEN = 16 /* by the program */
};
/* ... and of a register. */
enum how { SAME, ADDRESS, JUNK };

struct region {
	u8 *mem, *shadow; /* mem NULL: nothing there (any more) */
	u32 size;
	bool rdonly;
};

struct cand {
	u32 node;
	struct taint t;
};
struct cands {
	struct cand at[MAX_CANDS];
	u32 n;
};

struct cframe {
	u64 regs[VFY_REGS];
	u8 how[VFY_REGS];
	u32 init;   /* mask of registers with a value */
	u32 secret; /* mask of registers whose value tells an address */
	s32 ret;    /* instruction after the call */
	u32 base;   /* depth of the frame where the walk began that this one is in */
	u32 held;   /* ... references held then */
	bool callback;
	/* callback */
	struct cands *entry; /* at the call */
	s32 cb_start;
	u32 round, rounds;
	u64 cb_arg;
	u8 cb_arg_how;
	int cb_map; /* -1: bpf_loop */
	u8 stack[STACK_SIZE] __attribute__((aligned(8)));
	u8 shadow[STACK_SIZE];
};

enum stack_object_kind { SO_NONE, SO_ITER, SO_DYNPTR, SO_RING };
struct stack_object {
	enum stack_object_kind kind;
	u64 at;
	u32 size;
	u8 mark[16];
	s64 cur, end; /* iterator: numbers up to end - 1 */
	u32 region;   /* ... where the program sees them */
	u64 data;     /* dynptr, 0: of nothing */
	u32 len;
};

struct machine {
	const struct sprog *p;
	const struct walk *w;
	struct violation *v;
	struct rng r;
	struct region rg[RG_END];
	struct cframe f[SP_FRAMES];
	struct cands entries[SP_FRAMES];
	struct cands c, next;
	u32 depth, step, pkt_epoch, meta_len, pkt_len;
	s32 pc;
	bool present[ELEMS]; /* elements of the hash */
	u8 values[SP_MAPS * ELEMS][SP_MAX_VALUE] __attribute__((aligned(8)));
	u8 values_shadow[SP_MAPS * ELEMS][SP_MAX_VALUE];
	u8 ctx[SP_CTX_SIZE], ctx_shadow[SP_CTX_SIZE];
	u8 key[16], key_shadow[16], pkt[SP_PKT_SIZE], pkt_shadow[SP_PKT_SIZE];
	u8 record[RECORDS][SP_MAX_RECORD], record_shadow[RECORDS][SP_MAX_RECORD];
	u8 object[SP_OBJECT_SIZE], object_shadow[SP_OBJECT_SIZE];
	u8 number[MAX_STACK_OBJECTS][4], number_shadow[MAX_STACK_OBJECTS][4];
	struct stack_object on_stack[MAX_STACK_OBJECTS];
	u32 nr_records, nr_objects, held; /* held: references not given back */
	u64 locked;			  /* address of the lock held, 0: none */
	u32 tail_calls;
	bool iter_object; /* iterators: there is one, this is not the last call */
	s32 trace[64];
	enum run_result end;
	bool paired;	      /* all that decided so far is the same in the twin */
	struct happening log; /* what the world did, for the twin; last, for it is not cleared */

};

/* --- machine.c --- */
bool violation(struct machine *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool stop(struct machine *m); /* something the machine does not model */

/* --- memory.c --- */
static inline u64 addr(u32 region) { return (u64)region << FAR | LOW; }
static inline u32 region_of(u64 a) { return a >> FAR < RG_END ? (u32)(a >> FAR) : RG_NONE; }
static inline u32 region_pos(u64 a) { return (a & ((1ull << FAR) - 1)) - LOW; }
static inline u64 stack_top(u32 frame) { return addr(RG_STACK + frame) + STACK_SIZE; }
static inline u32 value_region(u32 map, u32 elem) { return RG_VALUE + map * ELEMS + elem; }
static inline u64 load(const u8 *at, u32 size)
{
	u64 v = 0;

	memcpy(&v, at, size);
	return v;
}
u64 pkt_start(const struct machine *m);
u64 pkt_end(const struct machine *m);
int stack_frame_of(u64 a); /* -1: not in a stack */
u8 *mem_at(struct machine *m, u64 a, u64 size, bool write, const char *what);
u8 *mem_read(struct machine *m, u64 a, u64 size, const char *what);
u8 *mem_write(struct machine *m, u64 a, u64 size, const char *what); /* the bytes become SAME */
u8 *shadow_at(struct machine *m, u64 a); /* of a byte that mem_at() allowed */
bool mem_secret(struct machine *m, u64 a, u64 size);
enum how mem_how(struct machine *m, u64 a, u64 size);
void mem_set_how(struct machine *m, u64 a, u32 size, enum how how, bool secret);
bool fill(struct machine *m, u64 a, u64 size, const char *what); /* with random bytes, logged for the twin */
void pkt_changed(struct machine *m);
void set_how(struct machine *m, u32 n, enum how how);
void set_secret(struct machine *m, u32 n, bool on);
bool is_secret(const struct machine *m, u32 n);
void unpair(struct machine *m); /* from here on the twin may do something else */

/* --- numbers.c --- */
u64 alu_value(const struct bpf_insn *in, u64 d, u64 s);
enum how alu_how(const struct machine *m, const struct bpf_insn *in);
bool jump_taken(const struct bpf_insn *in, u64 d, u64 s);
bool jump_same(const struct machine *m, const struct bpf_insn *in); /* does the twin decide alike? */

/* --- match.c --- */
static inline u32 walk_base(const struct machine *m) { return m->f[m->depth].base; }
/* What the node knows of the machine's frame @depth. */
static inline const struct aframe *known_frame(const struct machine *m, u32 node, u32 depth)
{
	return &m->w->frame[m->w->node[node].frame[depth - walk_base(m)]];
}
bool compare(struct machine *m);
void follow(struct machine *m, const struct cands *from, struct cands *to, s32 pc);
bool go_to(struct machine *m, s32 pc);
void each_reg_taint(struct machine *m, u32 dst, s32 src, bool keep);
void taint_load(struct machine *m, u32 dst, u64 a, u32 size, bool keep);
void taint_store(struct machine *m, u64 a, u32 size, s32 src);
void taint_jump(struct machine *m, const struct bpf_insn *in);
u64 slot_mask(u64 a, u32 size);

/* --- calls.c --- */
static inline u64 *regs_of(struct machine *m) { return m->f[m->depth].regs; }
void fresh_frame(struct machine *m, u32 depth);
void clobber(struct machine *m, u64 r0, enum how how); /* R0 is the result, R1-R5 are gone */
bool call_function(struct machine *m, s32 start);
bool call_back(struct machine *m, int map, u64 rounds, u64 start, u64 arg, enum how how);
bool leave(struct machine *m);

/* --- helpers.c --- */
/* A call being done. */
struct hcall {
	struct machine *m;
	struct happened *h;
	u64 r[6]; /* arguments r[1] ... r[5] */
	u64 r0;
	enum how how;
};
void new_record(struct machine *m, u32 size);
u64 new_reference(struct machine *m); /* to the object, held now; 0: no room for more */
bool helper(struct machine *m, s32 id);
bool kfunc(struct machine *m, s32 id);

/* --- stackobj.c --- */
bool so_iter_new(struct hcall *c);
bool so_iter_next(struct hcall *c);
bool so_iter_destroy(struct hcall *c);
bool so_from_mem(struct hcall *c);
bool so_read(struct hcall *c);
bool so_write(struct hcall *c);
bool so_data(struct hcall *c);
bool so_reserve(struct hcall *c);
bool so_submit(struct hcall *c);

/* --- kptrs.c --- */
bool kptr_touched(const struct machine *m, u64 a, u64 size);
const struct sp_kptr *kptr_at(const struct machine *m, u64 a, u32 size); /* all of it, or NULL */
u8 *kptr_field(struct machine *m, const struct sp_kptr *k);
void kptr_set_up(struct machine *m);
bool kptr_store_field(struct machine *m, const struct sp_kptr *k, u64 v);
bool kptr_exchange(struct hcall *c);
bool kptr_get_field(struct hcall *c);

/* --- context.c --- */
/* A field of the UAPI struct and where our own has it. */
struct ctx_place {
	u16 off, size, kern, kern_size;
};
const struct ctx_place *ctx_places(u32 type, u32 *n); /* n 0: context not modelled */
void ctx_set_up(struct machine *m);
bool ctx_load(struct machine *m, u64 a, u32 size, u64 *v, enum how *how);
void ctx_store(struct machine *m, u64 a, u32 size, u64 v, enum how how);
void ctx_packet(struct machine *m); /* its length changed */

#endif
