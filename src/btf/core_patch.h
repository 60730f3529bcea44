/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_BTF_CORE_PATCH_H
#define USERBPF_BTF_CORE_PATCH_H
/* core_patch.h - instructions that hold what a relocation came to. Private to src/btf/core*.c. */
#include "btf/core.h"

#define CORE_BAD_RELO 0xbad2310 /* the helper that does not exist */

/* A value on one side, with the size of the field it is the offset of (0: does not matter). */
struct core_value {
	u64 val;
	u32 size, type_id;
	bool exact; /* local side: the instruction must hold it now */
};

struct core_result {
	struct core_value local, target;
	bool poison;
	bool bad_size; /* a load or store cannot take the other size */
};

int core_patch(struct log *log, struct bpf_insn *insns, u32 len, u32 at, u32 relo_idx,
	       const struct core_result *r);

#endif
