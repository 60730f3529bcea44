/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_VDSO_H
#define USERBPF_VDSO_H
/* vdso.h - what the kernel lets processes call without a system call. */
#include "base/base.h"

/* The vDSO's function @name, or NULL. Takes no lock: a probe's handler may compile programs. */
const void *vdso_function(const char *name);

#endif
