/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c - loads objects into a subsystem inside this process and prints the most memory each
 * took, one line each: "name KiB". Every byte counts that the subsystem allocates from the start of
 * the load on: BTF and program, states, jump histories, paths still to walk. (Growth of a process
 * would not do: freed memory is used again unseen, and its peak is known to a few hundred KiB only.)
 *   usage: memory VMLINUX_BTF OBJECT...
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/libbpf.h>

#include "cli/verify/inprocess.h"

/* Of this executable, which the subsystem is linked into; libbpf's own are not seen. */
static long used, peak;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);
void __wrap_free(void *p);

static void *count(void *p)
{
	long now = __atomic_add_fetch(&used, malloc_usable_size(p), __ATOMIC_RELAXED);

	if (now > peak)
		peak = now;
	return p;
}

static void uncount(void *p)
{
	__atomic_sub_fetch(&used, malloc_usable_size(p), __ATOMIC_RELAXED);
}

void *__wrap_malloc(size_t n)
{
	return count(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t m)
{
	return count(__real_calloc(n, m));
}

void *__wrap_realloc(void *p, size_t n)
{
	uncount(p);
	return count(__real_realloc(p, n));
}

void __wrap_free(void *p)
{
	uncount(p);
	__real_free(p);
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

static int measure(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	long before = used;
	int err;

	if (!obj)
		return 1;
	peak = used;
	err = bpf_object__load(obj);
	if (err)
		fprintf(stderr, "%s: refused: %d\n", path, err);
	else
		printf("%.*s %ld\n", (int)strcspn(name, "."), name, (peak - before) / 1024);
	bpf_object__close(obj);
	return err;
}

int main(int argc, char **argv)
{
	int err, bad = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: %s VMLINUX_BTF OBJECT...\n", argv[0]);
		return 2;
	}
	libbpf_set_print(quiet);
	err = inprocess_open(argv[1], NULL);
	if (err) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-err));
		return 1;
	}
	for (int i = 2; i < argc; i++)
		bad |= measure(argv[i]);
	inprocess_close();
	return !!bad;
}
