/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ATTACH_API_H
#define ATTACH_API_H
/* attach_api.h - what attach_api.bpf.c tells tests/e2e/attach_api.c, and what it is told. */

#define ARGS 6

/* Of a cookie. */
struct how {
	char format[8]; /* a letter per argument: s string, others numbers */
	long long nr;	/* this system call only; -1: all */
};

struct state {
	unsigned int target; /* the process that counts */
	unsigned int pad;
	unsigned long long lost; /* records */
};

struct record {
	unsigned long long cookie, value[ARGS];
	char text[ARGS][48];
};

#endif
