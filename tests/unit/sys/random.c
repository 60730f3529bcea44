/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * random.c - random calls with the command table as grammar: fields get likely values of their
 * kind, descriptors of earlier calls, good and bad pointers. No result is wrong; crashes, hangs and
 * leftovers are.
 *
 *	unit_sys_random VMLINUX.btf [calls [seed]]
 */
#include <bpf/btf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/command.h"
#include "userbpf.h"

#define FDS	48u
#define SCRATCH 16384u

static u64 rng;
static struct userbpf *u;
static int fds[FDS];
static char *scratch;
static u32 iter_ids[3]; /* FUNCs iterators attach to */

static u64 rnd(u64 below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % below;
}

static int some_fd(void)
{
	return rnd(20) ? fds[rnd(FDS)] : (int)rnd(6) - 2;
}

static u64 some_pointer(void)
{
	switch (rnd(12)) {
	case 0: return 0;
	case 1: return rnd(4096);
	case 2: return (uintptr_t)scratch + SCRATCH - rnd(64); /* runs into the guard page */
	case 3: return ~rnd(1 << 20);
	default: return (uintptr_t)scratch + rnd(SCRATCH / 2);
	}
}

static u64 some_number(void)
{
	static const u32 edges[] = {0,	 1,    2,     4,	  8,	      16,	 64,
				    128, 4096, 65536, 0x7fffffff, 0x80000000, 0xffffffff};

	return rnd(3) ? rnd(9) : edges[rnd(ARRAY_SIZE(edges))];
}

/* What calls read: insns, keys, paths, infos. Mostly small numbers and plausible instructions. */
static void stir(void)
{
	static const u8 codes[] = {0xb7, 0xbf, 0x07, 0x18, 0x85, 0x95, 0x15,
				   0x79, 0x7b, 0x62, 0x05, 0x55, 0xdb, 0x61};
	struct bpf_insn *insn = (struct bpf_insn *)scratch;

	for (u32 i = 0; i < 24; i++) {
		insn[i] = (struct bpf_insn){.code = codes[rnd(ARRAY_SIZE(codes))],
					    .dst_reg = rnd(11),
					    .src_reg = rnd(4) ? rnd(11) : 1};
		insn[i].off = rnd(2) ? 0 : -8 * (int)rnd(9);
		insn[i].imm = rnd(3) ? (int)rnd(10) : some_fd();
	}
	insn[rnd(24)] = (struct bpf_insn){.code = 0x95};
	for (u32 i = 0; i < 64; i++)
		scratch[rnd(SCRATCH)] = rnd(4) ? 0 : rnd(256);
	strcpy(scratch + 1024, "GPL");
	sprintf(scratch + 2048, USERBPF_BPFFS "/p%llu", rnd(8));
}

static void fill_field(const struct abi_field *f, char *attr)
{
	u64 v;

	switch (f->kind) {
	case ABI_NAME:
		for (u32 i = 0; i < f->size; i++)
			attr[f->off + i] = rnd(30) ? 0 : 'a' + rnd(26);
		return;
	case ABI_FD: v = rnd(3) ? (u32)some_fd() : 0; break;
	case ABI_FLAGS: v = rnd(6) ? 0 : 1ull << rnd(33); break;
	case ABI_ENUM: v = rnd(34); break;
	case ABI_SCALAR: v = some_number(); break;
	case ABI_STR: v = rnd(8) ? (uintptr_t)scratch + 1024 : some_pointer(); break;
	case ABI_PATH: v = rnd(8) ? (uintptr_t)scratch + 2048 : some_pointer(); break;
	case ABI_INSNS: v = rnd(8) ? (uintptr_t)scratch : some_pointer(); break;
	default: v = some_pointer();
	}
	if (f->size == 8 || v <= UINT32_MAX || f->kind != ABI_FLAGS)
		memcpy(attr + f->off, &v, f->size);
}

static void one_call(void)
{
	static const u8 often[] = {BPF_MAP_CREATE, BPF_MAP_CREATE,  BPF_PROG_LOAD,
				   BPF_PROG_LOAD,  BPF_LINK_CREATE, BPF_PROG_TEST_RUN};
	const struct abi_command *row =
		abi_command(rnd(2) ? often[rnd(ARRAY_SIZE(often))] : rnd(abi_nr_commands()));
	char attr[256] = {0};
	int ret;

	stir();
	for (u32 i = 0; i < row->nr_fields; i++)
		if (rnd(3))
			fill_field(&row->fields[i], attr);
	if (row->cmd == BPF_MAP_CREATE &&
	    rnd(4)) { /* most random ones are refused: let some through */
		union bpf_attr *a = (union bpf_attr *)attr;

		*a = (union bpf_attr){.map_type = 1 + rnd(6),
				      .key_size = 4,
				      .value_size = rnd(2) ? 4 : 8,
				      .max_entries = 1 + rnd(20)};
	}
	if (row->cmd == BPF_PROG_LOAD && rnd(2)) {
		union bpf_attr *a = (union bpf_attr *)attr;

		*a = (union bpf_attr){.prog_type = rnd(3) ? 1 : 26,
				      .insn_cnt = rnd(4) ? 2 : 24,
				      .insns = (uintptr_t)scratch};
		a->license = (uintptr_t)scratch + 1024;
		if (a->insn_cnt == 2 || rnd(2)) {
			memcpy(scratch, (struct bpf_insn[]){{.code = 0xb7}, {.code = 0x95}}, 16);
		}
		a->expected_attach_type = a->prog_type == 26 ? BPF_TRACE_ITER : 0;
		a->attach_btf_id = a->prog_type == 26 ? iter_ids[rnd(ARRAY_SIZE(iter_ids))] : 0;
	}
	if (row->cmd == BPF_LINK_CREATE && rnd(2))
		*(union bpf_attr *)attr =
			(union bpf_attr){.link_create.prog_fd = some_fd(),
					 .link_create.attach_type = BPF_TRACE_ITER};
	if (row->cmd == BPF_PROG_TEST_RUN) {
		union bpf_attr *a = (union bpf_attr *)attr;

		if (rnd(2))
			*a = (union bpf_attr){.test.prog_fd = some_fd(),
					      .test.data_in = (uintptr_t)scratch,
					      .test.data_size_in = 14 + rnd(3000)};
		a->test.repeat = rnd(10); /* a billion runs are no bug */
	}
	ret = userbpf_bpf(u, row->cmd, (union bpf_attr *)attr, rnd(20) ? row->attr_end : rnd(160));
	/* What may be a descriptor is one exactly if it was not there before. */
	if (ret > 2) {
		u32 slot = rnd(FDS);

		if (fds[slot] > 2)
			close(fds[slot]);
		fds[slot] = ret;
	}
}

static void find_iters(const char *path)
{
	static const char *const names[] = {"bpf_iter_bpf_map", "bpf_iter_bpf_prog",
					    "bpf_iter_bpf_link"};
	struct btf *btf = path ? btf__parse_raw(path) : NULL;

	for (u32 i = 0; btf && i < ARRAY_SIZE(names); i++)
		iter_ids[i] = max(btf__find_by_name_kind(btf, names[i], BTF_KIND_FUNC), 0);
	btf__free(btf);
}

int main(int argc, char **argv)
{
	struct userbpf_options o = {.size = sizeof(o), .vmlinux_btf = argc > 1 ? argv[1] : NULL};
	u64 calls = argc > 2 ? strtoull(argv[2], NULL, 0) : 20000;
	int left;

	find_iters(o.vmlinux_btf);
	rng = argc > 3 ? strtoull(argv[3], NULL, 0) : 0x2545f4914f6cdd1dull;
	scratch = mmap(NULL, SCRATCH + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	mprotect(scratch + SCRATCH, 4096, PROT_NONE);
	for (u32 i = 0; i < FDS; i++)
		fds[i] = -1;
	u = userbpf_open(&o);
	if (!u) {
		perror("userbpf_open");
		return 1;
	}
	for (u64 i = 0; i < calls; i++)
		one_call();
	for (u32 i = 0; i < FDS; i++)
		if (fds[i] > 2)
			close(fds[i]);
	left = userbpf_close(u);
	printf("%llu calls, %d objects left\n", calls, left);
	return left != 0;
}
