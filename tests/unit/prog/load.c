/* SPDX-License-Identifier: BSD-2-Clause */
/* prog_load(): which errno for which fault, in the kernel's order; tag, name, infos, attach
 * targets. The verifier is a stand-in (trust.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/log.h"
#include "prog/prog.h"
#include "trust.h"

/* --- BTF: types by hand --- */

struct types {
	u32 words[64];
	u32 n, ids;
	char strings[256];
	u32 str;
};

static u32 str_add(struct types *t, const char *s)
{
	u32 off = t->str;

	strcpy(t->strings + off, s);
	t->str += strlen(s) + 1;
	return off;
}

static u32 type_add(struct types *t, const char *name, u32 kind, u32 vlen, u32 size)
{
	t->words[t->n++] = name ? str_add(t, name) : 0;
	t->words[t->n++] = kind << 24 | vlen;
	t->words[t->n++] = size;
	return ++t->ids;
}

static struct btf *types_btf(const struct types *t, bool kernel)
{
	struct btf_header h = {.magic = BTF_MAGIC,
			       .version = 1,
			       .hdr_len = sizeof(h),
			       .type_len = t->n * 4,
			       .str_off = t->n * 4,
			       .str_len = t->str};
	u8 blob[1024];
	struct log log;
	struct btf *btf;

	memcpy(blob, &h, sizeof(h));
	memcpy(blob + sizeof(h), t->words, t->n * 4);
	memcpy(blob + sizeof(h) + t->n * 4, t->strings, t->str);
	log_init(&log, 1, 4096);
	btf = btf_parse(blob, sizeof(h) + t->n * 4 + t->str, &log);
	if (IS_ERR(btf))
		fail_msg("btf: %ld %s", PTR_ERR(btf), log.buf);
	log_free(&log);
	btf->kernel_btf = kernel;
	return btf;
}

enum { ID_INT = 1, ID_PROTO, ID_FUNC_ITER, ID_FUNC_OTHER, ID_PTR, ID_TP, ID_TYPEDEF };

static struct btf *make_btf(bool kernel)
{
	struct types t = {.str = 1};

	assert_int_equal(type_add(&t, "int", BTF_KIND_INT, 0, 4), ID_INT);
	t.words[t.n++] = BTF_INT_SIGNED << 24 | 32;
	assert_int_equal(type_add(&t, NULL, BTF_KIND_FUNC_PROTO, 1, ID_INT), ID_PROTO);
	t.words[t.n++] = str_add(&t, "a");
	t.words[t.n++] = ID_INT;
	assert_int_equal(type_add(&t, "bpf_iter_thing", BTF_KIND_FUNC, 0, ID_PROTO), ID_FUNC_ITER);
	assert_int_equal(type_add(&t, "do_thing", BTF_KIND_FUNC, 0, ID_PROTO), ID_FUNC_OTHER);
	assert_int_equal(type_add(&t, NULL, BTF_KIND_PTR, 0, ID_PROTO), ID_PTR);
	assert_int_equal(type_add(&t, "btf_trace_thing", BTF_KIND_TYPEDEF, 0, ID_PTR), ID_TP);
	assert_int_equal(type_add(&t, "thing_t", BTF_KIND_TYPEDEF, 0, ID_PTR), ID_TYPEDEF);
	return types_btf(&t, kernel);
}

/* --- environment --- */

#define FD_PROG_BTF 10
#define FD_VMLINUX  11

struct fixture {
	struct btf *prog_btf, *vmlinux;
	struct vfy_ctx_arg arg;
};

static struct btf *env_btf(void *arg, int fd)
{
	struct fixture *f = arg;

	return fd == FD_PROG_BTF  ? btf_get(f->prog_btf)
	       : fd == FD_VMLINUX ? btf_get(f->vmlinux)
				  : ERR_PTR(-EBADF);
}

static struct bpf_prog *env_prog(void *arg, int fd)
{
	return ERR_PTR(fd == FD_PROG_BTF ? -EINVAL : -EBADF);
}

static const struct vfy_ctx_arg *env_target(void *arg, enum bpf_attach_type attach,
					    const char *func, u32 *nr)
{
	struct fixture *f = arg;

	*nr = !strcmp(func, "bpf_iter_thing");
	return *nr ? &f->arg : NULL;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->prog_btf = make_btf(false);
	f->vmlinux = make_btf(true);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	btf_put(f->prog_btf);
	btf_put(f->vmlinux);
	free(f);
	return 0;
}

static const struct bpf_insn two[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1},
				      {.code = BPF_JMP | BPF_EXIT}};

static struct bpf_prog *load(struct fixture *f, const struct prog_load_req *req, u64 caps,
			     struct log *log)
{
	struct cred cred = {.uid = 1000, .caps = caps};
	struct prog_load_env env = {
		.cred = &cred,
		.vmlinux = f->vmlinux,
		.prog_by_fd = env_prog,
		.btf_by_fd = env_btf,
		.target_ctx = env_target,
		.arg = f,
	};

	return prog_load(&env, req, log);
}

#define ALL    (~0ull)
#define CAP(c) (1ull << (c))
#define T(t)   .prog_type = BPF_PROG_TYPE_##t

static const struct load_case {
	const char *what;
	union bpf_attr attr;
	u64 caps;
	int err;
	const char *text; /* in the log */
	const char *license;
	bool relos; /* with records of core relocations */
} cases[] = {
	{"plain", {T(SOCKET_FILTER), .insn_cnt = 2}, 0, 0},
	{"unknown flag", {T(SOCKET_FILTER), .insn_cnt = 2, .prog_flags = 1u << 20}, ALL, -EINVAL},
	{"flags before license",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .prog_flags = 1u << 20},
	 ALL,
	 -EINVAL,
	 NULL,
	 ""},
	{"no insns", {T(SOCKET_FILTER), .insn_cnt = 0}, ALL, -E2BIG},
	{"4097 unprivileged", {T(SOCKET_FILTER), .insn_cnt = 4097}, 0, -E2BIG},
	{"a million and one", {T(SOCKET_FILTER), .insn_cnt = 1000001}, ALL, -E2BIG},
	{"too big before not allowed", {T(KPROBE), .insn_cnt = 4097}, 0, -E2BIG},
	{"kprobe unprivileged", {T(KPROBE), .insn_cnt = 2}, 0, -EPERM},
	{"kprobe without perfmon", {T(KPROBE), .insn_cnt = 2}, CAP(CAP_BPF), -EPERM},
	{"kprobe", {T(KPROBE), .insn_cnt = 2}, CAP(CAP_BPF) | CAP(CAP_PERFMON), 0},
	{"xdp without net_admin", {T(XDP), .insn_cnt = 2}, CAP(CAP_BPF) | CAP(CAP_PERFMON), -EPERM},
	{"xdp", {T(XDP), .insn_cnt = 2}, CAP(CAP_BPF) | CAP(CAP_NET_ADMIN), 0},
	{"sys_admin may all", {T(XDP), .insn_cnt = 2}, CAP(CAP_SYS_ADMIN), 0},
	{"unknown type unprivileged", {.prog_type = 99, .insn_cnt = 2}, 0, -EPERM},
	{"unknown type", {.prog_type = 99, .insn_cnt = 2}, ALL, -EINVAL},
	{"unspecified type", {.prog_type = 0, .insn_cnt = 2}, ALL, -EINVAL},
	{"cgroup skb, attach type",
	 {T(CGROUP_SKB), .insn_cnt = 2, .expected_attach_type = BPF_CGROUP_SETSOCKOPT},
	 ALL,
	 -EINVAL},
	{"cgroup sock, none is create", {T(CGROUP_SOCK), .insn_cnt = 2}, ALL, 0},
	{"sockopt wants one", {T(CGROUP_SOCKOPT), .insn_cnt = 2}, ALL, -EINVAL},
	{"sk_lookup wants its own", {T(SK_LOOKUP), .insn_cnt = 2}, ALL, -EINVAL},
	{"syscall wants none",
	 {T(SYSCALL), .insn_cnt = 2, .expected_attach_type = 1, .prog_flags = BPF_F_SLEEPABLE},
	 ALL,
	 -EINVAL},
	{"syscall must sleep",
	 {T(SYSCALL), .insn_cnt = 2},
	 ALL,
	 -EINVAL,
	 "Syscall programs can only be sleepable\n"},
	{"syscall", {T(SYSCALL), .insn_cnt = 2, .prog_flags = BPF_F_SLEEPABLE}, ALL, 0},
	{"xdp cannot sleep",
	 {T(XDP), .insn_cnt = 2, .prog_flags = BPF_F_SLEEPABLE},
	 ALL,
	 -EINVAL,
	 "Only fentry/fexit/fmod_ret, lsm, and kprobe/uprobe programs can be sleepable\n"},
	{"offload", {T(XDP), .insn_cnt = 2, .prog_ifindex = 1}, ALL, -EINVAL},
	{"name with a space", {T(SOCKET_FILTER), .insn_cnt = 2, .prog_name = "a b"}, ALL, -EINVAL},
	{"name without end",
	 {T(SOCKET_FILTER), .insn_cnt = 2,
	  .prog_name = {'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a', 'a',
			'a'}},
	 ALL,
	 -EINVAL},
	{"good name", {T(SOCKET_FILTER), .insn_cnt = 2, .prog_name = "a.b_C9"}, ALL, 0},
	{"small log",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .log_level = 1, .log_buf = 1, .log_size = 127},
	 ALL,
	 -EINVAL},
	{"log without level",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .log_buf = 1, .log_size = 4096},
	 ALL,
	 -EINVAL},
	{"log level 8",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .log_level = 8, .log_buf = 1, .log_size = 4096},
	 ALL,
	 -EINVAL},
	{"log",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .log_level = 7, .log_buf = 1, .log_size = 4096},
	 ALL,
	 0},
	/* BTF infos */
	{"bad btf fd",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .func_info_cnt = 1, .func_info_rec_size = 8,
	  .prog_btf_fd = 3},
	 ALL,
	 -EBADF},
	{"kernel's btf",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .func_info_cnt = 1, .func_info_rec_size = 8,
	  .prog_btf_fd = FD_VMLINUX},
	 ALL,
	 -EACCES},
	{"record too small",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .func_info_cnt = 1, .func_info_rec_size = 4,
	  .prog_btf_fd = FD_PROG_BTF},
	 ALL,
	 -EINVAL,
	 "invalid func info rec size 4\n"},
	{"record too big",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .line_info_cnt = 1, .line_info_rec_size = 256,
	  .prog_btf_fd = FD_PROG_BTF},
	 ALL,
	 -EINVAL,
	 ""},
	{"record of 10",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .func_info_cnt = 1, .func_info_rec_size = 10,
	  .prog_btf_fd = FD_PROG_BTF},
	 ALL,
	 -EINVAL},
	{"longer record",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .func_info_cnt = 1, .func_info_rec_size = 12,
	  .prog_btf_fd = FD_PROG_BTF},
	 ALL,
	 0},
	{"longer record, filled",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .func_info_cnt = 1, .func_info_rec_size = 20,
	  .prog_btf_fd = FD_PROG_BTF},
	 ALL,
	 -E2BIG,
	 "nonzero tailing record in func info"},
	{"longer line, filled",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .line_info_cnt = 1, .line_info_rec_size = 20,
	  .prog_btf_fd = FD_PROG_BTF},
	 ALL,
	 -E2BIG,
	 "nonzero tailing record in line_info"},
	{"no fd, no infos: not looked at",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .prog_btf_fd = 3},
	 ALL,
	 0},
	/* attach targets */
	{"btf id of a plain type",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .attach_btf_id = 1},
	 ALL,
	 -EINVAL},
	{"tracing wants an id",
	 {T(TRACING), .insn_cnt = 2, .expected_attach_type = BPF_TRACE_ITER},
	 ALL,
	 -EINVAL,
	 "Tracing programs must provide btf_id\n"},
	{"id beyond",
	 {T(TRACING), .insn_cnt = 2, .expected_attach_type = BPF_TRACE_ITER, .attach_btf_id = 99},
	 ALL,
	 -EINVAL,
	 "attach_btf_id 99 is invalid\n"},
	{"id too big",
	 {T(TRACING), .insn_cnt = 2, .expected_attach_type = BPF_TRACE_ITER,
	  .attach_btf_id = 1u << 20},
	 ALL,
	 -EINVAL},
	{"iter of no function",
	 {T(TRACING), .insn_cnt = 2, .expected_attach_type = BPF_TRACE_ITER,
	  .attach_btf_id = ID_INT},
	 ALL,
	 -EINVAL,
	 "attach_btf_id 1 is not a function\n"},
	{"iter nobody has",
	 {T(TRACING), .insn_cnt = 2, .expected_attach_type = BPF_TRACE_ITER,
	  .attach_btf_id = ID_FUNC_OTHER},
	 ALL,
	 -EINVAL},
	{"iter",
	 {T(TRACING), .insn_cnt = 2, .expected_attach_type = BPF_TRACE_ITER,
	  .attach_btf_id = ID_FUNC_ITER},
	 ALL,
	 0},
	{"raw_tp of no typedef",
	 {T(TRACING), .insn_cnt = 2, .expected_attach_type = BPF_TRACE_RAW_TP,
	  .attach_btf_id = ID_INT},
	 ALL,
	 -EINVAL,
	 "attach_btf_id 1 is not a typedef\n"},
	{"raw_tp of another typedef",
	 {T(TRACING), .insn_cnt = 2, .expected_attach_type = BPF_TRACE_RAW_TP,
	  .attach_btf_id = ID_TYPEDEF},
	 ALL,
	 -EINVAL,
	 "attach_btf_id 7 points to wrong type name thing_t\n"},
	{"raw_tp",
	 {T(TRACING), .insn_cnt = 2, .expected_attach_type = BPF_TRACE_RAW_TP,
	  .attach_btf_id = ID_TP},
	 ALL,
	 0},
	{"fentry of what is not here",
	 {T(TRACING), .insn_cnt = 2, .expected_attach_type = BPF_TRACE_FENTRY,
	  .attach_btf_id = ID_FUNC_OTHER},
	 ALL,
	 -ENOENT,
	 "The address of function do_thing cannot be found\n"},
	{"tracing with another attach type",
	 {T(TRACING), .insn_cnt = 2, .expected_attach_type = BPF_XDP,
	  .attach_btf_id = ID_FUNC_OTHER},
	 ALL,
	 -EINVAL},
	{"ext of the kernel",
	 {T(EXT), .insn_cnt = 2, .attach_btf_id = ID_FUNC_OTHER},
	 ALL,
	 -EINVAL,
	 "Cannot replace kernel functions\n"},
	{"bad attach fd",
	 {T(TRACING), .insn_cnt = 2, .attach_btf_id = 1, .attach_prog_fd = 77},
	 ALL,
	 -EINVAL},
	{"attach to a program's btf",
	 {T(TRACING), .insn_cnt = 2, .attach_btf_id = 1, .attach_prog_fd = FD_PROG_BTF},
	 ALL,
	 -ENOTSUPP},
	{"attach through vmlinux fd",
	 {T(TRACING), .insn_cnt = 2, .expected_attach_type = BPF_TRACE_RAW_TP,
	  .attach_btf_id = ID_TP, .attach_prog_fd = FD_VMLINUX},
	 ALL,
	 0},
	{"struct_ops, license",
	 {T(STRUCT_OPS), .insn_cnt = 2, .attach_btf_id = 1},
	 ALL,
	 -EINVAL,
	 "struct ops programs must have a GPL compatible license\n",
	 "none"},
	{"struct_ops",
	 {T(STRUCT_OPS), .insn_cnt = 2, .attach_btf_id = 1},
	 ALL,
	 -ENOTSUPP,
	 "attach_btf_id 1 is not a supported struct\n"},
	{"core relocations, record size 0",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .func_info_cnt = 1, .func_info_rec_size = 8,
	  .prog_btf_fd = FD_PROG_BTF, .core_relo_cnt = 1},
	 ALL,
	 -EINVAL},
	{"core relocations, odd record size",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .func_info_cnt = 1, .func_info_rec_size = 8,
	  .prog_btf_fd = FD_PROG_BTF, .core_relo_cnt = 1, .core_relo_rec_size = 18},
	 ALL,
	 -EINVAL},
	{"core relocations, no records",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .func_info_cnt = 1, .func_info_rec_size = 8,
	  .prog_btf_fd = FD_PROG_BTF, .core_relo_cnt = 1, .core_relo_rec_size = 16},
	 ALL,
	 -EFAULT},
	{"core relocation outside of the program",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .func_info_cnt = 1, .func_info_rec_size = 8,
	  .prog_btf_fd = FD_PROG_BTF, .core_relo_cnt = 1, .core_relo_rec_size = 16},
	 ALL,
	 -EINVAL,
	 "Invalid core_relo[0].insn_off:16 prog->len:2\n",
	 .relos = true},
	{"core relocation with more than is known",
	 {T(SOCKET_FILTER), .insn_cnt = 2, .func_info_cnt = 1, .func_info_rec_size = 8,
	  .prog_btf_fd = FD_PROG_BTF, .core_relo_cnt = 1, .core_relo_rec_size = 20},
	 ALL,
	 -E2BIG,
	 "nonzero tailing record in core_relo",
	 .relos = true},
};

static void errno_table(void **state)
{
	/* words 3 and 4 of the record are not zero */
	static const u32 info[8] = {0, ID_FUNC_OTHER, 0, 5, 6}, relos[8] = {16, 0, 0, 0, 1};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct load_case *c = &cases[i];
		struct prog_load_req req = {.attr = c->attr,
					    .insns = two,
					    .license = c->license ? c->license : "GPL",
					    .func_info = info,
					    .line_info = info,
					    .core_relos = c->relos ? relos : NULL};
		struct bpf_prog *p;
		struct log log;
		long err;

		trust = (struct trust){0};
		log_init(&log, 1, 4096);
		p = load(*state, &req, c->caps, &log);
		err = IS_ERR(p) ? PTR_ERR(p) : 0;
		if (err != c->err || (c->text && strcmp(log.buf ? log.buf : "", c->text)))
			fail_msg("%s: %ld, want %d, log '%s'", c->what, err, c->err,
				 log.buf ? log.buf : "");
		assert_int_equal(trust.called, !err);
		if (!err)
			obj_put(&p->obj);
		log_free(&log);
	}
}

static void what_is_kept(void **state)
{
	static const struct bpf_func_info fi = {.insn_off = 0, .type_id = ID_FUNC_OTHER};
	static const struct bpf_line_info li[2] = {{.insn_off = 0}, {.insn_off = 1}};
	struct prog_load_req req = {
		.attr = {T(SOCKET_FILTER), .insn_cnt = 2, .prog_name = "thing",
			 .prog_btf_fd = FD_PROG_BTF, .func_info_cnt = 1, .func_info_rec_size = 8,
			 .line_info_cnt = 2, .line_info_rec_size = 16},
		.insns = two,
		.license = "Dual MIT/GPL",
		.func_info = &fi,
		.line_info = li,
	};
	/* start of the SHA-1 of the two instructions */
	static const u8 tag[8] = {0x57, 0xcd, 0x31, 0x1f, 0x2e, 0x27, 0x36, 0x6b};
	struct bpf_insn dump[2];
	struct bpf_prog *p;
	struct log log;

	trust = (struct trust){0};
	log_init(&log, 0, 0);
	p = load(*state, &req, 0, &log);
	assert_false(IS_ERR(p));
	assert_string_equal(p->aux->name, "thing");
	assert_true(p->gpl_compatible);
	assert_int_equal(p->aux->uid, 1000);
	assert_int_equal(p->aux->func_info_cnt, 1);
	assert_int_equal(p->aux->nr_linfo, 2);
	assert_int_equal(p->aux->linfo[1].insn_off, 1);
	assert_int_equal(p->len, 2);
	assert_true(p->aux->load_time > 0);
	assert_memory_equal(p->tag, tag, sizeof(tag));
	prog_dump_xlated(p, dump);
	assert_memory_equal(dump, two, sizeof(two));
	obj_put(&p->obj);
}

/* The verifier's verdict is the caller's, and nothing leaks. */
static void verdict(void **state)
{
	struct prog_load_req req = {
		.attr = {T(SOCKET_FILTER), .insn_cnt = 2}, .insns = two, .license = "GPL"};
	struct log log;

	log_init(&log, 0, 0);
	trust = (struct trust){.result = -EACCES};
	assert_int_equal(PTR_ERR(load(*state, &req, ALL, &log)), -EACCES);
	trust = (struct trust){0};
	req.insns = NULL;
	assert_int_equal(PTR_ERR(load(*state, &req, ALL, &log)), -EFAULT);
	req.insns = two;
	req.license = NULL;
	assert_int_equal(PTR_ERR(load(*state, &req, ALL, &log)), -EFAULT);
}

static void iter_target_args(void **state)
{
	struct prog_load_req req = {.attr = {T(TRACING), .insn_cnt = 2,
					     .expected_attach_type = BPF_TRACE_ITER,
					     .attach_btf_id = ID_FUNC_ITER},
				    .insns = two,
				    .license = "GPL"};
	struct bpf_prog *p;
	struct log log;

	log_init(&log, 0, 0);
	trust = (struct trust){0};
	p = load(*state, &req, ALL, &log);
	assert_false(IS_ERR(p));
	assert_int_equal(trust.nr_ctx_args, 1);
	assert_string_equal(trust.attach_name, "bpf_iter_thing");
	assert_string_equal(p->aux->attach_func_name, "bpf_iter_thing");
	obj_put(&p->obj);
}

static void statistics(void **state)
{
	u32 on = 0;
	struct bpf_prog p = {.stats = &on};

	prog_account(&p, 1, 10);
	assert_int_equal(p.run_cnt, 0);
	on = 1;
	prog_account(&p, 2, 10);
	assert_int_equal(p.run_cnt, 2);
	assert_int_equal(p.run_time_ns, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errno_table), cmocka_unit_test(what_is_kept),
		cmocka_unit_test(verdict),     cmocka_unit_test(iter_target_args),
		cmocka_unit_test(statistics),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
