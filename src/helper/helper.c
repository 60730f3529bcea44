/* SPDX-License-Identifier: BSD-2-Clause */
#include "helper/fn.h"
#include "isa/disasm.h"

#define ROW(NAME, FN, RET, A1, A2, A3, A4, A5, GROUPS, FLAGS, ...) \
	{.name = #NAME,                                            \
	 .id = BPF_FUNC_##NAME,                                    \
	 .fn = FN,                                                 \
	 .ret = RET,                                               \
	 .arg = {A1, A2, A3, A4, A5},                              \
	 .groups = GROUPS,                                         \
	 .flags = FLAGS,                                           \
	 __VA_ARGS__},

#define HELPER(name, ...)	 ROW(name, helper_##name, __VA_ARGS__)
#define HELPER_ROW(name, ...)	 ROW(name, helper_##name, __VA_ARGS__)
#define HELPER_INLINE(name, ...) ROW(name, NULL, __VA_ARGS__)
static const struct helper_proto rows[] = {
#include "helper/helpers.def"
};

/* What CALL does, by id; the interpreter's view (exec/exec.h). */
#define HELPER(name, ...) [BPF_FUNC_##name] = helper_##name,
#define HELPER_ROW(name, ...)
#define HELPER_INLINE(name, ...)
const helper_fn exec_helpers[EXEC_NR_HELPERS] = {
#include "helper/helpers.def"
};

const struct helper_proto *helper_for(u32 id, u32 groups)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].id == id && (rows[i].groups & groups))
			return &rows[i];
	return NULL;
}

const struct helper_proto *helper_by_id(u32 id)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].id == id)
			return &rows[i];
	return NULL;
}

const char *helper_name(u32 id)
{
	const char *name = id < HELPER_IDS_END ? disasm_helper_name((int)id) : "unknown";

	return strncmp(name, "bpf_", 4) ? name : name + 4;
}
