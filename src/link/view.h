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
 */
#include "base/seq_file.h"
#include "link/link.h"

#define VIEW_MAX (64u << 20)
#define VIEW_ARGS 2u

struct view_link;

struct view_target {
	const char *name;	/* "cgroup": the program attaches to BTF FUNC "bpf_view_cgroup" */
	const char *type;	/* struct behind the second argument; the first is a seq_file */
	/*
	 * What LINK_CREATE's target_fd (not 0) names: *subject is kept in the link. NULL: nothing, it is
	 * the place of the file that says what is shown.
	 */
	int (*attach)(const struct link_create_env *env, int fd, void **subject);
	void (*detach)(void *subject);
	/* The object that @subject is, good until put(); ERR_PTR when it is no more. Both may be NULL:
	 * the subject is the object. */
	void *(*get)(void *subject);
	void (*put)(void *object);
	void (*fill_info)(const void *subject, struct bpf_link_info *info); /* may be NULL */
};

/* Arguments of programs for vmlinux FUNC @func ("bpf_view_..."); NULL: no such target. */
const struct vfy_ctx_arg *view_target_args(const char *func, u32 *nr);
void view_targets_init(struct btf *vmlinux); /* looks types up; idempotent */
const struct view_target *view_target_at(u32 i); /* every one; NULL at the end */

/* The target of a link of this kind; NULL: of another kind. */
const struct view_target *view_link_target(struct bpf_link *link);
bool view_by_place(const struct view_target *t); /* the place of the file names the object */

/*
 * One reader: own position; holds the program the link had at that time and, unless the place
 * names the object, the link. @object is borrowed, what the place names, or NULL.
 */
struct view_file;
struct view_file *view_open(struct bpf_link *link, void *object, const struct exec_host *host); /* ERR_PTR */
/* As pread(2); calls serialised inside. */
ssize_t view_read(struct view_file *f, char *buf, size_t len, u64 off);
void view_close(struct view_file *f);

#endif
