/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c - mount options. The kernel's bpffs knows mode= (and, later than 6.1, uid= and gid=)
 * and ignores what it does not know; preload= is ours. One row per option.
 */
#include <ctype.h>
#include <stdlib.h>
#include "fs/fs.h"

static int parse_u32(const char *v, size_t len, int base, u32 *out)
{
	u64 n = 0;

	if (!len)
		return -EINVAL;
	for (; len; len--, v++) {
		int d = *v - '0';

		if (d < 0 || d >= base)
			return -EINVAL;
		n = n * base + d;
		if (n > UINT32_MAX)
			return -EINVAL;
	}
	*out = n;
	return 0;
}

static int opt_mode(struct fs_options *o, const char *v, size_t len)
{
	u32 n;

	if (parse_u32(v, len, 8, &n))
		return -EINVAL;
	o->mode = S_ISVTX | (n & 07777);
	return 0;
}

static int opt_uid(struct fs_options *o, const char *v, size_t len)
{
	return parse_u32(v, len, 10, &o->uid);
}

static int opt_gid(struct fs_options *o, const char *v, size_t len)
{
	return parse_u32(v, len, 10, &o->gid);
}

static int opt_preload(struct fs_options *o, const char *v, size_t len)
{
	u32 n;

	if (len == 3 && !memcmp(v, "off", 3)) {
		o->preload_mode = (mode_t)-1;
		return 0;
	}
	if (parse_u32(v, len, 8, &n) || n > 0777)
		return -EINVAL;
	o->preload_mode = n;
	return 0;
}

static const struct {
	const char *name;
	int (*parse)(struct fs_options *o, const char *value, size_t len);
} options[] = {
	{"mode", opt_mode},
	{"uid", opt_uid},
	{"gid", opt_gid},
	{"preload", opt_preload},
};

static int parse_one(struct fs_options *o, const char *text, size_t len)
{
	const char *eq = memchr(text, '=', len);
	size_t name = eq ? eq - text : len;

	for (u32 i = 0; i < ARRAY_SIZE(options); i++) {
		if (strlen(options[i].name) != name || memcmp(options[i].name, text, name))
			continue;
		return eq ? options[i].parse(o, eq + 1, len - name - 1) : -EINVAL;
	}
	return 0;
}

int fs_parse_options(const char *text, struct fs_options *opt, const char **bad)
{
	struct fs_options o = *opt;

	while (text && *text) {
		size_t len = strcspn(text, ",");

		if (parse_one(&o, text, len)) {
			if (bad)
				*bad = text;
			return -EINVAL;
		}
		text += len;
		text += *text == ',';
	}
	*opt = o;
	return 0;
}
