/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SOUNDNESS_SEEDS_H
#define USERBPF_SOUNDNESS_SEEDS_H
/* seeds.h - real programs to mutate: text cases of tests/data/verifier, programs of BPF objects. */
#include "world.h"

struct seeds {
	struct sprog *prog;
	u32 n, room;
};
/* @paths: cases, and objects by their end ".o"; @vmlinux_path: what objects relocate against */
void seeds_read(struct seeds *s, const struct world *w, char **paths, int nr,
		const char *vmlinux_path);
void seeds_capture(struct seeds *s, const char *path, const char *vmlinux_path); /* capture.c */
void seeds_add(struct seeds *s, const struct sprog *p);
void seeds_free(struct seeds *s);

#endif
