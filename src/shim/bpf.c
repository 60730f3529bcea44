/* SPDX-License-Identifier: BSD-2-Clause */
/* bpf.c - where a command is answered: on shared memory, by running the program here, or by the
 * service. */
#include "shim/shim.h"

long shim_answer(int cmd, u64 uattr, u32 size)
{
	int err = unlikely(shim_fail_on()) ? shim_fail_call() : 0;
	long ret = SHIM_ELSEWHERE;

	if (err)
		return err;
	if ((cmd >= BPF_MAP_LOOKUP_ELEM && cmd <= BPF_MAP_GET_NEXT_KEY) ||
	    cmd == BPF_MAP_LOOKUP_AND_DELETE_ELEM)
		ret = shim_elem(cmd, uattr, size);
	else if (cmd == BPF_PROG_TEST_RUN)
		ret = shim_test_run(uattr, size);
	return ret == SHIM_ELSEWHERE ? shim_pack(cmd, uattr, size) : ret;
}

long shim_bpf(int cmd, void *uattr, u32 size)
{
	long ret;

	hit_inside++;
	ret = unlikely(shim.tracing) ? shim_trace_bpf(cmd, (u64)(uintptr_t)uattr, size)
				     : shim_answer(cmd, (u64)(uintptr_t)uattr, size);
	hit_inside--;
	return ret;
}
