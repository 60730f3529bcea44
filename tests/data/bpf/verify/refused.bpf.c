/* SPDX-License-Identifier: BSD-2-Clause */
/* refused.bpf.c - each program is refused for the reason its name says: the topic of src/cli/verify/advice.def it belongs to. A trailing number tells two of one topic apart. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct value {
	int n;
	__u64 cells[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct value);
} values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u64);
	__type(value, __u64);
} sums SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} fixed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct locked {
	struct bpf_spin_lock lock;
	int n;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct locked);
} locks SEC(".maps");

static struct value *value(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&values, &zero);
}

SEC("socket") int null_check(struct __sk_buff *skb)
{
	return value()->n;
}

SEC("socket") int null_check_arg(struct __sk_buff *skb)
{
	__u64 key = 0;
	__u64 *sum = bpf_map_lookup_elem(&sums, &key);

	return bpf_map_delete_elem(&sums, sum);
}

SEC("xdp") int packet_bounds(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return data + 14 > end ? XDP_DROP : data[20];
}

SEC("socket") int unbounded_size(struct __sk_buff *skb)
{
	struct value *v = value();

	return v ? v->cells[skb->len] : 0;
}

SEC("socket") int max_outside(struct __sk_buff *skb)
{
	struct value *v = value();

	return v ? v->cells[skb->len & 7] : 0;
}

SEC("socket") int pointer_math_range(struct __sk_buff *skb)
{
	struct value *v = value();
	int i = (int)skb->mark;

	if (!v || i > 3)
		return 0;
	asm volatile("%0 <<= 32; %0 s>>= 32; %0 <<= 3" : "+r"(i));
	return *(volatile char *)((char *)v->cells + i);
}

SEC("socket") int negative_index(struct __sk_buff *skb)
{
	struct value *v = value();
	long i = skb->mark & 0xff;

	if (!v)
		return 0;
	asm volatile("%0 -= 200" : "+r"(i));
	return *(volatile char *)((char *)v->cells + i);
}

SEC("socket") int map_value_bounds(struct __sk_buff *skb)
{
	struct value *v = value();

	return v ? ((volatile __u64 *)v)[100] : 0;
}

SEC("socket") int uninit_reg(struct __sk_buff *skb)
{
	long r;

	asm volatile("%0 = r7" : "=r"(r));
	return r;
}

SEC("socket") int stack_variable(struct __sk_buff *skb)
{
	volatile char buf[16] = { 0 };

	return buf[skb->len];
}

SEC("tc") int reference_leak(struct __sk_buff *skb)
{
	__u64 *e = bpf_ringbuf_reserve(&events, 8, 0);

	if (!e)
		return 0;
	*e = skb->len;
	return 1;
}

SEC("tc") int lock_missing_unlock(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct locked *l = bpf_map_lookup_elem(&locks, &zero);

	if (l)
		bpf_spin_lock(&l->lock);
	return 0;
}

SEC("tc") int lock_touch(struct __sk_buff *skb)
{
	__u32 zero = 0;
	struct locked *l = bpf_map_lookup_elem(&locks, &zero);

	return l ? *(volatile __u32 *)&l->lock : 0;
}

SEC("socket") int helper_not_allowed(struct __sk_buff *skb)
{
	return bpf_xdp_adjust_head((void *)skb, 0);
}

SEC("socket") int helper_arg(struct __sk_buff *skb)
{
	__u64 key = 0;

	return !bpf_map_lookup_elem((void *)&key, &key);
}

SEC("socket") int map_for_helper(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &sums, 0);
	return 0;
}

SEC("socket") int context_field(struct __sk_buff *skb)
{
	return *(volatile int *)((char *)skb + 4096);
}

SEC("socket") int context_field2(struct __sk_buff *skb)
{
	*(volatile int *)&skb->len = 1;
	return 0;
}

SEC("socket") int scalar_deref(struct __sk_buff *skb)
{
	return *(volatile int *)(long)skb->mark;
}

SEC("socket") int read_only_map(struct __sk_buff *skb)
{
	__u32 zero = 0;
	__u64 *v = bpf_map_lookup_elem(&fixed, &zero);

	if (v)
		*v = 1;
	return 0;
}

SEC("socket") int unbounded_loop(struct __sk_buff *skb)
{
	asm volatile("r0 = *(u32 *)(r1 + 0); if r0 != 0 goto -1" ::: "r0");
	return 0;
}

SEC("socket") int too_many_insns(struct __sk_buff *skb)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < 1000000; i++) {
		asm volatile("%0 += %1" : "+r"(sum) : "r"(i));
	}
	return sum;
}

SEC("socket") int pointer_math_op(struct __sk_buff *skb)
{
	asm volatile("r1 = r10; r1 &= 1; r0 = r1" ::: "r0", "r1");
	return 0;
}

SEC("xdp") int alignment(struct xdp_md *ctx)
{
	asm volatile("r1 = r10; r0 = *(u64 *)(r1 - 9)" ::: "r0", "r1");
	return 0;
}

SEC("cgroup_skb/egress") int return_range(struct __sk_buff *skb)
{
	return 77;
}

char LICENSE[] SEC("license") = "GPL";
