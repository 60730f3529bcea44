/* SPDX-License-Identifier: BSD-2-Clause */
#include "helper/kfunc.h"
#include "helper/iter_css.h"
#include "helper/iter_css_task.h"
#include "helper/iter_num.h"
#include "helper/iter_task.h"
#include "helper/kfunc_objs.h"
#include "helper/kfunc_owned.h"
#include "helper/kfunc_test.h"

#define TRACING	   (1ull << BPF_PROG_TYPE_TRACING | 1ull << BPF_PROG_TYPE_LSM)
#define TEST	   (1ull << BPF_PROG_TYPE_SCHED_CLS | 1ull << BPF_PROG_TYPE_SYSCALL | TRACING)
#define OBJS	   TEST
#define OWNED	   (TEST | 1ull << BPF_PROG_TYPE_XDP | 1ull << BPF_PROG_TYPE_CGROUP_SKB)
#define ANY	   (~0ull)
#define P(r)	   ((void *)(r))
#define VOID(call) ((call), 0)

#define KFUNC(NAME, TYPES, FLAGS, CALL) {.name = #NAME, .types = TYPES, .flags = FLAGS},
static const struct kfunc rows[] = {
#include "helper/kfuncs.def"
};
#undef KFUNC

#define KFUNC(NAME, TYPES, FLAGS, CALL)                                                    \
	static u64 call_##NAME(__maybe_unused u64 r1, __maybe_unused u64 r2,               \
			       __maybe_unused u64 r3, __maybe_unused u64 r4,               \
			       __maybe_unused u64 r5, __maybe_unused struct exec_run *run) \
	{                                                                                  \
		if (((FLAGS)&KF_RET_NULL) && exec_stopped(run))                            \
			return 0;                                                          \
		return CALL;                                                               \
	}
#include "helper/kfuncs.def"
#undef KFUNC

#define KFUNC(NAME, TYPES, FLAGS, CALL) call_##NAME,
const helper_fn exec_kfuncs[] = {
	NULL,
#include "helper/kfuncs.def"
};
const u32 exec_nr_kfuncs = ARRAY_SIZE(exec_kfuncs);

s32 kfunc_find(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(rows[i].name, name))
			return i;
	return -ENOENT;
}

const struct kfunc *kfunc_row(u32 n)
{
	return n < ARRAY_SIZE(rows) ? &rows[n] : NULL;
}
