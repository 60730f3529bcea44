/* SPDX-License-Identifier: BSD-2-Clause */
/* seeds.c - reads them (seeds.h). What cannot be had here is left out. */
#include <stdio.h>
#include <stdlib.h>

#include "seeds.h"
#include "text.h"

void seeds_add(struct seeds *s, const struct sprog *p)
{
	struct sprog *more;

	if (s->n == s->room) {
		more = realloc(s->prog, (s->room + 64) * sizeof(*more));
		if (!more)
			return;
		s->prog = more;
		s->room += 64;
	}
	s->prog[s->n++] = *p;
}

static void read_cases(struct seeds *s, const struct world *w, FILE *in)
{
	static struct sprog p;
	u64 seed;
	int got;

	while ((got = text_read(in, w, &p, &seed, false)) != 0)
		if (got > 0)
			seeds_add(s, &p);
}

static bool is_object(const char *path)
{
	u32 n = strlen(path);

	return n > 2 && !strcmp(path + n - 2, ".o");
}

void seeds_read(struct seeds *s, const struct world *w, char **paths, int nr,
		const char *vmlinux_path)
{
	for (int i = 0; i < nr; i++) {
		FILE *in = is_object(paths[i]) ? NULL : fopen(paths[i], "r");

		if (is_object(paths[i]))
			seeds_capture(s, paths[i], vmlinux_path);
		if (!in)
			continue;
		read_cases(s, w, in);
		fclose(in);
	}
	if (nr)
		printf("%u programs to mutate\n", s->n);
}

void seeds_free(struct seeds *s)
{
	free(s->prog);
}
