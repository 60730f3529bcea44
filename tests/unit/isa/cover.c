/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include "cover.h"

/* --- forms --- */

enum field { NONE, OFF, IMM, SRC };

#define COUNT(...) (sizeof((s32[]){__VA_ARGS__}) / sizeof(s32))
#define FORMS(code, mask, field, ...)                  \
	{                                              \
		code, mask, field, COUNT(__VA_ARGS__), \
		{                                      \
			__VA_ARGS__                    \
		}                                      \
	}

/* Opcodes under @mask, and the values of the field that tells their forms apart. */
static const struct form_rule {
	u8 code, mask;
	enum field field;
	u32 nr;
	s32 values[COVER_FORMS];
} form_rules[] = {
	FORMS(BPF_ALU64 | BPF_MOV | BPF_X, 0xff, OFF, 0, 8, 16, 32),
	FORMS(BPF_ALU | BPF_MOV | BPF_X, 0xff, OFF, 0, 8, 16),
	FORMS(BPF_ALU64 | BPF_DIV, 0xf7, OFF, 0, 1),
	FORMS(BPF_ALU64 | BPF_MOD, 0xf7, OFF, 0, 1),
	FORMS(BPF_ALU | BPF_DIV, 0xf7, OFF, 0, 1),
	FORMS(BPF_ALU | BPF_MOD, 0xf7, OFF, 0, 1),
	FORMS(BPF_ALU64 | BPF_END, 0xf7, IMM, 16, 32, 64),
	FORMS(BPF_ALU | BPF_END, 0xf7, IMM, 16, 32, 64),
	FORMS(BPF_STX | BPF_ATOMIC | BPF_W, 0xff, IMM, BPF_ADD, BPF_OR, BPF_AND, BPF_XOR,
	      BPF_ADD | BPF_FETCH, BPF_OR | BPF_FETCH, BPF_AND | BPF_FETCH, BPF_XOR | BPF_FETCH,
	      BPF_XCHG, BPF_CMPXCHG),
	FORMS(BPF_STX | BPF_ATOMIC | BPF_DW, 0xff, IMM, BPF_ADD, BPF_OR, BPF_AND, BPF_XOR,
	      BPF_ADD | BPF_FETCH, BPF_OR | BPF_FETCH, BPF_AND | BPF_FETCH, BPF_XOR | BPF_FETCH,
	      BPF_XCHG, BPF_CMPXCHG),
	/* kfuncs: tests/unit/helper */
	FORMS(BPF_JMP | BPF_CALL, 0xff, SRC, 0, BPF_PSEUDO_CALL),
	FORMS(BPF_LD | BPF_IMM | BPF_DW, 0xff, SRC, 0, BPF_PSEUDO_FUNC),
	FORMS(0, 0, NONE, 0),
};

static const struct form_rule *form_rule(u8 code)
{
	const struct form_rule *r = form_rules;

	while ((code & r->mask) != r->code)
		r++;
	return r;
}

static s32 field_of(const struct bpf_insn *in, enum field field)
{
	return field == OFF ? in->off : field == IMM ? in->imm : field == SRC ? in->src_reg : 0;
}

static void note_form(struct cover *cov, const struct bpf_insn *in)
{
	const struct form_rule *r = form_rule(in->code);

	for (u32 i = 0; i < r->nr; i++)
		if (field_of(in, r->field) == r->values[i])
			cov->forms[in->code] |= 1u << i;
}

/* --- operands --- */

enum edge { ZERO, ONE, MINUS_ONE, POSITIVE, NEGATIVE, MOST, LEAST, WIDE };

static const char *const edge_names[COVER_EDGES] = {
	"0", "1", "-1", "above 1", "below -1", "the greatest", "the least", "the width or more"};

static u8 edges_of(u8 code, u64 v)
{
	u8 class = BPF_CLASS(code);
	bool wide = class == BPF_ALU64 || class == BPF_JMP;
	s64 x = wide ? (s64)v : (s32)v;
	u8 m = x == 0 ? 1 << ZERO : x == 1 ? 1 << ONE : x == -1 ? 1 << MINUS_ONE : 0;

	m |= (x > 1) << POSITIVE | (x < -1) << NEGATIVE;
	m |= (x == INT32_MAX || x == INT64_MAX) << MOST | (x == INT32_MIN || x == INT64_MIN)
								  << LEAST;
	m |= ((u64)x >= (wide ? 64 : 32)) << WIDE;
	return m;
}

static u8 wanted_edges(u8 code, bool sign)
{
	u8 class = BPF_CLASS(code), op = BPF_OP(code), src = BPF_SRC(code);
	u8 any = 1 << ZERO | 1 << ONE | 1 << MINUS_ONE | 1 << POSITIVE | 1 << NEGATIVE;

	if (class == BPF_JMP || class == BPF_JMP32)
		return op == BPF_JA || op == BPF_CALL || op == BPF_EXIT || op > BPF_JSLE ? 0 : any;
	if ((class != BPF_ALU && class != BPF_ALU64) || op == BPF_NEG || op == BPF_END)
		return 0;
	if (op == BPF_MOV)
		return src == BPF_X ? 0 : any;
	if (op == BPF_DIV || op == BPF_MOD) /* no verifier lets the constant 0 pass */
		return sign ? 1 << MINUS_ONE | 1 << POSITIVE | (src == BPF_X) << ZERO
			    : 1 << ONE | 1 << POSITIVE | 1 << MINUS_ONE | (src == BPF_X) << ZERO;
	if (op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH) /* the same of wide ones */
		return 1 << ZERO | 1 << ONE | 1 << POSITIVE | (src == BPF_X) << WIDE;
	return any | 1 << MOST | 1 << LEAST;
}

/* Registers that hold a constant; cases are short and set them shortly before. */
struct known {
	bool is[16];
	u64 v[16];
};

static void follow(struct known *k, const struct bpf_insn *in)
{
	u8 dst = in->dst_reg, code = in->code;
	bool mov = code == (BPF_ALU64 | BPF_MOV | BPF_K),
	     mov32 = code == (BPF_ALU | BPF_MOV | BPF_K);

	if (BPF_CLASS(code) == BPF_JMP || BPF_CLASS(code) == BPF_JMP32)
		return;
	k->is[dst] = mov || mov32 || insn_is_ld_imm64(in);
	if (k->is[dst])
		k->v[dst] = insn_is_ld_imm64(in) ? insn_imm64(in)
			    : mov		 ? (u64)(s64)in->imm
						 : (u32)in->imm;
}

static void note_edges(struct cover *cov, const struct known *k, const struct bpf_insn *in)
{
	u8 op = BPF_OP(in->code);
	bool sign = form_rule(in->code)->field == OFF && op != BPF_MOV && in->off;

	if (!wanted_edges(in->code, sign))
		return;
	if (BPF_SRC(in->code) == BPF_K)
		cov->edges[sign][in->code] |= edges_of(in->code, (u64)(s64)in->imm);
	else if (k->is[in->src_reg])
		cov->edges[sign][in->code] |= edges_of(in->code, k->v[in->src_reg]);
}

/* --- all --- */

void cover_note(struct cover *cov, const struct isa_case *c)
{
	struct known k = {0};

	for (int i = 0; i < c->nr_insns; i++) {
		const struct bpf_insn *in = &c->insns[i];

		if (form_rule(in->code)->nr)
			note_form(cov, in);
		else
			cov->forms[in->code] = 1;
		note_edges(cov, &k, in);
		follow(&k, in);
		i += insn_is_ld_imm64(in);
	}
}

static const struct {
	u8 code;
	const char *name;
} opcodes[] = {
#define OP(name, code, cpu, text)  {code, #name},
#define INTERNAL(name, code, text) {code, #name},
#include "isa/opcodes.def"
};

/* LD_ABS, LD_IND are rewritten before they get here; tail calls need a host, pointers in map values
 * objects: tests/unit/exec. */
static bool elsewhere(u8 code)
{
	return (BPF_CLASS(code) == BPF_LD && BPF_MODE(code) != BPF_IMM) ||
	       code == (BPF_JMP | BPF_TAIL_CALL) ||
	       (BPF_MODE(code) == BPF_KPTR &&
		(BPF_CLASS(code) == BPF_LDX || BPF_CLASS(code) == BPF_STX));
}

static int missing_forms(const struct cover *cov, u8 code, const char *name)
{
	const struct form_rule *r = form_rule(code);
	int missing = 0;

	for (u32 i = 0; i < r->nr + !r->nr; i++) {
		if (cov->forms[code] & 1u << i)
			continue;
		printf("no case for %s (%02x)", name, code);
		printf(r->nr ? " %s %d\n" : "\n",
		       r->field == OFF	 ? "off"
		       : r->field == IMM ? "imm"
					 : "src",
		       r->values[i]);
		missing++;
	}
	return missing;
}

static int missing_edges(const struct cover *cov, u8 code, const char *name, bool sign)
{
	u8 left = wanted_edges(code, sign) & ~cov->edges[sign][code];

	for (u32 i = 0; i < COVER_EDGES; i++)
		if (left & 1u << i)
			printf("no case for %s%s (%02x) with the operand %s\n",
			       sign ? "signed " : "", name, code, edge_names[i]);
	return __builtin_popcount(left);
}

int cover_missing(const struct cover *cov)
{
	int missing = 0;

	for (u32 i = 0; i < ARRAY_SIZE(opcodes); i++) {
		u8 code = opcodes[i].code;

		if (elsewhere(code))
			continue;
		missing += missing_forms(cov, code, opcodes[i].name);
		missing += missing_edges(cov, code, opcodes[i].name, false);
		if (form_rule(code)->field == OFF && BPF_OP(code) != BPF_MOV)
			missing += missing_edges(cov, code, opcodes[i].name, true);
	}
	return missing;
}
