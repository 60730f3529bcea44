/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_ENGINE_H
#define USERBPF_ENGINE_H
/*
 * engine.h - what the files behind patch.h share.
 *
 *   patch.c   sites, the hits at each, coming and going
 *   mem.c     memory for the former
 *   text.c    reading and writing code that other threads run
 *   near.c    memory at the places where a jump can lead
 *   stub.c    the stub's code: call the hits, run the displaced instruction, go on
 *   enter.c   from a stub to C and back, registers kept; hits and returns in C
 *   thread.c  what a thread has: a stack for hits, whether it is in one
 *   ret.c     return stubs
 *   unwind.c  unwind information for return stubs
 *   trap.c    what signal handlers ask                       resume.c  the way out of them
 */
#include "agent/patch.h"

#define PAGE	   4096ul
#define JUMP_LEN   SITE_JUMP_LEN
#define PAD_MAX	   3u /* prefixes in front of a jump */
#define JUMP_MAX   (PAD_MAX + JUMP_LEN)
#define STUB_HEAD  16u	/* data in front of a stub's code: &patch_enter, the site */
#define STUB_MAX   80u	/* code of a stub */
#define STUB_MANY_MAX 128u /* of several instructions */
#define STUBS_MAX  6u	/* of one site */
#define HIT_STACK  (256ul << 10)
#define RET_MAX	   65536u /* calls with a return probe at the same time */
#define RET_STRIDE 16u

/* --- patch.c --- */
struct hit_row {
	void (*fn)(void *arg, struct pt_regs *regs);
	void *arg;
	struct patch *owner;
};
/* Replaced as a whole; entries first, then returns. */
struct hits {
	u32 nr_entry, nr_ret;
	struct hit_row row[];
};

struct site {
	u64 addr;
	struct hits *hits;   /* atomic; NULL: none */
	u64 stub;	     /* atomic: where a trap goes on */
	u32 patched;	     /* atomic: so many bytes are changed, 0: none */
	u32 nr_stubs;
	u64 stubs[STUBS_MAX]; /* all that were made: which one the jump leads to depends on bytes behind */
	u8 pad; /* prefixes in front of the jump that is there */
	u8 was[JUMP_MAX], now[JUMP_MAX];
	/* The stub that has the plan's other instructions, too, 0: none; where each is in it; whether it is in use. */
	u64 many, inner[SITE_MORE_MAX];
	bool is_many;
	struct site_plan plan;
};

/* All sites ever, by address, readable at any time: slots go from NULL to a site, never back. */
struct site_table {
	struct site_table *old; /* the smaller one before */
	u32 mask, nr;
	struct site *slot[];
};
extern struct site_table *patch_sites; /* atomic */
/* Tests take some away. Bit n: a jump of which n bytes change. */
#define FORM_TRAP 1u
#define FORM_MANY (1u << 6)
#define FORM_PAD  (1u << 7)
extern u32 patch_forms;

struct site *site_find(u64 addr); /* anywhere, signal handlers too */

static inline u32 site_hash(u64 addr)
{
	return (u32)((addr * 0x9e3779b97f4a7c15ull) >> 32);
}

/* --- mem.c --- */
void *mem_get(size_t size); /* zeroed; NULL */
void mem_put(void *p);

/* --- text.c --- */
int text_read(u64 addr, void *to, size_t len);
/* Nobody runs what is there yet. */
int text_write(u64 addr, const void *from, size_t len);
/* Others may be running it: they find @was, or @now, never a mixture. Bit i of @inner: an instruction begins at byte i of
 * both or of one; there stands an int3 whenever it is not whole. */
/* Does a thread other than this one block SIGTRAP? int3 would kill it. Asked once until text_done(). */
bool text_trap_kills(void);
int text_exchange(u64 addr, const u8 *was, const u8 *now, u32 len, u32 inner, bool can_trap);
/* Every thread has seen what was stored before, in its instruction stream too. */
void text_sync(void);
/* The same if a change of a single byte, which does not wait for it, is still to be seen. */
void text_settle(void);
/* No more changes for now. */
void text_done(void);

/* --- near.c --- */
/* A block of STUB_HEAD + @size bytes of executable memory whose code begins in [lo, hi]; near @want
 * where there is a choice. 0: none. */
u64 near_alloc(u64 lo, u64 hi, u64 want, u32 size);
/* The next one who may choose looks at the address space again. */
void near_forget(void);
u32 near_pages(void);

/* --- stub.c --- */
/* Writes a stub of the site at @at, for all instructions of its plan or the first; 0, or -ERANGE: targets cannot
 * be reached from there. */
int stub_write(struct site *site, u64 at, bool many);

/* --- enter.c --- */
void patch_enter(void);	 /* assembler: called by stubs */
void patch_return(void); /* assembler: return stubs jump here */
void patch_divert(void); /* assembler: instead of back into the stub */

/* --- thread.c --- */
struct hit_thread {
	u64 stack;    /* top of the stack for hits; offsets in enter.c */
	u32 busy;     /* in a hit */
	u32 seq;      /* hits so far */
	u64 outer_sp; /* stack pointer of the hit it is in */
	u64 stack_low;
	void *xsave;
	bool vectors; /* saved in xsave */
	bool on_own;  /* its hit runs on the program's stack */
	s32 tid;      /* atomic */
	u32 ret_free, ret_nr; /* list of return stubs that are free */
	u64 missed;
	int *err; /* this thread's errno */
	struct hit_thread *next;
};
extern __thread struct hit_thread *hit_thread __attribute__((tls_model("initial-exec"), visibility("hidden")));

struct hit_thread *thread_get(void); /* in a hit: this thread's, made if needed; NULL */
struct hit_thread *thread_all(void);
void thread_init(void);
void thread_after_fork(void);
/* Every hit that began before is over; false: not within @ms. */
bool thread_quiesce(u32 ms);
/* A thread that is in a hit hits again, its stack pointer being @sp. */
enum hit_inside {
	HIT_RECURSION,	 /* from what the hit calls, or a signal handler above it */
	HIT_INTERRUPTED, /* by a signal before it left the program's stack, or left for good: not known */
	HIT_ABANDONED,	 /* a signal handler above it left it by longjmp */
};
enum hit_inside thread_inside(struct hit_thread *t, u64 sp);
void thread_restore_vectors(struct hit_thread *t);
void thread_miss(struct hit_thread *t);

/* --- ret.c --- */
struct ret_entry {
	u64 ret;	   /* the true return address; unwind.c knows that it stands first */
	u64 *slot;
	struct site *site; /* NULL: free */
	u32 next, pad;
};
_Static_assert(sizeof(struct ret_entry) == 2 * RET_STRIDE, "unwind.c");

extern u8 *ret_code;		   /* RET_MAX stubs */
extern struct ret_entry *ret_entries;
int ret_init(void);
bool ret_plant(struct hit_thread *t, struct site *site, u64 *slot);
u64 ret_take(struct hit_thread *t, u32 idx, struct site **site);

static inline u64 ret_stub(u32 idx)
{
	return (u64)ret_code + idx * RET_STRIDE + 1;
}

/* --- unwind.c --- */
/* Writes it into @page, for the stubs of ret.c. */
void unwind_make(u8 *page);

#endif
