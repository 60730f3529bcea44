/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of calls: what is well-formed, what they say, and how they read as text and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "abi/print.h"

/* A record under construction. */
struct maker {
	union {
		struct abi_rec rec;
		char bytes[4096];
	};
};

static void *add(struct maker *m, u16 kind, u64 uaddr, const void *data, u32 len)
{
	struct abi_rec_part *p = (void *)(m->bytes + m->rec.len);

	*p = (struct abi_rec_part){.kind = kind, .len = len, .uaddr = uaddr};
	memcpy(p + 1, data, len);
	m->rec.len += sizeof(*p) + ABI_REC_PAD(len);
	m->rec.nr_parts++;
	return p + 1;
}

static void make(struct maker *m, int cmd, const union bpf_attr *attr, u32 size, s64 ret)
{
	memset(m, 0, sizeof(*m));
	m->rec = (struct abi_rec){.magic = ABI_REC_MAGIC,
				  .len = sizeof(m->rec),
				  .cmd = cmd,
				  .attr_size = size,
				  .ret = ret};
	add(m, ABI_PART_ATTR, 0x1000, attr, size);
}

static void add_fd(struct maker *m, u16 part, int fd, u32 kind, u32 id)
{
	const struct abi_rec_fd info = {
		.fd = fd, .kind = kind, .id = id, .ino = 100 + id, .key_size = 4, .value_size = 8};

	add(m, part, 0, &info, sizeof(info));
}

static void update_of(struct maker *m)
{
	const union bpf_attr attr = {
		.map_fd = 5, .key = 0x2000, .value = 0x3000, .flags = BPF_EXIST};
	const u8 key[4] = {1, 2, 3, 4}, value[8] = {9, 8};

	make(m, BPF_MAP_UPDATE_ELEM, &attr, 32, 0);
	add_fd(m, ABI_PART_FD, 5, ABI_FD_MAP, 77);
	add(m, ABI_PART_IN, 0x2000, key, sizeof(key));
	add(m, ABI_PART_IN, 0x3000, value, sizeof(value));
}

static void test_check(void **state)
{
	struct maker m;

	update_of(&m);
	assert_int_equal(abi_rec_check(&m, m.rec.len), m.rec.len);
	assert_int_equal(abi_rec_check(&m, sizeof(m)), m.rec.len);
	for (u32 len = 0; len < m.rec.len; len++)
		assert_int_equal(abi_rec_check(&m, len), 0);
	m.rec.nr_parts++;
	assert_int_equal(abi_rec_check(&m, m.rec.len), -EINVAL);
	m.rec.nr_parts -= 2; /* bytes that are of no part */
	assert_int_equal(abi_rec_check(&m, m.rec.len), -EINVAL);
	update_of(&m);
	m.rec.magic++;
	assert_int_equal(abi_rec_check(&m, m.rec.len), -EINVAL);
}

/* Whatever single byte is wrong, checking and printing stay inside the record. */
static void into_nothing(void *arg, const char *text, size_t len)
{
	*(size_t *)arg += len;
}

static void test_broken(void **state)
{
	static const u8 wrong[] = {0, 1, 0x7f, 0x80, 0xff};
	size_t total = 0;
	const struct abi_printer p = {.write = into_nothing, .arg = &total};
	struct maker m;

	for (u32 at = 0; at < 240; at++)
		for (u32 i = 0; i < ARRAY_SIZE(wrong); i++) {
			char *exact;

			update_of(&m);
			m.bytes[at] = wrong[i];
			exact = malloc(m.rec.len); /* for AddressSanitizer to watch */
			if (!exact || m.rec.len > sizeof(m)) {
				free(exact);
				continue;
			}
			memcpy(exact, &m, m.rec.len);
			if (abi_rec_check(exact, m.rec.len) > 0)
				abi_print_record(&p, (const void *)exact);
			free(exact);
		}
	assert_true(total);
}

struct text {
	char buf[4096];
	size_t len;
};

static void into_text(void *arg, const char *text, size_t len)
{
	struct text *t = arg;

	memcpy(t->buf + t->len, text, len);
	t->len += len;
	t->buf[t->len] = '\0';
}

static const char *fd_text(void *arg, const struct abi_rec_fd *fd)
{
	return fd->kind == ABI_FD_MAP ? "a map" : NULL;
}

static const char *printed(const struct maker *m, bool json)
{
	static struct text t;
	const struct abi_printer p = {
		.write = into_text, .arg = &t, .json = json, .fd_text = fd_text};

	t.len = 0;
	abi_print_record(&p, &m->rec);
	return t.buf;
}

static void test_element(void **state)
{
	struct maker m;

	update_of(&m);
	assert_string_equal(printed(&m, false),
			    "bpf(BPF_MAP_UPDATE_ELEM, {map_fd=5<a map>, key=[01 02 03 04], "
			    "value=[09 08 00 00 00 00 00 00], flags=BPF_EXIST}, 32) = 0");
	assert_string_equal(
		printed(&m, true),
		"\"cmd\": \"BPF_MAP_UPDATE_ELEM\", \"attr\": {\"map_fd\": {\"fd\": 5, \"is\": "
		"\"a map\"}, \"key\": \"01 02 03 04\", \"value\": \"09 08 00 00 00 00 00 00\", "
		"\"flags\": \"BPF_EXIST\"}, \"size\": 32, \"ret\": 0");
}

static void test_results(void **state)
{
	union bpf_attr attr = {.start_id = 3}, after = {.start_id = 3, .next_id = 9};
	struct maker m;

	make(&m, BPF_MAP_GET_NEXT_ID, &attr, 8, 0);
	add(&m, ABI_PART_ATTR_OUT, 0x1000, &after, 8);
	assert_string_equal(printed(&m, false),
			    "bpf(BPF_MAP_GET_NEXT_ID, {start_id=3, next_id=0 => 9}, 8) = 0");
	m.rec.ret = -ENOENT;
	assert_string_equal(
		printed(&m, false),
		"bpf(BPF_MAP_GET_NEXT_ID, {start_id=3, next_id=0}, 8) = -1 ENOENT (No such "
		"file or directory)");
	attr = (union bpf_attr){.map_type = BPF_MAP_TYPE_ARRAY, .map_name = "m"};
	make(&m, BPF_MAP_CREATE, &attr, 20, 7);
	add_fd(&m, ABI_PART_RESULT, 7, ABI_FD_MAP, 1);
	assert_string_equal(
		printed(&m, false),
		"bpf(BPF_MAP_CREATE, {map_type=BPF_MAP_TYPE_ARRAY, key_size=0, value_size=0, "
		"max_entries=0, map_flags=0}, 20) = 7<a map>");
}

/* The fields of a link are those of its kind; other bytes are shown as such. */
static void test_unions(void **state)
{
	union bpf_attr attr = {
		.link_create = {.prog_fd = 3, .target_fd = 4, .attach_type = BPF_PERF_EVENT}};
	struct maker m;

	attr.link_create.perf_event.bpf_cookie = 0x1234;
	make(&m, BPF_LINK_CREATE, &attr, 32, 5);
	assert_string_equal(
		printed(&m, false),
		"bpf(BPF_LINK_CREATE, {prog_fd=3, target_fd=4, attach_type=BPF_PERF_EVENT, "
		"flags=0, bpf_cookie=0x1234}, 32) = 5");
	((u8 *)&attr)[28] = 1;
	make(&m, BPF_LINK_CREATE, &attr, 32, 5);
	assert_non_null(
		strstr(printed(&m, false), "/* bytes 24..31 */ [00 00 00 00 01 00 00 00]}"));
	assert_non_null(strstr(printed(&m, true), "\"unknown\": \"00 00 00 00 01 00 00 00\""));
}

/* A text is all that is known of its surroundings. */
static void test_text(void **state)
{
	union bpf_attr attr = {.raw_tracepoint = {.name = 0x2000, .prog_fd = 3}};
	struct maker m;

	make(&m, BPF_RAW_TRACEPOINT_OPEN, &attr, 16, -ENOENT);
	add(&m, ABI_PART_IN, 0x2000, "sys\"x", 6);
	assert_non_null(strstr(printed(&m, false), "{name=\"sys\\\"x\", prog_fd=3}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),	cmocka_unit_test(test_broken),
		cmocka_unit_test(test_element), cmocka_unit_test(test_results),
		cmocka_unit_test(test_unions),	cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
