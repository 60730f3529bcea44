/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rewrite.c - what happens to a program after it was found safe.
 *
 * Each pass walks the program once and emits a new one: nothing, the instruction itself, or several
 * in its place. rw_end() then puts jumps, subprog starts, func_info and line_info in step, so a
 * pass costs O(n) whatever it changes.
 */
#include <stdlib.h>
#include "verifier/rewrite.h"

/* speculation state of pointer arithmetic, as the check leaves it in aux->alu_state */
#define ALU_SANITIZE_SRC (1u << 0)
#define ALU_SANITIZE_DST (1u << 1)
#define ALU_NEG_VALUE	 (1u << 2)
#define ALU_NON_POINTER	 (1u << 3)
#define ALU_IMMEDIATE	 (1u << 4)
#define ALU_SANITIZE	 (ALU_SANITIZE_SRC | ALU_SANITIZE_DST)
#define REG_AX		 11 /* scratch register programs cannot name */

#define RW_BUF 32u /* most instructions one may turn into */

struct rw {
	struct vfy_prog *prog;
	struct vfy_insn_aux **aux;
	struct log *log;
	/* the program being emitted */
	struct bpf_insn *out;
	struct vfy_insn_aux *out_aux;
	u32 *from; /* per emitted insn: old index + 1 when its jump is to be relocated, 0 for insns
		      of our own */
	u32 n, cap;
	u32 *pos;     /* old index -> first emitted insn; [len] = end */
	u32 prologue; /* insns emitted ahead of insn 0, not to be jumped to */
};

static int err_misconfigured(struct rw *rw)
{
	log_printf(rw->log, "bpf verifier is misconfigured\n");
	return -EINVAL;
}

static int rw_begin(struct rw *rw)
{
	u32 len = rw->prog->len;

	rw->n = 0;
	rw->prologue = 0;
	rw->cap = len + len / 4 + RW_BUF;
	rw->out = malloc(rw->cap * sizeof(*rw->out));
	rw->out_aux = malloc(rw->cap * sizeof(*rw->out_aux));
	rw->from = malloc(rw->cap * sizeof(*rw->from));
	rw->pos = malloc((len + 1) * sizeof(*rw->pos));
	return rw->out && rw->out_aux && rw->from && rw->pos ? 0 : -ENOMEM;
}

static void rw_drop(struct rw *rw)
{
	free(rw->out);
	free(rw->out_aux);
	free(rw->from);
	free(rw->pos);
	rw->out = NULL;
	rw->out_aux = NULL;
	rw->from = rw->pos = NULL;
}

static bool grow(void **p, size_t bytes)
{
	void *q = realloc(*p, bytes);

	if (q)
		*p = q;
	return q;
}

static int rw_room(struct rw *rw)
{
	u32 cap = rw->cap * 2;

	if (likely(rw->n < rw->cap))
		return 0;
	if (!grow((void **)&rw->out, cap * sizeof(*rw->out)) ||
	    !grow((void **)&rw->out_aux, cap * sizeof(*rw->out_aux)) ||
	    !grow((void **)&rw->from, cap * sizeof(*rw->from)))
		return -ENOMEM;
	rw->cap = cap;
	return 0;
}

/* Emits @insn. It stands for old instruction @i (jump relocated, aux inherited), or, with @own, is
 * an addition for it. */
static int rw_emit(struct rw *rw, const struct bpf_insn *insn, u32 i, bool own)
{
	const struct vfy_insn_aux *aux = &(*rw->aux)[i];

	if (rw_room(rw))
		return -ENOMEM;
	rw->out[rw->n] = *insn;
	rw->from[rw->n] = own ? 0 : i + 1;
	if (own)
		rw->out_aux[rw->n] =
			(struct vfy_insn_aux){.seen = aux->seen, .orig_idx = aux->orig_idx};
	else
		rw->out_aux[rw->n] = *aux;
	rw->n++;
	return 0;
}

static int rw_keep(struct rw *rw, u32 i)
{
	return rw_emit(rw, &rw->prog->insns[i], i, false);
}

/* @cnt instructions instead of @i; @self: which of them is the old one and inherits its aux, or -1
 */
static int rw_patch(struct rw *rw, u32 i, const struct bpf_insn *buf, int cnt, int self)
{
	int k, err = 0;

	for (k = 0; k < cnt && !err; k++)
		err = rw_emit(rw, &buf[k], i, k != self);
	return err;
}

/* --- keeping everything in step --- */

enum jump_kind { JUMP_NONE, JUMP_OFF, JUMP_IMM };

static enum jump_kind jump_kind(const struct bpf_insn *insn)
{
	u8 class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	if (insn->code == (BPF_LD | BPF_IMM | BPF_DW))
		return insn->src_reg == BPF_PSEUDO_FUNC ? JUMP_IMM : JUMP_NONE;
	if (class != BPF_JMP && class != BPF_JMP32)
		return JUMP_NONE;
	if (op == BPF_CALL)
		return insn->src_reg == BPF_PSEUDO_CALL ? JUMP_IMM : JUMP_NONE;
	if (op == BPF_EXIT || insn->code == (BPF_JMP | BPF_TAIL_CALL))
		return JUMP_NONE;
	return class == BPF_JMP32 && op == BPF_JA ? JUMP_IMM : JUMP_OFF;
}

static u32 jump_target(const struct rw *rw, u32 old, s64 rel)
{
	s64 to = (s64)old + 1 + rel;

	if (to < 0 || to > rw->prog->len)
		return UINT32_MAX;
	return to ? rw->pos[to] : rw->prologue;
}

/* The jump at @old no longer reaches: names the instruction whose replacement was too much, those
 * before it being replaced first. */
static int err_too_far(struct rw *rw, u32 old, s16 off)
{
	u32 first = off < 0 ? old + 1 + off : old + 1, end = off < 0 ? old : old + off, k;
	u32 most = off < 0 ? -INT16_MIN : INT16_MAX;

	for (k = first; k < end; k++)
		if (rw->pos[k + 1] - rw->pos[first] + end - k > most)
			break;
	log_printf(rw->log, "insn %d cannot be patched due to 16-bit range\n",
		   (*rw->aux)[k].orig_idx);
	return -ENOMEM;
}

static int rw_jumps(struct rw *rw)
{
	u32 i;

	for (i = 0; i < rw->n; i++) {
		struct bpf_insn *insn = &rw->out[i];
		enum jump_kind kind = rw->from[i] ? jump_kind(insn) : JUMP_NONE;
		bool entry = insn->src_reg == BPF_PSEUDO_CALL ||
			     insn->code == (BPF_LD | BPF_IMM | BPF_DW);
		u32 old = rw->from[i] - 1, to;
		s64 rel;

		if (kind == JUMP_NONE)
			continue;
		/* dead code of unprivileged programs: a trap that jumps to itself, wherever it is
		 */
		if (!(*rw->aux)[old].seen)
			continue;
		to = jump_target(rw, old, kind == JUMP_OFF ? insn->off : insn->imm);
		if (to == UINT32_MAX)
			return err_misconfigured(rw);
		if (kind == JUMP_IMM && entry && to == rw->prologue)
			to = 0; /* calls go to the prologue of a function */
		rel = (s64)to - i - 1;
		if (kind == JUMP_IMM) {
			insn->imm = rel;
		} else {
			if (rel < INT16_MIN || rel > INT16_MAX)
				return err_too_far(rw, old, insn->off);
			insn->off = rel;
		}
	}
	return 0;
}

/* Start and entry of subprogs; those that lost all instructions go, and their func_info with them.
 */
static void rw_subprogs(struct rw *rw)
{
	struct vfy_prog *p = rw->prog;
	bool infos = p->func_info_cnt && p->func_info_cnt == p->nr_subprogs;
	u32 i, k = 0;

	for (i = 0; i < p->nr_subprogs; i++) {
		u32 end = i + 1 < p->nr_subprogs ? p->subprogs[i + 1].start : p->len;
		u32 start = rw->pos[p->subprogs[i].start];

		if (i && start == rw->pos[end])
			continue;
		if (infos) {
			p->func_info[k] = p->func_info[i];
			p->func_info[k].insn_off = start;
		}
		p->subprogs[k] = p->subprogs[i];
		/* the next one's old start is still needed above, and k <= i */
		p->subprogs[k].linfo_idx = start; /* parked; rw_end() moves it to .start */
		k++;
	}
	for (i = 0; i < k; i++)
		p->subprogs[i].start = p->subprogs[i].linfo_idx;
	p->nr_subprogs = k;
	if (infos)
		p->func_info_cnt = k;
}

/*
 * A line of removed instructions passes to the first one after them, unless that has a line of its
 * own.
 */
static void rw_lines(struct rw *rw)
{
	struct vfy_prog *p = rw->prog;
	u32 i, k = 0, live = 0;

	for (i = 0; i < p->nr_linfo; i++) {
		u32 off = p->line_info[i].insn_off;

		if (off >= p->len)
			continue;
		if (live < off)
			live = off;
		while (live < p->len && rw->pos[live] == rw->pos[live + 1])
			live++;
		if (live == p->len)
			continue;
		if (live != off && i + 1 < p->nr_linfo && p->line_info[i + 1].insn_off <= live)
			continue;
		p->line_info[k] = p->line_info[i];
		p->line_info[k++].insn_off = rw->pos[live];
	}
	p->nr_linfo = k;
}

static void rw_line_idx(struct vfy_prog *p)
{
	u32 i, k = 0;

	for (i = 0; i < p->nr_subprogs; i++) {
		while (k < p->nr_linfo && p->line_info[k].insn_off < p->subprogs[i].start)
			k++;
		p->subprogs[i].linfo_idx = k < p->nr_linfo ? k : 0;
	}
}

static int rw_end(struct rw *rw)
{
	struct vfy_prog *p = rw->prog;
	int err;

	rw->pos[p->len] = rw->n;
	err = rw_jumps(rw);
	if (err)
		return err;
	if (p->nr_subprogs)
		rw_subprogs(rw);
	rw_lines(rw);
	rw_line_idx(p);
	free(p->insns);
	free(*rw->aux);
	p->insns = rw->out;
	p->len = rw->n;
	*rw->aux = rw->out_aux;
	rw->out = NULL;
	rw->out_aux = NULL;
	rw_drop(rw);
	return 0;
}

/* A pass is a function called per old instruction, in order. */
static int rw_pass(struct rw *rw, int (*one)(struct rw *rw, u32 i))
{
	int err = rw_begin(rw);
	u32 i;

	for (i = 0; i < rw->prog->len && !err; i++) {
		/* the prologue, if any, is emitted by the pass while it does instruction 0 and
		 * belongs to it */
		rw->pos[i] = rw->n;
		err = one(rw, i);
	}
	if (!err)
		err = rw_end(rw);
	if (err)
		rw_drop(rw);
	return err;
}

/* --- bpf_loop() as a loop of the program itself --- */

#define INSN(...)	 ((struct bpf_insn){__VA_ARGS__})
#define ALU64(op, d, s)	 INSN(.code = BPF_ALU64 | (op) | BPF_X, .dst_reg = (d), .src_reg = (s))
#define ALU64K(op, d, k) INSN(.code = BPF_ALU64 | (op) | BPF_K, .dst_reg = (d), .imm = (k))
#define MAX_LOOPS	 (8 << 20) /* of bpf_loop() */

static u32 subprog_of(const struct vfy_prog *p, u32 i)
{
	u32 n = 0;

	while (n + 1 < p->nr_subprogs && p->subprogs[n + 1].start <= i)
		n++;
	return n;
}

/* Where the loop keeps R6..R8 of the function around it: below what that uses. 0: no room. */
static int loop_stack(const struct vfy_prog *p, u32 i)
{
	u32 depth = round_up((u32)p->subprogs[subprog_of(p, i)].stack_depth, 8) + 3 * 8;

	return depth <= MAX_BPF_STACK ? (int)depth : 0;
}

static bool inlinable(const struct rw *rw, u32 i)
{
	const struct bpf_insn *insn = &rw->prog->insns[i];
	const struct vfy_insn_aux *aux = &(*rw->aux)[i];

	return insn->code == (BPF_JMP | BPF_CALL) && !insn->src_reg && insn->imm == BPF_FUNC_loop &&
	       aux->seen && aux->func_subprog && aux->func_subprog < rw->prog->nr_subprogs &&
	       loop_stack(rw->prog, i);
}

#define MEM(op, reg, base, at)                                                             \
	INSN(.code = (op) | BPF_MEM | BPF_DW, .dst_reg = (op) == BPF_STX ? (base) : (reg), \
	     .src_reg = (op) == BPF_STX ? (reg) : (base), .off = (at))
#define MOV(d, s)   INSN(.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (d), .src_reg = (s))
#define MOV32(d, k) INSN(.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = (d), .imm = (k))

/* R6: rounds wanted, R7: rounds done, R8: the callback's context. Change together with
 * bpf_loop(). */
static int inline_loop(struct rw *rw, u32 i)
{
	enum { CALL = 12 };
	s16 at;
	u32 start;

	if (!inlinable(rw, i))
		return rw_keep(rw, i);
	at = -loop_stack(rw->prog, i);
	start = rw->prog->subprogs[(*rw->aux)[i].func_subprog].start;
	const struct bpf_insn loop[] = {
		INSN(.code = BPF_JMP | BPF_JLE | BPF_K, .dst_reg = BPF_REG_1, .off = 2,
		     .imm = MAX_LOOPS),
		ALU64K(BPF_MOV, BPF_REG_0, -E2BIG), /* the kernel's w0 = -7 is no negative long */
		INSN(.code = BPF_JMP | BPF_JA, .off = 16),
		MEM(BPF_STX, BPF_REG_6, BPF_REG_10, at),
		MEM(BPF_STX, BPF_REG_7, BPF_REG_10, at + 8),
		MEM(BPF_STX, BPF_REG_8, BPF_REG_10, at + 16),
		MOV(BPF_REG_6, BPF_REG_1),
		MOV32(BPF_REG_7, 0),
		MOV(BPF_REG_8, BPF_REG_3),
		INSN(.code = BPF_JMP | BPF_JGE | BPF_X, .dst_reg = BPF_REG_7, .src_reg = BPF_REG_6,
		     .off = 5),
		MOV(BPF_REG_1, BPF_REG_7),
		MOV(BPF_REG_2, BPF_REG_8),
		[CALL] = INSN(.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL,
			      .imm = (s32)start - (s32)i - 1),
		INSN(.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = BPF_REG_7, .imm = 1),
		INSN(.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_0, .off = -6),
		MOV(BPF_REG_0, BPF_REG_7),
		MEM(BPF_LDX, BPF_REG_6, BPF_REG_10, at),
		MEM(BPF_LDX, BPF_REG_7, BPF_REG_10, at + 8),
		MEM(BPF_LDX, BPF_REG_8, BPF_REG_10, at + 16),
	};

	return rw_patch(rw, i, loop, ARRAY_SIZE(loop), CALL);
}

static int inline_loops(struct rw *rw)
{
	struct vfy_prog *p = rw->prog;
	u16 *deeper = NULL;
	u32 i, nr = p->nr_subprogs;
	int err;

	for (i = 0; i < p->len; i++) {
		if (!inlinable(rw, i))
			continue;
		if (!deeper)
			deeper = calloc(nr, sizeof(*deeper));
		if (!deeper)
			return -ENOMEM;
		deeper[subprog_of(p, i)] = loop_stack(p, i);
	}
	if (!deeper)
		return 0;
	err = rw_pass(rw, inline_loop);
	for (i = 0; i < nr && !err; i++)
		if (deeper[i])
			p->subprogs[i].stack_depth = deeper[i];
	free(deeper);
	return err;
}

/* --- dead code --- */

static bool is_cond_jump(const struct bpf_insn *insn)
{
	u8 class = BPF_CLASS(insn->code), op = BPF_OP(insn->code);

	if (class != BPF_JMP && class != BPF_JMP32)
		return false;
	return op != BPF_JA && op != BPF_CALL && op != BPF_EXIT;
}

static bool is_ld_imm64(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

/* The second half of a 64-bit load lives and dies with the first. */
static void mark_ld_imm64(struct vfy_prog *p, struct vfy_insn_aux *aux)
{
	u32 i;

	for (i = 0; i + 1 < p->len; i++) {
		if (!is_ld_imm64(&p->insns[i]))
			continue;
		aux[i + 1].seen = aux[i].seen;
		i++;
	}
}

static bool dead_at(const struct vfy_prog *p, const struct vfy_insn_aux *aux, s64 i)
{
	return i < 0 || i >= p->len || !aux[i].seen;
}

/* Branches of which one way is never taken become unconditional. */
static void hard_wire(struct vfy_prog *p, struct vfy_insn_aux *aux)
{
	struct bpf_insn ja = {.code = BPF_JMP | BPF_JA};
	u32 i;

	for (i = 0; i < p->len; i++) {
		if (!aux[i].seen || !is_cond_jump(&p->insns[i]))
			continue;
		if (dead_at(p, aux, (s64)i + 1))
			ja.off = p->insns[i].off;
		else if (dead_at(p, aux, (s64)i + 1 + p->insns[i].off))
			ja.off = 0;
		else
			continue;
		p->insns[i] = ja;
	}
}

static int drop_dead(struct rw *rw, u32 i)
{
	return (*rw->aux)[i].seen ? rw_keep(rw, i) : 0;
}

static int drop_nop(struct rw *rw, u32 i)
{
	static const struct bpf_insn nop = {.code = BPF_JMP | BPF_JA};

	return memcmp(&rw->prog->insns[i], &nop, sizeof(nop)) ? rw_keep(rw, i) : 0;
}

static void trap_dead(struct vfy_prog *p, const struct vfy_insn_aux *aux)
{
	u32 i;

	for (i = 0; i < p->len; i++)
		if (!aux[i].seen)
			p->insns[i] = (struct bpf_insn){.code = BPF_JMP | BPF_JA, .off = -1};
}

static int dead_code(struct rw *rw)
{
	struct vfy_prog *p = rw->prog;
	u32 i, dead = 0, nops = 0;
	int err = 0;

	mark_ld_imm64(p, *rw->aux);
	if (!cred_bpf(p->cred)) {
		trap_dead(p, *rw->aux);
		return 0;
	}
	hard_wire(p, *rw->aux);
	for (i = 0; i < p->len; i++)
		dead += !(*rw->aux)[i].seen;
	if (dead)
		err = rw_pass(rw, drop_dead);
	for (i = 0; !err && i < p->len; i++)
		nops += p->insns[i].code == (BPF_JMP | BPF_JA) && !p->insns[i].off;
	if (nops && !err)
		err = rw_pass(rw, drop_nop);
	return err;
}

/* --- context accesses --- */

static u32 access_size(u8 code)
{
	static const u8 bytes[] = {
		[BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1, [BPF_DW >> 3] = 8};

	return bytes[BPF_SIZE(code) >> 3];
}

static u8 size_code(u32 bytes)
{
	return bytes == 8 ? BPF_DW : bytes == 4 ? BPF_W : bytes == 2 ? BPF_H : BPF_B;
}

/* Appends what cuts a @size byte piece at byte @shift out of the whole field just loaded to @reg.
 */
static int narrow(struct bpf_insn *buf, u32 field, u32 size, u32 shift, u8 reg)
{
	u8 class = field <= 4 ? BPF_ALU : BPF_ALU64;
	int n = 0;

	if (shift)
		buf[n++] = (struct bpf_insn){
			.code = class | BPF_RSH | BPF_K, .dst_reg = reg, .imm = shift * 8};
	buf[n++] = (struct bpf_insn){.code = BPF_ALU | BPF_AND | BPF_K,
				     .dst_reg = reg,
				     .imm = size == 4 ? -1 : (1 << size * 8) - 1};
	return n;
}

static u32 narrow_shift(u32 off, u32 size, u32 field)
{
	u32 at = off & (field - 1);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return at;
#else
	return field - (at + size);
#endif
}

static int convert_access(struct rw *rw, u32 i, bool read)
{
	const struct vfy_insn_aux *aux = &(*rw->aux)[i];
	struct bpf_insn insn = rw->prog->insns[i], buf[RW_BUF + 4];
	u32 size = access_size(insn.code), field = aux->ctx_field_size, target = 0, cnt;
	bool is_narrow = size < field, sign_extend = BPF_MODE(insn.code) == BPF_MEMSX;
	u32 off = insn.off;

	if (sign_extend)
		insn.code = BPF_LDX | BPF_MEM | BPF_SIZE(insn.code);
	if (is_narrow) {
		if (!read)
			return err_misconfigured(rw);
		insn.off = off & ~(field - 1);
		insn.code = BPF_LDX | BPF_MEM | size_code(field);
	}
	cnt = rw->prog->ops->convert_ctx_access(read ? BPF_READ : BPF_WRITE, &insn, buf, rw->prog,
						&target);
	if (!cnt || cnt >= RW_BUF || (field && !target))
		return err_misconfigured(rw);
	if (is_narrow && size < target)
		cnt += narrow(buf + cnt, field, size, narrow_shift(off, size, field), insn.dst_reg);
	if (sign_extend)
		buf[cnt++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X,
					       .dst_reg = insn.dst_reg,
					       .src_reg = insn.dst_reg,
					       .off = size * 8};
	return rw_patch(rw, i, buf, cnt, -1);
}

static int prologue(struct rw *rw)
{
	const struct vfy_type_ops *ops = rw->prog->ops;
	struct bpf_insn buf[RW_BUF];
	bool direct_write = false;
	u32 i;
	int cnt, err;

	if (!ops->gen_prologue)
		return 0;
	for (i = 0; i < rw->prog->len && !direct_write; i++)
		direct_write = (*rw->aux)[i].ptr_type == PTR_TO_PACKET &&
			       BPF_CLASS(rw->prog->insns[i].code) >= BPF_ST &&
			       BPF_CLASS(rw->prog->insns[i].code) <= BPF_STX;
	cnt = ops->gen_prologue(buf, direct_write, rw->prog);
	if (cnt < 0 || cnt >= (int)RW_BUF)
		return err_misconfigured(rw);
	err = rw_patch(rw, 0, buf, cnt, -1);
	rw->prologue = rw->n;
	return err;
}

static bool plain_mem(u8 code)
{
	return BPF_MODE(code) == BPF_MEM || BPF_MODE(code) == BPF_MEMSX;
}

/* Pointers in map values are numbers: accesses say of which type. Storing 0 needs nothing. */
static int convert_kptr(struct rw *rw, u32 i)
{
	u32 type = (*rw->aux)[i].kptr - 1;
	struct bpf_insn insn = rw->prog->insns[i], buf[2];
	u8 class = BPF_CLASS(insn.code);

	if (class == BPF_LDX || class == BPF_STX) {
		insn.code = class | BPF_KPTR | BPF_DW;
		insn.imm = type;
		return rw_emit(rw, &insn, i, false);
	}
	if (insn.code != (BPF_JMP | BPF_CALL))
		return rw_keep(rw, i);
	buf[0] = INSN(.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = type);
	buf[1] = insn;
	return rw_patch(rw, i, buf, 2, 1);
}

static int convert_one(struct rw *rw, u32 i)
{
	const struct vfy_insn_aux *aux = &(*rw->aux)[i];
	struct bpf_insn insn = rw->prog->insns[i];
	u8 class = BPF_CLASS(insn.code);
	int err = i ? 0 : prologue(rw);

	if (err)
		return err;
	if (aux->seen && aux->kptr && aux->kptr != VFY_NO_KPTR + 1)
		return convert_kptr(rw, i);
	if (class == BPF_LDX && plain_mem(insn.code) && aux->probe_mem) {
		u8 mode = BPF_MODE(insn.code) == BPF_MEMSX ? BPF_PROBE_MEMSX : BPF_PROBE_MEM;

		insn.code = BPF_LDX | BPF_SIZE(insn.code) | mode;
		return rw_emit(rw, &insn, i, false);
	}
	if ((class == BPF_LDX || class == BPF_STX) && plain_mem(insn.code) &&
	    (aux->ptr_type & BPF_BASE_TYPE_MASK) == PTR_TO_CTX &&
	    rw->prog->ops->convert_ctx_access && aux->seen)
		return convert_access(rw, i, class == BPF_LDX);
	return rw_keep(rw, i);
}

/* --- fixups --- */

/* x / 0 = 0, x % 0 = x */
static int fix_div(struct rw *rw, u32 i)
{
	const struct bpf_insn insn = rw->prog->insns[i];
	bool is64 = BPF_CLASS(insn.code) == BPF_ALU64, div = BPF_OP(insn.code) == BPF_DIV;
	u8 jmp = is64 ? BPF_JMP : BPF_JMP32;
	const struct bpf_insn chk_div[] = {
		INSN(.code = jmp | BPF_JNE | BPF_K, .dst_reg = insn.src_reg, .off = 2),
		INSN(.code = BPF_ALU | BPF_XOR | BPF_X, .dst_reg = insn.dst_reg,
		     .src_reg = insn.dst_reg),
		INSN(.code = BPF_JMP | BPF_JA, .off = 1),
		insn,
	};
	const struct bpf_insn chk_mod[] = {
		INSN(.code = jmp | BPF_JEQ | BPF_K, .dst_reg = insn.src_reg, .off = is64 ? 1 : 2),
		insn,
		INSN(.code = BPF_JMP | BPF_JA, .off = 1),
		INSN(.code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = insn.dst_reg,
		     .src_reg = insn.dst_reg),
	};

	return div ? rw_patch(rw, i, chk_div, 4, 3) : rw_patch(rw, i, chk_mod, is64 ? 2 : 4, 1);
}

static int fix_ld_abs(struct rw *rw, u32 i)
{
	struct bpf_insn buf[RW_BUF];
	int cnt =
		rw->prog->ops->gen_ld_abs ? rw->prog->ops->gen_ld_abs(&rw->prog->insns[i], buf) : 0;

	if (cnt <= 0 || cnt >= (int)RW_BUF)
		return err_misconfigured(rw);
	return rw_patch(rw, i, buf, cnt, -1);
}

/* Pointer arithmetic of unprivileged programs: the offset is forced to 0 when it is beyond what the
 * check assumed. */
static int fix_alu(struct rw *rw, u32 i)
{
	const struct vfy_insn_aux *aux = &(*rw->aux)[i];
	struct bpf_insn insn = rw->prog->insns[i], buf[RW_BUF];
	bool neg = aux->alu_state & ALU_NEG_VALUE, imm = aux->alu_state & ALU_IMMEDIATE;
	bool src = (aux->alu_state & ALU_SANITIZE) == ALU_SANITIZE_SRC;
	u8 reg = src ? insn.src_reg : insn.dst_reg;
	int n = 0, self;

	if (neg && !imm)
		buf[n++] = ALU64K(BPF_MUL, reg, -1);
	buf[n++] =
		INSN(.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = REG_AX, .imm = aux->alu_limit);
	if (!imm) {
		buf[n++] = ALU64(BPF_SUB, REG_AX, reg);
		buf[n++] = ALU64(BPF_OR, REG_AX, reg);
		buf[n++] = ALU64K(BPF_NEG, REG_AX, 0);
		buf[n++] = ALU64K(BPF_ARSH, REG_AX, 63);
		buf[n++] = ALU64(BPF_AND, REG_AX, reg);
	}
	if (!src)
		buf[n++] = ALU64(BPF_MOV, insn.dst_reg, insn.src_reg);
	insn.src_reg = REG_AX;
	if (neg)
		insn.code ^= BPF_ADD ^ BPF_SUB;
	self = n;
	buf[n++] = insn;
	if (src && neg && !imm)
		buf[n++] = ALU64K(BPF_MUL, reg, -1);
	return rw_patch(rw, i, buf, n, self);
}

static u32 index_mask(u32 max_entries)
{
	return max_entries > 1u << 31 ? UINT32_MAX
	       : max_entries <= 1     ? 0
				      : (1u << (32 - __builtin_clz(max_entries - 1))) - 1;
}

static int fix_tail_call(struct rw *rw, u32 i)
{
	const struct bpf_map *map = (*rw->aux)[i].call_map;
	const struct bpf_insn tail = {.code = BPF_JMP | BPF_TAIL_CALL};
	struct bpf_insn buf[3];

	rw->prog->cb_access = true;
	rw->prog->max_pkt_offset = 0xffff;
	if (!map || map->bypass_spec_v1)
		return rw_emit(rw, &tail, i, false);
	buf[0] = INSN(.code = BPF_JMP | BPF_JGE | BPF_K, .dst_reg = BPF_REG_3, .off = 2,
		      .imm = map->max_entries);
	buf[1] = INSN(.code = BPF_ALU | BPF_AND | BPF_K, .dst_reg = BPF_REG_3,
		      .imm = index_mask(map->max_entries));
	buf[2] = tail;
	return rw_patch(rw, i, buf, 3, 2);
}

static int inline_jiffies(struct rw *rw, u32 i)
{
	const struct bpf_insn buf[] = {
		INSN(.code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = EXEC_PSEUDO_JIFFIES),
		INSN(.code = 0),
		INSN(.code = BPF_LDX | BPF_MEM | BPF_DW),
	};

	return rw_patch(rw, i, buf, ARRAY_SIZE(buf), 0);
}

static int fix_one(struct rw *rw, u32 i)
{
	const struct bpf_insn *insn = &rw->prog->insns[i];
	u8 code = insn->code, class = BPF_CLASS(code), op = BPF_OP(code);

	if (i && is_ld_imm64(insn - 1)) /* second half */
		return rw_keep(rw, i);
	/* signed division (cpu v4, off = 1) is guarded the same way */
	if ((class == BPF_ALU || class == BPF_ALU64) && BPF_SRC(code) == BPF_X &&
	    (op == BPF_DIV || op == BPF_MOD))
		return fix_div(rw, i);
	if (class == BPF_LD && (BPF_MODE(code) == BPF_ABS || BPF_MODE(code) == BPF_IND))
		return fix_ld_abs(rw, i);
	if (code == (BPF_ALU64 | BPF_ADD | BPF_X) || code == (BPF_ALU64 | BPF_SUB | BPF_X)) {
		u32 state = (*rw->aux)[i].alu_state;

		return !state || state == ALU_NON_POINTER ? rw_keep(rw, i) : fix_alu(rw, i);
	}
	if (code == (BPF_JMP | BPF_CALL) && !insn->src_reg && insn->imm == BPF_FUNC_tail_call)
		return fix_tail_call(rw, i);
	if (code == (BPF_JMP | BPF_CALL) && !insn->src_reg && insn->imm == BPF_FUNC_jiffies64)
		return inline_jiffies(rw, i);
	return rw_keep(rw, i);
}

/* --- the REWRITE conventions of exec/exec.h --- */

static u32 subprog_at(const struct vfy_prog *p, u32 start)
{
	u32 lo = 0, hi = p->nr_subprogs;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (p->subprogs[mid].start == start)
			return mid;
		if (p->subprogs[mid].start < start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return UINT32_MAX;
}

static int finish_ld_imm64(struct rw *rw, u32 i)
{
	struct bpf_insn *insn = &rw->prog->insns[i];
	const struct vfy_insn_aux *aux = &(*rw->aux)[i];
	u32 sub;

	switch (insn->src_reg) {
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_IDX:
		insn[0].src_reg = BPF_PSEUDO_MAP_FD;
		insn[0].imm = aux->map_index;
		insn[1].imm = 0;
		return 0;
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX_VALUE:
		insn[0].src_reg = BPF_PSEUDO_MAP_VALUE;
		insn[0].imm = aux->map_index;
		insn[1].imm = aux->map_off;
		return 0;
	case BPF_PSEUDO_FUNC:
		sub = subprog_at(rw->prog, i + 1 + insn->imm);
		insn[1].imm = sub;
		/* loaded, but no path that is taken calls it: the function is gone, and nobody will
		 * miss its address */
		if (sub == UINT32_MAX)
			insn[0].src_reg = insn[0].imm = insn[1].imm = 0;
		return 0;
	case BPF_PSEUDO_BTF_ID:
		insn[0].imm = (u32)aux->imm64;
		insn[1].imm = aux->imm64 >> 32;
		return 0;
	}
	return 0;
}

static int finish(struct rw *rw)
{
	struct vfy_prog *p = rw->prog;
	u32 i, sub;
	int err;

	for (i = 0; i < p->len; i++) {
		struct bpf_insn *insn = &p->insns[i];

		if (is_ld_imm64(insn)) {
			err = finish_ld_imm64(rw, i);
			if (err)
				return err;
			i++;
		} else if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL) {
			sub = subprog_at(p, i + 1 + insn->imm);
			if (sub == UINT32_MAX)
				return err_misconfigured(rw);
			insn->off = sub;
		} else if (insn->code == (BPF_JMP | BPF_CALL) &&
			   insn->src_reg == BPF_PSEUDO_KFUNC_CALL) {
			insn->off = (*rw->aux)[i].kfunc;
		}
	}
	return 0;
}

int vfy_rewrite(struct vfy_prog *prog, struct vfy_insn_aux **aux, struct log *log)
{
	struct rw rw = {.prog = prog, .aux = aux, .log = log};
	int err = inline_loops(&rw);

	if (!err)
		err = dead_code(&rw);
	if (!err)
		err = rw_pass(&rw, convert_one);
	if (!err)
		err = rw_pass(&rw, fix_one);
	if (!err)
		err = finish(&rw);
	return err;
}
