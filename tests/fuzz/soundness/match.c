/* SPDX-License-Identifier: BSD-2-Clause */
/* match.c - the run beside the recorded walk: taint, containment, edges (soundness.h). */
#include <stdio.h>

#include "machine.h"

static bool reg_tainted(const struct machine *m, const struct cand *c, u32 n)
{
	return c->t.regs[m->depth] >> n & 1;
}

static void taint_reg(struct machine *m, struct cand *c, u32 n, bool on)
{
	c->t.regs[m->depth] &= ~(1u << n);
	c->t.regs[m->depth] |= (u32)on << n;
}

void each_reg_taint(struct machine *m, u32 dst, s32 src, bool keep)
{
	for (u32 i = 0; i < m->c.n; i++) {
		struct cand *c = &m->c.at[i];

		taint_reg(m, c, dst,
			  (keep && reg_tainted(m, c, dst)) || (src >= 0 && reg_tainted(m, c, src)));
	}
}

u64 slot_mask(u64 a, u32 size)
{
	u32 first = (STACK_SIZE - 1 - region_pos(a)) / 8,
	    last = (STACK_SIZE - region_pos(a) - size) / 8;

	return 1ull << first | 1ull << last;
}

void taint_load(struct machine *m, u32 dst, u64 a, u32 size, bool keep)
{
	int f = stack_frame_of(a);

	for (u32 i = 0; i < m->c.n; i++) {
		struct cand *c = &m->c.at[i];

		taint_reg(m, c, dst,
			  (keep && reg_tainted(m, c, dst)) ||
				  (f >= 0 && (c->t.slots[f] & slot_mask(a, size))));
	}
}

void taint_store(struct machine *m, u64 a, u32 size, s32 src)
{
	int f = stack_frame_of(a);

	for (u32 i = 0; f >= 0 && i < m->c.n; i++) {
		struct cand *c = &m->c.at[i];
		u64 mask = slot_mask(a, size);

		if (size == 8 && !(region_pos(a) % 8))
			c->t.slots[f] &= ~mask;
		if (src >= 0 && reg_tainted(m, c, src))
			c->t.slots[f] |= mask;
	}
}

static void taint_copies_in(struct machine *m, struct cand *c, u32 depth, u32 id)
{
	const struct aframe *a = known_frame(m, c->node, depth);

	for (u32 i = 0; i < REG_FP; i++)
		if (a->reg[i].type == SCALAR_VALUE && a->reg[i].id == id)
			c->t.regs[depth] |= 1u << i;
	for (u32 i = 0; i < a->nr_slots; i++) {
		const struct aslot *s = &m->w->slot[a->slots + i];

		if (s->kind[7] == SLOT_SPILL && s->reg.type == SCALAR_VALUE && s->reg.id == id)
			c->t.slots[depth] |= 1ull << i;
	}
}

/* What shares @id learned from a tainted operand. */
static void taint_copies(struct machine *m, struct cand *c, u32 id)
{
	for (u32 f = walk_base(m); id && f <= m->depth; f++)
		taint_copies_in(m, c, f, id);
}

void taint_jump(struct machine *m, const struct bpf_insn *in)
{
	for (u32 i = 0; i < m->c.n; i++) {
		struct cand *c = &m->c.at[i];
		const struct areg *reg = known_frame(m, c->node, m->depth)->reg;
		bool x = BPF_SRC(in->code) == BPF_X;

		if (!reg_tainted(m, c, in->dst_reg) && !(x && reg_tainted(m, c, in->src_reg)))
			continue;
		taint_copies(m, c, reg[in->dst_reg].id);
		if (!x)
			continue;
		taint_copies(m, c, reg[in->src_reg].id);
		if (reg[in->dst_reg].type == SCALAR_VALUE)
			taint_reg(m, c, in->dst_reg, true);
		if (reg[in->src_reg].type == SCALAR_VALUE)
			taint_reg(m, c, in->src_reg, true);
	}
}

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

	if (a->map && map == MAP_OUTER) /* one of its maps, or not yet known to be there */
		return v == addr(RG_HANDLE + MAP_ARRAY);
	if (!a->map) /* of one of those */
		map = MAP_ARRAY;
	/* any element: offsets may lead far out of the region as long as nothing is accessed */
	for (u32 i = 0; map < SP_MAPS && i < sp_maps[map].entries; i++)
		if (in_region(a, addr(value_region(map, i)), v))
			return true;
	return false;
}

/* in one of the regions @from ... @end - 1 */
static bool in_any(struct machine *m, const struct areg *a, u64 v, u32 from, u32 end)
{
	for (u32 i = from; i < end; i++)
		if (m->rg[i].mem && in_region(a, addr(i), v))
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
	case PTR_TO_STACK: return in_region(a, stack_top(walk_base(m) + a->frameno), v);
	case CONST_PTR_TO_MAP: return v == addr(RG_HANDLE + (a->map ? a->map - 1 : (u32)MAP_ARRAY));
	case PTR_TO_MAP_VALUE: return in_value(m, a, v);
	case PTR_TO_MAP_KEY: return in_region(a, addr(RG_KEY), v);
	case PTR_TO_PACKET:
	case PTR_TO_PACKET_META: return in_packet(m, a, v);
	case PTR_TO_PACKET_END: return v == pkt_end(m) + (u64)(s64)a->off;
	case PTR_TO_MEM: return v >> FAR; /* of a record, a slice of anything: accesses show */
	case PTR_TO_BTF_ID:
		return (a->type & PTR_UNTRUSTED) || v == (u64)(s64)a->off || v >> FAR == RG_ANY ||
		       in_any(m, a, v, RG_HANDLE, RG_VALUE) ||
		       in_any(m, a, v, RG_OBJECT, RG_OBJ_MEM);
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
	u32 frame;
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

/* Callers have R6 to R9 only. */
static bool frame_matches(struct machine *m, const struct cand *c, u32 depth, struct mismatch *mm)
{
	const struct aframe *known = known_frame(m, c->node, depth);
	const struct cframe *f = &m->f[depth];

	mm->frame = depth;
	for (u32 i = depth == m->depth ? 0 : 6; i < VFY_REGS; i++) {
		const struct areg *a = &known->reg[i];
		bool set = f->init >> i & 1,
		     secret = m->p->unpriv && (f->secret >> i & 1) && a->type == SCALAR_VALUE;

		if (a->type == NOT_INIT || (c->t.regs[depth] >> i & 1) ||
		    (set && !secret && in_areg(m, a, f->regs[i])))
			continue;
		snprintf(mm->what, sizeof(mm->what), "%sR%u",
			 !set	  ? "unset "
			 : secret ? "address "
				  : "",
			 i);
		mm->value = f->regs[i];
		mm->a = a;
		return false;
	}
	for (u32 i = 0; i < known->nr_slots; i++)
		if (!(c->t.slots[depth] >> i & 1) &&
		    !slot_matches(m, &m->w->slot[known->slots + i], i, f, mm))
			return false;
	return true;
}

static bool cand_matches(struct machine *m, const struct cand *c, struct mismatch *mm)
{
	for (u32 f = walk_base(m); f <= m->depth; f++)
		if (!frame_matches(m, c, f, mm))
			return false;
	return true;
}

bool compare(struct machine *m)
{
	struct mismatch mm = {0};
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
	if (node)
		violation(m, "%s of frame %u (%u runs) = %#llx (%lld) is not in: %s", mm.what,
			  mm.frame, m->depth, (unsigned long long)mm.value, (long long)mm.value,
			  text);
	else
		violation(m, "the walk never came here");
	m->v->node = node;
	return false;
}

static void add_cand(struct cands *to, const struct cand *c)
{
	if (to->n < MAX_CANDS)
		to->at[to->n++] = *c;
}

void follow(struct machine *m, const struct cands *from, struct cands *to, s32 pc)
{
	const struct walk *w = m->w;
	u32 base = walk_base(m), depth = m->depth - base;

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
				c.t.regs[base + f] |= w->taint[ed->cover - 1].regs[f];
				c.t.slots[base + f] |= w->taint[ed->cover - 1].slots[f];
			}
			add_cand(to, &c);
		}
}

bool go_to(struct machine *m, s32 pc)
{
	follow(m, &m->c, &m->next, pc);
	m->c = m->next;
	m->pc = pc;
	return true;
}
