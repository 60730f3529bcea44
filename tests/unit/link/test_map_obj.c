/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps as objects: prog-array slots, owners, rings of references; BTF of keys and values is tested
 * with the real thing in tests/e2e. */
#include "link_test.h"

static u64 nothing(struct fake_prog *p, void *ctx)
{
	return 0;
}

static struct fake_prog *socket_prog(void)
{
	struct fake_prog *p = fake_prog(BPF_PROG_TYPE_SOCKET_FILTER, 0, NULL);

	p->run = nothing;
	return p;
}

/* A map of maps is private references and ids in shared memory: whatever is written there, only what
 * was stored comes back, and everything goes in the end. */
static void test_inner(void **state)
{
	static const u32 kinds[] = {BPF_MAP_TYPE_ARRAY_OF_MAPS, BPF_MAP_TYPE_HASH_OF_MAPS};

	for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct obj_table *t = obj_table_new();
		struct map_obj *m = new_map(t, kinds[k], 4, 4, 3), *got;
		struct map_obj *a = new_map(t, BPF_MAP_TYPE_ARRAY, 4, 8, 2);
		struct map_obj *b = new_map(t, BPF_MAP_TYPE_ARRAY, 4, 8, 2);
		struct map_obj *other = new_map(t, BPF_MAP_TYPE_ARRAY, 4, 16, 2);
		u32 keys[] = {0, 1, 2}, *id;

		assert_int_equal(map_obj_set_inner(m, &a->map), 0);
		assert_int_equal(map_obj_put_inner(m, &keys[0], other, BPF_ANY), -EINVAL);
		assert_int_equal(map_obj_put_inner(m, &keys[0], a, BPF_ANY), 0);
		assert_int_equal(map_obj_put_inner(m, &keys[1], a, BPF_ANY), 0);
		assert_int_equal(a->obj.refs, 2);
		assert_int_equal(map_obj_put_inner(m, &keys[1], b, BPF_ANY), 0);
		assert_int_equal(map_obj_inner_id(m, &keys[1]), b->map.id);
		assert_int_equal(map_obj_inner_id(m, &keys[2]), 0);
		got = map_obj_inner(m, a->map.id);
		assert_ptr_equal(got, a);
		obj_put(&got->obj);
		assert_null(map_obj_inner(m, other->map.id));
		/* somebody writes the id of a map that does not belong there */
		id = m->map.ops->lookup(&m->map, &keys[0]);
		*id = other->map.id;
		assert_null(map_obj_inner(m, map_inner_id(&m->map, &keys[0])));
		assert_int_equal(map_obj_inner_id(m, &keys[0]), 0);
		assert_int_equal(map_obj_put_inner(m, &keys[0], b, BPF_ANY), 0);
		assert_int_equal(other->obj.refs, 1);
		assert_int_equal(map_obj_del_inner(m, &keys[0]), 0);
		assert_int_equal(map_obj_del_inner(m, &keys[0]), -ENOENT);
		obj_put(&m->obj);
		assert_int_equal(a->obj.refs, 1);
		assert_int_equal(b->obj.refs, 1);
		obj_put(&a->obj);
		obj_put(&b->obj);
		obj_put(&other->obj);
		assert_int_equal(obj_table_free(t), 0);
	}
}

static void test_slots(void **state)
{
	struct obj_table *t = obj_table_new();
	struct map_obj *m = new_map(t, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 3);
	struct map_obj *plain = new_map(t, BPF_MAP_TYPE_ARRAY, 4, 4, 3);
	struct fake_prog *a = socket_prog(), *b = socket_prog();
	struct fake_prog *xdp = fake_prog(BPF_PROG_TYPE_XDP, 0, NULL),
			 *ext = fake_prog(BPF_PROG_TYPE_EXT, 0, NULL);

	assert_int_equal(obj_publish(t, &a->prog.obj), 0);
	assert_int_equal(map_obj_set_prog(m, 0, &ext->prog), -EINVAL);
	assert_int_equal(map_obj_set_prog(m, 3, &a->prog), -E2BIG);
	assert_int_equal(map_obj_set_prog(plain, 0, &a->prog), -EINVAL);
	a->prog.kprobe_override = 1;
	assert_int_equal(map_obj_set_prog(m, 1, &a->prog), -EINVAL);
	a->prog.kprobe_override = 0;
	assert_int_equal(map_obj_set_prog(m, 1, &a->prog), 0);
	assert_int_equal(a->prog.obj.refs, 2);
	assert_int_equal(map_obj_set_prog(m, 0, &xdp->prog),
			 -EINVAL); /* belongs to socket filters now */
	assert_true(map_obj_prog_ok(m, BPF_PROG_TYPE_SOCKET_FILTER));
	assert_false(map_obj_prog_ok(m, BPF_PROG_TYPE_XDP));
	assert_false(map_obj_prog_fits(m, BPF_PROG_TYPE_SOCKET_FILTER, 5, NULL));
	assert_int_equal(map_obj_prog_id(m, 1), a->aux.id);
	assert_int_equal(map_prog_array_id(&m->map, 1), a->aux.id);
	assert_int_equal(map_obj_prog_id(m, 0), 0);
	assert_ptr_equal(map_obj_tail_target(m, 1), &a->image);
	assert_null(map_obj_tail_target(m, 0));
	assert_null(map_obj_tail_target(m, 3));
	assert_int_equal(map_obj_set_prog(m, 1, &b->prog), 0); /* replaced */
	assert_int_equal(a->prog.obj.refs, 1);
	assert_int_equal(map_obj_del_prog(m, 1), 0);
	assert_int_equal(map_obj_del_prog(m, 1), -ENOENT);
	assert_int_equal(map_obj_del_prog(m, 3), -E2BIG);
	assert_int_equal(map_obj_set_prog(m, 2, &b->prog), 0);
	obj_put(&b->prog.obj);
	assert_int_equal(live_progs, 4);
	obj_put(&m->obj); /* the last holder of b */
	assert_int_equal(live_progs, 3);
	obj_put(&a->prog.obj);
	obj_put(&xdp->prog.obj);
	obj_put(&ext->prog.obj);
	obj_put(&plain->obj);
	assert_int_equal(obj_table_free(t), 0);
}

/* A program that is in an array it uses: the kernel empties the array when the last user reference
 * goes. */
static struct bpf_map *ring_used[2];

static void release_ring(struct obj *o)
{
	struct bpf_prog_aux *aux = obj_to_prog(o)->aux;

	live_progs--;
	for (u32 i = 0; i < aux->used_map_cnt; i++)
		obj_put(&map_obj_of(aux->used_maps[i])->obj);
}

static u32 ring_holds(const struct obj *o, const struct obj *map)
{
	const struct bpf_prog_aux *aux = container_of(o, struct bpf_prog, obj)->aux;
	u32 n = 0;

	for (u32 i = 0; i < aux->used_map_cnt; i++)
		n += &map_obj_of(aux->used_maps[i])->obj == map;
	return n;
}

static const struct obj_class ring_class = {.name = "prog",
					    .kind = OBJ_PROG,
					    .set_id = fake_set_id,
					    .release = release_ring,
					    .holds = ring_holds,
					    .free = fake_free};

static void test_ring(void **state)
{
	struct obj_table *t = obj_table_new();
	struct map_obj *m = new_map(t, BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 3);
	struct fake_prog *a = socket_prog(), *b = socket_prog();

	a->prog.obj.class = &ring_class;
	ring_used[0] = &m->map;
	obj_get(&m->obj);
	a->aux.used_maps = ring_used;
	a->aux.used_map_cnt = 1;
	assert_int_equal(obj_publish(t, &a->prog.obj), 0);
	assert_int_equal(obj_publish(t, &b->prog.obj), 0);
	assert_int_equal(map_obj_set_prog(m, 0, &a->prog), 0);
	assert_int_equal(map_obj_set_prog(m, 1, &b->prog), 0);
	obj_get(&m->obj);
	obj_put(&m->obj); /* somebody else still has it */
	assert_int_equal(map_obj_prog_id(m, 0), a->aux.id);
	obj_put(&b->prog.obj);
	assert_int_equal(live_progs, 2);
	obj_put(&m->obj); /* now only program a has */
	assert_int_equal(live_progs, 1);
	assert_int_equal(map_obj_prog_id(m, 0), 0);
	obj_put(&a->prog.obj);
	assert_int_equal(live_progs, 0);
	assert_int_equal(obj_table_free(t), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inner),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
