/* SPDX-License-Identifier: BSD-2-Clause */
/* world.c - maps, types and functions around the programs (world.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "map/kptr_test.h"
#include "twin.h"
#include "world.h"

const struct sp_map sp_maps[SP_MAPS] = {
	[MAP_ARRAY] = {BPF_MAP_TYPE_ARRAY, 4, 48, 4, 0},
	[MAP_HASH] = {BPF_MAP_TYPE_HASH, 8, 24, 8, 0},
	[MAP_ONE] = {BPF_MAP_TYPE_ARRAY, 4, 16, 1, 0},
	[MAP_CONST] = {BPF_MAP_TYPE_ARRAY, 4, 32, 1, BPF_F_RDONLY_PROG},
	[MAP_PROGS] = {BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4, 0},
	[MAP_PERCPU] = {BPF_MAP_TYPE_PERCPU_ARRAY, 4, 40, 2, 0},
	[MAP_RING] = {BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0},
	[MAP_LOCK] = {BPF_MAP_TYPE_ARRAY, 4, 16, 1, 0},
	[MAP_OUTER] = {BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 2, 0},
	[MAP_KPTR] = {BPF_MAP_TYPE_ARRAY, 4, 32, 1, 0},
	[MAP_FIFO] = {BPF_MAP_TYPE_QUEUE, 0, 16, 4, 0},
	[MAP_LIFO] = {BPF_MAP_TYPE_STACK, 0, 24, 4, 0},
	[MAP_BLOOM] = {BPF_MAP_TYPE_BLOOM_FILTER, 0, 8, 16, 0},
	[MAP_LRU] = {BPF_MAP_TYPE_LRU_HASH, 4, 16, 8, 0},
	[MAP_LPM] = {BPF_MAP_TYPE_LPM_TRIE, 8, 24, 8, BPF_F_NO_PREALLOC},
};

static const char *const kfunc_names[SP_KFUNCS] = {
	[KF_ACQ] = "bpf_kfunc_call_test_acquire",
	[KF_REL] = "bpf_kfunc_call_test_release",
	[KF_RDWR] = "bpf_kfunc_call_test_get_rdwr_mem",
	[KF_RDONLY] = "bpf_kfunc_call_test_get_rdonly_mem",
	[KF_CTX] = "bpf_kfunc_call_test_pass_ctx",
	[KF_MEMLEN] = "bpf_kfunc_call_test_mem_len_pass1",
	[KF_PASS1] = "bpf_kfunc_call_test_pass1",
	[KF_MEMB_ACQ] = "bpf_kfunc_call_memb_acquire",
	[KF_ITER_NEW] = "bpf_iter_num_new",
	[KF_ITER_NEXT] = "bpf_iter_num_next",
	[KF_ITER_DESTROY] = "bpf_iter_num_destroy",
	[KF_KPTR_GET] = "bpf_kfunc_call_test_kptr_get",
};
s32 sp_kfunc_id[SP_KFUNCS];
bool sp_has_iterators, sp_has_kptrs;

#define ITER_FUNC "bpf_iter_bpf_map"

u64 rnd_interesting(struct rng *r)
{
	static const u64 v[] = {0,
				1,
				2,
				3,
				4,
				7,
				8,
				15,
				16,
				31,
				32,
				63,
				64,
				127,
				128,
				255,
				256,
				0xffff,
				0x7fffffff,
				0x80000000,
				0xffffffff,
				0x100000000ull,
				0x7fffffffffffffffull,
				0x8000000000000000ull,
				~0ull,
				-2ull,
				-8ull,
				-128ull,
				0xffffffff80000000ull,
				0xffffffff7fffffffull};
	u64 x;

	switch (below(r, 6)) {
	case 0: return v[below(r, ARRAY_SIZE(v))] + below(r, 3) - 1;
	case 1: return below(r, 64);
	case 2: x = rnd(r) >> below(r, 64); return chance(r, 50) ? x : -x;
	case 3: return (u32)rnd(r) | (chance(r, 50) ? 0 : rnd(r) << 32);
	case 4: return v[below(r, ARRAY_SIZE(v))];
	}
	return rnd(r);
}

/* --- types --- */

#define KIND(k, n) ((u32)BTF_KIND_##k << 24 | (n))
/* names by their offset in the strings */
enum {
	N_INT = 1,
	N_U64 = 5,
	N_F = 9,
	N_G = 11,
	N_A = 13,
	N_SKB = 15,
	N_XDP = 25,
	N_LOCK = 32,
	N_KPTR = 46,
	N_KPTR_REF = 51,
	N_OBJECT = 60,
	N_MEMBER = 80
};

u32 functions_blob(u8 blob[1024], bool with_kptrs)
{
	static const char strings[] =
		"\0int\0u64\0f\0g\0a\0__sk_buff\0xdp_md\0bpf_spin_lock\0kptr\0kptr_ref\0"
		"prog_test_ref_kfunc\0prog_test_member\0";
	static const u32 w[] = {
		/* 1 int, 2 u64, 3 u64 * */
		N_INT,
		KIND(INT, 0),
		4,
		BTF_INT_SIGNED << 24 | 32,
		N_U64,
		KIND(INT, 0),
		8,
		64,
		0,
		KIND(PTR, 0),
		2,
		/* 4, 5: static int f(void) */
		0,
		KIND(FUNC_PROTO, 0),
		1,
		N_F,
		KIND(FUNC, BTF_FUNC_STATIC),
		4,
		/* 6, 7: int g(int, int, u64 *) */
		0,
		KIND(FUNC_PROTO, 3),
		1,
		N_A,
		1,
		N_A,
		1,
		N_A,
		3,
		N_G,
		KIND(FUNC, BTF_FUNC_GLOBAL),
		6,
		/* 8 struct __sk_buff, 9 *, 10 struct xdp_md, 11 * */
		N_SKB,
		KIND(STRUCT, 0),
		4,
		0,
		KIND(PTR, 0),
		8,
		N_XDP,
		KIND(STRUCT, 0),
		4,
		0,
		KIND(PTR, 0),
		10,
		/* 12, 13: int g(struct __sk_buff *, u64 *, int) */
		0,
		KIND(FUNC_PROTO, 3),
		1,
		N_A,
		9,
		N_A,
		3,
		N_A,
		1,
		N_G,
		KIND(FUNC, BTF_FUNC_GLOBAL),
		12,
		/* 14, 15: int g(struct xdp_md *, u64 *, int) */
		0,
		KIND(FUNC_PROTO, 3),
		1,
		N_A,
		11,
		N_A,
		3,
		N_A,
		1,
		N_G,
		KIND(FUNC, BTF_FUNC_GLOBAL),
		14,
		/* 16 struct bpf_spin_lock { int a; }, 17: values of MAP_LOCK */
		N_LOCK,
		KIND(STRUCT, 1),
		4,
		N_A,
		1,
		0,
		N_A,
		KIND(STRUCT, 1),
		16,
		N_A,
		16,
		SP_LOCK_AT * 8,
	};
	static const u32 kptrs[] = {
		/* 18 struct prog_test_ref_kfunc, 19 struct prog_test_member without members */
		N_OBJECT,
		KIND(STRUCT, 0),
		sizeof(struct prog_test_ref_kfunc),
		N_MEMBER,
		KIND(STRUCT, 0),
		sizeof(struct prog_test_member),
		/* 20 ... 22: tags of these, 23 ... 25: pointers to them, 26: the value of MAP_KPTR */
		N_KPTR,
		KIND(TYPE_TAG, 0),
		18,
		N_KPTR_REF,
		KIND(TYPE_TAG, 0),
		18,
		N_KPTR,
		KIND(TYPE_TAG, 0),
		19,
		0,
		KIND(PTR, 0),
		20,
		0,
		KIND(PTR, 0),
		21,
		0,
		KIND(PTR, 0),
		22,
		N_A,
		KIND(STRUCT, 3),
		32,
		N_A,
		23,
		0,
		N_A,
		24,
		8 * 8,
		N_A,
		25,
		16 * 8,
	};
	struct btf_header h = {.magic = BTF_MAGIC,
			       .version = 1,
			       .hdr_len = sizeof(h),
			       .type_len = sizeof(w) + (with_kptrs ? sizeof(kptrs) : 0),
			       .str_len = sizeof(strings) - 1};

	_Static_assert(sizeof(h) + sizeof(w) + sizeof(kptrs) + sizeof(strings) <= 1024, "room");
	h.str_off = h.type_len;
	memcpy(blob, &h, sizeof(h));
	memcpy(blob + sizeof(h), w, sizeof(w));
	memcpy(blob + sizeof(h) + sizeof(w), kptrs, h.type_len - sizeof(w));
	memcpy(blob + sizeof(h) + h.type_len, strings, h.str_len);
	return sizeof(h) + h.type_len + h.str_len;
}

u32 function_type(const struct sprog *p, u32 func)
{
	if (!(p->global >> func & 1))
		return 5;
	if (!(p->takes_ctx >> func & 1))
		return 7;
	return p->type == BPF_PROG_TYPE_XDP ? 15 : 13;
}

static struct btf *functions_btf(void)
{
	u8 blob[1024];
	struct log log;
	struct btf *btf;
	u32 n = functions_blob(blob, true);

	log_init(&log, 1, 4096);
	btf = btf_parse(blob, n, &log);
	if (IS_ERR(btf))
		fprintf(stderr, "btf: %s\n", log.buf);
	log_free(&log);
	return btf;
}

/* The service's BTF: kernel functions by name. */
static void read_vmlinux(struct world *w, const char *path)
{
	static u8 data[4 << 20];
	FILE *f = path ? fopen(path, "r") : NULL;
	size_t n = f ? fread(data, 1, sizeof(data), f) : 0;

	if (f)
		fclose(f);
	for (u32 i = 0; i < SP_KFUNCS; i++)
		sp_kfunc_id[i] = -1;
	w->vmlinux = n ? btf_parse_vmlinux(data, n) : NULL;
	if (IS_ERR_OR_NULL(w->vmlinux)) {
		w->vmlinux = NULL;
		return;
	}
	for (u32 i = 0; i < SP_KFUNCS; i++)
		sp_kfunc_id[i] = btf_find_by_name_kind(w->vmlinux, kfunc_names[i], BTF_KIND_FUNC);
	w->iter_func = btf_find_by_name_kind(w->vmlinux, ITER_FUNC, BTF_KIND_FUNC);
	w->iter_arg = (struct vfy_ctx_arg){
		.offset = 8,
		.reg_type = PTR_TO_BTF_ID | PTR_MAYBE_NULL,
		.btf_id = btf_find_by_name_kind(w->vmlinux, "bpf_map", BTF_KIND_STRUCT)};
	sp_has_iterators = w->iter_func > 0;
	sp_has_kptrs = true;
	for (u32 i = 0; i < SP_KPTRS; i++)
		sp_has_kptrs &=
			btf_find_by_name_kind(w->vmlinux, sp_kptrs[i].name, BTF_KIND_STRUCT) > 0;
}

/* --- maps --- */

static int open_like(struct bpf_map *map, u32 i, u32 id)
{
	const struct sp_map *sp = &sp_maps[i];
	struct map_attr a = {.map_type = sp->type,
			     .key_size = sp->key,
			     .value_size = sp->value,
			     .max_entries = sp->entries,
			     .map_flags = sp->flags,
			     .nr_cpus = 1,
			     .id = id};

	return map_open(map, &a);
}

static int open_map(struct world *w, u32 i)
{
	int err = open_like(&w->map[i], i, i + 1);

	if (err)
		fprintf(stderr, "no map %u\n", i);
	if (!err && i == MAP_LOCK) {
		w->map[i].btf = w->btf;
		w->map[i].btf_key_type_id = 1;
		w->map[i].btf_value_type_id = LOCK_VALUE_TYPE;
	}
	if (!err && i == MAP_KPTR) {
		w->map[i].btf = w->btf;
		w->map[i].btf_key_type_id = 1;
		w->map[i].btf_value_type_id = KPTR_VALUE_TYPE;
	}
	if (!err && i == MAP_OUTER) {
		w->map[i].inner_map_meta = &w->inner;
		err = open_like(&w->inner, MAP_ARRAY, 0);
	}
	return err;
}

static int fill_constants(struct world *w)
{
	u32 zero = 0;

	for (u32 i = 0; i < 32; i++)
		w->map_const[i] = i < 16 ? i : 255 - 7 * i;
	return map_sys_update(&w->map[MAP_CONST], &zero, w->map_const, 0) ||
			       map_freeze(&w->map[MAP_CONST])
		       ? -EINVAL
		       : 0;
}

int world_open(struct world *w, const char *vmlinux_path)
{
	int err;

	w->btf = functions_btf();
	if (IS_ERR(w->btf))
		return PTR_ERR(w->btf);
	read_vmlinux(w, vmlinux_path);
	for (u32 i = 0; i < SP_MAPS; i++) {
		err = open_map(w, i);
		if (err)
			return err;
	}
	err = fill_constants(w);
	return err ? err : twin_init(w);
}

void world_close(struct world *w)
{
	for (u32 i = 0; i < SP_MAPS; i++)
		map_close(&w->map[i]);
	map_close(&w->inner);
	btf_put(w->btf);
	btf_put(w->vmlinux);
}

/* --- the check --- */

static struct bpf_map *map_by_fd(void *arg, int fd)
{
	struct world *w = arg;

	return fd >= 0 && fd < SP_MAPS ? &w->map[fd] : ERR_PTR(-EBADF);
}

static int fd_array(void *arg, u32 idx, int *fd)
{
	*fd = idx;
	return 0;
}

static const struct vfy_env_ops env_ops = {.map_by_fd = map_by_fd, .fd_array = fd_array};

static void add_functions(const struct world *w, const struct sprog *p, struct vfy_prog *v)
{
	v->btf = w->btf;
	v->func_info = calloc(p->nr_funcs, sizeof(*v->func_info));
	v->func_info_cnt = p->nr_funcs;
	for (u32 i = 0; i < p->nr_funcs; i++)
		v->func_info[i] = (struct bpf_func_info){.insn_off = p->func[i],
							 .type_id = function_type(p, i)};
}

/* Programs of type tracing are iterators over maps. */
static void attach(const struct world *w, struct vfy_prog *v)
{
	const struct btf_type *f =
		w->iter_func > 0 ? btf_type_by_id(w->vmlinux, w->iter_func) : NULL;

	if (!f)
		return;
	v->expected_attach_type = BPF_TRACE_ITER;
	v->attach_btf = w->vmlinux;
	v->attach_btf_id = w->iter_func;
	v->attach_func_proto = btf_type_by_id(w->vmlinux, f->type);
	v->attach_func_name = ITER_FUNC;
	v->ctx_args = &w->iter_arg;
	v->nr_ctx_args = 1;
}

int world_check(struct world *w, struct walk *walk, const struct sprog *p, struct log *log,
		struct exec_image **img, u64 *processed)
{
	struct cred cred = {.caps = p->unpriv ? 0 : ~0ull};
	struct vfy_prog v = {.type = p->type,
			     .prog_flags = p->flags,
			     .gpl_compatible = true,
			     .cred = &cred,
			     .ops = prog_type_of(p->type)->ops,
			     .env = &env_ops,
			     .env_arg = w,
			     .vmlinux = w->vmlinux,
			     .observer = &walk->obs};
	int err;

	v.insns = malloc(p->len * sizeof(*p->insns));
	memcpy(v.insns, p->insns, p->len * sizeof(*p->insns));
	v.len = p->len;
	if (p->nr_funcs > 1)
		add_functions(w, p, &v);
	if (p->type == BPF_PROG_TYPE_TRACING)
		attach(w, &v);
	walk_reset(walk);
	err = vfy_check(&v, log);
	if (processed)
		*processed = walk->overflow ? SP_MAX_NODES : v.verified_insns;
	if (img)
		*img = err ? NULL : twin_image(&v);
	vfy_prog_free(&v);
	return err;
}
