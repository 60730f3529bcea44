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

/* The wrappers below have no other way to know. */
static struct {
	struct userbpf *u;
	char vmlinux[64]; /* what stands for kernel_btf */
	int vmlinux_fd;
	struct inprocess_load load;
} self = {.vmlinux_fd = -1};

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

/* Raw BTF of whatever @path is, as a file of ours. */
static int copy_btf(const char *path)
{
	struct btf *btf = btf__parse(path, NULL);
	const void *raw;
	__u32 size = 0;
	int err;

	if (!btf)
		return -errno;
	raw = btf__raw_data(btf, &size);
	self.vmlinux_fd = raw ? memfd_create("vmlinux", MFD_CLOEXEC) : -1;
	err = self.vmlinux_fd < 0 ? -errno : write_all(self.vmlinux_fd, raw, size);
	btf__free(btf);
	if (!err)
		snprintf(self.vmlinux, sizeof(self.vmlinux), "/proc/self/fd/%d", self.vmlinux_fd);
	return err;
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
	return !strcmp(path, kernel_btf) ? self.vmlinux : path;
}

/* --- */

static const struct interpose file_names = {.path = redirect};
static const struct interpose subsystem = {.bpf = in_process, .path = redirect};

int inprocess_open(const char *btf_path)
{
	struct userbpf_options opts = {
		.size = sizeof(opts), .vmlinux_btf = self.vmlinux, .verify_only = 1};
	int err = copy_btf(btf_path);

	if (err)
		return err;
	interpose_set(&file_names);
	self.u = userbpf_open(&opts);
	if (!self.u)
		return -errno;
	interpose_set(&subsystem);
	return 0;
}

void inprocess_close(void)
{
	struct userbpf *u = self.u;

	self.u = NULL;
	interpose_set(NULL);
	if (u)
		userbpf_close(u);
	if (self.vmlinux_fd >= 0)
		close(self.vmlinux_fd);
	self.vmlinux_fd = -1;
	self.vmlinux[0] = '\0';
	inprocess_forget_load();
}
