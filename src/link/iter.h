/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_ITER_H
#define USERBPF_ITER_H
/*
 * iter.h - BPF iterators: targets (one file and one row in iter_targets.def each) and reading.
 *
 * Reading follows kernel bpf_seq_read: the program is called per object with {meta, object}; a
 * nonzero return value of the program or overflow of the buffer makes the object be shown again;
 * after the last one the program is called once more with a NULL object; EOF. Each open file has
 * its own position; several readers are independent.
 */
#include "base/seq_file.h"
#include "link/link.h"

struct bpf_iter_meta {		/* BTF-visible */
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

struct iter_aux; /* private to the target: what the link keeps */

#define ITER_RESCHED 1u /* objects stay valid while the program sleeps: sleepable programs allowed */

struct iter_target {
	const char *name;	/* "bpf_map": program attaches to BTF FUNC "bpf_iter_bpf_map" */
	u32 ctx_size;		/* bytes of the context struct: { meta; object... } */
	struct vfy_ctx_arg *ctx_args; /* btf_id filled by iter_targets_init(); btf stays NULL = vmlinux */
	u32 nr_ctx_args;
	const char *ctx_types[4]; /* struct names behind ctx_args' btf_id, looked up at start (index as ctx_args); NULL: no BTF type */
	u32 features;		/* ITER_* */
	/* Attach checks, e.g. the map of bpf_map_elem; *aux is kept in the link. May be NULL:
	 * nothing to check. */
	int (*attach)(const struct link_create_env *env, const union bpf_iter_link_info *info, struct bpf_prog *prog, struct iter_aux **aux);
	void (*detach)(struct iter_aux *aux);
	int (*fill_info)(const struct iter_aux *aux, struct bpf_link_info *info);
	/*
	 * One reading session: the position of one open file, which outlives a read(2). Calls are
	 * serialised; the link may go while a session lives. start: session state or ERR_PTR. show:
	 * fills ctx (object part) with the object at the position and keeps it alive; false at the
	 * end (then NULL objects are in ctx); the same object again when called again. next: moves
	 * on. pause: a read(2) ends, let go of the object (it may disappear; the next show then
	 * finds its successor). stop: end of the session.
	 */
	void *(*start)(struct obj_table *objs, const struct iter_aux *aux);
	bool (*show)(void *session, void *ctx);
	void (*next)(void *session);
	void (*pause)(void *session);
	void (*stop)(void *session);
};
/* Target whose program attaches to vmlinux FUNC @func ("bpf_iter_..."), or NULL. */
const struct iter_target *iter_target_by_func(const char *func);
void iter_targets_init(struct btf *vmlinux); /* resolves ctx_types; idempotent */

/* Every row of iter_targets.def, for completeness tests and listings; NULL at the end. */
const struct iter_target *iter_target_at(u32 i);

/*
 * An open iterator (ITER_CREATE or open of a pinned link): own position. Holds the program it was
 * opened with and what its target needs, not the link (as in the kernel: an iterator goes on after
 * its link is gone or has another program).
 */
struct iter_file;
struct iter_file *iter_open(struct bpf_link *link, struct obj_table *objs, const struct exec_host *host); /* -EINVAL: not an iter link */
/* As read(2) on a seq_file: up to @len bytes, 0 at EOF, -errno of the program (-E2BIG for an
 * object above the buffer limit ...). Calls serialised inside. */
ssize_t iter_read(struct iter_file *f, char *buf, size_t len);
void iter_close(struct iter_file *f);

#endif
