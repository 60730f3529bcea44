/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_OBJ_TABLE_H
#define USERBPF_OBJ_TABLE_H
/*
 * table.h - what table.c (all of it), obj.c (ids, references) and handle.c (fds) share. Private to src/obj.
 *
 *   obj_table.lock  covers ids[], handles, both hashes, the pending list; never held while a class callback runs.
 *
 * A handle record leaves the table in one step under the lock (lease taken, lease released,
 * unhashed), its fd is closed and its reference dropped afterwards without the lock.
 */
#include <pthread.h>
#include "base/idr.h"
#include "obj/obj.h"

#define HANDLE_BUCKETS 4096u

struct handle {
	struct list node;	/* obj->handles */
	struct list pending;	/* table->pending; empty when no check is due */
	struct handle *ino_next, *wd_next;
	struct obj *obj;	/* holds one reference */
	dev_t dev;
	ino_t ino;
	int own;		/* our fd of the inode, which nobody else has */
	int wd;			/* inotify watch */
	u32 perm;
	u32 tries;		/* failed checks since the last event */
	u64 due;		/* next check, CLOCK_MONOTONIC ns */
};

struct obj_table {
	pthread_mutex_t lock;
	pthread_mutex_t reaping; /* held while what went is taken away; outside of lock */
	struct idr ids[OBJ_KINDS];
	u32 live[OBJ_KINDS];	/* atomic: published and not freed yet */
	u32 dying;		/* atomic: last reference gone and not freed yet */

	int epfd, inotify, timer;
	u32 nr_handles;
	int fd_limit; /* no handle gets an fd from here on */
	u32 sweep;		/* next bucket of the backstop sweep */
	struct list pending;
	struct handle **by_ino, **by_wd;
};

int handle_table_init(struct obj_table *t);
void handle_table_drop(struct obj_table *t); /* forgets every handle and drops its reference */
void handle_table_free(struct obj_table *t);

#endif
