/* SPDX-License-Identifier: BSD-2-Clause */
/* Golden cases of the rewrite passes: program and what the check found out about it in, program
 * out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "isa/asm.h"
#include "isa/disasm.h"
#include "verifier/rewrite.h"

#define MAX 64
#define END 255 /* closes a list of instruction indices */

struct rw_case {
	const char *name, *in, *out;
	bool unpriv;
	u8 dead[12]; /* instructions the check never reached; END */
	u8 ctx[4];   /* context accesses; END */
	u32 field;   /* their field size */
	u8 probe[4]; /* loads through BTF pointers; END */
	u8 subs[4];  /* subprog starts but the first; END */
	u8 subs_out[4];
	u8 lines[8]; /* line_info offsets in; END */
	u8 lines_out[8];
	u32 alu_state, alu_limit; /* of instruction 1 */
	int err;
};

#define NONE        \
	{           \
		END \
	}

/* A context with one 4-byte field at 8 that really lies at 40, and an 8-byte one at 16 that lies at
 * 48; writes of the first take two steps. */
static u32 convert(enum bpf_access_type type, const struct bpf_insn *si, struct bpf_insn *buf,
		   const struct vfy_prog *prog, u32 *target)
{
	buf[0] = *si;
	*target = si->off == 16 ? 8 : 4;
	buf[0].off = si->off == 16 ? 48 : 40;
	if (type == BPF_READ)
		return 1;
	buf[1] = (struct bpf_insn){
		.code = BPF_ST | BPF_MEM | BPF_B, .dst_reg = si->dst_reg, .off = 60, .imm = 1};
	return 2;
}

static int ld_abs(const struct bpf_insn *orig, struct bpf_insn *buf)
{
	buf[0] = (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = orig->imm};
	buf[1] = (struct bpf_insn){.code = BPF_JMP | BPF_CALL, .imm = 5};
	return 2;
}

static const struct rw_case cases[] = {
	{"nothing to do", "r0 = 1\nexit\n", "r0 = 1\nexit\n", .dead = NONE},
	{"branch always taken", "r0 = 0\nif r0 == 0 goto out\nr0 = 1\nr0 = 2\nout:\nexit\n",
	 "r0 = 0\nexit\n",
	 /* the branch becomes a jump over nothing and goes too */
	 .dead = {2, 3, END}, .lines = {0, 1, 2, 4, END}, .lines_out = {0, 1, END}},
	{"branch never taken", "r0 = 0\nif r0 != 0 goto out\nr0 = 1\nexit\nout:\nr0 = 2\nexit\n",
	 "r0 = 0\nr0 = 1\nexit\n", .dead = {4, 5, END}},
	{"a line passes on", "r0 = 0\nif r0 == 0 goto out\nr0 = 1\nout:\nexit\n", "r0 = 0\nexit\n",
	 .dead = {2, END}, .lines = {0, 2, END}, .lines_out = {0, 1, END}},
	{"unprivileged keeps length", "r0 = 0\nif r0 == 0 goto out\nr0 = 1\nout:\nexit\n",
	 "r0 = 0\nif r0 == 0 goto out\ngoto pc-1\nout:\nexit\n", .unpriv = true, .dead = {2, END}},
	{"64-bit constant dies whole", "r0 = 0\ngoto out\nr1 = 0x1234567890 ll\nout:\nexit\n",
	 "r0 = 0\nexit\n", .dead = {2, END}},
	{"dead subprog", "call f\nexit\nr0 = 3\nexit\nf:\nr0 = 4\nexit\n",
	 "call f\nexit\nf:\nr0 = 4\nexit\n", .dead = {2, 3, END}, .subs = {2, 4, END},
	 .subs_out = {2, END}},
	{"context read", "r0 = *(u32 *)(r1 +8)\nexit\n", "r0 = *(u32 *)(r1 +40)\nexit\n",
	 .dead = NONE, .ctx = {0, END}, .field = 4},
	{"narrow read, low byte", "r0 = *(u8 *)(r1 +8)\nexit\n",
	 "r0 = *(u32 *)(r1 +40)\nw0 &= 255\nexit\n", .dead = NONE, .ctx = {0, END}, .field = 4},
	{"sign-extending read", "r0 = *(s32 *)(r1 +8)\nexit\n",
	 "r0 = *(u32 *)(r1 +40)\nr0 = (s32)r0\nexit\n", .dead = NONE, .ctx = {0, END}, .field = 4},
	{"narrow sign-extending read", "r0 = *(s16 *)(r1 +10)\nexit\n",
	 "r0 = *(u32 *)(r1 +40)\nw0 >>= 16\nw0 &= 65535\nr0 = (s16)r0\nexit\n", .dead = NONE,
	 .ctx = {0, END}, .field = 4},
	{"narrow read, high half", "r0 = *(u16 *)(r1 +10)\nexit\n",
	 "r0 = *(u32 *)(r1 +40)\nw0 >>= 16\nw0 &= 65535\nexit\n", .dead = NONE, .ctx = {0, END},
	 .field = 4},
	{"narrow read of 8 bytes", "r0 = *(u32 *)(r1 +20)\nexit\n",
	 "r0 = *(u64 *)(r1 +48)\nr0 >>= 32\nw0 &= -1\nexit\n", .dead = NONE, .ctx = {0, END},
	 .field = 8},
	{"context write grows", "if r2 == 0 goto out\n*(u32 *)(r1 +8) = r2\nout:\nexit\n",
	 "if r2 == 0 goto out\n*(u32 *)(r1 +40) = r2\n*(u8 *)(r1 +60) = 1\nout:\nexit\n",
	 .dead = NONE, .ctx = {1, END}, .field = 4, .lines = {0, 1, 2, END},
	 .lines_out = {0, 1, 3, END}},
	{"narrow write is nobody's", "*(u8 *)(r1 +8) = r2\nexit\n", "", .dead = NONE,
	 .ctx = {0, END}, .field = 4, .err = -EINVAL},
	{"load that may fault", "r0 = *(u64 *)(r1 +8)\nexit\n",
	 "r0 = probe *(u64 *)(r1 +8)\nexit\n", .dead = NONE, .probe = {0, END}},
	{"division", "r0 = 6\nr0 /= r1\nexit\n",
	 "r0 = 6\nif r1 != 0 goto pc+2\nw0 ^= w0\ngoto pc+1\nr0 /= r1\nexit\n", .dead = NONE},
	{"division 32", "w0 /= w1\nexit\n",
	 "if w1 != 0 goto pc+2\nw0 ^= w0\ngoto pc+1\nw0 /= w1\nexit\n", .dead = NONE},
	{"modulo", "r0 %= r1\nexit\n", "if r1 == 0 goto pc+1\nr0 %= r1\nexit\n", .dead = NONE},
	{"modulo 32", "w0 %= w1\nexit\n",
	 "if w1 == 0 goto pc+2\nw0 %= w1\ngoto pc+1\nw0 = w0\nexit\n", .dead = NONE},
	{"division by constant stays", "r0 /= 3\nexit\n", "r0 /= 3\nexit\n", .dead = NONE},
	{"jumps over and back", "top:\nif r2 == 0 goto out\nr0 %= r1\ngoto top\nout:\nexit\n",
	 "top:\nif r2 == 0 goto out\nif r1 == 0 goto pc+1\nr0 %= r1\ngoto top\nout:\nexit\n",
	 .dead = NONE},
	{"long jump", "gotol out\nr0 /= r1\nout:\nexit\n",
	 "gotol out\nif r1 != 0 goto pc+2\nw0 ^= w0\ngoto pc+1\nr0 /= r1\nout:\nexit\n",
	 .dead = NONE},
	{"packet load", ".raw 0x28 0 0 0 12\nexit\n", "r2 = 12\ncall bpf_ktime_get_ns#5\nexit\n",
	 .dead = NONE},
	{"jiffies", "call bpf_jiffies64#118\nif r0 == 0 goto pc+1\nr0 = 1\nexit\n",
	 ".raw 0x18 0 15 0 0\n.raw 0 0 0 0 0\nr0 = *(u64 *)(r0 +0)\nif r0 == 0 goto pc+1\nr0 = 1\nexit\n",
	 .dead = NONE},
	{"tail call", "call bpf_tail_call#12\nexit\n", "tail_call\nexit\n", .dead = NONE},
	{"call over growth", "r0 %= r1\ncall f\nexit\nf:\nr0 /= r1\nexit\n",
	 "if r1 == 0 goto pc+1\nr0 %= r1\ncall f\nexit\nf:\nif r1 != 0 goto pc+2\nw0 ^= w0\ngoto "
	 "pc+1\nr0 /= r1\nexit\n",
	 .dead = NONE, .subs = {3, END}, .subs_out = {4, END}},
	{"callback address", "r2 = func f\nexit\nf:\nr0 = 0\nexit\n",
	 "r2 = func f\nexit\nf:\nr0 = 0\nexit\n", .dead = NONE, .subs = {3, END},
	 .subs_out = {3, END}},
	{"masked pointer arithmetic", "r0 = 0\nr1 += r2\nexit\n",
	 "r0 = 0\n.raw 0xb4 11 0 0 15\n.raw 0x1f 11 2 0 0\n.raw 0x4f 11 2 0 0\n.raw 0x87 11 0 0 "
	 "0\n.raw 0xc7 11 0 0 63\n.raw 0x5f 11 2 0 0\n"
	 ".raw 0x0f 1 11 0 0\nexit\n",
	 .dead = NONE, .alu_state = 1, .alu_limit = 15},
};

static bool listed(const u8 *list, u32 i)
{
	/* an absent list is all zeroes; one that means instruction 0 says { 0, END } */
	if (!list[0] && !list[1])
		return false;
	for (; *list != END; list++)
		if (*list == i)
			return true;
	return false;
}

static u32 list_len(const u8 *list)
{
	u32 n = 0;

	if (!list[0] && !list[1])
		return 0;
	while (list[n] != END)
		n++;
	return n;
}

static void show(const char *what, const struct bpf_insn *insns, u32 len)
{
	char line[128];
	u32 i;

	print_error("%s\n", what);
	for (i = 0; i < len; i++) {
		disasm_str(line, sizeof(line), &insns[i]);
		print_error("  %2u: %s\n", i, line);
	}
}

static void same_insns(const struct rw_case *c, const struct vfy_prog *p)
{
	struct bpf_insn want[MAX];
	struct asm_error err;
	int n = asm_text(c->out, want, MAX, &err), i;
	bool same = n == (int)p->len;

	if (n < 0)
		fail_msg("%s: line %d: %s", c->name, err.line, err.text);
	for (i = 0; same && i < n; i++) {
		struct bpf_insn got = p->insns[i];

		/* subprog numbers are looked at elsewhere */
		if (got.code == (BPF_JMP | BPF_CALL) && got.src_reg == BPF_PSEUDO_CALL)
			got.off = want[i].off;
		if (i && want[i - 1].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    want[i - 1].src_reg == BPF_PSEUDO_FUNC)
			got.imm = want[i].imm;
		same = !memcmp(&got, &want[i], sizeof(got));
	}
	if (same)
		return;
	show("want", want, n);
	show("got", p->insns, p->len);
	fail_msg("%s", c->name);
}

static void same_starts(const struct rw_case *c, const struct vfy_prog *p)
{
	u32 i, n = list_len(c->subs_out);

	assert_int_equal(p->nr_subprogs, n + 1);
	for (i = 0; i < n; i++) {
		assert_int_equal(p->subprogs[i + 1].start, c->subs_out[i]);
		assert_int_equal(p->func_info[i + 1].insn_off, c->subs_out[i]);
	}
	for (i = 0; i < p->len; i++)
		if (p->insns[i].code == (BPF_JMP | BPF_CALL) &&
		    p->insns[i].src_reg == BPF_PSEUDO_CALL)
			assert_int_equal(p->subprogs[p->insns[i].off].start,
					 i + 1 + p->insns[i].imm);
}

static void same_lines(const struct rw_case *c, const struct vfy_prog *p)
{
	u32 i, n = list_len(c->lines_out);

	assert_int_equal(p->nr_linfo, n);
	for (i = 0; i < n; i++)
		assert_int_equal(p->line_info[i].insn_off, c->lines_out[i]);
}

static void fill(struct vfy_prog *p, struct vfy_insn_aux *aux, const struct rw_case *c)
{
	u32 i;

	for (i = 0; i < p->len; i++) {
		aux[i].seen = !listed(c->dead, i);
		aux[i].orig_idx = i;
		if (listed(c->ctx, i)) {
			aux[i].ptr_type = PTR_TO_CTX;
			aux[i].ctx_field_size = c->field;
		}
		aux[i].probe_mem = listed(c->probe, i);
	}
	if (c->alu_state) {
		aux[1].alu_state = c->alu_state;
		aux[1].alu_limit = c->alu_limit;
	}
	p->nr_subprogs = list_len(c->subs) + 1;
	p->func_info_cnt = p->nr_subprogs;
	p->subprogs = calloc(p->nr_subprogs, sizeof(*p->subprogs));
	p->func_info = calloc(p->nr_subprogs, sizeof(*p->func_info));
	for (i = 1; i < p->nr_subprogs; i++)
		p->subprogs[i].start = p->func_info[i].insn_off = c->subs[i - 1];
	p->nr_linfo = list_len(c->lines);
	p->line_info = calloc(p->nr_linfo + 1, sizeof(*p->line_info));
	for (i = 0; i < p->nr_linfo; i++)
		p->line_info[i].insn_off = c->lines[i];
}

static void run_case(void **state)
{
	static const struct vfy_type_ops ops = {.convert_ctx_access = convert,
						.gen_ld_abs = ld_abs};
	const struct rw_case *c = *state;
	struct cred cred = {.caps = c->unpriv ? 0 : 1ull << CAP_SYS_ADMIN};
	struct vfy_prog p = {.cred = &cred, .ops = &ops};
	struct vfy_insn_aux *aux = calloc(MAX, sizeof(*aux));
	struct asm_error err;
	struct log log;
	int n, ret;

	log_init(&log, 1, 4096);
	p.insns = calloc(MAX, sizeof(*p.insns));
	n = asm_text(c->in, p.insns, MAX, &err);
	if (n < 0)
		fail_msg("%s: line %d: %s", c->name, err.line, err.text);
	p.len = n;
	fill(&p, aux, c);
	ret = vfy_rewrite(&p, &aux, &log);
	assert_int_equal(ret, c->err);
	if (!ret) {
		same_insns(c, &p);
		same_starts(c, &p);
		same_lines(c, &p);
	}
	free(aux);
	free(p.insns);
	free(p.subprogs);
	free(p.func_info);
	free(p.line_info);
	log_free(&log);
}

/* A jump that no longer fits 16 bits is an error, not a wrong jump; and a hundred thousand
 * divisions take no time. */
static void big(void **state)
{
	static const struct vfy_type_ops ops;
	struct cred cred = {.caps = 1ull << CAP_SYS_ADMIN};
	struct vfy_prog p = {.cred = &cred, .ops = &ops, .len = 100000};
	struct vfy_insn_aux *aux = calloc(p.len, sizeof(*aux));
	struct log log;
	u32 i;

	log_init(&log, 0, 0);
	p.insns = calloc(p.len, sizeof(*p.insns));
	for (i = 0; i < p.len; i++) {
		p.insns[i] = (struct bpf_insn){
			.code = BPF_ALU64 | BPF_DIV | BPF_X, .dst_reg = 0, .src_reg = 1};
		aux[i].seen = 1;
	}
	p.insns[p.len - 1] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	assert_int_equal(vfy_rewrite(&p, &aux, &log), 0);
	assert_int_equal(p.len, 4 * 99999 + 1);
	/* 20,000 back to the middle of it grows to 80,000 */
	aux = realloc(aux, p.len * sizeof(*aux));
	for (i = 0; i < p.len; i++) {
		p.insns[i] = (struct bpf_insn){
			.code = BPF_ALU64 | BPF_DIV | BPF_X, .dst_reg = 0, .src_reg = 1};
		memset(&aux[i], 0, sizeof(aux[i]));
		aux[i].seen = 1;
	}
	p.insns[20000] = (struct bpf_insn){.code = BPF_JMP | BPF_JEQ | BPF_K, .off = -20000};
	assert_int_equal(vfy_rewrite(&p, &aux, &log), -ENOMEM);
	free(aux);
	free(p.insns);
	log_free(&log);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(cases) + 1];
	u32 i;

	memset(tests, 0, sizeof(tests));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		tests[i].name = cases[i].name;
		tests[i].test_func = run_case;
		tests[i].initial_state = (void *)&cases[i];
	}
	tests[i] = (struct CMUnitTest)cmocka_unit_test(big);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
