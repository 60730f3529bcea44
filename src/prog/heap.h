/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PROG_HEAP_H
#define USERBPF_PROG_HEAP_H
/*
 * heap.h - heaps (map/heap.h) as objects of the service. A BTF has one from the first map or program that needs
 * it; the BTF, maps whose values own objects, and images of programs hold it.
 */
#include "prog/map_obj.h"

/* Borrowed from @btf; ERR_PTR(-ENOMEM). */
struct map_obj *prog_heap(struct btf *btf);
/* NULL: there is none. */
struct map_obj *prog_heap_of_btf(const struct btf *btf);

#endif
