/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include "isa/disasm.h"

/* clang-format off */
const char *const disasm_class[8] = {
	[BPF_LD] = "ld", [BPF_LDX] = "ldx", [BPF_ST] = "st", [BPF_STX] = "stx",
	[BPF_ALU] = "alu", [BPF_JMP] = "jmp", [BPF_JMP32] = "jmp32", [BPF_ALU64] = "alu64",
};

const char *const disasm_alu[16] = {
	[BPF_ADD >> 4] = "+=", [BPF_SUB >> 4] = "-=", [BPF_MUL >> 4] = "*=", [BPF_DIV >> 4] = "/=",
	[BPF_OR >> 4] = "|=", [BPF_AND >> 4] = "&=", [BPF_LSH >> 4] = "<<=", [BPF_RSH >> 4] = ">>=",
	[BPF_NEG >> 4] = "neg", [BPF_MOD >> 4] = "%=", [BPF_XOR >> 4] = "^=", [BPF_MOV >> 4] = "=",
	[BPF_ARSH >> 4] = "s>>=", [BPF_END >> 4] = "endian",
};

const char *const disasm_jmp[16] = {
	[BPF_JA >> 4] = "jmp", [BPF_JEQ >> 4] = "==", [BPF_JGT >> 4] = ">", [BPF_JLT >> 4] = "<",
	[BPF_JGE >> 4] = ">=", [BPF_JLE >> 4] = "<=", [BPF_JSET >> 4] = "&", [BPF_JNE >> 4] = "!=",
	[BPF_JSGT >> 4] = "s>", [BPF_JSLT >> 4] = "s<", [BPF_JSGE >> 4] = "s>=", [BPF_JSLE >> 4] = "s<=",
	[BPF_CALL >> 4] = "call", [BPF_EXIT >> 4] = "exit",
};

static const char *const size_name[4] = {
	[BPF_W >> 3] = "u32", [BPF_H >> 3] = "u16", [BPF_B >> 3] = "u8", [BPF_DW >> 3] = "u64",
};
static const char *const signed_size_name[4] = {
	[BPF_W >> 3] = "s32", [BPF_H >> 3] = "s16", [BPF_B >> 3] = "s8", [BPF_DW >> 3] = "s64",
};

/* clang-format on */

#define HELPER_NAME(x) [BPF_FUNC_##x] = "bpf_" #x
static const char *const helper_names[] = {__BPF_FUNC_MAPPER(HELPER_NAME)};
#undef HELPER_NAME
static const char *const later_helper_names[] = {"bpf_cgrp_storage_get", "bpf_cgrp_storage_delete"};

const char *disasm_helper_name(int id)
{
	int later = id - BPF_FUNC_cgrp_storage_get;

	if (later >= 0 && later < (int)ARRAY_SIZE(later_helper_names))
		return later_helper_names[later];
	return id >= 0 && id < (int)ARRAY_SIZE(helper_names) && helper_names[id] ? helper_names[id]
										 : "unknown";
}

#define OUT(d, ...) (d)->print((d)->arg, __VA_ARGS__)

static const char *size_of(const struct bpf_insn *insn)
{
	return size_name[BPF_SIZE(insn->code) >> 3];
}

static void print_end(const struct disasm *d, const struct bpf_insn *insn)
{
	bool alu64 = BPF_CLASS(insn->code) == BPF_ALU64;

	if (alu64 && BPF_SRC(insn->code) != BPF_TO_LE)
		OUT(d, "BUG_alu64_%02x\n", insn->code);
	else
		OUT(d, "(%02x) r%d = %s%d r%d\n", insn->code, insn->dst_reg,
		    alu64			       ? "bswap"
		    : BPF_SRC(insn->code) == BPF_TO_BE ? "be"
						       : "le",
		    insn->imm, insn->dst_reg);
}

/* off 1 makes division signed, any off makes a move sign-extend from that many bits (cpu 4). */
static void print_alu(const struct disasm *d, const struct bpf_insn *insn)
{
	char r = BPF_CLASS(insn->code) == BPF_ALU ? 'w' : 'r';
	u8 op = BPF_OP(insn->code);
	bool x = BPF_SRC(insn->code) == BPF_X;
	bool sdiv = (op == BPF_DIV || op == BPF_MOD) && insn->off == 1;
	const char *name = disasm_alu[op >> 4];

	if (op == BPF_END)
		print_end(d, insn);
	else if (op == BPF_NEG)
		OUT(d, "(%02x) %c%d = -%c%d\n", insn->code, r, insn->dst_reg, r, insn->dst_reg);
	else if (x && op == BPF_MOV && insn->off)
		OUT(d, "(%02x) %c%d = (s%d)%c%d\n", insn->code, r, insn->dst_reg, insn->off, r,
		    insn->src_reg);
	else if (x)
		OUT(d, "(%02x) %c%d %s%s %c%d\n", insn->code, r, insn->dst_reg, sdiv ? "s" : "",
		    name, r, insn->src_reg);
	else
		OUT(d, "(%02x) %c%d %s%s %d\n", insn->code, r, insn->dst_reg, sdiv ? "s" : "", name,
		    insn->imm);
}

static void print_atomic(const struct disasm *d, const struct bpf_insn *insn)
{
	static const char *const fetch[16] = {
		[BPF_ADD >> 4] = "fetch_add", [BPF_AND >> 4] = "fetch_and",
		[BPF_OR >> 4] = "fetch_or",   [BPF_XOR >> 4] = "fetch_xor",
		[BPF_XCHG >> 4] = "xchg",
	};
	const char *bits = BPF_SIZE(insn->code) == BPF_DW ? "64" : "";
	u32 op = (u32)insn->imm;
	const char *name = op <= 0xff ? fetch[op >> 4] : NULL;

	if (op == BPF_CMPXCHG)
		OUT(d, "(%02x) r0 = atomic%s_cmpxchg((%s *)(r%d %+d), r0, r%d)\n", insn->code, bits,
		    size_of(insn), insn->dst_reg, insn->off, insn->src_reg);
	else if (name && (op & 0xf) == BPF_FETCH)
		OUT(d, "(%02x) r%d = atomic%s_%s((%s *)(r%d %+d), r%d)\n", insn->code,
		    insn->src_reg, bits, name, size_of(insn), insn->dst_reg, insn->off,
		    insn->src_reg);
	else if (name && !(op & 0xf) && op != (BPF_XCHG & 0xf0))
		OUT(d, "(%02x) lock *(%s *)(r%d %+d) %s r%d\n", insn->code, size_of(insn),
		    insn->dst_reg, insn->off, disasm_alu[op >> 4], insn->src_reg);
	else
		OUT(d, "BUG_%02x\n", insn->code);
}

static void print_store(const struct disasm *d, const struct bpf_insn *insn)
{
	bool x = BPF_CLASS(insn->code) == BPF_STX;
	u8 mode = BPF_MODE(insn->code);

	if (mode == BPF_MEM && x)
		OUT(d, "(%02x) *(%s *)(r%d %+d) = r%d\n", insn->code, size_of(insn), insn->dst_reg,
		    insn->off, insn->src_reg);
	else if (mode == BPF_MEM)
		OUT(d, "(%02x) *(%s *)(r%d %+d) = %d\n", insn->code, size_of(insn), insn->dst_reg,
		    insn->off, insn->imm);
	else if (mode == BPF_ATOMIC && x)
		print_atomic(d, insn);
	else if (mode == 0xc0 && !x) /* speculation barrier of the kernel's own passes */
		OUT(d, "(%02x) nospec\n", insn->code);
	else
		OUT(d, x ? "BUG_%02x\n" : "BUG_st_%02x\n", insn->code);
}

static void print_load(const struct disasm *d, const struct bpf_insn *insn)
{
	u8 mode = BPF_MODE(insn->code);

	if (mode == BPF_MEM || mode == BPF_MEMSX)
		OUT(d, "(%02x) r%d = *(%s *)(r%d %+d)\n", insn->code, insn->dst_reg,
		    (mode == BPF_MEM ? size_name : signed_size_name)[BPF_SIZE(insn->code) >> 3],
		    insn->src_reg, insn->off);
	else
		OUT(d, "BUG_ldx_%02x\n", insn->code);
}

static bool is_address(u8 src_reg)
{
	return src_reg == BPF_PSEUDO_MAP_FD || src_reg == BPF_PSEUDO_MAP_VALUE ||
	       src_reg == BPF_PSEUDO_MAP_IDX || src_reg == BPF_PSEUDO_MAP_IDX_VALUE ||
	       src_reg == BPF_PSEUDO_BTF_ID;
}

static void print_imm64(const struct disasm *d, const struct bpf_insn *insn, bool allow_ptr_leaks)
{
	u64 imm = is_address(insn->src_reg) && !allow_ptr_leaks ? 0 : insn_imm64(insn);

	if (d->imm)
		OUT(d, "(%02x) r%d = %s\n", insn->code, insn->dst_reg, d->imm(d->arg, insn, imm));
	else
		OUT(d, "(%02x) r%d = 0x%llx\n", insn->code, insn->dst_reg, (unsigned long long)imm);
}

static void print_ld(const struct disasm *d, const struct bpf_insn *insn, bool allow_ptr_leaks)
{
	u8 mode = BPF_MODE(insn->code);

	if (mode == BPF_ABS)
		OUT(d, "(%02x) r0 = *(%s *)skb[%d]\n", insn->code, size_of(insn), insn->imm);
	else if (mode == BPF_IND)
		OUT(d, "(%02x) r0 = *(%s *)skb[r%d + %d]\n", insn->code, size_of(insn),
		    insn->src_reg, insn->imm);
	else if (insn_is_ld_imm64(insn))
		print_imm64(d, insn, allow_ptr_leaks);
	else
		OUT(d, "BUG_ld_%02x\n", insn->code);
}

static void print_call(const struct disasm *d, const struct bpf_insn *insn)
{
	bool sub = insn->src_reg == BPF_PSEUDO_CALL;
	const char *name = NULL;
	char off[16];

	if (!insn->src_reg && strcmp(disasm_helper_name(insn->imm), "unknown"))
		name = disasm_helper_name(insn->imm);
	if (!name && d->call)
		name = d->call(d->arg, insn);
	if (!name && sub) {
		snprintf(off, sizeof(off), "%+d", insn->imm);
		name = off;
	}
	if (!name)
		name = insn->src_reg == BPF_PSEUDO_KFUNC_CALL ? "kernel-function" : "unknown";
	if (sub)
		OUT(d, "(%02x) call pc%s\n", insn->code, name);
	else
		OUT(d, "(%02x) call %s#%d\n", insn->code, name, insn->imm);
}

static void print_jump(const struct disasm *d, const struct bpf_insn *insn)
{
	bool w = BPF_CLASS(insn->code) == BPF_JMP32;
	char r = w ? 'w' : 'r';
	u8 op = BPF_OP(insn->code);
	const char *name = disasm_jmp[op >> 4];

	if (op == BPF_CALL)
		print_call(d, insn);
	else if (insn->code == (BPF_JMP | BPF_JA))
		OUT(d, "(%02x) goto pc%+d\n", insn->code, insn->off);
	else if (insn->code == (BPF_JMP32 | BPF_JA))
		OUT(d, "(%02x) gotol pc%+d\n", insn->code, insn->imm);
	else if (insn->code == (BPF_JMP | BPF_JCOND) && insn->src_reg == BPF_MAY_GOTO)
		OUT(d, "(%02x) may_goto pc%+d\n", insn->code, insn->off);
	else if (insn->code == (BPF_JMP | BPF_EXIT))
		OUT(d, "(%02x) exit\n", insn->code);
	else if (BPF_SRC(insn->code) == BPF_X)
		OUT(d, "(%02x) if %c%d %s %c%d goto pc%+d\n", insn->code, r, insn->dst_reg,
		    name ? name : "(null)", r, insn->src_reg, insn->off);
	else
		OUT(d, "(%02x) if %c%d %s 0x%x goto pc%+d\n", insn->code, r, insn->dst_reg,
		    name ? name : "(null)", insn->imm, insn->off);
}

void disasm_insn(const struct disasm *d, const struct bpf_insn *insn, bool allow_ptr_leaks)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64: print_alu(d, insn); break;
	case BPF_ST:
	case BPF_STX: print_store(d, insn); break;
	case BPF_LDX: print_load(d, insn); break;
	case BPF_LD: print_ld(d, insn, allow_ptr_leaks); break;
	default: print_jump(d, insn);
	}
}

struct str_out {
	char *buf;
	size_t size, len;
};

static void str_print(void *arg, const char *fmt, ...)
{
	struct str_out *o = arg;
	size_t room = o->len < o->size ? o->size - o->len : 0;
	va_list ap;

	va_start(ap, fmt);
	o->len += (size_t)vsnprintf(room ? o->buf + o->len : NULL, room, fmt, ap);
	va_end(ap);
}

int disasm_str(char *buf, size_t size, const struct bpf_insn *insn)
{
	struct str_out o = {buf, size, 0};
	struct disasm d = {.print = str_print, .arg = &o};

	if (size)
		buf[0] = '\0';
	disasm_insn(&d, insn, true);
	o.len--; /* the newline */
	if (o.len < size)
		buf[o.len] = '\0';
	return (int)o.len;
}
