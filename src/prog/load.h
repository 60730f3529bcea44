/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PROG_LOAD_H
#define USERBPF_PROG_LOAD_H
/* load.h - shared by load.c, relo.c, target.c, ext.c and prog.c. Private to src/prog. */
#include "prog/prog.h"

#define INFO_REC_MAX 252 /* bytes of a func_info, line_info or core_relo record */

/* Kernel: check_attach_btf_id + bpf_check_attach_target. Fills aux->attach_func_*, ctx args and ops
 * of @v. 0 or errno; reason in @log. */
int prog_check_target(const struct prog_load_env *env, struct bpf_prog *prog, struct vfy_prog *v,
		      struct log *log);

/* May the program of @v take the place of @func in @btf? (ext.c; kernel: btf_check_type_match) */
int prog_check_ext(const struct vfy_prog *v, const struct btf *btf, const struct btf_type *func,
		   struct log *log);

/* What a kernel lets programs do at its function @func (hooks.c). */
bool hook_is_lsm(const char *func);
bool hook_lsm_disabled(const char *func);
bool hook_sleepable(enum bpf_prog_type type, const char *func);
bool hook_modifiable(const char *func);
bool hook_denied(const char *func);
bool hook_has_path(const char *func);   /* bpf_d_path is safe there */
bool hook_has_sockopt(const char *func); /* bpf_setsockopt is, of LSM_CGROUP programs */

/* Arguments of the iterator @func of another kernel, with prototype @proto in @btf: how many of @out
 * (FOREIGN_ITER_ARGS), 0: no iterator we know (foreign_iter.c). */
u32 foreign_iter_args(struct btf *btf, const char *func, const struct btf_type *proto,
		      struct vfy_ctx_arg *out);

/* Kernel: check_core_relo. Patches the instructions of @v; needs its BTF. */
int prog_apply_relos(const struct prog_load_env *env, const struct prog_load_req *req,
		     struct vfy_prog *v, struct log *log);

/* Fresh program object, one reference; NULL: no memory. */
struct bpf_prog *prog_alloc(void);
/* Takes the verified program over: insns, infos, maps, btfs, image. On failure @prog may be put as
 * it is. */
int prog_adopt(struct bpf_prog *prog, struct vfy_prog *v);
/* SHA-1 of the instructions with map fds zeroed */
int prog_calc_tag(const struct bpf_insn *insns, u32 len, u8 tag[BPF_TAG_SIZE]);

#endif
