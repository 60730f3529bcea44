/* SPDX-License-Identifier: BSD-2-Clause */
#include <openssl/sha.h>
#include <stdlib.h>
#include <time.h>
#include <urcu-bp.h>
#include "prog/heap.h"
#include "prog/load.h"
#include "prog/map_obj.h"

#define PAGE_SIZE 4096u
#define PROG_HEADER \
	80u /* what the kernel's struct bpf_prog adds to the instructions, for memlock */

/* --- life --- */

struct bpf_prog *prog_alloc(void)
{
	struct bpf_prog *prog = calloc(1, sizeof(*prog));
	struct bpf_prog_aux *aux = calloc(1, sizeof(*aux));

	if (!prog || !aux) {
		free(prog);
		free(aux);
		return NULL;
	}
	prog->aux = aux;
	aux->prog = prog;
	pthread_mutex_init(&aux->used_maps_lock, NULL);
	obj_init(&prog->obj, &prog_class);
	return prog;
}

static void prog_set_id(struct obj *o, u32 id)
{
	struct bpf_prog *prog = obj_to_prog(o);

	prog->aux->id = id;
	if (prog->image)
		prog->image->prog_id = id;
}

/* Iterator programs may still be reading the struct and what its pointers lead to; all of that is
 * freed a grace period later. */
static void prog_release(struct obj *o)
{
	struct bpf_prog *prog = obj_to_prog(o);
	struct bpf_prog_aux *aux = prog->aux;
	u32 i;

	exec_image_put(prog->image);
	prog->image = NULL;
	for (i = 0; i < aux->used_map_cnt; i++)
		obj_put(&map_obj_of(aux->used_maps[i])->obj);
	for (i = 0; i < aux->used_btf_cnt; i++)
		btf_put(aux->used_btfs[i]);
	btf_put(aux->btf);
	btf_put(aux->attach_btf);
	if (aux->dst_prog)
		obj_put(&aux->dst_prog->obj);
}

static void prog_free(struct obj *o)
{
	struct bpf_prog *prog = obj_to_prog(o);
	struct bpf_prog_aux *aux = prog->aux;

	pthread_mutex_destroy(&aux->used_maps_lock);
	free(aux->used_maps);
	free(aux->used_btfs);
	free(aux->func_info);
	free(aux->linfo);
	free(aux->subprogs);
	free(aux);
	free(prog->xlated);
	free(prog);
}

/* References of a map: its own and its image's. */
static u32 prog_holds(const struct obj *o, const struct obj *map)
{
	const struct bpf_prog *prog = container_of(o, struct bpf_prog, obj);
	struct bpf_prog_aux *aux = prog->aux;
	u32 n = 0;

	pthread_mutex_lock(&aux->used_maps_lock);
	for (u32 i = 0; i < aux->used_map_cnt; i++)
		n += &map_obj_of(aux->used_maps[i])->obj == map;
	pthread_mutex_unlock(&aux->used_maps_lock);
	for (u32 i = 0; prog->image && i < prog->image->nr_maps; i++)
		n += &map_obj_of(prog->image->maps[i])->obj == map;
	return n;
}

const struct obj_class prog_class = {
	.name = "prog",
	.kind = OBJ_PROG,
	.set_id = prog_set_id,
	.release = prog_release,
	.free = prog_free,
	.holds = prog_holds,
};

int prog_publish(struct obj_table *t, struct bpf_prog *prog)
{
	return obj_publish(t, &prog->obj);
}

/* --- tag --- */

int prog_calc_tag(const struct bpf_insn *insns, u32 len, u8 tag[BPF_TAG_SIZE])
{
	struct bpf_insn *copy = malloc(len * sizeof(*copy));
	u8 md[SHA_DIGEST_LENGTH];
	u32 i;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, insns, len * sizeof(*copy));
	for (i = 0; i + 1 < len; i++) {
		if (copy[i].code != (BPF_LD | BPF_IMM | BPF_DW) ||
		    (copy[i].src_reg != BPF_PSEUDO_MAP_FD &&
		     copy[i].src_reg != BPF_PSEUDO_MAP_VALUE))
			continue;
		copy[i].imm = 0;
		copy[++i].imm = 0;
	}
	SHA1((const u8 *)copy, len * sizeof(*copy), md);
	memcpy(tag, md, BPF_TAG_SIZE);
	free(copy);
	return 0;
}

/* --- image --- */

/* Holds references of its own, since a tail call may run it after its program is gone. */
static void image_release(struct exec_image *img)
{
	u32 i;

	for (i = 0; i < img->nr_maps; i++)
		obj_put(&map_obj_of(img->maps[i])->obj);
	free(img->maps);
	free(img->subprogs);
	free(img->insns);
	free(img);
}

static void image_add(struct exec_image *img, struct bpf_map *map)
{
	img->maps[img->nr_maps++] = map;
	obj_get(&map_obj_of(map)->obj);
}

static bool image_has(const struct exec_image *img, const struct bpf_map *map)
{
	for (u32 i = 0; i < img->nr_maps; i++)
		if (img->maps[i] == map)
			return true;
	return false;
}

/* Behind the maps: the heaps of those whose values own objects; last the one the program makes objects in
 * (helper/kfunc_owned.c). */
static int image_add_heaps(struct exec_image *img, const struct vfy_prog *v)
{
	struct map_obj *own = v->uses_heap ? prog_heap(v->btf) : NULL;

	if (IS_ERR(own))
		return PTR_ERR(own);
	for (u32 i = 0; i < v->nr_maps; i++) {
		struct bpf_map *heap = v->used_maps[i]->heap;

		if (heap && !(own && heap == &own->map) && !image_has(img, heap))
			image_add(img, heap);
	}
	if (own)
		image_add(img, &own->map);
	return 0;
}

static struct exec_image *image_new(const struct bpf_prog *prog, const struct vfy_prog *v)
{
	struct exec_image *img = calloc(1, sizeof(*img));
	u32 i, nr = v->nr_subprogs ? v->nr_subprogs : 1;

	if (!img)
		return NULL;
	img->refs = 1;
	img->release = image_release;
	img->prog_type = prog->type;
	img->attach_type = prog->expected_attach_type;
	img->len = v->len;
	memcpy(img->name, prog->aux->name, sizeof(img->name));
	img->insns = malloc(v->len * sizeof(*img->insns));
	img->subprogs = calloc(nr, sizeof(*img->subprogs));
	img->maps = calloc(2 * v->nr_maps + 1, sizeof(*img->maps));
	if (!img->insns || !img->subprogs || !img->maps) {
		image_release(img);
		return NULL;
	}
	memcpy(img->insns, v->insns, v->len * sizeof(*img->insns));
	img->nr_subprogs = nr;
	for (i = 0; i < v->nr_subprogs; i++) {
		img->subprogs[i].start = v->subprogs[i].start;
		img->subprogs[i].stack_depth = v->subprogs[i].stack_depth;
	}
	for (i = 0; i < v->nr_maps; i++)
		image_add(img, v->used_maps[i]);
	if (!image_add_heaps(img, v))
		return img;
	image_release(img);
	return NULL;
}

static int adopt_maps(struct bpf_prog_aux *aux, const struct vfy_prog *v)
{
	u32 i;

	aux->used_maps = calloc(v->nr_maps + 1, sizeof(*aux->used_maps));
	aux->used_btfs = calloc(v->nr_btfs + 1, sizeof(*aux->used_btfs));
	if (!aux->used_maps || !aux->used_btfs)
		return -ENOMEM;
	for (i = 0; i < v->nr_maps; i++) {
		aux->used_maps[i] = v->used_maps[i];
		obj_get(&map_obj_of(v->used_maps[i])->obj);
		aux->used_map_cnt++;
	}
	for (i = 0; i < v->nr_btfs; i++)
		aux->used_btfs[aux->used_btf_cnt++] = btf_get(v->used_btfs[i]);
	return 0;
}

int prog_adopt(struct bpf_prog *prog, struct vfy_prog *v)
{
	struct bpf_prog_aux *aux = prog->aux;
	int err = adopt_maps(aux, v);

	if (err)
		return err;
	prog->image = image_new(prog, v);
	if (!prog->image)
		return -ENOMEM;
	err = exec_image_bind(prog->image);
	if (err)
		return err;
	prog->len = v->len;
	prog->cb_access = v->cb_access;
	prog->has_callchain = v->has_callchain;
	prog->kprobe_override = v->kprobe_override;
	prog->pages =
		round_up(PROG_HEADER + v->len * (u32)sizeof(*v->insns), PAGE_SIZE) / PAGE_SIZE;
	aux->verified_insns = v->verified_insns;
	aux->max_ctx_offset = v->max_ctx_offset;
	aux->max_rdonly_access = v->max_rdonly_access;
	aux->max_rdwr_access = v->max_rdwr_access;
	aux->func_cnt = v->nr_subprogs > 1 ? v->nr_subprogs : 0;
	aux->nr_subprogs = v->nr_subprogs;
	aux->stack_depth = v->nr_subprogs ? v->subprogs[0].stack_depth : 0;
	aux->func_info_cnt = v->func_info_cnt;
	aux->nr_linfo = v->nr_linfo;
	/* the rest changes hands */
	prog->xlated = v->insns;
	aux->func_info = v->func_info;
	aux->linfo = v->line_info;
	aux->subprogs = v->subprogs;
	v->insns = NULL;
	v->func_info = NULL;
	v->line_info = NULL;
	v->subprogs = NULL;
	return 0;
}

/* --- dump --- */

static u32 map_id_at(const struct bpf_prog *prog, u32 index)
{
	/* used_maps only grows at its end, so the verifier's indices stay right */
	return index < prog->aux->used_map_cnt ? prog->aux->used_maps[index]->id : 0;
}

/*
 * Helpers are shown by number: bpftool's disassembler then prints their names itself ("call
 * bpf_map_lookup_elem#1"). Calls of subprogs as the kernel shows them: off = distance, imm = which.
 */
void prog_dump_xlated(const struct bpf_prog *prog, struct bpf_insn *buf)
{
	u32 i;

	memcpy(buf, prog->xlated, prog->len * sizeof(*buf));
	rcu_read_lock(); /* used_maps */
	for (i = 0; i < prog->len; i++) {
		struct bpf_insn *insn = &buf[i];
		u8 class = BPF_CLASS(insn->code), mode = BPF_MODE(insn->code);

		if (insn->code == (BPF_JMP | BPF_TAIL_CALL)) {
			insn->code = BPF_JMP | BPF_CALL;
			insn->imm = BPF_FUNC_tail_call;
		} else if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL) {
			s32 to = insn->imm;

			insn->dst_reg = 0;
			insn->imm = (u16)insn->off;
			insn->off = to;
		} else if (insn->code == (BPF_JMP | BPF_CALL) &&
			   insn->src_reg == BPF_PSEUDO_KFUNC_CALL) {
			insn->off = 0; /* all are of vmlinux */
		} else if (class == BPF_LDX && (mode == BPF_PROBE_MEM || mode == BPF_PROBE_MEMSX)) {
			insn->code = BPF_LDX | BPF_SIZE(insn->code) |
				     (mode == BPF_PROBE_MEM ? BPF_MEM : BPF_MEMSX);
		} else if ((class == BPF_LDX || class == BPF_STX) && mode == BPF_KPTR) {
			insn->code = class | BPF_MEM | BPF_DW;
			insn->imm = 0;
		} else if (insn->code == (BPF_LD | BPF_IMM | BPF_DW)) {
			if (insn->src_reg == BPF_PSEUDO_MAP_FD ||
			    insn->src_reg == BPF_PSEUDO_MAP_VALUE)
				insn->imm = map_id_at(prog, insn->imm);
			if (insn->src_reg == BPF_PSEUDO_BTF_ID ||
			    insn->src_reg == EXEC_PSEUDO_JIFFIES)
				insn->src_reg = 0; /* by then it is a plain address */
			i++;
		}
	}
	rcu_read_unlock();
}

/* --- after loading --- */

int prog_bind_map(struct bpf_prog *prog, struct bpf_map *map)
{
	struct bpf_prog_aux *aux = prog->aux;
	struct bpf_map **old, **maps;
	int err = 0;
	u32 i;

	pthread_mutex_lock(&aux->used_maps_lock);
	old = aux->used_maps;
	for (i = 0; i < aux->used_map_cnt; i++)
		if (old[i] == map)
			goto out_put;
	maps = malloc((aux->used_map_cnt + 1) * sizeof(*maps));
	if (!maps) {
		err = -ENOMEM;
		goto out;
	}
	memcpy(maps, old, aux->used_map_cnt * sizeof(*maps));
	maps[aux->used_map_cnt] = map;
	/* readers under RCU may pair the new array with the old count, never the other way round */
	__atomic_store_n(&aux->used_maps, maps, __ATOMIC_RELEASE);
	__atomic_store_n(&aux->used_map_cnt, aux->used_map_cnt + 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&aux->used_maps_lock);
	synchronize_rcu();
	free(old);
	return 0;

out_put:
	obj_put(&map_obj_of(map)->obj);
out:
	pthread_mutex_unlock(&aux->used_maps_lock);
	return err;
}

u64 prog_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000ull + (u64)ts.tv_nsec;
}

void prog_account(struct bpf_prog *prog, u64 runs, u64 ns)
{
	if (!prog->stats || !__atomic_load_n(prog->stats, __ATOMIC_RELAXED))
		return;
	__atomic_add_fetch(&prog->run_cnt, runs, __ATOMIC_RELAXED);
	__atomic_add_fetch(&prog->run_time_ns, ns, __ATOMIC_RELAXED);
}
