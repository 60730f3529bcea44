/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that check helpers and kinds of maps themselves: each returns 0, or the number of what went wrong. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define CHECK(n, ok)          \
	do {                  \
		if (!(ok))    \
			return n; \
	} while (0)

struct locked {
	__u32 rounds;
	struct bpf_spin_lock lock;
	__u64 sum;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct locked);
	__uint(max_entries, 1);
} sums SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, __u64);
	__type(value, __u64);
} storage SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
	__type(key, __u64);
	__type(value, __u64);
} percpu_storage SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 4);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(key_size, 4);
	__uint(max_entries, 4);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY);
		__type(key, __u32);
		__type(value, __u64);
		__uint(max_entries, 1);
	});
} outer SEC(".maps");

static long add(__u32 i, void *ctx)
{
	*(__u64 *)ctx += i;
	return i == 9;
}

static long count(__u32 i, void *ctx)
{
	++*(__u64 *)ctx;
	return 0;
}

/* The loop is part of the program when its callback is known: numbers and results are those of the helper. */
SEC("tc")
int loops(struct __sk_buff *skb)
{
	__u64 sum = 0, keep = bpf_get_prandom_u32(), also = keep;
	__u32 n = skb->len; /* 64 - 14, known to no verifier */

	CHECK(1, bpf_loop(5, add, &sum, 0) == 5);
	CHECK(2, sum == 10);
	CHECK(3, bpf_loop(100, add, &sum, 0) == 10);
	CHECK(4, sum == 10 + 45);
	CHECK(5, bpf_loop(0, add, &sum, 0) == 0);
	CHECK(6, bpf_loop((8 << 20) + 1, add, &sum, 0) == -7); /* E2BIG */
	sum = 0;
	CHECK(7, bpf_loop(n, count, &sum, 0) == n && sum == n);
	CHECK(8, bpf_loop(n, count, &sum, n > 3) == -22); /* EINVAL */
	CHECK(9, keep == also);
	return 0;
}

SEC("tc")
int locks(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct locked *v = bpf_map_lookup_elem(&sums, &zero), fresh = {.rounds = 1, .sum = 5};

	CHECK(1, v);
	bpf_spin_lock(&v->lock);
	v->rounds++;
	v->sum += v->rounds;
	bpf_spin_unlock(&v->lock);
	CHECK(2, bpf_map_update_elem(&sums, &zero, &fresh, BPF_F_LOCK) == 0);
	CHECK(3, v->rounds == 1 && v->sum == 5);
	return 0;
}

SEC("tc")
int rings(struct __sk_buff *skb)
{
	__u64 *r = bpf_ringbuf_reserve(&ring, 16, 0), word = 7;
	__u64 before = bpf_ringbuf_query(&ring, BPF_RB_PROD_POS);

	CHECK(1, r);
	r[0] = 1;
	r[1] = 2;
	bpf_ringbuf_submit(r, 0);
	CHECK(2, bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) == before);
	CHECK(3, bpf_ringbuf_output(&ring, &word, sizeof(word), 0) == 0);
	CHECK(4, bpf_ringbuf_query(&ring, BPF_RB_PROD_POS) == before + 16);
	CHECK(5, bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) == 4096);
	r = bpf_ringbuf_reserve(&ring, 4096, 0);
	if (r) {
		bpf_ringbuf_discard(r, 0);
		return 6;
	}
	return 0;
}

SEC("cgroup_skb/ingress")
int storages(struct __sk_buff *skb)
{
	__u64 *one = bpf_get_local_storage(&storage, 0), *each = bpf_get_local_storage(&percpu_storage, 0);

	/* zero when the test run began */
	if (*one || *each)
		return 1;
	++*one;
	++*each;
	if (one != (__u64 *)bpf_get_local_storage(&storage, 0) || *one != 1)
		return 1;
	*one = *each = 0; /* for the next round of a repeated run */
	return bpf_get_socket_cookie(skb) ? 0 : 1;
}

SEC("tc")
int nothing_there(struct __sk_buff *skb)
{
	__u32 key = 0;

	CHECK(1, bpf_perf_event_output(skb, &events, 0, &key, sizeof(key)) == -2);	/* ENOENT */
	CHECK(2, bpf_perf_event_output(skb, &events, 4, &key, sizeof(key)) == -7);	/* E2BIG */
	CHECK(3, !bpf_map_lookup_elem(&outer, &key));
	CHECK(4, bpf_get_cgroup_classid(skb) == 0);
	return 0;
}

/* The tunnel a packet is to take is there to be read; it came out of none. */
SEC("tc")
int tunnels(struct __sk_buff *skb)
{
	struct bpf_tunnel_key set = { .tunnel_id = 5, .remote_ipv4 = 0x0a000001, .tunnel_ttl = 64 }, got;
	__u32 options[2] = { 1, 2 }, back[3];

	if (bpf_skb_get_tunnel_key(skb, &got, sizeof(got), 0) == -22) /* the first run of several */
		CHECK(1, bpf_skb_get_tunnel_opt(skb, back, sizeof(back)) == -2 && !got.tunnel_id);
	CHECK(2, bpf_skb_set_tunnel_key(skb, &set, sizeof(set), BPF_F_TUNINFO_FLAGS) == -22);
	CHECK(3, bpf_skb_set_tunnel_key(skb, &set, 3, 0) == -22);
	CHECK(4, !bpf_skb_set_tunnel_key(skb, &set, sizeof(set), BPF_F_ZERO_CSUM_TX));
	CHECK(5, bpf_skb_get_tunnel_key(skb, &got, sizeof(got), BPF_F_TUNINFO_IPV6) == -71);
	CHECK(6, !bpf_skb_get_tunnel_key(skb, &got, sizeof(got), 0));
	CHECK(7, got.tunnel_id == 5 && got.tunnel_ttl == 64 && !got.remote_ipv4 && got.local_ipv4 == 0x0a000001);
	CHECK(8, bpf_skb_set_tunnel_opt(skb, options, 7) == -22);
	CHECK(9, !bpf_skb_set_tunnel_opt(skb, options, sizeof(options)));
	CHECK(10, bpf_skb_get_tunnel_opt(skb, back, sizeof(back)) == 8 && back[1] == 2 && !back[2]);
	CHECK(11, bpf_skb_get_tunnel_opt(skb, back, 4) == -12);
	return 0;
}

SEC("tc")
int devices(struct __sk_buff *skb)
{
	__u32 mtu = 0, asked = 70000;

	CHECK(1, !bpf_check_mtu(skb, 0, &mtu, 0, 0) && mtu == 65536);
	CHECK(2, bpf_check_mtu(skb, 1, &asked, 0, 0) == BPF_MTU_CHK_RET_FRAG_NEEDED && asked == 65536);
	mtu = 65536;
	CHECK(3, bpf_check_mtu(skb, 1, &mtu, 1, 0) == BPF_MTU_CHK_RET_FRAG_NEEDED);
	CHECK(4, bpf_check_mtu(skb, 1, &mtu, 0, 1 << 5) == -22);
	mtu = 0;
	CHECK(5, bpf_check_mtu(skb, 123456, &mtu, 0, 0) == -19);
	CHECK(6, !bpf_clone_redirect(skb, 1, 0) && bpf_clone_redirect(skb, 123456, 0) == -22);
	CHECK(7, bpf_redirect_neigh(1, 0, 0, 0) == 7 && bpf_redirect_neigh(1, 0, 0, 1) == 2);
	CHECK(8, bpf_get_socket_uid(skb) == 0 && bpf_get_route_realm(skb) == 0);
	return 0;
}

SEC("xdp")
int xdp_devices(struct xdp_md *ctx)
{
	__u32 mtu = 0;

	CHECK(1, !bpf_check_mtu(ctx, 0, &mtu, 0, 0) && mtu == 65536);
	CHECK(2, bpf_check_mtu(ctx, 0, &mtu, 1, 0) == BPF_MTU_CHK_RET_FRAG_NEEDED);
	CHECK(3, bpf_check_mtu(ctx, 0, &mtu, 1, 1) == -22 && !mtu);
	return 0;
}

/* The kernel's names, found in whatever BTF there is (CO-RE). */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct ns_common {
	unsigned int inum;
};
struct mnt_namespace {
	struct ns_common ns;
};
struct nsproxy {
	struct mnt_namespace *mnt_ns;
};
typedef struct {
	__u32 val;
} kuid_t;
struct cred {
	kuid_t uid;
};
struct upid {
	int nr;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};
struct task_struct {
	int pid, tgid;
	char comm[16];
	__u64 start_time;
	struct task_struct *real_parent, *group_leader;
	const struct cred *cred;
	struct nsproxy *nsproxy;
	struct pid *thread_pid;
};
#pragma clang attribute pop

/* Both ways to a task lead to the same one, and it agrees with itself. */
SEC("tc")
int tasks(struct __sk_buff *skb)
{
	struct task_struct *t = (void *)bpf_get_current_task_btf(), *old = (void *)bpf_get_current_task();
	char comm[16];
	int i;

	CHECK(1, t == old);
	CHECK(2, t->pid && t->tgid);
	CHECK(3, BPF_CORE_READ(old, tgid) == t->tgid);
	CHECK(4, BPF_CORE_READ(old, cred, uid.val) == t->cred->uid.val);
	CHECK(5, t->real_parent->tgid && t->real_parent->tgid != t->tgid);
	CHECK(6, t->group_leader->pid == t->tgid);
	CHECK(7, t->nsproxy->mnt_ns->ns.inum);
	CHECK(8, t->thread_pid->numbers[0].nr == t->pid);
	CHECK(9, t->start_time && t->start_time <= bpf_ktime_get_ns());
	CHECK(10, !bpf_probe_read_kernel(comm, sizeof(comm), t->comm) && comm[0]);
	for (i = 0; i < 16; i++)
		CHECK(11, comm[i] == t->comm[i]);
	/* beyond the generations that are known everything reads zero */
	CHECK(12, !t->real_parent->real_parent->real_parent->real_parent->tgid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
