/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include "trust.h"
#include "verifier/rewrite.h"

struct trust trust;

static void mark(struct vfy_prog *p, struct vfy_insn_aux *aux, u32 i)
{
	static const u8 sizes[] = {4, 2, 1, 8};
	const struct bpf_insn *insn = &p->insns[i];
	u8 class = BPF_CLASS(insn->code);
	u8 base = class == BPF_LDX ? insn->src_reg : insn->dst_reg;
	struct insn_access_aux info = {0};

	aux[i].seen = 1;
	aux[i].orig_idx = i;
	if ((class != BPF_LDX && class != BPF_STX) || BPF_MODE(insn->code) != BPF_MEM ||
	    (base != 1 && base != 6))
		return;
	if (!p->ops->is_valid_access(insn->off, sizes[BPF_SIZE(insn->code) >> 3],
				     class == BPF_LDX ? BPF_READ : BPF_WRITE, p, &info))
		return;
	aux[i].ptr_type = PTR_TO_CTX;
	aux[i].ctx_field_size = info.ctx_field_size;
	if (p->max_ctx_offset < insn->off + sizes[BPF_SIZE(insn->code) >> 3])
		p->max_ctx_offset = insn->off + sizes[BPF_SIZE(insn->code) >> 3];
}

int vfy_check(struct vfy_prog *p, struct log *log)
{
	int err = p->relocate ? p->relocate(p->relocate_arg, p, log) : 0;
	struct vfy_insn_aux *aux;
	u32 i;

	if (err)
		return err;
	trust.called = true;
	trust.func_info_cnt = p->func_info_cnt;
	trust.nr_linfo = p->nr_linfo;
	trust.nr_ctx_args = p->nr_ctx_args;
	trust.attach_name = p->attach_func_name;
	if (trust.result)
		return trust.result;
	aux = calloc(p->len, sizeof(*aux));
	p->subprogs = calloc(1, sizeof(*p->subprogs));
	p->nr_subprogs = 1;
	p->subprogs[0].stack_depth = 512;
	for (i = 0; i < p->len; i++)
		mark(p, aux, i);
	err = vfy_rewrite(p, &aux, log);
	free(aux);
	return err;
}

void vfy_prog_free(struct vfy_prog *p)
{
	free(p->insns);
	free(p->func_info);
	free(p->line_info);
	free(p->subprogs);
}

bool vfy_btf_ctx_access(int off, int size, enum bpf_access_type type, const struct vfy_prog *prog,
			struct insn_access_aux *info)
{
	return size == 8;
}
