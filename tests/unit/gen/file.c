/* SPDX-License-Identifier: BSD-2-Clause */
/* file.c - loader files: what is written is read; what was damaged is refused or harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "gen/loader.h"

static struct gen_loader *make(void)
{
	struct gen_trace *t = gen_trace_new("demo");
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 3};
	struct gen_loader *l;
	struct log log;

	for (int i = 0; i < 3; i++)
		gen_trace_slot(t, gen_trace_call(t, BPF_MAP_CREATE, &attr, sizeof(attr)), GEN_MAP,
			       "map.x");
	t->slots[0].exported = t->slots[2].exported = true;
	t->slots[2].page_multiple = true;
	t->slots[0].sec = strdup("maps");
	t->btf_len = 5;
	t->btf = strdup("btf!");
	log_init(&log, 1, 4096);
	assert_int_equal(gen_loader_build(t, &l, &log), 0);
	l->owns_trace = true;
	log_free(&log);
	return l;
}

static u32 file_of(const struct gen_loader *l, char **data)
{
	int fd = memfd_create("x.loader", 0);
	off_t len;

	assert_int_equal(gen_loader_write(l, fd), 0);
	len = lseek(fd, 0, SEEK_END);
	*data = malloc(len);
	assert_int_equal(pread(fd, *data, len, 0), len);
	close(fd);
	return len;
}

static int read_back(const void *data, u32 len, struct gen_loader **l)
{
	int fd = memfd_create("x.loader", 0), err;
	struct log log;

	log_init(&log, 1, 4096);
	assert_int_equal(write(fd, data, len), len);
	err = gen_loader_read(fd, l, &log);
	assert_true(err <= 0);
	if (err == -EINVAL)
		assert_true(log.len > 0);
	log_free(&log);
	close(fd);
	return err;
}

static void test_round_trip(void **state)
{
	struct gen_loader *l = make(), *back;
	char *data;
	u32 len = file_of(l, &data);

	assert_int_equal(read_back(data, len, &back), 0);
	assert_int_equal(back->insn_cnt, l->insn_cnt);
	assert_memory_equal(back->insns, l->insns, l->insn_cnt * sizeof(*l->insns));
	assert_int_equal(back->data_sz, l->data_sz);
	assert_memory_equal(back->data, l->data, l->data_sz);
	assert_int_equal(back->ctx_sz, l->ctx_sz);
	assert_int_equal(back->nr_descs, 2);
	assert_int_equal(back->descs[1].ctx_off, l->descs[1].ctx_off);
	assert_int_equal(back->descs[1].max_entries, 3);
	assert_string_equal(back->trace->name, "demo");
	assert_string_equal(back->trace->slots[0].sec, "maps");
	assert_null(back->trace->slots[1].sec);
	assert_string_equal(back->trace->slots[1].ident, l->trace->slots[2].ident);
	assert_true(back->trace->slots[1].page_multiple);
	assert_memory_equal(back->trace->btf, "btf!", 5);
	free(data);
	gen_loader_free(back);
	gen_loader_free(l);
}

static void test_cut(void **state)
{
	struct gen_loader *l = make(), *back;
	char *data;
	u32 len = file_of(l, &data);

	/* the last section is padded to 8 bytes, which nobody needs */
	for (u32 n = 0; n < len - 8; n++)
		assert_int_equal(read_back(data, n, &back), -EINVAL);
	free(data);
	gen_loader_free(l);
}

static int harmless(int cmd, union bpf_attr *attr, u32 size)
{
	return cmd == BPF_MAP_CREATE || cmd == BPF_PROG_LOAD ? memfd_create("fd", 0) : 0;
}

/* As `userbpf load` does: follows no address that is not its own. */
static void run(const struct gen_loader *l)
{
	char *ctx = calloc(1, l->ctx_sz);

	gen_loader_ctx(l, ctx);
	gen_loader_run(l, harmless, ctx, NULL);
	free(ctx);
}

/* Every word of header and tables, with values that break sums and indices. */
static void test_damaged(void **state)
{
	static const u32 values[] = {0,		 1,	     3,		 0x7fffffff,
				     0x80000000, 0xfffffff8, 0xffffffff, 0x1000};
	struct gen_loader *l = make(), *back;
	char *data, *copy;
	u32 len = file_of(l, &data), refused = 0;

	copy = malloc(len);
	for (u32 off = 0; off + 4 <= len; off += 4)
		for (u32 v = 0; v < ARRAY_SIZE(values); v++) {
			memcpy(copy, data, len);
			memcpy(copy + off, &values[v], 4);
			if (read_back(copy, len, &back)) {
				refused++;
				continue;
			}
			for (u32 i = 0; i < back->nr_descs; i++) {
				const struct gen_slot *s = &back->trace->slots[i];

				assert_true(back->descs[i].ctx_off + 4 <= back->ctx_sz);
				/* these are stored beyond the 4 bytes */
				assert_true(s->kind == GEN_MAP || (!s->page_multiple && !s->cpus));
			}
			run(back);
			copy[0] ^= strlen(back->trace->name) & 1;
			gen_loader_free(back);
		}
	assert_true(refused > 30);
	free(copy);
	free(data);
	gen_loader_free(l);
}

/* Names become paths and are printed. */
static void test_names(void **state)
{
	static const char *const texts[][2] = {
		{"map_x", "../xy"}, {"map_x", "a b c"}, {"map.x", "m\x1b[2J"}};

	for (u32 i = 0; i < ARRAY_SIZE(texts); i++) {
		struct gen_loader *l = make(), *back;
		char *data, *at;
		u32 len = file_of(l, &data);

		at = memmem(data, len, texts[i][0], 5);
		assert_non_null(at);
		memcpy(at, texts[i][1], 5);
		assert_int_equal(read_back(data, len, &back), -EINVAL);
		free(data);
		gen_loader_free(l);
	}
}

static void test_context(void **state)
{
	struct gen_loader *l = make();
	char *ctx = calloc(1, l->ctx_sz);
	u32 page = sysconf(_SC_PAGESIZE), sz, max;

	gen_loader_ctx(l, ctx);
	memcpy(&sz, ctx, 4);
	assert_int_equal(sz, l->ctx_sz);
	memcpy(&max, ctx + l->descs[1].ctx_off + 4, 4);
	assert_int_equal(max, page);
	memcpy(&max, ctx + l->descs[0].ctx_off + 4, 4);
	assert_int_equal(max, 0);
	free(ctx);
	gen_loader_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_damaged),	   cmocka_unit_test(test_names),
		cmocka_unit_test(test_context),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
