/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_SEQ_FILE_H
#define USERBPF_SEQ_FILE_H
/*
 * seq_file.h - the buffer an iterator program writes its text into (run side: helpers write, fs
 * reads).
 *
 * Kernel semantics: a write that does not fit leaves count == size, "overflowed"; the reader then
 * throws the object's text away, grows the buffer or returns what it has, and shows the object
 * again. The struct and its field names are the kernel's, since programs see it through BTF. One
 * writer at a time; the owner of the buffer is the reader (src/fs).
 */
#include <stdarg.h>
#include "base/base.h"

struct seq_file {
	char *buf;
	size_t size;
	size_t from;	/* first byte in buf not yet handed to the reader */
	size_t count;	/* bytes in buf */
	long long index;
	long long read_pos;
	void *private;
	/* a buffer without end (views): room for @more bytes behind count, false: there is none */
	bool (*grow)(struct seq_file *m, size_t more);
};

static inline bool seq_has_overflowed(const struct seq_file *m) { return m->count == m->size; }
static inline void seq_set_overflow(struct seq_file *m) { m->count = m->size; }

static inline bool seq_grow(struct seq_file *m, size_t more) { return m->grow && !seq_has_overflowed(m) && m->grow(m, more); }

/* As the kernel's: 0, or -1 with the overflow state set. */
static inline int seq_write(struct seq_file *m, const void *data, size_t len)
{
	if (m->count + len < m->size || seq_grow(m, len)) {
		memcpy(m->buf + m->count, data, len);
		m->count += len;
		return 0;
	}
	seq_set_overflow(m);
	return -1;
}

#endif
