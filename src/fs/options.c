/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c - mount options. The kernel's bpffs knows mode= (and, later than 6.1, uid= and gid=)
 * and ignores what it does not know; preload= is ours, and so are those of cgroup trees, where an
 * unknown one is an error. One row per option.
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

struct option {
	const char *name;
	int (*parse)(void *o, const char *value, size_t len); /* value: NULL without "=" */
};

#define NEEDS_VALUE(fn)                                           \
	static int fn##_value(void *o, const char *v, size_t len) \
	{                                                         \
		return v ? fn(o, v, len) : -EINVAL;               \
	}
NEEDS_VALUE(opt_mode)
NEEDS_VALUE(opt_uid)
NEEDS_VALUE(opt_gid)
NEEDS_VALUE(opt_preload)

static const struct option bpffs_options[] = {
	{"mode", opt_mode_value},
	{"uid", opt_uid_value},
	{"gid", opt_gid_value},
	{"preload", opt_preload_value},
	{NULL},
};

static int copy_text(char *to, size_t cap, const char *v, size_t len)
{
	if (!v || len >= cap)
		return -EINVAL;
	memcpy(to, v, len);
	to[len] = '\0';
	return 0;
}

static int opt_root(void *o, const char *v, size_t len)
{
	struct fs_cgroup_options *opt = o;

	return copy_text(opt->root, sizeof(opt->root), v, len);
}

static int opt_prefix(void *o, const char *v, size_t len)
{
	struct fs_cgroup_options *opt = o;

	if (v && memchr(v, '/', len))
		return -EINVAL;
	return copy_text(opt->prefix, sizeof(opt->prefix), v, len);
}

static int opt_host_files(void *o, const char *v, size_t len)
{
	((struct fs_cgroup_options *)o)->host_files = true;
	return v ? -EINVAL : 0;
}

static int opt_inherit(void *o, const char *v, size_t len)
{
	((struct fs_cgroup_options *)o)->inherit = true;
	return v ? -EINVAL : 0;
}

static const struct option cgroup_options[] = {
	{"root", opt_root},
	{"prefix", opt_prefix},
	{"hostfiles", opt_host_files},
	{"inherit", opt_inherit},
	{NULL},
};

/* -ENOENT: there is no such option */
static int parse_one(const struct option *known, void *o, const char *text, size_t len)
{
	const char *eq = memchr(text, '=', len);
	size_t name = eq ? eq - text : len;

	for (; known->name; known++)
		if (strlen(known->name) == name && !memcmp(known->name, text, name))
			return known->parse(o, eq ? eq + 1 : NULL, eq ? len - name - 1 : 0);
	return -ENOENT;
}

/* *bad: the option that is wrong, or unknown where that counts (@strict). */
static int parse_all(const struct option *known, void *o, const char *text, bool strict,
		     const char **bad)
{
	while (text && *text) {
		size_t len = strcspn(text, ",");
		int err = len ? parse_one(known, o, text, len) : 0;

		if (err && (strict || err != -ENOENT)) {
			if (bad)
				*bad = text;
			return -EINVAL;
		}
		text += len;
		text += *text == ',';
	}
	return 0;
}

int fs_parse_options(const char *text, struct fs_options *opt, const char **bad)
{
	struct fs_options o = *opt;
	int err = parse_all(bpffs_options, &o, text, false, bad);

	if (!err)
		*opt = o;
	return err;
}

int fs_parse_cgroup_options(const char *text, struct fs_cgroup_options *opt, const char **bad)
{
	struct fs_cgroup_options o = *opt;
	int err = parse_all(cgroup_options, &o, text, true, bad);

	if (!err)
		*opt = o;
	return err;
}
