/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LOG_H
#define USERBPF_LOG_H
/*
 * log.h - the text a bpf(2) caller asked for (log_level, log_buf, log_size).
 *
 * The log is kept whole in our memory up to @cap - 1 bytes, always NUL-terminated; what does not
 * fit is dropped and
 * @truncated is set, which the caller turns into -ENOSPC as the kernel does. One writer; no locking.
 * A log with level 0 swallows everything at no cost: test log_on() before formatting anything
 * expensive.
 */
#include <stdarg.h>
#include "base/base.h"

#define LOG_LEVEL1 1u /* what the verifier explores */
#define LOG_LEVEL2 2u /* and the state at each instruction */
#define LOG_STATS 4u  /* the closing statistics line only */
#define LOG_MASK 7u
#define LOG_KERNEL 8u /* text goes to our own error sink; callers may not ask for it */

struct log {
	u32 level;
	u32 cap;	/* log_size the caller gave */
	u32 len;	/* bytes held, without the NUL; len < cap */
	u32 room;	/* bytes allocated for buf */
	bool truncated; /* something did not fit, or no memory for it */
	char *buf;
};

static inline bool log_on(const struct log *l) { return l && l->level && !l->truncated; }

void log_init(struct log *l, u32 level, u32 cap);
void log_free(struct log *l);
void log_printf(struct log *l, const char *fmt, ...) __printf(2, 3);
void log_vprintf(struct log *l, const char *fmt, va_list ap);
void log_reset(struct log *l, u32 to_len); /* forget what came after @to_len bytes (states that were pruned at level 1) */

#endif
