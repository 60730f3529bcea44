/* SPDX-License-Identifier: BSD-2-Clause */
/* vdso.c - looks a name up in the vDSO, which is an ELF file in memory as a whole. */
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include "exec/vdso.h"

static const ElfW(Shdr) * symbols_of(const ElfW(Ehdr) * elf)
{
	const ElfW(Shdr) *s = (const void *)((const char *)elf + elf->e_shoff);

	for (u32 i = 0; elf->e_shoff && i < elf->e_shnum; i++)
		if (s[i].sh_type == SHT_DYNSYM && s[i].sh_link < elf->e_shnum)
			return &s[i];
	return NULL;
}

/* Addresses in it count from the first segment's. */
static u64 begin_of(const ElfW(Ehdr) * elf)
{
	const ElfW(Phdr) *p = (const void *)((const char *)elf + elf->e_phoff);

	for (u32 i = 0; i < elf->e_phnum; i++)
		if (p[i].p_type == PT_LOAD)
			return p[i].p_vaddr - p[i].p_offset;
	return 0;
}

const void *vdso_function(const char *name)
{
	const char *base = (const char *)getauxval(AT_SYSINFO_EHDR), *names;
	const ElfW(Ehdr) *elf = (const void *)base;
	const ElfW(Shdr) * dynsym, *sections;
	const ElfW(Sym) * sym;

	dynsym = base && !memcmp(elf->e_ident, ELFMAG, SELFMAG) ? symbols_of(elf) : NULL;
	if (!dynsym)
		return NULL;
	sections = (const void *)(base + elf->e_shoff);
	names = base + sections[dynsym->sh_link].sh_offset;
	sym = (const void *)(base + dynsym->sh_offset);
	for (u64 n = dynsym->sh_size / sizeof(*sym); n; n--, sym++)
		if (sym->st_shndx != SHN_UNDEF && !strcmp(names + sym->st_name, name))
			return base + (sym->st_value - begin_of(elf));
	return NULL;
}
