/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_AGENT_TEST_H
#define USERBPF_AGENT_TEST_H
/* agent_test.h - plans for code of this process, from the files it was loaded from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "agent/engine.h"
#include "agent/unwind.h"
#include "link/plan.h"

struct loaded {
	u64 base;
	char path[256];
	struct plan_file *file;
	ElfW(Phdr) text;
};

static struct loaded loaded[64];
static u32 nr_loaded;

static inline int see_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct loaded *l = &loaded[nr_loaded];
	int fd;

	for (u32 i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X))
			l->text = info->dlpi_phdr[i];
	l->base = info->dlpi_addr;
	snprintf(l->path, sizeof(l->path), "%s", *info->dlpi_name ? info->dlpi_name : "/proc/self/exe");
	fd = open(l->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (!plan_open(fd, &l->file))
		nr_loaded++;
	close(fd);
	return nr_loaded == ARRAY_SIZE(loaded);
}

static inline struct loaded *object_of(u64 addr)
{
	if (!nr_loaded)
		dl_iterate_phdr(see_object, NULL);
	for (u32 i = 0; i < nr_loaded; i++)
		if (addr - loaded[i].base - loaded[i].text.p_vaddr < loaded[i].text.p_filesz)
			return &loaded[i];
	return NULL;
}

static inline int plan_of(const void *addr, struct site_plan *plan)
{
	struct loaded *l = object_of((u64)addr);

	if (!l)
		return -ENOENT;
	return plan_site(l->file, (u64)addr - l->base - l->text.p_vaddr + l->text.p_offset, plan);
}

static inline void on_trap(int sig, siginfo_t *info, void *uc)
{
	if (!patch_trap(uc))
		abort();
	patch_resume(uc);
}

static inline void catch_traps(void)
{
	struct sigaction sa = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigaction(SIGTRAP, &sa, NULL);
	patch_can_trap(true);
}

#endif
