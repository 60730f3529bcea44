/* SPDX-License-Identifier: BSD-2-Clause */
/* places.c - where in the value what is known only when calls are made goes: addresses, fds; and what means nothing without BTF. */
#include <stdlib.h>

#include "gen/layout.h"

/* --- addresses --- */

static int by_address(const void *a, const void *b)
{
	const struct gen_pointer *p = a, *q = b;

	return p->of != q->of ? (p->of < q->of ? -1 : 1) : (p->to > q->to) - (p->to < q->to);
}

/* What the runner may say about is its own (layout.c): a log's address, which is one of user space. */
static bool is_log(const struct gen_call *c, struct gen_place p)
{
	return p.seg == GEN_ATTR &&
	       ((c->cmd == BPF_PROG_LOAD && p.off == offsetof(union bpf_attr, log_buf)) ||
		(c->cmd == BPF_BTF_LOAD && p.off == offsetof(union bpf_attr, btf_log_buf)));
}

static u32 call_pointers(const struct gen_layout *l, u32 call, struct gen_pointer *p)
{
	const struct gen_call *c = &l->trace->calls[call];
	u32 nr = 0;

	if (gen_wants_fd_array(c))
		p[nr++] = (struct gen_pointer){0, l->attr_off[call] +
							  offsetof(union bpf_attr, fd_array)};
	for (u32 i = 0; i < c->nr_segs; i++)
		if (!is_log(c, c->segs[i].ptr))
			p[nr++] = (struct gen_pointer){l->seg_off[call][i],
						       gen_place_off(l, call, c->segs[i].ptr)};
	return nr;
}

int gen_pointers(const struct gen_layout *l, struct gen_pointer **p, u32 *nr)
{
	const struct gen_trace *t = l->trace;
	u32 most = 1;

	for (u32 i = 0; i < t->nr_calls; i++)
		most += t->calls[i].nr_segs + 1;
	*nr = 0;
	*p = malloc(most * sizeof(**p));
	if (!*p)
		return -ENOMEM;
	for (u32 i = 0; i < t->nr_calls; i++)
		*nr += call_pointers(l, i, *p + *nr);
	qsort(*p, *nr, sizeof(**p), by_address);
	return 0;
}

/* --- fds --- */

/* @to NULL: counts. */
static u32 fd_places(const struct gen_layout *l, u32 call, u32 *to)
{
	const struct gen_trace *t = l->trace;
	s32 slot = t->calls[call].slot;
	u32 nr = 0;

	for (u32 i = call + 1; slot >= 0 && i < t->nr_calls; i++)
		for (u32 j = 0; j < t->calls[i].nr_refs; j++) {
			const struct gen_ref *r = &t->calls[i].refs[j];

			if (r->kind != GEN_REF_FD || r->slot != (u32)slot)
				continue;
			if (to)
				to[nr] = gen_place_off(l, i, r->at);
			nr++;
		}
	return nr;
}

int gen_fd_places(const struct gen_layout *l, u32 call, u32 **to, u32 *nr)
{
	*nr = fd_places(l, call, NULL);
	*to = malloc((*nr ?: 1) * sizeof(**to));
	if (!*to)
		return -ENOMEM;
	fd_places(l, call, *to);
	return 0;
}

/* --- what is of BTF --- */

/* Those that say something; its fd counts for nothing without them. */
static u32 type_places(const struct gen_layout *l, u32 call, u32 *to)
{
	static const u32 map[] = {offsetof(union bpf_attr, btf_key_type_id),
				  offsetof(union bpf_attr, btf_value_type_id)};
	static const u32 prog[] = {offsetof(union bpf_attr, func_info_cnt),
				   offsetof(union bpf_attr, line_info_cnt)};
	const struct gen_call *c = &l->trace->calls[call];
	const u32 *off = c->cmd == BPF_MAP_CREATE ? map : prog;
	u32 nr = 0, value;

	for (u32 i = 0; i < 2; i++) {
		memcpy(&value, (const u8 *)&c->attr + off[i], sizeof(value));
		if (value)
			to[nr++] = l->attr_off[call] + off[i];
	}
	return nr;
}

int gen_type_places(const struct gen_layout *l, u32 call, u32 **to, u32 *nr)
{
	const struct gen_trace *t = l->trace;
	u32 most = fd_places(l, call, NULL) * 2;

	*nr = 0;
	*to = malloc((most ?: 1) * sizeof(**to));
	if (!*to)
		return -ENOMEM;
	for (u32 i = call + 1; i < t->nr_calls; i++)
		for (u32 j = 0; j < t->calls[i].nr_refs; j++)
			if (gen_refers_to(&t->calls[i].refs[j], t->calls[call].slot))
				*nr += type_places(l, i, *to + *nr);
	return 0;
}
