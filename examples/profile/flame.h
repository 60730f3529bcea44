/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FLAME_H
#define FLAME_H
/*
 * flame.h - a flame graph: every rectangle is a function in a chain of calls, the one below is its caller, its width is
 * how often the chain was seen.
 */
#include <stdio.h>

struct flame; /* a function below its caller */

struct flame *flame_new(void);
void flame_free(struct flame *f);
/* The function @name, called by @caller, was seen @n times more: it, to go on with what it calls. NULL: no memory. */
struct flame *flame_add(struct flame *caller, const char *name, unsigned long long n);
/* Of the root: were seen once more, whatever is below. */
void flame_count(struct flame *root, unsigned long long n);
void flame_write(const struct flame *root, const char *title, FILE *out);

#endif
