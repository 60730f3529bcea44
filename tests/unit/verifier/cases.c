/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cases.c - runs the text cases of tests/data/verifier through vfy_check(). A file has cases like
 *
 *   == name
 *   type: xdp                  program type as bpftool names it; socket_filter when absent
 *   unpriv                     without capabilities; all of them when absent
 *   without: 22                all capabilities but this one
 *   flags: 0x1                 prog_flags
 *   map: array 4 8 1 [flags]   kind, key size, value size, entries; the first one is map_fd[0]; may repeat
 *   field: lock 4              the values of the map before are a struct with a bpf_spin_lock (timer: bpf_timer) at byte 4;
 *                              kptr 8 NAME, kptr_ref 8 NAME: a pointer to that struct of the service
 *   typedef                    ... and the type of the values is a typedef of that struct
 *   number                     the values of the map before are an int
 *   inner: array 4 8 1         the map before is one of maps like this
 *   value: text                ... and its first value is this; no program and no system call writes to it
 *   attach: TRACE_FENTRY       expected_attach_type, without BPF_
 *   target: read_file          function, typedef (or #id) of the kernel the program attaches to; a program of
 *                              a type that needs none is checked as one that has none
 *   license: none              not one the kernel takes as compatible with the GPL, which is the default
 *   ksym: 3 name               the LD_IMM64 at this instruction is the address of that variable of the kernel (or #id)
 *   funcs: 0:global 5:static   func_info: "int f(void)" at these instructions; these are global, too: 9:ctx gets the
 *                              context, "int f(struct __sk_buff *)" or struct xdp_md; 9:num is "int f(int)",
 *                              9:mem "int f(int *)", 9:unknown "int f(struct f *)" without that struct,
 *                              9:struct "int f(struct xdp_md)", 9:six has six ints, 9:ptr is "int *f(void)";
 *                              9:void is static and returns nothing, 9:notype names a type that is no function
 *   on: xdp [TRACE_FENTRY]     the target is in another program of that type and attach type
 *   theirs: 0:ctx              the functions of that other program, as in funcs; target: #3 is the first of them
 *   lines: 0 3 7               line_info: these instructions begin a line; 7:noname has a name out of bounds
 *   kfunc: 3 name              the call at this instruction is of that function of the service (or #id)
 *   no fd_array                the call came without one
 *   expect: ok | EACCES ...
 *   level: 4                   log level; 2 when absent
 *   log: text                  these must occur in the log in this order; may repeat
 *   --
 *   r0 = 0                     isa/asm.h; "call f" with the name of a function of the service;
 *                              "x300 r0 += 1" is the line 300 times
 *   exit
 *
 * The kernel (the service, where a file asks for its functions) is the BTF in the second argument; fd 9 is that.
 * Names in it that begin with no_address have none.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "isa/asm.h"
#include "prog/load.h"

#define KERNEL_BTF_FD 9
#define MAX_INSNS     16384
#define MAX_TEXT      (1 << 19)
#define MAX_LINES     16
#define MAX_CASES     256

/* Functions by prototype: its type in funcs_btf(), behind the functions or (static, global) before them. */
static const struct func_kind {
	const char *name;
	u32 proto;
	bool global, before, no_type;
} func_kinds[] = {
	{"static", 2, false, true},
	{"global", 2, true, true},
	{"ctx", 2, true},
	{"void", 3},
	{"num", 4, true},
	{"mem", 6, true},
	{"unknown", 9, true},
	{"ptr", 10, true},
	{"six", 11, true},
	{"struct", 12, true},
	{"notype", 2, false, true, true},
};

struct test_case {
	char name[120], type[32];
	bool unpriv, no_fds;
	u64 no_caps;
	u32 flags, level, attach;
	bool no_license;
	char target[64], on[64];
	int expect;
	char *log[MAX_LINES];
	u32 nr_log;
	struct map_attr map[8];
	struct {
		struct field {
			const char *type;
			char name[40]; /* of the struct pointed to */
			u32 at;
		} field[4];
		u32 nr_fields;
		bool of_maps, is_typedef, is_number;
		char *value;
		struct map_attr inner;
	} more[8];
	u32 nr_maps;
	struct func_list {
		struct {
			u32 at;
			const struct func_kind *kind;
		} func[8];
		u32 nr;
	} funcs, theirs;
	struct bpf_line_info line[8];
	u32 nr_lines;
	struct {
		u32 at;
		char name[64];
	} kfunc[8], ksym[4];
	u32 nr_kfuncs, nr_ksyms;
	char *text;
};

static const struct {
	const char *name;
	int err;
} errors[] = {
	{"ok", 0},	   {"EACCES", -EACCES}, {"EINVAL", -EINVAL},	 {"EPERM", -EPERM},
	{"E2BIG", -E2BIG}, {"EBADF", -EBADF},	{"ENOTSUPP", -ENOTSUPP}, {"ENOENT", -ENOENT},
	{"EBUSY", -EBUSY}, {"EFAULT", -EFAULT}, {"EPROTO", -EPROTO},	 {"ENOMEM", -ENOMEM},
};

static const char *error_name(int err)
{
	for (u32 i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].err == err)
			return errors[i].name;
	return "another errno";
}

/* --- reading --- */

static u32 map_kind(const char *name)
{
	for (u32 i = 0; i < 64; i++)
		if (map_ops_of(i) && !strcmp(map_ops_of(i)->name, name))
			return i;
	return 0;
}

static void read_attr(const struct test_case *t, struct map_attr *a, const char *s)
{
	char kind[32];

	*a = (struct map_attr){.nr_cpus = 1, .id = t->nr_maps};
	if (sscanf(s, "%31s %u %u %u %i", kind, &a->key_size, &a->value_size, &a->max_entries,
		   (int *)&a->map_flags) < 4)
		fail_msg("%s: bad map '%s'", t->name, s);
	a->map_type = map_kind(kind);
}

static void read_field(struct test_case *t, const char *s)
{
	static const char *const types[] = {"lock", "timer", "kptr", "kptr_ref"};
	u32 map = t->nr_maps - 1;
	struct field *f = &t->more[map].field[t->more[map].nr_fields++];
	char type[16];

	if (sscanf(s, "%15s %u %39s", type, &f->at, f->name) < 2)
		fail_msg("%s: bad field '%s'", t->name, s);
	for (u32 i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i], type))
			f->type = types[i];
	if (!f->type)
		fail_msg("%s: bad field '%s'", t->name, s);
}

static u32 attach_type(const struct test_case *t, const char *name)
{
	static const char *const names[] = {
#define MAP_TYPE(x)
#define PROG_TYPE(x)
#define ATTACH_TYPE(x) [BPF_##x] = #x,
#include "abi/names.def"
	};

	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i] && !strcmp(names[i], name))
			return i;
	fail_msg("%s: no attach type %s", t->name, name);
	return 0;
}

static void read_funcs(const struct test_case *t, struct func_list *list, char *s)
{
	for (char *w = strtok(s, " "); w && list->nr < ARRAY_SIZE(list->func);
	     w = strtok(NULL, " ")) {
		const char *kind = strchr(w, ':');

		for (u32 i = 0; kind && i < ARRAY_SIZE(func_kinds); i++)
			if (!strcmp(kind + 1, func_kinds[i].name))
				list->func[list->nr].kind = &func_kinds[i];
		if (!list->func[list->nr].kind)
			fail_msg("%s: bad function '%s'", t->name, w);
		list->func[list->nr++].at = atoi(w);
	}
}

static void read_lines(struct test_case *t, char *s)
{
	for (char *w = strtok(s, " "); w && t->nr_lines < ARRAY_SIZE(t->line);
	     w = strtok(NULL, " ")) {
		struct bpf_line_info *l = &t->line[t->nr_lines++];

		*l = (struct bpf_line_info){.insn_off = atoi(w), .file_name_off = 1, .line_off = 1};
		if (strstr(w, ":noname"))
			l->line_off = 1 << 20;
	}
}

static void read_key(struct test_case *t, char *line)
{
	char *value = strstr(line, ": ");

	if (!strcmp(line, "unpriv")) {
		t->unpriv = true;
		return;
	}
	if (!strcmp(line, "no fd_array")) {
		t->no_fds = true;
		return;
	}
	if (!strcmp(line, "typedef") && t->nr_maps) {
		t->more[t->nr_maps - 1].is_typedef = true;
		return;
	}
	if (!strcmp(line, "number") && t->nr_maps) {
		t->more[t->nr_maps - 1].is_number = true;
		return;
	}
	if (!value)
		fail_msg("%s: what is '%s'?", t->name, line);
	*value = 0;
	value += 2;
	if (!strcmp(line, "type"))
		snprintf(t->type, sizeof(t->type), "%s", value);
	else if (!strcmp(line, "flags"))
		t->flags = strtoul(value, NULL, 0);
	else if (!strcmp(line, "without"))
		t->no_caps |= 1ull << atoi(value);
	else if (!strcmp(line, "attach"))
		t->attach = attach_type(t, value);
	else if (!strcmp(line, "license"))
		t->no_license = true;
	else if (!strcmp(line, "target"))
		snprintf(t->target, sizeof(t->target), "%s", value);
	else if (!strcmp(line, "on"))
		snprintf(t->on, sizeof(t->on), "%s", value);
	else if (!strcmp(line, "value") && t->nr_maps)
		t->more[t->nr_maps - 1].value = strdup(value);
	else if (!strcmp(line, "ksym") && t->nr_ksyms < ARRAY_SIZE(t->ksym) &&
		 sscanf(value, "%u %63s", &t->ksym[t->nr_ksyms].at, t->ksym[t->nr_ksyms].name) == 2)
		t->nr_ksyms++;
	else if (!strcmp(line, "level"))
		t->level = atoi(value);
	else if (!strcmp(line, "map"))
		read_attr(t, &t->map[t->nr_maps++], value);
	else if (!strcmp(line, "field") && t->nr_maps)
		read_field(t, value);
	else if (!strcmp(line, "inner") && t->nr_maps) {
		t->more[t->nr_maps - 1].of_maps = true;
		read_attr(t, &t->more[t->nr_maps - 1].inner, value);
	} else if (!strcmp(line, "funcs"))
		read_funcs(t, &t->funcs, value);
	else if (!strcmp(line, "theirs"))
		read_funcs(t, &t->theirs, value);
	else if (!strcmp(line, "lines"))
		read_lines(t, value);
	else if (!strcmp(line, "kfunc") && t->nr_kfuncs < ARRAY_SIZE(t->kfunc) &&
		 sscanf(value, "%u %63s", &t->kfunc[t->nr_kfuncs].at,
			t->kfunc[t->nr_kfuncs].name) == 2)
		t->nr_kfuncs++;
	else if (!strcmp(line, "log") && t->nr_log < MAX_LINES)
		t->log[t->nr_log++] = strdup(value);
	else if (!strcmp(line, "expect"))
		for (u32 i = 0; i < ARRAY_SIZE(errors); i++)
			if (!strcmp(errors[i].name, value))
				t->expect = errors[i].err;
}

static struct btf *vmlinux; /* of the test: argv[2] */

static void read_vmlinux(const char *path)
{
	static u8 data[4 << 20];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(data, 1, sizeof(data), f) : 0;

	if (f)
		fclose(f);
	vmlinux = btf_parse_vmlinux(data, n);
	if (IS_ERR(vmlinux)) {
		fprintf(stderr, "%s: no BTF\n", path);
		exit(2);
	}
}

/* "call f" where f is a function of the service */
static void add_line(struct test_case *t, const char *line)
{
	char name[64], *end = t->text + strlen(t->text);
	s32 id = -ENOENT;
	int times, skip;

	if (sscanf(line, "x%d %n", &times, &skip) == 1) {
		while (times-- > 0 && end + 80 < t->text + MAX_TEXT)
			end += sprintf(end, "%.78s\n", line + skip);
		return;
	}
	if (vmlinux && sscanf(line, "call %63s", name) == 1)
		id = btf_find_by_name_kind(vmlinux, name, BTF_KIND_FUNC);
	if (id > 0)
		sprintf(end, "call kernel-function#%d\n", id);
	else
		sprintf(end, "%s\n", line);
}

static u32 read_cases(const char *path, struct test_case *cases)
{
	FILE *f = fopen(path, "r");
	struct test_case *t = NULL;
	char line[512];
	bool body = false;
	u32 n = 0;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "== ", 3) && n < MAX_CASES) {
			t = &cases[n++];
			*t = (struct test_case){
				.expect = 1, .level = LOG_LEVEL2, .text = calloc(1, MAX_TEXT)};
			snprintf(t->name, sizeof(t->name), "%.100s", line + 3);
			strcpy(t->type, "socket_filter");
			body = false;
		} else if (!t || line[0] == '#' || (!body && !line[0])) {
			continue;
		} else if (!strcmp(line, "--")) {
			body = true;
		} else if (body) {
			add_line(t, line);
		} else {
			read_key(t, line);
		}
	}
	fclose(f);
	return n;
}

/* --- the world around the program --- */

struct world {
	struct bpf_map map[8];
	u32 nr_maps;
};

static struct bpf_map *map_by_fd(void *arg, int fd)
{
	struct world *w = arg;

	return fd >= 0 && (u32)fd < w->nr_maps ? &w->map[fd] : ERR_PTR(-EBADF);
}

static int fd_array(void *arg, u32 idx, int *fd)
{
	*fd = idx;
	return 0;
}

static int no_fd_array(void *arg, u32 idx, int *fd)
{
	return -EPROTO;
}

static struct btf *btf_by_fd(void *arg, int fd)
{
	(void)arg;
	return vmlinux && fd == KERNEL_BTF_FD ? vmlinux : ERR_PTR(-EBADF);
}

static u64 ksym_addr(void *arg, const char *name)
{
	(void)arg;
	return strncmp(name, "no_address", strlen("no_address")) ? 0x1000 : 0;
}

static const struct vfy_env_ops env_ops = {.map_by_fd = map_by_fd,
					   .fd_array = fd_array,
					   .btf_by_fd = btf_by_fd,
					   .ksym_addr = ksym_addr};
static const struct vfy_env_ops no_fds_ops = {
	.map_by_fd = map_by_fd, .fd_array = no_fd_array, .ksym_addr = ksym_addr};

static struct btf *btf_of(const u32 *types, u32 n, const char *strings, u32 len)
{
	struct btf_header h = {.magic = BTF_MAGIC,
			       .version = 1,
			       .hdr_len = sizeof(h),
			       .type_len = n * 4,
			       .str_off = n * 4,
			       .str_len = len};
	u8 blob[1024];
	struct log log;
	struct btf *btf;

	memcpy(blob, &h, sizeof(h));
	memcpy(blob + sizeof(h), types, n * 4);
	memcpy(blob + sizeof(h) + n * 4, strings, len);
	log_init(&log, 1, 4096);
	btf = btf_parse(blob, sizeof(h) + n * 4 + len, &log);
	if (IS_ERR(btf))
		fail_msg("btf: %s", log.buf);
	log_free(&log);
	return btf;
}

/* int; int f(void); the functions; then what their arguments need, numbered from there. */
static struct btf *funcs_btf(const struct test_case *t, const struct func_list *funcs)
{
	u32 w[160] = {1, BTF_KIND_INT << 24,	    4, BTF_INT_SIGNED << 24 | 32,
		      0, BTF_KIND_FUNC_PROTO << 24, 1},
	    n = 7, first = 3 + funcs->nr;
	static const char strings[] = "\0int\0f\0__sk_buff\0xdp_md";

	for (u32 i = 0; i < funcs->nr; i++) {
		w[n++] = 5;
		w[n++] = BTF_KIND_FUNC << 24 |
			 (funcs->func[i].kind->global ? BTF_FUNC_GLOBAL : BTF_FUNC_STATIC);
		w[n++] = funcs->func[i].kind->proto + (funcs->func[i].kind->before ? 0 : first);
	}
	const u32 more[] = {
		strncmp(t->on[0] ? t->on : t->type, "xdp", 3) ? 7 : 17, BTF_KIND_STRUCT << 24, 4, 0,
		BTF_KIND_PTR << 24, first, 0, BTF_KIND_FUNC_PROTO << 24 | 1, 1, 5, first + 1, 0,
		BTF_KIND_FUNC_PROTO << 24, 0,
		/* 4: int f(int), 5: int *, 6: int f(int *) */
		0, BTF_KIND_FUNC_PROTO << 24 | 1, 1, 5, 1, 0, BTF_KIND_PTR << 24, 1, 0,
		BTF_KIND_FUNC_PROTO << 24 | 1, 1, 5, first + 5,
		/* 7: struct f, unknown, 8: struct f *, 9: int f(struct f *) */
		5, BTF_KIND_FWD << 24, 0, 0, BTF_KIND_PTR << 24, first + 7, 0,
		BTF_KIND_FUNC_PROTO << 24 | 1, 1, 5, first + 8,
		/* 10: int *f(void), 11: int f(int, int, int, int, int, int), 12: int f(struct) */
		0, BTF_KIND_FUNC_PROTO << 24, first + 5, 0, BTF_KIND_FUNC_PROTO << 24 | 6, 1, 5, 1,
		5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 0, BTF_KIND_FUNC_PROTO << 24 | 1, 1, 5, first};

	memcpy(w + n, more, sizeof(more));
	return btf_of(w, n + ARRAY_SIZE(more), strings, sizeof(strings));
}

/* 1 int, 2 struct bpf_spin_lock { int v; }, 3 struct bpf_timer { int v; ... }, 4 the value, then
 * struct, tag and pointer for every pointer in it, then a typedef of it: *id. */
static struct btf *value_btf(u32 size, const struct field *field, u32 nr, u32 *id)
{
	char strings[256] = "\0int\0bpf_spin_lock\0bpf_timer\0v\0kptr\0kptr_ref";
	u32 w[128] = {1,   BTF_KIND_INT << 24,
		      4,   32,
		      5,   BTF_KIND_STRUCT << 24 | 1,
		      4,   29,
		      1,   0,
		      19,  BTF_KIND_STRUCT << 24 | 1,
		      16,  29,
		      1,   0,
		      29,  BTF_KIND_STRUCT << 24 | nr,
		      size},
	    n = 19, next = 5, len = 45;

	for (u32 i = 0; i < nr; i++) {
		bool kptr = field[i].type[0] == 'k';

		w[n++] = 29;
		w[n++] = kptr ? next + 2 : field[i].type[0] == 't' ? 3 : 2;
		w[n++] = field[i].at * 8;
		next += kptr ? 3 : 0;
	}
	next = 5;
	for (u32 i = 0; i < nr; i++) {
		if (field[i].type[0] != 'k')
			continue;
		w[n++] = len;
		w[n++] = BTF_KIND_STRUCT << 24;
		w[n++] = 0;
		w[n++] = strcmp(field[i].type, "kptr") ? 36 : 31;
		w[n++] = BTF_KIND_TYPE_TAG << 24;
		w[n++] = next++;
		w[n++] = 0;
		w[n++] = BTF_KIND_PTR << 24;
		w[n++] = next++;
		next++;
		len += sprintf(strings + len, "%s", field[i].name) + 1;
	}
	w[n++] = 29;
	w[n++] = BTF_KIND_TYPEDEF << 24;
	w[n++] = 4;
	*id = next;
	return btf_of(w, n, strings, len);
}

static struct bpf_func_info *func_info_of(const struct func_list *funcs)
{
	struct bpf_func_info *info = calloc(funcs->nr, sizeof(*info));

	for (u32 i = 0; i < funcs->nr; i++)
		info[i] =
			(struct bpf_func_info){.insn_off = funcs->func[i].at,
					       .type_id = funcs->func[i].kind->no_type ? 1 : 3 + i};
	return info;
}

static void add_infos(const struct test_case *t, struct vfy_prog *p)
{
	if (!t->funcs.nr && !t->nr_lines)
		return;
	p->btf = funcs_btf(t, &t->funcs);
	p->nr_linfo = t->nr_lines;
	if (t->nr_lines) {
		p->line_info = malloc(sizeof(t->line));
		memcpy(p->line_info, t->line, sizeof(t->line));
	}
	if (!t->funcs.nr)
		return;
	p->func_info = func_info_of(&t->funcs);
	p->func_info_cnt = t->funcs.nr;
}

static const struct prog_type *type_by_name(const char *name)
{
	for (u32 i = 0; i < 64; i++)
		if (prog_type_of(i) && !strcmp(prog_type_of(i)->name, name))
			return prog_type_of(i);
	return NULL;
}

static void check_log(const struct test_case *t, const char *log)
{
	const char *at = log;

	for (u32 i = 0; i < t->nr_log; i++) {
		at = strstr(at, t->log[i]);
		if (!at)
			fail_msg("'%s' not in log (or not there in order):\n%s", t->log[i], log);
		at += strlen(t->log[i]);
	}
}

static void open_map(const struct test_case *t, struct bpf_map *map, u32 i)
{
	int err = map_check_attr(&t->map[i]);

	if (err || map_open(map, &t->map[i]))
		fail_msg("no map %u: %d", i, err);
	if (t->more[i].value) {
		void *v = map->ops->direct_value ? map->ops->direct_value(map, 0) : NULL;

		if (v)
			strncpy(v, t->more[i].value, map->value_size);
		map->map_flags |= BPF_F_RDONLY_PROG;
		map->frozen = true;
	}
	if (t->more[i].nr_fields || t->more[i].is_number) {
		map->btf = value_btf(map->value_size, t->more[i].field, t->more[i].nr_fields,
				     &map->btf_value_type_id);
		map->btf_key_type_id = 1;
		if (!t->more[i].is_typedef)
			map->btf_value_type_id = t->more[i].is_number ? 1 : 4;
	}
	if (t->more[i].of_maps) {
		map->inner_map_meta = calloc(1, sizeof(*map));
		if (map_open(map->inner_map_meta, &t->more[i].inner))
			fail_msg("no inner map %u", i);
	}
}

static void open_maps(const struct test_case *t, struct world *w)
{
	for (; w->nr_maps < t->nr_maps; w->nr_maps++)
		open_map(t, &w->map[w->nr_maps], w->nr_maps);
}

static void close_maps(struct world *w)
{
	for (u32 i = 0; i < w->nr_maps; i++) {
		if (w->map[i].inner_map_meta)
			map_close(w->map[i].inner_map_meta);
		free(w->map[i].inner_map_meta);
		btf_put(w->map[i].btf);
		map_close(&w->map[i]);
	}
}

/* "#5" or the name of a type of that kind */
static u32 type_id(const char *name, u32 kind)
{
	s32 id = name[0] == '#' ? atoi(name + 1) : btf_find_by_name_kind(vmlinux, name, kind);

	if (id < 0)
		fail_msg("the kernel has no %s", name);
	return id;
}

static void name_kernel_things(const struct test_case *t, struct vfy_prog *p)
{
	p->vmlinux = vmlinux;
	for (u32 i = 0; i < t->nr_kfuncs; i++)
		p->insns[t->kfunc[i].at].imm = type_id(t->kfunc[i].name, BTF_KIND_FUNC);
	for (u32 i = 0; i < t->nr_ksyms; i++) {
		p->insns[t->ksym[i].at].src_reg = BPF_PSEUDO_BTF_ID;
		p->insns[t->ksym[i].at].imm = type_id(t->ksym[i].name, BTF_KIND_VAR);
	}
}

/* --- what the program attaches to --- */

static const struct vfy_ctx_arg *target_ctx(void *arg, enum bpf_attach_type attach,
					    const char *func, u32 *nr)
{
	static struct vfy_ctx_arg args[] = {
		{.offset = 8, .reg_type = PTR_TO_BTF_ID | PTR_MAYBE_NULL},
		{.offset = 16, .reg_type = PTR_TO_BUF | PTR_MAYBE_NULL | MEM_RDONLY},
		{.offset = 24, .reg_type = PTR_TO_BUF | PTR_MAYBE_NULL},
	};

	(void)arg;
	if (strncmp(func, "bpf_iter_", strlen("bpf_iter_")))
		return NULL;
	*nr = ARRAY_SIZE(args);
	args[0].btf_id = type_id("file", BTF_KIND_STRUCT);
	return args;
}

/* What the program attaches to is in another one. */
static struct bpf_prog *other_prog(const struct test_case *t)
{
	struct bpf_prog *dst = prog_alloc();
	char type[32] = "", attach[32] = "";

	sscanf(t->on, "%31s %31s", type, attach);
	if (!type_by_name(type))
		fail_msg("no type %s", type);
	dst->type = type_by_name(type)->type;
	dst->expected_attach_type = attach[0] ? attach_type(t, attach) : 0;
	dst->aux->type_ops = type_by_name(type)->ops;
	dst->aux->btf = t->theirs.nr ? funcs_btf(t, &t->theirs) : NULL;
	dst->aux->func_info = func_info_of(&t->theirs);
	dst->aux->func_info_cnt = t->theirs.nr;
	dst->aux->nr_subprogs = t->theirs.nr;
	dst->aux->subprogs = calloc(t->theirs.nr, sizeof(*dst->aux->subprogs));
	for (u32 i = 0; i < t->theirs.nr; i++)
		dst->aux->subprogs[i].unreliable = !t->theirs.func[i].kind->global;
	return dst;
}

static int check_target(const struct test_case *t, struct bpf_prog *prog, struct vfy_prog *p,
			struct log *log)
{
	const struct prog_load_env env = {
		.cred = p->cred, .vmlinux = vmlinux, .vfy_env = p->env, .target_ctx = target_ctx};

	prog->type = p->type;
	prog->expected_attach_type = p->expected_attach_type;
	prog->gpl_compatible = p->gpl_compatible;
	if (t->on[0]) {
		prog->aux->dst_prog = other_prog(t);
		p->attach_btf = prog->aux->dst_prog->aux->btf;
		p->attach_btf_id = prog->aux->attach_btf_id = atoi(t->target + 1);
	} else if (t->target[0]) {
		p->attach_btf_id =
			type_id(t->target,
				t->attach == BPF_TRACE_RAW_TP ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC);
		p->attach_btf = vmlinux;
		prog->aux->attach_btf = btf_get(vmlinux);
		prog->aux->attach_btf_id = p->attach_btf_id;
	}
	return prog_check_target(&env, prog, p, log);
}

static void run_case(void **state)
{
	const struct test_case *t = *state;
	const struct prog_type *type = type_by_name(t->type);
	struct cred cred = {.caps = t->unpriv ? 0 : ~t->no_caps};
	struct world w = {.nr_maps = 0};
	struct bpf_prog *prog = prog_alloc();
	struct asm_error bad;
	struct log log;
	int err, len;

	if (!type)
		fail_msg("no type %s", t->type);
	open_maps(t, &w);
	struct vfy_prog p = {.type = type->type,
			     .prog_flags = t->flags,
			     .expected_attach_type = t->attach,
			     .sleepable = t->flags & BPF_F_SLEEPABLE,
			     .gpl_compatible = !t->no_license,
			     .cred = &cred,
			     .ops = type->ops,
			     .env = t->no_fds ? &no_fds_ops : &env_ops,
			     .env_arg = &w};

	p.insns = calloc(MAX_INSNS, sizeof(*p.insns));
	len = asm_text(t->text, p.insns, MAX_INSNS, &bad);
	if (len < 0)
		fail_msg("line %d: %s", bad.line, bad.text);
	p.len = len;
	add_infos(t, &p);
	if (vmlinux)
		name_kernel_things(t, &p);
	log_init(&log, t->level, 1 << 24);
	err = check_target(t, prog, &p, &log);
	if (!err)
		err = vfy_check(&p, &log);
	if (err != t->expect)
		fail_msg("got %s (%d), not %s:\n%s", error_name(err), err, error_name(t->expect),
			 log.buf ? log.buf : "");
	check_log(t, log.buf ? log.buf : "");
	log_free(&log);
	btf_put(p.btf);
	vfy_prog_free(&p);
	obj_put(&prog->obj);
	close_maps(&w);
}

int main(int argc, char **argv)
{
	static struct test_case cases[MAX_CASES];
	static struct CMUnitTest tests[MAX_CASES];
	u32 n;

	if (argc > 2)
		read_vmlinux(argv[2]);
	n = argc > 1 ? read_cases(argv[1], cases) : 0;
	if (!n) {
		fprintf(stderr, "usage: %s FILE with cases\n", argv[0]);
		return 2;
	}
	for (u32 i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){
			.name = cases[i].name, .test_func = run_case, .initial_state = &cases[i]};
	n = _cmocka_run_group_tests(argv[1], tests, n, NULL, NULL);
	for (u32 i = 0; i < MAX_CASES; i++) {
		free(cases[i].text);
		for (u32 j = 0; j < cases[i].nr_log; j++)
			free(cases[i].log[j]);
		for (u32 j = 0; j < cases[i].nr_maps; j++)
			free(cases[i].more[j].value);
	}
	btf_put(vmlinux);
	return n != 0;
}
