/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c - BPF_PROG_LOAD. The steps are the kernel's (bpf_prog_load, bpf_check of 6.1), in its
 * order, since the first that fails decides the errno.
 */
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include "prog/load.h"
#include "prog/map_obj.h"

#ifndef BPF_F_XDP_HAS_FRAGS
#define BPF_F_XDP_HAS_FRAGS (1U << 5)
#endif
#ifndef BPF_MAXINSNS
#define BPF_MAXINSNS 4096
#endif
#define BTF_TYPE_ID_MAX 0x000fffff
#define FUNC_INFO_MIN	8
#define LOG_SIZE_MIN	128

#define KNOWN_FLAGS                                                                               \
	(BPF_F_STRICT_ALIGNMENT | BPF_F_ANY_ALIGNMENT | BPF_F_TEST_STATE_FREQ | BPF_F_SLEEPABLE | \
	 BPF_F_TEST_RND_HI32 | BPF_F_XDP_HAS_FRAGS)

/* --- who may load what --- */

static bool license_is_gpl(const char *license)
{
	static const char *const gpl[] = {
		"GPL",		"GPL v2",	"GPL and additional rights",
		"Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(gpl); i++)
		if (!strcmp(license, gpl[i]))
			return true;
	return false;
}

static int check_caps(const struct cred *cred, u32 type)
{
	const struct prog_type *t = prog_type_of(type);

	if (type != BPF_PROG_TYPE_SOCKET_FILTER && type != BPF_PROG_TYPE_CGROUP_SKB &&
	    !cred_bpf(cred))
		return -EPERM;
	if (t && t->needs_net_admin && !cred_net_admin(cred))
		return -EPERM;
	if (t && t->needs_perfmon && !cred_perfmon(cred))
		return -EPERM;
	return 0;
}

static int check_attr(const struct prog_load_env *env, const struct prog_load_req *req)
{
	const union bpf_attr *a = &req->attr;

	if (a->prog_flags & ~KNOWN_FLAGS)
		return -EINVAL;
	if (!req->license)
		return -EFAULT;
	if (!a->insn_cnt ||
	    a->insn_cnt > (cred_bpf(env->cred) ? BPF_COMPLEXITY_LIMIT_INSNS : BPF_MAXINSNS))
		return -E2BIG;
	return check_caps(env->cred, a->prog_type);
}

/* --- attach types --- */

/* Types that need one of certain expected_attach_types. */
static const struct attach_rule {
	enum bpf_prog_type type;
	enum bpf_attach_type attach[13];
	u32 n;
} attach_rules[] = {
	{BPF_PROG_TYPE_CGROUP_SOCK,
	 {BPF_CGROUP_INET_SOCK_CREATE, BPF_CGROUP_INET_SOCK_RELEASE, BPF_CGROUP_INET4_POST_BIND,
	  BPF_CGROUP_INET6_POST_BIND},
	 4},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
	 {BPF_CGROUP_INET4_BIND, BPF_CGROUP_INET6_BIND, BPF_CGROUP_INET4_CONNECT,
	  BPF_CGROUP_INET6_CONNECT, BPF_CGROUP_INET4_GETPEERNAME, BPF_CGROUP_INET6_GETPEERNAME,
	  BPF_CGROUP_INET4_GETSOCKNAME, BPF_CGROUP_INET6_GETSOCKNAME, BPF_CGROUP_UDP4_SENDMSG,
	  BPF_CGROUP_UDP6_SENDMSG, BPF_CGROUP_UDP4_RECVMSG, BPF_CGROUP_UDP6_RECVMSG},
	 12},
	{BPF_PROG_TYPE_CGROUP_SKB, {BPF_CGROUP_INET_INGRESS, BPF_CGROUP_INET_EGRESS}, 2},
	{BPF_PROG_TYPE_CGROUP_SOCKOPT, {BPF_CGROUP_SETSOCKOPT, BPF_CGROUP_GETSOCKOPT}, 2},
	{BPF_PROG_TYPE_SK_LOOKUP, {BPF_SK_LOOKUP}, 1},
	{BPF_PROG_TYPE_SK_REUSEPORT,
	 {BPF_SK_REUSEPORT_SELECT, BPF_SK_REUSEPORT_SELECT_OR_MIGRATE},
	 2},
	{BPF_PROG_TYPE_SYSCALL, {0}, 1},
	{BPF_PROG_TYPE_EXT, {0}, 1},
};

static int check_attach_type(u32 type, u32 attach)
{
	const struct attach_rule *r;
	u32 i;

	for (r = attach_rules; r < attach_rules + ARRAY_SIZE(attach_rules); r++) {
		if (r->type != type)
			continue;
		for (i = 0; i < r->n; i++)
			if (r->attach[i] == attach)
				return 0;
		return -EINVAL;
	}
	return 0;
}

/* Attach types that older loaders leave at zero. */
static u32 fix_attach_type(u32 type, u32 attach)
{
	if (!attach && type == BPF_PROG_TYPE_CGROUP_SOCK)
		return BPF_CGROUP_INET_SOCK_CREATE;
	if (!attach && type == BPF_PROG_TYPE_SK_REUSEPORT)
		return BPF_SK_REUSEPORT_SELECT;
	return attach;
}

static bool may_have_btf_id(u32 type)
{
	return type == BPF_PROG_TYPE_TRACING || type == BPF_PROG_TYPE_LSM ||
	       type == BPF_PROG_TYPE_STRUCT_OPS || type == BPF_PROG_TYPE_EXT;
}

static int check_attach(u32 type, u32 attach, const struct btf *btf, u32 btf_id,
			const struct bpf_prog *dst)
{
	if (btf_id && (btf_id > BTF_TYPE_ID_MAX || (!btf && !dst) || !may_have_btf_id(type)))
		return -EINVAL;
	if (btf && (!btf_id || dst))
		return -EINVAL;
	if (dst && type != BPF_PROG_TYPE_TRACING && type != BPF_PROG_TYPE_EXT)
		return -EINVAL;
	return check_attach_type(type, attach);
}

/* attach_prog_fd and attach_btf_obj_fd share their place: a program, or the kernel's BTF.
 * References go to @dst, @btf. */
static int find_attach(const struct prog_load_env *env, const union bpf_attr *a,
		       struct bpf_prog **dst, struct btf **btf)
{
	if (a->attach_prog_fd) {
		struct bpf_prog *p = env->prog_by_fd(env->arg, a->attach_prog_fd);

		if (!IS_ERR(p)) {
			*dst = p;
			return 0;
		}
		*btf = env->btf_by_fd(env->arg, a->attach_btf_obj_fd);
		if (IS_ERR(*btf)) {
			*btf = NULL;
			return -EINVAL;
		}
		return (*btf)->kernel_btf ? 0 : -ENOTSUPP;
	}
	if (a->attach_btf_id) {
		if (!env->vmlinux)
			return -EINVAL;
		*btf = btf_get(env->vmlinux);
	}
	return 0;
}

/* --- name, log, BTF infos --- */

static int copy_name(char *dst, const char *src)
{
	u32 i;

	for (i = 0; i < BPF_OBJ_NAME_LEN && src[i]; i++)
		if (!obj_name_char(src[i]))
			return -EINVAL;
	if (i == BPF_OBJ_NAME_LEN)
		return -EINVAL;
	memset(dst, 0, BPF_OBJ_NAME_LEN);
	memcpy(dst, src, i);
	return 0;
}

static int check_log(const struct prog_load_req *req)
{
	const union bpf_attr *a = &req->attr;

	if (req->no_log_check || !(a->log_level || a->log_buf || a->log_size))
		return 0;
	if (a->log_size < LOG_SIZE_MIN || a->log_size > UINT_MAX >> 2 || !a->log_level ||
	    !a->log_buf || a->log_level & ~LOG_MASK)
		return -EINVAL;
	return 0;
}

struct info_kind {
	const char *name, *bad_size; /* as messages say it; NULL: no message */
	u32 size, min;
};

/* Records of @rec_size bytes to ours: what we do not know must be zero. */
static int copy_infos(const struct info_kind *k, const void *src, u32 cnt, u32 rec_size, void **out,
		      struct log *log)
{
	u32 i, j, copy = min(rec_size, k->size);
	u8 *dst;

	if (cnt > INT_MAX / k->size)
		return -EINVAL;
	if (rec_size < k->min || rec_size > INFO_REC_MAX || rec_size % sizeof(u32)) {
		if (k->bad_size)
			log_printf(log, "invalid %s rec size %u\n", k->bad_size, rec_size);
		return -EINVAL;
	}
	if (!src)
		return -EFAULT;
	dst = calloc(cnt, k->size);
	if (!dst)
		return -ENOMEM;
	for (i = 0; i < cnt; i++) {
		const u8 *rec = (const u8 *)src + (size_t)i * rec_size;

		for (j = k->size; j < rec_size; j++)
			if (rec[j])
				goto fail_tail;
		memcpy(dst + (size_t)i * k->size, rec, copy);
	}
	*out = dst;
	return 0;

fail_tail:
	log_printf(log, "nonzero tailing record in %s", k->name);
	free(dst);
	return -E2BIG;
}

static int get_infos(const struct prog_load_env *env, const struct prog_load_req *req,
		     struct bpf_prog *prog, struct vfy_prog *v, struct log *log)
{
	static const struct info_kind func = {"func info", "func info",
					      sizeof(struct bpf_func_info), FUNC_INFO_MIN};
	static const struct info_kind line = {"line_info", NULL, sizeof(struct bpf_line_info),
					      offsetofend(struct bpf_line_info, line_col)};
	const union bpf_attr *a = &req->attr;
	struct btf *btf;
	int err;

	if (!a->func_info_cnt && !a->line_info_cnt)
		return 0;
	btf = env->btf_by_fd(env->arg, a->prog_btf_fd);
	if (IS_ERR(btf))
		return PTR_ERR(btf);
	prog->aux->btf = v->btf = btf;
	if (btf->kernel_btf)
		return -EACCES;
	if (a->func_info_cnt) {
		err = copy_infos(&func, req->func_info, a->func_info_cnt, a->func_info_rec_size,
				 (void **)&v->func_info, log);
		if (err)
			return err;
		v->func_info_cnt = a->func_info_cnt;
	}
	if (a->line_info_cnt) {
		err = copy_infos(&line, req->line_info, a->line_info_cnt, a->line_info_rec_size,
				 (void **)&v->line_info, log);
		if (err)
			return err;
		v->nr_linfo = a->line_info_cnt;
	}
	return 0;
}

/* --- the verifier --- */

static u64 boottime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (u64)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct relocating {
	const struct prog_load_env *env;
	const struct prog_load_req *req;
	struct bpf_prog *prog;
};

/* The tag is that of relocated instructions. */
static int relocate(void *arg, struct vfy_prog *v, struct log *log)
{
	struct relocating *r = arg;
	int err = v->btf ? prog_apply_relos(r->env, r->req, v, log) : 0;

	return err ? err : prog_calc_tag(v->insns, v->len, r->prog->tag);
}

static int check_prog(const struct prog_load_env *env, const struct prog_load_req *req,
		      struct bpf_prog *prog, struct log *log)
{
	struct bpf_prog_aux *aux = prog->aux;
	struct relocating relocating = {env, req, prog};
	struct vfy_prog v = {
		.type = prog->type,
		.expected_attach_type = prog->expected_attach_type,
		.prog_flags = prog->prog_flags,
		.gpl_compatible = prog->gpl_compatible,
		.sleepable = aux->sleepable,
		.cred = env->cred,
		.ops = aux->type_ops,
		.env = env->vfy_env,
		.env_arg = env->vfy_arg,
		.vmlinux = env->vmlinux,
		.attach_btf = aux->attach_btf ? aux->attach_btf
			      : aux->dst_prog ? aux->dst_prog->aux->btf
					      : NULL,
		.attach_btf_id = aux->attach_btf_id,
		.len = req->attr.insn_cnt,
		.fd_array_cnt = req->fd_array_cnt,
		.relocate = relocate,
		.relocate_arg = &relocating,
	};
	int err = check_log(req);

	if (err)
		return err;
	v.insns = malloc(v.len * sizeof(*v.insns));
	if (!v.insns)
		return -ENOMEM;
	memcpy(v.insns, req->insns, v.len * sizeof(*v.insns));
	err = get_infos(env, req, prog, &v, log);
	if (!err)
		err = prog_check_target(env, prog, &v, log);
	if (!err)
		err = vfy_check(&v, log);
	if (!err)
		err = prog_adopt(prog, &v);
	vfy_prog_free(&v);
	return err;
}

/* Prog arrays belong to one kind of program (kernel: bpf_check_tail_call). */
static int check_tail_calls(const struct bpf_prog *prog)
{
	u32 i;

	for (i = 0; i < prog->aux->used_map_cnt; i++) {
		struct bpf_map *map = prog->aux->used_maps[i];

		if (map->map_type == BPF_MAP_TYPE_PROG_ARRAY &&
		    (prog->kprobe_override ||
		     !map_obj_prog_fits(map_obj_of(map), prog_type_resolved(prog),
					prog->expected_attach_type, prog->aux->attach_func_proto)))
			return -EINVAL;
	}
	return 0;
}

static int fill(const struct prog_load_env *env, const struct prog_load_req *req,
		struct bpf_prog *prog)
{
	const union bpf_attr *a = &req->attr;
	const struct prog_type *t;

	prog->prog_flags = a->prog_flags;
	prog->stats = env->stats;
	prog->len = a->insn_cnt;
	prog->aux->uid = env->cred->uid;
	prog->aux->attach_btf_id = a->attach_btf_id;
	prog->aux->sleepable = a->prog_flags & BPF_F_SLEEPABLE;
	prog->aux->xdp_has_frags = a->prog_flags & BPF_F_XDP_HAS_FRAGS;
	prog->gpl_compatible = license_is_gpl(req->license);
	if (!req->insns)
		return -EFAULT;
	if (a->prog_ifindex) /* offload: no device here can run programs */
		return -EINVAL;
	t = prog_type_of(a->prog_type);
	if (!t)
		return -EINVAL;
	prog->type = t->type;
	prog->aux->type_ops = t->ops;
	prog->aux->load_time = boottime_ns();
	return copy_name(prog->aux->name, a->prog_name);
}

struct bpf_prog *prog_load(const struct prog_load_env *env, const struct prog_load_req *req,
			   struct log *log)
{
	const union bpf_attr *a = &req->attr;
	struct bpf_prog *prog, *dst = NULL;
	struct btf *btf = NULL;
	u32 attach;
	int err = check_attr(env, req);

	if (err)
		return ERR_PTR(err);
	err = find_attach(env, a, &dst, &btf);
	if (err)
		goto fail_attach;
	attach = fix_attach_type(a->prog_type, a->expected_attach_type);
	err = check_attach(a->prog_type, attach, btf, a->attach_btf_id, dst);
	if (err)
		goto fail_attach;
	prog = prog_alloc();
	if (!prog) {
		err = -ENOMEM;
		goto fail_attach;
	}
	prog->expected_attach_type = attach;
	prog->aux->attach_btf = btf;
	prog->aux->dst_prog = dst;
	err = fill(env, req, prog);
	if (!err)
		err = check_prog(env, req, prog, log);
	if (!err)
		err = check_tail_calls(prog);
	if (err)
		goto fail_prog;
	return prog;

fail_prog:
	obj_put(&prog->obj);
	return ERR_PTR(err);
fail_attach:
	if (dst)
		obj_put(&dst->obj);
	btf_put(btf);
	return ERR_PTR(err);
}
