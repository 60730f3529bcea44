// SPDX-License-Identifier: BSD-2-Clause
/*
 * randprobes.c - probes at the entry, in the middle and at the return of random functions, with plain libbpf; see randprobes.sh.
 *
 *	randprobes OBJECT SEED N FILE...		N functions of the files: says "attached M of K", then at each line of standard
 *						input how many hits there were (entry, middle, return); ends with the input
 *	randprobes OBJECT SEED N -SECONDS FILE...	20 times a second N of them come and go; says how often
 *
 * The middle is an instruction that decoding from the function's beginning leads to.
 */
#include <Zydis/Zydis.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct seen {
	__u64 hits, pid, args[3], ret, ip;
};
enum what { ENTRY = 1, MIDDLE, RETURN };

struct file {
	const char *path;
	const unsigned char *data;
	size_t size;
	const Elf64_Sym *sym;
	unsigned int nr, list[20000]; /* functions among its symbols */
};

static struct file files[8];
static int nr_files;
static unsigned long long seed;
static struct bpf_object *obj;
static struct bpf_link *links[3000];
static int nr_links, nr_tried;

static unsigned int rnd(unsigned int n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static int open_file(struct file *f, const char *path)
{
	const Elf64_Ehdr *eh;
	const Elf64_Shdr *sh;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		return -1;
	f->path = path;
	f->size = st.st_size;
	f->data = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (f->data == MAP_FAILED)
		return -1;
	eh = (const void *)f->data;
	sh = (const void *)(f->data + eh->e_shoff);
	for (int i = 0; i < eh->e_shnum; i++) {
		if (sh[i].sh_type != SHT_DYNSYM)
			continue;
		f->sym = (const void *)(f->data + sh[i].sh_offset);
		for (unsigned int k = 0; k < sh[i].sh_size / sizeof(*f->sym) && f->nr < 20000; k++)
			if (ELF64_ST_TYPE(f->sym[k].st_info) == STT_FUNC && f->sym[k].st_shndx &&
			    f->sym[k].st_size)
				f->list[f->nr++] = k;
	}
	return f->nr ? 0 : -1;
}

/* Where in the file an address is. */
static size_t offset_of(const struct file *f, unsigned long addr)
{
	const Elf64_Ehdr *eh = (const void *)f->data;
	const Elf64_Phdr *ph = (const void *)(f->data + eh->e_phoff);

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && addr - ph[i].p_vaddr < ph[i].p_filesz)
			return addr - ph[i].p_vaddr + ph[i].p_offset;
	return 0;
}

/* Some instructions on, not behind a return or jump: there may be no code. */
static size_t middle_of(const struct file *f, size_t start, size_t size)
{
	ZydisDecodedInstruction in;
	ZydisDecoder dec;
	size_t at = start;

	ZydisDecoderInit(&dec, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	for (unsigned int steps = rnd(40) + 1; steps; steps--) {
		if (ZYAN_FAILED(ZydisDecoderDecodeInstruction(&dec, NULL, f->data + at,
							      start + size - at, &in)) ||
		    in.meta.category == ZYDIS_CATEGORY_RET ||
		    in.meta.category == ZYDIS_CATEGORY_UNCOND_BR || at + in.length >= start + size)
			break;
		at += in.length;
	}
	return at;
}

static void attach(const struct file *f, size_t off, enum what what)
{
	LIBBPF_OPTS(bpf_uprobe_opts, o, .retprobe = what == RETURN, .bpf_cookie = what);
	struct bpf_program *p =
		bpf_object__find_program_by_name(obj, o.retprobe ? "on_return" : "on_entry");
	struct bpf_link *l;

	nr_tried++;
	l = nr_links < 3000 ? bpf_program__attach_uprobe_opts(p, -1, f->path, off, &o) : NULL;
	if (l)
		links[nr_links++] = l;
}

static void attach_some(int n)
{
	while (n--) {
		const struct file *f = &files[rnd(nr_files)];
		const Elf64_Sym *s = &f->sym[f->list[rnd(f->nr)]];
		size_t off = offset_of(f, s->st_value);

		attach(f, off, ENTRY);
		attach(f, middle_of(f, off, s->st_size), MIDDLE);
		attach(f, off, RETURN);
	}
}

static void detach_all(void)
{
	while (nr_links)
		bpf_link__destroy(links[--nr_links]);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* A twentieth of a second each, when that is enough. */
static void cycles(int n, int seconds)
{
	double start = now();
	int nr = 0, probes = 0;

	while (now() < start + seconds) {
		double next = start + ++nr / 20.0;

		attach_some(n);
		probes += nr_links;
		detach_all();
		if (now() < next)
			usleep((next - now()) * 1e6);
	}
	printf("%d cycles in %.1f s, %d probes\n", nr, now() - start, probes);
}

static void report(int map)
{
	for (__u64 k = ENTRY; k <= RETURN; k++) {
		struct seen s = {};

		bpf_map_lookup_elem(map, &k, &s);
		printf("%llu%c", s.hits, k == RETURN ? '\n' : ' ');
	}
	fflush(stdout);
}

/* Many do not fit, and libbpf would say so of each. */
static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

int main(int argc, char **argv)
{
	int n, seconds = 0, i = 4;
	char line[64];

	if (argc < 5)
		return 2;
	seed = strtoull(argv[2], NULL, 0) * 0x9e3779b97f4a7c15ull | 1;
	n = atoi(argv[3]);
	if (argv[4][0] == '-')
		seconds = atoi(argv[i++] + 1);
	for (; i < argc && nr_files < 8; i++)
		if (open_file(&files[nr_files++], argv[i])) {
			fprintf(stderr, "randprobes: %s: no functions\n", argv[i]);
			return 1;
		}
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj || bpf_object__load(obj)) {
		fprintf(stderr, "randprobes: load: %s\n", strerror(errno));
		return 1;
	}
	libbpf_set_print(silent);
	if (seconds) {
		cycles(n, seconds);
		return 0;
	}
	attach_some(n);
	printf("attached %d of %d\n", nr_links, nr_tried);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin))
		report(bpf_object__find_map_fd_by_name(obj, "seen"));
	detach_all();
	return 0;
}
