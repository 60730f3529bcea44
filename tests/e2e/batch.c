/* SPDX-License-Identifier: BSD-2-Clause */
/* batch.c - batches of hash maps, whose cursor is a bucket's number, and of maps of maps, whose values are fds
 * that go in and ids that come out. Prints what went wrong, or "ok"; the same on a kernel. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define N 64

static int wrong;

#define IS(what, want, got)                                                         \
	do {                                                                        \
		long w = (want), g = (got);                                         \
		if (w != g && ++wrong)                                              \
			printf("%s:%d: want %ld, got %ld\n", what, __LINE__, w, g); \
	} while (0)

static void fill(int fd)
{
	for (unsigned int k = 0; k < N; k++) {
		unsigned long long v = k * 3;

		IS("update", 0, bpf_map_update_elem(fd, &k, &v, BPF_ANY));
	}
}

/* All elements once, @step at a time. */
static void all_of(int fd, unsigned int step, int take)
{
	unsigned int keys[N], cursor = 0, n, seen = 0, rounds = 0;
	unsigned long long values[N];
	char have[N] = {0};
	int err = 0;

	for (; !err && rounds < 2 * N; rounds++) {
		n = step;
		err = (take ? bpf_map_lookup_and_delete_batch : bpf_map_lookup_batch)(
			fd, rounds ? &cursor : NULL, &cursor, keys, values, &n, NULL);
		for (unsigned int i = 0; i < n && (!err || err == -ENOENT); i++) {
			IS("once", 0, keys[i] < N ? have[keys[i]] : -1);
			have[keys[i] % N] = 1;
			IS("value", keys[i] * 3, values[i]);
			seen++;
		}
	}
	IS("the end", -ENOENT, err);
	IS("all", N, seen);
	IS("cursor", N, cursor); /* of buckets there are as many */
}

static void hashes(int type)
{
	int fd = bpf_map_create(type, "batch", 4, 8, N, NULL);
	unsigned int keys[N], cursor = N, n = N, k = 0;
	unsigned long long values[N];

	fill(fd);
	IS("behind the last", -ENOENT,
	   bpf_map_lookup_batch(fd, &cursor, &cursor, keys, values, &n, NULL));
	all_of(fd, N, 0);
	all_of(fd, 20, 0);
	all_of(fd, 20, 1);
	IS("empty", -ENOENT, bpf_map_lookup_elem(fd, &k, values));
	close(fd);
}

static void of_maps(int type)
{
	int inner[3], fd, fds[3];
	unsigned int keys[3] = {0, 1, 2}, ids[3], cursor = 0, n = 3,
		     len = sizeof(struct bpf_map_info), found = 0;
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	struct bpf_map_info info;

	for (int i = 0; i < 3; i++)
		fds[i] = inner[i] = bpf_map_create(BPF_MAP_TYPE_ARRAY, "inner", 4, 4, 1, NULL);
	opts.inner_map_fd = inner[0];
	fd = bpf_map_create(type, "outer", 4, 4, 3, &opts);
	IS("update", 0, bpf_map_update_batch(fd, keys, fds, &n, NULL));
	IS("updated", 3, n);
	memset(keys, 0xff, sizeof(keys));
	IS("lookup", 1, bpf_map_lookup_batch(fd, NULL, &cursor, keys, ids, &n, NULL) != -EFAULT);
	IS("looked up", 3, n);
	for (unsigned int i = 0; i < n && keys[i] < 3; i++) {
		memset(&info, 0, sizeof(info));
		bpf_obj_get_info_by_fd(inner[keys[i]], &info, &len);
		found += info.id == ids[i];
	}
	IS("ids", 3, found);
	IS("no map", 1, bpf_map_update_batch(fd, keys, ids, &n, NULL) < 0);
	for (int i = 0; i < 3; i++)
		close(inner[i]);
	close(fd);
}

int main(void)
{
	hashes(BPF_MAP_TYPE_HASH);
	hashes(BPF_MAP_TYPE_LRU_HASH);
	of_maps(BPF_MAP_TYPE_ARRAY_OF_MAPS);
	of_maps(BPF_MAP_TYPE_HASH_OF_MAPS);
	puts(wrong ? "wrong" : "ok");
	return !!wrong;
}
