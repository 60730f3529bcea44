/* SPDX-License-Identifier: BSD-2-Clause */
/* tnum.c - every operation holds every result: all tnums of four bits, all values in them; and
 * 64-bit ones at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "verifier/tnum.h"

static bool holds(struct tnum t, u64 v)
{
	return (v & ~t.mask) == t.value;
}

static struct tnum nth(u32 n)
{
	struct tnum t = {n & 15, n >> 4 & 15};

	t.value &= ~t.mask;
	return t;
}

static u64 apply(u32 op, u64 a, u64 b)
{
	switch (op) {
	case 0: return a + b;
	case 1: return a - b;
	case 2: return a * b;
	case 3: return a & b;
	case 4: return a | b;
	}
	return a ^ b;
}

static struct tnum (*const ops[])(struct tnum, struct tnum) = {tnum_add, tnum_sub, tnum_mul,
							       tnum_and, tnum_or,  tnum_xor};

static void small(void **state)
{
	for (u32 i = 0; i < 256; i++)
		for (u32 j = 0; j < 256; j++)
			for (u32 op = 0; op < ARRAY_SIZE(ops); op++) {
				struct tnum a = nth(i), b = nth(j), r = ops[op](a, b);

				assert_int_equal(r.value & r.mask, 0);
				for (u64 x = 0; x < 16; x++)
					for (u64 y = 0; y < 16; y++)
						if (holds(a, x) && holds(b, y))
							assert_true(holds(r, apply(op, x, y)));
			}
}

static u64 random64(void)
{
	u64 r = 0;

	for (u32 i = 0; i < 5; i++)
		r = r << 15 ^ (u64)rand();
	return r;
}

static void wide(void **state)
{
	srand(1);
	for (u32 i = 0; i < 200000; i++) {
		u64 ma = random64() & random64(), mb = random64() & random64() & random64();
		u64 x = random64(), y = random64();
		struct tnum a = {x & ~ma, ma}, b = {y & ~mb, mb};
		u32 op = i % ARRAY_SIZE(ops), shift = rand() % 64;

		x ^= random64() & ma;
		y ^= random64() & mb;
		assert_true(holds(ops[op](a, b), apply(op, x, y)));
		assert_true(holds(tnum_shl(a, shift), x << shift));
		assert_true(holds(tnum_shr(a, shift), x >> shift));
		assert_true(holds(tnum_sar(a, shift, false), (u64)((s64)x >> shift)));
		assert_true(holds(tnum_sar(tnum_low32(a), shift % 32, true),
				  (u32)((s32)x >> shift % 32)));
		assert_true(holds(tnum_cast(a, 1 + i % 7), x & ((1ull << (1 + i % 7) * 8) - 1)));
	}
}

static void ranges(void **state)
{
	for (u64 lo = 0; lo < 40; lo++)
		for (u64 hi = lo; hi < 40; hi++)
			for (u64 v = lo; v <= hi; v++)
				assert_true(holds(tnum_range(lo, hi), v));
	assert_true(tnum_is_unknown(tnum_range(0, ~0ull)));
	assert_true(tnum_contains(tnum_range(0, 3), tnum_const(2)));
	assert_false(tnum_contains(tnum_range(0, 3), tnum_const(4)));
	assert_false(tnum_contains(tnum_const(4), tnum_range(0, 7)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(small), cmocka_unit_test(wide),
					   cmocka_unit_test(ranges)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
