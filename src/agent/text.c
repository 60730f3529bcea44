/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.c - reading and writing code that other threads run.
 *
 * /proc/self/mem writes to private mappings whatever their protection, into the process's own copy of
 * the page: no moment in which the page is writable, or not executable. Where it cannot be opened (no
 * /proc, a process that is not dumpable) a copy of the page is made aside and moved over it, which
 * every CPU sees at one instant, as page tables change and the others are interrupted for it. The price
 * is an anonymous page in the middle of the file's mapping, so it is the second choice.
 */
#include <linux/membarrier.h>
#include "agent/engine.h"
#include "base/raw.h"

#define INT3 0xcc

/* What many changes share: /proc/self/mem, whether a trap would kill somebody, and whether CPUs may not have
 * seen the last one yet. */
static struct {
	int mem; /* 0: not open; < 0: cannot be */
	enum { NOT_ASKED, KILLS, IS_SAFE } trap;
	bool unseen;
} batch;

static int open_mem(int flags)
{
	return raw_openat(AT_FDCWD, "/proc/self/mem", flags | O_CLOEXEC, 0);
}

int text_read(u64 addr, void *to, size_t len)
{
	struct iovec mine = {to, len}, there = {(void *)addr, len};
	long n = raw6(SYS_process_vm_readv, raw_getpid(), (long)&mine, 1, (long)&there, 1, 0);
	int fd;

	if (n == (long)len)
		return 0;
	fd = open_mem(O_RDONLY); /* execute-only pages, and where a filter knows not of the other */
	if (fd < 0)
		return -EFAULT;
	n = raw4(SYS_pread64, fd, to, len, addr);
	raw_close(fd);
	return n == (long)len ? 0 : -EFAULT;
}

static int write_mem(u64 addr, const void *from, size_t len)
{
	long n;

	if (batch.mem <= 0)
		batch.mem = open_mem(O_RDWR);
	if (batch.mem < 0)
		return batch.mem;
	n = raw4(SYS_pwrite64, batch.mem, from, len, addr);
	return n == (long)len ? 0 : n < 0 ? (int)n : -EFAULT;
}

/* A copy of the page with @len bytes at @addr changed, in its place. */
static int replace_page(u64 addr, const void *from, size_t len)
{
	u64 page = addr & ~(PAGE - 1);
	long copy =
		raw6(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long err;

	if (copy < 0 && copy >= -MAX_ERRNO)
		return (int)copy;
	err = text_read(page, (void *)copy, PAGE);
	if (err)
		goto fail_unmap;
	memcpy((u8 *)copy + (addr - page), from, len);
	err = raw3(SYS_mprotect, copy, PAGE, PROT_READ | PROT_EXEC);
	if (err)
		goto fail_unmap;
	err = raw6(SYS_mremap, copy, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, (long)page, 0);
	if (err >= 0 || err < -MAX_ERRNO)
		return 0;
fail_unmap:
	raw3(SYS_munmap, copy, PAGE, 0);
	return (int)err;
}

static bool in_one_page(u64 addr, size_t len)
{
	return (addr & ~(PAGE - 1)) == ((addr + len - 1) & ~(PAGE - 1));
}

int text_write(u64 addr, const void *from, size_t len)
{
	const u8 *p = from;
	int err = write_mem(addr, from, len);

	while (err && len) {
		size_t part = min(len, (size_t)(PAGE - (addr & (PAGE - 1))));

		if (replace_page(addr, p, part))
			return err == -ENOMEM ? -ENOMEM : -EPERM;
		addr += part, p += part, len -= part;
	}
	return 0;
}

/* --- synchronisation --- */

static long membarrier(int cmd)
{
	return raw3(SYS_membarrier, cmd, 0, 0);
}

/* Taking a page's right to be written away interrupts every CPU that runs a thread of ours. */
static void sync_by_mprotect(void)
{
	long page =
		raw6(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page < 0 && page >= -MAX_ERRNO)
		return;
	*(volatile u8 *)page = 1;
	raw3(SYS_mprotect, page, PAGE, PROT_READ);
	raw3(SYS_munmap, page, PAGE, 0);
}

void text_sync(void)
{
	batch.unseen = false;
	if (!membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE))
		return;
	membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE);
	if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE))
		sync_by_mprotect();
}

/* --- whether a trap would kill --- */

struct dirent64 {
	u64 ino;
	s64 off;
	u16 reclen;
	u8 type;
	char name[];
};

static bool status_blocks_trap(const char *status)
{
	const char *p = strstr(status, "\nSigBlk:\t");
	u32 last, digit = 0;

	if (!p)
		return true;
	p += 9;
	for (last = 0; p[last] && p[last] != '\n'; last++)
		;
	if (last >= 2) /* SIGTRAP is bit 4: the lowest of the second digit from the end */
		digit = (u32)p[last - 2];
	return (digit >= 'a' ? digit - 'a' + 10 : digit - '0') & 1;
}

static bool task_blocks_trap(int dir, const char *tid)
{
	char path[32], status[4096];
	size_t len = strlen(tid);
	long n;
	int fd;

	if (len > 16)
		return true;
	memcpy(path, tid, len);
	memcpy(path + len, "/status", 8);
	fd = raw_openat(dir, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return fd != -ENOENT && fd != -ESRCH;
	n = raw_read(fd, status, sizeof(status) - 1);
	raw_close(fd);
	if (n <= 0)
		return n != -ESRCH && n != 0;
	status[n] = '\0';
	return status_blocks_trap(status);
}

static bool anyone_blocks_trap(void)
{
	char buf[4096], *p;
	int dir = raw_openat(AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	long self = raw3(SYS_gettid, 0, 0, 0), n;
	bool yes = dir < 0;

	while (!yes && (n = raw3(SYS_getdents64, dir, buf, sizeof(buf))) > 0) {
		for (p = buf; !yes && p < buf + n; p += ((struct dirent64 *)p)->reclen) {
			const char *name = ((struct dirent64 *)p)->name;
			long tid = 0;

			for (const char *c = name; *c >= '0' && *c <= '9'; c++)
				tid = tid * 10 + *c - '0';
			yes = tid && tid != self && task_blocks_trap(dir, name);
		}
	}
	if (dir >= 0)
		raw_close(dir);
	return yes;
}

bool text_trap_kills(void)
{
	if (batch.trap == NOT_ASKED)
		batch.trap = anyone_blocks_trap() ? KILLS : IS_SAFE;
	return batch.trap == KILLS;
}

void text_settle(void)
{
	if (batch.unseen)
		text_sync();
}

void text_done(void)
{
	text_settle();
	if (batch.mem > 0)
		raw_close(batch.mem);
	batch.mem = 0;
	batch.trap = NOT_ASKED;
}

/* The first byte traps while the others change, and so does every instruction behind it that is not whole. */
static int exchange_behind_trap(u64 addr, const u8 *now, u32 len, u32 inner)
{
	const u8 int3 = INT3;
	u8 bytes[JUMP_MAX];
	int err = text_write(addr, &int3, 1);

	memcpy(bytes, now, len);
	for (u32 i = 1; i < len && !err; i++) {
		if (!(inner & 1u << i))
			continue;
		bytes[i] = INT3;
		err = text_write(addr + i, &int3, 1);
	}
	if (err)
		return err;
	text_sync();
	err = text_write(addr + 1, bytes + 1, len - 1);
	text_sync();
	for (u32 i = 1; i < len && !err; i++)
		if (now[i] != bytes[i])
			err = text_write(addr + i, now + i, 1);
	if (!err)
		err = text_write(addr, now, 1);
	text_sync();
	return err;
}

int text_exchange(u64 addr, const u8 *was, const u8 *now, u32 len, u32 inner, bool can_trap)
{
	int err;

	while (len > 1 && was[len - 1] == now[len - 1])
		len--;
	if (len > 1 && can_trap && !text_trap_kills())
		return exchange_behind_trap(addr, now, len, inner);
	if (inner || (len > 1 && !in_one_page(addr, len)))
		return -EADDRNOTAVAIL;
	err = len > 1 ? replace_page(addr, now, len) : text_write(addr, now, 1);
	batch.unseen = true;
	return err;
}
