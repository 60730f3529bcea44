/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CLI_GEN_FAKE_H
#define USERBPF_CLI_GEN_FAKE_H
/*
 * fake.h - a kernel for libbpf that makes nothing: bpf(2) says yes to all that a modern kernel
 * supports and writes calls into a trace. fds are real (empty memory files), so closing and
 * duplicating them works. One at a time in a process.
 */
#include "cli/gen/elf.h"
#include "cli/gen/types.h"
#include "gen/trace.h"

int fake_begin(struct gen_trace *t, const struct elf_obj *elf, const struct types *types,
	       struct log *log);
void fake_end(void);
/* Slot of the object behind a descriptor that the fake gave out, or -1. */
int fake_slot(int fd);

#endif
