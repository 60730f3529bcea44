/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_KCALL_H
#define USERBPF_KCALL_H
/*
 * kcall.h - a call of a function of the service while it is looked at: kfunc.c, owned.c.
 */
#include "helper/kfunc.h"
#include "verifier/vfy.h"

/* What a function does to objects that programs own. */
struct vowned {
	struct btf *btf; /* the object that is made, given or taken: its struct */
	u32 id, size;
	u32 off;      /* of the node in it */
	u32 head_off; /* of the list or tree */
	bool in_object;	 /* ... which is in an object itself */
	bool owning;	 /* OWNED_ACQUIRE: of a reference, not of a look */
	const struct btf_graph_field *root;
	u32 ref_id; /* of the node that is given up */
	u32 subprog; /* the order of a tree */
};

struct kcall {
	const struct btf *btf;
	const struct kfunc *fn;
	const struct btf_type *proto;
	u32 id, ref_id, release_reg;
	u64 mem_size; /* of the memory that is returned */
	bool mem_rdonly;
	struct viter iter; /* KF_ITER_* */
	struct vowned owned;
};

static inline enum owned_op kcall_op(const struct kcall *call)
{
	return KF_OWNED_OP(call->fn->flags);
}

/* owned.c: @t is the argument's type, modifiers skipped */
int vfy_owned_arg(struct venv *env, u32 i, const struct btf_type *t, struct kcall *call);
int vfy_owned_effects(struct venv *env, s32 idx, struct kcall *call);
int vfy_owned_return(struct venv *env, s32 idx, const struct kcall *call);

#endif
