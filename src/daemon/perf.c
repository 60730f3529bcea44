/* SPDX-License-Identifier: BSD-2-Clause */
/* perf.c - MSG_PERF_OPEN, MSG_PERF_IOCTL, MSG_CALL_TESTS, MSG_TRACE_EVENTS. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/daemon.h"
#include "link/dyn_event.h"
#include "link/perf_event.h"

static int passed_fd(struct conn *c, u32 i)
{
	return i < c->msg.nr_fds ? c->msg.fds[i] : -1;
}

/* Whose thread it says it is. */
static bool is_thread_of(const struct conn *c, u32 tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%u", c->pid, tid);
	return !access(path, F_OK);
}

int perf_handle_open(struct conn *c)
{
	const char *name = (const char *)c->msg.body + sizeof(struct msg_perf_open);
	struct msg_perf_open m;
	struct perf_open o;
	struct cred cred;
	int fd;

	memcpy(&m, c->msg.body, sizeof(m));
	if (m.name_len > c->msg.hdr.len - sizeof(m) || (m.name_len && name[m.name_len - 1]) ||
	    !is_thread_of(c, m.tid))
		return -EINVAL;
	cred_get(c, &cred);
	o = (struct perf_open){.cred = &cred,
			       .pid = m.pid,
			       .cpu = m.cpu,
			       .caller = (pid_t)m.tid,
			       .name = m.name_len ? name : NULL,
			       .file = passed_fd(c, 0)};
	memcpy(&o.attr, m.attr, sizeof(o.attr));
	fd = sys_perf_open(c->d->sys, &o);
	if (fd < 0)
		return fd;
	reply_fd(&c->reply, fd);
	return 0;
}

int perf_handle_ioctl(struct conn *c)
{
	u32 ids[PERF_MAX_PROGS];
	struct msg_perf_ioctl m;
	struct perf_ioctl io;
	struct cred cred;
	int ret;

	memcpy(&m, c->msg.body, sizeof(m));
	cred_get(c, &cred);
	io = (struct perf_ioctl){
		.cmd = m.cmd, .arg = m.arg, .prog_fd = passed_fd(c, 1), .cred = &cred, .ids = ids};
	ret = sys_perf_ioctl(c->d->sys, passed_fd(c, 0), &io);
	if (ret >= 0 && m.cmd == PERF_EVENT_IOC_QUERY_BPF)
		reply_add(&c->reply, ids, min((u32)m.arg, (u32)ret) * sizeof(ids[0]));
	if (!ret && m.cmd == PERF_EVENT_IOC_ID)
		reply_add(&c->reply, &io.value, sizeof(io.value));
	return ret;
}

static void read_comm(const struct conn *c, u32 tid, char comm[16])
{
	char path[64];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%u/comm", c->pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, comm, 15);
		close(fd);
	}
	comm[max(n, (ssize_t)0)] = 0;
	comm[strcspn(comm, "\n")] = 0;
}

int perf_handle_call_tests(struct conn *c)
{
	struct msg_call_tests m;
	struct exec_task task;
	struct cred cred;
	u32 retval;
	int err;

	memcpy(&m, c->msg.body, sizeof(m));
	if (!is_thread_of(c, m.tid))
		return -EINVAL;
	cred_get(c, &cred);
	if (!cred_perfmon(&cred) || !cred_bpf(&cred))
		return -EPERM;
	task = (struct exec_task){.pid = m.tid, .tgid = c->pid, .uid = c->uid, .gid = c->gid};
	read_comm(c, m.tid, task.comm);
	err = sys_call_tests(c->d->sys, m.attach_type, &task, &retval);
	if (!err)
		reply_add(&c->reply, &retval, sizeof(retval));
	return err;
}

/* As in the kernel, who closes a link or an event finds nothing attached any more. */
int perf_handle_closed(struct conn *c)
{
	struct msg_closed m;

	memcpy(&m, c->msg.body, sizeof(m));
	sys_settle(c->d->sys, m.dev, m.ino);
	return 0;
}

int perf_handle_trace_events(struct conn *c)
{
	struct dyn_events *dyn = perf_events_dyn(sys_perf_events(c->d->sys));
	const char *text = (const char *)c->msg.body + sizeof(struct msg_trace_events);
	struct msg_trace_events m;
	struct cred cred;
	bool uprobe;
	int err = 0;

	memcpy(&m, c->msg.body, sizeof(m));
	if (!m.len || m.len > c->msg.hdr.len - sizeof(m) || text[m.len - 1])
		return -EINVAL;
	cred_get(c, &cred);
	if (!cred_sys_admin(&cred))
		return -EACCES;
	uprobe = m.flags & TRACE_EVENTS_UPROBE;
	if (m.flags & TRACE_EVENTS_CLEAR)
		err = dyn_events_clear(dyn, uprobe);
	return err ? err : dyn_events_write(dyn, uprobe, text);
}
