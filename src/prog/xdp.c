/* SPDX-License-Identifier: BSD-2-Clause */
/* xdp.c - XDP programs: struct xdp_md over struct xdp_buff. */
#include "prog/ctx.h"

#define FIELD(name, kern, reg)                                                     \
	{                                                                          \
		offsetof(struct xdp_md, name), 4, offsetof(struct xdp_buff, kern), \
			sizeof_field(struct xdp_buff, kern), CTX_EXACT, reg        \
	}
static const struct ctx_field fields[] = {
	FIELD(data, data, PTR_TO_PACKET),
	FIELD(data_end, data_end, PTR_TO_PACKET_END),
	FIELD(data_meta, data_meta, PTR_TO_PACKET_META),
	FIELD(ingress_ifindex, ingress_ifindex, 0),
	FIELD(rx_queue_index, rx_queue_index, 0),
	FIELD(egress_ifindex, egress_ifindex, 0),
};

static bool xdp_access(int off, int size, enum bpf_access_type type, const struct vfy_prog *prog,
		       struct insn_access_aux *info)
{
	if (off == offsetof(struct xdp_md, egress_ifindex) &&
	    prog->expected_attach_type != BPF_XDP_DEVMAP)
		return false;
	return off >= 0 && ctx_field_access(ctx_field_at(fields, ARRAY_SIZE(fields), off), off,
					    size, type, prog, info);
}

static u32 xdp_convert(enum bpf_access_type type, const struct bpf_insn *si, struct bpf_insn *buf,
		       const struct vfy_prog *prog, u32 *target_size)
{
	return ctx_field_convert(ctx_field_at(fields, ARRAY_SIZE(fields), si->off), type, si, buf,
				 target_size);
}

const struct vfy_type_ops xdp_ops = {
	.helper = prog_helper,
	.is_valid_access = xdp_access,
	.convert_ctx_access = xdp_convert,
	.packet_read = true,
	.packet_write = true,
};
