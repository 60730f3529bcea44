/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jited FILE		loads a program of two functions and asks what its code is: prints how many functions, and
 *			whether lengths are right; the code goes to FILE, addresses and lengths to FILE.at
 * jited FILE PID	are these the bytes of the service's own memory, executable and not writable? Not under the
 *			service: from a user namespace nobody may look at a process outside
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

static int load(const char *file, const char *at_file)
{
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "two", "GPL", insns, 4, NULL);
	struct bpf_prog_info info = {.jited_prog_insns = (unsigned long)code,
				     .jited_prog_len = sizeof(code),
				     .jited_ksyms = (unsigned long)addr,
				     .nr_jited_ksyms = 8,
				     .jited_func_lens = (unsigned long)lens,
				     .nr_jited_func_lens = 8};
	__u32 len = sizeof(info), at = 0;
	FILE *f = fopen(file, "w"), *fat = fopen(at_file, "w");

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) || !f || !fat) {
		perror("info");
		return 1;
	}
	for (__u32 i = 0; i < info.nr_jited_ksyms && i < 8; i++) {
		fprintf(fat, "%llx %u\n", (unsigned long long)addr[i], lens[i]);
		at += lens[i];
	}
	printf("functions %u %u, lengths %s\n", info.nr_jited_ksyms, info.nr_jited_func_lens,
	       at == info.jited_prog_len ? "right" : "wrong");
	fflush(stdout);
	if (fwrite(code, 1, info.jited_prog_len, f) != info.jited_prog_len || fclose(f) ||
	    fclose(fat))
		return 1;
	getchar(); /* it is compared meanwhile */
	return 0;
}

static int compare(const char *file, const char *at_file, const char *pid)
{
	FILE *f = fopen(file, "r"), *fat = fopen(at_file, "r");
	unsigned long long start;
	__u32 at = 0, len, nr = 0;
	int good = f && fat && fread(code, 1, sizeof(code), f) > 0;

	while (good && fscanf(fat, "%llx %u", &start, &len) == 2 && at + len <= sizeof(code)) {
		good = is_there(pid, code + at, start, len) && protected(pid, start);
		at += len;
		nr++;
	}
	printf("%u functions, memory %s\n", nr, good ? "right" : "wrong");
	return 0;
}

int main(int argc, char **argv)
{
	char at_file[4096];

	if (argc < 2)
		return 2;
	snprintf(at_file, sizeof(at_file), "%s.at", argv[1]);
	return argc > 2 ? compare(argv[1], at_file, argv[2]) : load(argv[1], at_file);
}
