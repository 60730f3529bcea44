/* SPDX-License-Identifier: BSD-2-Clause */
/* btf.c - BTF_LOAD. */
#include "sys/priv.h"

#define BTF_MAX_DATA (16u << 20) /* kernel: BTF_MAX_SIZE */

long sys_btf_load(struct sys_req *r)
{
	const union bpf_attr *a = &r->attr;
	struct btf *btf = NULL;
	struct log log;
	void *data;
	long ret;

	if (!cred_bpf(r->cred))
		return -EPERM;
	if (a->btf_size > BTF_MAX_DATA)
		return -E2BIG;
	if (req_log_check(a->btf_log_level, a->btf_log_buf, a->btf_log_size))
		return -EINVAL;
	data = req_dup(r, a->btf, a->btf_size);
	if (IS_ERR(data))
		return PTR_ERR(data);
	log_init(&log, a->btf_log_level, a->btf_log_size);
	btf = btf_parse(data, a->btf_size, &log);
	free(data);
	ret = req_log_finish(r, &log, a->btf_log_buf, IS_ERR(btf) ? PTR_ERR(btf) : 0);
	log_free(&log);
	if (!ret)
		ret = obj_publish(r->sys->objs, &btf->obj);
	if (!ret)
		ret = req_install(r, &btf->obj, HANDLE_RW);
	if (!IS_ERR_OR_NULL(btf))
		btf_put(btf);
	return ret;
}
