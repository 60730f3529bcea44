/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * errno.c - every bpf(2) command with wrong arguments: the kernel's errno each time, and the
 * subsystem alive afterwards.
 *
 * Two parts: what holds for all commands is generated from the command table (src/abi); the rest is
 * errno.txt, one call a line, its fields named as in the
 * command table. With --kernel the same calls go to bpf(2) of the running kernel (root), which is how the table is checked:
 *
 *	tests/unit/sys/unit_sys_errno --kernel errno.txt
 *
 * With --service they go to bpf(2) too, but what answers is a service (userbpf run --
 * unit_sys_errno --service errno.txt). Without: unit_sys_errno errno.txt VMLINUX.btf
 */
#include <bpf/btf.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi/command.h"
#include "userbpf.h"

#define BAD_FD	 9999
#define BUF_SIZE 65536

static struct userbpf *u, *weak; /* weak: no capabilities */
static bool by_syscall;		 /* calls go to bpf(2) */
static bool on_kernel;		 /* of the machine's kernel, which is newer than 6.1 */
static int failures, checks;
static char *buf; /* zeroed memory calls may point to */

static long call_as(struct userbpf *who, int cmd, void *attr, u32 size)
{
	long ret;

	if (!by_syscall)
		return userbpf_bpf(who, cmd, attr, size);
	ret = syscall(__NR_bpf, cmd, attr, size);
	return ret < 0 ? -errno : ret;
}

static long call(int cmd, void *attr, u32 size)
{
	return call_as(u, cmd, attr, size);
}

static const struct {
	const char *name;
	int value;
} errnos[] = {
	{"OK", 0},
	{"EPERM", EPERM},
	{"ENOENT", ENOENT},
	{"E2BIG", E2BIG},
	{"EBADF", EBADF},
	{"ENOMEM", ENOMEM},
	{"EACCES", EACCES},
	{"EFAULT", EFAULT},
	{"EBUSY", EBUSY},
	{"EEXIST", EEXIST},
	{"EINVAL", EINVAL},
	{"ENOSPC", ENOSPC},
	{"EBADFD", EBADFD},
	{"EOPNOTSUPP", EOPNOTSUPP},
	{"ENOTSUPP", ENOTSUPP},
	{"ESRCH", ESRCH},
	{"ENAMETOOLONG", ENAMETOOLONG},
	{"ENOTDIR", ENOTDIR},
	{"EPROTO", EPROTO},
	{"EIO", EIO},
};

static const char *errno_text(long ret)
{
	static char other[32];

	if (ret > 0)
		return "OK";
	for (u32 i = 0; i < ARRAY_SIZE(errnos); i++)
		if (errnos[i].value == -ret)
			return errnos[i].name;
	snprintf(other, sizeof(other), "errno %ld", -ret);
	return other;
}

static void check(const char *what, long ret, const char *want)
{
	checks++;
	/* what a call that succeeds made */
	if (ret > 2)
		close(ret);
	if (!strcmp(errno_text(ret), want))
		return;
	failures++;
	printf("not ok: %s: %s, expected %s\n", what, errno_text(ret), want);
}

/* --- objects calls may name: $map ... --- */

static struct named {
	const char *name;
	int fd;
} objects[32];
static u32 nr_objects;

static int object(const char *name)
{
	for (u32 i = 0; i < nr_objects; i++)
		if (!strcmp(objects[i].name, name))
			return objects[i].fd;
	printf("no object %s\n", name);
	exit(1);
}

static int add(const char *name, long fd)
{
	if (fd < 0) {
		printf("cannot make %s: %s\n", name, errno_text(fd));
		exit(1);
	}
	objects[nr_objects++] = (struct named){name, fd};
	return fd;
}

static long make_map(u32 type, u32 key, u32 value, u32 flags)
{
	union bpf_attr a = {.map_type = type,
			    .key_size = key,
			    .value_size = value,
			    .max_entries = 4,
			    .map_flags = flags};

	return call(BPF_MAP_CREATE, &a, sizeof(a));
}

static long make_prog(u32 type, u32 attach, u32 btf_id)
{
	static const struct bpf_insn insns[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr a = {.prog_type = type,
			    .insns = (uintptr_t)insns,
			    .insn_cnt = 2,
			    .license = (uintptr_t) "GPL"};

	a.expected_attach_type = attach;
	a.attach_btf_id = btf_id;
	return call(BPF_PROG_LOAD, &a, sizeof(a));
}

static long make_btf(void)
{
	static const struct {
		struct btf_header hdr;
		struct btf_type type;
		u32 bits;
		char strings[5];
	} data = {
		.hdr = {.magic = BTF_MAGIC,
			.version = 1,
			.hdr_len = sizeof(struct btf_header),
			.type_len = 16,
			.str_off = 16,
			.str_len = 5},
		.type = {.name_off = 1, .info = BTF_KIND_INT << 24, .size = 4},
		.bits = 32,
		.strings = "\0int",
	};
	union bpf_attr a = {.btf = (uintptr_t)&data,
			    .btf_size = sizeof(struct btf_header) + 16 + 5};

	return call(BPF_BTF_LOAD, &a, sizeof(a));
}

static long make_link(const char *vmlinux)
{
	struct btf *btf = by_syscall ? btf__load_vmlinux_btf() : btf__parse_raw(vmlinux);
	union bpf_attr a = {0};
	long prog, link;

	if (!btf)
		return -errno;
	prog = make_prog(BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER,
			 btf__find_by_name_kind(btf, "bpf_iter_bpf_map", BTF_KIND_FUNC));
	btf__free(btf);
	if (prog < 0)
		return prog;
	add("iterprog", prog);
	a.link_create.prog_fd = prog;
	a.link_create.attach_type = BPF_TRACE_ITER;
	link = call(BPF_LINK_CREATE, &a, sizeof(a));
	return link;
}

static long restricted(int map_fd, u32 flags)
{
	struct bpf_map_info info = {0};
	union bpf_attr a = {.info.bpf_fd = map_fd,
			    .info.info_len = sizeof(info),
			    .info.info = (uintptr_t)&info};
	union bpf_attr get = {0};
	long ret = call(BPF_OBJ_GET_INFO_BY_FD, &a, sizeof(a));

	if (ret)
		return ret;
	get.map_id = info.id;
	get.open_flags = flags;
	return call(BPF_MAP_GET_FD_BY_ID, &get, sizeof(get));
}

static void make_objects(const char *vmlinux)
{
	union bpf_attr a = {0};
	int map = add("map", make_map(BPF_MAP_TYPE_ARRAY, 4, 8, 0));

	add("hash", make_map(BPF_MAP_TYPE_HASH, 4, 8, 0));
	add("progs", make_map(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 0));
	add("rdmap", restricted(map, BPF_F_RDONLY));
	add("wrmap", restricted(map, BPF_F_WRONLY));
	a.map_fd = add("frozen", make_map(BPF_MAP_TYPE_ARRAY, 4, 8, 0));
	check("freeze", call(BPF_MAP_FREEZE, &a, sizeof(a)), "OK");
	add("prog", make_prog(BPF_PROG_TYPE_SOCKET_FILTER, 0, 0));
	add("btf", make_btf());
	add("link", make_link(vmlinux));
	add("host", open("/dev/null", O_RDONLY | O_CLOEXEC));
	add("dir", open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	add("bad", BAD_FD);
}

/* --- one line of errno.txt --- */

static u64 value_of(const char *text, u32 *slot)
{
	if (*text == '$')
		return (u32)object(text + 1);
	if (!strcmp(text, "@bad"))
		return 8;
	if (!strcmp(text, "@buf"))
		return (uintptr_t)buf;
	if (!strcmp(text, "@self"))
		return getpid();
	if (!strcmp(text, "@wrap")) /* with any length it reaches beyond the end of all addresses */
		return ~0ull;
	if (!strncmp(text, "@str:", 5)) {
		char *at = buf + BUF_SIZE / 2 + 256 * (*slot)++;

		strncpy(at, text + 5, 255);
		return (uintptr_t)at;
	}
	if (!strncmp(text, "@int:", 5)) {
		int *at = (int *)(buf + BUF_SIZE / 2 + 256 * (*slot)++);

		*at = text[5] == '$' ? object(text + 6) : atoi(text + 5);
		return (uintptr_t)at;
	}
	return strtoull(text, NULL, 0);
}

static const struct abi_field *field_of(const struct abi_command *row, const char *name)
{
	for (u32 i = 0; i < row->nr_fields; i++) {
		const char *dot = strrchr(row->fields[i].name, '.');

		if (!strcmp(name, row->fields[i].name) || (dot && !strcmp(name, dot + 1)))
			return &row->fields[i];
	}
	printf("%s has no field %s\n", row->name, name);
	exit(1);
}

static const struct abi_command *row_of(const char *name)
{
	for (u32 i = 0; i < abi_nr_commands(); i++)
		if (!strcmp(abi_command_at(i)->name, name))
			return abi_command_at(i);
	printf("no command %s\n", name);
	exit(1);
}

static void set_field(const struct abi_command *row, char *attr, char *word, u32 *slot)
{
	char *eq = strchr(word, '=');
	const struct abi_field *f;
	u64 v;

	*eq++ = 0;
	f = field_of(row, word);
	if (f->kind == ABI_NAME) {
		memcpy(attr + f->off, eq, min(strlen(eq), (size_t)f->size));
		return;
	}
	v = value_of(eq, slot);
	memcpy(attr + f->off, &v, f->size); /* little endian */
}

/* COMMAND [weak] field=value ... => ERRNO [differs ERRNO: what newer kernels say] */
static void run_line(char *line)
{
	char attr[256] = {0}, what[512], *save, *word, *want, *newer;
	const struct abi_command *row;
	bool as_weak = false;
	u32 slot = 0;
	long ret;

	snprintf(what, sizeof(what), "%s", line);
	want = strstr(line, "=> ");
	if (!want) {
		printf("bad line: %s\n", line);
		exit(1);
	}
	*want = 0;
	want = strtok_r(want + 3, " ", &save);
	newer = strtok_r(NULL, " ", &save);
	newer = newer && !strcmp(newer, "newer") ? strtok_r(NULL, " ", &save) : NULL;
	word = strtok_r(line, " ", &save);
	row = row_of(word);
	memset(buf, 0, BUF_SIZE);
	while ((word = strtok_r(NULL, " ", &save))) {
		if (!strcmp(word, "weak"))
			as_weak = true;
		else
			set_field(row, attr, word, &slot);
	}
	if (by_syscall && as_weak)
		return; /* would need to give up root */
	ret = call_as(as_weak ? weak : u, row->cmd, attr, sizeof(union bpf_attr));
	check(what, ret, on_kernel && newer ? newer : want);
}

static void run_file(const char *path)
{
	char line[512];
	FILE *f = fopen(path, "r");

	if (!f) {
		perror(path);
		exit(1);
	}
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (*line && *line != '#')
			run_line(line);
	}
	fclose(f);
}

/* --- what holds for every command --- */

static void run_sizes(const struct abi_command *row)
{
	char *page = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	     what[128];
	u32 kernel_size =
		on_kernel ? 4096 - 8 : ABI_ATTR_SIZE; /* a newer kernel knows more of attr */
	long zero = call(row->cmd, page, ABI_ATTR_SIZE);

	mprotect(page + 8192, 4096, PROT_NONE);

#define CHECK(text, expr, want)                                                          \
	(snprintf(what, sizeof(what), "%s: %s", row->name, text), memset(page, 0, 8192), \
	 check(what, expr, want))
	/* a shorter attr is a zero padded one */
	for (u32 size = 0; size < row->attr_end; size += 4)
		CHECK("truncated", call(row->cmd, page, size), errno_text(zero));
	CHECK("longer, zero tail", call(row->cmd, page, 4096), errno_text(zero));
	CHECK("longer than a page", call(row->cmd, page, 4097), "E2BIG");
	CHECK("longer, garbage tail",
	      (page[kernel_size] = 1, call(row->cmd, page, kernel_size + 8)), "E2BIG");
	CHECK("longer, garbage at the end", (page[4095] = 1, call(row->cmd, page, 4096)), "E2BIG");
	if (!on_kernel)
		CHECK("garbage behind the last field",
		      (page[row->attr_end] = 1, call(row->cmd, page, ABI_ATTR_SIZE)), "EINVAL");
	if (!on_kernel || row->cmd != BPF_PROG_LOAD) /* which has grown since */
		CHECK("garbage at the end of attr",
		      (page[ABI_ATTR_SIZE - 1] = 1, call(row->cmd, page, ABI_ATTR_SIZE)), "EINVAL");
	CHECK("attr is no address", call(row->cmd, (void *)8, 64), "EFAULT");
	CHECK("attr ends outside", call(row->cmd, page + 8192 - 8, 4096), "EFAULT");
	munmap(page, 12288);
}

/* Every fd field in turn is one that is not open, then each kind of object it is not for;
 * whatever the answer, it is an error and nobody crashes. */
static void run_fds(const struct abi_command *row)
{
	static const char *const kinds[] = {"map", "prog", "link", "btf", "host", "dir", "bad"};

	for (u32 i = 0; i < row->nr_fields; i++) {
		const struct abi_field *f = &row->fields[i];

		if (f->kind != ABI_FD)
			continue;
		for (u32 k = 0; k < ARRAY_SIZE(kinds); k++) {
			char attr[256] = {0};
			int fd = object(kinds[k]);
			long ret;

			memcpy(attr + f->off, &fd, 4);
			ret = call(row->cmd, attr, row->attr_end);
			checks++;
			if (k >= 4 && ret >= 0) {
				failures++;
				printf("not ok: %s: %s=$%s succeeded\n", row->name, f->name,
				       kinds[k]);
			}
			if (ret > 2)
				close(ret);
		}
	}
}

static void alive(void)
{
	u32 key = 0;
	u64 value = 0;
	union bpf_attr a = {
		.map_fd = object("map"), .key = (uintptr_t)&key, .value = (uintptr_t)&value};

	check("alive", call(BPF_MAP_LOOKUP_ELEM, &a, sizeof(a)), "OK");
}

int main(int argc, char **argv)
{
	struct userbpf_options o = {.size = sizeof(o)};
	const char *table;
	char big[8] = {0};

	on_kernel = argc > 1 && !strcmp(argv[1], "--kernel");
	by_syscall = on_kernel || (argc > 1 && !strcmp(argv[1], "--service"));
	if (argc < 2 + by_syscall)
		return 1;
	table = argv[1 + by_syscall];
	buf = mmap(NULL, BUF_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!by_syscall) {
		o.vmlinux_btf = argc > 2 ? argv[2] : NULL;
		u = userbpf_open(&o);
		o.drop_caps = ~0ull;
		o.unprivileged_bpf_disabled = 2;
		weak = userbpf_open(&o);
		if (!u || !weak) {
			perror("userbpf_open");
			return 1;
		}
	}
	make_objects(argc > 2 ? argv[2] : NULL);
	for (u32 i = 0; i < abi_nr_commands(); i++) {
		if (abi_command_at(i)->cmd == BPF_ENABLE_STATS)
			continue; /* zero attr is a valid call of it */
		run_sizes(abi_command_at(i));
		if (abi_command_at(i)->cmd != BPF_MAP_FREEZE) /* would freeze $map */
			run_fds(abi_command_at(i));
	}
	if (!on_kernel)
		check("unknown command", call(abi_nr_commands(), big, sizeof(big)), "EINVAL");
	check("negative command", call(-1, big, sizeof(big)), "EINVAL");
	check("unknown command, garbage", call(4711, (void *)8, 8), "EFAULT");
	run_file(table);
	alive();
	for (u32 i = 0; i < nr_objects; i++)
		if (objects[i].fd != BAD_FD)
			close(objects[i].fd);
	if (!by_syscall) {
		check("objects left", -userbpf_close(u), "OK");
		check("objects left", -userbpf_close(weak), "OK");
	}
	printf("%d checks, %d failures\n", checks, failures);
	return failures != 0;
}
