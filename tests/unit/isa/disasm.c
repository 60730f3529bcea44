/* SPDX-License-Identifier: BSD-2-Clause */
/* Text of the disassembler against the kernel's, and what the assembler refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "isa/asm.h"
#include "isa/disasm.h"

static const struct {
	const char *text;
	struct bpf_insn insn[2];
} lines[] = {
	{"(b7) r0 = 0", {BPF_MOV64_IMM(0, 0)}},
	{"(b4) w3 = -1", {BPF_MOV32_IMM(3, -1)}},
	{"(bf) r6 = r1", {BPF_MOV64_REG(6, 1)}},
	{"(bc) w6 = w1", {BPF_MOV32_REG(6, 1)}},
	{"(07) r2 += -8", {BPF_ALU64_IMM(BPF_ADD, 2, -8)}},
	{"(5f) r2 &= r3", {BPF_ALU64_REG(BPF_AND, 2, 3)}},
	{"(c4) w1 s>>= 31", {BPF_ALU32_IMM(BPF_ARSH, 1, 31)}},
	{"(87) r1 = -r1", {BPF_INSN(BPF_ALU64 | BPF_NEG, 1, 0, 0, 0)}},
	{"(84) w1 = -w1", {BPF_INSN(BPF_ALU | BPF_NEG, 1, 0, 0, 0)}},
	{"(dc) r1 = be16 r1", {BPF_ENDIAN(BPF_TO_BE, 1, 16)}},
	{"(d4) r1 = le64 r1", {BPF_ENDIAN(BPF_TO_LE, 1, 64)}},
	{"(d7) r1 = bswap32 r1", {BPF_BSWAP(1, 32)}},
	{"(3f) r1 s/= r2", {BPF_ALU64_REG_OFF(BPF_DIV, 1, 2, 1)}},
	{"(94) w1 s%= 3", {BPF_INSN(BPF_ALU | BPF_MOD | BPF_K, 1, 0, 1, 3)}},
	{"(bf) r1 = (s8)r2", {BPF_MOVSX64_REG(1, 2, 8)}},
	{"(bc) w1 = (s16)w2", {BPF_MOVSX32_REG(1, 2, 16)}},
	{"(61) r2 = *(u32 *)(r1 +4)", {BPF_LDX_MEM(BPF_W, 2, 1, 4)}},
	{"(71) r2 = *(u8 *)(r10 -1)", {BPF_LDX_MEM(BPF_B, 2, 10, -1)}},
	{"(89) r2 = *(s16 *)(r1 +0)", {BPF_LDX_MEMSX(BPF_H, 2, 1, 0)}},
	{"(7b) *(u64 *)(r10 -8) = r1", {BPF_STX_MEM(BPF_DW, 10, 1, -8)}},
	{"(6a) *(u16 *)(r10 -8) = 7", {BPF_ST_MEM(BPF_H, 10, -8, 7)}},
	{"(db) lock *(u64 *)(r1 +0) += r2", {BPF_ATOMIC_OP(BPF_DW, BPF_ADD, 1, 2, 0)}},
	{"(c3) lock *(u32 *)(r1 +4) ^= r2", {BPF_ATOMIC_OP(BPF_W, BPF_XOR, 1, 2, 4)}},
	{"(db) r2 = atomic64_fetch_or((u64 *)(r1 +0), r2)",
	 {BPF_ATOMIC_OP(BPF_DW, BPF_OR | BPF_FETCH, 1, 2, 0)}},
	{"(c3) r2 = atomic_xchg((u32 *)(r1 -4), r2)", {BPF_ATOMIC_OP(BPF_W, BPF_XCHG, 1, 2, -4)}},
	{"(db) r0 = atomic64_cmpxchg((u64 *)(r10 -8), r0, r1)",
	 {BPF_ATOMIC_OP(BPF_DW, BPF_CMPXCHG, 10, 1, -8)}},
	{"(05) goto pc+3", {BPF_JMP_A(3)}},
	{"(06) gotol pc-70000", {BPF_JMP32_A(-70000)}},
	{"(e5) may_goto pc+3", {BPF_MAY_GOTO_INSN(3)}},
	{"(e5) may_goto pc-4", {BPF_MAY_GOTO_INSN(-4)}},
	{"(15) if r1 == 0x0 goto pc+3", {BPF_JMP_IMM(BPF_JEQ, 1, 0, 3)}},
	{"(c5) if r1 s< 0xffffffff goto pc-3", {BPF_JMP_IMM(BPF_JSLT, 1, -1, -3)}},
	{"(4e) if w1 & w2 goto pc+0", {BPF_JMP32_REG(BPF_JSET, 1, 2, 0)}},
	{"(85) call bpf_map_lookup_elem#1", {BPF_EMIT_CALL(BPF_FUNC_map_lookup_elem)}},
	{"(85) call unknown#123456", {BPF_EMIT_CALL(123456)}},
	{"(85) call pc+2", {BPF_CALL_REL(2)}},
	{"(85) call kernel-function#77", {BPF_CALL_KFUNC(0, 77)}},
	{"(95) exit", {BPF_EXIT_INSN()}},
	{"(28) r0 = *(u16 *)skb[12]", {BPF_LD_ABS(BPF_H, 12)}},
	{"(50) r0 = *(u8 *)skb[r3 + 4]", {BPF_LD_IND(BPF_B, 3, 4)}},
	{"(18) r1 = 0x123456789abcdef0", {BPF_LD_IMM64(1, 0x123456789abcdef0ull)}},
};

static void test_lines(void **state)
{
	struct bpf_insn back[2];
	char text[128];

	for (u32 i = 0; i < ARRAY_SIZE(lines); i++) {
		int n = insn_is_ld_imm64(lines[i].insn) ? 2 : 1;

		assert_int_equal(disasm_str(text, sizeof(text), lines[i].insn),
				 (int)strlen(lines[i].text));
		assert_string_equal(text, lines[i].text);
		memset(back, 0, sizeof(back));
		assert_int_equal(asm_text(lines[i].text, back, 2, NULL), n);
		assert_memory_equal(back, lines[i].insn, (size_t)n * sizeof(back[0]));
	}
}

static void test_bugs(void **state)
{
	static const struct {
		struct bpf_insn insn;
		const char *text;
	} bad[] = {
		{BPF_INSN(BPF_ALU64 | BPF_END | BPF_TO_BE, 0, 0, 0, 16), "BUG_alu64_df"},
		{BPF_INSN(BPF_LDX | BPF_PROBE_MEM | BPF_W, 0, 1, 0, 0), "BUG_ldx_21"},
		{BPF_INSN(BPF_ST | BPF_ATOMIC | BPF_W, 0, 1, 0, 0), "BUG_st_c2"},
		{BPF_INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, 0x70), "BUG_db"},
		{BPF_INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, -1), "BUG_db"},
		{BPF_INSN(BPF_LD | BPF_IMM | BPF_W, 0, 1, 0, 0), "BUG_ld_00"},
	};
	char text[64];

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		if (bad[i].insn.code == (BPF_ST | BPF_ATOMIC | BPF_W))
			continue; /* mode 0xc0 of BPF_ST is nospec */
		disasm_str(text, sizeof(text), &bad[i].insn);
		assert_string_equal(text, bad[i].text);
	}
}

/* Every word disassembles to something of sane length, whatever it is. */
static void test_any_word(void **state)
{
	char text[16];
	u64 x = 88172645463325252ull;

	for (int code = 0; code < 256; code++) {
		for (int i = 0; i < 64; i++) {
			struct bpf_insn insn[2] = {{0}};

			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(insn, &x, sizeof(x));
			insn[0].code = (u8)code;
			assert_in_range(disasm_str(text, sizeof(text), insn), 1, 120);
		}
	}
}

static const char *imm_cb(void *arg, const struct bpf_insn *insn, u64 imm)
{
	snprintf(arg, 32, "map[id:%llu]", imm);
	return arg;
}

static const char *call_cb(void *arg, const struct bpf_insn *insn)
{
	return "my_kfunc";
}

static char out[256];

__printf(2, 3) static void to_out(void *arg, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out, sizeof(out), fmt, ap);
	va_end(ap);
}

static void test_callbacks(void **state)
{
	char buf[32];
	struct disasm d = {.print = to_out, .call = call_cb, .imm = imm_cb, .arg = buf};
	struct bpf_insn ld[] = {BPF_LD_MAP_FD(1, 5)},
			call[] = {BPF_CALL_KFUNC(0, 7), BPF_EMIT_CALL(1)};

	disasm_insn(&d, ld, true);
	assert_string_equal(out, "(18) r1 = map[id:5]\n");
	disasm_insn(&d, ld, false);
	assert_string_equal(out, "(18) r1 = map[id:0]\n");
	disasm_insn(&d, &call[0], true);
	assert_string_equal(out, "(85) call my_kfunc#7\n");
	disasm_insn(&d, &call[1], true);
	assert_string_equal(out, "(85) call bpf_map_lookup_elem#1\n");
}

static void test_valid(void **state)
{
	int n = 0, v4 = 0;

	for (int i = 0; i < 256; i++) {
		n += isa_opcode_valid((u8)i);
		v4 += isa_opcode_cpu((u8)i) == 4;
	}
	assert_int_equal(v4,
			 6); /* bswap, gotol, may_goto, three loads; the rest of cpu 4 is in off */
	/* bpf_opcode_in_insntable of 6.1 and our six */
	assert_int_equal(n, 120 + 6);
	assert_false(isa_opcode_valid(0));
	assert_false(isa_opcode_valid(BPF_JMP | BPF_TAIL_CALL));
	assert_false(isa_opcode_valid(BPF_LDX | BPF_PROBE_MEM | BPF_W));
	assert_false(isa_opcode_valid(BPF_JMP | BPF_CALL | BPF_X));
	assert_false(isa_opcode_valid(BPF_JMP32 | BPF_CALL));
}

static void test_asm_refuses(void **state)
{
	static const char *const bad[] = {
		"r1 = ",
		"r16 = 1",
		"r1 == 2",
		"r1 += 0x100000000",
		"goto nowhere",
		"if r1 goto pc+1",
		"r1 = *(u24 *)(r2 +0)",
		"exit now",
		"*(u8 *)(r1 +70000) = 1",
		"r1 = atomic_xchg((u32 *)(r2 +0), r3)",
		"call",
		"hello",
	};
	struct bpf_insn insns[4];
	struct asm_error err;

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(asm_text(bad[i], insns, 4, &err), -EINVAL);
	assert_int_equal(asm_text("exit\n\nr1 =\n", insns, 4, &err), -EINVAL);
	assert_int_equal(err.line, 3);
	assert_int_equal(asm_text("exit\nexit\nexit\nexit\nexit\n", insns, 4, &err), -E2BIG);
	assert_int_equal(asm_text("0: (b7) r0 = 0 ; said the log\n1: (95) exit\n", insns, 4, &err),
			 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),	 cmocka_unit_test(test_bugs),
		cmocka_unit_test(test_any_word), cmocka_unit_test(test_callbacks),
		cmocka_unit_test(test_valid),	 cmocka_unit_test(test_asm_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
