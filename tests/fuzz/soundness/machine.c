/* SPDX-License-Identifier: BSD-2-Clause */
/* machine.c - a run of a program: set-up and instructions (machine.h). */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "helper/kfunc_test.h"
#include "machine.h"

bool violation(struct machine *m, const char *fmt, ...)
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

bool stop(struct machine *m)
{
	m->end = RUN_STOPPED;
	return false;
}

/* --- instructions --- */

static bool alu(struct machine *m, const struct bpf_insn *in)
{
	u64 *r = regs_of(m);
	u8 op = BPF_OP(in->code);
	bool x = BPF_SRC(in->code) == BPF_X && op != BPF_END;
	enum how how = alu_how(m, in);

	r[in->dst_reg] = alu_value(in, r[in->dst_reg], x ? r[in->src_reg] : (u64)(s64)in->imm);
	m->f[m->depth].init |= 1u << in->dst_reg;
	set_how(m, in->dst_reg, how);
	set_secret(m, in->dst_reg,
		   (op != BPF_MOV && is_secret(m, in->dst_reg)) ||
			   (x && is_secret(m, in->src_reg)));
	each_reg_taint(m, in->dst_reg, x ? (s32)in->src_reg : -1, op != BPF_MOV);
	return go_to(m, m->pc + 1);
}

static bool call(struct machine *m, const struct bpf_insn *in)
{
	switch (in->src_reg) {
	case 0: return helper(m, in->imm);
	case BPF_PSEUDO_CALL: return call_function(m, m->pc + 1 + in->imm);
	case BPF_PSEUDO_KFUNC_CALL: return kfunc(m, in->imm);
	}
	return stop(m);
}

/* Nobody may count on when it leaves: here it does so early, and the rewritten program later. */
static bool may_goto(struct machine *m, const struct bpf_insn *in)
{
	if (!chance(&m->r, 12))
		return go_to(m, m->pc + 1);
	unpair(m);
	return go_to(m, m->pc + 1 + in->off);
}

static bool jump(struct machine *m, const struct bpf_insn *in)
{
	u64 *r = regs_of(m);

	switch (BPF_OP(in->code)) {
	case BPF_JA:
		return go_to(m, m->pc + 1 + (BPF_CLASS(in->code) == BPF_JMP ? in->off : in->imm));
	case BPF_EXIT: return leave(m);
	case BPF_CALL: return call(m, in);
	case BPF_JCOND: return may_goto(m, in);
	}
	if (BPF_OP(in->code) > BPF_JSLE)
		return stop(m);
	taint_jump(m, in);
	if (!jump_same(m, in))
		unpair(m);
	if (jump_taken(in, r[in->dst_reg],
		       BPF_SRC(in->code) == BPF_X ? r[in->src_reg] : (u64)(s64)in->imm))
		return go_to(m, m->pc + 1 + in->off);
	return go_to(m, m->pc + 1);
}

/* Maps and what they point to, seen through BTF (the twin's are real, with other contents). */
static bool is_struct(u64 a)
{
	return a >> FAR == RG_ANY || (a >> FAR >= RG_HANDLE && a >> FAR < RG_HANDLE + SP_MAPS);
}

/* A number or, for all we know, a pointer to another one. */
static u64 struct_load(struct machine *m, u32 size)
{
	u64 v = rnd_interesting(&m->r);

	if (size == 8)
		return chance(&m->r, 70) ? addr(RG_ANY) : 0;
	return v & ((1ull << size * 8) - 1);
}

/* Pointers of BTF types may be NULL, checked or not: loads then give 0. */
static bool through_null(const struct machine *m, const struct bpf_insn *in, u64 a)
{
	const struct areg *reg = &known_frame(m, m->c.at[0].node, m->depth)->reg[in->src_reg];

	return (reg->type & BPF_BASE_TYPE_MASK) == PTR_TO_BTF_ID &&
	       a - (u64)(s64)in->off == (u64)(s64)reg->off;
}

static bool load_null(struct machine *m, const struct bpf_insn *in)
{
	regs_of(m)[in->dst_reg] = 0;
	set_how(m, in->dst_reg, m->f[m->depth].how[in->src_reg] == SAME ? SAME : JUNK);
	set_secret(m, in->dst_reg, false);
	each_reg_taint(m, in->dst_reg, -1, false);
	m->f[m->depth].init |= 1u << in->dst_reg;
	return go_to(m, m->pc + 1);
}

static bool ldx(struct machine *m, const struct bpf_insn *in)
{
	u64 *r = regs_of(m), a = r[in->src_reg] + (u64)(s64)in->off, v;
	u32 size = isa_size_bytes(BPF_SIZE(in->code));
	const struct sp_kptr *k = BPF_MODE(in->code) == BPF_MEM ? kptr_at(m, a, size) : NULL;
	enum how how;
	u8 *at;

	if (through_null(m, in, a))
		return load_null(m, in);
	at = k ? kptr_field(m, k) : mem_read(m, a, size, "load");
	if (!at)
		return false;
	if (m->f[m->depth].how[in->src_reg] == JUNK)
		unpair(m);
	if (a >> FAR == RG_CTX) {
		if (!ctx_load(m, a, size, &v, &how))
			return false;
	} else if (is_struct(a)) {
		v = struct_load(m, size);
		how = JUNK;
	} else {
		v = load(at, size);
		how = mem_how(m, a, size);
	}
	if (BPF_MODE(in->code) == BPF_MEMSX) {
		v = (u64)((s64)(v << (64 - size * 8)) >> (64 - size * 8));
		how = how == SAME ? SAME : JUNK;
	}
	taint_load(m, in->dst_reg, a, size, false);
	set_secret(m, in->dst_reg, k || mem_secret(m, a, size));
	r[in->dst_reg] = v;
	set_how(m, in->dst_reg, how);
	m->f[m->depth].init |= 1u << in->dst_reg;
	return go_to(m, m->pc + 1);
}

static u64 atomic_result(s32 op, u64 old, u64 s, u64 compared)
{
	switch (op & ~BPF_FETCH) {
	case BPF_ADD: return old + s;
	case BPF_AND: return old & s;
	case BPF_OR: return old | s;
	case BPF_XOR: return old ^ s;
	case BPF_XCHG & ~BPF_FETCH: return s;
	case BPF_CMPXCHG & ~BPF_FETCH: return old == compared ? s : old;
	}
	return old;
}

/* Where the old value goes; VFY_REGS: nowhere */
static u32 atomic_dst(const struct bpf_insn *in)
{
	return in->imm == BPF_CMPXCHG ? 0 : in->imm & BPF_FETCH ? in->src_reg : VFY_REGS;
}

static bool atomic(struct machine *m, const struct bpf_insn *in, u64 a, u32 size)
{
	u64 *r = regs_of(m), s = r[in->src_reg], old, new;
	u8 *at = mem_read(m, a, size, "atomic"), *how = m->f[m->depth].how;
	bool secret = at && mem_secret(m, a, size), into = is_secret(m, in->src_reg);
	u32 to = atomic_dst(in);
	enum how was, then;

	if (!at)
		return false;
	was = mem_how(m, a, size);
	if (!mem_write(m, a, size, "atomic"))
		return false;
	if (into && stack_frame_of(a) < 0)
		return violation(m, "an address goes to memory");
	old = load(at, size);
	new = atomic_result(in->imm, old, s, size == 4 ? (u32)r[0] : r[0]);
	memcpy(at, &new, size);
	then = in->imm == BPF_XCHG ? how[in->src_reg]
	       : was == SAME && how[in->src_reg] == SAME &&
			       (in->imm != BPF_CMPXCHG || how[0] == SAME)
		       ? SAME
		       : JUNK;
	mem_set_how(m, a, size, then, into || secret);
	if (to < VFY_REGS) {
		set_secret(m, to, secret);
		taint_load(m, to, a, size, false);
		r[to] = old;
		set_how(m, to, was);
	}
	for (u32 i = 0; i < m->c.n && stack_frame_of(a) >= 0; i++)
		m->c.at[i].t.slots[stack_frame_of(a)] |=
			slot_mask(a, size); /* a number nobody knows */
	return go_to(m, m->pc + 1);
}

static bool store(struct machine *m, const struct bpf_insn *in)
{
	u64 *r = regs_of(m), a = r[in->dst_reg] + (u64)(s64)in->off, v;
	u32 size = isa_size_bytes(BPF_SIZE(in->code));
	bool x = BPF_CLASS(in->code) == BPF_STX;
	enum how how = x ? m->f[m->depth].how[in->src_reg] : SAME;
	bool secret = x && is_secret(m, in->src_reg);
	const struct sp_kptr *k = BPF_MODE(in->code) == BPF_MEM ? kptr_at(m, a, size) : NULL;
	u8 *at;

	if (m->f[m->depth].how[in->dst_reg] == JUNK)
		unpair(m);
	if (x && BPF_MODE(in->code) == BPF_ATOMIC)
		return atomic(m, in, a, size);
	if (k)
		return kptr_store_field(m, k, x ? r[in->src_reg] : (u64)(s64)in->imm) &&
		       go_to(m, m->pc + 1);
	at = mem_at(m, a, size, true, "store");
	if (!at)
		return false;
	v = x ? r[in->src_reg] : (u64)(s64)in->imm;
	if (secret && stack_frame_of(a) < 0)
		return violation(m, "an address goes to memory");
	if (a >> FAR == RG_CTX) {
		ctx_store(m, a, size, v, how);
	} else {
		memcpy(at, &v, size);
		mem_set_how(m, a, size, how, secret);
	}
	taint_store(m, a, size, x ? (s32)in->src_reg : -1);
	return go_to(m, m->pc + 1);
}

/* LD_ABS, LD_IND: bytes of the packet in network order, or the end of the function. */
static bool ld_packet(struct machine *m, const struct bpf_insn *in)
{
	struct cframe *f = &m->f[m->depth];
	bool ind = BPF_MODE(in->code) == BPF_IND;
	s32 off = (s32)((u32)in->imm + (ind ? (u32)f->regs[in->src_reg] : 0));
	u32 size = isa_size_bytes(BPF_SIZE(in->code));
	const u8 *at = m->pkt + m->meta_len + off;
	enum how how;

	if ((ind && f->how[in->src_reg] != SAME) || off < 0)
		unpair(m); /* (negative ones count from elsewhere) */
	if (off < 0 || (u64)off + size > m->pkt_len) {
		/* it ends the function: what callers hold stays theirs */
		if ((m->depth == f->base && m->held != f->held) || m->locked)
			return violation(m, "LD_ABS may leave with a reference or a lock");
		f->regs[0] = 0;
		f->how[0] = SAME;
		f->init |= 1;
		f->secret &= ~1u;
		each_reg_taint(m, 0, -1, false);
		return leave(m);
	}
	how = mem_how(m, pkt_start(m) + off, size) == SAME ? SAME : JUNK;
	clobber(m,
		size == 1   ? *at
		: size == 2 ? ntohs((u16)load(at, 2))
			    : ntohl((u32)load(at, 4)),
		how);
	return go_to(m, m->pc + 1);
}

static bool ld(struct machine *m, const struct bpf_insn *in)
{
	struct cframe *f = &m->f[m->depth];
	u64 v = insn_imm64(in);
	u32 map = in[0].imm;

	if (BPF_MODE(in->code) != BPF_IMM)
		return ld_packet(m, in);
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
	f->how[in->dst_reg] = !in->src_reg ? SAME : in->src_reg == BPF_PSEUDO_FUNC ? JUNK : ADDRESS;
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

static void set_up_map(struct machine *m, u32 map, const u8 *map_const)
{
	for (u32 e = 0; e < sp_maps[map].entries && e < ELEMS; e++) {
		u8 *v = m->values[map * ELEMS + e];

		for (u32 j = 0; j < SP_MAX_VALUE; j += 8)
			*(u64 *)(v + j) = rnd_interesting(&m->r);
		if (map == MAP_CONST)
			memcpy(v, map_const, sp_maps[map].value);
		m->rg[value_region(map, e)] = (struct region){v, m->values_shadow[map * ELEMS + e],
							      sp_maps[map].value, map == MAP_CONST};
	}
}

static void set_up_object(struct machine *m)
{
	struct prog_test_ref_kfunc o = {.a = (s32)rnd_interesting(&m->r),
					.b = (s32)rnd_interesting(&m->r)};
	u64 next = addr(RG_OBJECT);
	u32 at = offsetof(struct prog_test_ref_kfunc, next);

	memcpy(m->object, &o, sizeof(o));
	memcpy(m->object + at, &next, 8);
	m->rg[RG_OBJECT] = (struct region){m->object, m->object_shadow, sizeof(o), true};
	m->rg[RG_MEMBER] =
		(struct region){m->object + offsetof(struct prog_test_ref_kfunc, memb),
				m->object_shadow + offsetof(struct prog_test_ref_kfunc, memb),
				sizeof(struct prog_test_member), true};
	for (u32 i = 0; i < 2 * OBJ_MEM_SIZES; i++)
		m->rg[RG_OBJ_MEM + i] = (struct region){m->object, m->object_shadow,
							i % OBJ_MEM_SIZES, i < OBJ_MEM_SIZES};
	/* references are counted elsewhere */
	memset(m->object_shadow + offsetof(struct prog_test_ref_kfunc, cnt), SH_JUNK, 4);
	memset(m->object_shadow + at, SH_REST, 8);
	m->object_shadow[at] = SH_ADDR;
}

static void set_up_structs(struct machine *m)
{
	static u8 any[1 << 14], any_shadow[1 << 14];

	m->rg[RG_ANY] = (struct region){any, any_shadow, sizeof(any), true};
	for (u32 i = 0; i < SP_MAPS; i++)
		m->rg[RG_HANDLE + i] =
			(struct region){any, any_shadow, sizeof(struct bpf_map), true};
}

static void set_up_packet(struct machine *m)
{
	for (u32 i = 0; i < sizeof(m->pkt); i++)
		m->pkt[i] = rnd(&m->r);
	m->rg[RG_PKT].mem = m->pkt;
	m->rg[RG_PKT].shadow = m->pkt_shadow;
	pkt_changed(m);
}

static void set_up(struct machine *m, const u8 *map_const)
{
	m->rg[RG_CTX] = (struct region){m->ctx, m->ctx_shadow, sizeof(m->ctx), false};
	m->rg[RG_KEY] = (struct region){m->key, m->key_shadow, 8, true};
	for (u32 i = 0; i < SP_FRAMES; i++)
		m->rg[RG_STACK + i] =
			(struct region){m->f[i].stack, m->f[i].shadow, STACK_SIZE, false};
	for (u32 i = 0; i < SP_MAPS; i++)
		if (sp_maps[i].key && i != MAP_OUTER)
			set_up_map(m, i, map_const);
	for (u32 i = 0; i < ELEMS; i++)
		m->present[i] = chance(&m->r, 60);
	set_up_object(m);
	kptr_set_up(m);
	set_up_structs(m);
	ctx_set_up(m);
	set_up_packet(m);
	fresh_frame(m, 0);
	m->f[0].regs[1] = addr(RG_CTX);
	m->f[0].how[1] = ADDRESS;
	m->f[0].init |= 2;
	m->f[0].secret |= 2;
	m->c.n = 1;
	m->c.at[0].node = m->w->entry[0];
	m->paired = true;
}

static void run(struct machine *m)
{
	m->end = RUN_STOPPED;
	for (m->step = 0; m->step < MAX_STEPS; m->step++) {
		if (m->pc < 0 || m->pc >= (s32)m->p->len) {
			violation(m, "left the program");
			return;
		}
		m->trace[m->step % 64] = m->pc;
		if (!compare(m))
			return;
		if (!step(m))
			return;
	}
}

enum run_result run_program(const struct sprog *p, const struct walk *w, u64 seed,
			    const u8 *map_const, struct exec_image *img, struct violation *v)
{
	static struct machine machine; /* large; one run at a time */
	struct machine *m = &machine;

	memset(m, 0, offsetof(struct machine, log));
	m->log.n = m->log.nr_bytes = 0;
	m->log.full = false;
	m->p = p;
	m->w = w;
	m->v = v;
	m->r.s = seed;
	set_up(m, map_const);
	if (img)
		twin_begin(m);
	run(m);
	if (img && m->end == RUN_OK && m->paired && !m->log.full && twin_run(m, img, seed & 1))
		m->end = RUN_COMPARED;
	if (m->end == RUN_VIOLATION && getenv("SOUNDNESS_TRACE"))
		for (u32 i = m->step > 63 ? m->step - 63 : 0; i <= m->step; i++)
			fprintf(stderr, "%d ", m->trace[i % 64]);
	return m->end;
}
