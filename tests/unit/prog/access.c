/* SPDX-License-Identifier: BSD-2-Clause */
/* What each program type may read and write of its context: facts of Linux 6.1, checked against the
 * tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <linux/ptrace.h>
#include <asm/ptrace.h>
#include <linux/bpf_perf_event.h>
#include "prog/prog.h"

#define PT(t)  BPF_PROG_TYPE_##t
#define SKB(f) offsetof(struct __sk_buff, f)
#define R      BPF_READ
#define W      BPF_WRITE

static const struct access_case {
	enum bpf_prog_type type;
	int off, size;
	enum bpf_access_type rw;
	bool ok;
	u32 reg; /* expected register type; 0: number */
	bool unpriv;
	enum bpf_attach_type attach;
} cases[] = {
	/* common to packets */
	{PT(SOCKET_FILTER), SKB(len), 4, R, true},
	{PT(SOCKET_FILTER), SKB(len), 1, R, true},
	{PT(SOCKET_FILTER), SKB(len) + 2, 2, R, true},
	{PT(SOCKET_FILTER), SKB(len) + 1, 2, R, false},
	{PT(SOCKET_FILTER), SKB(len), 8, R, false},
	{PT(SOCKET_FILTER), -4, 4, R, false},
	{PT(SOCKET_FILTER), sizeof(struct __sk_buff), 4, R, false},
	{PT(SOCKET_FILTER), SKB(cb[0]), 4, W, true},
	{PT(SOCKET_FILTER), SKB(cb[0]), 8, W, true},
	{PT(SOCKET_FILTER), SKB(cb[4]), 8, W, false},
	{PT(SOCKET_FILTER), SKB(cb[4]) + 3, 1, W, true},
	{PT(SOCKET_FILTER), SKB(mark), 4, W, false},
	{PT(SOCKET_FILTER), SKB(mark), 4, R, true},
	{PT(SOCKET_FILTER), SKB(data), 4, R, false},
	{PT(SOCKET_FILTER), SKB(tc_classid), 4, R, false},
	{PT(SOCKET_FILTER), SKB(family), 4, R, false},
	{PT(SOCKET_FILTER), SKB(tstamp), 8, R, false},
	{PT(SOCKET_FILTER), SKB(wire_len), 4, R, false},
	{PT(SOCKET_FILTER), SKB(gso_segs), 4, R, true},
	{PT(SOCKET_FILTER), SKB(sk), 8, R, true, PTR_TO_SOCK_COMMON | PTR_MAYBE_NULL},
	{PT(SOCKET_FILTER), SKB(sk), 4, R, false},
	{PT(SOCKET_FILTER), SKB(flow_keys), 8, R, false},
	/* traffic control */
	{PT(SCHED_CLS), SKB(data), 4, R, true, PTR_TO_PACKET},
	{PT(SCHED_CLS), SKB(data), 2, R, false},
	{PT(SCHED_CLS), SKB(data_end), 4, R, true, PTR_TO_PACKET_END},
	{PT(SCHED_CLS), SKB(data_meta), 4, R, true, PTR_TO_PACKET_META},
	{PT(SCHED_CLS), SKB(data), 4, W, false},
	{PT(SCHED_CLS), SKB(mark), 4, W, true},
	{PT(SCHED_CLS), SKB(mark), 1, W, false},
	{PT(SCHED_CLS), SKB(queue_mapping), 4, W, true},
	{PT(SCHED_CLS), SKB(tc_classid), 4, W, true},
	{PT(SCHED_CLS), SKB(tstamp), 8, W, true},
	{PT(SCHED_CLS), SKB(tstamp), 4, R, false},
	{PT(SCHED_CLS), SKB(hwtstamp), 8, R, true},
	{PT(SCHED_CLS), SKB(hwtstamp), 8, W, false},
	{PT(SCHED_CLS), SKB(tstamp_type), 1, R, true},
	{PT(SCHED_CLS), SKB(tstamp_type) + 1, 1, R, false},
	{PT(SCHED_CLS), SKB(tstamp_type), 4, R, false},
	{PT(SCHED_CLS), SKB(family), 4, R, false},
	{PT(SCHED_CLS), SKB(priority), 4, W, true},
	{PT(SCHED_ACT), SKB(len), 4, W, false},
	{PT(SCHED_ACT), SKB(tc_index), 4, W, true},
	/* cgroups */
	{PT(CGROUP_SKB), SKB(data), 4, R, true, PTR_TO_PACKET},
	{PT(CGROUP_SKB), SKB(data), 4, R, false, 0, true},
	{PT(CGROUP_SKB), SKB(tstamp), 8, W, false, 0, true},
	{PT(CGROUP_SKB), SKB(tstamp), 8, R, true, 0, true},
	{PT(CGROUP_SKB), SKB(tstamp), 8, W, true},
	{PT(CGROUP_SKB), SKB(family), 4, R, true},
	{PT(CGROUP_SKB), SKB(remote_ip4), 2, R, false},
	{PT(CGROUP_SKB), SKB(remote_port), 2, R, true},
	{PT(CGROUP_SKB), SKB(data_meta), 4, R, false},
	{PT(CGROUP_SKB), SKB(tc_index), 4, W, false},
	{PT(CGROUP_DEVICE), 0, 4, R, true},
	{PT(CGROUP_DEVICE), 0, 2, R, true},
	{PT(CGROUP_DEVICE), 4, 2, R, false},
	{PT(CGROUP_DEVICE), 4, 4, W, false},
	{PT(CGROUP_SYSCTL), 4, 4, W, true},
	{PT(CGROUP_SYSCTL), 0, 4, W, false},
	{PT(CGROUP_SOCKOPT), offsetof(struct bpf_sockopt, level), 4, W, true, 0, false,
	 BPF_CGROUP_SETSOCKOPT},
	{PT(CGROUP_SOCKOPT), offsetof(struct bpf_sockopt, level), 4, W, false, 0, false,
	 BPF_CGROUP_GETSOCKOPT},
	{PT(CGROUP_SOCKOPT), offsetof(struct bpf_sockopt, retval), 4, R, false, 0, false,
	 BPF_CGROUP_SETSOCKOPT},
	{PT(CGROUP_SOCKOPT), offsetof(struct bpf_sockopt, retval), 4, W, true, 0, false,
	 BPF_CGROUP_GETSOCKOPT},
	{PT(CGROUP_SOCKOPT), offsetof(struct bpf_sockopt, optval), 8, R, true, PTR_TO_PACKET, false,
	 BPF_CGROUP_GETSOCKOPT},
	{PT(CGROUP_SOCK), offsetof(struct bpf_sock, mark), 4, W, true, 0, false,
	 BPF_CGROUP_INET_SOCK_CREATE},
	{PT(CGROUP_SOCK), offsetof(struct bpf_sock, mark), 4, R, false, 0, false,
	 BPF_CGROUP_INET4_POST_BIND},
	{PT(CGROUP_SOCK), offsetof(struct bpf_sock, src_ip4), 4, R, true, 0, false,
	 BPF_CGROUP_INET4_POST_BIND},
	{PT(CGROUP_SOCK), offsetof(struct bpf_sock, src_ip4), 4, R, false, 0, false,
	 BPF_CGROUP_INET_SOCK_CREATE},
	{PT(CGROUP_SOCK), offsetof(struct bpf_sock, src_ip6), 4, R, true, 0, false,
	 BPF_CGROUP_INET6_POST_BIND},
	{PT(CGROUP_SOCK), offsetof(struct bpf_sock, family), 4, W, false, 0, false,
	 BPF_CGROUP_INET_SOCK_CREATE},
	{PT(CGROUP_SOCK_ADDR), offsetof(struct bpf_sock_addr, user_ip4), 4, W, true, 0, false,
	 BPF_CGROUP_INET4_CONNECT},
	{PT(CGROUP_SOCK_ADDR), offsetof(struct bpf_sock_addr, user_ip4), 4, R, false, 0, false,
	 BPF_CGROUP_INET6_CONNECT},
	{PT(CGROUP_SOCK_ADDR), offsetof(struct bpf_sock_addr, user_ip6[0]), 8, W, true, 0, false,
	 BPF_CGROUP_INET6_CONNECT},
	{PT(CGROUP_SOCK_ADDR), offsetof(struct bpf_sock_addr, msg_src_ip4), 4, R, false, 0, false,
	 BPF_CGROUP_INET4_CONNECT},
	{PT(CGROUP_SOCK_ADDR), offsetof(struct bpf_sock_addr, sk), 8, R, true, PTR_TO_SOCKET, false,
	 BPF_CGROUP_INET4_CONNECT},
	/* XDP */
	{PT(XDP), offsetof(struct xdp_md, data), 4, R, true, PTR_TO_PACKET},
	{PT(XDP), offsetof(struct xdp_md, data_meta), 4, R, true, PTR_TO_PACKET_META},
	{PT(XDP), offsetof(struct xdp_md, rx_queue_index), 4, R, true},
	{PT(XDP), offsetof(struct xdp_md, rx_queue_index), 2, R, false},
	{PT(XDP), offsetof(struct xdp_md, data), 4, W, false},
	{PT(XDP), offsetof(struct xdp_md, egress_ifindex), 4, R, false},
	{PT(XDP), offsetof(struct xdp_md, egress_ifindex), 4, R, true, 0, false, BPF_XDP_DEVMAP},
	/* the other packet types */
	{PT(LWT_IN), SKB(data), 4, R, true, PTR_TO_PACKET},
	{PT(LWT_IN), SKB(tc_index), 4, W, false},
	{PT(LWT_XMIT), SKB(mark), 4, W, true},
	{PT(SK_SKB), SKB(mark), 4, R, false},
	{PT(SK_SKB), SKB(priority), 4, W, true},
	{PT(SK_SKB), SKB(local_ip6[3]), 4, R, true},
	{PT(FLOW_DISSECTOR), SKB(data), 4, R, true, PTR_TO_PACKET},
	{PT(FLOW_DISSECTOR), SKB(flow_keys), 8, R, true, PTR_TO_FLOW_KEYS},
	{PT(FLOW_DISSECTOR), SKB(len), 4, R, false},
	{PT(SK_MSG), offsetof(struct sk_msg_md, data), 8, R, true, PTR_TO_PACKET},
	{PT(SK_MSG), offsetof(struct sk_msg_md, data), 4, R, false},
	{PT(SK_LOOKUP), offsetof(struct bpf_sk_lookup, remote_port), 2, R, true},
	{PT(SK_LOOKUP), offsetof(struct bpf_sk_lookup, remote_port), 4, R, true},
	{PT(SK_LOOKUP), offsetof(struct bpf_sk_lookup, sk), 8, R, true,
	 PTR_TO_SOCKET | PTR_MAYBE_NULL},
	{PT(SK_REUSEPORT), offsetof(struct sk_reuseport_md, eth_protocol), 1, R, false},
	{PT(SK_REUSEPORT), offsetof(struct sk_reuseport_md, ip_protocol), 1, R, true},
	{PT(SK_REUSEPORT), offsetof(struct sk_reuseport_md, hash), 2, R, false},
	{PT(SOCK_OPS), offsetof(struct bpf_sock_ops, reply), 4, W, true},
	{PT(SOCK_OPS), offsetof(struct bpf_sock_ops, op), 4, W, false},
	{PT(SOCK_OPS), offsetof(struct bpf_sock_ops, bytes_acked), 8, R, true},
	{PT(SOCK_OPS), offsetof(struct bpf_sock_ops, bytes_acked), 4, R, false},
	/* tracing */
	{PT(KPROBE), 0, 8, R, true},
	{PT(KPROBE), 0, 8, W, false},
	{PT(KPROBE), sizeof(struct pt_regs) - 8, 8, R, true},
	{PT(KPROBE), sizeof(struct pt_regs), 8, R, false},
	{PT(TRACEPOINT), 0, 8, R, false},
	{PT(TRACEPOINT), 8, 8, R, true},
	{PT(TRACEPOINT), 8191, 1, R, true},
	{PT(TRACEPOINT), 8192, 1, R, false},
	{PT(RAW_TRACEPOINT), 88, 8, R, true},
	{PT(RAW_TRACEPOINT), 96, 8, R, false},
	{PT(RAW_TRACEPOINT_WRITABLE), 0, 8, R, true, PTR_TO_TP_BUFFER},
	{PT(PERF_EVENT), sizeof(struct pt_regs), 8, R, true},
	{PT(PERF_EVENT), sizeof(struct pt_regs), 4, R, true},
	{PT(PERF_EVENT), 0, 4, R, false},
	{PT(PERF_EVENT), sizeof(struct bpf_perf_event_data), 8, R, false},
	{PT(SYSCALL), 0xfffe, 1, W, true},
	{PT(SYSCALL), 0xffff, 1, W, false},
	{PT(LIRC_MODE2), 0, 4, R, true},
	{PT(LIRC_MODE2), 4, 4, R, false},
};

static void access_rules(void **state)
{
	struct cred root = {.caps = ~0ull}, nobody = {.caps = 0};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct access_case *c = &cases[i];
		struct vfy_prog p = {.type = c->type,
				     .expected_attach_type = c->attach,
				     .cred = c->unpriv ? &nobody : &root};
		struct insn_access_aux info = {0};
		bool ok = prog_type_of(c->type)->ops->is_valid_access(c->off, c->size, c->rw, &p,
								      &info);

		if (ok != c->ok || (ok && info.reg_type != c->reg))
			fail_msg("case %u: %s offset %d size %d: ok %d, register %x", i,
				 prog_type_of(c->type)->name, c->off, c->size, ok, info.reg_type);
	}
}

/* Whatever a type lets through, it can convert, and narrow reads name their field. */
static void all_converted(void **state)
{
	static const int sizes[] = {1, 2, 4, 8};
	struct cred root = {.caps = ~0ull};
	u32 type, i, rw, cnt, target;
	int off;

	for (type = 0; type < 64; type++) {
		const struct prog_type *t = prog_type_of(type);

		if (!t || !t->ops->convert_ctx_access)
			continue;
		for (off = 0; off < 256; off++)
			for (i = 0; i < 4; i++)
				for (rw = BPF_READ; rw <= BPF_WRITE; rw++) {
					struct vfy_prog p = {.type = type, .cred = &root};
					struct insn_access_aux info = {0};
					struct bpf_insn si = {.dst_reg = 2,
							      .src_reg = 1,
							      .off = off},
							buf[32];

					if (!t->ops->is_valid_access(off, sizes[i], rw, &p, &info))
						continue;
					target = 0;
					if (info.ctx_field_size)
						si.off &= ~(info.ctx_field_size - 1);
					si.code = (rw == BPF_READ ? BPF_LDX : BPF_STX) | BPF_MEM |
						  BPF_W;
					cnt = t->ops->convert_ctx_access(rw, &si, buf, &p, &target);
					assert_in_range(cnt, 1, 16);
					assert_true(!info.ctx_field_size || target);
				}
	}
}

static void type_table(void **state)
{
	u32 type, n = 0;

	for (type = 0; type < 64; type++) {
		const struct prog_type *t = prog_type_of(type);

		if (!t)
			continue;
		n++;
		assert_int_equal(t->type, type);
		assert_non_null(t->ops->is_valid_access);
		assert_non_null(t->ops->helper);
	}
	/* all of 6.1 but UNSPEC */
	assert_int_equal(n, BPF_PROG_TYPE_SYSCALL);
	assert_string_equal(prog_type_of(BPF_PROG_TYPE_SCHED_CLS)->name, "sched_cls");
}

static void helpers_by_privilege(void **state)
{
	struct cred root = {.caps = ~0ull}, bpf = {.caps = 1ull << CAP_BPF}, nobody = {.caps = 0};
	struct vfy_prog p = {.type = BPF_PROG_TYPE_SOCKET_FILTER, .cred = &nobody};
	const struct vfy_type_ops *ops = prog_type_of(p.type)->ops;

	assert_non_null(ops->helper(BPF_FUNC_map_lookup_elem, &p));
	assert_non_null(ops->helper(BPF_FUNC_skb_load_bytes, &p));
	assert_null(ops->helper(BPF_FUNC_skb_store_bytes, &p));
	assert_null(ops->helper(BPF_FUNC_loop, &p));
	assert_null(ops->helper(BPF_FUNC_trace_printk, &p));
	assert_null(ops->helper(BPF_FUNC_int_skb_load_8, &p));
	p.cred = &bpf;
	assert_non_null(ops->helper(BPF_FUNC_loop, &p));
	assert_null(ops->helper(BPF_FUNC_trace_printk, &p));
	p.cred = &root;
	assert_non_null(ops->helper(BPF_FUNC_trace_printk, &p));
	assert_null(ops->helper(BPF_FUNC_seq_write, &p));
	p.type = BPF_PROG_TYPE_TRACING;
	assert_null(ops->helper(BPF_FUNC_seq_write, &p));
	p.expected_attach_type = BPF_TRACE_ITER;
	assert_non_null(ops->helper(BPF_FUNC_seq_write, &p));
	p.type = BPF_PROG_TYPE_XDP;
	assert_non_null(ops->helper(BPF_FUNC_xdp_adjust_head, &p));
	assert_null(ops->helper(BPF_FUNC_skb_load_bytes, &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(access_rules),
		cmocka_unit_test(all_converted),
		cmocka_unit_test(type_table),
		cmocka_unit_test(helpers_by_privilege),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
