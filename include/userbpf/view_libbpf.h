/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_VIEW_LIBBPF_H
#define USERBPF_VIEW_LIBBPF_H
/*
 * view_libbpf.h - SEC("view/TARGET") for unmodified libbpf (1.0 and later).
 *
 *	userbpf_view_register();		before bpf_object__open() and its relatives
 *	skeleton__open_and_load(), skeleton__attach() ...
 *
 * Links of view/cgroup are made by bpf_program__attach(). The other targets need to be told what
 * they show: userbpf_view_attach(prog, fd of the map, link or process).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "view.h"

/* Whatever @fd stands for; 0: the place of the file (view/cgroup). NULL and errno on failure. */
static inline struct bpf_link *userbpf_view_attach(const struct bpf_program *prog, int fd)
{
	/* of the libbpf calls that are LINK_CREATE with the program's own attach type and a
	 * target, and nothing else, any one does */
	return bpf_program__attach_netns(prog, fd);
}

static inline const char *userbpf_view_target(const struct bpf_program *prog)
{
	return bpf_program__section_name(prog) + strlen("view/");
}

static inline int userbpf_view_prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	char func[128];
	int id;

	(void)cookie;
	snprintf(func, sizeof(func), "bpf_view_%s", userbpf_view_target(prog));
	id = libbpf_find_vmlinux_btf_id(func, (enum bpf_attach_type)BPF_TRACE_VIEW);
	if (id < 0)
		return id;
	opts->attach_btf_id = (unsigned int)id;
	return 0;
}

/* Views of something that only the application knows are left to it, as libbpf does. */
static inline int userbpf_view_auto_attach(const struct bpf_program *prog, long cookie, struct bpf_link **link)
{
	(void)cookie;
	*link = NULL;
	if (strcmp(userbpf_view_target(prog), "cgroup"))
		return 0;
	*link = userbpf_view_attach(prog, 0);
	return *link ? 0 : -errno;
}

/* Once per process, for all of its objects: a handler's number as libbpf gives it, or negative errno. */
static inline int userbpf_view_register(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts);

	opts.prog_prepare_load_fn = userbpf_view_prepare;
	opts.prog_attach_fn = userbpf_view_auto_attach;
	return libbpf_register_prog_handler("view/", BPF_PROG_TYPE_TRACING, (enum bpf_attach_type)BPF_TRACE_VIEW, &opts);
}

#endif
