/* SPDX-License-Identifier: BSD-2-Clause */
/* init.c - start of the shim in a process, and after fork. */
#include <pthread.h>
#include <stdlib.h>
#include "abi/record.h"
#include "base/slot.h"
#include "exec/exec.h"
#include "shim/interpose.h"
#include "base/raw.h"
#include "shim/shim.h"

static void take_slots(int memfd)
{
	void *p = raw_mmap(NULL, sizeof(struct slot_table), PROT_READ | PROT_WRITE, MAP_SHARED,
			   memfd, 0);

	if (IS_ERR(p))
		return;
	shim.slots = p;
	slot_use(shim.slots);
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
}

__attribute__((constructor)) static void start(void)
{
	static const struct fd_source source = {.describe = shim_describe,
						.put_image = shim_image_put,
						.put_inner = shim_inner_put};
	const char *path = getenv("USERBPF_SOCKET");

	interpose_init();
	if (!path || !*path || client_init(&shim.client, path))
		return;
	shim.client.slots = take_slots;
	shim.virtual_root = getenv("USERBPF_VIRTUAL");
	shim.fds = fdtab_new(&source);
	sigchain_init();
	path = getenv("USERBPF_FAIL");
	if (path)
		shim_fail_start(path);
	path = getenv(ABI_REC_ENV);
	if (path && *path)
		shim_trace_start(path);
	shim.on = shim.fds && !pthread_atfork(NULL, NULL, after_fork);
}
