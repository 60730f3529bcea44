/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cases of cases.h through bpf(2): on the machine's kernel where it lets us (else exit 77), or
 * on userbpf when run under it. What the cases expect is what both must answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "cases.h"

static int sys(int cmd, union bpf_attr *attr)
{
	long ret = syscall(__NR_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : ret;
}

static int create(u32 type, u32 key, u32 value, u32 entries, u32 flags)
{
	union bpf_attr attr = {.map_type = type,
			       .key_size = key,
			       .value_size = value,
			       .max_entries = entries,
			       .map_flags = flags};

	return sys(BPF_MAP_CREATE, &attr);
}

static bool have(u32 type)
{
	return type == A || type == H || type == PA || type == PH || type == P;
}

static u32 check_creates(void)
{
	u32 bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(create_cases); i++) {
		const struct create_case *c = &create_cases[i];
		int fd;

		if (!have(c->type) ||
		    c->value > 1u << 28) /* a kernel has more kinds; nobody wants the memory */
			continue;
		fd = create(c->type, c->key, c->value, c->entries, c->flags);
		if (min(fd, 0) != c->want) {
			printf("create %zu: type %u flags %#x: want %d, got %d\n", i, c->type,
			       c->flags, c->want, fd);
			bad++;
		}
		if (fd >= 0)
			close(fd);
	}
	return bad;
}

static int do_step(int fd, const struct step *s, u64 *out)
{
	u64 values[512];
	u32 key = s->key, next = 0;
	union bpf_attr attr = {.map_fd = fd, .key = (uintptr_t)&key};
	static const int cmds[] = {[PUT] = BPF_MAP_UPDATE_ELEM,
				   [DEL] = BPF_MAP_DELETE_ELEM,
				   [GET] = BPF_MAP_LOOKUP_ELEM,
				   [NEXT] = BPF_MAP_GET_NEXT_KEY,
				   [FIRST] = BPF_MAP_GET_NEXT_KEY};
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		values[i] = s->value;
	if (s->op == PUT || s->op == GET)
		attr.value = (uintptr_t)values;
	if (s->op == NEXT || s->op == FIRST)
		attr.next_key = (uintptr_t)&next;
	if (s->op == FIRST)
		attr.key = 0;
	attr.flags = s->flags;
	err = sys(cmds[s->op], &attr);
	*out = err			      ? s->value
	       : s->op == GET		      ? values[0]
	       : s->op == PUT || s->op == DEL ? s->value
					      : next;
	return err;
}

static u32 check_steps(void)
{
	u32 bad = 0;
	int fd = -1;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		const struct step *s = &steps[i];
		u64 out;
		int got;

		if (!i || s->type != s[-1].type) {
			if (fd >= 0)
				close(fd);
			fd = create(s->type, 4, 8, s->entries, 0);
		}
		got = do_step(fd, s, &out);
		if (got == s->want && out == s->value)
			continue;
		printf("step %zu: type %u op %d key %u: want %d, got %d, value %llu\n", i, s->type,
		       s->op, s->key, s->want, got, (unsigned long long)out);
		bad++;
	}
	close(fd);
	return bad;
}

static u32 differs(const char *what, int want, int got)
{
	if (want == got)
		return 0;
	printf("%s: want %d, got %d\n", what, want, got);
	return 1;
}

static int element(int cmd, int fd, u32 key)
{
	u64 values[512] = {};
	union bpf_attr attr = {.map_fd = fd, .key = (uintptr_t)&key, .value = (uintptr_t)values};

	return sys(cmd, &attr);
}

static int freeze(int fd)
{
	union bpf_attr attr = {.map_fd = fd};

	return sys(BPF_MAP_FREEZE, &attr);
}

/* Since 6.3 one must be allowed to write what one freezes: -EPERM there; @want is 6.1's answer. */
static int freeze_61(int fd, int want)
{
	int got = freeze(fd);

	return got == -EPERM ? want : got;
}

/* 0 or -errno; leaves the mapping in *mem. */
static int map_it(int fd, size_t len, int prot, int flags, off_t off, void **mem)
{
	*mem = mmap(NULL, len, prot, flags, fd, off);
	return *mem == MAP_FAILED ? -errno : 0;
}

static const struct access_case {
	const char *what;
	u32 type, flags;
	int lookup, update, freeze, update_frozen;
} accesses[] = {
	{"plain array", A, 0, 0, 0, 0, -EPERM},
	{"plain hash", H, 0, -ENOENT, 0, 0, -EPERM},
	{"read-only handle", A, BPF_F_RDONLY, 0, -EPERM, 0, -EPERM},
	{"write-only handle", A, BPF_F_WRONLY, -EPERM, 0, 0, -EPERM},
	{"read-only for programs", A, BPF_F_RDONLY_PROG, 0, 0, 0, -EPERM},
	{"read-only hash for programs", H, BPF_F_RDONLY_PROG, -ENOENT, 0, 0, -EPERM},
	{"write-only for programs", A, BPF_F_WRONLY_PROG, 0, 0, 0, -EPERM},
};

static u32 check_access(void)
{
	u32 bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(accesses); i++) {
		const struct access_case *c = &accesses[i];
		int fd = create(c->type, 4, 8, 1, c->flags);

		bad += differs(c->what, c->lookup, element(BPF_MAP_LOOKUP_ELEM, fd, 0));
		bad += differs(c->what, c->update, element(BPF_MAP_UPDATE_ELEM, fd, 0));
		bad += differs(c->what, c->freeze, freeze_61(fd, c->freeze));
		bad += differs(c->what, -EBUSY, freeze_61(fd, -EBUSY));
		bad += differs(c->what, c->update_frozen, element(BPF_MAP_UPDATE_ELEM, fd, 0));
		bad += differs(c->what, c->lookup == -ENOENT ? 0 : c->lookup,
			       element(BPF_MAP_LOOKUP_ELEM, fd, 0));
		close(fd);
	}
	return bad;
}

/* 5000 elements of 8 bytes: ten pages. */
static u32 check_mmap(u32 prog_flag)
{
	const size_t len = 40960;
	int fd = create(A, 4, 8, 5000, BPF_F_MMAPABLE | prog_flag),
	    plain = create(A, 4, 8, 5000, 0), kinds = create(H, 4, 8, 50, 0);
	u32 bad = 0, key = 4999;
	u64 value = 0;
	union bpf_attr attr = {.map_fd = fd, .key = (uintptr_t)&key, .value = (uintptr_t)&value};
	void *mem, *ro;

	bad += differs("mmap of a map that is not mmapable", -EINVAL,
		       map_it(plain, 4096, PROT_READ, MAP_SHARED, 0, &mem));
	bad += differs("mmap of a hash", -ENOTSUPP,
		       map_it(kinds, 4096, PROT_READ, MAP_SHARED, 0, &mem));
	bad += differs("private mmap", -EINVAL, map_it(fd, len, PROT_READ, MAP_PRIVATE, 0, &mem));
	bad += differs("mmap beyond the end", -EINVAL,
		       map_it(fd, len + 4096, PROT_READ, MAP_SHARED, 0, &mem));
	bad += differs("mmap at an offset, too long", -EINVAL,
		       map_it(fd, len, PROT_READ, MAP_SHARED, 4096, &mem));
	bad += differs("writable mmap", prog_flag ? -EACCES : 0,
		       map_it(fd, len, PROT_READ | PROT_WRITE, MAP_SHARED, 0, &mem));
	if (mem != MAP_FAILED) {
		((volatile u64 *)mem)[4999] = 77;
		bad += differs("lookup", 0, sys(BPF_MAP_LOOKUP_ELEM, &attr));
		bad += differs("what was written through the mapping", 77, value);
		if (!getenv("USERBPF_SOCKET")) /* docs/limits.md: not noticed there */
			bad += differs("freeze while mapped writable", -EBUSY, freeze(fd));
		munmap(mem, len);
	} else {
		value = 77;
		bad += differs("update", 0, sys(BPF_MAP_UPDATE_ELEM, &attr));
	}
	bad += differs("read-only mmap", 0, map_it(fd, len, PROT_READ, MAP_SHARED, 0, &ro));
	bad += differs("freeze while mapped read-only", 0, freeze(fd));
	bad += differs("writable mmap of a frozen map", -EPERM,
		       map_it(fd, len, PROT_READ | PROT_WRITE, MAP_SHARED, 0, &mem));
	if (ro != MAP_FAILED) {
		bad += differs("read of a frozen map", 77, ((volatile u64 *)ro)[4999]);
		bad += differs("mprotect of a frozen map", -EACCES,
			       mprotect(ro, len, PROT_READ | PROT_WRITE) ? -errno : 0);
		munmap(ro, len);
	}
	close(fd);
	close(plain);
	close(kinds);
	return bad;
}

int main(void)
{
	int fd = create(H, 4, 8, 1, BPF_F_ZERO_SEED); /* takes all the privilege the cases need */
	u32 bad;

	if (fd < 0) {
		printf("SKIP: bpf(2) is not for us here (%s)\n", strerror(-fd));
		return 77;
	}
	close(fd);
	bad = check_creates() + check_steps() + check_access() + check_mmap(0) +
	      check_mmap(BPF_F_RDONLY_PROG);
	printf("%zu maps, %zu steps: %u differ\n", ARRAY_SIZE(create_cases), ARRAY_SIZE(steps),
	       bad);
	return bad != 0;
}
