/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_FILE_TYPES_H
#define USERBPF_LINK_FILE_TYPES_H
/* file_types.h - which files are handles of objects: symbols of the service that f_op (helper/file.h) is compared with. */
#include "base/base.h"

/* By kind of object (enum obj_kind). */
struct file_symbol {
	const char *name;
	u64 addr;
};
const struct file_symbol *file_symbol_at(u32 kind); /* NULL: none */

#endif
