/* SPDX-License-Identifier: BSD-2-Clause */
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "exec/fault.h"
#include "exec/jit_code.h"

#ifdef FAULT_HAS_TABLE
extern const struct fault_row __start_fault_table[] __attribute__((visibility("hidden")));
extern const struct fault_row __stop_fault_table[] __attribute__((visibility("hidden")));

bool fault_handle(void *ucontext)
{
	const struct exec_run *run = exec_current();
	u64 pc = fault_pc(ucontext);

	if (run && run->image->jit && jit_fault(run->image->jit, ucontext))
		return true;

	for (const struct fault_row *r = __start_fault_table; r < __stop_fault_table; r++) {
		if ((u64)&r->at + (s64)r->at == pc) {
			fault_set_pc(ucontext, (u64)&r->resume + (s64)r->resume);
			return true;
		}
	}
	return false;
}
#else
bool fault_handle(void *ucontext)
{
	return false;
}
#endif

/* Signal dispositions belong to the process, so what we replaced does too. */
static struct sigaction before_segv, before_bus;
static bool installed;
static u32 lock;

/* Set while this thread is inside the handler before us: who was put in front of us and calls us
 * back must not go round for ever. */
static __thread __attribute__((tls_model("initial-exec"))) bool chaining;

/* Lets the default action happen: a true fault strikes again on return, a signal somebody sent is
 * sent again. */
static void default_action(int sig, const siginfo_t *info)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};

	sigaction(sig, &dfl, NULL);
	if (info->si_code <= 0)
		syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), sig);
}

static void chain(const struct sigaction *before, int sig, siginfo_t *info, void *ucontext)
{
	if (chaining || (!(before->sa_flags & SA_SIGINFO) && before->sa_handler == SIG_DFL)) {
		default_action(sig, info);
		return;
	}
	chaining = true;
	if (before->sa_flags & SA_SIGINFO)
		before->sa_sigaction(sig, info, ucontext);
	else if (before->sa_handler != SIG_IGN)
		before->sa_handler(sig);
	else if (info->si_code > 0)
		default_action(sig, info); /* a fault cannot be ignored */
	chaining = false;
}

static void on_fault(int sig, siginfo_t *info, void *ucontext)
{
	int saved = errno;

	if (info->si_code <= 0 || !fault_handle(ucontext))
		chain(sig == SIGSEGV ? &before_segv : &before_bus, sig, info, ucontext);
	errno = saved;
}

static void install(int sig, struct sigaction *before)
{
	struct sigaction ours = {.sa_sigaction = on_fault,
				 .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER},
			 now;

	sigaction(sig, NULL, &now);
	if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_fault)
		return;
	*before = now;
	sigaction(sig, &ours, NULL);
}

void fault_init(void)
{
	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		;
	install(SIGSEGV, &before_segv);
	install(SIGBUS, &before_bus);
	__atomic_store_n(&installed, true, __ATOMIC_RELEASE);
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
}

static void need_handler(void)
{
	if (unlikely(!__atomic_load_n(&installed, __ATOMIC_ACQUIRE)))
		fault_init();
}

/* As far as it goes; 0 in place of what cannot be read. */
static inline int copy64(char *to, const char *src)
{
	u64 v;
	int err = fault_load64(&v, src);

	memcpy(to, &v, sizeof(v));
	return err;
}

/* Element commands read so many at once; one look at all errors. */
static inline int copy_four(char *to, const char *src)
{
	int err = copy64(to, src);

	err |= copy64(to + 8, src + 8);
	err |= copy64(to + 16, src + 16);
	return err | copy64(to + 24, src + 24);
}

static __attribute__((noinline)) int copy_any(void *dst, const void *unsafe_src, size_t len)
{
	const char *src = unsafe_src;
	char *to = dst;
	size_t left = len;
	u64 v;

	need_handler();
	for (; left >= 32; left -= 32, src += 32, to += 32)
		if (unlikely(copy_four(to, src)))
			goto fail_fault;
	for (; left >= 8; left -= 8, src += 8, to += 8)
		if (unlikely(copy64(to, src)))
			goto fail_fault;
	if (likely(!left))
		return 0;
	/* at once: who loads a 4-byte key next would wait for four stores */
	if (left >= 4) {
		u32 half;

		if (fault_load32(&v, src))
			goto fail_fault;
		half = (u32)v;
		memcpy(to, &half, 4);
		left -= 4, src += 4, to += 4;
	}
	for (; left; left--, src++, to++) {
		if (fault_load8(&v, src))
			goto fail_fault;
		*to = (char)v;
	}
	return 0;

fail_fault:
	memset(dst, 0, len);
	return -EFAULT;
}

/* A key, or the attributes of an element command: every lookup does both. */
int fault_copy(void *dst, const void *unsafe_src, size_t len)
{
	if (likely(__atomic_load_n(&installed, __ATOMIC_ACQUIRE))) {
		if (len == 8)
			return copy64(dst, unsafe_src);
		if (len == 32 && likely(!copy_four(dst, unsafe_src)))
			return 0;
	}
	return copy_any(dst, unsafe_src, len);
}

int fault_any(const void *unsafe_src, size_t len)
{
	const char *src = unsafe_src;
	u64 any = 0, v;

	need_handler();
	for (; len >= 8; len -= 8, src += 8) {
		if (fault_load64(&v, src))
			return -EFAULT;
		any |= v;
	}
	for (; len; len--, src++) {
		if (fault_load8(&v, src))
			return -EFAULT;
		any |= v;
	}
	return any != 0;
}

long fault_copy_str(char *dst, const void *unsafe_src, size_t size)
{
	const char *src = unsafe_src;
	u64 v;

	if (!size)
		return 0;
	need_handler();
	for (size_t i = 0; i < size; i++) {
		if (fault_load8(&v, src + i)) {
			dst[0] = '\0';
			return -EFAULT;
		}
		dst[i] = (char)v;
		if (!v)
			return (long)i + 1;
	}
	dst[size - 1] = '\0';
	return (long)size;
}
