/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>

#include "abi/table.h"

#define OFF(member) offsetof(union bpf_attr, member)
#define SIZE(member) sizeof_field(union bpf_attr, member)

/* fields.def, first expansion: the tables */
#define TABLE(table) static const struct abi_field table##_fields[] = {
#define END };
#define FIELD(member, kind_, ...) { .name = #member, .off = OFF(member), .size = SIZE(member), .kind = kind_, __VA_ARGS__ },
#define SCALAR(offset, member) FIELD(member, ABI_SCALAR)
#define FLAGS(offset, member) FIELD(member, ABI_FLAGS)
#define ENUM(offset, member) FIELD(member, ABI_ENUM)
#define NAME(offset, member) FIELD(member, ABI_NAME)
#define FD(offset, member, kinds) FIELD(member, ABI_FD, .fd_kinds = (kinds))
#define STR(offset, member, longest) FIELD(member, ABI_STR, .len = LEN_STR, .unit = (longest))
#define PATH(offset, member, longest) FIELD(member, ABI_PATH, .len = LEN_STR, .unit = (longest))
#define SIZED(member, kind_, length, unit_) FIELD(member, kind_, .len = LEN_FIELD, .len_off = OFF(length), .unit = (unit_))
#define IN(offset, member, length, unit) SIZED(member, ABI_IN, length, unit)
#define OUT(offset, member, length, unit) SIZED(member, ABI_OUT, length, unit)
#define IN_KEY(offset, member) FIELD(member, ABI_IN, .len = LEN_KEY, .unit = 1)
#define OUT_KEY(offset, member) FIELD(member, ABI_OUT, .len = LEN_KEY, .unit = 1)
#define OUT_VALUE(offset, member) FIELD(member, ABI_OUT, .len = LEN_VALUE, .unit = 1)
#define IN_KEYS(offset, member, count) FIELD(member, ABI_IN, .len = LEN_KEY, .len_off = OFF(count))
#define OUT_KEYS(offset, member, count) FIELD(member, ABI_OUT, .len = LEN_KEY, .len_off = OFF(count))
#define IN_VALUES(offset, member, count) FIELD(member, ABI_IN, .len = LEN_VALUE, .len_off = OFF(count))
#define OUT_VALUES(offset, member, count) FIELD(member, ABI_OUT, .len = LEN_VALUE, .len_off = OFF(count))
#define RULE(offset, member, kind_, rule) \
	FIELD(member, kind_, .len = LEN_RULE, .unit = RULE_##rule, .fd_kinds = (kind_) == ABI_FD ? ABI_FD_BTF : 0)
#include "abi/fields.def"
#undef TABLE
#undef END
#undef SCALAR
#undef FLAGS
#undef ENUM
#undef NAME
#undef FD
#undef STR
#undef PATH
#undef IN
#undef OUT
#undef IN_KEY
#undef OUT_KEY
#undef OUT_VALUE
#undef IN_KEYS
#undef OUT_KEYS
#undef IN_VALUES
#undef OUT_VALUES
#undef RULE

/* Second expansion: every offset as the UAPI header has it. */
#define AT(offset, member) static_assert(OFF(member) == (offset), #member);
#define TABLE(table)
#define END
#define SCALAR AT
#define FLAGS AT
#define ENUM AT
#define NAME AT
#define FD(offset, member, ...) AT(offset, member)
#define STR(offset, member, ...) AT(offset, member)
#define PATH(offset, member, ...) AT(offset, member)
#define IN(offset, member, ...) AT(offset, member)
#define OUT(offset, member, ...) AT(offset, member)
#define IN_KEY AT
#define OUT_KEY AT
#define OUT_VALUE AT
#define IN_KEYS(offset, member, ...) AT(offset, member)
#define OUT_KEYS(offset, member, ...) AT(offset, member)
#define IN_VALUES(offset, member, ...) AT(offset, member)
#define OUT_VALUES(offset, member, ...) AT(offset, member)
#define RULE(offset, member, ...) AT(offset, member)
#include "abi/fields.def"

#define COMMAND(name, fields, last, end) static_assert(offsetofend(union bpf_attr, last) == (end), #name);
#include "abi/commands.def"
#undef COMMAND
static_assert(sizeof(union bpf_attr) >= ABI_ATTR_SIZE, "attr");

static const struct abi_command commands[] = {
#define COMMAND_SINCE(name_, fields_, last, end, later) COMMAND(name_, fields_, last, later)
#define COMMAND(name_, fields_, last, end) \
	{ .name = #name_, .cmd = BPF_##name_, .attr_end = (end), .nr_fields = ARRAY_SIZE(fields_##_fields), .fields = fields_##_fields },
#include "abi/commands.def"
#undef COMMAND
};

/* Ascending without gaps, so a command is its own index. */
enum {
#define COMMAND(name, fields, last, end) INDEX_##name,
#include "abi/commands.def"
#undef COMMAND
};
#define COMMAND(name, fields, last, end) static_assert((int)INDEX_##name == (int)BPF_##name, #name);
#include "abi/commands.def"
#undef COMMAND

u32 abi_nr_commands(void)
{
	return ARRAY_SIZE(commands);
}

const struct abi_command *abi_command_at(u32 i)
{
	return i < ARRAY_SIZE(commands) ? &commands[i] : NULL;
}

const struct abi_command *abi_command(int cmd)
{
	return cmd < 0 ? NULL : abi_command_at(cmd);
}
