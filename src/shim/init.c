/* SPDX-License-Identifier: BSD-2-Clause */
/* init.c - start of the shim in a process. */
#include <stdlib.h>
#include "abi/record.h"
#include "helper/pidfd_cache.h"
#include "shim/agent.h"
#include "shim/interpose.h"
#include "shim/shim.h"

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv("USERBPF_SOCKET"), *text;

	interpose_init();
	shim.probe_signals = sigchain_probes;
	if (!path || !*path || !shim_make_state(path))
		return;
	shim.virtual_root = getenv("USERBPF_VIRTUAL");
	sigchain_init();
	text = getenv("USERBPF_FAIL");
	if (text)
		shim_fail_start(text);
	text = getenv(ABI_REC_ENV);
	if (text && *text)
		shim_trace_start(text);
	pidfd_cache_begin();
	shim.on = true;
	agent_init(path);
	agent_begin();
}
