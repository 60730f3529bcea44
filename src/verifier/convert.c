/* SPDX-License-Identifier: BSD-2-Clause */
/* convert.c - accesses that are not what they seem: fields of the context, which are our own structs',
 * pointers in map values, loads that may fault. */
#include "verifier/rw.h"

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
			return rw_misconfigured(rw);
		insn.off = off & ~(field - 1);
		insn.code = BPF_LDX | BPF_MEM | size_code(field);
	}
	cnt = rw->prog->ops->convert_ctx_access(read ? BPF_READ : BPF_WRITE, &insn, buf, rw->prog,
						&target);
	if (!cnt || cnt >= RW_BUF || (field && !target))
		return rw_misconfigured(rw);
	if (is_narrow && size < target)
		cnt += narrow(buf + cnt, field, size, narrow_shift(off, size, field), insn.dst_reg);
	if (sign_extend)
		buf[cnt++] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_X,
					       .dst_reg = insn.dst_reg,
					       .src_reg = insn.dst_reg,
					       .off = size * 8};
	return rw_patch(rw, i, buf, cnt, -1);
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

/* What a function gets beside the program's arguments. */
static int convert_hidden(struct rw *rw, u32 i)
{
	const struct vfy_insn_aux *aux = &(*rw->aux)[i];
	const struct bpf_insn buf[] = {
		INSN(.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = aux->hidden_reg,
		     .imm = aux->hidden),
		rw->prog->insns[i],
	};

	return rw_patch(rw, i, buf, 2, 1);
}

static int convert_one(struct rw *rw, u32 i)
{
	const struct vfy_insn_aux *aux = &(*rw->aux)[i];
	struct bpf_insn insn = rw->prog->insns[i];
	u8 class = BPF_CLASS(insn.code);

	if (aux->seen && aux->kptr && aux->kptr != VFY_NO_KPTR + 1)
		return convert_kptr(rw, i);
	if (aux->seen && aux->hidden_reg)
		return convert_hidden(rw, i);
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

int rw_convert(struct rw *rw)
{
	return rw_pass(rw, convert_one);
}
