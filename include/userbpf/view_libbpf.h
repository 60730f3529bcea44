/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_VIEW_LIBBPF_H
#define USERBPF_VIEW_LIBBPF_H
/*
 * view_libbpf.h - SEC("view/TARGET") and SEC("view_write/TARGET") for unmodified libbpf (1.0 and later);
 * SEC("view.s/...") and SEC("view_write.s/...") of programs that may sleep.
 *
 *	userbpf_view_register();		before bpf_object__open() and its relatives
 *	skeleton__open_and_load(), skeleton__attach() ...
 *
 * Links of view/cgroup are made by bpf_program__attach(). The others need to be told what they are
 * about: userbpf_view_attach(prog, fd of the map, link or process); of view_write/cgroup the fd of the
 * view's link, or 0.
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
	return strchr(bpf_program__section_name(prog), '/') + 1;
}

/* The kinds of sections; a handler's cookie is its row. */
static const struct userbpf_view_section {
	const char *prefix, *func;
	int attach_type;
	unsigned int prog_flags;
} userbpf_view_sections[] = {
	{"view/", "bpf_view_", BPF_TRACE_VIEW, 0},
	{"view.s/", "bpf_view_", BPF_TRACE_VIEW, BPF_F_SLEEPABLE},
	{"view_write/", "bpf_view_write_", BPF_TRACE_VIEW_WRITE, 0},
	{"view_write.s/", "bpf_view_write_", BPF_TRACE_VIEW_WRITE, BPF_F_SLEEPABLE},
};

static inline int userbpf_view_prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	const struct userbpf_view_section *s = &userbpf_view_sections[cookie];
	char func[128];
	int id;

	snprintf(func, sizeof(func), "%s%s", s->func, userbpf_view_target(prog));
	id = libbpf_find_vmlinux_btf_id(func, (enum bpf_attach_type)s->attach_type);
	if (id < 0)
		return id;
	opts->attach_btf_id = (unsigned int)id;
	opts->prog_flags |= s->prog_flags;
	return 0;
}

/* What is about something that only the application knows is left to it, as libbpf does. */
static inline int userbpf_view_auto_attach(const struct bpf_program *prog, long cookie, struct bpf_link **link)
{
	*link = NULL;
	if (userbpf_view_sections[cookie].attach_type != BPF_TRACE_VIEW || strcmp(userbpf_view_target(prog), "cgroup"))
		return 0;
	*link = userbpf_view_attach(prog, 0);
	return *link ? 0 : -errno;
}

/* Once per process, for all of its objects: 0 or negative errno. */
static inline int userbpf_view_register(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts);
	long n = sizeof(userbpf_view_sections) / sizeof(userbpf_view_sections[0]);
	int err = 0;

	opts.prog_prepare_load_fn = userbpf_view_prepare;
	opts.prog_attach_fn = userbpf_view_auto_attach;
	for (opts.cookie = 0; err >= 0 && opts.cookie < n; opts.cookie++) {
		const struct userbpf_view_section *s = &userbpf_view_sections[opts.cookie];

		err = libbpf_register_prog_handler(s->prefix, BPF_PROG_TYPE_TRACING,
						   (enum bpf_attach_type)s->attach_type, &opts);
	}
	return err < 0 ? err : 0;
}

#endif
