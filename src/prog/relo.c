/* SPDX-License-Identifier: BSD-2-Clause */
/* relo.c - CO-RE relocations that come with PROG_LOAD: the records one by one, each checked and
 * applied before the next is looked at (kernel: check_core_relo). */
#include <limits.h>

#include "btf/core.h"
#include "prog/load.h"

static bool tail_zero(const u8 *rec, u32 size)
{
	for (u32 i = sizeof(struct bpf_core_relo); i < size; i++)
		if (rec[i])
			return false;
	return true;
}

static int apply_one(struct btf_core *core, const u8 *rec, u32 rec_size, u32 i, struct vfy_prog *v,
		     struct log *log)
{
	struct bpf_core_relo relo;

	if (!tail_zero(rec, rec_size)) {
		log_printf(log, "nonzero tailing record in core_relo");
		return -E2BIG;
	}
	memcpy(&relo, rec, sizeof(relo));
	if (relo.insn_off % sizeof(struct bpf_insn) ||
	    relo.insn_off / sizeof(struct bpf_insn) >= v->len) {
		log_printf(log, "Invalid core_relo[%u].insn_off:%u prog->len:%u\n", i,
			   relo.insn_off, v->len);
		return -EINVAL;
	}
	return btf_core_apply(core, &relo, i, v->insns, v->len);
}

int prog_apply_relos(const struct prog_load_env *env, const struct prog_load_req *req,
		     struct vfy_prog *v, struct log *log)
{
	u32 nr = req->attr.core_relo_cnt, size = req->attr.core_relo_rec_size;
	const u8 *recs = req->core_relos;
	struct btf_core_target target = {env->vmlinux, env->modules, env->nr_modules};
	struct btf_core *core;
	int err = 0;

	if (!nr)
		return 0;
	if (nr > INT_MAX / sizeof(struct bpf_core_relo) || size < sizeof(struct bpf_core_relo) ||
	    size > INFO_REC_MAX || size % sizeof(u32))
		return -EINVAL;
	if (!recs)
		return -EFAULT;
	core = btf_core_new(v->btf, &target, log);
	if (!core)
		return -ENOMEM;
	for (u32 i = 0; i < nr && !err; i++)
		err = apply_one(core, recs + (size_t)i * size, size, i, v, log);
	btf_core_free(core);
	return err;
}
