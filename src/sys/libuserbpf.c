/* SPDX-License-Identifier: BSD-2-Clause */
/* libuserbpf.c - sys_bpf() for the process it is linked into (include/userbpf.h). The caller's
 * memory and fds are our own. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "userbpf.h"
#include "sys/priv.h"

struct userbpf {
	struct sys *sys;
	struct cred cred;
	struct fs_super *bpffs;
	pthread_t reaper;
	int stop_fd;
};

/* --- the caller is us --- */

static int copy_in(struct sys_call *c, void *dst, u64 uaddr, u64 len)
{
	return fault_copy(dst, (const void *)(uintptr_t)uaddr, len);
}

/* Writing where nobody knows whether one may: the kernel can tell, without a signal. */
static int copy_out(struct sys_call *c, u64 uaddr, const void *src, u64 len)
{
	const char *from = src;

	while (len) {
		struct iovec local = {.iov_base = (void *)from, .iov_len = min(len, (u64)1 << 30)};
		struct iovec remote = {.iov_base = (void *)(uintptr_t)uaddr,
				       .iov_len = local.iov_len};
		ssize_t n = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);

		if (n < 0 && errno != EFAULT) {
			/* forbidden by a sandbox: trust the address */
			memcpy((void *)(uintptr_t)uaddr, from, len);
			return 0;
		}
		if (n <= 0)
			return -EFAULT;
		from += n;
		uaddr += n;
		len -= n;
	}
	return 0;
}

static int borrow_fd(struct sys_call *c, int fd)
{
	return fcntl(fd, F_GETFD) < 0 ? -EBADF : fd;
}

static int install_fd(struct sys_call *c, int fd)
{
	return fd;
}

/* Absolute text of @in; relative paths start at the process's own directory. */
static int absolute(const char *in, char out[PATH_MAX])
{
	size_t n = 0;

	if (!*in)
		return -ENOENT;
	if (*in != '/') {
		if (!getcwd(out, PATH_MAX))
			return -errno;
		n = strlen(out);
		out[n++] = '/';
	}
	if (n + strlen(in) >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(out + n, in);
	return 0;
}

/* A path outside the bpffs: what the kernel says depends on whether it is there. */
static int outside(const char *text, bool pin)
{
	char dir[PATH_MAX], *slash;

	strcpy(dir, text);
	slash = strrchr(dir, '/');
	if (pin)
		slash[slash == dir] = 0;
	if (access(dir, F_OK))
		return -errno;
	if (pin && !access(text, F_OK))
		return -EEXIST;
	return pin ? -EPERM : -EACCES;
}

static int path(struct sys_call *c, u64 uaddr, bool pin, struct sys_path *out)
{
	struct userbpf *u = c->arg;
	char text[PATH_MAX];
	struct fs_super *sb;
	const char *rest;
	long n = fault_copy_str(text, (const void *)(uintptr_t)uaddr, sizeof(text));
	int err;

	out->fd = -1; /* nobody runs in other processes, so nobody asks */
	if (n < 0)
		return -EFAULT;
	if (n == sizeof(text) && text[n - 2])
		return -ENAMETOOLONG;
	err = absolute(text, out->text);
	if (err)
		return err;
	sb = fs_super_by_path(u->sys->fs, out->text, &rest);
	if (!sb)
		return outside(out->text, pin);
	fs_super_put(sb);
	return 0;
}

static const struct sys_call_ops call_ops = {
	.copy_in = copy_in,
	.copy_out = copy_out,
	.fd = borrow_fd,
	.install_fd = install_fd,
	.path = path,
};

/* --- open and close --- */

/* Notices closed descriptors. */
static void *reaper_run(void *arg)
{
	struct userbpf *u = arg;
	struct pollfd fds[2] = {{.fd = sys_event_fd(u->sys), .events = POLLIN},
				{.fd = u->stop_fd, .events = POLLIN}};

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		if (fds[0].revents)
			sys_reap(u->sys);
	}
}

static int reaper_start(struct userbpf *u)
{
	sigset_t all, old;
	int err;

	u->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (u->stop_fd < 0)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&u->reaper, NULL, reaper_run, u);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		close(u->stop_fd);
	return err ? -ENOMEM : 0;
}

static int read_options(const struct userbpf_options *in, struct userbpf_options *out)
{
	*out = (struct userbpf_options){.size = sizeof(*out)};
	if (!in)
		return 0;
	if (in->size < sizeof(in->size) || in->unprivileged_bpf_disabled > 2)
		return -EINVAL;
	for (size_t i = sizeof(*out); i < in->size; i++)
		if (((const char *)in)[i])
			return -E2BIG;
	memcpy(out, in, min(in->size, sizeof(*out)));
	return 0;
}

static int userbpf_init(struct userbpf *u, const struct userbpf_options *o)
{
	struct sys_options so = {
		.vmlinux_btf = o->vmlinux_btf,
		.module_btfs = o->module_btfs,
		.unpriv_bpf_disabled = o->unprivileged_bpf_disabled,
		.printk = o->printk,
		.printk_arg = o->printk_arg,
		.verify_only = o->verify_only,
	};
	struct fs_options fo = FS_OPTIONS_DEFAULT;
	int err;

	fo.uid = geteuid();
	fo.gid = getegid();
	u->cred = (struct cred){
		.pid = getpid(),
		.uid = fo.uid,
		.gid = fo.gid,
		.caps = ~o->drop_caps,
		.unpriv_disabled = o->unprivileged_bpf_disabled,
	};
	u->sys = sys_open(&so);
	if (IS_ERR(u->sys))
		return PTR_ERR(u->sys);
	u->bpffs = fs_mount(u->sys->fs, &fo, USERBPF_BPFFS);
	err = IS_ERR_OR_NULL(u->bpffs) ? -ENOMEM : reaper_start(u);
	if (err)
		sys_close(u->sys);
	return err;
}

struct userbpf *userbpf_open(const struct userbpf_options *opts)
{
	struct userbpf *u = calloc(1, sizeof(*u));
	struct userbpf_options o;
	int err;

	if (!u)
		return NULL;
	err = read_options(opts, &o);
	if (!err)
		err = userbpf_init(u, &o);
	if (!err)
		return u;
	free(u);
	errno = -err;
	return NULL;
}

int userbpf_close(struct userbpf *u)
{
	u64 one = 1;
	u32 left;

	if (write(u->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(u->reaper, NULL);
	close(u->stop_fd);
	left = sys_close(u->sys);
	free(u);
	return left;
}

/* --- calls --- */

int userbpf_bpf(struct userbpf *u, int cmd, union bpf_attr *attr, unsigned int size)
{
	struct sys_call call = {.ops = &call_ops, .cred = &u->cred, .arg = u};

	return sys_bpf(u->sys, &call, cmd, (uintptr_t)attr, size);
}

int userbpf_close_fd(struct userbpf *u, int fd)
{
	int err = close(fd) ? -errno : 0;

	sys_reap(u->sys);
	return err;
}

static int mmap_check(const struct bpf_map *map, u32 perm, int prot)
{
	if (!(map->map_flags & BPF_F_MMAPABLE) || !map_can_mmap(map))
		return -ENOTSUPP;
	if (!(prot & PROT_WRITE))
		return perm & HANDLE_READ ? 0 : -EPERM;
	if (map->frozen || !(perm & HANDLE_WRITE))
		return -EPERM;
	return map->map_flags & BPF_F_RDONLY_PROG ? -EACCES : 0;
}

void *userbpf_map_mmap(struct userbpf *u, int map_fd, size_t len, int prot, off_t off)
{
	u32 perm = 0;
	struct obj *o = handle_lookup(u->sys->objs, map_fd, &perm);
	const struct bpf_map *map;
	void *p = MAP_FAILED;
	int err;

	if (IS_ERR(o)) {
		errno = -PTR_ERR(o);
		return NULL;
	}
	if (o->class->kind != OBJ_MAP) {
		err = -EINVAL;
		goto out;
	}
	map = &obj_to_map(o)->map;
	err = mmap_check(map, perm, prot);
	if (!err && (off < 0 || (u64)off + len > map->shm_len - map->value_off))
		err = -EINVAL;
	if (!err) {
		p = mmap(NULL, len, prot & ~PROT_EXEC, MAP_SHARED, map->memfd,
			 map->value_off + off);
		err = p == MAP_FAILED ? -errno : 0;
	}
out:
	obj_put(o);
	errno = -err;
	return err ? NULL : p;
}

/* The inode behind a path of ours. */
static struct fs_inode *inode_at(struct userbpf *u, const char *text)
{
	char abs[PATH_MAX];
	struct fs_inode *i;
	struct fs_super *sb;
	const char *rest;
	int err = absolute(text, abs);

	if (err)
		return ERR_PTR(err);
	sb = fs_super_by_path(u->sys->fs, abs, &rest);
	if (!sb)
		return ERR_PTR(-ENOENT);
	i = fs_walk(sb, &u->cred, *rest ? rest : "/", false);
	fs_super_put(sb);
	return i;
}

int userbpf_cat(struct userbpf *u, const char *text,
		int (*sink)(void *arg, const char *text, size_t len), void *arg)
{
	struct fs_inode *i = inode_at(u, text);
	struct fs_file *f;
	char buf[4096];
	u64 off = 0;
	ssize_t n;
	int ret = 0;

	if (IS_ERR(i))
		return PTR_ERR(i);
	f = fs_open(i, &u->cred, O_RDONLY);
	fs_inode_put(i, 1);
	if (IS_ERR(f))
		return PTR_ERR(f);
	while (!ret && (n = fs_read(f, buf, sizeof(buf), off)) > 0) {
		ret = sink(arg, buf, n);
		off += n;
	}
	fs_close(f);
	return ret ? ret : n < 0 ? n : 0;
}

/* Directory of @text, with its last component in @name. */
static struct fs_inode *parent_at(struct userbpf *u, const char *text, const char **name)
{
	const char *slash = strrchr(text, '/');
	char dir[PATH_MAX];

	*name = slash ? slash + 1 : text;
	if (!**name || strlen(text) >= sizeof(dir))
		return ERR_PTR(**name ? -ENAMETOOLONG : -EINVAL);
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - text) : 1, slash ? text : ".");
	return inode_at(u, dir);
}

int userbpf_mkdir(struct userbpf *u, const char *text, mode_t mode)
{
	const char *name;
	struct fs_inode *dir = parent_at(u, text, &name);
	int err;

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	err = fs_mkdir(dir, &u->cred, name, mode, NULL);
	fs_inode_put(dir, 1);
	return err;
}

static int remove_at(struct userbpf *u, const char *text,
		     int (*op)(struct fs_inode *dir, const struct cred *c, const char *name))
{
	const char *name;
	struct fs_inode *dir = parent_at(u, text, &name);
	int err;

	if (IS_ERR(dir))
		return PTR_ERR(dir);
	err = op(dir, &u->cred, name);
	fs_inode_put(dir, 1);
	return err;
}

int userbpf_unlink(struct userbpf *u, const char *text)
{
	return remove_at(u, text, fs_unlink);
}

int userbpf_rmdir(struct userbpf *u, const char *text)
{
	return remove_at(u, text, fs_rmdir);
}

void userbpf_get_stats(struct userbpf *u, struct userbpf_stats *stats)
{
	u32 count[OBJ_KINDS], handles;

	sys_reap(u->sys);
	obj_table_stats(u->sys->objs, count, &handles);
	*stats = (struct userbpf_stats){
		.progs = count[OBJ_PROG],
		.maps = count[OBJ_MAP],
		.links = count[OBJ_LINK],
		.btfs = count[OBJ_BTF],
		.handles = handles,
	};
}
