/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_ABI_TABLE_H
#define USERBPF_ABI_TABLE_H
/* table.h - rules of fields.def by number. Private to src/abi; walk.c has one function per rule. */
#include "abi/command.h"

#define ABI_RULES(R)                                                                                    \
	R(map_value) R(batch_cursor) R(insns) R(func_info) R(line_info) R(fd_array) R(core_relos) R(info) \
	R(iter_info) R(map_btf) R(prog_btf)

enum abi_rule {
#define R(name) RULE_##name,
	ABI_RULES(R)
#undef R
	NR_ABI_RULES,
};

/* Value of a scalar field of attr, zero extended. */
static inline u64 abi_field_value(const union bpf_attr *attr, u32 off, u32 size)
{
	u32 v32;
	u64 v64;

	if (size == 8) {
		memcpy(&v64, (const char *)attr + off, 8);
		return v64;
	}
	memcpy(&v32, (const char *)attr + off, 4);
	return v32;
}

#endif
