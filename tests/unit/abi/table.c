/* SPDX-License-Identifier: BSD-2-Clause */
/* table.c - the command table: complete, in order, inside attr; what a walk visits; how a call
 * prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "abi/command.h"

/* --- the table itself --- */

static void test_rows(void **state)
{
	assert_int_equal(abi_nr_commands(), BPF_PROG_BIND_MAP + 1);
	for (u32 i = 0; i < abi_nr_commands(); i++) {
		const struct abi_command *row = abi_command_at(i);

		assert_ptr_equal(row, abi_command(row->cmd));
		assert_int_equal(row->cmd, i);
		assert_true(row->nr_fields > 0);
		assert_true(row->attr_end <= ABI_ATTR_SIZE);
	}
	assert_null(abi_command(-1));
	assert_null(abi_command(abi_nr_commands()));
	assert_null(abi_command_at(abi_nr_commands()));
}

/* Fields ascend, do not overlap, and reach to the end of what the command reads. */
static void test_fields(void **state)
{
	for (u32 i = 0; i < abi_nr_commands(); i++) {
		const struct abi_command *row = abi_command_at(i);
		u32 end = 0;

		for (u32 k = 0; k < row->nr_fields; k++) {
			const struct abi_field *f = &row->fields[k];

			assert_true(f->off >= end);
			end = f->off + f->size;
			if (f->kind == ABI_FD)
				assert_true(f->fd_kinds != 0);
			if (f->len == LEN_FIELD)
				assert_true(f->len_off < row->attr_end && f->unit);
		}
		/* LINK_CREATE's last members belong to attachments whose memory is never passed
		 * on */
		if (row->cmd == BPF_RAW_TRACEPOINT_OPEN)
			assert_int_equal(row->attr_end, BPF_ATTR_RAW_TP_COOKIE + 8);
		else if (row->cmd != BPF_LINK_CREATE)
			assert_int_equal(end, row->attr_end);
	}
}

/* --- walking: what is visited is written down as text --- */

struct log {
	char text[1024];
	size_t n;
	bool unreadable;
};

static int on_mem(void *arg, const struct abi_field *f, u64 uaddr, u64 len, bool in, bool out)
{
	struct log *l = arg;

	l->n += snprintf(l->text + l->n, sizeof(l->text) - l->n, "%s:%s%s%llu ", f->name,
			 in ? "<" : "", out ? ">" : "", len);
	return 0;
}

static int on_fd(void *arg, const struct abi_field *f, int fd)
{
	struct log *l = arg;

	l->n += snprintf(l->text + l->n, sizeof(l->text) - l->n, "%s=%d ", f->name, fd);
	return fd == 666 ? -EBADF : 0;
}

static int on_path(void *arg, const struct abi_field *f, u64 uaddr)
{
	struct log *l = arg;

	l->n += snprintf(l->text + l->n, sizeof(l->text) - l->n, "path:%s ", (char *)uaddr);
	return 0;
}

static int on_read(void *arg, void *dst, u64 uaddr, u64 len)
{
	struct log *l = arg;

	if (l->unreadable)
		return -EFAULT;
	memcpy(dst, (void *)uaddr, len);
	return 0;
}

static int on_sizes(void *arg, int fd, u32 *key_size, u32 *value_size)
{
	*key_size = 4;
	*value_size = 24;
	return fd == 99 ? -EBADF : 0;
}

static u32 on_kind(void *arg, int fd)
{
	return fd == 3 ? ABI_FD_PROG : fd == 4 ? ABI_FD_BTF : fd == 5 ? ABI_FD_LINK : ABI_FD_MAP;
}

static bool on_fd_values(void *arg, int fd)
{
	return fd == 7;
}

static const struct abi_visitor visitor = {
	.mem = on_mem,
	.fd = on_fd,
	.path = on_path,
	.read = on_read,
	.map_sizes = on_sizes,
	.fd_kind = on_kind,
	.fd_values = on_fd_values,
};

static const char *walk(int cmd, const union bpf_attr *attr, bool unreadable)
{
	static struct log l;

	memset(&l, 0, sizeof(l));
	l.unreadable = unreadable;
	assert_int_equal(abi_walk(abi_command(cmd), attr, &visitor, &l), 0);
	return l.text;
}

static void test_walk_maps(void **state)
{
	char mem[64] __attribute__((aligned(8))) = {0};
	u64 p = (uintptr_t)mem;
	union bpf_attr a = {.map_fd = 6, .key = p, .value = p};

	assert_string_equal(walk(BPF_MAP_LOOKUP_ELEM, &a, false), "map_fd=6 key:<4 value:>24 ");
	assert_string_equal(walk(BPF_MAP_UPDATE_ELEM, &a, false), "map_fd=6 key:<4 value:<24 ");
	a.map_fd = 7; /* a prog array */
	*(int *)mem = 12;
	assert_string_equal(walk(BPF_MAP_UPDATE_ELEM, &a, false),
			    "map_fd=7 key:<4 value:<24 value=12 ");
	a.map_fd = 99; /* a map nobody knows: its memory is not passed on */
	assert_string_equal(walk(BPF_MAP_LOOKUP_ELEM, &a, false), "map_fd=99 ");
	a = (union bpf_attr){.map_fd = 6, .next_key = p};
	assert_string_equal(walk(BPF_MAP_GET_NEXT_KEY, &a, false), "map_fd=6 next_key:>4 ");
	a = (union bpf_attr){.batch.map_fd = 6,
			     .batch.keys = p,
			     .batch.values = p,
			     .batch.count = 2,
			     .batch.out_batch = p};
	assert_string_equal(walk(BPF_MAP_LOOKUP_BATCH, &a, false),
			    "batch.out_batch:>4 batch.keys:>8 batch.values:>48 batch.map_fd=6 ");
	a = (union bpf_attr){.btf_fd = 0};
	assert_string_equal(walk(BPF_MAP_CREATE, &a, false), "");
	a.btf_value_type_id = 1;
	assert_string_equal(walk(BPF_MAP_CREATE, &a, false), "btf_fd=0 ");
}

static void test_walk_prog_load(void **state)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = BPF_PSEUDO_MAP_FD, .imm = 21},
		{.imm = 5},
		{.code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = BPF_PSEUDO_MAP_IDX, .imm = 1},
		{.imm = 0},
		{.code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = BPF_PSEUDO_BTF_ID, .imm = 100},
		{.imm = 22},
		{.code = BPF_LD | BPF_IMM | BPF_DW, .imm = 33},
		{.imm = 44},
		{.code = BPF_JMP | BPF_EXIT},
	};
	static const char license[4096] =
		"GPL"; /* text is read in pieces, up to the end of its page */
	const int fds[] = {31, 32, 33};
	union bpf_attr a = {.prog_type = 1,
			    .insn_cnt = ARRAY_SIZE(insns),
			    .insns = (uintptr_t)insns,
			    .license = (uintptr_t)license};

	a.log_buf = 1;
	a.log_size = 500;
	a.fd_array = (uintptr_t)fds;
	assert_string_equal(
		walk(BPF_PROG_LOAD, &a, false),
		"insns:<72 insns=21 insns=22 license:<4 log_buf:>500 fd_array:<8 fd_array=32 "); /* not the one that no instruction wants */
	/* unreadable memory ends a rule; the handler will find the fault */
	a.fd_array = 0;
	assert_string_equal(walk(BPF_PROG_LOAD, &a, true), "insns:<72 log_buf:>500 ");
}

static void test_walk_info(void **state)
{
	struct bpf_prog_info pi = {
		.xlated_prog_len = 80, .xlated_prog_insns = 1, .nr_map_ids = 3, .map_ids = 1};
	struct bpf_btf_info bi = {.btf = 1, .btf_size = 100, .name = 1, .name_len = 10};
	struct bpf_link_info li = {.iter.target_name = 1, .iter.target_name_len = 9};
	union bpf_attr a = {
		.info.bpf_fd = 3, .info.info_len = sizeof(pi), .info.info = (uintptr_t)&pi};

	assert_string_equal(walk(BPF_OBJ_GET_INFO_BY_FD, &a, false),
			    "info.bpf_fd=3 info.info:<>232 xlated_prog_insns:>80 map_ids:>12 ");
	a.info.bpf_fd = 4;
	a.info.info_len = sizeof(bi);
	a.info.info = (uintptr_t)&bi;
	assert_string_equal(walk(BPF_OBJ_GET_INFO_BY_FD, &a, false),
			    "info.bpf_fd=4 info.info:<>32 btf:>100 name:>10 ");
	a.info.bpf_fd = 5;
	a.info.info_len = sizeof(li);
	a.info.info = (uintptr_t)&li;
	assert_string_equal(walk(BPF_OBJ_GET_INFO_BY_FD, &a, false),
			    "info.bpf_fd=5 info.info:<>48 iter.target_name:>9 ");
	a.info.info_len = 5000; /* refused by length */
	assert_string_equal(walk(BPF_OBJ_GET_INFO_BY_FD, &a, false), "info.bpf_fd=5 ");
}

static void test_walk_rest(void **state)
{
	static const char names[256] = "one\0two"; /* texts are read in pieces */
	const u64 syms[] = {(uintptr_t)names, (uintptr_t)&names[4]}, cookies[] = {1, 2};
	struct link_create_uprobe_multi multi;
	union bpf_iter_link_info info = {.map.map_fd = 17};
	union bpf_attr a = {.link_create.prog_fd = 3, .link_create.attach_type = BPF_TRACE_ITER};
	struct log l = {0};

	a.link_create.iter_info = (uintptr_t)&info;
	a.link_create.iter_info_len = sizeof(info);
	assert_string_equal(
		walk(BPF_LINK_CREATE, &a, false),
		"link_create.prog_fd=3 link_create.iter_info:<16 link_create.iter_info=17 ");
	a.link_create.attach_type = BPF_PERF_EVENT; /* then the same bytes are a cookie */
	assert_string_equal(walk(BPF_LINK_CREATE, &a, false), "link_create.prog_fd=3 ");
	/* functions by name: the array, and the names as one piece when they lie together */
	a = (union bpf_attr){.link_create.prog_fd = 3,
			     .link_create.attach_type = BPF_TRACE_KPROBE_MULTI};
	a.link_create.kprobe_multi.cnt = 2;
	a.link_create.kprobe_multi.syms = (uintptr_t)syms;
	a.link_create.kprobe_multi.cookies = (uintptr_t)cookies;
	assert_string_equal(walk(BPF_LINK_CREATE, &a, false),
			    "link_create.prog_fd=3 link_create.iter_info:<16 "
			    "link_create.iter_info:<16 link_create.iter_info:<8 ");
	a = (union bpf_attr){.link_create.prog_fd = 3,
			     .link_create.attach_type = BPF_TRACE_UPROBE_MULTI_NR};
	multi = (struct link_create_uprobe_multi){
		.path = (uintptr_t) "/bin/true", .offsets = (uintptr_t)cookies, .cnt = 2};
	memcpy((char *)&a + BPF_ATTR_LINK_KIND, &multi, sizeof(multi));
	assert_string_equal(walk(BPF_LINK_CREATE, &a, false),
			    "link_create.prog_fd=3 path:/bin/true link_create.iter_info:<16 ");
	a = (union bpf_attr){.pathname = (uintptr_t) "/sys/fs/bpf/x", .bpf_fd = 3};
	assert_string_equal(walk(BPF_OBJ_PIN, &a, false), "path:/sys/fs/bpf/x bpf_fd=3 ");
	/* a callback's refusal ends the walk */
	a = (union bpf_attr){.prog_bind_map.prog_fd = 666, .prog_bind_map.map_fd = 3};
	assert_int_equal(abi_walk(abi_command(BPF_PROG_BIND_MAP), &a, &visitor, &l), -EBADF);
	assert_string_equal(l.text, "prog_bind_map.prog_fd=666 ");
}

static void test_print(void **state)
{
	union bpf_attr a = {.map_type = BPF_MAP_TYPE_HASH,
			    .key_size = 4,
			    .value_size = 8,
			    .max_entries = 1,
			    .map_flags = 1,
			    .map_name = "x\"y"};
	struct log l = {0};
	char buf[512], small[8];
	int n;

	n = abi_print(buf, sizeof(buf), BPF_MAP_CREATE, &a, 44, &visitor, &l);
	assert_string_equal(
		buf,
		"bpf(BPF_MAP_CREATE, {map_type=BPF_MAP_TYPE_HASH, key_size=4, value_size=8, max_entries=1, map_flags=BPF_F_NO_PREALLOC, inner_map_fd=0, "
		"numa_node=0, map_name=\"x\\\"y\"}, 44)");
	assert_int_equal(n, strlen(buf));
	assert_int_equal(abi_print(small, sizeof(small), BPF_MAP_CREATE, &a, 44, NULL, NULL), n);
	assert_string_equal(small, "bpf(BPF");
	a = (union bpf_attr){.pathname = (uintptr_t) "/x", .bpf_fd = 3};
	abi_print(buf, sizeof(buf), BPF_OBJ_PIN, &a, 12, &visitor, &l);
	assert_string_equal(buf, "bpf(BPF_OBJ_PIN, {pathname=\"/x\", bpf_fd=3}, 12)");
	abi_print(buf, sizeof(buf), 4711, &a, 12, &visitor, &l);
	assert_string_equal(buf, "bpf(0x1267, ..., 12)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	  cmocka_unit_test(test_fields),
		cmocka_unit_test(test_walk_maps), cmocka_unit_test(test_walk_prog_load),
		cmocka_unit_test(test_walk_info), cmocka_unit_test(test_walk_rest),
		cmocka_unit_test(test_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
