/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perf_ring.c - perf events of bpf output (PERF_COUNT_SW_BPF_OUTPUT) on a CPU: what perf_buffer__new() opens. The
 * service makes them; mapping, waiting and switching on and off are done on the buffer's memory.
 * All other events are somebody else's.
 */
#include <linux/perf_event.h>
#include "base/raw.h"
#include "map/perf_ring.h"
#include "shim/guard.h"
#include "shim/shim.h"

/* Up to wakeup_watermark, sample_type and so on: all we look at is in the first version's part. */
static int read_attr(struct perf_event_attr *a, u64 uattr)
{
	u32 size;

	memset(a, 0, sizeof(*a));
	if (guard_read_fast(&size, uattr + offsetof(struct perf_event_attr, size), sizeof(size)))
		return -EFAULT;
	size = size ?: PERF_ATTR_SIZE_VER0;
	if (size < PERF_ATTR_SIZE_VER0)
		return -E2BIG;
	return guard_read_fast(a, uattr, min(size, (u32)sizeof(*a)));
}

static long ask(const struct perf_event_attr *a, int cpu)
{
	struct msg_perf_ring m = {.sample_type = a->sample_type,
				  .cpu = cpu,
				  .wakeup = a->watermark ? a->wakeup_watermark : a->wakeup_events,
				  .enabled = !a->disabled};
	struct iovec iov = {&m, sizeof(m)};
	struct client_req req = {.type = MSG_PERF_RING, .iov = &iov, .nr_iov = 1};
	struct client_reply reply;
	long ret;

	if (a->watermark)
		m.sample_type |= PERF_RING_WATERMARK;
	ret = client_call(&shim.client, &req, &reply);
	if (ret)
		return ret;
	ret = reply.result < 0 ? reply.result : -EIO;
	if (reply.result >= 0 && reply.nr_fds) {
		ret = reply.fds[0];
		reply.fds[0] = -1;
	}
	client_done(&reply);
	return ret;
}

long shim_perf_ring_open(u64 uattr, int pid, int cpu, int group, unsigned long flags)
{
	struct perf_event_attr a;
	long ret = read_attr(&a, uattr);

	if (ret)
		return ret;
	if (a.type != PERF_TYPE_SOFTWARE || a.config != PERF_COUNT_SW_BPF_OUTPUT)
		return SHIM_ELSEWHERE;
	if (flags & ~(unsigned long)(PERF_FLAG_FD_NO_GROUP | PERF_FLAG_FD_OUTPUT |
				     PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC) ||
	    (pid == -1 && cpu == -1))
		return -EINVAL;
	if (pid != -1 || group != -1 || flags & (PERF_FLAG_FD_OUTPUT | PERF_FLAG_PID_CGROUP))
		return -EOPNOTSUPP; /* of tasks and groups */
	ret = ask(&a, cpu);
	if (ret < 0)
		return ret;
	fdtab_drop(shim.fds, ret);
	if (!(flags & PERF_FLAG_FD_CLOEXEC))
		raw_fcntl(ret, F_SETFD, 0);
	return ret;
}

static long control(struct bpf_map *map, unsigned long cmd, u64 arg)
{
	u64 id = map->id;

	switch (cmd) {
	case PERF_EVENT_IOC_ENABLE: return map_perf_ring_control(map, true);
	case PERF_EVENT_IOC_DISABLE: return map_perf_ring_control(map, false);
	case PERF_EVENT_IOC_RESET: return 0;
	case PERF_EVENT_IOC_ID: return guard_write_fast(arg, &id, sizeof(id));
	case PERF_EVENT_IOC_REFRESH:
	case PERF_EVENT_IOC_PERIOD:
	case PERF_EVENT_IOC_SET_BPF: return -EINVAL;
	case PERF_EVENT_IOC_SET_OUTPUT:
	case PERF_EVENT_IOC_PAUSE_OUTPUT: return -EOPNOTSUPP;
	}
	return -ENOTTY;
}

long shim_perf_ring_ioctl(int fd, unsigned long cmd, u64 arg)
{
	struct fd_obj *o = fdtab_get(shim.fds, fd);
	long ret = SHIM_ELSEWHERE;

	if (IS_ERR(o))
		return ret;
	if (o->kind == FD_PERF_RING)
		ret = o->map ? control(o->map, cmd, arg) : -ENOMEM;
	fdtab_put(shim.fds, o);
	return ret;
}
