/* SPDX-License-Identifier: BSD-2-Clause */
/* calls.c - frames, functions and callbacks of the machine (machine.h). */
#include "machine.h"

void clobber(struct machine *m, u64 r0, enum how how)
{
	struct cframe *f = &m->f[m->depth];

	f->regs[0] = r0;
	f->how[0] = how;
	f->init |= 1;
	f->init &= ~0x3eu;
	f->secret &= ~0x3fu;
	for (u32 i = 0; i < m->c.n; i++)
		m->c.at[i].t.regs[m->depth] &= ~0x3fu;
	for (u32 i = 1; i <= 5; i++) {
		f->regs[i] = rnd(&m->r);
		f->how[i] = JUNK;
	}
}

void fresh_frame(struct machine *m, u32 depth)
{
	struct cframe *f = &m->f[depth];

	for (u32 i = 0; i < VFY_REGS; i++)
		f->regs[i] = rnd(&m->r);
	for (u32 i = 0; i < STACK_SIZE; i += 8)
		*(u64 *)(f->stack + i) = rnd(&m->r);
	memset(f->shadow, SH_JUNK, sizeof(f->shadow));
	memset(f->how, JUNK, sizeof(f->how));
	f->secret = 1u << REG_FP;
	f->regs[REG_FP] = stack_top(depth);
	f->how[REG_FP] = ADDRESS;
	f->init = 1u << REG_FP;
}

/* --- callbacks --- */

static void cb_arguments(struct machine *m, struct cframe *f)
{
	if (f->cb_map < 0) {
		f->regs[1] = f->round;
		f->regs[2] = f->cb_arg;
		f->how[1] = SAME;
		f->how[2] = f->cb_arg_how;
		f->init |= 6;
		return;
	}
	memset(m->key, 0, sizeof(m->key));
	memset(m->key_shadow, 0, sizeof(m->key_shadow));
	m->key[0] = f->round;
	m->rg[RG_KEY].size = sp_maps[f->cb_map].key;
	f->regs[1] = addr(RG_HANDLE + f->cb_map);
	f->regs[2] = addr(RG_KEY);
	f->regs[3] = addr(value_region(f->cb_map, f->round));
	f->regs[4] = f->cb_arg;
	f->how[1] = f->how[2] = f->how[3] = ADDRESS;
	f->how[4] = f->cb_arg_how;
	f->init |= 0x1e;
}

static void cb_follow(struct machine *m, struct cframe *f)
{
	m->c = *f->entry;
	for (u32 i = 0; i < m->c.n; i++) {
		struct taint *t = &m->c.at[i].t;
		u32 was = t->regs[m->depth - 1];

		t->slots[m->depth] = 0;
		t->regs[m->depth] = (was >> 3 & 1) << (f->cb_map < 0 ? 2 : 4);
		t->regs[m->depth - 1] &= ~0x3fu;
	}
	follow(m, &m->c, &m->next, f->cb_start);
	m->c = m->next;
}

static bool cb_round(struct machine *m)
{
	struct cframe *f = &m->f[m->depth];

	fresh_frame(m, m->depth);
	cb_arguments(m, f);
	cb_follow(m, f);
	m->pc = f->cb_start;
	return true;
}

bool call_back(struct machine *m, int map, u64 rounds, u64 start, u64 arg, enum how how)
{
	struct cframe *f, *caller = &m->f[m->depth];

	if (m->depth + 1 >= SP_FRAMES)
		return violation(m, "call stack too deep");
	if (!rounds) {
		clobber(m, 0, SAME);
		return go_to(m, m->pc + 1);
	}
	m->entries[m->depth + 1] = m->c;
	f = &m->f[++m->depth];
	f->callback = true;
	f->base = caller->base;
	f->held = caller->held;
	f->ret = m->pc + 1;
	f->cb_start = start;
	f->entry = &m->entries[m->depth];
	f->round = 0;
	f->rounds = rounds;
	f->cb_arg = arg;
	f->cb_arg_how = how;
	f->cb_map = map;
	return cb_round(m);
}

static bool cb_return(struct machine *m)
{
	struct cframe *f = &m->f[m->depth];
	u64 r0 = f->regs[0];

	if (r0 > 1)
		return violation(m, "callback returns %#llx", (unsigned long long)r0);
	if (f->how[0] != SAME)
		unpair(m);
	if (++f->round < f->rounds && !r0)
		return cb_round(m);
	f->callback = false;
	m->depth--;
	m->c = *f->entry;
	clobber(m, f->round, SAME);
	return go_to(m, f->ret);
}

/* --- functions --- */

/* Where a walk ended: nothing may be left that was taken in it. */
static bool gave_back(struct machine *m)
{
	const struct cframe *f = &m->f[m->depth];

	if (is_secret(m, 0))
		return violation(m, "an address is returned");
	if (m->held != f->held)
		return violation(m, "%u references are never given back", m->held - f->held);
	return m->locked ? violation(m, "a lock stays locked") : true;
}

/* Kinds of programs that may return 0 or 1 only, attached as the fuzzer does. */
static bool says_yes_or_no(u32 type)
{
	static const u32 types[] = {BPF_PROG_TYPE_TRACING,	  BPF_PROG_TYPE_CGROUP_SKB,
				    BPF_PROG_TYPE_CGROUP_SOCK,	  BPF_PROG_TYPE_SOCK_OPS,
				    BPF_PROG_TYPE_CGROUP_DEVICE,  BPF_PROG_TYPE_CGROUP_SYSCTL,
				    BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_PROG_TYPE_SK_LOOKUP};

	for (u32 i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i] == type)
			return true;
	return false;
}

static bool program_ends(struct machine *m)
{
	u64 r0 = m->f[0].regs[0];

	if (r0 > 1 && says_yes_or_no(m->p->type))
		return violation(m, "%llu is returned", (unsigned long long)r0);
	if (gave_back(m))
		m->end = RUN_OK;
	return false;
}

/* Of its walk the callers know nothing. */
static bool global_returns(struct machine *m)
{
	struct cframe *f = &m->f[m->depth];

	if (!gave_back(m))
		return false;
	m->c = m->entries[m->depth--];
	clobber(m, f->regs[0], f->how[0]);
	return go_to(m, f->ret);
}

static void forget_taint(struct machine *m)
{
	for (u32 i = 0; i < m->c.n; i++) {
		struct taint *t = &m->c.at[i].t;

		t->regs[m->depth - 1] = (t->regs[m->depth - 1] & ~0x3fu) | (t->regs[m->depth] & 1);
		t->regs[m->depth] = t->slots[m->depth] = 0;
	}
}

bool leave(struct machine *m)
{
	struct cframe *f = &m->f[m->depth], *c;
	u64 r0 = f->regs[0];

	if (!(f->init & 1) && /* of a static function: then the caller may not use it */
	    (m->depth == f->base || f->callback))
		return violation(m, "exit without R0");
	if (!m->depth)
		return program_ends(m);
	if (f->callback)
		return cb_return(m);
	if (m->depth == f->base)
		return global_returns(m);
	forget_taint(m);
	m->depth--;
	c = &m->f[m->depth];
	c->regs[0] = r0;
	c->how[0] = f->how[0];
	c->init = (c->init & ~0x3fu) | (f->init & 1);
	return go_to(m, f->ret);
}

/* Number of the global function that begins at @start, 0: none. */
static u32 global_at(const struct sprog *p, s32 start)
{
	for (u32 i = 1; i < p->nr_funcs; i++)
		if (p->func[i] == (u32)start)
			return p->global >> i & 1 ? i : 0;
	return 0;
}

static bool enter_global(struct machine *m, u32 func)
{
	struct cframe *f = &m->f[m->depth];

	f->base = m->depth;
	f->held = m->held;
	memset(&m->c.at[0], 0, sizeof(m->c.at[0]));
	m->c.n = m->w->entry[func] ? 1 : 0;
	m->c.at[0].node = m->w->entry[func];
	m->pc = m->p->func[func];
	return true;
}

bool call_function(struct machine *m, s32 start)
{
	struct cframe *f, *caller = &m->f[m->depth];
	u32 global = global_at(m->p, start);

	if (m->depth + 1 >= SP_FRAMES)
		return violation(m, "call stack too deep");
	f = &m->f[m->depth + 1];
	fresh_frame(m, m->depth + 1);
	memcpy(f->regs + 1, caller->regs + 1, 5 * sizeof(u64));
	memcpy(f->how + 1, caller->how + 1, 5);
	f->init |= caller->init & 0x3e;
	f->secret |= caller->secret & 0x3e;
	caller->init &= ~0x3fu;
	f->ret = m->pc + 1;
	f->callback = false;
	f->base = caller->base;
	f->held = caller->held;
	for (u32 i = 0; i < m->c.n; i++) {
		struct taint *t = &m->c.at[i].t;

		t->regs[m->depth + 1] = t->regs[m->depth] & 0x3e;
		t->slots[m->depth + 1] = 0;
		t->regs[m->depth] &= ~0x3fu;
	}
	m->entries[m->depth + 1] = m->c;
	m->depth++;
	return global ? enter_global(m, global) : go_to(m, start);
}
