/* SPDX-License-Identifier: BSD-2-Clause */
/* calls.c - the file that the preload library appends records of calls to, read while it grows. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "abi/record.h"
#include "cli/cli.h"

struct calls {
	char path[DIR_CAP];
	int fd;
	bool broken;
	char *buf;
	size_t size, have, at; /* bytes in buf; @at: of the record to look at next */
};

struct calls *calls_open(struct cli *cli)
{
	const char *tmp = getenv("TMPDIR");
	struct calls *c = calloc(1, sizeof(*c));

	if (!c) {
		cli_fail("no memory");
		return NULL;
	}
	snprintf(c->path, sizeof(c->path), "%s/userbpf-calls-XXXXXX",
		 tmp && *tmp == '/' && strlen(tmp) < DIR_CAP / 2 ? tmp : "/tmp");
	c->fd = mkostemp(c->path, O_CLOEXEC);
	if (c->fd >= 0)
		return c;
	cli_fail("cannot make a file %s: %s; set TMPDIR to a place where we may", c->path,
		 strerror(errno));
	free(c);
	return NULL;
}

const char *calls_path(const struct calls *c)
{
	return c->path;
}

void calls_close(struct calls *c)
{
	if (!c)
		return;
	unlink(c->path);
	close(c->fd);
	free(c->buf);
	free(c);
}

/* More bytes of the file, if there are. */
static bool more(struct calls *c)
{
	size_t want = 1u << 20;
	ssize_t n;
	char *p;

	if (c->at)
		memmove(c->buf, c->buf + c->at, c->have - c->at);
	c->have -= c->at;
	c->at = 0;
	if (c->size - c->have < want) {
		p = realloc(c->buf, c->have + want);
		if (!p) {
			cli_fail("no memory for the calls");
			c->broken = true;
			return false;
		}
		c->buf = p;
		c->size = c->have + want;
	}
	n = read(c->fd, c->buf + c->have, c->size - c->have);
	c->have += max(n, (ssize_t)0);
	return n > 0;
}

const struct abi_rec *calls_next(struct calls *c)
{
	while (!c->broken) {
		long len = c->buf ? abi_rec_check(c->buf + c->at, c->have - c->at) : 0;

		if (len > 0) {
			c->at += len;
			return (const void *)(c->buf + c->at - len);
		}
		if (len < 0) {
			cli_fail("the records of the calls are broken; is the disk full?");
			c->broken = true;
		} else if (!more(c)) {
			break;
		}
	}
	return NULL;
}
