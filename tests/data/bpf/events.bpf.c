/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs for functions and tracepoints of the service, and for perf events: each writes down what it saw. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

enum { KPROBE, KRETPROBE, MULTI, FENTRY, FEXIT, FMOD_RET, RAW_TP, TP_BTF, TRACEPOINT, SAMPLE, UPROBE, URETPROBE, MANY, SYS_RAW, SYS_BTF, SYS_KPROBE, SYS_KRETPROBE, NR };

struct seen {
	__u64 hits, cookies, ip, arg, ret, pid_tgid;
};
struct {
	struct seen seen[NR];
	__u64 multi_ips;
	int override_with, modify_to;
} all;

static __always_inline void note(void *ctx, int what, __u64 arg, __u64 ret)
{
	struct seen *s = &all.seen[what];

	s->hits++;
	s->cookies |= bpf_get_attach_cookie(ctx);
	s->arg = arg;
	s->ret = ret;
	s->pid_tgid = bpf_get_current_pid_tgid();
}

SEC("kprobe/bpf_fentry_test1")
int kprobe(struct pt_regs *ctx)
{
	note(ctx, KPROBE, PT_REGS_PARM1(ctx), 0);
	all.seen[KPROBE].ip = bpf_get_func_ip(ctx);
	return 0;
}

SEC("kretprobe/bpf_fentry_test1")
int kretprobe(struct pt_regs *ctx)
{
	note(ctx, KRETPROBE, 0, PT_REGS_RC(ctx));
	all.seen[KRETPROBE].ip = bpf_get_func_ip(ctx);
	return 0;
}

SEC("kprobe/bpf_fentry_test1")
int override(struct pt_regs *ctx)
{
	if (all.override_with)
		bpf_override_return(ctx, all.override_with);
	return 0;
}

SEC("kprobe.multi/bpf_fentry_test*")
int multi(struct pt_regs *ctx)
{
	note(ctx, MULTI, PT_REGS_PARM1(ctx), 0);
	all.multi_ips += bpf_get_func_ip(ctx) != 0;
	return 0;
}

SEC("fentry/bpf_fentry_test1")
int BPF_PROG(fentry, int a)
{
	note(ctx, FENTRY, a, bpf_get_func_arg_cnt(ctx));
	all.seen[FENTRY].ip = bpf_get_func_ip(ctx);
	return 0;
}

SEC("fexit/bpf_fentry_test5")
int BPF_PROG(fexit, __u64 a, void *b, short c, int d, __u64 e, int ret)
{
	__u64 r = 0;

	bpf_get_func_ret(ctx, &r);
	note(ctx, FEXIT, a + (__u64)b + c + d + e, r == (__u64)ret ? r : 0);
	return 0;
}

SEC("fmod_ret/bpf_modify_return_test")
int BPF_PROG(fmod_ret, int a, int *b, int ret)
{
	note(ctx, FMOD_RET, a, ret);
	return all.modify_to;
}

SEC("raw_tp/bpf_test_finish")
int raw_tp(struct bpf_raw_tracepoint_args *ctx)
{
	note(ctx, RAW_TP, 0, 0);
	return 0;
}

SEC("tp_btf/bpf_test_finish")
int BPF_PROG(tp_btf, int *err)
{
	int e = 1;

	bpf_probe_read_kernel(&e, sizeof(e), err);
	note(ctx, TP_BTF, 0, e);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getpgid")
int tracepoint(struct trace_event_raw_sys_enter *ctx)
{
	note(ctx, TRACEPOINT, ctx->args[0], ctx->id);
	return 0;
}

SEC("raw_tp/sys_enter")
int sys_raw(struct bpf_raw_tracepoint_args *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx->args[0];
	unsigned long pid = 0;

	if (ctx->args[1] != 121) /* getpgid */
		return 0;
	bpf_probe_read_kernel(&pid, sizeof(pid), &regs->di);
	note(ctx, SYS_RAW, pid, ctx->args[1]);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_btf, struct pt_regs *regs, long ret)
{
	if (regs->orig_ax == 121)
		note(ctx, SYS_BTF, regs->di, ret);
	return 0;
}

SEC("kprobe/__x64_sys_getpgid")
int sys_kprobe(struct pt_regs *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)PT_REGS_PARM1(ctx);
	unsigned long pid = 0;

	bpf_probe_read_kernel(&pid, sizeof(pid), &regs->di);
	note(ctx, SYS_KPROBE, pid, 0);
	return 0;
}

SEC("kretprobe/__x64_sys_getpgid")
int sys_kretprobe(struct pt_regs *ctx)
{
	note(ctx, SYS_KRETPROBE, 0, PT_REGS_RC(ctx));
	return 0;
}

/* Beyond the record: refused when it is attached. */
SEC("tracepoint/syscalls/sys_enter_getpgid")
int too_far(struct trace_event_raw_sys_enter *ctx)
{
	return ctx->args[5] == 1;
}

SEC("uprobe")
int on_entry(struct pt_regs *ctx)
{
	note(ctx, UPROBE, PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx));
	all.seen[UPROBE].ip = bpf_get_func_ip(ctx);
	return 0;
}

SEC("uretprobe")
int on_return(struct pt_regs *ctx)
{
	note(ctx, URETPROBE, 0, PT_REGS_RC(ctx));
	all.seen[URETPROBE].ip = bpf_get_func_ip(ctx);
	return 0;
}

/* The attach type (6.6) is set by who loads it. */
SEC("uprobe")
int on_many(struct pt_regs *ctx)
{
	note(ctx, MANY, PT_REGS_PARM1(ctx), 0);
	return 0;
}

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	note(ctx, SAMPLE, ctx->sample_period, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
