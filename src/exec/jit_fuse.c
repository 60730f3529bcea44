/* SPDX-License-Identifier: BSD-2-Clause */
/* jit_fuse.c - which fusion an instruction begins, if any. */
#include "exec/jit_fuse.h"
#include "exec/jit_x86_64.h"

typedef u32 (*match_fn)(struct jit *j, u32 i);
typedef void (*emit_fn)(struct jit *j, u32 i, u32 span);

static const match_fn matches[JIT_NR_FUSIONS] = {
#define FUSION(name, what) [JIT_##name] = jit_match_##name,
#include "exec/fusions.def"
};

static const emit_fn emits[JIT_NR_FUSIONS] = {
#define FUSION(name, what) [JIT_##name] = jit_emit_##name,
#include "exec/fusions.def"
};

const char *const jit_fusion_names[JIT_NR_FUSIONS] = {
	"alone",
#define FUSION(name, what) [JIT_##name] = #name,
#include "exec/fusions.def"
};

_Static_assert((int)JIT_NR_FUSIONS <= JIT_MAX_FUSIONS, "room for counts");

/* By class of the first instruction. */
#define MAY(name) (1u << JIT_##name)
static const u32 may_begin[8] = {
	[BPF_LDX] = MAY(bytes) | MAY(swapped) | MAY(copy),
	[BPF_ALU] = MAY(rotate) | MAY(extend) | MAY(field) | MAY(test) | MAY(flag),
	[BPF_ALU64] = MAY(rotate) | MAY(extend) | MAY(field) | MAY(address) | MAY(test) |
		      MAY(lookup) | MAY(flag),
	[BPF_LD] = MAY(lookup),
	[BPF_JMP] = MAY(select) | MAY(divide) | MAY(invert) | MAY(leave) | MAY(table),
	[BPF_JMP32] = MAY(select) | MAY(divide) | MAY(invert) | MAY(leave) | MAY(table),
};

u32 jit_fuse(struct jit *j, u32 i)
{
	u32 may = may_begin[BPF_CLASS(j->img->insns[i].code)];

	for (; may; may &= may - 1) {
		u32 fusion = (u32)__builtin_ctz(may), span = matches[fusion](j, i);

		if (span) {
			j->fused[i] = (u8)fusion;
			return span;
		}
	}
	return 1;
}

int jit_emit_insn(struct jit *j, u32 i)
{
	u32 fusion = j->fused[i];

	if (!fusion)
		return jit_emit_alone(j, i);
	j->fusions[fusion] += j->pass == JIT_CODE;
	emits[fusion](j, i, j->span[i]);
	return 0;
}
