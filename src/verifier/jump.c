/* SPDX-License-Identifier: BSD-2-Clause */
/* jump.c - conditional jumps: is one direction impossible, and what does each direction teach. */
#include "verifier/vfy.h"

static bool not_null_type(u32 t)
{
	return t == PTR_TO_SOCKET || t == PTR_TO_TCP_SOCK || t == PTR_TO_MAP_VALUE ||
	       t == PTR_TO_MAP_KEY || t == PTR_TO_SOCK_COMMON;
}

/* The comparison with operands exchanged. */
static u8 swapped(u8 op)
{
	static const u8 to[16] = {
		[BPF_JEQ >> 4] = BPF_JEQ,   [BPF_JNE >> 4] = BPF_JNE,	[BPF_JSET >> 4] = BPF_JSET,
		[BPF_JGE >> 4] = BPF_JLE,   [BPF_JGT >> 4] = BPF_JLT,	[BPF_JLE >> 4] = BPF_JGE,
		[BPF_JLT >> 4] = BPF_JGT,   [BPF_JSGE >> 4] = BPF_JSLE, [BPF_JSGT >> 4] = BPF_JSLT,
		[BPF_JSLE >> 4] = BPF_JSGE, [BPF_JSLT >> 4] = BPF_JSGT,
	};

	return to[op >> 4];
}

/* --- prediction: 1 taken, 0 not taken, -1 either --- */

static int decide(bool always, bool never)
{
	return always ? 1 : never ? 0 : -1;
}

#define TAKEN_TEMPLATE(W, PART)                                                                  \
	static bool disjoint##W(const struct vreg *a, const struct vreg *b)                      \
	{                                                                                        \
		struct tnum x = PART(a->var), y = PART(b->var);                                  \
                                                                                                 \
		return a->umin##W > b->umax##W || a->umax##W < b->umin##W ||                     \
		       a->smin##W > b->smax##W || a->smax##W < b->smin##W ||                     \
		       ((x.value ^ y.value) & ~(x.mask | y.mask));                               \
	}                                                                                        \
                                                                                                 \
	static int taken##W(const struct vreg *a, const struct vreg *b, u8 op)                   \
	{                                                                                        \
		struct tnum x = PART(a->var), y = PART(b->var);                                  \
		bool same = tnum_is_const(x) && tnum_is_const(y) && x.value == y.value;          \
                                                                                                 \
		switch (op) {                                                                    \
		case BPF_JEQ: return decide(same, disjoint##W(a, b));                            \
		case BPF_JNE: return decide(disjoint##W(a, b), same);                            \
		case BPF_JSET:                                                                   \
			return decide(x.value & y.value,                                         \
				      !((x.value | x.mask) & (y.value | y.mask)));               \
		case BPF_JGT: return decide(a->umin##W > b->umax##W, a->umax##W <= b->umin##W);  \
		case BPF_JSGT: return decide(a->smin##W > b->smax##W, a->smax##W <= b->smin##W); \
		case BPF_JLT: return decide(a->umax##W < b->umin##W, a->umin##W >= b->umax##W);  \
		case BPF_JSLT: return decide(a->smax##W < b->smin##W, a->smin##W >= b->smax##W); \
		case BPF_JGE: return decide(a->umin##W >= b->umax##W, a->umax##W < b->umin##W);  \
		case BPF_JSGE: return decide(a->smin##W >= b->smax##W, a->smax##W < b->smin##W); \
		case BPF_JLE: return decide(a->umax##W <= b->umin##W, a->umin##W > b->umax##W);  \
		case BPF_JSLE: return decide(a->smax##W <= b->smin##W, a->smin##W > b->smax##W); \
		}                                                                                \
		return -1;                                                                       \
	}

#define WHOLE(t) (t)
TAKEN_TEMPLATE(64, WHOLE)
TAKEN_TEMPLATE(32, tnum_low32)

/* An address other than NULL against @v. */
static int taken_ptr(const struct vreg *r, const struct vreg *v, u8 op, bool is32)
{
	/* its lower half may be zero */
	if (is32 || !tnum_is(v->var, 0) || !not_null_type(r->type))
		return -1;
	return op == BPF_JEQ ? 0 : op == BPF_JNE ? 1 : -1;
}

static int taken(const struct vreg *a, const struct vreg *b, u8 op, bool is32)
{
	if (a->type != SCALAR_VALUE)
		return taken_ptr(a, b, op, is32);
	if (is32)
		return taken32(a, b, op);
	/* halves that differ are enough */
	if ((op == BPF_JEQ || op == BPF_JNE) && disjoint32(a, b))
		return op == BPF_JNE;
	return taken64(a, b, op);
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

#define LEARN_TEMPLATE(W, PART)                                                        \
	/* a < b, or a <= b */                                                         \
	static void learn_below##W(struct vreg *a, struct vreg *b, bool strict)        \
	{                                                                              \
		a->umax##W = min(a->umax##W, (u##W)(b->umax##W - strict));             \
		b->umin##W = max(b->umin##W, (u##W)(a->umin##W + strict));             \
	}                                                                              \
                                                                                       \
	static void learn_below_signed##W(struct vreg *a, struct vreg *b, bool strict) \
	{                                                                              \
		a->smax##W = min(a->smax##W, (s##W)((u##W)b->smax##W - strict));       \
		b->smin##W = max(b->smin##W, (s##W)((u##W)a->smin##W + strict));       \
	}                                                                              \
                                                                                       \
	static void learn_same##W(struct vreg *a, struct vreg *b)                      \
	{                                                                              \
		a->umin##W = b->umin##W = max(a->umin##W, b->umin##W);                 \
		a->umax##W = b->umax##W = min(a->umax##W, b->umax##W);                 \
		a->smin##W = b->smin##W = max(a->smin##W, b->smin##W);                 \
		a->smax##W = b->smax##W = min(a->smax##W, b->smax##W);                 \
	}                                                                              \
                                                                                       \
	/* a value at an end of the range is not in it */                              \
	static void learn_not##W(struct vreg *a, u##W v)                               \
	{                                                                              \
		if (a->umin##W >= a->umax##W || a->smin##W >= a->smax##W)              \
			return;                                                        \
		a->umin##W += a->umin##W == v;                                         \
		a->umax##W -= a->umax##W == v;                                         \
		a->smin##W += a->smin##W == (s##W)v;                                   \
		a->smax##W -= a->smax##W == (s##W)v;                                   \
	}                                                                              \
                                                                                       \
	static void learn_order##W(struct vreg *a, struct vreg *b, u8 op)              \
	{                                                                              \
		switch (op) {                                                          \
		case BPF_JLT:                                                          \
		case BPF_JLE: return learn_below##W(a, b, op == BPF_JLT);              \
		case BPF_JGT:                                                          \
		case BPF_JGE: return learn_below##W(b, a, op == BPF_JGT);              \
		case BPF_JSLT:                                                         \
		case BPF_JSLE: return learn_below_signed##W(a, b, op == BPF_JSLT);     \
		case BPF_JSGT:                                                         \
		case BPF_JSGE: return learn_below_signed##W(b, a, op == BPF_JSGT);     \
		}                                                                      \
	}

LEARN_TEMPLATE(64, WHOLE)
LEARN_TEMPLATE(32, tnum_low32)

static void learn_same(struct vreg *a, struct vreg *b, bool is32)
{
	if (!is32) {
		learn_same64(a, b);
		a->var = b->var = tnum_intersect(a->var, b->var);
	} else {
		struct tnum low = tnum_intersect(tnum_low32(a->var), tnum_low32(b->var));

		learn_same32(a, b);
		a->var = tnum_or(tnum_high32(a->var), low);
		b->var = tnum_or(tnum_high32(b->var), low);
	}
}

static void learn_not(struct vreg *a, const struct vreg *b, bool is32)
{
	if (is32 && tnum_low32_const(b->var))
		learn_not32(a, b->var.value);
	else if (!is32 && tnum_is_const(b->var))
		learn_not64(a, b->var.value);
}

/* Bits tested: a single one is set where the jump is taken, all are clear where it is not. */
static void learn_bits(struct vreg *a, const struct vreg *b, bool is32, bool jumped)
{
	u64 bits = is32 ? (u32)b->var.value : b->var.value;

	if (is32 ? !tnum_low32_const(b->var) : !tnum_is_const(b->var))
		return;
	if (!jumped)
		a->var = tnum_and(a->var, tnum_const(~bits));
	else if (bits && !(bits & (bits - 1)))
		a->var = tnum_or(a->var, tnum_const(bits));
}

/* The comparison that holds where @op does not. */
static u8 opposite(u8 op)
{
	static const u8 to[16] = {
		[BPF_JEQ >> 4] = BPF_JNE,   [BPF_JNE >> 4] = BPF_JEQ,	[BPF_JGE >> 4] = BPF_JLT,
		[BPF_JGT >> 4] = BPF_JLE,   [BPF_JLE >> 4] = BPF_JGT,	[BPF_JLT >> 4] = BPF_JGE,
		[BPF_JSGE >> 4] = BPF_JSLT, [BPF_JSGT >> 4] = BPF_JSLE, [BPF_JSLE >> 4] = BPF_JSGT,
		[BPF_JSLT >> 4] = BPF_JSGE,
	};

	return to[op >> 4];
}

/* Scalars @a and @b, which may be the same register, where "a op b" held or not. */
static void learn(struct vreg *a, struct vreg *b, u8 op, bool is32, bool jumped)
{
	if (op == BPF_JSET) {
		learn_bits(a, b, is32, jumped);
		learn_bits(b, a, is32, jumped);
	} else {
		op = jumped ? op : opposite(op);
		if (op == BPF_JEQ) {
			learn_same(a, b, is32);
		} else if (op == BPF_JNE) {
			learn_not(a, b, is32);
			learn_not(b, a, is32);
		} else if (is32) {
			learn_order32(a, b, op);
		} else {
			learn_order64(a, b, op);
		}
	}
	reg_sync(a);
	if (!tnum_is_const(b->var))
		reg_sync(b);
}

/* Registers and slots of frame @f that hold the same number as @known. */
static void find_copies(const struct vframe *f, const struct vreg *known, u32 *regs, u64 *slots)
{
	if (known->type != SCALAR_VALUE || !known->id)
		return;
	for (u32 i = 0; i < VFY_REGS; i++)
		if (f->regs[i].type == SCALAR_VALUE && f->regs[i].id == known->id &&
		    &f->regs[i] != known)
			*regs |= 1u << i;
	for (u32 i = 0; i < f->nr_slots; i++)
		if (f->slots[i].kind[0] == SLOT_SPILL && f->slots[i].reg.type == SCALAR_VALUE &&
		    f->slots[i].reg.id == known->id)
			*slots |= 1ull << i;
}

/* ... as an operand of @in in frame @of. */
static void find_both(const struct vframe *f, const struct vframe *of, const struct bpf_insn *in,
		      u32 *regs, u64 *slots)
{
	find_copies(f, &of->regs[in->dst_reg], regs, slots);
	if (BPF_SRC(in->code) == BPF_X)
		find_copies(f, &of->regs[in->src_reg], regs, slots);
}

/* Notes whose knowledge will depend on the operands, for whoever walks back from them. */
static int note_copies(struct venv *env, const struct bpf_insn *in)
{
	struct vframe *f = vfy_frame(env);
	u64 slots = 0, more_slots = 0;
	u32 regs = 0, more_regs = 0;
	bool outer;

	find_both(f, f, in, &regs, &slots);
	for (u32 i = 0; i < env->cur->curframe; i++)
		find_both(env->cur->frame[i], f, in, &more_regs, &more_slots);
	outer = more_regs || more_slots;
	return regs || slots || outer ? vfy_jump_copies(env, regs, slots, outer) : 0;
}

/* @r is @known plus a constant. When one of them is a sum of 32 bits, only their lower halves
 * tell of each other. */
static void learn_sum(struct vreg *r, const struct vreg *known)
{
	bool narrow = r->narrow || known->narrow;
	struct vreg sum = *known, step = {.type = SCALAR_VALUE};

	reg_known(&step, (u64)((s64)r->delta - known->delta));
	scalar_op(&sum, &step, BPF_ADD, narrow);
	if (narrow)
		reg_zext32(&sum);
	reg_sync(&sum);
	r->precise |= known->precise;
	if (narrow && !r->narrow) {
		learn_same(r, &sum, true);
		reg_sync(r);
		return;
	}
	memcpy(&r->var, &sum.var, offsetof(struct vreg, live) - offsetof(struct vreg, var));
}

/* Copies of a scalar learn what it learned. */
static void spread(struct vstate *st, const struct vreg *known)
{
	struct vreg k = *known;

	for_each_vreg(st, r, {
		if (r->type != SCALAR_VALUE || r->id != k.id || r == known)
			continue;
		if (r->delta == k.delta && r->narrow == k.narrow)
			reg_copy(r, &k);
		else
			learn_sum(r, &k);
	});
}

static void spread_both(struct vstate *a, struct vstate *b, u32 regno)
{
	struct vreg *ra = &a->frame[a->curframe]->regs[regno],
		    *rb = &b->frame[b->curframe]->regs[regno];

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
	struct vreg *dst = &no->frame[no->curframe]->regs[in->dst_reg],
		    *src = &no->frame[no->curframe]->regs[in->src_reg];
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
	} else if (map->map_type == BPF_MAP_TYPE_SOCKMAP ||
		   map->map_type == BPF_MAP_TYPE_SOCKHASH) {
		r->type = PTR_TO_SOCKET;
	}
}

static void null_mark_one(struct venv *env, struct vreg *r, u32 id, bool is_null)
{
	if (!(r->type & PTR_MAYBE_NULL) || r->id != id || !id)
		return;
	if (r->smin64 || r->smax64 || !tnum_is(r->var, 0) || (r->off && !vfy_is_object(r->type)))
		return;
	if (is_null) {
		r->off = 0;
		r->type = SCALAR_VALUE;
		r->id = r->ref_id = 0;
		r->raw[0] = r->raw[1] = 0;
		reg_set_const(r, 0);
		return;
	}
	vfy_not_null(env, r);
	if (!(r->type == PTR_TO_MAP_VALUE && vfy_map_has_lock(env, r->map)) &&
	    !(vfy_is_object(r->type) && vfy_object_lock(env, r) >= 0))
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

static int predict(const struct bpf_insn *in, const struct vreg *dst, const struct vreg *src,
		   bool is32)
{
	/* 0 > anything and the like: 6.1 walks both ways when the constant stands on the left */
	if (src->type == SCALAR_VALUE && reg_unbounded(src) && tnum_is_const(dst->var))
		return -1;
	if (src->type == SCALAR_VALUE)
		return taken(dst, src, BPF_OP(in->code), is32);
	if (dst->type == SCALAR_VALUE)
		return -1;
	if (!is32 && reg_is_pkt_any(dst) && reg_is_pkt_any(src))
		return taken_pkt(dst, src, BPF_OP(in->code));
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
	if (!(reg_is_pkt_any(vfy_reg(env, in->dst_reg)) &&
	      reg_is_pkt_any(vfy_reg(env, in->src_reg))) &&
	    reg_leaks(env, in->src_reg)) {
		vlog(env, "R%d pointer comparison prohibited\n", in->src_reg);
		return -EACCES;
	}
	return 0;
}

/* Only one direction is possible; the other is walked as speculation may. */
static int follow(struct venv *env, struct bpf_insn *in, s32 *idx, bool jump,
		  const struct vreg *dst, const struct vreg *src)
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

static void learn_on(struct vstate *st, const struct bpf_insn *in, struct vreg *imm, bool is32,
		     bool jumped)
{
	struct vreg *regs = st->frame[st->curframe]->regs, *dst = &regs[in->dst_reg],
		    *src = &regs[in->src_reg];

	if (imm) {
		reg_set_const(imm, (u64)(s64)in->imm);
		src = imm;
	}
	if (dst->type == SCALAR_VALUE && src->type == SCALAR_VALUE)
		learn(dst, src, BPF_OP(in->code), is32, jumped);
}

static void learn_regs(const struct bpf_insn *in, struct vstate *no, struct vstate *yes,
		       struct vreg *imm, bool is32)
{
	learn_on(no, in, imm, is32, false);
	learn_on(yes, in, imm, is32, true);
	if (!imm)
		spread_both(no, yes, in->src_reg);
	spread_both(no, yes, in->dst_reg);
}

int vfy_jump(struct venv *env, struct bpf_insn *in, s32 *idx)
{
	bool is32 = BPF_CLASS(in->code) == BPF_JMP32, x = BPF_SRC(in->code) == BPF_X;
	u8 op = BPF_OP(in->code);
	struct vreg *dst, *src, imm;
	struct vstate *yes;
	int err, pred;

	err = operands(env, in);
	if (err)
		return err;
	dst = vfy_reg(env, in->dst_reg);
	if (x) {
		src = vfy_reg(env, in->src_reg);
	} else {
		imm.type = SCALAR_VALUE;
		reg_known(&imm, (u64)(s64)in->imm);
		src = &imm;
	}
	pred = predict(in, dst, src, is32);
	if (pred >= 0)
		return follow(env, in, idx, pred, dst, x ? src : NULL);
	err = note_copies(env, in);
	if (err)
		return err;
	yes = vfy_push(env, *idx + in->off + 1, *idx, false);
	if (!yes)
		return -EFAULT;
	learn_regs(in, env->cur, yes, x ? NULL : &imm, is32);
	if (!is32 && !x && !in->imm && (op == BPF_JEQ || op == BPF_JNE) &&
	    (dst->type & PTR_MAYBE_NULL)) {
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
