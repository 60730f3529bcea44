/* SPDX-License-Identifier: BSD-2-Clause */
/* cg_super.c - instances of the cgroup tree, the tree itself, and entries made in it. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>
#include "fs/cg.h"

/* --- entries --- */

static bool name_allowed(const struct fs_inode *dir, const char *name)
{
	const char *prefix = cg_super(dir->sb)->opt.prefix;

	return !strncmp(name, prefix, strlen(prefix));
}

/* Files of the machine that do not show in this instance do in others. */
static bool hidden(struct fs_inode *dir, const char *name)
{
	char path[PATH_MAX];

	if (cg_node(dir)->group == CG_OWN)
		return !strcmp(name, CG_PROCS_NAME);
	if (cg_path(dir, path) || strlen(path) + strlen(name) + 2 > PATH_MAX)
		return false;
	return !access(strcat(strcat(path, "/"), name), F_OK);
}

/* 0: nothing has that name; -EEXIST */
static int name_is_free(struct fs_inode *dir, const char *name)
{
	struct fs_inode *there = cg_lookup(dir, NULL, name);
	int err = IS_ERR(there) ? PTR_ERR(there) : -EEXIST;

	fs_inode_put(there, 1);
	if (err == -ESTALE)
		return -ENOENT; /* the directory is gone */
	if (err != -ENOENT)
		return err;
	return !cg_shows_files(dir) && hidden(dir, name) ? -EEXIST : 0;
}

int fs_expose(struct fs_inode *dir, const struct cred *c, const char *name, struct obj *o,
	      mode_t mode, bool inherit)
{
	int err = fs_name_check(name), fd;

	if (err)
		return err;
	if (!fs_super_is_cgroup(dir->sb))
		return -EPERM;
	if (!S_ISDIR(dir->type))
		return -ENOTDIR;
	err = name_is_free(dir, name);
	if (err)
		return err;
	if (cg_node(dir)->group == CG_NONE || !name_allowed(dir, name))
		return -EPERM;
	err = cg_may_change(dir, c);
	fd = err ? err : cg_dir_open(dir);
	if (fd < 0)
		return fd;
	return expose_new(dir, c, name, o, mode, inherit, fd, notice_watch(dir->sb->fs->cg, fd));
}

static int cg_pin(struct fs_inode *dir, const struct cred *c, const char *name, struct obj *o,
		  mode_t mode, bool internal)
{
	return fs_expose(dir, c, name, o, mode, cg_super(dir->sb)->opt.inherit);
}

/* No file of a bpffs: as the kernel's bpf_obj_get() sees one elsewhere. */
static struct obj *cg_pinned(struct fs_inode *i, const struct cred *c, u32 want)
{
	return ERR_PTR(-EACCES);
}

static u32 cg_magic(struct fs_inode *i)
{
	static const u32 magic[] = {[CG_NONE] = TMPFS_MAGIC,
				    [CG_V1] = CGROUP_SUPER_MAGIC,
				    [CG_V2] = CGROUP2_SUPER_MAGIC,
				    [CG_OWN] = CGROUP2_SUPER_MAGIC};

	return magic[cg_node(i)->group];
}

u64 fs_group_id(struct fs_inode *i)
{
	return fs_super_is_cgroup(i->sb) ? cg_node(i)->id.ino : 0;
}

static void cg_super_free(struct fs_super *sb)
{
	struct cg_super *s = cg_super(sb);

	if (!s)
		return;
	free(s->path);
	free(s->above);
	free(s);
}

static const struct fs_kind fs_cgroup = {
	.name = "cgroup",
	.as_caller = true,
	.dirs_go_stale = true,
	.lookup = cg_lookup,
	.mkdir = cg_mkdir,
	.unlink = cg_unlink,
	.rmdir = cg_rmdir,
	.rename = cg_rename,
	.readlink = cg_readlink,
	.getattr = cg_getattr,
	.setattr = cg_setattr,
	.access = cg_access,
	.readdir = cg_readdir,
	.pin = cg_pin,
	.pinned = cg_pinned,
	.open = cg_open,
	.magic = cg_magic,
	.inode_free = cg_node_free,
	.super_free = cg_super_free,
};

bool fs_super_is_cgroup(const struct fs_super *sb)
{
	return sb->kind == &fs_cgroup;
}

/* --- instances --- */

static bool is_cgroupfs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) &&
	       (fs.f_type == CGROUP2_SUPER_MAGIC || fs.f_type == CGROUP_SUPER_MAGIC);
}

/* @host is a hierarchy, or has one in it. */
static bool has_groups(const char *host)
{
	DIR *d = opendir(host);
	bool found = d && is_cgroupfs(host);
	char path[PATH_MAX];
	struct dirent *e;

	while (d && !found && (e = readdir(d))) {
		if (e->d_type != DT_DIR || fs_is_dots(e->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", host, e->d_name);
		found = is_cgroupfs(path);
	}
	if (d)
		closedir(d);
	return found;
}

int fs_cgroup_init(struct fs *fs, const char *host, const char *own)
{
	struct fs_cg *cg = calloc(1, sizeof(*cg));

	if (!cg)
		return -ENOMEM;
	cg->own = !host || !has_groups(host);
	cg->base = realpath(cg->own ? own : host, NULL);
	cg->uid = geteuid();
	cg->gid = getegid();
	list_init(&cg->members);
	cg->event_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	pthread_mutex_init(&cg->own_changes, NULL);
	if (cg->base && !fs_table_init(&cg->groups) && !fs_table_init(&cg->exposes)) {
		fs->cg = cg;
		return 0;
	}
	if (cg->event_fd >= 0)
		close(cg->event_fd);
	free(cg->groups.bucket);
	free(cg->base);
	free(cg);
	return -ENOMEM;
}

void fs_cgroup_free(struct fs *fs)
{
	if (!fs->cg)
		return;
	procs_free(fs);
	poller_free(fs->cg->poller);
	if (fs->cg->event_fd >= 0)
		close(fs->cg->event_fd);
	pthread_mutex_destroy(&fs->cg->own_changes);
	free(fs->cg->groups.bucket);
	free(fs->cg->exposes.bucket);
	free(fs->cg->base);
	free(fs->cg);
	fs->cg = NULL;
}

/* Absolute path of the group @sub, which must be below the tree's root. */
static int root_path(const struct fs_cg *cg, const char *sub, char path[PATH_MAX])
{
	char text[PATH_MAX];
	size_t n = strlen(cg->base);

	if (snprintf(text, sizeof(text), "%s/%s", cg->base, sub) >= PATH_MAX)
		return -ENAMETOOLONG;
	if (!realpath(text, path))
		return -errno;
	return !strncmp(path, cg->base, n) && (!path[n] || path[n] == '/') ? 0 : -EINVAL;
}

/* The groups above the instance's root; what they pass on shows there, too. */
static int find_above(const struct fs_cg *cg, struct cg_super *s, const struct stat *root)
{
	char path[PATH_MAX], *slash;
	struct cg_id *ids;
	struct stat st;

	strcpy(path, s->path);
	while (strcmp(path, cg->base) && (slash = strrchr(path, '/')) && slash != path) {
		*slash = '\0';
		if (stat(path, &st))
			return -errno;
		if (st.st_dev != root->st_dev)
			break;
		ids = realloc(s->above, (s->nr_above + 1) * sizeof(*ids));
		if (!ids)
			return -ENOMEM;
		s->above = ids;
		ids[s->nr_above++] = (struct cg_id){st.st_dev, st.st_ino};
	}
	return 0;
}

/* Whose inode numbers are the machine's: the root's hierarchy, or v2 beside those of v1. */
static dev_t primary_dev(const struct fs_cg *cg, const struct cg_super *s, enum cg_group group,
			 const struct stat *root)
{
	char path[PATH_MAX];
	struct stat st;

	if (group != CG_NONE)
		return root->st_dev;
	if (snprintf(path, sizeof(path), "%s/unified", s->path) < PATH_MAX && is_cgroupfs(path) &&
	    !stat(path, &st))
		return st.st_dev;
	return 0;
}

static int super_fill(struct fs_super *sb, const struct fs_cgroup_options *opt, struct stat *st,
		      enum cg_group *group)
{
	struct cg_super *s = sb->priv = calloc(1, sizeof(*s));
	struct fs_cg *cg = sb->fs->cg;
	char path[PATH_MAX];
	int fd, err;

	if (!s)
		return -ENOMEM;
	s->opt = *opt;
	err = root_path(cg, opt->root, path);
	if (err)
		return err;
	s->path = strdup(path);
	if (!s->path)
		return -ENOMEM;
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, st))
		err = -errno;
	*group = err ? CG_NONE : cg_group_of(cg, fd);
	if (fd >= 0)
		close(fd);
	if (err)
		return err;
	s->primary = primary_dev(cg, s, *group, st);
	return *group == CG_NONE ? 0 : find_above(cg, s, st);
}

struct fs_super *fs_mount_cgroup(struct fs *fs, const struct fs_cgroup_options *opt,
				 const char *label)
{
	enum cg_group group;
	struct fs_inode *root = NULL;
	struct fs_super *sb;
	struct stat st;
	int err;

	if (!fs->cg)
		return ERR_PTR(-ENODEV);
	sb = fs_super_new(fs, &fs_cgroup, label);
	if (!sb)
		return ERR_PTR(-ENOMEM);
	err = super_fill(sb, opt, &st, &group);
	pthread_mutex_lock(&fs->lock);
	if (!err) {
		struct cg_want w = {
			.id = {st.st_dev, st.st_ino}, .name = "", .group = group, .st = &st};

		root = cg_node_new_locked(sb, NULL, cg_ino_of(sb, &w), &w);
		err = root ? 0 : -ENOMEM;
		if (root) {
			cg_node_refresh_locked(root, &w);
			fs_super_add_locked(sb, root);
		}
	}
	if (err)
		fs_super_put_locked(sb);
	fs_unlock(fs);
	return err ? ERR_PTR(err) : sb;
}
