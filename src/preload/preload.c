/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * userbpf-preload [FILE [NAME=PROG]...] - the preload driver (DESIGN D10): a short-lived process of its own that loads iterators
 * through the same bpf(2) as everybody, and hands their links to who started it. There is no libbpf in it.
 *
 * Without arguments it loads the iterators every bpffs instance shows, which are a light skeleton compiled into it. FILE is a
 * loader file, or an object that userbpf-gen makes one of. NAME=PROG says under which file name the link of program PROG is to be
 * pinned; without any, each iterator program goes by its own name.
 *
 *   fd 3      socket from the parent. One line per link: "link ID NAME\n", then end of file from
 * our side. We keep the links open until the parent closes its end (it has pinned them), then exit
 * 0. Without fd 3 the lines go to stdout and the links go when we exit: for a look by hand. stderr
 * on failure one line why; exit 1.
 */
#include <limits.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "base/log.h"
#include "gen/loader.h"
#include "iterators.lskel.h"

#define PARENT_FD    3
#define PATIENCE_SEC 60 /* a parent that neither pins nor goes away */
#define MAX_LINKS    64
#define OBJ_GET_INFO 15

struct preload {
	const char *path; /* NULL: built in */
	char **names;	  /* NAME=PROG arguments */
	int nr_names;
	FILE *out;
	int links[MAX_LINKS];
	int nr_links;
};

static int die(const struct preload *p, const char *what, int err)
{
	fprintf(stderr, "userbpf-preload: %s: %s: %s\n",
		p->path ? p->path : "the built-in iterators", what, strerror(err < 0 ? -err : err));
	return 1;
}

/* File name for program @prog, or NULL when it is not wanted. */
static const char *name_of(const struct preload *p, const char *prog, char *buf, size_t size)
{
	if (!p->nr_names)
		return prog;
	for (int i = 0; i < p->nr_names; i++) {
		const char *eq = strchr(p->names[i], '=');

		if (strcmp(eq + 1, prog))
			continue;
		snprintf(buf, size, "%.*s", (int)(eq - p->names[i]), p->names[i]);
		return buf;
	}
	return NULL;
}

/* Takes a link over and says so. 0 or an exit status after a message. */
static int announce(struct preload *p, int fd, const char *name)
{
	struct {
		__u32 bpf_fd, info_len;
		__u64 info;
	} attr = {.bpf_fd = fd, .info_len = 8};
	__u32 type_id[2] = {0, 0};
	int err;

	if (p->nr_links == MAX_LINKS) {
		close(fd);
		return die(p, "too many iterators", E2BIG);
	}
	p->links[p->nr_links++] = fd;
	attr.info = userbpf_ptr(type_id);
	err = userbpf_sys(OBJ_GET_INFO, &attr, sizeof(attr));
	if (err)
		return die(p, "link info", err);
	fprintf(p->out, "link %u %s\n", type_id[1], name);
	return 0;
}

/* --- what is compiled in --- */

static int load_builtin(struct preload *p)
{
	struct iterators *s = iterators__open_and_load();
	int ret;

	if (!s)
		return die(p, "cannot be loaded", errno);
	ret = iterators__attach(s) ? die(p, "cannot be attached", errno) : 0;
	if (!ret)
		ret = announce(p, s->links.dump_bpf_map_fd, "maps.debug");
	if (!ret)
		ret = announce(p, s->links.dump_bpf_prog_fd, "progs.debug");
	memset(&s->links, 0, sizeof(s->links)); /* ours now */
	iterators__destroy(s);
	return ret;
}

/* --- a loader file --- */

static int sys_bpf(int cmd, union bpf_attr *attr, u32 size)
{
	return userbpf_sys(cmd, attr, size);
}

static bool is_iterator(const struct gen_slot *s)
{
	return s->kind == GEN_PROG && s->sec &&
	       (!strncmp(s->sec, "iter/", 5) || !strncmp(s->sec, "iter.s/", 7));
}

static int fd_at(const char *ctx, u32 off)
{
	int fd;

	memcpy(&fd, ctx + off, sizeof(fd));
	return fd;
}

static int attach(struct preload *p, const struct gen_loader *l, const char *ctx)
{
	char buf[NAME_MAX + 1];
	int ret = 0, nr = 0;

	for (u32 i = 0; i < l->nr_descs && !ret; i++) {
		const struct gen_slot *s = &l->trace->slots[l->descs[i].slot];
		const char *name = is_iterator(s) ? name_of(p, s->name, buf, sizeof(buf)) : NULL;
		int fd;

		if (!name)
			continue;
		nr++;
		fd = userbpf_attach_iter(fd_at(ctx, l->descs[i].ctx_off), NULL);
		ret = fd < 0 ? die(p, s->name, fd) : announce(p, fd, name);
	}
	return ret || nr ? ret : die(p, "no iterator program in it", ENOENT);
}

static int run(struct preload *p, const struct gen_loader *l)
{
	char *ctx = calloc(1, l->ctx_sz);
	int err, ret;

	if (!ctx)
		return die(p, "cannot be loaded", ENOMEM);
	gen_loader_ctx(l, ctx);
	err = gen_loader_run(l, sys_bpf, ctx, NULL);
	ret = err ? die(p, "cannot be loaded", err) : attach(p, l, ctx);
	for (u32 i = 0; i < l->nr_descs; i++)
		if (fd_at(ctx, l->descs[i].ctx_off) > 0)
			close(fd_at(ctx, l->descs[i].ctx_off));
	free(ctx);
	return ret;
}

/* In a build tree it lies in a folder beside ours, installed in the same one. */
static const char *gen_path(char *buf, size_t size)
{
	static const char *const places[] = {"userbpf-gen", "../cli/userbpf-gen"};
	const char *env = getenv("USERBPF_GEN");
	ssize_t n = readlink("/proc/self/exe", buf, size - 32);

	if (env && *env)
		return env;
	while (n > 0 && buf[n - 1] != '/')
		n--;
	for (size_t i = 0; n > 0 && i < ARRAY_SIZE(places); i++) {
		strcpy(buf + n, places[i]);
		if (!access(buf, X_OK))
			return buf;
	}
	return USERBPF_LIBEXECDIR "/userbpf-gen";
}

/* The object as a loader, in memory: a new fd, or -1 after a message. */
static int generate(const struct preload *p)
{
	int fd = memfd_create("loader", 0), status = -1;
	char out[40], gen[PATH_MAX];
	pid_t pid;

	if (fd < 0)
		return die(p, "no memory for a loader", errno), -1;
	snprintf(out, sizeof(out), "/proc/self/fd/%d", fd);
	pid = fork();
	if (!pid) {
		const char *exe = gen_path(gen, sizeof(gen));

		unsetenv("LD_PRELOAD"); /* it talks to nobody */
		execl(exe, exe, "loader", p->path, "-", out, NULL);
		die(p, exe, errno);
		_exit(1);
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status))
		return fd;
	if (pid < 0 || !WIFEXITED(status)) /* otherwise it said why */
		die(p, "userbpf-gen does not work", pid < 0 ? errno : ECHILD);
	close(fd);
	return -1;
}

static bool is_loader(const char *path)
{
	size_t len = strlen(path);

	return len > 7 && !strcmp(path + len - 7, ".loader");
}

static int load_file(struct preload *p)
{
	int fd = is_loader(p->path) ? open(p->path, O_RDONLY | O_CLOEXEC) : generate(p), ret;
	struct gen_loader *l = NULL;
	struct log log;

	if (fd < 0)
		return is_loader(p->path) ? die(p, "cannot be opened", errno) : 1;
	lseek(fd, 0, SEEK_SET);
	log_init(&log, LOG_LEVEL1, 1024);
	ret = gen_loader_read(fd, &l, &log);
	close(fd);
	ret = ret ? die(p, log.len ? log.buf : "is no loader", ret) : run(p, l);
	log_free(&log);
	gen_loader_free(l);
	return ret;
}

/* --- */

/* The parent closes its end when it has taken the links over. */
static void wait_parent(void)
{
	char c;
	ssize_t n;

	shutdown(PARENT_FD, SHUT_WR);
	alarm(PATIENCE_SEC);
	do {
		n = read(PARENT_FD, &c, 1);
	} while (n < 0 && errno == EINTR);
}

static int check_names(struct preload *p)
{
	for (int i = 0; i < p->nr_names; i++) {
		const char *eq = strchr(p->names[i], '=');

		if (!eq || eq == p->names[i] || !eq[1] || eq - p->names[i] > NAME_MAX ||
		    memchr(p->names[i], '/', eq - p->names[i]))
			return die(p, "arguments are NAME=PROG", EINVAL);
	}
	return 0;
}

int main(int argc, char **argv)
{
	bool parent = fcntl(PARENT_FD, F_GETFD) >= 0;
	struct preload p = {.path = argc > 1 ? argv[1] : NULL,
			    .names = argv + 2,
			    .nr_names = argc > 2 ? argc - 2 : 0};
	int ret;

	if (parent)
		fcntl(PARENT_FD, F_SETFD, FD_CLOEXEC);
	p.out = parent ? fdopen(fcntl(PARENT_FD, F_DUPFD_CLOEXEC, 3), "w") : stdout;
	if (!p.out)
		return die(&p, "fd 3", errno);
	ret = check_names(&p);
	if (!ret)
		ret = p.path ? load_file(&p) : load_builtin(&p);
	if (fflush(p.out) && !ret)
		ret = die(&p, "parent went away", errno);
	if (parent)
		fclose(p.out);
	if (!ret && parent)
		wait_parent();
	return ret;
}
