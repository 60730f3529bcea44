/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tracing_files.c - a program of the build: writes events/SYSTEM/NAME/{id,format} of all tracepoints of
 * processes below a directory. They are always the same, and many: so they are installed, not made
 * whenever a service starts.
 */
#include <errno.h>
#include <sys/stat.h>
#include "link/trace_event.h"

static FILE *create(const char *dir, const struct trace_event *ev, const char *file)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s/%s/%s", dir, ev->system, ev->name, file);
	f = fopen(path, "we");
	if (!f)
		perror(path);
	return f;
}

static int make_dirs(const char *dir, const struct trace_event *ev)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, ev->system);
	if (mkdir(path, 0755) && errno != EEXIST)
		return -1;
	snprintf(path, sizeof(path), "%s/%s/%s", dir, ev->system, ev->name);
	return mkdir(path, 0755) && errno != EEXIST ? -1 : 0;
}

static int make(const char *dir, const struct trace_event *ev)
{
	FILE *id, *format;
	int bad;

	if (make_dirs(dir, ev))
		return -1;
	id = create(dir, ev, "id");
	format = id ? create(dir, ev, "format") : NULL;
	if (!format)
		return -1;
	fprintf(id, "%u\n", trace_event_id(ev));
	trace_event_format(ev, format);
	bad = ferror(id) || ferror(format);
	return fclose(id) || fclose(format) || bad ? -1 : 0;
}

int main(int argc, char **argv)
{
	const struct trace_event *ev;

	if (argc != 2 || (mkdir(argv[1], 0755) && errno != EEXIST))
		return 1;
	for (u32 i = 0; (ev = trace_event_at(i)); i++)
		if (make(argv[1], ev))
			return 1;
	return 0;
}
