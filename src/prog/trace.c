/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.c - tracing program types, and the ones whose context is described by BTF. No conversion:
 * registers, tracepoint records, argument arrays and the buffer of a syscall program are what the
 * program sees.
 */
#include <sys/ptrace.h>
#include "prog/ctx.h"

#define PERF_MAX_TRACE_SIZE 8192
#define MAX_FUNC_ARGS	    12

#if defined(__x86_64__)
#define PT_REGS_SIZE 168 /* 21 registers, asm/ptrace.h */
#elif defined(__aarch64__)
#define PT_REGS_SIZE 272 /* struct user_pt_regs */
#else
#define PT_REGS_SIZE (32 * 8)
#endif

static bool kprobe_access(int off, int size, enum bpf_access_type type, const struct vfy_prog *prog,
			  struct insn_access_aux *info)
{
	return off >= 0 && type == BPF_READ && off % size == 0 && off + size <= PT_REGS_SIZE;
}

/* the first eight bytes of a record are the kernel's own */
static bool tracepoint_access(int off, int size, enum bpf_access_type type,
			      const struct vfy_prog *prog, struct insn_access_aux *info)
{
	return off >= 8 && off < PERF_MAX_TRACE_SIZE && type == BPF_READ && off % size == 0;
}

/* struct bpf_perf_event_data: registers, then sample_period and addr */
#define PE_PERIOD PT_REGS_SIZE
#define PE_SIZE	  (PT_REGS_SIZE + 16)
static bool perf_event_access(int off, int size, enum bpf_access_type type,
			      const struct vfy_prog *prog, struct insn_access_aux *info)
{
	if (off < 0 || off >= PE_SIZE || type != BPF_READ || off % size)
		return false;
	if (off < PE_PERIOD)
		return size == sizeof(long);
	info->ctx_field_size = 8;
	return true;
}

static bool args_access(int off, int size, enum bpf_access_type type)
{
	return off >= 0 && off < MAX_FUNC_ARGS * 8 && type == BPF_READ && off % size == 0;
}

static bool raw_tracepoint_access(int off, int size, enum bpf_access_type type,
				  const struct vfy_prog *prog, struct insn_access_aux *info)
{
	return args_access(off, size, type);
}

static bool raw_tracepoint_writable_access(int off, int size, enum bpf_access_type type,
					   const struct vfy_prog *prog,
					   struct insn_access_aux *info)
{
	if (off == 0) {
		if (size != 8 || type != BPF_READ)
			return false;
		info->reg_type = PTR_TO_TP_BUFFER;
	}
	return args_access(off, size, type);
}

static bool btf_args_access(int off, int size, enum bpf_access_type type,
			    const struct vfy_prog *prog, struct insn_access_aux *info)
{
	return args_access(off, size, type) && vfy_btf_ctx_access(off, size, type, prog, info);
}

static bool syscall_access(int off, int size, enum bpf_access_type type,
			   const struct vfy_prog *prog, struct insn_access_aux *info)
{
	return off >= 0 && off < 0xffff && off % size == 0;
}

/* An extension gets its target's table; this one stands for "no target" and allows nothing. */
static bool ext_access(int off, int size, enum bpf_access_type type, const struct vfy_prog *prog,
		       struct insn_access_aux *info)
{
	return false;
}

static bool lirc_mode2_access(int off, int size, enum bpf_access_type type,
			      const struct vfy_prog *prog, struct insn_access_aux *info)
{
	return type == BPF_READ && off == 0 && size == 4;
}

#define tracing_access	  btf_args_access
#define lsm_access	  btf_args_access
#define struct_ops_access btf_args_access
#define OPS(name, ...)                           \
	const struct vfy_type_ops name##_ops = { \
		.helper = prog_helper, .is_valid_access = name##_access, __VA_ARGS__};
OPS(kprobe)
OPS(tracepoint)
OPS(perf_event)
OPS(raw_tracepoint)
OPS(raw_tracepoint_writable)
OPS(tracing, .btf_ctx = true, .helper_allowed = prog_helper_allowed)
OPS(lsm, .btf_ctx = true, .helper_allowed = prog_helper_allowed)
OPS(syscall, .helper_allowed = prog_helper_allowed)
OPS(ext)
OPS(lirc_mode2)

const struct vfy_type_ops struct_ops_ops = {
	.helper = prog_helper, .is_valid_access = struct_ops_access, .btf_ctx = true};
