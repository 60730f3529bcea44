// SPDX-License-Identifier: BSD-2-Clause
/* core_bitfield.bpf.c - CO-RE: bitfields, read through memory and through shifts. */
#include "core_types.h"

__u32 want_id, seen, gpl_probed, gpl_direct, cb_access, lshift, rshift;

SEC("iter/bpf_prog")
int bitfield(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *prog = ctx->prog;
	struct bpf_prog_aux *aux;

	if (!prog)
		return 0;
	aux = prog->aux;
	if (aux->id != want_id)
		return 0;
	seen++;
	gpl_probed = BPF_CORE_READ_BITFIELD_PROBED(prog, gpl_compatible);
	gpl_direct = BPF_CORE_READ_BITFIELD(prog, gpl_compatible);
	cb_access = BPF_CORE_READ_BITFIELD_PROBED(prog, cb_access);
	lshift = __builtin_preserve_field_info(prog->gpl_compatible, BPF_FIELD_LSHIFT_U64);
	rshift = __builtin_preserve_field_info(prog->gpl_compatible, BPF_FIELD_RSHIFT_U64);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
