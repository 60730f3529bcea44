/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SOUNDNESS_WORLD_H
#define USERBPF_SOUNDNESS_WORLD_H
/*
 * world.h - what is around a program: the fixed maps, the functions' BTF, the kernel functions of
 * the service. One for the whole run of the fuzzer.
 */
#include "soundness.h"

struct world {
	struct bpf_map map[SP_MAPS];
	u8 map_const[SP_MAX_VALUE]; /* contents of MAP_CONST */
	struct bpf_map inner; /* what the maps of MAP_OUTER are like */
	s32 iter_func;	      /* programs of type tracing attach to */
	struct vfy_ctx_arg iter_arg;
	struct btf *btf, *vmlinux; /* vmlinux NULL: no kernel functions */
};

/* 0 or negative errno with a message on stderr. @vmlinux_path NULL: none */
int world_open(struct world *w, const char *vmlinux_path);
void world_close(struct world *w);
/* Verdict of the verifier; the walk is recorded. @img (may be NULL) gets the rewritten program when
 * it is accepted. *@processed: instructions the walk took. */
int world_check(struct world *w, struct walk *walk, const struct sprog *p, struct log *log,
		struct exec_image **img, u64 *processed);
/* BTF of the functions and of values of MAP_LOCK, and of MAP_KPTR, which other kernels do not take; its size */
u32 functions_blob(u8 blob[1024], bool with_kptrs);
u32 function_type(const struct sprog *p, u32 func); /* type id in it */
#define LOCK_VALUE_TYPE 17 /* of MAP_LOCK in it */
#define KPTR_VALUE_TYPE 26 /* of MAP_KPTR */

#endif
