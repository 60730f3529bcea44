/* SPDX-License-Identifier: BSD-2-Clause */
/* timers.c - bpf_timer through libuserbpf: callbacks run, nothing stays when programs and maps go,
 * and who writes into a value spoils its timer only. argv[1]: the service's BTF. */
#include <bpf/btf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "isa/insn.h"
#include "userbpf.h"

#define SECOND 1000000000

static const char *vmlinux;

struct elem {
	u64 timer[2];
	u32 count, pad;
};

/* The program's four steps, and what each returned. */
enum { INIT = 1, CALLBACK = 2, START = 4, CANCEL = 8 };

struct world {
	struct userbpf *u;
	int btf, map;
	u32 elem_id;
};

static int load_btf(struct world *w)
{
	struct btf *btf = btf__new_empty();
	union bpf_attr a = {0};
	u32 size;
	int timer, proto;

	btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	timer = btf__add_struct(btf, "bpf_timer", 16);
	btf__add_field(btf, "a", 1, 0, 0);
	w->elem_id = btf__add_struct(btf, "elem", sizeof(struct elem));
	btf__add_field(btf, "timer", timer, 0, 0);
	btf__add_field(btf, "count", 1, 128, 0);
	proto = btf__add_func_proto(btf, 1);
	assert_int_equal(btf__add_func(btf, "main", BTF_FUNC_STATIC, proto), proto + 1);
	assert_int_equal(btf__add_func(btf, "fired", BTF_FUNC_STATIC, proto), proto + 2);
	a.btf = (uintptr_t)btf__raw_data(btf, &size);
	a.btf_size = size;
	w->btf = userbpf_bpf(w->u, BPF_BTF_LOAD, &a, sizeof(a));
	btf__free(btf);
	return w->btf < 0 ? w->btf : proto + 1;
}

static int create(struct world *w)
{
	union bpf_attr a = {.map_type = BPF_MAP_TYPE_ARRAY,
			    .key_size = 4,
			    .value_size = sizeof(struct elem),
			    .max_entries = 2,
			    .map_flags = BPF_F_MMAPABLE,
			    .btf_fd = w->btf,
			    .btf_key_type_id = 1,
			    .btf_value_type_id = w->elem_id};

	return userbpf_bpf(w->u, BPF_MAP_CREATE, &a, sizeof(a));
}

#define I(c, d, s, o, i)                                                            \
	{                                                                           \
		.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) \
	}
#define MOV(d, s)  I(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOVI(d, i) I(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define CALL(f)	   I(BPF_JMP | BPF_CALL, 0, 0, 0, f)

/* Does one of @steps on the timer of element @key and returns what the helper did. */
static int load(struct world *w, u32 step, u32 key, u32 ns, int main_id)
{
	static char log[65536];
	static const int helpers[] = {[INIT] = BPF_FUNC_timer_init,
				      [CALLBACK] = BPF_FUNC_timer_set_callback,
				      [START] = BPF_FUNC_timer_start,
				      [CANCEL] = BPF_FUNC_timer_cancel};
	struct bpf_insn insns[] = {
		I(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, key),
		MOV(2, 10),
		I(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		I(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, w->map),
		I(0, 0, 0, 0, 0),
		CALL(BPF_FUNC_map_lookup_elem),
		I(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 6, 0),
		MOV(1, 0),
		MOVI(2, ns),
		MOVI(3, 0),
		MOVI(0, 0), /* room for an instruction of two */
		MOVI(0, 0),
		CALL(helpers[step]),
		I(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		I(BPF_LDX | BPF_MEM | BPF_W, 1, 3, 16, 0),
		I(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, 1),
		I(BPF_STX | BPF_MEM | BPF_W, 3, 1, 16, 0),
		MOVI(0, 0),
		I(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	struct bpf_func_info funcs[] = {{0, main_id}, {14, main_id + 1}};
	union bpf_attr a = {.prog_type = BPF_PROG_TYPE_SCHED_CLS,
			    .insns = (uintptr_t)insns,
			    .insn_cnt = step == CALLBACK ? 19 : 14,
			    .license = (uintptr_t) "GPL"};
	int fd;

	if (step == INIT) {
		insns[10] = (struct bpf_insn)I(BPF_LD | BPF_IMM | BPF_DW, 2, BPF_PSEUDO_MAP_FD, 0,
					       w->map);
		insns[9].imm = 1; /* CLOCK_MONOTONIC */
	} else if (step == CALLBACK) {
		insns[10] = (struct bpf_insn)I(BPF_LD | BPF_IMM | BPF_DW, 2, BPF_PSEUDO_FUNC, 0, 3);
	}
	if (step == INIT || step == CALLBACK)
		memset(&insns[11], 0, sizeof(insns[11]));
	a.prog_btf_fd = w->btf;
	a.func_info = (uintptr_t)funcs;
	a.func_info_rec_size = sizeof(funcs[0]);
	a.func_info_cnt = step == CALLBACK ? 2 : 1;
	a.log_level = 1;
	a.log_buf = (uintptr_t)log;
	a.log_size = sizeof(log);
	fd = userbpf_bpf(w->u, BPF_PROG_LOAD, &a, sizeof(a));
	if (fd < 0)
		print_message("%s", log);
	return fd;
}

static int step_on(struct world *w, u32 step, u32 key, u32 ns, int main_id)
{
	char data[64] = {0};
	union bpf_attr a = {.test.data_in = (uintptr_t)data, .test.data_size_in = sizeof(data)};
	int prog = load(w, step, key, ns, main_id);

	assert_true(prog >= 0);
	a.test.prog_fd = prog;
	assert_int_equal(userbpf_bpf(w->u, BPF_PROG_TEST_RUN, &a, sizeof(a)), 0);
	userbpf_close_fd(w->u, prog);
	return a.test.retval;
}

static u32 count_of(struct world *w, u32 key)
{
	struct elem e = {.count = ~0u};
	union bpf_attr a = {.map_fd = w->map, .key = (uintptr_t)&key, .value = (uintptr_t)&e};

	userbpf_bpf(w->u, BPF_MAP_LOOKUP_ELEM, &a, sizeof(a));
	return e.count;
}

static bool reaches(struct world *w, u32 key, u32 want)
{
	for (int i = 0; i < 1000 && count_of(w, key) != want; i++)
		usleep(2000);
	return count_of(w, key) == want;
}

static int setup(struct world *w)
{
	struct userbpf_options o = {.size = sizeof(o), .vmlinux_btf = vmlinux};
	int main_id;

	w->u = userbpf_open(&o);
	assert_non_null(w->u);
	main_id = load_btf(w);
	assert_true(main_id > 0);
	w->map = create(w);
	assert_true(w->map >= 0);
	return main_id;
}

static void finish(struct world *w)
{
	userbpf_close_fd(w->u, w->map);
	userbpf_close_fd(w->u, w->btf);
	assert_int_equal(userbpf_close(w->u), 0);
}

static void test_fires(void **state)
{
	struct world w;
	int main_id = setup(&w);

	assert_int_equal(step_on(&w, START, 0, 0, main_id), -EINVAL);
	assert_int_equal(step_on(&w, INIT, 0, 0, main_id), 0);
	assert_int_equal(step_on(&w, INIT, 0, 0, main_id), -EBUSY);
	assert_int_equal(step_on(&w, START, 0, 0, main_id), -EINVAL);
	assert_int_equal(step_on(&w, CALLBACK, 0, 0, main_id), 0);
	/* the program has no fd any more: the timer keeps it */
	assert_int_equal(step_on(&w, START, 0, 1000, main_id), 0);
	assert_true(reaches(&w, 0, 1));
	assert_int_equal(step_on(&w, START, 0, SECOND, main_id), 0);
	assert_int_equal(step_on(&w, CANCEL, 0, 0, main_id), 1);
	assert_int_equal(step_on(&w, CANCEL, 0, 0, main_id), 0);
	assert_int_equal(step_on(&w, START, 0, 0, main_id), -EINVAL);
	assert_int_equal(count_of(&w, 0), 1);
	finish(&w);
}

/* The timer holds the program, which holds the map: all goes when the map has no user. */
static void test_goes_armed(void **state)
{
	struct userbpf_stats stats;
	struct world w;
	int main_id = setup(&w);

	for (u32 key = 0; key < 2; key++) {
		assert_int_equal(step_on(&w, INIT, key, 0, main_id), 0);
		assert_int_equal(step_on(&w, CALLBACK, key, 0, main_id), 0);
		assert_int_equal(step_on(&w, START, key, SECOND, main_id), 0);
	}
	userbpf_close_fd(w.u, w.map);
	for (int i = 0; i < 500; i++) {
		userbpf_get_stats(w.u, &stats);
		if (!stats.progs && !stats.maps)
			break;
		usleep(2000);
	}
	assert_int_equal(stats.progs, 0);
	assert_int_equal(stats.maps, 0);
	userbpf_close_fd(w.u, w.btf);
	assert_int_equal(userbpf_close(w.u), 0);
}

static void test_closes_armed(void **state)
{
	struct world w;
	int main_id = setup(&w);

	assert_int_equal(step_on(&w, INIT, 0, 0, main_id), 0);
	assert_int_equal(step_on(&w, CALLBACK, 0, 0, main_id), 0);
	assert_int_equal(step_on(&w, START, 0, SECOND, main_id), 0);
	assert_int_equal(userbpf_close(w.u), 0);
}

/* The values where they are: what a process can do that got the map's memory to run a program. */
static struct elem *find_memory(void)
{
	char path[64], name[64];
	struct elem *e = MAP_FAILED;

	for (int fd = 3; fd < 1024 && e == MAP_FAILED; fd++) {
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, name, sizeof(name) - 1);
		name[len > 0 ? len : 0] = 0;
		if (strstr(name, "memfd:bpf-map ") && lseek(fd, 0, SEEK_END) == 8192)
			e = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
	}
	return e;
}

/* Whoever has the map's memory can write over the names of timers. */
static void test_scribbled(void **state)
{
	struct world w;
	int main_id = setup(&w);
	struct elem *e = find_memory();
	u64 name;
	union bpf_attr a = {.map_fd = w.map};

	assert_true(e != MAP_FAILED);
	assert_null(userbpf_map_mmap(w.u, w.map, 4096, PROT_READ, 0));
	assert_int_equal(errno, ENOTSUPP);
	assert_int_equal(userbpf_bpf(w.u, BPF_MAP_FREEZE, &a, sizeof(a)), -ENOTSUPP);
	for (u32 key = 0; key < 2; key++) {
		assert_int_equal(step_on(&w, INIT, key, 0, main_id), 0);
		assert_int_equal(step_on(&w, CALLBACK, key, 0, main_id), 0);
	}
	name = e[0].timer[0];
	e[0].timer[0] = ~name;
	assert_int_equal(step_on(&w, START, 0, 0, main_id), -EINVAL);
	e[0].timer[0] = 5;
	assert_int_equal(step_on(&w, CANCEL, 0, 0, main_id), -EINVAL);
	e[0].timer[0] = e[1].timer[0]; /* the other one's: it is that which starts */
	assert_int_equal(step_on(&w, START, 0, 0, main_id), 0);
	assert_true(reaches(&w, 1, 1));
	assert_int_equal(count_of(&w, 0), 0);
	e[0].timer[0] = 0;
	assert_int_equal(step_on(&w, INIT, 0, 0, main_id), 0);
	assert_int_equal(step_on(&w, CALLBACK, 0, 0, main_id), 0);
	assert_int_equal(step_on(&w, START, 0, 0, main_id), 0);
	assert_true(reaches(&w, 0, 1));
	munmap(e, 4096);
	finish(&w);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fires),
		cmocka_unit_test(test_goes_armed),
		cmocka_unit_test(test_closes_armed),
		cmocka_unit_test(test_scribbled),
	};

	vmlinux = argc > 1 ? argv[1] : NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
