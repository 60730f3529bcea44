/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_LINK_TEST_H
#define USERBPF_LINK_TEST_H
/*
 * link_test.h - shared by the tests of src/link: programs without instructions. Running one calls a
 * C function, so what is tested is attaching and reading.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu/urcu-bp.h>
#include "link/iter.h"
#include "link/iter_types.h"

struct fake_prog {
	struct bpf_prog prog;
	struct bpf_prog_aux aux;
	struct exec_image image;
	u64 (*run)(struct fake_prog *p, void *ctx);
	u64 calls;
};

static u32 live_progs;

static void fake_release(struct obj *o)
{
	live_progs--;
}
static void fake_free(struct obj *o)
{
	struct bpf_prog *p = obj_to_prog(o);

	pthread_mutex_destroy(&p->aux->used_maps_lock);
	free(container_of(p, struct fake_prog, prog));
}

static void fake_set_id(struct obj *o, u32 id)
{
	obj_to_prog(o)->aux->id = id;
}

const struct obj_class prog_class = {.name = "prog",
				     .kind = OBJ_PROG,
				     .set_id = fake_set_id,
				     .release = fake_release,
				     .free = fake_free};

u64 exec_run_subprog(const struct exec_image *img, u32 start, u64 r1, u64 r2, u64 r3,
		     struct exec_run *run)
{
	return 0;
}

static __attribute__((unused)) struct exec_run *fake_run; /* the one in progress */

u64 exec_run(const struct exec_image *img, void *ctx, struct exec_run *run)
{
	struct fake_prog *p = container_of(img, struct fake_prog, image);

	fake_run = run;

	p->calls++;
	return p->run(p, ctx);
}

struct exec_image *exec_image_get(struct exec_image *img)
{
	return img;
}

u64 prog_clock(void)
{
	return 0;
}

void prog_account(struct bpf_prog *prog, u64 runs, u64 ns)
{
	prog->run_cnt += runs;
}

static inline struct fake_prog *fake_prog(u32 type, u32 expected, const char *func)
{
	struct fake_prog *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	obj_init(&p->prog.obj, &prog_class);
	p->prog.aux = &p->aux;
	p->aux.prog = &p->prog;
	p->prog.type = type;
	p->prog.expected_attach_type = expected;
	p->prog.image = &p->image;
	p->aux.attach_func_name = func;
	p->aux.attach_btf_id = func ? strlen(func) : 0;
	pthread_mutex_init(&p->aux.used_maps_lock, NULL);
	live_progs++;
	return p;
}

static inline struct fake_prog *iter_prog(const char *func)
{
	return fake_prog(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, func);
}

static inline struct map_obj *new_map(struct obj_table *t, u32 type, u32 key, u32 value,
				      u32 entries)
{
	struct map_attr a = {.map_type = type,
			     .key_size = key,
			     .value_size = value,
			     .max_entries = entries,
			     .nr_cpus = 2,
			     .name = "m"};
	struct map_obj *m = map_obj_new(&a, NULL, 0, 0);

	assert_false(IS_ERR(m));
	if (t)
		assert_int_equal(obj_publish(t, &m->obj), 0);
	return m;
}

/* map_by_fd of the tests: fd 100 is the map in arg */
static inline struct bpf_map *by_fd(void *arg, int fd)
{
	struct map_obj *m = arg;

	if (fd != 100 || !m)
		return ERR_PTR(-EBADF);
	obj_get(&m->obj);
	return &m->map;
}

static inline struct bpf_link *create(struct obj_table *t, struct map_obj *m, struct fake_prog *p,
				      u32 attach, const union bpf_iter_link_info *info)
{
	static const struct cred cred = {.caps = ~0ull};
	struct link_create_env env = {.cred = &cred, .objs = t, .map_by_fd = by_fd, .arg = m};
	union bpf_attr attr = {};

	attr.link_create.attach_type = attach;
	attr.link_create.iter_info = (uintptr_t)info;
	attr.link_create.iter_info_len = info ? sizeof(*info) : 0;
	return link_create(&env, &attr, &p->prog, info);
}

#endif
