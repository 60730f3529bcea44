/* SPDX-License-Identifier: BSD-2-Clause */
/* sys.c - bpf(2) through libuserbpf: objects and their infos, iterators, pins, statistics,
 * lifetimes. argv[1]: the service's BTF. */
#include <bpf/btf.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "userbpf.h"

static const char *vmlinux;

#define INSN(c, d, s, o, i)                                                         \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}
#define MOV_IMM(d, i)	INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOV_REG(d, s)	INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define ADD_IMM(d, i)	INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define LDX_DW(d, s, o) INSN(BPF_LDX | BPF_MEM | BPF_DW, d, s, o, 0)
#define ST_W(d, o, i)	INSN(BPF_ST | BPF_MEM | BPF_W, d, 0, o, i)
#define LD_MAP(d, fd) \
	INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define EXIT	INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* --- helpers --- */

static int setup(void **state)
{
	struct userbpf_options o = {.size = sizeof(o), .vmlinux_btf = vmlinux};

	*state = userbpf_open(&o);
	return *state ? 0 : -1;
}

/* Every test leaves an instance in which nothing is left but its own BTF. */
static int teardown(void **state)
{
	return userbpf_close(*state);
}

static int create(struct userbpf *u, u32 type, u32 value_size, u32 max, u32 flags, const char *name)
{
	union bpf_attr a = {.map_type = type,
			    .key_size = 4,
			    .value_size = value_size,
			    .max_entries = max,
			    .map_flags = flags};

	strcpy(a.map_name, name);
	return userbpf_bpf(u, BPF_MAP_CREATE, &a, sizeof(a));
}

static int elem(struct userbpf *u, int cmd, int fd, u32 key, void *value, u64 flags)
{
	union bpf_attr a = {
		.map_fd = fd, .key = (uintptr_t)&key, .value = (uintptr_t)value, .flags = flags};

	return userbpf_bpf(u, cmd, &a, sizeof(a));
}

static int load_as(struct userbpf *u, u32 type, u32 attach, u32 btf_id,
		   const struct bpf_insn *insns, u32 cnt, const char *name)
{
	static char log[65536];
	union bpf_attr a = {.prog_type = type,
			    .insns = (uintptr_t)insns,
			    .insn_cnt = cnt,
			    .license = (uintptr_t) "GPL"};
	int fd;

	a.expected_attach_type = attach;
	a.attach_btf_id = btf_id;
	a.log_level = 1;
	a.log_buf = (uintptr_t)log;
	a.log_size = sizeof(log);
	strcpy(a.prog_name, name);
	log[0] = 0;
	fd = userbpf_bpf(u, BPF_PROG_LOAD, &a, sizeof(a));
	if (fd < 0)
		print_message("%s", log);
	return fd;
}

static int load(struct userbpf *u, const struct bpf_insn *insns, u32 cnt, const char *name)
{
	return load_as(u, BPF_PROG_TYPE_SOCKET_FILTER, 0, 0, insns, cnt, name);
}

/* Counts its runs in an array map. */
static int load_counter(struct userbpf *u, int map)
{
	const struct bpf_insn insns[] = {
		ST_W(BPF_REG_10, -4, 0),
		MOV_REG(BPF_REG_2, BPF_REG_10),
		ADD_IMM(BPF_REG_2, -4),
		LD_MAP(BPF_REG_1, map),
		CALL(BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0),
		MOV_IMM(BPF_REG_1, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_0, BPF_REG_1, 0, BPF_ADD),
		MOV_IMM(BPF_REG_0, 7),
		EXIT,
	};

	return load(u, insns, ARRAY_SIZE(insns), "counter");
}

static u32 func_id(const char *func)
{
	struct btf *btf = btf__parse_raw(vmlinux);
	int id = btf ? btf__find_by_name_kind(btf, func, BTF_KIND_FUNC) : -1;

	btf__free(btf);
	assert_true(id > 0);
	return id;
}

/* Writes "map\n" per object, once more at the end. */
static int load_iter(struct userbpf *u)
{
	const struct bpf_insn insns[] = {
		LDX_DW(BPF_REG_1, BPF_REG_1, 0),
		LDX_DW(BPF_REG_1, BPF_REG_1, 0),
		ST_W(BPF_REG_10, -4, 0x0a70616d),
		MOV_REG(BPF_REG_2, BPF_REG_10),
		ADD_IMM(BPF_REG_2, -4),
		MOV_IMM(BPF_REG_3, 4),
		CALL(BPF_FUNC_seq_write),
		MOV_IMM(BPF_REG_0, 0),
		EXIT,
	};

	return load_as(u, BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, func_id("bpf_iter_bpf_map"), insns,
		       ARRAY_SIZE(insns), "iter");
}

static int link_iter(struct userbpf *u)
{
	union bpf_attr a = {0};
	int prog = load_iter(u), link;

	assert_true(prog >= 0);
	a.link_create.prog_fd = prog;
	a.link_create.attach_type = BPF_TRACE_ITER;
	link = userbpf_bpf(u, BPF_LINK_CREATE, &a, sizeof(a));
	assert_true(link >= 0);
	close(prog);
	return link;
}

static int iter_create(struct userbpf *u, int link)
{
	union bpf_attr a = {.iter_create.link_fd = link};

	return userbpf_bpf(u, BPF_ITER_CREATE, &a, sizeof(a));
}

static int info_of(struct userbpf *u, int fd, void *info, u32 len)
{
	union bpf_attr a = {.info.bpf_fd = fd, .info.info_len = len, .info.info = (uintptr_t)info};
	int err = userbpf_bpf(u, BPF_OBJ_GET_INFO_BY_FD, &a, sizeof(a));

	return err ? err : (int)a.info.info_len;
}

static int pin(struct userbpf *u, int fd, const char *path)
{
	union bpf_attr a = {.bpf_fd = fd, .pathname = (uintptr_t)path};

	return userbpf_bpf(u, BPF_OBJ_PIN, &a, sizeof(a));
}

static int get(struct userbpf *u, const char *path, u32 flags)
{
	union bpf_attr a = {.pathname = (uintptr_t)path, .file_flags = flags};

	return userbpf_bpf(u, BPF_OBJ_GET, &a, sizeof(a));
}

static int test_run_prog(struct userbpf *u, int prog, u32 repeat, u32 *retval)
{
	char data[64] = {0};
	union bpf_attr a = {.test.prog_fd = prog,
			    .test.data_in = (uintptr_t)data,
			    .test.data_size_in = sizeof(data),
			    .test.repeat = repeat};
	int err = userbpf_bpf(u, BPF_PROG_TEST_RUN, &a, sizeof(a));

	*retval = a.test.retval;
	return err;
}

static u32 total(struct userbpf *u)
{
	struct userbpf_stats s;

	userbpf_get_stats(u, &s);
	return s.progs + s.maps + s.links + s.btfs - 1; /* its own BTF stays */
}

static bool total_becomes(struct userbpf *u, u32 want)
{
	for (int i = 0; i < 100 && total(u) != want; i++)
		usleep(2000);
	return total(u) == want;
}

static int collect(void *arg, const char *text, size_t len)
{
	strncat(arg, text, len);
	return 0;
}

/* --- tests --- */

static void test_map_info(void **state)
{
	struct userbpf *u = *state;
	struct bpf_map_info info = {0};
	char tail[128] = {0};
	int fd = create(u, BPF_MAP_TYPE_HASH, 8, 10, BPF_F_NO_PREALLOC, "my_map");

	assert_int_equal(info_of(u, fd, &info, sizeof(info)), sizeof(info));
	assert_int_equal(info.type, BPF_MAP_TYPE_HASH);
	assert_int_equal(info.id, 1);
	assert_int_equal(info.key_size, 4);
	assert_int_equal(info.value_size, 8);
	assert_int_equal(info.max_entries, 10);
	assert_int_equal(info.map_flags, BPF_F_NO_PREALLOC);
	assert_string_equal(info.name, "my_map");
	/* a longer struct with a zero tail is fine and cut; a shorter one gets its part */
	assert_int_equal(info_of(u, fd, tail, sizeof(tail)), sizeof(info));
	tail[sizeof(info)] = 1;
	assert_int_equal(info_of(u, fd, tail, sizeof(tail)), -E2BIG);
	memset(&info, 0xff, sizeof(info));
	assert_int_equal(info_of(u, fd, &info, 8), 8);
	assert_int_equal(info.id, 1);
	assert_int_equal(info.key_size, 0xffffffff);
	userbpf_close_fd(u, fd);
	assert_true(total_becomes(u, 0));
}

static void test_prog_info(void **state)
{
	struct userbpf *u = *state;
	int map = create(u, BPF_MAP_TYPE_ARRAY, 8, 1, 0, "m"), prog = load_counter(u, map), fd;
	struct bpf_prog_info info = {0};
	struct bpf_map_info mi = {0};
	struct bpf_insn insns[32];
	u32 ids[4] = {0};
	u8 tag[BPF_TAG_SIZE];

	assert_true(prog >= 0);
	info_of(u, map, &mi, sizeof(mi));
	assert_int_equal(info_of(u, prog, &info, sizeof(info)), sizeof(info));
	assert_int_equal(info.type, BPF_PROG_TYPE_SOCKET_FILTER);
	assert_string_equal(info.name, "counter");
	assert_int_equal(info.created_by_uid, geteuid());
	assert_int_equal(info.gpl_compatible, 1);
	assert_int_equal(info.nr_map_ids, 1);
	assert_int_equal(info.xlated_prog_len % sizeof(struct bpf_insn), 0);
	assert_true(info.xlated_prog_len > 0 && info.xlated_prog_len <= sizeof(insns));
#if defined(__x86_64__)
	assert_true(info.jited_prog_len > 0);
	assert_int_equal(info.nr_jited_ksyms, 1);
	assert_int_equal(info.nr_jited_func_lens, 1);
#endif
	assert_int_equal(info.nr_prog_tags, 1);
	assert_true(info.verified_insns > 0);
	assert_true(info.load_time > 0);
	assert_int_equal(info.func_info_rec_size, sizeof(struct bpf_func_info));

	info = (struct bpf_prog_info){.nr_map_ids = 4,
				      .map_ids = (uintptr_t)ids,
				      .nr_prog_tags = 1,
				      .prog_tags = (uintptr_t)tag};
	info.xlated_prog_len = sizeof(insns);
	info.xlated_prog_insns = (uintptr_t)insns;
	assert_int_equal(info_of(u, prog, &info, sizeof(info)), sizeof(info));
	assert_int_equal(ids[0], mi.id);
	assert_memory_equal(tag, info.tag, sizeof(tag));
	/* the map appears by id, not by address or fd */
	for (u32 i = 0; i < info.xlated_prog_len / sizeof(insns[0]); i++)
		if (insns[i].code == (BPF_LD | BPF_IMM | BPF_DW) &&
		    insns[i].src_reg == BPF_PSEUDO_MAP_FD)
			assert_int_equal(insns[i].imm, mi.id);
	info = (struct bpf_prog_info){.nr_map_ids = 1, .map_ids = 8};
	assert_int_equal(info_of(u, prog, &info, sizeof(info)), -EFAULT);
	info = (struct bpf_prog_info){.nr_func_info = 1, .func_info_rec_size = 4};
	assert_int_equal(info_of(u, prog, &info, sizeof(info)), -EINVAL);

	fd = create(u, BPF_MAP_TYPE_ARRAY, 8, 1, 0, "bound");
	{
		union bpf_attr a = {.prog_bind_map.prog_fd = prog, .prog_bind_map.map_fd = fd};

		assert_int_equal(userbpf_bpf(u, BPF_PROG_BIND_MAP, &a, sizeof(a)), 0);
		assert_int_equal(userbpf_bpf(u, BPF_PROG_BIND_MAP, &a, sizeof(a)), 0);
	}
	info = (struct bpf_prog_info){0};
	info_of(u, prog, &info, sizeof(info));
	assert_int_equal(info.nr_map_ids, 2);
	close(fd);
	userbpf_close_fd(u, map);
	assert_true(total_becomes(u, 3)); /* the program holds its maps */
	userbpf_close_fd(u, prog);
	assert_true(total_becomes(u, 0));
}

static void test_run_and_stats(void **state)
{
	struct userbpf *u = *state;
	int map = create(u, BPF_MAP_TYPE_ARRAY, 8, 1, 0, "m"), prog = load_counter(u, map), stats;
	union bpf_attr a = {.enable_stats.type = BPF_STATS_RUN_TIME};
	struct bpf_prog_info info = {0};
	u64 count = 0;
	u32 retval;

	assert_int_equal(test_run_prog(u, prog, 5, &retval), 0);
	assert_int_equal(retval, 7);
	assert_int_equal(elem(u, BPF_MAP_LOOKUP_ELEM, map, 0, &count, 0), 0);
	assert_int_equal(count, 5);
	info_of(u, prog, &info, sizeof(info));
	assert_int_equal(info.run_cnt, 0);

	stats = userbpf_bpf(u, BPF_ENABLE_STATS, &a, sizeof(a));
	assert_true(stats >= 0);
	assert_int_equal(info_of(u, stats, &info, sizeof(info)), -EINVAL);
	test_run_prog(u, prog, 3, &retval);
	info = (struct bpf_prog_info){0};
	info_of(u, prog, &info, sizeof(info));
	assert_int_equal(info.run_cnt, 3);
	assert_true(info.run_time_ns > 0);
	userbpf_close_fd(u, stats);
	test_run_prog(u, prog, 3, &retval);
	info_of(u, prog, &info, sizeof(info));
	assert_int_equal(info.run_cnt, 3);
	close(prog);
	close(map);
	assert_true(total_becomes(u, 0));
}

#define KFUNC(name) INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0, func_id(name))

/* Functions of the service do what they say, and dumps name them by their BTF id. */
static void test_kfuncs(void **state)
{
	const struct bpf_insn insns[] = {
		MOV_REG(BPF_REG_1, BPF_REG_10),
		ADD_IMM(BPF_REG_1, -8),
		INSN(BPF_ST | BPF_MEM | BPF_DW, BPF_REG_1, 0, 0, 0),
		KFUNC("bpf_kfunc_call_test_acquire"),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 11, 0),
		MOV_REG(BPF_REG_6, BPF_REG_0),
		MOV_REG(BPF_REG_1, BPF_REG_0),
		MOV_IMM(BPF_REG_2, 8),
		KFUNC("bpf_kfunc_call_test_get_rdwr_mem"),
		MOV_IMM(BPF_REG_7, 0),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 1, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_7, BPF_REG_0, 4, 0),
		LDX_DW(BPF_REG_1, BPF_REG_6, 16),
		MOV_REG(BPF_REG_1, BPF_REG_6),
		KFUNC("bpf_kfunc_call_test_release"),
		MOV_REG(BPF_REG_0, BPF_REG_7),
		EXIT,
	};
	struct bpf_insn dump[64] = {0};
	struct bpf_prog_info info = {.xlated_prog_insns = (uintptr_t)dump,
				     .xlated_prog_len = sizeof(dump)};
	struct userbpf *u = *state;
	int prog = load_as(u, BPF_PROG_TYPE_SCHED_CLS, 0, 0, insns, ARRAY_SIZE(insns), "kfuncs");
	u32 retval;

	assert_true(prog >= 0);
	assert_int_equal(test_run_prog(u, prog, 3, &retval), 0);
	assert_int_equal(retval, 108);
	assert_int_equal(info_of(u, prog, &info, sizeof(info)), sizeof(info));
	assert_memory_equal(&dump[8], &insns[8], sizeof(*dump));
	close(prog);
	assert_true(total_becomes(u, 0));
}

static void test_btf_info(void **state)
{
	struct userbpf *u = *state;
	union bpf_attr a = {.btf_id = 1};
	struct bpf_btf_info info = {0};
	char name[16], small[4];
	int fd = userbpf_bpf(u, BPF_BTF_GET_FD_BY_ID, &a, sizeof(a));
	void *data;

	assert_true(fd >= 0);
	info.name = (uintptr_t)name;
	info.name_len = sizeof(name);
	assert_int_equal(info_of(u, fd, &info, sizeof(info)), sizeof(info));
	assert_string_equal(name, "vmlinux");
	assert_int_equal(info.name_len, 7);
	assert_int_equal(info.kernel_btf, 1);
	assert_int_equal(info.id, 1);
	data = calloc(1, info.btf_size);
	info.btf = (uintptr_t)data;
	info.name_len = sizeof(name);
	assert_int_equal(info_of(u, fd, &info, sizeof(info)), sizeof(info));
	assert_int_equal(*(u16 *)data, BTF_MAGIC);
	info = (struct bpf_btf_info){.name = (uintptr_t)small, .name_len = sizeof(small)};
	assert_int_equal(info_of(u, fd, &info, sizeof(info)), -ENOSPC);
	assert_string_equal(small, "vml");
	info = (struct bpf_btf_info){.name_len = 4};
	assert_int_equal(info_of(u, fd, &info, sizeof(info)), -EINVAL);
	free(data);
	close(fd);
}

static void test_ids(void **state)
{
	struct userbpf *u = *state;
	int a = create(u, BPF_MAP_TYPE_ARRAY, 8, 1, 0, "a"),
	    b = create(u, BPF_MAP_TYPE_ARRAY, 8, 1, 0, "b"), c, fd;
	union bpf_attr at = {0};

	assert_int_equal(userbpf_bpf(u, BPF_MAP_GET_NEXT_ID, &at, sizeof(at)), 0);
	assert_int_equal(at.next_id, 1);
	at.start_id = 1;
	assert_int_equal(userbpf_bpf(u, BPF_MAP_GET_NEXT_ID, &at, sizeof(at)), 0);
	assert_int_equal(at.next_id, 2);
	at.start_id = 2;
	assert_int_equal(userbpf_bpf(u, BPF_MAP_GET_NEXT_ID, &at, sizeof(at)), -ENOENT);
	userbpf_close_fd(u, b);
	c = create(u, BPF_MAP_TYPE_ARRAY, 8, 1, 0, "c");
	at = (union bpf_attr){.map_id = 2};
	assert_int_equal(userbpf_bpf(u, BPF_MAP_GET_FD_BY_ID, &at, sizeof(at)), -ENOENT);
	at = (union bpf_attr){.map_id = 3};
	fd = userbpf_bpf(u, BPF_MAP_GET_FD_BY_ID, &at, sizeof(at));
	assert_true(fd >= 0);
	userbpf_close_fd(u, c);
	assert_true(total_becomes(u, 2));
	userbpf_close_fd(u, fd);
	userbpf_close_fd(u, a);
	assert_true(total_becomes(u, 0));
}

static char *read_all(int fd)
{
	static char text[4096];
	size_t n = 0;
	ssize_t r;

	while ((r = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += r;
	text[n] = 0;
	return text;
}

static void test_iter(void **state)
{
	struct userbpf *u = *state;
	int a = create(u, BPF_MAP_TYPE_ARRAY, 8, 1, 0, "a"),
	    b = create(u, BPF_MAP_TYPE_ARRAY, 8, 1, 0, "b"), link = link_iter(u), it;
	struct bpf_link_info info = {0};
	char target[16], cat[256] = "";

	info.iter.target_name = (uintptr_t)target;
	info.iter.target_name_len = sizeof(target);
	assert_int_equal(info_of(u, link, &info, sizeof(info)), sizeof(info));
	assert_int_equal(info.type, BPF_LINK_TYPE_ITER);
	assert_string_equal(target, "bpf_map");
	assert_int_equal(info.iter.target_name_len, 8);
	assert_true(info.prog_id > 0);
	it = iter_create(u, link);
	assert_true(it >= 0);
	assert_string_equal(read_all(it), "map\nmap\nmap\n");
	close(it);
	/* pinned, the link outlives its fd; removing the pin frees it with its program */
	assert_int_equal(pin(u, link, "/sys/fs/bpf/maps"), 0);
	userbpf_close_fd(u, link);
	assert_int_equal(userbpf_cat(u, "/sys/fs/bpf/maps", collect, cat), 0);
	assert_string_equal(cat, "map\nmap\nmap\n");
	assert_int_equal(get(u, "/sys/fs/bpf/maps", BPF_F_RDONLY), -EINVAL);
	assert_true(total_becomes(u, 4));
	assert_int_equal(userbpf_unlink(u, "/sys/fs/bpf/maps"), 0);
	assert_true(total_becomes(u, 2));
	close(a);
	close(b);
	assert_true(total_becomes(u, 0));
}

/* Readers that go away, or never read: no thread stays behind (teardown waits for them). */
static void test_iter_abandoned(void **state)
{
	struct userbpf *u = *state;
	int link = link_iter(u), its[20], maps[2000];

	for (u32 i = 0; i < ARRAY_SIZE(maps); i++)
		maps[i] = create(u, BPF_MAP_TYPE_ARRAY, 8, 1, 0, "m");
	for (u32 i = 0; i < ARRAY_SIZE(its); i++) {
		its[i] = iter_create(u, link);
		assert_true(its[i] >= 0);
	}
	for (u32 i = 0; i < ARRAY_SIZE(its) / 2; i++) {
		char c;

		assert_int_equal(read(its[i], &c, 1), 1);
		close(its[i]);
	}
	userbpf_close_fd(u, link);
	for (u32 i = 0; i < ARRAY_SIZE(maps); i++)
		close(maps[i]);
	userbpf_close(u);
	for (u32 i = ARRAY_SIZE(its) / 2; i < ARRAY_SIZE(its); i++)
		close(its[i]);
	assert_int_equal(setup(state), 0);
}

static void test_pins(void **state)
{
	struct userbpf *u = *state;
	int map = create(u, BPF_MAP_TYPE_ARRAY, 8, 1, 0, "m"), fd;
	u64 v = 42;

	assert_int_equal(pin(u, map, "/sys/fs/bpf/m"), 0);
	assert_int_equal(pin(u, map, "/sys/fs/bpf/m"), -EEXIST);
	assert_int_equal(pin(u, map, "/sys/fs/bpf/a.b"), -EPERM);
	assert_int_equal(pin(u, map, "/sys/fs/bpf/no/m"), -ENOENT);
	assert_int_equal(pin(u, map, "/sys/fs/bpf/m/x"), -ENOTDIR);
	assert_int_equal(pin(u, map, "/sys/fs/bpf"), -EEXIST);
	assert_int_equal(userbpf_mkdir(u, "/sys/fs/bpf/dir", 0700), 0);
	assert_int_equal(pin(u, map, "/sys/fs/bpf/dir/m2"), 0);
	assert_int_equal(userbpf_rmdir(u, "/sys/fs/bpf/dir"), -ENOTEMPTY);
	assert_int_equal(elem(u, BPF_MAP_UPDATE_ELEM, map, 0, &v, 0), 0);
	userbpf_close_fd(u, map);
	assert_true(total_becomes(u, 1));
	fd = get(u, "/sys/fs/bpf/m", BPF_F_RDONLY);
	assert_true(fd >= 0);
	v = 0;
	assert_int_equal(elem(u, BPF_MAP_LOOKUP_ELEM, fd, 0, &v, 0), 0);
	assert_int_equal(v, 42);
	assert_int_equal(elem(u, BPF_MAP_UPDATE_ELEM, fd, 0, &v, 0), -EPERM);
	close(fd);
	fd = get(u, "/sys/fs/bpf/m", BPF_F_WRONLY);
	assert_int_equal(elem(u, BPF_MAP_LOOKUP_ELEM, fd, 0, &v, 0), -EPERM);
	assert_int_equal(elem(u, BPF_MAP_UPDATE_ELEM, fd, 0, &v, 0), 0);
	close(fd);
	assert_int_equal(get(u, "/sys/fs/bpf/none", 0), -ENOENT);
	assert_int_equal(get(u, "/sys/fs/bpf/dir", 0), -EACCES);
	assert_int_equal(userbpf_cat(u, "/sys/fs/bpf/m", collect, NULL), -EIO);
	assert_int_equal(userbpf_unlink(u, "/sys/fs/bpf/m"), 0);
	assert_int_equal(userbpf_unlink(u, "/sys/fs/bpf/dir/m2"), 0);
	assert_int_equal(userbpf_rmdir(u, "/sys/fs/bpf/dir"), 0);
	assert_true(total_becomes(u, 0));
}

/* struct pair { int a; int b; }: BTF for map values */
static int load_btf(struct userbpf *u)
{
	struct btf *btf = btf__new_empty();
	union bpf_attr a = {0};
	u32 size;
	int fd;

	btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	btf__add_struct(btf, "pair", 8);
	btf__add_field(btf, "a", 1, 0, 0);
	btf__add_field(btf, "b", 1, 32, 0);
	a.btf = (uintptr_t)btf__raw_data(btf, &size);
	a.btf_size = size;
	fd = userbpf_bpf(u, BPF_BTF_LOAD, &a, sizeof(a));
	btf__free(btf);
	return fd;
}

static int create_typed(struct userbpf *u, u32 type, int btf)
{
	union bpf_attr a = {.map_type = type, .key_size = 4, .value_size = 8, .max_entries = 2};

	a.btf_fd = btf;
	a.btf_key_type_id = 1;
	a.btf_value_type_id = 2;
	return userbpf_bpf(u, BPF_MAP_CREATE, &a, sizeof(a));
}

static void test_cat_maps(void **state)
{
	static const char head[] =
		"# WARNING!! The output is for debug purpose only\n# WARNING!! The output format will change\n";
	struct userbpf *u = *state;
	int btf = load_btf(u), array, hash, percpu;
	int pair[2] = {1, 2}, *all = calloc(1024, 8);
	char text[65536] = "", want[256];
	struct bpf_map_info info = {0};

	assert_true(btf >= 0);
	array = create_typed(u, BPF_MAP_TYPE_ARRAY, btf);
	hash = create_typed(u, BPF_MAP_TYPE_HASH, btf);
	percpu = create_typed(u, BPF_MAP_TYPE_PERCPU_ARRAY, btf);
	close(btf);
	info_of(u, array, &info, sizeof(info));
	assert_int_equal(info.btf_id, 2);
	assert_int_equal(info.btf_value_type_id, 2);
	elem(u, BPF_MAP_UPDATE_ELEM, array, 0, pair, 0);
	elem(u, BPF_MAP_UPDATE_ELEM, hash, 7, pair, 0);
	all[0] = 5;
	all[1] = 6;
	assert_int_equal(elem(u, BPF_MAP_UPDATE_ELEM, percpu, 0, all, 0), 0);
	pin(u, array, "/sys/fs/bpf/array");
	pin(u, hash, "/sys/fs/bpf/hash");
	pin(u, percpu, "/sys/fs/bpf/percpu");
	assert_int_equal(userbpf_cat(u, "/sys/fs/bpf/array", collect, text), 0);
	snprintf(want, sizeof(want), "%s0: {1,2,}\n1: {0,0,}\n", head);
	assert_string_equal(text, want);
	text[0] = 0;
	assert_int_equal(userbpf_cat(u, "/sys/fs/bpf/hash", collect, text), 0);
	snprintf(want, sizeof(want), "%s7: {1,2,}\n", head);
	assert_string_equal(text, want);
	text[0] = 0;
	assert_int_equal(userbpf_cat(u, "/sys/fs/bpf/percpu", collect, text), 0);
	snprintf(want, sizeof(want), "%s0: {\n\tcpu0: {5,6,}\n", head);
	assert_memory_equal(text, want, strlen(want));
	free(all);
	close(array);
	close(hash);
	close(percpu);
	/* the pins go with the instance */
}

static void test_mmap(void **state)
{
	struct userbpf *u = *state;
	int map = create(u, BPF_MAP_TYPE_ARRAY, 8, 16, BPF_F_MMAPABLE, "mm"),
	    plain = create(u, BPF_MAP_TYPE_ARRAY, 8, 16, 0, "p");
	union bpf_attr a = {.map_fd = map};
	u64 v = 0, *p = userbpf_map_mmap(u, map, 128, PROT_READ | PROT_WRITE, 0);

	assert_non_null(p);
	p[3] = 99;
	elem(u, BPF_MAP_LOOKUP_ELEM, map, 3, &v, 0);
	assert_int_equal(v, 99);
	munmap(p, 128);
	assert_int_equal(userbpf_bpf(u, BPF_MAP_FREEZE, &a, sizeof(a)), 0);
	assert_null(userbpf_map_mmap(u, map, 128, PROT_READ | PROT_WRITE, 0));
	assert_int_equal(errno, EPERM);
	p = userbpf_map_mmap(u, map, 128, PROT_READ, 0);
	assert_int_equal(p[3], 99);
	munmap(p, 128);
	assert_null(userbpf_map_mmap(u, plain, 128, PROT_READ, 0));
	assert_int_equal(errno, ENOTSUPP);
	close(map);
	close(plain);
}

static void test_prog_array(void **state)
{
	struct userbpf *u = *state;
	const struct bpf_insn seven[] = {MOV_IMM(BPF_REG_0, 77), EXIT};
	int progs = create(u, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 0, "progs"),
	    target = load(u, seven, 2, "target"), caller;
	const struct bpf_insn insns[] = {
		LD_MAP(BPF_REG_2, progs),
		MOV_IMM(BPF_REG_3, 1),
		CALL(BPF_FUNC_tail_call),
		MOV_IMM(BPF_REG_0, 1),
		EXIT,
	};
	struct bpf_prog_info info = {0};
	u32 retval, id = 0;

	caller = load(u, insns, ARRAY_SIZE(insns), "caller");
	assert_true(caller >= 0);
	assert_int_equal(test_run_prog(u, caller, 1, &retval), 0);
	assert_int_equal(retval, 1);
	assert_int_equal(elem(u, BPF_MAP_UPDATE_ELEM, progs, 1, &target, 0), 0);
	assert_int_equal(elem(u, BPF_MAP_LOOKUP_ELEM, progs, 1, &id, 0), 0);
	info_of(u, target, &info, sizeof(info));
	assert_int_equal(id, info.id);
	userbpf_close_fd(u, target);
	assert_int_equal(test_run_prog(u, caller, 1, &retval), 0);
	assert_int_equal(retval, 77);
	assert_int_equal(elem(u, BPF_MAP_DELETE_ELEM, progs, 1, NULL, 0), 0);
	assert_int_equal(test_run_prog(u, caller, 1, &retval), 0);
	assert_int_equal(retval, 1);
	assert_true(total_becomes(u, 2));
	close(caller);
	close(progs);
	assert_true(total_becomes(u, 0));
}

/* A program of system calls runs in its caller: the fd it makes is the caller's. */
static void test_syscall_prog(void **state)
{
	struct userbpf *u = *state;
	const struct bpf_insn insns[] = {
		ST_W(BPF_REG_10, -16, BPF_MAP_TYPE_ARRAY),
		ST_W(BPF_REG_10, -12, 4),
		ST_W(BPF_REG_10, -8, 8),
		ST_W(BPF_REG_10, -4, 3),
		MOV_IMM(BPF_REG_1, BPF_MAP_CREATE),
		MOV_REG(BPF_REG_2, BPF_REG_10),
		ADD_IMM(BPF_REG_2, -16),
		MOV_IMM(BPF_REG_3, 16),
		CALL(BPF_FUNC_sys_bpf),
		EXIT,
	};
	union bpf_attr a = {.prog_type = BPF_PROG_TYPE_SYSCALL,
			    .insns = (uintptr_t)insns,
			    .insn_cnt = ARRAY_SIZE(insns),
			    .license = (uintptr_t) "GPL",
			    .prog_flags = BPF_F_SLEEPABLE};
	int prog = userbpf_bpf(u, BPF_PROG_LOAD, &a, sizeof(a)), map;
	union bpf_attr run = {.test.prog_fd = prog};
	struct bpf_map_info info = {0};

	assert_true(prog >= 0);
	assert_int_equal(userbpf_bpf(u, BPF_PROG_TEST_RUN, &run, sizeof(run)), 0);
	map = run.test.retval;
	assert_true(map > 2);
	assert_true(info_of(u, map, &info, sizeof(info)) > 0);
	assert_int_equal(info.max_entries, 3);
	close(map);
	close(prog);
	assert_true(total_becomes(u, 0));
}

static void test_fork_keeps(void **state)
{
	struct userbpf *u = *state;
	int map = create(u, BPF_MAP_TYPE_ARRAY, 8, 1, 0, "m");
	pid_t child = fork();

	if (!child) {
		usleep(50000);
		_exit(0);
	}
	userbpf_close_fd(u, map);
	assert_true(total_becomes(u, 1));
	waitpid(child, NULL, 0);
	assert_true(total_becomes(u, 0));
}

static void *hammer(void *arg)
{
	struct userbpf *u = arg;

	for (int i = 0; i < 300; i++) {
		int map = create(u, BPF_MAP_TYPE_ARRAY, 8, 1, 0, "h"), prog = load_counter(u, map);
		u32 retval;

		if (map < 0 || prog < 0 || test_run_prog(u, prog, 1, &retval) || retval != 7)
			return arg;
		close(map);
		close(prog);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct userbpf *u = *state;
	pthread_t t[4];
	void *bad;

	for (u32 i = 0; i < ARRAY_SIZE(t); i++)
		pthread_create(&t[i], NULL, hammer, u);
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		pthread_join(t[i], &bad);
		assert_null(bad);
	}
	assert_true(total_becomes(u, 0));
}

static void test_batch(void **state)
{
	struct userbpf *u = *state;
	int hash = create(u, BPF_MAP_TYPE_HASH, 8, 8, 0, "h");
	u32 keys[8] = {1, 2, 3, 4}, got[8], cursor = 0, sum = 0;
	u64 values[8] = {10, 20, 30, 40}, vals[8];
	union bpf_attr a = {.batch.map_fd = hash,
			    .batch.keys = (uintptr_t)keys,
			    .batch.values = (uintptr_t)values,
			    .batch.count = 4};

	assert_int_equal(userbpf_bpf(u, BPF_MAP_UPDATE_BATCH, &a, sizeof(a)), 0);
	assert_int_equal(a.batch.count, 4);
	a = (union bpf_attr){.batch.map_fd = hash,
			     .batch.keys = (uintptr_t)got,
			     .batch.values = (uintptr_t)vals,
			     .batch.count = 8};
	a.batch.out_batch = (uintptr_t)&cursor;
	assert_int_equal(userbpf_bpf(u, BPF_MAP_LOOKUP_AND_DELETE_BATCH, &a, sizeof(a)), -ENOENT);
	assert_int_equal(a.batch.count, 4);
	for (u32 i = 0; i < 4; i++) {
		assert_int_equal(vals[i], got[i] * 10);
		sum += got[i];
	}
	assert_int_equal(sum, 10);
	assert_int_equal(elem(u, BPF_MAP_LOOKUP_ELEM, hash, 1, vals, 0), -ENOENT);
	close(hash);
}

/* Without capabilities, where unprivileged_bpf_disabled is 0: the kernel's rules. */
static void test_unprivileged(void **state)
{
	struct userbpf_options o = {.size = sizeof(o), .vmlinux_btf = vmlinux, .drop_caps = ~0ull};
	const struct bpf_insn zero[] = {MOV_IMM(BPF_REG_0, 0), EXIT};
	struct bpf_prog_info info = {.xlated_prog_len = 8};
	union bpf_attr a = {0};
	struct userbpf *u = userbpf_open(&o);
	int map = create(u, BPF_MAP_TYPE_HASH, 8, 1, 0, "m"), prog = load(u, zero, 2, "zero");

	assert_true(map >= 0);
	assert_true(prog >= 0);
	assert_int_equal(create(u, BPF_MAP_TYPE_HASH, 8, 1, BPF_F_ZERO_SEED, "z"), -EPERM);
	assert_int_equal(load_as(u, BPF_PROG_TYPE_XDP, 0, 0, zero, 2, "xdp"), -EPERM);
	assert_int_equal(load_as(u, BPF_PROG_TYPE_KPROBE, 0, 0, zero, 2, "kprobe"), -EPERM);
	assert_int_equal(userbpf_bpf(u, BPF_MAP_GET_NEXT_ID, &a, sizeof(a)), -EPERM);
	a = (union bpf_attr){.map_id = 1};
	assert_int_equal(userbpf_bpf(u, BPF_MAP_GET_FD_BY_ID, &a, sizeof(a)), -EPERM);
	a = (union bpf_attr){.map_fd = map};
	assert_int_equal(userbpf_bpf(u, BPF_MAP_FREEZE, &a, sizeof(a)), -EPERM);
	/* one may ask about one's own program, but not see its code */
	assert_int_equal(info_of(u, prog, &info, sizeof(info)), sizeof(info));
	assert_int_equal(info.xlated_prog_len, 0);
	close(map);
	close(prog);
	assert_int_equal(userbpf_close(u), 0);

	o.unprivileged_bpf_disabled = 2;
	u = userbpf_open(&o);
	assert_int_equal(create(u, BPF_MAP_TYPE_HASH, 8, 1, 0, "m"), -EPERM);
	assert_int_equal(load(u, zero, 2, "zero"), -EPERM);
	assert_int_equal(userbpf_close(u), 0);
}

/* What is not in the options struct we know must be zero. */
static void test_options(void **state)
{
	struct {
		struct userbpf_options o;
		u64 more;
	} big = {.o.size = sizeof(big)};
	struct userbpf *u = userbpf_open(&big.o);

	assert_non_null(u);
	assert_int_equal(userbpf_close(u), 0);
	big.more = 1;
	assert_null(userbpf_open(&big.o));
	assert_int_equal(errno, E2BIG);
	big.o = (struct userbpf_options){.size = 4};
	assert_null(userbpf_open(&big.o));
	assert_int_equal(errno, EINVAL);
	big.o = (struct userbpf_options){.size = sizeof(big.o), .vmlinux_btf = "/no/such/file"};
	assert_null(userbpf_open(&big.o));
	assert_int_equal(errno, ENOENT);
}

/* Two instances know nothing of each other. */
static void test_instances(void **state)
{
	struct userbpf *u = *state, *other = userbpf_open(NULL);
	int map = create(u, BPF_MAP_TYPE_ARRAY, 8, 1, 0, "m");
	union bpf_attr a = {.map_id = 1};
	u64 v;

	assert_int_equal(elem(u, BPF_MAP_LOOKUP_ELEM, map, 0, &v, 0), 0);
	assert_int_equal(elem(other, BPF_MAP_LOOKUP_ELEM, map, 0, &v, 0), -EINVAL);
	assert_int_equal(userbpf_bpf(other, BPF_MAP_GET_FD_BY_ID, &a, sizeof(a)), -ENOENT);
	assert_int_equal(userbpf_close(other), 0);
	close(map);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_map_info),     T(test_prog_info),      T(test_run_and_stats),
		T(test_kfuncs),	      T(test_btf_info),	      T(test_ids),
		T(test_iter),	      T(test_iter_abandoned), T(test_pins),
		T(test_cat_maps),     T(test_mmap),	      T(test_prog_array),
		T(test_fork_keeps),   T(test_threads),	      T(test_batch),
		T(test_syscall_prog), T(test_unprivileged),   T(test_options),
		T(test_instances),
	};

	vmlinux = argc > 1 ? argv[1] : NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
