/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cases of cases.h through bpf(2): on the machine's kernel where it lets us (else exit 77), or on userbpf when run under it. What the cases expect is
 * what both must answer.
 */
#include <stdio.h>
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
	union bpf_attr attr = { .map_type = type, .key_size = key, .value_size = value, .max_entries = entries, .map_flags = flags };

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

		if (!have(c->type) || c->value > 1u << 28) /* a kernel has more kinds; nobody wants the memory */
			continue;
		fd = create(c->type, c->key, c->value, c->entries, c->flags);
		if (min(fd, 0) != c->want) {
			printf("create %zu: type %u flags %#x: want %d, got %d\n", i, c->type, c->flags, c->want, fd);
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
	union bpf_attr attr = { .map_fd = fd, .key = (uintptr_t)&key };
	static const int cmds[] = { [PUT] = BPF_MAP_UPDATE_ELEM, [DEL] = BPF_MAP_DELETE_ELEM, [GET] = BPF_MAP_LOOKUP_ELEM,
				    [NEXT] = BPF_MAP_GET_NEXT_KEY, [FIRST] = BPF_MAP_GET_NEXT_KEY };
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
	*out = err ? s->value : s->op == GET ? values[0] : s->op == PUT || s->op == DEL ? s->value : next;
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
		printf("step %zu: type %u op %d key %u: want %d, got %d, value %llu\n", i, s->type, s->op, s->key, s->want, got, (unsigned long long)out);
		bad++;
	}
	close(fd);
	return bad;
}

int main(void)
{
	int fd = create(A, 4, 8, 1, 0);
	u32 bad;

	if (fd < 0) {
		printf("SKIP: bpf(2) is not for us here (%s)\n", strerror(-fd));
		return 77;
	}
	close(fd);
	bad = check_creates() + check_steps();
	printf("%zu maps, %zu steps: %u differ\n", ARRAY_SIZE(create_cases), ARRAY_SIZE(steps), bad);
	return bad != 0;
}
