/* SPDX-License-Identifier: BSD-2-Clause */
/* bpf.c - where a command is answered: on shared memory, by running the program here, or by the
 * service. */
#include "base/slot.h"
#include "shim/guard.h"
#include "shim/raw.h"
#include "shim/shim.h"

struct shim shim;
__thread int shim_inside __attribute__((tls_model("initial-exec")));

int shim_read_attr(union bpf_attr *attr, u64 uattr, u32 size)
{
	if (size > sizeof(*attr))
		return SHIM_ELSEWHERE;
	memset((char *)attr + size, 0, sizeof(*attr) - size);
	return guard_read_fast(attr, uattr, size);
}

bool shim_attr_tail_zero(const union bpf_attr *attr, u32 end)
{
	const char *p = (const char *)attr;
	u64 any = 0, word;

	for (; end % 8 && end < sizeof(*attr); end++)
		any |= p[end];
	for (; end + 8 <= sizeof(*attr); end += 8) {
		memcpy(&word, p + end, 8);
		any |= word;
	}
	return !any;
}

static long answer(int cmd, u64 uattr, u32 size)
{
	long ret = SHIM_ELSEWHERE;

	if (cmd >= BPF_MAP_LOOKUP_ELEM && cmd <= BPF_MAP_GET_NEXT_KEY)
		ret = shim_elem(cmd, uattr, size);
	else if (cmd == BPF_PROG_TEST_RUN)
		ret = shim_test_run(uattr, size);
	return ret == SHIM_ELSEWHERE ? shim_pack(cmd, uattr, size) : ret;
}

long shim_bpf(int cmd, void *uattr, u32 size)
{
	long ret;

	shim_inside++;
	ret = answer(cmd, (u64)(uintptr_t)uattr, size);
	shim_inside--;
	return ret;
}

/* Ours are high up (see client.c, map.c), so the common close() costs one comparison. */
#define LOWEST_OWN 64

bool shim_owns_fd(int fd)
{
	return fd >= LOWEST_OWN &&
	       (client_owns_fd(&shim.client, fd) || fdtab_owns_fd(shim.fds, fd));
}

bool shim_next_own_fd(unsigned int first, unsigned int last, unsigned int *own)
{
	*own = min(client_next_fd(&shim.client, first), fdtab_next_fd(shim.fds, first));
	return *own <= last;
}
