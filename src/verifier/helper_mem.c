/* SPDX-License-Identifier: BSD-2-Clause */
/* helper_mem.c - memory that is handed to helpers and functions. */
#include "verifier/region.h"

static int helper_ctx(struct venv *env, u32 regno, s32 size, enum bpf_access_type t, bool zero_ok)
{
	if (!size)
		return zero_ok ? 0 : -EACCES;
	return vfy_mem(env, env->insn_idx, regno, size - 1, BPF_B, t, -1, false);
}

int vfy_helper_mem(struct venv *env, u32 regno, s32 size, enum bpf_access_type t, bool zero_ok,
		   struct vcall *call)
{
	struct vreg *r = vfy_reg(env, regno);
	u32 base = type_base(r->type);
	int err;

	if (t == BPF_WRITE &&
	    (base == PTR_TO_MAP_KEY || (base == PTR_TO_MEM && (r->type & MEM_RDONLY)))) {
		vlog(env, "R%d cannot write into %s\n", regno, vfy_type_text(env, r->type));
		return -EACCES;
	}
	switch (base) {
	case PTR_TO_PACKET:
	case PTR_TO_PACKET_META: return region_packet(env, regno, r->off, size, zero_ok);
	case PTR_TO_MAP_KEY:
		return region_access(env, regno, r->off, size, r->map->key_size, false);
	case PTR_TO_MAP_VALUE:
		err = region_map_allowed(env, r, r->off, size, t);
		return err ? err : vfy_map_access(env, regno, r->off, size, zero_ok, SRC_HELPER);
	case PTR_TO_MEM: return region_access(env, regno, r->off, size, r->mem_size, zero_ok);
	case PTR_TO_BUF: return region_buffer(env, regno, r->off, size, t);
	case PTR_TO_STACK:
		return vfy_stack_range(env, regno, r->off, size, zero_ok, SRC_HELPER, t, call);
	case PTR_TO_CTX:
		/* only where the context is the memory the program sees */
		if (!env->ops->convert_ctx_access)
			return helper_ctx(env, regno, size, t, zero_ok);
		break;
	}
	if (zero_ok && !size && reg_is_null(r))
		return 0;
	vlog(env, "R%d type=%s expected=%s\n", regno, vfy_type_text(env, r->type),
	     vfy_type_text(env, PTR_TO_STACK));
	return -EACCES;
}
