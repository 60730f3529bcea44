/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Iterator target task_file: the open files of every process (or of one, as iter/task has it). A file
 * that is a handle of one of our objects shows it, which is how bpftool finds who uses what.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "helper/file.h"
#include "helper/proc_text.h"
#include "helper/task_view.h"
#include "link/file_types.h"
#include "link/iter_target.h"

#define TASKS (&iter_target_task)

static const struct file_symbol symbols[OBJ_KINDS] = {
	[OBJ_PROG] = {"bpf_prog_fops", 0xffffffff82000000ull},
	[OBJ_MAP] = {"bpf_map_fops", 0xffffffff82000100ull},
	[OBJ_LINK] = {"bpf_link_fops", 0xffffffff82000200ull},
	[OBJ_BTF] = {"btf_fops", 0xffffffff82000300ull},
};

const struct file_symbol *file_symbol_at(u32 kind)
{
	return kind < OBJ_KINDS && symbols[kind].name ? &symbols[kind] : NULL;
}

struct session {
	struct obj_table *objs;
	void *tasks; /* session of iter/task */
	struct bpf_iter__task task;
	u32 *fds, nr, room, at; /* of that task */
	bool listed, shown;
	struct obj *obj; /* referenced, behind the file */
	struct file_view file;
};

static void *start(struct obj_table *objs, const struct iter_aux *aux)
{
	struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return ERR_PTR(-ENOMEM);
	s->objs = objs;
	s->tasks = TASKS->start(objs, aux);
	if (!IS_ERR(s->tasks))
		return s;
	err = PTR_ERR(s->tasks);
	free(s);
	return ERR_PTR(err);
}

static void drop_file(struct session *s)
{
	obj_put(s->obj);
	s->obj = NULL;
	s->shown = false;
}

static void stop(void *session)
{
	struct session *s = session;

	drop_file(s);
	TASKS->stop(s->tasks);
	free(s->fds);
	free(s);
}

static void add_fd(struct session *s, u32 fd)
{
	u32 room = s->room ? 2 * s->room : 64, *more;

	if (s->nr == s->room) {
		more = realloc(s->fds, room * sizeof(*more));
		if (!more)
			return; /* those that are there are shown */
		s->fds = more;
		s->room = room;
	}
	s->fds[s->nr++] = fd;
}

/* Threads share their files: they are the leader's, unless one thread was asked for. */
static void list_fds(struct session *s)
{
	struct proc_dir dir;
	const char *name;
	char path[64];

	s->nr = s->at = 0;
	s->listed = true;
	if (!task_is_leader(s->task.task) && !iter_task_is_one(s->tasks))
		return;
	proc_path(path, task_number(s->task.task), "fd");
	if (proc_opendir(&dir, path))
		return;
	while ((name = proc_nextname(&dir)))
		if (*name >= '0' && *name <= '9')
			add_fd(s, (u32)proc_u64(name));
	proc_closedir(&dir);
}

static void show_object(struct session *s, int fd)
{
	struct obj *o = handle_lookup(s->objs, fd, NULL);
	const struct file_symbol *sym;

	if (IS_ERR(o))
		return;
	s->obj = o;
	sym = file_symbol_at(o->class->kind);
	if (!sym)
		return;
	s->file.file.f_op = (const void *)(uintptr_t)sym->addr;
	s->file.file.private_data = o->class->kind == OBJ_PROG	 ? (void *)obj_to_prog(o)
				    : o->class->kind == OBJ_MAP	 ? (void *)&obj_to_map(o)->map
				    : o->class->kind == OBJ_LINK ? (void *)obj_to_link(o)
								 : container_of(o, struct btf, obj);
}

/* False: closed meanwhile, or not ours to see. */
static bool open_file(struct session *s)
{
	char path[64];
	struct statx st;
	ssize_t n;
	int fd;

	proc_path(path, task_number(s->task.task), "fd/");
	proc_put_number(path + strlen(path), s->fds[s->at]);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return false;
	/* What the machine knows: the server of the file system may be stuck, or be ourselves. */
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st))
		memset(&st, 0, sizeof(st));
	s->file.file = (struct file){};
	s->file.inode = (struct inode){.i_mode = (unsigned short)st.stx_mode,
				       .i_uid = st.stx_uid,
				       .i_gid = st.stx_gid,
				       .i_ino = st.stx_ino,
				       .i_size = st.stx_size};
	s->file.sb.s_dev = st.stx_dev_major << 20 | st.stx_dev_minor;
	n = readlink(path, s->file.path, sizeof(s->file.path) - 1);
	s->file.path[max(n, (ssize_t)0)] = '\0';
	file_view_init(&s->file);
	show_object(s, fd);
	close(fd);
	return s->shown = true;
}

static bool find(struct session *s)
{
	while (TASKS->show(s->tasks, &s->task)) {
		if (!s->listed)
			list_fds(s);
		for (; s->at < s->nr; s->at++)
			if (s->shown || open_file(s))
				return true;
		s->listed = false;
		TASKS->next(s->tasks);
	}
	return false;
}

static bool show(void *session, void *ctx)
{
	struct bpf_iter__task_file *c = ctx;
	struct session *s = session;
	bool found = find(s);

	c->task = found ? s->task.task : NULL;
	c->fd = found ? s->fds[s->at] : 0;
	c->file = found ? &s->file.file : NULL;
	return found;
}

static void next(void *session)
{
	struct session *s = session;

	drop_file(s);
	s->at++;
}

static void pause_(void *session)
{
	drop_file(session);
	TASKS->pause(((struct session *)session)->tasks);
}

static int attach(const struct link_create_env *env, const union bpf_iter_link_info *info,
		  struct bpf_prog *prog, struct iter_aux **aux)
{
	return TASKS->attach(env, info, prog, aux);
}

static void detach(struct iter_aux *aux)
{
	TASKS->detach(aux);
}

static int fill_info(const struct iter_aux *aux, struct bpf_link_info *info)
{
	return TASKS->fill_info(aux, info);
}

static struct vfy_ctx_arg args[] = {
	{.offset = offsetof(struct bpf_iter__task_file, task),
	 .reg_type = PTR_TO_BTF_ID | PTR_MAYBE_NULL},
	{.offset = offsetof(struct bpf_iter__task_file, file),
	 .reg_type = PTR_TO_BTF_ID | PTR_MAYBE_NULL},
};

const struct iter_target iter_target_task_file = {
	.name = "task_file",
	.ctx_size = sizeof(struct bpf_iter__task_file),
	.ctx_args = args,
	.nr_ctx_args = ARRAY_SIZE(args),
	.ctx_types = {"task_struct", "file"},
	.features = ITER_RESCHED,
	.attach = attach,
	.detach = detach,
	.fill_info = fill_info,
	.start = start,
	.show = show,
	.next = next,
	.pause = pause_,
	.stop = stop,
};
