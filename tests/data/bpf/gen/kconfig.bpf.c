// SPDX-License-Identifier: BSD-2-Clause
/* kconfig.bpf.c - variables that the configuration and the version of the machine decide. */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_NO_SUCH_OPTION __kconfig __weak;
__u32 version;

SEC("xdp")
int look(struct xdp_md *ctx)
{
	version = LINUX_KERNEL_VERSION;
	return CONFIG_NO_SUCH_OPTION ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
