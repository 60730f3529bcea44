/* SPDX-License-Identifier: BSD-2-Clause */
/* Images, tail calls, callbacks; what single instructions do is in tests/data/isa. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "base/slot.h"
#include "exec/exec.h"
#include "map/kptr.h"
#include "map/kptr_test.h"
#include "isa/asm.h"

#define MAX_INSNS 64
#define SLOTS	  4

/* An image made from text; freed with its last reference. */
static int live;

static void release(struct exec_image *img)
{
	live--;
	free(img->insns);
	free(img);
}

static struct exec_image *image(const char *text, struct bpf_map **maps, u32 nr_maps)
{
	struct exec_image *img = calloc(1, sizeof(*img));
	struct asm_error err;
	int n;

	img->insns = calloc(MAX_INSNS, sizeof(*img->insns));
	n = asm_text(text, img->insns, MAX_INSNS, &err);
	if (n < 0)
		fail_msg("line %d: %s", err.line, err.text);
	img->len = (u32)n;
	img->refs = 1;
	img->maps = maps;
	img->nr_maps = nr_maps;
	img->release = release;
	live++;
	return img;
}

static struct exec_image *bound(const char *text, struct bpf_map **maps, u32 nr_maps)
{
	struct exec_image *img = image(text, maps, nr_maps);

	assert_int_equal(exec_image_bind(img), 0);
	return img;
}

/* --- a prog array and an array of u64, as the run side sees them --- */

static struct exec_image *targets[SLOTS];
static u64 values[SLOTS];

static const struct exec_image *tail_target(void *arg, struct bpf_map *map, u32 index)
{
	assert_true(index < SLOTS);
	return exec_image_get(targets[index]);
}

static void *value_at(struct bpf_map *map, u32 off)
{
	return off < sizeof(values) ? (char *)values + off : NULL;
}

static void *lookup(struct bpf_map *map, const void *key)
{
	u32 k;

	memcpy(&k, key, 4);
	return k < SLOTS ? &values[k] : NULL;
}

static long each(struct bpf_map *map,
		 long (*cb)(struct bpf_map *map, void *key, void *value, void *arg), void *arg)
{
	for (u32 i = 0; i < SLOTS; i++)
		if (cb(map, &i, &values[i], arg))
			return i + 1;
	return SLOTS;
}

static const struct bpf_map_ops array_ops = {
	.direct_value = value_at, .lookup = lookup, .for_each = each};
static const struct bpf_map_ops prog_ops = {.fd_values = true};
static struct map_shm array_shm;
static struct bpf_map prog_array = {.ops = &prog_ops, .max_entries = SLOTS};
static struct bpf_map array = {
	.ops = &array_ops, .shm = &array_shm, .max_entries = SLOTS, .value_size = 8, .key_size = 4};
static struct bpf_map *maps[] = {&prog_array, &array};
static const struct exec_host host = {.tail_target = tail_target};

static u64 run(const struct exec_image *img, void *ctx, struct exec_run *r)
{
	*r = (struct exec_run){.host = &host};
	return exec_run(img, ctx, r);
}

static void drop_targets(void)
{
	for (int i = 0; i < SLOTS; i++) {
		exec_image_put(targets[i]);
		targets[i] = NULL;
	}
}

#define TAIL(index) "r2 = map_fd[0]\nr3 = " #index "\ntail_call\n"

static void test_tail(void **state)
{
	struct exec_image *img = bound("r6 = 5\n" TAIL(1) "r0 = 77\nexit\n", maps, 2);
	struct exec_run r;
	u32 ctx = 42;

	assert_int_equal(run(img, &ctx, &r), 77); /* empty slot */
	assert_int_equal(r.tail_calls, 1);
	targets[1] = bound("r0 = *(u32 *)(r1 +0)\nexit\n", NULL, 0);
	assert_int_equal(run(img, &ctx, &r), 42);
	assert_ptr_equal(r.image, img);
	assert_int_equal(targets[1]->refs, 1);
	exec_image_put(img);
	img = bound(TAIL(4) "r0 = 78\nexit\n", maps, 2); /* out of range */
	assert_int_equal(run(img, &ctx, &r), 78);
	assert_int_equal(r.tail_calls, 0);
	exec_image_put(img);
	drop_targets();
	assert_int_equal(live, 0);
}

static void test_tail_without_host(void **state)
{
	struct exec_image *img = bound(TAIL(0) "r0 = 9\nexit\n", maps, 2);
	struct exec_run r = {0};

	assert_int_equal(exec_run(img, NULL, &r), 9);
	exec_image_put(img);
}

/* A program that calls itself for ever counts to the limit: its first run and 33 more. */
static void test_tail_limit(void **state)
{
	struct exec_image *img;
	struct exec_run r;
	u32 count = 0;

	img = bound(
		"r2 = *(u32 *)(r1 +0)\nr2 += 1\n*(u32 *)(r1 +0) = r2\n" TAIL(0) "r0 = 1\nexit\n",
		maps, 2);
	targets[0] = exec_image_get(img);
	assert_int_equal(run(img, &count, &r), 1);
	assert_int_equal(count, 34);
	assert_int_equal(r.tail_calls, 33);
	assert_int_equal(img->refs, 2);
	drop_targets();
	exec_image_put(img);
	assert_int_equal(live, 0);
}

/* A tail call in a subprog ends the subprog only; the caller's own calls and helpers work on. */
static void test_tail_in_subprog(void **state)
{
	struct exec_image *img = bound("r6 = 10\ncall sub\nr6 += r0\ncall two\nr0 += r6\nexit\n"
				       "sub:\n" TAIL(2) "r0 = 0\nexit\n"
							"two:\nr0 = 2\nexit\n",
				       maps, 2);
	struct exec_run r;

	targets[2] =
		bound("r6 = 1000\nr1 = 7\ncall deeper\nexit\ndeeper:\nr0 = r1\nr0 *= 100\nexit\n",
		      NULL, 0);
	assert_int_equal(run(img, NULL, &r), 712);
	assert_int_equal(targets[2]->refs, 1);
	assert_int_equal(r.depth, 0);
	drop_targets();
	exec_image_put(img);
	assert_int_equal(live, 0);
}

/* The target may be freed by its last holder while it runs: its reference keeps it. */
static const struct exec_image *last_target(void *arg, struct bpf_map *map, u32 index)
{
	const struct exec_image *img = targets[index];

	targets[index] = NULL;
	return img;
}

/* Each call makes two more: 33 of them happen, wherever they stand. */
static void test_tail_tree(void **state)
{
	struct exec_image *img = bound("r6 = r1\nr2 = *(u32 *)(r1 +0)\nr2 += 1\n"
				       "*(u32 *)(r1 +0) = r2\ncall sub\nr7 = r0\nr1 = r6\n"
				       "call sub\nr0 += r7\nr0 += 7000\nexit\n"
				       "sub:\n" TAIL(1) "r0 = 101\nexit\n",
				       maps, 2);
	struct exec_run r;
	u32 count = 0;

	targets[1] = exec_image_get(img);
	assert_int_equal(run(img, &count, &r), 34 * 7000 + 35 * 101);
	assert_int_equal(count, 34);
	assert_int_equal(r.depth, 0);
	drop_targets();
	exec_image_put(img);
	assert_int_equal(live, 0);
}

static void test_tail_freed(void **state)
{
	struct exec_image *img = bound(TAIL(0) "r0 = 1\nexit\n", maps, 2);
	struct exec_host h = {.tail_target = last_target};
	struct exec_run r = {.host = &h};

	targets[0] = bound(TAIL(1) "exit\n", maps, 2);
	targets[1] = bound("r0 = 55\nexit\n", NULL, 0);
	assert_int_equal(exec_run(img, NULL, &r), 55);
	assert_int_equal(live, 1);
	exec_image_put(img);
}

static void test_map_value(void **state)
{
	struct exec_image *img = bound(
		"r1 = map_value[1][8]\nr0 = *(u64 *)(r1 +0)\nr0 += 1\n*(u64 *)(r1 +0) = r0\n"
		"*(u32 *)(r10 -4) = 1\nr2 = r10\nr2 += -4\nr1 = map_fd[1]\n"
		"call bpf_map_lookup_elem\nif r0 == 0 goto out\nr0 = *(u64 *)(r0 +0)\nout:\nexit\n",
		maps, 2);
	struct exec_run r;

	values[1] = 41;
	assert_int_equal(run(img, NULL, &r), 42);
	assert_int_equal(values[1], 42);
	assert_int_equal(exec_image_bind(img), 0); /* again: nothing happens */
	assert_int_equal(run(img, NULL, &r), 43);
	exec_image_put(img);
}

static void test_for_each(void **state)
{
	struct exec_image *img = bound(
		"*(u64 *)(r10 -8) = 0\nr1 = map_fd[1]\nr2 = func body\nr3 = r10\nr3 += -8\nr4 = 0\n"
		"call bpf_for_each_map_elem\nr0 <<= 32\nr1 = *(u64 *)(r10 -8)\nr0 += r1\nexit\n"
		"body:\nr5 = *(u64 *)(r3 +0)\nr1 = *(u64 *)(r4 +0)\nr1 += r5\n*(u64 *)(r4 +0) = r1\n"
		"r0 = 0\nif r5 < 30 goto more\nr0 = 1\nmore:\nexit\n",
		maps, 2);
	struct exec_run r;

	memcpy(values, (u64[]){10, 20, 30, 40}, sizeof(values));
	assert_int_equal(run(img, NULL, &r), 3ull << 32 | 60);
	values[2] = 1;
	assert_int_equal(run(img, NULL, &r), 4ull << 32 | 71);
	exec_image_put(img);
}

static void test_bind_refuses(void **state)
{
	static const char *const bad[] = {
		"r1 = map_fd[2]\nexit\n",	 /* no such map */
		"r1 = map_value[1][32]\nexit\n", /* outside the values */
		"r1 = map_value[0][0]\nexit\n",	 /* kind without values */
		"call pc+5\nexit\n",
		"call pc-2\nexit\n",
		"r1 = func pc+9\nexit\n",
		"call unknown#9999\nexit\n",
		"call unknown#0\nexit\n",
		"call unknown#-1\nexit\n",
		"call bpf_tail_call\nexit\n", /* only ever rewritten */
		"call kernel-function#3\nexit\n",
		".raw 0x18 1 9 0 0\n.raw 0 0 0 0 0\nexit\n",
		"exit\n.raw 0x18 1 0 0 0\n", /* half a constant */
		".raw 0xff 0 0 0 0\nexit\n",
		".raw 0x18 0 15 0 0\n.raw 0 0 0 0 0\nexit\n", /* a clock that is not loaded */
		".raw 0x18 1 15 0 0\n.raw 0 0 0 0 0\nr1 = *(u64 *)(r1 +0)\nexit\n",
		"exit\n.raw 0x18 0 15 0 0\n.raw 0 0 0 0 0\n",
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		struct exec_image *img = image(bad[i], maps, 2);

		if (exec_image_bind(img) != -EINVAL)
			fail_msg("bound: %s", bad[i]);
		exec_image_put(img);
	}
	assert_int_equal(live, 0);
}

static u64 fake_helper(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct exec_run *run)
{
	return r1 + 10 * r2 + 100 * r3 + 1000 * r4 + 10000 * r5 + (run->ctx ? 100000 : 0) +
	       slot_current();
}

static void test_own_helpers(void **state)
{
	static helper_fn fns[EXEC_NR_HELPERS];
	struct exec_image *img =
		image("r1 = 1\nr2 = 2\nr3 = 3\nr4 = 4\nr5 = 5\ncall unknown#250\nexit\n", NULL, 0);
	struct exec_run r = {0};

	fns[250] = fake_helper;
	img->helpers = fns;
	assert_int_equal(exec_image_bind(img), 0);
	slot_enter();
	assert_int_equal(exec_run(img, &r, &r), 154321 + slot_current());
	slot_leave();
	exec_image_put(img);
}

/* What the verifier leaves of bpf_jiffies64() calls the helper, and clobbers nothing. */
static void test_jiffies(void **state)
{
	static helper_fn fns[EXEC_NR_HELPERS];
	struct exec_image *img =
		image("r1 = 7\nr2 = 0\nr3 = 0\nr4 = 0\nr5 = 0\n.raw 0x18 0 15 0 0\n.raw 0 0 0 0 0\n"
		      "r0 = *(u64 *)(r0 +0)\nr0 += r1\nexit\n",
		      NULL, 0);
	struct exec_run r = {0};

	fns[BPF_FUNC_jiffies64] = fake_helper;
	img->helpers = fns;
	assert_int_equal(exec_image_bind(img), 0);
	slot_enter();
	assert_int_equal(exec_run(img, &r, &r), 100014 + slot_current());
	slot_leave();
	exec_image_put(img);
}

/* A run inside a helper of another run: both know where they are. */
static const struct exec_image *inner_img;

static u64 run_inner(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct exec_run *run)
{
	struct exec_run inner = {.host = run->host, .cookie = 5};
	u64 ret = exec_run(inner_img, NULL, &inner);

	assert_ptr_equal(inner.outer, run);
	assert_ptr_equal(run->outer, NULL);
	return ret;
}

static void test_nested(void **state)
{
	static helper_fn fns[EXEC_NR_HELPERS];
	struct exec_image *img = image("r6 = 3\ncall unknown#250\nr0 += r6\nexit\n", NULL, 0),
			  *inner;
	struct exec_run r = {0};

	fns[250] = run_inner;
	img->helpers = fns;
	assert_int_equal(exec_image_bind(img), 0);
	inner_img = inner = bound("r6 = 9\ncall bpf_get_attach_cookie\nexit\n", NULL, 0);
	assert_int_equal(exec_run(img, NULL, &r), 8);
	exec_image_put(img);
	exec_image_put(inner);
}

/* Programs no verifier would pass still do not run away with the C stack. */
static void test_endless_depth(void **state)
{
	struct exec_image *img = bound("self:\ncall self\nexit\n", NULL, 0);
	struct exec_run r = {0};

	assert_int_equal(exec_run(img, NULL, &r), 0);
	assert_int_equal(r.depth, 0);
	exec_image_put(img);
	img = bound(
		"again:\nr1 = 1\nr2 = func again\nr3 = 0\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit\n",
		NULL, 0);
	assert_int_equal(exec_run(img, NULL, &r), 0);
	assert_int_equal(r.depth, 0);
	assert_int_equal(exec_callback(&r, 12345, 0, 0, 0, 0, 0), 0);
	exec_image_put(img);
}

/* Pointers in map values: numbers there, addresses in registers, NULL for what names no object. */
static void test_kptr(void **state)
{
	struct bpf_insn load[] = {
		{.code = BPF_LDX | BPF_KPTR | BPF_DW, .src_reg = 1, .imm = KPTR_TEST_REF},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct bpf_insn store[] = {
		{.code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 2, .src_reg = 1, .off = 8},
		{.code = BPF_STX | BPF_KPTR | BPF_DW,
		 .dst_reg = 1,
		 .src_reg = 2,
		 .imm = KPTR_TEST_REF},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct exec_subprog sub = {};
	struct exec_image img = {.insns = load, .len = 2, .subprogs = &sub, .nr_subprogs = 1};
	u64 mem[2] = {0, (u64)&kptr_test_object};
	struct exec_run r;

	assert_int_equal(exec_image_bind(&img), 0);
	assert_int_equal(run(&img, mem, &r), 0);
	mem[0] = 1;
	assert_int_equal(run(&img, mem, &r), (u64)&kptr_test_object);
	mem[0] = (u64)&kptr_test_object; /* somebody wrote an address */
	assert_int_equal(run(&img, mem, &r), 0);
	img = (struct exec_image){.insns = store, .len = 4, .subprogs = &sub, .nr_subprogs = 1};
	assert_int_equal(exec_image_bind(&img), 0);
	run(&img, mem, &r);
	assert_int_equal(mem[0], 1);
	mem[1] = (u64)mem; /* no object: nothing anybody could follow is left there */
	run(&img, mem, &r);
	assert_int_equal(mem[0], 0);
	mem[1] = 0;
	run(&img, mem, &r);
	assert_int_equal(mem[0], 0);
}

/* Every call of a function has a patience of its own for may_goto. */
static void test_may_goto(void **state)
{
	struct exec_image *img = bound("r6 = 0\nloop:\nmay_goto out\nr6 += 1\ngoto loop\n"
				       "out:\ncall sub\nr7 = r0\ncall sub\nr0 += r7\nr0 += r6\n"
				       "may_goto end\nr0 = 0\nend:\nexit\n"
				       "sub:\nr0 = 0\nmore:\nmay_goto done\nr0 += 1\ngoto more\n"
				       "done:\nexit\n",
				       NULL, 0);
	struct exec_run r = {0};

	assert_int_equal(exec_run(img, NULL, &r), 3 * (8 << 20));
	exec_image_put(img);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kptr),
		cmocka_unit_test(test_tail),
		cmocka_unit_test(test_tail_without_host),
		cmocka_unit_test(test_tail_limit),
		cmocka_unit_test(test_tail_in_subprog),
		cmocka_unit_test(test_tail_tree),
		cmocka_unit_test(test_tail_freed),
		cmocka_unit_test(test_map_value),
		cmocka_unit_test(test_for_each),
		cmocka_unit_test(test_bind_refuses),
		cmocka_unit_test(test_jiffies),
		cmocka_unit_test(test_own_helpers),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_endless_depth),
		cmocka_unit_test(test_may_goto),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
