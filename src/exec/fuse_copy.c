/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse_copy.c - a memcpy() as compilers write it for BPF: words loaded and stored one by one through
 * one register, upwards or downwards, which are copied in pieces of 16 bytes. Unless the two places
 * overlap: then as the program says.
 */
#include "exec/fuse.h"
#include "exec/jit_x86_64.h"
#include "isa/insn.h"

#define MIN_WORDS 4
#define MAX_WORDS (JIT_MAX_SPAN / 2)

struct copy {
	u8 from, to, via; /* registers */
	s32 src, dst;	  /* the lowest of the offsets */
	u32 words;
};

static bool is_word(const struct bpf_insn *load, const struct bpf_insn *store)
{
	return load->code == (BPF_LDX | BPF_MEM | BPF_DW) &&
	       store->code == (BPF_STX | BPF_MEM | BPF_DW) && load->dst_reg == store->src_reg &&
	       load->dst_reg != load->src_reg && load->dst_reg != store->dst_reg;
}

static bool same_registers(const struct bpf_insn *a, const struct bpf_insn *b)
{
	return a->dst_reg == b->dst_reg && a->src_reg == b->src_reg;
}

static bool copy_at(const struct jit *j, u32 i, struct copy *c)
{
	const struct bpf_insn *load = &j->img->insns[i], *store = jit_ahead(j, i + 1);
	s32 step = 0;
	u32 n = 1;

	if (!is_word(load, store))
		return false;
	for (; n < MAX_WORDS; n++) {
		const struct bpf_insn *l = jit_ahead(j, i + 2 * n),
				      *s = jit_ahead(j, i + 2 * n + 1);

		if (!is_word(l, s) || !same_registers(l, load) || !same_registers(s, store))
			break;
		if (n == 1)
			step = l->off - load->off;
		if ((step != 8 && step != -8) || l->off - load->off != step * (s32)n ||
		    s->off - store->off != step * (s32)n)
			break;
	}
	*c = (struct copy){load->src_reg, store->dst_reg, load->dst_reg, load->off, store->off, n};
	if (step < 0) {
		c->src += step * (s32)(n - 1);
		c->dst += step * (s32)(n - 1);
	}
	return n >= MIN_WORDS && jit_dead(j, i + 2 * n - 1, c->via);
}

u32 jit_match_copy(struct jit *j, u32 i)
{
	struct copy c;

	return copy_at(j, i, &c) ? 2 * c.words : 0;
}

static void emit_wide(struct jit *j, const struct copy *c)
{
	u32 from = jit_hw[c->from], to = jit_hw[c->to], via = jit_hw[c->via];
	s32 at = 0, end = 8 * (s32)c->words;

	j->vectors |= end >= 16;
	for (u32 xmm = 0; at + 16 <= end; at += 16, xmm = (xmm + 1) % 8) {
		x86_mem(j, 0, 0x0f10, xmm, from, c->src + at); /* movups */
		x86_mem(j, 0, 0x0f11, xmm, to, c->dst + at);
	}
	if (at < end) {
		x86_mem(j, 1, 0x8b, via, from, c->src + at);
		x86_mem(j, 1, 0x89, via, to, c->dst + at);
	}
}

/* Overlap: -size < to - from < size. */
void jit_emit_copy(struct jit *j, u32 i, u32 span)
{
	u8 *overlap, *end;
	struct copy c;
	s32 size;

	copy_at(j, i, &c);
	size = 8 * (s32)c.words;
	x86_mem(j, 1, 0x8d, TMP, jit_hw[c.to], c.dst - c.src + size - 1);
	x86_rr(j, 1, 0x29, jit_hw[c.from], TMP);
	x86_alu_imm(j, 1, 7, TMP, 2 * size - 1);
	overlap = x86_skip_far(j, CC_B);
	emit_wide(j, &c);
	end = x86_skip_far(j, -1);
	x86_land_far(j, overlap);
	for (u32 n = 0; n < span; n++)
		jit_emit_alone(j, i + n);
	x86_land_far(j, end);
}
