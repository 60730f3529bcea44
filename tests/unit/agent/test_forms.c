/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every form of instruction (forms.S), with a probe and without, on random registers and flags: what
 * comes out is the same, and the probe was hit. With each way of patching that the instruction allows.
 */
#include "agent_test.h"

struct vec {
	u64 w[4];
};
struct state {
	u64 r[16]; /* rax rcx rdx rbx (rsp) rbp rsi rdi r8 .. r15 */
	u64 flags;
	u64 pad[3];
	struct vec ymm[16];
};

struct form {
	void (*fn)(void);
	u8 *at;
	const char *name;
};
extern const struct form forms[];

/* All of @in into registers, call, all into @out. */
void run_form(void (*fn)(void), const struct state *in, struct state *out);
#define EACH_YMM(F) \
	F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14) F(15)
#define LOAD(n)	 "	vmovdqu	160+32*" #n "(%rsi), %ymm" #n "\n"
#define STORE(n) "	vmovdqu	%ymm" #n ", 160+32*" #n "(%rax)\n"
asm(".text\n.type run_form, @function\nrun_form:\n"
    "	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "	push %rdx\n"
    "	push %rdi\n"
    "	sub $8, %rsp\n" EACH_YMM(
	    LOAD) "	push 128(%rsi); popfq\n"
		  "	mov 0(%rsi), %rax; mov 8(%rsi), %rcx; mov 16(%rsi), %rdx; mov 24(%rsi), %rbx\n"
		  "	mov 40(%rsi), %rbp; mov 56(%rsi), %rdi; mov 64(%rsi), %r8; mov 72(%rsi), %r9\n"
		  "	mov 80(%rsi), %r10; mov 88(%rsi), %r11; mov 96(%rsi), %r12; mov 104(%rsi), %r13\n"
		  "	mov 112(%rsi), %r14; mov 120(%rsi), %r15; mov 48(%rsi), %rsi\n"
		  "	call *8(%rsp)\n"
		  "	mov %rax, (%rsp)\n"
		  "	mov 16(%rsp), %rax\n"
		  "	mov %rcx, 8(%rax); mov %rdx, 16(%rax); mov %rbx, 24(%rax); mov %rbp, 40(%rax)\n"
		  "	mov %rsi, 48(%rax); mov %rdi, 56(%rax); mov %r8, 64(%rax); mov %r9, 72(%rax)\n"
		  "	mov %r10, 80(%rax); mov %r11, 88(%rax); mov %r12, 96(%rax); mov %r13, 104(%rax)\n"
		  "	mov %r14, 112(%rax); mov %r15, 120(%rax)\n"
		  "	pushfq; pop 128(%rax)\n"
		  "	pop 0(%rax)\n" EACH_YMM(
			  STORE) "	add $16, %rsp\n"
				 "	cld\n"
				 "	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
				 "	ret\n");

static u64 rnd(void)
{
	static u64 x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void random_state(struct state *s)
{
	memset(s, 0, sizeof(*s));
	for (u32 i = 0; i < 16; i++)
		s->r[i] = rnd();
	s->flags = (rnd() & 0x8d5) | 2;
	for (u32 i = 0; i < 64; i++)
		s->ymm[i / 4].w[i % 4] = rnd();
}

struct seen {
	u32 hits, order;
	struct pt_regs regs;
};

/* A hit as bad as it may be: it uses every register, and vectors, too. */
static void hit(void *arg, struct pt_regs *regs)
{
	struct seen *seen = arg;

	patch_save_vectors();
	seen->hits++;
	memcpy(&seen->regs, regs, sizeof(*regs));
	asm volatile(
		"vpcmpeqd %%ymm0, %%ymm0, %%ymm0\nvmovdqa %%ymm0, %%ymm5\nvmovdqa %%ymm0, %%ymm8\n"
		"vmovdqa %%ymm0, %%ymm3\nvzeroupper\nstc" ::
			: "cc", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0",
			  "xmm3", "xmm5", "xmm8");
	errno = 7;
}

/* What code sees of where it is, or counts: made comparable. */
static void check_same(const struct form *f, const struct state *a, const struct state *b)
{
	for (u32 i = 0; i < 16; i++)
		if (i != 4 && a->r[i] != b->r[i])
			fail_msg("%s: r%u is %llx, without probe %llx", f->name, i, b->r[i],
				 a->r[i]);
	if ((a->flags ^ b->flags) & 0xcd5)
		fail_msg("%s: flags are %llx, without probe %llx", f->name, b->flags, a->flags);
	if (memcmp(a->ymm, b->ymm, sizeof(a->ymm)))
		fail_msg("%s: vector registers differ", f->name);
}

/* Half of all distances lead below zero. */
static bool at_low_addresses(void)
{
	return (u64)at_low_addresses >> 32 == 0;
}

static void reset_data(void)
{
	extern u64 form_counter;

	form_counter = 5;
}

static bool try_form(const struct form *f, u32 allowed)
{
	struct seen seen = {};
	const struct patch_hit h = {hit, &seen, false};
	struct site_plan plan;
	struct state in, without, with;
	struct patch *p;
	u8 code[64];
	int err;

	memcpy(code, f->at, sizeof(code));
	err = plan_of(f->at, &plan);
	if (err)
		fail_msg("%s: plan: %d", f->name, err);
	patch_forms = allowed;
	for (u32 i = 0; i < 32; i++) {
		u32 before = seen.hits;

		random_state(&in);
		reset_data();
		run_form(f->fn, &in, &without);
		err = patch_add(f->at, &plan, &h, &p);
		if (err == -EADDRNOTAVAIL && !(allowed & FORM_TRAP))
			return false; /* no room at the one place */
		if (err)
			fail_msg("%s: %d", f->name, err);
		assert_memory_not_equal(code, f->at, 1 + (plan.insn.bytes[0] == 0xe9));
		reset_data();
		run_form(f->fn, &in, &with);
		err = patch_del(p);
		if (err)
			fail_msg("%s: removing: %d", f->name, err);
		check_same(f, &without, &with);
		assert_memory_equal(code, f->at, sizeof(code));
		if (strcmp(f->name, "lock_skipped") || in.r[7] & 1)
			assert_true(seen.hits > before);
		if (seen.hits > before)
			assert_int_equal(seen.regs.rip, f->at);
		if (f->at == (u8 *)f->fn && seen.hits > before) {
			assert_int_equal(seen.regs.rdi, in.r[7]);
			assert_int_equal(seen.regs.rax, in.r[0]);
			assert_int_equal(seen.regs.r12, in.r[12]);
			assert_int_equal((seen.regs.eflags ^ in.flags) & 0xcd5, 0);
		}
	}
	return true;
}

static void test_one_byte(void **state)
{
	u32 nr = 0, all = 0;

	for (const struct form *f = forms; f->fn; f++, all++)
		nr += try_form(f, 1u << 1);
	print_message("%u of %u by a change of one byte\n", nr, all);
	assert_true(nr > (at_low_addresses() ? all / 8 : all / 4));
}

static void test_more_bytes(void **state)
{
	for (const struct form *f = forms; f->fn; f++) {
		struct site_plan plan;

		for (u32 n = 2; n < JUMP_LEN; n++)
			try_form(f, 1u << n);
		/* where a whole jump has room it leads anywhere */
		assert_int_equal(plan_of(f->at, &plan), 0);
		assert_int_equal(try_form(f, 1u << JUMP_LEN),
				 min(plan.free, plan.insn.len) >= JUMP_LEN);
	}
}

/* A stub is where the jump leads, wherever the window begins and ends. */
static void test_near(void **state)
{
	u64 here = (u64)test_near + (4ull << 30 & -(u64)at_low_addresses()), at;
	u32 nr = 0;

	for (u32 i = 0; i < 400; i++) {
		/* ends just behind the beginning of a page, mostly */
		u64 hi = ((here - (rnd() >> 20 & 0xfffffff)) & ~(PAGE - 1)) + i % 24;
		u64 lo = hi - (0xff | (rnd() & 0xff00));

		at = near_alloc(lo, hi, here, 64);
		if (at)
			assert_in_range(at, lo, hi);
		nr += at != 0;
	}
	assert_true(nr > 100);
	near_forget();
}

/* Prefixes in front of the jump: other bytes to read the distance from. */
static void test_padded(void **state)
{
	u32 nr = 0, all = 0;

	for (const struct form *f = forms; f->fn; f++, all++)
		nr += try_form(f, FORM_PAD);
	print_message("%u of %u by a jump with prefixes\n", nr, all);
	assert_true(nr > (at_low_addresses() ? all / 4 : all / 2));
}

static void test_many(void **state)
{
	u32 nr = 0, all = 0;

	for (const struct form *f = forms; f->fn; f++, all++)
		nr += try_form(f, FORM_MANY);
	print_message("%u of %u by a jump over several instructions\n", nr, all);
	assert_true(at_low_addresses() ? nr > 0 : nr > all / 4);
}

/* Who stands in the middle, or jumps there, goes on there. */
static void test_inside(void **state)
{
	const struct form *f = forms;
	struct seen seen = {};
	struct site_plan plan;
	struct state in, without[2], with;
	struct patch *p;
	u8 code[16];

	if (at_low_addresses())
		skip(); /* int3 as its highest byte makes a distance negative */
	for (; strcmp(f->name, "four_insns"); f++)
		;
	memcpy(code, f->at, sizeof(code));
	assert_int_equal(plan_of(f->at, &plan), 0);
	assert_int_equal(plan.nr_more, 3);
	random_state(&in);
	run_form((void *)(f->at + 1), &in, &without[0]);
	run_form((void *)(f->at + 3), &in, &without[1]);
	patch_forms = FORM_MANY;
	for (u32 i = 0; i < 10; i++) {
		assert_int_equal(
			patch_add(f->at, &plan, &(struct patch_hit){hit, &seen, false}, &p), 0);
		assert_int_equal(f->at[0], 0xe9);
		run_form((void *)(f->at + 1), &in, &with);
		check_same(f, &without[0], &with);
		run_form((void *)(f->at + 3), &in, &with);
		check_same(f, &without[1], &with);
		assert_int_equal(seen.hits, i);
		run_form(f->fn, &in, &with);
		assert_int_equal(seen.hits, i + 1);
		assert_int_equal(patch_del(p), 0);
		assert_memory_equal(code, f->at, sizeof(code));
	}
	patch_forms = ~0u;
}

static void test_trap(void **state)
{
	for (const struct form *f = forms; f->fn; f++)
		assert_true(try_form(f, FORM_TRAP));
}

static void test_best(void **state)
{
	for (const struct form *f = forms; f->fn; f++)
		assert_true(try_form(f, ~0u));
}

/* The one before, the one itself and the one behind. Coming and going in every order. */
static void test_neighbours(void **state)
{
	const struct form *f = forms;
	struct site_plan plan[4];
	struct state in, without, with;
	u8 *at[4], code[64];

	catch_traps();
	for (; strcmp(f->name, "frame"); f++)
		;
	memcpy(code, f->at, sizeof(code));
	for (u32 i = 0; i < 4; i++) {
		at[i] = i ? at[i - 1] + plan[i - 1].insn.len : f->at;
		assert_int_equal(plan_of(at[i], &plan[i]), 0);
	}
	random_state(&in);
	run_form(f->fn, &in, &without);
	for (u32 order = 0; order < 512; order++) {
		struct seen seen[4] = {};
		struct patch *p[4] = {};
		u32 nr = 0;

		/* eight steps: each turns one probe on or off */
		for (u32 step = 0; step < 12; step++) {
			u32 i = (u32)(rnd() >> 20) & 3, before[4];

			switch (rnd() >> 20 & 3) {
			case 0: patch_forms = FORM_MANY | FORM_TRAP; break;
			case 1: patch_forms = FORM_PAD | FORM_TRAP; break;
			default: patch_forms = ~0u;
			}
			const struct patch_hit h = {hit, &seen[i], false};

			if (p[i]) {
				assert_int_equal(patch_del(p[i]), 0);
				p[i] = NULL;
				nr--;
			} else {
				int err = patch_add(at[i], &plan[i], &h, &p[i]);

				assert_int_equal(err, 0);
				nr++;
			}
			for (u32 j = 0; j < 4; j++)
				before[j] = seen[j].hits;
			run_form(f->fn, &in, &with);
			check_same(f, &without, &with);
			for (u32 j = 0; j < 4; j++)
				assert_int_equal(seen[j].hits - before[j], p[j] != NULL);
			if (!nr)
				assert_memory_equal(code, f->at, sizeof(code));
		}
		for (u32 i = 0; i < 4; i++)
			if (p[i])
				assert_int_equal(patch_del(p[i]), 0);
		assert_memory_equal(code, f->at, sizeof(code));
	}
}

static void note_order(void *arg, struct pt_regs *regs)
{
	static u32 nr;
	struct seen *seen = arg;

	seen->hits++;
	seen->order = ++nr;
}

static void test_several_hits(void **state)
{
	const struct form *f = forms;
	struct seen seen[5] = {};
	struct patch *p[5];
	struct site_plan plan;
	struct state in, out;

	assert_int_equal(plan_of(f->at, &plan), 0);
	random_state(&in);
	for (u32 i = 0; i < 5; i++)
		assert_int_equal(patch_add(f->at, &plan,
					   &(struct patch_hit){note_order, &seen[i], i == 3},
					   &p[i]),
				 0);
	run_form(f->fn, &in, &out);
	for (u32 i = 0; i < 5; i++)
		assert_int_equal(seen[i].hits, 1);
	assert_true(seen[0].order < seen[1].order && seen[1].order < seen[2].order);
	assert_true(seen[2].order < seen[4].order && seen[4].order < seen[3].order);
	assert_int_equal(patch_del(p[1]), 0);
	run_form(f->fn, &in, &out);
	assert_int_equal(seen[1].hits, 1);
	assert_int_equal(seen[0].hits + seen[2].hits + seen[3].hits + seen[4].hits, 8);
	for (u32 i = 0; i < 5; i++)
		if (i != 1)
			assert_int_equal(patch_del(p[i]), 0);
	run_form(f->fn, &in, &out);
	assert_int_equal(seen[0].hits, 2);
}

void lone_ret(void);
asm(".text\n.type lone_ret, @function\nlone_ret: ret\n");

static void go_elsewhere(void *arg, struct pt_regs *regs)
{
	regs->rax = 1234;
	regs->rip = (u64)lone_ret;
}

/* A hit that sends the thread elsewhere: the instruction does not run, and only rcx is lost. */
static void test_diverted(void **state)
{
	const struct patch_hit h = {.fn = go_elsewhere};
	const u32 ways[] = {FORM_TRAP, ~0u, ~FORM_TRAP};
	struct state in, out;
	struct site_plan plan;
	struct patch *p;

	for (const struct form *f = forms; f->fn; f++) {
		if (f->at != (u8 *)f->fn)
			continue;
		for (u32 i = 0; i < ARRAY_SIZE(ways); i++) {
			int err;

			patch_forms = ways[i];
			assert_int_equal(plan_of(f->at, &plan), 0);
			err = patch_add(f->at, &plan, &h, &p);
			if (err == -EADDRNOTAVAIL && !(ways[i] & FORM_TRAP))
				continue;
			assert_int_equal(err, 0);
			random_state(&in);
			run_form(f->fn, &in, &out);
			assert_int_equal(patch_del(p), 0);
			assert_int_equal(out.r[0], 1234);
			assert_int_equal(out.r[1], (u64)lone_ret);
			in.r[0] = out.r[0];
			in.r[1] = out.r[1];
			check_same(f, &in, &out);
		}
	}
	patch_forms = ~0u;
}

static void test_errors(void **state)
{
	const struct patch_hit h = {hit, NULL, false}, ret = {hit, NULL, true};
	struct site_plan plan, bad;
	struct patch *p;

	assert_int_equal(plan_of(forms[0].at, &plan), 0);
	bad = plan;
	bad.insn.bytes[1] ^= 1;
	assert_int_equal(patch_add(forms[0].at, &bad, &h, &p), -EILSEQ);
	bad = plan;
	bad.insn.len = 0;
	assert_int_equal(patch_add(forms[0].at, &bad, &h, &p), -EINVAL);
	bad = plan;
	bad.flags = 0;
	assert_int_equal(patch_add(forms[0].at, &bad, &ret, &p), -EINVAL);
	bad.flags = SITE_F_ENTRY | SITE_F_NO_RETURN_PROBE;
	assert_int_equal(patch_add(forms[0].at, &bad, &ret, &p), -EOPNOTSUPP);
	assert_int_equal(patch_add((void *)0x1000, &plan, &h, &p), -EFAULT);
	patch_forms = 0;
	assert_int_equal(patch_add(forms[0].at, &plan, &h, &p), -EADDRNOTAVAIL);
	patch_forms = ~0u;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),	     cmocka_unit_test(test_near),
		cmocka_unit_test(test_one_byte),     cmocka_unit_test(test_more_bytes),
		cmocka_unit_test(test_padded),	     cmocka_unit_test(test_many),
		cmocka_unit_test(test_inside),	     cmocka_unit_test(test_trap),
		cmocka_unit_test(test_best),	     cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_several_hits), cmocka_unit_test(test_diverted),
	};

	if (!__builtin_cpu_supports("avx2"))
		return 77; /* forms.S has vector instructions */
	patch_init();
	catch_traps();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
