/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_H
#define USERBPF_LINK_H
/*
 * link.h - attachments as objects. A kind is a file exporting one const struct bpf_link_ops.
 * Control side.
 *
 * A link holds a reference to its program, and what its kind needs. The last reference detaches.
 * Fields with kernel names are visible through BTF.
 */
#include <pthread.h>
#include "obj/cred.h"
#include "obj/obj.h"
#include "prog/map_obj.h"
#include "prog/prog.h"

struct bpf_link;
struct inode_file_ops;
struct hooks;
struct probes;
struct perf_events;
struct perf_event_obj;

struct bpf_link_ops {
	const char *name; /* as bpftool prints it: "iter" ... */
	/* last reference gone: undo the attachment and free kind memory (not the link itself);
	 * may block */
	void (*release)(struct bpf_link *link);
	void (*dealloc)(struct bpf_link *link); /* after the grace period: free the containing struct */
	int (*detach)(struct bpf_link *link);	/* BPF_LINK_DETACH; NULL: -EOPNOTSUPP */
	/* BPF_LINK_UPDATE; takes over a reference of @new_prog on success; NULL: -EINVAL */
	int (*update_prog)(struct bpf_link *link, struct bpf_prog *new_prog, struct bpf_prog *old_prog);
	/*
	 * Kind's part of bpf_link_info; 0 or errno. Strings go to user buffers through @str_out,
	 * which copies exactly @cap bytes of @s (the NUL is among them) to @uaddr; the kind has
	 * already cut the string and decided on -ENOSPC. @info is part of a union link_info
	 * (link_info_long()).
	 */
	int (*fill_info)(const struct bpf_link *link, struct bpf_link_info *info, int (*str_out)(void *arg, u64 uaddr, const char *s, u32 cap), void *arg);
};

struct bpf_link {
	u32 id;
	enum bpf_link_type type;
	const struct bpf_link_ops *ops;
	struct bpf_prog *prog;
	/* private */
	struct obj obj;
	pthread_mutex_t lock; /* prog replacement */
};

static inline struct bpf_link_info_long *link_info_long(struct bpf_link_info *info) { return &container_of(info, union link_info, info)->more; }

extern const struct obj_class link_class;
static inline struct bpf_link *obj_to_link(struct obj *o) { return o ? container_of(o, struct bpf_link, obj) : NULL; }
void link_init(struct bpf_link *l, enum bpf_link_type type, const struct bpf_link_ops *ops, struct bpf_prog *prog); /* takes over prog's reference */

/* What LINK_CREATE needs from around it. */
struct link_create_env {
	const struct cred *cred;
	struct obj_table *objs;
	struct hooks *hooks; /* hook.h; NULL: none */
	struct probes *probes; /* probe.h; NULL: none */
	struct btf *vmlinux;
	struct perf_event_obj *(*event_by_fd)(void *arg, int fd); /* referenced or ERR_PTR */
	/* copies of what kprobe_multi and uprobe_multi point to: 0 or -EFAULT; NUL-terminated text of at
	 * most @size - 1 bytes: its length or -EFAULT */
	int (*copy_in)(void *arg, void *dst, u64 uaddr, u64 len);
	int (*copy_str)(void *arg, char *dst, u64 uaddr, u32 size);
	/* the file at a path of the caller's: O_PATH fd, borrowed, and the path's text (4096 bytes); errno of the walk */
	int (*open_path)(void *arg, u64 uaddr, char *text);
	struct bpf_map *(*map_by_fd)(void *arg, int fd); /* referenced (obj_get on map_obj) or ERR_PTR */
	struct bpf_link *(*link_by_fd)(void *arg, int fd); /* the same */
	int (*fd)(void *arg, int fd); /* the caller's fd as one of ours, borrowed; -EBADF */
	void *arg;
};
/*
 * @iter_info: copy of client memory, whose unknown tail the caller has checked; NULL when there is none or it could not be read. Takes a reference of
 * @prog of its own. One reference, unpublished; ERR_PTR with the kernel's errno.
 */
struct bpf_link *link_create(const struct link_create_env *env, const union bpf_attr *attr, struct bpf_prog *prog,
			     const union bpf_iter_link_info *iter_info);
/* RAW_TRACEPOINT_OPEN: at the tracepoint @name; or, without one, where @prog was loaded for. */
struct bpf_link *link_create_raw(const struct link_create_env *env, const char *name, struct bpf_prog *prog, u64 cookie);
const char *raw_tp_link_name(const struct bpf_link *link); /* NULL: another kind */

#endif
