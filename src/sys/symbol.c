/* SPDX-License-Identifier: BSD-2-Clause */
/* symbol.c - names that programs look up while they run: types of the kernel's BTF, and symbols of
 * /proc/kallsyms, which are the helpers. */
#include <stdio.h>

#include "isa/insn.h"
#include "helper/helper.h"
#include "link/file_types.h"
#include "sys/priv.h"

/* Where __bpf_call_base pretends to be. A helper call's imm in xlated code is the helper's id,
 * so helpers lie at base + id. */
#define CALL_BASE 0xffffffff81000000ull

s32 sys_btf_find(struct sys *sys, const char *name, u32 kind, struct btf **module)
{
	s32 id;

	*module = NULL;
	if (!sys->vmlinux)
		return -EINVAL;
	if (kind >= NR_BTF_KINDS)
		return -ENOENT;
	id = btf_find_by_name_kind(sys->vmlinux, name, kind);
	for (u32 i = 0; id < 0 && i < sys->nr_modules; i++) {
		id = btf_find_by_name_kind(sys->modules[i], name, kind);
		*module = id < 0 ? NULL : sys->modules[i];
	}
	return id;
}

void sys_ksyms(void (*each)(void *arg, const char *name, u64 addr), void *arg)
{
	const struct hook_point *p;
	const char *func;
	char name[64];
	s32 nr;

	each(arg, "__bpf_call_base", CALL_BASE);
	for (u32 id = 1; id < HELPER_IDS_END; id++) {
		snprintf(name, sizeof(name), "bpf_%s", helper_name(id));
		each(arg, name, CALL_BASE + id);
	}
	for (u32 i = 0; (func = syscall_func_at(i, &nr)); i++)
		each(arg, func, syscall_func_addr(nr));
	for (u32 i = 0; (p = hook_point_at(i)); i++)
		if (p->call)
			each(arg, p->name, hook_point_addr(p));
	for (u32 kind = 0; kind < OBJ_KINDS; kind++)
		if (file_symbol_at(kind))
			each(arg, file_symbol_at(kind)->name, file_symbol_at(kind)->addr);
}

struct wanted {
	const char *name;
	u64 addr;
};

static void is_wanted(void *arg, const char *name, u64 addr)
{
	struct wanted *w = arg;

	if (!w->addr && !strcmp(name, w->name))
		w->addr = addr;
}

/* Addresses are shown to those to whom a kernel with its default settings shows them. */
int sys_ksym_find(const struct cred *cred, const char *name, u64 *addr)
{
	struct wanted w = {.name = name};

	if (!cred_has(cred, CAP_SYSLOG))
		return -EPERM;
	sys_ksyms(is_wanted, &w);
	*addr = w.addr;
	return w.addr ? 0 : -ENOENT;
}
