/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_GEN_CALLS_H
#define USERBPF_GEN_CALLS_H
/*
 * calls.h - records of a command's bpf(2) calls (abi/record.h) as a trace.
 *
 * An object is its kind and id, whatever numbers its fds had. Calls that failed and calls that only look are no part of
 * the result, nor are objects that were closed while the command still went on (feature probes, templates, BTF) unless something
 * needs them. Each call that changes something and cannot be repeated costs one line to @warn.
 */
#include "base/log.h"
#include "gen/trace.h"

struct calls_input {
	const char *records; /* file */
	const char *btf;     /* the kernel's BTF that ids in the calls are of; "" = none */
	const char *name;    /* of the result */
	void (*warn)(const char *text);
};

int calls_record(const struct calls_input *in, struct gen_trace **out, struct log *log);

#endif
