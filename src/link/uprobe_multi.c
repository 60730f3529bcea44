/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_LINK_TYPE_UPROBE_MULTI (Linux 6.6): one program at many places of one file, each with a cookie and
 * a semaphore of its own. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "link/link_kind.h"

#define PLACES_MAX (1u << 20)
#define RETURNS	   1u /* BPF_F_UPROBE_MULTI_RETURN */
#define PATH_ROOM  4096

struct uprobes_link {
	struct bpf_link link;
	struct probes *probes;
	u64 first;
	u32 nr, flags;
	pid_t pid;
	char *path;
	struct probe_spec *specs;
};

static struct uprobes_link *uprobes_link_of(const struct bpf_link *l)
{
	return container_of(l, struct uprobes_link, link);
}

static void release(struct bpf_link *link)
{
	struct uprobes_link *l = uprobes_link_of(link);

	probes_del(l->probes, l->first, l->nr);
}

static void uprobes_free(struct uprobes_link *l)
{
	free(l->specs);
	free(l->path);
	free(l);
}

static void dealloc(struct bpf_link *link)
{
	uprobes_free(uprobes_link_of(link));
}

/* --- info, as Linux 6.8 began to tell --- */

struct out {
	int (*str_out)(void *, u64, const char *, u32);
	void *arg;
};

static u64 offset_of(const struct probe_spec *s)
{
	return s->point.offset;
}
static u64 ref_ctr_of(const struct probe_spec *s)
{
	return s->point.ref_ctr_offset;
}
static u64 cookie_of(const struct probe_spec *s)
{
	return s->cookie;
}

static int put_array(const struct uprobes_link *l, u64 uaddr, u32 n,
		     u64 (*get)(const struct probe_spec *), const struct out *o)
{
	for (u32 i = 0; uaddr && i < n; i++) {
		u64 v = get(&l->specs[i]);

		if (link_put_bytes(&v, sizeof(v), uaddr + i * sizeof(v), o->str_out, o->arg))
			return -EFAULT;
	}
	return 0;
}

static int fill_info(const struct bpf_link *link, struct bpf_link_info *info,
		     int (*str_out)(void *, u64, const char *, u32), void *arg)
{
	struct bpf_link_info_long *to = link_info_long(info);
	const struct uprobes_link *l = uprobes_link_of(link);
	u32 room = to->uprobe_multi.count, n = min(room, l->nr), need = strlen(l->path) + 1;
	const struct out o = {str_out, arg};

	if (!to->uprobe_multi.path != !to->uprobe_multi.path_size ||
	    (!room && (to->uprobe_multi.offsets || to->uprobe_multi.ref_ctr_offsets ||
		       to->uprobe_multi.cookies)))
		return -EINVAL;
	to->uprobe_multi.count = l->nr;
	to->uprobe_multi.flags = l->flags;
	to->uprobe_multi.pid = l->pid;
	if (to->uprobe_multi.path && to->uprobe_multi.path_size < need)
		return -ENAMETOOLONG;
	if (to->uprobe_multi.path && str_out(arg, to->uprobe_multi.path, l->path, need))
		return -EFAULT;
	to->uprobe_multi.path_size = need;
	if (put_array(l, to->uprobe_multi.offsets, n, offset_of, &o) ||
	    put_array(l, to->uprobe_multi.ref_ctr_offsets, n, ref_ctr_of, &o) ||
	    put_array(l, to->uprobe_multi.cookies, n, cookie_of, &o))
		return -EFAULT;
	return room && room < l->nr ? -ENOSPC : 0;
}

static const struct bpf_link_ops uprobes_link_ops = {
	.name = "uprobe_multi", .release = release, .dealloc = dealloc, .fill_info = fill_info};

/* --- which places --- */

static int read_u64(const struct link_create_env *env, u64 array, u32 i, u64 *to)
{
	return array ? env->copy_in(env->arg, to, array + i * sizeof(*to), sizeof(*to)) : 0;
}

static int read_places(const struct link_create_env *env, const struct link_create_uprobe_multi *m,
		       struct uprobes_link *l, const struct probe_point *at)
{
	for (u32 i = 0; i < l->nr; i++) {
		struct probe_spec *s = &l->specs[i];

		s->point = *at;
		if (read_u64(env, m->offsets, i, &s->point.offset) ||
		    read_u64(env, m->ref_ctr_offsets, i, &s->point.ref_ctr_offset) ||
		    read_u64(env, m->cookies, i, &s->cookie))
			return -EFAULT;
	}
	return 0;
}

/* An fd that can be read, of what the client's walk found. */
static int reopen(int fd)
{
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (ret < 0)
		ret = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return ret < 0 ? -errno : ret;
}

static int find_file(const struct link_create_env *env, const struct link_create_uprobe_multi *m,
		     struct uprobes_link *l, struct probe_point *at)
{
	struct stat st;
	int fd;

	l->path = calloc(1, PATH_ROOM);
	if (!l->path)
		return -ENOMEM;
	fd = env->open_path(env->arg, m->path, l->path);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADF;
	*at = (struct probe_point){.kind = m->flags & RETURNS ? PROBE_URETPROBE : PROBE_UPROBE,
				   .pid = l->pid,
				   .file = reopen(fd),
				   .dev = st.st_dev,
				   .ino = st.st_ino,
				   .path = l->path,
				   .nr = -1,
				   .cpu = -1};
	return min(at->file, 0);
}

static int attach(const struct link_create_env *env, const struct link_create_uprobe_multi *m,
		  struct uprobes_link *l)
{
	struct probe_point at = {.file = -1};
	int err = l->specs ? find_file(env, m, l, &at) : -ENOMEM;

	if (!err && m->pid && kill((pid_t)m->pid, 0) && errno == ESRCH)
		err = -ESRCH;
	if (!err)
		err = read_places(env, m, l, &at);
	if (!err)
		err = probes_add(l->probes, l->specs, l->nr, l->link.prog, &l->first);
	if (at.file >= 0)
		close(at.file);
	return err;
}

static int check(const struct link_create_uprobe_multi *m, const struct bpf_prog *prog)
{
	if (prog->expected_attach_type != BPF_TRACE_UPROBE_MULTI_NR || prog->kprobe_override ||
	    m->flags & ~RETURNS || !m->path || !m->offsets || !m->cnt)
		return -EINVAL;
	return m->cnt > PLACES_MAX ? -E2BIG : 0;
}

struct bpf_link *uprobe_multi_link_create(const struct link_create_env *env,
					  const union bpf_attr *attr, struct bpf_prog *prog)
{
	struct link_create_uprobe_multi m;
	struct uprobes_link *l;
	int err;

	memcpy(&m, (const char *)attr + BPF_ATTR_LINK_KIND, sizeof(m));
	err = check(&m, prog);
	if (err)
		return ERR_PTR(err);
	l = calloc(1, sizeof(*l));
	if (!l)
		return ERR_PTR(-ENOMEM);
	l->nr = m.cnt;
	l->flags = m.flags;
	l->pid = (pid_t)m.pid;
	l->probes = env->probes;
	l->specs = calloc(l->nr, sizeof(*l->specs));
	obj_get(&prog->obj);
	link_init(&l->link, (enum bpf_link_type)BPF_LINK_TYPE_UPROBE_MULTI_NR, &uprobes_link_ops,
		  prog);
	err = attach(env, &m, l);
	if (!err)
		return &l->link;
	link_discard(&l->link);
	uprobes_free(l);
	return ERR_PTR(err);
}
