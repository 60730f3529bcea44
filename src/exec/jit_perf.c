/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jit_perf.c - what perf(1) can know about compiled programs, when USERBPF_PERF is in the environment:
 *
 *	USERBPF_PERF=map       a line per function in /tmp/perf-PID.map: perf report and perf top name it
 *	USERBPF_PERF=jitdump   its code, too, in $JITDUMPDIR or /tmp, jit-PID.dump: `perf record -k mono`,
 *	                       `perf inject --jit`, and perf annotate shows the instructions
 *
 * A function is called bpf_prog_ID_NAME, those of subprograms end in _FIRST, their first instruction.
 * The files belong to who runs programs and are left behind, as those of other compilers are.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "exec/jit.h"

#define PAGE	     4096
#define DUMP_MAGIC   0x4a695444u /* "JiTD" */
#define DUMP_VERSION 1u
#define DUMP_LOAD    0u
#define EM_X86_64    62u

struct dump_header {
	u32 magic, version, size, machine, pad, pid;
	u64 time, flags;
};

struct dump_load {
	u32 id, size;
	u64 time;
	u32 pid, tid;
	u64 vma, addr, len, index;
};

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000 + (u64)t.tv_nsec;
}

static void write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

static int open_file(const char *path)
{
	return open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static int function_name(char *name, size_t size, const struct exec_image *img, u32 start)
{
	int len = snprintf(name, size, "bpf_prog_%u_%.*s", img->prog_id, (int)sizeof(img->name),
			   img->name);

	return start ? len + snprintf(name + len, size - (size_t)len, "_%u", start) : len;
}

static void write_map(const struct exec_image *img, const struct jit_code *jit)
{
	char path[64], name[64], line[128];
	struct exec_function f;
	int fd;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	fd = open_file(path);
	if (fd < 0)
		return;
	for (u32 i = 0; i < jit->nr_functions; i++) {
		u32 start = jit->functions[i].start;

		jit_function(jit, start, &f);
		function_name(name, sizeof(name), img, start);
		write_all(fd, line,
			  (size_t)snprintf(line, sizeof(line), "%llx %x %s\n", (u64)f.code, f.len,
					   name));
	}
	close(fd);
}

/* The mapping tells perf record where the file is; it stays, and is neither read nor written. */
static void begin_dump(int fd)
{
	const struct dump_header h = {DUMP_MAGIC, DUMP_VERSION,	 sizeof(h), EM_X86_64,
				      0,	  (u32)getpid(), now(),	    0};

	write_all(fd, &h, sizeof(h));
	mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
}

static void dump_function(int fd, const struct exec_image *img, u32 start,
			  const struct exec_function *f)
{
	char name[64];
	u32 len = (u32)function_name(name, sizeof(name), img, start) + 1;
	const struct dump_load r = {.id = DUMP_LOAD,
				    .size = sizeof(r) + len + f->len,
				    .time = now(),
				    .pid = (u32)getpid(),
				    .tid = (u32)syscall(SYS_gettid),
				    .vma = (u64)f->code,
				    .addr = (u64)f->code,
				    .len = f->len,
				    .index = (u64)f->code};

	write_all(fd, &r, sizeof(r));
	write_all(fd, name, len);
	write_all(fd, f->code, f->len);
}

static void write_dump(const struct exec_image *img, const struct jit_code *jit)
{
	const char *dir = getenv("JITDUMPDIR");
	struct exec_function f;
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/jit-%d.dump", dir ? dir : "/tmp", getpid());
	fd = open_file(path);
	if (fd < 0)
		return;
	if (!lseek(fd, 0, SEEK_END))
		begin_dump(fd);
	for (u32 i = 0; i < jit->nr_functions; i++) {
		jit_function(jit, jit->functions[i].start, &f);
		dump_function(fd, img, jit->functions[i].start, &f);
	}
	close(fd);
}

void jit_perf(const struct exec_image *img, const struct jit_code *jit)
{
	const char *e = jit ? getenv("USERBPF_PERF") : NULL;
	int saved = errno;

	if (e && !strcmp(e, "map"))
		write_map(img, jit);
	else if (e && !strcmp(e, "jitdump"))
		write_dump(img, jit);
	errno = saved;
}
