/* SPDX-License-Identifier: BSD-2-Clause */
/* target.c - what a program attaches to through BTF: is there such a function, and may this program
 * go there? (kernel: bpf_check_attach_target) */
#include "prog/ctx.h"
#include "prog/load.h"

#define RAW_TP_PREFIX "btf_trace_"
#define MAX_FUNC_ARGS 12

struct target {
	const struct prog_load_env *env;
	struct bpf_prog *prog;
	struct vfy_prog *v;
	struct log *log;
	struct btf *btf;
	const struct btf_type *t;
	const char *name;
	bool conservative; /* a function of a program whose BTF does not describe its arguments */
};

static int refuse(struct target *t, const char *text)
{
	log_printf(t->log, "%s\n", text);
	return -EINVAL;
}

/* --- the target function's prototype must be one a trampoline could serve --- */

static const char *kind_name(const struct btf_type *t)
{
	return btf_kind_name(btf_type_kind(t));
}

static int value_size(const struct btf *btf, u32 id, const struct btf_type **t)
{
	*t = btf_type_by_id(btf, 0);
	if (!id)
		return 0;
	*t = btf_type_skip_modifiers(btf, id, NULL);
	if (btf_type_is_ptr(*t))
		return sizeof(void *);
	if (btf_type_is_int(*t) || btf_type_is_any_enum(*t) || btf_type_is_struct(*t))
		return (*t)->size;
	return -EINVAL;
}

static int check_proto(struct target *tg, const struct btf_type *proto)
{
	const struct btf_param *p = btf_params(proto);
	u32 i, n = btf_type_vlen(proto);
	const struct btf_type *t;
	int size;

	if (n > MAX_FUNC_ARGS) {
		log_printf(tg->log, "The function %s has %d arguments. Too many.\n", tg->name, n);
		return -EINVAL;
	}
	size = value_size(tg->btf, proto->type, &t);
	if (size < 0 || btf_type_is_struct(t)) {
		log_printf(tg->log, "The function %s return type %s is unsupported.\n", tg->name,
			   kind_name(t));
		return -EINVAL;
	}
	for (i = 0; i < n; i++) {
		if (i == n - 1 && !p[i].type) {
			log_printf(tg->log, "The function %s with variable args is unsupported.\n",
				   tg->name);
			return -EINVAL;
		}
		size = value_size(tg->btf, p[i].type, &t);
		if (size < 0 || size > 16) {
			log_printf(tg->log, "The function %s arg%d type %s is unsupported.\n",
				   tg->name, i, kind_name(t));
			return -EINVAL;
		}
		if (!size) {
			log_printf(tg->log, "The function %s has malformed void argument.\n",
				   tg->name);
			return -EINVAL;
		}
	}
	return 0;
}

/* --- another program as target --- */

static int check_dst_prog(struct target *tg, u32 btf_id)
{
	const struct bpf_prog *dst = tg->prog->aux->dst_prog;
	bool ext = tg->prog->type == BPF_PROG_TYPE_EXT;
	const struct bpf_prog_aux *aux = dst->aux;
	u32 i;

	for (i = 0; i < aux->func_info_cnt; i++)
		if (aux->func_info[i].type_id == btf_id)
			break;
	if (i == aux->func_info_cnt) {
		log_printf(tg->log, "Subprog %s doesn't exist\n", tg->name);
		return -EINVAL;
	}
	tg->conservative = i >= aux->nr_subprogs || aux->subprogs[i].unreliable;
	if (ext && tg->conservative)
		return refuse(tg, "Cannot replace static functions");
	if (dst->type == tg->prog->type)
		return refuse(tg, "Cannot recursively attach");
	if (dst->type == BPF_PROG_TYPE_TRACING && ext &&
	    (dst->expected_attach_type == BPF_TRACE_FENTRY ||
	     dst->expected_attach_type == BPF_TRACE_FEXIT))
		return refuse(tg, "Cannot extend fentry/fexit");
	return 0;
}

/* --- by attach type --- */

static int target_raw_tp(struct target *tg, u32 btf_id)
{
	if (tg->prog->aux->dst_prog)
		return refuse(tg, "Only FENTRY/FEXIT progs are attachable to another BPF prog");
	if (btf_type_kind(tg->t) != BTF_KIND_TYPEDEF) {
		log_printf(tg->log, "attach_btf_id %u is not a typedef\n", btf_id);
		return -EINVAL;
	}
	if (strncmp(tg->name, RAW_TP_PREFIX, strlen(RAW_TP_PREFIX))) {
		log_printf(tg->log, "attach_btf_id %u points to wrong type name %s\n", btf_id,
			   tg->name);
		return -EINVAL;
	}
	tg->name += strlen(RAW_TP_PREFIX);
	tg->t = btf_type_by_id(tg->btf, tg->t->type);
	if (!tg->t || !btf_type_is_ptr(tg->t))
		return -EINVAL;
	tg->t = btf_type_by_id(tg->btf, tg->t->type);
	if (!tg->t || !btf_type_is_func_proto(tg->t))
		return -EINVAL;
	tg->prog->aux->attach_btf_trace = true;
	return 0;
}

static int target_func(struct target *tg, u32 btf_id)
{
	if (!btf_type_is_func(tg->t)) {
		log_printf(tg->log, "attach_btf_id %u is not a function\n", btf_id);
		return -EINVAL;
	}
	if (tg->prog->type == BPF_PROG_TYPE_EXT && prog_check_ext(tg->v, tg->btf, tg->t, tg->log))
		return -EINVAL;
	tg->t = btf_type_by_id(tg->btf, tg->t->type);
	if (!tg->t || !btf_type_is_func_proto(tg->t))
		return -EINVAL;
	/* five arguments of any kind */
	if (tg->conservative)
		tg->t = NULL;
	return tg->t ? check_proto(tg, tg->t) : 0;
}

/* Iterators and views: functions that only describe arguments. */
static int target_described(struct target *tg, u32 btf_id)
{
	enum bpf_attach_type attach = tg->prog->expected_attach_type;
	const struct prog_load_env *env = tg->env;
	int err = target_func(tg, btf_id);
	u32 nr = 0;

	if (err)
		return err;
	/* another kernel's iterators have arguments of its types */
	if (env->verify_only && attach == BPF_TRACE_ITER) {
		nr = foreign_iter_args(tg->btf, tg->name, tg->t, tg->prog->aux->iter_args);
		tg->v->ctx_args = nr ? tg->prog->aux->iter_args : NULL;
	} else if (env->target_ctx) {
		tg->v->ctx_args = env->target_ctx(env->arg, attach, tg->name, &nr);
	}
	tg->v->nr_ctx_args = nr;
	if (!tg->v->ctx_args)
		return -EINVAL;
	tg->prog->aux->ctx_arg_info = tg->v->ctx_args;
	return 0;
}

static bool is_func_attach(enum bpf_attach_type at)
{
	static const enum bpf_attach_type list[] = {BPF_MODIFY_RETURN, BPF_LSM_MAC, BPF_LSM_CGROUP,
						    BPF_TRACE_FENTRY, BPF_TRACE_FEXIT};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(list); i++)
		if (list[i] == at)
			return true;
	return false;
}

static int check_lsm(struct target *tg, u32 btf_id)
{
	if (!tg->prog->gpl_compatible)
		return refuse(tg, "LSM programs must have a GPL compatible license");
	if (hook_lsm_disabled(tg->name)) {
		log_printf(tg->log, "attach_btf_id %u points to disabled hook %s\n", btf_id,
			   tg->name);
		return -EINVAL;
	}
	if (!hook_is_lsm(tg->name)) {
		log_printf(tg->log, "attach_btf_id %u points to wrong type name %s\n", btf_id,
			   tg->name);
		return -EINVAL;
	}
	return 0;
}

/* May the program sleep there, change the result? */
static int check_use(const struct target *tg, const char *name)
{
	const struct bpf_prog *dst = tg->prog->aux->dst_prog;

	if (tg->v->sleepable) {
		if (!dst && hook_sleepable(tg->prog->type, name))
			return 0;
		log_printf(tg->log, "%s is not sleepable\n", name);
		return -EINVAL;
	}
	if (tg->prog->expected_attach_type != BPF_MODIFY_RETURN)
		return 0;
	if (dst) {
		log_printf(tg->log, "can't modify return codes of BPF programs\n");
		return -EINVAL;
	}
	if (hook_modifiable(name))
		return 0;
	log_printf(tg->log, "%s() is not modifiable\n", name);
	return -EINVAL;
}

static int target_code(struct target *tg, u32 btf_id)
{
	const struct vfy_env_ops *ve = tg->env->vfy_env;
	const char *name = tg->name;
	int err = target_func(tg, btf_id);

	if (err)
		return err;
	if (!tg->prog->aux->dst_prog &&
	    !(ve && ve->ksym_addr && ve->ksym_addr(tg->env->vfy_arg, name))) {
		log_printf(tg->log, "The address of function %s cannot be found\n", name);
		return -ENOENT;
	}
	err = check_use(tg, name);
	if (err)
		return err;
	if (tg->prog->type == BPF_PROG_TYPE_LSM)
		return check_lsm(tg, btf_id);
	return tg->prog->type == BPF_PROG_TYPE_TRACING && !tg->prog->aux->dst_prog &&
			       hook_denied(name)
		       ? -EINVAL
		       : 0;
}

static int check_attach_target(struct target *tg)
{
	struct bpf_prog_aux *aux = tg->prog->aux;
	bool ext = tg->prog->type == BPF_PROG_TYPE_EXT;
	u32 btf_id = aux->attach_btf_id;
	int err = 0;

	if (!btf_id)
		return refuse(tg, "Tracing programs must provide btf_id");
	tg->btf = aux->dst_prog ? aux->dst_prog->aux->btf : aux->attach_btf;
	if (!tg->btf)
		return refuse(tg, "FENTRY/FEXIT program can only be attached to another program "
				  "annotated with BTF");
	tg->t = btf_type_by_id(tg->btf, btf_id);
	if (!tg->t) {
		log_printf(tg->log, "attach_btf_id %u is invalid\n", btf_id);
		return -EINVAL;
	}
	tg->name = btf_name_by_offset(tg->btf, tg->t->name_off);
	if (!tg->name) {
		log_printf(tg->log, "attach_btf_id %u doesn't have a name\n", btf_id);
		return -EINVAL;
	}
	if (aux->dst_prog)
		err = check_dst_prog(tg, btf_id);
	else if (ext)
		err = refuse(tg, "Cannot replace kernel functions");
	if (err)
		return err;
	if (tg->prog->expected_attach_type == BPF_TRACE_RAW_TP)
		return target_raw_tp(tg, btf_id);
	if (prog_serves_file(tg->prog->type, tg->prog->expected_attach_type))
		return target_described(tg, btf_id);
	return ext || is_func_attach(tg->prog->expected_attach_type) ? target_code(tg, btf_id)
								     : -EINVAL;
}

/* --- entry --- */

static int check_sleepable(struct target *tg)
{
	enum bpf_prog_type type = tg->prog->type;

	if (type == BPF_PROG_TYPE_SYSCALL)
		return tg->v->sleepable ? 0 : refuse(tg, "Syscall programs can only be sleepable");
	if (!tg->v->sleepable)
		return 0;
	if (type != BPF_PROG_TYPE_TRACING && type != BPF_PROG_TYPE_LSM &&
	    type != BPF_PROG_TYPE_KPROBE)
		return refuse(tg, "Only fentry/fexit/fmod_ret, lsm, and kprobe/uprobe programs can "
				  "be sleepable");
	if (type == BPF_PROG_TYPE_LSM && tg->prog->expected_attach_type == BPF_LSM_CGROUP)
		return refuse(tg, "BPF_LSM_CGROUP programs cannot be sleepable");
	return 0;
}

/* An extension is checked as its target would be. */
static void become(struct bpf_prog *prog, struct vfy_prog *v)
{
	const struct bpf_prog *dst = prog->aux->dst_prog;

	v->ext = true;
	v->type = dst->type;
	v->expected_attach_type = dst->expected_attach_type;
	v->ops = prog->aux->type_ops = dst->aux->type_ops;
}

int prog_check_target(const struct prog_load_env *env, struct bpf_prog *prog, struct vfy_prog *v,
		      struct log *log)
{
	struct target tg = {.env = env, .prog = prog, .v = v, .log = log};
	int err = check_sleepable(&tg);

	if (err)
		return err;
	if (prog->type == BPF_PROG_TYPE_STRUCT_OPS) {
		if (!prog->gpl_compatible)
			return refuse(&tg,
				      "struct ops programs must have a GPL compatible license");
		log_printf(log, "attach_btf_id %u is not a supported struct\n",
			   prog->aux->attach_btf_id);
		return -ENOTSUPP;
	}
	if (prog->type != BPF_PROG_TYPE_TRACING && prog->type != BPF_PROG_TYPE_LSM &&
	    prog->type != BPF_PROG_TYPE_EXT)
		return 0;
	err = check_attach_target(&tg);
	if (err)
		return err;
	if (prog->type == BPF_PROG_TYPE_EXT)
		become(prog, v);
	else if (prog->aux->dst_prog)
		v->target_type = prog_type_resolved(prog->aux->dst_prog);
	prog->aux->attach_func_proto = v->attach_func_proto = tg.t;
	prog->aux->attach_func_name = v->attach_func_name = tg.name;
	return 0;
}
