/* SPDX-License-Identifier: BSD-2-Clause */
/* A real FUSE mount in a private mount namespace; system calls see what the kernel's bpffs
 * gives. Skipped (77) without /dev/fuse. */
#include "fs_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char dir[] = "/tmp/fs_fuse_XXXXXX";
static struct fs *fs;
static struct fs_super *sb;
static struct fs_fuse *fuse;
static int unmounted;

struct content {
	const char *text;
	int delay_ms;
};

static void *text_open(void *arg, struct obj *o, const struct fs_where *where)
{
	struct thing *t = container_of(o, struct thing, obj);
	struct content *c;

	if (!t->text)
		return ERR_PTR(-EIO);
	c = malloc(sizeof(*c));
	*c = (struct content){t->text, t->delay_ms};
	return c;
}

static ssize_t text_read(void *arg, void *file, char *buf, size_t len, u64 off)
{
	struct content *c = file;
	size_t n = strlen(c->text);

	if (c->delay_ms)
		usleep(c->delay_ms * 1000);
	if (off >= n)
		return 0;
	n = min(n - off, len);
	memcpy(buf, c->text + off, n);
	return n;
}

static void text_close(void *arg, void *file)
{
	free(file);
}

static const struct fs_content_ops text_ops = {.open = text_open, .read = text_read, .close = text_close};

static const char *at(const char *name)
{
	static __thread char buf[4][128];
	static __thread int n;

	n = (n + 1) % 4;
	snprintf(buf[n], sizeof(buf[n]), "%s/%.100s", dir, name);
	return buf[n];
}

static void on_unmount(void *arg)
{
	__atomic_store_n(&unmounted, 1, __ATOMIC_SEQ_CST);
}

static void map_id(const char *file, unsigned int id)
{
	char line[64];
	int fd = open(file, O_WRONLY);

	snprintf(line, sizeof(line), "%u %u 1", id, id);
	if (fd < 0 || write(fd, line, strlen(line)) < 0)
		fprintf(stderr, "%s: no mapping\n", file);
	close(fd);
}

/* -> 0, or why this machine cannot */
static const char *mount_it(void)
{
	struct fs_options opt = FS_OPTIONS_DEFAULT;
	char text[128];
	struct stat st;
	int fd, uid = geteuid(), gid = getegid(), flags = CLONE_NEWNS | (uid ? CLONE_NEWUSER : 0);

	if (unshare(flags))
		return "no private namespaces";
	if (uid) {
		fd = open("/proc/self/setgroups", O_WRONLY);
		if (fd < 0 || write(fd, "deny", 4) < 0)
			return "no user namespace";
		close(fd);
		map_id("/proc/self/uid_map", uid);
		map_id("/proc/self/gid_map", gid);
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return "no private mount namespace";
	fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return "no /dev/fuse";
	if (!mkdtemp(dir))
		return "no temporary directory";
	opt.uid = geteuid();
	opt.gid = getegid();
	snprintf(text, sizeof(text),
		 "fd=%d,rootmode=40000,user_id=%d,group_id=%d,default_permissions", fd, geteuid(),
		 getegid());
	if (mount("userbpf", dir, "fuse.userbpf", MS_NOSUID | MS_NODEV, text)) {
		rmdir(dir);
		return "mount refused";
	}
	fs = fs_new(&text_ops);
	sb = fs_mount(fs, &opt, dir);
	fuse = fs_fuse_serve(sb, fd, NULL, NULL, on_unmount, NULL);
	if (IS_ERR(fuse) || stat(dir, &st))
		return "cannot serve";
	return NULL;
}

static void pin(const char *name, const char *text, int delay_ms, bool internal)
{
	struct fs_inode *r = fs_root(sb);
	struct obj *o = thing_new(text);

	container_of(o, struct thing, obj)->delay_ms = delay_ms;
	assert_int_equal(fs_pin(r, NULL, name, o, 0600, internal), 0);
	obj_put(o);
	fs_inode_put(r, 1);
}

static int err_of(int res)
{
	return res < 0 ? errno : 0;
}

static void cat(const char *name, const char *want)
{
	char buf[256];
	int fd = open(at(name), O_RDONLY);
	ssize_t n, len = 0;

	assert_true(fd >= 0);
	while ((n = read(fd, buf + len, 3)) > 0)
		len += n;
	buf[len] = '\0';
	close(fd);
	assert_string_equal(buf, want);
}

static void test_files(void **s)
{
	struct stat st;

	pin("progs.debug", "hello world\n", 0, true);
	pin("opaque", NULL, 0, false);
	assert_int_equal(stat(at("progs.debug"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_size, 0);
	cat("progs.debug", "hello world\n");
	assert_int_equal(err_of(open(at("opaque"), O_RDONLY)), EIO);
	assert_int_equal(err_of(open(at("new"), O_WRONLY | O_CREAT, 0600)), EACCES);
	assert_int_equal(err_of(open(at("new.x"), O_WRONLY | O_CREAT, 0600)), EPERM);
	assert_int_equal(err_of(mkfifo(at("new"), 0600)), EPERM);
	assert_int_equal(err_of(mknod(at("new"), S_IFREG | 0600, 0)), EACCES);
	/* pins that come and go through bpf(2) are seen at once */
	assert_int_equal(err_of(stat(at("later"), &st)), ENOENT);
	pin("later", NULL, 0, false);
	assert_int_equal(stat(at("later"), &st), 0);
	assert_int_equal(unlink(at("later")), 0);
	assert_int_equal(err_of(stat(at("later"), &st)), ENOENT);
	assert_int_equal(unlink(at("opaque")), 0);
	assert_int_equal(unlink(at("progs.debug")), 0);
	assert_int_equal(things_alive, 0);
	assert_int_equal(err_of(unlink(at("progs.debug"))), EPERM);
}

static void test_names(void **s)
{
	struct stat st;
	char buf[16];

	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 01777);
	umask(022);
	assert_int_equal(mkdir(at("d"), 0777), 0);
	assert_int_equal(stat(at("d"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(err_of(mkdir(at("d"), 0777)), EEXIST);
	assert_int_equal(err_of(mkdir(at("d.e"), 0777)), EPERM);
	assert_int_equal(mkdir(at("d/e"), 0777), 0);
	assert_int_equal(err_of(rmdir(at("d"))), ENOTEMPTY);
	assert_int_equal(symlink("d", at("s")), 0);
	assert_int_equal(readlink(at("s"), buf, sizeof(buf)), 1);
	assert_int_equal(rmdir(at("s/e")), 0);
	assert_int_equal(err_of(syscall(SYS_renameat2, AT_FDCWD, at("d"), AT_FDCWD, at("s"), 1)),
			 EEXIST);
	assert_int_equal(syscall(SYS_renameat2, AT_FDCWD, at("d"), AT_FDCWD, at("s"), 2), 0);
	assert_int_equal(lstat(at("d"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(unlink(at("d")), 0);
	assert_int_equal(rename(at("s"), at("t")), 0);
	assert_int_equal(err_of(rename(at("t"), at("t.u"))), EPERM);
	assert_int_equal(chmod(at("t"), 02700), 0);
	assert_int_equal(stat(at("t"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 02700);
	pin("p", NULL, 0, false);
	assert_int_equal(link(at("p"), at("q")), 0);
	assert_int_equal(stat(at("q"), &st), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(unlink(at("p")), 0);
	assert_int_equal(things_alive, 1);
	assert_int_equal(unlink(at("q")), 0);
	assert_int_equal(things_alive, 0);
	assert_int_equal(rmdir(at("t")), 0);
}

static void test_list(void **s)
{
	char name[16];
	struct dirent *e;
	int n = 0;
	DIR *d;

	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(mkdir(at(name), 0700), 0);
	}
	d = opendir(dir);
	while ((e = readdir(d))) {
		n++;
		if (e->d_name[0] == 'n')
			assert_int_equal(rmdir(at(e->d_name)), 0);
	}
	closedir(d);
	assert_int_equal(n, 502);
	d = opendir(dir);
	for (n = 0; readdir(d); n++)
		;
	closedir(d);
	assert_int_equal(n, 2);
}

static void *slow_reader(void *arg)
{
	cat("slow", "z");
	return NULL;
}

static void test_parallel(void **s)
{
	struct timespec a, b;
	pthread_t t[8];

	pin("slow", "z", 200, false);
	pin("fast", "a", 0, false);
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, slow_reader, NULL);
	usleep(20000);
	clock_gettime(CLOCK_MONOTONIC, &a);
	cat("fast", "a");
	clock_gettime(CLOCK_MONOTONIC, &b);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	assert_true((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 150);
	assert_int_equal(unlink(at("slow")), 0);
	assert_int_equal(unlink(at("fast")), 0);
}

static void test_end(void **s)
{
	int fd;

	pin("p", "x", 0, false);
	fd = open(at("p"), O_RDONLY);
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
	assert_int_equal(unmounted, 0);
	close(fd);
	for (int i = 0; i < 200 && !__atomic_load_n(&unmounted, __ATOMIC_SEQ_CST); i++)
		usleep(10000);
	assert_int_equal(unmounted, 1);
	fs_fuse_stop(fuse);
	fs_umount(sb);
	assert_int_equal(things_alive, 0);
	fs_free(fs);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files), cmocka_unit_test(test_names),
		cmocka_unit_test(test_list),  cmocka_unit_test(test_parallel),
		cmocka_unit_test(test_end),
	};
	const char *why = mount_it();

	if (why) {
		fprintf(stderr, "skipped: %s\n", why);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
