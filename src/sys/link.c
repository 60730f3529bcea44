/* SPDX-License-Identifier: BSD-2-Clause */
/* link.c - LINK_CREATE, LINK_UPDATE, LINK_DETACH, and the older ways to attach. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "sys/priv.h"

#define CGROUP2_MAGIC 0x63677270
#define NSFS_MAGIC_NR 0x6e736673
#define ATTACH_MASK   (BPF_F_ALLOW_OVERRIDE | BPF_F_ALLOW_MULTI | BPF_F_REPLACE)

static struct bpf_map *env_map_by_fd(void *arg, int fd)
{
	struct map_obj *m = req_map(arg, fd, NULL);

	return IS_ERR(m) ? ERR_CAST(m) : &m->map;
}

static struct bpf_link *env_link_by_fd(void *arg, int fd)
{
	return req_link(arg, fd);
}

static int env_fd(void *arg, int fd)
{
	struct sys_req *r = arg;

	return r->call->ops->fd(r->call, fd);
}

static int env_copy_in(void *arg, void *dst, u64 uaddr, u64 len)
{
	return req_copy_in(arg, dst, uaddr, len);
}

static int env_copy_str(void *arg, char *dst, u64 uaddr, u32 size)
{
	return req_copy_str(arg, dst, uaddr, size);
}

static int env_open_path(void *arg, u64 uaddr, char *text)
{
	struct sys_path *p = calloc(1, sizeof(*p));
	struct sys_req *r = arg;
	int ret;

	if (!p)
		return -ENOMEM;
	ret = r->call->ops->path(r->call, uaddr, false, p);
	if (!ret)
		ret = p->fd < 0 ? -ENOENT : p->fd;
	memcpy(text, p->text, sizeof(p->text));
	free(p);
	return ret;
}

/* Not a perf event of ours: what the kernel says of an fd that is none at all. */
static struct perf_event_obj *env_event_by_fd(void *arg, int fd)
{
	struct obj *o = req_any_obj(arg, fd, NULL);

	if (IS_ERR(o))
		return ERR_PTR(PTR_ERR(o) == -EINVAL ? -EBADF : PTR_ERR(o));
	if (o->class->kind == OBJ_PERF_EVENT)
		return obj_to_perf_event(o);
	obj_put(o);
	return ERR_PTR(-EBADF);
}

static struct link_create_env env_of(struct sys_req *r)
{
	return (struct link_create_env){
		.cred = r->cred,
		.objs = r->sys->objs,
		.hooks = r->sys->hooks,
		.probes = r->sys->probes,
		.vmlinux = r->sys->vmlinux,
		.map_by_fd = env_map_by_fd,
		.link_by_fd = env_link_by_fd,
		.event_by_fd = env_event_by_fd,
		.fd = env_fd,
		.copy_in = env_copy_in,
		.copy_str = env_copy_str,
		.open_path = env_open_path,
		.arg = r,
	};
}

static bool wants_iter_info(const union bpf_attr *a, const struct bpf_prog *prog)
{
	return prog->type == BPF_PROG_TYPE_TRACING &&
	       prog->expected_attach_type == BPF_TRACE_ITER &&
	       a->link_create.attach_type == BPF_TRACE_ITER && !a->link_create.target_fd &&
	       !a->link_create.flags;
}

/* Gives the caller a handle of the new link; takes over its reference. */
static long publish(struct sys_req *r, struct bpf_link *link)
{
	long ret;

	if (IS_ERR(link))
		return PTR_ERR(link);
	ret = obj_publish(r->sys->objs, &link->obj);
	if (!ret)
		ret = req_install(r, &link->obj, HANDLE_RW);
	obj_put(&link->obj);
	return ret;
}

long sys_link_create(struct sys_req *r)
{
	const union bpf_attr *a = &r->attr;
	struct link_create_env env = env_of(r);
	struct bpf_prog *prog = req_prog(r, a->link_create.prog_fd);
	union bpf_iter_link_info info;
	bool have_info = false;
	struct bpf_link *link;
	long ret = 0;

	if (IS_ERR(prog))
		return PTR_ERR(prog);
	if (wants_iter_info(a, prog)) {
		have_info = a->link_create.iter_info;
		if (have_info != !!a->link_create.iter_info_len)
			ret = -EINVAL;
		else if (have_info)
			ret = req_copy_struct(r, &info, sizeof(info), a->link_create.iter_info,
					      a->link_create.iter_info_len);
	}
	if (ret)
		goto out;
	link = link_create(&env, a, prog, have_info ? &info : NULL);
	ret = publish(r, link);
out:
	obj_put(&prog->obj);
	return ret;
}

long sys_link_update(struct sys_req *r)
{
	const union bpf_attr *a = &r->attr;
	struct bpf_prog *new_prog, *old_prog = NULL;
	struct bpf_link *link;
	long ret;

	if (a->link_update.flags & ~BPF_F_REPLACE)
		return -EINVAL;
	link = req_link(r, a->link_update.link_fd);
	if (IS_ERR(link))
		return PTR_ERR(link);
	new_prog = req_prog(r, a->link_update.new_prog_fd);
	if (IS_ERR(new_prog)) {
		ret = PTR_ERR(new_prog);
		goto out_link;
	}
	ret = -EINVAL;
	if (a->link_update.flags & BPF_F_REPLACE) {
		old_prog = req_prog(r, a->link_update.old_prog_fd);
		if (IS_ERR(old_prog)) {
			ret = PTR_ERR(old_prog);
			old_prog = NULL;
			goto out_progs;
		}
	} else if (a->link_update.old_prog_fd) {
		goto out_progs;
	}
	if (link->ops->update_prog)
		ret = link->ops->update_prog(link, new_prog, old_prog);
out_progs:
	if (old_prog)
		obj_put(&old_prog->obj);
	if (ret)
		obj_put(&new_prog->obj);
out_link:
	obj_put(&link->obj);
	return ret;
}

long sys_link_detach(struct sys_req *r)
{
	struct bpf_link *link = req_link(r, r->attr.link_detach.link_fd);
	long ret;

	if (IS_ERR(link))
		return PTR_ERR(link);
	ret = link->ops->detach ? link->ops->detach(link) : -EOPNOTSUPP;
	obj_put(&link->obj);
	return ret;
}

/* --- raw tracepoints, and the trampoline attachments that share the command --- */

static long raw_tp_attach(struct sys_req *r, struct bpf_prog *prog)
{
	struct link_create_env env = env_of(r);
	const char *name = NULL;
	char text[128];
	u64 cookie;

	switch (prog->type) {
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_EXT:
	case BPF_PROG_TYPE_LSM:
		if (r->attr.raw_tracepoint.name ||
		    prog_writes_file(prog->type, prog->expected_attach_type))
			return -EINVAL;
		break;
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
		if (req_copy_str(r, text, r->attr.raw_tracepoint.name, sizeof(text)) < 0)
			return -EFAULT;
		name = text;
		break;
	default: return -EINVAL;
	}
	memcpy(&cookie, r->attr_bytes + BPF_ATTR_RAW_TP_COOKIE, sizeof(cookie));
	return publish(r, link_create_raw(&env, name, prog, cookie));
}

long sys_raw_tp_open(struct sys_req *r)
{
	struct bpf_prog *prog = req_prog(r, r->attr.raw_tracepoint.prog_fd);
	long ret;

	if (IS_ERR(prog))
		return PTR_ERR(prog);
	ret = raw_tp_attach(r, prog);
	obj_put(&prog->obj);
	return ret;
}

/* --- PROG_ATTACH, PROG_DETACH, PROG_QUERY: hooks in a kernel data path, which a service has not
 * --- */

enum hook_kind { HOOK_NONE, HOOK_CGROUP, HOOK_SOCKMAP, HOOK_NETNS, HOOK_LIRC, HOOK_OTHER };

static const struct {
	u8 hook;
	u8 prog_type;
	bool query; /* PROG_QUERY knows it */
} attach_types[] = {
	[BPF_CGROUP_INET_INGRESS] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SKB, true},
	[BPF_CGROUP_INET_EGRESS] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SKB, true},
	[BPF_CGROUP_INET_SOCK_CREATE] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK, true},
	[BPF_CGROUP_INET_SOCK_RELEASE] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK, true},
	[BPF_CGROUP_INET4_POST_BIND] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK, true},
	[BPF_CGROUP_INET6_POST_BIND] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK, true},
	[BPF_CGROUP_INET4_BIND] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, true},
	[BPF_CGROUP_INET6_BIND] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, true},
	[BPF_CGROUP_INET4_CONNECT] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, true},
	[BPF_CGROUP_INET6_CONNECT] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, true},
	[BPF_CGROUP_INET4_GETPEERNAME] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, true},
	[BPF_CGROUP_INET6_GETPEERNAME] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, true},
	[BPF_CGROUP_INET4_GETSOCKNAME] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, true},
	[BPF_CGROUP_INET6_GETSOCKNAME] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, true},
	[BPF_CGROUP_UDP4_SENDMSG] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, true},
	[BPF_CGROUP_UDP6_SENDMSG] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, true},
	[BPF_CGROUP_UDP4_RECVMSG] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, true},
	[BPF_CGROUP_UDP6_RECVMSG] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, true},
	[BPF_CGROUP_SOCK_OPS] = {HOOK_CGROUP, BPF_PROG_TYPE_SOCK_OPS, true},
	[BPF_CGROUP_DEVICE] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_DEVICE, true},
	[BPF_CGROUP_SYSCTL] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SYSCTL, true},
	[BPF_CGROUP_GETSOCKOPT] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCKOPT, true},
	[BPF_CGROUP_SETSOCKOPT] = {HOOK_CGROUP, BPF_PROG_TYPE_CGROUP_SOCKOPT, true},
	[BPF_LSM_CGROUP] = {HOOK_CGROUP, BPF_PROG_TYPE_LSM, true},
	[BPF_LSM_MAC] = {HOOK_OTHER, BPF_PROG_TYPE_LSM, false},
	[BPF_SK_MSG_VERDICT] = {HOOK_SOCKMAP, BPF_PROG_TYPE_SK_MSG, true},
	[BPF_SK_SKB_STREAM_PARSER] = {HOOK_SOCKMAP, BPF_PROG_TYPE_SK_SKB, true},
	[BPF_SK_SKB_STREAM_VERDICT] = {HOOK_SOCKMAP, BPF_PROG_TYPE_SK_SKB, true},
	[BPF_SK_SKB_VERDICT] = {HOOK_SOCKMAP, BPF_PROG_TYPE_SK_SKB, true},
	[BPF_LIRC_MODE2] = {HOOK_LIRC, BPF_PROG_TYPE_LIRC_MODE2, true},
	[BPF_FLOW_DISSECTOR] = {HOOK_NETNS, BPF_PROG_TYPE_FLOW_DISSECTOR, true},
	[BPF_SK_LOOKUP] = {HOOK_NETNS, BPF_PROG_TYPE_SK_LOOKUP, true},
	[BPF_TRACE_ITER] = {HOOK_OTHER, BPF_PROG_TYPE_TRACING, false},
	[BPF_TRACE_RAW_TP] = {HOOK_OTHER, BPF_PROG_TYPE_TRACING, false},
	[BPF_TRACE_FENTRY] = {HOOK_OTHER, BPF_PROG_TYPE_TRACING, false},
	[BPF_TRACE_FEXIT] = {HOOK_OTHER, BPF_PROG_TYPE_TRACING, false},
	[BPF_MODIFY_RETURN] = {HOOK_OTHER, BPF_PROG_TYPE_TRACING, false},
	[BPF_XDP] = {HOOK_OTHER, BPF_PROG_TYPE_XDP, false},
};

static enum hook_kind hook_of(u32 attach_type)
{
	return attach_type < ARRAY_SIZE(attach_types) ? attach_types[attach_type].hook : HOOK_NONE;
}

/* A FUSE mount of another user namespace tells nothing but its device, and /proc the inode. */
static int fd_identity(int fd, dev_t *dev, u64 *ino)
{
	char path[64], line[128];
	struct statx stx;
	int found = 0;
	FILE *f;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_INO, &stx) == 0) {
		*dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
		*ino = stx.stx_ino;
		return 0;
	}
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &stx))
		return -errno;
	*dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "ino: %llu", ino) == 1;
	if (f)
		fclose(f);
	return found ? 0 : -EACCES;
}

/* What file system @fd is of: a group in a tree of ours is what it mirrors. 0: cannot be told. */
static u32 fd_magic(struct sys_req *r, int fd)
{
	struct fs_super *sb;
	struct fs_inode *i;
	struct statfs sfs;
	u32 magic;
	dev_t dev = 0;
	u64 ino = 0;

	if (fstatfs(fd, &sfs) || fd_identity(fd, &dev, &ino))
		return 0;
	sb = r->sys->fs ? fs_super_by_dev(r->sys->fs, dev) : NULL;
	if (!sb)
		return sfs.f_type;
	i = fs_inode_by_ino(sb, ino);
	fs_super_put(sb);
	if (!i)
		return 0;
	magic = fs_magic(i);
	fs_inode_put(i, 1);
	return magic;
}

/*
 * Is the caller's target what the hook attaches to? 0, or the errno the kernel gives for a wrong
 * one. What follows a right one is -EINVAL, as on a kernel built without that hook; PROG_QUERY says
 * that nothing is attached.
 */
static long check_target(struct sys_req *r, enum hook_kind hook, int target_fd)
{
	int fd = r->call->ops->fd(r->call, target_fd);
	u32 magic;

	if (hook == HOOK_SOCKMAP) {
		struct map_obj *m = req_map(r, target_fd, NULL);

		if (IS_ERR(m))
			return PTR_ERR(m);
		obj_put(&m->obj);
		return -EOPNOTSUPP; /* no socket maps here, so it is another kind */
	}
	if (fd < 0)
		return hook == HOOK_NETNS ? -EINVAL : -EBADF;
	magic = fd_magic(r, fd);
	if (!magic || hook == HOOK_CGROUP)
		return magic == CGROUP2_MAGIC ? 0 : -EBADF;
	return hook == HOOK_NETNS && magic == NSFS_MAGIC_NR ? 0 : -EINVAL;
}

long sys_prog_attach(struct sys_req *r)
{
	const union bpf_attr *a = &r->attr;
	enum hook_kind hook = hook_of(a->attach_type);
	struct bpf_prog *prog;
	long ret;

	if (a->attach_flags & ~ATTACH_MASK || hook == HOOK_NONE)
		return -EINVAL;
	prog = req_prog(r, a->attach_bpf_fd);
	if (IS_ERR(prog))
		return PTR_ERR(prog);
	if (prog->type != attach_types[a->attach_type].prog_type || hook == HOOK_OTHER)
		ret = -EINVAL;
	else
		ret = check_target(r, hook, a->target_fd);
	obj_put(&prog->obj);
	return ret ? ret : -EINVAL;
}

long sys_prog_detach(struct sys_req *r)
{
	enum hook_kind hook = hook_of(r->attr.attach_type);
	long ret;

	if (hook == HOOK_NONE || hook == HOOK_OTHER)
		return -EINVAL;
	ret = check_target(r, hook, r->attr.target_fd);
	return ret ? ret : -ENOENT; /* nothing can be attached */
}

long sys_prog_query(struct sys_req *r)
{
	const union bpf_attr *a = &r->attr;
	long ret;

	if (a->query.query_flags & ~BPF_F_QUERY_EFFECTIVE)
		return -EINVAL;
	if (a->query.attach_type >= ARRAY_SIZE(attach_types) ||
	    !attach_types[a->query.attach_type].query)
		return -EINVAL;
	ret = check_target(r, hook_of(a->query.attach_type), a->query.target_fd);
	if (ret)
		return ret;
	if (req_put_attr(r, query.attach_flags, 0) || req_put_attr(r, query.prog_cnt, 0))
		return -EFAULT;
	return 0;
}
