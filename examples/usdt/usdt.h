/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USDT_H
#define USDT_H

#define ARGS 6
#define TEXT 64

/* Of one place, by its cookie. */
struct place {
	char format[8]; /* a letter per argument: s is a string */
};

struct hit {
	unsigned long long ns, place, value[ARGS];
	unsigned int pid, tid, nr_args, pad;
	char comm[16], text[ARGS][TEXT];
};

#endif
