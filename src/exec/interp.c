/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp.c - the interpreter: the reference for every instruction's meaning (RFC 9669). One label
 * per row of opcodes.def.
 *
 * The verifier has proved that the program stays inside its memory, so there are no checks for that
 * here. What the language itself defines for every operand is safe without help: division, shift
 * counts, call depth.
 */
#include "exec/exec.h"
#include "exec/fault.h"
#include "exec/interp.h"
#include "exec/interp_ops.h"
#include "exec/tail.h"
#include "isa/insn.h"
#include "map/kptr.h"

struct frame {
	const struct bpf_insn *ret; /* the call */
	/* the caller's: a tail call in the callee does not change it */
	const struct exec_image *img;
	u64 saved[4]; /* R6..R9 */
	u32 patience; /* of may_goto: how often it still goes on */
	bool held;    /* img is a tail call's target, ours to put */
};

/* What a frame begins with; its caller's is @f. */
static inline struct frame *enter_frame(struct frame *f, const struct bpf_insn *call,
					const struct exec_image *img, u64 *regs)
{
	f->ret = call;
	f->img = img;
	memcpy(f->saved, &regs[6], sizeof(f->saved));
	f++;
	f->held = false;
	f->patience = EXEC_MAX_LOOPS;
	regs[10] += MAX_BPF_STACK;
	return f;
}

/* Back in the caller's. */
static inline struct frame *leave_frame(struct frame *f, u64 *regs)
{
	f--;
	regs[10] -= MAX_BPF_STACK;
	memcpy(&regs[6], f->saved, sizeof(f->saved));
	return f;
}

/* The end of all frames at once: references are put. */
static __attribute__((noinline)) void give_up(struct exec_run *run, const struct frame *first,
					      const struct frame *f, const struct exec_image *img)
{
	for (;; f--, run->depth--, img = f->img) {
		if (f->held)
			exec_image_put(img);
		if (f == first)
			return;
	}
}

/* Labels in a table, some of its entries set twice on purpose. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"

u64 interp(struct exec_run *run, const struct bpf_insn *insn, u64 r1, u64 r2, u64 r3, u64 r4,
	   u64 r5)
{
	static const void *const label[256] = {
		[0 ... 255] = &&bad,
#define OP(name, code, cpu, text)  [code] = &&name,
#define INTERNAL(name, code, text) [code] = &&name,
#include "isa/opcodes.def"
	};
	const struct exec_image *const entry = run->image, *img = entry, *target;
	const helper_fn *fns = img->helpers ? img->helpers : exec_helpers;
	struct frame frames[MAX_CALL_FRAMES], *frame = frames;
	u64 stack[MAX_CALL_FRAMES][MAX_BPF_STACK / 8];
	u64 regs[16]; /* 16, so that no register number can leave it */
	u64 v;

	frame->held = false; /* of the running frame: img came with a reference */
	frame->patience = EXEC_MAX_LOOPS;
	regs[0] = 0; /* one by one: a memset() would cost more than a short program */
	regs[6] = regs[7] = regs[8] = regs[9] = 0;
	regs[1] = r1;
	regs[2] = r2;
	regs[3] = r3;
	regs[4] = r4;
	regs[5] = r5;
	regs[10] = (u64)&stack[1][0];
	insn--;

	/* clang-format off */
#define DST regs[insn->dst_reg]
#define SRC regs[insn->src_reg]
#define IMM insn->imm
#define IMM64 ((u64)(s64)insn->imm)
#define OFF insn->off
#define NEXT goto *label[(++insn)->code]

	NEXT;

#define ALU(op, expr64, expr32)                                                                      \
	alu64_##op##_x: { u64 s = SRC; DST = expr64; } NEXT;                                         \
	alu64_##op##_k: { u64 s = IMM64; DST = expr64; } NEXT;                                       \
	alu32_##op##_x: { u32 s = (u32)SRC; DST = (u32)(expr32); } NEXT;                             \
	alu32_##op##_k: { u32 s = (u32)IMM; DST = (u32)(expr32); } NEXT;
#define DST32 ((u32)DST)
	ALU(add, DST + s, DST32 + s)
	ALU(sub, DST - s, DST32 - s)
	ALU(mul, DST * s, DST32 * s)
	ALU(div, div64(DST, s, OFF), div32(DST32, s, OFF))
	ALU(mod, mod64(DST, s, OFF), mod32(DST32, s, OFF))
	ALU(or, DST | s, DST32 | s)
	ALU(and, DST & s, DST32 & s)
	ALU(xor, DST ^ s, DST32 ^ s)
	ALU(lsh, DST << (s & 63), DST32 << (s & 31))
	ALU(rsh, DST >> (s & 63), DST32 >> (s & 31))
	ALU(arsh, (u64)((s64)DST >> (s & 63)), (s32)DST32 >> (s & 31))

alu64_mov_x:
	DST = likely(!OFF) ? SRC : sign_extend(SRC, OFF);
	NEXT;
alu64_mov_k:
	DST = IMM64;
	NEXT;
alu32_mov_x:
	DST = likely(!OFF) ? (u32)SRC : (u32)sign_extend(SRC, OFF);
	NEXT;
alu32_mov_k:
	DST = (u32)IMM;
	NEXT;
alu64_neg:
	DST = 0 - DST;
	NEXT;
alu32_neg:
	DST = 0 - DST32;
	NEXT;
alu32_to_le:
	DST = to_le(DST, IMM);
	NEXT;
alu32_to_be:
	DST = to_be(DST, IMM);
	NEXT;
alu64_bswap:
	DST = swap(DST, IMM);
	NEXT;

#define JUMP_IF(op, cmp, sign)                                                                       \
	jmp_##op##_x: if ((sign##64)DST cmp (sign##64)SRC) insn += OFF; NEXT;                        \
	jmp_##op##_k: if ((sign##64)DST cmp (sign##64)IMM64) insn += OFF; NEXT;                      \
	jmp32_##op##_x: if ((sign##32)DST cmp (sign##32)SRC) insn += OFF; NEXT;                      \
	jmp32_##op##_k: if ((sign##32)DST cmp (sign##32)IMM) insn += OFF; NEXT;
	JUMP_IF(jeq, ==, u)
	JUMP_IF(jne, !=, u)
	JUMP_IF(jgt, >, u)
	JUMP_IF(jge, >=, u)
	JUMP_IF(jlt, <, u)
	JUMP_IF(jle, <=, u)
	JUMP_IF(jset, &, u)
	JUMP_IF(jsgt, >, s)
	JUMP_IF(jsge, >=, s)
	JUMP_IF(jslt, <, s)
	JUMP_IF(jsle, <=, s)

jmp_ja:
	insn += OFF;
	NEXT;
jmp32_ja:
	insn += IMM;
	NEXT;
jmp_jcond:
	if (likely(frame->patience && !exec_stopped(run)))
		frame->patience--;
	else
		insn += OFF;
	NEXT;

#define ACCESS(size, bits)                                                                           \
	ldx_mem_##size: DST = MEM(bits, SRC + OFF); NEXT;                                            \
	stx_mem_##size: MEM(bits, DST + OFF) = (u##bits)SRC; NEXT;                                   \
	st_mem_##size: MEM(bits, DST + OFF) = (u##bits)IMM64; NEXT;                                  \
	ldx_probe_mem_##size: fault_load##bits(&v, (void *)(uintptr_t)(SRC + OFF)); DST = v; NEXT;
	ACCESS(b, 8)
	ACCESS(h, 16)
	ACCESS(w, 32)
	ACCESS(dw, 64)

#define ACCESS_SX(size, bits)                                                                        \
	ldx_memsx_##size: DST = (u64)(s64)(s##bits)MEM(bits, SRC + OFF); NEXT;                       \
	ldx_probe_memsx_##size:                                                                      \
		fault_load##bits(&v, (void *)(uintptr_t)(SRC + OFF));                                \
		DST = (u64)(s64)(s##bits)v;                                                          \
		NEXT;
	ACCESS_SX(b, 8)
	ACCESS_SX(h, 16)
	ACCESS_SX(w, 32)

ldx_kptr_dw:
	DST = (u64)kptr_load((const void *)(uintptr_t)(SRC + OFF), IMM);
	NEXT;
stx_kptr_dw:
	kptr_store((void *)(uintptr_t)(DST + OFF), IMM, (const void *)(uintptr_t)SRC);
	NEXT;

stx_atomic_w:
	atomic32(regs, insn);
	NEXT;
stx_atomic_dw:
	atomic64(regs, insn);
	NEXT;
ld_imm_dw:
	DST = insn_imm64(insn);
	insn++;
	NEXT;
st_nospec:
	fault_nospec();
	NEXT;

	/* clang-format on */
jmp_call:
	if (likely(!insn->src_reg)) {
		regs[0] = fns[IMM](regs[1], regs[2], regs[3], regs[4], regs[5], run);
		NEXT;
	}
	if (insn->src_reg == BPF_PSEUDO_KFUNC_CALL) {
		regs[0] = exec_kfuncs[(u16)insn->off](regs[1], regs[2], regs[3], regs[4], regs[5],
						      run);
		NEXT;
	}
	if (insn->dst_reg == EXEC_CALL_IF_NOT_STOPPED && exec_stopped(run)) {
		regs[0] = 1;
		NEXT;
	}
	if (unlikely(frame == &frames[MAX_CALL_FRAMES - 1] || run->depth >= EXEC_MAX_DEPTH))
		goto bad;
	frame = enter_frame(frame, insn, img, regs);
	run->depth++;
	insn += IMM;
	NEXT;

jmp_exit:
	if (unlikely(frame->held))
		exec_image_put(img);
	if (frame == frames) {
		run->image = entry;
		return regs[0];
	}
	frame = leave_frame(frame, regs);
	run->depth--;
	insn = frame->ret;
	if (unlikely(img != frame->img)) {
		img = frame->img;
		run->image = img;
		fns = img->helpers ? img->helpers : exec_helpers;
	}
	NEXT;

jmp_tail_call:
	target = exec_tail_target(run, (struct bpf_map *)(uintptr_t)regs[2], (u32)regs[3]);
	if (!target)
		NEXT;
	if (frame != frames) { /* in a subprogram: frames of its own, so that 33 calls are 33 */
		const u32 depth = run->depth;

		run->image = target;
		run->depth = 0;
		regs[0] = interp(run, target->insns, regs[1], 0, 0, 0, 0);
		run->depth = depth;
		run->image = img;
		exec_image_put(target);
		goto jmp_exit;
	}
	if (frame->held)
		exec_image_put(img);
	frame->held = true;
	frame->patience = EXEC_MAX_LOOPS;
	img = target;
	run->image = img;
	fns = img->helpers ? img->helpers : exec_helpers;
	insn = img->insns - 1;
	NEXT;

	/* LD_ABS and LD_IND were rewritten; anything else here never passed the verifier. Leave
	 * with 0, references put. */
ld_abs_b:
ld_abs_h:
ld_abs_w:
ld_ind_b:
ld_ind_h:
ld_ind_w:
bad:
	give_up(run, frames, frame, img);
	run->image = entry;
	return 0;
}

#pragma GCC diagnostic pop
