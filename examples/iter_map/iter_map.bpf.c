/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line per map that has at least min_entries entries. The few kernel types it needs are
 * declared here: CO-RE finds the fields by name, on the kernel and on userbpf.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};

struct bpf_map {
	__u32 id;
	char name[16];
	__u32 max_entries;
};

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
};
#pragma clang attribute pop

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 min_entries = 0; /* .rodata: set before loading */
__u32 label = 1;		      /* .data: print a title? */
__u32 shown, skipped;		      /* .bss: read afterwards */

SEC("iter/bpf_map")
int show_map(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;

	if (label) {
		BPF_SEQ_PRINTF(ctx->meta->seq, "%8s %10s  %s\n", "id", "entries", "name");
		label = 0;
	}
	if (!map)
		return 0;
	if (map->max_entries < min_entries) {
		skipped++;
		return 0;
	}
	shown++;
	BPF_SEQ_PRINTF(ctx->meta->seq, "%8u %10u  %s\n", map->id, map->max_entries, map->name);
	return 0;
}
