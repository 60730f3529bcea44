/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c - `userbpf load`: runs a loader file through bpf(2), which is the service's under `userbpf run` and the kernel's
 * elsewhere; says what there is now and pins it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "base/log.h"
#include "cli/cli.h"
#include "gen/loader.h"

#define LOG_SIZE (1u << 20)

struct load {
	struct cli *cli;
	const char *file, *pin_dir;
	struct gen_loader *l;
	char *ctx;
	const char *failed; /* what the call that failed was about */
	u32 pinned;	    /* descriptors before this one have a pin */
};

static const char *const kinds[] = {
	[GEN_MAP] = "map", [GEN_PROG] = "prog", [GEN_LINK] = "link", [GEN_BTF] = "btf"};

static int sys_bpf(int cmd, union bpf_attr *attr, u32 size)
{
	int ret = syscall(SYS_bpf, cmd, attr, size);

	return ret < 0 ? -errno : ret;
}

static const struct gen_slot *slot_of(const struct load *ld, u32 i)
{
	return &ld->l->trace->slots[ld->l->descs[i].slot];
}

static int fd_of(const struct load *ld, u32 i)
{
	int fd;

	memcpy(&fd, ld->ctx + ld->l->descs[i].ctx_off, sizeof(fd));
	return fd;
}

static void close_all(struct load *ld)
{
	for (u32 i = 0; i < ld->l->nr_descs; i++)
		if (fd_of(ld, i) > 0)
			close(fd_of(ld, i));
}

/* --- why it failed --- */

static bool kernel_is_before(const struct gen_need *n)
{
	struct utsname u;
	int a, b;

	if (getenv("USERBPF_SOCKET") || uname(&u) || sscanf(u.release, "%d.%d", &a, &b) != 2)
		return false;
	return a < n->major || (a == n->major && b < n->minor);
}

/* BTF and programs that were accepted leave logs, too: no reason for what failed after them. A name that was not found has no log. */
static bool tells_why(const char *log, int err)
{
	return *log && strncmp(log, "processed ", 10) && err != -ENOENT && err != -ESRCH;
}

/* @log: it was shown */
static const char *advice(const struct load *ld, int err, bool log)
{
	switch (err) {
	case -EPERM:
		return "it takes CAP_BPF, and CAP_PERFMON or CAP_NET_ADMIN by program type; or userbpf run";
	case -ENOSYS: return "this kernel has no bpf(2), or hides it; try userbpf run";
	case -ENOENT:
	case -ESRCH: return "something it names is not in this kernel's BTF or symbols";
	}
	if (log)
		return "the log above may say why";
	return getenv("USERBPF_SOCKET") ? "userbpf trace shows the call that failed"
					: "no program's log says why";
}

/* The last words of a verifier log. */
static void show_log(const char *log)
{
	size_t len = strlen(log);
	const char *from = log + len;

	for (int lines = 0; from > log && lines < 20; from--)
		lines += from[-1] == '\n' && from != log + len;
	fputs(from, stderr);
	if (len && log[len - 1] != '\n')
		fputc('\n', stderr);
}

/* Once more, with a log. */
static int failed(struct load *ld, int err)
{
	const struct gen_need *need = gen_loader_needs(ld->l);
	struct gen_loader_ctx *c = (void *)ld->ctx;
	char *log = calloc(1, LOG_SIZE);
	bool why = false;

	if (log) {
		memset(ld->ctx, 0, ld->l->ctx_sz);
		gen_loader_ctx(ld->l, ld->ctx);
		c->log_level = 1;
		c->log_size = LOG_SIZE;
		c->log_buf = (uintptr_t)log;
		if (!gen_loader_run(ld->l, sys_bpf, ld->ctx, NULL))
			close_all(ld);
		why = tells_why(log, err);
		if (why)
			show_log(log);
		free(log);
	}
	if (kernel_is_before(need))
		return cli_fail(
			"%s cannot be loaded: %s; %s needs Linux %u.%u: load the object with libbpf",
			ld->file, strerror(-err), need->what, need->major, need->minor);
	return cli_fail("%s cannot be loaded: %s%s%s; %s", ld->file, ld->failed ?: "",
			ld->failed ? ": " : "", strerror(-err), advice(ld, err, why));
}

/* --- what there is --- */

static u32 id_of(int fd)
{
	char info[256] __attribute__((aligned(8))) = {0};
	union bpf_attr attr = {.info = {.bpf_fd = fd, .info_len = 8, .info = (uintptr_t)info}};
	u32 id;

	if (sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr.info)))
		return 0;
	memcpy(&id, info + 4, sizeof(id)); /* all info structs start with type, id */
	return id;
}

static void pin_path(const struct load *ld, u32 i, char path[DIR_CAP + 64])
{
	snprintf(path, DIR_CAP + 64, "%s/%ss/%.63s", ld->pin_dir, kinds[ld->l->descs[i].kind],
		 slot_of(ld, i)->ident);
}

static void show(const struct load *ld)
{
	struct json j = {.out = stdout};
	char path[DIR_CAP + 64];

	if (ld->cli->json)
		json_open(&j, NULL, '[');
	for (u32 i = 0; i < ld->l->nr_descs; i++) {
		const char *kind = kinds[ld->l->descs[i].kind], *name = slot_of(ld, i)->name;

		if (ld->pin_dir)
			pin_path(ld, i, path);
		if (!ld->cli->json) {
			printf("%s %u  name %s%s%s\n", kind, id_of(fd_of(ld, i)), name,
			       ld->pin_dir ? "  pinned " : "", ld->pin_dir ? path : "");
			continue;
		}
		json_open(&j, NULL, '{');
		json_str(&j, "kind", kind);
		json_num(&j, "id", id_of(fd_of(ld, i)));
		json_str(&j, "name", name);
		if (ld->pin_dir)
			json_str(&j, "pinned", path);
		json_close(&j, '}');
	}
	if (ld->cli->json)
		json_close(&j, ']');
}

/* --- pins: DIR/maps, DIR/progs, DIR/links --- */

static bool has_kind(const struct load *ld, enum gen_obj_kind kind)
{
	for (u32 i = 0; i < ld->l->nr_descs; i++)
		if (ld->l->descs[i].kind == kind)
			return true;
	return false;
}

static int make_dirs(const struct load *ld)
{
	char path[DIR_CAP + 64];

	if (mkdir(ld->pin_dir, 0700) && errno != EEXIST)
		return cli_fail("cannot make %s: %s; is it below a bpffs?", ld->pin_dir,
				strerror(errno));
	for (u32 k = GEN_MAP; k <= GEN_LINK; k++) {
		snprintf(path, sizeof(path), "%s/%ss", ld->pin_dir, kinds[k]);
		if (has_kind(ld, k) && mkdir(path, 0700) && errno != EEXIST)
			return cli_fail("cannot make %s: %s", path, strerror(errno));
	}
	return 0;
}

static void unpin(struct load *ld)
{
	char path[DIR_CAP + 64];

	while (ld->pinned) {
		pin_path(ld, --ld->pinned, path);
		unlink(path);
	}
	for (u32 k = GEN_MAP; k <= GEN_LINK; k++) {
		snprintf(path, sizeof(path), "%s/%ss", ld->pin_dir, kinds[k]);
		rmdir(path); /* stays when others have pins there */
	}
	rmdir(ld->pin_dir);
}

static int pin(struct load *ld)
{
	int status = make_dirs(ld), err;
	char path[DIR_CAP + 64];

	for (u32 i = 0; !status && i < ld->l->nr_descs; i++) {
		union bpf_attr attr = {.pathname = (uintptr_t)path, .bpf_fd = fd_of(ld, i)};

		pin_path(ld, i, path);
		err = sys_bpf(BPF_OBJ_PIN, &attr, offsetofend(union bpf_attr, file_flags));
		if (err)
			status = cli_fail("cannot pin %s: %s; nothing stays pinned", path,
					  strerror(-err));
		else
			ld->pinned = i + 1;
	}
	if (status)
		unpin(ld);
	return status;
}

/* --- */

static int read_loader(struct load *ld)
{
	int fd = open(ld->file, O_RDONLY | O_CLOEXEC), err;
	struct log log;

	if (fd < 0)
		return cli_fail("cannot read %s: %s", ld->file, strerror(errno));
	log_init(&log, LOG_LEVEL1, 4096);
	err = gen_loader_read(fd, &ld->l, &log);
	close(fd);
	if (err) {
		if (log.len)
			log.buf[strcspn(log.buf, "\n")] = '\0';
		cli_fail("%s: %s; loader files are made by userbpf gen loader", ld->file,
			 log.len ? log.buf : strerror(-err));
	}
	log_free(&log);
	return err ? EXIT_FAILURE : 0;
}

static int load(struct load *ld)
{
	int err, status;

	ld->ctx = calloc(1, ld->l->ctx_sz);
	if (!ld->ctx)
		return cli_fail("no memory");
	gen_loader_ctx(ld->l, ld->ctx);
	err = gen_loader_run(ld->l, sys_bpf, ld->ctx, &ld->failed);
	if (err)
		return failed(ld, err);
	status = ld->pin_dir ? pin(ld) : 0;
	if (!status)
		show(ld);
	if (!status && !ld->pin_dir)
		cli_note(ld->cli, "nothing is pinned: all of it goes now");
	close_all(ld);
	return status;
}

int cmd_load(struct cli *cli, int argc, char **argv)
{
	struct load ld = {.cli = cli};
	int c, status;

	while ((c = cli_getopt(cli, cli_cmd_by_name("load"), argc, argv)) != -1) {
		if (c != 'P')
			return EXIT_USAGE;
		ld.pin_dir = optarg;
	}
	if (optind + 1 != argc)
		return cli_usage("load needs one loader file; see `userbpf help load`");
	if (ld.pin_dir && strlen(ld.pin_dir) >= DIR_CAP)
		return cli_usage("load: --pin: the name is too long");
	ld.file = argv[optind];
	status = read_loader(&ld) ?: load(&ld);
	gen_loader_free(ld.l);
	free(ld.ctx);
	return status;
}
