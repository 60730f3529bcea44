/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jited SERVICE_PID FILE - loads a program of two functions and asks what its code is: prints how many functions,
 * and whether lengths, addresses and bytes are those of the service's own memory, which must be executable and
 * not writable. The code goes to FILE.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>

static const struct bpf_insn insns[] = {
	{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 1},
	{.code = BPF_JMP | BPF_EXIT},
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 4711},
	{.code = BPF_JMP | BPF_EXIT},
};

static unsigned char code[4096];
static __u64 addr[8];
static __u32 lens[8];

static int is_there(const char *pid, const unsigned char *bytes, __u64 at, __u32 len)
{
	unsigned char mem[4096];
	char path[64];
	int fd, same;

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	fd = open(path, O_RDONLY);
	same = fd >= 0 && pread(fd, mem, len, at) == len && !memcmp(mem, bytes, len);
	close(fd);
	return same;
}

static int protected(const char *pid, __u64 at)
{
	unsigned long long from, to;
	char line[512], prot[5];
	FILE *f;
	int ok = 0;

	snprintf(line, sizeof(line), "/proc/%s/maps", pid);
	f = fopen(line, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx-%llx %4s", &from, &to, prot) == 3 && at >= from && at < to)
			ok = !strcmp(prot, "r-xp");
	if (f)
		fclose(f);
	return ok;
}

int main(int argc, char **argv)
{
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "two", "GPL", insns, 4, NULL), good = 1;
	struct bpf_prog_info info = {.jited_prog_insns = (unsigned long)code,
				     .jited_prog_len = sizeof(code),
				     .jited_ksyms = (unsigned long)addr,
				     .nr_jited_ksyms = 8,
				     .jited_func_lens = (unsigned long)lens,
				     .nr_jited_func_lens = 8};
	__u32 len = sizeof(info), at = 0;
	FILE *f;

	if (argc < 3 || fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len)) {
		perror("info");
		return 1;
	}
	for (__u32 i = 0; i < info.nr_jited_ksyms && i < 8; i++) {
		good &= is_there(argv[1], code + at, addr[i], lens[i]) &&
			protected(argv[1], addr[i]);
		at += lens[i];
	}
	printf("functions %u %u, lengths %s, memory %s\n", info.nr_jited_ksyms,
	       info.nr_jited_func_lens, at == info.jited_prog_len ? "right" : "wrong",
	       good ? "right" : "wrong");
	f = fopen(argv[2], "w");
	if (!f || fwrite(code, 1, info.jited_prog_len, f) != info.jited_prog_len || fclose(f))
		return 1;
	return 0;
}
