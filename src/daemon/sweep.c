/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep.c - slots and map locks name the thread that holds them; when a client is gone the service
 * frees what it left. A thread counts as dead when it does not exist or is a zombie, in the
 * service's pid namespace.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "base/slot.h"
#include "daemon/daemon.h"
#include "prog/map_obj.h"

static bool tid_dead(u32 tid, void *arg)
{
	char path[32], buf[256], *state;
	ssize_t n;
	int fd;

	if (kill((pid_t)tid, 0) && errno == ESRCH)
		return true;
	snprintf(path, sizeof(path), "/proc/%u/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return n == 0 || errno == ESRCH;
	buf[n] = '\0';
	state = strrchr(buf, ')');
	return state && state[1] == ' ' && (state[2] == 'Z' || state[2] == 'X');
}

void sweep_dead(struct daemon *d)
{
	struct obj_table *t = sys_objs(d->sys);
	u32 next = 1;
	struct obj *o;

	slot_release_dead(d->slots, tid_dead, NULL);
	while ((o = obj_next(t, OBJ_MAP, next))) {
		next = o->id + 1;
		map_release_dead(&obj_to_map(o)->map, tid_dead, NULL);
		obj_put(o);
		if (!next)
			break;
	}
}
