/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysprog.c - runs the programs of sysprog.bpf.c, then loads programs whose maps and BTFs are in fd_array, and prints what
 * everything answered. Nothing in the output depends on the machine.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "sysprog.skel.h"

struct ctx {
	__u64 user, value;
	int map_fd, spare_fd;
};

static const char *err(long e)
{
	static char buf[4][32];
	static int i;

	if (e < 0 && strerrorname_np(-e))
		return strerrorname_np(-e);
	snprintf(buf[i = (i + 1) % 4], 32, "%ld", e);
	return buf[i];
}

static void run(struct sysprog *s, struct bpf_program *p, struct ctx *c, int show)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = c, .ctx_size_in = sizeof(*c));
	int ret;

	memset(s->bss->out, 0, sizeof(s->bss->out));
	ret = bpf_prog_test_run_opts(bpf_program__fd(p), &opts);
	printf("%s: %s retval %u:", bpf_program__name(p), err(ret ? -errno : 0), opts.retval);
	for (int i = 0; i < show; i++)
		printf(" %s", err(s->bss->out[i]));
	puts("");
}

/* attr as headers to come may have it: the program runs in its caller all the same */
static void run_long(struct sysprog *s, struct ctx *c)
{
	union {
		union bpf_attr a;
		char bytes[400];
	} big;
	long ret[2];

	for (int i = 0; i < 2; i++) {
		memset(&big, 0, sizeof(big));
		big.a.test.prog_fd = bpf_program__fd(s->progs.pointers);
		big.a.test.ctx_in = (unsigned long)c;
		big.a.test.ctx_size_in = sizeof(*c);
		big.bytes[399] = i;
		ret[i] = syscall(__NR_bpf, BPF_PROG_TEST_RUN, &big, sizeof(big));
		ret[i] = ret[i] ? -errno : (int)big.a.test.retval;
	}
	printf("long attr: %s %s\n", err(ret[0]), err(ret[1]));
}

/* --- fd_array --- */

#define IMM64(dst, src, lo, hi)                                                                   \
	{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = dst, .src_reg = src, .imm = lo}, { .imm = hi }
#define MOV0 {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0}
#define EXIT {.code = BPF_JMP | BPF_EXIT}

/* attr of a later kernel */
union big_attr {
	union bpf_attr a;
	struct {
		char known[148];
		__u32 fd_array_cnt;
		char more[8];
	};
};

static char log_buf[65536];

static void last_words(const char *what)
{
	char *line = log_buf, *nl;

	/* the first line of the log that is no statistics */
	while ((nl = strchr(line, '\n'))) {
		*nl = 0;
		if (strstr(line, what))
			printf(" | %s", line);
		line = nl + 1;
	}
}

static void load(const char *title, const struct bpf_insn *insns, int n, const int *fds, __u32 cnt,
		 __u32 size, const char *word)
{
	union big_attr b;
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info), ids[8];
	int fd;

	memset(&b, 0, sizeof(b));
	b.a.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	b.a.insns = (unsigned long)insns;
	b.a.insn_cnt = n;
	b.a.license = (unsigned long)"GPL";
	b.a.fd_array = (unsigned long)fds;
	b.a.log_level = 1;
	b.a.log_buf = (unsigned long)log_buf;
	b.a.log_size = sizeof(log_buf);
	b.fd_array_cnt = cnt;
	*log_buf = 0;
	fd = syscall(__NR_bpf, BPF_PROG_LOAD, &b, size);
	printf("%s: %s", title, err(fd < 0 ? -errno : 0));
	if (fd < 0)
		last_words(word);
	info.nr_map_ids = 8;
	info.map_ids = (unsigned long)ids;
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
		printf(" maps %u", info.nr_map_ids);
	puts("");
	if (fd >= 0)
		close(fd);
}

#define LOAD(title, insns, fds, word) load(title, insns, sizeof(insns) / 8, fds, 0, 144, word)

static void fd_arrays(int map, int other, int btf)
{
	const struct bpf_insn idx[] = {IMM64(1, BPF_PSEUDO_MAP_IDX, 1, 0), MOV0, EXIT};
	const struct bpf_insn value[] = {IMM64(1, BPF_PSEUDO_MAP_IDX_VALUE, 0, 4), MOV0, EXIT};
	const struct bpf_insn beyond[] = {IMM64(1, BPF_PSEUDO_MAP_IDX_VALUE, 0, 8), MOV0, EXIT};
	const struct bpf_insn kfunc[] = {
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .off = 1, .imm = 5},
		MOV0,
		EXIT};
	const struct bpf_insn none[] = {MOV0, EXIT};
	int fds[] = {map, other, btf, -71}, swapped[] = {map, btf}, bad[] = {map, 9999};

	LOAD("index", idx, fds, "");
	LOAD("value by index", value, fds, "");
	LOAD("value beyond the end", beyond, fds, "invalid access");
	LOAD("no array", idx, NULL, "fd_idx");
	LOAD("unreadable array", idx, (void *)8, "fd_idx");
	LOAD("index of a BTF", idx, swapped, "fd ");
	LOAD("index of no fd", idx, bad, "fd 9999");
	LOAD("index of a negative number", idx, fds + 2, "fd -71");
	LOAD("kfunc without array", kfunc, NULL, "kfunc offset");
	LOAD("kfunc of a map", kfunc, fds, "module BTF");
	LOAD("kfunc of no module", kfunc, swapped, "module BTF");
	LOAD("kfunc of no fd", kfunc, bad, "module BTF");
	load("count: two maps and a BTF", none, 2, fds, 3, 152, "");
	load("count: the same map twice", idx, 4, (int[]){map, map}, 2, 152, "");
	load("count: none", none, 2, fds, 0, 152, "");
	load("count: no fd", none, 2, bad, 2, 152, "not pointing");
	load("count: no array", none, 2, NULL, 1, 152, "fd");
	load("count: too many", none, 2, fds, 0x40000000, 152, "too big");
	load("count: not passed", none, 2, bad, 2, 148, "");
}

int main(void)
{
	__u64 mine = 0x1122334455667788, value = 0;
	struct sysprog *s = sysprog__open_and_load();
	struct ctx c = {.user = (unsigned long)&mine, .value = 222};
	struct btf *btf = btf__new_empty();
	__u32 zero = 0;
	int other;

	if (!s) {
		perror("load");
		return 1;
	}
	c.map_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "values", 4, 8, 1, NULL);
	c.spare_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "spare", 4, 8, 1, NULL);
	run(s, s->progs.commands, &c, 40);
	run(s, s->progs.pointers, &c, 4);
	bpf_map_lookup_elem(c.map_fd, &zero, &value);
	printf("value %llu ctx %llu\n", value, c.value);
	run_long(s, &c);
	run(s, s->progs.names, &c, 0);
	printf("types %s", s->bss->out[0] > 0 ? "found" : err(s->bss->out[0]));
	for (int i = 1; i < 12; i++)
		printf(" %s", err(s->bss->out[i]));
	puts("");
	run(s, s->progs.memory, &c, 5);
	printf("copied %#llx zeroed %llu\n", s->bss->copied, s->data->user_zeroed);
	run(s, s->progs.closing, &c, 4);
	printf("fd %s\n", dup(c.spare_fd) < 0 ? "closed" : "open");
	btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	btf__load_into_kernel(btf);
	other = bpf_map_create(BPF_MAP_TYPE_HASH, "other", 4, 8, 1, NULL);
	fd_arrays(c.map_fd, other, btf__fd(btf));
	sysprog__destroy(s);
	return 0;
}
