/* SPDX-License-Identifier: BSD-2-Clause */
/* Every operation of the tree with its errno; rows are run in order on one instance. */
#include "fs_fixture.h"

#include <fcntl.h>
#include <unistd.h>

static void *text_open(void *arg, struct obj *o, const struct fs_where *where)
{
	struct thing *t = container_of(o, struct thing, obj);

	return t->text ? strdup(t->text) : ERR_PTR(-EIO);
}

static ssize_t text_read(void *arg, void *file, char *buf, size_t len, u64 off)
{
	size_t n = strlen(file);

	if (off >= n)
		return 0;
	n = min(n - off, len);
	memcpy(buf, (char *)file + off, n);
	return n;
}

static void text_close(void *arg, void *file)
{
	free(file);
}

static const struct fs_content_ops text_ops = {.open = text_open, .read = text_read, .close = text_close};
static const struct cred root = {.caps = ~0ull}, alice = {.uid = 1000, .gid = 1000},
			 bob = {.uid = 1001, .gid = 1001};

struct state {
	struct fs *fs;
	struct fs_super *sb;
};

static int setup(void **s)
{
	struct fs_options opt = FS_OPTIONS_DEFAULT;
	struct state *st = calloc(1, sizeof(*st));

	st->fs = fs_new(&text_ops);
	st->sb = fs_mount(st->fs, &opt, "/sys/fs/bpf");
	*s = st;
	return IS_ERR(st->sb) ? -1 : 0;
}

static int teardown(void **s)
{
	struct state *st = *s;

	fs_free(st->fs);
	free(st);
	return things_alive ? -1 : 0;
}

/* Splits "/a/b/c" into directory inode (referenced) and last name. */
static struct fs_inode *parent_of(struct state *st, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char dir[256];

	snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
	*name = slash + 1;
	return fs_walk(st->sb, NULL, dir, false);
}

enum op {
	MKDIR,
	RMDIR,
	UNLINK,
	PIN,
	PIN_KERNEL,
	SYMLINK,
	LINK,
	RENAME,
	NOREPLACE,
	EXCHANGE,
	BADFLAGS,
	WALK,
	LWALK,
	CHMOD,
	CHOWN,
	CHGRP,
	GET,
	GETW,
	OPEN
};

struct row {
	enum op op;
	const struct cred *c;
	const char *path, *other;
	unsigned int num;
	int want;
};

static int two_names(struct state *st, const struct row *r, struct fs_inode *dir, const char *name)
{
	static const unsigned int flags[] = {[RENAME] = 0,
					     [NOREPLACE] = RENAME_NOREPLACE,
					     [EXCHANGE] = RENAME_EXCHANGE,
					     [BADFLAGS] = 4};
	struct fs_inode *nd, *i;
	const char *nn;
	int err;

	nd = parent_of(st, r->other, &nn);
	if (IS_ERR(nd))
		return PTR_ERR(nd);
	if (r->op == LINK) {
		i = fs_walk(st->sb, r->c, r->path, true);
		err = IS_ERR(i) ? PTR_ERR(i) : fs_link(i, r->c, nd, nn);
		fs_inode_put(i, 1);
	} else {
		err = fs_rename(dir, r->c, name, nd, nn, flags[r->op]);
	}
	fs_inode_put(nd, 1);
	return err;
}

static int one_inode(struct state *st, const struct row *r)
{
	struct fs_inode *i = fs_walk(st->sb, r->c, r->path, r->op == LWALK);
	struct stat a = {.st_mode = r->num, .st_uid = r->num, .st_gid = r->num};
	struct fs_file *f;
	struct obj *o;
	int err = 0;

	if (IS_ERR(i))
		return PTR_ERR(i);
	switch (r->op) {
	case CHMOD: err = fs_setattr(i, r->c, &a, FS_SET_MODE); break;
	case CHOWN: err = fs_setattr(i, r->c, &a, FS_SET_UID); break;
	case CHGRP: err = fs_setattr(i, r->c, &a, FS_SET_GID); break;
	case GET:
	case GETW:
		o = fs_pinned(i, r->c, r->op == GET ? HANDLE_READ : HANDLE_RW);
		err = IS_ERR(o) ? PTR_ERR(o) : 0;
		if (!err)
			obj_put(o);
		break;
	case OPEN:
		f = fs_open(i, r->c, r->num);
		err = IS_ERR(f) ? PTR_ERR(f) : 0;
		if (!err)
			fs_close(f);
		break;
	default: break;
	}
	fs_inode_put(i, 1);
	return err;
}

static int run(struct state *st, const struct row *r)
{
	struct fs_inode *dir;
	const char *name;
	struct obj *o;
	int err;

	if (r->op >= WALK)
		return one_inode(st, r);
	dir = parent_of(st, r->path, &name);
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	switch (r->op) {
	case MKDIR: err = fs_mkdir(dir, r->c, name, r->num, NULL); break;
	case RMDIR: err = fs_rmdir(dir, r->c, name); break;
	case UNLINK: err = fs_unlink(dir, r->c, name); break;
	case SYMLINK: err = fs_symlink(dir, r->c, name, r->other, NULL); break;
	case PIN:
	case PIN_KERNEL:
		o = thing_new(r->other);
		err = fs_pin(dir, r->c, name, o, r->num, r->op == PIN_KERNEL);
		obj_put(o);
		break;
	default: err = two_names(st, r, dir, name);
	}
	fs_inode_put(dir, 1);
	return err;
}

static const struct row rows[] = {
	/* names */
	{PIN, &root, "/a.b", NULL, 0600, -EPERM},
	{MKDIR, &root, "/a.b", NULL, 0755, -EPERM},
	{SYMLINK, &root, "/a.b", "x", 0, -EPERM},
	{WALK, &root, "/a.b", NULL, 0, -EPERM},
	{WALK, &root, "/ab", NULL, 0, -ENOENT},
	{UNLINK, &root, "/a.b", NULL, 0, -EPERM},
	{PIN_KERNEL, NULL, "/progs.debug", "text", 0600, 0},
	{WALK, &root, "/progs.debug", NULL, 0, 0},
	{PIN, &root, "/progs.debug", NULL, 0600, -EEXIST},
	{RENAME, &root, "/progs.debug", "/x.y", 0, -EPERM},
	{RENAME, &root, "/progs.debug", "/xy", 0, 0},
	{RENAME, &root, "/xy", "/progs.debug", 0, -EPERM},
	{WALK, &root, "/progs.debug", NULL, 0, -EPERM},
	{OPEN, &root, "/xy", NULL, O_RDONLY, 0},
	{OPEN, &alice, "/xy", NULL, O_RDONLY, -EACCES},
	{UNLINK, &alice, "/xy", NULL, 0, -EPERM}, /* sticky root */
	{UNLINK, &root, "/xy", NULL, 0, 0},
	{WALK, &root, "/.", NULL, 0, 0},
	{WALK, &root, "/..", NULL, 0, 0},
	{MKDIR, &root, "/..", NULL, 0755, -EEXIST},
	/* directories */
	{MKDIR, &alice, "/d", NULL, 0755, 0},
	{MKDIR, &alice, "/d", NULL, 0755, -EEXIST},
	{MKDIR, &bob, "/d/e", NULL, 0755, -EACCES},
	{MKDIR, &alice, "/d/e", NULL, 0700, 0},
	{WALK, &bob, "/d/e/f", NULL, 0, -EACCES},
	{WALK, &root, "/d/e/f", NULL, 0, -ENOENT},
	{RMDIR, &alice, "/d", NULL, 0, -ENOTEMPTY},
	{UNLINK, &alice, "/d", NULL, 0, -EISDIR},
	{RMDIR, &bob, "/d", NULL, 0, -EPERM},
	{RENAME, &alice, "/d", "/d/e/f", 0, -EINVAL},
	{RENAME, &alice, "/d/e", "/d", 0, -ENOTEMPTY},
	{RMDIR, &alice, "/d/e", NULL, 0, 0},
	{RMDIR, &alice, "/d/e", NULL, 0, -ENOENT},
	/* pins */
	{PIN, &alice, "/d/p", NULL, 0600, 0},
	{PIN, &alice, "/d/p", NULL, 0600, -EEXIST},
	{PIN, &alice, "/d/p/q", NULL, 0600, -ENOTDIR},
	{PIN, &bob, "/d/q", NULL, 0600, -EACCES},
	{GET, &alice, "/d/p", NULL, 0, 0},
	{GETW, &alice, "/d/p", NULL, 0, 0},
	{GET, &bob, "/d/p", NULL, 0, -EACCES},
	{GETW, &root, "/d/p", NULL, 0, 0},
	{GET, &root, "/d", NULL, 0, -EACCES},
	{OPEN, &root, "/d/p", NULL, O_RDONLY, -EIO},
	{OPEN, &root, "/d", NULL, O_RDONLY, -EISDIR},
	{CHMOD, &bob, "/d/p", NULL, 0644, -EPERM},
	{CHMOD, &alice, "/d/p", NULL, 0444, 0},
	{GET, &bob, "/d/p", NULL, 0, 0},
	{GETW, &bob, "/d/p", NULL, 0, -EACCES},
	{CHOWN, &alice, "/d/p", NULL, 1001, -EPERM},
	{CHGRP, &alice, "/d/p", NULL, 1001, -EPERM},
	{CHOWN, &root, "/d/p", NULL, 1001, 0},
	{CHMOD, &alice, "/d/p", NULL, 0444, -EPERM},
	{RMDIR, &alice, "/d/p", NULL, 0, -ENOTDIR},
	/* rename, link */
	{PIN, &alice, "/d/r", "r", 0600, 0},
	{NOREPLACE, &alice, "/d/p", "/d/r", 0, -EEXIST},
	{EXCHANGE, &alice, "/d/p", "/d/none", 0, -ENOENT},
	{BADFLAGS, &alice, "/d/p", "/d/none", 0, -EINVAL},
	{EXCHANGE, &alice, "/d/p", "/d/r", 0, 0},
	{OPEN, &alice, "/d/p", NULL, O_RDONLY, 0},
	{OPEN, &root, "/d/r", NULL, O_RDONLY, -EIO},
	{NOREPLACE, &alice, "/d/p", "/d/s", 0, 0},
	{RENAME, &alice, "/d/s", "/d/r", 0, 0},
	{WALK, &alice, "/d/s", NULL, 0, -ENOENT},
	{LINK, &alice, "/d/r", "/d/l", 0, 0},
	{LINK, &alice, "/d/r", "/d/l", 0, -EEXIST},
	{LINK, &root, "/d", "/d2", 0, -EPERM},
	{RENAME, &alice, "/d/r", "/d/l", 0, 0}, /* same inode: nothing happens */
	{UNLINK, &alice, "/d/r", NULL, 0, 0},
	{OPEN, &alice, "/d/l", NULL, O_RDONLY, 0},
	{MKDIR, &alice, "/d/e", NULL, 0700, 0},
	{RENAME, &alice, "/d/l", "/d/e", 0, -EISDIR},
	{RENAME, &alice, "/d/e", "/d/l", 0, -ENOTDIR},
	{EXCHANGE, &alice, "/d/e", "/d/l", 0, 0},
	{RMDIR, &alice, "/d/l", NULL, 0, 0},
	{RENAME, &alice, "/d/e", "/e", 0, 0},
	/* symlinks */
	{SYMLINK, &alice, "/s", "/sys/fs/bpf/e", 0, 0},
	{SYMLINK, &alice, "/t", "s", 0, 0},
	{SYMLINK, &alice, "/loop", "loop", 0, 0},
	{SYMLINK, &alice, "/out", "/etc/passwd", 0, 0},
	{SYMLINK, &alice, "/t", "s", 0, -EEXIST},
	{GET, &alice, "/t", NULL, 0, 0},
	{WALK, &alice, "/loop", NULL, 0, -ELOOP},
	{LWALK, &alice, "/loop", NULL, 0, 0},
	{WALK, &alice, "/out", NULL, 0, -ENOENT},
	{UNLINK, &bob, "/s", NULL, 0, -EPERM},
	{UNLINK, &alice, "/s", NULL, 0, 0},
	{WALK, &alice, "/t", NULL, 0, -ENOENT},
};

static void test_rows(void **s)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		int got = run(*s, &rows[i]);

		if (got != rows[i].want)
			fail_msg("row %u (op %d %s): %d, not %d", i, rows[i].op, rows[i].path, got,
				 rows[i].want);
	}
}

static void test_lifetime(void **s)
{
	struct state *st = *s;
	struct fs_inode *dir = fs_root(st->sb), *i;
	struct obj *o = thing_new("hello");
	struct fs_file *f;
	char buf[16];

	assert_int_equal(fs_pin(dir, NULL, "x", o, 0600, false), 0);
	obj_put(o);
	assert_int_equal(things_alive, 1);
	i = fs_lookup(dir, NULL, "x");
	assert_ptr_equal(o->inode, i);
	f = fs_open(i, NULL, O_RDONLY);
	assert_int_equal(fs_unlink(dir, NULL, "x"), 0);
	assert_int_equal(things_alive, 0);
	assert_int_equal(fs_read(f, buf, sizeof(buf), 0), 5);
	assert_int_equal(fs_read(f, buf, sizeof(buf), 5), 0);
	fs_close(f);
	fs_inode_put(i, 1);
	fs_inode_put(dir, 1);
}

static void test_umount(void **s)
{
	struct fs_options opt = FS_OPTIONS_DEFAULT;
	struct state *st = *s;
	struct fs_super *sb = fs_mount(st->fs, &opt, "/x");
	struct fs_inode *d = fs_root(sb), *next;
	struct obj *o = thing_new(NULL);

	for (int n = 0; n < 50; n++) {
		assert_int_equal(fs_pin(d, NULL, "p", o, 0600, false), 0);
		assert_int_equal(fs_mkdir(d, NULL, "d", 0755, &next), 0);
		fs_inode_put(d, 1);
		d = next;
	}
	obj_put(o);
	assert_int_equal(things_alive, 1);
	fs_umount(sb);
	assert_int_equal(things_alive, 0);
	assert_int_equal(fs_mkdir(d, NULL, "late", 0755, NULL), -ENOENT);
	fs_inode_put(d, 1);
}

static void test_attributes(void **s)
{
	struct state *st = *s;
	struct fs_inode *r = fs_root(st->sb), *d, *e;
	struct stat a;

	fs_getattr(r, &a);
	assert_int_equal(a.st_mode, S_IFDIR | 01777);
	assert_int_equal(a.st_nlink, 2);
	assert_int_equal(fs_mkdir(r, &alice, "d", 0755, &d), 0);
	a.st_mode = 02770;
	a.st_gid = 7;
	assert_int_equal(fs_setattr(d, NULL, &a, FS_SET_MODE | FS_SET_GID), 0);
	assert_int_equal(fs_mkdir(d, &alice, "e", 0700, &e), 0);
	fs_getattr(e, &a);
	assert_int_equal(a.st_mode, S_IFDIR | 02700);
	assert_int_equal(a.st_gid, 7);
	assert_int_equal(a.st_uid, 1000);
	assert_int_equal(a.st_nlink, 2);
	fs_getattr(d, &a);
	assert_int_equal(a.st_nlink, 3);
	assert_int_equal(fs_rename(d, NULL, "e", r, "e", 0), 0);
	fs_getattr(d, &a);
	assert_int_equal(a.st_nlink, 2);
	fs_getattr(r, &a);
	assert_int_equal(a.st_nlink, 4);
	fs_inode_put(e, 1);
	fs_inode_put(d, 1);
	fs_inode_put(r, 1);
}

struct seen {
	char names[256];
	u64 next;
	int max;
};

static int see(void *arg, const char *name, const struct stat *st, u64 next)
{
	struct seen *s = arg;

	if (!s->max--)
		return 1;
	strcat(strcat(s->names, name), " ");
	s->next = next;
	return 0;
}

static void test_readdir(void **s)
{
	struct state *st = *s;
	struct fs_inode *r = fs_root(st->sb);
	struct seen seen = {.max = 4};

	for (const char *n = "abcdef"; *n; n++)
		assert_int_equal(fs_mkdir(r, NULL, (char[]){*n, 0}, 0755, NULL), 0);
	fs_readdir(r, NULL, 0, see, &seen);
	assert_string_equal(seen.names, ". .. f e ");
	/* what comes, goes and moves in between neither repeats nor hides others */
	fs_rmdir(r, NULL, "e");
	fs_rmdir(r, NULL, "c");
	fs_mkdir(r, NULL, "g", 0755, NULL);
	seen = (struct seen){.max = 100, .next = seen.next};
	fs_readdir(r, NULL, seen.next, see, &seen);
	assert_string_equal(seen.names, "d b a ");
	seen = (struct seen){.max = 100};
	fs_readdir(r, NULL, 0, see, &seen);
	assert_string_equal(seen.names, ". .. g f d b a ");
	fs_inode_put(r, 1);
}

static void test_many(void **s)
{
	struct state *st = *s;
	struct fs_inode *r = fs_root(st->sb), *i;
	char name[16];

	for (int n = 0; n < 5000; n++) {
		snprintf(name, sizeof(name), "n%d", n);
		assert_int_equal(fs_mkdir(r, NULL, name, 0755, NULL), 0);
	}
	i = fs_lookup(r, NULL, "n4321");
	assert_false(IS_ERR(i));
	fs_inode_put(i, 1);
	fs_inode_put(r, 1);
}

static void test_options(void **s)
{
	static const struct {
		const char *text;
		int err;
		struct fs_options want;
	} rows[] = {
		{"", 0, FS_OPTIONS_DEFAULT},
		{"mode=700", 0, {01700, 0, 0, 0600}},
		{"mode=0755,uid=5,gid=6,preload=0644", 0, {01755, 5, 6, 0644}},
		{"rw,nosuid,frob=1,preload=off", 0, {01777, 0, 0, (mode_t)-1}},
		{"mode=8", -EINVAL, FS_OPTIONS_DEFAULT},
		{"mode", -EINVAL, FS_OPTIONS_DEFAULT},
		{"uid=-1", -EINVAL, FS_OPTIONS_DEFAULT},
		{"gid=4294967296", -EINVAL, FS_OPTIONS_DEFAULT},
		{"preload=rw", -EINVAL, FS_OPTIONS_DEFAULT},
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fs_options o = FS_OPTIONS_DEFAULT;
		const char *bad = NULL;

		assert_int_equal(fs_parse_options(rows[i].text, &o, &bad), rows[i].err);
		assert_memory_equal(&o, &rows[i].want, sizeof(o));
		assert_int_equal(!!bad, !!rows[i].err);
	}
}

static void test_supers(void **s)
{
	struct fs_options opt = FS_OPTIONS_DEFAULT;
	struct fs_idmap map = {.nr = 1, .extent = {{0, 1000, 1}}};
	struct state *st = *s;
	struct fs_super *sb = fs_mount(st->fs, &opt, "/sys/fs/bpf/deep"), *p;
	struct fs_inode *r = fs_root(sb);
	const char *rest;

	p = fs_super_by_path(st->fs, "/sys/fs/bpf/deep/x/y", &rest);
	assert_ptr_equal(p, sb);
	assert_string_equal(rest, "/x/y");
	fs_super_put(p);
	p = fs_super_by_path(st->fs, "/sys/fs/bpf/deeper", &rest);
	assert_ptr_equal(p, st->sb);
	assert_string_equal(rest, "/deeper");
	fs_super_put(p);
	assert_null(fs_super_by_path(st->fs, "/sys/fs", &rest));
	assert_int_equal(fs_super_add_dev(sb, 77), 0);
	p = fs_super_by_dev(st->fs, 77);
	assert_ptr_equal(p, sb);
	fs_super_put(p);
	p = fs_super_next(st->fs, NULL);
	assert_ptr_equal(p, st->sb);
	p = fs_super_next(st->fs, p);
	assert_ptr_equal(p, sb);
	fs_umount(sb);
	assert_null(fs_super_next(st->fs, p));
	assert_null(fs_super_by_dev(st->fs, 77));
	fs_inode_put(r, 1);
	/* ids of a mount's user namespace */
	assert_int_equal(fs_idmap_inside(&map, 1000), 0);
	assert_int_equal(fs_idmap_inside(&map, 0), 65534);
	assert_int_equal(fs_idmap_outside(&map, 0), 1000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_rows),	 T(test_lifetime), T(test_umount),  T(test_attributes),
		T(test_readdir), T(test_many),	   T(test_options), T(test_supers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
