/* SPDX-License-Identifier: BSD-2-Clause */
/* core_patch.c - a resolved number goes into its instruction: the immediate of arithmetic and of
 * 64-bit loads, the offset of loads and stores, whose width follows the field's. */
#include <limits.h>

#include "btf/core_patch.h"

struct patch {
	struct log *log;
	struct bpf_insn *insn;
	u32 left; /* instructions from insn on */
	u32 relo, at;
	const struct core_result *r;
};

#define SAY(p, fmt, ...) \
	log_printf((p)->log, "prog '': relo #%d: " fmt "\n", (p)->relo, ##__VA_ARGS__)

static bool is_ldimm64(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

/* The verifier accepts it where nothing gets there, and names it where something does. */
static int poison(const struct patch *p)
{
	u32 n = is_ldimm64(p->insn) ? 2 : 1;

	for (u32 i = 0; i < n; i++) {
		SAY(p, "substituting insn #%d w/ invalid insn", p->at + i);
		p->insn[i] = (struct bpf_insn){.code = BPF_JMP | BPF_CALL, .imm = CORE_BAD_RELO};
	}
	return 0;
}

static int unrecognized(const struct patch *p)
{
	const struct bpf_insn *in = p->insn;

	SAY(p,
	    "trying to relocate unrecognized insn #%d, code:0x%x, src:0x%x, dst:0x%x, off:0x%x, imm:0x%x",
	    p->at, in->code, in->src_reg, in->dst_reg, in->off, in->imm);
	return -EINVAL;
}

static int patch_alu(const struct patch *p)
{
	const struct core_value *was = &p->r->local;
	struct bpf_insn *in = p->insn;
	u64 val = p->r->target.val;

	if (BPF_SRC(in->code) != BPF_K)
		return unrecognized(p);
	if (p->r->poison)
		return poison(p);
	if (was->exact && (u64)in->imm != was->val) {
		SAY(p, "unexpected insn #%d (ALU/ALU64) value: got %u, exp %llu -> %llu", p->at,
		    in->imm, (unsigned long long)was->val, (unsigned long long)val);
		return -EINVAL;
	}
	SAY(p, "patched insn #%d (ALU/ALU64) imm %llu -> %llu", p->at, (unsigned long long)in->imm,
	    (unsigned long long)val);
	in->imm = val;
	return 0;
}

static const struct {
	u8 code, bytes;
} widths[] = {{BPF_B, 1}, {BPF_H, 2}, {BPF_W, 4}, {BPF_DW, 8}};

static u32 width_bytes(u8 code)
{
	u32 i = 0;

	while (widths[i].code != BPF_SIZE(code))
		i++;
	return widths[i].bytes;
}

static int width_code(u32 bytes)
{
	for (u32 i = 0; i < ARRAY_SIZE(widths); i++)
		if (widths[i].bytes == bytes)
			return widths[i].code;
	return -1;
}

static int patch_width(const struct patch *p)
{
	u32 was = p->r->local.size, now = p->r->target.size, have = width_bytes(p->insn->code);
	int code = width_code(now);

	if (have != was) {
		SAY(p, "insn #%d (LDX/ST/STX) unexpected mem size: got %d, exp %u", p->at, have,
		    was);
		return -EINVAL;
	}
	if (code < 0) {
		SAY(p, "insn #%d (LDX/ST/STX) invalid new mem size: %u", p->at, now);
		return -EINVAL;
	}
	p->insn->code = BPF_MODE(p->insn->code) | code | BPF_CLASS(p->insn->code);
	SAY(p, "patched insn #%d (LDX/ST/STX) mem_sz %u -> %u", p->at, was, now);
	return 0;
}

static int patch_access(const struct patch *p)
{
	const struct core_value *was = &p->r->local;
	struct bpf_insn *in = p->insn;
	u64 val = p->r->target.val;

	if (p->r->poison)
		return poison(p);
	if (was->exact && (u64)in->off != was->val) {
		SAY(p, "unexpected insn #%d (LDX/ST/STX) value: got %u, exp %llu -> %llu", p->at,
		    in->off, (unsigned long long)was->val, (unsigned long long)val);
		return -EINVAL;
	}
	if (val > SHRT_MAX) {
		SAY(p, "insn #%d (LDX/ST/STX) value too big: %llu", p->at, (unsigned long long)val);
		return -ERANGE;
	}
	if (p->r->bad_size) {
		SAY(p,
		    "insn #%d (LDX/ST/STX) accesses field incorrectly. "
		    "Make sure you are accessing pointers, unsigned integers, or fields of matching type and size.",
		    p->at);
		return poison(p);
	}
	SAY(p, "patched insn #%d (LDX/ST/STX) off %llu -> %llu", p->at, (unsigned long long)in->off,
	    (unsigned long long)val);
	in->off = val;
	return p->r->local.size == p->r->target.size ? 0 : patch_width(p);
}

static int patch_ldimm64(const struct patch *p)
{
	const struct core_value *was = &p->r->local;
	struct bpf_insn *in = p->insn;
	u64 imm, val = p->r->target.val;

	if (!is_ldimm64(in) || p->left < 2 || in->src_reg || in->off || in[1].code ||
	    in[1].dst_reg || in[1].src_reg || in[1].off) {
		SAY(p, "insn #%d (LDIMM64) has unexpected form", p->at);
		return -EINVAL;
	}
	if (p->r->poison)
		return poison(p);
	imm = (u32)in[0].imm | (u64)in[1].imm << 32;
	if (was->exact && imm != was->val) {
		SAY(p, "unexpected insn #%d (LDIMM64) value: got %llu, exp %llu -> %llu", p->at,
		    (unsigned long long)imm, (unsigned long long)was->val, (unsigned long long)val);
		return -EINVAL;
	}
	in[0].imm = val;
	in[1].imm = val >> 32;
	SAY(p, "patched insn #%d (LDIMM64) imm64 %llu -> %llu", p->at, (unsigned long long)imm,
	    (unsigned long long)val);
	return 0;
}

int core_patch(struct log *log, struct bpf_insn *insns, u32 len, u32 at, u32 relo_idx,
	       const struct core_result *r)
{
	static int (*const by_class[8])(const struct patch *p) = {
		[BPF_LD] = patch_ldimm64,   [BPF_LDX] = patch_access, [BPF_ST] = patch_access,
		[BPF_STX] = patch_access,   [BPF_ALU] = patch_alu,    [BPF_JMP] = unrecognized,
		[BPF_JMP32] = unrecognized, [BPF_ALU64] = patch_alu,
	};
	struct patch p = {log, insns + at, len - at, relo_idx, at, r};

	return by_class[BPF_CLASS(insns[at].code)](&p);
}
