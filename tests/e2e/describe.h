/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_TEST_DESCRIBE_H
#define USERBPF_TEST_DESCRIBE_H
/*
 * describe.h - programs and maps as text in which nothing depends on who loaded them when: ids are
 * names, BTF is a checksum, what loaders make for themselves is left out, instructions are those that run. Loaders of the same object must give
 * the same text.
 */
#include <stdio.h>

struct baseline {
	unsigned int prog, map, btf, link; /* highest ids in use */
};

void baseline_take(struct baseline *b);
/* Without what loaders made by bpftool cannot do as libbpf does: binding of .rodata to programs that do not use it, and
 * BPF_F_MMAPABLE of what no skeleton shows. */
#define DESCRIBE_LOOSE 1
/* Only what this process has fds of: on a machine's own kernel others make objects, too. */
#define DESCRIBE_OWN 2
/* What is there and has a higher id, programs and maps sorted by name. 0, or -1. */
int describe_since(const struct baseline *b, FILE *out, int flags);
/* Is there nothing with a higher id? */
int nothing_since(const struct baseline *b);
/* How many programs, maps, BTFs and links there are, as "p 1 m 2 b 3 l 0". */
void describe_counts(FILE *out);

#endif
