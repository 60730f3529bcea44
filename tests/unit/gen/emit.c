/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emit.c - loaders made of hand-written traces, verified and run in a subsystem of this process.
 *   usage: unit_gen_emit VMLINUX_BTF
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "gen/layout.h"
#include "isa/insn.h"
#include "userbpf.h"

static const char *vmlinux;
static struct userbpf *u;
static struct gen_trace *t;
static struct log text;

static int bpf(int cmd, union bpf_attr *attr, u32 size)
{
	return userbpf_bpf(u, cmd, attr, size);
}

static int setup(void **state)
{
	struct userbpf_options o = {.size = sizeof(o), .vmlinux_btf = vmlinux};

	u = userbpf_open(&o);
	t = gen_trace_new("obj");
	log_init(&text, 1, 65536);
	return u && t ? 0 : -1;
}

/* How many maps and programs there are. */
static int objects(void)
{
	static const int cmds[] = {BPF_MAP_GET_NEXT_ID, BPF_PROG_GET_NEXT_ID, BPF_BTF_GET_NEXT_ID};
	int n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(cmds); i++)
		for (union bpf_attr a = {0}; !bpf(cmds[i], &a, sizeof(a));
		     a = (union bpf_attr){.start_id = a.next_id})
			n++;
	return n;
}

/* Objects go within milliseconds after their last fd. vmlinux BTF stays. */
static void wait_for_objects(int want)
{
	for (int i = 0; i < 500 && objects() != want; i++)
		usleep(10000);
	assert_int_equal(objects(), want);
}

static int teardown(void **state)
{
	gen_trace_free(t);
	userbpf_close(u);
	log_free(&text);
	return 0;
}

static u32 new_map(u32 type, u32 value_size, u32 flags)
{
	union bpf_attr attr = {.map_type = type,
			       .key_size = 4,
			       .value_size = value_size,
			       .max_entries = 4,
			       .map_flags = flags};
	int call = gen_trace_call(t, BPF_MAP_CREATE, &attr, offsetofend(union bpf_attr, map_extra));

	return gen_trace_slot(t, call, GEN_MAP, "m");
}

static void ref(struct gen_call *c, enum gen_ref_kind kind, u32 seg, u32 off, u32 slot)
{
	gen_call_ref(c, &(struct gen_ref){.kind = kind, .at = {seg, off}, .slot = slot});
}

static void update(u32 map, u32 key, const void *value, u32 len)
{
	union bpf_attr attr = {0};
	int call = gen_trace_call(t, BPF_MAP_UPDATE_ELEM, &attr, 32);
	struct gen_call *c = &t->calls[call];

	gen_call_seg(c, (struct gen_place){GEN_ATTR, offsetof(union bpf_attr, key)}, NULL, &key, 4);
	gen_call_seg(c, (struct gen_place){GEN_ATTR, offsetof(union bpf_attr, value)}, NULL, value,
		     len);
	ref(c, GEN_REF_FD, GEN_ATTR, offsetof(union bpf_attr, map_fd), map);
}

/* Loads @insns, which refer to @map in the instruction at @map_at. */
static u32 prog(const struct bpf_insn *insns, u32 cnt, u32 map, u32 map_at)
{
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insn_cnt = cnt};
	int call = gen_trace_call(t, BPF_PROG_LOAD, &attr,
				  offsetofend(union bpf_attr, attach_prog_fd));
	struct gen_call *c = &t->calls[call];

	gen_call_seg(c, (struct gen_place){GEN_ATTR, offsetof(union bpf_attr, insns)}, NULL, insns,
		     cnt * sizeof(*insns));
	gen_call_seg(c, (struct gen_place){GEN_ATTR, offsetof(union bpf_attr, license)}, NULL,
		     "GPL", 4);
	ref(c, GEN_REF_FD_INSN, 0, map_at * sizeof(*insns), map);
	return gen_trace_slot(t, call, GEN_PROG, "p");
}

static struct gen_loader *built(char **ctx)
{
	struct gen_loader *l;

	assert_int_equal(gen_loader_build(t, &l, &text), 0);
	*ctx = calloc(1, l->ctx_sz);
	gen_loader_ctx(l, *ctx);
	return l;
}

static int fd_in(const struct gen_loader *l, const char *ctx, u32 i)
{
	int fd;

	memcpy(&fd, ctx + l->descs[i].ctx_off, 4);
	return fd;
}

static u64 element(int map, u32 key)
{
	u64 value = 0;
	union bpf_attr attr = {.map_fd = map, .key = (uintptr_t)&key, .value = (uintptr_t)&value};

	assert_int_equal(bpf(BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)), 0);
	return value;
}

static void done(struct gen_loader *l, char *ctx, int nr_fds, int before)
{
	for (int i = 0; i < nr_fds; i++)
		close(fd_in(l, ctx, i));
	free(ctx);
	gen_loader_free(l);
	wait_for_objects(before);
}

static const struct bpf_insn lookup[] = {
	BPF_LD_MAP_VALUE(BPF_REG_1, 0, 0),
	BPF_LDX_MEM(BPF_DW, BPF_REG_0, BPF_REG_1, 0),
	BPF_EXIT_INSN(),
};

/* A map that is handed over, one that is not, a program that uses the first. */
static void test_failure(void **state)
{
	u32 value = 77, kept = new_map(BPF_MAP_TYPE_ARRAY, 8, 0),
	    temp = new_map(BPF_MAP_TYPE_HASH, 4, 0), p;
	u64 wide = 7;
	int before = objects();
	struct gen_loader *l;
	const char *failed;
	char *ctx;

	update(kept, 2, &wide, 8);
	update(temp, 1, &value, 4);
	t->slots[kept].exported = true;
	update(kept, 0, &wide, 8);
	p = prog(lookup, ARRAY_SIZE(lookup), kept, 0);
	t->slots[p].exported = true;
	/* a value of an ARRAY can be addressed when it has one element only */
	t->calls[0].attr.max_entries = 1;
	l = built(&ctx);
	assert_int_equal(gen_loader_run(l, bpf, ctx, &failed), -E2BIG); /* element 2 of 1 */
	assert_string_equal(failed, "contents of map m");
	wait_for_objects(before);
	memset(ctx, 0, l->ctx_sz);
	gen_loader_ctx(l, ctx);
	assert_int_equal(fd_in(l, ctx, 0), 0);
	done(l, ctx, 0, before);
}

static void test_success(void **state)
{
	u32 value = 77, kept = new_map(BPF_MAP_TYPE_ARRAY, 8, 0),
	    temp = new_map(BPF_MAP_TYPE_HASH, 4, 0), p;
	u64 wide = 7;
	int before = objects();
	struct gen_loader *l;
	char *ctx;

	t->calls[0].attr.max_entries = 1;
	update(kept, 0, &wide, 8);
	update(temp, 1, &value, 4);
	p = prog(lookup, ARRAY_SIZE(lookup), kept, 0);
	t->slots[kept].exported = t->slots[p].exported = true;
	l = built(&ctx);
	assert_int_equal(gen_loader_run(l, bpf, ctx, NULL), 0);
	assert_int_equal(l->nr_descs, 2);
	assert_true(element(fd_in(l, ctx, 0), 0) == 7);
	wait_for_objects(before + 2);
	done(l, ctx, 2, before);
}

/* max_entries and the initial value are the caller's when it has some; a value of zeros needs no call. */
static void test_overrides(void **state)
{
	u64 zero = 0, seven = 7, mine = 0x1234;
	u32 a = new_map(BPF_MAP_TYPE_ARRAY, 8, 0), b = new_map(BPF_MAP_TYPE_ARRAY, 8, 0),
	    c = new_map(BPF_MAP_TYPE_HASH, 4, 0);
	struct bpf_map_info info = {0};
	union bpf_attr attr = {0};
	struct gen_map_desc *d;
	struct gen_loader *l;
	int before = objects();
	char *ctx;

	for (u32 i = a; i <= c; i++)
		t->slots[i].exported = true;
	t->slots[a].data = t->slots[b].data = true;
	update(a, 0, &zero, 8);
	update(b, 0, &seven, 8);
	l = built(&ctx);
	assert_int_equal(gen_loader_run(l, bpf, ctx, NULL), 0);
	assert_true(element(fd_in(l, ctx, 0), 0) == 0);
	assert_true(element(fd_in(l, ctx, 1), 0) == 7);
	for (int i = 0; i < 3; i++)
		close(fd_in(l, ctx, i));
	memset(ctx, 0, l->ctx_sz);
	gen_loader_ctx(l, ctx);
	d = (void *)(ctx + sizeof(struct gen_loader_ctx));
	d[0].initial_value = d[1].initial_value = (uintptr_t)&mine;
	d[2].max_entries = 99;
	assert_int_equal(gen_loader_run(l, bpf, ctx, NULL), 0);
	assert_true(element(d[0].fd, 0) == mine);
	assert_true(element(d[1].fd, 0) == mine);
	attr.info.bpf_fd = d[2].fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	assert_int_equal(bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)), 0);
	assert_int_equal(info.max_entries, 99);
	for (int i = 0; i < 3; i++)
		close(d[i].fd);
	done(l, ctx, 0, before);
}

/* Names that are not there: the error, or zeros for weak ones. */
static void test_names(void **state)
{
	static const struct bpf_insn insns[] = {
		BPF_LD_IMM64_RAW_FULL(BPF_REG_0, BPF_PSEUDO_BTF_ID, 0, 0, 0, 0),
		BPF_LD_MAP_FD(BPF_REG_1, 0),
		BPF_LD_IMM64(BPF_REG_0, 0),
		BPF_EXIT_INSN(),
	};
	u32 m = new_map(BPF_MAP_TYPE_HASH, 4, 0), p = prog(insns, ARRAY_SIZE(insns), m, 2);
	struct gen_ref typed = {.kind = GEN_REF_KSYM_BTF,
				.btf_kind = BTF_KIND_VAR,
				.weak = true,
				.name = "no_such_variable"},
		       addr = {.kind = GEN_REF_KSYM_ADDR,
			       .at = {0, 32},
			       .weak = true,
			       .name = "no_such_symbol"};
	struct gen_call *c = &t->calls[t->slots[p].call];
	int before = objects();
	struct gen_loader *l;
	const char *failed;
	char *ctx;

	gen_call_ref(c, &typed);
	gen_call_ref(c, &addr);
	t->slots[p].exported = true;
	l = built(&ctx);
	assert_int_equal(gen_loader_run(l, bpf, ctx, NULL), 0);
	close(fd_in(l, ctx, 0));
	free(ctx);
	gen_loader_free(l);
	c->refs[1].weak = false;
	l = built(&ctx);
	assert_int_equal(gen_loader_run(l, bpf, ctx, &failed), -ENOENT);
	assert_string_equal(failed, "kernel variable no_such_variable for program p");
	done(l, ctx, 0, before);
}

/* @kind: of the first type; 99 is of no kernel. */
static u32 new_btf(u32 kind)
{
	const struct {
		struct btf_header h;
		struct btf_type t;
		u32 bits;
		char strings[4];
	} btf = {.h = {.magic = BTF_MAGIC,
		       .version = 1,
		       .hdr_len = sizeof(btf.h),
		       .type_len = 16,
		       .str_off = 16,
		       .str_len = 3},
		 .t = {.name_off = 1, .info = kind << 24, .size = 4},
		 .bits = 32,
		 .strings = "\0x"};
	union bpf_attr attr = {.btf_size = sizeof(btf) - 1};
	int call = gen_trace_call(t, BPF_BTF_LOAD, &attr, 28);

	gen_call_seg(&t->calls[call], (struct gen_place){GEN_ATTR, offsetof(union bpf_attr, btf)},
		     NULL, &btf, sizeof(btf) - 1);
	return gen_trace_slot(t, call, GEN_BTF, "btf");
}

/* A map and a program described by BTF of that kind; that of a program with relocations is not for nothing. */
static struct gen_loader *described(u32 kind, bool relos, bool map_first, char **ctx)
{
	static const struct bpf_insn narrow[] = {
		BPF_LD_MAP_VALUE(BPF_REG_1, 0, 0),
		BPF_LDX_MEM(BPF_W, BPF_REG_0, BPF_REG_1, 0),
		BPF_EXIT_INSN(),
	};
	u32 other = map_first ? new_map(BPF_MAP_TYPE_HASH, 4, 0) : 0, btf = new_btf(kind),
	    m = new_map(BPF_MAP_TYPE_ARRAY, 4, 0), p;
	struct gen_call *c = &t->calls[t->slots[m].call];

	if (map_first)
		t->slots[other].exported = true;
	c->attr.max_entries = 1;
	c->attr.btf_key_type_id = c->attr.btf_value_type_id = 1;
	ref(c, GEN_REF_FD, GEN_ATTR, offsetof(union bpf_attr, btf_fd), btf);
	p = prog(narrow, ARRAY_SIZE(narrow), m, 0);
	c = &t->calls[t->slots[p].call];
	c->attr_size = offsetofend(union bpf_attr, core_relo_rec_size);
	c->attr.func_info_rec_size = 8;
	c->attr.func_info_cnt = kind == 99; /* never looked at */
	c->attr.core_relo_cnt = relos;
	ref(c, GEN_REF_FD, GEN_ATTR, offsetof(union bpf_attr, prog_btf_fd), btf);
	t->slots[m].exported = t->slots[p].exported = true;
	return built(ctx);
}

static u32 value_type(int map)
{
	struct bpf_map_info info = {0};
	union bpf_attr attr = {0};

	attr.info.bpf_fd = map;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	assert_int_equal(bpf(BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)), 0);
	return info.btf_value_type_id;
}

static void test_btf(void **state)
{
	int before = objects();
	char *ctx;
	struct gen_loader *l = described(BTF_KIND_INT, false, false, &ctx);

	assert_int_equal(gen_loader_run(l, bpf, ctx, NULL), 0);
	assert_int_equal(value_type(fd_in(l, ctx, 0)), 1);
	wait_for_objects(before + 3);
	done(l, ctx, 2, before);
}

static void test_btf_refused(void **state)
{
	int before = objects();
	char *ctx;
	struct gen_loader *l = described(99, false, false, &ctx);

	assert_int_equal(gen_loader_run(l, bpf, ctx, NULL), 0);
	assert_int_equal(value_type(fd_in(l, ctx, 0)), 0);
	wait_for_objects(before + 2);
	done(l, ctx, 2, before);
}

/* What failed before it still has. */
static void test_btf_after_error(void **state)
{
	int before = objects();
	const char *failed;
	char *ctx;
	struct gen_loader *l = described(99, false, true, &ctx);
	struct gen_map_desc *d = (void *)(ctx + sizeof(struct gen_loader_ctx));

	assert_int_equal(gen_loader_run(l, bpf, ctx, NULL), 0);
	for (int i = 0; i < 3; i++)
		close(fd_in(l, ctx, i));
	memset(ctx, 0, l->ctx_sz);
	gen_loader_ctx(l, ctx);
	d->max_entries = ~0u;
	assert_int_equal(gen_loader_run(l, bpf, ctx, &failed), -E2BIG);
	assert_string_equal(failed, "map m");
	done(l, ctx, 0, before);
}

static void test_btf_needed(void **state)
{
	int before = objects();
	const char *failed;
	char *ctx;
	struct gen_loader *l = described(99, true, false, &ctx);

	assert_int_equal(gen_loader_run(l, bpf, ctx, &failed), -EINVAL);
	assert_string_equal(failed, "BTF");
	done(l, ctx, 0, before);
}

/* Further than offsets of loads and stores, and of jumps, reach. */
static void test_far(void **state)
{
	u32 m = new_map(BPF_MAP_TYPE_HASH, 4, 0), value = 5;
	int before = objects();
	struct gen_loader *l;
	char *ctx;

	t->calls[0].attr.max_entries = 5000;
	t->slots[m].exported = true;
	for (u32 i = 0; i < 4500; i++, value++)
		update(m, i, &value, 4);
	l = built(&ctx);
	assert_true(l->insn_cnt > 40000);
	assert_true(l->data_sz > 128 * 1024);
	assert_int_equal(gen_loader_run(l, bpf, ctx, NULL), 0);
	assert_int_equal(element(fd_in(l, ctx, 0), 0), 5);
	assert_int_equal(element(fd_in(l, ctx, 0), 4499), 4504);
	close(fd_in(l, ctx, 0));
	free(ctx);
	gen_loader_free(l);
	t->calls[t->nr_calls - 1].attr.flags = BPF_EXIST; /* the last one fails */
	l = built(&ctx);
	assert_int_equal(gen_loader_run(l, bpf, ctx, NULL), -ENOENT);
	done(l, ctx, 0, before);
}

static void test_refused(void **state)
{
	union bpf_attr attr = {0};
	struct gen_loader *l;

	gen_trace_call(t, BPF_OBJ_GET, &attr, sizeof(attr));
	assert_int_equal(gen_loader_build(t, &l, &text), -EOPNOTSUPP);
	assert_true(text.len > 0);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_failure),    T(test_success),	 T(test_overrides),
		T(test_names),	    T(test_far),	 T(test_refused),
		T(test_btf),	    T(test_btf_refused), T(test_btf_after_error),
		T(test_btf_needed),
	};

	vmlinux = argc > 1 ? argv[1] : NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
