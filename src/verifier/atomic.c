/* SPDX-License-Identifier: BSD-2-Clause */
/* atomic.c - atomic operations: a load and a store that both must be allowed. */
#include "verifier/vfy.h"

static bool atomic_known(s32 imm)
{
	switch (imm & ~BPF_FETCH) {
	case BPF_ADD:
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR: return true;
	}
	return imm == BPF_XCHG || imm == BPF_CMPXCHG;
}

int vfy_atomic(struct venv *env, s32 idx, struct bpf_insn *in)
{
	u8 size = BPF_SIZE(in->code);
	s32 load = -1;
	u32 t;
	int err;

	if (!atomic_known(in->imm)) {
		vlog(env, "BPF_ATOMIC uses invalid atomic opcode %02x\n", in->imm);
		return -EINVAL;
	}
	if (size != BPF_W && size != BPF_DW) {
		vlog(env, "invalid atomic operand size\n");
		return -EINVAL;
	}
	err = vfy_use_reg(env, in->src_reg, USE_SRC);
	if (!err)
		err = vfy_use_reg(env, in->dst_reg, USE_SRC);
	if (!err && in->imm == BPF_CMPXCHG)
		err = vfy_use_reg(env, 0, USE_SRC);
	if (err)
		return err;
	if ((in->imm == BPF_CMPXCHG && reg_leaks(env, 0)) || reg_leaks(env, in->src_reg)) {
		vlog(env, "R%d leaks addr into mem\n",
		     in->imm == BPF_CMPXCHG && reg_leaks(env, 0) ? 0 : in->src_reg);
		return -EACCES;
	}
	t = vfy_reg(env, in->dst_reg)->type;
	if (t == PTR_TO_CTX || type_is_pkt(t) || t == PTR_TO_FLOW_KEYS || type_is_sock(t)) {
		vlog(env, "BPF_ATOMIC stores into R%d %s is not allowed\n", in->dst_reg,
		     vfy_type_text(env, t));
		return -EACCES;
	}
	if (in->imm & BPF_FETCH) {
		load = in->imm == BPF_CMPXCHG ? 0 : in->src_reg;
		err = vfy_use_reg(env, load, USE_DST);
		if (err)
			return err;
	}
	err = vfy_mem(env, idx, in->dst_reg, in->off, size, BPF_READ, -1, true);
	if (!err && load >= 0)
		err = vfy_mem(env, idx, in->dst_reg, in->off, size, BPF_READ, load, true);
	if (!err)
		err = vfy_mem(env, idx, in->dst_reg, in->off, size, BPF_WRITE, -1, true);
	return err;
}
