/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "btf/core.h"
#include "core_ours.h"

struct core_ours {
	struct btf *local, *target;
	struct btf_core *core;
	struct log log;
};

struct core_ours *core_ours_open(const void *local, unsigned int local_size, const void *target,
				 unsigned int target_size)
{
	struct core_ours *o = calloc(1, sizeof(*o));

	log_init(&o->log, LOG_LEVEL1, 16 << 20);
	o->target = btf_parse_vmlinux(target, target_size);
	o->local = btf_parse(local, local_size, &o->log);
	if (IS_ERR(o->target) || IS_ERR(o->local)) {
		const char *end = o->log.buf ? o->log.buf + o->log.len : "";

		printf("target %ld, local %ld\n%s", IS_ERR(o->target) ? PTR_ERR(o->target) : 0,
		       IS_ERR(o->local) ? PTR_ERR(o->local) : 0, end - min(o->log.len, 200u));
		return NULL;
	}
	log_reset(&o->log, 0);
	o->core = btf_core_new(o->local, &(struct btf_core_target){.vmlinux = o->target}, &o->log);
	return o;
}

int core_ours_apply(struct core_ours *o, const struct bpf_core_relo *relo, unsigned int idx,
		    struct bpf_insn *insns, unsigned int len, const char **log)
{
	int err = btf_core_apply(o->core, relo, idx, insns, len);

	*log = o->log.buf ? o->log.buf : "";
	return err;
}

void core_ours_close(struct core_ours *o)
{
	btf_core_free(o->core);
	btf_put(o->local);
	btf_put(o->target);
	log_free(&o->log);
	free(o);
}
