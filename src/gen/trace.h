/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_GEN_TRACE_H
#define USERBPF_GEN_TRACE_H
/*
 * trace.h - what a loader did, as calls (DESIGN D11). Control side.
 *
 * A trace is made by real libbpf in recording mode (record an object) or from the calls of a
 * running client (record a command). It is symbolic: an fd is the number of the slot it came from, an id
 * of the kernel's BTF is a name and a kind, an address of a kernel symbol is a name. Nothing in it
 * belongs to the machine it was made on. gen_loader_build() turns it into a program.
 */
#include "abi/command.h"
#include "base/base.h"

/* A place inside a call: in attr, or in the memory behind one of its pointers. */
struct gen_place {
	u32 seg;	/* GEN_ATTR, or index of the segment */
	u32 off;	/* bytes */
};
#define GEN_ATTR (~0u)

/* Memory that attr (or another segment) points to. */
struct gen_seg {
	struct gen_place ptr;	/* where its address belongs */
	const struct abi_field *field; /* NULL: found by a rule */
	void *data;		/* owned; NULL for pure output */
	u32 len;
};

enum gen_ref_kind {
	GEN_REF_FD,		/* 4 bytes: the fd of slot @slot */
	GEN_REF_FD_INSN,	/* imm of a LD_IMM64: map fd of @slot, to become an index into fd_array */
	GEN_REF_BTF_ID,		/* 4 bytes: id of type @name of kind @btf_kind in the kernel's BTF (vmlinux or a module) */
	GEN_REF_BTF_OBJ,	/* 4 bytes: fd of the BTF object in which @name was found (modules), 0 for vmlinux */
	GEN_REF_KFUNC,		/* insn: imm = id of FUNC @name, off = index of its module's BTF fd in fd_array, 0 for vmlinux */
	GEN_REF_KSYM_BTF,	/* LD_IMM64 pair: PSEUDO_BTF_ID of VAR @name */
	GEN_REF_KSYM_ADDR,	/* LD_IMM64 pair: address of kernel symbol @name */
};

struct gen_ref {
	enum gen_ref_kind kind;
	struct gen_place at;
	u32 slot;
	u32 btf_kind;
	bool weak;		/* not found is no error: 0 */
	char *name;		/* owned */
};

struct gen_call {
	int cmd;
	union bpf_attr attr;
	u32 attr_size;
	u32 fd_array_cnt;	/* PROG_LOAD, beyond attr: fd_array is a segment then, and instructions have indices into that */
	struct gen_seg *segs;
	u32 nr_segs;
	struct gen_ref *refs;
	u32 nr_refs;
	s32 slot;		/* the fd it yields, -1 = none */
};

enum gen_obj_kind { GEN_MAP, GEN_PROG, GEN_LINK, GEN_BTF };

/* An fd that exists while the loader runs. */
struct gen_slot {
	enum gen_obj_kind kind;
	u32 call;		/* index of the call that made it */
	bool exported;		/* goes to the caller; the others are closed at the end */
	bool mmapable;		/* ARRAY with BPF_F_MMAPABLE: initial value from the caller */
	bool data;		/* .data, .bss, .rodata, .kconfig or custom: a skeleton shows its variables */
	bool page_multiple;	/* max_entries is a multiple of the page size (ring buffers) */
	bool cpus;		/* max_entries is the number of possible CPUs (perf event arrays) */
	u32 version_off, version_sz; /* .kconfig: where LINUX_KERNEL_VERSION is in its value; sz 0: nowhere */
	char *name;		/* of the object, as the source says (not cut at 15) */
	char *ident;		/* the same as a C identifier, unique among its kind */
	char *sec;		/* programs: SEC("...") of the source or NULL */
};

struct gen_trace {
	char *name;		/* of the object */
	bool big_endian;
	struct gen_call *calls;
	u32 nr_calls;
	struct gen_slot *slots;
	u32 nr_slots;
	bool core_relos;	/* a PROG_LOAD of it has some */
	void *btf;		/* the object's BTF (raw), for typed skeletons; NULL if none */
	u32 btf_len;
};

/*
 * All return 0, an index, or negative errno; the trace owns copies of what is passed. Pointers to
 * calls and slots are good until the next one is added.
 */
struct gen_trace *gen_trace_new(const char *name); /* NULL: no memory */
void gen_trace_free(struct gen_trace *t);
int gen_trace_call(struct gen_trace *t, int cmd, const union bpf_attr *attr, u32 size);
void gen_trace_drop(struct gen_trace *t); /* the last call, which has no slot */
/* @data NULL: zeros. */
int gen_call_seg(struct gen_call *c, struct gen_place ptr, const struct abi_field *f, const void *data, u32 len);
int gen_call_ref(struct gen_call *c, const struct gen_ref *ref);
/* The fd that call @call yields; ident is made of the name. */
int gen_trace_slot(struct gen_trace *t, u32 call, enum gen_obj_kind kind, const char *name);
/* Names one anew; @ident NULL: made of the name. Unique among exported ones of its kind, so export first. */
int gen_slot_name(struct gen_trace *t, u32 slot, const char *name, const char *ident);
bool gen_seg_is_zero(const struct gen_seg *s);
bool gen_seg_is_value(const struct gen_seg *s); /* of MAP_UPDATE_ELEM */
/* The slot that a call without an fd is about, or -1. */
s32 gen_call_subject(const struct gen_call *c);
/*
 * Leaves what exported objects need: calls that make them, what those refer to, and what is stored in
 * all of that. Probes of a loader and what it closed again go, and zeros as the first value of
 * variables (.bss).
 */
int gen_trace_prune(struct gen_trace *t);

#endif
