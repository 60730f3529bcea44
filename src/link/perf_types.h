/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_PERF_TYPES_H
#define USERBPF_LINK_PERF_TYPES_H
/* perf_types.h - perf events and their links as programs see them: who looks for the cookie of a link
 * (bpftool) goes from the link to its file, and from there to the event. BTF-visible. */
#include "helper/file.h"
#include "link/link.h"

struct perf_event {
	u64 bpf_cookie;
};

struct bpf_perf_link {
	struct bpf_link link;
	struct file *perf_file;
};

#endif
