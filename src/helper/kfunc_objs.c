/* SPDX-License-Identifier: BSD-2-Clause */
/* Compiled into the run side; vmlinux.btf has the same prototypes (kfunc_objs_btf.c). */
#include "exec/exec.h"
#include "helper/cgroup_view.h"
#include "helper/kfunc_objs.h"
#include "helper/proc_text.h"
#include "helper/task.h"
#include "helper/task_view.h"

struct task_struct *bpf_task_from_pid(s32 pid)
{
	return pid > 0 ? task_get_pid((u32)pid) : NULL;
}

struct task_struct *bpf_task_acquire(struct task_struct *p)
{
	return task_get(p);
}

void bpf_task_release(struct task_struct *p)
{
	task_put(p);
}

struct cgroup *bpf_cgroup_from_id(u64 cgid)
{
	return cgroup_get_id(cgid);
}

struct cgroup *bpf_cgroup_acquire(struct cgroup *cgrp)
{
	return cgroup_get(cgrp);
}

/* Of the pointers a program has only those of groups that somebody holds are followed. */
struct cgroup *bpf_cgroup_ancestor(struct cgroup *cgrp, int level)
{
	struct cgroup *c = cgroup_get(cgrp), *up = NULL;

	if (c && level >= 0 && level <= c->level)
		up = cgroup_get(c->ancestors[level]);
	cgroup_put(c);
	return up;
}

void bpf_cgroup_release(struct cgroup *cgrp)
{
	cgroup_put(cgrp);
}

long bpf_task_under_cgroup(struct task_struct *task, struct cgroup *ancestor)
{
	struct task_struct *t = task_get(task);
	struct cgroup *of = t && t->cgroups ? cgroup_get(t->cgroups->dfl_cgrp) : NULL;
	struct cgroup *up = cgroup_get(ancestor);
	long under = of && up && up->level <= of->level && of->ancestors[up->level] == up;

	cgroup_put(up);
	cgroup_put(of);
	task_put(t);
	return under;
}

void bpf_view_changed(u64 cgroup_id)
{
	struct exec_run *run = exec_current();

	if (run && run->host && run->host->view_changed)
		run->host->view_changed(run, cgroup_id);
}

/* --- numbers of files --- */

#define KEY_MAX	  64u
#define FILE_TEXT 4096u

static bool boundary(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || !c;
}

/* The sum of what stands behind @field. */
static s64 field_sum(const char *text, const char *field)
{
	size_t n = strlen(field);
	s64 sum = 0;
	bool found = false;

	for (const char *at = text; (at = strstr(at, field)); at += n) {
		if ((at != text && !boundary(at[-1])) || (at[n] != ' ' && at[n] != '='))
			continue;
		found = true;
		sum = !strncmp(at + n + 1, "max", 3) ? INT64_MAX : sum + (s64)proc_u64(at + n + 1);
	}
	return found ? sum : -ENOENT;
}

static s64 first_number(const char *text)
{
	if (!strncmp(text, "max", 3))
		return INT64_MAX;
	return *text >= '0' && *text <= '9' ? (s64)proc_u64(text) : -ENOENT;
}

s64 bpf_cgroup_number(struct cgroup *cgrp, const char *key, u32 key__sz)
{
	char name[KEY_MAX + 1] = "", text[FILE_TEXT], *field;
	struct cgroup *c = cgroup_get(cgrp);
	int saved = errno;
	long n = -EINVAL;

	if (c && key && key__sz && !run_hurries())
		strncpy(name, key, min(key__sz, KEY_MAX));
	field = strchr(name, ':');
	if (field)
		*field++ = '\0';
	/* files of the group's own directory, nothing else */
	if (*name && *name != '.' && !strchr(name, '/'))
		n = cgroup_read(c, name, text, sizeof(text));
	cgroup_put(c);
	errno = saved;
	if (n < 0)
		return n;
	return field ? field_sum(text, field) : first_number(text);
}
