/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ldimm.c - 64-bit immediates: what they name (maps, values, functions, service symbols) is looked
 * up before the walk. The instructions stay as the client wrote them; the answers go to aux
 * (map_index, map_off, imm64) and the rewrite puts them in.
 */
#include "isa/insn.h"
#include "verifier/vfy.h"

/* --- may this program use this map? --- */

static bool is_tracing(u32 type)
{
	return type == BPF_PROG_TYPE_KPROBE || type == BPF_PROG_TYPE_TRACEPOINT ||
	       type == BPF_PROG_TYPE_PERF_EVENT || type == BPF_PROG_TYPE_RAW_TRACEPOINT ||
	       type == BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE;
}

static bool sleepable_map(u32 type)
{
	switch (type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
	case BPF_MAP_TYPE_RINGBUF:
	case BPF_MAP_TYPE_USER_RINGBUF:
	case BPF_MAP_TYPE_INODE_STORAGE:
	case BPF_MAP_TYPE_SK_STORAGE:
	case BPF_MAP_TYPE_TASK_STORAGE:
	case BPF_MAP_TYPE_CGRP_STORAGE: return true;
	}
	return false;
}

static int map_compatible(struct venv *env, struct bpf_map *map)
{
	const struct vmap_fields *f;
	u32 type = env->prog->type;
	const char *who = NULL;
	int err = vfy_map_scan(env, map);

	if (err)
		return err;
	f = vfy_map_fields(env, map);
	if (f && btf_graph_owns(&f->graph) && is_tracing(type)) {
		vlog(env, "tracing progs cannot use bpf_{list_head,rb_root} yet\n");
		return -EINVAL;
	}
	if (f && f->lock_off >= 0) {
		if (type == BPF_PROG_TYPE_SOCKET_FILTER)
			who = "socket filter";
		else if (is_tracing(type))
			who = "tracing";
		else if (env->prog->sleepable)
			who = "sleepable";
		if (who) {
			vlog(env, "%s progs cannot use bpf_spin_lock yet\n", who);
			return -EINVAL;
		}
	}
	if (f && f->timer_off >= 0 && is_tracing(type)) {
		vlog(env, "tracing progs cannot use bpf_timer yet\n");
		return -EINVAL;
	}
	if (map->map_type == BPF_MAP_TYPE_STRUCT_OPS) {
		vlog(env, "bpf_struct_ops map cannot be used in prog\n");
		return -EINVAL;
	}
	if (env->prog->sleepable && !sleepable_map(map->map_type)) {
		vlog(env, "Sleepable programs can only use array, hash, and ringbuf maps\n");
		return -EINVAL;
	}
	return env->prog->env->map_compatible
		       ? env->prog->env->map_compatible(env->prog->env_arg, map, env->prog)
		       : 0;
}

/* --- before the walk --- */

/* -> its place among the program's maps, or negative errno */
static int use_map(struct venv *env, struct bpf_map *map)
{
	struct vfy_prog *p = env->prog;
	u32 i = 0;

	while (i < p->nr_maps && p->used_maps[i] != map)
		i++;
	if (i == MAX_USED_MAPS)
		return -E2BIG;
	for (u32 j = 0; i == p->nr_maps && j < i && map_is_cgroup_storage(map); j++)
		if (p->used_maps[j]->map_type == map->map_type) {
			vlog(env, "only one cgroup storage of each type is allowed\n");
			return -EBUSY;
		}
	if (i == p->nr_maps)
		p->used_maps[p->nr_maps++] = map;
	return i;
}

/* The map an instruction names, or ERR_PTR. */
static struct bpf_map *named_map(struct venv *env, const struct bpf_insn *in)
{
	bool by_idx = in->src_reg == BPF_PSEUDO_MAP_IDX || in->src_reg == BPF_PSEUDO_MAP_IDX_VALUE;
	const struct vfy_env_ops *ops = env->prog->env;
	void *arg = env->prog->env_arg;
	struct bpf_map *map;
	s32 fd = in->imm;
	int err;

	if (by_idx) {
		err = ops->fd_array ? ops->fd_array(arg, in->imm, &fd) : -EPROTO;
		if (err == -EPROTO)
			vlog(env, "fd_idx without fd_array is invalid\n");
		if (err)
			return ERR_PTR(err);
	}
	map = ops->map_by_fd ? ops->map_by_fd(arg, fd) : ERR_PTR(-EBADF);
	if (!IS_ERR_OR_NULL(map))
		return map;
	vlog(env, "fd %d is not pointing to valid bpf_map\n", fd);
	return map ? map : ERR_PTR(-EINVAL);
}

/* May an instruction have the address of a value's byte? */
static int value_address(struct venv *env, const struct bpf_map *map, u32 off)
{
	bool one = map->max_entries == 1;

	if (off >= VFY_MAX_VAR_OFF) {
		vlog(env, "direct value offset of %u is not allowed\n", off);
		return -EINVAL;
	}
	if (!map->ops->direct_value) {
		vlog(env, "no direct value access support for this map type\n");
		return -EINVAL;
	}
	if (one && off < map->value_size)
		return 0;
	vlog(env, "invalid access to map value pointer, value_size=%u off=%u\n", map->value_size,
	     off);
	return one ? -EINVAL : -ENOTSUPP;
}

static int resolve_map(struct venv *env, s32 idx)
{
	struct bpf_insn *in = &env->insns[idx];
	bool value = in->src_reg == BPF_PSEUDO_MAP_VALUE || in->src_reg == BPF_PSEUDO_MAP_IDX_VALUE;
	bool handle = in->src_reg == BPF_PSEUDO_MAP_FD || in->src_reg == BPF_PSEUDO_MAP_IDX;
	struct bpf_map *map;
	int err;

	if (!value && (!handle || in[1].imm)) {
		vlog(env, "unrecognized bpf_ld_imm64 insn\n");
		return -EINVAL;
	}
	map = named_map(env, in);
	if (IS_ERR(map))
		return PTR_ERR(map);
	err = map_compatible(env, map);
	if (!err && value)
		err = value_address(env, map, in[1].imm);
	if (!err)
		err = use_map(env, map);
	if (err < 0)
		return err;
	env->aux[idx].map_off = value ? in[1].imm : 0;
	env->aux[idx].map_index = err;
	return 0;
}

static bool in_percpu_section(const struct btf *btf, u32 id)
{
	s32 sec = btf_find_by_name_kind(btf, ".data..percpu", BTF_KIND_DATASEC);
	const struct btf_type *t = sec > 0 ? btf_type_by_id(btf, sec) : NULL;
	const struct btf_var_secinfo *v = (const void *)(t + 1);

	for (u32 i = 0; t && i < btf_type_vlen(t); i++)
		if (v[i].type == id)
			return true;
	return false;
}

static int use_btf(struct venv *env, struct btf *btf)
{
	struct vfy_prog *p = env->prog;

	for (u32 i = 0; i < p->nr_btfs; i++)
		if (p->used_btfs[i] == btf)
			return 0;
	if (p->nr_btfs == MAX_USED_BTFS)
		return -E2BIG;
	p->used_btfs[p->nr_btfs++] = btf;
	return 0;
}

static int hold_fd(struct venv *env, int fd)
{
	const struct vfy_env_ops *ops = env->prog->env;
	void *arg = env->prog->env_arg;
	struct bpf_map *map = ops->map_by_fd ? ops->map_by_fd(arg, fd) : ERR_PTR(-EBADF);
	struct btf *btf;
	int err;

	if (!IS_ERR(map)) {
		err = map_compatible(env, map);
		return err ? err : min(use_map(env, map), 0);
	}
	btf = ops->btf_by_fd ? ops->btf_by_fd(arg, fd) : ERR_PTR(-EBADF);
	if (!IS_ERR(btf))
		return use_btf(env, btf);
	vlog(env, "fd %d is not pointing to valid bpf_map or btf\n", fd);
	return PTR_ERR(map);
}

/* With a count, everything in fd_array belongs to the program. */
int vfy_hold_fd_array(struct venv *env)
{
	const struct vfy_env_ops *ops = env->prog->env;
	u32 cnt = env->prog->fd_array_cnt;
	int err = 0, fd;

	if (cnt >= UINT32_MAX / sizeof(int)) {
		vlog(env, "fd_array_cnt is too big (%u)\n", cnt);
		return -EINVAL;
	}
	for (u32 i = 0; i < cnt && !err; i++) {
		if (!ops->fd_array || ops->fd_array(env->prog->env_arg, i, &fd))
			return -EFAULT;
		err = hold_fd(env, fd);
	}
	return err;
}

/* The BTF the variable is in, or ERR_PTR. */
static struct btf *var_btf(struct venv *env, const struct bpf_insn *in)
{
	const struct vfy_env_ops *ops = env->prog->env;
	struct btf *btf = env->prog->vmlinux;

	if (in[1].imm) {
		btf = ops->btf_by_fd ? ops->btf_by_fd(env->prog->env_arg, in[1].imm) : NULL;
		if (!IS_ERR_OR_NULL(btf))
			return btf;
		vlog(env, "invalid module BTF object FD specified.\n");
		return ERR_PTR(-EINVAL);
	}
	if (btf)
		return btf;
	vlog(env,
	     "kernel is missing BTF, make sure CONFIG_DEBUG_INFO_BTF=y is specified in Kconfig.\n");
	return ERR_PTR(-EINVAL);
}

/* Only the service's own variables have addresses that mean something. */
static int var_address(struct venv *env, const struct btf *btf, const struct btf_type *var, u64 *at)
{
	const struct vfy_env_ops *ops = env->prog->env;
	const char *name = btf_name_by_offset(btf, var->name_off);

	*at = name && btf->kernel_btf && ops->ksym_addr ? ops->ksym_addr(env->prog->env_arg, name)
							: 0;
	if (*at)
		return 0;
	vlog(env, "ldimm64 failed to find the address for kernel symbol '%s'.\n", name ? name : "");
	return -ENOENT;
}

/* What a register with the address of a variable of type @id points to. */
static int var_type(struct venv *env, struct vinsn *vi, struct btf *btf, u32 id, bool percpu)
{
	const struct btf_type *t = btf_type_skip_modifiers(btf, id, NULL), *sized;
	u32 size = 0;

	vi->var_btf = btf;
	vi->var_id = id;
	vi->var_type = PTR_TO_BTF_ID | (percpu ? MEM_PERCPU : 0);
	if (percpu || (t && btf_type_is_struct(t)))
		return 0;
	sized = t ? btf_resolve_size(btf, t, &size) : ERR_PTR(-EINVAL);
	if (IS_ERR(sized)) {
		vlog(env, "ldimm64 unable to resolve the size of type '%s': %ld\n",
		     vfy_btf_name(btf, id), PTR_ERR(sized));
		return -EINVAL;
	}
	vi->var_type = PTR_TO_MEM | MEM_RDONLY;
	vi->var_id = size;
	return 0;
}

static int resolve_btf_var(struct venv *env, s32 idx)
{
	struct bpf_insn *in = &env->insns[idx];
	struct btf *btf = var_btf(env, in);
	const struct btf_type *t;
	u64 at = 0;
	int err;

	if (IS_ERR(btf))
		return PTR_ERR(btf);
	t = btf_type_by_id(btf, in->imm);
	if (!t) {
		vlog(env, "ldimm64 insn specifies invalid btf_id %d.\n", in->imm);
		return -ENOENT;
	}
	if (btf_type_kind(t) != BTF_KIND_VAR) {
		vlog(env, "pseudo btf_id %d in ldimm64 isn't KIND_VAR.\n", in->imm);
		return -EINVAL;
	}
	err = var_address(env, btf, t, &at);
	env->aux[idx].imm64 = at;
	if (!err)
		err = var_type(env, &env->vi[idx], btf, t->type, in_percpu_section(btf, in->imm));
	return err ? err : use_btf(env, btf);
}

static int resolve(struct venv *env, s32 idx)
{
	struct bpf_insn *in = &env->insns[idx];

	if (idx == env->len - 1 || in[1].code || in[1].dst_reg || in[1].src_reg || in[1].off) {
		vlog(env, "invalid bpf_ld_imm64 insn\n");
		return -EINVAL;
	}
	switch (in->src_reg) {
	case 0: return 0;
	case BPF_PSEUDO_BTF_ID: return resolve_btf_var(env, idx);
	case BPF_PSEUDO_FUNC:
		env->aux[idx].ptr_type = PTR_TO_FUNC;
		env->aux[idx].func_subprog = max(0, vfy_find_subprog(env, idx + in->imm + 1));
		return 0;
	}
	return resolve_map(env, idx);
}

static bool opcode_ok(const struct venv *env, u8 code)
{
	bool v4 = code == (BPF_JMP32 | BPF_JA) || code == (BPF_ALU64 | BPF_END) ||
		  code == (BPF_JMP | BPF_JCOND);

	return isa_opcode_valid(code) && (!v4 || vfy_cpu_v4(env));
}

int vfy_ldimm_resolve(struct venv *env)
{
	int err = 0;

	for (s32 i = 0; i < env->len && !err; i++) {
		const struct bpf_insn *in = &env->insns[i];
		u8 mode = BPF_MODE(in->code);
		/* sign-extending loads are cpu v4 */
		bool ldx_ok = mode == BPF_MEM || (mode == BPF_MEMSX &&
						  BPF_SIZE(in->code) != BPF_DW && vfy_cpu_v4(env));

		if (BPF_CLASS(in->code) == BPF_LDX && (!ldx_ok || in->imm)) {
			vlog(env, "BPF_LDX uses reserved fields\n");
			return -EINVAL;
		}
		if (insn_is_ldimm64(in)) {
			err = resolve(env, i++);
		} else if (!opcode_ok(env, in->code)) {
			vlog(env, "unknown opcode %02x\n", in->code);
			err = -EINVAL;
		}
	}
	return err;
}

/* --- during the walk --- */

static int load_func(struct venv *env, struct bpf_insn *in, struct vreg *d)
{
	s32 n = vfy_find_subprog(env, env->insn_idx + in->imm + 1);

	if (n < 0)
		return -EFAULT;
	if (!env->prog->func_info_cnt) {
		vlog(env, "missing btf func_info\n");
		return -EINVAL;
	}
	if (env->funcs[n].linkage != BTF_FUNC_STATIC) {
		vlog(env, "callback function not static\n");
		return -EINVAL;
	}
	if (!n) {
		vlog(env, "callback function cannot be the main program\n");
		return -EINVAL;
	}
	d->type = PTR_TO_FUNC;
	d->subprog = n;
	return 0;
}

int vfy_ldimm(struct venv *env, struct bpf_insn *in)
{
	struct vinsn *vi = &env->vi[env->insn_idx];
	struct vfy_insn_aux *aux = &env->aux[env->insn_idx];
	struct vreg *d;
	int err;

	if (BPF_SIZE(in->code) != BPF_DW) {
		vlog(env, "invalid BPF_LD_IMM insn\n");
		return -EINVAL;
	}
	if (in->off) {
		vlog(env, "BPF_LD_IMM64 uses reserved fields\n");
		return -EINVAL;
	}
	err = vfy_use_reg(env, in->dst_reg, USE_DST);
	if (err)
		return err;
	d = vfy_reg(env, in->dst_reg);
	if (!in->src_reg) {
		reg_known(d, (u64)(u32)in[1].imm << 32 | (u32)in->imm);
		return 0;
	}
	reg_known(d, 0);
	switch (in->src_reg) {
	case BPF_PSEUDO_BTF_ID:
		d->type = vi->var_type;
		if (type_base(d->type) == PTR_TO_MEM) {
			d->mem_size = vi->var_id;
		} else {
			d->btf = vi->var_btf;
			d->btf_id = vi->var_id;
		}
		return 0;
	case BPF_PSEUDO_FUNC: return load_func(env, in, d);
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX_VALUE:
		d->type = PTR_TO_MAP_VALUE;
		d->map = env->prog->used_maps[aux->map_index];
		d->off = aux->map_off; /* a value that there is one of: its lock needs no id */
		return 0;
	}
	d->type = CONST_PTR_TO_MAP;
	d->map = env->prog->used_maps[aux->map_index];
	return 0;
}
