/* SPDX-License-Identifier: BSD-2-Clause */
/* attach.c - what a program may ask about the place it is attached to, and do there. Whoever runs it
 * has put the answers into the run. */
#include "helper/fn.h"

HELPER_FN(get_attach_cookie)
{
	return run->cookie;
}

HELPER_FN(get_func_ip)
{
	return run->ip;
}

/* Programs around a function: ctx has the arguments, behind them the result, before them how many. */

HELPER_FN(get_func_arg_cnt)
{
	return ((const u64 *)(uintptr_t)r1)[-1];
}

HELPER_FN(get_func_arg)
{
	const u64 *ctx = (const u64 *)(uintptr_t)r1;

	if ((u32)r2 >= ctx[-1])
		return (u64)-EINVAL;
	*(u64 *)(uintptr_t)r3 = ctx[(u32)r2];
	return 0;
}

HELPER_FN(get_func_ret)
{
	const u64 *ctx = (const u64 *)(uintptr_t)r1;

	if (run->image->attach_type != BPF_TRACE_FEXIT &&
	    run->image->attach_type != BPF_MODIFY_RETURN)
		return (u64)-EOPNOTSUPP;
	*(u64 *)(uintptr_t)r2 = ctx[ctx[-1]];
	return 0;
}

HELPER_FN(override_return)
{
	run->override = true;
	run->override_rc = r2;
	return 0;
}

HELPER_FN(perf_prog_read_value)
{
	struct bpf_perf_event_value *out = (struct bpf_perf_event_value *)(uintptr_t)r2;

	if (run->perf && (u32)r3 == sizeof(*out)) {
		*out = *run->perf;
		return 0;
	}
	memset(out, 0, (u32)r3);
	return (u64)-EINVAL;
}
