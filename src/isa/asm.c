/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "isa/asm.h"
#include "isa/disasm.h"

#define MAX_NAMES 256
#define NAME_LEN  32

struct name {
	char text[NAME_LEN];
	int at; /* instruction */
	int line;
};

struct as {
	const char *s; /* rest of the current line */
	struct bpf_insn *insns;
	int max, nr, line;
	struct name labels[MAX_NAMES],
		uses[MAX_NAMES]; /* uses: jumps and calls whose target is a label */
	int nr_labels, nr_uses;
	struct asm_error *err;
	int ret; /* first error */
};

__printf(2, 3) static bool fail(struct as *a, const char *fmt, ...)
{
	va_list ap;

	if (!a->ret && a->err) {
		va_start(ap, fmt);
		vsnprintf(a->err->text, sizeof(a->err->text), fmt, ap);
		va_end(ap);
		a->err->line = a->line;
	}
	if (!a->ret)
		a->ret = -EINVAL;
	return false;
}

/* --- scanning: each returns whether it was there, and steps over it only then --- */

static void skip_blanks(struct as *a)
{
	while (*a->s == ' ' || *a->s == '\t')
		a->s++;
}

static bool eat(struct as *a, const char *what)
{
	size_t n = strlen(what);

	skip_blanks(a);
	if (strncmp(a->s, what, n))
		return false;
	if (isalpha((u8)what[n - 1]) && (isalnum((u8)a->s[n]) || a->s[n] == '_'))
		return false; /* a word goes on */
	a->s += n;
	return true;
}

static bool need(struct as *a, const char *what)
{
	return eat(a, what) || fail(a, "'%s' expected at '%s'", what, a->s);
}

/* 'r' or 'w' register. */
static bool reg(struct as *a, char *width, u8 *nr)
{
	char *end;
	long n;

	skip_blanks(a);
	if ((a->s[0] != 'r' && a->s[0] != 'w') || !isdigit((u8)a->s[1]))
		return false;
	n = strtol(a->s + 1, &end, 10);
	if (n > 15 || isalnum((u8)*end) || *end == '_')
		return false;
	*width = a->s[0];
	*nr = (u8)n;
	a->s = end;
	return true;
}

static bool need_reg(struct as *a, char width, u8 *nr)
{
	char w;

	return (reg(a, &w, nr) && (!width || w == width)) ||
	       fail(a, "register expected at '%s'", a->s);
}

static bool number(struct as *a, s64 *v)
{
	bool minus = false;
	const char *s;
	char *end;

	skip_blanks(a);
	s = a->s;
	if (*s == '-' || *s == '+')
		minus = *s++ == '-';
	if (!isdigit((u8)*s))
		return false;
	*v = (s64)strtoull(s, &end, 0);
	if (minus)
		*v = (s64)(0 - (u64)*v);
	a->s = end;
	return true;
}

static bool need_number(struct as *a, s64 *v)
{
	return number(a, v) || fail(a, "number expected at '%s'", a->s);
}

static bool need_imm32(struct as *a, s32 *imm)
{
	s64 v;

	if (!need_number(a, &v))
		return false;
	if (v < INT32_MIN || v > UINT32_MAX)
		return fail(a, "%lld does not fit 32 bits", (long long)v);
	*imm = (s32)(u32)v;
	return true;
}

/* A word of @table, the longest that fits; its index, or -1. */
static int word(struct as *a, const char *const *table, int n)
{
	int best = -1;

	skip_blanks(a);
	for (int i = 0; i < n; i++) {
		size_t len = table[i] ? strlen(table[i]) : 0;

		if (len && !strncmp(a->s, table[i], len) && (best < 0 || len > strlen(table[best])))
			best = i;
	}
	if (best >= 0)
		a->s += strlen(table[best]);
	return best;
}

/* "u32 *)" or "s16 *)": BPF_SIZE, and whether it is signed. */
static bool size(struct as *a, u8 *bpf_size, bool *sign)
{
	static const char *const names[] = {"u8", "u16", "u32", "u64", "s8", "s16", "s32"};
	static const u8 sizes[] = {BPF_B, BPF_H, BPF_W, BPF_DW, BPF_B, BPF_H, BPF_W};
	int i = word(a, names, ARRAY_SIZE(names));

	if (i < 0)
		return fail(a, "size expected at '%s'", a->s);
	*bpf_size = sizes[i];
	*sign = i > 3;
	return need(a, "*") && need(a, ")");
}

/* "(r1 +4)" */
static bool address(struct as *a, u8 *nr, s16 *off)
{
	s64 v = 0;

	if (!need(a, "(") || !need_reg(a, 'r', nr))
		return false;
	number(a, &v);
	if (v != (s16)v)
		return fail(a, "offset %lld does not fit 16 bits", (long long)v);
	*off = (s16)v;
	return need(a, ")");
}

/* --- emitting --- */

static struct bpf_insn *emit(struct as *a, struct bpf_insn insn)
{
	if (a->nr >= a->max) {
		fail(a, "too many instructions");
		a->ret = -E2BIG;
		return NULL;
	}
	a->insns[a->nr] = insn;
	return &a->insns[a->nr++];
}

static bool emit_imm64(struct as *a, u8 dst, u8 src, s32 lo, s32 hi)
{
	return emit(a, BPF_INSN(BPF_LD | BPF_IMM | BPF_DW, dst, src, 0, lo)) &&
	       emit(a, BPF_INSN(0, 0, 0, 0, hi));
}

/* "pc+3" or a label: returns the distance now, or 0 and remembers to fill it in. */
static bool target(struct as *a, s64 *rel)
{
	struct name *use = &a->uses[a->nr_uses];
	int n = 0;

	skip_blanks(a);
	if (!strncmp(a->s, "pc", 2) && (a->s[2] == '+' || a->s[2] == '-')) {
		a->s += 2;
		return need_number(a, rel);
	}
	while ((isalnum((u8)a->s[n]) || a->s[n] == '_') && n < NAME_LEN - 1)
		n++;
	if (!n || a->nr_uses == MAX_NAMES)
		return fail(a, "jump target expected at '%s'", a->s);
	memcpy(use->text, a->s, (size_t)n);
	use->text[n] = '\0';
	use->at = a->nr;
	use->line = a->line;
	a->nr_uses++;
	a->s += n;
	*rel = 0;
	return true;
}

/* --- statements --- */

static bool st_if(struct as *a)
{
	struct bpf_insn insn = {};
	u8 class, dst, src;
	char w;
	s64 rel;
	int op;

	if (!reg(a, &w, &dst))
		return fail(a, "register expected at '%s'", a->s);
	class = w == 'r' ? BPF_JMP : BPF_JMP32;
	op = word(a, disasm_jmp, 16);
	if (op <= 0 || op == BPF_CALL >> 4 || op == BPF_EXIT >> 4)
		return fail(a, "comparison expected at '%s'", a->s);
	insn.dst_reg = dst;
	if (reg(a, &w, &src)) {
		insn.code = class | (op << 4) | BPF_X;
		insn.src_reg = src;
	} else {
		s32 imm;

		insn.code = class | (op << 4) | BPF_K;
		if (!need_imm32(a, &imm))
			return false;
		insn.imm = imm;
	}
	if (!need(a, "goto") || !target(a, &rel))
		return false;
	insn.off = (s16)rel;
	return emit(a, insn);
}

static bool st_call(struct as *a)
{
	s64 rel;
	int id = 0, n = 0;

	skip_blanks(a);
	while (isalnum((u8)a->s[n]) || a->s[n] == '_')
		n++;
	if (!strncmp(a->s, "pc", 2) && n == 2) {
		if (!target(a, &rel))
			return false;
		return emit(a, BPF_CALL_REL((s32)rel));
	}
	for (id = 1; id < HELPER_IDS_END; id++)
		if (strlen(disasm_helper_name(id)) == (size_t)n &&
		    !strncmp(a->s, disasm_helper_name(id), (size_t)n))
			break;
	if (id < HELPER_IDS_END || !strncmp(a->s, "unknown#", 8) ||
	    !strncmp(a->s, "kernel-function#", 16)) {
		u8 src = a->s[0] == 'k' ? BPF_PSEUDO_KFUNC_CALL : 0;
		s32 imm = id;

		if (!strncmp(a->s, "kernel-function", 15))
			n = 15;
		a->s += n;
		if (eat(a, "#") && !need_imm32(a, &imm))
			return false;
		return emit(a, BPF_INSN(BPF_JMP | BPF_CALL, 0, src, 0, imm));
	}
	return target(a, &rel) && emit(a, BPF_CALL_REL(0));
}

static bool st_goto(struct as *a, bool wide)
{
	s64 rel;

	if (!target(a, &rel))
		return false;
	return wide ? emit(a, BPF_JMP32_A((s32)rel)) : emit(a, BPF_JMP_A((s16)rel));
}

/* behind "lock *(" */
static bool st_lock(struct as *a)
{
	u8 sz, dst, src;
	bool sign;
	s16 off;
	int op;

	if (!size(a, &sz, &sign) || !address(a, &dst, &off))
		return false;
	op = word(a, disasm_alu, 16);
	if (op < 0)
		return fail(a, "operation expected at '%s'", a->s);
	return need_reg(a, 'r', &src) && emit(a, BPF_ATOMIC_OP(sz, op << 4, dst, src, off));
}

/* behind "*(" */
static bool st_store(struct as *a)
{
	u8 sz, dst, src;
	bool sign;
	char w;
	s16 off;
	s32 imm;

	if (!size(a, &sz, &sign) || !address(a, &dst, &off) || !need(a, "="))
		return false;
	if (reg(a, &w, &src))
		return emit(a, BPF_STX_MEM(sz, dst, src, off));
	return need_imm32(a, &imm) && emit(a, BPF_ST_MEM(sz, dst, off, imm));
}

/* behind "= *(" */
static bool st_load(struct as *a, u8 dst, bool probe)
{
	u8 sz, src, mode;
	bool sign;
	s16 off;
	s32 imm;

	if (!size(a, &sz, &sign))
		return false;
	if (!eat(a, "skb[")) {
		mode = probe  ? (sign ? BPF_PROBE_MEMSX : BPF_PROBE_MEM)
		       : sign ? BPF_MEMSX
			      : BPF_MEM;
		return address(a, &src, &off) &&
		       emit(a, BPF_INSN(BPF_LDX | mode | sz, dst, src, off, 0));
	}
	mode = BPF_ABS;
	src = 0;
	if (a->s[0] == 'r') {
		mode = BPF_IND;
		if (!need_reg(a, 'r', &src) || !need(a, "+"))
			return false;
	}
	return need_imm32(a, &imm) && need(a, "]") &&
	       emit(a, BPF_INSN(BPF_LD | mode | sz, 0, src, 0, imm));
}

/* behind "= atomic": fetch_add((u32 *)(r1 +0), r2), cmpxchg((u64 *)(r1 +0), r0, r2) */
static bool st_fetch(struct as *a, u8 dst)
{
	static const char *const names[] = {"fetch_add", "fetch_and", "fetch_or",
					    "fetch_xor", "xchg",      "cmpxchg"};
	static const s32 ops[] = {BPF_ADD | BPF_FETCH,
				  BPF_AND | BPF_FETCH,
				  BPF_OR | BPF_FETCH,
				  BPF_XOR | BPF_FETCH,
				  BPF_XCHG,
				  BPF_CMPXCHG};
	u8 sz, base, src;
	bool sign;
	s16 off;
	int i;

	if (!strncmp(a->s, "64", 2))
		a->s += 2;
	if (!need(a, "_"))
		return false;
	i = word(a, names, ARRAY_SIZE(names));
	if (i < 0)
		return fail(a, "atomic operation expected at '%s'", a->s);
	if (!need(a, "(") || !need(a, "(") || !size(a, &sz, &sign) || !address(a, &base, &off) ||
	    !need(a, ","))
		return false;
	if (ops[i] == BPF_CMPXCHG && (!need(a, "r0") || !need(a, ",")))
		return false;
	if (!need_reg(a, 'r', &src) || !need(a, ")"))
		return false;
	if (dst != (ops[i] == BPF_CMPXCHG ? 0 : src))
		return fail(a, "the result goes to %s",
			    ops[i] == BPF_CMPXCHG ? "r0" : "the source register");
	return emit(a, BPF_ATOMIC_OP(sz, ops[i], base, src, off));
}

static bool st_map(struct as *a, u8 dst, u8 pseudo)
{
	s32 idx, off = 0;

	if (!need_imm32(a, &idx) || !need(a, "]"))
		return false;
	if (pseudo == BPF_PSEUDO_MAP_VALUE &&
	    (!need(a, "[") || !need_imm32(a, &off) || !need(a, "]")))
		return false;
	return emit_imm64(a, dst, pseudo, idx, off);
}

/* "r1 = 5", "r1 = 5 ll" */
static bool st_const(struct as *a, u8 class, u8 dst)
{
	s64 v;

	if (!need_number(a, &v))
		return false;
	if (class == BPF_ALU64 && (eat(a, "ll") || v != (s32)v))
		return emit_imm64(a, dst, 0, (s32)(u32)v, (s32)(u32)((u64)v >> 32));
	return emit(a, BPF_INSN(class | BPF_MOV | BPF_K, dst, 0, 0, (s32)(u32)v));
}

static bool st_swap(struct as *a, u8 dst, u8 code)
{
	s64 bits;
	u8 src;

	return need_number(a, &bits) && need_reg(a, 0, &src) &&
	       emit(a, BPF_INSN(code, dst, 0, 0, (s32)bits));
}

/* What stands behind "r1 =" or "w1 =". */
static bool st_assign(struct as *a, u8 class, u8 dst)
{
	char w;
	u8 src;
	s64 v;

	skip_blanks(a);
	if (reg(a, &w, &src))
		return emit(a, BPF_INSN(class | BPF_MOV | BPF_X, dst, src, 0, 0));
	if (a->s[0] == '-' && (a->s[1] == 'r' || a->s[1] == 'w')) {
		a->s++;
		return need_reg(a, 0, &src) && emit(a, BPF_INSN(class | BPF_NEG, dst, 0, 0, 0));
	}
	if (!strncmp(a->s, "(s", 2)) {
		a->s += 2;
		return need_number(a, &v) && need(a, ")") && need_reg(a, 0, &src) &&
		       emit(a, BPF_INSN(class | BPF_MOV | BPF_X, dst, src, (s16)v, 0));
	}
	if (eat(a, "probe *("))
		return st_load(a, dst, true);
	if (eat(a, "*("))
		return st_load(a, dst, false);
	if (!strncmp(a->s, "atomic", 6)) {
		a->s += 6;
		return st_fetch(a, dst);
	}
	if (eat(a, "map_fd["))
		return st_map(a, dst, BPF_PSEUDO_MAP_FD);
	if (eat(a, "map_value["))
		return st_map(a, dst, BPF_PSEUDO_MAP_VALUE);
	if (eat(a, "func"))
		return target(a, &v) && emit_imm64(a, dst, BPF_PSEUDO_FUNC, (s32)v, 0);
	if (!strncmp(a->s, "le", 2) || !strncmp(a->s, "be", 2)) {
		a->s += 2;
		return st_swap(a, dst,
			       BPF_ALU | BPF_END | (a->s[-2] == 'b' ? BPF_TO_BE : BPF_TO_LE));
	}
	if (!strncmp(a->s, "bswap", 5)) {
		a->s += 5;
		return st_swap(a, dst, BPF_ALU64 | BPF_END | BPF_TO_LE);
	}
	return st_const(a, class, dst);
}

/* "r1 += r2", "w1 s/= 5"; @dst is read. */
static bool st_alu(struct as *a, char w, u8 dst)
{
	u8 class = w == 'r' ? BPF_ALU64 : BPF_ALU, src;
	s16 off = 0;
	s32 imm;
	int op;

	skip_blanks(a);
	if (!strncmp(a->s, "s/=", 3) || !strncmp(a->s, "s%=", 3)) {
		off = 1;
		a->s++;
	}
	op = word(a, disasm_alu, 16);
	if (op < 0 || op == BPF_NEG >> 4 || op == BPF_END >> 4)
		return fail(a, "operation expected at '%s'", a->s);
	if (op == BPF_MOV >> 4)
		return st_assign(a, class, dst);
	if (reg(a, &w, &src))
		return emit(a, BPF_INSN(class | (op << 4) | BPF_X, dst, src, off, 0));
	return need_imm32(a, &imm) &&
	       emit(a, BPF_INSN(class | (op << 4) | BPF_K, dst, 0, off, imm));
}

static bool st_raw(struct as *a)
{
	s64 f[5];

	for (int i = 0; i < 5; i++)
		if (!need_number(a, &f[i]))
			return false;
	return emit(a, BPF_INSN((u8)f[0], (u8)f[1] & 15, (u8)f[2] & 15, (s16)f[3], (s32)(u32)f[4]));
}

static bool statement(struct as *a)
{
	char w;
	u8 dst;
	s64 rel;

	if (reg(a, &w, &dst))
		return st_alu(a, w, dst);
	if (eat(a, "if"))
		return st_if(a);
	if (eat(a, "exit"))
		return emit(a, BPF_EXIT_INSN());
	if (eat(a, "may_goto"))
		return target(a, &rel) && emit(a, BPF_MAY_GOTO_INSN((s16)rel));
	if (eat(a, "gotol"))
		return st_goto(a, true);
	if (eat(a, "goto"))
		return st_goto(a, false);
	if (eat(a, "call"))
		return st_call(a);
	if (eat(a, "lock *("))
		return st_lock(a);
	if (eat(a, "*("))
		return st_store(a);
	if (eat(a, "tail_call"))
		return emit(a, BPF_INSN(BPF_JMP | BPF_TAIL_CALL, 0, 0, 0, 0));
	if (eat(a, "nospec"))
		return emit(a, BPF_INSN(BPF_ST | 0xc0, 0, 0, 0, 0));
	if (eat(a, ".raw"))
		return st_raw(a);
	return fail(a, "not an instruction: '%s'", a->s);
}

/* "out:" alone. "12:" in front of an instruction is only an index. */
static bool label(struct as *a)
{
	const char *s = a->s;
	struct name *l = &a->labels[a->nr_labels];
	int n = 0;

	while (isalnum((u8)s[n]) || s[n] == '_')
		n++;
	if (!n || s[n] != ':')
		return false;
	a->s += n + 1;
	if (isdigit((u8)s[0]))
		return false;
	if (a->nr_labels == MAX_NAMES || n >= NAME_LEN) {
		fail(a, "too many labels, or too long");
		return true;
	}
	memcpy(l->text, s, (size_t)n);
	l->text[n] = '\0';
	l->at = a->nr;
	a->nr_labels++;
	return true;
}

static void one_line(struct as *a, char *line)
{
	char *end = strchr(line, ';'), *slashes = strstr(line, "//");
	u32 code;

	if (slashes && (!end || slashes < end))
		end = slashes;
	if (end)
		*end = '\0';
	end = line + strlen(line);
	while (end > line && isspace((u8)end[-1]))
		*--end = '\0';
	a->s = line;
	skip_blanks(a);
	if (!*a->s || label(a))
		return;
	skip_blanks(a);
	if (sscanf(a->s, "(%2x)", &code) == 1)
		a->s += 4;
	if (!statement(a))
		return;
	skip_blanks(a);
	if (*a->s)
		fail(a, "left over: '%s'", a->s);
}

static void resolve(struct as *a)
{
	for (int i = 0; i < a->nr_uses && !a->ret; i++) {
		struct bpf_insn *insn = &a->insns[a->uses[i].at];
		int j, rel;

		for (j = 0; j < a->nr_labels; j++)
			if (!strcmp(a->labels[j].text, a->uses[i].text))
				break;
		a->line = a->uses[i].line;
		if (j == a->nr_labels) {
			fail(a, "no label '%s'", a->uses[i].text);
			return;
		}
		rel = a->labels[j].at - a->uses[i].at - 1;
		if (insn->code == (BPF_JMP | BPF_CALL) || insn->code == (BPF_JMP32 | BPF_JA) ||
		    insn_is_ld_imm64(insn))
			insn->imm = rel;
		else
			insn->off = (s16)rel;
	}
}

int asm_text(const char *text, struct bpf_insn *insns, int max, struct asm_error *err)
{
	struct as *a = calloc(1, sizeof(*a));
	char line[256];
	int ret;

	if (!a)
		return -ENOMEM;
	a->insns = insns;
	a->max = max;
	a->err = err;
	while (*text && !a->ret) {
		size_t n = strcspn(text, "\n"), len = min(n, sizeof(line) - 1);

		memcpy(line, text, len);
		line[len] = '\0';
		a->line++;
		one_line(a, line);
		text += n + (text[n] == '\n');
	}
	resolve(a);
	ret = a->ret ? a->ret : a->nr;
	free(a);
	return ret;
}
