/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/random.h>
#include <time.h>
#include "exec/exec.h"
#include "helper/format.h"

#define ARG_DATA  512 /* what the kernel keeps argument data in; strings share it */
#define MAX_WIDTH ((1 << 23) - 1)

/* --- characters: the kernel's ctype, Latin-1 --- */

static bool is_space(u8 c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0;
}

static bool is_punct(u8 c)
{
	return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
	       (c >= '{' && c <= '~') || (c >= 0xa1 && c <= 0xbf) || c == 0xd7 || c == 0xf7;
}

static bool is_alnum(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

static bool ends_directive(u8 c)
{
	return !c || is_space(c) || is_punct(c);
}

/* --- one directive --- */

enum kind { K_INT, K_CHAR, K_STR, K_STR_RAW, K_PTR, K_HEX, K_SYM, K_SYM_RAW, K_IP };

struct spec {
	u8 kind;
	u8 bytes;  /* integers: 4 or 8 */
	char conv; /* d i u x X; '4' or '6' for addresses */
	bool left, zero, plus, space, dots;
	int width;
};

/* The format is read once per character, so that a change under our feet cannot take us past its
 * end. */
struct text {
	const char *s;
	u32 at, len;
};

static char look(const struct text *t, u32 ahead)
{
	return t->at + ahead < t->len ? READ_ONCE(t->s[t->at + ahead]) : '\0';
}

static void parse_flags(struct text *t, struct spec *sp)
{
	char c;

	for (;; t->at++) {
		c = look(t, 0);
		sp->zero |= c == '0';
		sp->plus |= c == '+';
		sp->left |= c == '-';
		sp->space |= c == ' ';
		if (c != '0' && c != '+' && c != '-' && c != ' ')
			break;
	}
	for (; (c = look(t, 0)) >= '0' && c <= '9'; t->at++)
		if (sp->width <= MAX_WIDTH)
			sp->width = sp->width * 10 + (c - '0');
	sp->width = min(sp->width, MAX_WIDTH);
}

/* Behind "%...p". The letters of a pointer directive go on as long as there are any. */
static int parse_pointer(struct text *t, struct spec *sp)
{
	char c = look(t, 0), d = look(t, 1);

	if (ends_directive((u8)c)) {
		sp->kind = K_PTR;
		return 0;
	}
	if ((c == 'k' || c == 'u') && d == 's') {
		t->at += 2;
		sp->kind = K_STR_RAW;
		return ends_directive((u8)look(t, 0)) ? 0 : -EINVAL;
	}
	switch (c) {
	case 'K': sp->kind = K_PTR; break;
	case 'x': sp->kind = K_HEX; break;
	case 's':
	case 'S': sp->kind = K_SYM; break;
	case 'B': sp->kind = K_SYM_RAW; break;
	case 'i':
	case 'I':
		if (d != '4' && d != '6')
			return -EINVAL;
		sp->kind = K_IP;
		sp->dots = c == 'I';
		sp->conv = d;
		t->at++;
		break;
	default: return -EINVAL;
	}
	t->at++;
	return 0;
}

static int parse_integer(struct text *t, struct spec *sp)
{
	sp->kind = K_INT;
	sp->bytes = 4;
	for (int l = 0; l < 2 && look(t, 0) == 'l'; l++) {
		sp->bytes = 8;
		t->at++;
	}
	sp->conv = look(t, 0);
	if (sp->conv != 'd' && sp->conv != 'i' && sp->conv != 'u' && sp->conv != 'x' &&
	    sp->conv != 'X')
		return -EINVAL;
	t->at++;
	return 0;
}

/* @t stands behind the '%'. */
static int parse_spec(struct text *t, struct spec *sp)
{
	char c;

	memset(sp, 0, sizeof(*sp));
	parse_flags(t, sp);
	c = look(t, 0);
	if (c == 'p') {
		t->at++;
		return parse_pointer(t, sp);
	}
	if (c == 's') {
		t->at++;
		sp->kind = K_STR;
		return ends_directive((u8)look(t, 0)) ? 0 : -EINVAL;
	}
	if (c == 'c') {
		t->at++;
		sp->kind = K_CHAR;
		return 0;
	}
	return parse_integer(t, sp);
}

/*
 * Next piece: 1 = directive in @sp, 0 = plain character in @c, -EINVAL. "%%" is a plain '%'. Bytes
 * from 0x80 are text, ASCII control characters other than white space are not.
 */
static int next_piece(struct text *t, struct spec *sp, char *c)
{
	*c = look(t, 0);
	t->at++;
	if ((u8)*c < 0x80 && ((u8)*c < ' ' || *c == 0x7f) && !is_space((u8)*c))
		return -EINVAL;
	if (*c != '%')
		return 0;
	if (look(t, 0) == '%') {
		t->at++;
		return 0;
	}
	return parse_spec(t, sp) ? -EINVAL : 1;
}

static int text_init(struct text *t, const char *fmt, u32 fmt_size)
{
	const char *end = memchr(fmt, 0, fmt_size);

	*t = (struct text){.s = fmt, .len = end ? (u32)(end - fmt) : 0};
	return end ? 0 : -EINVAL;
}

int bprintf_check(const char *fmt, u32 fmt_size, u32 num_args)
{
	struct text t;
	struct spec sp;
	u32 used = 0;
	char c;
	int ret;

	ret = text_init(&t, fmt, fmt_size);
	while (!ret && t.at < t.len) {
		ret = next_piece(&t, &sp, &c);
		if (ret == 1)
			ret = used++ < num_args ? 0 : -EINVAL;
	}
	return ret;
}

/* --- output --- */

struct out {
	char *buf;
	size_t size, len; /* len may run past size: what the text wants */
};

static void put(struct out *o, char c)
{
	if (o->len < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_n(struct out *o, char c, int n)
{
	for (; n > 0 && o->len < o->size; n--)
		put(o, c);
	o->len += n > 0 ? (size_t)n : 0;
}

static void put_str(struct out *o, const char *s, size_t len, const struct spec *sp)
{
	int pad = sp ? sp->width - (int)len : 0;

	if (sp && !sp->left)
		put_n(o, ' ', pad);
	for (size_t i = 0; i < len; i++)
		put(o, s[i]);
	if (sp && sp->left)
		put_n(o, ' ', pad);
}

/* Digits of @v, most significant first; returns their number. */
static int digits(char out[24], u64 v, unsigned int base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char tmp[24];
	int n = 0;

	do {
		tmp[n++] = set[v % base];
		v /= base;
	} while (v);
	for (int i = 0; i < n; i++)
		out[i] = tmp[n - 1 - i];
	return n;
}

static void put_number(struct out *o, const struct spec *sp, u64 v, char sign)
{
	char text[24];
	bool hex = sp->conv == 'x' || sp->conv == 'X';
	int n = digits(text, v, hex ? 16 : 10, sp->conv == 'X');
	int pad = sp->width - n - (sign != '\0');

	if (!sp->left && !sp->zero)
		put_n(o, ' ', pad);
	if (sign)
		put(o, sign);
	if (!sp->left && sp->zero)
		put_n(o, '0', pad);
	put_str(o, text, (size_t)n, NULL);
	if (sp->left)
		put_n(o, ' ', pad);
}

static void put_int(struct out *o, const struct spec *sp, u64 v)
{
	bool is_signed = sp->conv == 'd' || sp->conv == 'i';
	s64 sv = sp->bytes == 4 ? (s32)v : (s64)v;

	if (!is_signed)
		put_number(o, sp, sp->bytes == 4 ? (u32)v : v, '\0');
	else
		put_number(o, sp, sv < 0 ? 0 - (u64)sv : (u64)sv,
			   sv < 0      ? '-'
			   : sp->plus  ? '+'
			   : sp->space ? ' '
				       : '\0');
}

static void put_char(struct out *o, const struct spec *sp, char c)
{
	if (!sp->left)
		put_n(o, ' ', sp->width - 1);
	put(o, c);
	if (sp->left)
		put_n(o, ' ', sp->width - 1);
}

/* An address as %p and %px print it: 16 digits; a width of the directive replaces that and the
 * zeros. */
static void put_address(struct out *o, const struct spec *sp, u64 v)
{
	struct spec hex = {.conv = 'x', .width = 16, .left = sp->left, .zero = true};

	if (sp->width) {
		hex.width = sp->width;
		hex.zero = sp->zero;
	}
	put_number(o, &hex, v, '\0');
}

/* --- hashed addresses: SipHash-2-4 of one word under a key that this process keeps --- */

static u64 rotl(u64 v, int n)
{
	return v << n | v >> (64 - n);
}

static void sip_round(u64 s[4])
{
	s[0] += s[1];
	s[1] = rotl(s[1], 13) ^ s[0];
	s[0] = rotl(s[0], 32);
	s[2] += s[3];
	s[3] = rotl(s[3], 16) ^ s[2];
	s[0] += s[3];
	s[3] = rotl(s[3], 21) ^ s[0];
	s[2] += s[1];
	s[1] = rotl(s[1], 17) ^ s[2];
	s[2] = rotl(s[2], 32);
}

static void sip_word(u64 s[4], u64 m)
{
	s[3] ^= m;
	sip_round(s);
	sip_round(s);
	s[0] ^= m;
}

static u64 siphash(const u64 key[2], u64 v)
{
	u64 s[4] = {key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull,
		    key[0] ^ 0x6c7967656e657261ull, key[1] ^ 0x7465646279746573ull};

	sip_word(s, v);
	sip_word(s, 8ull << 56);
	s[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(s);
	return s[0] ^ s[1] ^ s[2] ^ s[3];
}

u32 bprintf_hash(u64 addr)
{
	static u64 key[2];
	static int state; /* 0 no key, 1 being made, 2 ready */
	int none = 0;

	if (__atomic_compare_exchange_n(&state, &none, 1, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE)) {
		if (getrandom(key, sizeof(key), GRND_NONBLOCK) != sizeof(key))
			key[0] = (u64)&none ^ (u64)clock();
		__atomic_store_n(&state, 2, __ATOMIC_RELEASE);
	}
	while (__atomic_load_n(&state, __ATOMIC_ACQUIRE) != 2)
		;
	return (u32)siphash(key, addr);
}

/* NULL and error pointers are not addresses and stay readable. */
static u64 hidden(u64 addr)
{
	return !addr || IS_ERR((void *)(uintptr_t)addr) ? addr : bprintf_hash(addr);
}

/* --- arguments --- */

static size_t put_symbol(struct out *o, const struct spec *sp, u64 addr)
{
	char text[2 + 24] = "0x";
	size_t len = 2 + (size_t)digits(text + 2, addr, 16, false);

	put_str(o, text, len, sp);
	return len;
}

/* Text of an IP address; returns its length. @text has room for eight groups of four and colons. */
static size_t ip_text(char text[48], const struct spec *sp, const u8 *ip)
{
	struct out o = {text, 48, 0};
	struct spec part = {.zero = true};

	if (sp->conv == '4') {
		part.width = sp->dots ? 0 : 3;
		for (int i = 0; i < 4; i++) {
			if (i)
				put(&o, '.');
			put_number(&o, &part, ip[i], '\0');
		}
		return o.len;
	}
	part.width = 2;
	part.conv = 'x';
	for (int i = 0; i < 16; i++) {
		if (i && !(i & 1) && sp->dots)
			put(&o, ':');
		put_number(&o, &part, ip[i], '\0');
	}
	return o.len;
}

/* Argument data so far, in the kernel's layout: strings with their NUL, words aligned to 4. Only
 * @used and @str matter here. */
struct arg_data {
	u32 used;
	char str[ARG_DATA];
};

static int take_bytes(struct arg_data *a, u32 bytes)
{
	if (a->used >= ARG_DATA || ARG_DATA - a->used < bytes)
		return -ENOSPC;
	a->used += bytes;
	return 0;
}

static int take_word(struct arg_data *a, u32 bytes)
{
	a->used = round_up(a->used, 4u);
	return take_bytes(a, bytes);
}

static int put_string_arg(struct out *o, const struct spec *sp, struct arg_data *a, u64 addr)
{
	const struct spec *pad = sp->kind == K_STR ? sp : NULL; /* %pks and %pus know no width */
	long len;

	if (a->used >= ARG_DATA)
		return -ENOSPC;
	len = fault_copy_str(a->str, (const void *)(uintptr_t)addr, ARG_DATA - a->used);
	if (len <= 0) {
		a->str[0] = '\0';
		len = 1;
	}
	a->used += (u32)len;
	put_str(o, a->str, (size_t)len - 1, pad);
	return 0;
}

static int put_ip_arg(struct out *o, const struct spec *sp, struct arg_data *a, u64 addr)
{
	u32 size = sp->conv == '4' ? 4 : 16;
	char text[48];
	u8 ip[16];
	size_t len;

	if (a->used > ARG_DATA || ARG_DATA - a->used < size)
		return -ENOSPC;
	fault_copy(ip, (const void *)(uintptr_t)addr, size); /* zeros when it cannot be read */
	len = ip_text(text, sp, ip);
	a->used += (u32)len + 1;
	put_str(o, text, len, NULL);
	return 0;
}

static int put_arg(struct out *o, const struct spec *sp, struct arg_data *a, u64 v)
{
	int err;

	switch ((enum kind)sp->kind) {
	case K_STR:
	case K_STR_RAW: return put_string_arg(o, sp, a, v);
	case K_IP: return put_ip_arg(o, sp, a, v);
	case K_CHAR:
		err = take_bytes(a, 1);
		put_char(o, sp, (char)v);
		return err;
	case K_INT:
		err = take_word(a, sp->bytes);
		put_int(o, sp, v);
		return err;
	case K_SYM_RAW: a->used += (u32)put_symbol(o, NULL, v) + 1; return 0;
	case K_SYM: put_symbol(o, sp, v); break;
	case K_PTR: put_address(o, sp, hidden(v)); break;
	case K_HEX: put_address(o, sp, v); break;
	}
	return take_word(a, 8);
}

static bool is_pointer(const struct spec *sp)
{
	return sp->kind != K_INT && sp->kind != K_CHAR && sp->kind != K_STR;
}

long bprintf(char *buf, size_t size, const char *fmt, u32 fmt_size, const u64 *args, u32 num_args)
{
	struct out o = {buf, size, 0};
	struct arg_data a;
	struct text t;
	struct spec sp;
	u32 used = 0;
	char c;
	int ret;

	a.used = 0;
	ret = bprintf_check(fmt, fmt_size, num_args);
	if (!ret)
		ret = text_init(&t, fmt, fmt_size);
	while (!ret && t.at < t.len) {
		ret = next_piece(&t, &sp, &c);
		if (!ret) {
			put(&o, c);
		} else if (ret == 1) {
			ret = used < num_args ? put_arg(&o, &sp, &a, args[used]) : -EINVAL;
			used++;
			while (is_pointer(&sp) && is_alnum((u8)look(&t, 0)))
				t.at++;
		}
	}
	if (ret)
		return ret;
	if (size)
		buf[min(o.len, size - 1)] = '\0';
	return (long)o.len;
}
