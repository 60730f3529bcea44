// SPDX-License-Identifier: BSD-2-Clause
/* agent_maps.c - /proc/self/maps, without libc's files. */
#include <gnu/libc-version.h>
#include <sys/auxv.h>
#include <sys/sysmacros.h>
#include "shim/agent.h"
#include "base/raw.h"

#define LINE_MAX_ 4608u /* a path and what is before it */

/* Under agent_lock(). */
static char buf[2 * LINE_MAX_];
static struct map_line last; /* of a file */
static char last_path[LINE_MAX_];

static u64 number(const char **at, u32 base)
{
	u64 n = 0;

	for (;; (*at)++) {
		char c = **at;
		u32 digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10u
						   : 99;

		if (digit >= base)
			return n;
		n = n * base + digit;
	}
}

/* start-end rwxp offset major:minor inode   path */
static bool parse(const char *at, struct map_line *m)
{
	u32 major_nr, minor_nr;

	m->start = number(&at, 16);
	if (*at++ != '-')
		return false;
	m->end = number(&at, 16);
	if (*at++ != ' ')
		return false;
	m->read = at[0] == 'r';
	m->write = at[1] == 'w';
	m->exec = at[2] == 'x';
	m->shared = at[3] == 's';
	at += 5;
	m->off = number(&at, 16);
	at++;
	major_nr = number(&at, 16);
	if (*at++ != ':')
		return false;
	minor_nr = number(&at, 16);
	at++;
	m->dev = makedev(major_nr, minor_nr);
	m->ino = number(&at, 10);
	while (*at == ' ')
		at++;
	m->path = at;
	return true;
}

/* A page of code that the engine has put a copy in the place of (patch.h) is still the file's. */
static void as_file(struct map_line *m)
{
	size_t len;

	if (m->ino) {
		last = *m;
		len = strlen(m->path);
		memcpy(last_path, m->path, min(len + 1, sizeof(last_path)));
		last_path[sizeof(last_path) - 1] = '\0';
		last.path = last_path;
	} else if (m->exec && !m->path[0] && last.ino && last.end == m->start) {
		m->off = last.off + (last.end - last.start);
		m->dev = last.dev;
		m->ino = last.ino;
		m->path = last_path;
		last.off = m->off;
		last.start = m->start;
		last.end = m->end;
	}
}

/* Whole lines of what is in the buffer; -> bytes used. */
static u32 take_lines(u32 len, void (*each)(void *arg, const struct map_line *m), void *arg)
{
	struct map_line m;
	u32 begin = 0;

	for (u32 i = 0; i < len; i++) {
		if (buf[i] != '\n')
			continue;
		buf[i] = '\0';
		if (parse(buf + begin, &m)) {
			as_file(&m);
			each(arg, &m);
		}
		begin = i + 1;
	}
	return begin;
}

int maps_each(void (*each)(void *arg, const struct map_line *m), void *arg)
{
	int fd = raw_openat(AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
	u32 len = 0;
	long n;

	if (fd < 0)
		return fd;
	last.ino = 0;
	while ((n = raw_read(fd, buf + len, sizeof(buf) - len)) > 0) {
		u32 used;

		len += n;
		used = take_lines(len, each, arg);
		memmove(buf, buf + used, len - used);
		len -= used;
		if (len == sizeof(buf))
			len = 0; /* no line is that long */
	}
	raw_close(fd);
	return n < 0 ? n : 0;
}

/* Some file systems show another device here than stat(2) tells. */
bool maps_is_file(const struct map_line *m, u64 dev, u64 ino)
{
	struct stat st;

	if (m->ino != ino || !ino)
		return false;
	if (m->dev == dev)
		return true;
	return m->path[0] == '/' && !raw4(SYS_newfstatat, AT_FDCWD, m->path, &st, 0) &&
	       st.st_dev == dev && st.st_ino == ino;
}

/* libc blocks all signals when it makes processes and threads, the dynamic linker when libraries come
 * and go; the kernel kills who runs into a trap then. */
bool maps_is_libc(const struct map_line *l)
{
	u64 libc = (u64)gnu_get_libc_version, linker = getauxval(AT_BASE);

	return (libc >= l->start && libc < l->end) || (linker && l->start - l->off == linker);
}
