/* SPDX-License-Identifier: BSD-2-Clause */
/* test_access.c [vmlinux.btf] - what the text cases cannot say: lookups, life, logs that do not
 * fit, hostile bytes, real BTF. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "btf/core.h"
#include "cases.h"
#include "../refuse.h"

static const char *vmlinux_path;
static u8 blob[1 << 16];

/* Puts the BTF into blob; its size. */
static u32 make_blob(const u32 *words, u32 n, const char *strings, u32 str_len)
{
	static struct btf_case c;

	memset(&c, 0, sizeof(c));
	memcpy(c.words, words, n * 4);
	c.nr_words = n;
	memcpy(c.strings, strings, str_len);
	c.str_len = str_len;
	return case_blob(&c, blob, sizeof(blob));
}

static struct btf *from_words(const u32 *words, u32 n, const char *strings, u32 str_len,
			      struct log *log, bool kernel)
{
	u32 size = make_blob(words, n, strings, str_len);

	return kernel ? btf_parse_vmlinux(blob, size) : btf_parse(blob, size, log);
}

#define INFO(kind, vlen) (BTF_KIND_##kind << 24 | (vlen))
static const char strings[] = "\0int\0s\0m\0int";
static const u32 words[] = {
	1, INFO(INT, 0),
	4, 1 << 24 | 32, /* 1 int */
	5, INFO(STRUCT, 1),
	8, 7,
	3, 0, /* 2 struct s { s_p m; } */
	0, INFO(PTR, 0),
	4, /* 3 const s * */
	0, INFO(CONST, 0),
	2, /* 4 */
	9, INFO(TYPEDEF, 0),
	1, /* 5 typedef int int */
	0, INFO(FUNC_PROTO, 0),
	1, /* 6 */
	0, INFO(PTR, 0),
	6, /* 7 */
};

/* A module's BTF: ids from 8, strings from 13 on. */
static const char split_strings[] = "t\0x\0f";
static const u32 split_words[] = {
	13, INFO(STRUCT, 2),	 16, 7,	 2, 0, 15, 1,
	64,			    /* 8 struct t { s m; int x; }, "m" from the base's strings */
	0,  INFO(PTR, 0),	 8, /* 9 struct t * */
	0,  INFO(FUNC_PROTO, 1), 1,  15, 9, /* 10 int (struct t *x) */
	17, INFO(FUNC, 0),	 10,	    /* 11 f */
};

static void test_split(void **state)
{
	struct btf *base =
		from_words(words, ARRAY_SIZE(words), strings, sizeof(strings), NULL, true);
	struct btf *btf;
	u32 size, id = 0, flags;

	assert_false(IS_ERR(base));
	assert_int_equal(sizeof(strings), 13);
	size = make_blob(split_words, ARRAY_SIZE(split_words), split_strings,
			 sizeof(split_strings));
	btf = btf_parse_module(base, "mod", blob, size);
	assert_false(IS_ERR(btf));
	btf_put(base); /* the module holds it */
	assert_string_equal(btf->name, "mod");
	assert_true(btf->kernel_btf);
	assert_int_equal(btf_nr_types(btf), 12);
	assert_string_equal(btf_type_name(btf, 8), "t");
	assert_string_equal(btf_type_name(btf, 2), "s");
	assert_int_equal(btf_find_by_name_kind(btf, "t", BTF_KIND_STRUCT), 8);
	assert_int_equal(btf_find_by_name_kind(btf, "f", BTF_KIND_FUNC), 11);
	assert_int_equal(btf_find_by_name_kind(btf, "s", BTF_KIND_STRUCT), 2);
	assert_int_equal(btf_find_by_name_kind(base, "t", BTF_KIND_STRUCT), -ENOENT);
	assert_ptr_equal(btf_type_resolve_ptr(btf, 9, &id), btf_type_by_id(btf, 8));
	assert_int_equal(id, 8);
	/* reads of the struct: a number of its own, the pointer in the base's struct in it */
	assert_int_equal(btf_struct_walk(NULL, btf, btf_type_by_id(btf, 8), 8, 4, &id, &flags),
			 BTF_WALK_SCALAR);
	assert_int_equal(btf_struct_walk(NULL, btf, btf_type_by_id(btf, 8), 0, 8, &id, &flags),
			 BTF_WALK_PTR);
	assert_int_equal(id, 2);
	/* a type of the base is the same seen from either */
	assert_true(btf_struct_ids_match(NULL, btf, 2, 0, base, 2, true));
	assert_true(btf_struct_ids_match(NULL, btf, 8, 0, base, 2, false));
	assert_false(btf_struct_ids_match(NULL, btf, 8, 0, base, 2, true));
	btf_put(btf);
}

/* CO-RE: what vmlinux has not is looked for in the modules; what it has is not. */
static void test_split_core(void **state)
{
	static const char local_strings[] = "\0int\0t\0x\0s\0m\0"
					    "0:0";
	static const u32 local_words[] = {
		1, INFO(INT, 0),
		4, 1 << 24 | 32, /* 1 int */
		5, INFO(STRUCT, 1),
		4, 7,
		1, 0, /* 2 struct t { int x; } */
		0, INFO(PTR, 0),
		1, /* 3 int * */
		9, INFO(STRUCT, 1),
		8, 11,
		3, 0, /* 4 struct s { int *m; } */
	};
	struct btf *base =
		from_words(words, ARRAY_SIZE(words), strings, sizeof(strings), NULL, true);
	struct btf *local = from_words(local_words, ARRAY_SIZE(local_words), local_strings,
				       sizeof(local_strings), NULL, false);
	struct btf *mod = btf_parse_module(base, "mod", blob,
					   make_blob(split_words, ARRAY_SIZE(split_words),
						     split_strings, sizeof(split_strings)));
	const struct bpf_core_relo x = {.type_id = 2, .access_str_off = 13},
				   m = {.type_id = 4, .access_str_off = 13};
	struct log none = {0};

	assert_false(IS_ERR(base) || IS_ERR(local) || IS_ERR(mod));
	for (u32 nr = 0; nr < 2; nr++) {
		struct btf_core_target target = {base, &mod, nr};
		struct btf_core *core = btf_core_new(local, &target, &none);
		struct bpf_insn insn = {.code = BPF_LDX | BPF_MEM | BPF_W}, of_s = {.code = 0x79};

		assert_int_equal(btf_core_apply(core, &x, 0, &insn, 1), 0);
		assert_int_equal(insn.code, nr ? BPF_LDX | BPF_MEM | BPF_W : BPF_JMP | BPF_CALL);
		assert_int_equal(insn.off, nr ? 8 : 0);
		assert_int_equal(btf_core_apply(core, &m, 0, &of_s, 1), 0);
		assert_int_equal(of_s.code, 0x79);
		btf_core_free(core);
	}
	btf_put(local);
	btf_put(base);
	btf_put(mod);
}

static void test_split_refused(void **state)
{
	static const u32 beyond[] = {0, INFO(PTR, 0), 12};
	static const u32 no_name[] = {19, INFO(STRUCT, 0), 0};
	struct btf *base =
		from_words(words, ARRAY_SIZE(words), strings, sizeof(strings), NULL, true);

	assert_false(IS_ERR(base));
	assert_int_equal(PTR_ERR(btf_parse_module(base, "mod", blob, make_blob(beyond, 3, "x", 2))),
			 -EINVAL);
	assert_int_equal(
		PTR_ERR(btf_parse_module(base, "mod", blob, make_blob(no_name, 3, "x", 2))),
		-EINVAL);
	assert_int_equal(
		PTR_ERR(btf_parse_module(base, "mod", blob, make_blob(no_name, 3, "x", 1))),
		-EINVAL); /* a string without an end */
	btf_put(base);
}

static void test_access(void **state)
{
	int kernel;

	for (kernel = 0; kernel < 2; kernel++) {
		struct btf *btf = from_words(words, ARRAY_SIZE(words), strings, sizeof(strings),
					     NULL, kernel);
		u32 id, size;

		assert_false(IS_ERR(btf));
		assert_int_equal(btf_nr_types(btf), 8);
		assert_int_equal(btf->kernel_btf, kernel);
		assert_string_equal(btf->name, kernel ? "vmlinux" : "");
		assert_true(btf_type_is_void(btf_type_by_id(btf, 0)));
		assert_null(btf_type_by_id(btf, 8));
		assert_null(btf_type_by_id(btf, UINT32_MAX));
		assert_null(btf_name_by_offset(btf, sizeof(strings)));
		assert_string_equal(btf_type_name(btf, 2), "s");
		assert_string_equal(btf_type_name(btf, 3), "");
		assert_string_equal(btf_type_name(btf, 99), "");
		assert_int_equal(btf_find_by_name_kind(btf, "int", BTF_KIND_INT), 1);
		assert_int_equal(btf_find_by_name_kind(btf, "int", BTF_KIND_TYPEDEF), 5);
		assert_int_equal(btf_find_by_name_kind(btf, "int", BTF_KIND_STRUCT), -ENOENT);
		assert_int_equal(btf_find_by_name_kind(btf, "no", BTF_KIND_INT), -ENOENT);
		assert_ptr_equal(btf_type_resolve_ptr(btf, 3, &id), btf_type_by_id(btf, 2));
		assert_int_equal(id, 2);
		assert_null(btf_type_resolve_ptr(btf, 2, NULL));
		assert_ptr_equal(btf_type_resolve_func_ptr(btf, 7, &id), btf_type_by_id(btf, 6));
		assert_null(btf_type_resolve_func_ptr(btf, 3, &id));
		id = 4;
		assert_ptr_equal(btf_type_id_size(btf, &id, &size), btf_type_by_id(btf, 2));
		assert_int_equal(id, 2);
		assert_int_equal(size, 8);
		id = 6;
		assert_null(btf_type_id_size(btf, &id, &size));
		/* the fields programs read */
		assert_int_equal(btf->hdr.str_len, sizeof(strings));
		assert_string_equal(btf->strings + btf->types[2]->name_off, "s");
		assert_ptr_equal(btf_get(btf), btf);
		btf_put(btf);
		btf_put(btf);
	}
	btf_put(NULL);
}

static void test_log(void **state)
{
	struct log log;
	struct btf *btf;

	log_init(&log, LOG_STATS, 4096); /* any level gives the whole text */
	btf = from_words(words, ARRAY_SIZE(words), strings, sizeof(strings), &log, false);
	assert_false(IS_ERR(btf));
	assert_non_null(strstr(
		log.buf,
		"[2] STRUCT s size=8 vlen=1\n\tm type_id=3 bits_offset=0\n[3] PTR (anon) type_id=4\n"));
	btf_put(btf);
	log_free(&log);

	log_init(&log, LOG_LEVEL1, 128);
	btf = from_words(words, ARRAY_SIZE(words), strings, sizeof(strings), &log, false);
	assert_int_equal(PTR_ERR(btf), -ENOSPC);
	assert_int_equal(log.len, 127);
	log_free(&log);

	log_init(&log, 0, 0);
	btf = from_words(words, ARRAY_SIZE(words), strings, sizeof(strings), &log, false);
	assert_false(IS_ERR(btf));
	btf_put(btf);
	assert_int_equal(PTR_ERR(btf_parse(blob, 16 * 1024 * 1024 + 1, NULL)), -E2BIG);
}

/* Kernel BTF is not resolved, but no id in it may lead astray. */
static void test_hostile_vmlinux(void **state)
{
	static const u32 beyond[] = {0, INFO(PTR, 0), 9};
	static const u32 chain[] = {0, INFO(CONST, 0), 2, 0, INFO(CONST, 0), 1};
	static const u32 self[] = {1, INFO(STRUCT, 1), 8, 1, 1, 0};

	assert_int_equal(PTR_ERR(from_words(beyond, 3, strings, sizeof(strings), NULL, true)),
			 -EINVAL);
	assert_int_equal(PTR_ERR(from_words(chain, 6, strings, sizeof(strings), NULL, true)),
			 -ELOOP);
	assert_int_equal(PTR_ERR(from_words(self, 6, strings, sizeof(strings), NULL, true)),
			 -EEXIST);
}

/* --- allocation failure: the n-th one fails --- */

/* Each allocation refused once: -ENOMEM and nothing kept (the leak check of `make asan` looks),
 * until one round needs none of it. */
static void test_no_memory(void **state)
{
	u32 kernel, n;

	for (kernel = 0; kernel < 2; kernel++) {
		for (n = 1;; n++) {
			struct btf *btf;

			refuse_at(n);
			btf = from_words(words, ARRAY_SIZE(words), strings, sizeof(strings), NULL,
					 kernel);
			refuse_at(0);
			if (!IS_ERR(btf)) {
				btf_put(btf);
				break;
			}
			assert_int_equal(PTR_ERR(btf), -ENOMEM);
		}
		assert_in_range(n, 6, 20);
	}
}

static int count(void *out, const char *s, size_t n)
{
	*(u64 *)out += n;
	return 0;
}

static int refuse(void *out, const char *s, size_t n)
{
	return -ENOSPC;
}

/* A million elements of nothing, and 100 levels of structs: refused instead of followed. */
static void test_show_bounds(void **state)
{
	static u32 w[4 + 7 + 3 * 100 * 2 + 16] = {1, INFO(INT, 0),   4, 32, 5, INFO(STRUCT, 0), 0,
						  0, INFO(ARRAY, 0), 0, 2,  1, UINT32_MAX};
	u32 n = 13, i, zero = 0;
	u64 len = 0;
	struct btf *btf = from_words(w, n, strings, sizeof(strings), NULL, false);

	assert_false(IS_ERR(btf));
	assert_int_equal(btf_show(btf, 3, "", BTF_F_ZERO, count, &len), -E2BIG);
	assert_int_equal(btf_show(btf, 1, &zero, 0, refuse, NULL), -ENOSPC);
	assert_int_equal(btf_show(btf, 99, &zero, 0, count, &len), -EINVAL);
	assert_int_equal(btf_show(btf, 1, &zero, 16, count, &len), -EINVAL);
	btf_put(btf);

	for (i = 0, n = 4; i < 100; i++) {
		u32 rec[] = {5, INFO(STRUCT, 1), 4, 7, i + 1, 0};

		memcpy(w + n, rec, sizeof(rec));
		n += 6;
	}
	btf = from_words(w, n, strings, sizeof(strings), NULL, false);
	assert_false(IS_ERR(btf));
	assert_int_equal(btf_show(btf, 101, "\1\0\0", 0, count, &len), -E2BIG);
	assert_true(btf_show(btf, 51, "\1\0\0", 0, count, &len) > 0);
	btf_put(btf);
}

/* Any change of a valid blob is parsed or refused, and what is parsed can be walked and shown. */
static void test_mutations(void **state)
{
	static const u8 obj[1 << 16];
	u32 round, size, id;
	u64 len = 0;

	srand(1);
	for (round = 0; round < 20000; round++) {
		struct btf *btf =
			from_words(words, ARRAY_SIZE(words), strings, sizeof(strings), NULL, false);

		btf_put(btf);
		size = sizeof(struct btf_header) + sizeof(words) + sizeof(strings);
		blob[rand() % size] = rand();
		blob[24 + 4 * (rand() % ARRAY_SIZE(words))] = rand() % 12;
		btf = round & 1 ? btf_parse(blob, size, NULL) : btf_parse_vmlinux(blob, size);
		if (IS_ERR(btf))
			continue;
		for (id = 1; id < btf_nr_types(btf); id++) {
			const struct btf_type *t = btf_type_by_id(btf, id);
			u32 next, flags, bytes;

			btf_struct_walk(NULL, btf, t, rand() % 12, 1 << (rand() % 4), &next,
					&flags);
			btf_struct_ids_match(NULL, btf, id, rand() % 12, btf, 2, false);
			if (!IS_ERR(btf_resolve_size(btf, t, &bytes)) && bytes < sizeof(obj) / 2)
				btf_show(btf, id, obj, rand() % 16, count, &len);
		}
		btf_put(btf);
	}
}

static void *slurp(const char *path, u32 *size)
{
	FILE *f = fopen(path, "r");
	char *buf = malloc(16 << 20);

	*size = f ? fread(buf, 1, 16 << 20, f) : 0;
	if (f)
		fclose(f);
	return buf;
}

static void test_vmlinux(void **state)
{
	static const struct {
		const char *name;
		u8 kind;
	} needed[] = {
		{"bpf_map", BTF_KIND_STRUCT},
		{"bpf_prog", BTF_KIND_STRUCT},
		{"bpf_prog_aux", BTF_KIND_STRUCT},
		{"bpf_link", BTF_KIND_STRUCT},
		{"btf", BTF_KIND_STRUCT},
		{"btf_header", BTF_KIND_STRUCT},
		{"seq_file", BTF_KIND_STRUCT},
		{"bpf_iter_meta", BTF_KIND_STRUCT},
		{"bpf_iter__bpf_map", BTF_KIND_STRUCT},
		{"bpf_iter__bpf_prog", BTF_KIND_STRUCT},
		{"bpf_iter_bpf_map", BTF_KIND_FUNC},
		{"bpf_iter_bpf_prog", BTF_KIND_FUNC},
		{"bpf_iter_bpf_link", BTF_KIND_FUNC},
		{"bpf_iter_bpf_map_elem", BTF_KIND_FUNC},
		{"bpf_func_id", BTF_KIND_ENUM},
		{"bpf_attach_type", BTF_KIND_ENUM},
		{"bpf_prog_type", BTF_KIND_ENUM},
		{"bpf_map_type", BTF_KIND_ENUM},
		{"bpf_attr", BTF_KIND_UNION},
		{"__sk_buff", BTF_KIND_STRUCT},
		{"xdp_md", BTF_KIND_STRUCT},
		{"sk_buff", BTF_KIND_STRUCT},
		{"pt_regs", BTF_KIND_STRUCT},
		{"bool", BTF_KIND_TYPEDEF},
		{"u64", BTF_KIND_TYPEDEF},
		{"__be32", BTF_KIND_TYPEDEF},
		{"__wsum", BTF_KIND_TYPEDEF},
		{"pid_t", BTF_KIND_TYPEDEF},
	};
	u32 size, i;
	void *data;
	struct btf *btf;

	if (!vmlinux_path)
		skip();
	data = slurp(vmlinux_path, &size);
	btf = btf_parse(data, size, NULL); /* passes the strict checks too */
	assert_false(IS_ERR(btf));
	btf_put(btf);
	btf = btf_parse_vmlinux(data, size);
	assert_false(IS_ERR(btf));
	for (i = 0; i < ARRAY_SIZE(needed); i++)
		if (btf_find_by_name_kind(btf, needed[i].name, needed[i].kind) < 0)
			fail_msg("%s is missing in %s", needed[i].name, vmlinux_path);
	/* names are found by hash as by search */
	for (i = 1; i < btf_nr_types(btf); i++) {
		const struct btf_type *t = btf_type_by_id(btf, i);

		if (t->name_off)
			assert_in_range(
				btf_find_by_name_kind(btf, btf_type_name(btf, i), btf_type_kind(t)),
				1, i);
	}
	btf_put(btf);
	free(data);
}

/* The BTF of the kernel we run on: 5 MB of the real thing. Kernels from 6.15 on use what 6.1
 * refuses. */
static void test_host_kernel(void **state)
{
	struct btf *btf;
	void *data;
	u32 size;

	data = slurp("/sys/kernel/btf/vmlinux", &size);
	if (!size) {
		free(data);
		skip();
	}
	btf = btf_parse_vmlinux(data, size);
	if (IS_ERR(btf)) {
		struct log log;

		log_init(&log, LOG_LEVEL1, 64 << 20);
		assert_true(IS_ERR(btf_parse(data, size, &log)));
		assert_non_null(strstr(log.buf + log.len - 100, "Invalid btf_info kind_flag\n"));
		log_free(&log);
	} else {
		assert_true(btf_find_by_name_kind(btf, "task_struct", BTF_KIND_STRUCT) > 0);
		btf_put(btf);
	}
	free(data);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access),	    cmocka_unit_test(test_split),
		cmocka_unit_test(test_split_core),  cmocka_unit_test(test_split_refused),
		cmocka_unit_test(test_log),	    cmocka_unit_test(test_hostile_vmlinux),
		cmocka_unit_test(test_no_memory),   cmocka_unit_test(test_show_bounds),
		cmocka_unit_test(test_mutations),   cmocka_unit_test(test_vmlinux),
		cmocka_unit_test(test_host_kernel),
	};

	vmlinux_path = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
