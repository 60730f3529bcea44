/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit - loads some programs through libbpf, runs them and walks its own /proc/self/maps: prints what a
 * run returned, how many anonymous mappings are executable, and how many pages of any kind are both
 * writable and executable.
 */
#include <stdio.h>
#include <string.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>

#define PROGS 10

static int load(int value)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = value},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 0, .imm = 1},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "jit", "GPL", insns, 3, NULL);
}

static int run(int fd)
{
	char packet[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 3);

	return bpf_prog_test_run_opts(fd, &opts) ? -1 : (int)opts.retval;
}

static void count(int *code, int *bad)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512], prot[5], path[300];

	*code = *bad = 0;
	while (f && fgets(line, sizeof(line), f)) {
		path[0] = '\0';
		if (sscanf(line, "%*s %4s %*s %*s %*s %299s", prot, path) < 1)
			continue;
		*code += prot[2] == 'x' && !path[0];
		*bad += prot[1] == 'w' && prot[2] == 'x';
	}
	if (f)
		fclose(f);
}

int main(void)
{
	int before, after, bad, sum = 0;

	count(&before, &bad);
	for (int i = 0; i < PROGS; i++) {
		int fd = load(i);

		if (fd < 0) {
			perror("load");
			return 1;
		}
		sum += run(fd);
	}
	count(&after, &bad);
	printf("sum %d, code %d, writable code %d\n", sum, after - before, bad);
	return 0;
}
