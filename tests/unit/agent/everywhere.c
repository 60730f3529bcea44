/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * everywhere.c - a library to preload: puts probes at the entry, the return and in the middle of random functions of
 * libc, libcrypto and the program itself, whatever program that is. The program must not notice (programs.sh).
 *   PROBES_SEED, PROBES_NR (per file), PROBES_LOG (a file: what was done)
 *   PROBES_EACH=N: instead, N random instructions of each file get a probe, one at a time; the log has how each could
 */
#include "agent_test.h"
#include <elf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define EXPORT __attribute__((visibility("default")))
#define MAX    6000

EXPORT int dl_iterate_phdr(int (*cb)(struct dl_phdr_info *, size_t, void *), void *data)
{
	return patch_dl_iterate_phdr(cb, data);
}
#ifdef DLFO_STRUCT_HAS_EH_DBASE
EXPORT int _dl_find_object(void *pc, struct dl_find_object *result)
{
	return patch_dl_find_object(pc, result);
}
#endif

/* As the shim does it: SIGTRAP stays open. */
EXPORT int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	static int (*next)(int, const sigset_t *, sigset_t *);
	sigset_t open = {};

	if (!next)
		next = dlsym(RTLD_NEXT, "pthread_sigmask");
	if (set) {
		open = *set;
		if (how != SIG_UNBLOCK)
			sigdelset(&open, SIGTRAP);
	}
	return next(how, set ? &open : NULL, old);
}

EXPORT int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	int err = pthread_sigmask(how, set, old);

	if (err)
		errno = err;
	return err ? -1 : 0;
}

/* ... and its handler is ours, whatever a program wishes. */
static bool caught;

EXPORT int sigaction(int sig, const struct sigaction *act, struct sigaction *old)
{
	static int (*next)(int, const struct sigaction *, struct sigaction *);

	if (!next)
		next = dlsym(RTLD_NEXT, "sigaction");
	if (sig != SIGTRAP || !caught)
		return next(sig, act, old);
	if (old)
		*old = (struct sigaction){};
	return 0;
}

static u64 hits[3];
static struct patch_req reqs[MAX];
static struct site_plan plans[MAX];
static u32 nr_reqs, seed;

static u64 rnd(void)
{
	static u64 x;

	if (!x)
		x = (seed + 1) * 0x9e3779b97f4a7c15ull;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void on_hit(void *arg, struct pt_regs *regs)
{
	__atomic_fetch_add((u64 *)arg, 1, __ATOMIC_RELAXED);
}

static bool want(u64 addr, u32 what)
{
	struct site_plan *plan = &plans[nr_reqs];

	if (nr_reqs == MAX || plan_of((void *)addr, plan))
		return false;
	if (what == 2 && ((plan->flags & SITE_F_NO_RETURN_PROBE) || !(plan->flags & SITE_F_ENTRY)))
		return false;
	reqs[nr_reqs++] = (struct patch_req){
		.addr = (void *)addr, .plan = plan, .hit = {on_hit, &hits[what], what == 2}};
	return true;
}

/* What is behind it may be no code. */
static bool ends(const u8 *insn)
{
	static const char last[] = "\xc3\xc2\xe9\xeb\xf4\xff\x0f\x0b\xf2\xf3\x3e";

	return strchr(last, insn[0]);
}

static void want_function(u64 addr, u64 size)
{
	u64 at = addr, steps = rnd() % 30 + 1;
	struct site_plan plan;

	want(addr, 0);
	want(addr, 2);
	for (u64 i = 0; i < steps; i++) {
		if ((plan_of((void *)at, &plan) && !plan.insn.len) || ends(plan.insn.bytes) ||
		    at + plan.insn.len >= addr + size)
			break;
		at += plan.insn.len;
	}
	if (at != addr)
		want(at, 1);
}

/* Functions by their symbols; of a program that has none, by its unwind information: where plans say that one begins. */
static void want_of(struct loaded *l, u32 nr)
{
	int fd = open(l->path, O_RDONLY | O_CLOEXEC);
	u32 list[20000], found = 0;
	struct stat st;
	u8 *file;

	if (fd < 0 || fstat(fd, &st))
		return;
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	const Elf64_Ehdr *eh = (void *)file;
	const Elf64_Shdr *sh = (void *)(file + eh->e_shoff);

	for (u32 i = 0; i < eh->e_shnum; i++) {
		const Elf64_Sym *sym = (void *)(file + sh[i].sh_offset);

		if (sh[i].sh_type != SHT_DYNSYM)
			continue;
		for (u32 j = 0; j < sh[i].sh_size / sizeof(*sym) && found < ARRAY_SIZE(list); j++)
			if (ELF64_ST_TYPE(sym[j].st_info) == STT_FUNC && sym[j].st_shndx &&
			    sym[j].st_size)
				list[found++] = j;
		for (u32 k = 0; found && k < nr; k++) {
			const Elf64_Sym *s = &sym[list[rnd() % found]];

			want_function(l->base + s->st_value, s->st_size);
		}
	}
	for (u32 tries = 0, got = 0; found < 100 && got < nr && tries < nr * 200; tries++) {
		u64 addr = l->base + l->text.p_vaddr + (rnd() % l->text.p_filesz & ~15ull);
		struct site_plan plan;

		if (plan_of((void *)addr, &plan) || !(plan.flags & SITE_F_ENTRY))
			continue;
		want_function(addr, 60);
		got++;
	}
	munmap(file, (size_t)st.st_size);
}

static void say(const char *what)
{
	const char *log = getenv("PROBES_LOG");
	FILE *f = log ? fopen(log, "ae") : NULL;
	u32 form[JUMP_MAX + 1] = {}, refused = 0;

	if (!f || getenv("PROBES_EACH"))
		return;
	for (u32 i = 0; patch_sites && i <= patch_sites->mask; i++) {
		const struct site *s = patch_sites->slot[i];

		if (s && s->patched)
			form[s->now[0] == 0xcc ? 0 : s->patched]++;
	}
	for (u32 i = 0; i < nr_reqs; i++)
		refused += reqs[i].err != 0;
	fprintf(f,
		"%s %s: %u probes, %u refused, trap %u, 1: %u 2: %u 3: %u 4: %u 5: %u 6: %u 7: %u 8: %u, hits %llu %llu %llu, missed %llu\n",
		program_invocation_short_name, what, nr_reqs, refused, form[0], form[1], form[2],
		form[3], form[4], form[5], form[6], form[7], form[8], hits[0], hits[1], hits[2],
		patch_missed());
	fclose(f);
}

/* --- PROBES_EACH --- */

/* A random instruction of a random function: from its beginning, as they come. */
static u64 random_insn(const struct loaded *l, struct site_plan *plan)
{
	u64 addr = l->base + l->text.p_vaddr + rnd() % l->text.p_filesz;

	addr &= ~15ull;
	if (plan_of((void *)addr, plan) || !(plan->flags & SITE_F_ENTRY))
		return 0;
	for (u32 steps = rnd() % 200; steps && !ends(plan->insn.bytes); steps--) {
		struct site_plan next;

		if (plan_of((void *)(addr + plan->insn.len), &next))
			break;
		addr += plan->insn.len;
		*plan = next;
	}
	return addr;
}

static void each_of(struct loaded *l, u32 nr)
{
	const char *base = strrchr(l->path, '/'), *log = getenv("PROBES_LOG");
	u32 form[JUMP_MAX + 1] = {}, refused = 0, done = 0;
	struct patch_hit hit = {on_hit, &hits[0], false};
	FILE *f = log ? fopen(log, "ae") : NULL;

	while (done < nr) {
		struct site_plan plan;
		u64 addr = random_insn(l, &plan);
		const struct site *s;
		struct patch *p;

		if (!addr)
			continue;
		done++;
		if (patch_add((void *)addr, &plan, &hit, &p)) {
			refused++;
			continue;
		}
		s = site_find(addr);
		form[s->now[0] == 0xcc ? 0 : s->patched]++;
		patch_del(p);
	}
	if (!f)
		return;
	fprintf(f,
		"%s: %u instructions, by bytes 1: %u 2: %u 3: %u 4: %u 5: %u 6: %u 7: %u 8: %u, trap %u, refused %u\n",
		base && !strstr(l->path, "/proc/self") ? base + 1 : program_invocation_short_name,
		nr, form[1], form[2], form[3], form[4], form[5], form[6], form[7], form[8], form[0],
		refused);
	fclose(f);
}

/* libc makes processes and threads with all signals blocked: no traps for good in it. */
static void add_of(struct loaded *l, u32 nr)
{
	u32 before = nr_reqs;

	want_of(l, nr);
	patch_lasting_traps(!strstr(l->path, "/libc.so"));
	patch_add_many(reqs + before, nr_reqs - before);
	patch_lasting_traps(true);
}

/* Whoever looks at the core finds the instruction where the program has it. */
static void on_fault(int sig, siginfo_t *info, void *uc)
{
	patch_fault(uc);
	signal(sig, SIG_DFL);
}

__attribute__((constructor)) static void start(void)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	u32 nr = atoi(getenv("PROBES_NR") ?: "100"), each = atoi(getenv("PROBES_EACH") ?: "0");

	seed = (u32)atoi(getenv("PROBES_SEED") ?: "1");
	patch_init();
	sigaction(SIGSEGV, &sa, NULL);
	catch_traps();
	caught = true;
	object_of(0);
	for (u32 i = 0; i < nr_loaded; i++)
		if (!i || strstr(loaded[i].path, "/libc.so") || strstr(loaded[i].path, "libcrypto"))
			each ? each_of(&loaded[i], each) : add_of(&loaded[i], nr);
	say("begins");
}

__attribute__((destructor)) static void stop(void)
{
	say("ends");
}
