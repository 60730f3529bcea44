/* SPDX-License-Identifier: BSD-2-Clause */
/* perf.c - perf events: the system calls around bpf(2) that make them and put programs on them. */
#include "sys/priv.h"

int sys_perf_open(struct sys *sys, const struct perf_open *o)
{
	struct perf_event_obj *e = perf_event_open(sys->perf_events, o);
	int fd;

	if (IS_ERR(e))
		return PTR_ERR(e);
	fd = handle_open(sys->objs, perf_event_to_obj(e), HANDLE_RW);
	obj_put(perf_event_to_obj(e));
	return fd;
}

static int set_bpf(struct sys *sys, struct perf_event_obj *e, struct perf_ioctl *io)
{
	struct obj *prog = handle_lookup(sys->objs, io->prog_fd, NULL);
	int err = -EINVAL;

	if (IS_ERR(prog))
		return io->prog_fd < 0 ? -EBADF : -EINVAL;
	if (prog->class->kind == OBJ_PROG)
		err = perf_event_set_prog(e, obj_to_prog(prog), 0);
	obj_put(prog);
	return err;
}

static int query(struct perf_event_obj *e, struct perf_ioctl *io)
{
	if (!cred_perfmon(io->cred))
		return -EPERM;
	if (io->arg > PERF_MAX_PROGS)
		return -E2BIG;
	return perf_event_progs(e, io->ids, (u32)io->arg);
}

static int request(struct sys *sys, struct perf_event_obj *e, struct perf_ioctl *io)
{
	switch (io->cmd) {
	case PERF_EVENT_IOC_ENABLE: return perf_event_enable(e, true);
	case PERF_EVENT_IOC_DISABLE: return perf_event_enable(e, false);
	case PERF_EVENT_IOC_RESET: return 0;
	case PERF_EVENT_IOC_PERIOD: return perf_event_set_period(e, io->arg);
	case PERF_EVENT_IOC_ID: io->value = perf_event_id(e); return 0;
	case PERF_EVENT_IOC_SET_BPF: return set_bpf(sys, e, io);
	case PERF_EVENT_IOC_QUERY_BPF: return query(e, io);
	/* of buffers and filters, which these events have none of */
	case PERF_EVENT_IOC_REFRESH:
	case PERF_EVENT_IOC_SET_OUTPUT:
	case PERF_EVENT_IOC_SET_FILTER:
	case PERF_EVENT_IOC_PAUSE_OUTPUT:
	case PERF_EVENT_IOC_MODIFY_ATTRIBUTES: return -EINVAL;
	default: return -ENOTTY;
	}
}

int sys_perf_ioctl(struct sys *sys, int fd, struct perf_ioctl *io)
{
	struct obj *o = handle_lookup(sys->objs, fd, NULL);
	int ret = -ENOTTY;

	if (IS_ERR(o))
		return PTR_ERR(o);
	if (o->class->kind == OBJ_PERF_EVENT)
		ret = request(sys, obj_to_perf_event(o), io);
	obj_put(o);
	return ret;
}

int sys_call_tests(struct sys *sys, u32 attach_type, const struct exec_task *task, u32 *retval)
{
	return hook_test_run(sys->hooks, attach_type, task, retval);
}

struct perf_events *sys_perf_events(struct sys *sys)
{
	return sys->perf_events;
}
