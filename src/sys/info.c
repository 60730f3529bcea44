/* SPDX-License-Identifier: BSD-2-Clause */
/* info.c - OBJ_GET_INFO_BY_FD for the four kinds. Arrays are cut to the caller's count, counts
 * are told whole, as in the kernel. */
#include "sys/priv.h"

#ifndef EBADFD
#define EBADFD 77
#endif

static long put_info(struct sys_req *r, const void *info, u32 len)
{
	if (req_copy_out(r, r->attr.info.info, info, len) || req_put_attr(r, info.info_len, len))
		return -EFAULT;
	return 0;
}

/* min(have, *count) elements to the caller's array; *count becomes @have. */
static int put_array(struct sys_req *r, u64 uaddr, u32 *count, u32 have, const void *data, u32 size)
{
	u32 n = min(have, *count);

	*count = have;
	return req_copy_out(r, uaddr, data, (u64)n * size) ? -EFAULT : 0;
}

/* --- programs --- */

static int set_rec_sizes(struct bpf_prog_info *info)
{
	if ((info->nr_func_info || info->func_info_rec_size) &&
	    info->func_info_rec_size != sizeof(struct bpf_func_info))
		return -EINVAL;
	if ((info->nr_line_info || info->line_info_rec_size) &&
	    info->line_info_rec_size != sizeof(struct bpf_line_info))
		return -EINVAL;
	if ((info->nr_jited_line_info || info->jited_line_info_rec_size) &&
	    info->jited_line_info_rec_size != sizeof(u64))
		return -EINVAL;
	info->func_info_rec_size = sizeof(struct bpf_func_info);
	info->line_info_rec_size = sizeof(struct bpf_line_info);
	info->jited_line_info_rec_size = sizeof(u64);
	return 0;
}

static int put_map_ids(struct sys_req *r, struct bpf_prog *prog, struct bpf_prog_info *info)
{
	struct bpf_prog_aux *aux = prog->aux;
	u32 ids[MAX_USED_MAPS * 2], have, n, at = 0;
	int err = 0;

	pthread_mutex_lock(&aux->used_maps_lock);
	have = aux->used_map_cnt;
	n = min(have, info->nr_map_ids);
	for (u32 i = 0; i < n && !err; i++) {
		ids[at++] = aux->used_maps[i]->id;
		if (at < ARRAY_SIZE(ids) && i + 1 < n)
			continue;
		err = req_copy_out(r, info->map_ids + (u64)(i + 1 - at) * sizeof(ids[0]), ids,
				   at * sizeof(ids[0]));
		at = 0;
	}
	pthread_mutex_unlock(&aux->used_maps_lock);
	info->nr_map_ids = have;
	return err;
}

static int put_xlated(struct sys_req *r, const struct bpf_prog *prog, struct bpf_prog_info *info)
{
	u32 bytes = prog->len * sizeof(struct bpf_insn);
	struct bpf_insn *insns;
	int err;

	if (!info->xlated_prog_len) {
		info->xlated_prog_len = bytes;
		return 0;
	}
	insns = malloc(bytes);
	if (!insns)
		return -ENOMEM;
	prog_dump_xlated(prog, insns);
	err = put_array(r, info->xlated_prog_insns, &info->xlated_prog_len, bytes, insns, 1);
	free(insns);
	return err;
}

/* Each function of the program as the kernel counts them: func_cnt when there is more than one,
 * else the program itself. */
static int put_tags(struct sys_req *r, const struct bpf_prog *prog, struct bpf_prog_info *info)
{
	u32 have = prog->aux->func_cnt ? prog->aux->func_cnt : 1, n = min(have, info->nr_prog_tags);

	for (u32 i = 0; i < n; i++) {
		const u8 *tag =
			prog->aux->func && prog->aux->func[i] ? prog->aux->func[i]->tag : prog->tag;

		if (req_copy_out(r, info->prog_tags + i * BPF_TAG_SIZE, tag, BPF_TAG_SIZE))
			return -EFAULT;
	}
	info->nr_prog_tags = have;
	return 0;
}

static u32 attach_btf_obj_id(const struct bpf_prog *prog)
{
	const struct bpf_prog *dst = prog->aux->dst_prog;

	if (dst)
		return dst->aux->btf ? dst->aux->btf->id : 0;
	return prog->aux->attach_btf ? prog->aux->attach_btf->id : 0;
}

static void prog_plain_info(const struct bpf_prog *prog, struct bpf_prog_info *info)
{
	const struct bpf_prog_aux *aux = prog->aux;

	info->type = prog->type;
	info->id = aux->id;
	info->load_time = aux->load_time;
	info->created_by_uid = aux->uid;
	info->gpl_compatible = prog->gpl_compatible;
	memcpy(info->tag, prog->tag, sizeof(prog->tag));
	memcpy(info->name, aux->name, sizeof(aux->name));
}

static void prog_counters(const struct bpf_prog *prog, struct bpf_prog_info *info)
{
	info->run_time_ns = __atomic_load_n(&prog->run_time_ns, __ATOMIC_RELAXED);
	info->run_cnt = __atomic_load_n(&prog->run_cnt, __ATOMIC_RELAXED);
	info->recursion_misses = __atomic_load_n(&prog->misses, __ATOMIC_RELAXED);
	info->verified_insns = prog->aux->verified_insns;
	if (prog->aux->btf)
		info->btf_id = prog->aux->btf->id;
}

/* --- their code: the one of this process, which iterators and timers run. Clients compile the same
 * program at addresses of their own. --- */

static u32 nr_functions(const struct bpf_prog *prog)
{
	return prog->aux->func_cnt ? prog->aux->func_cnt : 1;
}

static int put_jited_insns(struct sys_req *r, const struct bpf_prog *prog,
			   struct bpf_prog_info *info)
{
	u32 room = info->jited_prog_len, at = 0;
	struct exec_function f;

	for (u32 i = 0; i < nr_functions(prog) && exec_image_function(prog->image, i, &f); i++) {
		u32 n = at < room ? min(f.len, room - at) : 0;

		if (req_copy_out(r, info->jited_prog_insns + at, f.code, n))
			return -EFAULT;
		at += f.len;
	}
	info->jited_prog_len = at;
	return 0;
}

static int put_jited_functions(struct sys_req *r, const struct bpf_prog *prog,
			       struct bpf_prog_info *info)
{
	struct exec_function f;

	for (u32 i = 0; i < nr_functions(prog) && exec_image_function(prog->image, i, &f); i++) {
		u64 addr = (u64)f.code;

		if (i < info->nr_jited_ksyms &&
		    req_copy_out(r, info->jited_ksyms + i * sizeof(addr), &addr, sizeof(addr)))
			return -EFAULT;
		if (i < info->nr_jited_func_lens &&
		    req_copy_out(r, info->jited_func_lens + i * sizeof(f.len), &f.len,
				 sizeof(f.len)))
			return -EFAULT;
	}
	info->nr_jited_ksyms = info->nr_jited_func_lens =
		exec_image_function(prog->image, 0, &f) ? nr_functions(prog) : 0;
	return 0;
}

/* Each line at a place of its own, in order within its function, as the kernel has it and libbpf asks for: lines of
 * instructions that became one stand a byte apart. False: a function has less bytes than lines. */
static bool place_lines(const struct bpf_prog *prog, const u64 *places, u64 *lines)
{
	const struct bpf_prog_aux *aux = prog->aux;
	u64 end = 0, last = 0;
	struct exec_function f;
	u32 func = 0;

	for (u32 i = 0; i < aux->nr_linfo; i++) {
		u32 insn = aux->linfo[i].insn_off;

		if (insn >= prog->image->len)
			return false;
		lines[i] = last = max(places[insn], last + 1);
		if (func < nr_functions(prog) && exec_image_function(prog->image, func, &f) &&
		    places[insn] == (u64)f.code) {
			lines[i] = last = (u64)f.code;
			end = last + f.len;
			func++;
		}
		if (last >= end)
			return false;
	}
	return func == nr_functions(prog);
}

static int put_jited_lines(struct sys_req *r, const struct bpf_prog *prog,
			   struct bpf_prog_info *info)
{
	u32 nr = prog->aux->nr_linfo, room = min(info->nr_jited_line_info, nr);
	u64 *places = nr ? malloc((prog->image->len + nr) * sizeof(*places)) : NULL;
	u64 *lines = places ? places + prog->image->len : NULL;
	int err = 0;

	info->nr_jited_line_info = 0;
	if (!nr)
		return 0;
	if (!places)
		return -ENOMEM;
	if (exec_image_places(prog->image, places) || !place_lines(prog, places, lines))
		goto out;
	info->nr_jited_line_info = nr;
	if (req_copy_out(r, info->jited_line_info, lines, room * sizeof(*lines)))
		err = -EFAULT;
out:
	free(places);
	return err;
}

/* What only CAP_BPF sees. */
static int prog_code_info(struct sys_req *r, struct bpf_prog *prog, struct bpf_prog_info *info)
{
	const struct bpf_prog_aux *aux = prog->aux;
	int err = put_xlated(r, prog, info);

	exec_image_compile(prog->image);
	if (!err)
		err = put_jited_insns(r, prog, info);
	if (!err)
		err = put_jited_functions(r, prog, info);
	if (!err)
		err = put_jited_lines(r, prog, info);
	info->attach_btf_id = aux->attach_btf_id;
	info->attach_btf_obj_id = attach_btf_obj_id(prog);
	if (!err)
		err = put_array(r, info->func_info, &info->nr_func_info, aux->func_info_cnt,
				aux->func_info, sizeof(struct bpf_func_info));
	if (!err)
		err = put_array(r, info->line_info, &info->nr_line_info, aux->nr_linfo, aux->linfo,
				sizeof(struct bpf_line_info));
	return err ? err : put_tags(r, prog, info);
}

static long prog_info(struct sys_req *r, struct obj *o)
{
	struct bpf_prog *prog = obj_to_prog(o);
	u32 known = offsetofend(struct bpf_prog_info, attach_btf_id);
	u32 len = min(r->attr.info.info_len, (u32)sizeof(struct bpf_prog_info));
	struct bpf_prog_info info = {0};
	int err = req_tail_zero(r, r->attr.info.info, known, r->attr.info.info_len);

	if (err)
		return err;
	if (req_copy_in(r, &info, r->attr.info.info, len))
		return -EFAULT;
	prog_plain_info(prog, &info);
	if (put_map_ids(r, prog, &info))
		return -EFAULT;
	err = set_rec_sizes(&info);
	if (err)
		return err;
	prog_counters(prog, &info);
	if (cred_bpf(r->cred)) {
		err = prog_code_info(r, prog, &info);
		if (err)
			return err;
	} else {
		info.jited_prog_len = info.xlated_prog_len = 0;
		info.nr_jited_ksyms = info.nr_jited_func_lens = 0;
		info.nr_func_info = info.nr_line_info = info.nr_jited_line_info = 0;
	}
	return put_info(r, &info, len);
}

/* --- maps, BTF, links --- */

static long map_info(struct sys_req *r, struct obj *o)
{
	const struct bpf_map *map = &obj_to_map(o)->map;
	struct bpf_map_info info = {
		.type = map->map_type,
		.id = map->id,
		.key_size = map->key_size,
		.value_size = map->value_size,
		.max_entries = map->max_entries,
		.map_flags = map->map_flags,
		.map_extra = map->map_extra,
		.btf_vmlinux_value_type_id = map->btf_vmlinux_value_type_id,
	};
	int err = req_tail_zero(r, r->attr.info.info, sizeof(info), r->attr.info.info_len);

	if (err)
		return err;
	memcpy(info.name, map->name, sizeof(info.name));
	if (map->btf) {
		info.btf_id = map->btf->id;
		info.btf_key_type_id = map->btf_key_type_id;
		info.btf_value_type_id = map->btf_value_type_id;
	}
	return put_info(r, &info, min(r->attr.info.info_len, (u32)sizeof(info)));
}

/* A string and its NUL, cut when the buffer is too short (-ENOSPC). */
static int put_str(void *arg, u64 uaddr, const char *s, u32 cap)
{
	struct sys_req *r = arg;
	u32 len = strlen(s);

	if (cap >= len + 1)
		return req_copy_out(r, uaddr, s, len + 1) ? -EFAULT : 0;
	if (!cap || req_copy_out(r, uaddr, s, cap - 1) || req_copy_out(r, uaddr + cap - 1, "", 1))
		return -EFAULT;
	return -ENOSPC;
}

static int put_bytes(void *arg, u64 uaddr, const char *from, u32 len)
{
	return req_copy_out(arg, uaddr, from, len) ? -EFAULT : 0;
}

static long btf_info(struct sys_req *r, struct obj *o)
{
	const struct btf *btf = container_of(o, struct btf, obj);
	u32 len = min(r->attr.info.info_len, (u32)sizeof(struct bpf_btf_info)), cap;
	struct bpf_btf_info info;
	int err = req_copy_struct(r, &info, sizeof(info), r->attr.info.info, r->attr.info.info_len),
	    short_name = 0;

	if (err)
		return err;
	info.id = btf->id;
	info.kernel_btf = btf->kernel_btf;
	if (put_array(r, info.btf, &info.btf_size, btf->data_size, btf->data, 1))
		return -EFAULT;
	if (!info.name != !info.name_len)
		return -EINVAL;
	cap = info.name_len;
	info.name_len = strlen(btf->name);
	if (info.name) {
		short_name = put_str(r, info.name, btf->name, cap);
		if (short_name == -EFAULT)
			return -EFAULT;
	}
	err = put_info(r, &info, len);
	return err ? err : short_name;
}

static long link_info(struct sys_req *r, struct obj *o)
{
	struct bpf_link *link = obj_to_link(o);
	union link_info info;
	int err = req_copy_struct(r, &info, sizeof(info), r->attr.info.info, r->attr.info.info_len);

	if (err)
		return err;
	info.info.type = link->type;
	info.info.id = link->id;
	pthread_mutex_lock(&link->lock);
	info.info.prog_id = link->prog ? link->prog->aux->id : 0;
	pthread_mutex_unlock(&link->lock);
	if (link->ops->fill_info) {
		err = link->ops->fill_info(link, &info.info, put_bytes, r);
		if (err)
			return err;
	}
	return put_info(r, &info, min(r->attr.info.info_len, (u32)sizeof(info)));
}

long sys_get_info(struct sys_req *r)
{
	static long (*const by_kind[OBJ_KINDS])(struct sys_req * r, struct obj * o) = {
		[OBJ_PROG] = prog_info,
		[OBJ_MAP] = map_info,
		[OBJ_LINK] = link_info,
		[OBJ_BTF] = btf_info,
	};
	struct obj *o = req_any_obj(r, r->attr.info.bpf_fd, NULL);
	long ret;

	if (IS_ERR(o))
		return PTR_ERR(o) == -EBADF
			       ? -EBADFD
			       : PTR_ERR(o); /* the kernel's own spelling in this one command */
	ret = o->class->kind < OBJ_KINDS ? by_kind[o->class->kind](r, o) : -EINVAL;
	obj_put(o);
	return ret;
}
