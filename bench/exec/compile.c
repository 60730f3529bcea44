/* SPDX-License-Identifier: BSD-2-Clause */
/* compile - how fast programs become machine code: of 100 instructions, 1,000 ... a million; memory, mapping and
 * protection included. Least of several rounds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "exec/exec.h"
#include "exec/jit.h"
#include "isa/insn.h"

#define ROUNDS 9

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static u64 helper(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct exec_run *run)
{
	return r1;
}

/* A mix as compilers make it: a third memory, a fifth branches, a call now and then. */
static struct bpf_insn any_insn(u32 i, u32 left)
{
	u32 a = i % 9, b = (i / 3 + 5) % 9;

	switch (i * 2654435761u >> 28) {
	case 0: return BPF_MOV64_REG(a, b);
	case 1: return BPF_MOV32_IMM(a, (s32)i);
	case 2: return BPF_ALU64_REG(BPF_ADD, a, b);
	case 3: return BPF_ALU64_IMM(BPF_AND, a, 0xff);
	case 4: return BPF_ALU32_IMM(BPF_RSH, a, i % 32);
	case 5: return BPF_ALU64_REG(BPF_XOR, a, b);
	case 6: return BPF_ALU64_IMM(BPF_MUL, a, 1000003);
	case 7: return BPF_LDX_MEM(BPF_DW, a, 10, -8 * (s32)(1 + i % 60));
	case 8: return BPF_LDX_MEM(BPF_B, a, 10, -(s32)(1 + i % 500));
	case 9: return BPF_LDX_MEM(BPF_W, a, 10, -8 * (s32)(1 + i % 60));
	case 10: return BPF_STX_MEM(BPF_DW, 10, a, -8 * (s32)(1 + i % 60));
	case 11: return BPF_ST_MEM(BPF_W, 10, -8 * (s32)(1 + i % 60), (s32)i);
	case 12: return BPF_JMP_IMM(BPF_JEQ, a, 1, (s16)(left < 20 ? 0 : i % 20));
	case 13: return BPF_JMP_REG(BPF_JGT, a, b, (s16)(left < 200 ? 0 : i % 200));
	case 14: return BPF_JMP32_IMM(BPF_JSLT, a, 7, (s16)(left < 20 ? 0 : i % 5));
	}
	return i % 4 ? BPF_ALU64_IMM(BPF_ADD, a, 1) : BPF_EMIT_CALL(1);
}

static double compile(u32 len)
{
	static helper_fn helpers[EXEC_NR_HELPERS] = {[1] = helper};
	struct bpf_insn *insns = calloc(len, sizeof(*insns));
	double best = 1e9, start;

	for (u32 i = 0; i + 1 < len; i++)
		insns[i] = any_insn(i, len - 2 - i);
	insns[len - 1] = BPF_EXIT_INSN();
	for (u32 i = 0; i < ROUNDS * (len < 100000 ? 20 : 1); i++) {
		struct exec_image img = {.refs = 1, .insns = insns, .len = len, .helpers = helpers};

		if (exec_image_bind(&img))
			exit(1);
		start = now();
		exec_image_compile(&img);
		best = min(best, now() - start);
		if (!img.jit)
			exit(77);
		exec_image_put(&img);
	}
	free(insns);
	return best;
}

int main(void)
{
	printf("%-24s %12s %18s\n", "machine code", "us", "million insns/s");
	for (u32 len = 100; len <= 1000000; len *= 10) {
		double s = compile(len);

		printf("%-24u %12.1f %18.1f\n", len, s * 1e6, len / s / 1e6);
	}
	printf("aims: 50 us for 100 instructions, 10 million a second\n");
	return 0;
}
