/* SPDX-License-Identifier: BSD-2-Clause */
/* strings.c - text in: numbers and comparison, with the kernel's rules and errno. */
#include "helper/fn.h"

#define BASE_MASK  0x1fu
#define MAX_DIGITS 63 /* what is looked at after blanks and sign */

static bool blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || (u8)c == 0xa0;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

static bool hex_prefix(const char *s)
{
	return s[0] == '0' && (s[1] | 0x20) == 'x' && digit(s[2]) < 16;
}

/* @s is NUL-terminated. Returns characters used, 0 for no number, -ERANGE. */
static int parse_digits(const char *s, u32 base, u64 *res)
{
	bool overflow = false;
	u64 v = 0;
	int n = 0;

	if (base == 0)
		base = s[0] != '0' ? 10 : hex_prefix(s) ? 16 : 8;
	if (base == 16 && s[0] == '0' && (s[1] | 0x20) == 'x')
		n = 2;
	for (; digit(s[n]) < (int)base; n++) {
		overflow |= __builtin_mul_overflow(v, (u64)base, &v);
		overflow |= __builtin_add_overflow(v, (u64)digit(s[n]), &v);
	}
	*res = v;
	if (n == 2 && base == 16 && (s[1] | 0x20) == 'x')
		return 0;
	return overflow ? -ERANGE : n;
}

/* Characters of @buf used, blanks and sign included, or negative errno. */
static int parse_number(const char *buf, size_t len, u64 flags, u64 *res, bool *negative)
{
	u32 base = flags & BASE_MASK;
	char text[MAX_DIGITS + 1];
	size_t at = 0, n;
	int used;

	if (!buf || !len || (flags & ~(u64)BASE_MASK) ||
	    (base != 0 && base != 8 && base != 10 && base != 16))
		return -EINVAL;
	while (at < len && blank(buf[at]))
		at++;
	*negative = at < len && buf[at] == '-';
	at += *negative;
	if (at == len)
		return -EINVAL;
	n = min(len - at, (size_t)MAX_DIGITS);
	memcpy(text, buf + at, n);
	text[n] = '\0';
	used = parse_digits(text, base, res);
	if (used <= 0)
		return used ? used : -EINVAL;
	return (int)at + used;
}

HELPER_FN(strtol)
{
	s64 *out = (s64 *)(uintptr_t)r4;
	bool negative;
	u64 v = 0;
	int used;

	*out = 0;
	used = parse_number((const char *)(uintptr_t)r1, r2, r3, &v, &negative);
	if (used < 0)
		return (u64)(long)used;
	if (negative ? v > (u64)INT64_MAX + 1 : v > INT64_MAX)
		return (u64)-ERANGE;
	*out = (s64)(negative ? 0 - v : v);
	return (u64)used;
}

HELPER_FN(strtoul)
{
	u64 *out = (u64 *)(uintptr_t)r4;
	bool negative;
	u64 v = 0;
	int used;

	*out = 0;
	used = parse_number((const char *)(uintptr_t)r1, r2, r3, &v, &negative);
	if (used < 0)
		return (u64)(long)used;
	if (negative)
		return (u64)-EINVAL;
	*out = v;
	return (u64)used;
}

HELPER_FN(strncmp)
{
	const u8 *a = (const u8 *)(uintptr_t)r1, *b = (const u8 *)(uintptr_t)r3;

	UNLESS_STOPPED_AND_LONG(r2, -1);
	for (u32 i = 0; i < (u32)r2; i++) {
		if (a[i] != b[i])
			return (u64)(a[i] < b[i] ? -1L : 1L);
		if (!a[i])
			break;
	}
	return 0;
}
