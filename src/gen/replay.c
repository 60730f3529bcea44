/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c - the calls of a loader as tables, for a runner that makes them itself. All they need is in the map's value, which is memory like any other;
 * what such a runner cannot do is look names up, so a loader with names has no tables.
 */
#include <stdlib.h>

#include "gen/layout.h"

static struct gen_replay_call make_call(const struct gen_layout *l, u32 call)
{
	const struct gen_call *c = &l->trace->calls[call];
	struct gen_replay_call r = {
		.cmd = c->cmd,
		.attr = l->attr_off[call],
		.size = gen_attr_size(c),
		.result = gen_fd_off(l, call),
		.flags = (c->slot >= 0 ? GEN_REPLAY_FD : 0) |
			 (gen_may_lack(l, call) ? GEN_REPLAY_MAY_FAIL : 0),
	};

	if (c->slot >= 0 && l->ctx_off[c->slot] >= 0)
		r.ctx = l->ctx_off[c->slot];
	return r;
}

/* Of its own, unless @err. */
static int add_places(struct gen_replay *out, int err, void *places, u32 nr)
{
	u32 *more = err ? NULL : realloc(out->places, (out->nr_places + nr + 1) * sizeof(*more));

	if (more) {
		memcpy(more + out->nr_places, places, nr * sizeof(*more));
		out->places = more;
		out->nr_places += nr;
	}
	if (!err)
		free(places);
	return err ?: more ? 0 : -ENOMEM;
}

static int add_call(struct gen_replay *out, const struct gen_layout *l, u32 call)
{
	struct gen_replay_call *r = &out->calls[call];
	u32 *places;
	int err;

	*r = make_call(l, call);
	err = gen_fd_places(l, call, &places, &r->nr_fds);
	err = add_places(out, err, places, r->nr_fds);
	if (err || !(r->flags & GEN_REPLAY_MAY_FAIL))
		return err;
	err = gen_type_places(l, call, &places, &r->nr_types);
	return add_places(out, err, places, r->nr_types);
}

_Static_assert(sizeof(struct gen_pointer) == 2 * sizeof(u32), "two places");

int gen_replay_make(const struct gen_layout *l, struct gen_replay *out)
{
	struct gen_pointer *p;
	int err;

	*out = (struct gen_replay){0};
	if (l->nr_names)
		return 0;
	out->calls = calloc(l->trace->nr_calls + 1, sizeof(*out->calls));
	if (!out->calls)
		return -ENOMEM;
	err = gen_pointers(l, &p, &out->nr_pointers);
	err = add_places(out, err, p, out->nr_pointers * 2);
	for (u32 i = 0; !err && i < l->trace->nr_calls; i++, out->nr_calls++)
		err = add_call(out, l, i);
	return err;
}

void gen_replay_free(struct gen_replay *r)
{
	free(r->calls);
	free(r->places);
}
