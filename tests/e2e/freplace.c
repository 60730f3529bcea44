/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * freplace.c - loads the extensions and tracers of ext.bpf.o for functions of target.bpf.o, and some
 * for each other: freplace TARGET.o EXT.o. A line for each that does not get the answer in the table.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *prog;
	const char *on, *func; /* of which program, NULL: the target's */
	const char *text;      /* in the log; NULL: it loads */
} cases[] = {
	{"same", NULL, "pick", NULL},
	{"packet", NULL, "pick", NULL},
	{"unchecked_packet", NULL, "pick", "invalid access to packet"},
	{"not_of_xdp", NULL, "pick", "unknown func bpf_skb_load_bytes#26"},
	{"fewer", NULL, "pick", "fewer() has 1 args while pick() has 2 args"},
	{"no_int", NULL, "pick", "arg1 in no_int() is PTR while pick() has INT"},
	{"wide", NULL, "pick", "arg1 in wide() has size 8 while pick() has 4"},
	{"other_ctx", NULL, "pick",
	 "arg0 other_ctx(struct __sk_buff *) doesn't match pick(struct xdp_md *)"},
	{"plus", NULL, "add", NULL},
	{"one", NULL, "add", "one() has 1 args while add() has 2 args"},
	{"one", NULL, "hidden", "hidden() is not a global function"},
	{"value", NULL, "first", NULL},
	{"unchecked_value", NULL, "first", "R1 invalid mem access 'mem_or_null'"},
	{"other_value", NULL, "first",
	 "arg0 other_value(struct other *) doesn't match first(struct val *)"},
	{"main_one", NULL, "prog", NULL},
	{"enter", NULL, "pick", NULL},
	{"enter", NULL, "prog", "func 'prog' doesn't have 2-th argument"},
	{"enter_number", NULL, "add", NULL},
	{"enter_number", NULL, "hidden", "func 'hidden' doesn't have 2-th argument"},
	{"enter_result", NULL, "pick", "func 'pick' doesn't have 3-th argument"},
	{"enter_1", NULL, "pick", "At program exit the register R0 has"},
	{"leave", NULL, "pick", NULL},
	{"leave_beyond", NULL, "pick", "func 'pick' doesn't have 4-th argument"},
	{"change", NULL, "pick", "can't modify return codes of BPF programs"},
	/* programs on programs on programs */
	{"same", "same", "same", "Cannot recursively attach"},
	{"enter", "same", "same", NULL},
	{"enter_1", "enter", "enter", "Cannot recursively attach"},
	{"same", "enter", "enter", "Cannot replace static functions"}, /* not its BTF's arguments */
	{"one", "enter_calls", "twice", "Cannot extend fentry/fexit"},
};

static char text[65536];

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0;
}

/* Loads program @name of @ext for @func of @target_fd; its fd, or -1. */
static int load(const char *ext, const char *name, int target_fd, const char *func)
{
	struct bpf_object *obj = bpf_object__open_file(ext, NULL);
	struct bpf_program *p, *mine = NULL;
	int err, fd;

	text[0] = '\0';
	if (!obj)
		return -1;
	bpf_object__for_each_program(p, obj)
	{
		bool it = !strcmp(bpf_program__name(p), name);

		bpf_program__set_autoload(p, it);
		if (it)
			mine = p;
	}
	err = mine ? bpf_program__set_attach_target(mine, target_fd, func) : -ENOENT;
	if (!err)
		err = bpf_program__set_log_buf(mine, text, sizeof(text));
	if (!err)
		err = bpf_program__set_log_level(mine, 1);
	if (!err)
		err = bpf_object__load(obj);
	fd = err ? -1 : dup(bpf_program__fd(mine));
	bpf_object__close(obj);
	return fd;
}

static int check(const char *ext, size_t i, int target)
{
	const char *want = cases[i].text;
	int fd, on = target;

	if (cases[i].on)
		on = load(ext, cases[i].on, target, "pick");
	fd = load(ext, cases[i].prog, on, cases[i].func);
	if (on != target)
		close(on);
	if (want ? fd < 0 && strstr(text, want) : fd >= 0) {
		close(fd);
		return 0;
	}
	printf("%s on %s: want '%s', got %s %s\n", cases[i].prog, cases[i].func,
	       want ? want : "loaded", fd < 0 ? "refused" : "loaded", text);
	return 1;
}

int main(int argc, char **argv)
{
	struct bpf_object *obj = argc == 3 ? bpf_object__open_file(argv[1], NULL) : NULL;
	int bad = 0, target;

	libbpf_set_print(quiet);
	if (!obj || bpf_object__load(obj)) {
		perror("target");
		return 1;
	}
	target = bpf_program__fd(bpf_object__find_program_by_name(obj, "prog"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		bad += check(argv[2], i, target);
	printf("%zu cases, %d wrong\n", sizeof(cases) / sizeof(cases[0]), bad);
	bpf_object__close(obj);
	return bad != 0;
}
