/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched_stat_wait: a task waited for a CPU. The machine counts that per task (/proc/PID/task/TID/
 * schedstat), so the tasks are looked at every SAMPLE_MS, and what one waited meanwhile is one event.
 */
#include <stdio.h>
#include <stdlib.h>
#include "helper/proc_text.h"
#include "helper/task_view.h"
#include "link/hook.h"

#define SAMPLE_MS 100u

/* What was seen last, by tid: open addressing, a power of two of slots, at most half of them taken. */
struct seen {
	u32 tid, round;
	u64 wait;
};

struct sampler {
	struct hook *hook;
	struct seen *slots;
	u32 size, used, round;
};

static struct seen *slot_of(struct seen *slots, u32 size, u32 tid)
{
	u32 i = tid * 0x9e3779b9u & (size - 1);

	while (slots[i].tid && slots[i].tid != tid)
		i = (i + 1) & (size - 1);
	return &slots[i];
}

/* Tasks that were not there in this round and the one before are left behind. */
static bool rebuild(struct sampler *s)
{
	u32 size = s->size, live = 0;
	struct seen *old = s->slots;

	for (u32 i = 0; i < s->size; i++)
		live += old[i].tid && old[i].round + 1 >= s->round;
	while (size < 4 * (live + 256))
		size *= 2;
	s->slots = calloc(size, sizeof(*s->slots));
	if (!s->slots) {
		s->slots = old;
		return false;
	}
	s->used = live;
	for (u32 i = 0; i < s->size; i++)
		if (old[i].tid && old[i].round + 1 >= s->round)
			*slot_of(s->slots, size, old[i].tid) = old[i];
	s->size = size;
	free(old);
	return true;
}

static void happened(struct sampler *s, u32 tid, u64 delta)
{
	struct task_struct *t = task_get_pid(tid);
	u64 args[2] = {(uintptr_t)t, delta};

	if (t)
		hook_fire(s->hook, args, NULL);
	task_put(t);
}

static void look_at(struct sampler *s, u32 tid)
{
	char path[64], text[96];
	const char *p = text;
	struct seen *at;
	u64 wait, was;

	proc_path(path, tid, "schedstat");
	if (proc_read(path, text, sizeof(text)) <= 0)
		return;
	proc_number(&p, 10);
	wait = proc_number(&p, 10);
	if (2 * s->used >= s->size && !rebuild(s))
		return;
	at = slot_of(s->slots, s->size, tid);
	/* what tasks waited before anybody asked is nobody's business */
	was = at->tid && at->wait <= wait ? at->wait : s->round == 1 ? wait : 0;
	s->used += !at->tid;
	*at = (struct seen){.tid = tid, .round = s->round, .wait = wait};
	if (wait > was)
		happened(s, tid, wait - was);
}

static void look_at_process(struct sampler *s, u32 pid)
{
	struct proc_dir dir;
	const char *name;
	char path[64];

	proc_path(path, pid, "task");
	if (proc_opendir(&dir, path))
		return;
	while ((name = proc_nextdir(&dir, NULL)))
		look_at(s, (u32)proc_u64(name));
	proc_closedir(&dir);
}

static void sample(struct sampler *s)
{
	struct proc_dir dir;
	const char *name;

	s->round++;
	if (proc_opendir(&dir, "/proc"))
		return;
	while ((name = proc_nextdir(&dir, NULL)))
		if (*name >= '1' && *name <= '9')
			look_at_process(s, (u32)proc_u64(name));
	proc_closedir(&dir);
}

void hook_sched_stat_wait(struct hook *h);
void hook_sched_stat_wait(struct hook *h)
{
	struct sampler s = {.hook = h, .size = 1024};

	s.slots = calloc(s.size, sizeof(*s.slots));
	if (!s.slots)
		return;
	do
		sample(&s);
	while (hook_wait(h, SAMPLE_MS));
	free(s.slots);
}
