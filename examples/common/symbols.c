// SPDX-License-Identifier: BSD-2-Clause
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "symbols.h"

struct symbol {
	unsigned long start, end; /* as the file counts */
	const char *name;
};

/* A file, read once. */
struct file {
	struct file *next;
	char *path;
	int fd;
	Elf *elf;
	struct symbol *symbol; /* by start */
	size_t nr;
};

struct mapping {
	struct mapping *next;
	int pid;
	unsigned long start, end, offset;
	struct file *file; /* NULL: none, what it is says name */
	char name[32];
};

struct symbols {
	struct file *files;
	struct mapping *mappings; /* the newest first */
	char text[512];
};

/* --- files --- */

static int by_start(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	/* of several names the longest function's, then the plainest: without underscores */
	if (x->end != y->end)
		return x->end > y->end ? -1 : 1;
	return (*x->name == '_') - (*y->name == '_') ?: strcmp(x->name, y->name);
}

static void add_table(struct file *f, Elf_Scn *scn)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	struct symbol *more;
	GElf_Shdr sh;
	GElf_Sym sym;
	size_t n;

	if (!gelf_getshdr(scn, &sh) || !sh.sh_entsize || !data ||
	    (sh.sh_type != SHT_SYMTAB && sh.sh_type != SHT_DYNSYM))
		return;
	n = sh.sh_size / sh.sh_entsize;
	more = realloc(f->symbol, (f->nr + n) * sizeof(*more));
	if (!more)
		return;
	f->symbol = more;
	for (size_t i = 0; i < n; i++) {
		const char *name;

		if (!gelf_getsym(data, i, &sym) || !sym.st_size || sym.st_shndx == SHN_UNDEF ||
		    (GELF_ST_TYPE(sym.st_info) != STT_FUNC &&
		     GELF_ST_TYPE(sym.st_info) != STT_GNU_IFUNC))
			continue;
		name = elf_strptr(f->elf, sh.sh_link, sym.st_name);
		if (name)
			f->symbol[f->nr++] =
				(struct symbol){sym.st_value, sym.st_value + sym.st_size, name};
	}
}

/* @real: a path that leads there now, /proc/PID/map_files or root of the process. */
static struct file *file_of(struct symbols *s, const char *path, int pid)
{
	char real[4200];
	struct file *f;
	Elf_Scn *scn = NULL;

	for (f = s->files; f; f = f->next)
		if (!strcmp(f->path, path))
			return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->path = strdup(path);
	f->next = s->files;
	s->files = f;
	snprintf(real, sizeof(real), "/proc/%d/root%s", pid, path);
	f->fd = open(real, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0)
		f->fd = open(path, O_RDONLY | O_CLOEXEC);
	f->elf = f->fd < 0 ? NULL : elf_begin(f->fd, ELF_C_READ_MMAP, NULL);
	while (f->elf && (scn = elf_nextscn(f->elf, scn)))
		add_table(f, scn);
	qsort(f->symbol, f->nr, sizeof(f->symbol[0]), by_start);
	return f;
}

/* Where @offset in the file is for its symbols. */
static unsigned long address_in(const struct file *f, unsigned long offset)
{
	size_t n = 0;
	GElf_Phdr ph;

	if (f->elf)
		elf_getphdrnum(f->elf, &n);
	for (size_t i = 0; i < n; i++)
		if (gelf_getphdr(f->elf, i, &ph) && ph.p_type == PT_LOAD && offset >= ph.p_offset &&
		    offset < ph.p_offset + ph.p_filesz)
			return offset - ph.p_offset + ph.p_vaddr;
	return offset;
}

static const struct symbol *symbol_at(const struct file *f, unsigned long address)
{
	size_t lo = 0, hi = f->nr;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (f->symbol[mid].start <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* the first name of those that begin at one place; one that ended may lie in front */
	for (int back = 0; lo && back < 8; back++, lo--) {
		const struct symbol *y = &f->symbol[lo - 1];

		while (y > f->symbol && y[-1].start == y->start)
			y--;
		if (address < y->end)
			return y;
	}
	return NULL;
}

/* --- processes --- */

static int is_known(const struct symbols *s, const struct mapping *m, const char *path)
{
	for (const struct mapping *k = s->mappings; k; k = k->next)
		if (k->pid == m->pid && k->start == m->start && k->end == m->end &&
		    k->offset == m->offset && !strcmp(k->file ? k->file->path : k->name, path))
			return 1;
	return 0;
}

void symbols_look(struct symbols *s, int pid)
{
	char name[64], line[4400], perm[8];
	struct mapping m, *new;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/maps", pid);
	f = fopen(name, "re");
	while (f && fgets(line, sizeof(line), f)) {
		int at = 0;

		memset(&m, 0, sizeof(m));
		m.pid = pid;
		if (sscanf(line, "%lx-%lx %7s %lx %*s %*s %n", &m.start, &m.end, perm, &m.offset,
			   &at) < 4 ||
		    !at || perm[2] != 'x')
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (line[at] != '/')
			snprintf(m.name, sizeof(m.name), "%.30s", line[at] ? line + at : "[code]");
		if (is_known(s, &m, line[at] == '/' ? line + at : m.name))
			continue;
		if (line[at] == '/')
			m.file = file_of(s, line + at, pid);
		new = malloc(sizeof(*new));
		if (!new)
			break;
		*new = m;
		new->next = s->mappings;
		s->mappings = new;
	}
	if (f)
		fclose(f);
}

static const struct mapping *mapping_of(const struct symbols *s, int pid, unsigned long address)
{
	const struct mapping *m = s->mappings;

	while (m && (m->pid != pid || address < m->start || address >= m->end))
		m = m->next;
	return m;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool symbols_is_code(const struct symbols *s, int pid, unsigned long address)
{
	return mapping_of(s, pid, address);
}

/* Of the symbol tables, NULL: none; *@file, *@at: where it is. */
static const char *function_at(const struct symbols *s, int pid, unsigned long address,
			       const char **file, unsigned long *at)
{
	const struct mapping *m = mapping_of(s, pid, address);
	const struct symbol *y;

	*at = address;
	*file = m ? m->name : "[unknown]";
	if (!m || !m->file)
		return NULL;
	*file = base_name(m->file->path);
	*at = address_in(m->file, address - m->start + m->offset);
	y = symbol_at(m->file, *at);
	return y ? y->name : NULL;
}

const char *symbols_name(struct symbols *s, int pid, unsigned long address, bool is_return)
{
	const char *file, *function;
	unsigned long at;

	function = function_at(s, pid, address - is_return, &file, &at);
	if (function || *file == '[')
		return function ? function : file;
	snprintf(s->text, sizeof(s->text), "[%s]", file);
	return s->text;
}

const char *symbols_place(struct symbols *s, int pid, unsigned long address, bool is_return)
{
	const char *file, *function;
	unsigned long at;

	function = function_at(s, pid, address - is_return, &file, &at);
	if (function)
		snprintf(s->text, sizeof(s->text), "%s (%s)", function, file);
	else
		snprintf(s->text, sizeof(s->text), "%s+%#lx", file, at);
	return s->text;
}

struct symbols *symbols_new(void)
{
	elf_version(EV_CURRENT);
	return calloc(1, sizeof(struct symbols));
}

void symbols_free(struct symbols *s)
{
	struct mapping *m;
	struct file *f;

	while ((m = s->mappings)) {
		s->mappings = m->next;
		free(m);
	}
	while ((f = s->files)) {
		s->files = f->next;
		elf_end(f->elf);
		if (f->fd >= 0)
			close(f->fd);
		free(f->symbol);
		free(f->path);
		free(f);
	}
	free(s);
}
