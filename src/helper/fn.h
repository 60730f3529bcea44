/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_HELPER_FN_H
#define USERBPF_HELPER_FN_H
/*
 * fn.h - writing a helper: one row in helpers.def, one HELPER_FN(name) body in a theme file. Run
 * side.
 *
 * A body gets r1..r5 and run (may be used from any process; exec/exec.h). Pointers the verifier has
 * checked are used as they are; ARG_ANYTHING addresses only through fault_copy(). No allocation, no
 * locale, no stdio. Errors are returned as negative errno.
 */
#include "helper/helper.h"

#define HELPER_FN(name)                                                                              \
	u64 helper_##name(__maybe_unused u64 r1, __maybe_unused u64 r2, __maybe_unused u64 r3,       \
			  __maybe_unused u64 r4, __maybe_unused u64 r5, __maybe_unused struct exec_run *run)

/* What takes long is over at once in a run that is to end (base/current.h). */
#define UNLESS_STOPPED(err)                    \
	do {                                   \
		if (exec_stopped(run))         \
			return (u64)(long)err; \
	} while (0)
/* The same where it is @size that takes long. */
#define UNLESS_STOPPED_AND_LONG(size, err)                            \
	do {                                                          \
		if (unlikely((u32)(size) > 65536u) && exec_stopped(run)) \
			return (u64)(long)err;                        \
	} while (0)

#define HELPER(name, ...) HELPER_FN(name);
#define HELPER_ROW(name, ...)
#define HELPER_INLINE(name, ...)
#include "helper/helpers.def"

#endif
