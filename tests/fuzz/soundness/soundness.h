/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SOUNDNESS_H
#define USERBPF_SOUNDNESS_H
/*
 * soundness.h - accepted => no bad access, and every concrete value lies in the abstract state the
 * verifier had at that instruction.
 *
 * One round: a program is made (gen.h: random but structured; or one of before, a text case or a
 * program of a BPF object with a few mutations), checked by vfy_check() with an observer that
 * records the walk (record.c), and, when accepted, run several times on a concrete machine
 * (machine.h) that
 *  - executes the instructions as loaded, before any rewriting,
 *  - has a region of its own, far from all others, for the context, each stack frame, each map
 * element, each record and reference and each version of the packet, so that an address outside its
 * region, or in what was given back, is a bad access whatever the verifier thought,
 *  - counts what must be given back, locks, and objects on the stack nobody may touch,
 *  - for the unprivileged also knows which stack bytes were written, and what tells an address (it
 * may not be taken for a number, stored to maps or returned),
 *  - follows the recorded walk and compares.
 * Then the rewritten program runs in the interpreter or as the JIT's code on the same inputs
 * (twin.h), and must return the same and leave the same.
 *
 * Following the walk. The recorder keeps one node per instruction the walk checked (registers and
 * stack of all frames before the instruction) and an edge from the node walked before on that path:
 * next instruction, other branch, callee, callback. A run is at a set of nodes (nearly always one);
 * after each step it goes to the successors whose instruction and call depth are those of the
 * machine. A node whose state does not contain the machine's is left; it is a violation when none
 * stays. A global function was walked by itself, for any arguments: a call of it goes to the entry
 * of its walk, and what is there knows nothing of the callers; when it returns, the run is where the
 * caller was.
 *
 * Pruning. Where a path ended because explored state S covered it, the run goes on at the node
 * where S was kept. S covers only what mattered: values S never read may be anything, and so may
 * scalars S did not mark precise. The run therefore taints those registers and stack slots, taint
 * spreads with the data (also through comparisons, to whatever learned from a tainted operand:
 * copies with the same id), and tainted values are compared with nothing. Nothing is lost: if
 * imprecise values lead to a bad access or to a branch the walk thought impossible, the run finds
 * that. Liveness and precision of S are final when it covers something (all its paths have ended),
 * so they are copied then.
 */
#include "verifier/vfy.h"
#include "prog/prog.h"

#define SP_MAX_INSNS   400
#define SP_MAX_FUNCS   6
#define SP_MAX_NODES   6000
#define SP_FRAMES      MAX_CALL_FRAMES
#define SP_MAX_VALUE   64
#define SP_MAX_RECORD  128
#define SP_CTX_SIZE    256
#define SP_PKT_SIZE    256
#define SP_OBJECT_SIZE 64
#define SP_LOCK_AT     4 /* byte of the spin lock in values of MAP_LOCK */

/* The fixed maps programs use; map_fd[i] in a program means the i-th. */
enum {
	MAP_ARRAY,
	MAP_HASH,
	MAP_ONE,
	MAP_CONST,
	MAP_PROGS,
	MAP_PERCPU,
	MAP_RING,
	MAP_LOCK,
	MAP_OUTER, /* of maps like MAP_ARRAY */
	MAP_KPTR,  /* pointers to objects in its one value */
	MAP_FIFO,  /* a queue */
	MAP_LIFO,  /* a stack */
	MAP_BLOOM,
	MAP_LRU,
	MAP_LPM,
	SP_MAPS
};
struct sp_map {
	u32 type, key, value, entries, flags;
};
extern const struct sp_map sp_maps[SP_MAPS];

/* The kernel functions (helper/kfunc_test.h) programs call, by their ids in the service's BTF. */
enum { KF_ACQ, KF_REL, KF_RDWR, KF_RDONLY, KF_CTX, KF_MEMLEN, KF_PASS1, KF_MEMB_ACQ, KF_ITER_NEW, KF_ITER_NEXT, KF_ITER_DESTROY, KF_KPTR_GET, SP_KFUNCS };
extern s32 sp_kfunc_id[SP_KFUNCS]; /* -1: not there */
extern bool sp_has_iterators;	   /* programs of type tracing: iterators over maps */

/* Pointers in the value of MAP_KPTR. */
#define SP_KPTRS 3
struct sp_kptr {
	u32 off, type; /* map/kptr.h */
	bool ref;      /* owns a reference */
	const char *name;
};
extern const struct sp_kptr sp_kptrs[SP_KPTRS];
extern bool sp_has_kptrs; /* the objects' structs are in the service's BTF */

/* A program as the client would load it. */
struct sprog {
	u32 type; /* BPF_PROG_TYPE_* */
	u32 flags;
	bool unpriv;
	u32 len, nr_funcs;
	u32 func[SP_MAX_FUNCS]; /* starts; func[0] == 0 */
	u32 global;		/* mask of functions that are global: f(int, int, u64 *) */
	u32 takes_ctx;		/* ... and of those: f(context *, u64 *, int) */
	struct bpf_insn insns[SP_MAX_INSNS];
};

/* --- random numbers: splitmix64, one seed per program --- */
struct rng {
	u64 s;
};
static inline u64 rnd(struct rng *r)
{
	u64 z = r->s += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}
static inline u32 below(struct rng *r, u32 n)
{
	return (u32)(rnd(r) >> 32) % n;
}
static inline bool chance(struct rng *r, u32 percent)
{
	return below(r, 100) < percent;
}
u64 rnd_interesting(struct rng *r); /* zeroes, ones, borders, small numbers, anything */

/* --- gen.c --- */
void gen_program(struct rng *r, struct sprog *p);
void gen_mutate(struct rng *r, struct sprog *p);

/* --- record.c: the walk --- */
struct areg {
	u32 type;
	s32 off, range;
	u32 id, map; /* index of the map + 1 */
	u8 frameno;
	struct tnum var;
	s64 smin64, smax64;
	u64 umin64, umax64;
	s32 smin32, smax32;
	u32 umin32, umax32;
};
struct aslot {
	u8 kind[SLOT_SIZE];
	struct areg reg;
};
struct taint {
	u16 regs[SP_FRAMES];
	u64 slots[SP_FRAMES];
};
struct aframe {
	u32 slots, nr_slots; /* in walk.slot */
	struct areg reg[VFY_REGS];
};
struct node {
	s32 insn;
	u32 depth, edges;     /* first edge */
	u32 frame[SP_FRAMES]; /* in walk.frame; nodes share those that are alike */
	bool speculative;
};
struct edge {
	u32 to, next;
	s32 insn;  /* where it leads */
	u32 cover; /* index into walk.taint + 1: pruned there; 0: walked on */
};
struct walk {
	struct vfy_observer obs;
	struct bpf_map *maps;
	struct node *node; /* [0] unused */
	u32 entry[SP_MAX_FUNCS]; /* node where the walk of a function begins, 0: walked with its callers */
	struct aframe *frame;
	struct edge *edge; /* [0] unused */
	struct taint *taint;
	struct aslot *slot;
	u32 nr_nodes, nr_frames, nr_edges, nr_taints, nr_slots;
	u32 room_nodes, room_frames, room_edges, room_taints, room_slots;
	bool overflow; /* too large to be recorded */
};
void walk_init(struct walk *w, struct bpf_map *maps);
void walk_reset(struct walk *w);
void walk_free(struct walk *w);

/* --- machine.c: the concrete machine --- */
enum run_result {
	RUN_OK,
	RUN_COMPARED, /* ... and the rewritten program did the same */
	RUN_STOPPED,
	RUN_VIOLATION
}; /* STOPPED: too long, or something the machine does not model */
struct violation {
	char text[400];
	s32 insn;
	u32 step, node;
};
/* @map_const: contents of MAP_CONST; @img: the rewritten program, NULL: no twin */
enum run_result run_program(const struct sprog *p, const struct walk *w, u64 seed,
			    const u8 *map_const, struct exec_image *img, struct violation *v);
void areg_text(const struct areg *a, char *buf, size_t size);

/* --- kernel.c: the machine's own kernel --- */
int kernel_open(void); /* 0, or negative errno when it may not be used */
/* Our verdict on @p is @err, our reason @line; true: the kernel's is another, for no reason known
 * (@text) */
bool kernel_compare(const struct sprog *p, int err, const char *line, char *text, u32 size);
const char *last_line(char *log); /* the reason: the last line before the statistics */
void kernel_show(const struct sprog *p);
void kernel_statistics(void);
void kernel_close(void);

#endif
