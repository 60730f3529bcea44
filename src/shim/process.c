// SPDX-License-Identifier: BSD-2-Clause
/* process.c - the shim's state in a process, and what becomes of it in a child. */
#include <pthread.h>
#include "base/slot.h"
#include "exec/exec.h"
#include "helper/cgroup_view.h"
#include "shim/agent.h"
#include "base/raw.h"
#include "shim/shim.h"

/* Once: who holds a slot must find it where it was. */
void shim_take_slots(int memfd)
{
	void *p;

	if (shim.slots)
		return;
	p = raw_mmap(NULL, sizeof(struct slot_table), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (IS_ERR(p))
		return;
	shim.slots = p;
	slot_use(shim.slots);
}

static void before_fork(void)
{
	agent_before_fork();
}

static void after_fork_parent(void)
{
	agent_after_fork(false);
}

static void after_fork(void)
{
	shim.met = false;
	client_after_fork(&shim.client);
	fdtab_after_fork(shim.fds);
	shim_images_after_fork();
	shim_inner_after_fork();
	shim_fail_after_fork();
	shim_ring_after_fork();
	agent_after_fork(true);
}

static const struct fd_source source = {
	.describe = shim_describe, .put_image = shim_image_put, .put_inner = shim_inner_put};

bool shim_make_state(const char *path)
{
	if (client_init(&shim.client, path))
		return false;
	shim.client.slots = shim_take_slots;
	cgroup_look_into_mirrors();
	shim.fds = fdtab_new(&source);
	return shim.fds && !pthread_atfork(before_fork, after_fork_parent, after_fork);
}

/* Names in this process were bound before we came: no call of its comes by here. */
void shim_attach(const char *path)
{
	if (!shim.fds && shim_make_state(path))
		agent_init(path);
}
