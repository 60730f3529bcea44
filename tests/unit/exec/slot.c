/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU slots and spin locks: between threads, between processes, and after kill -9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/slot.h"
#include "base/spin.h"

struct shared {
	struct slot_table table;
	u64 count[SLOT_MAX]; /* each only touched by the holder of its slot */
	u32 lock;
	u64 locked_count;
	u32 ready;
};

static struct shared *sh;

static int setup(void **state)
{
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	slot_table_init(&sh->table);
	assert_true(sh->table.nr >= 1 && sh->table.nr <= SLOT_MAX);
	sh->table.nr = 2;
	slot_use(&sh->table);
	return sh == MAP_FAILED;
}

static int clear(void **state)
{
	memset(sh->count, 0, sizeof(sh->count));
	sh->locked_count = sh->lock = sh->ready = 0;
	return 0;
}

static void test_nested(void **state)
{
	u32 s = slot_enter();

	assert_true(s < 2);
	assert_int_equal(sh->table.owner[s], slot_tid());
	assert_int_equal(slot_enter(), s);
	assert_int_equal(slot_current(), s);
	slot_leave();
	assert_int_equal(sh->table.owner[s], slot_tid());
	slot_leave();
	assert_int_equal(sh->table.owner[s], 0);
	assert_int_equal(slot_current(), 0);
	slot_leave(); /* one too many does no harm */
}

/* Adds without atomics, so that a slot with two holders would lose some. */
static void *adder(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		u32 s = slot_enter();
		u64 v = READ_ONCE(sh->count[s]);

		if (i % 1000 == 0)
			usleep(50);
		WRITE_ONCE(sh->count[s], v + 1);
		slot_leave();
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t t[5];

	for (int i = 0; i < 5; i++)
		assert_int_equal(pthread_create(&t[i], NULL, adder, NULL), 0);
	for (int i = 0; i < 5; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(sh->count[0] + sh->count[1], 5 * 20000);
	assert_int_equal(sh->table.owner[0] | sh->table.owner[1], 0);
}

static void test_processes(void **state)
{
	pid_t pid[3];

	for (int i = 0; i < 3; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			adder(NULL);
			_exit(0);
		}
	}
	adder(NULL);
	for (int i = 0; i < 3; i++)
		waitpid(pid[i], NULL, 0);
	assert_int_equal(sh->count[0] + sh->count[1], 4 * 20000);
}

/* A child does not inherit the slot of the thread that forked. */
static void test_fork(void **state)
{
	u32 s = slot_enter();
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(slot_enter() == s || slot_tid() != (u32)getpid());
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	slot_leave();
	sh->table.owner[!s] = 0; /* the child left without giving it back */
}

static bool is_dead(u32 tid, void *arg)
{
	return tid == *(u32 *)arg;
}

/* Starts a child that runs @fn and never comes back; returns when it is inside. */
static pid_t stuck_child(void (*fn)(void))
{
	pid_t pid = fork();

	if (!pid) {
		fn();
		__atomic_store_n(&sh->ready, 1, __ATOMIC_RELEASE);
		for (;;)
			pause();
	}
	while (!__atomic_load_n(&sh->ready, __ATOMIC_ACQUIRE))
		usleep(100);
	sh->ready = 0;
	return pid;
}

static void kill_and_reap(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void hold_slot(void)
{
	slot_enter();
}

static void *enter_once(void *arg)
{
	*(u32 *)arg = slot_enter() + 1;
	slot_leave();
	return NULL;
}

/* Both slots are held by children that die; somebody waits; the service gives the slots back. */
static void test_dead_owner(void **state)
{
	u32 dead[2], got = 0;
	pthread_t waiter;
	pid_t a = stuck_child(hold_slot), b = stuck_child(hold_slot);

	assert_int_equal(sh->table.owner[0] + sh->table.owner[1], a + b);
	kill_and_reap(a);
	kill_and_reap(b);
	pthread_create(&waiter, NULL, enter_once, &got);
	usleep(20000);
	assert_int_equal(got, 0);
	dead[0] = 1; /* somebody else: nothing is taken from the living */
	slot_release_dead(&sh->table, is_dead, &dead[0]);
	assert_int_equal(sh->table.owner[0] + sh->table.owner[1], a + b);
	dead[1] = (u32)b;
	slot_release_dead(&sh->table, is_dead, &dead[1]);
	pthread_join(waiter, NULL);
	assert_int_not_equal(got, 0);
	dead[0] = (u32)a;
	slot_release_dead(&sh->table, is_dead, &dead[0]);
	assert_int_equal(sh->table.owner[0] | sh->table.owner[1], 0);
}

/* Holders that live and never leave: we run all the same, and do not free what is theirs. */
static void test_patience(void **state)
{
	pid_t a = stuck_child(hold_slot), b = stuck_child(hold_slot);
	u32 s = slot_enter();

	assert_true(s < 2);
	assert_int_equal(slot_current(), s);
	slot_leave();
	assert_int_equal(sh->table.owner[0] + sh->table.owner[1], a + b);
	kill_and_reap(a);
	kill_and_reap(b);
	sh->table.owner[0] = sh->table.owner[1] = 0;
}

/* --- spin locks --- */

static void *locker(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		spin_lock(&sh->lock);
		WRITE_ONCE(sh->locked_count, READ_ONCE(sh->locked_count) + 1);
		spin_unlock(&sh->lock);
	}
	return NULL;
}

static void test_spin(void **state)
{
	pthread_t t[3];
	pid_t pid = fork();

	if (!pid) {
		locker(NULL);
		_exit(0);
	}
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, locker, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	waitpid(pid, NULL, 0);
	assert_int_equal(sh->locked_count, 4 * 20000);
	assert_int_equal(sh->lock, 0);
}

static void hold_lock(void)
{
	spin_lock(&sh->lock);
}

static void test_spin_dead_owner(void **state)
{
	pid_t pid = stuck_child(hold_lock);

	assert_int_equal(sh->lock, pid);
	assert_false(spin_trylock(&sh->lock));
	kill_and_reap(pid);
	spin_lock(&sh->lock);
	assert_int_equal(sh->lock & ~SPIN_WAITERS, slot_tid());
	spin_unlock(&sh->lock);
	assert_int_equal(sh->lock, 0);
}

/* A live process that does not give it back, and a word that names nobody. */
static void test_spin_patience(void **state)
{
	pid_t pid = stuck_child(hold_lock);

	spin_lock(&sh->lock);
	assert_int_equal(sh->lock & ~SPIN_WAITERS, slot_tid());
	spin_unlock(&sh->lock);
	kill_and_reap(pid);
	sh->lock = 0xdeadbeef;
	spin_lock(&sh->lock);
	spin_unlock(&sh->lock);
	assert_int_equal(sh->lock, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nested, clear),
		cmocka_unit_test_setup(test_threads, clear),
		cmocka_unit_test_setup(test_processes, clear),
		cmocka_unit_test_setup(test_fork, clear),
		cmocka_unit_test_setup(test_dead_owner, clear),
		cmocka_unit_test_setup(test_spin, clear),
		cmocka_unit_test_setup(test_spin_dead_owner, clear),
		cmocka_unit_test_setup(test_patience, clear),
		cmocka_unit_test_setup(test_spin_patience, clear),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
