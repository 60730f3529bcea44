/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * expose.c - entries in groups: objects shown outside of the bpffs they are pinned in.
 *
 * An entry holds no reference of its object. It watches the object's pin; when that ends the entry
 * does, and from the moment the pin is gone (under one lock) nobody finds the entry any more.
 *
 * References of an entry: one while it hangs in its group, one of the registered watch, one of each
 * inode that shows it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "fs/cg.h"

static u32 id_hash(struct cg_id id)
{
	return fs_hash_ino(id.ino ^ (u64)id.dev << 40);
}

#define GROUP_HASH(g)  id_hash((g)->id)
#define EXPOSE_HASH(e) ((e)->hash)

static u32 name_hash(struct cg_id id, const char *name)
{
	return fs_hash_name(id.ino ^ (u64)id.dev << 40, name);
}

void expose_get_locked(struct fs_expose *e)
{
	e->refs++;
}

void expose_put_locked(struct fs_expose *e)
{
	if (--e->refs)
		return;
	fs_inode_put_locked(e->pin, 1);
	free(e);
}

static void expose_put(struct fs_expose *e)
{
	struct fs *fs = e->fs;

	pthread_mutex_lock(&fs->lock);
	expose_put_locked(e);
	fs_unlock(fs);
}

bool expose_alive_locked(const struct fs_expose *e)
{
	return e->group && e->pin->obj;
}

bool expose_is_at(struct fs_expose *e, struct cg_id group)
{
	bool is;

	pthread_mutex_lock(&e->fs->lock);
	is = !e->group || cg_same(e->group->id, group);
	fs_unlock(e->fs);
	return is;
}

struct obj *expose_obj(struct fs_expose *e)
{
	struct obj *o = NULL;

	pthread_mutex_lock(&e->fs->lock);
	if (expose_alive_locked(e))
		o = obj_get(e->pin->obj);
	fs_unlock(e->fs);
	return o;
}

/* --- groups that have entries --- */

static struct fs_group *group_find_locked(struct fs_cg *cg, struct cg_id id)
{
	struct fs_group *g = cg->groups.bucket[id_hash(id) & (cg->groups.nr - 1)];

	while (g && !cg_same(g->id, id))
		g = g->chain;
	return g;
}

static void group_free_locked(struct fs_cg *cg, struct fs_group *g)
{
	FS_TABLE_DEL(&cg->groups, struct fs_group, GROUP_HASH, g);
	close(g->fd);
	free(g);
}

/* --- look --- */

static struct fs_expose *find_in_locked(struct fs_cg *cg, struct cg_id id, const char *name)
{
	u32 h = name_hash(id, name);
	struct fs_expose *e = cg->exposes.bucket[h & (cg->exposes.nr - 1)];

	while (e && (e->hash != h || !cg_same(e->group->id, id) || strcmp(e->name, name)))
		e = e->chain;
	return e;
}

/* The @n-th group above @dir (0: itself); false when there is none. */
static bool ancestor_locked(struct fs_inode *dir, u32 n, struct cg_id *id)
{
	struct cg_super *s = cg_super(dir->sb);
	struct fs_inode *i = dir;

	while (n && cg_node(i)->dir) {
		i = cg_node(i)->dir;
		n--;
		if (cg_node(i)->group == CG_NONE || cg_node(i)->id.dev != cg_node(dir)->id.dev)
			return false;
	}
	if (n > s->nr_above)
		return false;
	*id = n ? s->above[n - 1] : cg_node(i)->id;
	return true;
}

struct fs_expose *expose_find_locked(struct fs_inode *dir, const char *name, bool *inherited)
{
	struct fs_cg *cg = dir->sb->fs->cg;
	struct fs_expose *e;
	struct cg_id id;

	for (u32 n = 0; ancestor_locked(dir, n, &id); n++) {
		e = find_in_locked(cg, id, name);
		if (!e || !expose_alive_locked(e) || (n && !e->inherit))
			continue;
		*inherited = n;
		return e;
	}
	return NULL;
}

void expose_stat_locked(const struct fs_expose *e, struct stat *st)
{
	st->st_mode = e->mode;
	st->st_uid = e->uid;
	st->st_gid = e->gid;
	st->st_atim = e->atime;
	st->st_mtim = e->mtime;
	st->st_ctim = e->ctime;
}

static int by_id(const void *a, const void *b)
{
	u64 x = ((const struct expose_seen *)a)->id, y = ((const struct expose_seen *)b)->id;

	return x < y ? -1 : x > y;
}

static int list_add_seen(struct expose_seen **list, u32 *nr, const struct fs_expose *e)
{
	struct expose_seen *l = *list, *s;

	if (!(*nr & (*nr - 1))) { /* full at powers of two */
		l = realloc(l, (*nr ? *nr * 2 : 1) * sizeof(*l));
		if (!l)
			return -ENOMEM;
		*list = l;
	}
	s = &l[(*nr)++];
	memset(s, 0, sizeof(*s));
	s->id = e->id;
	strcpy(s->name, e->name);
	expose_stat_locked(e, &s->st);
	return 0;
}

static int list_group_locked(struct fs_inode *dir, struct fs_group *g, u64 after,
			     struct expose_seen **list, u32 *nr)
{
	struct fs_expose *e;
	bool inherited;
	int err = 0;

	list_for_each(e, &g->exposes, node)
		if (!err && e->id > after && expose_find_locked(dir, e->name, &inherited) == e)
			err = list_add_seen(list, nr, e);
	return err;
}

int expose_list(struct fs_inode *dir, u64 after, struct expose_seen **list, u32 *nr)
{
	struct fs *fs = dir->sb->fs;
	struct fs_group *g;
	struct cg_id id;
	int err = 0;

	*list = NULL;
	*nr = 0;
	pthread_mutex_lock(&fs->lock);
	for (u32 n = 0; !err && ancestor_locked(dir, n, &id); n++) {
		g = group_find_locked(fs->cg, id);
		if (g)
			err = list_group_locked(dir, g, after, list, nr);
	}
	fs_unlock(fs);
	if (err) {
		free(*list);
		return err;
	}
	if (*nr)
		qsort(*list, *nr, sizeof(**list), by_id);
	return 0;
}

/* --- make --- */

static void watch_gone(struct fs_watch *w);

static struct fs_expose *expose_alloc(struct fs *fs, const struct cred *c, const char *name,
				      mode_t mode, bool inherit)
{
	struct fs_expose *e = calloc(1, sizeof(*e) + strlen(name) + 1);
	FILE *f;
	char path[32];

	if (!e)
		return NULL;
	strcpy(e->name, name);
	list_init(&e->node);
	list_init(&e->files);
	e->fs = fs;
	e->refs = 1;
	e->inherit = inherit;
	e->mode = S_IFREG | (mode & 0777);
	e->uid = fs->cg->uid;
	e->gid = fs->cg->gid;
	clock_gettime(CLOCK_REALTIME_COARSE, &e->mtime);
	e->atime = e->ctime = e->mtime;
	e->watch.gone = watch_gone;
	e->by_uid = c ? c->uid : fs->cg->uid;
	e->by_pid = c ? c->pid : getpid();
	snprintf(path, sizeof(path), "/proc/%d/comm", e->by_pid);
	f = fopen(path, "re");
	if (f && fgets(e->by_comm, sizeof(e->by_comm), f))
		e->by_comm[strcspn(e->by_comm, "\n")] = '\0';
	if (f)
		fclose(f);
	return e;
}

/* Takes over @fd on success. */
static struct fs_group *group_get_locked(struct fs_cg *cg, struct cg_id id, int fd, int wd,
					 enum cg_group kind)
{
	struct fs_group *g = group_find_locked(cg, id);

	if (g) {
		close(fd);
		return g;
	}
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->id = id;
	g->fd = fd;
	g->wd = wd;
	g->group = kind;
	list_init(&g->exposes);
	FS_TABLE_ADD(&cg->groups, struct fs_group, GROUP_HASH, g);
	return g;
}

static int insert_locked(struct fs_inode *dir, struct fs_expose *e, int fd, int wd)
{
	struct fs_cg *cg = dir->sb->fs->cg;
	struct fs_group *g;

	if (find_in_locked(cg, cg_node(dir)->id, e->name))
		return -EEXIST;
	g = group_get_locked(cg, cg_node(dir)->id, fd, wd, cg_node(dir)->group);
	if (!g)
		return -ENOMEM;
	e->group = g;
	e->id = ++cg->next_id;
	e->hash = name_hash(g->id, e->name);
	e->refs++; /* for the group; the one it was born with is the watch's */
	list_add_tail(&g->exposes, &e->node);
	FS_TABLE_ADD(&cg->exposes, struct fs_expose, EXPOSE_HASH, e);
	return 0;
}

static void remember_locked(struct fs_cg *cg, const struct fs_expose *e, const char *why)
{
	struct cg_past *p = &cg->past[cg->next_past++ % CG_PAST];

	p->group = e->group->id;
	strcpy(p->name, e->name);
	p->why = why;
	clock_gettime(CLOCK_REALTIME, &p->when);
}

/* Out of the group: nobody finds it any more, and who polls it looks again. false: it was. */
static bool detach_locked(struct fs_expose *e, const char *why)
{
	struct fs_cg *cg = e->fs->cg;
	struct fs_group *g = e->group;
	struct entry_wait *w;

	if (!g)
		return false;
	remember_locked(cg, e, why);
	FS_TABLE_DEL(&cg->exposes, struct fs_expose, EXPOSE_HASH, e);
	list_del(&e->node);
	e->group = NULL;
	list_for_each(w, &e->files, node)
		if (w->wake)
			w->wake(w->arg);
	if (list_empty(&g->exposes))
		group_free_locked(cg, g);
	expose_put_locked(e);
	return true;
}

/* The pin ended; the watch's reference goes with it. */
static void watch_gone(struct fs_watch *w)
{
	struct fs_expose *e = container_of(w, struct fs_expose, watch);
	struct fs *fs = e->fs;

	pthread_mutex_lock(&fs->lock);
	detach_locked(e, "its pin in the bpffs was removed");
	expose_put_locked(e);
	fs_unlock(fs);
}

int expose_remove(struct fs_expose *e, const char *why)
{
	struct fs *fs = e->fs;
	bool was;

	pthread_mutex_lock(&fs->lock);
	e->refs++;
	was = detach_locked(e, why);
	fs_unlock(fs);
	if (was && fs_unwatch_inode(fs, &e->watch))
		expose_put(e); /* the watch's */
	expose_put(e);
	return was ? 0 : -ENODEV;
}

/* Groups come and go without telling: each time their number has doubled, those that went are
 * found. */
static void sweep_sometimes(struct fs *fs)
{
	bool due;

	pthread_mutex_lock(&fs->lock);
	due = fs->cg->groups.count > fs->cg->sweep_at;
	fs_unlock(fs);
	if (!due)
		return;
	fs_cgroup_sweep(fs);
	pthread_mutex_lock(&fs->lock);
	fs->cg->sweep_at = fs->cg->groups.count * 2 + 64;
	fs_unlock(fs);
}

int expose_new(struct fs_inode *dir, const struct cred *c, const char *name, struct obj *o,
	       mode_t mode, bool inherit, int fd, int wd)
{
	struct fs *fs = dir->sb->fs;
	struct fs_inode *pin = fs_obj_inode(fs, o);
	struct fs_expose *e = expose_alloc(fs, c, name, mode, inherit);
	int err = !pin ? -ENXIO : !e ? -ENOMEM : 0;

	if (err)
		goto fail;
	e->pin = pin;
	e->refs++; /* ours: from here on the pin may end at any time, and the watch's goes then */
	err = fs_watch_inode(pin, &e->watch) ? -ENXIO : 0;
	if (err)
		goto fail;
	sweep_sometimes(fs);
	pthread_mutex_lock(&fs->lock);
	err = !pin->obj ? -ENXIO : insert_locked(dir, e, fd, wd);
	fs_unlock(fs);
	if (err) {
		close(fd);
		if (fs_unwatch_inode(fs, &e->watch))
			expose_put(e);
	}
	expose_put(e);
	return err;
fail:
	close(fd);
	free(e);
	fs_inode_put(pin, 1);
	return err;
}

/* --- groups that go --- */

/* An fd of our own of the group's directory, or negative: it has no entries. */
static int group_fd(struct fs *fs, struct cg_id id, enum cg_group *kind)
{
	struct fs_group *g;
	int fd = -1;

	pthread_mutex_lock(&fs->lock);
	g = group_find_locked(fs->cg, id);
	if (g) {
		fd = fcntl(g->fd, F_DUPFD_CLOEXEC, 0);
		*kind = g->group;
	}
	fs_unlock(fs);
	return fd;
}

/* A removed directory stays open, but has nothing in it any more. */
static bool fd_is_gone(int fd, enum cg_group kind)
{
	struct stat st;

	if (kind == CG_OWN)
		return fstat(fd, &st) || !st.st_nlink;
	return faccessat(fd, "cgroup.procs", F_OK, 0) && errno == ENOENT;
}

static struct fs_expose *first_of(struct fs *fs, struct cg_id id)
{
	struct fs_expose *e = NULL;
	struct fs_group *g;

	pthread_mutex_lock(&fs->lock);
	g = group_find_locked(fs->cg, id);
	if (g) {
		e = list_entry(g->exposes.next, struct fs_expose, node);
		e->refs++;
	}
	fs_unlock(fs);
	return e;
}

void expose_group_gone(struct fs *fs, struct cg_id id)
{
	enum cg_group kind = CG_NONE;
	int fd = group_fd(fs, id, &kind);
	struct fs_expose *e;

	if (fd < 0)
		return;
	if (fd_is_gone(fd, kind))
		while ((e = first_of(fs, id))) {
			expose_remove(e, "the group was removed");
			expose_put(e);
		}
	close(fd);
}

/* Ids of the groups that have entries, of one watch or (-1) all; NULL: no memory. */
static struct cg_id *groups_snapshot(struct fs *fs, int wd, u32 *nr)
{
	struct fs_cg *cg = fs->cg;
	struct cg_id *ids;

	*nr = 0;
	pthread_mutex_lock(&fs->lock);
	ids = malloc((cg->groups.count + 1) * sizeof(*ids));
	for (u32 b = 0; ids && b < cg->groups.nr; b++)
		for (struct fs_group *g = cg->groups.bucket[b]; g; g = g->chain)
			if (wd < 0 || g->wd == wd)
				ids[(*nr)++] = g->id;
	fs_unlock(fs);
	return ids;
}

void expose_sweep(struct fs *fs, int wd)
{
	u32 nr;
	struct cg_id *ids = groups_snapshot(fs, wd, &nr);

	for (u32 i = 0; ids && i < nr; i++)
		expose_group_gone(fs, ids[i]);
	free(ids);
}

void fs_cgroup_sweep(struct fs *fs)
{
	if (fs->cg)
		expose_sweep(fs, -1);
}
