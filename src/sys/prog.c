/* SPDX-License-Identifier: BSD-2-Clause */
/* prog.c - PROG_LOAD, PROG_TEST_RUN, PROG_BIND_MAP. */
#include <unistd.h>

#include "exec/test_run.h"
#include "sys/priv.h"

#define MAX_INSNS     BPF_COMPLEXITY_LIMIT_INSNS
#define INFO_REC_MAX  252u
#define MAX_TEST_DATA (1u << 20)

/* --- load: objects named by fds stay referenced until the program holds its own references --- */

struct load {
	struct sys_req *r;
	struct load_ref {
		int fd;
		struct obj *obj;
	} * refs;
	u32 nr, room;
};

static struct obj *load_obj(struct load *l, int fd, enum obj_kind kind)
{
	struct obj *o;

	for (u32 i = 0; i < l->nr; i++)
		if (l->refs[i].fd == fd && l->refs[i].obj->class->kind == kind)
			return l->refs[i].obj;
	o = req_obj(l->r, fd, kind, NULL);
	if (IS_ERR(o))
		return o;
	if (l->nr == l->room) {
		u32 room = l->room ? l->room * 2 : 8;
		struct load_ref *refs = realloc(l->refs, room * sizeof(*refs));

		if (!refs) {
			obj_put(o);
			return ERR_PTR(-ENOMEM);
		}
		l->refs = refs;
		l->room = room;
	}
	l->refs[l->nr++] = (struct load_ref){.fd = fd, .obj = o};
	return o;
}

static void load_drop(struct load *l)
{
	for (u32 i = 0; i < l->nr; i++)
		obj_put(l->refs[i].obj);
	free(l->refs);
}

static struct bpf_map *vfy_map_by_fd(void *arg, int fd)
{
	struct obj *o = load_obj(arg, fd, OBJ_MAP);

	return IS_ERR(o) ? ERR_CAST(o) : &obj_to_map(o)->map;
}

static struct btf *vfy_btf_by_fd(void *arg, int fd)
{
	struct obj *o = load_obj(arg, fd, OBJ_BTF);

	return IS_ERR(o) ? ERR_CAST(o) : container_of(o, struct btf, obj);
}

static int vfy_fd_array(void *arg, u32 idx, int *fd)
{
	struct load *l = arg;

	if (!l->r->attr.fd_array)
		return -EPROTO; /* as the kernel says of an index without an array */
	return req_copy_in(l->r, fd, l->r->attr.fd_array + (u64)idx * sizeof(*fd), sizeof(*fd));
}

/*
 * No symbol of the service is exported to programs yet. Another kernel's symbols are taken on trust
 * when nothing will run: their address is one that nothing can have.
 */
static u64 vfy_ksym_addr(void *arg, const char *name)
{
	const struct load *l = arg;
	const struct hook *h = hook_function(l->r->sys->hooks, name);

	if (l->r->sys->verify_only)
		return 0xdead000000000000ull;
	return h ? hook_point_addr(hook_point_of(h)) : 0;
}

static const struct vfy_env_ops vfy_env = {
	.map_by_fd = vfy_map_by_fd,
	.fd_array = vfy_fd_array,
	.btf_by_fd = vfy_btf_by_fd,
	.ksym_addr = vfy_ksym_addr,
};

static struct bpf_prog *load_prog_by_fd(void *arg, int fd)
{
	return req_prog(((struct load *)arg)->r, fd);
}

static struct btf *load_btf_by_fd(void *arg, int fd)
{
	return req_btf(((struct load *)arg)->r, fd);
}

static const struct vfy_ctx_arg *load_target_ctx(void *arg, enum bpf_attach_type attach,
						 const char *func, u32 *nr)
{
	const struct iter_target *t;

	if (attach == BPF_TRACE_VIEW || attach == BPF_TRACE_VIEW_WRITE)
		return view_target_args(attach, func, nr);
	t = iter_target_by_func(func);
	*nr = t ? t->nr_ctx_args : 0;
	return t ? t->ctx_args : NULL;
}

/* Copies what attr points to. What cannot be read stays NULL and prog_load() finds it in its
 * turn: 0 or -ENOMEM. */
static int load_copy(struct sys_req *r, const void **dst, u64 uaddr, u64 cnt, u64 size)
{
	void *p;

	if (!cnt || size > INFO_REC_MAX || cnt > MAX_INSNS)
		return 0;
	p = req_dup(r, uaddr, cnt * size);
	if (!IS_ERR(p))
		*dst = p;
	return PTR_ERR(p) == -ENOMEM ? -ENOMEM : 0;
}

static int load_copies(struct sys_req *r, struct prog_load_req *req)
{
	const union bpf_attr *a = &r->attr;
	int err = load_copy(r, (const void **)&req->insns, a->insns, a->insn_cnt,
			    sizeof(struct bpf_insn));

	if (!err)
		err = load_copy(r, &req->func_info, a->func_info, a->func_info_cnt,
				a->func_info_rec_size);
	if (!err)
		err = load_copy(r, &req->line_info, a->line_info, a->line_info_cnt,
				a->line_info_rec_size);
	if (!err)
		err = load_copy(r, &req->core_relos, a->core_relos, a->core_relo_cnt,
				a->core_relo_rec_size);
	return err;
}

static bool may_load(const struct sys_req *r)
{
	u32 type = r->attr.prog_type;

	return type == BPF_PROG_TYPE_SOCKET_FILTER || type == BPF_PROG_TYPE_CGROUP_SKB ||
	       cred_bpf(r->cred);
}

/* The log has a buffer only when its attributes are sane; prog_load() refuses them at its proper
 * place otherwise. */
static void load_log_init(const union bpf_attr *a, struct log *log)
{
	bool sane = !req_log_check(a->log_level, a->log_buf, a->log_size);

	log_init(log, sane ? a->log_level : 0, sane ? a->log_size : 0);
}

static long load_run(struct sys_req *r, struct load *l, struct prog_load_req *req)
{
	const union bpf_attr *a = &r->attr;
	struct prog_load_env env = {
		.cred = r->cred,
		.vmlinux = r->sys->vmlinux,
		.modules = r->sys->modules,
		.nr_modules = r->sys->nr_modules,
		.vfy_env = &vfy_env,
		.vfy_arg = l,
		.prog_by_fd = load_prog_by_fd,
		.btf_by_fd = load_btf_by_fd,
		.target_ctx = load_target_ctx,
		.verify_only = r->sys->verify_only,
		.stats = &r->sys->stats,
		.arg = l,
	};
	struct bpf_prog *prog;
	struct log log;
	long ret;

	load_log_init(a, &log);
	prog = prog_load(&env, req, &log);
	ret = req_log_finish(r, &log, a->log_buf, IS_ERR(prog) ? PTR_ERR(prog) : 0);
	log_free(&log);
	if (!ret)
		ret = prog_publish(r->sys->objs, prog);
	if (!ret)
		ret = req_install(r, &prog->obj, HANDLE_RW);
	if (!IS_ERR(prog))
		obj_put(&prog->obj);
	return ret;
}

long sys_prog_load(struct sys_req *r)
{
	const union bpf_attr *a = &r->attr;
	struct prog_load_req req = {.attr = *a, .attr_size = r->size};
	struct load l = {.r = r};
	char license[128];
	u32 token;
	long ret;

	/* what 6.1 does not know of attr, but for fd_array_cnt, must be zero as for 6.1 */
	memcpy(&token, r->attr_bytes + BPF_ATTR_FD_ARRAY_CNT - sizeof(token), sizeof(token));
	memcpy(&req.fd_array_cnt, r->attr_bytes + BPF_ATTR_FD_ARRAY_CNT, sizeof(req.fd_array_cnt));
	if (token)
		return -E2BIG;

	if (req_copy_str(r, license, a->license, sizeof(license)) >= 0)
		req.license = license;
	/* Nothing big is copied for a caller who may not load it anyway; prog_load() finds the
	 * reason. */
	ret = req.license && may_load(r) ? load_copies(r, &req) : 0;
	if (!ret)
		ret = load_run(r, &l, &req);
	load_drop(&l);
	free((void *)req.insns);
	free((void *)req.func_info);
	free((void *)req.line_info);
	free((void *)req.core_relos);
	return ret;
}

/* --- test run --- */

struct test_host {
	struct exec_host host;
	struct map_obj **inner; /* maps found in maps, held until the run is over */
	u32 nr_inner;
};

static bool test_holds(const struct test_host *h, const struct map_obj *m)
{
	for (u32 i = 0; i < h->nr_inner; i++)
		if (h->inner[i] == m)
			return true;
	return false;
}

static struct bpf_map *test_inner_map(struct exec_run *run, struct bpf_map *outer, u32 id)
{
	struct test_host *h = container_of(run->host, struct test_host, host);
	struct map_obj *m = map_obj_inner(map_obj_of(outer), id), **more;

	if (!m)
		return NULL;
	if (test_holds(h, m)) {
		obj_put(&m->obj);
		return &m->map;
	}
	more = realloc(h->inner, (h->nr_inner + 1) * sizeof(*more));
	if (!more) {
		obj_put(&m->obj);
		return NULL;
	}
	h->inner = more;
	more[h->nr_inner++] = m;
	return &m->map;
}

static void test_drop_inner(struct test_host *h)
{
	for (u32 i = 0; i < h->nr_inner; i++)
		obj_put(&h->inner[i]->obj);
	free(h->inner);
}

/* SYSCALL programs call back into the subsystem as their caller: a struct sys_req. */

static long caller_sys_bpf(void *caller, int cmd, void *attr, u32 size)
{
	struct sys_req *r = caller;

	return sys_bpf(r->sys, r->call, cmd, (uintptr_t)attr, size);
}

static long caller_sys_close(void *caller, int fd)
{
	return close(fd) ? -errno : 0;
}

static long caller_btf_find(void *caller, const char *name, u32 len, u32 kind)
{
	struct sys_req *r = caller;
	struct btf *module;
	long id = sys_btf_find(r->sys, name, kind, &module), fd;

	if (!module)
		return id;
	fd = req_install(r, &module->obj, HANDLE_RW);
	return fd < 0 ? fd : id | fd << 32;
}

static long caller_ksym_find(void *caller, const char *name, u32 len, u64 *addr)
{
	return sys_ksym_find(((struct sys_req *)caller)->cred, name, addr);
}

static struct exec_host host_for(struct sys_req *r)
{
	struct exec_host host = r->sys->host;

	host.sys_bpf = caller_sys_bpf;
	host.sys_close = caller_sys_close;
	host.btf_find = caller_btf_find;
	host.ksym_find = caller_ksym_find;
	host.caller = r;
	host.inner_map = test_inner_map;
	return host;
}

static void test_free(struct test_run *t)
{
	free((void *)t->data_in);
	free((void *)t->ctx_in);
	free(t->data_out);
	free(t->ctx_out);
	free(t->ctx_inout);
}

static int test_buffer(void **buf, u64 uaddr, u32 len)
{
	if (!uaddr)
		return 0;
	*buf = calloc(1, len ? len : 1);
	return *buf ? 0 : -ENOMEM;
}

static int test_copy(struct sys_req *r, const void **buf, u64 uaddr, u32 len)
{
	void *p;

	if (!uaddr)
		return 0;
	/* A longer one is refused by length, whatever it holds. */
	p = req_dup(r, uaddr, min(len, MAX_TEST_DATA));
	if (IS_ERR(p))
		return PTR_ERR(p);
	*buf = p;
	return 0;
}

static int test_prepare(struct sys_req *r, struct test_run *t)
{
	const union bpf_attr *a = &r->attr;
	u32 out = a->test.data_size_out ? min(a->test.data_size_out, MAX_TEST_DATA)
					: TEST_RUN_MAX_DATA;
	int err;

	err = test_copy(r, &t->data_in, a->test.data_in, a->test.data_size_in);
	if (!err)
		err = test_copy(r, &t->ctx_in, a->test.ctx_in, a->test.ctx_size_in);
	if (!err)
		err = test_buffer(&t->data_out, a->test.data_out, out);
	if (!err)
		err = test_buffer(&t->ctx_out, a->test.ctx_out,
				  min(a->test.ctx_size_out, MAX_TEST_DATA));
	if (!err)
		err = test_buffer(&t->ctx_inout, a->test.ctx_in,
				  min(a->test.ctx_size_in, MAX_TEST_DATA));
	return err;
}

static int test_answer(struct sys_req *r, const struct test_run *t)
{
	const union bpf_attr *a = &r->attr;

	if (req_copy_out(r, a->test.data_out, t->data_out, t->data_out_len) ||
	    req_copy_out(r, a->test.ctx_out, t->ctx_out, t->ctx_out_len) ||
	    (t->set_ctx_in && req_copy_out(r, a->test.ctx_in, t->ctx_inout, a->test.ctx_size_in)) ||
	    (t->set_data_size && req_put_attr(r, test.data_size_out, t->data_size)) ||
	    (t->set_ctx_size && req_put_attr(r, test.ctx_size_out, t->ctx_size)) ||
	    (t->set_retval && req_put_attr(r, test.retval, t->retval)) ||
	    (t->set_duration && req_put_attr(r, test.duration, t->duration)))
		return -EFAULT;
	return 0;
}

static long test_prog(struct sys_req *r, struct bpf_prog *prog)
{
	const struct prog_type *type = prog_type_of(prog->type);
	struct test_host h = {.host = host_for(r)};
	struct test_run t = {.attr = r->attr, .max_ctx_offset = prog->aux->max_ctx_offset};
	long ret;

	t.kind = type ? type->test_run : TEST_RUN_NONE;
	if (t.kind == TEST_RUN_NONE)
		return -ENOTSUPP;
	ret = test_prepare(r, &t);
	if (!ret) {
		ret = test_run(prog->image, &h.host, &t);
		prog_account(prog, t.runs, t.ns);
		if ((!ret || ret == -ENOSPC) && test_answer(r, &t))
			ret = -EFAULT;
	}
	test_free(&t);
	test_drop_inner(&h);
	return ret;
}

long sys_prog_test_run(struct sys_req *r)
{
	const union bpf_attr *a = &r->attr;
	struct bpf_prog *prog;
	long ret;

	if (r->sys->remote)
		return -EOPNOTSUPP;
	if (!a->test.ctx_size_in != !a->test.ctx_in || !a->test.ctx_size_out != !a->test.ctx_out)
		return -EINVAL;
	prog = req_prog(r, a->test.prog_fd);
	if (IS_ERR(prog))
		return PTR_ERR(prog);
	ret = test_prog(r, prog);
	obj_put(&prog->obj);
	return ret;
}

/* --- bind --- */

long sys_prog_bind_map(struct sys_req *r)
{
	struct bpf_prog *prog;
	struct map_obj *m;
	long ret;

	if (r->attr.prog_bind_map.flags)
		return -EINVAL;
	prog = req_prog(r, r->attr.prog_bind_map.prog_fd);
	if (IS_ERR(prog))
		return PTR_ERR(prog);
	m = req_map(r, r->attr.prog_bind_map.map_fd, NULL);
	if (IS_ERR(m)) {
		ret = PTR_ERR(m);
		goto out;
	}
	ret = prog_bind_map(prog, &m->map);
	if (ret)
		obj_put(&m->obj);
out:
	obj_put(&prog->obj);
	return ret;
}
