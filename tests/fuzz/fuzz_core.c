/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_core.c - any relocations of any program BTF against any kernel BTF: resolved or refused.
 * Input: u32 n, n times { struct bpf_core_relo, two instructions }, u32 length of the local BTF, that BTF, the target's (none: the
 * local one again).
 */
#include "btf/core.h"

struct job {
	struct bpf_core_relo relo;
	struct bpf_insn insns[2];
};

static const u8 *take(const u8 **data, size_t *size, size_t n)
{
	const u8 *p = *data;

	if (n > *size)
		return NULL;
	*data += n;
	*size -= n;
	return p;
}

static void apply_all(const struct btf *local, const struct btf *target, const u8 *jobs, u32 n,
		      u32 log_level)
{
	struct btf_core *core;
	struct log log;

	log_init(&log, log_level, 65536);
	core = btf_core_new(local, &(struct btf_core_target){.vmlinux = target}, &log);
	for (u32 i = 0; core && i < n; i++) {
		struct job j;

		memcpy(&j, jobs + i * sizeof(j), sizeof(j));
		j.relo.insn_off = 0;
		btf_core_apply(core, &j.relo, i, j.insns, 1 + i % 2);
	}
	btf_core_free(core);
	log_free(&log);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const u8 *head = take(&data, &size, 4), *jobs, *len, *btf;
	struct btf *local, *target;
	u32 n, local_len;

	if (!head)
		return 0;
	memcpy(&n, head, 4);
	n %= 64;
	jobs = take(&data, &size, n * sizeof(struct job));
	len = jobs ? take(&data, &size, 4) : NULL;
	if (!len)
		return 0;
	memcpy(&local_len, len, 4);
	btf = take(&data, &size, local_len);
	local = btf ? btf_parse(btf, local_len, NULL) : ERR_PTR(-EINVAL);
	if (IS_ERR(local))
		return 0;
	target = size ? btf_parse_vmlinux(data, size) : btf_get(local);
	if (!IS_ERR(target)) {
		apply_all(local, target, jobs, n, LOG_LEVEL1);
		apply_all(local, target, jobs, n, 0);
		btf_put(target);
	}
	btf_put(local);
	return 0;
}
