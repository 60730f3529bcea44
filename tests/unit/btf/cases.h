/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_TEST_BTF_CASES_H
#define USERBPF_TEST_BTF_CASES_H
/*
 * cases.h - BTF written as text, for the data files of tests/data/btf (their README has the
 * language). A case is a list of records, which become one BTF blob, and actions on it, each with
 * the text it must give.
 */
#include "btf/btf.h"

#define CASE_MAX_ACTIONS 32
#define CASE_MAX_WORDS 8192

struct case_action {
	char line[512];	 /* after "-> " */
	char expect[4096];
	int lineno;
};

struct btf_case {
	char title[256];
	int lineno;
	u32 words[CASE_MAX_WORDS]; /* the type section */
	u32 nr_words;
	u32 open;		   /* word index of the record that takes members, 0xffffffff: none */
	char strings[8192];
	u32 str_len;
	struct { char field[16]; u32 value; } hdr[8]; /* overrides */
	u32 nr_hdr;
	struct case_action actions[CASE_MAX_ACTIONS];
	u32 nr_actions;
	struct btf_case *local; /* what came before a line "target" (CO-RE): a BTF of its own */
};

/* Next case of the file; false at its end. Exits with a message on a line it does not
 * understand. */
bool case_read(void *file, const char *name, int *lineno, struct btf_case *c);
/* The blob; returns its size. */
u32 case_blob(const struct btf_case *c, u8 *buf, u32 room);
u32 case_string(struct btf_case *c, const char *s); /* its offset, added when it is not there */
int case_errno(const char *name); /* "EINVAL" -> -EINVAL, "ok" -> 0 */

#endif
