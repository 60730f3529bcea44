/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nest.c - no struct or array contains itself. The resolve pass sees to that too, but not through
 * every order of modifiers it may have resolved earlier for a pointer's sake, and kernel BTF is not
 * resolved at all. With this, descending into members always ends.
 */
#include <stdlib.h>

#include "btf/priv.h"

enum { NEW, OPEN, DONE };

struct nest {
	struct btf_env *env;
	u8 *state; /* per local id */
	struct {
		u32 id, next;
	} * stack;
	u32 depth;
};

/* The @i-th thing inside, modifiers skipped: 0 when it cannot contain anything, UINT32_MAX
 * behind the last. */
static u32 inner(const struct btf *btf, const struct btf_type *t, u32 i)
{
	const struct btf_type *in;
	u32 id;

	if (i >= (btf_type_is_struct(t) ? btf_type_vlen(t) : 1u))
		return UINT32_MAX;
	in = btf_type_skip_modifiers(
		btf, btf_type_is_struct(t) ? btf_members(t)[i].type : btf_array(t)->type, &id);
	return in && btf_kind_in(in, K_STRUCT | K(ARRAY)) ? id : 0;
}

static int enter(struct nest *n, u32 id)
{
	const struct btf *btf = n->env->btf;
	u8 *state;

	if (id < btf->start_id) /* the base has passed this check */
		return 0;
	state = &n->state[id - btf->start_id];
	if (*state == DONE)
		return 0;
	if (*state == OPEN) {
		n->env->log_id = id;
		btf_refuse(n->env, btf_type_by_id(btf, id), "Loop detected");
		return -EEXIST;
	}
	*state = OPEN;
	n->stack[n->depth].id = id;
	n->stack[n->depth++].next = 0;
	return 0;
}

static int descend(struct nest *n, u32 id)
{
	const struct btf *btf = n->env->btf;
	int err = enter(n, id);

	while (!err && n->depth) {
		u32 top = n->stack[n->depth - 1].id;
		u32 in = inner(btf, btf_type_by_id(btf, top), n->stack[n->depth - 1].next++);

		if (in == UINT32_MAX) {
			n->state[top - btf->start_id] = DONE;
			n->depth--;
		} else if (in) {
			err = enter(n, in);
		}
	}
	return err;
}

int btf_check_nesting(struct btf_env *env)
{
	struct btf *btf = env->btf;
	struct nest n = {.env = env};
	u32 i, count = max(btf->nr_types, 1u);
	int err = -ENOMEM;

	n.state = calloc(count, 1);
	n.stack = malloc(count * sizeof(*n.stack));
	if (!n.state || !n.stack)
		goto out;
	err = 0;
	for (i = 0; i < btf->nr_types && !err; i++)
		if (btf_kind_in(btf->types[i], K_STRUCT | K(ARRAY)))
			err = descend(&n, btf->start_id + i);
out:
	free(n.state);
	free(n.stack);
	return err;
}
