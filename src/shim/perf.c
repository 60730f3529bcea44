/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perf.c - perf events that BPF programs are put on: functions, user code, tracepoints, and clocks that
 * sample without a buffer. All others (counters, samples in a buffer, hardware) are the machine's.
 */
#include "base/raw.h"
#include "shim/guard.h"
#include "shim/shim.h"

#define TYPE_KPROBE 6 /* link/perf_event.h */
#define TYPE_UPROBE 7
#define SYMBOL_ROOM 512 /* KSYM_NAME_LEN */
#define PATH_ROOM   4096
#define FLAGS \
	(PERF_FLAG_FD_NO_GROUP | PERF_FLAG_FD_OUTPUT | PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC)
#define QUERY_ROOM_MAX 64u

/* Kernel: perf_copy_attr(). */
static int read_attr(struct perf_event_attr *a, u64 uattr)
{
	u32 size, known = sizeof(*a);
	char rest[64];

	memset(a, 0, sizeof(*a));
	if (guard_read_fast(&size, uattr + offsetof(struct perf_event_attr, size), sizeof(size)))
		return -EFAULT;
	size = size ?: PERF_ATTR_SIZE_VER0;
	if (size < PERF_ATTR_SIZE_VER0 || size > 4096)
		goto wrong_size;
	if (guard_read_fast(a, uattr, min(size, known)))
		return -EFAULT;
	for (u32 at = known, n; at < size; at += n) {
		n = min(size - at, (u32)sizeof(rest));
		if (guard_read_fast(rest, uattr + at, n))
			return -EFAULT;
		for (u32 i = 0; i < n; i++)
			if (rest[i])
				goto wrong_size;
	}
	a->size = size;
	return a->sample_type >> 25 || a->read_format >> 5 ? -EINVAL : 0;
wrong_size:
	guard_write_fast(uattr + offsetof(struct perf_event_attr, size), &known, sizeof(known));
	return -E2BIG;
}

static bool is_ours(const struct perf_event_attr *a)
{
	switch (a->type) {
	case PERF_TYPE_TRACEPOINT:
	case PERF_TYPE_BREAKPOINT: /* refused: a program there would see nothing */
	case TYPE_KPROBE:
	case TYPE_UPROBE: return true;
	case PERF_TYPE_SOFTWARE:
		/* who wants records reads them from a buffer */
		return (a->config == PERF_COUNT_SW_CPU_CLOCK ||
			a->config == PERF_COUNT_SW_TASK_CLOCK) &&
		       a->sample_period && !a->sample_type;
	default: return false;
	}
}

/* The text a probe's attr points to, with NUL: its length, 0 for none; and the file of a uprobe. */
static long read_name(const struct perf_event_attr *a, char *name, int *file)
{
	bool uprobe = a->type == TYPE_UPROBE;
	long len;

	if (!a->kprobe_func || (a->type != TYPE_KPROBE && !uprobe))
		return 0;
	len = guard_read_str(name, a->kprobe_func, uprobe ? PATH_ROOM : SYMBOL_ROOM);
	if (len < 0 || !uprobe)
		return len == -ENAMETOOLONG ? -E2BIG : len;
	if (len == 1)
		return -EINVAL;
	*file = raw_openat(AT_FDCWD, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
	if (*file == -EACCES || *file == -ETXTBSY)
		*file = raw_openat(AT_FDCWD, name, O_PATH | O_CLOEXEC, 0);
	return *file < 0 ? *file : len;
}

static long send_open(const struct msg_perf_open *m, const char *name, int file,
		      unsigned long flags)
{
	struct iovec iov[] = {{(void *)m, sizeof(*m)}, {(void *)name, m->name_len}};
	struct client_req req = {.type = MSG_PERF_OPEN,
				 .iov = iov,
				 .nr_iov = m->name_len ? 2 : 1,
				 .fds = &file,
				 .nr_fds = file >= 0};
	struct client_reply reply;
	long ret = client_call(&shim.client, &req, &reply);

	if (ret)
		return ret;
	ret = reply.result;
	if (ret >= 0 && reply.nr_fds) {
		ret = reply.fds[0];
		reply.fds[0] = -1;
		fdtab_drop(shim.fds, ret);
		if (!(flags & PERF_FLAG_FD_CLOEXEC))
			raw_fcntl(ret, F_SETFD, 0);
	}
	client_done(&reply);
	return ret;
}

long shim_perf_open(u64 uattr, int pid, int cpu, int group, unsigned long flags)
{
	struct perf_event_attr a;
	struct msg_perf_open m;
	char name[PATH_ROOM];
	int file = -1;
	long ret;

	if (flags & ~FLAGS)
		return -EINVAL;
	ret = read_attr(&a, uattr);
	if (!ret && !is_ours(&a))
		return SHIM_ELSEWHERE;
	if (ret)
		return ret;
	if (flags & PERF_FLAG_PID_CGROUP || pid < -1)
		return -EINVAL;
	if (group >= 0)
		return raw_fcntl(group, F_GETFD, 0) < 0 ? -EBADF : -EINVAL; /* no groups */
	ret = read_name(&a, name, &file);
	if (ret >= 0) {
		m = (struct msg_perf_open){
			.pid = pid, .cpu = cpu, .tid = raw3(SYS_gettid, 0, 0, 0), .name_len = ret};
		memcpy(m.attr, &a, sizeof(a));
		ret = send_open(&m, name, file, flags);
	}
	if (file >= 0)
		raw_close(file);
	return ret;
}

/* --- ioctl --- */

static long store(unsigned long cmd, u64 arg, const struct client_reply *reply)
{
	u32 cnt = reply->result, room;

	if (cmd == PERF_EVENT_IOC_ID)
		return reply->len < 8 ? -EIO : guard_write_fast(arg, reply->body, 8);
	if (cmd != PERF_EVENT_IOC_QUERY_BPF)
		return reply->result;
	if (guard_read_fast(&room, arg, sizeof(room)))
		return -EFAULT;
	room = min(room, min(cnt, reply->len / (u32)sizeof(u32)));
	if (guard_write_fast(arg + offsetof(struct perf_event_query_bpf, prog_cnt), &cnt,
			     sizeof(cnt)) ||
	    guard_write_fast(arg + offsetof(struct perf_event_query_bpf, ids), reply->body,
			     room * sizeof(u32)))
		return -EFAULT;
	guard_read_fast(&room, arg, sizeof(room));
	return cnt > room && room ? -ENOSPC : 0;
}

/* Arguments by address are read here. */
static long fetch(unsigned long cmd, u64 arg, struct msg_perf_ioctl *m)
{
	u32 room;

	m->arg = arg;
	if (cmd == PERF_EVENT_IOC_PERIOD)
		return guard_read_fast(&m->arg, arg, sizeof(m->arg));
	if (cmd != PERF_EVENT_IOC_QUERY_BPF)
		return 0;
	if (guard_read_fast(&room, arg, sizeof(room)))
		return -EFAULT;
	m->arg = room;
	return 0;
}

static long call(int fd, unsigned long cmd, u64 arg)
{
	int fds[2] = {fd, (int)arg};
	bool prog = cmd == PERF_EVENT_IOC_SET_BPF && !client_owns_fd(&shim.client, (int)arg) &&
		    raw_fcntl((int)arg, F_GETFD, 0) >= 0;
	struct msg_perf_ioctl m = {.cmd = cmd};
	struct iovec iov = {&m, sizeof(m)};
	struct client_req req = {.type = MSG_PERF_IOCTL,
				 .iov = &iov,
				 .nr_iov = 1,
				 .fds = fds,
				 .nr_fds = prog ? 2 : 1};
	struct client_reply reply;
	long ret = fetch(cmd, arg, &m);

	if (!ret)
		ret = client_call(&shim.client, &req, &reply);
	if (ret)
		return ret;
	ret = reply.result < 0 ? reply.result : store(cmd, arg, &reply);
	client_done(&reply);
	return ret;
}

long shim_perf_ioctl(int fd, unsigned long cmd, u64 arg)
{
	struct fd_obj *o = fdtab_get(shim.fds, fd);
	bool ours;

	if (IS_ERR(o))
		return SHIM_ELSEWHERE;
	ours = o->kind == FD_PERF;
	fdtab_put(shim.fds, o);
	return ours ? call(fd, cmd, arg) : SHIM_ELSEWHERE;
}

/* --- test runs of programs around functions --- */

int shim_call_tests(void *arg, u32 attach_type, u32 *retval)
{
	struct msg_call_tests m = {.attach_type = attach_type, .tid = raw3(SYS_gettid, 0, 0, 0)};
	struct iovec iov = {&m, sizeof(m)};
	struct client_req req = {.type = MSG_CALL_TESTS, .iov = &iov, .nr_iov = 1};
	struct client_reply reply;
	int err = client_call(&shim.client, &req, &reply);

	if (err)
		return err;
	err = reply.result;
	if (!err && reply.len < sizeof(*retval))
		err = -EIO;
	if (!err)
		memcpy(retval, reply.body, sizeof(*retval));
	client_done(&reply);
	return err;
}
