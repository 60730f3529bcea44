// SPDX-License-Identifier: BSD-2-Clause
/*
 * probe - what a hit costs beside the call of an empty function: the engine's share, with an empty C function as the
 * hit. usage: probe
 */
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "agent/engine.h"
#include "link/plan.h"

#define NOIPA __attribute__((noipa))

static NOIPA void empty(void)
{
	asm volatile("");
}

/* as a compiler begins a function with a frame */
void framed(void);
asm(".type framed, @function\nframed: push %rbp; mov %rsp, %rbp; pop %rbp; ret\n.size framed, . - framed\n");
/* as USDT has it */
void with_nop(void);
extern char with_nop_at[];
asm(".type with_nop, @function\nwith_nop: xor %eax, %eax\nwith_nop_at: nop\nret\n.size with_nop, . - with_nop\n");

static void nothing(void *arg, struct pt_regs *regs)
{
}

static void with_vectors(void *arg, struct pt_regs *regs)
{
	patch_save_vectors();
}

static void on_trap(int sig, siginfo_t *info, void *uc)
{
	if (!patch_trap(uc))
		abort();
}

static double ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double per_call(void (*fn)(void))
{
	double best = 1e9;

	for (u32 round = 0; round < 20; round++) {
		double start = ns(), took;

		for (u32 i = 0; i < 50000; i++)
			fn();
		took = (ns() - start) / 50000;
		best = took < best ? took : best;
	}
	return best;
}

static int find(struct dl_phdr_info *info, size_t size, void *arg)
{
	*(u64 *)arg = info->dlpi_addr;
	return 1;
}

static struct plan_file *file;
static void measure(const char *what, void (*fn)(void), const void *at, bool ret, u32 forms,
		    void (*hit)(void *, struct pt_regs *))
{
	const struct patch_hit h = {hit, NULL, ret};
	struct site_plan plan;
	struct patch *p;
	double plain = per_call(fn);
	u64 base, off;
	int err;

	dl_iterate_phdr(find, &base);
	off = (u64)at - base;
	/* text of this program stands at the same distance in the file, or pages before */
	for (u64 i = 0, v; i <= off; i += 4096)
		if (!plan_vaddr(file, off - i, &v) && v == off) {
			off -= i;
			break;
		}
	err = plan_site(file, off, &plan);
	plan.flags |= SITE_F_ENTRY;
	patch_forms = forms;
	if (!err)
		err = patch_add((void *)at, &plan, &h, &p);
	if (err) {
		printf("%-34s %d\n", what, err);
		return;
	}
	printf("%-34s %7.1f ns (%.1f without)\n", what, per_call(fn) - plain, plain);
	patch_del(p);
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};

	if (plan_open(open("/proc/self/exe", O_RDONLY), &file))
		return 1;
	sigaction(SIGTRAP, &sa, NULL);
	patch_init();
	patch_can_trap(true);
	measure("entry", empty, empty, false, ~0u, nothing);
	measure("entry, push %rbp", framed, framed, false, ~0u, nothing);
	measure("nop", with_nop, with_nop_at, false, ~0u, nothing);
	measure("return", empty, empty, true, ~0u, nothing);
	measure("return, push %rbp", framed, framed, true, ~0u, nothing);
	measure("entry by int3", framed, framed, false, FORM_TRAP, nothing);
	measure("entry, vector registers saved", framed, framed, false, ~0u, with_vectors);
	return 0;
}
