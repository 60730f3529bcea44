/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/interpose.h"
#include "cli/verify/inprocess.h"
#include "userbpf.h"

/* A copy of somebody's BTF, raw. */
struct copy {
	int fd;
	char path[64];
};

/* The wrappers below have no other way to know. */
static struct {
	struct userbpf *u;
	struct copy vmlinux; /* what stands for kernel_btf */
	struct inprocess_load load;
} self = {.vmlinux.fd = -1};

static const char kernel_btf[] = "/sys/kernel/btf/vmlinux";

/* --- the BTF --- */

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0)
			return -errno;
		data += n;
		len -= n;
	}
	return 0;
}

/* Raw BTF of whatever @path is; that of a module is split from @base. */
static int copy_btf(struct copy *c, const char *path, struct btf *base)
{
	struct btf *btf = base ? btf__parse_split(path, base) : btf__parse(path, NULL);
	const void *raw;
	__u32 size = 0;
	int err;

	c->fd = -1;
	if (!btf)
		return -errno;
	raw = btf__raw_data(btf, &size);
	c->fd = raw ? memfd_create("vmlinux", MFD_CLOEXEC) : -1;
	err = c->fd < 0 ? -errno : write_all(c->fd, raw, size);
	btf__free(btf);
	if (!err)
		snprintf(c->path, sizeof(c->path), "/proc/self/fd/%d", c->fd);
	return err;
}

static void drop_copy(struct copy *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->path[0] = '\0';
}

/* --- modules --- */

struct modules {
	struct copy copy[INPROCESS_MAX_MODULES];
	char name[INPROCESS_MAX_MODULES][64];
	const char *list[2 * INPROCESS_MAX_MODULES + 1]; /* for userbpf_open() */
	int nr;
};

static int add_module(struct modules *m, const char *path, struct btf *base)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	int i = m->nr, err;

	if (i == INPROCESS_MAX_MODULES)
		return -E2BIG;
	err = copy_btf(&m->copy[i], path, base);
	if (err)
		return err;
	snprintf(m->name[i], sizeof(m->name[i]), "%.*s", (int)strcspn(name, "."), name);
	m->list[2 * i] = m->name[i];
	m->list[2 * i + 1] = m->copy[i].path;
	m->nr++;
	return 0;
}

static int add_modules(struct modules *m, const char *const *paths)
{
	struct btf *base = paths && *paths ? btf__parse_raw(self.vmlinux.path) : NULL;
	int err = 0;

	if (!base)
		return paths && *paths ? -errno : 0;
	while (*paths && !err)
		err = add_module(m, *paths++, base);
	btf__free(base);
	return err;
}

static void drop_modules(struct modules *m)
{
	for (int i = 0; i < m->nr; i++)
		drop_copy(&m->copy[i]);
}

/* --- what was loaded --- */

const struct inprocess_load *inprocess_last_load(void)
{
	return &self.load;
}

void inprocess_forget_load(void)
{
	free(self.load.insns);
	free(self.load.lines);
	self.load = (struct inprocess_load){0};
}

static void *copy_of(__u64 from, size_t len)
{
	void *p = malloc(len);

	return p ? memcpy(p, (void *)(uintptr_t)from, len) : NULL;
}

static void remember_load(const union bpf_attr *attr)
{
	struct inprocess_load *l = &self.load;

	if (!attr->line_info_cnt || attr->line_info_rec_size != sizeof(struct bpf_line_info))
		return;
	inprocess_forget_load();
	l->insns = copy_of(attr->insns, attr->insn_cnt * sizeof(*l->insns));
	l->lines = copy_of(attr->line_info, attr->line_info_cnt * sizeof(*l->lines));
	l->insn_cnt = l->insns ? attr->insn_cnt : 0;
	l->line_cnt = l->lines ? attr->line_info_cnt : 0;
}

static long in_process(int cmd, union bpf_attr *attr, unsigned int size)
{
	if (cmd == BPF_PROG_LOAD && size >= offsetof(union bpf_attr, attach_btf_id))
		remember_load(attr);
	return userbpf_bpf(self.u, cmd, attr, size);
}

static const char *redirect(const char *path)
{
	return !strcmp(path, kernel_btf) ? self.vmlinux.path : path;
}

/* --- */

static const struct interpose file_names = {.path = redirect};
static const struct interpose subsystem = {.bpf = in_process, .path = redirect};

static int open_with(const char *const *modules)
{
	struct userbpf_options opts = {.size = sizeof(opts),
				       .vmlinux_btf = self.vmlinux.path,
				       .verify_only = 1,
				       .module_btfs = modules};

	interpose_set(&file_names);
	self.u = userbpf_open(&opts);
	if (!self.u)
		return -errno;
	interpose_set(&subsystem);
	return 0;
}

int inprocess_open(const char *btf_path, const char *const *modules)
{
	struct modules m = {.nr = 0};
	int err = copy_btf(&self.vmlinux, btf_path, NULL);

	if (!err)
		err = add_modules(&m, modules);
	if (!err)
		err = open_with(m.list);
	drop_modules(&m);
	return err;
}

void inprocess_close(void)
{
	struct userbpf *u = self.u;

	self.u = NULL;
	interpose_set(NULL);
	if (u)
		userbpf_close(u);
	drop_copy(&self.vmlinux);
	inprocess_forget_load();
}
