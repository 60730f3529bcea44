/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nomem.c - every operation with its first, second, third ... allocation refused, until it runs
 * through: it fails with an errno, leaves nothing behind and works the next time. Only allocations
 * of the calling thread are refused. argv[1]: the service's BTF.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "userbpf.h"

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

static __thread long countdown; /* this many allocations from now one fails; 0: none */
static __thread bool persistent, fired;

static bool refuse(void)
{
	if (!countdown || (fired && !persistent))
		return false;
	if (!fired && --countdown)
		return false;
	countdown = 1;
	fired = true;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t n)
{
	return refuse() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return refuse() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return refuse() ? NULL : __libc_realloc(p, n);
}

static const char *vmlinux;
static struct userbpf *u;
static u32 iter_btf_id;
static int btf_size;
static const void *btf_data;
static int map, prog, link_fd, typed; /* made once, for the operations on them */

/* A program's BTF: a function, and types that the service has, too. */
static struct {
	int fd, func, zero, types[20];
} core;

/* --- operations: a result of bpf(2), or of their kind --- */

static int op_open(void)
{
	struct userbpf_options o = {.size = sizeof(o), .vmlinux_btf = vmlinux};
	struct userbpf *other = userbpf_open(&o);
	int err = other ? 0 : -errno;

	countdown = 0; /* waiting for RCU needs memory */
	if (other)
		userbpf_close(other);
	return err;
}

static int op_array(void)
{
	union bpf_attr a = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 4};

	return userbpf_bpf(u, BPF_MAP_CREATE, &a, sizeof(a));
}

static int op_hash(void)
{
	union bpf_attr a = {
		.map_type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = 8, .max_entries = 4};

	return userbpf_bpf(u, BPF_MAP_CREATE, &a, sizeof(a));
}

static int op_progs(void)
{
	union bpf_attr a = {.map_type = BPF_MAP_TYPE_PROG_ARRAY,
			    .key_size = 4,
			    .value_size = 4,
			    .max_entries = 4};

	return userbpf_bpf(u, BPF_MAP_CREATE, &a, sizeof(a));
}

static int op_btf(void)
{
	union bpf_attr a = {.btf = (uintptr_t)btf_data, .btf_size = btf_size};

	return userbpf_bpf(u, BPF_BTF_LOAD, &a, sizeof(a));
}

#define INSN(c, d, s, o, i)                                                         \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}

static int op_load(void)
{
	char log[4096];
	struct bpf_insn insns[] = {
		INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		INSN(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 1, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 1, 0, 2),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr a = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
			    .insns = (uintptr_t)insns,
			    .insn_cnt = ARRAY_SIZE(insns)};

	a.license = (uintptr_t) "GPL";
	a.log_level = 2;
	a.log_size = sizeof(log);
	a.log_buf = (uintptr_t)log;
	return userbpf_bpf(u, BPF_PROG_LOAD, &a, sizeof(a));
}

/* CO-RE relocations of twenty types, and everything in fd_array held. */
static int op_core(void)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	struct bpf_core_relo relos[20];
	struct bpf_func_info func = {.type_id = core.func};
	int fds[] = {map, typed, core.fd};
	union {
		union bpf_attr a;
		struct {
			char known[148];
			u32 fd_array_cnt;
		};
	} u2 = {.a = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		      .insns = (uintptr_t)insns,
		      .insn_cnt = ARRAY_SIZE(insns)}};

	for (u32 i = 0; i < ARRAY_SIZE(relos); i++)
		relos[i] = (struct bpf_core_relo){.type_id = core.types[i],
						  .access_str_off = core.zero,
						  .kind = BPF_CORE_TYPE_EXISTS};
	u2.a.license = (uintptr_t) "GPL";
	u2.a.prog_btf_fd = core.fd;
	u2.a.func_info = (uintptr_t)&func;
	u2.a.func_info_cnt = 1;
	u2.a.func_info_rec_size = sizeof(func);
	u2.a.core_relos = (uintptr_t)relos;
	u2.a.core_relo_cnt = ARRAY_SIZE(relos);
	u2.a.core_relo_rec_size = sizeof(relos[0]);
	u2.a.fd_array = (uintptr_t)fds;
	u2.fd_array_cnt = ARRAY_SIZE(fds);
	return userbpf_bpf(u, BPF_PROG_LOAD, &u2.a, 152);
}

static int load_iter(void)
{
	const struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 1, 1, 0, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_DW, 1, 1, 0, 0),
		INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 10),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 1),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_seq_write),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr a = {.prog_type = BPF_PROG_TYPE_TRACING,
			    .insns = (uintptr_t)insns,
			    .insn_cnt = ARRAY_SIZE(insns)};

	a.license = (uintptr_t) "GPL";
	a.expected_attach_type = BPF_TRACE_ITER;
	a.attach_btf_id = iter_btf_id;
	return userbpf_bpf(u, BPF_PROG_LOAD, &a, sizeof(a));
}

static int op_link(void)
{
	union bpf_attr a = {.link_create.prog_fd = prog, .link_create.attach_type = BPF_TRACE_ITER};

	return userbpf_bpf(u, BPF_LINK_CREATE, &a, sizeof(a));
}

static int op_iter(void)
{
	union bpf_attr a = {.iter_create.link_fd = link_fd};

	return userbpf_bpf(u, BPF_ITER_CREATE, &a, sizeof(a));
}

static int op_pin(void)
{
	union bpf_attr a = {.bpf_fd = map, .pathname = (uintptr_t) "/sys/fs/bpf/pin"};
	int err = userbpf_bpf(u, BPF_OBJ_PIN, &a, sizeof(a));

	return err ? err : userbpf_unlink(u, "/sys/fs/bpf/pin");
}

static int op_mkdir(void)
{
	int err = userbpf_mkdir(u, "/sys/fs/bpf/dir", 0700);

	return err ? err : userbpf_rmdir(u, "/sys/fs/bpf/dir");
}

static int ignore(void *arg, const char *text, size_t len)
{
	return 0;
}

static int op_cat_map(void)
{
	return userbpf_cat(u, "/sys/fs/bpf/typed", ignore, NULL);
}

static int op_cat_link(void)
{
	return userbpf_cat(u, "/sys/fs/bpf/link", ignore, NULL);
}

static int op_get(void)
{
	union bpf_attr a = {.pathname = (uintptr_t) "/sys/fs/bpf/typed"};

	return userbpf_bpf(u, BPF_OBJ_GET, &a, sizeof(a));
}

static int op_info(void)
{
	struct bpf_insn insns[64];
	struct bpf_prog_info info = {.xlated_prog_len = sizeof(insns),
				     .xlated_prog_insns = (uintptr_t)insns};
	union bpf_attr a = {
		.info.bpf_fd = prog, .info.info_len = sizeof(info), .info.info = (uintptr_t)&info};

	return userbpf_bpf(u, BPF_OBJ_GET_INFO_BY_FD, &a, sizeof(a));
}

static int op_update(void)
{
	u32 key = 0;
	u64 value = 1;
	union bpf_attr a = {.map_fd = map, .key = (uintptr_t)&key, .value = (uintptr_t)&value};

	return userbpf_bpf(u, BPF_MAP_UPDATE_ELEM, &a, sizeof(a));
}

static int op_stats(void)
{
	union bpf_attr a = {.enable_stats.type = BPF_STATS_RUN_TIME};

	return userbpf_bpf(u, BPF_ENABLE_STATS, &a, sizeof(a));
}

static int op_bind(void)
{
	union bpf_attr a = {.prog_bind_map.prog_fd = prog, .prog_bind_map.map_fd = map};

	return userbpf_bpf(u, BPF_PROG_BIND_MAP, &a, sizeof(a));
}

static const struct {
	const char *name;
	int (*fn)(void);
} ops[] = {
	{"open", op_open},	   {"array", op_array}, {"hash", op_hash},
	{"prog array", op_progs},  {"btf", op_btf},	{"load", op_load},
	{"load iter", load_iter},  {"link", op_link},	{"iter", op_iter},
	{"pin", op_pin},	   {"mkdir", op_mkdir}, {"cat map", op_cat_map},
	{"cat link", op_cat_link}, {"get", op_get},	{"info", op_info},
	{"update", op_update},	   {"stats", op_stats}, {"bind", op_bind},
	{"core", op_core},
};

static u32 objects(void)
{
	struct userbpf_stats s;

	userbpf_get_stats(u, &s);
	return s.progs + s.maps + s.links + s.btfs;
}

static bool settles(u32 want)
{
	for (int i = 0; i < 200 && objects() != want; i++)
		usleep(1000);
	return objects() == want;
}

/* What a refused allocation may look like from outside: bpffs says ENOSPC, as the kernel's does. */
static bool fair(int ret)
{
	return ret >= 0 || ret == -ENOMEM || ret == -ENOSPC;
}

static int run(const char *name, int (*fn)(void), bool always)
{
	u32 before = objects();

	for (long n = 1; n < 100000; n++) {
		int ret;
		bool hit;

		persistent = always;
		fired = false;
		countdown = n;
		ret = fn();
		hit = fired;
		countdown = 0;
		if (ret > 2)
			close(ret);
		if (!hit && ret < 0) {
			printf("not ok: %s: failed by itself: %d\n", name, ret);
			return 1;
		}
		if (!fair(ret)) {
			printf("not ok: %s: allocation %ld%s refused: %d\n", name, n,
			       always ? " and all after it" : "", ret);
			return 1;
		}
		if (!settles(before)) {
			printf("not ok: %s: allocation %ld refused: %u objects, there were %u\n",
			       name, n, objects(), before);
			return 1;
		}
		if (!hit)
			return 0;
	}
	printf("not ok: %s: no end\n", name);
	return 1;
}

static int must(const char *what, int ret)
{
	if (ret < 0) {
		printf("%s: %d\n", what, ret);
		exit(1);
	}
	return ret;
}

static void prepare_core(const struct btf *kernel)
{
	struct btf *own = btf__new_empty();
	union bpf_attr a = {0};
	u32 size;

	btf__add_int(own, "int", 4, BTF_INT_SIGNED);
	btf__add_func_proto(own, 1);
	core.func = btf__add_func(own, "main", BTF_FUNC_GLOBAL, 2);
	core.zero = btf__add_str(own, "0");
	for (u32 id = 1, n = 0; n < ARRAY_SIZE(core.types); id++) {
		const struct btf_type *t = btf__type_by_id(kernel, id);

		if (btf_is_struct(t) && t->name_off)
			core.types[n++] =
				btf__add_struct(own, btf__name_by_offset(kernel, t->name_off), 4);
	}
	a.btf = (uintptr_t)btf__raw_data(own, &size);
	a.btf_size = size;
	core.fd = must("program BTF", userbpf_bpf(u, BPF_BTF_LOAD, &a, sizeof(a)));
	btf__free(own);
}

static void prepare(void)
{
	struct userbpf_options o = {.size = sizeof(o), .vmlinux_btf = vmlinux};
	union bpf_attr a = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 2};
	struct btf *btf = btf__parse_raw(vmlinux), *own = btf__new_empty();
	u32 size;

	iter_btf_id = must(
		"btf", btf ? btf__find_by_name_kind(btf, "bpf_iter_bpf_map", BTF_KIND_FUNC) : -1);
	btf__add_int(own, "int", 4, BTF_INT_SIGNED);
	btf_data = btf__raw_data(own, &size);
	btf_size = size;
	u = userbpf_open(&o);
	must("open", u ? 0 : -errno);
	map = must("map", op_array());
	prog = must("prog", load_iter());
	link_fd = must("link", op_link());
	a.btf_fd = must("btf", op_btf());
	a.btf_key_type_id = a.btf_value_type_id = 1;
	typed = must("typed map", userbpf_bpf(u, BPF_MAP_CREATE, &a, sizeof(a)));
	close(a.btf_fd);
	a = (union bpf_attr){.bpf_fd = typed, .pathname = (uintptr_t) "/sys/fs/bpf/typed"};
	must("pin", userbpf_bpf(u, BPF_OBJ_PIN, &a, sizeof(a)));
	a = (union bpf_attr){.bpf_fd = link_fd, .pathname = (uintptr_t) "/sys/fs/bpf/link"};
	must("pin", userbpf_bpf(u, BPF_OBJ_PIN, &a, sizeof(a)));
	prepare_core(btf);
	btf__free(btf);
}

int main(int argc, char **argv)
{
	int bad = 0;

	if (argc < 2)
		return 1;
	vmlinux = argv[1];
	prepare();
	for (u32 i = 0; i < ARRAY_SIZE(ops); i++) {
		bad += run(ops[i].name, ops[i].fn, false);
		bad += run(ops[i].name, ops[i].fn, true);
	}
	close(map);
	close(prog);
	close(link_fd);
	close(typed);
	if (userbpf_close(u)) {
		printf("not ok: objects left\n");
		bad++;
	}
	printf("%zu operations, %d failures\n", ARRAY_SIZE(ops), bad);
	return bad != 0;
}
