/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <dirent.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "helper/proc_text.h"

char *proc_put_number(char *at, u32 n)
{
	char digits[10];
	u32 len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while (n /= 10);
	while (len)
		*at++ = digits[--len];
	*at = '\0';
	return at;
}

void proc_path(char *path, u32 pid, const char *name)
{
	char *at;

	strcpy(path, "/proc/thread-self/");
	if (pid) {
		at = proc_put_number(path + strlen("/proc/"), pid);
		*at++ = '/';
		*at = '\0';
	}
	strcat(path, name);
}

long proc_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 0;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	while (len < size - 1 && (n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	if (n < 0 && !len)
		len = (size_t)-errno;
	close(fd);
	if ((long)len >= 0)
		buf[len] = '\0';
	return (long)len;
}

u64 proc_number(const char **p, u32 base)
{
	u64 n = 0;
	bool minus;

	while (**p == ' ' || **p == '\t')
		++*p;
	minus = **p == '-';
	*p += minus;
	for (;; ++*p) {
		char c = **p;
		u32 digit = c >= '0' && c <= '9'   ? (u32)(c - '0')
			    : c >= 'a' && c <= 'f' ? (u32)(c - 'a' + 10)
						   : 99;

		if (digit >= base)
			return minus ? -n : n;
		n = n * base + digit;
	}
}

u64 proc_u64(const char *text)
{
	return proc_number(&text, 10);
}

void text_cut(char *to, size_t size, const char *from, size_t n)
{
	if (n >= size)
		n = size - 1;
	memcpy(to, from, n);
	to[n] = '\0';
}

void *proc_map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void proc_unmap(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}

struct dirent_64 {
	u64 ino;
	s64 off;
	u16 reclen;
	u8 type;
	char name[];
};

int proc_opendir(struct proc_dir *d, const char *path)
{
	d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d->at = d->len = 0;
	return d->fd < 0 ? -errno : 0;
}

static const struct dirent_64 *next_entry(struct proc_dir *d)
{
	const struct dirent_64 *e;

	if (d->at >= d->len) {
		d->at = 0;
		d->len = (int)syscall(SYS_getdents64, d->fd, d->buf, sizeof(d->buf));
		if (d->len <= 0)
			return NULL;
	}
	e = (const void *)(d->buf + d->at);
	d->at += e->reclen;
	return e;
}

const char *proc_nextname(struct proc_dir *d)
{
	const struct dirent_64 *e = next_entry(d);

	return e ? e->name : NULL;
}

const char *proc_nextdir(struct proc_dir *d, u64 *ino)
{
	const struct dirent_64 *e;

	do
		e = next_entry(d);
	while (e && (e->type != DT_DIR || !strcmp(e->name, ".") || !strcmp(e->name, "..")));
	if (e && ino)
		*ino = e->ino;
	return e ? e->name : NULL;
}

void proc_closedir(struct proc_dir *d)
{
	close(d->fd);
}
