/* SPDX-License-Identifier: BSD-2-Clause */
/* fix_up.c - instructions that need others beside them: divisions, LD_ABS, arithmetic on pointers and
 * tail calls of the unprivileged, helpers that are a few instructions. */
#include "verifier/rw.h"

#define REG_AX 11 /* scratch register programs cannot name */

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
		return rw_misconfigured(rw);
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

int rw_fix_ups(struct rw *rw)
{
	return rw_pass(rw, fix_one);
}
