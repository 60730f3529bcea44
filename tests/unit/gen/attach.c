/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What light skeletons make of SEC(): the call that attaches a program, and whether NAME__attach() makes it. Each row is a rule;
 * the first two columns are what libbpf loads a program of that section as.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "gen/lskel_attach.h"

#define P(x) BPF_PROG_TYPE_##x

static const struct {
	u32 prog_type, attach_type;
	const char *sec;
	const char *expr; /* NULL: has no link */
	bool automatic;
} rows[] = {
	/* the target came with the load */
	{P(TRACING), BPF_TRACE_FENTRY, "fentry/do_unlinkat",
	 "userbpf_attach_tracing(prog_fd, 24, opts)", true},
	{P(TRACING), BPF_TRACE_FEXIT, "fexit.s/do_unlinkat",
	 "userbpf_attach_tracing(prog_fd, 25, opts)", true},
	{P(TRACING), BPF_MODIFY_RETURN, "fmod_ret/f", "userbpf_attach_tracing(prog_fd, 26, opts)",
	 true},
	{P(TRACING), BPF_TRACE_RAW_TP, "tp_btf/sched_switch",
	 "userbpf_attach_tracing(prog_fd, 23, opts)", true},
	{P(LSM), BPF_LSM_MAC, "lsm/file_open", "userbpf_attach_tracing(prog_fd, 27, opts)", true},
	{P(EXT), 0, "freplace/f", "userbpf_attach_tracing(prog_fd, 0, opts)", true},
	{P(TRACING), BPF_TRACE_ITER, "iter/bpf_map", "userbpf_attach_iter(prog_fd, opts)", true},
	{P(TRACING), BPF_TRACE_ITER, "iter.s/bpf_map", "userbpf_attach_iter(prog_fd, opts)", true},
	/* of which map, says the caller */
	{P(TRACING), BPF_TRACE_ITER, "iter/bpf_map_elem", "userbpf_attach_iter(prog_fd, opts)",
	 false},
	{P(TRACING), BPF_TRACE_VIEW, "view/cgroup", "userbpf_attach_view(prog_fd, opts)", true},
	/* of which one, says the caller */
	{P(TRACING), BPF_TRACE_VIEW, "view/map", "userbpf_attach_view(prog_fd, opts)", false},
	{P(TRACING), BPF_TRACE_VIEW, "view/link", "userbpf_attach_view(prog_fd, opts)", false},
	{P(TRACING), BPF_TRACE_VIEW, "view/task", "userbpf_attach_view(prog_fd, opts)", false},
	{P(TRACING), BPF_TRACE_VIEW_WRITE, "view_write/cgroup",
	 "userbpf_attach_view_write(prog_fd, opts)", false},
	/* the target is in SEC() */
	{P(RAW_TRACEPOINT), 0, "raw_tp/sys_enter",
	 "userbpf_attach_raw_tp(prog_fd, \"sys_enter\", opts)", true},
	{P(RAW_TRACEPOINT_WRITABLE), 0, "raw_tracepoint.w/x",
	 "userbpf_attach_raw_tp(prog_fd, \"x\", opts)", true},
	{P(TRACEPOINT), 0, "tp/syscalls/sys_enter_read",
	 "userbpf_attach_tracepoint(prog_fd, \"syscalls/sys_enter_read\", opts)", true},
	{P(KPROBE), 0, "kprobe/vfs_read+0x8",
	 "userbpf_attach_kprobe(prog_fd, \"vfs_read+0x8\", false, opts)", true},
	{P(KPROBE), 0, "kretprobe/vfs_read",
	 "userbpf_attach_kprobe(prog_fd, \"vfs_read\", true, opts)", true},
	{P(KPROBE), 0, "ksyscall/read", "userbpf_attach_ksyscall(prog_fd, \"read\", false, opts)",
	 true},
	{P(KPROBE), BPF_TRACE_KPROBE_MULTI, "kprobe.multi/vfs_*",
	 "userbpf_attach_kprobe_multi(prog_fd, \"vfs_*\", false, opts)", true},
	{P(KPROBE), BPF_TRACE_KPROBE_MULTI, "kretprobe.multi/vfs_?ead",
	 "userbpf_attach_kprobe_multi(prog_fd, \"vfs_\\077ead\", true, opts)", true},
	{P(KPROBE), 48, "uprobe.multi//bin/bash:read*",
	 "userbpf_attach_uprobe_multi(prog_fd, \"/bin/bash:read*\", false, opts)", true},
	{P(KPROBE), 48, "uretprobe.multi.s/libc.so.6:malloc",
	 "userbpf_attach_uprobe_multi(prog_fd, \"libc.so.6:malloc\", true, opts)", true},
	{P(KPROBE), 48, "uprobe.multi", "userbpf_attach_uprobe_multi(prog_fd, \"\", false, opts)",
	 false},
	{P(KPROBE), 0, "uprobe//bin/bash:readline",
	 "userbpf_attach_uprobe(prog_fd, \"/bin/bash:readline\", false, opts)", true},
	{P(KPROBE), 0, "uretprobe.s/libc.so.6:malloc",
	 "userbpf_attach_uprobe(prog_fd, \"libc.so.6:malloc\", true, opts)", true},
	/* "not loaded by default" is no part of the section */
	{P(KPROBE), 0, "?kprobe/f", "userbpf_attach_kprobe(prog_fd, \"f\", false, opts)", true},
	/* SEC() leaves it to the caller */
	{P(KPROBE), 0, "kprobe", "userbpf_attach_kprobe(prog_fd, \"\", false, opts)", false},
	{P(KPROBE), 0, "uprobe", "userbpf_attach_uprobe(prog_fd, \"\", false, opts)", false},
	{P(KPROBE), 0, "usdt/libc.so.6:libc:setjmp",
	 "userbpf_attach_usdt(prog_fd, \"libc.so.6:libc:setjmp\", opts, 0, 0, skel->links.p_more)", true},
	{P(KPROBE), 0, "usdt", "userbpf_attach_usdt(prog_fd, \"\", opts, 0, 0, skel->links.p_more)",
	 false},
	{P(KPROBE), 0, NULL, "userbpf_attach_event(prog_fd, opts)", false},
	{P(PERF_EVENT), 0, "perf_event", "userbpf_attach_event(prog_fd, opts)", false},
	{P(XDP), BPF_XDP, "xdp", "userbpf_attach_if(prog_fd, 37, opts)", false},
	{P(SCHED_CLS), 0, "tc", "userbpf_attach_if(prog_fd, 46, opts)", false},
	{P(SCHED_CLS), 0, "tc/egress", "userbpf_attach_if(prog_fd, 47, opts)", false},
	{P(SK_LOOKUP), BPF_SK_LOOKUP, "sk_lookup", "userbpf_attach_fd(prog_fd, 36, opts)", false},
	{P(FLOW_DISSECTOR), 0, "flow_dissector", "userbpf_attach_fd(prog_fd, 17, opts)", false},
	{P(CGROUP_SKB), BPF_CGROUP_INET_EGRESS, "cgroup_skb/egress",
	 "userbpf_attach_fd(prog_fd, 1, opts)", false},
	{P(CGROUP_SKB), BPF_CGROUP_INET_INGRESS, "cgroup_skb/ingress",
	 "userbpf_attach_fd(prog_fd, 0, opts)", false},
	{P(CGROUP_SOCK_ADDR), BPF_CGROUP_INET4_CONNECT, "cgroup/connect4",
	 "userbpf_attach_fd(prog_fd, 10, opts)", false},
	{P(SOCK_OPS), 0, "sockops", "userbpf_attach_fd(prog_fd, 3, opts)", false},
	{P(LSM), BPF_LSM_CGROUP, "lsm_cgroup/socket_bind", "userbpf_attach_fd(prog_fd, 43, opts)",
	 false},
	/* no link, or none of its own */
	{P(SYSCALL), 0, "syscall", NULL, false},
	{P(SOCKET_FILTER), 0, "socket", NULL, false},
	{P(SCHED_ACT), 0, "action", NULL, false},
	{P(LWT_IN), 0, "lwt_in", NULL, false},
	/* whatever the source says stays a C string */
	{P(RAW_TRACEPOINT), 0, "raw_tp/\"\\\n",
	 "userbpf_attach_raw_tp(prog_fd, \"\\042\\134\\012\", opts)", true},
};

static void test_rows(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		struct gen_slot slot = {
			.kind = GEN_PROG, .ident = "p", .sec = (char *)rows[i].sec};
		struct gen_call call = {.cmd = BPF_PROG_LOAD,
					.attr = {.prog_type = rows[i].prog_type,
						 .expected_attach_type = rows[i].attach_type}};
		struct gen_trace t = {.calls = &call, .nr_calls = 1, .slots = &slot, .nr_slots = 1};
		char expr[512] = "";

		if (lskel_attach_expr(&t, 0, expr, sizeof(expr)) != !!rows[i].expr ||
		    (rows[i].expr && strcmp(expr, rows[i].expr)))
			fail_msg("%s: %s", rows[i].sec ?: "no section", expr);
		if (lskel_autoattach(&t, 0) != rows[i].automatic)
			fail_msg("%s: automatic %d", rows[i].sec ?: "no section",
				 !rows[i].automatic);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
