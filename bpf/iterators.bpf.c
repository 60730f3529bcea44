/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iterators.bpf.c - progs.debug and maps.debug: what every new bpffs instance shows (src/preload
 * loads it). Unstable text for people, not for scripts: of a program its id, its full name out of
 * BTF, the function it is attached to and the program that function is in; of a map its id, name
 * and max_entries.
 *
 * Types come from the service's own BTF; CO-RE makes the object fit the kernel's as well.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The name BTF knows a program by: object info has room for 15 characters only. */
static const char *full_name(struct bpf_prog_aux *aux)
{
	struct btf *btf = aux->btf;
	struct btf_type *type;
	__u32 name_off;

	if (!btf)
		return aux->name;
	/* the verifier does not follow a pointer to a pointer */
	if (bpf_probe_read_kernel(&type, sizeof(type), btf->types + aux->func_info[0].type_id))
		return aux->name;
	name_off = BPF_CORE_READ(type, name_off);
	return name_off < btf->hdr.str_len ? btf->strings + name_off : aux->name;
}

/* Before the first line only: the meta of a session counts its objects. */
#define TITLE(ctx, text)                                             \
	do {                                                         \
		if ((ctx)->meta->seq_num == 0)                       \
			BPF_SEQ_PRINTF((ctx)->meta->seq, text "\n"); \
	} while (0)

SEC("iter/bpf_map")
int dump_bpf_map(struct bpf_iter__bpf_map *ctx)
{
	const struct bpf_map *m = ctx->map;

	if (m) {
		TITLE(ctx, "  id name             max_entries");
		BPF_SEQ_PRINTF(ctx->meta->seq, "%4u %-16s%6d\n", m->id, m->name, m->max_entries);
	}
	return 0;
}

SEC("iter/bpf_prog")
int dump_bpf_prog(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *prog = ctx->prog, *target;
	const char *func, *target_name = "";
	struct bpf_prog_aux *aux;

	if (!prog)
		return 0;
	aux = prog->aux;
	/* NULL would read as "" all the same, but by way of a fault: slow when there are thousands
	 * of programs */
	func = aux->attach_func_name;
	if (!func)
		func = "";
	target = aux->dst_prog;
	if (target)
		target_name = target->aux->name;
	TITLE(ctx, "  id name             attached");
	BPF_SEQ_PRINTF(ctx->meta->seq, "%4u %-16s %s %s\n", aux->id, full_name(aux), func,
		       target_name);
	return 0;
}
