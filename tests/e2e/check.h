/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_TEST_CHECK_H
#define USERBPF_TEST_CHECK_H
/* check.h - what a client of an e2e test says of a wrong answer, and counts in `failures`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int failures;

#define CHECK(cond, ...)                                           \
	do {                                                       \
		if (!(cond)) {                                     \
			printf("line %d: %s: ", __LINE__, #cond);  \
			printf(__VA_ARGS__);                       \
			printf(" (%s)\n", strerrorname_np(errno)); \
			failures++;                                \
		}                                                  \
	} while (0)

#endif
