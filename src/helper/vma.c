/* SPDX-License-Identifier: BSD-2-Clause */
/* vma.c - bpf_find_vma: the mapping of a task's memory that an address is in, from /proc. */
#include <fcntl.h>
#include <unistd.h>
#include "helper/fn.h"
#include "helper/task.h"

/* As in <linux/mm.h>; the letters of /proc/PID/maps say so. */
#define VM_READ	  0x1ul
#define VM_WRITE  0x2ul
#define VM_EXEC	  0x4ul
#define VM_SHARED 0x8ul

struct reader {
	int fd;
	u32 at, len;
	char buf[1024];
};

static int next_char(struct reader *r)
{
	ssize_t n;

	if (r->at == r->len) {
		n = read(r->fd, r->buf, sizeof(r->buf));
		if (n <= 0)
			return -1;
		r->at = 0;
		r->len = n;
	}
	return (u8)r->buf[r->at++];
}

static int digit(int c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A hexadecimal number and the character behind it. */
static u64 number(struct reader *r)
{
	u64 v = 0;
	int d;

	while ((d = digit(next_char(r))) >= 0)
		v = v << 4 | (u64)d;
	return v;
}

/* "from-to rwxp offset ...": false at the end. */
static bool next_vma(struct reader *r, struct vm_area_struct *vma)
{
	static const struct {
		char letter;
		u64 flag;
	} flags[] = {{'r', VM_READ}, {'w', VM_WRITE}, {'x', VM_EXEC}, {'s', VM_SHARED}};
	int c;

	*vma = (struct vm_area_struct){.vm_start = number(r)};
	vma->vm_end = number(r);
	for (u32 i = 0; i < 4; i++)
		if (next_char(r) == flags[i].letter)
			vma->vm_flags |= flags[i].flag;
	next_char(r);
	vma->vm_pgoff = number(r) / 4096;
	while ((c = next_char(r)) != '\n')
		if (c < 0)
			return false;
	return true;
}

/* "/proc/PID/maps" without stdio. */
static int open_maps(int pid)
{
	char path[32] = "/proc/", digits[12];
	u32 n = 0, at = 6;

	do
		digits[n++] = '0' + pid % 10;
	while (pid /= 10);
	while (n)
		path[at++] = digits[--n];
	memcpy(path + at, "/maps", 6);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool find(int pid, u64 addr, struct vm_area_struct *vma)
{
	struct reader r = {.fd = open_maps(pid)};
	bool found = false;

	if (r.fd < 0)
		return false;
	while (!found && next_vma(&r, vma))
		found = vma->vm_start <= addr && addr < vma->vm_end;
	close(r.fd);
	return found;
}

HELPER_FN(find_vma)
{
	const struct task_struct *task = (const struct task_struct *)(uintptr_t)r1;
	struct vm_area_struct vma;
	int pid;

	if (r5)
		return (u64)-EINVAL;
	if (fault_copy(&pid, &task->tgid, sizeof(pid)) || pid <= 0 || !find(pid, r2, &vma))
		return (u64)-ENOENT;
	exec_callback(run, r3, r1, (u64)&vma, r4, 0, 0);
	return 0;
}
