/* SPDX-License-Identifier: BSD-2-Clause */
/* Compiled images: memory, faults, limits. What instructions do is in tests/data/isa and
 * tests/fuzz/jit; images, tail calls and callbacks are in exec.c, which runs both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/slot.h"
#include "exec/exec.h"
#include "exec/fault.h"
#include "exec/jit.h"
#include "isa/asm.h"
#include "isa/insn.h"

#define MAX_INSNS 64
#define PAGE	  4096ul

struct prog {
	struct bpf_insn insns[MAX_INSNS];
	struct exec_image img;
};

static void bind_raw(struct prog *p, u32 len)
{
	p->img = (struct exec_image){.refs = 1, .insns = p->insns, .len = len};
	assert_int_equal(exec_image_bind(&p->img), 0);
}

static void compile(struct prog *p, const char *text)
{
	struct asm_error err;
	int n = asm_text(text, p->insns, MAX_INSNS, &err);

	if (n < 0)
		fail_msg("line %d: %s", err.line, err.text);
	bind_raw(p, n);
	exec_image_compile(&p->img);
}

static u64 run(struct prog *p, void *ctx)
{
	struct exec_run r = {0};

	return exec_run(&p->img, ctx, &r);
}

/* --- memory --- */

/* Protection of the page at @addr as /proc/self/maps has it; counts pages that are both writable
 * and executable. */
static void protection(u64 addr, char prot[5], u32 *writable_code)
{
	unsigned long long from, to;
	char line[512], p[5];
	FILE *f = fopen("/proc/self/maps", "r");

	strcpy(prot, "none");
	*writable_code = 0;
	while (fgets(line, sizeof(line), f)) {
		assert_int_equal(sscanf(line, "%llx-%llx %4s", &from, &to, p), 3);
		*writable_code += p[1] == 'w' && p[2] == 'x';
		if (addr >= from && addr < to)
			strcpy(prot, p);
	}
	fclose(f);
}

static void assert_protection(const void *addr, const char *prot)
{
	u32 writable_code;
	char is[5];

	protection((u64)addr, is, &writable_code);
	assert_string_equal(is, prot);
	assert_int_equal(writable_code, 0);
}

static void test_memory(void **state)
{
	static struct prog p[20];
	const u8 *code[20];

	for (u32 i = 0; i < ARRAY_SIZE(p); i++) {
		const struct jit_code *jit;

		compile(&p[i], "r0 = 7\nexit\n");
		jit = p[i].img.jit;
		assert_non_null(jit);
		code[i] = jit->code;
		assert_protection(jit->code, "r-xp");
		assert_protection(jit->code + jit->code_len - 1, "r-xp");
		assert_protection(jit, "r--p");
		assert_protection((u8 *)jit - 1, "---p");
		assert_protection((u8 *)jit - PAGE + jit->size - 1, "---p");
	}
	for (u32 i = 0; i < ARRAY_SIZE(p); i++) {
		char prot[5];
		u32 n;

		assert_int_equal(run(&p[i], NULL), 7);
		exec_image_put(&p[i].img);
		assert_null(p[i].img.jit);
		protection((u64)code[i], prot, &n);
		assert_string_not_equal(prot, "r-xp");
	}
}

static void test_switched_off(void **state)
{
	struct prog p;

	setenv("USERBPF_JIT", "0", 1);
	compile(&p, "r0 = 7\nexit\n");
	unsetenv("USERBPF_JIT");
	assert_null(p.img.jit);
	assert_int_equal(run(&p, NULL), 7);
	exec_image_put(&p.img);
}

/* A process that may not make memory executable interprets, and nobody notices. */
static void test_no_executable_memory(void **state)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct prog p;

		if (prctl(65 /* PR_SET_MDWE */, 1 /* PR_MDWE_REFUSE_EXEC_GAIN */, 0, 0, 0))
			_exit(77);
		compile(&p, "r0 = 7\nexit\n");
		_exit(p.img.jit ? 1 : run(&p, NULL) == 7 ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- faults --- */

static const u64 bad_addresses[] = {0, 4095, 0x00007fffffffffffull, 0x8000000000000000ull,
				    0xffff888000000000ull};

/* Every register, every size: zero, and the run goes on. */
static void test_faults(void **state)
{
	static const u8 sizes[] = {BPF_B, BPF_H, BPF_W, BPF_DW};

	fault_init(); /* cmocka's handler is in front */
	for (u32 dst = 0; dst <= 9; dst++)
		for (u32 size = 0; size < ARRAY_SIZE(sizes); size++)
			for (u32 i = 0; i < ARRAY_SIZE(bad_addresses); i++) {
				struct prog p = {
					.insns = {
						BPF_LD_IMM64(1, bad_addresses[i]),
						BPF_MOV64_IMM(dst == 1 ? 2 : dst, -1),
						BPF_INSN(BPF_LDX | BPF_PROBE_MEM | sizes[size], dst,
							 1, 3, 0),
						BPF_MOV64_REG(0, dst),
						BPF_ALU64_IMM(BPF_ADD, 0, 5),
						BPF_EXIT_INSN(),
					}};

				bind_raw(&p, 7);
				fault_init();
				assert_int_equal(run(&p, NULL), 5);
				assert_non_null(p.img.jit);
				exec_image_put(&p.img);
			}
}

/* What is no load of ours is somebody else's fault. */
static void test_other_faults(void **state)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		struct prog p;

		signal(SIGSEGV, SIG_DFL);
		compile(&p, "r1 = 8\nr0 = *(u64 *)(r1 +0)\nexit\n");
		run(&p, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status)); /* a sanitizer exits */
}

/* --- what needs no call --- */

#define ENTRIES 5

static u8 memory[4096 + 4 * 512];
static bool looked_up;

static void *lookup(struct bpf_map *map, const void *key)
{
	looked_up = true;
	return NULL;
}

static const struct bpf_map_ops indexed_ops = {.lookup = lookup, .indexed = true};
static const struct bpf_map_ops other_ops = {.lookup = lookup};
static struct bpf_map map;
static struct bpf_map *maps[] = {&map};

/* R0 = bpf_map_lookup_elem(&map, &key), key = what the context points to */
static void compile_lookup(struct prog *p, const struct bpf_map_ops *ops, u32 stride, u64 slots)
{
	struct asm_error err;
	int n = asm_text("r2 = r1\nr3 = map_fd[0]\nr1 = r3\ncall bpf_map_lookup_elem\nexit\n",
			 p->insns, MAX_INSNS, &err);

	map = (struct bpf_map){.ops = ops,
			       .key_size = 4,
			       .max_entries = ENTRIES,
			       .index_mask = 7,
			       .elem_stride = stride,
			       .slot_stride = slots,
			       .value_off = 4096,
			       .attr.nr_cpus = SLOT_MAX,
			       .shm = (void *)memory};
	p->img = (struct exec_image){
		.refs = 1, .insns = p->insns, .len = n, .maps = maps, .nr_maps = 1};
	assert_int_equal(exec_image_bind(&p->img), 0);
	exec_image_compile(&p->img);
	assert_non_null(p->img.jit);
}

static void test_lookup(void **state)
{
	static const u32 strides[] = {8, 16, 24, 40, 64};
	static const u32 absent[] = {ENTRIES, 7, 8, 0x7fffffff, 0x80000000, 0xffffffff};
	struct prog p;

	for (u32 i = 0; i < ARRAY_SIZE(strides); i++)
		for (u64 slots = 0; slots <= 512; slots += 256) {
			u64 values;

			slot_enter(); /* the run keeps it */
			values = (u64)memory + 4096 + slots * slot_current();
			compile_lookup(&p, &indexed_ops, strides[i], slots);
			for (u32 key = 0; key < ENTRIES; key++)
				assert_int_equal(run(&p, &key), values + key * strides[i]);
			for (u32 n = 0; n < ARRAY_SIZE(absent); n++)
				assert_int_equal(run(&p, (void *)&absent[n]), 0);
			assert_false(looked_up);
			exec_image_put(&p.img);
			slot_leave();
		}
	compile_lookup(&p, &other_ops, 8, 0);
	run(&p, (void *)&absent[0]);
	assert_true(looked_up);
	exec_image_put(&p.img);
}

/* Which map it is depends on the way taken: the map's own lookup says. */
static void test_lookup_unknown(void **state)
{
	static const char text[] = "r2 = r1\nr3 = *(u32 *)(r1 +0)\nr1 = map_fd[0]\n"
				   "if r3 == 0 goto out\nr1 = map_fd[1]\nout:\n"
				   "call bpf_map_lookup_elem\nexit\n";
	static struct bpf_map other = {.ops = &other_ops, .shm = (void *)memory};
	struct bpf_map *both[] = {&map, &other};
	struct asm_error err;
	struct prog p;
	u32 key = 1;

	map = (struct bpf_map){.ops = &indexed_ops,
			       .key_size = 4,
			       .max_entries = ENTRIES,
			       .index_mask = 7,
			       .elem_stride = 8,
			       .shm = (void *)memory};
	p.img = (struct exec_image){.refs = 1, .insns = p.insns, .maps = both, .nr_maps = 2};
	p.img.len = asm_text(text, p.insns, MAX_INSNS, &err);
	assert_int_equal(exec_image_bind(&p.img), 0);
	looked_up = false;
	run(&p, &key);
	assert_non_null(p.img.jit);
	assert_true(looked_up);
	exec_image_put(&p.img);
}

static void test_cpu(void **state)
{
	struct prog p;

	slot_enter();
	compile(&p, "call bpf_get_smp_processor_id\nexit\n");
	assert_int_equal(run(&p, NULL), slot_current());
	exec_image_put(&p.img);
	slot_leave();
}

static u64 clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

static void test_clocks(void **state)
{
	static const struct {
		clockid_t clock;
		const char *text;
	} clocks[] = {
		{CLOCK_MONOTONIC, "call bpf_ktime_get_ns\nexit\n"},
		{CLOCK_BOOTTIME, "call bpf_ktime_get_boot_ns\nexit\n"},
		{CLOCK_MONOTONIC_COARSE, "call bpf_ktime_get_coarse_ns\nexit\n"},
		{CLOCK_TAI, "call bpf_ktime_get_tai_ns\nexit\n"},
	};

	for (u32 i = 0; i < ARRAY_SIZE(clocks); i++) {
		struct prog p;

		compile(&p, clocks[i].text);
		for (u32 n = 0; n < 100; n++) {
			u64 before = clock_ns(clocks[i].clock), now = run(&p, NULL);

			assert_in_range(now, before, clock_ns(clocks[i].clock));
		}
		exec_image_put(&p.img);
	}
}

static void test_this_cpu(void **state)
{
	u64 word = 4711;
	struct prog p;

	compile(&p, "call bpf_this_cpu_ptr\nr0 = *(u64 *)(r0 +0)\nexit\n");
	assert_int_equal(run(&p, &word), 4711);
	exec_image_put(&p.img);
}

/* --- division by constants, which is multiplication --- */

static void check_divisor(s32 imm, u32 code)
{
	bool wide = BPF_CLASS(code) == BPF_ALU64, mod = BPF_OP(code) == BPF_MOD;
	u64 by = wide ? (u64)(s64)imm : (u32)imm, mask = wide ? ~0ull : UINT32_MAX;
	struct prog p = {.insns = {
				 BPF_LDX_MEM(BPF_DW, 3, 1, 0),
				 BPF_INSN(code | BPF_K, 3, 0, 0, imm),
				 BPF_MOV64_REG(0, 3),
				 BPF_EXIT_INSN(),
			 }};

	bind_raw(&p, 4);
	exec_image_compile(&p.img);
	assert_non_null(p.img.jit);
	for (u32 i = 0; i < 400; i++) {
		/* multiples, and what is next to them; large ones at the end */
		u64 most = mask / by, q = i < 64    ? i
					  : i < 200 ? most - (i - 64)
						    : most / 199 * (i - 199);
		u64 x = q * by - 1 + i % 3, want = mod ? (x & mask) % by : (x & mask) / by;

		if (run(&p, &x) != want)
			fail_msg("%llx by %llx (%x): not %llx", x, by, code, want);
	}
	exec_image_put(&p.img);
}

static s64 signed_result(s64 x, s64 by, bool mod)
{
	if (by == -1) /* the least number has no opposite */
		return mod ? 0 : (s64)(0 - (u64)x);
	return mod ? x % by : x / by;
}

static void check_signed_divisor(s32 by, u32 code)
{
	bool wide = BPF_CLASS(code) == BPF_ALU64, mod = BPF_OP(code) == BPF_MOD;
	s64 most = wide ? INT64_MAX : INT32_MAX;
	struct prog p = {.insns = {
				 BPF_LDX_MEM(BPF_DW, 3, 1, 0),
				 BPF_INSN(code | BPF_K, 3, 0, 1, by),
				 BPF_MOV64_REG(0, 3),
				 BPF_EXIT_INSN(),
			 }};

	bind_raw(&p, 4);
	exec_image_compile(&p.img);
	assert_non_null(p.img.jit);
	for (s64 i = 0; i < 800; i++) {
		/* around 0, and at both ends */
		s64 n = i < 400 ? i - 200 : i < 600 ? most - (i - 400) : -most - 1 + (i - 600);
		u64 x = (u64)(i % 2 || i >= 400 ? n : (s64)((u64)n * (u64)by)), want;

		want = (u64)signed_result(wide ? (s64)x : (s32)x, by, mod);
		if (!wide)
			want = (u32)want;
		if (run(&p, &x) != want)
			fail_msg("%llx by %d (%x): not %llx", x, by, code, want);
	}
	exec_image_put(&p.img);
}

static void test_divide(void **state)
{
	static const s32 by[] = {1,	     2,		 3,	    5,
				 6,	     7,		 9,	    10,
				 11,	     12,	 13,	    14,
				 25,	     60,	 100,	    125,
				 255,	     256,	 625,	    641,
				 1000,	     1001,	 3600,	    65535,
				 65537,	     1000000,	 1000003,   0x3fffffff,
				 0x40000001, 0x7fffffff, INT32_MIN, INT32_MIN + 1,
				 -3,	     -2,	 -1};
	static const u32 codes[] = {BPF_ALU64 | BPF_DIV, BPF_ALU64 | BPF_MOD, BPF_ALU | BPF_DIV,
				    BPF_ALU | BPF_MOD};

	for (u32 i = 0; i < ARRAY_SIZE(by); i++)
		for (u32 c = 0; c < ARRAY_SIZE(codes); c++) {
			check_divisor(by[i], codes[c]);
			check_signed_divisor(by[i], codes[c]);
		}
}

/* --- depth and length --- */

static void test_frames(void **state)
{
	/* seven calls are the verifier's most; each frame has all of its stack and registers */
	static const char seven[] =
		"r6 = 1\n*(u64 *)(r10 -512) = 1\ncall a\nr1 = *(u64 *)(r10 -512)\nr0 += r1\nr0 += r6\nexit\n"
		"a:\nr6 = 2\n*(u64 *)(r10 -512) = 2\ncall b\nr1 = *(u64 *)(r10 -512)\nr0 += r1\nr0 += r6\nexit\n"
		"b:\nr7 = 3\n*(u64 *)(r10 -512) = 3\ncall c\nr1 = *(u64 *)(r10 -512)\nr0 += r1\nr0 += r7\nexit\n"
		"c:\nr8 = 4\ncall d\nr0 += r8\nexit\n"
		"d:\nr9 = 5\n*(u8 *)(r10 -1) = 1\ncall e\nr0 += r9\nexit\n"
		"e:\nr6 = 6\nr9 = 7\ncall f\nr0 += r6\nr0 += r9\nexit\n"
		"f:\ncall g\nr0 += 8\nexit\n"
		"g:\nr6 = 9\nr0 = r6\nexit\n";
	struct prog p;

	compile(&p, seven);
	assert_non_null(p.img.jit);
	assert_int_equal(run(&p, NULL), 1 + 1 + 2 + 2 + 3 + 3 + 4 + 5 + 6 + 7 + 8 + 9);
	exec_image_put(&p.img);
}

/* Deeper, or round in a circle: no code, the interpreter knows when to stop. */
static void test_too_deep(void **state)
{
	static const char *const texts[] = {
		"self:\ncall self\nexit\n",
		"call a\nexit\na:\ncall b\nexit\nb:\ncall a\nexit\n",
		"call a\nexit\na:\ncall b\nexit\nb:\ncall c\nexit\nc:\ncall d\nexit\nd:\ncall e\nexit\n"
		"e:\ncall f\nexit\nf:\ncall g\nexit\ng:\ncall h\nexit\nh:\nr0 = 1\nexit\n",
	};

	for (u32 i = 0; i < ARRAY_SIZE(texts); i++) {
		struct prog p;

		compile(&p, texts[i]);
		assert_null(p.img.jit);
		assert_int_equal(run(&p, NULL), 0);
		exec_image_put(&p.img);
	}
}

/* What no verifier would pass is not compiled: jumps into other functions, ends that are none. */
static void test_refused(void **state)
{
	static const char *const texts[] = {
		"r0 = 1\n",
		"call a\nexit\na:\nr0 = 1\ngoto b\nb:\nexit\nr0 = 2\n",
		"if r1 == 0 goto a\ncall a\nexit\na:\nr0 = 1\nexit\n",
		"call a\nr0 = 3\na:\nr0 = 1\nexit\n",
	};

	for (u32 i = 0; i < ARRAY_SIZE(texts); i++) {
		struct prog p;

		compile(&p, texts[i]);
		assert_null(p.img.jit);
		exec_image_put(&p.img);
	}
}

/* The time this thread had, whatever else the machine does. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Sums, with a branch every few instructions, some of them far. */
static void long_program(struct bpf_insn *insns, u32 len)
{
	insns[0] = BPF_MOV64_IMM(0, 0);
	for (u32 i = 1; i + 1 < len; i++) {
		s32 left = (s32)min(len - 2 - i, 30000u);

		insns[i] = i % 7 == 3	? BPF_JMP_IMM(BPF_JEQ, 0, -5, (s16)(left / 2))
			   : i % 7 == 5 ? BPF_JMP_IMM(BPF_JSLT, 0, -5, (s16)(left < 3 ? left : 3))
					: BPF_ALU64_IMM(BPF_ADD, 0, (s32)(i % 1000));
	}
	insns[len - 1] = BPF_EXIT_INSN();
}

static double compile_time(u32 len)
{
	struct bpf_insn *insns = calloc(len, sizeof(*insns));
	struct exec_image img = {.refs = 1, .insns = insns, .len = len};
	struct exec_run r = {0};
	double start, took;
	u64 ret;

	long_program(insns, len);
	assert_int_equal(exec_image_bind(&img), 0);
	start = now();
	exec_image_compile(&img);
	took = now() - start;
	assert_non_null(img.jit);
	ret = exec_run(&img, NULL, &r);
	jit_free(img.jit);
	img.jit = NULL;
	assert_int_equal(exec_run(&img, NULL, &r), ret);
	exec_image_put(&img);
	free(insns);
	return took;
}

/* A million instructions; ten times as many take ten times as long, with room for a busy machine. */
static void test_long(void **state)
{
	double small = 1, large = 1;

	for (u32 i = 0; i < 3; i++) {
		small = min(small, compile_time(100000));
		large = min(large, compile_time(1000000));
	}
	print_message("1M instructions: %.1f ms, 100k: %.1f ms\n", large * 1e3, small * 1e3);
	assert_true(large < 40 * small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_switched_off),
		cmocka_unit_test(test_no_executable_memory),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_other_faults),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_lookup_unknown),
		cmocka_unit_test(test_cpu),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_this_cpu),
		cmocka_unit_test(test_divide),
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_too_deep),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long),
	};

#if !defined(__x86_64__)
	return 77;
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
