/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emit.c - the loader's instructions, all on one line: names are looked up, addresses stored, calls made, what nobody gets is closed.
 *
 *   R6  context        R8  the map's value, in the middle of what 16-bit offsets reach
 *   R7  the error      R9  another address in the value, for what they do not
 *
 * A kernel verifies this at every load, which takes longer than running it, so an instruction is worth saving and a branch three: a verifier walks both
 * ways. So no call's result is tested. The sign of each goes into the number of the next command, and -1 is none, which the kernel refuses without
 * looking further: after an error nothing happens any more. What failed is said by the results in the value (layout.h). Fds that the caller gets are in
 * the context from the moment they are there, and after an error it is for the runner to close them. The object's BTF alone may be refused.
 */
#include <stdlib.h>

#include "gen/layout.h"
#include "isa/insn.h"

#define BIAS 32768u

struct emit {
	const struct gen_layout *l;
	struct bpf_insn *insns;
	u32 cnt, cap;
	int err;
	u32 bias;
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

/* Two instructions, but verified as one. */
static void load_address(struct emit *e, u8 reg, u32 off)
{
	const struct bpf_insn value[] = {
		BPF_LD_IMM64_RAW_FULL(reg, BPF_PSEUDO_MAP_IDX_VALUE, 0, 0, 0, off)};

	emit(e, value[0]);
	emit(e, value[1]);
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

/* --- descriptors --- */

/* What was never made is negative, which closes nothing: cheaper than a branch. */
static void close_slot(struct emit *e, u32 slot)
{
	load(e, BPF_W, BPF_REG_1, at(e, gen_slot_off(e->l, slot)));
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

/* The half that is 0, or -1 from the moment something failed: of the call before, or of a result that is there for the first call. */
static u32 sign_before(const struct emit *e, u32 call)
{
	return call ? gen_sign_off(e->l, call - 1) : e->l->trace->big_endian ? 0 : 4;
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

static void look_up_type(struct emit *e, const struct gen_name *n)
{
	name_args(e, n);
	emit(e, BPF_MOV64_IMM(BPF_REG_3, n->btf_kind));
	emit(e, BPF_MOV64_IMM(BPF_REG_4, 0));
	emit(e, BPF_EMIT_CALL(BPF_FUNC_btf_find_by_name_kind));
	if (n->weak)
		allow_missing(e);
}

/* It puts the address there. */
static void look_up_address(struct emit *e, const struct gen_name *n)
{
	name_args(e, n);
	emit(e, BPF_MOV64_IMM(BPF_REG_3, 0));
	load_address(e, BPF_REG_4, n->off);
	emit(e, BPF_EMIT_CALL(BPF_FUNC_kallsyms_lookup_name));
	if (n->weak)
		allow_missing(e);
}

/* Its result is the error then, and the call to come is made as if the one before it had failed. */
static void look_up(struct emit *e, const struct gen_name *n)
{
	struct mem sign = at(e, sign_before(e, n->before)), result = at(e, n->off);
	u32 found;

	if (n->btf_kind) {
		look_up_type(e, n);
		store(e, BPF_DW, result, BPF_REG_0);
		found = jump(e, BPF_JMP_IMM(BPF_JSGE, BPF_REG_0, 0, 0));
	} else {
		look_up_address(e, n);
		found = jump(e, BPF_JMP_IMM(BPF_JSGE, BPF_REG_0, 0, 0));
		store(e, BPF_DW, result, BPF_REG_0);
	}
	emit(e, BPF_ST_MEM(BPF_W, sign.reg, sign.off, -1));
	land(e, found);
}

/* @name: the next; returns how many were wanted. */
static u32 look_up_names(struct emit *e, u32 name, u32 call)
{
	u32 nr = 0;

	for (; name + nr < e->l->nr_names && e->l->names[name + nr].before == call; nr++)
		look_up(e, &e->l->names[name + nr]);
	return nr;
}

/* --- what a call refers to --- */

#define IMM_OFF	 offsetof(struct bpf_insn, imm)
#define IMM2_OFF (sizeof(struct bpf_insn) + IMM_OFF)

static void put_nothing(struct emit *e, const struct gen_ref *ref, u32 to) {}

static void put_btf_id(struct emit *e, const struct gen_ref *ref, u32 to)
{
	copy_value(e, BPF_W, to, gen_name_id_off(e->l, gen_name_of(e->l, ref)));
}

static void put_btf_obj(struct emit *e, const struct gen_ref *ref, u32 to)
{
	copy_value(e, BPF_W, to, gen_name_fd_off(e->l, gen_name_of(e->l, ref)));
}

/* off = index of the module's fd, or 0 for what the kernel itself has. */
static void put_kfunc(struct emit *e, const struct gen_ref *ref, u32 to)
{
	struct gen_name *n = gen_name_of(e->l, ref);
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
	struct gen_name *n = gen_name_of(e->l, ref);
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
	struct gen_name *n = gen_name_of(e->l, ref);

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

/* Of all memory of all calls; what many want is loaded once. */
static void emit_pointers(struct emit *e)
{
	struct gen_pointer *p;
	u32 nr;

	e->err = e->err ?: gen_pointers(e->l, &p, &nr);
	if (e->err)
		return;
	for (u32 i = 0; i < nr; i++) {
		if (p[i].of != e->bias && (!i || p[i].of != p[i - 1].of))
			load_address(e, BPF_REG_1, p[i].of);
		store(e, BPF_DW, at(e, p[i].to), p[i].of == e->bias ? BPF_REG_8 : BPF_REG_1);
	}
	free(p);
}

/* --- calls --- */

/* The command, or none when something before it failed. */
static void load_command(struct emit *e, u32 call, bool named)
{
	s32 cmd = e->l->trace->calls[call].cmd;

	if (!call && !named) {
		emit(e, BPF_MOV64_IMM(BPF_REG_1, cmd));
		return;
	}
	load(e, BPF_W, BPF_REG_1, at(e, sign_before(e, call)));
	if (cmd)
		emit(e, BPF_ALU64_IMM(BPF_OR, BPF_REG_1, cmd));
}

static void sys_bpf(struct emit *e, u32 call, bool named)
{
	load_command(e, call, named);
	load_address(e, BPF_REG_2, e->l->attr_off[call]);
	emit(e, BPF_MOV64_IMM(BPF_REG_3, gen_attr_size(&e->l->trace->calls[call])));
	emit(e, BPF_EMIT_CALL(BPF_FUNC_sys_bpf));
}

/* --- BTF that a kernel does not take --- */

/* R0: no error, and no fd either (layout.c's "nothing yet"), unless something failed before. */
static void no_result(struct emit *e, u32 call, bool named)
{
	emit(e, BPF_MOV32_IMM(BPF_REG_0, INT32_MIN));
	if (!call && !named)
		return;
	load(e, BPF_W, BPF_REG_1, at(e, sign_before(e, call)));
	emit(e, BPF_ALU64_IMM(BPF_LSH, BPF_REG_1, 32));
	emit(e, BPF_ALU64_REG(BPF_OR, BPF_REG_0, BPF_REG_1));
}

static void go_on_without(struct emit *e, u32 call, bool named)
{
	u32 taken = jump(e, BPF_JMP_IMM(BPF_JSGE, BPF_REG_0, 0, 0));
	u32 r9 = e->r9, nr = 0, *places = NULL;
	bool r9_set = e->r9_set;

	e->err = e->err ?: gen_type_places(e->l, call, &places, &nr);
	for (u32 i = 0; !e->err && i < nr; i++) {
		struct mem m = at(e, places[i]);

		emit(e, BPF_ST_MEM(BPF_W, m.reg, m.off, 0));
	}
	free(places);
	no_result(e, call, named);
	land(e, taken);
	e->r9_set = r9_set && e->r9_set && e->r9 == r9;
}

static void emit_refs(struct emit *e, u32 call)
{
	const struct gen_call *c = &e->l->trace->calls[call];

	for (u32 i = 0; i < c->nr_refs; i++)
		put[c->refs[i].kind](e, &c->refs[i], gen_place_off(e->l, call, c->refs[i].at));
}

/* R0 goes to the caller and wherever later calls want it. */
static void give_fd(struct emit *e, u32 call, u32 slot)
{
	u32 *places = NULL, nr = 0;

	if (e->l->ctx_off[slot] >= 0)
		emit(e, BPF_STX_MEM(BPF_W, BPF_REG_6, BPF_REG_0, e->l->ctx_off[slot]));
	e->err = e->err ?: gen_fd_places(e->l, call, &places, &nr);
	for (u32 i = 0; !e->err && i < nr; i++)
		store(e, BPF_W, at(e, places[i]), BPF_REG_0);
	free(places);
}

static void emit_call(struct emit *e, u32 call, bool named)
{
	const struct gen_call *c = &e->l->trace->calls[call];

	emit_refs(e, call);
	sys_bpf(e, call, named);
	if (gen_may_lack(e->l, call))
		go_on_without(e, call, named);
	store(e, BPF_DW, at(e, e->l->result_off[call]), BPF_REG_0);
	if (c->slot >= 0)
		give_fd(e, call, c->slot);
}

/* Returns the last call's result: negative if one failed. */
static void emit_end(struct emit *e)
{
	const struct gen_trace *t = e->l->trace;

	for (u32 i = 0; i < t->nr_slots; i++)
		if (e->l->ctx_off[i] < 0)
			close_slot(e, i);
	close_modules(e);
	if (t->nr_calls)
		load(e, BPF_W, BPF_REG_0, at(e, gen_fd_off(e->l, t->nr_calls - 1)));
	else
		emit(e, BPF_MOV64_IMM(BPF_REG_0, 0));
	emit(e, BPF_EXIT_INSN());
}

int gen_emit(const struct gen_layout *l, struct bpf_insn **insns, u32 *cnt)
{
	struct emit e = {.l = l, .bias = l->len > BIAS ? BIAS : 0};
	u32 name = 0;

	emit(&e, BPF_MOV64_REG(BPF_REG_6, BPF_REG_1));
	load_address(&e, BPF_REG_8, e.bias);
	emit_pointers(&e);
	for (u32 i = 0; i < l->trace->nr_calls; i++) {
		u32 nr = look_up_names(&e, name, i);

		emit_call(&e, i, nr);
		name += nr;
	}
	emit_end(&e);
	if (e.err) {
		free(e.insns);
		return e.err;
	}
	*insns = e.insns;
	*cnt = e.cnt;
	return 0;
}
