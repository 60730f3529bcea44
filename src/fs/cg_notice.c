/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cg_notice.c - removed groups are noticed: the directories above groups that have entries are watched
 * with inotify. Who serves the fd of fs_cgroup_event_fd() calls fs_cgroup_notice(); entries of groups
 * whose end nobody tells (no watch could be had) end at the next sweep.
 */
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>
#include "fs/cg.h"

#define BATCH 16u /* directories in which something happened */

int notice_watch(struct fs_cg *cg, int fd)
{
	char path[48];

	/* the group's own end is told only when nobody, us included, has it open */
	snprintf(path, sizeof(path), "/proc/self/fd/%d/..", fd);
	return cg->event_fd < 0 ? -1 : inotify_add_watch(cg->event_fd, path, IN_DELETE);
}

int fs_cgroup_event_fd(struct fs *fs)
{
	return fs->cg ? fs->cg->event_fd : -1;
}

struct batch {
	int wd[BATCH];
	u32 nr;
	bool all; /* too many, or some were lost */
};

static void note(struct batch *b, const struct inotify_event *e)
{
	if (e->mask & IN_Q_OVERFLOW)
		b->all = true;
	for (u32 i = 0; i < b->nr; i++)
		if (b->wd[i] == e->wd)
			return;
	if (b->nr == BATCH)
		b->all = true;
	else
		b->wd[b->nr++] = e->wd;
}

static bool take(struct fs_cg *cg, struct batch *b)
{
	char buf[4096] __attribute__((aligned(8)));
	ssize_t n = read(cg->event_fd, buf, sizeof(buf));

	for (ssize_t at = 0; at < n;) {
		struct inotify_event *e = (void *)(buf + at);

		note(b, e);
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	return n > 0;
}

void fs_cgroup_notice(struct fs *fs)
{
	struct batch b = {};

	if (!fs->cg || fs->cg->event_fd < 0)
		return;
	while (take(fs->cg, &b))
		;
	if (b.all)
		fs_cgroup_sweep(fs);
	for (u32 i = 0; i < b.nr && !b.all; i++)
		expose_sweep(fs, b.wd[i]);
}
