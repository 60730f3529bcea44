/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PT_REGS_H
#define USERBPF_PT_REGS_H
/*
 * pt_regs.h - the registers a kprobe-like program gets, with the names kernel headers (not UAPI
 * ones) use: libbpf's PT_REGS_* macros expect those when a program is built with vmlinux.h. Layouts
 * are ABI.
 */
#if defined(__x86_64__)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx;
	unsigned long r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax;
	unsigned long ip, cs, flags, sp, ss;
};
typedef struct pt_regs bpf_user_pt_regs_t;
#elif defined(__aarch64__)
struct user_pt_regs {
	unsigned long long regs[31];
	unsigned long long sp, pc, pstate;
};
struct pt_regs {
	union {
		struct user_pt_regs user_regs;
		struct {
			unsigned long long regs[31];
			unsigned long long sp, pc, pstate;
		};
	};
	unsigned long long orig_x0;
	int syscallno;
	unsigned int unused2;
};
typedef struct user_pt_regs bpf_user_pt_regs_t;
#else
#error "struct pt_regs of this machine is missing here"
#endif

struct bpf_perf_event_data {
	bpf_user_pt_regs_t regs;
	unsigned long long sample_period, addr;
};

#endif
