/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_GEN_LAYOUT_H
#define USERBPF_GEN_LAYOUT_H
/*
 * layout.h - where things of a trace lie in the loader's map and context. Private to src/gen.
 *
 *   map value: | results: names, calls | attrs | memory of the calls ... | values of zeros |
 *   context:   | bpf_loader_ctx | bpf_map_desc ... | bpf_prog_desc ... | link fds ... |
 *
 * A result has 8 bytes and they stand in the order in which the loader gets them: a name's (before the call that wants it first) are an address, or a type's id and its module's fd; a call's
 * are what bpf_sys_bpf() returned, an fd or an error, and until then neither. So the first error among them is why a loader failed (userbpf_first_error()), and the
 * beginning of the value is fd_array of every PROG_LOAD: an instruction's index of its map's fd is final here.
 */
#include "base/log.h"
#include "gen/loader.h"

/* Something that is looked up once, before it is first used. */
struct gen_name {
	const char *name; /* the trace's */
	u32 btf_kind;	  /* 0: address of a kernel symbol */
	bool weak;
	u32 str_off, str_len;
	u32 before; /* the call that wants it first */
	u32 off;    /* of its result */
};

struct gen_layout {
	const struct gen_trace *trace;
	u8 *data;
	u32 len, cap;
	int err; /* sticky */
	u32 *result_off; /* per call; before the first is one that no call gives */
	u32 nr_results;
	u32 *attr_off;
	u32 **seg_off;	/* per call, per segment */
	s32 *ctx_off;	/* per slot, -1: not exported */
	struct gen_patch *patches;
	u32 nr_patches;
	u32 ctx_sz;
	u32 common[4]; /* memory that several calls have */
	u32 nr_common;
	struct gen_name *names;
	u32 nr_names;
};

int gen_layout(struct gen_layout *l, const struct gen_trace *t, struct log *log);
void gen_layout_free(struct gen_layout *l);
/* Of the half of a call's result that is the fd (negative: an error), and of the other: 0, or -1 when it failed. */
u32 gen_fd_off(const struct gen_layout *l, u32 call);
u32 gen_sign_off(const struct gen_layout *l, u32 call);
u32 gen_slot_off(const struct gen_layout *l, u32 slot); /* the fd */
/* Offset of a place of a call in the map value. */
u32 gen_place_off(const struct gen_layout *l, u32 call, struct gen_place at);
struct gen_name *gen_name_of(const struct gen_layout *l, const struct gen_ref *ref);
u32 gen_attr_size(const struct gen_call *c);
bool gen_wants_fd_array(const struct gen_call *c); /* its instructions have indices */
/* The slot whose initial value call @c stores and the caller may replace, or -1. */
s32 gen_value_slot(const struct gen_trace *t, const struct gen_call *c);
/* Halves of a name's 8 bytes: the id, and the fd of its module (0: vmlinux). */
u32 gen_name_id_off(const struct gen_layout *l, const struct gen_name *n);
u32 gen_name_fd_off(const struct gen_layout *l, const struct gen_name *n);

/* places.c: where calls want what is known only when they are made. Arrays are the caller's to free. */
struct gen_pointer {
	u32 of, to; /* an address in the value, and where it belongs */
};
int gen_pointers(const struct gen_layout *l, struct gen_pointer **p, u32 *nr); /* by address */
/* The fd that call @call makes. */
int gen_fd_places(const struct gen_layout *l, u32 call, u32 **to, u32 *nr);
/* Numbers of 4 bytes that mean nothing without the BTF that call @call loads. */
int gen_type_places(const struct gen_layout *l, u32 call, u32 **to, u32 *nr);

/* lack.c */
/* Call @call may fail without the loader failing: it goes on without its BTF. */
bool gen_may_lack(const struct gen_layout *l, u32 call);
bool gen_refers_to(const struct gen_ref *r, u32 slot);

/* emit.c */
int gen_emit(const struct gen_layout *l, struct bpf_insn **insns, u32 *cnt);

/* replay.c */
int gen_replay_make(const struct gen_layout *l, struct gen_replay *out);
void gen_replay_free(struct gen_replay *r);

#endif
