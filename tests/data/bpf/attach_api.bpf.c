// SPDX-License-Identifier: BSD-2-Clause
/*
 * attach_api.bpf.c - one program for each way to attach, at any number of places told apart by cookies: each hit
 * becomes a record of the arguments, or of the result, as the cookie's format wants them. See tests/e2e/attach_api.c.
 */
#include <linux/bpf.h>
#include <linux/bpf_perf_event.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>
#include "attach_api.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, struct how);
} hows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct state);
} state SEC(".maps");

static __always_inline bool is_target(void)
{
	__u32 zero = 0;
	struct state *s = bpf_map_lookup_elem(&state, &zero);

	return s && bpf_get_current_pid_tgid() >> 32 == s->target;
}

static __always_inline void lose(void)
{
	__u32 zero = 0;
	struct state *s = bpf_map_lookup_elem(&state, &zero);

	if (s)
		__sync_fetch_and_add(&s->lost, 1);
}

/* @nr: of the system call; what a cookie is for may be one of them only. */
static __always_inline void note(__u64 cookie, const __u64 *args, __s64 nr)
{
	struct how *how = bpf_map_lookup_elem(&hows, &cookie);
	struct record *r;

	if (!how || (how->nr >= 0 && nr >= 0 && how->nr != nr))
		return;
	r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);
	if (!r) {
		lose();
		return;
	}
	r->cookie = cookie;
#pragma unroll
	for (int i = 0; i < ARGS; i++) {
		r->value[i] = args[i];
		r->text[i][0] = '\0';
		if (how->format[i] == 's')
			bpf_probe_read_user_str(r->text[i], sizeof(r->text[i]), (void *)args[i]);
	}
	bpf_ringbuf_submit(r, 0);
}

static __always_inline int note_call(struct pt_regs *ctx)
{
	__u64 args[ARGS] = {PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx), PT_REGS_PARM3(ctx),
			    PT_REGS_PARM4(ctx), PT_REGS_PARM5(ctx), ctx->r9};

	if (is_target())
		note(bpf_get_attach_cookie(ctx), args, -1);
	return 0;
}

static __always_inline int note_result(struct pt_regs *ctx)
{
	__u64 args[ARGS] = {PT_REGS_RC(ctx)};

	if (is_target())
		note(bpf_get_attach_cookie(ctx), args, -1);
	return 0;
}

/* Arguments of a system call are in registers of their own. */
static __always_inline void note_regs(__u64 cookie, struct pt_regs *regs, __s64 nr)
{
	__u64 args[ARGS];
	struct pt_regs r;

	if (bpf_probe_read_kernel(&r, sizeof(r), regs))
		return;
	args[0] = r.rdi;
	args[1] = r.rsi;
	args[2] = r.rdx;
	args[3] = r.r10;
	args[4] = r.r8;
	args[5] = r.r9;
	note(cookie, args, nr);
}

SEC("uprobe")
int on_uprobe(struct pt_regs *ctx)
{
	return note_call(ctx);
}

SEC("uretprobe")
int on_uretprobe(struct pt_regs *ctx)
{
	return note_result(ctx);
}

/* The attach type of these two, younger than some libraries, is set by who loads them. */
SEC("uprobe")
int on_uprobe_multi(struct pt_regs *ctx)
{
	return note_call(ctx);
}

SEC("uprobe")
int on_uretprobe_multi(struct pt_regs *ctx)
{
	return note_result(ctx);
}

SEC("usdt")
int on_usdt(struct pt_regs *ctx)
{
	__u64 args[ARGS] = {};

	if (!is_target())
		return 0;
#pragma unroll
	for (int i = 0; i < ARGS; i++) {
		long v;

		if (!bpf_usdt_arg(ctx, i, &v))
			args[i] = v;
	}
	note(bpf_usdt_cookie(ctx), args, -1);
	return 0;
}

SEC("kprobe")
int on_kprobe(struct pt_regs *ctx)
{
	if (is_target())
		note_regs(bpf_get_attach_cookie(ctx), (void *)PT_REGS_PARM1(ctx), -1);
	return 0;
}

SEC("kretprobe")
int on_kretprobe(struct pt_regs *ctx)
{
	return note_result(ctx);
}

SEC("kprobe.multi")
int on_kprobe_multi(struct pt_regs *ctx)
{
	if (is_target())
		note_regs(bpf_get_attach_cookie(ctx), (void *)PT_REGS_PARM1(ctx), -1);
	return 0;
}

SEC("kretprobe.multi")
int on_kretprobe_multi(struct pt_regs *ctx)
{
	return note_result(ctx);
}

struct sys_enter {
	__u64 common;
	long id;
	unsigned long args[ARGS];
};

struct sys_exit {
	__u64 common;
	long id, ret;
};

/* The record of a call has as many arguments as the call. */
SEC("tracepoint")
int on_tracepoint_enter2(struct sys_enter *ctx)
{
	__u64 args[ARGS] = {ctx->args[0], ctx->args[1]};

	if (is_target())
		note(bpf_get_attach_cookie(ctx), args, ctx->id);
	return 0;
}

SEC("tracepoint")
int on_tracepoint_enter(struct sys_enter *ctx)
{
	__u64 args[ARGS] = {ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3], ctx->args[4]};

	if (is_target())
		note(bpf_get_attach_cookie(ctx), args, ctx->id);
	return 0;
}

SEC("tracepoint")
int on_tracepoint_exit(struct sys_exit *ctx)
{
	__u64 args[ARGS] = {ctx->ret};

	if (is_target())
		note(bpf_get_attach_cookie(ctx), args, ctx->id);
	return 0;
}

SEC("raw_tp")
int on_raw_enter(__u64 *ctx)
{
	if (is_target())
		note_regs(bpf_get_attach_cookie(ctx), (void *)ctx[0], ctx[1]);
	return 0;
}

SEC("raw_tp")
int on_raw_exit(__u64 *ctx)
{
	__u64 args[ARGS] = {ctx[1]};
	struct pt_regs r;

	if (is_target() && !bpf_probe_read_kernel(&r, sizeof(r), (void *)ctx[0]))
		note(bpf_get_attach_cookie(ctx), args, r.orig_rax);
	return 0;
}

SEC("tp_btf/sys_enter")
int on_btf_enter(__u64 *ctx)
{
	if (is_target())
		note_regs(bpf_get_attach_cookie(ctx), (void *)ctx[0], ctx[1]);
	return 0;
}

SEC("tp_btf/sys_exit")
int on_btf_exit(__u64 *ctx)
{
	__u64 args[ARGS] = {ctx[1]};
	struct pt_regs r;

	if (is_target() && !bpf_probe_read_kernel(&r, sizeof(r), (void *)ctx[0]))
		note(bpf_get_attach_cookie(ctx), args, r.orig_rax);
	return 0;
}

/* These two are called by a test run of who attaches. */
SEC("fentry/bpf_fentry_test1")
int on_fentry(__u64 *ctx)
{
	__u64 args[ARGS] = {ctx[0]};

	note(bpf_get_attach_cookie(ctx), args, -1);
	return 0;
}

SEC("fexit/bpf_fentry_test2")
int on_fexit(__u64 *ctx)
{
	__u64 args[ARGS] = {ctx[2]};

	note(bpf_get_attach_cookie(ctx), args, -1);
	return 0;
}

SEC("perf_event")
int on_sample(struct bpf_perf_event_data *ctx)
{
	__u64 args[ARGS] = {ctx->sample_period};

	if (is_target())
		note(bpf_get_attach_cookie(ctx), args, -1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
