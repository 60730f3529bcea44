/* SPDX-License-Identifier: BSD-2-Clause */
#include "exec/exec.h"
#include "exec/fault.h"
#include "exec/jit_code.h"
#include "isa/insn.h"

static int bind_map(struct exec_image *img, struct bpf_insn *insn)
{
	struct bpf_map *map;
	void *value;

	if ((u32)insn->imm >= img->nr_maps)
		return -EINVAL;
	map = img->maps[insn->imm];
	if (insn->src_reg == BPF_PSEUDO_MAP_FD) {
		insn_set_imm64(insn, (u64)map);
		return 0;
	}
	value = map->ops->direct_value ? map->ops->direct_value(map, (u32)insn[1].imm) : NULL;
	if (!value)
		return -EINVAL;
	insn_set_imm64(insn, (u64)value);
	return 0;
}

/* Start of a subprog, as an instruction index; -EINVAL when it is outside. */
static s64 rel_target(const struct exec_image *img, u32 i, s32 rel)
{
	s64 target = (s64)i + rel + 1;

	return target >= 0 && target < img->len ? target : -EINVAL;
}

/* No word in the memory of a process counts jiffies: the helper is called after all, and what was
 * the load is jumped over. */
static int bind_jiffies(struct exec_image *img, u32 i)
{
	struct bpf_insn *insn = &img->insns[i];
	const helper_fn *fns = img->helpers ? img->helpers : exec_helpers;
	const struct bpf_insn load = {.code = BPF_LDX | BPF_MEM | BPF_DW};

	if (i + 2 >= img->len || insn->dst_reg || memcmp(&insn[2], &load, sizeof(load)) != 0 ||
	    !fns[BPF_FUNC_jiffies64])
		return -EINVAL;
	insn[0] = (struct bpf_insn){.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_jiffies64};
	insn[1] = (struct bpf_insn){.code = BPF_JMP | BPF_JA, .off = 1};
	return 0;
}

static int bind_imm64(struct exec_image *img, u32 i)
{
	struct bpf_insn *insn = &img->insns[i];
	s64 target;
	int err = 0;

	if (i + 1 >= img->len)
		return -EINVAL;
	switch (insn->src_reg) {
	case 0:
	case BPF_PSEUDO_BTF_ID: break;
	case EXEC_PSEUDO_JIFFIES: return bind_jiffies(img, i);
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_VALUE: err = bind_map(img, insn); break;
	case BPF_PSEUDO_FUNC:
		target = rel_target(img, i, insn->imm);
		if (target < 0)
			return -EINVAL;
		insn_set_imm64(insn, (u64)&img->insns[target]);
		break;
	default: err = -EINVAL;
	}
	if (!err)
		insn->src_reg = 0;
	return err;
}

static int check_call(const struct exec_image *img, u32 i)
{
	const struct bpf_insn *insn = &img->insns[i];
	const helper_fn *fns = img->helpers ? img->helpers : exec_helpers;

	if (insn->src_reg == BPF_PSEUDO_CALL)
		return rel_target(img, i, insn->imm) < 0 ? -EINVAL : 0;
	if (insn->src_reg == BPF_PSEUDO_KFUNC_CALL)
		return insn->off && (u16)insn->off < exec_nr_kfuncs ? 0 : -EINVAL;
	return insn->src_reg || (u32)insn->imm >= EXEC_NR_HELPERS || !fns[insn->imm] ? -EINVAL : 0;
}

int exec_image_bind(struct exec_image *img)
{
	int err;

	if (img->bound)
		return 0;
	for (u32 i = 0; i < img->len; i++) {
		struct bpf_insn *insn = &img->insns[i];

		if (!isa_opcode_name(insn->code))
			return -EINVAL;
		if (insn->code == (BPF_JMP | BPF_CALL)) {
			err = check_call(img, i);
			if (err)
				return err;
		}
		if (insn_is_ld_imm64(insn)) {
			err = bind_imm64(img, i);
			if (err)
				return err;
			i++;
		}
	}
	fault_init(); /* loads of the program or of its helpers may fault */
	img->bound = true;
	return 0;
}

struct exec_image *exec_image_get(struct exec_image *img)
{
	if (img)
		__atomic_add_fetch(&img->refs, 1, __ATOMIC_RELAXED);
	return img;
}

void exec_image_put(const struct exec_image *image)
{
	struct exec_image *img = (struct exec_image *)image;

	if (!img || __atomic_sub_fetch(&img->refs, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	jit_free(img->jit);
	img->jit = NULL;
	if (img->release)
		img->release(img);
}
