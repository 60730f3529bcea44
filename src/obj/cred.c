/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include "obj/cred.h"

/* The numbers behind "Groups:" in /proc/PID/status, allocated; NULL: there are none. */
static char *groups_line(pid_t pid)
{
	char path[32], *line = NULL;
	bool found = false;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = pid > 0 ? fopen(path, "re") : NULL;
	while (f && !found && getline(&line, &room, f) > 0)
		found = !strncmp(line, "Groups:", 7);
	if (f)
		fclose(f);
	if (found)
		return line;
	free(line);
	return NULL;
}

u32 cred_groups(const struct cred *c, gid_t *list, u32 max)
{
	char *line = groups_line(c->groups_of), *p = line ? line + 7 : NULL, *end;
	u32 n = 0;

	while (p && n < max) {
		gid_t gid = strtoul(p, &end, 10);

		if (end == p)
			break;
		list[n++] = gid;
		p = end;
	}
	free(line);
	return n;
}

bool cred_in_group(const struct cred *c, gid_t gid)
{
	char *line, *p, *end;
	bool in = false;

	if (c->gid == gid)
		return true;
	line = groups_line(c->groups_of);
	for (p = line ? line + 7 : NULL; p && !in; p = end) {
		in = strtoul(p, &end, 10) == gid && end != p;
		if (end == p)
			break;
	}
	free(line);
	return in;
}
