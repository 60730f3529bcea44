/* SPDX-License-Identifier: BSD-2-Clause */
/* btf_info.c - func_info and line_info against instructions and BTF. Record sizes were settled
 * by whoever copied them. */
#include "verifier/vfy.h"

/* Without types nobody knows that a subprogram returns int, which LD_ABS and tail calls need. */
static int no_abnormal_return(struct venv *env)
{
	for (u32 i = 1; i < env->nr_subprogs; i++) {
		if (env->subprogs[i].has_ld_abs) {
			vlog(env, "LD_ABS is not allowed in subprogs without BTF\n");
			return -EINVAL;
		}
		if (env->subprogs[i].has_tail_call) {
			vlog(env, "tail_call is not allowed in subprogs without BTF\n");
			return -EINVAL;
		}
	}
	return 0;
}

static bool returns_scalar(const struct btf *btf, const struct btf_type *proto)
{
	const struct btf_type *t = btf_type_skip_modifiers(btf, proto->type, NULL);

	return t && ((btf_type_is_int(t) && t->size <= 8) || btf_type_is_any_enum(t));
}

static int check_func(struct venv *env, u32 i)
{
	const struct bpf_func_info *fi = &env->prog->func_info[i];
	const struct btf *btf = env->prog->btf;
	struct vfy_subprog *sub = &env->subprogs[i];
	const struct btf_type *t, *proto;
	const char *name;

	if (!i && fi->insn_off) {
		vlog(env, "nonzero insn_off %u for the first func info record", fi->insn_off);
		return -EINVAL;
	}
	if (i && fi->insn_off <= fi[-1].insn_off) {
		vlog(env, "same or smaller insn offset (%u) than previous func info record (%u)",
		     fi->insn_off, fi[-1].insn_off);
		return -EINVAL;
	}
	if (sub->start != fi->insn_off) {
		vlog(env, "func_info BTF section doesn't match subprog layout in BPF program\n");
		return -EINVAL;
	}
	t = btf_type_by_id(btf, fi->type_id);
	if (!t || !btf_type_is_func(t)) {
		vlog(env, "invalid type id %d in func info", fi->type_id);
		return -EINVAL;
	}
	env->funcs[i].linkage = btf_type_vlen(t);
	proto = btf_type_by_id(btf, t->type);
	if (!proto || !btf_type_is_func_proto(proto))
		return -EINVAL;
	if (i && !returns_scalar(btf, proto) && (sub->has_ld_abs || sub->has_tail_call)) {
		vlog(env, "%s is only allowed in functions that return 'int'.\n",
		     sub->has_ld_abs ? "LD_ABS" : "tail_call");
		return -EINVAL;
	}
	sub->is_global = i && env->funcs[i].linkage == BTF_FUNC_GLOBAL;
	name = btf_name_by_offset(btf, t->name_off);
	if (name)
		memcpy(sub->name, name, min(strlen(name), sizeof(sub->name) - 1));
	return 0;
}

static int check_funcs(struct venv *env)
{
	int err = 0;

	if (!env->prog->func_info_cnt)
		return no_abnormal_return(env);
	if (env->prog->func_info_cnt != env->nr_subprogs) {
		vlog(env, "number of funcs in func_info doesn't match number of subprogs\n");
		return -EINVAL;
	}
	for (u32 i = 0; i < env->nr_subprogs && !err; i++)
		err = check_func(env, i);
	return err;
}

static int check_line(struct venv *env, u32 i, u32 *sub)
{
	const struct bpf_line_info *l = &env->prog->line_info[i];
	const struct btf *btf = env->prog->btf;
	u32 prev = i ? l[-1].insn_off : 0;

	if ((i && l->insn_off <= prev) || l->insn_off >= (u32)env->len) {
		vlog(env, "Invalid line_info[%u].insn_off:%u (prev_offset:%u prog->len:%u)\n", i,
		     l->insn_off, prev, env->len);
		return -EINVAL;
	}
	if (!env->insns[l->insn_off].code) {
		vlog(env, "Invalid insn code at line_info[%u].insn_off\n", i);
		return -EINVAL;
	}
	if (!btf_name_by_offset(btf, l->line_off) || !btf_name_by_offset(btf, l->file_name_off)) {
		vlog(env, "Invalid line_info[%u].line_off or .file_name_off\n", i);
		return -EINVAL;
	}
	if (*sub == env->nr_subprogs)
		return 0;
	if (l->insn_off == env->subprogs[*sub].start) {
		env->subprogs[(*sub)++].linfo_idx = i;
	} else if (env->subprogs[*sub].start < l->insn_off) {
		vlog(env, "missing bpf_line_info for func#%u\n", *sub);
		return -EINVAL;
	}
	return 0;
}

static int check_lines(struct venv *env)
{
	u32 n = env->prog->nr_linfo, sub = 0;
	int err = 0;

	if (!n)
		return 0;
	env->prog->nr_linfo = 0; /* messages may not use them before they are known to be good */
	for (u32 i = 0; i < n && !err; i++)
		err = check_line(env, i, &sub);
	env->prog->nr_linfo = n;
	if (!err && sub != env->nr_subprogs) {
		vlog(env, "missing bpf_line_info for %u funcs starting from func#%u\n",
		     env->nr_subprogs - sub, sub);
		err = -EINVAL;
	}
	return err;
}

int vfy_btf_info(struct venv *env)
{
	struct vfy_prog *p = env->prog;
	int err;

	if (!p->func_info_cnt && !p->nr_linfo)
		return no_abnormal_return(env);
	if (!p->btf)
		return -EINVAL;
	if (p->btf->kernel_btf)
		return -EACCES;
	err = check_funcs(env);
	return err ? err : check_lines(env);
}
