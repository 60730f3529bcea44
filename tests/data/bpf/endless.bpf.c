// SPDX-License-Identifier: BSD-2-Clause
/* Programs that practically never end, in every way there is; each holds what only its own code gives back. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

#define MANY (8 << 20)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 10000);
	__type(key, __u32);
	__type(value, __u64);
} cells SEC(".maps");

struct elem {
	struct bpf_timer timer;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct elem);
} timers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

/* How often the programs got to their ends, and were called. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

volatile long sum;

static __always_inline void count(__u32 what)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &what);

	if (n)
		__sync_fetch_and_add(n, 1);
}
#define BEGINS() count(0)
#define ENDS()	 count(1)

/* --- bpf_loop() --- */

static long innermost(__u32 i, void *ctx)
{
	sum += i;
	return 0;
}
static long middle(__u32 i, void *ctx)
{
	bpf_loop(MANY, innermost, NULL, 0);
	return 0;
}
static long outer(__u32 i, void *ctx)
{
	bpf_loop(MANY, middle, NULL, 0);
	return 0;
}
/* a callback that is not always the same one: no loop of the program itself */
static long other(__u32 i, void *ctx)
{
	bpf_loop(i & 1 ? MANY : MANY - 1, outer, NULL, 0);
	return 0;
}

SEC("iter/bpf_map")
int loops(struct bpf_iter__bpf_map *ctx)
{
	long (*how)(__u32, void *) = sum & 1 ? outer : other;
	__u64 *record;

	BEGINS();
	record = bpf_ringbuf_reserve(&ring, 8, 0);
	bpf_loop(MANY, outer, NULL, 0);
	bpf_loop(MANY, how, NULL, 0);
	if (record) {
		*record = 4711;
		bpf_ringbuf_submit(record, 0);
	}
	ENDS();
	return 0;
}

/* --- elements of maps --- */

static long each_again(struct bpf_map *map, __u32 *key, __u64 *value, void *ctx)
{
	sum += *key;
	return 0;
}
static long each_more(struct bpf_map *map, __u32 *key, __u64 *value, void *ctx)
{
	bpf_for_each_map_elem(&cells, each_again, NULL, 0);
	return 0;
}
static long each(struct bpf_map *map, __u32 *key, __u64 *value, void *ctx)
{
	bpf_for_each_map_elem(&cells, each_more, NULL, 0);
	return 0;
}

SEC("iter/bpf_map")
int elements(struct bpf_iter__bpf_map *ctx)
{
	BEGINS();
	bpf_for_each_map_elem(&cells, each, NULL, 0);
	ENDS();
	return 0;
}

/* --- iterators --- */

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __weak __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __weak __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __weak __ksym;

SEC("iter/bpf_map")
int numbers(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_iter_num a, b, c;

	BEGINS();
	bpf_iter_num_new(&a, 0, MANY);
	while (bpf_iter_num_next(&a)) {
		bpf_iter_num_new(&b, 0, MANY);
		while (bpf_iter_num_next(&b)) {
			bpf_iter_num_new(&c, 0, MANY);
			while (bpf_iter_num_next(&c))
				sum++;
			bpf_iter_num_destroy(&c);
		}
		bpf_iter_num_destroy(&b);
	}
	bpf_iter_num_destroy(&a);
	ENDS();
	return 0;
}

/* --- may_goto: counts per call of a function, and iterators make calls --- */

static __noinline void patient(void)
{
	for (;;) {
		asm goto("may_goto %l[enough]" :::: enough);
		sum++;
	}
enough:;
}

SEC("iter/bpf_map")
int may(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_iter_num a;

	BEGINS();
	bpf_iter_num_new(&a, 0, MANY);
	while (bpf_iter_num_next(&a))
		patient();
	bpf_iter_num_destroy(&a);
	ENDS();
	return 0;
}

/* --- functions that are verified by themselves: plain loops --- */

#define TIMES(n, what)                      \
	for (int i_ = 0; i_ < (n); i_++) {  \
		asm volatile("" : "+r"(i_)); \
		what;                       \
	}

__noinline int f1(int x)
{
	TIMES(1000, sum += x)
	return 0;
}
__noinline int f2(int x)
{
	TIMES(1000, f1(x))
	return 0;
}
__noinline int f3(int x)
{
	TIMES(1000, f2(x))
	return 0;
}
__noinline int f4(int x)
{
	TIMES(1000, f3(x))
	return 0;
}
__noinline int f5(int x)
{
	TIMES(1000, f4(x))
	return 0;
}

SEC("iter/bpf_map")
int functions(struct bpf_iter__bpf_map *ctx)
{
	BEGINS();
	TIMES(1000, f5(1))
	ENDS();
	return 0;
}

/* --- other places --- */

SEC("view/map")
int BPF_PROG(view, struct seq_file *seq, struct bpf_map *map)
{
	char half[] = "half an answer";

	bpf_seq_write(seq, half, sizeof(half));
	bpf_loop(MANY, outer, NULL, 0);
	bpf_seq_write(seq, half, sizeof(half));
	return 0;
}

SEC("view/cgroup")
int BPF_PROG(group, struct seq_file *seq, struct cgroup *cgrp)
{
	bpf_loop(MANY, outer, NULL, 0);
	return 0;
}

SEC("view_write/cgroup")
int BPF_PROG(writer, struct view_write *w, struct cgroup *cgrp, char *data)
{
	bpf_loop(MANY, outer, NULL, 0);
	return 0;
}

/* Nobody's fault: text first, and then an object that takes for ever. */
SEC("iter/bpf_map")
int second(struct bpf_iter__bpf_map *ctx)
{
	static const char fmt[] = "map\n";

	if (!ctx->map)
		return 0;
	if (ctx->meta->seq_num)
		bpf_loop(MANY, outer, NULL, 0);
	bpf_seq_printf(ctx->meta->seq, fmt, sizeof(fmt), NULL, 0);
	return 0;
}

SEC("tp_btf/sched_stat_wait")
int BPF_PROG(event, struct task_struct *task, __u64 delta)
{
	BEGINS();
	bpf_loop(MANY, outer, NULL, 0);
	ENDS();
	return 0;
}

static int fired(void *map, __u32 *key, struct elem *e)
{
	BEGINS();
	bpf_timer_start(&e->timer, 0, 0);
	bpf_loop(MANY, outer, NULL, 0);
	ENDS();
	return 0;
}

SEC("tc")
int arm(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct elem *e = bpf_map_lookup_elem(&timers, &zero);

	if (!e)
		return 1;
	bpf_timer_init(&e->timer, &timers, 1 /* CLOCK_MONOTONIC */);
	bpf_timer_set_callback(&e->timer, fired);
	return bpf_timer_start(&e->timer, 0, 0) ? 2 : 0;
}

/* A run of a client: killed with it. */
SEC("syscall")
int own(void *ctx)
{
	bpf_loop(MANY, outer, NULL, 0);
	return 0;
}

/* What nobody can end: memory of another process that somebody else has to bring. */
const volatile int at_pid;
const volatile unsigned long at_address;

SEC("iter.s/task")
int stuck(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	char byte;

	if (task && task->pid == at_pid)
		bpf_copy_from_user_task(&byte, 1, (void *)at_address, task, 0);
	return 0;
}
