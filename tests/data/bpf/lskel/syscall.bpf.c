// SPDX-License-Identifier: BSD-2-Clause
/* syscall.bpf.c - a program of system calls: makes a map, updates it, closes it, as loader programs do. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct args {
	__u32 max_entries;
	int map_fd;
	int err;
	int keep;
};

static union bpf_attr create = {
	.map_type = BPF_MAP_TYPE_ARRAY,
	.key_size = 4,
	.value_size = 8,
	.map_name = "made_inside",
};
static __u32 key;
static __u64 value = 0x1234;

SEC("syscall")
int make(struct args *ctx)
{
	static union bpf_attr update;
	int fd;

	create.max_entries = ctx->max_entries;
	fd = bpf_sys_bpf(BPF_MAP_CREATE, &create, sizeof(create));
	ctx->map_fd = fd;
	if (fd < 0)
		return fd;
	update.map_fd = fd;
	update.key = (__u64)(unsigned long)&key;
	update.value = (__u64)(unsigned long)&value;
	ctx->err = bpf_sys_bpf(BPF_MAP_UPDATE_ELEM, &update, sizeof(update));
	if (ctx->keep)
		return 0;
	ctx->map_fd = -1;
	return bpf_sys_close(fd);
}

char LICENSE[] SEC("license") = "GPL";
