/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pin_progs.c - pins one named iterator program of an object (bpftool's `iter pin` takes the first
 * one only).
 *   usage: pin_progs OBJECT PROGRAM PATH
 */
#include <bpf/libbpf.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	struct bpf_object *obj;
	struct bpf_program *prog;
	struct bpf_link *link;

	if (argc != 4) {
		fprintf(stderr, "usage: pin_progs OBJECT PROGRAM PATH\n");
		return 2;
	}
	obj = bpf_object__open(argv[1]);
	if (!obj || bpf_object__load(obj))
		return 1;
	prog = bpf_object__find_program_by_name(obj, argv[2]);
	link = prog ? bpf_program__attach_iter(prog, NULL) : NULL;
	if (!link || bpf_link__pin(link, argv[3])) {
		perror(argv[3]);
		return 1;
	}
	return 0;
}
