/* SPDX-License-Identifier: BSD-2-Clause */
/* describe.c [counts | PROG MAP] - describe.h as a command: what has higher ids than these. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "describe.h"

#define MAX_OBJS 256

struct item {
	unsigned int id;
	int fd;
	char name[64];
	char key[96]; /* sorts */
};

struct items {
	struct item at[MAX_OBJS];
	unsigned int nr;
};

typedef int (*next_fn)(__u32 id, __u32 *next);

static unsigned int highest(next_fn next)
{
	__u32 id = 0;

	while (!next(id, &id))
		;
	return id;
}

static unsigned int count(next_fn next)
{
	unsigned int n = 0;
	__u32 id = 0;

	while (!next(id, &id))
		n++;
	return n;
}

void baseline_take(struct baseline *b)
{
	b->prog = highest(bpf_prog_get_next_id);
	b->map = highest(bpf_map_get_next_id);
	b->btf = highest(bpf_btf_get_next_id);
	b->link = highest(bpf_link_get_next_id);
}

void describe_counts(FILE *out)
{
	fprintf(out, "p %u m %u b %u l %u\n", count(bpf_prog_get_next_id),
		count(bpf_map_get_next_id), count(bpf_btf_get_next_id),
		count(bpf_link_get_next_id));
}

int nothing_since(const struct baseline *b)
{
	__u32 id;

	return bpf_prog_get_next_id(b->prog, &id) && bpf_map_get_next_id(b->map, &id) &&
	       bpf_btf_get_next_id(b->btf, &id) && bpf_link_get_next_id(b->link, &id);
}

static unsigned int checksum(const void *data, size_t len)
{
	const unsigned char *p = data;
	unsigned int h = 2166136261u;

	while (len--)
		h = (h ^ *p++) * 16777619u;
	return h;
}

static unsigned int btf_sum(unsigned int id)
{
	struct bpf_btf_info info = {0};
	__u32 len = sizeof(info);
	unsigned int sum = 0;
	int fd = id ? bpf_btf_get_fd_by_id(id) : -1;

	if (fd < 0)
		return 0;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len)) {
		void *data = malloc(info.btf_size);
		__u32 size = info.btf_size;

		memset(&info, 0, sizeof(info));
		info.btf = (__u64)(uintptr_t)data;
		info.btf_size = size;
		len = sizeof(info);
		if (!bpf_obj_get_info_by_fd(fd, &info, &len))
			sum = checksum(data, size);
		free(data);
	}
	close(fd);
	return sum;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->key, ((const struct item *)b)->key);
}

static const char *name_of(const struct items *maps, unsigned int id)
{
	for (unsigned int i = 0; i < maps->nr; i++)
		if (maps->at[i].id == id)
			return maps->at[i].name;
	return "?";
}

/* Loaders' own objects, which may take a moment to go. */
static int temporary(const char *name)
{
	size_t len = strlen(name);

	return !len || !strncmp(name, "libbpf_", 7) || !strncmp(name, "__loader.", 9) ||
	       (len > 6 && !strcmp(name + len - 6, ".inner"));
}

/* --- what this process has fds of --- */

struct own {
	unsigned int maps[MAX_OBJS], nr_maps, progs[MAX_OBJS], nr_progs;
};

static int has(const unsigned int *ids, unsigned int nr, unsigned int id)
{
	while (nr--)
		if (ids[nr] == id)
			return 1;
	return 0;
}

static void own_take(struct own *o)
{
	o->nr_maps = o->nr_progs = 0;
	for (int fd = 3; fd < 256; fd++) {
		char path[64], line[128];
		unsigned int id;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f)) {
			if (sscanf(line, "map_id: %u", &id) == 1 && o->nr_maps < MAX_OBJS)
				o->maps[o->nr_maps++] = id;
			else if (sscanf(line, "prog_id: %u", &id) == 1 && o->nr_progs < MAX_OBJS)
				o->progs[o->nr_progs++] = id;
		}
		if (f)
			fclose(f);
	}
}

/* --- maps --- */

static void add_maps(struct items *l, unsigned int after, const struct own *own)
{
	__u32 id = after;

	while (l->nr < MAX_OBJS && !bpf_map_get_next_id(id, &id)) {
		struct bpf_map_info info = {0};
		__u32 len = sizeof(info);
		struct item *m = &l->at[l->nr];

		if (own && !has(own->maps, own->nr_maps, id))
			continue;
		m->id = id;
		m->fd = bpf_map_get_fd_by_id(id);
		if (m->fd < 0)
			continue;
		if (bpf_obj_get_info_by_fd(m->fd, &info, &len) || temporary(info.name)) {
			close(m->fd);
			continue;
		}
		snprintf(m->name, sizeof(m->name), "%s", info.name);
		snprintf(m->key, sizeof(m->key), "%s %u %u", info.name, info.type,
			 info.max_entries);
		l->nr++;
	}
	qsort(l->at, l->nr, sizeof(l->at[0]), by_key);
}

static int frozen(int fd)
{
	char path[64], line[128];
	FILE *f;
	int yes = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "frozen: %d", &yes);
	if (f)
		fclose(f);
	return yes;
}

static void describe_array(const struct item *m, const struct bpf_map_info *info, FILE *out)
{
	unsigned char *value = malloc(info->value_size);

	for (__u32 i = 0; i < info->max_entries && i < 8; i++) {
		if (bpf_map_lookup_elem(m->fd, &i, value))
			continue;
		fprintf(out, "\t[%u] %08x", i, checksum(value, info->value_size));
		for (__u32 j = 0; j < info->value_size && j < 16; j++)
			fprintf(out, " %02x", value[j]);
		fputc('\n', out);
	}
	free(value);
}

/* Slots hold ids of maps or programs. */
static void describe_slots(const struct item *m, const struct bpf_map_info *info,
			   const struct items *names, FILE *out)
{
	__u32 id;

	for (__u32 i = 0; i < info->max_entries && i < 16; i++)
		if (!bpf_map_lookup_elem(m->fd, &i, &id))
			fprintf(out, "\t[%u] %s\n", i, name_of(names, id));
}

static void describe_map(const struct item *m, const struct items *maps, const struct items *progs,
			 FILE *out, int flags)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(m->fd, &info, &len))
		return;
	if (flags & DESCRIBE_LOOSE && strchr(info.name, '.'))
		info.map_flags &= ~BPF_F_MMAPABLE;
	fprintf(out, "map %s type %u key %u value %u max %u flags %#x extra %llu frozen %d",
		m->name, info.type, info.key_size, info.value_size, info.max_entries,
		info.map_flags, (unsigned long long)info.map_extra, frozen(m->fd));
	fprintf(out, " btf %08x key %u value %u\n", btf_sum(info.btf_id), info.btf_key_type_id,
		info.btf_value_type_id);
	if (info.type == BPF_MAP_TYPE_ARRAY)
		describe_array(m, &info, out);
	else if (info.type == BPF_MAP_TYPE_ARRAY_OF_MAPS)
		describe_slots(m, &info, maps, out);
	else if (info.type == BPF_MAP_TYPE_PROG_ARRAY)
		describe_slots(m, &info, progs, out);
}

/* --- programs --- */

static void add_progs(struct items *l, unsigned int after, const struct own *own)
{
	__u32 id = after;

	while (l->nr < MAX_OBJS && !bpf_prog_get_next_id(id, &id)) {
		struct bpf_prog_info info = {0};
		__u32 len = sizeof(info);
		struct item *p = &l->at[l->nr];

		if (own && !has(own->progs, own->nr_progs, id))
			continue;
		p->id = id;
		p->fd = bpf_prog_get_fd_by_id(id);
		if (p->fd < 0)
			continue;
		if (bpf_obj_get_info_by_fd(p->fd, &info, &len) || temporary(info.name)) {
			close(p->fd);
			continue;
		}
		snprintf(p->name, sizeof(p->name), "%s", info.name);
		snprintf(p->key, sizeof(p->key), "%s %u %u", info.name, info.type,
			 info.xlated_prog_len);
		l->nr++;
	}
	qsort(l->at, l->nr, sizeof(l->at[0]), by_key);
}

/* Kernels put addresses of their objects into programs (the program of a timer's callback). */
static int kernel_address(unsigned int high)
{
	return high >= 0xffff8000 && high < 0xfffff000;
}

static void describe_insns(const struct bpf_insn *insns, unsigned int n, const struct items *maps,
			   FILE *out)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct bpf_insn *in = &insns[i];
		int wide = in->code == (BPF_LD | BPF_IMM | BPF_DW) && i + 1 < n;

		fprintf(out, "\t%u: %02x %u %u %d", i, in->code, in->dst_reg, in->src_reg, in->off);
		if (!wide) {
			fprintf(out, " %d\n", in->imm);
			continue;
		}
		i++;
		if (in->src_reg == BPF_PSEUDO_MAP_FD || in->src_reg == BPF_PSEUDO_MAP_VALUE)
			fprintf(out, " map %s %d\n", name_of(maps, in->imm), insns[i].imm);
		else if (!in->src_reg && kernel_address(insns[i].imm))
			fprintf(out, " address\n");
		else
			fprintf(out, " %d %d\n", in->imm, insns[i].imm);
	}
}

static void describe_prog(const struct item *p, const struct items *maps, FILE *out, int flags)
{
	struct bpf_prog_info head = {0}, info = {0};
	__u32 len = sizeof(head);
	void *insns, *funcs, *lines;

	if (bpf_obj_get_info_by_fd(p->fd, &head, &len))
		return;
	insns = calloc(1, head.xlated_prog_len + 1);
	funcs = calloc(head.nr_func_info + 1, head.func_info_rec_size + 1);
	lines = calloc(head.nr_line_info + 1, head.line_info_rec_size + 1);
	info.xlated_prog_len = head.xlated_prog_len;
	info.xlated_prog_insns = (uintptr_t)insns;
	info.nr_func_info = head.nr_func_info;
	info.func_info_rec_size = head.func_info_rec_size;
	info.func_info = (uintptr_t)funcs;
	info.nr_line_info = head.nr_line_info;
	info.line_info_rec_size = head.line_info_rec_size;
	info.line_info = (uintptr_t)lines;
	len = sizeof(info);
	if (!bpf_obj_get_info_by_fd(p->fd, &info, &len)) {
		fprintf(out, "prog %s type %u gpl %u btf %08x attach %u", p->name, info.type,
			info.gpl_compatible, btf_sum(info.btf_id), info.attach_btf_id);
		if (!(flags & DESCRIBE_LOOSE))
			fprintf(out, " maps %u", info.nr_map_ids);
		fprintf(out, " funcs %u %08x lines %u %08x\n", info.nr_func_info,
			checksum(funcs, (size_t)info.nr_func_info * info.func_info_rec_size),
			info.nr_line_info,
			checksum(lines, (size_t)info.nr_line_info * info.line_info_rec_size));
		describe_insns(insns, info.xlated_prog_len / sizeof(struct bpf_insn), maps, out);
	}
	free(insns);
	free(funcs);
	free(lines);
}

static void close_all(struct items *l)
{
	for (unsigned int i = 0; i < l->nr; i++)
		close(l->at[i].fd);
	free(l);
}

int describe_since(const struct baseline *b, FILE *out, int flags)
{
	struct items *maps = calloc(1, sizeof(*maps)), *progs = calloc(1, sizeof(*progs));
	struct own ids, *own = flags & DESCRIBE_OWN ? &ids : NULL;

	if (!maps || !progs)
		return -1;
	if (own)
		own_take(own);
	add_maps(maps, b->map, own);
	add_progs(progs, b->prog, own);
	for (unsigned int i = 0; i < maps->nr; i++)
		describe_map(&maps->at[i], maps, progs, out, flags);
	for (unsigned int i = 0; i < progs->nr; i++)
		describe_prog(&progs->at[i], maps, out, flags);
	close_all(maps);
	close_all(progs);
	return 0;
}

#ifndef DESCRIBE_NO_MAIN
int main(int argc, char **argv)
{
	struct baseline b = {0};

	if (argc > 2) {
		b.prog = atoi(argv[1]);
		b.map = atoi(argv[2]);
	}
	if (argc == 2) /* "counts" */
		describe_counts(stdout);
	else
		describe_since(&b, stdout, 0);
	return 0;
}
#endif
