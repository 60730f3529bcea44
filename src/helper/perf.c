/* SPDX-License-Identifier: BSD-2-Clause */
/* perf.c - what programs give to readers of perf events, and counters. */
#include "base/slot.h"
#include "exec/context.h"
#include "helper/fn.h"
#include "map/perf_ring.h"

#define CTXLEN(flags) (((flags)&BPF_F_CTXLEN_MASK) >> 32)

static struct bpf_map *to_map(u64 r)
{
	return (struct bpf_map *)(uintptr_t)r;
}

/* Kernel: __bpf_perf_event_output(). An element is a buffer that belongs to one CPU. */
static u64 output(struct exec_run *run, struct bpf_map *map, u64 flags, const struct perf_raw *raw)
{
	const struct exec_host *host = run->host;
	u32 cpu = slot_current(), index = flags & BPF_F_INDEX_MASK, id;
	struct bpf_map *ring;
	bool wake;
	int err;

	if (index == BPF_F_CURRENT_CPU)
		index = cpu;
	if (index >= map->max_entries)
		return (u64)-E2BIG;
	id = map_inner_id(map, &index);
	ring = id && host && host->inner_map ? host->inner_map(run, map, id) : NULL;
	if (!ring)
		return (u64)-ENOENT;
	err = map_perf_ring_write(ring, cpu, raw, &wake);
	if (wake && map_watched(ring) && host->wake)
		host->wake(run, ring);
	return (u64)(long)err;
}

/* What the context begins with follows the program's data. */
static u64 packet_output(struct exec_run *run, u64 map, u64 flags, u64 data, u64 size,
			 const u8 *packet, u64 avail)
{
	struct perf_raw raw = {(void *)(uintptr_t)data, packet, size, CTXLEN(flags)};

	if (flags & ~(u64)(BPF_F_CTXLEN_MASK | BPF_F_INDEX_MASK))
		return (u64)-EINVAL;
	if (raw.len2 > avail)
		return (u64)-EFAULT;
	return output(run, to_map(map), flags, &raw);
}

static u64 skb_event_output(struct exec_run *run, const struct sk_buff *skb, u64 map, u64 flags,
			    u64 data, u64 size)
{
	return packet_output(run, map, flags, data, size, skb->data, skb->len);
}

/* Of a packet in pieces the first. */
static u64 xdp_event_output(struct exec_run *run, const struct xdp_buff *xdp, u64 map, u64 flags,
			    u64 data, u64 size)
{
	return packet_output(run, map, flags, data, size, xdp->data, xdp->data_end - xdp->data);
}

/* Contexts are packets for those types, in the kernel's tables of helpers. */
HELPER_FN(perf_event_output)
{
	struct perf_raw raw = {.data = (void *)(uintptr_t)r4, .len = r5};

	switch (run->image->prog_type) {
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_LWT_IN:
	case BPF_PROG_TYPE_LWT_OUT:
	case BPF_PROG_TYPE_LWT_XMIT:
	case BPF_PROG_TYPE_LWT_SEG6LOCAL:
	case BPF_PROG_TYPE_SK_SKB:
		return skb_event_output(run, (void *)(uintptr_t)r1, r2, r3, r4, r5);
	case BPF_PROG_TYPE_XDP: return xdp_event_output(run, (void *)(uintptr_t)r1, r2, r3, r4, r5);
	}
	if (r3 & ~(u64)BPF_F_INDEX_MASK)
		return (u64)-EINVAL;
	return output(run, to_map(r2), r3, &raw);
}

HELPER_FN(skb_output)
{
	return skb_event_output(run, (void *)(uintptr_t)r1, r2, r3, r4, r5);
}

HELPER_FN(xdp_output)
{
	return xdp_event_output(run, (void *)(uintptr_t)r1, r2, r3, r4, r5);
}

/* Buffers do not count, and other events nobody can put here. */
static u64 no_counter(u64 map, u64 flags)
{
	u64 index = flags & BPF_F_INDEX_MASK;

	if (flags & ~(u64)BPF_F_INDEX_MASK)
		return (u64)-EINVAL;
	if (index == BPF_F_CURRENT_CPU)
		index = slot_current();
	return index >= to_map(map)->max_entries ? (u64)-E2BIG : (u64)-ENOENT;
}

HELPER_FN(perf_event_read)
{
	return no_counter(r1, r2);
}

HELPER_FN(perf_event_read_value)
{
	memset((void *)(uintptr_t)r3, 0, (u32)r4);
	if ((u32)r4 != sizeof(struct bpf_perf_event_value))
		return (u64)-EINVAL;
	return no_counter(r1, r2);
}
