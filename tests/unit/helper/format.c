/* SPDX-License-Identifier: BSD-2-Clause */
/* The printf engine. Every expected text is what bpf_snprintf() of a Linux kernel gave for the
 * same format and arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "exec/fault.h"
#include "helper/format.h"

static const char str[] = "hello";
static const u8 ip[16] = {127, 0, 0, 1, 0x20, 1, 0xd, 0xb8, 0, 5, 6, 7, 8, 9, 0xff, 0xfe};
static char long_str[151];

#define STR  ((u64)str)
#define IP   ((u64)ip)
#define LONG ((u64)long_str)

struct row {
	const char *fmt, *want; /* want NULL: -EINVAL */
	u32 nr;
	u64 arg[12];
};

static void check(const struct row *rows, u32 nr)
{
	char buf[512];

	fault_init();
	memset(long_str, 'L', sizeof(long_str) - 1);
	for (u32 i = 0; i < nr; i++) {
		const struct row *r = &rows[i];
		u32 size = (u32)strlen(r->fmt) + 1;
		long ret = bprintf(buf, sizeof(buf), r->fmt, size, r->arg, r->nr);

		assert_int_equal(bprintf_check(r->fmt, size, r->nr), r->want ? 0 : -EINVAL);
		if (!r->want) {
			assert_int_equal(ret, -EINVAL);
			continue;
		}
		assert_string_equal(buf, r->want);
		assert_int_equal(ret, strlen(r->want));
	}
}

static void test_numbers(void **state)
{
	const struct row rows[] = {
		{"", "", 0, {}},
		{"", "", 1, {1}},
		{"100%%", "100%", 0, {}},
		{"%d %i %u", "-1 7 4294967295", 3, {-1, 7, -1}},
		{"%ld %li %lu", "-1 7 18446744073709551615", 3, {-1, 7, -1}},
		{"%lld %llu", "-9223372036854775808 18446744073709551615", 2, {1ull << 63, -1}},
		{"%x %X %lx %llX",
		 "beefcafe ABCDEF deadbeefcafe ABCDEF",
		 4,
		 {0xdeadbeefcafe, 0xabcdef, 0xdeadbeefcafe, 0xabcdef}},
		{"%5d|%-5d|%05d|%+d|% d|%+5d|%-+5d|",
		 "   42|42   |00042|+42| 42|  +42|+42  |",
		 7,
		 {42, 42, 42, 42, 42, 42, 42}},
		{"%5d|%05d|%+05d", "  -42|-0042|-0042", 3, {-42, -42, -42}},
		{"%-05d|%+u|% u|%+x", "42   |42|42|2a", 4, {42, 42, 42, 42}},
		{"%4u %-16u|", "   7 8               |", 2, {7, 8}},
		{"%08x|%-8x|%8X", "0000beef|beef    |    BEEF", 3, {0xbeef, 0xbeef, 0xbeef}},
		{"%+-5d|%- 5d|%-+ 5d|%+ d", "+5   | 5   |+5   |+5", 4, {5, 5, 5, 5}},
		{"%ld|%d", "8589934591|-1", 2, {0x1ffffffff, 0x1ffffffff}},
		{"%016llx", "00000000000000ab", 1, {0xab}},
		{"%lu%%%c", "5%x", 2, {5, 'x'}},
		{"%d%d%d%d%d%d%d%d%d%d%d%d",
		 "123456789101112",
		 12,
		 {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
	};

	check(rows, ARRAY_SIZE(rows));
}

static void test_text(void **state)
{
	const struct row rows[] = {
		{"%c%c%c", "abc", 3, {'a', 'b', 'c'}},
		{"%5c|%-5c|%05c", "    a|b    |    c", 3, {'a', 'b', 'c'}},
		{"%s", "hello", 1, {STR}},
		{"%10s|%-10s|%010s|%2s|",
		 "     hello|hello     |     hello|hello|",
		 4,
		 {STR, STR, STR, STR}},
		{"%s %s", " ", 2, {0, 1}},
		{"%5s|", "     |", 1, {0}},
		{"%pks %pus|", "hello |", 2, {STR, 0}},
		{"%10pks|", "hello|", 1, {STR}},
		{"%-16s %4u %6d|", "hello              77     -5|", 3, {STR, 77, -5}},
		{"% s|%+s", "hello|hello", 2, {STR, STR}},
		{"%s,%pks.", "hello,hello.", 2, {STR, STR}},
		{"%s\xa1", "hello\xa1", 1, {STR}},
		{"caf\xc3\xa9 %d\n", "caf\xc3\xa9 5\n", 1, {5}},
		{"tab\tnl\n", "tab\tnl\n", 0, {}},
	};

	check(rows, ARRAY_SIZE(rows));
}

static void test_addresses(void **state)
{
	const struct row rows[] = {
		{"%p", "0000000000000000", 1, {0}},
		{"%pK|", "0000000000000000|", 1, {0}},
		{"%p", "ffffffffffffffea", 1, {-22}},
		{"%px", "0000000000001234", 1, {0x1234}},
		{"%20px|%-20px|%020px|",
		 "                1234|1234                |00000000000000001234|",
		 3,
		 {0x1234, 0x1234, 0x1234}},
		{"%10p|%-10p|%010p|", "         0|0         |0000000000|", 3, {0, 0, 0}},
		{"%ps|%pS", "0x1234|0x1234", 2, {0x1234, 0x1234}},
		{"%20ps|%-20pS|",
		 "              0x1234|0x1234              |",
		 2,
		 {0x1234, 0x1234}},
		{"%pB|%20pB|", "0x1234|0x1234|", 2, {0x1234, 0x1234}},
		{"%pi4 %pI4", "127.000.000.001 127.0.0.1", 2, {IP, IP}},
		{"%pi6 %pI6",
		 "7f00000120010db8000506070809fffe 7f00:0001:2001:0db8:0005:0607:0809:fffe",
		 2,
		 {IP, IP}},
		{"%20pI4|%pI6c", "127.0.0.1|7f00:0001:2001:0db8:0005:0607:0809:fffe", 2, {IP, IP}},
		{"%pI4abc def", "127.0.0.1 def", 1, {IP}},
		{"%pi4 %pI6", "000.000.000.000 0000:0000:0000:0000:0000:0000:0000:0000", 2, {0, 0}},
		{"%pxabc", "0000000000000005", 1, {5}},
	};

	check(rows, ARRAY_SIZE(rows));
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"%",	 "%q",	  "%h",	   "%hd",   "%zd",    "%.5d",	 "%.5s", "%*d",
		"%#x",	 "%o",	  "%f",	   "%n",    "%lc",    "%ls",	 "%lp",	 "%l",
		"%llld", "%5%",	  "%pi5",  "%pI",   "%pk",    "%pksx",	 "%pu",	 "%pV",
		"%pE",	 "%pabc", "%sabc", "%\xc3", "%s\xc3", "abc\x01", "\x7f", "%d %d %d",
	};
	u64 args[2] = {STR, STR};
	char buf[64];

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(bprintf_check(bad[i], (u32)strlen(bad[i]) + 1, 2), -EINVAL);
		assert_int_equal(
			bprintf(buf, sizeof(buf), bad[i], (u32)strlen(bad[i]) + 1, args, 2),
			-EINVAL);
	}
	assert_int_equal(bprintf_check("%d", 3, 0), -EINVAL);
	assert_int_equal(bprintf_check("abc", 3, 0), -EINVAL); /* no NUL inside */
	assert_int_equal(bprintf_check("abc", 4, 0), 0);
	assert_int_equal(bprintf_check("abc", 0, 0), -EINVAL);
}

static void test_no_space(void **state)
{
	u64 args[] = {LONG, LONG, LONG, LONG, 7};
	char buf[2048];

	fault_init();
	memset(long_str, 'L', sizeof(long_str) - 1);
	assert_int_equal(bprintf(buf, sizeof(buf), "%s%s%s", 7, args, 3), 450);
	/* the fourth string gets what is left of 512 bytes, then there is none for the number */
	assert_int_equal(bprintf(buf, sizeof(buf), "%s%s%s%s", 9, args, 4), 450 + 512 - 453 - 1);
	assert_int_equal(bprintf(buf, sizeof(buf), "%s%s%s%s%d", 11, args, 5), -ENOSPC);
	assert_int_equal(bprintf(buf, sizeof(buf), "%300d", 6, (u64[]){1}, 1), 300);
	assert_int_equal(bprintf(buf, sizeof(buf), "%8388608d", 10, (u64[]){1}, 1), 8388607);
	assert_int_equal(bprintf(buf, sizeof(buf), "%99999999999999999999d", 23, (u64[]){1}, 1),
			 8388607);
}

/* Wanted length, cut text, always a NUL; no buffer at all is fine. */
static void test_short_buffer(void **state)
{
	char buf[8];

	for (size_t size = 0; size <= sizeof(buf); size++) {
		memset(buf, '#', sizeof(buf));
		assert_int_equal(bprintf(size ? buf : NULL, size, "%d-%d", 6, (u64[]){12, 34}, 2),
				 5);
		if (size) {
			size_t n = min(size - 1, (size_t)5);

			assert_memory_equal(buf, "12-34", n);
			assert_int_equal(buf[n], 0);
		}
		for (size_t i = size; i < sizeof(buf); i++)
			assert_int_equal(buf[i], '#');
	}
}

static void test_hashed(void **state)
{
	char a[32], b[32], c[32];
	u64 v1 = (u64)str, v2 = v1 + 1;

	assert_int_equal(bprintf(a, sizeof(a), "%p", 3, &v1, 1), 16);
	bprintf(b, sizeof(b), "%pK", 4, &v1, 1);
	bprintf(c, sizeof(c), "%p", 3, &v2, 1);
	assert_string_equal(a, b);
	assert_string_not_equal(a, c);
	assert_memory_equal(a, "00000000", 8);
	bprintf(b, sizeof(b), "%016lx", 7, &v1, 1);
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),	  cmocka_unit_test(test_text),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_space),  cmocka_unit_test(test_short_buffer),
		cmocka_unit_test(test_hashed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
