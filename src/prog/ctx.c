/* SPDX-License-Identifier: BSD-2-Clause */
#include "prog/ctx.h"

const struct ctx_field *ctx_field_at(const struct ctx_field *t, u32 n, int off)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (off >= t[i].off && off < t[i].off + t[i].size)
			return &t[i];
	return NULL;
}

static bool narrow_ok(u32 size, u32 field)
{
	return size <= field && !(size & (size - 1));
}

bool ctx_field_access(const struct ctx_field *f, int off, int size, enum bpf_access_type type,
		      const struct vfy_prog *prog, struct insn_access_aux *info)
{
	bool write = type == BPF_WRITE;

	if (!f || off % size || off + size > f->off + f->size)
		return false;
	if (write && !(f->flags & CTX_W))
		return false;
	if (f->flags & CTX_BYTES)
		return true;
	if (write || (f->flags & CTX_EXACT)) {
		if (size != f->size)
			return false;
	} else {
		if (!narrow_ok(size, f->size))
			return false;
		info->ctx_field_size = f->size;
	}
	if (f->reg_type)
		info->reg_type = f->reg_type;
	return true;
}

static u8 size_code(u32 bytes)
{
	return bytes == 8 ? BPF_DW : bytes == 4 ? BPF_W : bytes == 2 ? BPF_H : BPF_B;
}

u32 ctx_field_convert(const struct ctx_field *f, enum bpf_access_type type,
		      const struct bpf_insn *si, struct bpf_insn *buf, u32 *target_size)
{
	if (!f)
		return 0;
	buf[0] = *si;
	*target_size = f->size;
	if (!f->kern_size)
		return 1;
	if (f->flags & CTX_BYTES) {
		buf[0].off = si->off - f->off + f->kern_off;
		return 1;
	}
	*target_size = f->kern_size;
	buf[0].code = (type == BPF_READ ? BPF_LDX : BPF_STX) | BPF_MEM | size_code(f->kern_size);
	buf[0].off = f->kern_off;
	return 1;
}
