/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <sys/syscall.h>
#include "exec/trace_record.h"
#include "link/trace_event.h"

#define PRINT_FMT "\nprint fmt: "
#define FIRST_ID  310u /* smaller ones are kinds of lines in a kernel's buffer */

static const struct trace_event events[] = {
	{"sched", "sched_process_exit", PROBE_PROC_EXIT, -1, NULL},
	{"sched", "sched_process_fork", PROBE_PROC_FORK, -1, NULL},
	{"sched", "sched_process_exec", PROBE_PROC_EXEC, -1, NULL},
	{"raw_syscalls", "sys_exit", PROBE_SYS_EXIT, -1, NULL},
	{"raw_syscalls", "sys_enter", PROBE_SYS_ENTER, -1, NULL},
#define SYSCALL(number, func, args)                                           \
	{"syscalls", "sys_exit_" #func, PROBE_SYS_EXIT, __NR_##number, args}, \
		{"syscalls", "sys_enter_" #func, PROBE_SYS_ENTER, __NR_##number, args},
#include "link/syscalls.def"
#undef SYSCALL
};

static const struct {
	const char *func;
	s32 nr;
} funcs[] = {
#define SYSCALL(number, func, args) {"__x64_sys_" #func, __NR_##number},
#include "link/syscalls.def"
#undef SYSCALL
};

const struct trace_event *trace_event_at(u32 i)
{
	return i < ARRAY_SIZE(events) ? &events[i] : NULL;
}

u32 trace_event_next_id(void)
{
	return FIRST_ID + ARRAY_SIZE(events);
}

u32 trace_event_id(const struct trace_event *ev)
{
	return FIRST_ID + (u32)(ev - events);
}

const struct trace_event *trace_event_by_id(u64 id)
{
	return id >= FIRST_ID && id - FIRST_ID < ARRAY_SIZE(events) ? &events[id - FIRST_ID] : NULL;
}

const struct trace_event *trace_event_by_name(const char *system, const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(events); i++)
		if (!strcmp(events[i].name, name) && !strcmp(events[i].system, system))
			return &events[i];
	return NULL;
}

const struct trace_event *trace_event_raw(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(events); i++)
		if (events[i].nr < 0 && !strcmp(events[i].name, name))
			return &events[i];
	return NULL;
}

s32 syscall_by_func(const char *func)
{
	for (u32 i = 0; i < ARRAY_SIZE(funcs); i++)
		if (!strcmp(funcs[i].func, func))
			return funcs[i].nr;
	return -1;
}

const char *syscall_func_at(u32 i, s32 *nr)
{
	if (i >= ARRAY_SIZE(funcs))
		return NULL;
	*nr = funcs[i].nr;
	return funcs[i].func;
}

#define FUNC_BASE 0xffffffff81100000ull

u64 syscall_func_addr(s32 nr)
{
	return nr < 0 ? 0 : FUNC_BASE + 16 * (u64)nr;
}

s32 syscall_by_addr(u64 addr)
{
	for (u32 i = 0; i < ARRAY_SIZE(funcs); i++)
		if (syscall_func_addr(funcs[i].nr) == addr)
			return funcs[i].nr;
	return -1;
}

/* --- format files --- */

static void field(FILE *f, const char *decl, u32 off, u32 size, bool is_signed)
{
	fprintf(f, "\tfield:%s;\toffset:%u;\tsize:%u;\tsigned:%d;\n", decl, off, size, is_signed);
}

#define FIELD(f, decl, type, member, is_signed) \
	field(f, decl, offsetof(struct type, member), sizeof_field(struct type, member), is_signed)

/* What one system call's arguments are called: calls @each for "type name" and the name. */
static void for_args(FILE *f, const char *args,
		     void (*each)(FILE *f, const char *type, int type_len, const char *name, u32 i))
{
	char name[64];

	for (u32 i = 0; *args; i++) {
		const char *end = args + strcspn(args, ","), *at = end;

		while (at > args && at[-1] != ' ' && at[-1] != '*')
			at--;
		snprintf(name, sizeof(name), "%.*s", (int)(end - at), at);
		while (at[-1] == ' ')
			at--;
		each(f, args, (int)(at - args), name, i);
		args = end + strspn(end, ", ");
	}
}

/* Each takes 8 bytes, whatever its type. */
static void arg_field(FILE *f, const char *type, int type_len, const char *name, u32 i)
{
	char decl[160];

	snprintf(decl, sizeof(decl), "%.*s %s", type_len, type, name);
	field(f, decl, offsetof(struct trace_event_raw_sys_enter, args) + 8 * i, 8, false);
}

static void arg_format(FILE *f, const char *type, int type_len, const char *name, u32 i)
{
	fprintf(f, "%s%s: 0x%%08lx", i ? ", " : "", name);
}

static void arg_value(FILE *f, const char *type, int type_len, const char *name, u32 i)
{
	fprintf(f, ", ((unsigned long)(REC->%s))", name);
}

static void enter(FILE *f, const struct trace_event *ev)
{
	if (ev->nr >= 0) {
		field(f, "int __syscall_nr", offsetof(struct trace_event_raw_sys_enter, id), 4,
		      true);
		for_args(f, ev->args, arg_field);
		fprintf(f, PRINT_FMT "\"");
		for_args(f, ev->args, arg_format);
		fputc('"', f);
		for_args(f, ev->args, arg_value);
		fputc('\n', f);
		return;
	}
	FIELD(f, "long id", trace_event_raw_sys_enter, id, true);
	FIELD(f, "unsigned long args[6]", trace_event_raw_sys_enter, args, false);
	fprintf(f, PRINT_FMT "\"NR %%ld (%%lx, %%lx, %%lx, %%lx, %%lx, %%lx)\", REC->id, "
			     "REC->args[0], REC->args[1], REC->args[2], REC->args[3], "
			     "REC->args[4], REC->args[5]\n");
}

static void leave(FILE *f, const struct trace_event *ev)
{
	if (ev->nr >= 0)
		field(f, "int __syscall_nr", offsetof(struct trace_event_raw_sys_exit, id), 4,
		      true);
	else
		FIELD(f, "long id", trace_event_raw_sys_exit, id, true);
	FIELD(f, "long ret", trace_event_raw_sys_exit, ret, true);
	fprintf(f, PRINT_FMT "%s\n",
		ev->nr >= 0 ? "\"0x%lx\", REC->ret" : "\"NR %ld = %ld\", REC->id, REC->ret");
}

static void process_exec(FILE *f, const struct trace_event *ev)
{
	FIELD(f, "__data_loc char[] filename", trace_event_raw_sched_process_exec,
	      __data_loc_filename, false);
	FIELD(f, "pid_t pid", trace_event_raw_sched_process_exec, pid, true);
	FIELD(f, "pid_t old_pid", trace_event_raw_sched_process_exec, old_pid, true);
	fprintf(f, PRINT_FMT "%s\n",
		"\"filename=%s pid=%d old_pid=%d\", __get_str(filename), REC->pid, REC->old_pid");
}

static void process_fork(FILE *f, const struct trace_event *ev)
{
	FIELD(f, "char parent_comm[16]", trace_event_raw_sched_process_fork, parent_comm, false);
	FIELD(f, "pid_t parent_pid", trace_event_raw_sched_process_fork, parent_pid, true);
	FIELD(f, "char child_comm[16]", trace_event_raw_sched_process_fork, child_comm, false);
	FIELD(f, "pid_t child_pid", trace_event_raw_sched_process_fork, child_pid, true);
	fprintf(f, PRINT_FMT "%s\n",
		"\"comm=%s pid=%d child_comm=%s child_pid=%d\", REC->parent_comm, REC->parent_pid, "
		"REC->child_comm, REC->child_pid");
}

static void process_exit(FILE *f, const struct trace_event *ev)
{
	FIELD(f, "char comm[16]", trace_event_raw_sched_process_template, comm, false);
	FIELD(f, "pid_t pid", trace_event_raw_sched_process_template, pid, true);
	FIELD(f, "int prio", trace_event_raw_sched_process_template, prio, true);
	fprintf(f, PRINT_FMT "%s\n", "\"comm=%s pid=%d prio=%d\", REC->comm, REC->pid, REC->prio");
}

/* By kind: the fields, and how a line of them looks. */
static void (*const bodies[PROBE_KINDS])(FILE *f, const struct trace_event *ev) = {
	[PROBE_SYS_ENTER] = enter,	  [PROBE_SYS_EXIT] = leave,
	[PROBE_PROC_EXEC] = process_exec, [PROBE_PROC_FORK] = process_fork,
	[PROBE_PROC_EXIT] = process_exit,
};

void trace_event_format(const struct trace_event *ev, FILE *f)
{
	fprintf(f, "name: %s\nID: %u\nformat:\n", ev->name, trace_event_id(ev));
	FIELD(f, "unsigned short common_type", trace_entry, type, false);
	FIELD(f, "unsigned char common_flags", trace_entry, flags, false);
	FIELD(f, "unsigned char common_preempt_count", trace_entry, preempt_count, false);
	FIELD(f, "int common_pid", trace_entry, pid, true);
	fputc('\n', f);
	bodies[ev->kind](f, ev);
}
