/* SPDX-License-Identifier: BSD-2-Clause */
/* cgroup.c - cgroup program types without a packet: device, sysctl, sockopt. Context is the UAPI
 * struct. */
#include "prog/ctx.h"

#define F(S, name, fl, reg)                                                           \
	{                                                                             \
		offsetof(struct S, name), sizeof_field(struct S, name), 0, 0, fl, reg \
	}
#define P(S, name, reg)                                           \
	{                                                         \
		offsetof(struct S, name), 8, 0, 0, CTX_EXACT, reg \
	}

static const struct ctx_field device_fields[] = {
	F(bpf_cgroup_dev_ctx, access_type, 0, 0),
	F(bpf_cgroup_dev_ctx, major, CTX_EXACT, 0),
	F(bpf_cgroup_dev_ctx, minor, CTX_EXACT, 0),
};

static bool cgroup_device_access(int off, int size, enum bpf_access_type type,
				 const struct vfy_prog *prog, struct insn_access_aux *info)
{
	return off >= 0 &&
	       ctx_field_access(ctx_field_at(device_fields, ARRAY_SIZE(device_fields), off), off,
				size, type, prog, info);
}

static const struct ctx_field sysctl_fields[] = {
	F(bpf_sysctl, write, 0, 0),
	F(bpf_sysctl, file_pos, CTX_W, 0),
};

static bool cgroup_sysctl_access(int off, int size, enum bpf_access_type type,
				 const struct vfy_prog *prog, struct insn_access_aux *info)
{
	return off >= 0 &&
	       ctx_field_access(ctx_field_at(sysctl_fields, ARRAY_SIZE(sysctl_fields), off), off,
				size, type, prog, info);
}

static const struct ctx_field sockopt_fields[] = {
	P(bpf_sockopt, sk, PTR_TO_SOCKET),
	P(bpf_sockopt, optval, PTR_TO_PACKET),
	P(bpf_sockopt, optval_end, PTR_TO_PACKET_END),
	F(bpf_sockopt, level, CTX_EXACT | CTX_W, 0),
	F(bpf_sockopt, optname, CTX_EXACT | CTX_W, 0),
	F(bpf_sockopt, optlen, CTX_EXACT | CTX_W, 0),
	F(bpf_sockopt, retval, CTX_EXACT | CTX_W, 0),
};

static bool cgroup_sockopt_access(int off, int size, enum bpf_access_type type,
				  const struct vfy_prog *prog, struct insn_access_aux *info)
{
	bool get = prog->expected_attach_type == BPF_CGROUP_GETSOCKOPT;

	if (off == offsetof(struct bpf_sockopt, retval) && !get)
		return false;
	if (type == BPF_WRITE && get &&
	    (off == offsetof(struct bpf_sockopt, level) ||
	     off == offsetof(struct bpf_sockopt, optname)))
		return false;
	return off >= 0 &&
	       ctx_field_access(ctx_field_at(sockopt_fields, ARRAY_SIZE(sockopt_fields), off), off,
				size, type, prog, info);
}

#define OPS(name, ...)                           \
	const struct vfy_type_ops name##_ops = { \
		.helper = prog_helper, .is_valid_access = name##_access, __VA_ARGS__};
OPS(cgroup_device)
OPS(cgroup_sysctl)
OPS(cgroup_sockopt, .packet_read = true, .packet_write = true)
