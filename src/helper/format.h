/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_FORMAT_H
#define USERBPF_FORMAT_H
/*
 * format.h - the printf of BPF programs: bpf_trace_printk, bpf_snprintf, bpf_seq_printf ... Run
 * side; no locale, no stdio.
 *
 * Directives: %[flags][width] with flags out of "0+- " and
 *   d i u x X, l and ll before them      integers
 *   c                                    a character
 *   s pks pus                            a string at the argument's address; "" when it cannot be read
 *   p pK                                 an address, hashed (32 bits, 16 digits); px as it is
 *   ps pS pB                             a symbol: none are known here, so 0x...
 *   pi4 pI4 pi6 pI6                      an IP address at the argument's address, "i" without separators
 * Every directive takes one u64. Fewer arguments than directives, unknown directives and control
 * characters are -EINVAL; more arguments are fine. The limits (12 arguments, 512 bytes of argument
 * data: -ENOSPC) are the kernel's as well (bpf_bprintf_prepare, 6.1).
 */
#include "base/base.h"

#define BPRINTF_MAX_ARGS 12
#define BPRINTF_BUF 1024

/* Is @fmt, NUL-terminated within @fmt_size bytes, good for @num_args arguments? 0 or -EINVAL.
 * The verifier asks this of constant formats. */
int bprintf_check(const char *fmt, u32 fmt_size, u32 num_args);
/*
 * Formats into @buf (NUL-terminated when @size > 0). Returns the length the text wants, as
 * snprintf(); or negative errno, @buf then holds nothing of use. @fmt and @args may change under
 * our feet: that changes the text, nothing else.
 */
long bprintf(char *buf, size_t size, const char *fmt, u32 fmt_size, const u64 *args, u32 num_args);

/* What %p prints of @addr: 32 bits that tell addresses apart but not what they are. */
u32 bprintf_hash(u64 addr);

#endif
