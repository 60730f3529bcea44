/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * core_libbpf.c TARGET_BTF OBJECT... - the CO-RE resolver against libbpf's: both resolve every
 * relocation of an object against the same types, and every instruction must come out the same.
 *
 * libbpf's answer is what it passes to bpf(2), which is this program: syscall() is ours, takes note
 * of the instructions and says yes to everything. What libbpf does not load must be refused here.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core_ours.h"

#define MAX_PROGS 32

struct prog {
	char name[BPF_OBJ_NAME_LEN];
	struct bpf_insn *insns; /* libbpf's */
	unsigned int len;
};

static struct {
	struct prog progs[MAX_PROGS];
	unsigned int nr;
} loaded;

static const char *verbose;

/* --- bpf(2) --- */

static int take_prog(const union bpf_attr *a)
{
	size_t size = a->insn_cnt * sizeof(struct bpf_insn);
	struct prog *p = &loaded.progs[loaded.nr];

	if (loaded.nr == MAX_PROGS)
		return -1;
	memcpy(p->name, a->prog_name, sizeof(p->name));
	p->insns = malloc(size);
	p->len = a->insn_cnt;
	memcpy(p->insns, (void *)(uintptr_t)a->insns, size);
	loaded.nr++;
	return 0;
}

static long fake_bpf(int cmd, const union bpf_attr *attr)
{
	switch (cmd) {
	case BPF_PROG_LOAD:
		if (*attr->prog_name && take_prog(attr))
			break;
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	case BPF_MAP_CREATE:
	case BPF_BTF_LOAD: return open("/dev/null", O_RDONLY | O_CLOEXEC);
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_FREEZE: return 0;
	}
	errno = ENOENT;
	return -1;
}

__attribute__((visibility("default"))) long syscall(long nr, ...)
{
	static long (*libc)(long, ...);
	long a[6];
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (nr == __NR_bpf)
		return fake_bpf(a[0], (void *)a[1]);
	if (!libc)
		libc = dlsym(RTLD_NEXT, "syscall");
	return libc(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* --- the object's relocations --- */

struct ext_header {
	unsigned short magic;
	unsigned char version, flags;
	unsigned int hdr_len, func_off, func_len, line_off, line_len, core_off, core_len;
};

struct object {
	Elf *elf;
	int fd;
	const struct ext_header *ext;
	struct bpf_object *bpf;
	struct core_ours *ours;
	unsigned int done, bad;
};

static Elf_Data *section(Elf *elf, const char *name, size_t *idx)
{
	size_t strs;
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;

	elf_getshdrstrndx(elf, &strs);
	while ((scn = elf_nextscn(elf, scn))) {
		gelf_getshdr(scn, &sh);
		if (strcmp(elf_strptr(elf, strs, sh.sh_name), name))
			continue;
		*idx = elf_ndxscn(scn);
		return elf_getdata(scn, NULL);
	}
	return NULL;
}

/* Offset of function @name in section @sec; -1: not there */
static long offset_of(Elf *elf, const char *name, size_t sec)
{
	size_t idx, strs;
	Elf_Data *d = section(elf, ".symtab", &idx);
	GElf_Shdr sh;
	GElf_Sym sym;

	gelf_getshdr(elf_getscn(elf, idx), &sh);
	strs = sh.sh_link;
	for (int i = 0; gelf_getsym(d, i, &sym); i++)
		if (sym.st_shndx == sec && GELF_ST_TYPE(sym.st_info) == STT_FUNC &&
		    !strcmp(elf_strptr(elf, strs, sym.st_name), name))
			return sym.st_value;
	return -1;
}

/* Names are cut at 15 characters, so the order counts: libbpf loads programs in that of the object. */
static const struct prog *loaded_prog(struct bpf_object *obj, const struct bpf_program *want)
{
	struct bpf_program *bp;
	unsigned int at = 0;

	bpf_object__for_each_program(bp, obj)
	{
		unsigned int i = at;

		while (i < loaded.nr &&
		       strncmp(loaded.progs[i].name, bpf_program__name(bp), BPF_OBJ_NAME_LEN - 1))
			i++;
		if (bp == want)
			return i < loaded.nr ? &loaded.progs[i] : NULL;
		if (i < loaded.nr)
			at = i + 1;
	}
	return NULL;
}

static void print_insn(const char *who, const struct bpf_insn *in)
{
	printf("\t%s %02x dst %d src %d off %d imm %d\n", who, in->code, in->dst_reg, in->src_reg,
	       in->off, in->imm);
}

/* 0, or negative errno of our resolver */
static int compare(struct object *o, struct bpf_program *bp, struct bpf_core_relo *relo,
		   unsigned int nr)
{
	const struct prog *theirs = loaded_prog(o->bpf, bp);
	unsigned int at = relo->insn_off / 8, len = bpf_program__insn_cnt(bp);
	struct bpf_insn *mine = malloc(len * sizeof(*mine));
	const char *log;
	int err;

	memcpy(mine, bpf_program__insns(bp), len * sizeof(*mine));
	err = core_ours_apply(o->ours, relo, nr, mine, len, &log);
	if (!err && theirs) {
		unsigned int n = mine[at].code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1;

		if (memcmp(&mine[at], &theirs->insns[at], n * sizeof(*mine))) {
			o->bad++;
			printf("%s: relocation %u, insn %u\n", bpf_program__name(bp), nr, at);
			print_insn("ours  ", &mine[at]);
			print_insn("libbpf", &theirs->insns[at]);
		}
	}
	o->done++;
	free(mine);
	return err;
}

static int one_relo(struct object *o, const char *sec, size_t sec_idx,
		    const struct bpf_core_relo *relo, unsigned int nr)
{
	struct bpf_program *bp;
	struct bpf_core_relo r = *relo;

	bpf_object__for_each_program(bp, o->bpf)
	{
		long off = offset_of(o->elf, bpf_program__name(bp), sec_idx);

		if (off < 0 || strcmp(bpf_program__section_name(bp), sec) || r.insn_off < off ||
		    r.insn_off >= off + bpf_program__insn_cnt(bp) * sizeof(struct bpf_insn))
			continue;
		r.insn_off -= off;
		return compare(o, bp, &r, nr);
	}
	return 0; /* of a subprogram */
}

static int all_relos(struct object *o)
{
	const struct btf *btf = bpf_object__btf(o->bpf);
	const char *at = (const char *)o->ext + o->ext->hdr_len + o->ext->core_off;
	const char *end = at + o->ext->core_len;
	unsigned int rec = *(const unsigned int *)at, nr = 0;
	int err = 0;

	for (at += 4; at < end;) {
		const unsigned int *head = (const void *)at;
		const char *sec = btf__name_by_offset(btf, head[0]);
		size_t idx = 0;

		section(o->elf, sec, &idx);
		at += 8;
		for (unsigned int i = 0; i < head[1]; i++, at += rec) {
			int e = one_relo(o, sec, idx, (const void *)at, nr++);

			err = err ?: e;
		}
	}
	return err;
}

/* --- */

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return verbose ? vfprintf(stdout, fmt, ap) : 0;
}

static void *read_file(const char *path, unsigned int *size)
{
	int fd = open(path, O_RDONLY);
	char *buf = malloc(32 << 20);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, 32 << 20);

	if (n < 0) {
		perror(path);
		exit(2);
	}
	close(fd);
	*size = n;
	return buf;
}

static void forget_progs(void)
{
	for (unsigned int i = 0; i < loaded.nr; i++)
		free(loaded.progs[i].insns);
	loaded.nr = 0;
}

/* Another copy of the object: bpf_program__insns() of ours shows the instructions as compiled. */
static int load_with_libbpf(const char *path, const struct bpf_object_open_opts *opts)
{
	struct bpf_object *b = bpf_object__open_file(path, opts);
	int err = bpf_object__load(b);

	bpf_object__close(b);
	return err;
}

static int check_object(const char *path, const char *target_path, const void *target,
			unsigned int target_size)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = target_path);
	struct object o = {.fd = open(path, O_RDONLY)};
	const void *raw;
	unsigned int size;
	size_t idx;
	Elf_Data *ext;
	int theirs, err;

	o.elf = elf_begin(o.fd, ELF_C_READ, NULL);
	ext = o.elf ? section(o.elf, ".BTF.ext", &idx) : NULL;
	o.bpf = ext ? bpf_object__open_file(path, &opts) : NULL;
	if (!o.bpf) {
		printf("%s: cannot be opened\n", path);
		return 1;
	}
	o.ext = ext->d_buf;
	if (o.ext->hdr_len < sizeof(*o.ext) || !o.ext->core_len) {
		printf("%s: no relocations\n", path);
		return 1;
	}
	raw = btf__raw_data(bpf_object__btf(o.bpf), &size);
	o.ours = core_ours_open(raw, size, target, target_size);
	if (!o.ours)
		return 1;
	forget_progs();
	theirs = load_with_libbpf(path, &opts);
	err = all_relos(&o);
	if (!err != !theirs) {
		printf("%s: ours says %d, libbpf %d\n", path, err, theirs);
		o.bad++;
	}
	printf("%s: %u relocations, %u differ%s\n", path, o.done, o.bad, err ? ", refused" : "");
	core_ours_close(o.ours);
	bpf_object__close(o.bpf);
	elf_end(o.elf);
	close(o.fd);
	return o.bad || !o.done;
}

int main(int argc, char **argv)
{
	unsigned int size;
	void *target;
	int bad = 0;

	if (argc < 3)
		return 2;
	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		puts("libbpf needs the types of the machine's kernel for iterators, and there are none");
		return 77;
	}
	verbose = getenv("V");
	elf_version(EV_CURRENT);
	libbpf_set_print(quiet);
	target = read_file(argv[1], &size);
	for (int i = 2; i < argc; i++)
		bad |= check_object(argv[i], argv[1], target, size);
	forget_progs();
	free(target);
	return bad;
}
