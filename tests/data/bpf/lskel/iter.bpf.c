// SPDX-License-Identifier: BSD-2-Clause
/* iter.bpf.c - iterators over maps and programs that write text. */
#include "core_types.h"

static const char fmt_map[] = "map %u type %u\n";
static const char fmt_prog[] = "prog %u len %u\n";
__u32 lines;

SEC("iter/bpf_map")
int dump_map(struct bpf_iter__bpf_map *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct bpf_map *map = ctx->map;
	__u64 args[2];

	if (!map)
		return 0;
	args[0] = map->id;
	args[1] = map->map_type;
	bpf_seq_printf(seq, fmt_map, sizeof(fmt_map), args, sizeof(args));
	lines++;
	return 0;
}

SEC("iter/bpf_prog")
int dump_prog(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *prog = ctx->prog;
	__u64 args[2];

	if (!prog)
		return 0;
	args[0] = prog->aux->id;
	args[1] = prog->len;
	bpf_seq_printf(ctx->meta->seq, fmt_prog, sizeof(fmt_prog), args, sizeof(args));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
