/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objdump - the programs, maps and BTF objects there are, as text without anything that depends on when or by whom they were made:
 * ids become names, times and pointers are left out. Two ways to load an object that make the same have the same text.
 *   usage: objdump mark            prints the highest ids there are, for the next line
 *          objdump [MARK]          dumps what came after; where the parent process holds descriptors of the kernel's, only what
 *                                  it holds: others use that kernel, too
 */
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_OBJECTS 4096
#define MAX_KEYS    4096
#define LD_IMM64    (BPF_LD | BPF_IMM | BPF_DW)

static int sys_bpf(int cmd, union bpf_attr *attr)
{
	return syscall(__NR_bpf, cmd, attr, sizeof(*attr));
}

static __u32 next_id(int cmd, __u32 id)
{
	union bpf_attr attr = {.start_id = id};

	return sys_bpf(cmd, &attr) ? 0 : attr.next_id;
}

static __u32 last_id(int cmd)
{
	__u32 id = 0, next;

	while ((next = next_id(cmd, id)))
		id = next;
	return id;
}

static int fd_of(int cmd, __u32 id)
{
	union bpf_attr attr = {.prog_id = id};

	return sys_bpf(cmd, &attr);
}

static int info(int fd, void *buf, __u32 len)
{
	union bpf_attr attr = {.info = {.bpf_fd = fd, .info_len = len, .info = (uintptr_t)buf}};

	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

static void hex(FILE *f, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < len; i++)
		fprintf(f, "%02x", p[i]);
}

/* FNV-1a: names long data. */
static unsigned long long digest(const void *data, size_t len)
{
	const unsigned char *p = data;
	unsigned long long h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

static const char *map_name(__u32 id)
{
	static struct bpf_map_info m;
	int fd = fd_of(BPF_MAP_GET_FD_BY_ID, id);

	memset(&m, 0, sizeof(m));
	if (fd < 0 || info(fd, &m, sizeof(m)))
		strcpy(m.name, "?");
	close(fd);
	return m.name;
}

static const char *prog_name(__u32 id)
{
	static struct bpf_prog_info p;
	int fd = fd_of(BPF_PROG_GET_FD_BY_ID, id);

	memset(&p, 0, sizeof(p));
	if (fd < 0 || info(fd, &p, sizeof(p)))
		strcpy(p.name, "?");
	close(fd);
	return p.name;
}

/* BTF by its contents. */
static void print_btf(FILE *f, __u32 id)
{
	struct bpf_btf_info b = {0};
	int fd = id ? fd_of(BPF_BTF_GET_FD_BY_ID, id) : -1;
	void *raw;

	if (fd < 0 || info(fd, &b, sizeof(b))) {
		fprintf(f, " btf none");
		return;
	}
	raw = malloc(b.btf_size);
	b = (struct bpf_btf_info){.btf = (uintptr_t)raw, .btf_size = b.btf_size};
	if (!raw || info(fd, &b, sizeof(b)))
		exit(3);
	fprintf(f, " btf %u:%016llx", b.btf_size, digest(raw, b.btf_size));
	free(raw);
	close(fd);
}

/* --- maps --- */

static bool is_frozen(int fd)
{
	char path[64], line[256];
	bool frozen = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		frozen |= !strncmp(line, "frozen:", 7) && strchr(line, '1');
	if (f)
		fclose(f);
	return frozen;
}

static void print_value(FILE *f, const struct bpf_map_info *m, const void *value, size_t len)
{
	__u32 id;

	memcpy(&id, value, sizeof(id));
	if (m->type == BPF_MAP_TYPE_PROG_ARRAY)
		fprintf(f, "prog %s", prog_name(id));
	else if (m->type == BPF_MAP_TYPE_ARRAY_OF_MAPS || m->type == BPF_MAP_TYPE_HASH_OF_MAPS)
		fprintf(f, "map %s", map_name(id));
	else if (len > 64)
		fprintf(f, "%zu:%016llx", len, digest(value, len));
	else
		hex(f, value, len);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_sorted(FILE *f, char **lines, int nr)
{
	qsort(lines, nr, sizeof(*lines), by_text);
	for (int i = 0; i < nr; i++) {
		fputs(lines[i], f);
		free(lines[i]);
	}
}

static bool has_elements(const struct bpf_map_info *m)
{
	return m->key_size && m->value_size && m->type != BPF_MAP_TYPE_PERF_EVENT_ARRAY &&
	       m->type != BPF_MAP_TYPE_RINGBUF;
}

static void print_elements(FILE *f, int fd, const struct bpf_map_info *m)
{
	size_t cap = (m->value_size + 7) / 8 * 8 * 1024ul;
	char *key = malloc(m->key_size), *next = malloc(m->key_size), *value = malloc(cap);
	static char *lines[MAX_KEYS];
	union bpf_attr attr = {.map_fd = fd};
	bool per_cpu = m->type == BPF_MAP_TYPE_PERCPU_ARRAY || m->type == BPF_MAP_TYPE_PERCPU_HASH;
	int nr = 0;

	if (!key || !next || !value)
		exit(3);
	attr.next_key = (uintptr_t)next;
	while (nr < MAX_KEYS && !sys_bpf(BPF_MAP_GET_NEXT_KEY, &attr)) {
		union bpf_attr look = {
			.map_fd = fd, .key = (uintptr_t)next, .value = (uintptr_t)value};
		size_t len;
		FILE *line;

		memset(value, 0, cap);
		if (!sys_bpf(BPF_MAP_LOOKUP_ELEM, &look)) {
			line = open_memstream(&lines[nr++], &len);
			fputs("\tkey ", line);
			hex(line, next, m->key_size);
			fputs(" value ", line);
			print_value(line, m, value, per_cpu ? cap : m->value_size);
			fputc('\n', line);
			fclose(line);
		}
		memcpy(key, next, m->key_size);
		attr.key = (uintptr_t)key;
	}
	print_sorted(f, lines, nr);
	free(key);
	free(next);
	free(value);
}

static void print_map(FILE *f, __u32 id)
{
	int fd = fd_of(BPF_MAP_GET_FD_BY_ID, id);
	struct bpf_map_info m = {0};

	if (fd < 0 || info(fd, &m, sizeof(m)))
		return;
	fprintf(f, "map %s type %u key %u value %u max %u flags %x extra %llx", m.name, m.type,
		m.key_size, m.value_size, m.max_entries, m.map_flags,
		(unsigned long long)m.map_extra);
	print_btf(f, m.btf_id);
	fprintf(f, " key_type %u value_type %u%s\n", m.btf_key_type_id, m.btf_value_type_id,
		is_frozen(fd) ? " frozen" : "");
	if (has_elements(&m))
		print_elements(f, fd, &m);
	close(fd);
}

/* --- programs --- */

/* The address of an object that the kernel put into an instruction (not of its text, which symbols are of). */
static bool is_address(const struct bpf_insn *insn)
{
	__u64 imm;

	if (insn->code != LD_IMM64 || insn->src_reg)
		return false;
	imm = (__u64)(__u32)insn[1].imm << 32 | (__u32)insn[0].imm;
	return imm >= 0xffff800000000000ull && imm < 0xffffffff80000000ull;
}

static void print_insns(FILE *f, const struct bpf_insn *insns, __u32 cnt)
{
	for (__u32 i = 0; i < cnt; i++) {
		struct bpf_insn insn = insns[i];
		bool map = insn.code == LD_IMM64 && (insn.src_reg == BPF_PSEUDO_MAP_FD ||
						     insn.src_reg == BPF_PSEUDO_MAP_VALUE);
		__u32 id = insn.imm;

		if (map)
			insn.imm = 0;
		if (insn.code == (BPF_JMP | BPF_CALL) && insn.src_reg == BPF_PSEUDO_KFUNC_CALL)
			insn.off =
				!!insn.off; /* of a module: where in its loader's fd_array is no matter */
		if (is_address(&insns[i]) && i + 1 < cnt) {
			fprintf(f, "\t%u: r%u = address\n", i++, insn.dst_reg);
			continue;
		}
		fprintf(f, "\t%u: ", i);
		hex(f, &insn, sizeof(insn));
		if (map)
			fprintf(f, " map %s", map_name(id));
		fputc('\n', f);
	}
}

static void print_records(FILE *f, const char *what, const void *data, __u32 cnt, __u32 size)
{
	fprintf(f, "\t%s %u:%016llx\n", what, cnt, digest(data, (size_t)cnt * size));
}

static void print_prog(FILE *f, __u32 id)
{
	int fd = fd_of(BPF_PROG_GET_FD_BY_ID, id);
	struct bpf_prog_info p = {0}, q = {0};

	if (fd < 0 || info(fd, &p, sizeof(p)))
		return;
	q.xlated_prog_len = p.xlated_prog_len;
	q.xlated_prog_insns = (uintptr_t)malloc(p.xlated_prog_len + 1);
	q.nr_func_info = p.nr_func_info;
	q.func_info_rec_size = sizeof(struct bpf_func_info);
	q.func_info = (uintptr_t)calloc(p.nr_func_info + 1, sizeof(struct bpf_func_info));
	q.nr_line_info = p.nr_line_info;
	q.line_info_rec_size = sizeof(struct bpf_line_info);
	q.line_info = (uintptr_t)calloc(p.nr_line_info + 1, sizeof(struct bpf_line_info));
	if (!q.xlated_prog_insns || !q.func_info || !q.line_info || info(fd, &q, sizeof(q)))
		exit(3);
	fprintf(f, "prog %s type %u gpl %u attach %u:%u", q.name, q.type, q.gpl_compatible,
		q.attach_btf_obj_id, q.attach_btf_id);
	print_btf(f, q.btf_id);
	fputc('\n', f);
	print_records(f, "functions", (void *)(uintptr_t)q.func_info, q.nr_func_info,
		      sizeof(struct bpf_func_info));
	print_records(f, "lines", (void *)(uintptr_t)q.line_info, q.nr_line_info,
		      sizeof(struct bpf_line_info));
	print_insns(f, (void *)(uintptr_t)q.xlated_prog_insns,
		    q.xlated_prog_len / sizeof(struct bpf_insn));
	free((void *)(uintptr_t)q.xlated_prog_insns);
	free((void *)(uintptr_t)q.func_info);
	free((void *)(uintptr_t)q.line_info);
	close(fd);
}

/* --- what the parent holds --- */

static struct {
	__u32 ids[MAX_OBJECTS];
	int nr;
} held_progs, held_maps;

static void read_fdinfo(const char *name)
{
	char path[128], line[256];
	__u32 id;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.32s", getppid(), name);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "map_id: %u", &id) == 1 && held_maps.nr < MAX_OBJECTS)
			held_maps.ids[held_maps.nr++] = id;
		else if (sscanf(line, "prog_id: %u", &id) == 1 && held_progs.nr < MAX_OBJECTS)
			held_progs.ids[held_progs.nr++] = id;
	if (f)
		fclose(f);
}

static void read_held(void)
{
	char path[64];
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", getppid());
	d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		read_fdinfo(e->d_name);
	if (d)
		closedir(d);
}

static bool is_held(int cmd, __u32 id)
{
	const __u32 *ids = cmd == BPF_PROG_GET_NEXT_ID ? held_progs.ids : held_maps.ids;
	int nr = cmd == BPF_PROG_GET_NEXT_ID ? held_progs.nr : held_maps.nr;

	if (!held_progs.nr && !held_maps.nr)
		return true;
	for (int i = 0; i < nr; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* --- */

static void dump(int cmd, __u32 after, void (*print)(FILE *f, __u32 id))
{
	static char *texts[MAX_OBJECTS];
	size_t len;
	int nr = 0;

	for (__u32 id = after; nr < MAX_OBJECTS && (id = next_id(cmd, id));) {
		FILE *f;

		if (!is_held(cmd, id))
			continue;
		f = open_memstream(&texts[nr++], &len);
		print(f, id);
		fclose(f);
	}
	print_sorted(stdout, texts, nr);
}

int main(int argc, char **argv)
{
	__u32 progs = 0, maps = 0;

	if (argc == 2 && !strcmp(argv[1], "mark")) {
		printf("%u,%u\n", last_id(BPF_PROG_GET_NEXT_ID), last_id(BPF_MAP_GET_NEXT_ID));
		return 0;
	}
	if (argc > 2 || (argc == 2 && sscanf(argv[1], "%u,%u", &progs, &maps) != 2)) {
		fputs("usage: objdump [mark|MARK]\n", stderr);
		return 2;
	}
	read_held();
	dump(BPF_MAP_GET_NEXT_ID, maps, print_map);
	dump(BPF_PROG_GET_NEXT_ID, progs, print_prog);
	return 0;
}
