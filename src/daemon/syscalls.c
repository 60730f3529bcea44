// SPDX-License-Identifier: BSD-2-Clause
/*
 * syscalls.c - MSG_SYSCALLS: where an ELF file calls the kernel. Every process asks about the same few
 * libraries, so the answers are kept.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "daemon/agent.h"
#include "daemon/daemon.h"
#include "link/plan.h"

#define KEPT	  32u
#define CALLS_MAX 65536u

struct calls {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
	struct msg_syscall *call;
	u32 nr, room;
};

static struct {
	pthread_mutex_t lock;
	struct calls kept[KEPT];
	u32 next;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int add(void *arg, const struct plan_syscall *c)
{
	struct calls *cs = arg;
	struct msg_syscall *p;

	if (cs->nr == CALLS_MAX)
		return -E2BIG;
	if (cs->nr == cs->room) {
		p = realloc(cs->call, (cs->room * 2 + 64) * sizeof(*p));
		if (!p)
			return -ENOMEM;
		cs->call = p;
		cs->room = cs->room * 2 + 64;
	}
	cs->call[cs->nr++] = (struct msg_syscall){.enter = c->enter,
						  .exit = c->exit,
						  .nr = c->nr,
						  .enter_plan = c->enter_plan,
						  .exit_plan = c->exit_plan};
	return 0;
}

static int read_calls(int fd, struct calls *cs)
{
	struct plan_file *f;
	int err = plan_open(fd, &f);

	if (err)
		return err == -ENOEXEC ? 0 : err; /* no code of ours, no calls */
	err = plan_syscalls(f, add, cs);
	plan_close(f);
	return err;
}

static struct calls *find(const struct stat *st)
{
	for (u32 i = 0; i < KEPT; i++) {
		struct calls *c = &cache.kept[i];

		if (c->ino == st->st_ino && c->dev == st->st_dev && c->size == st->st_size &&
		    !memcmp(&c->changed, &st->st_mtim, sizeof(c->changed)))
			return c;
	}
	return NULL;
}

int syscalls_handle(struct conn *c)
{
	int fd = c->msg.nr_fds ? c->msg.fds[0] : -1, err = 0;
	struct calls *cs, fresh = {};
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -EBADF;
	pthread_mutex_lock(&cache.lock);
	cs = find(&st);
	if (!cs) {
		fresh = (struct calls){.dev = st.st_dev,
				       .ino = st.st_ino,
				       .size = st.st_size,
				       .changed = st.st_mtim};
		err = read_calls(fd, &fresh);
		cs = &cache.kept[cache.next++ % KEPT];
		free(cs->call);
		*cs = err ? (struct calls){} : fresh;
		if (err)
			free(fresh.call);
	}
	if (!err && cs->nr)
		reply_add(&c->reply, cs->call, cs->nr * sizeof(*cs->call));
	pthread_mutex_unlock(&cache.lock);
	return err;
}
