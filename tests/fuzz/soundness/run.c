/* SPDX-License-Identifier: BSD-2-Clause */
/* run.c - the concrete machine and the comparison with the recorded walk (soundness.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa/disasm.h"
#include "soundness.h"

#define MAX_STEPS  4000
#define MAX_CANDS  24
#define STACK_SIZE 512
#define FAR	   40 /* bits between regions */
#define LOW	   0x51000000ull

enum {
	RG_NONE,
	RG_CTX,
	RG_STACK,
	RG_KEY = RG_STACK + SP_FRAMES,
	RG_HANDLE,
	RG_VALUE = RG_HANDLE + SP_MAPS,
	RG_PKT = RG_VALUE + 48,
	RG_END = RG_PKT + 32
};
#define ELEMS 8 /* regions per map */

struct region {
	u8 *mem;
	u32 size;
	bool rdonly;
};

struct cand {
	u32 node;
	struct taint t;
};
struct cands {
	struct cand at[MAX_CANDS];
	u32 n;
};

struct cframe {
	u64 regs[VFY_REGS];
	u32 init;   /* mask of registers with a value */
	u32 secret; /* mask of registers whose value tells an address */
	s32 ret;    /* instruction after the call */
	bool watched, callback;
	/* callback */
	struct cands *entry; /* at the call */
	s32 cb_start;
	u32 round, rounds;
	u64 cb_arg;
	int cb_map; /* -1: bpf_loop */
	u8 stack[STACK_SIZE] __attribute__((aligned(8)));
	u8 written[STACK_SIZE], secrets[STACK_SIZE];
};

struct machine {
	const struct sprog *p;
	const struct walk *w;
	struct violation *v;
	struct rng r;
	struct region rg[RG_END];
	struct cframe f[SP_FRAMES];
	struct cands entries[SP_FRAMES];
	struct cands c, next;
	u32 depth, step, pkt_epoch, meta_len, pkt_len;
	s32 pc;
	bool present[ELEMS]; /* elements of the hash */
	u8 values[SP_MAPS * ELEMS][64] __attribute__((aligned(8)));
	u8 ctx[256], key[16], pkt[256];
	s32 trace[64];
	enum run_result end;
};

const struct sp_map sp_maps[SP_MAPS] = {
	[MAP_ARRAY] = {BPF_MAP_TYPE_ARRAY, 4, 48, 4, 0},
	[MAP_HASH] = {BPF_MAP_TYPE_HASH, 8, 24, 8, 0},
	[MAP_ONE] = {BPF_MAP_TYPE_ARRAY, 4, 16, 1, 0},
	[MAP_CONST] = {BPF_MAP_TYPE_ARRAY, 4, 32, 1, BPF_F_RDONLY_PROG},
	[MAP_PROGS] = {BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0},
	[MAP_PERCPU] = {BPF_MAP_TYPE_PERCPU_ARRAY, 4, 40, 2, 0},
};

u64 rnd_interesting(struct rng *r)
{
	static const u64 v[] = {0,
				1,
				2,
				3,
				4,
				7,
				8,
				15,
				16,
				31,
				32,
				63,
				64,
				127,
				128,
				255,
				256,
				0xffff,
				0x7fffffff,
				0x80000000,
				0xffffffff,
				0x100000000ull,
				0x7fffffffffffffffull,
				0x8000000000000000ull,
				~0ull,
				-2ull,
				-8ull,
				-128ull,
				0xffffffff80000000ull,
				0xffffffff7fffffffull};
	u64 x;

	switch (below(r, 6)) {
	case 0: return v[below(r, ARRAY_SIZE(v))] + below(r, 3) - 1;
	case 1: return below(r, 64);
	case 2: x = rnd(r) >> below(r, 64); return chance(r, 50) ? x : -x;
	case 3: return (u32)rnd(r) | (chance(r, 50) ? 0 : rnd(r) << 32);
	case 4: return v[below(r, ARRAY_SIZE(v))];
	}
	return rnd(r);
}

/* --- failure --- */

static bool violation(struct machine *m, const char *fmt, ...)
{
	va_list ap;
	u32 n = snprintf(m->v->text, sizeof(m->v->text), "insn %d: ", m->pc);

	va_start(ap, fmt);
	vsnprintf(m->v->text + n, sizeof(m->v->text) - n, fmt, ap);
	va_end(ap);
	m->v->insn = m->pc;
	m->v->step = m->step;
	m->v->node = m->c.n ? m->c.at[0].node : 0;
	m->end = RUN_VIOLATION;
	return false;
}

static bool stop(struct machine *m)
{
	m->end = RUN_STOPPED;
	return false;
}

/* --- memory --- */

static u64 addr(u32 region)
{
	return (u64)region << FAR | LOW;
}
static u64 stack_top(u32 frame)
{
	return addr(RG_STACK + frame) + STACK_SIZE;
}
static u64 pkt_start(const struct machine *m)
{
	return addr(RG_PKT + m->pkt_epoch) + m->meta_len;
}
static u64 pkt_end(const struct machine *m)
{
	return addr(RG_PKT + m->pkt_epoch) + m->meta_len + m->pkt_len;
}
static u32 value_region(u32 map, u32 elem)
{
	return RG_VALUE + map * ELEMS + elem;
}

static u8 *mem_at(struct machine *m, u64 a, u64 size, bool write, const char *what)
{
	u64 region = a >> FAR, off = (a & ((1ull << FAR) - 1)) - LOW;
	const struct region *g = region < RG_END ? &m->rg[region] : NULL;

	if (!g || !g->mem || off > g->size || size > g->size - off) {
		violation(m, "%s of %llu bytes at %#llx (region %llu + %lld of %u): bad access",
			  what, (unsigned long long)size, (unsigned long long)a,
			  (unsigned long long)region, (long long)off, g ? g->size : 0);
		return NULL;
	}
	if (write && g->rdonly) {
		violation(m, "%s to read-only region %llu", what, (unsigned long long)region);
		return NULL;
	}
	return g->mem + off;
}

static int stack_frame_of(u64 a)
{
	u64 region = a >> FAR;

	return region >= RG_STACK && region < RG_STACK + SP_FRAMES ? (int)(region - RG_STACK) : -1;
}

static u32 stack_pos(u64 a)
{
	return (a & ((1ull << FAR) - 1)) - LOW;
}

static bool stack_written(struct machine *m, u64 a, u32 size, const char *what)
{
	int f = stack_frame_of(a);

	for (u32 i = 0; f >= 0 && m->p->unpriv && i < size; i++)
		if (!m->f[f].written[stack_pos(a) + i])
			return violation(m, "%s of stack byte fp%d never written", what,
					 (int)(stack_pos(a) + i) - STACK_SIZE);
	return true;
}

/* Does stack memory hold addresses, to one who may not know any? */
static bool stack_secret(struct machine *m, u64 a, u64 size)
{
	int f = stack_frame_of(a);

	return m->p->unpriv && f >= 0 && memchr(m->f[f].secrets + stack_pos(a), 1, size);
}

static void set_secret(struct machine *m, u32 n, bool on)
{
	struct cframe *f = &m->f[m->depth];

	f->secret = (f->secret & ~(1u << n)) | (u32)on << n;
}

static bool is_secret(const struct machine *m, u32 n)
{
	return m->p->unpriv && (m->f[m->depth].secret >> n & 1);
}

static u8 *mem_read(struct machine *m, u64 a, u64 size, const char *what)
{
	u8 *at = mem_at(m, a, size, false, what);

	return at && stack_written(m, a, size, what) ? at : NULL;
}

static u8 *mem_write(struct machine *m, u64 a, u64 size, const char *what)
{
	u8 *at = mem_at(m, a, size, true, what);
	int f = at ? stack_frame_of(a) : -1;

	if (f >= 0 && size) {
		memset(&m->f[f].written[stack_pos(a)], 1, size);
		memset(&m->f[f].secrets[stack_pos(a)], 0, size);
	}
	return at;
}

static u64 load(const u8 *at, u32 size)
{
	u64 v = 0;

	memcpy(&v, at, size);
	return v;
}

/* --- taint --- */

static bool reg_tainted(const struct machine *m, const struct cand *c, u32 n)
{
	return c->t.regs[m->depth] >> n & 1;
}

static void taint_reg(struct machine *m, struct cand *c, u32 n, bool on)
{
	c->t.regs[m->depth] &= ~(1u << n);
	c->t.regs[m->depth] |= (u32)on << n;
}

static void each_reg_taint(struct machine *m, u32 dst, s32 src, bool keep)
{
	for (u32 i = 0; i < m->c.n; i++) {
		struct cand *c = &m->c.at[i];

		taint_reg(m, c, dst,
			  (keep && reg_tainted(m, c, dst)) || (src >= 0 && reg_tainted(m, c, src)));
	}
}

static u64 slot_mask(u64 a, u32 size)
{
	u32 first = (STACK_SIZE - 1 - stack_pos(a)) / 8,
	    last = (STACK_SIZE - stack_pos(a) - size) / 8;

	return 1ull << first | 1ull << last;
}

static void taint_load(struct machine *m, u32 dst, u64 a, u32 size, bool keep)
{
	int f = stack_frame_of(a);

	for (u32 i = 0; i < m->c.n; i++) {
		struct cand *c = &m->c.at[i];

		taint_reg(m, c, dst,
			  (keep && reg_tainted(m, c, dst)) ||
				  (f >= 0 && (c->t.slots[f] & slot_mask(a, size))));
	}
}

static void taint_store(struct machine *m, u64 a, u32 size, s32 src)
{
	int f = stack_frame_of(a);

	for (u32 i = 0; f >= 0 && i < m->c.n; i++) {
		struct cand *c = &m->c.at[i];
		u64 mask = slot_mask(a, size);

		if (size == 8 && !(stack_pos(a) % 8))
			c->t.slots[f] &= ~mask;
		if (src >= 0 && reg_tainted(m, c, src))
			c->t.slots[f] |= mask;
	}
}

/* What shares @id learned from a tainted operand. */
static void taint_copies(struct machine *m, struct cand *c, u32 id)
{
	const struct node *n = &m->w->node[c->node];

	if (!id)
		return;
	for (u32 i = 0; i < REG_FP; i++)
		if (n->reg[i].type == SCALAR_VALUE && n->reg[i].id == id)
			c->t.regs[m->depth] |= 1u << i;
	for (u32 i = 0; i < n->nr_slots; i++) {
		const struct aslot *s = &m->w->slot[n->slots + i];

		if (s->kind[7] == SLOT_SPILL && s->reg.type == SCALAR_VALUE && s->reg.id == id)
			c->t.slots[m->depth] |= 1ull << i;
	}
	/* outer frames are not recorded here: anything may be a copy */
	for (u32 f = 0; f < m->depth; f++) {
		c->t.regs[f] = 0x3ff;
		c->t.slots[f] = ~0ull;
	}
}

static void taint_jump(struct machine *m, const struct bpf_insn *in)
{
	for (u32 i = 0; i < m->c.n; i++) {
		struct cand *c = &m->c.at[i];
		const struct node *n = &m->w->node[c->node];
		bool x = BPF_SRC(in->code) == BPF_X;

		if (!reg_tainted(m, c, in->dst_reg) && !(x && reg_tainted(m, c, in->src_reg)))
			continue;
		taint_copies(m, c, n->reg[in->dst_reg].id);
		if (!x)
			continue;
		taint_copies(m, c, n->reg[in->src_reg].id);
		if (n->reg[in->dst_reg].type == SCALAR_VALUE)
			taint_reg(m, c, in->dst_reg, true);
		if (n->reg[in->src_reg].type == SCALAR_VALUE)
			taint_reg(m, c, in->src_reg, true);
	}
}

/* --- is a concrete value in an abstract one? --- */

static bool in_number(const struct areg *a, u64 v)
{
	return (v & ~a->var.mask) == a->var.value && v >= a->umin64 && v <= a->umax64 &&
	       (s64)v >= a->smin64 && (s64)v <= a->smax64;
}

static bool in_number32(const struct areg *a, u64 v)
{
	u32 w = v;

	return w >= a->umin32 && w <= a->umax32 && (s32)w >= a->smin32 && (s32)w <= a->smax32;
}

static bool in_region(const struct areg *a, u64 base, u64 v)
{
	return in_number(a, v - base - (u64)(s64)a->off);
}

static bool in_value(struct machine *m, const struct areg *a, u64 v)
{
	u32 map = a->map - 1;

	/* any element: offsets may lead far out of the region as long as nothing is accessed */
	for (u32 i = 0; a->map && map < SP_MAPS && i < sp_maps[map].entries; i++)
		if (in_region(a, addr(value_region(map, i)), v))
			return true;
	return false;
}

static bool in_packet(struct machine *m, const struct areg *a, u64 v)
{
	u64 start = a->type == PTR_TO_PACKET ? pkt_start(m) : addr(RG_PKT + m->pkt_epoch);
	u64 end = a->type == PTR_TO_PACKET ? pkt_end(m) : pkt_start(m);

	/* the known range counts from the variable part on */
	return in_region(a, start, v) && (a->range <= 0 || v - (u64)(s64)a->off + a->range <= end);
}

static bool in_areg(struct machine *m, const struct areg *a, u64 v)
{
	if ((a->type & PTR_MAYBE_NULL) && !v)
		return true;
	switch (type_base(a->type)) {
	case SCALAR_VALUE: return in_number(a, v) && in_number32(a, v);
	case PTR_TO_CTX: return in_region(a, addr(RG_CTX), v);
	case PTR_TO_STACK: return in_region(a, stack_top(a->frameno), v);
	case CONST_PTR_TO_MAP: return a->map && v == addr(RG_HANDLE + a->map - 1);
	case PTR_TO_MAP_VALUE: return in_value(m, a, v);
	case PTR_TO_MAP_KEY: return in_region(a, addr(RG_KEY), v);
	case PTR_TO_PACKET:
	case PTR_TO_PACKET_META: return in_packet(m, a, v);
	case PTR_TO_PACKET_END: return v == pkt_end(m) + (u64)(s64)a->off;
	}
	return true;
}

void areg_text(const struct areg *a, char *buf, size_t size)
{
	snprintf(buf, size,
		 "type %#x off %d range %d id %u map %d frame %u var %#llx/%#llx u64 [%#llx %#llx] "
		 "s64 [%lld %lld] u32 [%#x %#x] s32 [%d %d]",
		 a->type, a->off, a->range, a->id, (int)a->map - 1, a->frameno,
		 (unsigned long long)a->var.value, (unsigned long long)a->var.mask,
		 (unsigned long long)a->umin64, (unsigned long long)a->umax64, (long long)a->smin64,
		 (long long)a->smax64, a->umin32, a->umax32, a->smin32, a->smax32);
}

struct mismatch {
	char what[32];
	u64 value;
	const struct areg *a;
};

static bool slot_matches(struct machine *m, const struct aslot *s, u32 i, const struct cframe *f,
			 struct mismatch *mm)
{
	const u8 *mem = f->stack + STACK_SIZE - 8 * (i + 1);
	u32 spilled = 0;
	u64 v;

	while (spilled < 8 && s->kind[7 - spilled] == SLOT_SPILL)
		spilled++;
	/* kind[j] is the byte at -8 * i - 1 - j */
	for (u32 j = 0; j < 8; j++)
		if (s->kind[j] == SLOT_ZERO && mem[7 - j]) {
			snprintf(mm->what, sizeof(mm->what), "zero byte fp%d",
				 -8 * (int)i - 1 - (int)j);
			mm->value = mem[7 - j];
			mm->a = NULL;
			return false;
		}
	if (!spilled)
		return true;
	v = load(mem, 8);
	if (spilled != 8) {
		/* the register keeps its wide state; a fill of this width reads the low bytes */
		const struct areg *a = &s->reg;
		u64 mask = (1ull << spilled * 8) - 1;

		v &= mask;
		if (a->type != SCALAR_VALUE ||
		    (!((a->var.mask | a->var.value) & ~mask)
			     ? in_areg(m, a, v)
			     : (v & ~a->var.mask & mask) == (a->var.value & mask)))
			return true;
	} else if (in_areg(m, &s->reg, v)) {
		return true;
	}
	snprintf(mm->what, sizeof(mm->what), "slot fp%d", -8 * ((int)i + 1));
	mm->value = v;
	mm->a = &s->reg;
	return false;
}

static bool cand_matches(struct machine *m, const struct cand *c, struct mismatch *mm)
{
	const struct node *n = &m->w->node[c->node];
	const struct cframe *f = &m->f[m->depth];

	for (u32 i = 0; i < VFY_REGS; i++) {
		const struct areg *a = &n->reg[i];

		if (a->type == NOT_INIT || (c->t.regs[m->depth] >> i & 1))
			continue;
		if ((f->init >> i & 1) && in_areg(m, a, f->regs[i]) &&
		    !(a->type == SCALAR_VALUE && is_secret(m, i)))
			continue;
		snprintf(mm->what, sizeof(mm->what),
			 !(f->init >> i & 1) ? "unset R%u"
			 : is_secret(m, i)   ? "address R%u"
					     : "R%u",
			 i);
		mm->value = f->regs[i];
		mm->a = a;
		return false;
	}
	for (u32 i = 0; i < n->nr_slots; i++)
		if (!(c->t.slots[m->depth] >> i & 1) &&
		    !slot_matches(m, &m->w->slot[n->slots + i], i, f, mm))
			return false;
	return true;
}

static bool compare(struct machine *m)
{
	struct mismatch mm = {"", 0, NULL};
	char text[260] = "";
	u32 kept = 0, node = m->c.n ? m->c.at[0].node : 0;

	for (u32 i = 0; i < m->c.n; i++)
		if (cand_matches(m, &m->c.at[i], &mm))
			m->c.at[kept++] = m->c.at[i];
	m->c.n = kept;
	if (kept)
		return true;
	if (mm.a)
		areg_text(mm.a, text, sizeof(text));
	violation(m, node ? "%s = %#llx (%lld) is not in: %s" : "the walk never came here%s",
		  mm.what, (unsigned long long)mm.value, (long long)mm.value, text);
	m->v->node = node;
	return false;
}

/* --- along the edges --- */

static void add_cand(struct cands *to, const struct cand *c)
{
	if (to->n < MAX_CANDS)
		to->at[to->n++] = *c;
}

static void follow(struct machine *m, const struct cands *from, struct cands *to, s32 pc, u32 depth)
{
	const struct walk *w = m->w;

	to->n = 0;
	for (u32 i = 0; i < from->n; i++)
		for (u32 e = w->node[from->at[i].node].edges; e; e = w->edge[e].next) {
			const struct edge *ed = &w->edge[e];
			struct cand c = from->at[i];

			if (ed->insn != pc || w->node[ed->to].depth != depth ||
			    w->node[ed->to].speculative)
				continue;
			c.node = ed->to;
			for (u32 f = 0; ed->cover && f <= depth; f++) {
				c.t.regs[f] |= w->taint[ed->cover - 1].regs[f];
				c.t.slots[f] |= w->taint[ed->cover - 1].slots[f];
			}
			add_cand(to, &c);
		}
}

static bool go_to(struct machine *m, s32 pc)
{
	if (m->f[m->depth].watched) {
		follow(m, &m->c, &m->next, pc, m->depth);
		m->c = m->next;
	}
	m->pc = pc;
	return true;
}

/* --- helpers --- */

static u64 *regs_of(struct machine *m)
{
	return m->f[m->depth].regs;
}

static void clobber(struct machine *m, u64 r0)
{
	struct cframe *f = &m->f[m->depth];

	f->regs[0] = r0;
	f->init |= 1;
	f->init &= ~0x3eu;
	f->secret &= ~0x3fu;
	for (u32 i = 0; i < m->c.n; i++)
		m->c.at[i].t.regs[m->depth] &= ~0x3fu;
	for (u32 i = 1; i <= 5; i++)
		f->regs[i] = rnd(&m->r);
}

static int map_of(const struct machine *m, u64 v)
{
	for (u32 i = 0; i < SP_MAPS; i++)
		if (v == addr(RG_HANDLE + i))
			return i;
	return -1;
}

/* Element of @key, -1: none. The hash has one element per value of the key's low bits. */
static int elem_of(struct machine *m, int map, const u8 *key)
{
	u32 i = load(key, 4);

	if (map == MAP_HASH)
		return m->present[i % ELEMS] ? (int)(i % ELEMS) : -1;
	return i < sp_maps[map].entries ? (int)i : -1;
}

static void pkt_changed(struct machine *m)
{
	struct region old = m->rg[RG_PKT + m->pkt_epoch];

	m->rg[RG_PKT + m->pkt_epoch].mem = NULL;
	m->pkt_epoch = (m->pkt_epoch + 1) % 32;
	m->pkt_len = below(&m->r, 5) ? below(&m->r, 100) : 0;
	m->meta_len = below(&m->r, 3) * 8;
	old.size = m->pkt_len + m->meta_len;
	m->rg[RG_PKT + m->pkt_epoch] = old;
}

static bool fill(struct machine *m, u64 a, u64 size, const char *what)
{
	u8 *at = size ? mem_write(m, a, size, what) : m->ctx;

	for (u64 i = 0; at && i < size; i++)
		at[i] = rnd(&m->r);
	return at;
}

static bool cb_round(struct machine *m);

static bool call_back(struct machine *m, int map, u64 rounds, u64 start, u64 arg)
{
	struct cframe *f, *caller = &m->f[m->depth];

	if (m->depth + 1 >= SP_FRAMES)
		return violation(m, "call stack too deep");
	if (!rounds) {
		clobber(m, 0);
		return go_to(m, m->pc + 1);
	}
	m->entries[m->depth + 1] = m->c;
	f = &m->f[++m->depth];
	f->callback = true;
	f->watched = caller->watched;
	f->ret = m->pc + 1;
	f->cb_start = start;
	f->entry = &m->entries[m->depth];
	f->round = 0;
	f->rounds = rounds;
	f->cb_arg = arg;
	f->cb_map = map;
	return cb_round(m);
}

static void fresh_frame(struct machine *m, u32 depth)
{
	struct cframe *f = &m->f[depth];

	for (u32 i = 0; i < VFY_REGS; i++)
		f->regs[i] = rnd(&m->r);
	for (u32 i = 0; i < STACK_SIZE; i += 8)
		*(u64 *)(f->stack + i) = rnd(&m->r);
	memset(f->written, 0, sizeof(f->written));
	memset(f->secrets, 0, sizeof(f->secrets));
	f->secret = 1u << REG_FP;
	f->regs[REG_FP] = stack_top(depth);
	f->init = 1u << REG_FP;
}

static bool cb_round(struct machine *m)
{
	struct cframe *f = &m->f[m->depth];

	fresh_frame(m, m->depth);
	if (f->cb_map < 0) {
		f->regs[1] = f->round;
		f->regs[2] = f->cb_arg;
		f->init |= 6;
	} else {
		memset(m->key, 0, sizeof(m->key));
		m->key[0] = f->round;
		m->rg[RG_KEY].size = sp_maps[f->cb_map].key;
		f->regs[1] = addr(RG_HANDLE + f->cb_map);
		f->regs[2] = addr(RG_KEY);
		f->regs[3] = addr(value_region(f->cb_map, f->round));
		f->regs[4] = f->cb_arg;
		f->init |= 0x1e;
	}
	if (f->watched) {
		m->c = *f->entry;
		for (u32 i = 0; i < m->c.n; i++) {
			struct taint *t = &m->c.at[i].t;
			u32 was = t->regs[m->depth - 1];

			t->slots[m->depth] = 0;
			t->regs[m->depth] = (was >> 3 & 1) << (f->cb_map < 0 ? 2 : 4);
			t->regs[m->depth - 1] &= ~0x3fu;
		}
		follow(m, &m->c, &m->next, f->cb_start, m->depth);
		m->c = m->next;
	}
	m->pc = f->cb_start;
	return true;
}

static bool cb_return(struct machine *m)
{
	struct cframe *f = &m->f[m->depth];
	u64 r0 = f->regs[0];

	if (r0 > 1)
		return violation(m, "callback returns %#llx", (unsigned long long)r0);
	if (++f->round < f->rounds && !r0)
		return cb_round(m);
	f->callback = false;
	m->depth--;
	if (f->watched)
		m->c = *f->entry;
	clobber(m, f->round);
	return go_to(m, f->ret);
}

static bool helper(struct machine *m, s32 id)
{
	u64 *r = regs_of(m), r0 = rnd_interesting(&m->r);
	int map = map_of(m, r[1]), e;
	u8 *at;

	switch (id) {
	case BPF_FUNC_map_lookup_elem:
	case BPF_FUNC_map_lookup_percpu_elem:
	case BPF_FUNC_map_update_elem:
	case BPF_FUNC_map_delete_elem:
		if (map < 0)
			return violation(m, "not a map");
		at = mem_read(m, r[2], sp_maps[map].key, "key");
		if (!at)
			return false;
		if (stack_secret(m, r[2], sp_maps[map].key))
			return violation(m, "an address as key");
		e = elem_of(m, map, at);
		if (id == BPF_FUNC_map_update_elem) {
			at = mem_read(m, r[3], sp_maps[map].value, "value");
			if (!at)
				return false;
			if (stack_secret(m, r[3], sp_maps[map].value))
				return violation(m, "an address goes to a map");
			if (e >= 0)
				memmove(m->values[map * ELEMS + e], at, sp_maps[map].value);
			r0 = chance(&m->r, 50) ? 0 : -22ull;
		} else if (id == BPF_FUNC_map_delete_elem) {
			r0 = chance(&m->r, 50) ? 0 : -2ull;
		} else {
			r0 = e >= 0 ? addr(value_region(map, e)) : 0;
			if (id == BPF_FUNC_map_lookup_percpu_elem && chance(&m->r, 20))
				r0 = 0;
		}
		break;
	case BPF_FUNC_tail_call:
		if (map_of(m, r[2]) != MAP_PROGS)
			return violation(m, "tail call without programs");
		break;
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_ktime_get_boot_ns:
	case BPF_FUNC_jiffies64:
	case BPF_FUNC_get_numa_node_id: break;
	case BPF_FUNC_get_prandom_u32: r0 = (u32)r0; break;
	case BPF_FUNC_get_smp_processor_id: r0 = below(&m->r, 8); break;
	case BPF_FUNC_skb_load_bytes:
		if (!fill(m, r[3], (u32)r[4], "skb_load_bytes"))
			return false;
		r0 = chance(&m->r, 50) ? 0 : -14ull;
		break;
	case BPF_FUNC_skb_store_bytes:
		if (!mem_read(m, r[3], (u32)r[4], "skb_store_bytes"))
			return false;
		pkt_changed(m);
		break;
	case BPF_FUNC_skb_pull_data:
	case BPF_FUNC_xdp_adjust_head:
	case BPF_FUNC_xdp_adjust_meta:
	case BPF_FUNC_xdp_adjust_tail:
		pkt_changed(m);
		r0 = chance(&m->r, 50) ? 0 : -22ull;
		break;
	case BPF_FUNC_csum_diff:
		if (((u32)r[2] && !mem_read(m, r[1], (u32)r[2], "csum_diff")) ||
		    ((u32)r[4] && !mem_read(m, r[3], (u32)r[4], "csum_diff")))
			return false;
		break;
	case BPF_FUNC_probe_read_kernel:
		if (!fill(m, r[1], (u32)r[2], "probe_read_kernel"))
			return false;
		r0 = chance(&m->r, 50) ? 0 : -14ull;
		break;
	case BPF_FUNC_trace_printk:
		if (!mem_read(m, r[1], (u32)r[2], "trace_printk"))
			return false;
		break;
	case BPF_FUNC_loop:
		return call_back(m, -1, (u32)r[1] > (1 << 23) ? 0 : min((u32)r[1], below(&m->r, 6)),
				 r[2], r[3]);
	case BPF_FUNC_for_each_map_elem:
		if (map < 0)
			return violation(m, "not a map");
		return call_back(m, map, below(&m->r, sp_maps[map].entries + 1), r[2], r[3]);
	default: return stop(m);
	}
	clobber(m, r0);
	set_secret(m, 0, id == BPF_FUNC_map_lookup_elem && r0);
	return go_to(m, m->pc + 1);
}

/* --- instructions --- */

static s64 sdiv(s64 a, s64 b, bool mod, bool is32)
{
	if (!b)
		return mod ? a : 0;
	if (b == -1)
		return mod ? 0 : is32 ? (s64)(s32)(0u - (u32)a) : (s64)(0ull - (u64)a);
	return mod ? a % b : a / b;
}

static u64 swap(u64 v, u32 bits)
{
	return bits == 16   ? __builtin_bswap16(v)
	       : bits == 32 ? __builtin_bswap32(v)
			    : __builtin_bswap64(v);
}

static u64 alu_value(const struct bpf_insn *in, u64 d, u64 s)
{
	bool is32 = BPF_CLASS(in->code) == BPF_ALU;

	if (BPF_OP(in->code) == BPF_END) {
		u64 mask = in->imm == 64 ? ~0ull : (1ull << in->imm) - 1;

		if (!is32 || BPF_SRC(in->code) == BPF_TO_BE)
			return swap(d, in->imm);
		return d & mask;
	}
	if (is32) {
		d = (u32)d;
		s = (u32)s;
	}
	switch (BPF_OP(in->code)) {
	case BPF_ADD: d += s; break;
	case BPF_SUB: d -= s; break;
	case BPF_MUL: d *= s; break;
	case BPF_OR: d |= s; break;
	case BPF_AND: d &= s; break;
	case BPF_XOR: d ^= s; break;
	case BPF_NEG: d = -d; break;
	case BPF_LSH: d <<= s & (is32 ? 31 : 63); break;
	case BPF_RSH: d >>= s & (is32 ? 31 : 63); break;
	case BPF_ARSH: d = is32 ? (u64)((s32)d >> (s & 31)) : (u64)((s64)d >> (s & 63)); break;
	case BPF_DIV:
	case BPF_MOD:
		if (in->off)
			d = sdiv(is32 ? (s32)d : (s64)d, is32 ? (s32)s : (s64)s,
				 BPF_OP(in->code) == BPF_MOD, is32);
		else if (BPF_OP(in->code) == BPF_DIV)
			d = s ? d / s : 0;
		else
			d = s ? d % s : d;
		break;
	case BPF_MOV:
		d = s;
		if (in->off && BPF_SRC(in->code) == BPF_X)
			d = (u64)((s64)(s << (64 - in->off)) >> (64 - in->off));
		break;
	}
	return is32 ? (u32)d : d;
}

static bool alu(struct machine *m, const struct bpf_insn *in)
{
	u64 *r = regs_of(m);
	u8 op = BPF_OP(in->code);
	bool x = BPF_SRC(in->code) == BPF_X && op != BPF_END;

	r[in->dst_reg] = alu_value(in, r[in->dst_reg], x ? r[in->src_reg] : (u64)(s64)in->imm);
	m->f[m->depth].init |= 1u << in->dst_reg;
	set_secret(m, in->dst_reg,
		   (op != BPF_MOV && is_secret(m, in->dst_reg)) ||
			   (x && is_secret(m, in->src_reg)));
	each_reg_taint(m, in->dst_reg, x ? (s32)in->src_reg : -1, op != BPF_MOV);
	return go_to(m, m->pc + 1);
}

static bool jump_taken(const struct bpf_insn *in, u64 d, u64 s)
{
	s64 sd = d, ss = s;

	if (BPF_CLASS(in->code) == BPF_JMP32) {
		d = (u32)d;
		s = (u32)s;
		sd = (s32)d;
		ss = (s32)s;
	}
	switch (BPF_OP(in->code)) {
	case BPF_JEQ: return d == s;
	case BPF_JNE: return d != s;
	case BPF_JGT: return d > s;
	case BPF_JGE: return d >= s;
	case BPF_JLT: return d < s;
	case BPF_JLE: return d <= s;
	case BPF_JSGT: return sd > ss;
	case BPF_JSGE: return sd >= ss;
	case BPF_JSLT: return sd < ss;
	case BPF_JSLE: return sd <= ss;
	case BPF_JSET: return d & s;
	}
	return false;
}

static bool leave(struct machine *m)
{
	struct cframe *f = &m->f[m->depth];
	u64 r0 = f->regs[0];
	bool watched = f->watched, has_r0 = f->init & 1;

	if (!(f->init & 1) &&
	    (!m->depth || f->callback)) /* of a function: then the caller may not use it */
		return violation(m, "exit without R0");
	if (!m->depth) {
		if (is_secret(m, 0))
			return violation(m, "an address is returned");
		m->end = RUN_OK;
		return false;
	}
	if (f->callback)
		return cb_return(m);
	for (u32 i = 0; i < m->c.n; i++) {
		struct taint *t = &m->c.at[i].t;

		t->regs[m->depth - 1] = (t->regs[m->depth - 1] & ~0x3fu) | (t->regs[m->depth] & 1);
		t->regs[m->depth] = t->slots[m->depth] = 0;
	}
	m->depth--;
	if (!watched && m->f[m->depth].watched)
		m->c = m->entries[m->depth + 1];
	if (watched) {
		struct cframe *c = &m->f[m->depth];

		c->regs[0] = r0;
		c->init = (c->init & ~0x3fu) | has_r0;
	} else {
		clobber(m, r0);
	}
	return go_to(m, f->ret);
}

static bool is_global(const struct sprog *p, s32 start)
{
	for (u32 i = 1; i < p->nr_funcs; i++)
		if (p->func[i] == (u32)start)
			return p->global >> i & 1;
	return false;
}

static bool call_function(struct machine *m, s32 start)
{
	struct cframe *f, *caller = &m->f[m->depth];

	if (m->depth + 1 >= SP_FRAMES)
		return violation(m, "call stack too deep");
	f = &m->f[m->depth + 1];
	fresh_frame(m, m->depth + 1);
	memcpy(f->regs + 1, caller->regs + 1, 5 * sizeof(u64));
	f->init |= caller->init & 0x3e;
	f->secret |= caller->secret & 0x3e;
	caller->init &= ~0x3fu;
	f->ret = m->pc + 1;
	f->callback = false;
	f->watched = caller->watched && !is_global(m->p, start);
	for (u32 i = 0; i < m->c.n; i++) {
		struct taint *t = &m->c.at[i].t;

		t->regs[m->depth + 1] = t->regs[m->depth] & 0x3e;
		t->slots[m->depth + 1] = 0;
		t->regs[m->depth] &= ~0x3fu;
	}
	m->entries[m->depth + 1] = m->c;
	m->depth++;
	return go_to(m, start);
}

static bool jump(struct machine *m, const struct bpf_insn *in)
{
	u64 *r = regs_of(m);

	switch (BPF_OP(in->code)) {
	case BPF_JA:
		return go_to(m, m->pc + 1 + (BPF_CLASS(in->code) == BPF_JMP ? in->off : in->imm));
	case BPF_EXIT: return leave(m);
	case BPF_CALL:
		if (in->src_reg == BPF_PSEUDO_CALL)
			return call_function(m, m->pc + 1 + in->imm);
		return in->src_reg ? stop(m) : helper(m, in->imm);
	}
	taint_jump(m, in);
	if (jump_taken(in, r[in->dst_reg],
		       BPF_SRC(in->code) == BPF_X ? r[in->src_reg] : (u64)(s64)in->imm))
		return go_to(m, m->pc + 1 + in->off);
	return go_to(m, m->pc + 1);
}

static bool ctx_load(struct machine *m, u64 a, u32 size, u64 *v)
{
	u32 off = stack_pos(a);

	*v = rnd_interesting(&m->r);
	if (size < 8)
		*v &= (1ull << size * 8) - 1;
	if (m->p->type == BPF_PROG_TYPE_XDP) {
		if (off == 0)
			*v = pkt_start(m);
		else if (off == 4)
			*v = pkt_end(m);
		else if (off == 8)
			*v = addr(RG_PKT + m->pkt_epoch);
		return true;
	}
	if (off == offsetof(struct __sk_buff, sk) && size == 8) {
		*v = 0;
		return true;
	}
	if (m->p->type == BPF_PROG_TYPE_SOCKET_FILTER)
		return true;
	if (off == offsetof(struct __sk_buff, data))
		*v = pkt_start(m);
	else if (off == offsetof(struct __sk_buff, data_end))
		*v = pkt_end(m);
	else if (off == offsetof(struct __sk_buff, data_meta))
		*v = addr(RG_PKT + m->pkt_epoch);
	else if (off == offsetof(struct __sk_buff, flow_keys))
		return stop(m);
	return true;
}

static bool ldx(struct machine *m, const struct bpf_insn *in)
{
	u64 *r = regs_of(m), a = r[in->src_reg] + (u64)(s64)in->off, v;
	u32 size = isa_size_bytes(BPF_SIZE(in->code));
	u8 *at = mem_read(m, a, size, "load");

	if (!at)
		return false;
	if (a >> FAR == RG_CTX) {
		if (!ctx_load(m, a, size, &v))
			return false;
	} else {
		v = load(at, size);
	}
	if (BPF_MODE(in->code) == BPF_MEMSX)
		v = (u64)((s64)(v << (64 - size * 8)) >> (64 - size * 8));
	taint_load(m, in->dst_reg, a, size, false);
	set_secret(m, in->dst_reg, stack_secret(m, a, size));
	r[in->dst_reg] = v;
	m->f[m->depth].init |= 1u << in->dst_reg;
	return go_to(m, m->pc + 1);
}

static bool atomic(struct machine *m, const struct bpf_insn *in, u64 a, u32 size)
{
	u64 *r = regs_of(m), old, s = r[in->src_reg], new;
	u8 *at = mem_read(m, a, size, "atomic");
	bool secret = at && stack_secret(m, a, size), into = is_secret(m, in->src_reg);

	if (!at || !mem_write(m, a, size, "atomic"))
		return false;
	if (into && stack_frame_of(a) < 0)
		return violation(m, "an address goes to memory");
	if ((into || secret) && stack_frame_of(a) >= 0)
		memset(&m->f[stack_frame_of(a)].secrets[stack_pos(a)], 1, size);
	if (in->imm & BPF_FETCH)
		set_secret(m, in->imm == BPF_CMPXCHG ? 0 : in->src_reg, secret);
	old = load(at, size);
	new = old;
	switch (in->imm & ~BPF_FETCH) {
	case BPF_ADD: new = old + s; break;
	case BPF_AND: new = old &s; break;
	case BPF_OR: new = old | s; break;
	case BPF_XOR: new = old ^ s; break;
	case BPF_XCHG & ~BPF_FETCH: new = s; break;
	case BPF_CMPXCHG & ~BPF_FETCH:
		if (old == (size == 4 ? (u32)r[0] : r[0]))
			new = s;
		break;
	}
	memcpy(at, &new, size);
	if (in->imm == BPF_CMPXCHG)
		taint_load(m, 0, a, size, false);
	else if (in->imm & BPF_FETCH)
		taint_load(m, in->src_reg, a, size, false);
	for (u32 i = 0; i < m->c.n && stack_frame_of(a) >= 0; i++)
		m->c.at[i].t.slots[stack_frame_of(a)] |=
			slot_mask(a, size); /* a number nobody knows */
	if (in->imm == BPF_CMPXCHG)
		r[0] = old;
	else if (in->imm & BPF_FETCH)
		r[in->src_reg] = old;
	return go_to(m, m->pc + 1);
}

static bool store(struct machine *m, const struct bpf_insn *in)
{
	u64 *r = regs_of(m), a = r[in->dst_reg] + (u64)(s64)in->off, v;
	u32 size = isa_size_bytes(BPF_SIZE(in->code));
	bool x = BPF_CLASS(in->code) == BPF_STX;
	u8 *at;

	if (x && BPF_MODE(in->code) == BPF_ATOMIC)
		return atomic(m, in, a, size);
	at = mem_write(m, a, size, "store");
	if (!at)
		return false;
	v = x ? r[in->src_reg] : (u64)(s64)in->imm;
	if (x && is_secret(m, in->src_reg)) {
		if (stack_frame_of(a) < 0)
			return violation(m, "an address goes to memory");
		memset(&m->f[stack_frame_of(a)].secrets[stack_pos(a)], 1, size);
	}
	if (a >> FAR != RG_CTX)
		memcpy(at, &v, size);
	taint_store(m, a, size, x ? (s32)in->src_reg : -1);
	return go_to(m, m->pc + 1);
}

static bool ld(struct machine *m, const struct bpf_insn *in)
{
	struct cframe *f = &m->f[m->depth];
	u64 v = insn_imm64(in);
	u32 map = in[0].imm;

	if (BPF_MODE(in->code) != BPF_IMM) {
		if (chance(&m->r, 30)) { /* beyond the packet */
			f->regs[0] = 0;
			f->init |= 1;
			f->secret &= ~1u;
			each_reg_taint(m, 0, -1, false);
			return leave(m);
		}
		clobber(m, (u32)rnd_interesting(&m->r) >>
				   (32 - 8 * isa_size_bytes(BPF_SIZE(in->code))));
		return go_to(m, m->pc + 1);
	}
	switch (in->src_reg) {
	case 0: break;
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_IDX:
		if (map >= SP_MAPS)
			return stop(m);
		v = addr(RG_HANDLE + map);
		break;
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX_VALUE:
		if (map >= SP_MAPS || sp_maps[map].entries != 1)
			return stop(m);
		v = addr(value_region(map, 0)) + (u32)in[1].imm;
		break;
	case BPF_PSEUDO_FUNC: v = m->pc + 1 + in->imm; break;
	default: return stop(m);
	}
	f->regs[in->dst_reg] = v;
	f->init |= 1u << in->dst_reg;
	set_secret(m, in->dst_reg, in->src_reg);
	each_reg_taint(m, in->dst_reg, -1, false);
	return go_to(m, m->pc + 2);
}

static bool step(struct machine *m)
{
	const struct bpf_insn *in = &m->p->insns[m->pc];

	switch (BPF_CLASS(in->code)) {
	case BPF_ALU:
	case BPF_ALU64: return alu(m, in);
	case BPF_JMP:
	case BPF_JMP32: return jump(m, in);
	case BPF_LDX: return ldx(m, in);
	case BPF_ST:
	case BPF_STX: return store(m, in);
	}
	return ld(m, in);
}

/* --- a run --- */

static void set_up(struct machine *m, const u8 *map_const)
{
	m->rg[RG_CTX] = (struct region){m->ctx, sizeof(m->ctx), false};
	m->rg[RG_KEY] = (struct region){m->key, 8, true};
	for (u32 i = 0; i < SP_FRAMES; i++)
		m->rg[RG_STACK + i] = (struct region){m->f[i].stack, STACK_SIZE, false};
	for (u32 i = 0; i < SP_MAPS; i++)
		for (u32 e = 0; e < sp_maps[i].entries; e++) {
			u8 *v = m->values[i * ELEMS + e];

			for (u32 j = 0; j < 64; j += 8)
				*(u64 *)(v + j) = rnd_interesting(&m->r);
			if (i == MAP_CONST)
				memcpy(v, map_const, sp_maps[i].value);
			m->rg[value_region(i, e)] =
				(struct region){v, sp_maps[i].value, i == MAP_CONST};
		}
	for (u32 i = 0; i < ELEMS; i++)
		m->present[i] = chance(&m->r, 60);
	for (u32 i = 0; i < sizeof(m->pkt); i++)
		m->pkt[i] = rnd(&m->r);
	m->rg[RG_PKT].mem = m->pkt;
	pkt_changed(m);
	fresh_frame(m, 0);
	m->f[0].regs[1] = addr(RG_CTX);
	m->f[0].init |= 2;
	m->f[0].secret |= 2;
	m->f[0].watched = true;
	m->c.n = 1;
	m->c.at[0].node = 1;
}

enum run_result run_program(const struct sprog *p, const struct walk *w, u64 seed,
			    const u8 *map_const, struct violation *v)
{
	static struct machine machine; /* large; one run at a time */
	struct machine *m = &machine;

	memset(m, 0, sizeof(*m));
	m->p = p;
	m->w = w;
	m->v = v;
	m->r.s = seed;
	set_up(m, map_const);
	m->end = RUN_STOPPED;
	for (m->step = 0; m->step < MAX_STEPS; m->step++) {
		if (m->pc < 0 || m->pc >= (s32)p->len) {
			violation(m, "left the program");
			break;
		}
		m->trace[m->step % 64] = m->pc;
		if (m->f[m->depth].watched && !compare(m))
			break;
		if (!step(m))
			break;
	}
	if (m->end == RUN_VIOLATION && getenv("SOUNDNESS_TRACE"))
		for (u32 i = m->step > 63 ? m->step - 63 : 0; i <= m->step; i++)
			fprintf(stderr, "%d ", m->trace[i % 64]);
	return m->end;
}
