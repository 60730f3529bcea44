/* SPDX-License-Identifier: BSD-2-Clause */
/* The cgroup kind on a tree of its own (a temporary directory): entries, what they pass on, groups
 * that go and move, listings, names, and readers against pins that come and go. */
#include "fs_fixture.h"
#include "fs/cg.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct cred root = {.caps = ~0ull}, alice = {.uid = 1000, .gid = 1000};

struct state {
	struct fs *fs;
	struct fs_super *bpffs, *sb;
	struct fs_inode *pins, *top;
	struct obj *shared; /* pinned by one thread, exposed by others */
	char dir[32];
};

/* --- content: the text of the thing, a space, the group --- */

static void *text_open(void *arg, struct obj *o, const struct fs_where *where)
{
	struct thing *t = container_of(o, struct thing, obj);
	char *text;

	if (!t->text || !where)
		return ERR_PTR(-EIO);
	return asprintf(&text, "%s %s", t->text, where->group) < 0 ? ERR_PTR(-ENOMEM) : text;
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

static const struct fs_content_ops text_ops = {
	.open = text_open, .read = text_read, .close = text_close};

static int setup(void **s)
{
	struct fs_cgroup_options copt = FS_CGROUP_OPTIONS_DEFAULT;
	struct fs_options opt = FS_OPTIONS_DEFAULT;
	struct state *st = calloc(1, sizeof(*st));

	strcpy(st->dir, "/tmp/fs_cgroup_XXXXXX");
	if (!mkdtemp(st->dir))
		return -1;
	chmod(st->dir, 0755);
	st->fs = fs_new(&text_ops);
	assert_int_equal(fs_cgroup_init(st->fs, NULL, st->dir), 0);
	st->bpffs = fs_mount(st->fs, &opt, "/sys/fs/bpf");
	st->sb = fs_mount_cgroup(st->fs, &copt, "/sys/fs/cgroup");
	assert_false(IS_ERR(st->sb));
	st->pins = fs_root(st->bpffs);
	st->top = fs_root(st->sb);
	*s = st;
	return 0;
}

static int teardown(void **s)
{
	struct state *st = *s;
	char cmd[64];

	fs_inode_put(st->pins, 1);
	fs_inode_put(st->top, 1);
	fs_free(st->fs);
	snprintf(cmd, sizeof(cmd), "rm -r %s", st->dir);
	if (system(cmd))
		return -1;
	free(st);
	return things_alive ? -1 : 0;
}

/* --- shorthand --- */

static struct obj *pin(struct state *st, const char *name, const char *text)
{
	struct obj *o = thing_new(text);

	assert_int_equal(fs_pin(st->pins, NULL, name, o, 0600, false), 0);
	obj_put(o); /* the pin has it */
	return o;
}

static struct fs_inode *group(struct fs_inode *dir, const char *name)
{
	struct fs_inode *i;

	assert_int_equal(fs_mkdir(dir, NULL, name, 0755, &i), 0);
	return i;
}

/* What reading @path says: text, or the errno as number */
static const char *content_as(struct fs_super *sb, const struct cred *c, const char *path)
{
	static __thread char buf[128];
	struct fs_inode *i = fs_walk(sb, c, path, false);
	struct fs_file *f = IS_ERR(i) ? ERR_CAST(i) : fs_open(i, c, O_RDONLY);
	ssize_t n = IS_ERR(f) ? PTR_ERR(f) : fs_read(f, buf, sizeof(buf) - 1, 0);

	if (n >= 0)
		buf[n] = '\0';
	else
		snprintf(buf, sizeof(buf), "%d", (int)n);
	if (!IS_ERR(f))
		fs_close(f);
	fs_inode_put(i, 1);
	return buf;
}

static const char *content(struct state *st, const char *path)
{
	return content_as(st->sb, NULL, path);
}

static const char *errno_text(int err)
{
	static char buf[4][12];
	static int n;

	n = (n + 1) % 4;
	snprintf(buf[n], sizeof(buf[n]), "%d", -err);
	return buf[n];
}

struct seen {
	char names[512];
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

static const char *names(struct fs_inode *dir)
{
	static struct seen s;

	s = (struct seen){.max = 100};
	assert_int_equal(fs_readdir(dir, NULL, 0, see, &s), 0);
	return s.names;
}

static ssize_t write_to(struct fs_super *sb, const struct cred *c, const char *path,
			const char *text)
{
	struct fs_inode *i = fs_walk(sb, c, path, false);
	struct fs_file *f = IS_ERR(i) ? ERR_CAST(i) : fs_open(i, c, O_WRONLY);
	ssize_t n = IS_ERR(f) ? PTR_ERR(f) : fs_write(f, getpid(), text, strlen(text), 0);

	if (!IS_ERR(f))
		fs_close(f);
	fs_inode_put(i, 1);
	return n;
}

/* --- tests --- */

static void test_life(void **s)
{
	struct state *st = *s;
	struct obj *o = thing_new("x");
	struct fs_inode *g = group(st->top, "g");
	struct fs_file *f;
	struct fs_inode *i;
	char buf[16];

	assert_int_equal(fs_pin(g, NULL, "v", o, 0600, false), -ENXIO);
	obj_put(o);
	o = pin(st, "p", "hello");
	assert_int_equal(fs_pin(g, NULL, "v", o, 0600, false), 0);
	assert_int_equal(fs_pin(g, NULL, "v", o, 0600, false), -EEXIST);
	assert_int_equal(o->refs, 1); /* the pin's: the entry has none */
	assert_string_equal(content(st, "/g/v"), "hello /g");
	assert_string_equal(names(g), ". .. v ");
	i = fs_lookup(g, NULL, "v");
	assert_int_equal(PTR_ERR(fs_pinned(i, NULL, HANDLE_RW)), -EACCES);
	/* open when the pin goes: this reader gets all of it, the next one nothing */
	f = fs_open(i, NULL, O_RDONLY);
	assert_int_equal(fs_unlink(st->pins, NULL, "p"), 0);
	assert_int_equal(fs_read(f, buf, sizeof(buf), 0), 8);
	fs_close(f);
	assert_int_equal(things_alive, 0);
	assert_string_equal(content(st, "/g/v"), errno_text(ENOENT));
	assert_string_equal(names(g), ". .. ");
	assert_int_equal(fs_getattr(i, &(struct stat){}), -ENOENT);
	fs_inode_put(i, 1);
	fs_inode_put(g, 1);
}

static void test_inherit(void **s)
{
	struct state *st = *s;
	struct fs_inode *a = group(st->top, "a"), *b = group(a, "b"), *i;
	struct obj *o = pin(st, "p", "up"), *q = pin(st, "q", "near");

	assert_int_equal(fs_expose(a, NULL, "v", o, 0600, true), 0);
	assert_int_equal(fs_expose(a, NULL, "w", o, 0600, false), 0);
	assert_string_equal(content(st, "/a/v"), "up /a");
	assert_string_equal(content(st, "/a/b/v"), "up /a/b");
	assert_string_equal(content(st, "/v"), errno_text(ENOENT));
	assert_string_equal(content(st, "/a/b/w"), errno_text(ENOENT));
	fs_inode_put(group(b, "c"), 1); /* one of the future */
	assert_string_equal(content(st, "/a/b/c/v"), "up /a/b/c");
	assert_string_equal(names(b), ". .. c v ");
	/* removed where it belongs */
	assert_int_equal(fs_unlink(b, NULL, "v"), -EPERM);
	assert_int_equal(write_to(st->sb, NULL, "/a/b/v", "rm"), -EPERM);
	assert_int_equal(fs_expose(b, NULL, "v", q, 0600, false), -EEXIST);
	assert_int_equal(write_to(st->sb, NULL, "/a/v", "rm\n"), 3);
	assert_string_equal(content(st, "/a/b/c/v"), errno_text(ENOENT));
	/* the nearest one counts */
	assert_int_equal(fs_expose(b, NULL, "v", q, 0600, true), 0);
	assert_int_equal(fs_expose(a, NULL, "v", o, 0600, true), 0);
	assert_string_equal(content(st, "/a/b/c/v"), "near /a/b/c");
	assert_string_equal(content(st, "/a/v"), "up /a");
	assert_string_equal(names(b), ". .. c v ");
	i = fs_walk(st->sb, NULL, "/a/b/v", false);
	assert_int_equal(fs_unlink(st->pins, NULL, "q"), 0);
	assert_int_equal(fs_getattr(i, &(struct stat){}), -ENOENT);
	assert_string_equal(content(st, "/a/b/v"), "up /a/b");
	fs_inode_put(i, 1);
	fs_inode_put(b, 1);
	fs_inode_put(a, 1);
}

static void test_groups_go(void **s)
{
	struct state *st = *s;
	struct fs_inode *a = group(st->top, "a"), *b;
	struct obj *o = pin(st, "p", "t");
	struct stat one, two;

	assert_int_equal(fs_expose(a, NULL, "v", o, 0600, false), 0);
	fs_getattr(a, &one);
	/* it keeps its entries and its number under another name */
	assert_int_equal(fs_rename(st->top, NULL, "a", st->top, "z", 0), 0);
	assert_string_equal(content(st, "/z/v"), "t /z");
	assert_string_equal(content(st, "/a/v"), errno_text(ENOENT));
	fs_getattr(a, &two);
	assert_int_equal(one.st_ino, two.st_ino);
	assert_int_equal(fs_rmdir(st->top, NULL, "z"), 0);
	assert_int_equal(fs_getattr(a, &one), -ESTALE);
	b = group(st->top, "z");
	assert_string_equal(content(st, "/z/v"), errno_text(ENOENT));
	assert_string_equal(names(b), ". .. ");
	/* gone behind our back, and back again */
	assert_int_equal(fs_expose(b, NULL, "v", o, 0600, false), 0);
	{
		char path[64];

		snprintf(path, sizeof(path), "%s/z", st->dir);
		assert_int_equal(rmdir(path), 0);
		fs_cgroup_sweep(st->fs);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	assert_string_equal(content(st, "/z/v"), errno_text(ENOENT));
	fs_inode_put(a, 1);
	fs_inode_put(b, 1);
}

static void test_who(void **s)
{
	struct state *st = *s;
	struct fs_inode *a = group(st->top, "a"), *i;
	struct obj *o = pin(st, "p", "t");
	struct stat mode = {.st_mode = 0644, .st_uid = 1000};

	if (geteuid())
		skip();
	assert_int_equal(fs_expose(a, &alice, "v", o, 0600, false), -EACCES);
	assert_int_equal(fs_expose(a, &root, "v", o, 0600, false), 0);
	assert_string_equal(content_as(st->sb, &alice, "/a/v"), errno_text(EACCES));
	assert_int_equal(write_to(st->sb, &alice, "/a/v", "rm"), -EACCES);
	assert_int_equal(fs_unlink(a, &alice, "v"), -EACCES);
	i = fs_walk(st->sb, NULL, "/a/v", false);
	assert_int_equal(fs_setattr(i, &alice, &mode, FS_SET_MODE), -EPERM);
	assert_int_equal(fs_setattr(i, &root, &mode, FS_SET_MODE), 0);
	fs_inode_put(i, 1);
	assert_string_equal(content_as(st->sb, &alice, "/a/v"), "t /a");
	assert_int_equal(write_to(st->sb, &alice, "/a/v", "rm"), -EACCES);
	/* making groups is the machine's business */
	assert_int_equal(fs_mkdir(a, &alice, "b", 0755, NULL), -EACCES);
	assert_int_equal(fs_mkdir(a, &root, "b", 0755, NULL), 0);
	assert_int_equal(fs_setattr(a, &root, &mode, FS_SET_UID), 0);
	assert_int_equal(fs_mkdir(a, &alice, "c", 0755, NULL), 0);
	assert_int_equal(fs_expose(a, &alice, "w", o, 0600, false), 0);
	assert_int_equal(fs_unlink(a, &alice, "w"), 0);
	fs_inode_put(a, 1);
}

static struct fs_super *mount_with(struct state *st, const char *options)
{
	struct fs_cgroup_options opt = FS_CGROUP_OPTIONS_DEFAULT;
	const char *bad = NULL;

	assert_int_equal(fs_parse_cgroup_options(options, &opt, &bad), 0);
	return fs_mount_cgroup(st->fs, &opt, "/mnt");
}

static void test_options(void **s)
{
	static const char *const wrong[] = {"root", "prefix=a/b", "hostfiles=1", "inherit=x",
					    "mode=7"};
	struct state *st = *s;
	struct fs_inode *a = group(st->top, "a"), *b = group(a, "b"), *r;
	struct obj *o = pin(st, "p", "t");
	struct fs_cgroup_options opt = FS_CGROUP_OPTIONS_DEFAULT;
	struct fs_super *sub, *full;
	const char *bad;

	for (u32 i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(fs_parse_cgroup_options(wrong[i], &opt, &bad), -EINVAL);
	assert_int_equal(PTR_ERR(mount_with(st, "root=nowhere")), -ENOENT);
	assert_int_equal(PTR_ERR(mount_with(st, "root=../..")), -EINVAL);
	sub = mount_with(st, "root=/a,prefix=bpf.,inherit");
	r = fs_root(sub);
	assert_int_equal(fs_pin(r, NULL, "x", o, 0600, false), -EPERM);
	assert_int_equal(fs_pin(r, NULL, "bpf.x", o, 0600, false), 0);
	/* the same file everywhere, and what groups above pass on */
	assert_string_equal(content_as(sub, NULL, "/b/bpf.x"), "t /a/b");
	assert_string_equal(content(st, "/a/b/bpf.x"), "t /a/b");
	assert_int_equal(fs_expose(st->top, NULL, "all", o, 0600, true), 0);
	assert_string_equal(content_as(sub, NULL, "/all"), "t /a");
	assert_string_equal(content_as(sub, NULL, "/b/all"), "t /a/b");
	assert_string_equal(content_as(sub, NULL, "/../../all"), "t /a");
	/* files of the machine, where they are asked for; their names are taken in any case */
	full = mount_with(st, "hostfiles");
	assert_string_equal(names(a), ". .. b bpf.x all ");
	assert_string_equal(content(st, "/cgroup.procs"), errno_text(ENOENT));
	assert_true(atoi(content_as(full, NULL, "/cgroup.procs")) > 0);
	assert_int_equal(fs_pin(a, NULL, "cgroup.procs", o, 0600, false), -EEXIST);
	fs_inode_put(r, 1);
	fs_umount(sub);
	fs_umount(full);
	fs_inode_put(b, 1);
	fs_inode_put(a, 1);
}

static bool has_pid(struct fs_super *sb, const char *path, pid_t pid)
{
	char want[16], line[16];
	struct fs_inode *i = fs_walk(sb, NULL, path, false);
	struct fs_file *f = fs_open(i, NULL, O_RDONLY);
	bool found = false;
	static char buf[1 << 20];
	ssize_t n = fs_read(f, buf, sizeof(buf) - 1, 0);
	FILE *in;

	fs_close(f);
	fs_inode_put(i, 1);
	assert_true(n >= 0);
	if (!n)
		return false;
	snprintf(want, sizeof(want), "%d\n", pid);
	in = fmemopen(buf, n, "r");
	while (fgets(line, sizeof(line), in))
		found |= !strcmp(line, want);
	fclose(in);
	return found;
}

static void test_procs(void **s)
{
	struct state *st = *s;
	struct fs_inode *a = group(st->top, "a"), *b = group(st->top, "b");
	struct fs_super *sb = mount_with(st, "hostfiles");
	pid_t me = getpid(), child = fork();
	char text[16];

	if (!child) {
		pause();
		_exit(0);
	}
	assert_true(has_pid(sb, "/cgroup.procs", me));
	assert_int_equal(write_to(sb, NULL, "/a/cgroup.procs", "x"), -EINVAL);
	assert_int_equal(write_to(sb, NULL, "/a/cgroup.procs", "999999999"), -ESRCH);
	assert_int_equal(write_to(sb, NULL, "/a/cgroup.procs", "0\n"), 2);
	assert_true(has_pid(sb, "/a/cgroup.procs", me));
	assert_false(has_pid(sb, "/cgroup.procs", me));
	/* who was forked before stays, who is forked afterwards goes along */
	assert_true(has_pid(sb, "/cgroup.procs", child));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	child = fork();
	if (!child) {
		pause();
		_exit(0);
	}
	assert_true(has_pid(sb, "/a/cgroup.procs", child));
	snprintf(text, sizeof(text), "%d", child);
	assert_int_equal(write_to(sb, NULL, "/b/cgroup.procs", text), strlen(text));
	assert_true(has_pid(sb, "/b/cgroup.procs", child));
	assert_int_equal(fs_rmdir(st->top, NULL, "b"), -EBUSY);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(fs_rmdir(st->top, NULL, "b"), 0);
	assert_int_equal(write_to(sb, NULL, "/cgroup.procs", "0"), 1);
	assert_int_equal(fs_rmdir(st->top, NULL, "a"), 0);
	fs_umount(sb);
	fs_inode_put(a, 1);
	fs_inode_put(b, 1);
}

static void test_why(void **s)
{
	static const struct {
		const char *path, *says;
		int ret;
	} rows[] = {
		{"/a/v", "exposed in: /tmp/", 0},	 {"/a/v", "pin: /sys/fs/bpf/d/p\n", 0},
		{"/a/b/v", "inherited from: /tmp/", 0},	 {"/a", "directory: ", 0},
		{"/v", "elsewhere: ", -ENOENT},		 {"/a/gone", "ended: ", -ENOENT},
		{"/a/gone", "it was unlinked", -ENOENT}, {"/x/y", "no such group", -ENOENT},
	};
	struct state *st = *s;
	struct fs_inode *a = group(st->top, "a"), *d;
	struct obj *o = thing_new("t");

	fs_inode_put(group(a, "b"), 1);
	assert_int_equal(fs_mkdir(st->pins, NULL, "d", 0755, &d), 0);
	assert_int_equal(fs_pin(d, NULL, "p", o, 0600, false), 0);
	obj_put(o);
	assert_int_equal(fs_expose(a, NULL, "v", o, 0600, true), 0);
	assert_int_equal(fs_expose(a, NULL, "gone", o, 0600, true), 0);
	assert_int_equal(fs_unlink(a, NULL, "gone"), 0);
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		char *text;
		size_t len;
		FILE *out = open_memstream(&text, &len);
		int ret = fs_why(st->sb, &root, rows[i].path, out);

		fclose(out);
		if (ret != rows[i].ret || !strstr(text, rows[i].says))
			fail_msg("%s: %d, %s", rows[i].path, ret, text);
		free(text);
	}
	fs_inode_put(d, 1);
	fs_inode_put(a, 1);
}

/* --- readers against pins that come and go --- */

static int stop, exposers;

static void *reader(void *arg)
{
	struct state *st = arg;
	long whole = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		const char *got = content(st, "/g/sub/v");

		if (!strcmp(got, "text /g/sub"))
			whole++;
		else
			assert_string_equal(got, "-2");
	}
	return (void *)whole;
}

static void test_readers(void **s)
{
	struct state *st = *s;
	struct fs_inode *g = group(st->top, "g");
	time_t end = time(NULL) + 3;
	pthread_t t[20];
	long whole = 0;
	void *ret;

	fs_inode_put(group(g, "sub"), 1);
	stop = 0;
	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		pthread_create(&t[i], NULL, reader, st);
	for (int n = 0; n < 800 && time(NULL) < end; n++) {
		struct obj *o = pin(st, "p", "text");

		assert_int_equal(fs_expose(g, NULL, "v", o, 0600, true), 0);
		if (n % 3 == 0)
			assert_int_equal(fs_unlink(g, NULL, "v"), 0);
		assert_int_equal(fs_unlink(st->pins, NULL, "p"), 0);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		pthread_join(t[i], &ret);
		whole += (long)ret;
	}
	printf("%ld whole answers\n", whole);
	fs_inode_put(g, 1);
}

/* Entries made of a pin that ends meanwhile: there with it, or never. */
static void *exposer(void *arg)
{
	struct state *st = arg;
	struct fs_inode *g = fs_lookup(st->top, NULL, "g");
	long made = 0;
	char name[16];
	int err;

	snprintf(name, sizeof(name), "v%d", __atomic_fetch_add(&exposers, 1, __ATOMIC_RELAXED));
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		err = fs_expose(g, NULL, name, st->shared, 0600, false);
		assert_true(!err || err == -ENXIO || err == -EEXIST);
		made += !err;
	}
	fs_inode_put(g, 1);
	return (void *)made;
}

static void test_pin_ends_meanwhile(void **s)
{
	struct state *st = *s;
	struct fs_inode *g = group(st->top, "g");
	time_t end = time(NULL) + 2;
	pthread_t t[4];
	long made = 0;
	void *ret;

	stop = exposers = 0;
	st->shared = thing_new("x");
	assert_int_equal(fs_expose(st->top, NULL, "w", pin(st, "q", "w"), 0600, false), 0);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		pthread_create(&t[i], NULL, exposer, st);
	while (time(NULL) < end) {
		pthread_mutex_lock(&st->fs->lock);
		st->fs->cg->sweep_at = 0; /* making one takes its time */
		fs_unlock(st->fs);
		assert_int_equal(fs_pin(st->pins, NULL, "p", st->shared, 0600, false), 0);
		sched_yield();
		assert_int_equal(fs_unlink(st->pins, NULL, "p"), 0);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		pthread_join(t[i], &ret);
		made += (long)ret;
	}
	assert_int_equal(st->fs->cg->exposes.count, 1);
	assert_string_equal(names(g), ". .. ");
	printf("%ld made\n", made);
	obj_put(st->shared);
	fs_inode_put(g, 1);
}

/* Groups that come and go under readers and listings. */
static void *churn(void *arg)
{
	struct state *st = arg;
	time_t end = time(NULL) + 2; /* a busy machine does less */
	char name[16];

	for (int n = 0; n < 2000 && time(NULL) < end; n++) {
		snprintf(name, sizeof(name), "n%d", n % 7);
		if (fs_mkdir(st->top, NULL, name, 0755, NULL))
			fs_rmdir(st->top, NULL, name);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *lister(void *arg)
{
	struct state *st = arg;
	char path[32], want[32];

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct seen seen = {.max = 30};

		fs_readdir(st->top, NULL, 0, see, &seen);
		for (int n = 0; n < 7; n++) {
			const char *got;

			snprintf(path, sizeof(path), "/n%d/v", n);
			snprintf(want, sizeof(want), "t /n%d", n);
			got = content(st, path);
			if (strcmp(got, "-2"))
				assert_string_equal(got, want);
		}
	}
	return NULL;
}

static void test_churn(void **s)
{
	struct state *st = *s;
	pthread_t t[5];

	assert_int_equal(fs_expose(st->top, NULL, "v", pin(st, "p", "t"), 0600, true), 0);
	stop = 0;
	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		pthread_create(&t[i], NULL, i ? lister : churn, st);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		pthread_join(t[i], NULL);
}

/* --- ends that are told --- */

static u32 woken;

static void count(void *arg)
{
	woken++;
}

/* Who polls a file hears of its end, whatever ends it. */
static void test_end_wakes(void **s)
{
	struct state *st = *s;
	struct fs_inode *g = group(st->top, "g"), *i;
	struct obj *o = pin(st, "p", "x");
	struct fs_file *f[2];
	u32 ready;

	for (int k = 0; k < 2; k++) {
		assert_int_equal(fs_pin(g, NULL, "v", o, 0600, false), 0);
		i = fs_lookup(g, NULL, "v");
		for (int n = 0; n < 2; n++) {
			f[n] = fs_open(i, NULL, O_RDONLY);
			assert_false(IS_ERR(f[n]));
		}
		fs_inode_put(i, 1);
		woken = 0;
		ready = fs_poll(f[0], count, NULL);
		assert_false(ready & POLLPRI);
		assert_int_equal(k ? fs_unlink(st->pins, NULL, "p") : fs_unlink(g, NULL, "v"), 0);
		assert_int_equal(woken, 1); /* the other one has not asked */
		assert_true(fs_poll(f[0], count, NULL) & POLLPRI);
		assert_true(fs_poll(f[1], count, NULL) & POLLPRI);
		for (int n = 0; n < 2; n++)
			fs_close(f[n]);
	}
	fs_inode_put(g, 1);
}

/* A group that is removed behind our back is noticed: without asking for it nothing of it is left. */
static void test_noticed(void **s)
{
	struct state *st = *s;
	struct fs_inode *g = group(st->top, "g"), *h = group(st->top, "h");
	struct pollfd p = {.fd = fs_cgroup_event_fd(st->fs), .events = POLLIN};
	struct obj *o = pin(st, "p", "x");
	char path[64];

	assert_true(p.fd >= 0);
	assert_int_equal(fs_pin(g, NULL, "v", o, 0600, false), 0);
	assert_int_equal(fs_pin(h, NULL, "w", o, 0600, false), 0);
	fs_inode_put(g, 1);
	fs_inode_put(h, 1);
	assert_int_equal(poll(&p, 1, 0), 0);
	snprintf(path, sizeof(path), "%s/g", st->dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(poll(&p, 1, 1000), 1);
	fs_cgroup_notice(st->fs);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(st->fs->cg->exposes.count, 1);
	assert_int_equal(st->fs->cg->groups.count, 1);
	assert_string_equal(content(st, "/h/w"), "x /h");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inherit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_groups_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who, setup, teardown),
		cmocka_unit_test_setup_teardown(test_options, setup, teardown),
		cmocka_unit_test_setup_teardown(test_procs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_why, setup, teardown),
		cmocka_unit_test_setup_teardown(test_readers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pin_ends_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_churn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_wakes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_noticed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
