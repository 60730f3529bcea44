/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procs.c - which processes are in which group of a tree of our own.
 *
 * Nobody tells us of forks. So a process is where it was put, or where its nearest ancestor is that
 * was put somewhere, or in the root; and when a process is moved, those of its descendants that
 * have no place of their own get the one they had. What init adopted has lost its ancestors, and is
 * where init is.
 */
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>
#include "fs/cg.h"

struct member {
	struct list node;
	pid_t pid;
	u64 start; /* when it began: pids are used again */
	struct cg_id group;
};

struct proc {
	pid_t pid, parent;
	u64 start;
	uid_t uid;
	bool here; /* procs_each(): in the group that is asked for */
};

/* --- the machine's processes --- */

static int proc_read(pid_t pid, struct proc *p)
{
	char path[32], buf[512], *end;
	unsigned long long start;
	struct stat st;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return -ESRCH;
	n = fread(buf, 1, sizeof(buf) - 1, f);
	p->uid = fstat(fileno(f), &st) ? (uid_t)-1 : st.st_uid;
	fclose(f);
	buf[n] = '\0';
	end = strrchr(buf, ')'); /* a name may hold anything */
	p->pid = pid;
	if (!end || sscanf(end + 1,
			   " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			   "%*d %*d %llu",
			   &p->parent, &start) != 2)
		return -ESRCH;
	p->start = start;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	return ((const struct proc *)a)->pid - ((const struct proc *)b)->pid;
}

/* All of them, ascending; caller frees. */
static struct proc *proc_all(u32 *nr)
{
	DIR *d = opendir("/proc");
	struct proc *all = NULL, *more;
	struct dirent *e;
	u32 room = 0;
	pid_t pid;

	*nr = 0;
	while (d && (e = readdir(d))) {
		pid = atoi(e->d_name);
		if (pid <= 0)
			continue;
		if (*nr == room) {
			room = room ? room * 2 : 128;
			more = realloc(all, room * sizeof(*all));
			if (!more)
				break;
			all = more;
		}
		if (!proc_read(pid, &all[*nr]))
			++*nr;
	}
	if (d)
		closedir(d);
	if (*nr)
		qsort(all, *nr, sizeof(*all), by_pid);
	return all;
}

static const struct proc *proc_find(const struct proc *all, u32 nr, pid_t pid)
{
	struct proc key = {.pid = pid};

	return nr ? bsearch(&key, all, nr, sizeof(*all), by_pid) : NULL;
}

/* --- who was put where --- */

static struct member *member_find_locked(struct fs_cg *cg, const struct proc *p)
{
	struct member *m;

	list_for_each(m, &cg->members, node)
		if (m->pid == p->pid && m->start == p->start)
			return m;
	return NULL;
}

static void members_reap_locked(struct fs_cg *cg, const struct proc *all, u32 nr)
{
	struct member *m, *tmp;

	list_for_each_safe(m, tmp, &cg->members, node) {
		const struct proc *p = proc_find(all, nr, m->pid);

		if (p && p->start == m->start)
			continue;
		list_del(&m->node);
		free(m);
	}
}

/* NULL: in the root */
static struct member *place_locked(struct fs_cg *cg, const struct proc *all, u32 nr,
				   const struct proc *p)
{
	struct member *m;

	for (u32 depth = 0; p && depth < 1000; depth++) { /* a parent may have gone meanwhile */
		m = member_find_locked(cg, p);
		if (m)
			return m;
		p = p->parent ? proc_find(all, nr, p->parent) : NULL;
	}
	return NULL;
}

int procs_each(struct fs *fs, struct cg_id group, bool root, int (*cb)(void *arg, pid_t pid),
	       void *arg)
{
	struct proc *all;
	u32 nr;
	int ret = 0;

	all = proc_all(&nr);
	if (!all)
		return -ENOMEM;
	pthread_mutex_lock(&fs->lock);
	members_reap_locked(fs->cg, all, nr);
	for (u32 i = 0; i < nr; i++) {
		struct member *m = place_locked(fs->cg, all, nr, &all[i]);

		all[i].here = m ? cg_same(m->group, group) : root;
	}
	fs_unlock(fs);
	for (u32 i = 0; i < nr && !ret; i++)
		if (all[i].here)
			ret = cb(arg, all[i].pid);
	free(all);
	return ret < 0 ? ret : 0;
}

static int put_locked(struct fs_cg *cg, const struct proc *p, struct cg_id group)
{
	struct member *m = member_find_locked(cg, p);

	if (!m) {
		m = calloc(1, sizeof(*m));
		if (!m)
			return -ENOMEM;
		m->pid = p->pid;
		m->start = p->start;
		list_add_tail(&cg->members, &m->node);
	}
	m->group = group;
	return 0;
}

static bool below(const struct proc *all, u32 nr, const struct proc *p, pid_t ancestor)
{
	for (u32 depth = 0; p && depth < 1000; depth++) {
		if (p->parent == ancestor)
			return true;
		p = p->parent ? proc_find(all, nr, p->parent) : NULL;
	}
	return false;
}

/* Descendants stay where they are. */
static int keep_children_locked(struct fs_cg *cg, const struct proc *all, u32 nr, pid_t pid,
				struct cg_id root)
{
	int err = 0;

	for (u32 i = 0; i < nr && !err; i++) {
		struct member *m;

		if (member_find_locked(cg, &all[i]) || !below(all, nr, &all[i], pid))
			continue;
		m = place_locked(cg, all, nr, &all[i]);
		err = put_locked(cg, &all[i], m ? m->group : root);
	}
	return err;
}

int procs_move(struct fs *fs, const struct cred *c, pid_t pid, struct cg_id group)
{
	const struct proc *p;
	struct cg_id root;
	struct proc *all;
	struct stat st;
	u32 nr;
	int err;

	if (stat(fs->cg->base, &st))
		return -errno;
	root = (struct cg_id){st.st_dev, st.st_ino};
	all = proc_all(&nr);
	if (!all)
		return -ENOMEM;
	p = proc_find(all, nr, pid);
	err = !p ? -ESRCH : c && c->uid && c->uid != p->uid ? -EACCES : 0;
	pthread_mutex_lock(&fs->lock);
	if (!err)
		err = keep_children_locked(fs->cg, all, nr, pid, root);
	if (!err)
		err = put_locked(fs->cg, p, group);
	fs_unlock(fs);
	free(all);
	return err;
}

void procs_free(struct fs *fs)
{
	struct member *m, *tmp;

	list_for_each_safe(m, tmp, &fs->cg->members, node) {
		list_del(&m->node);
		free(m);
	}
}
