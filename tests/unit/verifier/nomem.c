/* SPDX-License-Identifier: BSD-2-Clause */
/* nomem.c - vfy_check() with the n-th allocation refused, once and from there on: -ENOMEM (or
 * -EFAULT, as the kernel for a lost branch), no leak, no crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "isa/asm.h"
#include "prog/prog.h"
#include "../refuse.h"

static const char text[] = "r6 = r1\n"
			   "r7 = *(u32 *)(r6 +0)\n"
			   "more:\n"
			   "may_goto enough\n"
			   "call sub\n"
			   "r7 += r0\n"
			   "goto more\n"
			   "enough:\n"
			   "*(u64 *)(r10 -8) = r7\n"
			   "r8 = 0\n"
			   "loop:\n"
			   "call sub\n"
			   "r9 = *(u64 *)(r10 -8)\n"
			   "if r9 s> 3 goto pc+2\n"
			   "r9 += 1\n"
			   "r0 += r9\n"
			   "if r0 == 7 goto pc+1\n"
			   "r0 = 0\n"
			   "r8 += 1\n"
			   "if r8 < 40 goto loop\n"
			   "r0 = 0\n"
			   "exit\n"
			   "sub:\n"
			   "r0 = 3\n"
			   "exit\n";

static struct bpf_map *no_map(void *arg, int fd)
{
	return ERR_PTR(-EBADF);
}

static const struct vfy_env_ops env_ops = {.map_by_fd = no_map};
static struct bpf_insn insns[64];
static int nr_insns;

static int check_once(void)
{
	struct cred cred = {.caps = ~0ull};
	struct vfy_prog p = {.type = BPF_PROG_TYPE_SOCKET_FILTER,
			     .gpl_compatible = true,
			     .cred = &cred,
			     .ops = prog_type_of(BPF_PROG_TYPE_SOCKET_FILTER)->ops,
			     .env = &env_ops,
			     .len = nr_insns};
	int err;

	p.insns = __real_malloc(nr_insns * sizeof(*insns));
	memcpy(p.insns, insns, nr_insns * sizeof(*insns));
	err = vfy_check(&p, NULL);
	vfy_prog_free(&p);
	return err;
}

static void nth_allocation(void **state)
{
	int last = check_once();
	u32 n = 0;

	for (u32 mode = 0; mode < 2; mode++)
		for (n = 1; n < 2000; n++) {
			bool all;
			int err;

			if (mode)
				refuse_from(n);
			else
				refuse_at(n);
			err = check_once();
			all = refuse_seen < n;
			refuse_at(0);
			if (all) {
				assert_int_equal(err, last);
				break;
			}
			if (err != last)
				assert_true(err == -ENOMEM || err == -EFAULT);
		}
	assert_true(n > 4 && n < 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(nth_allocation)};

	nr_insns = asm_text(text, insns, ARRAY_SIZE(insns), NULL);
	if (nr_insns < 0)
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
