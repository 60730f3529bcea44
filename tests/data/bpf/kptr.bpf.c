/* SPDX-License-Identifier: BSD-2-Clause */
/* Pointers to objects of the service in map values. Each program returns the count of the test object
 * or a negative number. tests/e2e/kptr.c runs them. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#ifndef __kptr
#define __kptr __attribute__((btf_type_tag("kptr")))
#endif
#ifndef __kptr_ref
#define __kptr_ref __attribute__((btf_type_tag("kptr_ref")))
#endif

extern struct prog_test_ref_kfunc *bpf_kfunc_call_test_acquire(unsigned long *sp) __ksym;
extern struct prog_test_ref_kfunc *bpf_kfunc_call_test_kptr_get(struct prog_test_ref_kfunc **p,
								int a, int b) __ksym;
extern void bpf_kfunc_call_test_release(struct prog_test_ref_kfunc *p) __ksym;

struct value {
	struct prog_test_ref_kfunc __kptr *plain;
	struct prog_test_ref_kfunc __kptr_ref *owner;
	__u64 data;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, int);
	__type(value, struct value);
	__uint(max_entries, 2);
} array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, int);
	__type(value, struct value);
	__uint(max_entries, 4);
} hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, int);
	__type(value, struct value);
	__uint(max_entries, 1);
} percpu SEC(".maps");

static int count(void)
{
	struct prog_test_ref_kfunc *p;
	unsigned long x = 0;
	int n;

	p = bpf_kfunc_call_test_acquire(&x);
	if (!p)
		return -1;
	n = p->cnt.refs.counter - 1; /* ours does not count */
	bpf_kfunc_call_test_release(p);
	return n;
}

static int put_in(struct value *v)
{
	struct prog_test_ref_kfunc *p, *old;
	unsigned long x = 0;

	if (!v)
		return -2;
	p = bpf_kfunc_call_test_acquire(&x);
	if (!p)
		return -3;
	v->plain = p;
	old = bpf_kptr_xchg(&v->owner, p);
	if (old)
		bpf_kfunc_call_test_release(old);
	return count();
}

SEC("tc") int counted(struct __sk_buff *skb)
{
	return count();
}

SEC("tc") int put_array(struct __sk_buff *skb)
{
	int key = 0;

	return put_in(bpf_map_lookup_elem(&array, &key));
}

SEC("tc") int put_hash(struct __sk_buff *skb)
{
	int key = 7;

	return put_in(bpf_map_lookup_elem(&hash, &key));
}

SEC("tc") int put_percpu(struct __sk_buff *skb)
{
	int key = 0;

	return put_in(bpf_map_lookup_elem(&percpu, &key));
}

/* What is in the array: 1 + a of the object through the plain pointer, -4 when it is NULL. */
SEC("tc") int follow(struct __sk_buff *skb)
{
	struct prog_test_ref_kfunc *p;
	struct value *v;
	int key = 0;

	v = bpf_map_lookup_elem(&array, &key);
	if (!v)
		return -2;
	p = v->plain;
	if (!p)
		return -4;
	return p->next->a + 1;
}

SEC("tc") int get(struct __sk_buff *skb)
{
	struct prog_test_ref_kfunc *p;
	struct value *v;
	int key = 0, n;

	v = bpf_map_lookup_elem(&array, &key);
	if (!v)
		return -2;
	p = bpf_kfunc_call_test_kptr_get(&v->owner, 0, 0);
	if (!p)
		return -4;
	n = p->cnt.refs.counter;
	bpf_kfunc_call_test_release(p);
	return n;
}

SEC("tc") int take_out(struct __sk_buff *skb)
{
	struct prog_test_ref_kfunc *p;
	struct value *v;
	int key = 0;

	v = bpf_map_lookup_elem(&array, &key);
	if (!v)
		return -2;
	v->plain = 0;
	p = bpf_kptr_xchg(&v->owner, 0);
	if (!p)
		return -4;
	bpf_kfunc_call_test_release(p);
	return count();
}

char LICENSE[] SEC("license") = "GPL";
