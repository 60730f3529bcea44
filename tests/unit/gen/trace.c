/* SPDX-License-Identifier: BSD-2-Clause */
/* trace.c - calls of a client become symbolic: what its numbers mean is kept, the numbers are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "gen/record.h"
#include "isa/insn.h"

/* A client in this process: fds are 100 + slot, BTF id N of the kernel is "typeN", of a module (fd 900) "modN". */
static int read_mem(void *arg, void *dst, u64 addr, u64 len)
{
	struct iovec to = {dst, len}, from = {(void *)(uintptr_t)addr, len};

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

static int slot_of(void *arg, int fd)
{
	const struct gen_trace *t = arg;

	return fd >= 100 && fd < 100 + (int)t->nr_slots ? fd - 100 : -1;
}

static int type_of(void *arg, int btf_fd, u32 id, struct gen_symbol *sym)
{
	static char name[32];

	if (id > 1000)
		return -ENOENT;
	snprintf(name, sizeof(name), "%s%u", btf_fd == 900 ? "mod" : "type", id);
	*sym = (struct gen_symbol){.name = name, .btf_kind = BTF_KIND_FUNC, .weak = id == 7};
	return 0;
}

static int ksym_at(void *arg, u64 addr, struct gen_symbol *sym)
{
	if (addr != 0xffffffff81000000ull)
		return -ENOENT;
	*sym = (struct gen_symbol){.name = "_stext"};
	return 0;
}

static struct gen_trace *t;
static u32 fd_array_cnt;

static u32 cnt_of(void *arg)
{
	return fd_array_cnt;
}

static struct gen_client client = {read_mem, slot_of, type_of, ksym_at, cnt_of, NULL};
static struct log text;

static int setup(void **state)
{
	t = gen_trace_new("obj");
	client.arg = t;
	log_init(&text, 1, 4096);
	fd_array_cnt = 0;
	return t ? 0 : -1;
}

static int teardown(void **state)
{
	gen_trace_free(t);
	log_free(&text);
	return 0;
}

static int rec(int cmd, const union bpf_attr *attr)
{
	return gen_record(t, &client, cmd, attr, sizeof(*attr), &text);
}

static int new_map(u32 type, const char *name)
{
	union bpf_attr attr = {.map_type = type, .key_size = 4, .value_size = 4, .max_entries = 4};
	int call = rec(BPF_MAP_CREATE, &attr);

	assert_true(call >= 0);
	return 100 + gen_trace_slot(t, call, GEN_MAP, name);
}

static const struct gen_ref *ref_at(const struct gen_call *c, u32 seg, u32 off)
{
	for (u32 i = 0; i < c->nr_refs; i++)
		if (c->refs[i].at.seg == seg && c->refs[i].at.off == off)
			return &c->refs[i];
	return NULL;
}

static const union bpf_attr *load(const struct bpf_insn *insns, u32 cnt, union bpf_attr *attr)
{
	attr->prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr->insns = (uintptr_t)insns;
	attr->insn_cnt = cnt;
	attr->license = (uintptr_t) "GPL";
	return attr;
}

static const struct gen_call *loaded(const struct bpf_insn *insns, u32 cnt, union bpf_attr attr)
{
	int call = rec(BPF_PROG_LOAD, load(insns, cnt, &attr));

	assert_true(call >= 0);
	return &t->calls[call];
}

/* --- fds --- */

static void test_update(void **state)
{
	int map = new_map(BPF_MAP_TYPE_ARRAY, "m"), call;
	u32 key = 1, value = 42;
	union bpf_attr attr = {.map_fd = map, .key = (uintptr_t)&key, .value = (uintptr_t)&value};
	const struct gen_call *c;

	call = rec(BPF_MAP_UPDATE_ELEM, &attr);
	assert_true(call >= 0);
	c = &t->calls[call];
	assert_int_equal(c->attr.map_fd, 0);
	assert_int_equal(c->attr.key, 0);
	assert_int_equal(c->nr_segs, 2);
	assert_memory_equal(c->segs[1].data, &value, 4);
	assert_int_equal(ref_at(c, GEN_ATTR, 0)->slot, 0);
}

static void test_fd_values(void **state)
{
	int inner = new_map(BPF_MAP_TYPE_ARRAY, "inner"),
	    outer = new_map(BPF_MAP_TYPE_ARRAY_OF_MAPS, "outer"), call;
	u32 key = 1, value = inner;
	union bpf_attr attr = {.map_fd = outer, .key = (uintptr_t)&key, .value = (uintptr_t)&value};
	const struct gen_ref *ref;

	call = rec(BPF_MAP_UPDATE_ELEM, &attr);
	assert_true(call >= 0);
	ref = ref_at(&t->calls[call], 1, 0);
	assert_non_null(ref);
	assert_int_equal(ref->slot, 0);
	assert_memory_equal(t->calls[call].segs[1].data, "\0\0\0\0", 4);
}

static void test_unknown_fd(void **state)
{
	u32 key = 0;
	union bpf_attr attr = {.map_fd = 99, .key = (uintptr_t)&key};

	assert_int_equal(rec(BPF_MAP_DELETE_ELEM, &attr), -EOPNOTSUPP);
	assert_non_null(strstr(text.buf, "fd 99"));
	assert_int_equal(t->nr_calls, 0);
}

static void test_per_cpu(void **state)
{
	int map = new_map(BPF_MAP_TYPE_PERCPU_ARRAY, "m");
	u64 key = 0, value = 0;
	union bpf_attr attr = {.map_fd = map, .key = (uintptr_t)&key, .value = (uintptr_t)&value};

	assert_int_equal(rec(BPF_MAP_UPDATE_ELEM, &attr), -EOPNOTSUPP);
}

static void test_not_repeatable(void **state)
{
	union bpf_attr attr = {.pathname = (uintptr_t) "/sys/fs/bpf/x"};

	assert_int_equal(rec(BPF_OBJ_GET, &attr), -EOPNOTSUPP);
	assert_non_null(strstr(text.buf, "OBJ_GET"));
	assert_int_equal(rec(12345, &attr), -EOPNOTSUPP);
	assert_true(gen_can_repeat(BPF_MAP_FREEZE));
	assert_false(gen_can_repeat(BPF_PROG_BIND_MAP));
}

/* --- programs --- */

static void test_map_insns(void **state)
{
	int a = new_map(BPF_MAP_TYPE_ARRAY, "a"), b = new_map(BPF_MAP_TYPE_ARRAY, "b");
	int fds[] = {b, a};
	const struct bpf_insn insns[] = {
		BPF_LD_MAP_FD(BPF_REG_1, b),
		BPF_LD_MAP_VALUE(BPF_REG_1, a, 2),
		BPF_LD_IMM64_RAW_FULL(BPF_REG_1, BPF_PSEUDO_MAP_IDX, 0, 0, 1, 0),
		BPF_EXIT_INSN(),
	};
	const struct gen_call *c =
		loaded(insns, ARRAY_SIZE(insns), (union bpf_attr){.fd_array = (uintptr_t)fds});
	const struct bpf_insn *got = c->segs[0].data;

	assert_int_equal(ref_at(c, 0, 0)->slot, 1);
	assert_int_equal(ref_at(c, 0, 16)->slot, 0);
	assert_int_equal(ref_at(c, 0, 32)->slot, 0);
	assert_int_equal(got[0].imm, 0);
	assert_int_equal(got[2].src_reg, BPF_PSEUDO_MAP_VALUE);
	assert_int_equal(got[3].imm, 2);
	assert_int_equal(got[4].src_reg, BPF_PSEUDO_MAP_FD);
	assert_int_equal(c->attr.fd_array, 0);
	assert_int_equal(c->attr.insns, 0);
	assert_int_equal(c->attr.license, 0);
}

/* Of fds that are all bound to the program the array stays; others that instructions want come behind. */
static void test_fd_array_cnt(void **state)
{
	int a = new_map(BPF_MAP_TYPE_ARRAY, "a"), b = new_map(BPF_MAP_TYPE_ARRAY, "b"),
	    c = new_map(BPF_MAP_TYPE_ARRAY, "c");
	int fds[] = {b, a, c};
	const struct bpf_insn insns[] = {
		BPF_LD_IMM64_RAW_FULL(BPF_REG_1, BPF_PSEUDO_MAP_IDX, 0, 0, 1, 0),
		BPF_LD_IMM64_RAW_FULL(BPF_REG_1, BPF_PSEUDO_MAP_IDX_VALUE, 0, 0, 2, 1),
		BPF_LD_MAP_FD(BPF_REG_1, a),
		BPF_EXIT_INSN(),
	};
	static const u32 slots[] = {1, 0, 2, 0};
	const struct bpf_insn calls[] = {BPF_CALL_KFUNC(0, 5), BPF_EXIT_INSN()};
	union bpf_attr attr = {.fd_array = (uintptr_t)fds};
	const struct bpf_insn *got;
	const struct gen_call *call;

	fd_array_cnt = 2;
	call = loaded(insns, ARRAY_SIZE(insns), attr);
	got = call->segs[0].data;
	assert_int_equal(call->fd_array_cnt, 2);
	assert_int_equal(call->segs[2].len, 16);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(ref_at(call, 2, i * 4)->slot, slots[i]);
	assert_int_equal(got[0].imm, 1);
	assert_int_equal(got[2].imm, 2);
	assert_int_equal(got[2].src_reg, BPF_PSEUDO_MAP_IDX_VALUE);
	assert_int_equal(got[4].imm, 3);
	assert_int_equal(got[4].src_reg, BPF_PSEUDO_MAP_IDX);
	assert_int_equal(rec(BPF_PROG_LOAD, load(calls, 2, &attr)), -EOPNOTSUPP);
	fd_array_cnt = 1 << 30;
	assert_int_equal(rec(BPF_PROG_LOAD, load(insns, ARRAY_SIZE(insns), &attr)), -E2BIG);
}

static void test_symbols(void **state)
{
	int fds[] = {0, 900};
	const struct bpf_insn insns[] = {
		BPF_CALL_KFUNC(0, 5),
		BPF_CALL_KFUNC(1, 6),
		BPF_LD_IMM64_RAW_FULL(BPF_REG_1, BPF_PSEUDO_BTF_ID, 0, 0, 7, 900),
		BPF_LD_IMM64(BPF_REG_1, 0xffffffff81000000ull),
		BPF_LD_IMM64(BPF_REG_1, 0xffffffff81000001ull),
		BPF_CALL_KFUNC(0, 0), /* a weak one that is not there */
		BPF_EXIT_INSN(),
	};
	const struct gen_call *c =
		loaded(insns, ARRAY_SIZE(insns), (union bpf_attr){.fd_array = (uintptr_t)fds});
	const struct bpf_insn *got = c->segs[0].data;

	assert_int_equal(c->nr_refs, 4);
	assert_string_equal(ref_at(c, 0, 0)->name, "type5");
	assert_string_equal(ref_at(c, 0, 8)->name, "mod6");
	assert_int_equal(got[1].off, 0);
	assert_int_equal(ref_at(c, 0, 16)->kind, GEN_REF_KSYM_BTF);
	assert_true(ref_at(c, 0, 16)->weak);
	assert_int_equal(got[3].imm, 0);
	assert_string_equal(ref_at(c, 0, 32)->name, "_stext");
	assert_int_equal(insn_imm64(&got[4]), 0);
	assert_true(insn_imm64(&got[6]) == 0xffffffff81000001ull);
}

static void test_attach(void **state)
{
	const struct bpf_insn insns[] = {BPF_MOV64_IMM(BPF_REG_0, 0), BPF_EXIT_INSN()};
	const struct gen_call *c =
		loaded(insns, 2, (union bpf_attr){.attach_btf_id = 3, .attach_btf_obj_fd = 900});

	assert_int_equal(c->attr.attach_btf_id, 0);
	assert_int_equal(c->attr.attach_btf_obj_fd, 0);
	assert_string_equal(ref_at(c, GEN_ATTR, offsetof(union bpf_attr, attach_btf_id))->name,
			    "mod3");
	assert_int_equal(ref_at(c, GEN_ATTR, offsetof(union bpf_attr, attach_btf_obj_fd))->kind,
			 GEN_REF_BTF_OBJ);
}

static void test_bad_programs(void **state)
{
	const struct bpf_insn half[] = {BPF_LD_IMM64(BPF_REG_1, 0)};
	const struct bpf_insn unknown[] = {BPF_CALL_KFUNC(0, 5000), BPF_EXIT_INSN()};
	union bpf_attr attr = {0};

	assert_int_equal(rec(BPF_PROG_LOAD, load(half, 1, &attr)), -EINVAL);
	assert_int_equal(rec(BPF_PROG_LOAD, load(unknown, 2, &attr)), -ENOENT);
	attr.insns = 8;
	assert_int_equal(rec(BPF_PROG_LOAD, &attr), -EFAULT);
	assert_int_equal(t->nr_calls, 0);
}

static void test_log_is_left_out(void **state)
{
	static char buf[64];
	const struct bpf_insn insns[] = {BPF_MOV64_IMM(BPF_REG_0, 0), BPF_EXIT_INSN()};
	const struct gen_call *c =
		loaded(insns, 2,
		       (union bpf_attr){
			       .log_level = 2, .log_size = sizeof(buf), .log_buf = (uintptr_t)buf});

	assert_int_equal(c->attr.log_level, 0);
	assert_int_equal(c->attr.log_size, 0);
	assert_int_equal(c->attr.log_buf, 0);
	assert_int_equal(c->nr_segs, 2); /* instructions and licence */
}

/* --- slots --- */

static void test_idents(void **state)
{
	static const struct {
		const char *name, *ident;
	} rows[] = {{"a.b", "a_b"}, {"a-b", "a_b_2"}, {"1x", "_1x"}, {"", "_"}, {"a_b", "a_b_3"}};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		new_map(BPF_MAP_TYPE_ARRAY, "same");
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		t->slots[i].exported = true;
		assert_int_equal(gen_slot_name(t, i, rows[i].name, NULL), 0);
		assert_string_equal(t->slots[i].ident, rows[i].ident);
		assert_string_equal(t->slots[i].name, rows[i].name);
	}
}

static void test_prune(void **state)
{
	u32 key = 0, value = 0;
	int probe = new_map(BPF_MAP_TYPE_ARRAY, "probe"),
	    tmpl = new_map(BPF_MAP_TYPE_ARRAY, "tmpl"), outer;
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY_OF_MAPS,
			       .key_size = 4,
			       .value_size = 4,
			       .max_entries = 1,
			       .inner_map_fd = tmpl};
	int call = rec(BPF_MAP_CREATE, &attr);

	outer = 100 + gen_trace_slot(t, call, GEN_MAP, "outer");
	attr = (union bpf_attr){
		.map_fd = probe, .key = (uintptr_t)&key, .value = (uintptr_t)&value};
	assert_true(rec(BPF_MAP_UPDATE_ELEM, &attr) >= 0);
	value = tmpl;
	attr.map_fd = outer;
	assert_true(rec(BPF_MAP_UPDATE_ELEM, &attr) >= 0);
	t->slots[outer - 100].exported = true;
	assert_int_equal(gen_trace_prune(t), 0);
	assert_int_equal(t->nr_slots, 2);
	assert_int_equal(t->nr_calls, 3);
	assert_string_equal(t->slots[0].name, "tmpl");
	assert_int_equal(t->slots[1].call, 1);
	assert_int_equal(t->calls[1].slot, 1);
	assert_int_equal(
		ref_at(&t->calls[1], GEN_ATTR, offsetof(union bpf_attr, inner_map_fd))->slot, 0);
	assert_int_equal(ref_at(&t->calls[2], GEN_ATTR, 0)->slot, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_update),		 T(test_fd_values),	 T(test_unknown_fd),
		T(test_per_cpu),	 T(test_not_repeatable), T(test_map_insns),
		T(test_symbols),	 T(test_attach),	 T(test_bad_programs),
		T(test_log_is_left_out), T(test_idents),	 T(test_prune),
		T(test_fd_array_cnt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
