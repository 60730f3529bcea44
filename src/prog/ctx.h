/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PROG_CTX_H
#define USERBPF_PROG_CTX_H
/*
 * ctx.h - describing contexts by tables: one row per field of the UAPI struct. Private to src/prog.
 *
 * A row says where the field lies, how it may be accessed, what the loaded register becomes, and
 * where the value really is (struct of exec/context.h). A type picks its rows and adds rules of its
 * own (attach type, capabilities) in code.
 */
#include "exec/context.h"
#include "prog/prog.h"

#define CTX_W	  0x01u /* programs may write it */
#define CTX_EXACT 0x02u /* only accesses of the whole field */
#define CTX_BYTES 0x04u /* any aligned piece may be read or written (cb) */

struct ctx_field {
	u16 off, size;		 /* in the UAPI struct */
	u16 kern_off, kern_size; /* in our struct; kern_size 0: same struct */
	u32 flags;
	u32 reg_type; /* 0: a number */
};

/* First row that contains byte @off, or NULL. */
const struct ctx_field *ctx_field_at(const struct ctx_field *t, u32 n, int off);
/* The common rules of a row: alignment, size, direction, narrow loads; fills @info. */
bool ctx_field_access(const struct ctx_field *f, int off, int size, enum bpf_access_type type,
		      const struct vfy_prog *prog, struct insn_access_aux *info);
/* One load or store of the row's place; kernel: convert_ctx_access */
u32 ctx_field_convert(const struct ctx_field *f, enum bpf_access_type type,
		      const struct bpf_insn *si, struct bpf_insn *buf, u32 *target_size);

/* helper sets of a type: prog_type.helper_groups with the credential's part */
const struct helper_proto *prog_helper(u32 id, const struct vfy_prog *prog);
bool prog_helper_allowed(u32 id, const struct vfy_prog *prog);

extern const struct vfy_type_ops socket_filter_ops, sched_cls_ops, sched_act_ops, cgroup_skb_ops,
	lwt_in_ops, lwt_out_ops, lwt_xmit_ops, lwt_seg6local_ops, sk_skb_ops, flow_dissector_ops,
	xdp_ops, kprobe_ops, tracepoint_ops, raw_tracepoint_ops, raw_tracepoint_writable_ops,
	perf_event_ops, tracing_ops, lsm_ops, struct_ops_ops, ext_ops, syscall_ops, cgroup_sock_ops,
	cgroup_sock_addr_ops, sock_ops_ops, sk_msg_ops, sk_lookup_ops, sk_reuseport_ops,
	cgroup_device_ops, cgroup_sysctl_ops, cgroup_sockopt_ops, lirc_mode2_ops;

#endif
