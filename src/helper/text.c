/* SPDX-License-Identifier: BSD-2-Clause */
/* text.c - text out: trace_pipe, buffers, seq_files; printf rules are in format.h. */
#include "helper/fn.h"
#include "helper/format.h"

#define PRINTK_ARGS 3
#define SHOW_FLAGS  (BTF_F_COMPACT | BTF_F_NONAME | BTF_F_PTR_RAW | BTF_F_ZERO)

/* The u64 array of the vararg helpers: number of arguments, or -EINVAL. */
static int nr_args(u64 args, u32 len)
{
	if (len % 8 || len > BPRINTF_MAX_ARGS * 8 || (len && !args))
		return -EINVAL;
	return (int)len / 8;
}

static u64 printk(struct exec_run *run, u64 fmt, u32 fmt_size, const u64 *args, u32 num_args)
{
	const struct exec_host *host = run->host;
	char text[BPRINTF_BUF];
	long len =
		bprintf(text, sizeof(text), (const char *)(uintptr_t)fmt, fmt_size, args, num_args);

	if (len >= 0 && host && host->trace_printk)
		host->trace_printk(host->arg, text, (u32)min(len, (long)sizeof(text) - 1));
	return (u64)len;
}

HELPER_FN(trace_printk)
{
	u64 args[PRINTK_ARGS] = {r3, r4, r5};

	return printk(run, r1, (u32)r2, args, PRINTK_ARGS);
}

HELPER_FN(trace_vprintk)
{
	int n = nr_args(r3, (u32)r4);

	return n < 0 ? (u64)n : printk(run, r1, (u32)r2, (const u64 *)(uintptr_t)r3, (u32)n);
}

HELPER_FN(snprintf)
{
	int n = nr_args(r4, (u32)r5);
	long len;

	if (n < 0)
		return (u64)n;
	/* the verifier saw the NUL: a constant string */
	len = bprintf((char *)(uintptr_t)r1, (u32)r2, (const char *)(uintptr_t)r3, UINT32_MAX >> 1,
		      (const u64 *)(uintptr_t)r4, (u32)n);
	return (u64)(len < 0 ? len : len + 1);
}

static size_t room_in(const struct seq_file *m)
{
	return m->count < m->size ? m->size - m->count : 0;
}

static long seq_bprintf(struct seq_file *m, const char *fmt, u32 fmt_size, const u64 *args, u32 nr)
{
	size_t room = room_in(m);

	return bprintf(room ? m->buf + m->count : NULL, room, fmt, fmt_size, args, nr);
}

HELPER_FN(seq_printf)
{
	struct seq_file *m = (struct seq_file *)(uintptr_t)r1;
	const char *fmt = (const char *)(uintptr_t)r2;
	const u64 *args = (const u64 *)(uintptr_t)r4;
	int n = nr_args(r4, (u32)r5);
	long len;

	if (n < 0)
		return (u64)n;
	len = seq_bprintf(m, fmt, (u32)r3, args, (u32)n);
	if (len >= 0 && (size_t)len >= room_in(m) && seq_grow(m, (size_t)len))
		len = seq_bprintf(m, fmt, (u32)r3, args, (u32)n);
	if (len < 0)
		return (u64)len;
	if ((size_t)len < room_in(m))
		m->count += (size_t)len;
	else
		seq_set_overflow(m);
	return seq_has_overflowed(m) ? (u64)-EOVERFLOW : 0;
}

HELPER_FN(seq_write)
{
	return seq_write((struct seq_file *)(uintptr_t)r1, (const void *)(uintptr_t)r2, (u32)r3)
		       ? (u64)-EOVERFLOW
		       : 0;
}

/* --- objects described by BTF: the process that has the BTF prints them --- */

static long show(struct exec_run *run, u64 ptr, u32 ptr_size, u64 flags,
		 int (*emit)(void *, const char *, size_t), void *out)
{
	const struct exec_host *host = run->host;
	struct btf_ptr p;

	if ((flags & ~(u64)SHOW_FLAGS) || ptr_size != sizeof(p))
		return -EINVAL;
	memcpy(&p, (const void *)(uintptr_t)ptr, sizeof(p));
	if (!host || !host->btf_show || !p.type_id)
		return -EINVAL;
	if ((s32)p.type_id < 0)
		return -ENOENT;
	return host->btf_show(host->arg, p.type_id, p.ptr, flags, emit, out);
}

struct str_out {
	char *buf;
	size_t size, len;
};

static int emit_str(void *arg, const char *s, size_t n)
{
	struct str_out *o = arg;

	if (o->len < o->size)
		memcpy(o->buf + o->len, s, min(n, o->size - o->len));
	o->len += n;
	return 0;
}

HELPER_FN(snprintf_btf)
{
	struct str_out o = {(char *)(uintptr_t)r1, (u32)r2, 0};
	long ret = exec_stopped(run) ? -EINTR : show(run, r3, (u32)r4, r5, emit_str, &o);

	if (ret < 0)
		return (u64)ret;
	if (o.size)
		o.buf[min(o.len, o.size - 1)] = '\0';
	return o.len;
}

static int emit_seq(void *arg, const char *s, size_t n)
{
	return seq_write(arg, s, n);
}

HELPER_FN(seq_printf_btf)
{
	long ret = exec_stopped(run)
			   ? -EINTR
			   : show(run, r2, (u32)r3, r4, emit_seq, (struct seq_file *)(uintptr_t)r1);

	return ret < 0 ? (u64)ret : 0;
}
