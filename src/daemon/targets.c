// SPDX-License-Identifier: BSD-2-Clause
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "daemon/targets.h"

#define SOCK_VAR "USERBPF_SOCKET="

/* --- a symbol of a library's file --- */

struct elf {
	const u8 *base;
	u64 size;
};

static const void *elf_at(const struct elf *e, u64 off, u64 len)
{
	return off <= e->size && len <= e->size - off ? e->base + off : NULL;
}

static u64 find_symbol(const struct elf *e, const Elf64_Shdr *syms, const Elf64_Shdr *strs,
		       const char *name)
{
	const Elf64_Sym *s = elf_at(e, syms->sh_offset, syms->sh_size);
	const char *text = elf_at(e, strs->sh_offset, strs->sh_size);
	size_t len = strlen(name) + 1;

	for (u64 i = 0; s && text && i < syms->sh_size / sizeof(*s); i++)
		if (s[i].st_shndx != SHN_UNDEF && s[i].st_name < strs->sh_size &&
		    strs->sh_size - s[i].st_name >= len && !memcmp(text + s[i].st_name, name, len))
			return s[i].st_value;
	return 0;
}

static u64 elf_symbol(const struct elf *e, const char *name)
{
	const Elf64_Ehdr *h = elf_at(e, 0, sizeof(*h));
	const Elf64_Shdr *sh;

	if (!h || memcmp(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64)
		return 0;
	sh = elf_at(e, h->e_shoff, h->e_shnum * sizeof(*sh));
	for (u32 i = 0; sh && i < h->e_shnum; i++)
		if (sh[i].sh_type == SHT_DYNSYM && sh[i].sh_link < h->e_shnum)
			return find_symbol(e, &sh[i], &sh[sh[i].sh_link], name);
	return 0;
}

static int elf_open(struct elf *e, const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	void *p;

	if (fd < 0 || fstat(fd, st)) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	p = mmap(NULL, st->st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	err = p == MAP_FAILED ? -errno : 0;
	close(fd);
	*e = (struct elf){p, st->st_size};
	return err;
}

int target_lib_open(struct target_lib *lib, const char *path)
{
	struct stat st;
	struct elf e;
	int err = elf_open(&e, path, &st);

	if (err)
		return err;
	*lib = (struct target_lib){.dev = st.st_dev, .ino = st.st_ino};
	lib->start = elf_symbol(&e, "userbpf_agent_start");
	lib->attach = elf_symbol(&e, "userbpf_agent_attach");
	lib->stack_end = elf_symbol(&e, "userbpf_agent_stack_end");
	munmap((void *)e.base, e.size);
	return lib->start && lib->attach && lib->stack_end ? 0 : -ENOEXEC;
}

/* --- /proc/PID --- */

static ssize_t read_file(pid_t pid, const char *name, char *buf, size_t cap)
{
	char path[48];
	ssize_t n, len = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (len < cap - 1 && (n = read(fd, buf + len, cap - 1 - len)) > 0)
		len += n;
	close(fd);
	buf[len] = '\0';
	return len;
}

bool target_readable(pid_t pid)
{
	char path[48];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

u64 target_started(pid_t pid)
{
	unsigned long long t = 0;
	char buf[1024], *p;

	if (read_file(pid, "stat", buf, sizeof(buf)) <= 0)
		return 0;
	p = strrchr(buf, ')');
	if (!p ||
	    sscanf(p + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		   &t) != 1)
		return 0;
	return p[2] == 'Z' ? 0 : t;
}

/* Was it told @sock when it began? By the name, or another name of the same file. */
static bool names_socket(const char *value, const char *sock, u64 ino)
{
	struct stat st;

	return !strcmp(value, sock) ||
	       (!stat(value, &st) && S_ISSOCK(st.st_mode) && st.st_ino == ino);
}

static bool was_told(pid_t pid, const char *sock, u64 ino, char *buf, size_t cap)
{
	ssize_t len = read_file(pid, "environ", buf, cap);

	for (ssize_t i = 0; i < len; i += strlen(buf + i) + 1)
		if (!strncmp(buf + i, SOCK_VAR, strlen(SOCK_VAR)))
			return names_socket(buf + i + strlen(SOCK_VAR), sock, ino);
	return false;
}

struct maps_line {
	u64 start, end, off, ino;
	u32 major_nr, minor_nr;
	char path[PATH_MAX];
};

/* Calls @each for every mapping until it says stop. */
static void maps(pid_t pid, bool (*each)(void *arg, const struct maps_line *m), void *arg)
{
	char path[48], line[PATH_MAX + 128];
	struct maps_line m;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long long start, end, off, ino;

		m.path[0] = '\0';
		if (sscanf(line, "%llx-%llx %*s %llx %x:%x %llu %4095[^\n]", &start, &end, &off,
			   &m.major_nr, &m.minor_nr, &ino, m.path) < 6)
			continue;
		m.start = start;
		m.end = end;
		m.off = off;
		m.ino = ino;
		if (each(arg, &m))
			break;
	}
	if (f)
		fclose(f);
}

struct lib_search {
	const struct target_lib *lib;
	u64 at;
};

static bool is_lib(void *arg, const struct maps_line *m)
{
	struct lib_search *s = arg;
	struct stat st;

	if (m->ino != s->lib->ino || m->off)
		return false;
	if (makedev(m->major_nr, m->minor_nr) != s->lib->dev &&
	    (stat(m->path, &st) || st.st_dev != s->lib->dev || st.st_ino != s->lib->ino))
		return false;
	s->at = m->start;
	return true;
}

static long field(const char *status, const char *name)
{
	const char *p = strstr(status, name);

	return p ? strtol(p + strlen(name), NULL, 10) : 0;
}

/* Filters that came on top of ours may forbid what a new thread needs, and kill for it. */
static const char *obstacle(pid_t pid)
{
	char own[8192], its[8192];

	if (read_file(pid, "status", its, sizeof(its)) <= 0 ||
	    read_file(getpid(), "status", own, sizeof(own)) <= 0)
		return "cannot be read";
	if (field(its, "\nSeccomp:\t") == 1 ||
	    field(its, "\nSeccomp_filters:\t") > field(own, "\nSeccomp_filters:\t") + 1)
		return "has a seccomp filter";
	if (field(its, "\nTracerPid:\t"))
		return "is traced by another process";
	return NULL;
}

static void look(const struct target_lib *lib, pid_t pid, bool told,
		 void (*each)(void *arg, const struct target *p), void *arg)
{
	struct target p = {.pid = pid, .started = target_started(pid)};
	struct lib_search s = {.lib = lib};

	if (!p.started)
		return;
	maps(pid, is_lib, &s);
	p.lib = s.at;
	p.why = obstacle(pid);
	if (!p.lib && !p.why)
		p.why = told ? "has no preload library (static, set-user-ID, or just starting)"
			     : "is no process of ours";
	each(arg, &p);
}

int target_each(const struct target_lib *lib, const char *sock, u64 sock_ino, pid_t pid,
		void (*each)(void *arg, const struct target *p), void *arg)
{
	size_t cap = 256u << 10;
	struct dirent *e;
	char *buf;
	DIR *d;

	if (pid) {
		look(lib, pid, false, each, arg);
		return 0;
	}
	buf = malloc(cap);
	d = buf ? opendir("/proc") : NULL;
	if (!d) {
		free(buf);
		return -ENOMEM;
	}
	while ((e = readdir(d))) {
		pid = atoi(e->d_name);
		if (pid > 0 && pid != getpid() && was_told(pid, sock, sock_ino, buf, cap))
			look(lib, pid, true, each, arg);
	}
	closedir(d);
	free(buf);
	return 0;
}

struct function_search {
	pid_t pid;
	const char *lib, *name;
	u64 at;
};

static bool has_function(void *arg, const struct maps_line *m)
{
	struct function_search *s = arg;
	const char *base = strrchr(m->path, '/');
	char path[PATH_MAX + 32];
	struct stat st;
	struct elf e;
	u64 sym;

	if (m->off || !base || strncmp(base + 1, s->lib, strlen(s->lib)))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/root%s", s->pid, m->path);
	if (elf_open(&e, path, &st))
		return false;
	sym = st.st_ino == m->ino ? elf_symbol(&e, s->name) : 0;
	munmap((void *)e.base, e.size);
	if (sym)
		s->at = m->start + sym;
	return s->at;
}

u64 target_function(pid_t pid, const char *lib, const char *name)
{
	struct function_search s = {pid, lib, name, 0};

	maps(pid, has_function, &s);
	return s.at;
}

static bool is_linker(void *arg, const struct maps_line *m)
{
	const char *base = strrchr(m->path, '/');
	u64 *range = arg;

	if (!base || (strncmp(base, "/ld-", 4) && strncmp(base, "/ld.so", 6)))
		return false;
	range[0] = range[0] ? range[0] : m->start;
	range[1] = m->end;
	return false;
}

bool target_linker(pid_t pid, u64 range[2])
{
	range[0] = range[1] = 0;
	maps(pid, is_linker, range);
	return range[0];
}
