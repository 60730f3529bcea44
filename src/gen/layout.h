/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_GEN_LAYOUT_H
#define USERBPF_GEN_LAYOUT_H
/*
 * layout.h - where things of a trace lie in the loader's map and context. Private to src/gen.
 *
 *   map value: | fds of the slots (4 bytes each) | names: id, module's fd | attrs | memory of the calls ... | values of zeros |
 *   context:   | bpf_loader_ctx | bpf_map_desc ... | bpf_prog_desc ... | link fds ... |
 *
 * The beginning is fd_array of every PROG_LOAD: slot N is fd_array[N], so instructions are final here.
 */
#include "base/log.h"
#include "gen/loader.h"

/* Something that is looked up once, before it is first used. */
struct gen_name {
	const char *name; /* the trace's */
	u32 btf_kind;	  /* 0: address of a kernel symbol */
	bool weak;
	u32 str_off, str_len;
	u32 off;	/* 8 bytes: address, or id and fd */
	bool looked_up; /* emit.c's */
};

struct gen_layout {
	const struct gen_trace *trace;
	u8 *data;
	u32 len, cap;
	int err; /* sticky */
	u32 *attr_off;
	u32 **seg_off;	/* per call, per segment */
	s32 *ctx_off;	/* per slot, -1: not exported */
	struct gen_patch *patches;
	u32 nr_patches;
	u32 ctx_sz;
	struct gen_name *names;
	u32 nr_names;
};

int gen_layout(struct gen_layout *l, const struct gen_trace *t, struct log *log);
void gen_layout_free(struct gen_layout *l);
static inline u32 gen_slot_off(u32 slot) { return slot * 4; }
/* Offset of a place of a call in the map value. */
u32 gen_place_off(const struct gen_layout *l, u32 call, struct gen_place at);
struct gen_name *gen_name_of(const struct gen_layout *l, const struct gen_ref *ref);
u32 gen_attr_size(const struct gen_call *c);
/* The slot whose initial value call @c stores and the caller may replace, or -1. */
s32 gen_value_slot(const struct gen_trace *t, const struct gen_call *c);
/* Halves of a name's 8 bytes: the id, and the fd of its module (0: vmlinux). */
u32 gen_name_id_off(const struct gen_layout *l, const struct gen_name *n);
u32 gen_name_fd_off(const struct gen_layout *l, const struct gen_name *n);

/* emit.c */
int gen_emit(const struct gen_layout *l, struct bpf_insn **insns, u32 *cnt);

#endif
