/* SPDX-License-Identifier: BSD-2-Clause */
/* compile.c - an image gets its code, once. */
#include "exec/jit.h"

void exec_image_compile(const struct exec_image *image)
{
	struct exec_image *img = (struct exec_image *)image;
	struct jit_code *jit;

	/* who comes second need not wait: the interpreter does the same */
	if (__atomic_exchange_n(&img->jit_tried, 1, __ATOMIC_ACQ_REL))
		return;
	jit = jit_compile(img);
	jit_perf(img, jit);
	__atomic_store_n(&img->jit, jit, __ATOMIC_RELEASE);
}

bool exec_image_function(const struct exec_image *img, u32 n, struct exec_function *f)
{
	const struct jit_code *jit = __atomic_load_n(&img->jit, __ATOMIC_ACQUIRE);

	return jit && n < img->nr_subprogs && jit_function(jit, img->subprogs[n].start, f);
}

int exec_image_places(const struct exec_image *img, u64 *addr)
{
	const struct jit_code *jit = __atomic_load_n(&img->jit, __ATOMIC_ACQUIRE);

	return jit ? jit_places(img, jit, addr) : -ENOENT;
}
