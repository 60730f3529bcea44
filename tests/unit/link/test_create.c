/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK_CREATE, LINK_UPDATE and link info: who may be attached to what, and the kernel's errno for
 * the rest. */
#include "link_test.h"

#define F_FLAGS	  1u
#define F_TARGET  2u
#define F_BTF_ID  4u
#define F_NO_CAPS 8u

static const struct rule_case {
	u32 type, expected, attach, what;
	int want;
} rules[] = {
	{BPF_PROG_TYPE_SOCKET_FILTER, 0, 0, 0, -EINVAL},
	{BPF_PROG_TYPE_SYSCALL, 0, 0, 0, -EINVAL},
	{BPF_PROG_TYPE_RAW_TRACEPOINT, 0, BPF_TRACE_RAW_TP, 0, -EINVAL},
	{BPF_PROG_TYPE_SCHED_CLS, 0, 0, 0, -EINVAL},
	{999, 0, 0, 0, -EINVAL},
	{BPF_PROG_TYPE_XDP, BPF_XDP, BPF_XDP, 0, -EINVAL},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, BPF_TRACE_FENTRY, 0, -EINVAL},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, BPF_XDP, 0, -EINVAL},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, 5000, 0, -EINVAL},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, BPF_TRACE_ITER, F_FLAGS, -EINVAL},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, BPF_TRACE_ITER, F_TARGET, -EINVAL},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, BPF_TRACE_ITER, 0, 0},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, BPF_TRACE_FENTRY, 0, -ENOTSUPP},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, BPF_TRACE_FENTRY, F_TARGET, -EINVAL},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, BPF_TRACE_FEXIT, F_BTF_ID, -EINVAL},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, BPF_TRACE_RAW_TP, 0, -ENOENT},
	{BPF_PROG_TYPE_LSM, BPF_LSM_MAC, BPF_LSM_MAC, 0, -ENOTSUPP},
	{BPF_PROG_TYPE_LSM, BPF_LSM_MAC, BPF_LSM_CGROUP, 0, -EINVAL},
	{BPF_PROG_TYPE_EXT, 0, 0, 0, -ENOTSUPP},
	{BPF_PROG_TYPE_EXT, 0, 0, F_TARGET, -EINVAL},
	{BPF_PROG_TYPE_EXT, 0, 0, F_TARGET | F_BTF_ID, -ENOTSUPP},
	{BPF_PROG_TYPE_KPROBE, 0, BPF_PERF_EVENT, 0, -EBADF},
	{BPF_PROG_TYPE_KPROBE, 0, BPF_TRACE_ITER, 0, -EINVAL},
	{BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI, BPF_PERF_EVENT, 0, -EINVAL},
	{BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI, BPF_TRACE_KPROBE_MULTI, 0, -EINVAL},
	{BPF_PROG_TYPE_TRACEPOINT, 0, BPF_PERF_EVENT, 0, -EBADF},
	{BPF_PROG_TYPE_TRACEPOINT, 0, BPF_XDP, 0, -EINVAL},
	{BPF_PROG_TYPE_PERF_EVENT, 0, BPF_PERF_EVENT, 0, -EBADF},
	{BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, BPF_CGROUP_INET_EGRESS, 0, -EINVAL},
	{BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, BPF_CGROUP_INET_EGRESS, F_NO_CAPS,
	 -EPERM},
	{BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, BPF_CGROUP_INET4_POST_BIND, 0,
	 -EINVAL},
};

static void test_rules(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct rule_case *c = &rules[i];
		struct cred cred = {.caps = c->what & F_NO_CAPS ? 0 : ~0ull};
		struct link_create_env env = {.cred = &cred};
		struct fake_prog *p = fake_prog(c->type, c->expected, "bpf_iter_bpf_map");
		union bpf_attr attr = {};
		struct bpf_link *l;
		int got;

		attr.link_create.attach_type = c->attach;
		attr.link_create.flags = c->what & F_FLAGS ? 1 : 0;
		attr.link_create.target_fd = c->what & F_TARGET ? 7 : 0;
		if (c->what & F_BTF_ID)
			attr.link_create.target_btf_id = 7;
		l = link_create(&env, &attr, &p->prog, NULL);
		got = IS_ERR(l) ? PTR_ERR(l) : 0;
		if (got != c->want)
			fail_msg("case %zu (type %u attach %u): want %d, got %d", i, c->type,
				 c->attach, c->want, got);
		if (!got)
			obj_put(&l->obj);
		obj_put(&p->prog.obj);
		assert_int_equal(live_progs, 0);
	}
}

static void test_iter_info(void **state)
{
	static const struct cred cred = {.caps = ~0ull};
	struct link_create_env env = {.cred = &cred};
	struct fake_prog *p = iter_prog("bpf_iter_bpf_map");
	union bpf_iter_link_info info[1] = {};
	union bpf_attr attr = {};
	struct bpf_link *l;

	attr.link_create.attach_type = BPF_TRACE_ITER;
	attr.link_create.iter_info = (uintptr_t)info;
	assert_int_equal(PTR_ERR(link_create(&env, &attr, &p->prog, NULL)),
			 -EINVAL); /* pointer without length */
	attr.link_create.iter_info_len = sizeof(info[0]);
	attr.link_create.iter_info = 0;
	assert_int_equal(PTR_ERR(link_create(&env, &attr, &p->prog, NULL)), -EINVAL);
	attr.link_create.iter_info = 8;
	assert_int_equal(PTR_ERR(link_create(&env, &attr, &p->prog, NULL)), -EFAULT);
	l = link_create(&env, &attr, &p->prog, info);
	assert_false(IS_ERR(l));
	obj_put(&l->obj);
	p->aux.attach_func_name = "bpf_iter_nothing";
	assert_int_equal(PTR_ERR(link_create(&env, &attr, &p->prog, info)), -ENOENT);
	p->aux.attach_func_name = "bpf_iter_bpf_map";
	p->aux.sleepable = true;
	assert_int_equal(PTR_ERR(link_create(&env, &attr, &p->prog, info)), -EINVAL);
	obj_put(&p->prog.obj);
	assert_int_equal(live_progs, 0);
}

static const struct elem_case {
	u32 type, key, value, rdonly, rdwr;
	int want;
} elems[] = {
	{BPF_MAP_TYPE_HASH, 4, 8, 4, 8, 0},
	{BPF_MAP_TYPE_HASH, 4, 8, 5, 8, -EACCES},
	{BPF_MAP_TYPE_HASH, 4, 8, 4, 9, -EACCES},
	{BPF_MAP_TYPE_ARRAY, 4, 12, 4, 12, 0},
	{BPF_MAP_TYPE_ARRAY, 4, 12, 4, 16, -EACCES},
	{BPF_MAP_TYPE_PERCPU_ARRAY, 4, 12, 4, 32, 0}, /* two slots of 16 */
	{BPF_MAP_TYPE_PERCPU_HASH, 4, 12, 4, 33, -EACCES},
	{BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 0, 0, -EINVAL},
};

static void test_map_elem(void **state)
{
	struct fake_prog *p = iter_prog("bpf_iter_bpf_map_elem");
	union bpf_iter_link_info info = {};

	assert_int_equal(PTR_ERR(create(NULL, NULL, p, BPF_TRACE_ITER, NULL)), -EBADF);
	info.map.map_fd = 99;
	assert_int_equal(PTR_ERR(create(NULL, NULL, p, BPF_TRACE_ITER, &info)), -EBADF);
	info.map.map_fd = 100;
	for (size_t i = 0; i < ARRAY_SIZE(elems); i++) {
		const struct elem_case *c = &elems[i];
		struct map_obj *m = new_map(NULL, c->type, c->key, c->value, 4);
		struct bpf_link *l;

		p->aux.max_rdonly_access = c->rdonly;
		p->aux.max_rdwr_access = c->rdwr;
		l = create(NULL, m, p, BPF_TRACE_ITER, &info);
		if ((IS_ERR(l) ? PTR_ERR(l) : 0) != c->want)
			fail_msg("case %zu: want %d", i, c->want);
		assert_int_equal(m->obj.refs, c->want ? 1 : 2);
		if (!c->want)
			obj_put(&l->obj);
		assert_int_equal(m->obj.refs, 1);
		obj_put(&m->obj);
	}
	obj_put(&p->prog.obj);
	assert_int_equal(live_progs, 0);
}

static void test_update(void **state)
{
	struct fake_prog *a = iter_prog("bpf_iter_bpf_map"), *b = iter_prog("bpf_iter_bpf_map");
	struct fake_prog *other = iter_prog("bpf_iter_bpf_link"),
			 *third = iter_prog("bpf_iter_bpf_map");
	struct bpf_link *l = create(NULL, NULL, a, BPF_TRACE_ITER, NULL);

	other->aux.attach_btf_id = 1000;
	assert_false(IS_ERR(l));
	assert_int_equal(l->ops->update_prog(l, &b->prog, &third->prog), -EPERM);
	assert_int_equal(l->ops->update_prog(l, &other->prog, NULL), -EINVAL);
	obj_get(&b->prog.obj);
	assert_int_equal(l->ops->update_prog(l, &b->prog, &a->prog), 0);
	assert_ptr_equal(l->prog, &b->prog);
	assert_int_equal(a->prog.obj.refs, 1);
	assert_int_equal(b->prog.obj.refs, 2);
	assert_null(l->ops->detach);
	obj_put(&l->obj);
	assert_int_equal(b->prog.obj.refs, 1);
	obj_put(&a->prog.obj);
	obj_put(&b->prog.obj);
	obj_put(&other->prog.obj);
	obj_put(&third->prog.obj);
	assert_int_equal(live_progs, 0);
}

static int str_out(void *arg, u64 uaddr, const char *s, u32 cap)
{
	memcpy((char *)(uintptr_t)uaddr, s, cap);
	return 0;
}

static void test_info(void **state)
{
	struct map_obj *m = new_map(NULL, BPF_MAP_TYPE_HASH, 4, 8, 4);
	struct fake_prog *p = iter_prog("bpf_iter_bpf_map_elem");
	union bpf_iter_link_info from = {.map.map_fd = 100};
	struct bpf_link *l = create(NULL, m, p, BPF_TRACE_ITER, &from);
	struct bpf_link_info info = {};
	char name[64];

	assert_false(IS_ERR(l));
	m->map.id = 17;
	assert_int_equal(l->ops->fill_info(l, &info, str_out, NULL), 0);
	assert_int_equal(info.iter.target_name_len, 13);
	assert_int_equal(info.iter.map.map_id, 17);
	info.iter.target_name_len = 64;
	assert_int_equal(l->ops->fill_info(l, &info, str_out, NULL),
			 -EINVAL); /* length without buffer */
	info.iter.target_name = (uintptr_t)name;
	info.iter.target_name_len = 0;
	assert_int_equal(l->ops->fill_info(l, &info, str_out, NULL), -EINVAL);
	info.iter.target_name_len = 13;
	assert_int_equal(l->ops->fill_info(l, &info, str_out, NULL), 0);
	assert_string_equal(name, "bpf_map_elem");
	info.iter.target_name_len = 4;
	assert_int_equal(l->ops->fill_info(l, &info, str_out, NULL), -ENOSPC);
	assert_string_equal(name, "bpf");
	obj_put(&l->obj);
	obj_put(&p->prog.obj);
	obj_put(&m->obj);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),	 cmocka_unit_test(test_iter_info),
		cmocka_unit_test(test_map_elem), cmocka_unit_test(test_update),
		cmocka_unit_test(test_info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
