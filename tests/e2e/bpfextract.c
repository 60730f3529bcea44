/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpfextract.c - BPF objects out of programs that carry them (skeletons): bpfextract OUTDIR FILE...
 * Writes OUTDIR/<name>.<n>.bpf.o for every ELF file for BPF found inside FILE.
 */
#include <elf.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

/* Size of the object that starts at @p, 0: none. Section headers are the last thing in what
 * clang and libbpf write. */
static size_t object_size(const char *p, size_t left)
{
	Elf64_Ehdr h;
	size_t size;

	if (left < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));
	if (memcmp(h.e_ident, ELFMAG, SELFMAG) || h.e_ident[EI_CLASS] != ELFCLASS64 ||
	    h.e_machine != EM_BPF || h.e_shoff > left)
		return 0;
	size = h.e_shoff + (size_t)h.e_shnum * h.e_shentsize;
	return size <= left ? size : 0;
}

static int write_object(const char *dir, const char *name, int n, const char *p, size_t size)
{
	char path[4096];
	FILE *out;
	int err;

	snprintf(path, sizeof(path), "%s/%s.%d.bpf.o", dir, name, n);
	out = fopen(path, "w");
	if (!out)
		return -1;
	err = fwrite(p, 1, size, out) != size;
	return fclose(out) || err ? -1 : 0;
}

static int extract(const char *dir, char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), n = 0, err = 0;
	const char *data, *p, *end;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || !st.st_size)
		return -1;
	data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED)
		return -1;
	end = data + st.st_size;
	for (p = data; !err && (p = memmem(p, end - p, ELFMAG, SELFMAG)); p++) {
		size_t size = object_size(p, end - p);

		if (size)
			err = write_object(dir, basename(file), n++, p, size);
	}
	munmap((void *)data, st.st_size);
	return err;
}

int main(int argc, char **argv)
{
	int status = argc < 3 ? 2 : 0;

	for (int i = 2; i < argc; i++)
		if (extract(argv[1], argv[i])) {
			perror(argv[i]);
			status = 1;
		}
	return status;
}
