/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cgroup_view.c - struct cgroup from the host's cgroup file systems. Hierarchies are found in
 * /proc/self/mountinfo; a group is its directory's device and inode number.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/spin.h"
#include "helper/cgroup_id.h"
#include "helper/cgroup_view.h"
#include "helper/objpool.h"
#include "helper/proc_text.h"

#define HIERARCHIES 24u
#define BUCKETS	    1024u
#define PATH_ROOM   2048u

struct hierarchy {
	struct cgroup_root root; /* first: what programs get a pointer to */
	dev_t dev;
	bool v2, real; /* of the machine */
	bool mirror;
	char mount[256]; /* where we see its root, and ... */
	char from[256];	 /* ... what path that has in /proc/PID/cgroup */
};

struct group {
	struct cgroup cgrp; /* first: what programs and everybody else hold */
	struct group *next; /* of the bucket */
	struct hierarchy *h;
	struct kernfs_node kn;
	struct cgroup_subsys_state css[CGROUP_SUBSYS_COUNT];
	bool fresh; /* nobody has refreshed it yet: its controllers were just looked up */
	char name[NAME_MAX + 1];
};

static void release(void *object);

/* One registry per process: groups are the machine's. */
static struct {
	u32 lock;
	u32 nr;
	bool mirrors;			 /* are looked into */
	struct hierarchy h[HIERARCHIES]; /* entries stay: groups point to them */
	struct group *bucket[BUCKETS];
} reg;
static struct objpool pool = {.size = sizeof(struct group), .release = release};

static struct group *group_of(const struct cgroup *cgrp)
{
	return (struct group *)cgrp;
}

/* --- controllers --- */

static const char *const subsys_names[CGROUP_SUBSYS_COUNT] = {
	[cpuset_cgrp_id] = "cpuset",
	[cpu_cgrp_id] = "cpu",
	[cpuacct_cgrp_id] = "cpuacct",
	[io_cgrp_id] = "io",
	[memory_cgrp_id] = "memory",
	[devices_cgrp_id] = "devices",
	[freezer_cgrp_id] = "freezer",
	[net_cls_cgrp_id] = "net_cls",
	[perf_event_cgrp_id] = "perf_event",
	[net_prio_cgrp_id] = "net_prio",
	[hugetlb_cgrp_id] = "hugetlb",
	[pids_cgrp_id] = "pids",
	[rdma_cgrp_id] = "rdma",
	[misc_cgrp_id] = "misc",
};

static s32 subsys_of(const char *name, size_t len)
{
	if (len == 5 && !strncmp(name, "blkio", 5)) /* v1's name */
		return io_cgrp_id;
	for (u32 i = 0; i < CGROUP_SUBSYS_COUNT; i++)
		if (strlen(subsys_names[i]) == len && !strncmp(name, subsys_names[i], len))
			return i;
	return -1;
}

/* Names between any of @seps, up to the end of the line. */
static u32 subsys_mask(const char *text, const char *seps)
{
	u32 mask = 0;

	while (*text && *text != '\n') {
		size_t n = strcspn(text, seps);
		s32 id = subsys_of(text, n);

		if (id >= 0)
			mask |= 1u << id;
		text += n + (text[n] && text[n] != '\n');
	}
	return mask;
}

/* --- hierarchies --- */

static bool cgroup_fs(const char *path, bool *v2)
{
	struct statfs fs;

	if (statfs(path, &fs))
		return false;
	*v2 = fs.f_type == CGROUP2_SUPER_MAGIC;
	return *v2 || fs.f_type == CGROUP_SUPER_MAGIC;
}

/* Locked. The hierarchy on @dev, a new entry when there is none; NULL: no room. */
static struct hierarchy *hierarchy_on(dev_t dev)
{
	for (u32 i = 0; i < reg.nr; i++)
		if (reg.h[i].dev == dev)
			return &reg.h[i];
	if (reg.nr == HIERARCHIES)
		return NULL;
	reg.h[reg.nr].dev = dev;
	return &reg.h[reg.nr++];
}

/* A field of a line of mountinfo, cut to fit; *p moves behind it. */
static bool field(const char **p, char *to, size_t size)
{
	size_t n = strcspn(*p, " \n");
	bool fits = n < size;

	if (fits) {
		memcpy(to, *p, n);
		to[n] = '\0';
	}
	*p += n + ((*p)[n] == ' ');
	return fits && n;
}

void cgroup_look_into_mirrors(void)
{
	reg.mirrors = true;
}

/* The v2 hierarchy in a mirror is its top, or beside those of v1. */
static void add_mirror(const char *mount)
{
	static const char *const below[] = {"", "/unified"};
	char path[256 + 16];

	for (u32 i = 0; i < ARRAY_SIZE(below); i++) {
		struct hierarchy *h;
		struct stat st;
		u64 id;

		strcpy(path, mount);
		strcat(path, below[i]);
		if (strlen(path) >= sizeof(h->mount) || !cgroup_id_mirrored(path, &id) ||
		    stat(path, &st))
			continue;
		spin_lock(&reg.lock);
		h = hierarchy_on(st.st_dev);
		if (h && !*h->mount) {
			h->v2 = h->mirror = true;
			strcpy(h->from, "/");
			strcpy(h->mount, path);
		}
		spin_unlock(&reg.lock);
		return;
	}
}

/* "36 25 0:31 /root /mount options... - type source superoptions" */
static void add_mount(const char *line, const char *end)
{
	char skip[256], from[256], mount[256], type[16];
	const char *sep = strstr(line, " - "), *p = line;
	struct hierarchy *h;
	struct stat st;
	bool v2;

	if (!sep || sep > end)
		return;
	for (u32 i = 0; i < 3; i++)
		field(&p, skip, sizeof(skip));
	if (!field(&p, from, sizeof(from)) || !field(&p, mount, sizeof(mount)))
		return;
	p = sep + 3;
	if (!field(&p, type, sizeof(type)))
		return;
	if (reg.mirrors && !strcmp(type, "fuse.cgroup"))
		add_mirror(mount);
	if (strncmp(type, "cgroup", 6))
		return;
	/* something else may lie over it */
	if (stat(mount, &st) || !cgroup_fs(mount, &v2))
		return;
	field(&p, skip, sizeof(skip));
	spin_lock(&reg.lock);
	h = hierarchy_on(st.st_dev);
	if (h && (!*h->mount || strlen(from) < strlen(h->from))) {
		const char *name = strstr(p, "name=");

		h->v2 = v2;
		h->real = true;
		strcpy(h->from, from);
		strcpy(h->mount, mount);
		h->root.subsys_mask = v2 ? 0 : subsys_mask(p, " ,\n");
		if (name && name < end)
			text_cut(h->root.name, sizeof(h->root.name), name + 5,
				 strcspn(name + 5, ", \n"));
	}
	spin_unlock(&reg.lock);
}

static void scan(void)
{
	size_t size = 1 << 20, len = 0;
	char *buf = proc_map(size), *line, *end;
	int fd = buf ? open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n;

	while (fd >= 0 && len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		close(fd);
	for (line = buf; len && line && *line; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		if (end)
			add_mount(line, end);
	}
	proc_unmap(buf, size);
}

/* The hierarchy that the directory @mount of device @dev is in. */
static struct hierarchy *hierarchy_at(const char *mount, dev_t dev, bool own)
{
	struct hierarchy *h;
	bool v2;

	for (u32 tries = 0; tries < 2; tries++) {
		spin_lock(&reg.lock);
		h = NULL;
		for (u32 i = 0; i < reg.nr && !h; i++)
			if (reg.h[i].dev == dev && *reg.h[i].mount)
				h = &reg.h[i];
		spin_unlock(&reg.lock);
		if (h)
			return h;
		if (!tries)
			scan();
	}
	if (strlen(mount) >= sizeof(h->mount) || (!cgroup_fs(mount, &v2) && !own))
		return NULL;
	spin_lock(&reg.lock);
	h = hierarchy_on(dev);
	if (h && !*h->mount) {
		h->v2 = own || v2;
		h->real = !own;
		strcpy(h->mount, mount);
		strcpy(h->from, "/");
	}
	spin_unlock(&reg.lock);
	return h;
}

static void know_hierarchies(void)
{
	bool known;

	spin_lock(&reg.lock);
	known = reg.nr;
	spin_unlock(&reg.lock);
	if (!known)
		scan();
}

/* --- groups --- */

static struct group **bucket_of(dev_t dev, u64 id)
{
	return &reg.bucket[(id * 0x9e3779b97f4a7c15ull + dev) >> 32 & (BUCKETS - 1)];
}

/* Locked. Referenced. */
static struct group *find(dev_t dev, u64 id)
{
	for (struct group *g = *bucket_of(dev, id); g; g = g->next)
		if (g->kn.id == id && g->h->dev == dev && objpool_get(&pool, g))
			return g;
	return NULL;
}

static void release(void *object)
{
	struct group *g = object, **at;

	spin_lock(&reg.lock);
	for (at = bucket_of(g->h->dev, g->kn.id); *at && *at != g; at = &(*at)->next)
		;
	if (*at)
		*at = g->next;
	spin_unlock(&reg.lock);
	if (g->cgrp.level)
		cgroup_put(g->cgrp.ancestors[g->cgrp.level - 1]);
}

static void fill(struct group *g, struct hierarchy *h, u64 id, struct cgroup *parent,
		 const char *name)
{
	struct cgroup *c = &g->cgrp;

	g->h = h;
	strcpy(g->name, name);
	g->kn = (struct kernfs_node){
		.parent = parent ? parent->kn : NULL, .name = g->name, .id = id};
	c->kn = &g->kn;
	c->root = &h->root;
	c->level = parent ? parent->level + 1 : 0;
	if (parent)
		memcpy(c->ancestors, parent->ancestors, sizeof(c->ancestors[0]) * (size_t)c->level);
	c->ancestors[c->level] = c;
	c->self = (struct cgroup_subsys_state){c, parent ? &parent->self : NULL};
	for (u32 i = 0; i < CGROUP_SUBSYS_COUNT; i++)
		g->css[i] = (struct cgroup_subsys_state){c, parent ? parent->subsys[i] : NULL};
}

/* Which controllers the group has: in v1 those of its hierarchy, in v2 its file says so. */
static void set_subsys(struct group *g)
{
	u32 mask = g->h->root.subsys_mask;
	char text[512];

	if (g->h->v2)
		mask = cgroup_read(&g->cgrp, "cgroup.controllers", text, sizeof(text)) > 0
			       ? subsys_mask(text, " \n")
			       : 0;
	for (u32 i = 0; i < CGROUP_SUBSYS_COUNT; i++)
		g->cgrp.subsys[i] = mask >> i & 1 ? &g->css[i] : NULL;
}

/* Takes over @parent. */
static struct cgroup *add(struct hierarchy *h, u64 id, struct cgroup *parent, const char *name)
{
	struct group *g = objpool_new(&pool), *have;

	if (!g) {
		cgroup_put(parent);
		return ERR_PTR(-ENOMEM);
	}
	fill(g, h, id, parent, name);
	set_subsys(g);
	g->fresh = true;
	spin_lock(&reg.lock);
	have = find(h->dev, id);
	if (!have) {
		struct group **at = bucket_of(h->dev, id);

		g->next = *at;
		*at = g;
	}
	spin_unlock(&reg.lock);
	if (!have)
		return &g->cgrp;
	cgroup_put(&g->cgrp); /* somebody was faster */
	return &have->cgrp;
}

/* The id of the directory. The root of a mirror's v2 hierarchy may have a number of the mirror's. */
static u64 id_at(const char *path, const struct stat *st, u32 level)
{
	bool mirror = false;
	u64 id = st->st_ino;

	spin_lock(&reg.lock);
	for (u32 i = 0; i < reg.nr && !level; i++)
		mirror |= reg.h[i].dev == st->st_dev && reg.h[i].mirror;
	spin_unlock(&reg.lock);
	if (mirror)
		cgroup_id_mirrored(path, &id);
	return id;
}

/* @path: of the directory; its last @level names are below the root. */
static struct cgroup *get_at(char *path, u32 level, bool own)
{
	struct cgroup *parent = NULL;
	struct hierarchy *h;
	struct group *g;
	struct stat st;
	char *name;
	u64 id;

	if (level >= CGROUP_LEVELS)
		return ERR_PTR(-ENAMETOOLONG);
	if (stat(path, &st))
		return ERR_PTR(-errno);
	id = id_at(path, &st, level);
	spin_lock(&reg.lock);
	g = find(st.st_dev, id);
	spin_unlock(&reg.lock);
	name = strrchr(path, '/');
	if (g) {
		if (level && strcmp(g->name, name + 1))
			strcpy(g->name, name + 1); /* renamed, as v1 can */
		return &g->cgrp;
	}
	if (!S_ISDIR(st.st_mode))
		return ERR_PTR(-ENOTDIR);
	if (level) {
		*name = '\0';
		parent = get_at(path, level - 1, own);
		*name = '/';
		if (IS_ERR(parent))
			return parent;
		h = group_of(parent)->h;
	} else {
		h = hierarchy_at(path, st.st_dev, own);
	}
	if (!h || h->dev != st.st_dev || strlen(name + 1) > NAME_MAX) {
		cgroup_put(parent);
		return ERR_PTR(-EINVAL);
	}
	return add(h, id, parent, level ? name + 1 : "");
}

static struct cgroup *get_dir(const char *mount, const char *path, bool own)
{
	size_t m = strlen(mount), p = strlen(path);
	char full[PATH_ROOM];
	int saved = errno;
	struct cgroup *c;
	u32 level = 0;

	while (m > 1 && mount[m - 1] == '/')
		m--;
	while (p && path[p - 1] == '/')
		p--;
	if (m + p >= sizeof(full))
		return ERR_PTR(-ENAMETOOLONG);
	memcpy(full, mount, m);
	memcpy(full + m, path, p);
	full[m + p] = '\0';
	for (size_t i = 0; i < p; i++)
		level += path[i] == '/';
	c = get_at(full, level, own);
	errno = saved;
	return c;
}

struct cgroup *cgroup_get_dir(const char *mount, const char *path)
{
	return get_dir(mount, path, false);
}

struct cgroup *cgroup_get_own(const char *mount, const char *path)
{
	return get_dir(mount, path, true);
}

bool cgroup_is_v2(const struct cgroup *cgrp)
{
	return group_of(cgrp)->h->v2;
}

struct cgroup *cgroup_get(const struct cgroup *cgrp)
{
	return objpool_get(&pool, cgrp);
}

void cgroup_put(struct cgroup *cgrp)
{
	objpool_put(&pool, cgrp);
}

/* --- by id --- */

struct search {
	u64 id;
	char path[PATH_ROOM];
};

/* Below s->path, which holds the way there when something was found. */
static bool search_dir(struct search *s, u32 level)
{
	size_t len = strlen(s->path);
	struct proc_dir dir;
	const char *name;
	bool found = false;
	u64 ino;

	if (level >= CGROUP_LEVELS || proc_opendir(&dir, s->path))
		return false;
	while (!found && (name = proc_nextdir(&dir, &ino))) {
		if (len + 1 + strlen(name) >= sizeof(s->path))
			continue;
		s->path[len] = '/';
		strcpy(s->path + len + 1, name);
		found = ino == s->id || search_dir(s, level + 1);
		if (!found)
			s->path[len] = '\0';
	}
	proc_closedir(&dir);
	return found;
}

static struct cgroup *search_in(const struct hierarchy *h, u64 id)
{
	struct search s = {.id = id};
	struct cgroup *c;
	struct stat st;

	strcpy(s.path, h->mount);
	if ((stat(s.path, &st) || st.st_ino != id) && !search_dir(&s, 0))
		return NULL;
	c = cgroup_get_dir(h->mount, s.path + strlen(h->mount));
	return IS_ERR(c) ? NULL : c;
}

static struct cgroup *known(const struct hierarchy *h, u64 id)
{
	struct group *g;

	spin_lock(&reg.lock);
	g = find(h->dev, id);
	spin_unlock(&reg.lock);
	return g ? &g->cgrp : NULL;
}

struct cgroup *cgroup_get_id(u64 id)
{
	int saved = errno;
	struct cgroup *c = NULL;

	know_hierarchies();
	for (u32 v2 = 1; v2 + 1 && !c; v2--)
		for (u32 i = 0; i < reg.nr && !c; i++)
			if (reg.h[i].v2 == v2) {
				c = known(&reg.h[i], id);
				if (!c)
					c = search_in(&reg.h[i], id);
			}
	errno = saved;
	return c;
}

/* --- which ids there are --- */

struct census {
	const u64 *ids; /* in order */
	u8 *found;	/* by index */
	u32 nr;
	char path[PATH_ROOM];
};

static void seen(struct census *c, u64 id)
{
	u32 lo = 0, hi = c->nr;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (c->ids[mid] < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < c->nr && c->ids[lo] == id; lo++)
		c->found[lo] = 1;
}

static void count_dir(struct census *c, u32 level)
{
	size_t len = strlen(c->path);
	struct proc_dir dir;
	const char *name;
	u64 ino;

	if (proc_opendir(&dir, c->path))
		return;
	while ((name = proc_nextdir(&dir, &ino))) {
		seen(c, ino);
		if (level >= CGROUP_LEVELS || len + 1 + strlen(name) >= sizeof(c->path))
			continue;
		c->path[len] = '/';
		strcpy(c->path + len + 1, name);
		count_dir(c, level + 1);
		c->path[len] = '\0';
	}
	proc_closedir(&dir);
}

static bool count_hierarchy(struct census *c, const struct hierarchy *h)
{
	struct stat st;

	if (!h->v2 || !*h->mount || stat(h->mount, &st))
		return false;
	seen(c, st.st_ino);
	strcpy(c->path, h->mount);
	count_dir(c, 0);
	return true;
}

void cgroup_find_ids(u64 *ids, u32 nr)
{
	struct census c = {.ids = ids, .found = proc_map(nr), .nr = nr};
	bool any = false;
	int saved = errno;

	know_hierarchies();
	for (u32 i = 0; i < reg.nr && c.found; i++)
		any |= count_hierarchy(&c, &reg.h[i]);
	for (u32 i = 0; i < nr; i++)
		if (!any || c.found[i])
			ids[i] = 0;
	if (c.found)
		proc_unmap((char *)c.found, nr);
	errno = saved;
}

/* --- by directory --- */

struct cgroup *cgroup_get_root(void)
{
	struct cgroup *c;

	know_hierarchies();
	for (u32 i = 0; i < reg.nr; i++) {
		if (!reg.h[i].v2 || !*reg.h[i].mount)
			continue;
		c = cgroup_get_dir(reg.h[i].mount, "/");
		if (!IS_ERR(c))
			return c;
	}
	return NULL;
}

struct cgroup *cgroup_get_child(const struct cgroup *parent, const char *name)
{
	const char *mount = group_of(parent)->h->mount;
	char path[PATH_ROOM];
	int n = cgroup_file(parent, name, path, sizeof(path));

	return n < 0 ? ERR_PTR(n)
		     : get_dir(mount, path + strlen(mount), !group_of(parent)->h->real);
}

struct cgroup *cgroup_get_fd(int fd)
{
	const struct hierarchy *best = NULL;
	char path[64], dir[PATH_ROOM];
	struct cgroup *c;
	ssize_t n;

	know_hierarchies();
	proc_path(path, 0, "fd/");
	proc_put_number(path + strlen(path), (u32)fd);
	n = readlink(path, dir, sizeof(dir) - 1);
	if (n <= 0)
		return ERR_PTR(-EBADF);
	dir[n] = '\0';
	for (u32 i = 0; i < reg.nr; i++) {
		const struct hierarchy *h = &reg.h[i];
		size_t len = strlen(h->mount);

		if (len && !strncmp(dir, h->mount, len) && (!dir[len] || dir[len] == '/') &&
		    (!best || len > strlen(best->mount)))
			best = h;
	}
	c = best ? get_dir(best->mount, dir + strlen(best->mount), !best->real) : NULL;
	return IS_ERR_OR_NULL(c) ? ERR_PTR(-EBADF) : c;
}

/* --- what a group's files say --- */

int cgroup_file(const struct cgroup *cgrp, const char *file, char *path, size_t size)
{
	const struct group *g = group_of(cgrp);
	size_t at = strlen(g->h->mount);

	if (at >= size)
		return -ENAMETOOLONG;
	strcpy(path, g->h->mount);
	for (s32 i = 1; i <= cgrp->level + 1; i++) {
		const char *name = i > cgrp->level ? file : group_of(cgrp->ancestors[i])->name;
		size_t n = strlen(name);

		if (at + n + 2 > size)
			return -ENAMETOOLONG;
		path[at++] = '/';
		memcpy(path + at, name, n + 1);
		at += n;
	}
	return (int)at;
}

long cgroup_read(const struct cgroup *cgrp, const char *file, char *buf, size_t size)
{
	char path[PATH_ROOM];
	int err = cgroup_file(cgrp, file, path, sizeof(path));

	return err < 0 ? err : proc_read(path, buf, size);
}

static int limit_of(const struct cgroup *c, const char *file)
{
	char text[32];

	if (cgroup_read(c, file, text, sizeof(text)) <= 0 || *text == 'm')
		return INT_MAX;
	return (int)proc_u64(text);
}

static u64 value_of(const char *text, const char *key)
{
	const char *at = strstr(text, key);

	return at ? proc_u64(at + strlen(key)) : 0;
}

void cgroup_refresh(struct cgroup *c)
{
	struct group *g = group_of(c);
	int saved = errno;
	char text[512];

	if (!__atomic_exchange_n(&g->fresh, false, __ATOMIC_RELAXED))
		set_subsys(g);
	if (g->h->v2) {
		if (cgroup_read(c, "cgroup.stat", text, sizeof(text)) > 0) {
			c->nr_descendants = (int)value_of(text, "nr_descendants ");
			c->nr_dying_descendants = (int)value_of(text, "nr_dying_descendants ");
		}
		if (cgroup_read(c, "cgroup.subtree_control", text, sizeof(text)) >= 0)
			c->subtree_control = (u16)subsys_mask(text, " \n");
		c->max_depth = limit_of(c, "cgroup.max.depth");
		c->max_descendants = limit_of(c, "cgroup.max.descendants");
	} else {
		c->max_depth = c->max_descendants = INT_MAX;
	}
	c->nr_populated_csets = cgroup_read(c, "cgroup.procs", text, sizeof(text)) > 0;
	if (!g->h->v2 || !c->level || c->nr_populated_csets)
		c->nr_populated_domain_children = 0;
	else if (cgroup_read(c, "cgroup.events", text, sizeof(text)) > 0)
		c->nr_populated_domain_children = (int)value_of(text, "populated ");
	errno = saved;
}

/* --- groups of a task --- */

/* The hierarchy of a line "ID:controllers:path" of /proc/PID/cgroup. */
static struct hierarchy *line_hierarchy(const char *controllers, size_t len)
{
	struct hierarchy *h = NULL;
	char list[128];
	u32 mask;

	text_cut(list, sizeof(list), controllers, len);
	mask = subsys_mask(list, ",");
	spin_lock(&reg.lock);
	for (u32 i = 0; i < reg.nr && !h; i++) {
		bool match = !len   ? reg.h[i].v2
			     : mask ? reg.h[i].root.subsys_mask == mask
				    : !strncmp(list, "name=", 5) &&
					      !strcmp(list + 5, reg.h[i].root.name);

		if (match && *reg.h[i].mount)
			h = &reg.h[i];
	}
	spin_unlock(&reg.lock);
	return h;
}

/* @path of /proc/PID/cgroup as we see it below the hierarchy's mount; NULL: elsewhere. */
static const char *below(const struct hierarchy *h, const char *path)
{
	size_t n = strcmp(h->from, "/") ? strlen(h->from) : 0;

	return strncmp(path, h->from, n) || (path[n] && path[n] != '/') ? NULL : path + n;
}

static void share(struct cgroup *c, struct cgroup *groups[CGROUP_OF_TASK])
{
	const struct hierarchy *h = group_of(c)->h;

	if (h->v2)
		groups[CGROUP_SUBSYS_COUNT] = cgroup_get(c);
	for (u32 i = 0; i < CGROUP_SUBSYS_COUNT; i++) {
		s32 level = c->level;

		/* the nearest one that has the controller counts its members, too */
		while (level >= 0 && !c->ancestors[level]->subsys[i])
			level--;
		if (level >= 0 && !groups[i])
			groups[i] = cgroup_get(c->ancestors[level]);
	}
}

void cgroup_of_task(u32 tid, struct cgroup *groups[CGROUP_OF_TASK])
{
	char path[40], text[4096], *line, *end;

	memset(groups, 0, sizeof(groups[0]) * CGROUP_OF_TASK);
	know_hierarchies();
	proc_path(path, tid, "cgroup");
	if (proc_read(path, text, sizeof(text)) <= 0)
		return;
	for (line = text; line; line = end ? end + 1 : NULL) {
		char *ctl = strchr(line, ':'), *at;
		struct hierarchy *h;
		const char *sub;
		struct cgroup *c;

		end = strchr(line, '\n');
		at = ctl ? strchr(ctl + 1, ':') : NULL;
		if (!at || !end || at > end)
			continue;
		*end = '\0';
		h = line_hierarchy(ctl + 1, (size_t)(at - ctl - 1));
		sub = h ? below(h, at + 1) : NULL;
		c = sub ? cgroup_get_dir(h->mount, sub) : NULL;
		if (!c || IS_ERR(c))
			continue;
		h->root.hierarchy_id = (int)proc_u64(line);
		share(c, groups);
		cgroup_put(c);
	}
}
