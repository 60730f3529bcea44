/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "exec/fault.h"

#define PAGE 4096

/* cmocka puts its own handler in front inside each test; so each begins with fault_init(). */

/* Two pages, the second not readable. */
static char *edge(void)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	memset(p, 'x', 2 * PAGE);
	mprotect(p + PAGE, PAGE, PROT_NONE);
	return p;
}

static void test_copy(void **state)
{
	char *p = edge(), buf[64];

	fault_init();
	for (size_t len = 0; len <= 40; len++) {
		memset(buf, 1, sizeof(buf));
		assert_int_equal(fault_copy(buf, p + PAGE - len, len), 0);
		for (size_t i = 0; i < sizeof(buf); i++)
			assert_int_equal(buf[i], i < len ? 'x' : 1);
		memset(buf, 1, sizeof(buf));
		assert_int_equal(fault_copy(buf, p + PAGE - len, len + 1), -EFAULT);
		for (size_t i = 0; i < sizeof(buf); i++)
			assert_int_equal(buf[i], i < len + 1 ? 0 : 1);
		assert_int_equal(fault_any(p + PAGE - len, len), len > 0);
		assert_int_equal(fault_any(p + PAGE - len, len + 1), -EFAULT);
	}
	memset(p, 0, PAGE);
	for (size_t len = 1; len <= 40; len++) {
		assert_int_equal(fault_any(p + PAGE - len, len), 0);
		p[PAGE - 1] = 1;
		assert_int_equal(fault_any(p + PAGE - len, len), 1);
		p[PAGE - 1] = 0;
	}
	munmap(p, 2 * PAGE);
}

static void test_bad_addresses(void **state)
{
	static const u64 bad[] = {0,
				  1,
				  4095,
				  0x8000000000000000ull,
				  0xffffffffffffffffull,
				  0xffff888000000000ull,
				  0x00007fffffffffffull,
				  0xdeadbeefdeadbeefull};
	char buf[16];

	fault_init();
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(fault_copy(buf, (void *)bad[i], 16), -EFAULT);
		assert_int_equal(fault_copy(buf, (void *)bad[i], 1), -EFAULT);
		assert_int_equal(fault_copy(buf, (void *)bad[i], 0), 0);
		assert_int_equal(fault_copy_str(buf, (void *)bad[i], 16), -EFAULT);
	}
}

static void test_str(void **state)
{
	char *p = edge(), buf[16];

	fault_init();
	strcpy(p, "hello");
	assert_int_equal(fault_copy_str(buf, p, sizeof(buf)), 6);
	assert_string_equal(buf, "hello");
	assert_int_equal(fault_copy_str(buf, p, 6), 6);
	assert_int_equal(fault_copy_str(buf, p, 3), 3);
	assert_string_equal(buf, "he");
	assert_int_equal(fault_copy_str(buf, p, 1), 1);
	assert_string_equal(buf, "");
	buf[0] = 'z';
	assert_int_equal(fault_copy_str(buf, p, 0), 0);
	assert_int_equal(buf[0], 'z');
	p[PAGE - 1] = '\0';
	assert_int_equal(fault_copy_str(buf, p + PAGE - 4, sizeof(buf)), 4);
	p[PAGE - 1] = 'x';
	assert_int_equal(fault_copy_str(buf, p + PAGE - 4, sizeof(buf)), -EFAULT);
	assert_string_equal(buf, "");
	munmap(p, 2 * PAGE);
}

/* A file cut short under a mapping: SIGBUS. */
static void test_bus(void **state)
{
	int fd = memfd_create("cut", MFD_CLOEXEC);
	char *p, buf[8];

	fault_init();
	assert_int_equal(ftruncate(fd, PAGE), 0);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_int_equal(fault_copy(buf, p, 8), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(fault_copy(buf, p, 8), -EFAULT);
	munmap(p, PAGE);
	close(fd);
}

static void *hammer(void *arg)
{
	char *p = arg, buf[32];
	long wrong = 0;

	for (int i = 0; i < 2000; i++) {
		wrong += fault_copy(buf, p + PAGE - 16, 32) != -EFAULT;
		wrong += fault_copy(buf, p + PAGE - 32, 32) != 0;
	}
	return (void *)wrong;
}

static void test_threads(void **state)
{
	char *p = edge();
	pthread_t t[4];
	void *wrong;

	fault_init();
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, hammer, p), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &wrong);
		assert_null(wrong);
	}
	munmap(p, 2 * PAGE);
}

/* --- whose signals are whose; in children, since dispositions are the process's --- */

static int status_of(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		fn();
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void crash(void)
{
	volatile uintptr_t nowhere = 8;

	*(volatile int *)nowhere = 1;
}

static void default_first(void)
{
	char buf[8];

	signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler would exit otherwise */
	fault_copy(buf, NULL, 8);
	crash();
}

static void sent_by_hand(void)
{
	char buf[8];

	signal(SIGSEGV, SIG_DFL);
	fault_copy(buf, NULL, 8);
	raise(SIGSEGV);
	pause();
}

static void theirs(int sig, siginfo_t *info, void *ctx)
{
	_exit(info->si_addr == (void *)8 ? 42 : 43);
}

static void chained(void)
{
	struct sigaction sa = {.sa_sigaction = theirs, .sa_flags = SA_SIGINFO};
	char buf[8];

	sigaction(SIGSEGV, &sa, NULL);
	if (fault_copy(buf, NULL, 8) != -EFAULT)
		_exit(1);
	crash();
}

static void simple(int sig)
{
	_exit(44);
}

static void chained_simple(void)
{
	char buf[8];

	signal(SIGBUS, simple);
	signal(SIGSEGV, SIG_IGN);
	if (fault_copy(buf, NULL, 8) != -EFAULT)
		_exit(1);
	raise(SIGSEGV); /* ignored as before */
	raise(SIGBUS);
}

static void test_chain(void **state)
{
	int status = status_of(default_first);

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = status_of(sent_by_hand);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = status_of(chained);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	status = status_of(chained_simple);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 44);
}

/* A handler that was put in front of ours and calls what was there before: us. */
static struct sigaction seen_before;

static void in_front(int sig, siginfo_t *info, void *ctx)
{
	seen_before.sa_sigaction(sig, info, ctx);
}

static void chained_in_a_circle(void)
{
	struct sigaction sa = {.sa_sigaction = in_front, .sa_flags = SA_SIGINFO};
	char buf[8];

	signal(SIGSEGV, SIG_DFL);
	fault_init();
	sigaction(SIGSEGV, &sa, &seen_before);
	if (fault_copy(buf, NULL, 8) != -EFAULT) /* through the one in front */
		_exit(1);
	fault_init(); /* in front again */
	if (fault_copy(buf, NULL, 8) != -EFAULT)
		_exit(1);
	crash();
}

static void test_circle(void **state)
{
	int status = status_of(chained_in_a_circle);

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain), /* first: the handler is not there yet */
		cmocka_unit_test(test_circle),	      cmocka_unit_test(test_copy),
		cmocka_unit_test(test_bad_addresses), cmocka_unit_test(test_str),
		cmocka_unit_test(test_bus),	      cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
