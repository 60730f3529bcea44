/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CLI_SECTIONS_H
#define USERBPF_CLI_SECTIONS_H
/*
 * sections.h - the names of SEC() that a libbpf may be too old for: views, which no libbpf has, and uprobe.multi (libbpf 1.3). They are loaded
 * only: who attaches knows how.
 */
#include "userbpf/view_libbpf.h"

#define SECTIONS_UPROBE_MULTI 48 /* enum bpf_attach_type, Linux 6.6 */

/* @flags: of the load (sleepable) */
static inline int sections_prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts,
				   long flags)
{
	(void)prog;
	opts->prog_flags |= (unsigned int)flags;
	return 0;
}

static inline int sections_uprobe_multi(void)
{
	static const struct {
		const char *sec;
		long flags;
	} secs[] = {
		{"uprobe.multi+", 0},
		{"uretprobe.multi+", 0},
		{"uprobe.multi.s+", BPF_F_SLEEPABLE},
		{"uretprobe.multi.s+", BPF_F_SLEEPABLE},
	};
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = sections_prepare);
	int err = 0;

	if (libbpf_major_version() > 1 || libbpf_minor_version() >= 3)
		return 0; /* knows them, and attaches, too */
	for (size_t i = 0; i < sizeof(secs) / sizeof(secs[0]) && err >= 0; i++) {
		opts.cookie = secs[i].flags;
		err = libbpf_register_prog_handler(secs[i].sec, BPF_PROG_TYPE_KPROBE,
						   (enum bpf_attach_type)SECTIONS_UPROBE_MULTI,
						   &opts);
	}
	return err < 0 ? err : 0;
}

/* Once per process, before the first object is opened: 0 or negative errno. */
static inline int sections_register(void)
{
	int err = userbpf_view_register();

	return err < 0 ? err : sections_uprobe_multi();
}

#endif
