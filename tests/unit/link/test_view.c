/* SPDX-License-Identifier: BSD-2-Clause */
/* Views: which programs become one, what LINK_CREATE says to the rest, and how their text is read. */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "helper/cgroup_view.h"
#include "link/view.h"
#include "link/view_events.h"
#include "link_test.h"

#define FD_MAP	  100
#define FD_LINK	  101
#define FD_FILE	  102
#define FD_PIDFD  103
#define NO_TARGET 0

static u64 held;
static const struct view_env no_env = {.held = &held};

struct world {
	struct map_obj *map;
	struct bpf_link *link;
	int file, pidfd;
};

static struct bpf_map *map_by(void *arg, int fd)
{
	struct world *w = arg;

	if (fd != FD_MAP)
		return ERR_PTR(fd == FD_LINK ? -EINVAL : -EBADF);
	obj_get(&w->map->obj);
	return &w->map->map;
}

static struct bpf_link *link_by(void *arg, int fd)
{
	struct world *w = arg;

	if (fd != FD_LINK || !w->link)
		return ERR_PTR(fd == FD_MAP ? -EINVAL : -EBADF);
	obj_get(&w->link->obj);
	return w->link;
}

static int host_fd(void *arg, int fd)
{
	struct world *w = arg;

	return fd == FD_FILE ? w->file : fd == FD_PIDFD ? w->pidfd : -EBADF;
}

static struct bpf_link *attach(struct world *w, struct fake_prog *p, u32 fd, u32 flags, u64 info)
{
	static const struct cred cred = {.caps = ~0ull};
	struct link_create_env env = {
		.cred = &cred, .map_by_fd = map_by, .link_by_fd = link_by, .fd = host_fd, .arg = w};
	union bpf_attr attr = {};

	attr.link_create.attach_type = p->prog.expected_attach_type;
	attr.link_create.target_fd = fd;
	attr.link_create.flags = flags;
	attr.link_create.iter_info = info;
	return link_create(&env, &attr, &p->prog, NULL);
}

static struct fake_prog *view_prog(const char *func)
{
	bool writes = !strncmp(func, "bpf_view_write_", strlen("bpf_view_write_"));

	return fake_prog(BPF_PROG_TYPE_TRACING, writes ? BPF_TRACE_VIEW_WRITE : BPF_TRACE_VIEW,
			 func);
}

static void world_open(struct world *w)
{
	struct fake_prog *p = view_prog("bpf_view_cgroup");

	w->map = new_map(NULL, BPF_MAP_TYPE_ARRAY, 4, 8, 3);
	w->file = open("/dev/null", O_RDONLY);
	w->pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	w->link = NULL;
	w->link = attach(w, p, 0, 0, 0);
	assert_false(IS_ERR(w->link));
	obj_put(&p->prog.obj);
}

static void world_close(struct world *w)
{
	obj_put(&w->link->obj);
	obj_put(&w->map->obj);
	close(w->file);
	close(w->pidfd);
	urcu_bp_barrier();
	assert_int_equal(live_progs, 0);
}

static const struct create_case {
	const char *func;
	u32 fd, flags;
	u64 info;
	int want;
} creates[] = {
	{"bpf_view_cgroup", NO_TARGET, 0, 0, 0},
	{"bpf_view_cgroup", FD_MAP, 0, 0, -EINVAL}, /* the place says which */
	{"bpf_view_cgroup", NO_TARGET, 1, 0, -EINVAL},
	{"bpf_view_cgroup", NO_TARGET, 0, 1, -EINVAL},
	{"bpf_view_socket", NO_TARGET, 0, 0, -ENOENT},
	{"bpf_iter_bpf_map", NO_TARGET, 0, 0, -ENOENT},
	{"bpf_view_", NO_TARGET, 0, 0, -ENOENT},
	{"bpf_view_map", FD_MAP, 0, 0, 0},
	{"bpf_view_map", NO_TARGET, 0, 0, -EINVAL},
	{"bpf_view_map", FD_LINK, 0, 0, -EINVAL},
	{"bpf_view_map", 7, 0, 0, -EBADF},
	{"bpf_view_link", FD_LINK, 0, 0, 0},
	{"bpf_view_link", FD_MAP, 0, 0, -EINVAL},
	{"bpf_view_task", FD_PIDFD, 0, 0, 0},
	{"bpf_view_task", FD_FILE, 0, 0, -EINVAL},
	{"bpf_view_task", 7, 0, 0, -EBADF},
	{"bpf_view_write_cgroup", FD_LINK, 0, 0, 0},
	{"bpf_view_write_cgroup", NO_TARGET, 0, 0, 0}, /* a file of its own */
	{"bpf_view_write_cgroup", FD_MAP, 0, 0, -EINVAL},
	{"bpf_view_write_cgroup", 7, 0, 0, -EBADF},
	{"bpf_view_write_cgroup", FD_LINK, 1, 0, -EINVAL},
	{"bpf_view_write_map", FD_MAP, 0, 0, -ENOENT},
};

static void test_create(void **state)
{
	struct world w;

	world_open(&w);
	for (size_t i = 0; i < ARRAY_SIZE(creates); i++) {
		const struct create_case *c = &creates[i];
		struct fake_prog *p = view_prog(c->func);
		struct bpf_link *l = attach(&w, p, c->fd, c->flags, c->info);
		int got = IS_ERR(l) ? PTR_ERR(l) : 0;

		if (got != c->want)
			fail_msg("case %zu (%s, fd %u): want %d, got %d", i, c->func, c->fd,
				 c->want, got);
		if (!got) {
			assert_int_equal(l->type, BPF_LINK_TYPE_VIEW);
			assert_string_equal(view_link_target(l)->name,
					    c->func + strlen("bpf_view_"));
			obj_put(&l->obj);
		}
		obj_put(&p->prog.obj);
	}
	world_close(&w);
}

static int str_out(void *arg, u64 uaddr, const char *s, u32 cap)
{
	memcpy((char *)(uintptr_t)uaddr, s, cap);
	return 0;
}

static void test_info(void **state)
{
	struct fake_prog *p = view_prog("bpf_view_map");
	struct bpf_link_info info = {};
	struct bpf_link *l;
	struct world w;
	char name[16];

	world_open(&w);
	w.map->map.id = 77;
	l = attach(&w, p, FD_MAP, 0, 0);
	info.iter.target_name = (uintptr_t)name;
	info.iter.target_name_len = sizeof(name);
	assert_int_equal(l->ops->fill_info(l, &info, str_out, NULL), 0);
	assert_string_equal(name, "map");
	assert_int_equal(info.iter.map.map_id, 77);
	obj_put(&l->obj);
	obj_put(&p->prog.obj);
	world_close(&w);
}

/* --- reading --- */

static u32 piece = 10, pieces = 1;
static u64 answer;

/* Lines of @piece bytes, each its number and dots. */
static u64 write_lines(struct fake_prog *p, void *ctx)
{
	struct seq_file *m = *(struct seq_file **)ctx;
	char *line = malloc(piece + 1);

	for (u32 i = 0; i < pieces; i++) {
		snprintf(line, piece + 1, "%0*u\n", (int)piece - 1, i);
		seq_write(m, line, piece);
	}
	free(line);
	return answer;
}

static struct view_file *open_lines(struct world *w, struct fake_prog **p)
{
	struct view_file *f;
	struct bpf_link *l;

	world_open(w);
	*p = view_prog("bpf_view_map");
	(*p)->run = write_lines;
	l = attach(w, *p, FD_MAP, 0, 0);
	f = view_open(l, NULL, &no_env);
	assert_false(IS_ERR(f));
	obj_put(&l->obj); /* the reader holds on */
	return f;
}

static void close_lines(struct world *w, struct fake_prog *p, struct view_file *f)
{
	view_close(f);
	obj_put(&p->prog.obj);
	world_close(w);
}

/* More than any first buffer, read in pieces that do not divide it: one run, every byte once. */
static void test_streamed(void **state)
{
	struct fake_prog *p;
	struct world w;
	struct view_file *f = open_lines(&w, &p);
	u64 off = 0, line = 0;
	char buf[777], want[16];
	ssize_t n;

	piece = 10;
	pieces = 300000;
	while ((n = view_read(f, buf, sizeof(buf), off)) > 0) {
		for (ssize_t i = 0; i < n; i++, off++) {
			if (off % 10 == 0)
				snprintf(want, sizeof(want), "%09llu\n",
					 (unsigned long long)line++);
			assert_int_equal(buf[i], want[off % 10]);
		}
	}
	assert_int_equal(n, 0);
	assert_int_equal(off, 3000000);
	assert_int_equal(p->calls, 1);
	/* from the start again: what is true now */
	pieces = 2;
	assert_int_equal(view_read(f, buf, sizeof(buf), 0), 20);
	assert_int_equal(view_read(f, buf, sizeof(buf), 20), 0);
	assert_int_equal(p->calls, 2);
	close_lines(&w, p, f);
}

static void test_again(void **state)
{
	struct fake_prog *p;
	struct world w;
	struct view_file *f = open_lines(&w, &p);
	char buf[64];

	pieces = 1;
	answer = 1;
	assert_int_equal(view_read(f, buf, sizeof(buf), 0), -EAGAIN);
	assert_int_equal(view_read(f, buf, sizeof(buf), 0), -EAGAIN);
	answer = 0;
	assert_int_equal(view_read(f, buf, sizeof(buf), 0), 10);
	assert_int_equal(p->calls, 3);
	close_lines(&w, p, f);
}

static void test_limits(void **state)
{
	struct fake_prog *p;
	struct world w;
	struct view_file *f = open_lines(&w, &p);
	char buf[64];

	pieces = 0;
	assert_int_equal(view_read(f, buf, sizeof(buf), 0), 0); /* nothing to say */
	pieces = 1;
	piece = VIEW_MAX;
	assert_int_equal(view_read(f, buf, sizeof(buf), 0), -E2BIG);
	piece = VIEW_MAX - 16;
	assert_int_equal(view_read(f, buf, sizeof(buf), 0), sizeof(buf));
	piece = 10;
	close_lines(&w, p, f);
}

/* Texts that readers hold are bounded, all together; small ones are not counted. */
static void test_held(void **state)
{
	struct fake_prog *p;
	struct world w;
	struct view_file *f = open_lines(&w, &p);
	char buf[64];

	pieces = 1;
	piece = 1u << 20;
	held = VIEW_HELD_MAX - (1u << 20);
	assert_int_equal(view_read(f, buf, sizeof(buf), 0), -ENOMEM);
	piece = 10;
	assert_int_equal(view_read(f, buf, sizeof(buf), 0), 10);
	piece = 1u << 20;
	held = VIEW_HELD_MAX - (2u << 20);
	assert_int_equal(view_read(f, buf, sizeof(buf), 0), sizeof(buf));
	assert_int_equal(held, VIEW_HELD_MAX);
	piece = 10;
	close_lines(&w, p, f);
	assert_int_equal(held, VIEW_HELD_MAX - (2u << 20));
	held = 0;
}

/* A view of a group needs one, the others must not get one. */
static void test_place(void **state)
{
	struct world w;
	struct fake_prog *p = view_prog("bpf_view_map");
	struct bpf_link *l;

	world_open(&w);
	assert_int_equal(PTR_ERR(view_open(w.link, NULL, &no_env)), -EINVAL);
	l = attach(&w, p, FD_MAP, 0, 0);
	assert_int_equal(PTR_ERR(view_open(l, &w, &no_env)), -EINVAL);
	obj_put(&l->obj);
	obj_put(&p->prog.obj);
	world_close(&w);
}

/* --- what is written --- */

static s32 taken;
static struct view_write told;
static char got[VIEW_WRITE_MAX];

static u64 take(struct fake_prog *p, void *ctx)
{
	const u64 *args = ctx;

	told = *(struct view_write *)(uintptr_t)args[0];
	memcpy(got, (void *)(uintptr_t)args[2], sizeof(got));
	return (u32)taken;
}

static const struct write_case {
	s32 answer;
	size_t len;
	ssize_t want;
} writes[] = {
	{0, 5, 5},
	{0, 0, 0},
	{3, 5, 3},
	{7, 5, 5},
	{-ENOSPC, 5, -ENOSPC},
	{-4095, 1, -4095},
	{-4096, 1, -EINVAL},
	{0, VIEW_WRITE_MAX, VIEW_WRITE_MAX},
	{0, VIEW_WRITE_MAX + 1, -E2BIG},
};

static void test_write(void **state)
{
	static const struct cred by = {.uid = 5, .gid = 6, .pid = 7};
	static const char zeroes[VIEW_WRITE_MAX];
	struct fake_prog *p = view_prog("bpf_view_write_cgroup");
	char text[VIEW_WRITE_MAX + 1], dir[] = "/tmp/userbpf-view.XXXXXX";
	struct cgroup *group = mkdtemp(dir) ? cgroup_get_own(dir, "/") : NULL;
	struct bpf_link *l;
	struct world w;

	assert_false(!group || IS_ERR(group));
	world_open(&w);
	memset(text, 'x', sizeof(text));
	p->run = take;
	l = attach(&w, p, FD_LINK, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(writes); i++) {
		const struct write_case *c = &writes[i];

		taken = c->answer;
		told.len = 1234567;
		assert_int_equal(view_write(w.link, group, NULL, &by, text, c->len), c->want);
		if (c->want == -E2BIG) {
			assert_int_equal(told.len, 1234567); /* not called */
			continue;
		}
		assert_int_equal(told.len, c->len);
		assert_int_equal(told.uid + told.gid * 10 + told.pid * 100, 765);
		assert_memory_equal(got, text, c->len);
		assert_memory_equal(got + c->len, zeroes, sizeof(zeroes) - c->len);
	}
	/* to the writer's own file, too; nobody reads that one */
	taken = 0;
	assert_int_equal(view_write(l, group, NULL, NULL, "a", 1), 1);
	assert_int_equal(told.uid + told.gid + told.pid, 0);
	assert_int_equal(PTR_ERR(view_open(l, &w, &no_env)), -EINVAL);
	obj_put(&l->obj);
	assert_int_equal(view_write(w.link, group, NULL, NULL, "a", 1), -EINVAL);
	cgroup_put(group);
	rmdir(dir);
	obj_put(&p->prog.obj);
	world_close(&w);
}

/* A view has one writer at a time, which may not look beyond what a write brings. */
static void test_writer(void **state)
{
	struct fake_prog *p = view_prog("bpf_view_write_cgroup");
	struct fake_prog *far = view_prog("bpf_view_write_cgroup");
	struct bpf_link *l;
	struct world w;

	world_open(&w);
	far->aux.max_rdonly_access = VIEW_WRITE_MAX + 1;
	assert_int_equal(PTR_ERR(attach(&w, far, FD_LINK, 0, 0)), -EACCES);
	l = attach(&w, p, FD_LINK, 0, 0);
	assert_int_equal(PTR_ERR(attach(&w, p, FD_LINK, 0, 0)), -EBUSY);
	assert_int_equal(l->ops->update_prog(l, &far->prog, NULL), -EACCES);
	obj_put(&l->obj);
	far->aux.max_rdonly_access = VIEW_WRITE_MAX;
	l = attach(&w, far, FD_LINK, 0, 0);
	assert_false(IS_ERR(l));
	/* a writer keeps its view */
	obj_put(&w.link->obj);
	assert_int_equal(w.link->obj.refs, 1);
	obj_get(&w.link->obj);
	obj_put(&l->obj);
	obj_put(&p->prog.obj);
	obj_put(&far->prog.obj);
	world_close(&w);
}

/* --- changes --- */

static u32 woken;

static void count(void *arg)
{
	woken++;
}

static void test_changes(void **state)
{
	struct view_events *e = view_events_new();
	struct view_watch a, b, other;

	view_watch(e, &a, 7);
	view_watch(e, &b, 7);
	view_watch(e, &other, 7 + 256);		       /* the same chain */
	assert_true(view_watch_poll(&a, count, NULL)); /* was not read yet */
	view_watch_read(&a);
	view_watch_read(&b);
	view_watch_read(&other);
	assert_false(view_watch_poll(&a, count, NULL));
	assert_false(view_watch_poll(&other, count, NULL));
	woken = 0;
	view_events_changed(e, 7);
	view_events_changed(e, 7);
	assert_int_equal(woken, 1); /* until it asks again */
	assert_true(view_watch_poll(&a, count, NULL));
	assert_true(view_watch_poll(&b, count, NULL));
	assert_false(view_watch_poll(&other, count, NULL));
	view_watch_read(&a);
	assert_false(view_watch_poll(&a, count, NULL));
	view_unwatch(&a);
	view_unwatch(&b);
	view_events_changed(e, 7);
	assert_int_equal(woken, 1);
	view_unwatch(&other);
	view_events_free(e);
}

/* A view of a process is of that one, however many come after it. */
static void test_process_gone(void **state)
{
	struct world w;
	struct fake_prog *p = view_prog("bpf_view_task");
	struct view_file *f;
	struct bpf_link *l;
	char buf[64];
	pid_t child;

	world_open(&w);
	p->run = write_lines;
	pieces = 1;
	child = fork();
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	close(w.pidfd);
	w.pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	l = attach(&w, p, FD_PIDFD, 0, 0);
	f = view_open(l, NULL, &no_env);
	assert_int_equal(view_read(f, buf, sizeof(buf), 0), 10);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_int_equal(view_read(f, buf, sizeof(buf), 0), -ESRCH);
	view_close(f);
	obj_put(&l->obj);
	obj_put(&p->prog.obj);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),	 cmocka_unit_test(test_info),
		cmocka_unit_test(test_streamed), cmocka_unit_test(test_again),
		cmocka_unit_test(test_limits),	 cmocka_unit_test(test_held),
		cmocka_unit_test(test_place),	 cmocka_unit_test(test_process_gone),
		cmocka_unit_test(test_write),	 cmocka_unit_test(test_writer),
		cmocka_unit_test(test_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
