/* SPDX-License-Identifier: BSD-2-Clause */
#include "exec/fault.h"
#include "shim/guard.h"
#include "base/raw.h"

#define CHUNK (1u << 20)

static long vm_copy(long nr, void *local, u64 remote, u64 len)
{
	struct iovec l = {local, len}, r = {(void *)(uintptr_t)remote, len};

	return raw6(nr, raw_getpid(), (long)&l, 1, (long)&r, 1, 0);
}

/* Where the sandbox forbids process_vm_*: a pipe takes bytes from, and puts them into, memory the
 * same careful way. */
static int pipe_copy(void *local, u64 remote, u64 len, bool write)
{
	int p[2], err = raw3(SYS_pipe2, p, O_CLOEXEC, 0);

	while (!err && len) {
		u64 n = min(len, (u64)4096);
		const void *from = write ? local : (void *)(uintptr_t)remote;
		void *to = write ? (void *)(uintptr_t)remote : local;

		if (raw_write(p[1], from, n) != (long)n || raw_read(p[0], to, n) != (long)n)
			err = -EFAULT;
		local = (char *)local + n;
		remote += n;
		len -= n;
	}
	raw_close(p[0]);
	raw_close(p[1]);
	return err ? -EFAULT : 0;
}

static int copy(void *local, u64 remote, u64 len, bool write)
{
	while (len) {
		u64 want = min(len, (u64)CHUNK);
		long n = vm_copy(write ? SYS_process_vm_writev : SYS_process_vm_readv, local,
				 remote, want);

		if (n == -EPERM || n == -ENOSYS)
			return pipe_copy(local, remote, len, write);
		if (n <= 0)
			return -EFAULT;
		local = (char *)local + n;
		remote += n;
		len -= n;
	}
	return 0;
}

int guard_read(void *dst, u64 uaddr, u64 len)
{
	return copy(dst, uaddr, len, false);
}

int guard_write(u64 uaddr, const void *src, u64 len)
{
	return copy((void *)src, uaddr, len, true);
}

/* Up to the end of the page the address is in: what is on the next one may not be mapped. */
long guard_read_str(char *dst, u64 uaddr, u64 cap)
{
	u64 got = 0;

	while (got < cap) {
		u64 n = min(cap - got, 4096 - (uaddr + got) % 4096);
		void *nul;

		if (guard_read(dst + got, uaddr + got, n))
			return -EFAULT;
		nul = memchr(dst + got, 0, n);
		if (nul)
			return (char *)nul - dst + 1;
		got += n;
	}
	return -ENAMETOOLONG;
}

int guard_read_fast(void *dst, u64 uaddr, u32 len)
{
	return fault_copy(dst, (const void *)(uintptr_t)uaddr, len);
}

int guard_any(u64 uaddr, u32 len)
{
	return fault_any((const void *)(uintptr_t)uaddr, len);
}

/* Stores that may fault: the counterpart of exec/fault_<cpu>.h's loads, with rows in the same
 * table. */
#if defined(__x86_64__)
#define STORE_REG  "q"
#define STORE_64   "movq %1, (%2)"
#define STORE_32   "movl %k1, (%2)"
#define STORE_8	   "movb %b1, (%2)"
#define STORE_FAIL "movl %3, %0\njmp 2b\n"
#elif defined(__aarch64__)
#define STORE_REG  "r"
#define STORE_64   "str %x1, [%2]"
#define STORE_32   "str %w1, [%2]"
#define STORE_8	   "strb %w1, [%2]"
#define STORE_FAIL "mov %w0, %3\nb 2b\n"
#endif

#if defined(FAULT_HAS_TABLE) && defined(STORE_64)
#define FAULT_STORE(name, insn)                                       \
	static inline int name(void *p, u64 v)                        \
	{                                                             \
		int err = 0;                                          \
                                                                      \
		__asm__ volatile("1: " insn "\n"                      \
				 "2:\n"                               \
				 ".subsection 1\n"                    \
				 "3: " STORE_FAIL ".previous\n"       \
				 ".pushsection fault_table, \"a\"\n"  \
				 ".balign 4\n"                        \
				 ".long 1b - .\n"                     \
				 ".long 3b - .\n"                     \
				 ".popsection\n"                      \
				 : "+r"(err)                          \
				 : STORE_REG(v), "r"(p), "i"(-EFAULT) \
				 : "memory");                         \
		return err;                                           \
	}
FAULT_STORE(store64, STORE_64)
FAULT_STORE(store32, STORE_32)
FAULT_STORE(store8, STORE_8)

int guard_write_fast(u64 uaddr, const void *src, u32 len)
{
	const char *from = src;
	char *to = (char *)(uintptr_t)uaddr;
	int err = 0;
	static bool ready;
	u64 v;

	if (unlikely(!READ_ONCE(ready))) {
		fault_init();
		WRITE_ONCE(ready, true);
	}
	for (; len >= 8; len -= 8, from += 8, to += 8) {
		memcpy(&v, from, 8);
		err = store64(to, v);
		if (unlikely(err))
			return err;
	}
	if (likely(!len))
		return 0;
	if (len >= 4) {
		u32 half;

		memcpy(&half, from, 4);
		err = store32(to, half);
		len -= 4, from += 4, to += 4;
	}
	for (; len && !err; len--, from++, to++)
		err = store8(to, (u8)*from);
	return err;
}
#else
int guard_write_fast(u64 uaddr, const void *src, u32 len)
{
	return guard_write(uaddr, src, len);
}
#endif
