/* SPDX-License-Identifier: BSD-2-Clause */
#include "prog/load.h"

#define LSM_PREFIX "bpf_lsm_"

enum hook_kind { SLEEPS, DISABLED, INJECTED, INJECTED_ATOMIC, DENIED_ANY, PATH, SOCKOPT };

static const struct hook {
	enum hook_kind kind;
	const char *name;
} hooks[] = {
#define LSM_SLEEPS(name)	    {SLEEPS, LSM_PREFIX #name},
#define LSM_DISABLED(name)	    {DISABLED, LSM_PREFIX #name},
#define INJECTABLE(name, may_sleep) {may_sleep ? INJECTED : INJECTED_ATOMIC, #name},
#define DENIED(name)		    {DENIED_ANY, #name},
#define HAS_PATH(name)		    {PATH, #name},
#define LSM_SOCKOPT(name)	    {SOCKOPT, LSM_PREFIX #name},
#include "prog/hooks.def"
};

static bool listed(enum hook_kind kind, const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(hooks); i++)
		if (hooks[i].kind == kind && !strcmp(hooks[i].name, name))
			return true;
	return false;
}

/* The function behind a system call, as each architecture wraps it. */
static bool is_syscall(const char *name)
{
	static const char *const prefixes[] = {"__x64_sys_", "__ia32_sys_", "__ia32_compat_sys_",
					       "__arm64_sys_", "__arm64_compat_sys_"};

	for (u32 i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

bool hook_is_lsm(const char *func)
{
	return !strncmp(func, LSM_PREFIX, strlen(LSM_PREFIX));
}

bool hook_lsm_disabled(const char *func)
{
	return listed(DISABLED, func);
}

bool hook_sleepable(enum bpf_prog_type type, const char *func)
{
	if (type == BPF_PROG_TYPE_LSM)
		return listed(SLEEPS, func);
	return type == BPF_PROG_TYPE_TRACING && (is_syscall(func) || listed(INJECTED, func));
}

bool hook_modifiable(const char *func)
{
	return is_syscall(func) || listed(INJECTED, func) || listed(INJECTED_ATOMIC, func) ||
	       !strncmp(func, "security_", strlen("security_"));
}

bool hook_denied(const char *func)
{
	return listed(DENIED_ANY, func);
}

bool hook_has_path(const char *func)
{
	return listed(PATH, func);
}

bool hook_has_sockopt(const char *func)
{
	return listed(SOCKOPT, func);
}
