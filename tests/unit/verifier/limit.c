/* SPDX-License-Identifier: BSD-2-Clause */
/* limit.c - programs that use up the million instructions, or the 8192 paths still to walk:
 * refused in the kernel's words, in bounded memory, all of which is given back; and small ones, which
 * take little. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "isa/asm.h"
#include "prog/prog.h"

#define MAX_INSNS 1024
#define BOUND	  (32u << 20)
#define SMALL	  (28u << 10)

static size_t used, peak;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);

static void *count(void *p)
{
	used += malloc_usable_size(p);
	peak = max(peak, used);
	return p;
}

void *__wrap_malloc(size_t n)
{
	return count(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t m)
{
	return count(__real_calloc(n, m));
}

void *__wrap_realloc(void *p, size_t n)
{
	used -= malloc_usable_size(p);
	return count(__real_realloc(p, n));
}

void __wrap_free(void *p)
{
	used -= malloc_usable_size(p);
	__real_free(p);
}

static const struct limit_case {
	const char *name, *start, *round, *end;
	int rounds; /* how often @round stands in the program */
	int err;
	size_t bound; /* BOUND when 0 */
} cases[] = {
	{"a loop over a full stack", "r6 = r1\nr8 = 0\nagain:\n",
	 "r7 = *(u32 *)(r6 +0)\n*(u64 *)(r10 -OFF) = r7\nr8 += 1\n",
	 "if r8 < 100000000 goto again\nr0 = 0\nexit\n", 64, -E2BIG},
	{"states that differ in each round, two ways through each",
	 "r6 = r1\nr8 = 0\nr9 = 0\nagain:\n",
	 "r7 = *(u32 *)(r6 +0)\nif r7 & 1 goto pc+1\nr9 += 1\nr8 += 1\n*(u8 *)(r10 -OFF) = 1\n",
	 "if r8 < 100000000 goto again\nr0 = r9\nexit\n", 20, -EFAULT},
	{"calls that branch", "r6 = r1\nr8 = 0\nagain:\n", "r1 = r6\ncall sub\nr8 += 1\n",
	 "if r8 < 100000000 goto again\nr0 = 0\nexit\nsub:\nr7 = *(u32 *)(r1 +0)\n*(u64 *)(r10 -8) = r7\nif r7 > 5 goto pc+2\nr0 = 1\nexit\nr0 = 2\nexit\n",
	 10, -EFAULT},
	{"a loop of nothing", "r8 = 0\nagain:\n", "r8 += 1\n",
	 "if r8 < 100000000 goto again\nr0 = 0\nexit\n", 1, -E2BIG},
	{"a small program", "r6 = r1\nr8 = 0\nagain:\n", "r7 = *(u32 *)(r6 +0)\nr8 += 1\n",
	 "if r8 < 9 goto again\ncall sub\nexit\nsub:\nr0 = 0\nexit\n", 4, 0, SMALL},
};

/* Of the log. */
static const char *words(int err)
{
	return err == -E2BIG	? "BPF program is too large. Processed 1000001 insn"
	       : err == -EFAULT ? "The sequence of 8193 jumps is too complex."
				: "processed";
}

/* @round, with OFF the offset of stack slot @i */
static void add_round(char *text, const char *round, int i)
{
	const char *at = strstr(round, "OFF");

	if (at)
		sprintf(text + strlen(text), "%.*s%d%s", (int)(at - round), round, 8 * (i + 1),
			at + 3);
	else
		strcat(text, round);
}

static int build(const struct limit_case *c, struct bpf_insn *insns)
{
	static char text[1 << 16];
	struct asm_error bad;
	int n;

	strcpy(text, c->start);
	for (int i = 0; i < c->rounds; i++)
		add_round(text, c->round, i);
	strcat(text, c->end);
	n = asm_text(text, insns, MAX_INSNS, &bad);
	if (n < 0)
		fail_msg("line %d: %s", bad.line, bad.text);
	return n;
}

static struct bpf_map *no_map(void *arg, int fd)
{
	return ERR_PTR(-EBADF);
}

static void in_bounds(void **state)
{
	const struct limit_case *c = *state;
	static const struct vfy_env_ops env_ops = {.map_by_fd = no_map};
	struct cred cred = {.caps = ~0ull};
	struct vfy_prog p = {.type = BPF_PROG_TYPE_SOCKET_FILTER,
			     .gpl_compatible = true,
			     .cred = &cred,
			     .ops = prog_type_of(BPF_PROG_TYPE_SOCKET_FILTER)->ops,
			     .env = &env_ops};
	size_t before = used;
	struct log log;
	int err;

	p.insns = calloc(MAX_INSNS, sizeof(*p.insns));
	p.len = build(c, p.insns);
	log_init(&log, 4, 4096);
	peak = used;
	err = vfy_check(&p, &log);
	if (err != c->err || !strstr(log.buf, words(err)))
		fail_msg("got %d: %s", err, log.buf);
	print_message("%s: peak %zu KiB\n", c->name, (peak - before) >> 10);
	assert_true(peak - before < (c->bound ? c->bound : BOUND));
	log_free(&log);
	vfy_prog_free(&p);
	assert_int_equal(used, before);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(cases)];

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++)
		tests[i] = (struct CMUnitTest){.name = cases[i].name,
					       .test_func = in_bounds,
					       .initial_state = (void *)&cases[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
