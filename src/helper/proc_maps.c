/* SPDX-License-Identifier: BSD-2-Clause */
#include "helper/proc_maps.h"
#include <fcntl.h>
#include <unistd.h>
#include "helper/proc_text.h"

/* As in <linux/mm.h>; the letters of /proc/PID/maps say so. */
#define VM_READ	  0x1ul
#define VM_WRITE  0x2ul
#define VM_EXEC	  0x4ul
#define VM_SHARED 0x8ul

#define PAGE_BYTES 4096u

static int next_char(struct proc_maps *m)
{
	ssize_t n;

	if (m->at == m->len) {
		n = read(m->fd, m->buf, sizeof(m->buf));
		if (n <= 0)
			return -1;
		m->at = 0;
		m->len = n;
	}
	return (u8)m->buf[m->at++];
}

static int digit(int c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A number and the character behind it. */
static u64 number(struct proc_maps *m, u32 base)
{
	u64 v = 0;
	int d;

	while ((d = digit(next_char(m))) >= 0)
		v = v * base + (u64)d;
	return v;
}

/* The rest of the line, without the blanks before it: false at the end of the text. */
static bool rest(struct proc_maps *m, char *to, size_t size)
{
	size_t n = 0;
	int c;

	while ((c = next_char(m)) == ' ')
		;
	for (; c >= 0 && c != '\n'; c = next_char(m))
		if (n + 1 < size)
			to[n++] = (char)c;
	to[n] = '\0';
	return c >= 0;
}

static u64 protection(struct proc_maps *m)
{
	static const struct {
		char letter;
		u64 flag;
	} flags[] = {{'r', VM_READ}, {'w', VM_WRITE}, {'x', VM_EXEC}, {'s', VM_SHARED}};
	u64 all = 0;

	for (u32 i = 0; i < ARRAY_SIZE(flags); i++)
		if (next_char(m) == flags[i].letter)
			all |= flags[i].flag;
	next_char(m);
	return all;
}

/* "from-to rwxp offset major:minor inode  path" */
bool proc_maps_next(struct proc_maps *m, struct proc_vma *v)
{
	v->vma = (struct vm_area_struct){.vm_start = number(m, 16)};
	v->vma.vm_end = number(m, 16);
	v->vma.vm_flags = protection(m);
	v->vma.vm_pgoff = number(m, 16) / PAGE_BYTES;
	memset(&v->file, 0, offsetof(struct file_view, path));
	v->file.sb.s_dev = (u32)number(m, 16) << 20;
	v->file.sb.s_dev |= (u32)number(m, 16);
	v->file.inode.i_ino = number(m, 10);
	if (!rest(m, v->file.path, sizeof(v->file.path)))
		return false;
	file_view_init(&v->file);
	v->vma.vm_file = v->file.inode.i_ino ? &v->file.file : NULL;
	return true;
}

int proc_maps_open(struct proc_maps *m, u32 pid)
{
	char path[48];

	proc_path(path, pid, "maps");
	m->at = m->len = 0;
	m->fd = open(path, O_RDONLY | O_CLOEXEC);
	return m->fd < 0 ? -errno : 0;
}

void proc_maps_close(struct proc_maps *m)
{
	close(m->fd);
	m->fd = -1;
}
