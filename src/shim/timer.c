/* SPDX-License-Identifier: BSD-2-Clause */
/* timer.c - bpf_timer helpers of programs that run here: the service does it all, and its thread runs
 * the callbacks, also when this process is gone. */
#include "exec/exec.h"
#include "shim/shim.h"

long shim_timer(struct exec_run *run, const struct exec_timer *t)
{
	struct msg_timer m = {.op = t->op,
			      .map_id = t->map ? t->map->id : 0,
			      .value_off = t->value_off,
			      .id = t->id,
			      .ns = t->ns,
			      .prog_id = t->prog_id,
			      .callback = t->callback};
	struct iovec iov = {&m, sizeof(m)};
	struct client_req req = {.type = MSG_TIMER, .iov = &iov, .nr_iov = 1};
	struct client_reply reply;
	long ret;

	if (t->map) {
		req.fds = &t->map->memfd;
		req.nr_fds = 1;
	}
	ret = client_call(&shim.client, &req, &reply);
	if (ret)
		return ret;
	ret = reply.result;
	client_done(&reply);
	return ret;
}
