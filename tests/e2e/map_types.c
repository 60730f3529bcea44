/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map_types.c - every type of map that Linux 6.1 knows, and what lies beside: can it be created, and what does bpf(2) say of
 * an element. One row per type. Prints what differs.
 *   map_types		here
 *   map_types matrix	prints what each type says to each flag, and each command to what was made
 *   map_types kernel	the machine's kernel, but for what later kernels do otherwise
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOTSUPP	 -524 /* ENOTSUPP of the kernel */
#define NOPRE	 BPF_F_NO_PREALLOC
#define NOTHING	 (-9999)
#define NR_TYPES 36

enum { KEY_0, KEY_FD, KEY_PREFIX, NO_KEY }; /* the key: zeroes, the fd, 8 bits of zeroes */
enum {
	V_1,
	V_FD,
	V_NO_FD,
	V_FILE,
	V_DEV,
	V_CPU
}; /* the value: 1, the row's fd, none, a file, the loopback device, a CPU's queue */
enum { NO_FD, MAP, PROG, SOCK, PIDFD, GROUP };
enum { BTF_ = 1, INNER = 2, HERE = 4 /* a kernel (or a later one) answers otherwise */ };

static const struct row {
	const char *name;
	unsigned key, value, entries, flags;
	int how; /* BTF_ ... */
	int key_kind, value_kind;
	int create, update, bad_flags, lookup, next, del, take;
} rows[NR_TYPES] = {
	/* clang-format off */
	[0] = {"unspec", 4, 8, 1, 0, 0, 0, 0, -EINVAL},
	[BPF_MAP_TYPE_HASH] = {"hash", 4, 8, 2, 0, 0, KEY_0, V_1, 0, 0, -EINVAL, 0, -ENOENT, 0, -ENOENT},
	[BPF_MAP_TYPE_ARRAY] = {"array", 4, 8, 2, 0, 0, KEY_0, V_1, 0, 0, -EINVAL, 0, 0, -EINVAL, NOTSUPP},
	[BPF_MAP_TYPE_PROG_ARRAY] = {"prog_array", 4, 4, 2, 0, 0, KEY_0, V_FILE, 0, -EINVAL, -EINVAL, -ENOENT, 0, -ENOENT, NOTSUPP},
	[BPF_MAP_TYPE_PERF_EVENT_ARRAY] = {"perf_event_array", 4, 4, 2, 0, 0, KEY_0, V_FILE, 0, -EBADF, -EINVAL, NOTSUPP, 0, -ENOENT, NOTSUPP},
	[BPF_MAP_TYPE_PERCPU_HASH] = {"percpu_hash", 4, 8, 2, 0, 0, KEY_0, V_1, 0, 0, -EINVAL, 0, -ENOENT, 0, -ENOENT},
	[BPF_MAP_TYPE_PERCPU_ARRAY] = {"percpu_array", 4, 8, 2, 0, 0, KEY_0, V_1, 0, 0, -EINVAL, 0, 0, -EINVAL, NOTSUPP},
	[BPF_MAP_TYPE_STACK_TRACE] = {"stack_trace", 4, 8, 2, 0, HERE, KEY_0, V_1, 0, -EINVAL, -EINVAL, -ENOENT, -ENOENT, -ENOENT, NOTSUPP},
	[BPF_MAP_TYPE_CGROUP_ARRAY] = {"cgroup_array", 4, 4, 2, 0, 0, KEY_0, V_FILE, 0, -EBADF, -EINVAL, NOTSUPP, 0, -ENOENT, NOTSUPP},
	[BPF_MAP_TYPE_LRU_HASH] = {"lru_hash", 4, 8, 2, 0, 0, KEY_0, V_1, 0, 0, -EINVAL, 0, -ENOENT, 0, -ENOENT},
	[BPF_MAP_TYPE_LRU_PERCPU_HASH] = {"lru_percpu_hash", 4, 8, 2, 0, 0, KEY_0, V_1, 0, 0, -EINVAL, 0, -ENOENT, 0, -ENOENT},
	[BPF_MAP_TYPE_LPM_TRIE] = {"lpm_trie", 8, 8, 2, NOPRE, 0, KEY_PREFIX, V_1, 0, 0, -EINVAL, 0, -ENOENT, 0, NOTSUPP},
	[BPF_MAP_TYPE_ARRAY_OF_MAPS] = {"array_of_maps", 4, 4, 2, 0, INNER, KEY_0, V_FILE, 0, -EINVAL, -EINVAL, -ENOENT, 0, -ENOENT, NOTSUPP},
	[BPF_MAP_TYPE_HASH_OF_MAPS] = {"hash_of_maps", 4, 4, 2, 0, INNER, KEY_0, V_NO_FD, 0, -EBADF, -EBADF, -ENOENT, -ENOENT, -ENOENT, NOTSUPP},
	[BPF_MAP_TYPE_DEVMAP] = {"devmap", 4, 4, 2, 0, 0, KEY_0, V_DEV, 0, 0, -EINVAL, 0, 0, 0, NOTSUPP},
	[BPF_MAP_TYPE_SOCKMAP] = {"sockmap", 4, 8, 2, 0, 0, KEY_0, V_FILE, 0, -ENOTSOCK, -ENOTSOCK, -ENOENT, 0, -EINVAL, NOTSUPP},
	[BPF_MAP_TYPE_CPUMAP] = {"cpumap", 4, 4, 2, 0, 0, KEY_0, V_CPU, 0, 0, -EINVAL, 0, 0, 0, NOTSUPP},
	[BPF_MAP_TYPE_XSKMAP] = {"xskmap", 4, 4, 2, 0, 0, KEY_0, V_FILE, 0, -ENOTSOCK, -EINVAL, -EOPNOTSUPP, 0, 0, NOTSUPP},
	[BPF_MAP_TYPE_SOCKHASH] = {"sockhash", 4, 8, 2, 0, 0, KEY_0, V_NO_FD, 0, -EINVAL, -EINVAL, -ENOENT, -ENOENT, -ENOENT, NOTSUPP},
	[BPF_MAP_TYPE_CGROUP_STORAGE] = {"cgroup_storage", 16, 8, 0, 0, 0, KEY_0, V_1, 0, -ENOENT, -EINVAL, -ENOENT, -ENOENT, -EINVAL, NOTSUPP},
	[BPF_MAP_TYPE_REUSEPORT_SOCKARRAY] = {"reuseport_sockarray", 4, 8, 2, 0, 0, KEY_0, V_FILE, 0, -ENOTSOCK, -EINVAL, -ENOENT, 0, -ENOENT, NOTSUPP},
	[BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE] = {"percpu_cgroup_storage", 16, 8, 0, 0, 0, KEY_0, V_1, 0, -ENOENT, -EINVAL, -ENOENT, -ENOENT, -EINVAL, NOTSUPP},
	[BPF_MAP_TYPE_QUEUE] = {"queue", 0, 8, 2, 0, 0, NO_KEY, V_1, 0, 0, -EINVAL, 0, -EINVAL, -EINVAL, 0},
	[BPF_MAP_TYPE_STACK] = {"stack", 0, 8, 2, 0, 0, NO_KEY, V_1, 0, 0, -EINVAL, 0, -EINVAL, -EINVAL, 0},
	[BPF_MAP_TYPE_SK_STORAGE] = {"sk_storage", 4, 8, 0, NOPRE, BTF_, KEY_FD, V_1, 0, -ENOTSOCK, -ENOTSOCK, -ENOTSOCK, NOTSUPP, -ENOTSOCK, NOTSUPP},
	[BPF_MAP_TYPE_DEVMAP_HASH] = {"devmap_hash", 4, 4, 2, 0, 0, KEY_0, V_DEV, 0, 0, -EINVAL, 0, -ENOENT, 0, NOTSUPP},
	[BPF_MAP_TYPE_STRUCT_OPS] = {"struct_ops", 4, 8, 1, 0, 0, 0, 0, -EINVAL},
	[BPF_MAP_TYPE_RINGBUF] = {"ringbuf", 0, 0, 4096, 0, 0, NO_KEY, V_1, 0, NOTSUPP, NOTSUPP, NOTSUPP, NOTSUPP, NOTSUPP, NOTSUPP},
	[BPF_MAP_TYPE_INODE_STORAGE] = {"inode_storage", 4, 8, 0, NOPRE, BTF_ | HERE, KEY_FD, V_NO_FD, 0, -EOPNOTSUPP, -EINVAL, -ENOENT, NOTSUPP, -ENOENT, NOTSUPP},
	[BPF_MAP_TYPE_TASK_STORAGE] = {"task_storage", 4, 8, 0, NOPRE, BTF_, KEY_FD, V_1, 0, -EBADF, -EBADF, -EBADF, NOTSUPP, -EBADF, NOTSUPP},
	[BPF_MAP_TYPE_BLOOM_FILTER] = {"bloom_filter", 0, 8, 2, 0, 0, NO_KEY, V_1, 0, 0, -EINVAL, 0, -EOPNOTSUPP, -EOPNOTSUPP, NOTSUPP},
	[BPF_MAP_TYPE_USER_RINGBUF] = {"user_ringbuf", 0, 0, 4096, 0, 0, NO_KEY, V_1, 0, NOTSUPP, NOTSUPP, NOTSUPP, NOTSUPP, NOTSUPP, NOTSUPP},
	[32 /* CGRP_STORAGE, 6.2 */] = {"cgrp_storage", 4, 8, 0, NOPRE, BTF_, KEY_FD, V_1, 0, -EBADF, -EBADF, -EBADF, NOTSUPP, -EBADF, NOTSUPP},
	[33 /* ARENA, 6.9 */] = {"arena", 4, 8, 1, 0, 0, 0, 0, -EINVAL},
	[34] = {"beyond", 4, 8, 1, 0, HERE, 0, 0, -EINVAL},
	[35] = {"beyond", 4, 8, 1, 0, HERE, 0, 0, -EINVAL},
	/* clang-format on */
};

static int wrong, file, btf_fd, int_id, u64_id;

static int ret(int r)
{
	return r < 0 ? -errno : r;
}

static void is(const struct row *r, const char *what, int want, int got)
{
	if (want != got && want != NOTHING && ++wrong)
		printf("%s, %s: want %d, got %d\n", r->name, what, want, got);
}

static int create(unsigned type, const struct row *r, int inner)
{
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = r->flags);

	if (r->how & BTF_) {
		o.btf_fd = btf_fd;
		o.btf_key_type_id = int_id;
		o.btf_value_type_id = u64_id;
	}
	if (r->how & INNER)
		o.inner_map_fd = inner;
	return ret(bpf_map_create(type, "m", r->key, r->value, r->entries, &o));
}

static void fill(const struct row *r, void *key, void *value)
{
	static const int values[] = {[V_1] = 1, [V_NO_FD] = -1, [V_DEV] = 1, [V_CPU] = 192};
	int v = r->value_kind == V_FILE ? file : values[r->value_kind];
	int k = r->key_kind == KEY_FD ? file : r->key_kind == KEY_PREFIX ? 8 : 0;

	memset(key, 0, 16);
	memset(value, 0, 4096);
	memcpy(key, &k, sizeof(k));
	memcpy(value, &v, sizeof(v));
	if (r->value_kind == V_NO_FD && r->value == 8)
		memset(value, 0xff, 8);
}

static void elements(const struct row *r, int fd)
{
	char key[16], value[4096], next[16];
	void *k = r->key_kind == NO_KEY ? NULL : key;

	fill(r, key, value);
	is(r, "update", r->update, ret(bpf_map_update_elem(fd, k, value, 0)));
	is(r, "update, bad flags", r->bad_flags, ret(bpf_map_update_elem(fd, k, value, 8)));
	is(r, "lookup", r->lookup, ret(bpf_map_lookup_elem(fd, k, value)));
	is(r, "next", r->next, ret(bpf_map_get_next_key(fd, k, next)));
	is(r, "delete", r->del, ret(bpf_map_delete_elem(fd, k)));
	is(r, "take", r->take, ret(bpf_map_lookup_and_delete_elem(fd, k, value)));
}

static long bpf(int cmd, union bpf_attr *attr)
{
	long r = syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : r;
}

/* Tables of functions of a kernel: none of ours. */
static void struct_ops(void)
{
	union bpf_attr a = {.map_type = BPF_MAP_TYPE_STRUCT_OPS,
			    .key_size = 4,
			    .value_size = 8,
			    .max_entries = 1,
			    .btf_vmlinux_value_type_id = 1};

	is(&rows[BPF_MAP_TYPE_STRUCT_OPS], "a type that is none", NOTSUPP, bpf(BPF_MAP_CREATE, &a));
	a.max_entries = 2;
	is(&rows[BPF_MAP_TYPE_STRUCT_OPS], "two", -EINVAL, bpf(BPF_MAP_CREATE, &a));
}

/* Programs may only read what they look up in it. */
static void devmap_flags(void)
{
	static const unsigned types[] = {BPF_MAP_TYPE_DEVMAP, BPF_MAP_TYPE_DEVMAP_HASH};

	for (int i = 0; i < 2; i++) {
		struct bpf_map_info info = {};
		__u32 len = sizeof(info);
		int fd = create(types[i], &rows[types[i]], -1);

		bpf_obj_get_info_by_fd(fd, &info, &len);
		is(&rows[types[i]], "flags", BPF_F_RDONLY_PROG, info.map_flags);
		close(fd);
	}
}

/* --- the matrix: types by flags, and commands on what came of it --- */

static const struct {
	const char *name;
	unsigned flag;
} flags[] = {
	{"no_prealloc", BPF_F_NO_PREALLOC},
	{"no_common_lru", BPF_F_NO_COMMON_LRU},
	{"numa_node", BPF_F_NUMA_NODE},
	{"rdonly", BPF_F_RDONLY},
	{"wronly", BPF_F_WRONLY},
	{"rdonly+wronly", BPF_F_RDONLY | BPF_F_WRONLY},
	{"stack_build_id", BPF_F_STACK_BUILD_ID},
	{"zero_seed", BPF_F_ZERO_SEED},
	{"rdonly_prog", BPF_F_RDONLY_PROG},
	{"wronly_prog", BPF_F_WRONLY_PROG},
	{"both_prog", BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG},
	{"clone", BPF_F_CLONE},
	{"mmapable", BPF_F_MMAPABLE},
	{"preserve_elems", BPF_F_PRESERVE_ELEMS},
	{"inner_map", BPF_F_INNER_MAP},
	{"unknown", 1u << 30},
};

static void commands(const struct row *r, int fd)
{
	char key[16], value[4096], out[16];
	LIBBPF_OPTS(bpf_map_batch_opts, o);
	unsigned n = 1;

	fill(r, key, value);
	printf(" update %d", ret(bpf_map_update_elem(fd, r->key ? key : NULL, value, 0)));
	printf(" lookup %d", ret(bpf_map_lookup_elem(fd, r->key ? key : NULL, value)));
	fill(r, key, value);
	printf(" batch %d", ret(bpf_map_update_batch(fd, key, value, &n, &o)));
	n = 1;
	printf(" %d", ret(bpf_map_lookup_batch(fd, NULL, out, key, value, &n, &o)));
	n = 1;
	printf(" %d", ret(bpf_map_lookup_and_delete_batch(fd, NULL, out, key, value, &n, &o)));
	n = 1;
	fill(r, key, value);
	printf(" %d", ret(bpf_map_delete_batch(fd, key, &n, &o)));
	printf(" mmap %d",
	       mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -errno : 0);
	printf(" freeze %d", ret(bpf_map_freeze(fd)));
	printf(" %d", ret(bpf_map_freeze(fd)));
	fill(r, key, value);
	printf(" update %d", ret(bpf_map_update_elem(fd, r->key ? key : NULL, value, 0)));
}

static void matrix(int inner)
{
	for (unsigned t = 0; t < NR_TYPES; t++) {
		struct row r = rows[t];

		if (r.create)
			continue;
		for (size_t f = 0; f < sizeof(flags) / sizeof(flags[0]); f++) {
			int fd;

			r.flags = rows[t].flags ^ flags[f].flag;
			fd = create(t, &r, inner);
			printf("%s %s: %d", r.name, flags[f].name, fd < 0 ? fd : 0);
			if (fd >= 0)
				commands(&r, fd);
			puts("");
			if (fd >= 0)
				close(fd);
		}
	}
}

int main(int argc, char **argv)
{
	struct btf *btf = btf__new_empty();
	int inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, NULL, 4, 8, 2, NULL);

	int_id = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	u64_id = btf__add_int(btf, "u64", 8, 0);
	if (inner < 0 || btf__load_into_kernel(btf))
		return 2;
	btf_fd = dup(btf__fd(btf));
	btf__free(btf);
	file = open("/dev/null", O_RDONLY);
	if (argc > 1 && !strcmp(argv[1], "matrix")) {
		matrix(inner);
		return 0;
	}
	for (unsigned t = 0; t < NR_TYPES; t++) {
		const struct row *r = &rows[t];
		int fd;

		if (argc > 1 && r->how & HERE)
			continue;
		fd = create(t, r, inner);
		is(r, "create", r->create, fd < 0 ? fd : 0);
		if (fd < 0)
			continue;
		elements(r, fd);
		close(fd);
	}
	struct_ops();
	devmap_flags();
	puts(wrong ? "wrong" : "ok");
	return !!wrong;
}
