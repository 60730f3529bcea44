/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_CLI_GEN_OBJECT_H
#define USERBPF_CLI_GEN_OBJECT_H
/* object.h - an object file as the trace of calls that load it, made by libbpf on fake.h's kernel. */
#include "base/log.h"
#include "gen/trace.h"

/* @name: of the object. 0 or negative errno with the reason in @log. */
int object_record(const char *path, const char *name, struct gen_trace **out, struct log *log);

#endif
