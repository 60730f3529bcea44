/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

void log_init(struct log *l, u32 level, u32 cap)
{
	*l = (struct log){.level = level, .cap = cap};
}

void log_free(struct log *l)
{
	free(l->buf);
	*l = (struct log){0};
}

static bool log_reserve(struct log *l, u32 more)
{
	u64 want = (u64)l->len + more + 1, room = l->room ? l->room : 1024;
	char *p;

	if (want <= l->room)
		return true;
	while (room < want)
		room *= 2;
	p = realloc(l->buf, room);
	if (!p)
		return false;
	l->buf = p;
	l->room = room;
	return true;
}

void log_vprintf(struct log *l, const char *fmt, va_list ap)
{
	char small[512], *text = small, *big = NULL;
	va_list again;
	int n;
	u32 fits;

	if (!log_on(l))
		return;
	va_copy(again, ap);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	if (n >= (int)sizeof(small)) {
		big = malloc(n + 1);
		if (big) {
			vsnprintf(big, n + 1, fmt, again);
			text = big;
		} else {
			n = sizeof(small) - 1;
			l->truncated = true;
		}
	}
	va_end(again);
	if (n < 0)
		return;
	fits = l->cap > l->len ? l->cap - l->len - 1 : 0;
	if (fits > (u32)n)
		fits = n;
	else if (fits < (u32)n)
		l->truncated = true;
	if (log_reserve(l, fits)) {
		memcpy(l->buf + l->len, text, fits);
		l->len += fits;
		l->buf[l->len] = 0;
	} else {
		l->truncated = true;
	}
	free(big);
}

void log_printf(struct log *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprintf(l, fmt, ap);
	va_end(ap);
}

void log_reset(struct log *l, u32 to_len)
{
	if (!l || l->truncated || to_len >= l->len)
		return;
	l->len = to_len;
	if (l->buf)
		l->buf[to_len] = 0;
}
