// SPDX-License-Identifier: BSD-2-Clause
/* uprobe.bpf.c - one program for each way in, told apart by cookies; see tests/e2e/uprobe.c. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

struct seen {
	__u64 hits, pid, args[3], ret, ip;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct seen);
} seen SEC(".maps");

static struct seen *lookup(void *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);
	struct seen *s = bpf_map_lookup_elem(&seen, &cookie), none = {};

	if (s)
		return s;
	bpf_map_update_elem(&seen, &cookie, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&seen, &cookie);
}

SEC("uprobe")
int on_entry(struct pt_regs *ctx)
{
	struct seen *s = lookup(ctx);

	if (!s)
		return 0;
	__sync_fetch_and_add(&s->hits, 1);
	s->pid = bpf_get_current_pid_tgid() >> 32;
	s->args[0] = PT_REGS_PARM1(ctx);
	s->args[1] = PT_REGS_PARM2(ctx);
	s->args[2] = PT_REGS_PARM3(ctx);
	s->ip = PT_REGS_IP(ctx);
	return 0;
}

/* Calls nothing. */
__u64 plain_hits;

SEC("uprobe")
int on_plain(struct pt_regs *ctx)
{
	plain_hits++;
	return 0;
}

__u64 wide[8], wide_copy[8];

SEC("uprobe")
int on_wide(struct pt_regs *ctx)
{
	__builtin_memcpy(wide_copy, wide, sizeof(wide));
	plain_hits++;
	return 0;
}

SEC("uretprobe")
int on_return(struct pt_regs *ctx)
{
	struct seen *s = lookup(ctx);

	if (!s)
		return 0;
	__sync_fetch_and_add(&s->hits, 1);
	s->pid = bpf_get_current_pid_tgid() >> 32;
	s->ret = PT_REGS_RC(ctx);
	return 0;
}

SEC("usdt")
int on_usdt(struct pt_regs *ctx)
{
	__u64 cookie = bpf_usdt_cookie(ctx);
	struct seen *s = bpf_map_lookup_elem(&seen, &cookie), none = {};
	long v;

	if (!s) {
		bpf_map_update_elem(&seen, &cookie, &none, BPF_NOEXIST);
		s = bpf_map_lookup_elem(&seen, &cookie);
	}
	if (!s)
		return 0;
	__sync_fetch_and_add(&s->hits, 1);
	s->pid = bpf_get_current_pid_tgid() >> 32;
	for (int i = 0; i < 3; i++)
		if (!bpf_usdt_arg(ctx, i, &v))
			s->args[i] = v;
	s->ret = bpf_usdt_arg_cnt(ctx);
	return 0;
}

struct sys_enter {
	__u64 common;
	long id;
	unsigned long args[6];
};

struct sys_exit {
	__u64 common;
	long id, ret;
};

SEC("tracepoint")
int on_sys_enter(struct sys_enter *ctx)
{
	struct seen *s = lookup(ctx);

	if (!s)
		return 0;
	__sync_fetch_and_add(&s->hits, 1);
	s->pid = bpf_get_current_pid_tgid() >> 32;
	s->args[0] = ctx->args[0];
	s->args[1] = ctx->args[1];
	s->args[2] = ctx->args[2];
	s->ip = ctx->id;
	return 0;
}

SEC("tracepoint")
int on_sys_exit(struct sys_exit *ctx)
{
	struct seen *s = lookup(ctx);

	if (!s)
		return 0;
	__sync_fetch_and_add(&s->hits, 1);
	s->pid = bpf_get_current_pid_tgid() >> 32;
	s->ret = ctx->ret;
	s->ip = ctx->id;
	return 0;
}

SEC("kprobe")
int on_sys_kprobe(struct pt_regs *ctx)
{
	struct pt_regs *regs = (void *)PT_REGS_PARM1(ctx);
	struct seen *s = lookup(ctx);

	if (!s)
		return 0;
	__sync_fetch_and_add(&s->hits, 1);
	s->pid = bpf_get_current_pid_tgid() >> 32;
	bpf_probe_read_kernel(&s->args[0], 8, &regs->rdi);
	bpf_probe_read_kernel(&s->args[1], 8, &regs->rsi);
	bpf_probe_read_kernel(&s->args[2], 8, &regs->rdx);
	return 0;
}

SEC("perf_event")
int on_sample(void *ctx)
{
	struct seen *s = lookup(ctx);

	if (!s)
		return 0;
	__sync_fetch_and_add(&s->hits, 1);
	s->pid = bpf_get_current_pid_tgid() >> 32;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
