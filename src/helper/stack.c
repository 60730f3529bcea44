/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack.c - return addresses of the process a program runs in, along the chain of frame pointers,
 * as the kernel walks user stacks: code compiled without them cuts the chain short. There is no
 * kernel stack here.
 */
#include "exec/fault.h"
#include "helper/build_id.h"
#include "helper/fn.h"
#include "helper/task.h"

#define MAX_STACK 127u /* kernel.perf_event_max_stack */

struct frame {
	const struct frame *up;
	u64 ret;
};

#define KNOWN_FLAGS (BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_USER_BUILD_ID)
#define ID_FLAGS \
	(BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP | BPF_F_REUSE_STACKID)

struct walk {
	u64 skip, *out;
	u32 nr, room;
};

static void put(struct walk *w, u64 addr)
{
	if (w->skip)
		w->skip--;
	else if (w->nr < w->room)
		w->out[w->nr++] = addr;
}

static void walk(struct walk *w, const struct frame *at, const struct exec_host *host)
{
	struct frame f;

	while (w->nr < w->room && at && !((uintptr_t)at & 7) && !fault_copy(&f, at, sizeof(f)) &&
	       f.ret) {
		put(w, host && host->return_address ? host->return_address(f.ret) : f.ret);
		if (f.up <= at)
			break;
		at = f.up;
	}
}

/* Frames behind the first @flags' skip, MAX_STACK with the skipped ones. 0: no such stack. */
static u32 user_stack(const struct exec_run *run, const void *here, u64 flags, u64 *out, u32 room)
{
	struct walk w = {.skip = flags & BPF_F_SKIP_FIELD_MASK, .out = out};

	if (!(flags & BPF_F_USER_STACK) || w.skip >= MAX_STACK)
		return 0;
	w.room = room < MAX_STACK - w.skip ? room : MAX_STACK - (u32)w.skip;
	if (run->user) {
		put(&w, run->user->ip);
		here = (const void *)(uintptr_t)run->user->bp;
	}
	walk(&w, here, run->host);
	return w.nr;
}

HELPER_FN(get_stack)
{
	u32 size = (u32)r3,
	    frame = r4 & BPF_F_USER_BUILD_ID ? sizeof(struct bpf_stack_build_id) : 8;
	char *out = (char *)(uintptr_t)r2;
	u64 ips[MAX_STACK];
	long err = -EFAULT;
	u32 n = 0;

	if (r4 & ~KNOWN_FLAGS || (r4 & BPF_F_USER_BUILD_ID && !(r4 & BPF_F_USER_STACK)) ||
	    size % frame)
		err = -EINVAL;
	else
		n = user_stack(run, __builtin_frame_address(0), r4, ips, size / frame);
	if (r4 & BPF_F_USER_BUILD_ID)
		build_ids_of((struct bpf_stack_build_id *)out, ips, n);
	else
		memcpy(out, ips, n * sizeof(u64));
	memset(out + n * frame, 0, size - n * frame);
	return n ? n * frame : (u64)err;
}

/* Another task's stack cannot be walked from here. */
HELPER_FN(get_task_stack)
{
	const struct task_struct *task = (const void *)(uintptr_t)r1;

	if (task == task_current() || !(r4 & BPF_F_USER_STACK))
		return helper_get_stack(0, r2, r3, r4, 0, run);
	memset((void *)(uintptr_t)r2, 0, (u32)r3);
	return (u64)-EOPNOTSUPP;
}

static u32 hash_of(const u64 *ips, u32 nr)
{
	u64 h = nr;

	for (u32 i = 0; i < nr; i++) {
		h = (h ^ ips[i]) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 32;
	}
	return (u32)h;
}

HELPER_FN(get_stackid)
{
	struct bpf_map *map = (struct bpf_map *)(uintptr_t)r2;
	struct bpf_stack_build_id ids[MAX_STACK];
	const void *frames;
	u64 ips[MAX_STACK];
	u32 n;

	if (r3 & ~(u64)ID_FLAGS)
		return (u64)-EINVAL;
	frames = ips;
	n = user_stack(run, __builtin_frame_address(0), r3, ips, map_stack_trace_frames(map));
	if (!n)
		return (u64)-EFAULT;
	if (map->map_flags & BPF_F_STACK_BUILD_ID) {
		build_ids_of(ids, ips, n);
		frames = ids;
	}
	return (u64)map_stack_trace_id(map, hash_of(ips, n), frames, n, r3);
}
