// SPDX-License-Identifier: BSD-2-Clause
/* sysprog.bpf.c - programs of system calls that try everything such programs may do; what came of it is in `out`. */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <bpf/bpf_helpers.h>

struct ctx {
	__u64 user;	/* address of a u64 in the caller's memory */
	__u64 value;	/* what a map is updated with, from the context */
	int map_fd;	/* array of one u64 */
	int spare_fd;	/* to be closed */
};

long out[64];
static union bpf_attr attr; /* attr in map memory */
static __u32 key_in_map;
__u64 copied, user_zeroed = 7;

/* which commands: everything else is EINVAL whatever attr holds (of the two loads kernels check attr in different orders) */
SEC("syscall")
int commands(struct ctx *ctx)
{
	attr.map_fd = -1;
	for (int cmd = 0; cmd < 40; cmd++)
		if (cmd != BPF_PROG_LOAD && cmd != BPF_BTF_LOAD)
			out[cmd] = bpf_sys_bpf(cmd, &attr, 32);
	return 0;
}

/* attr, keys and values on the stack, in a map value and in the context */
SEC("syscall")
int pointers(struct ctx *ctx)
{
	union bpf_attr on_stack = {};
	__u64 value = 111;
	__u32 key = 0;

	on_stack.map_fd = ctx->map_fd;
	on_stack.key = (unsigned long)&key;
	on_stack.value = (unsigned long)&value;
	out[0] = bpf_sys_bpf(BPF_MAP_UPDATE_ELEM, &on_stack, sizeof(on_stack));
	attr.map_fd = ctx->map_fd;
	attr.key = (unsigned long)&key_in_map;
	attr.value = (unsigned long)&ctx->value;
	out[1] = bpf_sys_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
	attr.flags = 99;
	out[2] = bpf_sys_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
	attr.flags = 0;
	attr.map_fd = -1;
	out[3] = bpf_sys_bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
	ctx->value = 333; /* the caller sees it */
	return 5;
}

static char bpf_map_name[] = "bpf_map", no_name[] = "userbpf_no_such_name", base_name[] = "__bpf_call_base";

SEC("syscall")
int names(struct ctx *ctx)
{
	__u64 addr = 1;

	out[0] = bpf_btf_find_by_name_kind(bpf_map_name, sizeof(bpf_map_name), BTF_KIND_STRUCT, 0);
	out[1] = bpf_btf_find_by_name_kind(bpf_map_name, sizeof(bpf_map_name), BTF_KIND_UNION, 0);
	out[2] = bpf_btf_find_by_name_kind(no_name, sizeof(no_name), BTF_KIND_STRUCT, 0);
	out[3] = bpf_btf_find_by_name_kind(bpf_map_name, sizeof(bpf_map_name), BTF_KIND_STRUCT, 1);
	out[4] = bpf_btf_find_by_name_kind(bpf_map_name, sizeof(bpf_map_name) - 1, BTF_KIND_STRUCT, 0);
	out[5] = bpf_btf_find_by_name_kind(bpf_map_name, sizeof(bpf_map_name), 99, 0);
	out[6] = bpf_kallsyms_lookup_name(base_name, sizeof(base_name), 0, &addr);
	out[7] = addr > 1;
	addr = 1;
	out[8] = bpf_kallsyms_lookup_name(no_name, sizeof(no_name), 0, &addr);
	out[9] = addr;
	out[10] = bpf_kallsyms_lookup_name(base_name, sizeof(base_name), 1, &addr);
	out[11] = bpf_kallsyms_lookup_name(base_name, sizeof(base_name) - 1, 0, &addr);
	return 0;
}

SEC("syscall")
int memory(struct ctx *ctx)
{
	__u64 from_kernel = 0;

	out[0] = bpf_copy_from_user(&copied, sizeof(copied), (void *)(unsigned long)ctx->user);
	out[1] = bpf_copy_from_user(&user_zeroed, sizeof(user_zeroed), (void *)8);
	out[2] = bpf_probe_read_kernel(&from_kernel, sizeof(from_kernel), &copied);
	out[3] = from_kernel == copied;
	out[4] = bpf_probe_read_kernel(&from_kernel, sizeof(from_kernel), (void *)8) < 0;
	return 0;
}

SEC("syscall")
int closing(struct ctx *ctx)
{
	out[0] = bpf_sys_close(ctx->spare_fd);
	out[1] = bpf_sys_close(ctx->spare_fd);
	out[2] = bpf_sys_close(-1);
	out[3] = bpf_sys_close(100000);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
