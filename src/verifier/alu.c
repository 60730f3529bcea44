/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * alu.c - arithmetic: scalars, pointers plus or minus scalars, and for the unprivileged the rules
 * that keep speculative execution inside the bounds (masks recorded in aux->alu_state and
 * alu_limit; what cannot be masked is refused).
 */
#include <stdlib.h>

#include "isa/disasm.h"
#include "verifier/vfy.h"

enum refusal { BAD_BOUNDS = 1, BAD_TYPE, BAD_PATHS, BAD_LIMIT, BAD_STACK };

const char *vfy_alu_sign(u8 op)
{
	const char *s = disasm_alu[op >> 4];

	return s ? s : "";
}

/* --- speculation --- */

struct sanitize {
	u32 state, limit;
	bool to_left;
};

static bool no_sanitation(const struct venv *env, const struct bpf_insn *in)
{
	return env->bypass_v1 || BPF_SRC(in->code) == BPF_K;
}

static int set_sanitation(u32 *state, u32 *limit, u32 new_state, u32 new_limit)
{
	if (*state && (*state != new_state || *limit != new_limit))
		return BAD_PATHS;
	*state = new_state;
	*limit = new_limit;
	return 0;
}

/* How far the pointer may still move. */
static int ptr_limit(const struct vreg *p, u32 *limit, bool to_left)
{
	u32 most, have;

	switch (p->type) {
	case PTR_TO_STACK:
		most = MAX_BPF_STACK + to_left;
		have = -(p->var.value + p->off);
		break;
	case PTR_TO_MAP_VALUE:
		most = p->map->value_size;
		have = (to_left ? (u64)p->smin64 : p->umax64) + p->off;
		break;
	default: return BAD_TYPE;
	}
	if (have >= most)
		return BAD_LIMIT;
	*limit = have;
	return 0;
}

struct vstate *vfy_push_speculative(struct venv *env, const struct bpf_insn *in, s32 next, s32 cur)
{
	struct vstate *st = vfy_push(env, next, cur, true);
	struct vreg *regs;

	if (st && in) {
		regs = st->frame[st->curframe]->regs;
		reg_unknown(env, &regs[in->dst_reg]);
		if (BPF_SRC(in->code) == BPF_X)
			reg_unknown(env, &regs[in->src_reg]);
	}
	return st;
}

/* The path on which the mask cut the offset to zero. */
static int simulate_truncation(struct venv *env, const struct vreg *ptr, struct vreg *dst)
{
	struct vreg saved = *dst;
	struct vstate *st;

	if (ptr != dst)
		reg_copy(dst, ptr);
	st = vfy_push_speculative(env, NULL, env->insn_idx + 1, env->insn_idx);
	if (!st)
		return BAD_STACK;
	if (ptr != dst)
		*dst = saved;
	return 0;
}

/* Before the operation: window from the pointer as it is. */
static int sanitize_before(struct venv *env, const struct bpf_insn *in, const struct vreg *ptr,
			   const struct vreg *off, struct vreg *dst, struct sanitize *s)
{
	bool imm = tnum_is_const(off->var), neg = off->smin64 < 0;
	u32 limit = 0;
	int bad;

	if (no_sanitation(env, in))
		return 0;
	if (!env->cur->speculative) {
		if (!imm && neg != (off->smax64 < 0))
			return BAD_BOUNDS;
		s->to_left = BPF_OP(in->code) == BPF_ADD ? neg : !neg;
		bad = ptr_limit(ptr, &limit, s->to_left);
		if (bad)
			return bad;
		s->state = (neg ? ALU_NEG_VALUE : 0) | (imm ? ALU_IMMEDIATE : 0) |
			   (ptr == dst ? ALU_SANITIZE_SRC : ALU_SANITIZE_DST);
		s->limit = limit;
		if (!imm)
			env->explore_alu_limits = true; /* look for paths with other limits */
	}
	return imm ? 0 : simulate_truncation(env, ptr, dst);
}

/* After it: the window narrows to what the pointer moved. */
static int sanitize_after(struct venv *env, const struct bpf_insn *in, const struct vreg *dst,
			  struct sanitize *s)
{
	struct vfy_insn_aux *aux = &env->aux[env->insn_idx];
	u32 limit = 0;
	int bad;

	if (no_sanitation(env, in) || env->cur->speculative)
		return 0;
	bad = ptr_limit(dst, &limit, s->to_left);
	if (bad)
		return bad;
	return set_sanitation(&aux->alu_state, &aux->alu_limit, s->state,
			      abs((int)(s->limit - limit)));
}

static int sanitize_scalar(struct venv *env, const struct bpf_insn *in)
{
	struct vfy_insn_aux *aux = &env->aux[env->insn_idx];

	if (no_sanitation(env, in))
		return 0;
	return set_sanitation(&aux->alu_state, &aux->alu_limit, ALU_NON_POINTER, 0);
}

static int refuse(struct venv *env, const struct bpf_insn *in, int why, bool off_is_dst)
{
	static const char err[] = "pointer arithmetic with it prohibited for !root";
	const char *op = BPF_OP(in->code) == BPF_ADD ? "add" : "sub";
	u32 dst = in->dst_reg, src = in->src_reg;

	switch (why) {
	case BAD_BOUNDS:
		vlog(env, "R%d has unknown scalar with mixed signed bounds, %s\n",
		     off_is_dst ? dst : src, err);
		break;
	case BAD_TYPE:
		vlog(env, "R%d has pointer with unsupported alu operation, %s\n",
		     off_is_dst ? src : dst, err);
		break;
	case BAD_PATHS:
		vlog(env, "R%d tried to %s from different maps, paths or scalars, %s\n", dst, op,
		     err);
		break;
	case BAD_LIMIT:
		vlog(env, "R%d tried to %s beyond pointer bounds, %s\n", dst, op, err);
		break;
	case BAD_STACK:
		vlog(env, "R%d could not be pushed for speculative verification, %s\n", dst, err);
		break;
	}
	return -EACCES;
}

/* Unprivileged pointers stay in bounds at all times. */
static int result_in_bounds(struct venv *env, u32 regno)
{
	struct vreg *r = vfy_reg(env, regno);
	char buf[48];
	s32 off;

	if (env->bypass_v1)
		return 0;
	if (r->type == PTR_TO_STACK) {
		off = r->off + (s32)r->var.value;
		if (!tnum_is_const(r->var)) {
			vlog(env,
			     "R%d variable stack access prohibited for !root, var_off=%s off=%d\n",
			     regno, tnum_text(buf, r->var), off);
			return -EACCES;
		}
		if (off >= 0 || off < -MAX_BPF_STACK) {
			vlog(env,
			     "R%d stack pointer arithmetic goes out of range, prohibited for !root; off=%d\n",
			     regno, off);
			return -EACCES;
		}
	} else if (r->type == PTR_TO_MAP_VALUE &&
		   vfy_map_access(env, regno, r->off, 1, false, SRC_HELPER)) {
		vlog(env,
		     "R%d pointer arithmetic of map value goes out of range, prohibited for !root\n",
		     regno);
		return -EACCES;
	}
	return 0;
}

/* --- pointers --- */

static bool offset_sane(struct venv *env, const struct vreg *r, u32 type)
{
	s64 v = r->var.value;

	if (tnum_is_const(r->var) && (v >= VFY_MAX_VAR_OFF || v <= -VFY_MAX_VAR_OFF)) {
		vlog(env, "math between %s pointer and %lld is not allowed\n",
		     vfy_type_text(env, type), (long long)v);
		return false;
	}
	if (r->off >= VFY_MAX_VAR_OFF || r->off <= -VFY_MAX_VAR_OFF) {
		vlog(env, "%s pointer offset %d is not allowed\n", vfy_type_text(env, type),
		     r->off);
		return false;
	}
	if (r->smin64 == INT64_MIN) {
		vlog(env,
		     "math between %s pointer and register with unbounded min value is not allowed\n",
		     vfy_type_text(env, type));
		return false;
	}
	if (r->smin64 >= VFY_MAX_VAR_OFF || r->smin64 <= -VFY_MAX_VAR_OFF) {
		vlog(env, "value %lld makes %s pointer be out of bounds\n", (long long)r->smin64,
		     vfy_type_text(env, type));
		return false;
	}
	return true;
}

/* How far pointers of a kind may be moved. */
enum { MOVES, MOVES_KNOWN, MOVES_ZERO, MOVES_NOT };
static const u8 moves[__BPF_REG_TYPE_MAX] = {
	[PTR_TO_FLOW_KEYS] = MOVES_KNOWN,  [CONST_PTR_TO_MAP] = MOVES_ZERO,
	[PTR_TO_PACKET_END] = MOVES_NOT,   [PTR_TO_SOCKET] = MOVES_NOT,
	[PTR_TO_SOCK_COMMON] = MOVES_NOT,  [PTR_TO_TCP_SOCK] = MOVES_NOT,
	[PTR_TO_XDP_SOCK] = MOVES_NOT,	   [PTR_TO_FUNC] = MOVES_NOT,
	[CONST_PTR_TO_DYNPTR] = MOVES_NOT,
};

/* Is arithmetic on this kind of pointer possible at all? */
static int ptr_arith_ok(struct venv *env, const struct bpf_insn *in, const struct vreg *ptr,
			const struct vreg *off)
{
	bool known = tnum_is_const(off->var);
	u8 how = moves[type_base(ptr->type)];

	if (ptr->type & PTR_MAYBE_NULL) {
		vlog(env, "R%d pointer arithmetic on %s prohibited, null-check it first\n",
		     in->dst_reg, vfy_type_text(env, ptr->type));
		return -EACCES;
	}
	if (how == MOVES || (how == MOVES_KNOWN && known) ||
	    (how == MOVES_ZERO && known && !off->smin64 && BPF_OP(in->code) == BPF_ADD))
		return 0;
	vlog(env, "R%d pointer arithmetic on %s prohibited\n", in->dst_reg,
	     vfy_type_text(env, ptr->type));
	return -EACCES;
}

/* dst = ptr + off or ptr - off, bounds and offset; @p is a copy of the pointer as it was. */
static int ptr_move(struct venv *env, const struct bpf_insn *in, struct vreg *dst,
		    const struct vreg *p, const struct vreg *off, bool ptr_is_dst)
{
	bool sub = BPF_OP(in->code) == BPF_SUB, pkt = type_is_pkt(p->type);
	s64 fixed;
	u32 id;

	if (sub && !ptr_is_dst) {
		vlog(env, "R%d tried to subtract pointer from scalar\n", in->dst_reg);
		return -EACCES;
	}
	if (sub && p->type == PTR_TO_STACK) {
		vlog(env, "R%d subtraction from stack pointer prohibited\n", in->dst_reg);
		return -EACCES;
	}
	fixed = sub ? (s64)((u64)(s64)p->off - (u64)off->smin64)
		    : (s64)((u64)(s64)p->off + (u64)off->smin64);
	if (tnum_is_const(off->var) && fixed == (s32)fixed) {
		dst->off = fixed;
		return 0;
	}
	/* a new variable part; @id and range need care only for packets */
	id = dst->id;
	scalar_op(dst, off, sub ? BPF_SUB : BPF_ADD, false);
	reg_forget32(dst);
	dst->id = id;
	if (pkt) {
		dst->id = ++env->id_gen;
		/* going down keeps the known range valid */
		if (!sub || off->smin64 < 0)
			dst->raw[0] = dst->raw[1] = 0;
	}
	return 0;
}

/* The difference of lower halves of addresses is a number to who may know it. */
static int ptr_op32(struct venv *env, const struct bpf_insn *in, struct vreg *dst)
{
	if (BPF_OP(in->code) == BPF_SUB && env->ptr_leaks) {
		reg_unknown(env, dst);
		return 0;
	}
	vlog(env, "R%d 32-bit pointer arithmetic prohibited\n", in->dst_reg);
	return -EACCES;
}

static int refuse_operator(struct venv *env, const struct bpf_insn *in)
{
	u8 op = BPF_OP(in->code);
	bool bits = op == BPF_AND || op == BPF_OR || op == BPF_XOR;

	vlog(env,
	     bits ? "R%d bitwise operator %s on pointer prohibited\n"
		  : "R%d pointer arithmetic with %s operator prohibited\n",
	     in->dst_reg, vfy_alu_sign(op));
	return -EACCES;
}

/* @was: the pointer before, which @dst holds now, too. */
static int ptr_add(struct venv *env, const struct bpf_insn *in, struct vreg *dst,
		   const struct vreg *ptr, const struct vreg *was, const struct vreg *off)
{
	bool off_is_dst = ptr != dst;
	struct sanitize s = {0};
	int bad = sanitize_before(env, in, ptr, off, dst, &s), err;

	if (bad)
		return refuse(env, in, bad, off_is_dst);
	err = ptr_move(env, in, dst, was, off, !off_is_dst);
	if (err)
		return err;
	if (!offset_sane(env, dst, was->type))
		return -EINVAL;
	reg_sync(dst);
	err = result_in_bounds(env, in->dst_reg);
	if (err)
		return err;
	bad = sanitize_after(env, in, dst, &s);
	return bad ? refuse(env, in, bad, off_is_dst) : 0;
}

static int ptr_op(struct venv *env, struct bpf_insn *in, const struct vreg *ptr,
		  const struct vreg *off)
{
	struct vreg *dst = vfy_reg(env, in->dst_reg), was;
	u8 op = BPF_OP(in->code);
	int err;

	if (!scalar_sane(off, false)) {
		reg_unknown(env, dst); /* a path that cannot happen */
		return 0;
	}
	if (BPF_CLASS(in->code) != BPF_ALU64)
		return ptr_op32(env, in, dst);
	err = ptr_arith_ok(env, in, ptr, off);
	if (err)
		return err;
	was = *ptr;
	if (ptr != dst)
		reg_copy(dst, ptr);
	if (!offset_sane(env, off, ptr->type) || !offset_sane(env, ptr, ptr->type))
		return -EINVAL;
	reg_forget32(dst);
	return op == BPF_ADD || op == BPF_SUB ? ptr_add(env, in, dst, ptr, &was, off)
					      : refuse_operator(env, in);
}

/* --- scalars --- */

static int scalars(struct venv *env, struct bpf_insn *in, struct vreg *dst, const struct vreg *src)
{
	bool is32 = BPF_CLASS(in->code) != BPF_ALU64, known;
	u8 op = BPF_OP(in->code);
	int bad;

	if (!scalar_sane(src, is32)) {
		reg_unknown(env, dst);
		return 0;
	}
	known = is32 ? tnum_low32_const(src->var) : tnum_is_const(src->var);
	if (!known && (op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH)) {
		reg_unknown(env, dst);
		return 0;
	}
	if (op == BPF_ADD || op == BPF_SUB) {
		bad = sanitize_scalar(env, in);
		if (bad)
			return refuse(env, in, bad, false);
	}
	switch (op) {
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH:
		/* larger shifts are undefined; mind the upper half of a 32-bit operand */
		if (src->umax64 >= (is32 ? 32 : 64))
			reg_unknown(env, dst);
		else
			scalar_op(dst, src, op, is32);
		break;
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR: scalar_op(dst, src, op, is32); break;
	default: reg_unknown(env, dst);
	}
	if (is32)
		reg_zext32(dst);
	reg_sync(dst);
	return 0;
}

/* @dst changes, so it equals its copies no longer; but after a constant was added once, it still
 * tells of them, and they of it (Linux 6.11 and later, for those with CAP_BPF: 6.1's verdicts for
 * the others depend on it). */
static void relink(struct venv *env, const struct bpf_insn *in, struct vreg *dst,
		   const struct vreg *src)
{
	bool sub = BPF_OP(in->code) == BPF_SUB, is32 = BPF_CLASS(in->code) != BPF_ALU64;
	s64 v = is32 ? (s32)src->var.value : (s64)src->var.value;

	v = sub ? (s64)(0 - (u64)v) : v;
	if (!env->capable || !dst->id || dst->delta || dst->narrow || src == dst ||
	    src->type != SCALAR_VALUE || !tnum_is_const(src->var) ||
	    (!sub && BPF_OP(in->code) != BPF_ADD) || v != (s32)v) {
		reg_unlink(dst);
		return;
	}
	dst->delta = v;
	dst->narrow = is32;
}

static int binary(struct venv *env, struct bpf_insn *in)
{
	struct vreg *dst = vfy_reg(env, in->dst_reg), *src, tmp;
	bool dst_ptr = dst->type != SCALAR_VALUE;
	int err;

	if (BPF_SRC(in->code) != BPF_X) {
		memset(&tmp, 0, sizeof(tmp));
		tmp.type = SCALAR_VALUE;
		reg_known(&tmp, in->imm);
		if (!dst_ptr)
			relink(env, in, dst, &tmp);
		return dst_ptr ? ptr_op(env, in, dst, &tmp) : scalars(env, in, dst, &tmp);
	}
	src = vfy_reg(env, in->src_reg);
	if (!dst_ptr)
		relink(env, in, dst, src);
	if (src->type != SCALAR_VALUE) {
		if (dst_ptr) {
			if (BPF_OP(in->code) == BPF_SUB && env->ptr_leaks) {
				reg_unknown(env, dst);
				return 0;
			}
			vlog(env, "R%d pointer %s pointer prohibited\n", in->dst_reg,
			     vfy_alu_sign(BPF_OP(in->code)));
			return -EACCES;
		}
		err = vfy_precise(env, in->dst_reg);
		if (err)
			return err;
		tmp = *dst;
		return ptr_op(env, in, src, &tmp);
	}
	if (dst_ptr || dst->precise) {
		err = vfy_precise(env, in->src_reg);
		if (err)
			return err;
	}
	if (dst_ptr)
		return ptr_op(env, in, dst, src);
	tmp = *src;
	return scalars(env, in, dst, &tmp);
}

/* --- instructions --- */

/* 0 - @was */
static void negate(struct vreg *dst, const struct vreg *was, bool is32)
{
	reg_set_const(dst, 0);
	scalar_op(dst, was, BPF_SUB, is32);
	if (is32)
		reg_zext32(dst);
	reg_sync(dst);
}

static int unary(struct venv *env, struct bpf_insn *in)
{
	struct vreg was;
	bool end = BPF_OP(in->code) == BPF_END, alu64 = BPF_CLASS(in->code) == BPF_ALU64;
	int err;

	if (!end && (BPF_SRC(in->code) != BPF_K || in->src_reg || in->off || in->imm)) {
		vlog(env, "BPF_NEG uses reserved fields\n");
		return -EINVAL;
	}
	/* ALU64 | END is cpu v4's bswap: always the to-little-endian encoding */
	if (end && (in->src_reg || in->off || (in->imm != 16 && in->imm != 32 && in->imm != 64) ||
		    (alu64 && (BPF_SRC(in->code) != BPF_TO_LE || !vfy_cpu_v4(env))))) {
		vlog(env, "BPF_END uses reserved fields\n");
		return -EINVAL;
	}
	err = vfy_use_reg(env, in->dst_reg, USE_SRC);
	if (err)
		return err;
	if (reg_leaks(env, in->dst_reg)) {
		vlog(env, "R%d pointer arithmetic prohibited\n", in->dst_reg);
		return -EACCES;
	}
	was = *vfy_reg(env, in->dst_reg);
	err = vfy_use_reg(env, in->dst_reg, USE_DST);
	/* a constant is not followed: 6.1 words its verdicts for that, and compilers do not
	 * negate constants */
	if (!err && !end && was.type == SCALAR_VALUE && !tnum_is_const(was.var))
		negate(vfy_reg(env, in->dst_reg), &was, !alu64);
	return err;
}

/* Sign extension of cpu v4, moves and loads. A low half that fits the width is what is extended;
 * of others only the width is known. */
void vfy_sign_extend(struct venv *env, struct vreg *dst, const struct vreg *src, s32 bits,
		     bool alu64)
{
	u64 v = src->var.value;
	bool known = src->type == SCALAR_VALUE && tnum_is_const(src->var);
	s64 least = -(1ll << (bits - 1)), most = (1ll << (bits - 1)) - 1;

	if (src->type == SCALAR_VALUE && src->smin32 >= least && src->smax32 <= most) {
		least = src->smin32;
		most = src->smax32;
	}
	reg_unknown(env, dst);
	if (known) {
		v = (u64)((s64)(v << (64 - bits)) >> (64 - bits));
		reg_known(dst, alu64 ? v : (u32)v);
		dst->type = SCALAR_VALUE;
		return;
	}
	if (alu64) {
		dst->smin64 = least;
		dst->smax64 = most;
	} else {
		dst->smin32 = least;
		dst->smax32 = most;
		reg_zext32(dst);
	}
	reg_sync(dst);
	dst->live |= LIVE_WRITTEN;
}

static bool mov_off_ok(const struct venv *env, const struct bpf_insn *in)
{
	if (!in->off)
		return true;
	if (!vfy_cpu_v4(env))
		return false;
	return in->off == 8 || in->off == 16 || (in->off == 32 && BPF_CLASS(in->code) == BPF_ALU64);
}

/* What is learned of @src will hold for its copy, too. Of a constant nothing is left to learn, and
 * states would have to agree on who has whose copy (later kernels). */
static void link_copy(struct venv *env, struct vreg *src)
{
	if (!src->id && !(env->capable && tnum_is_const(src->var)))
		src->id = ++env->id_gen;
}

static int mov_reg(struct venv *env, struct bpf_insn *in)
{
	struct vreg *dst = vfy_reg(env, in->dst_reg), *src = vfy_reg(env, in->src_reg);
	bool alu64 = BPF_CLASS(in->code) == BPF_ALU64;

	if ((in->off || !alu64) && reg_leaks(env, in->src_reg)) {
		vlog(env, "R%d partial copy of pointer\n", in->src_reg);
		return -EACCES;
	}
	if (in->off) {
		struct vreg tmp = *src;

		vfy_sign_extend(env, dst, &tmp, in->off, alu64);
		return 0;
	}
	if (alu64) {
		if (src->type == SCALAR_VALUE)
			link_copy(env, src);
		reg_copy(dst, src);
		dst->live |= LIVE_WRITTEN;
		return 0;
	}
	if (src->type == SCALAR_VALUE) {
		bool whole =
			src->umax64 <= UINT32_MAX; /* nothing is cut off: a copy all the same */

		if (whole)
			link_copy(env, src);
		reg_copy(dst, src);
		if (!whole)
			reg_unlink(dst);
		dst->live |= LIVE_WRITTEN;
	} else {
		reg_unknown(env, dst);
	}
	reg_zext32(dst);
	reg_sync(dst);
	return 0;
}

static int mov(struct venv *env, struct bpf_insn *in)
{
	bool x = BPF_SRC(in->code) == BPF_X;
	struct vreg *dst;
	int err;

	if (x ? in->imm || !mov_off_ok(env, in) : in->src_reg || in->off) {
		vlog(env, "BPF_MOV uses reserved fields\n");
		return -EINVAL;
	}
	err = x ? vfy_use_reg(env, in->src_reg, USE_SRC) : 0;
	if (!err)
		err = vfy_use_reg(env, in->dst_reg, USE_DST_NO_MARK);
	if (err)
		return err;
	if (x)
		return mov_reg(env, in);
	dst = vfy_reg(env, in->dst_reg);
	reg_unknown(env, dst);
	reg_known(dst, BPF_CLASS(in->code) == BPF_ALU64 ? (u64)(s64)in->imm : (u32)in->imm);
	return 0;
}

int vfy_alu(struct venv *env, struct bpf_insn *in)
{
	u8 op = BPF_OP(in->code);
	bool x = BPF_SRC(in->code) == BPF_X, div = op == BPF_DIV || op == BPF_MOD;
	s32 width = BPF_CLASS(in->code) == BPF_ALU64 ? 64 : 32;
	bool shift = op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH;
	int err;

	if (op == BPF_END || op == BPF_NEG)
		return unary(env, in);
	if (op == BPF_MOV)
		return mov(env, in);
	if (op > BPF_END) {
		vlog(env, "invalid BPF_ALU opcode %x\n", op);
		return -EINVAL;
	}
	/* off 1 of a division: signed, cpu v4 */
	if ((in->off && !(div && in->off == 1 && vfy_cpu_v4(env))) ||
	    (x ? in->imm != 0 : in->src_reg != 0)) {
		vlog(env, "BPF_ALU uses reserved fields\n");
		return -EINVAL;
	}
	err = x ? vfy_use_reg(env, in->src_reg, USE_SRC) : 0;
	if (!err)
		err = vfy_use_reg(env, in->dst_reg, USE_SRC);
	if (err)
		return err;
	if (div && !x && !in->imm) {
		vlog(env, "div by zero\n");
		return -EINVAL;
	}
	if (shift && !x && (in->imm < 0 || in->imm >= width)) {
		vlog(env, "invalid shift %d\n", in->imm);
		return -EINVAL;
	}
	err = vfy_use_reg(env, in->dst_reg, USE_DST_NO_MARK);
	return err ? err : binary(env, in);
}
