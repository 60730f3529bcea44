/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_UNWIND_H
#define USERBPF_UNWIND_H
/*
 * unwind.h - what libc is asked where code is, with return stubs in the answer. To be exported by
 * whoever has the engine in it, as dl_iterate_phdr and _dl_find_object.
 */
#include <dlfcn.h>
#include <link.h>

int patch_dl_iterate_phdr(int (*cb)(struct dl_phdr_info *, size_t, void *), void *data);
#ifdef DLFO_STRUCT_HAS_EH_DBASE
int patch_dl_find_object(void *pc, struct dl_find_object *result);
#endif

#endif
