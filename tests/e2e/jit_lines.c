/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit_lines OBJECT - loads it and asks where the source lines of its programs are in their code: libbpf must take the answer
 * (bpf_prog_linfo__new(): each function begins with a line, addresses grow) and find at the beginning of each function the
 * line of its first instruction, and at the end of it one of the same function. Prints how many programs and functions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define MOST 4096

static struct bpf_line_info lines[MOST];
static __u64 places[MOST], funcs[256];
static __u32 lens[256];
static int programs, functions, wrong;

static int check(const struct bpf_prog_info *info, const char *name)
{
	struct bpf_prog_linfo *l = bpf_prog_linfo__new(info);

	if (!l || !info->nr_jited_ksyms || info->nr_jited_line_info != info->nr_line_info) {
		printf("%s: %u lines, %u in code, %u functions: libbpf does not take them\n", name,
		       info->nr_line_info, info->nr_jited_line_info, info->nr_jited_ksyms);
		return 1;
	}
	for (__u32 f = 0; f < info->nr_jited_ksyms; f++, functions++) {
		const struct bpf_line_info *first = bpf_prog_linfo__lfind_addr_func(l, funcs[f], f,
										    0),
					   *last = bpf_prog_linfo__lfind_addr_func(
						   l, funcs[f] + lens[f] - 1, f, 0);

		if (!first || !last || last < first || (!f && first->insn_off)) {
			printf("%s: function %u has no line\n", name, f);
			return 1;
		}
	}
	bpf_prog_linfo__free(l);
	return 0;
}

static void look_at(struct bpf_program *prog)
{
	struct bpf_prog_info info = {.line_info = (unsigned long)lines,
				     .nr_line_info = MOST,
				     .line_info_rec_size = sizeof(lines[0]),
				     .jited_line_info = (unsigned long)places,
				     .nr_jited_line_info = MOST,
				     .jited_line_info_rec_size = sizeof(places[0]),
				     .jited_ksyms = (unsigned long)funcs,
				     .nr_jited_ksyms = 256,
				     .jited_func_lens = (unsigned long)lens,
				     .nr_jited_func_lens = 256};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len)) {
		perror("info");
		exit(1);
	}
	programs++;
	wrong += check(&info, bpf_program__name(prog));
}

int main(int argc, char **argv)
{
	struct bpf_object *obj = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;
	struct bpf_program *prog;

	if (!obj || bpf_object__load(obj))
		return 1;
	bpf_object__for_each_program(prog, obj) look_at(prog);
	printf("programs %d, functions %d, wrong %d\n", programs, functions, wrong);
	return 0;
}
