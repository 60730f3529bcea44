/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.c - userbpfd's command line, and where the parts it needs lie: beside it in a build tree,
 * else installed.
 */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "daemon/daemon.h"

#ifndef USERBPF_LIBEXECDIR
#define USERBPF_LIBEXECDIR "/usr/libexec/userbpf"
#endif
#ifndef USERBPF_LIBDIR
#define USERBPF_LIBDIR "/usr/lib/userbpf"
#endif
#ifndef USERBPF_DATADIR
#define USERBPF_DATADIR "/usr/share/userbpf"
#endif

static const char usage[] =
	"usage: userbpfd --dir DIR [options]\n"
	"  --dir DIR          runtime directory (made with mode 0700): socket, trace_pipe, ...\n"
	"  --btf FILE         types that programs see as /sys/kernel/btf/vmlinux\n"
	"  --preload DRIVER   program that loads the iterators of new bpffs instances; \"off\": none\n"
	"  --preload-dir DIR  further sets for it: every *.bpf.o and *.loader in there\n"
	"  --shim FILE        libuserbpf-preload.so, for the driver\n"
	"  --cgroup DIR|own   where the machine's cgroups are (default /sys/fs/cgroup); own: a tree of ours\n"
	"  --unpriv 0|1|2     unprivileged_bpf_disabled (default 2)\n"
	"  --allow-uid UID    one more user who may connect\n"
	"  --run-limit SECONDS   how long a program may run in here at once (default 10; 0: for ever)\n"
	"  --foreground       stay in the foreground\n"
	"  --ready-fd N       write a line to this fd and close it when clients may come\n";

enum {
	OPT_DIR = 1,
	OPT_BTF,
	OPT_PRELOAD,
	OPT_PRELOAD_DIR,
	OPT_SHIM,
	OPT_CGROUP,
	OPT_UNPRIV,
	OPT_ALLOW,
	OPT_RUN_LIMIT,
	OPT_FOREGROUND,
	OPT_READY,
	OPT_HELP,
	OPT_VERSION
};

static const struct option options[] = {
	{"dir", required_argument, NULL, OPT_DIR},
	{"btf", required_argument, NULL, OPT_BTF},
	{"preload", required_argument, NULL, OPT_PRELOAD},
	{"preload-dir", required_argument, NULL, OPT_PRELOAD_DIR},
	{"shim", required_argument, NULL, OPT_SHIM},
	{"cgroup", required_argument, NULL, OPT_CGROUP},
	{"unpriv", required_argument, NULL, OPT_UNPRIV},
	{"allow-uid", required_argument, NULL, OPT_ALLOW},
	{"run-limit", required_argument, NULL, OPT_RUN_LIMIT},
	{"foreground", no_argument, NULL, OPT_FOREGROUND},
	{"ready-fd", required_argument, NULL, OPT_READY},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{},
};

static int number(const char *text, long max, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(text, &end, 10);
	return errno || end == text || *end || *out < 0 || *out > max ? -EINVAL : 0;
}

#define RUN_LIMIT_MAX 1000000.0 /* seconds */

/* Seconds, with a fraction if somebody wants to. */
static int milliseconds(const char *text, u32 *out)
{
	char *end;
	double s;

	errno = 0;
	s = strtod(text, &end);
	if (errno || end == text || *end || !(s >= 0 && s <= RUN_LIMIT_MAX))
		return -EINVAL;
	*out = s > 0 && s < 0.001 ? 1 : (u32)(s * 1000);
	return 0;
}

int options_parse(struct daemon *d, int argc, char **argv)
{
	int c = -1, err = 0;
	long n = 0;

	while (!err && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case OPT_DIR: d->dir = optarg; break;
		case OPT_BTF: d->btf = optarg; break;
		case OPT_PRELOAD: d->preload.driver = optarg; break;
		case OPT_PRELOAD_DIR: d->preload.dir = optarg; break;
		case OPT_SHIM: d->preload.shim = optarg; break;
		case OPT_CGROUP: d->cgroup_host = optarg; break;
		case OPT_UNPRIV:
			err = number(optarg, 2, &n);
			d->unpriv = n;
			break;
		case OPT_ALLOW:
			err = number(optarg, UINT_MAX - 1, &n);
			d->allow_uid = n;
			break;
		case OPT_RUN_LIMIT: err = milliseconds(optarg, &d->run_limit_ms); break;
		case OPT_FOREGROUND: d->foreground = true; break;
		case OPT_READY:
			err = number(optarg, INT_MAX, &n);
			d->ready_fd = n;
			break;
		case OPT_HELP: fputs(usage, stdout); return 1;
		case OPT_VERSION: puts("userbpfd " USERBPF_VERSION); return 1;
		default: err = -EINVAL;
		}
	}
	if (c == -1 && !err && optind == argc && d->dir)
		return 0;
	if (err && c != '?' && c != ':')
		daemon_say("%s: not a number that means something here; see userbpfd --help",
			   optarg);
	else if (!err && optind != argc)
		daemon_say("%s: not an option; see userbpfd --help", argv[optind]);
	else if (!err)
		daemon_say("--dir is missing; see userbpfd --help");
	return -EINVAL;
}

/* A part of ours: beside us in a build tree (<build>/src/daemon/userbpfd), else installed. NULL:
 * nowhere. */
static char *find_part(const char *in_build, const char *installed)
{
	char self[PATH_MAX], path[2 * PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		*slash = '\0';
		snprintf(path, sizeof(path), "%s/../%s", self, in_build);
		if (!access(path, R_OK))
			return realpath(path, NULL);
	}
	return access(installed, R_OK) ? NULL : strdup(installed);
}

static char *absolute(const char *path)
{
	char *p = path ? realpath(path, NULL) : NULL;

	return p ? p : path ? strdup(path) : NULL;
}

/* Fork and chdir come later, so everything is made absolute; these strings live as long as the
 * process. */
void options_find_parts(struct daemon *d)
{
	struct preload *p = &d->preload;

	d->btf = d->btf ? absolute(d->btf)
			: find_part("sys/vmlinux/vmlinux.btf", USERBPF_DATADIR "/vmlinux.btf");
	d->tracing = find_part("link/tracing", USERBPF_DATADIR "/tracing");
	if (!d->cgroup_host)
		d->cgroup_host = "/sys/fs/cgroup";
	else
		d->cgroup_host = strcmp(d->cgroup_host, "own") ? absolute(d->cgroup_host) : NULL;
	p->configured = !p->driver || strcmp(p->driver, "off");
	if (!p->configured)
		return;
	p->driver = p->driver ? absolute(p->driver)
			      : find_part("preload/userbpf-preload",
					  USERBPF_LIBEXECDIR "/userbpf-preload");
	p->shim = p->shim ? absolute(p->shim)
			  : find_part("shim/libuserbpf-preload.so",
				      USERBPF_LIBDIR "/libuserbpf-preload.so");
	p->dir = absolute(p->dir);
	p->configured = p->driver && p->shim;
	if (!p->configured)
		daemon_say("preload driver or shim library not found: bpffs instances start empty");
}

/* --- start --- */
