/* SPDX-License-Identifier: BSD-2-Clause */
/* The table, and the helpers that need no packet and no service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/slot.h"
#include "isa/insn.h"
#include "exec/context.h"
#include "exec/fault.h"
#include "helper/build_id.h"
#include "helper/helper.h"
#include "helper/task.h"

static struct exec_run run;

#define CALL(name, ...) call(BPF_FUNC_##name, (u64[5]){__VA_ARGS__})
#define PTR(p)		((u64)(p))

static s64 call(u32 id, const u64 r[5])
{
	return (s64)exec_helpers[id](r[0], r[1], r[2], r[3], r[4], &run);
}

/* --- table --- */

static void test_table(void **state)
{
	int nr = 0;

	for (u32 id = 0; id < EXEC_NR_HELPERS; id++) {
		const struct helper_proto *p = helper_by_id(id);

		if (!p) {
			assert_null(exec_helpers[id]);
			continue;
		}
		nr++;
		assert_int_equal(p->id, id);
		if (id < HELPER_IDS_END)
			assert_string_equal(p->name, helper_name(id));
		assert_true(p->fn == exec_helpers[id]);
		assert_true(p->fn || id == BPF_FUNC_tail_call);
		/* arguments stand together from the first */
		for (int i = 1; i < 5; i++)
			assert_false(p->arg[i] && !p->arg[i - 1]);
		for (int i = 0; i < 5; i++)
			if (p->arg[i] == ARG_CONST_SIZE || p->arg[i] == ARG_CONST_SIZE_OR_ZERO)
				assert_true(i && ((p->arg[i - 1] & BPF_BASE_TYPE_MASK) ==
						  ARG_PTR_TO_MEM));
	}
	assert_true(nr >= 40);
	assert_string_equal(helper_name(1), "map_lookup_elem");
	assert_string_equal(helper_name(0), "unspec");
	assert_string_equal(helper_name(BPF_FUNC_user_ringbuf_drain), "user_ringbuf_drain");
	assert_string_equal(helper_name(HELPER_IDS_END), "unknown");
	assert_string_equal(helper_name(0xffffffff), "unknown");
	assert_null(helper_by_id(0));
	assert_null(helper_by_id(0xffffffff));
}

static void test_groups(void **state)
{
	assert_non_null(helper_for(BPF_FUNC_map_lookup_elem, HG_BASE));
	assert_null(helper_for(BPF_FUNC_spin_lock, HG_BASE));
	assert_non_null(helper_for(BPF_FUNC_spin_lock, HG_BASE | HG_BPF));
	assert_null(helper_for(BPF_FUNC_seq_printf, HG_BASE | HG_BPF | HG_PERFMON | HG_TRACING));
	assert_string_equal(helper_for(BPF_FUNC_seq_printf, HG_ITER)->arg_btf[0], "seq_file");
	assert_int_equal(helper_for(BPF_FUNC_map_lookup_elem, HG_BASE)->ret,
			 RET_PTR_TO_MAP_VALUE | PTR_MAYBE_NULL);
	assert_true(helper_for(BPF_FUNC_trace_printk, HG_PERFMON)->flags & HELPER_GPL);
}

/* --- numbers from text --- */

static void test_strtol(void **state)
{
	static const struct {
		const char *text;
		u64 flags;
		s64 ret, value;
		bool is_unsigned;
	} rows[] = {
		{"123", 0, 3, 123, 0},
		{"  -123", 10, 6, -123, 0},
		{"0x1f", 0, 4, 31, 0},
		{"0x1F", 16, 4, 31, 0},
		{"1f", 16, 2, 31, 0},
		{"017", 0, 3, 15, 0},
		{"19", 8, 1, 1, 0},
		{"12abc", 0, 2, 12, 0},
		{"0xg", 0, 1, 0, 0},
		{"0x", 16, -EINVAL, 0, 0},
		{"", 0, -EINVAL, 0, 0},
		{"-", 0, -EINVAL, 0, 0},
		{"   ", 0, -EINVAL, 0, 0},
		{"abc", 0, -EINVAL, 0, 0},
		{"+5", 0, -EINVAL, 0, 0},
		{"--5", 0, -EINVAL, 0, 0},
		{"5", 7, -EINVAL, 0, 0},
		{"5", 32, -EINVAL, 0, 0},
		{"5", 1ull << 40, -EINVAL, 0, 0},
		{"9223372036854775807", 0, 19, INT64_MAX, 0},
		{"9223372036854775808", 0, -ERANGE, 0, 0},
		{"-9223372036854775808", 0, 20, INT64_MIN, 0},
		{"-9223372036854775809", 0, -ERANGE, 0, 0},
		{"18446744073709551615", 0, 20, -1, 1},
		{"18446744073709551616", 0, -ERANGE, 0, 1},
		{"-5", 0, -EINVAL, 0, 1},
		{"0xffffffffffffffff", 0, 18, -1, 1},
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		u32 id = rows[i].is_unsigned ? BPF_FUNC_strtoul : BPF_FUNC_strtol;
		s64 v = 77;
		s64 ret = call(id, (u64[5]){PTR(rows[i].text), strlen(rows[i].text), rows[i].flags,
					    PTR(&v)});

		if (ret != rows[i].ret || v != rows[i].value)
			fail_msg("'%s': %lld, %lld", rows[i].text, ret, v);
	}
}

static void test_strncmp(void **state)
{
	assert_int_equal(CALL(strncmp, PTR("abc"), 3, PTR("abc")), 0);
	assert_int_equal(CALL(strncmp, PTR("abc"), 4, PTR("abd")), -1);
	assert_int_equal(CALL(strncmp, PTR("\xff"), 1, PTR("a")), 1);
	assert_int_equal(CALL(strncmp, PTR("abX"), 2, PTR("abY")), 0);
	assert_int_equal(CALL(strncmp, PTR("ab\0X"), 4, PTR("ab\0Y")), 0);
	assert_int_equal(CALL(strncmp, PTR("ab"), 3, PTR("abc")), -1);
}

/* --- memory --- */

static void test_probe(void **state)
{
	static const u32 ids[] = {BPF_FUNC_probe_read, BPF_FUNC_probe_read_kernel,
				  BPF_FUNC_probe_read_user, BPF_FUNC_copy_from_user};
	static const u32 strs[] = {BPF_FUNC_probe_read_str, BPF_FUNC_probe_read_kernel_str,
				   BPF_FUNC_probe_read_user_str};
	char buf[8], zero[8] = "";

	fault_init();
	for (u32 i = 0; i < ARRAY_SIZE(ids); i++) {
		assert_int_equal(call(ids[i], (u64[5]){PTR(buf), 8, PTR("1234567")}), 0);
		assert_string_equal(buf, "1234567");
		assert_int_equal(call(ids[i], (u64[5]){PTR(buf), 8, 16}), -EFAULT);
		assert_memory_equal(buf, zero, 8);
		assert_int_equal(call(ids[i], (u64[5]){PTR(buf), 0, 16}), 0);
	}
	for (u32 i = 0; i < ARRAY_SIZE(strs); i++) {
		memset(buf, 'x', 8);
		assert_int_equal(call(strs[i], (u64[5]){PTR(buf), 8, PTR("abc")}), 4);
		assert_string_equal(buf, "abc");
		assert_int_equal(call(strs[i], (u64[5]){PTR(buf), 3, PTR("abcdef")}), 3);
		assert_string_equal(buf, "ab");
		assert_int_equal(call(strs[i], (u64[5]){PTR(buf), 8, 1}), -EFAULT);
		assert_memory_equal(buf, zero, 8);
	}
}

/* --- time and tasks --- */

static void test_time(void **state)
{
	struct timespec ts;
	s64 a, b, mono;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	mono = ts.tv_sec * 1000000000ll + ts.tv_nsec;
	a = CALL(ktime_get_ns);
	b = CALL(ktime_get_ns);
	assert_true(mono <= a && a <= b && b < mono + 10000000000ll);
	assert_true(CALL(ktime_get_boot_ns) >= a);
	assert_true(CALL(ktime_get_coarse_ns) + 100000000 > a);
	assert_true(CALL(ktime_get_tai_ns) > 1000000000000000000ll);
	assert_true(CALL(jiffies64) >= (s64)(u32)(-300 * 250));
}

static void test_random(void **state)
{
	u32 all = 0, none = ~0u;

	for (int i = 0; i < 200; i++) {
		s64 v = CALL(get_prandom_u32);

		assert_true(v >= 0 && v <= UINT32_MAX);
		all |= (u32)v;
		none &= (u32)v;
	}
	assert_int_equal(all, ~0u);
	assert_int_equal(none, 0);
}

static void test_task(void **state)
{
	struct bpf_pidns_info ns;
	struct stat st;
	char comm[16], small[4];

	assert_int_equal(CALL(get_current_pid_tgid), (s64)((u64)getpid() << 32 | (u64)gettid()));
	assert_int_equal(CALL(get_current_uid_gid), (s64)((u64)getgid() << 32 | getuid()));
	prctl(PR_SET_NAME, "a-task");
	memset(comm, 'x', sizeof(comm));
	assert_int_equal(CALL(get_current_comm, PTR(comm), sizeof(comm)), 0);
	assert_memory_equal(comm, "a-task\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(CALL(get_current_comm, PTR(small), sizeof(small)), 0);
	assert_string_equal(small, "a-t");
	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	assert_int_equal(CALL(get_ns_current_pid_tgid, st.st_dev, st.st_ino, PTR(&ns), sizeof(ns)),
			 0);
	assert_int_equal(ns.tgid, getpid());
	assert_int_equal(
		CALL(get_ns_current_pid_tgid, st.st_dev, st.st_ino + 1, PTR(&ns), sizeof(ns)),
		-EINVAL);
	assert_int_equal(ns.tgid, 0);
	slot_enter();
	assert_int_equal(CALL(get_smp_processor_id), slot_current());
	slot_leave();
}

/* Another task than the thread that runs the program. */
static void test_other_task(void **state)
{
	struct exec_task t = {.pid = 12, .tgid = 11, .uid = 5, .gid = 6, .comm = "somebody-called"};
	struct bpf_pidns_info ns;
	struct stat st;
	char comm[16];

	run.task = &t;
	assert_int_equal(CALL(get_current_pid_tgid), 11ull << 32 | 12);
	assert_int_equal(CALL(get_current_uid_gid), 6ull << 32 | 5);
	assert_int_equal(CALL(get_current_comm, PTR(comm), sizeof(comm)), 0);
	assert_string_equal(comm, "somebody-called");
	assert_int_equal(stat("/proc/self/ns/pid", &st), 0);
	assert_int_equal(CALL(get_ns_current_pid_tgid, st.st_dev, st.st_ino, PTR(&ns), sizeof(ns)),
			 0);
	assert_int_equal(ns.tgid, 11);
	assert_int_equal(ns.pid, 12);
	run.task = NULL;
}

/* What a program knows of its place. */
static void test_attached(void **state)
{
	struct bpf_perf_event_value value = {1, 2, 3}, got;
	struct exec_image img = {.attach_type = BPF_TRACE_FENTRY};
	u64 frame[] = {2, 100, 200, 300}, v = 0; /* two arguments and the result */

	run.cookie = 0x1122334455667788;
	assert_int_equal(CALL(get_attach_cookie), 0x1122334455667788);
	run.ip = 0x1000;
	assert_int_equal(CALL(get_func_ip), 0x1000);
	run.image = &img;
	assert_int_equal(CALL(get_func_arg_cnt, PTR(&frame[1])), 2);
	assert_int_equal(CALL(get_func_arg, PTR(&frame[1]), 1, PTR(&v)), 0);
	assert_int_equal(v, 200);
	assert_int_equal(CALL(get_func_arg, PTR(&frame[1]), 2, PTR(&v)), -EINVAL);
	assert_int_equal(CALL(get_func_ret, PTR(&frame[1]), PTR(&v)), -EOPNOTSUPP);
	img.attach_type = BPF_TRACE_FEXIT;
	assert_int_equal(CALL(get_func_ret, PTR(&frame[1]), PTR(&v)), 0);
	assert_int_equal(v, 300);
	assert_int_equal(CALL(perf_prog_read_value, 0, PTR(&got), sizeof(got)), -EINVAL);
	assert_int_equal(got.counter, 0);
	run.perf = &value;
	assert_int_equal(CALL(perf_prog_read_value, 0, PTR(&got), sizeof(got)), 0);
	assert_memory_equal(&got, &value, sizeof(value));
	assert_int_equal(CALL(perf_prog_read_value, 0, PTR(&got), 8), -EINVAL);
	assert_false(run.override);
	assert_int_equal(CALL(override_return, 0, -EPERM), 0);
	assert_true(run.override);
	assert_int_equal(run.override_rc, (u64)-EPERM);
	memset(&run, 0, sizeof(run));
}

static void test_locks(void **state)
{
	struct bpf_spin_lock lock = {0};

	CALL(spin_lock, PTR(&lock));
	assert_int_equal(lock.val, gettid());
	CALL(spin_unlock, PTR(&lock));
	assert_int_equal(lock.val, 0);
}

/* --- text --- */

static char printed[64];

static void to_printed(void *arg, const char *text, u32 len)
{
	snprintf(printed, sizeof(printed), "%.*s", (int)len, text);
}

static long show_btf(void *arg, u32 id, const void *obj, u64 flags,
		     int (*emit)(void *out, const char *s, size_t n), void *out)
{
	if (id == 99)
		return -ENOENT;
	emit(out, "(int)", 5);
	emit(out, "12345", 5);
	return 10;
}

static const struct exec_host host = {.trace_printk = to_printed, .btf_show = show_btf};

static void test_printk(void **state)
{
	u64 args[] = {4, 5};

	run.host = &host;
	assert_int_equal(CALL(trace_printk, PTR("%d %d %d\n"), 10, 1, 2, 3), 6);
	assert_string_equal(printed, "1 2 3\n");
	assert_int_equal(CALL(trace_printk, PTR("%d %d %d %d\n"), 13, 1, 2, 3), -EINVAL);
	assert_int_equal(CALL(trace_printk, PTR("no end"), 3), -EINVAL);
	assert_int_equal(CALL(trace_vprintk, PTR("%d,%d"), 6, PTR(args), 16), 3);
	assert_string_equal(printed, "4,5");
	assert_int_equal(CALL(trace_vprintk, PTR("x"), 2, 0, 0), 1);
	assert_int_equal(CALL(trace_vprintk, PTR("x"), 2, PTR(args), 7), -EINVAL);
	assert_int_equal(CALL(trace_vprintk, PTR("x"), 2, PTR(args), 8 * 13), -EINVAL);
	assert_int_equal(CALL(trace_vprintk, PTR("x"), 2, 0, 8), -EINVAL);
	run.host = NULL;
	assert_int_equal(CALL(trace_printk, PTR("x"), 2), 1);
}

static void test_snprintf(void **state)
{
	u64 args[] = {4, 5};
	char buf[4];

	assert_int_equal(CALL(snprintf, PTR(buf), 4, PTR("%d--%d"), PTR(args), 16), 5);
	assert_string_equal(buf, "4--");
	assert_int_equal(CALL(snprintf, 0, 0, PTR("%d"), PTR(args), 16), 2);
	assert_int_equal(CALL(snprintf, PTR(buf), 4, PTR("%d"), PTR(args), 0), -EINVAL);
	assert_int_equal(CALL(snprintf, PTR(buf), 4, PTR("x"), PTR(args), 12), -EINVAL);
}

/* What does not fit leaves the file full, which is how its reader knows. */
static void test_seq(void **state)
{
	char buf[16];
	struct seq_file m = {.buf = buf, .size = sizeof(buf)};
	u64 args[] = {42, PTR("name")};

	fault_init();
	assert_int_equal(CALL(seq_printf, PTR(&m), PTR("%4u %s\n"), 8, PTR(args), 16), 0);
	assert_int_equal(m.count, 10);
	assert_memory_equal(buf, "  42 name\n", 10);
	assert_int_equal(CALL(seq_write, PTR(&m), PTR("abcde"), 5), 0);
	assert_int_equal(m.count, 15);
	assert_int_equal(CALL(seq_printf, PTR(&m), PTR("%%bad %q"), 9, PTR(args), 16), -EINVAL);
	assert_int_equal(m.count, 15);
	assert_int_equal(CALL(seq_write, PTR(&m), PTR("x"), 1), -EOVERFLOW);
	assert_int_equal(m.count, m.size);
	m.count = 8;
	assert_int_equal(CALL(seq_printf, PTR(&m), PTR("12345678"), 9, 0, 0), -EOVERFLOW);
	assert_int_equal(m.count, m.size);
	assert_int_equal(CALL(seq_printf, PTR(&m), PTR(""), 1, 0, 0), -EOVERFLOW);
}

static void test_btf(void **state)
{
	struct btf_ptr p = {.ptr = &p, .type_id = 1};
	char buf[8];
	struct seq_file m = {.buf = buf, .size = sizeof(buf)};

	assert_int_equal(CALL(snprintf_btf, PTR(buf), 8, PTR(&p), sizeof(p), 0), -EINVAL);
	run.host = &host;
	assert_int_equal(CALL(snprintf_btf, PTR(buf), 8, PTR(&p), sizeof(p), 0), 10);
	assert_string_equal(buf, "(int)12");
	assert_int_equal(CALL(snprintf_btf, PTR(buf), 8, PTR(&p), sizeof(p) - 1, 0), -EINVAL);
	assert_int_equal(CALL(snprintf_btf, PTR(buf), 8, PTR(&p), sizeof(p), 1 << 8), -EINVAL);
	p.type_id = 0;
	assert_int_equal(CALL(snprintf_btf, PTR(buf), 8, PTR(&p), sizeof(p), 0), -EINVAL);
	p.type_id = 99;
	assert_int_equal(CALL(snprintf_btf, PTR(buf), 8, PTR(&p), sizeof(p), 0), -ENOENT);
	assert_int_equal(CALL(seq_printf_btf, PTR(&m), PTR(&p), sizeof(p), 0), -ENOENT);
	p.type_id = 1;
	assert_int_equal(CALL(seq_printf_btf, PTR(&m), PTR(&p), sizeof(p), 0), 0);
	assert_int_equal(m.count, m.size);
	run.host = NULL;
}

/* --- syscall programs --- */

static long my_bpf(void *arg, int cmd, void *attr, u32 size)
{
	return 100 + cmd;
}
static long my_close(void *arg, int fd)
{
	return fd == 3 ? 0 : -EBADF;
}
static long my_find(void *arg, const char *name, u32 len, u32 kind)
{
	return kind;
}
static long my_ksym(void *arg, const char *name, u32 len, u64 *addr)
{
	*addr = 0x1000;
	return strcmp(name, "known") ? -ENOENT : 0;
}

static void test_syscall(void **state)
{
	const struct exec_host h = {.sys_bpf = my_bpf,
				    .sys_close = my_close,
				    .btf_find = my_find,
				    .ksym_find = my_ksym};
	u64 addr = 7;

	assert_int_equal(CALL(sys_bpf, BPF_MAP_CREATE), -EINVAL);
	run.host = &h;
	assert_int_equal(CALL(sys_bpf, BPF_PROG_LOAD), 100 + BPF_PROG_LOAD);
	assert_int_equal(CALL(sys_bpf, BPF_MAP_LOOKUP_ELEM), -EINVAL);
	assert_int_equal(CALL(sys_bpf, BPF_OBJ_PIN), -EINVAL);
	assert_int_equal(CALL(sys_close, 3), 0);
	assert_int_equal(CALL(sys_close, 4), -EBADF);
	assert_int_equal(CALL(btf_find_by_name_kind, PTR("task"), 5, 4, 0), 4);
	assert_int_equal(CALL(btf_find_by_name_kind, PTR("task"), 4, 4, 0), -EINVAL);
	assert_int_equal(CALL(btf_find_by_name_kind, PTR(""), 1, 4, 0), -EINVAL);
	assert_int_equal(CALL(btf_find_by_name_kind, PTR("task"), 5, 4, 1), -EINVAL);
	assert_int_equal(CALL(kallsyms_lookup_name, PTR("known"), 6, 1, PTR(&addr)), -EINVAL);
	assert_int_equal(addr, 0);
	assert_int_equal(CALL(kallsyms_lookup_name, PTR("known"), 5, 0, PTR(&addr)), -EINVAL);
	assert_int_equal(CALL(kallsyms_lookup_name, PTR("known"), 6, 0, PTR(&addr)), 0);
	assert_int_equal(addr, 0x1000);
	assert_int_equal(CALL(kallsyms_lookup_name, PTR("other"), 6, 0, PTR(&addr)), -ENOENT);
	run.host = NULL;
}

static void open_map(struct bpf_map *map, u32 type, u32 value_size)
{
	const struct map_attr a = {.map_type = type,
				   .key_size = 4,
				   .value_size = value_size,
				   .max_entries = 4,
				   .nr_cpus = 2};

	assert_int_equal(map_check_attr(&a), 0);
	assert_int_equal(map_open(map, &a), 0);
}

/* What is in a map decides where a packet would go; by bpf(2)'s rules for such maps. */
static void test_redirect_maps(void **state)
{
	struct bpf_map dev, hash, cpu;
	u64 none = 0x7fffffff, lo = 1, prog = 1 | 1ull << 32, v;
	u32 key = 3, out = 4;

	open_map(&dev, BPF_MAP_TYPE_DEVMAP, 4);
	open_map(&hash, BPF_MAP_TYPE_DEVMAP_HASH, 8);
	open_map(&cpu, BPF_MAP_TYPE_CPUMAP, 4);

	assert_int_equal(CALL(redirect_map, PTR(&dev), 0, 0), XDP_ABORTED);
	assert_int_equal(CALL(redirect_map, PTR(&dev), 0, XDP_PASS), XDP_PASS);
	assert_int_equal(CALL(redirect_map, PTR(&dev), 0, BPF_F_BROADCAST | XDP_DROP),
			 XDP_REDIRECT);
	assert_int_equal(CALL(redirect_map, PTR(&dev), 0, 1u << 5), XDP_ABORTED);
	assert_int_equal(CALL(redirect_map, PTR(&cpu), 0, XDP_TX), XDP_TX);
	assert_int_equal(CALL(redirect_map, PTR(&cpu), 0, BPF_F_BROADCAST | XDP_PASS), XDP_ABORTED);

	assert_int_equal(map_sys_update(&dev, &key, &none, 0), -EINVAL); /* no such device */
	assert_int_equal(map_sys_update(&dev, &key, &lo, 3), -EINVAL);
	assert_int_equal(map_sys_update(&dev, &out, &lo, 0), -E2BIG);
	assert_int_equal(map_sys_update(&dev, &key, &lo, BPF_NOEXIST), -EEXIST);
	assert_int_equal(map_sys_lookup(&dev, &key, &v, 0), -ENOENT);
	assert_int_equal(map_sys_update(&dev, &key, &lo, 0), 0);
	assert_int_equal(CALL(redirect_map, PTR(&dev), 3, XDP_PASS), XDP_REDIRECT);
	assert_int_equal(CALL(redirect_map, PTR(&dev), 2, XDP_PASS), XDP_PASS);
	assert_int_equal(CALL(redirect_map, PTR(&dev), 4, XDP_PASS), XDP_PASS);
	v = 0;
	assert_int_equal(map_sys_lookup(&dev, &key, &v, 0), 0);
	assert_int_equal(v, 1);
	assert_int_equal(map_sys_delete(&dev, &key), 0);
	assert_int_equal(map_sys_delete(&dev, &key), 0);
	assert_int_equal(map_sys_delete(&dev, &out), -EINVAL);
	assert_int_equal(CALL(redirect_map, PTR(&dev), 3, XDP_PASS), XDP_PASS);

	key = 70000;
	assert_int_equal(map_sys_update(&hash, &key, &none, 0), -EINVAL);
	assert_int_equal(map_sys_update(&hash, &key, &prog, 0), -EOPNOTSUPP);
	assert_int_equal(map_sys_update(&hash, &key, &lo, BPF_EXIST), 0);
	assert_int_equal(map_sys_update(&hash, &key, &lo, BPF_NOEXIST), -EEXIST);
	assert_int_equal(CALL(redirect_map, PTR(&hash), key, 0), XDP_REDIRECT);
	assert_int_equal(map_sys_lookup(&hash, &key, &v, 0), 0);
	assert_int_equal(v, 1);
	assert_int_equal(map_sys_next_key(&hash, NULL, &out), 0);
	assert_int_equal(out, 70000);
	assert_int_equal(map_sys_delete(&hash, &key), 0);
	assert_int_equal(map_sys_delete(&hash, &key), -ENOENT);

	key = 1;
	v = 16385;
	assert_int_equal(map_sys_update(&cpu, &key, &v, 0), -EOVERFLOW);
	v = 192;
	assert_int_equal(map_sys_update(&cpu, &key, &v, 0), 0);
	assert_int_equal(CALL(redirect_map, PTR(&cpu), 1, XDP_TX), XDP_REDIRECT);
	key = 2;
	assert_int_equal(map_sys_update(&cpu, &key, &v, 0), -ENODEV);
	key = 1;
	v = 0;
	assert_int_equal(map_sys_update(&cpu, &key, &v, 0), 0);
	assert_int_equal(CALL(redirect_map, PTR(&cpu), 1, XDP_TX), XDP_TX);
	map_close(&dev);
	map_close(&hash);
	map_close(&cpu);
}

static void test_cgroup_array(void **state)
{
	const struct map_attr a = {.map_type = BPF_MAP_TYPE_CGROUP_ARRAY,
				   .key_size = 4,
				   .value_size = 4,
				   .max_entries = 4,
				   .nr_cpus = 1};
	struct bpf_map map;
	u64 own = CALL(get_current_cgroup_id);

	assert_int_equal(map_open(&map, &a), 0);
	assert_int_equal((s64)CALL(current_task_under_cgroup, PTR(&map), 0), -EAGAIN);
	assert_int_equal((s64)CALL(current_task_under_cgroup, PTR(&map), 4), -E2BIG);
	assert_int_equal(map_cgroup_array_store(&map, 0, own + 1), 0);
	assert_int_equal(CALL(current_task_under_cgroup, PTR(&map), 0), 0);
	if (own) { /* 0: no v2 hierarchy */
		assert_int_equal(map_cgroup_array_store(&map, 0, own), 0);
		assert_int_equal(CALL(current_task_under_cgroup, PTR(&map), 0), 1);
		own = CALL(get_current_ancestor_cgroup_id, 0);
		assert_int_equal(map_cgroup_array_store(&map, 0, own), 0);
		assert_int_equal(CALL(current_task_under_cgroup, PTR(&map), 0), 1);
	}
	assert_int_equal(map_cgroup_array_store(&map, 0, 0), 0);
	assert_int_equal(map_cgroup_array_store(&map, 0, 0), -ENOENT);
	assert_int_equal(map_cgroup_array_store(&map, 4, 1), -E2BIG);
	map_close(&map);
}

/* --- storage of tasks --- */

static void test_task_storage(void **state)
{
	const struct map_attr a = {.map_type = BPF_MAP_TYPE_TASK_STORAGE,
				   .key_size = 4,
				   .value_size = 8,
				   .map_flags = BPF_F_NO_PREALLOC,
				   .nr_cpus = 1};
	const struct task_struct *t = (void *)CALL(get_current_task_btf);
	int fd = (int)syscall(SYS_pidfd_open, getpid(), 0), file;
	struct bpf_map map;
	u64 v = 5, *p;

	fault_init();
	assert_int_equal(map_open(&map, &a), 0);
	assert_int_equal(CALL(task_storage_get, PTR(&map), PTR(t), 0, 0), 0);
	assert_int_equal(CALL(task_storage_get, PTR(&map), 0, 0, 1), 0);
	assert_int_equal(CALL(task_storage_get, PTR(&map), 8, 0, 1), 0); /* leads nowhere */
	assert_int_equal(CALL(task_storage_get, PTR(&map), PTR(t), 0, 3), 0);
	p = (u64 *)CALL(task_storage_get, PTR(&map), PTR(t), PTR(&v), 1);
	assert_non_null(p);
	assert_int_equal(*p, 5);
	assert_ptr_equal(CALL(task_storage_get, PTR(&map), PTR(t), 0, 0), p);
	assert_int_equal(CALL(task_storage_get, PTR(&map), PTR(t->real_parent), 0, 0), 0);
	if (fd >= 0) {
		*p = 6;
		assert_int_equal(map_sys_lookup(&map, &fd, &v, 0), 0);
		assert_int_equal(v, 6);
		close(fd);
	}
	file = open("/dev/null", O_RDONLY);
	assert_int_equal(map_sys_lookup(&map, &file, &v, 0), -EBADF);
	close(file);
	assert_int_equal(map_sys_lookup(&map, &file, &v, 0), -EBADF);
	assert_int_equal(CALL(task_storage_delete, PTR(&map), PTR(t)), 0);
	assert_int_equal((s64)CALL(task_storage_delete, PTR(&map), PTR(t)), -ENOENT);
	assert_int_equal((s64)CALL(task_storage_delete, PTR(&map), 0), -EINVAL);
	map_close(&map);
}

/* --- struct task_struct --- */

static void check_task(const struct task_struct *t)
{
	assert_int_equal(t->pid, gettid());
	assert_int_equal(t->tgid, getpid());
	assert_int_equal(t->group_leader->pid, getpid());
	assert_int_equal(t->real_parent->tgid, getppid());
	assert_int_equal(t->cred->uid.val, getuid());
	assert_int_equal(t->real_cred->egid.val, getegid());
	assert_int_equal(t->thread_pid->numbers[0].nr, gettid());
	assert_int_equal(t->signal->pids[PIDTYPE_PGID]->numbers[0].nr, getpgid(0));
	assert_int_equal(t->signal->pids[PIDTYPE_SID]->numbers[0].nr, getsid(0));
}

static void test_current_task(void **state)
{
	const struct task_struct *t = (void *)CALL(get_current_task);
	struct timespec boot;
	struct stat st;

	prctl(PR_SET_NAME, "(odd) name");
	assert_ptr_equal(CALL(get_current_task_btf), t); /* one address per thread */
	check_task(t);
	assert_string_equal(t->comm, "(odd) name");
	assert_string_equal(t->group_leader->comm, t->comm);
	assert_int_equal(t->mm->arg_start != 0, 1);
	assert_int_equal(t->static_prio, 120 + getpriority(PRIO_PROCESS, 0));
	stat("/proc/self/ns/mnt", &st);
	assert_int_equal(t->nsproxy->mnt_ns->ns.inum, st.st_ino);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	assert_true(t->start_boottime && t->start_boottime / 1000000000 <= (u64)boot.tv_sec);
	assert_true(t->real_parent->start_boottime <= t->start_boottime);
}

static void *in_thread(void *arg)
{
	const struct task_struct *t = (void *)CALL(get_current_task);

	assert_ptr_not_equal(t, arg);
	check_task(t);
	assert_ptr_not_equal(t->group_leader, t);
	assert_int_equal(t->group_leader->tgid, getpid());
	return NULL;
}

/* Another thread has a view of its own, a forked child is somebody else at once. */
static void test_tasks(void **state)
{
	void *mine = (void *)CALL(get_current_task);
	pthread_t thread;
	int status;
	pid_t pid;

	assert_int_equal(pthread_create(&thread, NULL, in_thread, mine), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pid = fork();
	if (!pid) {
		check_task((void *)CALL(get_current_task));
		_exit(7);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 7);
}

/* Memory of a task: our own, our parent's as far as the host lets us, nobody's. */
static void test_task_memory(void **state)
{
	const struct task_struct *t = (void *)CALL(get_current_task);
	u64 secret = 0x1122334455667788, got = 1, ips[4];

	fault_init(); /* cmocka takes the signal for each test */
	assert_int_equal(CALL(copy_from_user_task, PTR(&got), 8, PTR(&secret), PTR(t), 0), 0);
	assert_int_equal(got, secret);
	assert_int_equal(CALL(copy_from_user_task, PTR(&got), 8, PTR(&secret), PTR(t), 1), -EINVAL);
	assert_int_equal(CALL(copy_from_user_task, PTR(&got), 8, 8, PTR(t), 0), -EFAULT);
	assert_int_equal(got, 0);
	assert_int_equal(CALL(copy_from_user_task, PTR(&got), 8, PTR(&secret), 0, 0), -EFAULT);
	assert_true(CALL(get_task_stack, PTR(t), PTR(ips), sizeof(ips), BPF_F_USER_STACK) > 0);
	assert_int_equal(CALL(get_task_stack, PTR(t), PTR(ips), sizeof(ips), 0), -EFAULT);
	assert_int_equal(
		CALL(get_task_stack, PTR(t->real_parent), PTR(ips), sizeof(ips), BPF_F_USER_STACK),
		-EOPNOTSUPP);
}

/* The id of a cgroup is the inode of its directory. */
static void test_cgroup_id(void **state)
{
	u64 own = (u64)CALL(get_current_cgroup_id), root;
	struct stat st;

	if (!own)
		skip();
	root = (u64)CALL(get_current_ancestor_cgroup_id, 0);
	if (!stat("/sys/fs/cgroup/cgroup.controllers", &st) && !stat("/sys/fs/cgroup", &st))
		assert_int_equal(root, st.st_ino);
	assert_int_equal(CALL(get_current_ancestor_cgroup_id, 99), 0);
	assert_int_equal(CALL(get_current_ancestor_cgroup_id, (u32)-1), 0);
}

/* A mark for congestion, and the header's sum with it. */
static void test_ecn(void **state)
{
	u8 ip[20] = {0x45, 1, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
	struct sk_buff skb = {.head = ip, .data = ip, .data_end = ip + 20, .protocol = 8};
	u32 sum = 0;

	for (u32 i = 0; i < 20; i += 2)
		sum += (u32)ip[i] << 8 | ip[i + 1];
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[10] = (u8)(sum >> 8);
	ip[11] = (u8)sum;
	assert_int_equal(CALL(skb_ecn_set_ce, PTR(&skb)), 1);
	assert_int_equal(ip[1], 3);
	for (u32 i = sum = 0; i < 20; i += 2)
		sum += (u32)ip[i] << 8 | ip[i + 1];
	assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
	assert_int_equal(CALL(skb_ecn_set_ce, PTR(&skb)), 1); /* has it */
	ip[1] = 0;
	assert_int_equal(CALL(skb_ecn_set_ce, PTR(&skb)), 0); /* knows no marks */
	skb.data_end = ip + 19;
	assert_int_equal(CALL(skb_ecn_set_ce, PTR(&skb)), 0);
}

/* --- stacks --- */

#define STACK_ID(map, flags) ((s64)CALL(get_stackid, 0, PTR(map), flags))

extern char __executable_start, etext;

static void test_stackid(void **state)
{
	struct map_attr a = {.map_type = BPF_MAP_TYPE_STACK_TRACE,
			     .key_size = 4,
			     .value_size = 8 * 8,
			     .max_entries = 1024,
			     .nr_cpus = 1};
	struct bpf_map map;
	u64 ips[8];
	s64 id;
	u32 key;

	assert_int_equal(map_open(&map, &a), 0);
	assert_int_equal(STACK_ID(&map, 1 << 12), -EINVAL);
	assert_int_equal(STACK_ID(&map, 0), -EFAULT); /* no kernel stack */
	assert_int_equal(STACK_ID(&map, BPF_F_USER_STACK | 200), -EFAULT);
	id = STACK_ID(&map, BPF_F_USER_STACK);
	assert_true(id >= 0 && id < 1024);
	key = (u32)id;
	assert_int_equal(map_sys_lookup(&map, &key, ips, 0), 0);
	/* the helper returns to this program */
	assert_true(ips[0] >= PTR(&__executable_start) && ips[0] < PTR(&etext));
	map_close(&map);
}

static void test_build_ids(void **state)
{
	u64 ips[2] = {PTR(dlsym(RTLD_DEFAULT, "strtol")), 0x10};
	struct bpf_stack_build_id got[2];

	build_ids_of(got, ips, 2);
	assert_int_equal(got[0].status, BPF_STACK_BUILD_ID_VALID);
	assert_true(got[0].offset && got[0].offset < ips[0]);
	assert_int_equal(got[1].status, BPF_STACK_BUILD_ID_IP);
	assert_int_equal(got[1].ip, 0x10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	      cmocka_unit_test(test_groups),
		cmocka_unit_test(test_strtol),	      cmocka_unit_test(test_strncmp),
		cmocka_unit_test(test_probe),	      cmocka_unit_test(test_time),
		cmocka_unit_test(test_random),	      cmocka_unit_test(test_task),
		cmocka_unit_test(test_other_task),    cmocka_unit_test(test_attached),
		cmocka_unit_test(test_locks),	      cmocka_unit_test(test_printk),
		cmocka_unit_test(test_snprintf),      cmocka_unit_test(test_seq),
		cmocka_unit_test(test_btf),	      cmocka_unit_test(test_syscall),
		cmocka_unit_test(test_redirect_maps), cmocka_unit_test(test_cgroup_array),
		cmocka_unit_test(test_task_storage),  cmocka_unit_test(test_stackid),
		cmocka_unit_test(test_build_ids),     cmocka_unit_test(test_current_task),
		cmocka_unit_test(test_tasks),	      cmocka_unit_test(test_task_memory),
		cmocka_unit_test(test_cgroup_id),     cmocka_unit_test(test_ecn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
