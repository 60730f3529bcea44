/* SPDX-License-Identifier: BSD-2-Clause */
/* A program as people write them against vmlinux.h; core.sh has its relocations resolved against
 * the service's BTF. */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

SEC("iter/bpf_map")
int maps(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;

	if (map)
		BPF_SEQ_PRINTF(ctx->meta->seq, "%4u %-16s%6d\n", map->id, map->name,
			       map->max_entries);
	return 0;
}

/* The full name of a program is found in its BTF (see struct btf). */
SEC("iter/bpf_prog")
int progs(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *prog = ctx->prog;
	struct btf_type **types, *t;
	struct btf *btf;

	if (!prog || !prog->aux->btf)
		return 0;
	btf = prog->aux->btf;
	types = btf->types;
	bpf_probe_read_kernel(&t, sizeof(t), types + 1);
	if (BPF_CORE_READ(t, name_off) < btf->hdr.str_len)
		BPF_SEQ_PRINTF(ctx->meta->seq, "%s %s %llu\n", btf->strings,
			       prog->aux->attach_func_name, ctx->meta->seq_num);
	return 0;
}

SEC("kprobe")
int BPF_KPROBE(probe, u32 a, s64 b)
{
	bool known = bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop) &&
		     bpf_core_type_exists(struct bpf_link) &&
		     bpf_core_field_exists(struct bpf_map, key_size) &&
		     bpf_core_type_size(struct btf);

	return known ? a : PT_REGS_RC(ctx);
}
