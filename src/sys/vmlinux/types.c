/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * types.c - every type BPF programs may see (DESIGN D6). Compiled for its debug information only:
 * the build turns that into vmlinux.btf, which the service serves as /sys/kernel/btf/vmlinux, and
 * into vmlinux.h. Nothing here runs.
 *
 * A type becomes visible by being included here; a function (iterator target, hook point) by being
 * defined, with external linkage, in a file included here.
 */
/* The service's own struct cred (obj/cred.h: who calls) is not the one of tasks. */
#define cred caller_cred
#include "abi/compat.h"
#include "base/seq_file.h"
#include "btf/btf.h"
#include "exec/context.h"
#include "exec/trace_record.h"
#include "fs/fs.h"
#include "link/iter_types.h"
#include "map/map.h"
#include "obj/obj.h"
#include "prog/map_obj.h"
#include "prog/prog.h"
#include "sys/vmlinux/pt_regs.h"
#include "sys/vmlinux/sock.h"
#include "verifier/verifier.h"

#include <linux/perf_event.h> /* what stacks are made of: enum perf_callchain_context */

#include "helper/iter_num.c"
#include "helper/kfunc_test.c"
#include "link/iter_funcs.c"
#include "helper/file.h"
#include "link/perf_types.h"
#include "link/func_points.c"
#include "link/hook_types.h"
#include "link/view_funcs.c"
#undef cred
#include "helper/task.h"

#include "helper/iter_css.c"
#include "helper/iter_css_task.c"
#include "helper/iter_task.c"
#include "helper/kfunc_objs.c"
#include "helper/kfunc_owned_btf.h"

/* As the kernel has them: programs that include vmlinux.h include no stdbool.h. */
#undef bool
#undef true
#undef false
typedef _Bool bool;
enum { false = 0, true = 1 };

/* Opaque in our headers, of a fixed shape to programs. */
typedef struct {
	s64 counter;
} atomic64_t;
struct list_head {
	struct list_head *next, *prev;
};
struct hlist_node {
	struct hlist_node *next, **pprev;
};
struct hlist_head {
	struct hlist_node *first;
};
