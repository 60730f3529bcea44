/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_VIEW_H
#define USERBPF_LINK_VIEW_H
/*
 * view.h - views: programs that write the content of a file about one object. include/userbpf/view.h
 * tells users; targets are rows of view_targets.def.
 *
 * A program runs once for each reading of a file, from its start to its end, with {seq_file,
 * object}; what it writes may be of any size up to VIEW_MAX. Reading at offset 0 again runs it again.
 * A program that returns nonzero wants to be asked again: what it wrote is dropped and the reader gets
 * -EAGAIN, as of an iterator.
 *
 * What is written to such files goes to the program of a view_write link: one that names the view
 * (target_fd), of which a view has at most one, or one that is the file by itself, which then cannot be
 * read.
 *
 * Whoever polls a view hears of programs that call bpf_view_changed() with its group (view_events).
 */
#include "base/seq_file.h"
#include "link/link.h"
#include "link/view_types.h"

#define VIEW_MAX (64u << 20)
/* Texts of this size and more are counted, since an open file may hold one for as long as its reader likes: all
 * readers together get this much, and then -ENOMEM. */
#define VIEW_COUNTED (64u << 10)
#define VIEW_HELD_MAX (256u << 20)
#define VIEW_WRITE_MAX 4096u /* bytes of one write(2) */
#define VIEW_ARGS_MAX 3u

struct view_link; /* view_link.h */

struct view_target {
	const char *name;	/* "cgroup": the program attaches to BTF FUNC "bpf_view_cgroup" */
	const char *type;	/* struct behind the second argument */
	u32 attach_type;	/* BPF_TRACE_VIEW: the first is a seq_file. BPF_TRACE_VIEW_WRITE: a view_write, the third its data */
	bool by_place;		/* the place of the file names the object; target_fd may be 0 */
	/* What LINK_CREATE's target_fd names: *subject is kept in the link. NULL: nothing. */
	int (*attach)(const struct link_create_env *env, int fd, void **subject);
	void (*detach)(void *subject);
	/* The link is made, and goes: before detach(). May be NULL. */
	int (*tie)(void *subject, struct view_link *l);
	void (*untie)(void *subject, struct view_link *l);
	/* The object that @subject is, good until put(); ERR_PTR when it is no more. Both may be NULL:
	 * the subject is the object. */
	void *(*get)(void *subject);
	void (*put)(void *object);
	void (*fill_info)(const void *subject, struct bpf_link_info *info); /* may be NULL */
};

/* Arguments of programs of @attach_type for vmlinux FUNC @func ("bpf_view_..."); NULL: no such target. */
const struct vfy_ctx_arg *view_target_args(u32 attach_type, const char *func, u32 *nr);
void view_targets_init(struct btf *vmlinux); /* looks types up; idempotent */
const struct view_target *view_target_at(u32 i); /* every one; NULL at the end */

/* The target of a link of this kind; NULL: of another kind. */
const struct view_target *view_link_target(struct bpf_link *link);

/*
 * One reader: own position; holds the program the link had at that time and, unless the place
 * names the object, the link. @object is borrowed, what the place names (a group, whose events it
 * hears of), or NULL.
 */
struct view_file;
struct view_events; /* view_events.h */
struct view_env { /* of a service; NULL members: none */
	struct view_events *events;
	u64 *held; /* atomic: bytes of counted texts */
	const struct exec_host *host;
};
struct view_file *view_open(struct bpf_link *link, void *object, const struct view_env *env); /* ERR_PTR; @env is copied */
/* As pread(2); calls serialised inside. */
ssize_t view_read(struct view_file *f, char *buf, size_t len, u64 off);
u32 view_poll(struct view_file *f, void (*wake)(void *arg), void *arg); /* EPOLL*; @wake until the file is closed */
void view_close(struct view_file *f);

/* The program that takes what is written to files of @link, referenced; NULL: there is none. */
struct bpf_prog *view_writer(struct bpf_link *link);
/* One write(2) to a file of @link by @by (NULL: the service itself): bytes taken, or negative errno, the program's too. */
ssize_t view_write(struct bpf_link *link, void *object, const struct exec_host *host, const struct cred *by, const char *buf, size_t len);

#endif
