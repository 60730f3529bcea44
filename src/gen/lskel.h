/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_GEN_LSKEL_H
#define USERBPF_GEN_LSKEL_H
/*
 * lskel.h - a loader as C source: the light skeleton. Control side.
 *
 * One header that needs nothing but libc: struct NAME with ctx, maps, progs, links and the
 * variables of .data/.rodata/.bss; NAME__open, __open_opts, __load, __open_and_load, __attach (every
 * kind of section the service has), __detach, __destroy. The runtime part is text that every skeleton carries.
 *
 * A kernel takes longer to verify a loader program than to make the calls of a small object. So __load() makes them itself, from the tables of struct gen_replay, where no
 * name has to be looked up, and runs the program where one has, or when the caller says so (USERBPF_BY_PROGRAM).
 */
#include <stdio.h>
#include "base/log.h"
#include "gen/loader.h"

/* @name: prefix of all identifiers. 0 or negative errno. */
int gen_lskel_c(const struct gen_loader *l, const char *name, FILE *out, struct log *log);

#endif
