/* SPDX-License-Identifier: BSD-2-Clause */
/* Every allocation of a load and of a test run refused once: -ENOMEM and nothing kept (`make asan`
 * looks for leaks). */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "base/log.h"
#include "exec/test_run.h"
#include "isa/asm.h"
#include "prog/prog.h"
#include "../refuse.h"

/* Grows in every pass: dead code, context access, division, packet load, a call. */
static const char text[] =
	"r6 = r1\nr7 = 3\nif r7 == 3 goto go\nr0 = 9\nexit\ngo:\nr0 = *(u8 *)(r6 +17)\n.raw 0x30 0 "
	"0 0 12\nr0 /= r7\nr1 = r6\ncall f\nr0 = 0\nexit\n"
	"f:\nr0 = *(u32 *)(r1 +0)\nr0 %= 7\nexit\n";

static struct bpf_prog *load(u32 fail)
{
	static const struct vfy_env_ops no_fds;
	struct cred cred = {.caps = ~0ull};
	struct prog_load_env env = {.cred = &cred, .vfy_env = &no_fds};
	struct bpf_insn insns[64];
	struct prog_load_req req = {.insns = insns, .license = "GPL"};
	struct bpf_prog *p;
	struct asm_error err;
	struct log log;
	int n = asm_text(text, insns, 64, &err);

	if (n <= 0)
		fail_msg("line %d: %s", err.line, err.text);
	req.attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	req.attr.insn_cnt = n;
	log_init(&log, 0, 0);
	refuse_at(fail);
	p = prog_load(&env, &req, &log);
	refuse_at(0);
	return p;
}

static void loading(void **state)
{
	struct bpf_prog *p;
	u32 n;

	for (n = 1;; n++) {
		p = load(n);
		if (!IS_ERR(p))
			break;
		assert_int_equal(PTR_ERR(p), -ENOMEM);
	}
	assert_true(n > 10);
	obj_put(&p->obj);
}

static void running(void **state)
{
	static const u8 data[64] = {1};
	static const struct exec_host host;
	static struct __sk_buff ctx;
	struct bpf_prog *p = load(0);
	u32 n;
	int err;

	assert_false(IS_ERR(p));
	for (n = 1;; n++) {
		struct test_run t = {.kind = TEST_RUN_SKB, .data_in = data, .ctx_in = &ctx};

		t.attr.test.data_in = t.attr.test.ctx_in = 1;
		t.attr.test.data_size_in = sizeof(data);
		t.attr.test.ctx_size_in = sizeof(ctx);
		refuse_at(n);
		err = test_run(p->image, &host, &t);
		refuse_at(0);
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
	}
	assert_true(n > 2);
	obj_put(&p->obj);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(loading), cmocka_unit_test(running)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
