/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_GEN_LOADER_H
#define USERBPF_GEN_LOADER_H
/*
 * loader.h - a trace as one program and one map (DESIGN D11; seed 002). Control side.
 *
 * The program is of type SYSCALL; its context and its use of the map are those of libbpf's loaders
 * (struct bpf_loader_ctx, bpf_map_desc, bpf_prog_desc of <bpf/skel_internal.h>): maps first, then programs, then links (which
 * libbpf's do not have). It repeats the calls until one fails, leaves their results in the map's value (layout.h), closes what it
 * does not hand over, and hands over the rest in the context, after an error too: whoever runs a loader closes what is there. Which
 * call failed and why the runner reads from the map; what the program returns is negative then, and no more.
 *
 * What the caller says there (log level and buffer, max_entries, initial values) the runner puts into the map's value before it
 * makes the map: struct gen_patch says where. Instructions for it would have to be verified at every load.
 */
#include "base/log.h"
#include "gen/trace.h"

/* Fields of the context; layout is libbpf's ABI with its loaders. */
struct gen_loader_ctx {
	u32 sz;
	u32 flags;
	u32 log_level;
	u32 log_size;
	u64 log_buf;
};
struct gen_map_desc {
	s32 fd;
	u32 max_entries;
	u64 initial_value;
};

struct gen_desc {
	enum gen_obj_kind kind;
	u32 slot;		/* in the trace */
	u32 ctx_off;		/* of its bpf_map_desc, bpf_prog_desc or fd in the context */
	u32 max_entries;	/* maps: as recorded; what a context with 0 gets */
	u32 value_off, value_sz; /* maps of variables: the initial value in the loader's data */
};

/* Something of the context that belongs into the map's value, unless it is 0. The layout is struct userbpf_patch's of lskel_rt.h. */
struct gen_patch {
	u32 to;	      /* in the value */
	u32 from;     /* in the context */
	u32 len;
	u32 indirect; /* 0: 4 or 8 bytes from there; 1: @len bytes from the address there */
};

/*
 * The same calls without the program, as a light skeleton makes them: the value in memory of the process, addresses and fds stored where calls want them. Layouts are
 * struct userbpf_call's of lskel_rt.h. The kernel has not to verify anything then; only names need the program.
 */
struct gen_replay_call {
	u32 cmd;
	u32 attr, size;	      /* in the value */
	u32 result;	      /* of it the fd */
	u32 ctx;	      /* where its fd goes in the context; 0: closed at the end */
	u32 nr_fds, nr_types; /* places in the value, the next of the list: for its fd, and those that are 0 when it is refused */
	u32 flags;	      /* GEN_REPLAY_* */
};
#define GEN_REPLAY_FD 1u       /* it yields an fd */
#define GEN_REPLAY_MAY_FAIL 2u /* its error is none */

struct gen_replay {
	struct gen_replay_call *calls; /* NULL: there are names */
	u32 nr_calls;
	u32 *places; /* first two for each address: of what, and where it goes; then those of the calls */
	u32 nr_places, nr_pointers;
};

struct gen_loader {
	struct bpf_insn *insns;
	u32 insn_cnt;
	void *data;		/* the map's only value */
	u32 data_sz;
	u32 ctx_sz;
	struct gen_desc *descs;	/* exported objects in the order of the context */
	u32 nr_descs;
	struct gen_patch *patches;
	u32 nr_patches;
	struct gen_replay replay; /* of one that was built */
	char **steps;		/* what each result is about, "map counters" */
	u32 nr_steps;
	u32 needs;		/* GEN_NEEDS_* */
	struct gen_trace *trace; /* names, sections, BTF; borrowed when built, owned when read from a file */
	bool owns_trace;
};

/* What the kernel that runs the loader must have. */
#define GEN_NEEDS_CORE_RELOS 1u	/* 5.17 */
#define GEN_NEEDS_FD_ARRAY_CNT 2u /* 6.14 */
#define GEN_NEEDS_LINKS 4u	/* 5.18 */
#define GEN_NEEDS_KSYMS 8u	/* 5.16 */
#define GEN_NEEDS_DELETE 16u	/* 6.0 */

int gen_loader_build(struct gen_trace *t, struct gen_loader **out, struct log *log);
void gen_loader_free(struct gen_loader *l);
/* The Linux version a loader needs, and for what: for clear errors on older ones. */
struct gen_need {
	u32 bit; /* GEN_NEEDS_*, 0: none of them */
	u8 major, minor;
	const char *what;
};
const struct gen_need *gen_loader_needs(const struct gen_loader *l);

/* A loader in a file (x.loader): magic, version, sections; all little or big endian as its header says. */
int gen_loader_write(const struct gen_loader *l, int fd);
int gen_loader_read(int fd, struct gen_loader **out, struct log *log);

/*
 * Runs one through @bpf (bpf(2) or sys_bpf): creates the map and the program, test-runs it with @ctx (ctx_sz bytes, filled by the
 * caller as the skeleton does; fds are left there when all went well). 0 or negative errno of the call that failed; then
 * @failed, unless NULL, is what that was about, or NULL when it was the loader itself.
 * LINUX_KERNEL_VERSION of the object is that of this machine unless the context has a value.
 */
typedef int (*gen_bpf_fn)(int cmd, union bpf_attr *attr, u32 size);
int gen_loader_run(const struct gen_loader *l, gen_bpf_fn bpf, void *ctx, const char **failed);
/*
 * An empty context (ctx_sz bytes, zeroed by the caller) of this machine: its size, and max_entries of maps
 * that depend on the machine (ring buffers: pages; perf event arrays: CPUs).
 */
void gen_loader_ctx(const struct gen_loader *l, void *ctx);

#endif
