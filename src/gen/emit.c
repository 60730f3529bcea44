/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emit.c - the loader's instructions. Straight-line code with one exit for errors before it:
 *
 *   R6  context        R8  the map's value, in the middle of what 16-bit offsets reach
 *   R7  the error      R9  another address in the value, for what they do not
 *
 * A kernel verifies this at every load, which takes longer than running it, so an instruction is worth saving: addresses are stored in one go, each counted
 * on from the one before; a result goes where it is needed while it is in R0; whatever the runner knows it puts into the value (struct gen_patch).
 */
#include <stdlib.h>

#include "gen/layout.h"
#include "isa/insn.h"

#define BIAS	 32768u
#define NEAR_JMP 32000u

struct emit {
	const struct gen_layout *l;
	struct bpf_insn *insns;
	u32 cnt, cap;
	int err;
	u32 bias;
	u32 fail; /* instruction that R0 < 0 jumps to */
	bool r9_set;
	u32 r9;
};

/* An operand [reg + off]. */
struct mem {
	u8 reg;
	s16 off;
};

static void emit(struct emit *e, struct bpf_insn insn)
{
	if (e->err)
		return;
	if (e->cnt == e->cap) {
		u32 cap = e->cap ? e->cap * 2 : 256;
		void *n = realloc(e->insns, cap * sizeof(insn));

		if (!n) {
			e->err = -ENOMEM;
			return;
		}
		e->insns = n;
		e->cap = cap;
	}
	e->insns[e->cnt++] = insn;
}

/* A forward jump that land() directs to the instruction then next. */
static u32 jump(struct emit *e, struct bpf_insn insn)
{
	emit(e, insn);
	return e->cnt - 1;
}

static void land(struct emit *e, u32 from)
{
	if (e->err)
		return;
	if (e->cnt - from - 1 > INT16_MAX)
		e->err = -E2BIG;
	else
		e->insns[from].off = e->cnt - from - 1;
}

static void load_address(struct emit *e, u8 reg, u32 off)
{
	emit(e, BPF_MOV64_REG(reg, BPF_REG_8));
	if (off != e->bias)
		emit(e, BPF_ALU64_IMM(BPF_ADD, reg, (s32)(off - e->bias)));
}

/* May emit code: never between a jump and its landing. */
static struct mem at(struct emit *e, u32 off)
{
	s64 rel = (s64)off - e->bias;

	if (rel >= INT16_MIN && rel <= INT16_MAX)
		return (struct mem){BPF_REG_8, rel};
	rel = (s64)off - e->r9;
	if (!e->r9_set || rel < 0 || rel > INT16_MAX) {
		load_address(e, BPF_REG_9, off);
		e->r9_set = true;
		e->r9 = off;
		rel = 0;
	}
	return (struct mem){BPF_REG_9, rel};
}

static void load(struct emit *e, u8 size, u8 reg, struct mem m)
{
	emit(e, BPF_LDX_MEM(size, reg, m.reg, m.off));
}

static void store(struct emit *e, u8 size, struct mem m, u8 reg)
{
	emit(e, BPF_STX_MEM(size, m.reg, reg, m.off));
}

static void copy_value(struct emit *e, u8 size, u32 to, u32 from)
{
	load(e, size, BPF_REG_1, at(e, from));
	store(e, size, at(e, to), BPF_REG_1);
}

static void check(struct emit *e)
{
	if (e->cnt - e->fail > NEAR_JMP) { /* a stepping stone for those further on */
		emit(e, BPF_JMP_A(1));
		emit(e, BPF_JMP_A((s32)e->fail - (s32)e->cnt - 1));
		e->fail = e->cnt - 1;
	}
	emit(e, BPF_JMP_IMM(BPF_JSLT, BPF_REG_0, 0, (s32)e->fail - (s32)e->cnt - 1));
}

/* --- descriptors --- */

/* What was never made is -1, which closes nothing: cheaper than a branch, for a verifier walks both ways. */
static void close_slot(struct emit *e, u32 slot)
{
	load(e, BPF_W, BPF_REG_1, at(e, gen_slot_off(slot)));
	emit(e, BPF_EMIT_CALL(BPF_FUNC_sys_close));
}

/* 0 is "none" here. */
static void close_module(struct emit *e, u32 off)
{
	u32 skip;

	load(e, BPF_W, BPF_REG_1, at(e, off));
	skip = jump(e, BPF_JMP32_IMM(BPF_JSLE, BPF_REG_1, 0, 0));
	emit(e, BPF_EMIT_CALL(BPF_FUNC_sys_close));
	land(e, skip);
}

/* Types found in modules came with a descriptor. */
static void close_modules(struct emit *e)
{
	for (u32 i = 0; i < e->l->nr_names; i++)
		if (e->l->names[i].btf_kind)
			close_module(e, gen_name_fd_off(e->l, &e->l->names[i]));
}

static void emit_failure(struct emit *e)
{
	u32 over = jump(e, BPF_JMP_A(0));

	e->fail = e->cnt;
	emit(e, BPF_MOV64_REG(BPF_REG_7, BPF_REG_0));
	for (u32 i = 0; i < e->l->trace->nr_slots; i++)
		close_slot(e, i);
	close_modules(e);
	emit(e, BPF_MOV64_REG(BPF_REG_0, BPF_REG_7));
	emit(e, BPF_EXIT_INSN());
	land(e, over);
	e->r9_set = false;
}

static void emit_success(struct emit *e)
{
	const struct gen_layout *l = e->l;

	for (u32 i = 0; i < l->trace->nr_slots; i++)
		if (l->ctx_off[i] < 0)
			close_slot(e, i);
	close_modules(e);
	for (u32 i = 0; i < l->trace->nr_slots; i++)
		if (l->ctx_off[i] >= 0) {
			load(e, BPF_W, BPF_REG_1, at(e, gen_slot_off(i)));
			emit(e, BPF_STX_MEM(BPF_W, BPF_REG_6, BPF_REG_1, l->ctx_off[i]));
		}
	emit(e, BPF_MOV64_IMM(BPF_REG_0, 0));
	emit(e, BPF_EXIT_INSN());
}

/* --- names --- */

static void name_args(struct emit *e, const struct gen_name *n)
{
	load_address(e, BPF_REG_1, n->str_off);
	emit(e, BPF_MOV64_IMM(BPF_REG_2, n->str_len));
}

/* R0 = 0 instead of -ENOENT. */
static void allow_missing(struct emit *e)
{
	emit(e, BPF_JMP_IMM(BPF_JNE, BPF_REG_0, -ENOENT, 1));
	emit(e, BPF_MOV64_IMM(BPF_REG_0, 0));
}

static void look_up_type(struct emit *e, struct gen_name *n)
{
	struct mem m = at(e, n->off);

	name_args(e, n);
	emit(e, BPF_MOV64_IMM(BPF_REG_3, n->btf_kind));
	emit(e, BPF_MOV64_IMM(BPF_REG_4, 0));
	emit(e, BPF_EMIT_CALL(BPF_FUNC_btf_find_by_name_kind));
	if (n->weak)
		allow_missing(e);
	check(e);
	store(e, BPF_DW, m, BPF_REG_0);
}

static void look_up_address(struct emit *e, struct gen_name *n)
{
	name_args(e, n);
	emit(e, BPF_MOV64_IMM(BPF_REG_3, 0));
	load_address(e, BPF_REG_4, n->off);
	emit(e, BPF_EMIT_CALL(BPF_FUNC_kallsyms_lookup_name));
	if (n->weak)
		allow_missing(e);
	check(e);
}

static struct gen_name *look_up(struct emit *e, const struct gen_ref *ref)
{
	struct gen_name *n = gen_name_of(e->l, ref);

	if (n->looked_up)
		return n;
	n->looked_up = true;
	if (n->btf_kind)
		look_up_type(e, n);
	else
		look_up_address(e, n);
	return n;
}

/* --- what a call refers to --- */

#define IMM_OFF	 offsetof(struct bpf_insn, imm)
#define IMM2_OFF (sizeof(struct bpf_insn) + IMM_OFF)

static void put_nothing(struct emit *e, const struct gen_ref *ref, u32 to) {}

static void put_btf_id(struct emit *e, const struct gen_ref *ref, u32 to)
{
	copy_value(e, BPF_W, to, gen_name_id_off(e->l, look_up(e, ref)));
}

static void put_btf_obj(struct emit *e, const struct gen_ref *ref, u32 to)
{
	copy_value(e, BPF_W, to, gen_name_fd_off(e->l, look_up(e, ref)));
}

/* off = index of the module's fd, or 0 for what the kernel itself has. */
static void put_kfunc(struct emit *e, const struct gen_ref *ref, u32 to)
{
	struct gen_name *n = look_up(e, ref);
	u32 fd_off = gen_name_fd_off(e->l, n), skip;
	struct mem m;

	copy_value(e, BPF_W, to + IMM_OFF, gen_name_id_off(e->l, n));
	load(e, BPF_W, BPF_REG_1, at(e, fd_off));
	m = at(e, to + offsetof(struct bpf_insn, off));
	skip = jump(e, BPF_JMP_IMM(BPF_JEQ, BPF_REG_1, 0, 0));
	emit(e, BPF_ST_MEM(BPF_H, m.reg, m.off, fd_off / 4));
	land(e, skip);
}

/* A weak variable that is not there is the constant 0. */
static void put_ksym_btf(struct emit *e, const struct gen_ref *ref, u32 to)
{
	struct gen_name *n = look_up(e, ref);
	struct bpf_insn plain;
	struct mem m;
	u32 skip;

	copy_value(e, BPF_W, to + IMM2_OFF, gen_name_fd_off(e->l, n));
	copy_value(e, BPF_W, to + IMM_OFF, gen_name_id_off(e->l, n));
	if (!n->weak)
		return;
	memcpy(&plain, e->l->data + to, sizeof(plain));
	plain.src_reg = 0;
	m = at(e, to + 1);
	skip = jump(e, BPF_JMP_IMM(BPF_JNE, BPF_REG_1, 0, 0));
	emit(e, BPF_ST_MEM(BPF_B, m.reg, m.off, ((u8 *)&plain)[1]));
	land(e, skip);
}

static void put_ksym_addr(struct emit *e, const struct gen_ref *ref, u32 to)
{
	struct gen_name *n = look_up(e, ref);

	copy_value(e, BPF_W, to + IMM_OFF, gen_name_id_off(e->l, n));
	copy_value(e, BPF_W, to + IMM2_OFF, gen_name_fd_off(e->l, n));
}

static void (*const put[])(struct emit *e, const struct gen_ref *ref, u32 to) = {
	[GEN_REF_FD] = put_nothing, /* when there was the fd: give_fd() */
	[GEN_REF_FD_INSN] = put_nothing,   [GEN_REF_BTF_ID] = put_btf_id,
	[GEN_REF_BTF_OBJ] = put_btf_obj,   [GEN_REF_KFUNC] = put_kfunc,
	[GEN_REF_KSYM_BTF] = put_ksym_btf, [GEN_REF_KSYM_ADDR] = put_ksym_addr,
};

/* --- addresses --- */

static void next_address(struct emit *e, u32 *r1, u32 of)
{
	if (of != *r1)
		emit(e, BPF_ALU64_IMM(BPF_ADD, BPF_REG_1, (s32)(of - *r1)));
	*r1 = of;
}

/* What the runner may say about is its own (layout.c): a log's address, which is one of user space. */
static bool is_log(const struct gen_call *c, struct gen_place p)
{
	return p.seg == GEN_ATTR &&
	       ((c->cmd == BPF_PROG_LOAD && p.off == offsetof(union bpf_attr, log_buf)) ||
		(c->cmd == BPF_BTF_LOAD && p.off == offsetof(union bpf_attr, btf_log_buf)));
}

/* Of all memory of all calls, R1 going up with it. */
static void emit_pointers(struct emit *e)
{
	const struct gen_trace *t = e->l->trace;
	u32 r1 = e->bias;

	emit(e, BPF_MOV64_REG(BPF_REG_1, BPF_REG_8));
	for (u32 i = 0; i < t->nr_calls; i++) {
		const struct gen_call *c = &t->calls[i];

		if (c->cmd == BPF_PROG_LOAD &&
		    gen_attr_size(c) >= offsetofend(union bpf_attr, fd_array)) {
			next_address(e, &r1, 0);
			store(e, BPF_DW,
			      at(e, e->l->attr_off[i] + offsetof(union bpf_attr, fd_array)),
			      BPF_REG_1);
		}
		for (u32 j = 0; j < c->nr_segs; j++) {
			if (is_log(c, c->segs[j].ptr))
				continue;
			next_address(e, &r1, e->l->seg_off[i][j]);
			store(e, BPF_DW, at(e, gen_place_off(e->l, i, c->segs[j].ptr)), BPF_REG_1);
		}
	}
}

/* --- calls --- */

static void sys_bpf(struct emit *e, const struct gen_call *c, u32 attr)
{
	emit(e, BPF_MOV64_IMM(BPF_REG_1, c->cmd));
	load_address(e, BPF_REG_2, attr);
	emit(e, BPF_MOV64_IMM(BPF_REG_3, gen_attr_size(c)));
	emit(e, BPF_EMIT_CALL(BPF_FUNC_sys_bpf));
}

static void emit_refs(struct emit *e, u32 call)
{
	const struct gen_call *c = &e->l->trace->calls[call];

	for (u32 i = 0; i < c->nr_refs; i++)
		put[c->refs[i].kind](e, &c->refs[i], gen_place_off(e->l, call, c->refs[i].at));
}

/* R0 goes into the slot and wherever later calls want it. */
static void give_fd(struct emit *e, u32 call, u32 slot)
{
	const struct gen_trace *t = e->l->trace;

	store(e, BPF_W, at(e, gen_slot_off(slot)), BPF_REG_0);
	for (u32 i = call + 1; i < t->nr_calls; i++)
		for (u32 j = 0; j < t->calls[i].nr_refs; j++) {
			const struct gen_ref *r = &t->calls[i].refs[j];

			if (r->kind == GEN_REF_FD && r->slot == slot)
				store(e, BPF_W, at(e, gen_place_off(e->l, i, r->at)), BPF_REG_0);
		}
}

static void emit_call(struct emit *e, u32 call)
{
	const struct gen_call *c = &e->l->trace->calls[call];

	emit_refs(e, call);
	sys_bpf(e, c, e->l->attr_off[call]);
	check(e);
	if (c->slot >= 0)
		give_fd(e, call, c->slot);
}

int gen_emit(const struct gen_layout *l, struct bpf_insn **insns, u32 *cnt)
{
	struct emit e = {.l = l, .bias = l->len > BIAS ? BIAS : 0};
	const struct bpf_insn value[] = {
		BPF_LD_IMM64_RAW_FULL(BPF_REG_8, BPF_PSEUDO_MAP_IDX_VALUE, 0, 0, 0, e.bias)};

	emit(&e, BPF_MOV64_REG(BPF_REG_6, BPF_REG_1));
	emit(&e, value[0]);
	emit(&e, value[1]);
	emit_failure(&e);
	emit_pointers(&e);
	for (u32 i = 0; i < l->trace->nr_calls; i++)
		emit_call(&e, i);
	emit_success(&e);
	if (e.err) {
		free(e.insns);
		return e.err;
	}
	*insns = e.insns;
	*cnt = e.cnt;
	return 0;
}
