/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emit.c - the loader's instructions. Straight-line code with one exit for errors before it:
 *
 *   R6  context        R8  the map's value, in the middle of what 16-bit offsets reach
 *   R7  last result    R9  another address in the value, for what they do not
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
	u32 fail; /* instruction that R7 < 0 jumps to */
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

static void copy_ctx(struct emit *e, u8 size, u32 to, u32 ctx_off)
{
	struct mem m = at(e, to);

	emit(e, BPF_LDX_MEM(size, BPF_REG_1, BPF_REG_6, ctx_off));
	store(e, size, m, BPF_REG_1);
}

static void store_address(struct emit *e, u32 to, u32 of)
{
	struct mem m = at(e, to);

	load_address(e, BPF_REG_1, of);
	store(e, BPF_DW, m, BPF_REG_1);
}

static void check(struct emit *e)
{
	if (e->cnt - e->fail > NEAR_JMP) { /* a stepping stone for those further on */
		emit(e, BPF_JMP_A(1));
		emit(e, BPF_JMP_A((s32)e->fail - (s32)e->cnt - 1));
		e->fail = e->cnt - 1;
	}
	emit(e, BPF_JMP_IMM(BPF_JSLT, BPF_REG_7, 0, (s32)e->fail - (s32)e->cnt - 1));
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

/* R7 = 0 instead of -ENOENT. */
static void allow_missing(struct emit *e)
{
	emit(e, BPF_JMP_IMM(BPF_JNE, BPF_REG_7, -ENOENT, 1));
	emit(e, BPF_MOV64_IMM(BPF_REG_7, 0));
}

static void look_up_type(struct emit *e, struct gen_name *n)
{
	struct mem m = at(e, n->off);

	name_args(e, n);
	emit(e, BPF_MOV64_IMM(BPF_REG_3, n->btf_kind));
	emit(e, BPF_MOV64_IMM(BPF_REG_4, 0));
	emit(e, BPF_EMIT_CALL(BPF_FUNC_btf_find_by_name_kind));
	emit(e, BPF_MOV64_REG(BPF_REG_7, BPF_REG_0));
	if (n->weak)
		allow_missing(e);
	check(e);
	store(e, BPF_DW, m, BPF_REG_7);
}

static void look_up_address(struct emit *e, struct gen_name *n)
{
	name_args(e, n);
	emit(e, BPF_MOV64_IMM(BPF_REG_3, 0));
	load_address(e, BPF_REG_4, n->off);
	emit(e, BPF_EMIT_CALL(BPF_FUNC_kallsyms_lookup_name));
	emit(e, BPF_MOV64_REG(BPF_REG_7, BPF_REG_0));
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

static void put_fd(struct emit *e, const struct gen_ref *ref, u32 to)
{
	copy_value(e, BPF_W, to, gen_slot_off(ref->slot));
}

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
	[GEN_REF_FD] = put_fd,
	[GEN_REF_FD_INSN] = put_nothing,
	[GEN_REF_BTF_ID] = put_btf_id,
	[GEN_REF_BTF_OBJ] = put_btf_obj,
	[GEN_REF_KFUNC] = put_kfunc,
	[GEN_REF_KSYM_BTF] = put_ksym_btf,
	[GEN_REF_KSYM_ADDR] = put_ksym_addr,
};

/* --- what the caller may say --- */

/* The caller's number, or ours if that is 0, without a branch. */
static void use_max_entries(struct emit *e, const struct gen_call *c, u32 attr)
{
	struct mem m = at(e, attr + offsetof(union bpf_attr, max_entries));

	if (c->slot < 0 || e->l->ctx_off[c->slot] < 0)
		return;
	emit(e, BPF_LDX_MEM(BPF_W, BPF_REG_1, BPF_REG_6,
			    e->l->ctx_off[c->slot] + offsetof(struct gen_map_desc, max_entries)));
	if (c->attr.max_entries) {
		emit(e, BPF_MOV64_REG(BPF_REG_2, BPF_REG_1));
		emit(e, BPF_ALU64_IMM(BPF_SUB, BPF_REG_2, 1));
		emit(e, BPF_ALU64_IMM(BPF_RSH, BPF_REG_2, 63)); /* 1 if it is 0 */
		emit(e, BPF_ALU64_IMM(BPF_MUL, BPF_REG_2, c->attr.max_entries));
		emit(e, BPF_ALU64_REG(BPF_OR, BPF_REG_1, BPF_REG_2));
	}
	store(e, BPF_W, m, BPF_REG_1);
}

#define LOG_FIELD(field) offsetof(struct gen_loader_ctx, field)

static void use_prog_log(struct emit *e, const struct gen_call *c, u32 attr)
{
	/* level and size, side by side here and there */
	copy_ctx(e, BPF_DW, attr + offsetof(union bpf_attr, log_level), LOG_FIELD(log_level));
	copy_ctx(e, BPF_DW, attr + offsetof(union bpf_attr, log_buf), LOG_FIELD(log_buf));
	if (gen_attr_size(c) >= offsetofend(union bpf_attr, fd_array))
		store_address(e, attr + offsetof(union bpf_attr, fd_array), 0);
}

static void use_btf_log(struct emit *e, const struct gen_call *c, u32 attr)
{
	if (gen_attr_size(c) < offsetofend(union bpf_attr, btf_log_level))
		return;
	copy_ctx(e, BPF_W, attr + offsetof(union bpf_attr, btf_log_level), LOG_FIELD(log_level));
	copy_ctx(e, BPF_W, attr + offsetof(union bpf_attr, btf_log_size), LOG_FIELD(log_size));
	copy_ctx(e, BPF_DW, attr + offsetof(union bpf_attr, btf_log_buf), LOG_FIELD(log_buf));
}

static const struct {
	int cmd;
	void (*use)(struct emit *e, const struct gen_call *c, u32 attr);
} from_ctx[] = {
	{BPF_MAP_CREATE, use_max_entries},
	{BPF_PROG_LOAD, use_prog_log},
	{BPF_BTF_LOAD, use_btf_log},
};

/* The caller's initial value, if it has one, over ours. Returns a jump for when there is none. */
static u32 use_initial_value(struct emit *e, u32 value, u32 len, s32 slot)
{
	u32 none, kernel, done;

	emit(e, BPF_LDX_MEM(BPF_DW, BPF_REG_3, BPF_REG_6,
			    e->l->ctx_off[slot] + offsetof(struct gen_map_desc, initial_value)));
	load_address(e, BPF_REG_1, value);
	emit(e, BPF_MOV64_IMM(BPF_REG_2, len));
	none = jump(e, BPF_JMP_IMM(BPF_JEQ, BPF_REG_3, 0, 0));
	emit(e, BPF_LDX_MEM(BPF_W, BPF_REG_0, BPF_REG_6, offsetof(struct gen_loader_ctx, flags)));
	kernel = jump(e, BPF_JMP_IMM(BPF_JSET, BPF_REG_0, GEN_CTX_KERNEL, 0));
	emit(e, BPF_EMIT_CALL(BPF_FUNC_copy_from_user));
	done = jump(e, BPF_JMP_A(0));
	land(e, kernel);
	emit(e, BPF_EMIT_CALL(BPF_FUNC_probe_read_kernel));
	land(e, done);
	emit(e, BPF_MOV64_REG(BPF_REG_7, BPF_REG_0));
	check(e);
	return none;
}

/* --- calls --- */

static void sys_bpf(struct emit *e, const struct gen_call *c, u32 attr)
{
	emit(e, BPF_MOV64_IMM(BPF_REG_1, c->cmd));
	load_address(e, BPF_REG_2, attr);
	emit(e, BPF_MOV64_IMM(BPF_REG_3, gen_attr_size(c)));
	emit(e, BPF_EMIT_CALL(BPF_FUNC_sys_bpf));
	emit(e, BPF_MOV64_REG(BPF_REG_7, BPF_REG_0));
}

static void emit_pointers(struct emit *e, u32 call)
{
	const struct gen_call *c = &e->l->trace->calls[call];

	for (u32 i = 0; i < c->nr_segs; i++)
		store_address(e, gen_place_off(e->l, call, c->segs[i].ptr), e->l->seg_off[call][i]);
}

static void emit_refs(struct emit *e, u32 call)
{
	const struct gen_call *c = &e->l->trace->calls[call];

	for (u32 i = 0; i < c->nr_refs; i++)
		put[c->refs[i].kind](e, &c->refs[i], gen_place_off(e->l, call, c->refs[i].at));
}

/* Stores the initial value of a map that the caller may replace. */
static void emit_value_call(struct emit *e, u32 call, s32 slot)
{
	const struct gen_call *c = &e->l->trace->calls[call];
	u32 attr = e->l->attr_off[call], none = 0;

	emit_pointers(e, call);
	emit_refs(e, call);
	for (u32 i = 0; i < c->nr_segs; i++)
		if (c->segs[i].ptr.off == offsetof(union bpf_attr, value))
			none = use_initial_value(e, e->l->seg_off[call][i], c->segs[i].len, slot);
	if (none && !e->l->skippable[call])
		land(e, none);
	sys_bpf(e, c, attr);
	check(e);
	if (none && e->l->skippable[call])
		land(e, none);
}

static void emit_call(struct emit *e, u32 call)
{
	const struct gen_call *c = &e->l->trace->calls[call];
	s32 slot = gen_value_slot(e->l->trace, c);
	u32 attr = e->l->attr_off[call];

	if (slot >= 0) {
		emit_value_call(e, call, slot);
		return;
	}
	emit_pointers(e, call);
	emit_refs(e, call);
	for (u32 i = 0; i < ARRAY_SIZE(from_ctx); i++)
		if (from_ctx[i].cmd == c->cmd)
			from_ctx[i].use(e, c, attr);
	sys_bpf(e, c, attr);
	check(e);
	if (c->slot >= 0)
		store(e, BPF_W, at(e, gen_slot_off(c->slot)), BPF_REG_7);
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
