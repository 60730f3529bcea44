/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rcload.c - loads remote control decoders (LIRC_MODE2) as ir-keytable does, whose objects are not
 * libbpf's: maps are definitions in "lirc_mode2/maps", and the address of a variable stands for its
 * value. rcload OBJECT...: a line and status 1 for each that is refused.
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTION "lirc_mode2/"

struct map_def {
	unsigned int type, key_size, value_size, max_entries, flags;
};

struct object {
	Elf *elf;
	Elf_Data *symbols, *relocs, *code;
	size_t code_index, maps_index;
};

static Elf_Data *data_of(Elf *elf, size_t index)
{
	Elf_Scn *scn = elf_getscn(elf, index);

	return scn ? elf_getdata(scn, NULL) : NULL;
}

static void find_sections(struct object *o)
{
	Elf_Scn *scn = NULL;
	size_t names;

	elf_getshdrstrndx(o->elf, &names);
	while ((scn = elf_nextscn(o->elf, scn))) {
		GElf_Shdr h;
		const char *name;

		gelf_getshdr(scn, &h);
		name = elf_strptr(o->elf, names, h.sh_name);
		if (!strcmp(name, SECTION "maps")) {
			o->maps_index = elf_ndxscn(scn);
		} else if (!strncmp(name, SECTION, strlen(SECTION))) {
			o->code_index = elf_ndxscn(scn);
			o->code = elf_getdata(scn, NULL);
		}
		if (h.sh_type == SHT_SYMTAB)
			o->symbols = elf_getdata(scn, NULL);
		if (h.sh_type == SHT_REL && strstr(name, SECTION))
			o->relocs = elf_getdata(scn, NULL);
	}
}

/* What @sym is to the instruction that names it: a map, or a number. */
static int resolve(struct object *o, const GElf_Sym *sym, struct bpf_insn *in)
{
	Elf_Data *d = data_of(o->elf, sym->st_shndx);
	const struct map_def *m;

	if (!d)
		return -1;
	if (sym->st_shndx != o->maps_index) {
		in->imm = d->d_buf ? *(int *)((char *)d->d_buf + sym->st_value) : 0; /* .bss */
		return 0;
	}
	m = (const void *)((char *)d->d_buf + sym->st_value);
	in->src_reg = BPF_PSEUDO_MAP_FD;
	in->imm = bpf_map_create(m->type, "rc", m->key_size, m->value_size, m->max_entries, NULL);
	return in->imm;
}

static int relocate(struct object *o)
{
	struct bpf_insn *insns = o->code->d_buf;
	GElf_Rel r;
	GElf_Sym s;

	for (int i = 0; o->relocs && gelf_getrel(o->relocs, i, &r); i++)
		if (r.r_offset / 8 >= o->code->d_size / 8 ||
		    !gelf_getsym(o->symbols, GELF_R_SYM(r.r_info), &s) ||
		    resolve(o, &s, &insns[r.r_offset / 8]) < 0)
			return -1;
	return 0;
}

static int load(const char *path)
{
	static char log[65536];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .log_buf = log, .log_size = sizeof(log),
		    .log_level = 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct object o = {.elf = elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL)};
	int prog = -1;

	log[0] = '\0';
	if (o.elf)
		find_sections(&o);
	if (o.code && o.symbols && !relocate(&o))
		prog = bpf_prog_load(BPF_PROG_TYPE_LIRC_MODE2, "rc", "GPL", o.code->d_buf,
				     o.code->d_size / sizeof(struct bpf_insn), &opts);
	if (prog < 0)
		printf("%s: refused ... %s\n", path,
		       log + (strlen(log) > 400 ? strlen(log) - 400 : 0));
	elf_end(o.elf);
	close(fd);
	return prog < 0;
}

int main(int argc, char **argv)
{
	int bad = 0;

	elf_version(EV_CURRENT);
	for (int i = 1; i < argc; i++)
		bad |= load(argv[i]);
	return bad;
}
