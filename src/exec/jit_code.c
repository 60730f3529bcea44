/* SPDX-License-Identifier: BSD-2-Clause */
/* jit_code.c - finding functions in compiled code; the end of it. */
#include <sys/mman.h>
#include "exec/jit_code.h"

void jit_free(struct jit_code *jit)
{
	if (jit)
		munmap((u8 *)jit - JIT_PAGE, jit->size);
}

static const struct jit_function *find_function(const struct jit_code *jit, u32 start)
{
	const struct jit_function *f = jit->functions;
	u32 low = 0, high = jit->nr_functions;

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (f[mid].start == start)
			return &f[mid];
		if (f[mid].start < start)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const void *jit_entry(const struct jit_code *jit, u32 start)
{
	const struct jit_function *f = find_function(jit, start);

	return f ? jit->code + f->entry : NULL;
}

bool jit_function(const struct jit_code *jit, u32 start, struct exec_function *func)
{
	const struct jit_function *f = find_function(jit, start);
	bool last = f == &jit->functions[jit->nr_functions - 1];

	if (f)
		*func = (struct exec_function){jit->code + f->entry,
					       (last ? jit->code_len : f[1].entry) - f->entry};
	return f;
}
