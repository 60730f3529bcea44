/* SPDX-License-Identifier: BSD-2-Clause */
/* map_func.c - which helpers suit which kinds of maps; both directions are checked. */
#include "isa/disasm.h"
#include "verifier/vfy.h"

#define M(x) BPF_MAP_TYPE_##x
#define F(x) BPF_FUNC_##x

/* Map kinds that only some helpers may touch; a kind not listed takes any. */
static const struct {
	u16 map;
	u16 funcs[8];
} by_map[] = {
	{M(PROG_ARRAY), {F(tail_call)}},
	{M(PERF_EVENT_ARRAY),
	 {F(perf_event_read), F(perf_event_output), F(skb_output), F(perf_event_read_value),
	  F(xdp_output)}},
	{M(RINGBUF),
	 {F(ringbuf_output), F(ringbuf_reserve), F(ringbuf_query), F(ringbuf_reserve_dynptr),
	  F(ringbuf_submit_dynptr), F(ringbuf_discard_dynptr)}},
	{M(USER_RINGBUF), {F(user_ringbuf_drain)}},
	{M(STACK_TRACE), {F(get_stackid)}},
	{M(CGROUP_ARRAY), {F(skb_under_cgroup), F(current_task_under_cgroup)}},
	{M(CGROUP_STORAGE), {F(get_local_storage)}},
	{M(PERCPU_CGROUP_STORAGE), {F(get_local_storage)}},
	{M(DEVMAP), {F(redirect_map), F(map_lookup_elem)}},
	{M(DEVMAP_HASH), {F(redirect_map), F(map_lookup_elem)}},
	{M(CPUMAP), {F(redirect_map)}},
	{M(XSKMAP), {F(redirect_map), F(map_lookup_elem)}},
	{M(ARRAY_OF_MAPS), {F(map_lookup_elem)}},
	{M(HASH_OF_MAPS), {F(map_lookup_elem)}},
	{M(SOCKMAP),
	 {F(sk_redirect_map), F(sock_map_update), F(msg_redirect_map), F(sk_select_reuseport),
	  F(map_lookup_elem)}},
	{M(SOCKHASH),
	 {F(sk_redirect_hash), F(sock_hash_update), F(msg_redirect_hash), F(sk_select_reuseport),
	  F(map_lookup_elem)}},
	{M(REUSEPORT_SOCKARRAY), {F(sk_select_reuseport)}},
	{M(QUEUE), {F(map_peek_elem), F(map_pop_elem), F(map_push_elem)}},
	{M(STACK), {F(map_peek_elem), F(map_pop_elem), F(map_push_elem)}},
	{M(SK_STORAGE), {F(sk_storage_get), F(sk_storage_delete)}},
	{M(INODE_STORAGE), {F(inode_storage_get), F(inode_storage_delete)}},
	{M(TASK_STORAGE), {F(task_storage_get), F(task_storage_delete)}},
	{M(CGRP_STORAGE), {F(cgrp_storage_get), F(cgrp_storage_delete)}},
	{M(BLOOM_FILTER), {F(map_peek_elem), F(map_push_elem)}},
};

/* Helpers that only work on some kinds. */
static const struct {
	u16 func;
	u16 maps[5];
} by_func[] = {
	{F(tail_call), {M(PROG_ARRAY)}},
	{F(perf_event_read), {M(PERF_EVENT_ARRAY)}},
	{F(perf_event_output), {M(PERF_EVENT_ARRAY)}},
	{F(perf_event_read_value), {M(PERF_EVENT_ARRAY)}},
	{F(skb_output), {M(PERF_EVENT_ARRAY)}},
	{F(xdp_output), {M(PERF_EVENT_ARRAY)}},
	{F(ringbuf_output), {M(RINGBUF)}},
	{F(ringbuf_reserve), {M(RINGBUF)}},
	{F(ringbuf_query), {M(RINGBUF)}},
	{F(ringbuf_reserve_dynptr), {M(RINGBUF)}},
	{F(ringbuf_submit_dynptr), {M(RINGBUF)}},
	{F(ringbuf_discard_dynptr), {M(RINGBUF)}},
	{F(user_ringbuf_drain), {M(USER_RINGBUF)}},
	{F(get_stackid), {M(STACK_TRACE)}},
	{F(current_task_under_cgroup), {M(CGROUP_ARRAY)}},
	{F(skb_under_cgroup), {M(CGROUP_ARRAY)}},
	{F(redirect_map), {M(DEVMAP), M(DEVMAP_HASH), M(CPUMAP), M(XSKMAP)}},
	{F(sk_redirect_map), {M(SOCKMAP)}},
	{F(msg_redirect_map), {M(SOCKMAP)}},
	{F(sock_map_update), {M(SOCKMAP)}},
	{F(sk_redirect_hash), {M(SOCKHASH)}},
	{F(msg_redirect_hash), {M(SOCKHASH)}},
	{F(sock_hash_update), {M(SOCKHASH)}},
	{F(get_local_storage), {M(CGROUP_STORAGE), M(PERCPU_CGROUP_STORAGE)}},
	{F(sk_select_reuseport), {M(REUSEPORT_SOCKARRAY), M(SOCKMAP), M(SOCKHASH)}},
	{F(map_pop_elem), {M(QUEUE), M(STACK)}},
	{F(map_peek_elem), {M(QUEUE), M(STACK), M(BLOOM_FILTER)}},
	{F(map_push_elem), {M(QUEUE), M(STACK), M(BLOOM_FILTER)}},
	{F(map_lookup_percpu_elem), {M(PERCPU_ARRAY), M(PERCPU_HASH), M(LRU_PERCPU_HASH)}},
	{F(sk_storage_get), {M(SK_STORAGE)}},
	{F(sk_storage_delete), {M(SK_STORAGE)}},
	{F(inode_storage_get), {M(INODE_STORAGE)}},
	{F(inode_storage_delete), {M(INODE_STORAGE)}},
	{F(task_storage_get), {M(TASK_STORAGE)}},
	{F(task_storage_delete), {M(TASK_STORAGE)}},
	{F(cgrp_storage_get), {M(CGRP_STORAGE)}},
	{F(cgrp_storage_delete), {M(CGRP_STORAGE)}},
};

static bool listed(const u16 *list, u32 n, u32 x)
{
	for (u32 i = 0; i < n && list[i]; i++)
		if (list[i] == x)
			return true;
	return false;
}

/* Program types that may also update and delete in socket maps. */
static bool may_update_sockmap(struct venv *env, s32 func)
{
	u32 type = env->prog->type;

	if (func != BPF_FUNC_map_update_elem && func != BPF_FUNC_map_delete_elem)
		return false;
	if ((type == BPF_PROG_TYPE_TRACING && env->prog->expected_attach_type == BPF_TRACE_ITER) ||
	    (type == BPF_PROG_TYPE_SOCK_OPS && func == BPF_FUNC_map_delete_elem))
		return true;
	switch (type) {
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_XDP:
	case BPF_PROG_TYPE_SK_REUSEPORT:
	case BPF_PROG_TYPE_FLOW_DISSECTOR:
	case BPF_PROG_TYPE_SK_LOOKUP: return true;
	}
	vlog(env, "cannot update sockmap in this context\n");
	return false;
}

int vfy_map_func(struct venv *env, struct bpf_map *map, s32 func)
{
	bool ok = true;

	if (!map)
		return 0;
	for (u32 i = 0; i < ARRAY_SIZE(by_map); i++)
		if (by_map[i].map == map->map_type)
			ok = listed(by_map[i].funcs, ARRAY_SIZE(by_map[i].funcs), func);
	if (!ok &&
	    (map->map_type == BPF_MAP_TYPE_SOCKMAP || map->map_type == BPF_MAP_TYPE_SOCKHASH))
		ok = may_update_sockmap(env, func);
	for (u32 i = 0; ok && i < ARRAY_SIZE(by_func); i++)
		if (by_func[i].func == func)
			ok = listed(by_func[i].maps, ARRAY_SIZE(by_func[i].maps), map->map_type);
	if (ok)
		return 0;
	vlog(env, "cannot pass map_type %d into func %s#%d\n", map->map_type,
	     disasm_helper_name(func), func);
	return -EINVAL;
}
