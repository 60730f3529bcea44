/* SPDX-License-Identifier: BSD-2-Clause */
/* jump.c - conditional jumps: is one direction impossible, and what does each direction teach. */
#include "verifier/vfy.h"

static bool not_null_type(u32 t)
{
	return t == PTR_TO_SOCKET || t == PTR_TO_TCP_SOCK || t == PTR_TO_MAP_VALUE || t == PTR_TO_MAP_KEY || t == PTR_TO_SOCK_COMMON;
}

/* The comparison with operands exchanged. */
static u8 swapped(u8 op)
{
	static const u8 to[16] = {
		[BPF_JEQ >> 4] = BPF_JEQ,   [BPF_JNE >> 4] = BPF_JNE,	[BPF_JSET >> 4] = BPF_JSET, [BPF_JGE >> 4] = BPF_JLE,
		[BPF_JGT >> 4] = BPF_JLT,   [BPF_JLE >> 4] = BPF_JGE,	[BPF_JLT >> 4] = BPF_JGT,   [BPF_JSGE >> 4] = BPF_JSLE,
		[BPF_JSGT >> 4] = BPF_JSLT, [BPF_JSLE >> 4] = BPF_JSGE, [BPF_JSLT >> 4] = BPF_JSGT,
	};

	return to[op >> 4];
}

/* --- prediction: 1 taken, 0 not taken, -1 either --- */

static int decide(bool always, bool never)
{
	return always ? 1 : never ? 0 : -1;
}

#define TAKEN_TEMPLATE(W, PART)                                                                        \
	static int taken##W(const struct vreg *r, u##W v, u8 op)                                       \
	{                                                                                              \
		struct tnum t = PART(r->var);                                                          \
		s##W s = (s##W)v;                                                                      \
                                                                                                       \
		switch (op) {                                                                          \
		case BPF_JEQ:                                                                          \
			return tnum_is_const(t) ? t.value == v : -1;                                   \
		case BPF_JNE:                                                                          \
			return tnum_is_const(t) ? t.value != v : -1;                                   \
		case BPF_JSET:                                                                         \
			return decide(t.value & v, !((t.value | t.mask) & v));                         \
		case BPF_JGT:                                                                          \
			return decide(r->umin##W > v, r->umax##W <= v);                                \
		case BPF_JSGT:                                                                         \
			return decide(r->smin##W > s, r->smax##W <= s);                                \
		case BPF_JLT:                                                                          \
			return decide(r->umax##W < v, r->umin##W >= v);                                \
		case BPF_JSLT:                                                                         \
			return decide(r->smax##W < s, r->smin##W >= s);                                \
		case BPF_JGE:                                                                          \
			return decide(r->umin##W >= v, r->umax##W < v);                                \
		case BPF_JSGE:                                                                         \
			return decide(r->smin##W >= s, r->smax##W < s);                                \
		case BPF_JLE:                                                                          \
			return decide(r->umax##W <= v, r->umin##W > v);                                \
		case BPF_JSLE:                                                                         \
			return decide(r->smax##W <= s, r->smin##W > s);                                \
		}                                                                                      \
		return -1;                                                                             \
	}

#define WHOLE(t) (t)
TAKEN_TEMPLATE(64, WHOLE)
TAKEN_TEMPLATE(32, tnum_low32)

static int taken(const struct vreg *r, u64 v, u8 op, bool is32)
{
	if (r->type != SCALAR_VALUE) {
		/* the lower half of an address may be zero */
		if (v || is32 || !not_null_type(r->type))
			return -1;
		return op == BPF_JEQ ? 0 : op == BPF_JNE ? 1 : -1;
	}
	return is32 ? taken32(r, v, op) : taken64(r, v, op);
}

/* Packet pointers known to be at or beyond the end. */
static int taken_pkt(const struct vreg *dst, const struct vreg *src, u8 op)
{
	const struct vreg *pkt = dst;

	if (dst->type == PTR_TO_PACKET_END && src->type != PTR_TO_PACKET_END) {
		pkt = src;
		op = swapped(op);
	} else if (src->type != PTR_TO_PACKET_END) {
		return -1;
	}
	if (pkt->type == PTR_TO_PACKET_END || pkt->range >= 0)
		return -1;
	if (op == BPF_JGT || op == BPF_JLE)
		return pkt->range == PKT_BEYOND_END ? op == BPF_JGT : -1;
	if (op == BPF_JLT || op == BPF_JGE)
		return op == BPF_JGE;
	return -1;
}

/* --- lessons --- */

#define LEARN_TEMPLATE(W)                                                                              \
	static void learn##W(struct vreg *yes, struct vreg *no, u##W v, u8 op)                         \
	{                                                                                              \
		s##W s = (s##W)v;                                                                      \
                                                                                                       \
		switch (op) {                                                                          \
		case BPF_JGE:                                                                          \
			no->umax##W = min(no->umax##W, (u##W)(v - 1));                                 \
			yes->umin##W = max(yes->umin##W, v);                                           \
			break;                                                                         \
		case BPF_JGT:                                                                          \
			no->umax##W = min(no->umax##W, v);                                             \
			yes->umin##W = max(yes->umin##W, (u##W)(v + 1));                               \
			break;                                                                         \
		case BPF_JSGE:                                                                         \
			no->smax##W = min(no->smax##W, (s##W)(v - 1));                                 \
			yes->smin##W = max(yes->smin##W, s);                                           \
			break;                                                                         \
		case BPF_JSGT:                                                                         \
			no->smax##W = min(no->smax##W, s);                                             \
			yes->smin##W = max(yes->smin##W, (s##W)(v + 1));                               \
			break;                                                                         \
		case BPF_JLE:                                                                          \
			no->umin##W = max(no->umin##W, (u##W)(v + 1));                                 \
			yes->umax##W = min(yes->umax##W, v);                                           \
			break;                                                                         \
		case BPF_JLT:                                                                          \
			no->umin##W = max(no->umin##W, v);                                             \
			yes->umax##W = min(yes->umax##W, (u##W)(v - 1));                               \
			break;                                                                         \
		case BPF_JSLE:                                                                         \
			no->smin##W = max(no->smin##W, (s##W)(v + 1));                                 \
			yes->smax##W = min(yes->smax##W, s);                                           \
			break;                                                                         \
		case BPF_JSLT:                                                                         \
			no->smin##W = max(no->smin##W, s);                                             \
			yes->smax##W = min(yes->smax##W, (s##W)(v - 1));                               \
			break;                                                                         \
		}                                                                                      \
	}

LEARN_TEMPLATE(64)
LEARN_TEMPLATE(32)

static void forget_bounds(struct vreg *r)
{
	reg_forget64(r);
	reg_forget32(r);
}

static void learn_equal(struct vreg *r, u64 v, bool is32)
{
	if (is32)
		reg_set_const32(r, v);
	else
		reg_set_const(r, v);
}

/* Bits tested: the branch not taken has them clear; a single one is set in the other. */
static void learn_bits(struct vreg *yes, struct vreg *no, u64 v, bool is32)
{
	struct tnum *n = &no->var, *y = &yes->var;
	u64 bits = is32 ? (u32)v : v;

	forget_bounds(no);
	*n = tnum_and(*n, tnum_const(~bits));
	if (bits && !(bits & (bits - 1)))
		*y = tnum_or(*y, tnum_const(bits));
}

static void learn(struct vreg *yes, struct vreg *no, u64 v, u8 op, bool is32)
{
	if (no->type != SCALAR_VALUE)
		return;
	switch (op) {
	case BPF_JEQ:
		learn_equal(yes, v, is32);
		break;
	case BPF_JNE:
		learn_equal(no, v, is32);
		break;
	case BPF_JSET:
		learn_bits(yes, no, v, is32);
		break;
	default:
		if (is32)
			learn32(yes, no, v, op);
		else
			learn64(yes, no, v, op);
	}
	if (is32) {
		reg_32_into_64(no);
		reg_32_into_64(yes);
	} else {
		reg_64_into_32(no);
		reg_64_into_32(yes);
	}
}

static void learn_same(struct vreg *a, struct vreg *b)
{
	a->umin64 = b->umin64 = max(a->umin64, b->umin64);
	a->umax64 = b->umax64 = min(a->umax64, b->umax64);
	a->smin64 = b->smin64 = max(a->smin64, b->smin64);
	a->smax64 = b->smax64 = min(a->smax64, b->smax64);
	a->var = b->var = tnum_intersect(a->var, b->var);
	reg_sync(a);
	reg_sync(b);
}

/* Registers and slots of frame @f that hold the same number as @known. */
static void find_copies(const struct vframe *f, const struct vreg *known, u32 *regs, u64 *slots)
{
	if (known->type != SCALAR_VALUE || !known->id)
		return;
	for (u32 i = 0; i < VFY_REGS; i++)
		if (f->regs[i].type == SCALAR_VALUE && f->regs[i].id == known->id && &f->regs[i] != known)
			*regs |= 1u << i;
	for (u32 i = 0; i < f->nr_slots; i++)
		if (f->slots[i].kind[0] == SLOT_SPILL && f->slots[i].reg.type == SCALAR_VALUE && f->slots[i].reg.id == known->id)
			*slots |= 1ull << i;
}

/* Notes whose knowledge will depend on the operands, for whoever walks back from them. */
static int note_copies(struct venv *env, const struct bpf_insn *in)
{
	struct vframe *f = vfy_frame(env);
	u64 slots = 0;
	u32 regs = 0;

	find_copies(f, &f->regs[in->dst_reg], &regs, &slots);
	if (BPF_SRC(in->code) == BPF_X)
		find_copies(f, &f->regs[in->src_reg], &regs, &slots);
	return regs || slots ? vfy_jump_copies(env, regs, slots) : 0;
}

/* Copies of a scalar learn what it learned. */
static void spread(struct vstate *st, const struct vreg *known)
{
	struct vreg k = *known;

	for_each_vreg(st, r, {
		if (r->type == SCALAR_VALUE && r->id == k.id && r != known)
			reg_copy(r, &k);
	});
}

static void spread_both(struct vstate *a, struct vstate *b, u32 regno)
{
	struct vreg *ra = &a->frame[a->curframe]->regs[regno], *rb = &b->frame[b->curframe]->regs[regno];

	if (ra->type != SCALAR_VALUE || !ra->id || ra->id != rb->id)
		return;
	spread(a, ra);
	spread(b, rb);
}

/* --- packet range --- */

/* On @st the packet reaches to @r (included, when @open). */
static void pkt_reaches(struct vstate *st, const struct vreg *r, bool open)
{
	u32 type = r->type, id = r->id;
	s32 range = r->off + open;

	if (r->off < 0 || (!r->off && open))
		return;
	if (r->umax64 > VFY_MAX_PACKET_OFF || r->umax64 + r->off > VFY_MAX_PACKET_OFF)
		return;
	for_each_vreg(st, x, {
		if (x->type == type && x->id == id)
			x->range = max(x->range, range);
	});
}

static void pkt_at_end(struct vstate *st, u32 regno, bool beyond)
{
	struct vreg *r = &st->frame[st->curframe]->regs[regno];

	if (r->type == PTR_TO_PACKET)
		r->range = beyond ? PKT_BEYOND_END : PKT_AT_END;
}

static bool is_pkt_start(const struct vreg *r)
{
	return r->type == PTR_TO_PACKET && !r->id && !r->off && tnum_is(r->var, 0);
}

/* Is this "data pointer compared with its end"? */
static bool data_vs_end(const struct vreg *data, const struct vreg *end)
{
	return (data->type == PTR_TO_PACKET && end->type == PTR_TO_PACKET_END) ||
	       (data->type == PTR_TO_PACKET_META && is_pkt_start(end));
}

static bool learn_pkt(const struct bpf_insn *in, struct vstate *no, struct vstate *yes)
{
	struct vreg *dst = &no->frame[no->curframe]->regs[in->dst_reg], *src = &no->frame[no->curframe]->regs[in->src_reg];
	u8 op = BPF_OP(in->code);
	struct vstate *good, *bad;
	u32 data;
	bool strict;

	if (BPF_SRC(in->code) != BPF_X || BPF_CLASS(in->code) == BPF_JMP32)
		return false;
	if (op != BPF_JGT && op != BPF_JLT && op != BPF_JGE && op != BPF_JLE)
		return false;
	if (data_vs_end(dst, src)) {
		data = in->dst_reg;
	} else if (data_vs_end(src, dst)) {
		data = in->src_reg;
		op = swapped(op);
	} else {
		return false;
	}
	/* now: data op end. The good branch is where data < end (strict) or data <= end. */
	good = op == BPF_JGT || op == BPF_JGE ? no : yes;
	bad = good == no ? yes : no;
	strict = op == BPF_JGE || op == BPF_JLT;
	pkt_reaches(good, &no->frame[no->curframe]->regs[data], strict);
	pkt_at_end(bad, data, !strict);
	return true;
}

/* --- null checks --- */

void vfy_not_null(struct venv *env, struct vreg *r)
{
	struct bpf_map *map;

	if (type_base(r->type) != PTR_TO_MAP_VALUE) {
		r->type &= ~PTR_MAYBE_NULL;
		return;
	}
	map = r->map;
	r->type = PTR_TO_MAP_VALUE;
	if (map->inner_map_meta) {
		r->type = CONST_PTR_TO_MAP;
		r->map = map->inner_map_meta;
		if (r->map->btf && vfy_map_fields(env, r->map)->timer_off >= 0)
			r->map_uid = r->id;
	} else if (map->map_type == BPF_MAP_TYPE_XSKMAP) {
		r->type = PTR_TO_XDP_SOCK;
	} else if (map->map_type == BPF_MAP_TYPE_SOCKMAP || map->map_type == BPF_MAP_TYPE_SOCKHASH) {
		r->type = PTR_TO_SOCKET;
	}
}

static void null_mark_one(struct venv *env, struct vreg *r, u32 id, bool is_null)
{
	if (!(r->type & PTR_MAYBE_NULL) || r->id != id || !id)
		return;
	if (r->smin64 || r->smax64 || !tnum_is(r->var, 0) || r->off)
		return;
	if (is_null) {
		r->type = SCALAR_VALUE;
		r->id = r->ref_id = 0;
		r->raw[0] = r->raw[1] = 0;
		reg_set_const(r, 0);
		return;
	}
	vfy_not_null(env, r);
	if (!(r->type == PTR_TO_MAP_VALUE && vfy_map_has_lock(env, r->map)))
		r->id = 0;
}

void vfy_null_mark(struct venv *env, struct vstate *st, u32 regno, bool is_null)
{
	struct vreg *reg = &st->frame[st->curframe]->regs[regno];
	u32 id = reg->id, ref = reg->ref_id;

	if (ref && ref == id && is_null)
		vfy_ref_forget(st->frame[st->curframe], id);
	for_each_vreg(st, r, null_mark_one(env, r, id, is_null));
}

/* --- the instruction --- */

static int predict(const struct bpf_insn *in, const struct vreg *dst, const struct vreg *src, bool is32)
{
	u8 op = BPF_OP(in->code);
	struct tnum s;

	if (!src)
		return taken(dst, (u64)(s64)in->imm, op, is32);
	s = is32 ? tnum_low32(src->var) : src->var;
	if (src->type == SCALAR_VALUE && tnum_is_const(s))
		return taken(dst, s.value, op, is32);
	if (!is32 && reg_is_pkt_any(dst) && reg_is_pkt_any(src))
		return taken_pkt(dst, src, op);
	return -1;
}

static int operands(struct venv *env, const struct bpf_insn *in)
{
	u8 op = BPF_OP(in->code);
	int err;

	if (op == BPF_JA || op > BPF_JSLE) {
		vlog(env, "invalid BPF_JMP/JMP32 opcode %x\n", op);
		return -EINVAL;
	}
	err = vfy_use_reg(env, in->dst_reg, USE_SRC);
	if (err)
		return err;
	if (BPF_SRC(in->code) == BPF_X ? in->imm != 0 : in->src_reg != 0) {
		vlog(env, "BPF_JMP/JMP32 uses reserved fields\n");
		return -EINVAL;
	}
	if (BPF_SRC(in->code) != BPF_X)
		return 0;
	err = vfy_use_reg(env, in->src_reg, USE_SRC);
	if (err)
		return err;
	if (!(reg_is_pkt_any(vfy_reg(env, in->dst_reg)) && reg_is_pkt_any(vfy_reg(env, in->src_reg))) &&
	    reg_leaks(env, in->src_reg)) {
		vlog(env, "R%d pointer comparison prohibited\n", in->src_reg);
		return -EACCES;
	}
	return 0;
}

/* Only one direction is possible; the other is walked as speculation may. */
static int follow(struct venv *env, struct bpf_insn *in, s32 *idx, bool jump, const struct vreg *dst, const struct vreg *src)
{
	s32 target = *idx + in->off + 1;
	int err = 0;

	if (dst->type == SCALAR_VALUE)
		err = vfy_precise(env, in->dst_reg);
	if (!err && src && src->type == SCALAR_VALUE)
		err = vfy_precise(env, in->src_reg);
	if (err)
		return err;
	if (!env->bypass_v1 && !vfy_push_speculative(env, in, jump ? *idx + 1 : target, *idx))
		return -EFAULT;
	if (vlog_level(env) & (LOG_LEVEL1 | LOG_LEVEL2))
		vfy_log_state_line(env, vfy_frame(env));
	if (jump)
		*idx += in->off;
	return 0;
}

static void learn_regs(const struct bpf_insn *in, struct vstate *no, struct vstate *yes, bool is32)
{
	struct vreg *nr = no->frame[no->curframe]->regs, *yr = yes->frame[yes->curframe]->regs;
	struct vreg *dst = &nr[in->dst_reg], *src = &nr[in->src_reg];
	u8 op = BPF_OP(in->code);

	if (dst->type != SCALAR_VALUE)
		return;
	if (BPF_SRC(in->code) == BPF_K) {
		learn(&yr[in->dst_reg], dst, (u64)(s64)in->imm, op, is32);
		spread_both(no, yes, in->dst_reg);
		return;
	}
	if (src->type == SCALAR_VALUE) {
		bool src_const = tnum_is_const(is32 ? tnum_low32(src->var) : src->var);
		bool dst_const = tnum_is_const(is32 ? tnum_low32(dst->var) : dst->var);

		if (src_const)
			learn(&yr[in->dst_reg], dst, is32 ? (u32)src->var.value : src->var.value, op, is32);
		else if (dst_const)
			learn(&yr[in->src_reg], src, is32 ? (u32)dst->var.value : dst->var.value, swapped(op), is32);
		else if (!is32 && op == BPF_JEQ)
			learn_same(&yr[in->src_reg], &yr[in->dst_reg]);
		else if (!is32 && op == BPF_JNE)
			learn_same(src, dst);
		spread_both(no, yes, in->src_reg);
	}
	spread_both(no, yes, in->dst_reg);
}

int vfy_jump(struct venv *env, struct bpf_insn *in, s32 *idx)
{
	bool is32 = BPF_CLASS(in->code) == BPF_JMP32, x = BPF_SRC(in->code) == BPF_X;
	u8 op = BPF_OP(in->code);
	struct vreg *dst, *src;
	struct vstate *yes;
	int err, pred;

	err = operands(env, in);
	if (err)
		return err;
	dst = vfy_reg(env, in->dst_reg);
	src = x ? vfy_reg(env, in->src_reg) : NULL;
	pred = predict(in, dst, src, is32);
	if (pred >= 0)
		return follow(env, in, idx, pred, dst, src);
	err = note_copies(env, in);
	if (err)
		return err;
	yes = vfy_push(env, *idx + in->off + 1, *idx, false);
	if (!yes)
		return -EFAULT;
	learn_regs(in, env->cur, yes, is32);
	if (!is32 && !x && !in->imm && (op == BPF_JEQ || op == BPF_JNE) && (dst->type & PTR_MAYBE_NULL)) {
		vfy_null_mark(env, env->cur, in->dst_reg, op == BPF_JNE);
		vfy_null_mark(env, yes, in->dst_reg, op == BPF_JEQ);
	} else if (!learn_pkt(in, env->cur, yes) && reg_leaks(env, in->dst_reg)) {
		vlog(env, "R%d pointer comparison prohibited\n", in->dst_reg);
		return -EACCES;
	}
	if (vlog_level(env) & (LOG_LEVEL1 | LOG_LEVEL2))
		vfy_log_state_line(env, vfy_frame(env));
	return 0;
}
