/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PRINT_H
#define USERBPF_PRINT_H
/*
 * print.h - bpf(2) calls as strace-like text or as JSON. Nothing allocates or is kept; client memory is only read through the
 * visitor, which record.h has one of for recorded calls.
 */
#include "abi/record.h"

struct abi_printer {
	void (*write)(void *arg, const char *text, size_t len);
	void *arg;
	bool json;
	bool verbose; /* all instructions, all bytes */
	/* what an fd of this record is, in addition to its number: text or NULL; may be NULL */
	const char *(*fd_text)(void *arg, const struct abi_rec_fd *fd);
	void *fd_arg;
};

/* A whole record: the call with its result, or a close(). Without newline. */
void abi_print_record(const struct abi_printer *p, const struct abi_rec *rec);

/* Private to src/abi: the words for enumerators and flags (symbols.c). */
const char *abi_enum_name(const char *field, u64 value);
/* Names of the bits known of @field joined by |, the rest in hex; 0 when the field has no names. */
size_t abi_flag_names(int cmd, const char *field, u64 value, char *buf, size_t len);
const char *abi_errno_name(int err);

/* Fields of the structs OBJ_GET_INFO_BY_FD writes, by the ABI_FD_* kind. */
const struct abi_field *abi_info_fields(u32 kind, u32 *nr);
/* Fields that share bytes of attr with others and count for this call only. */
const struct abi_field *abi_union_fields(int cmd, const union bpf_attr *attr, u32 *nr);

#endif
