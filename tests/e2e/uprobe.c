// SPDX-License-Identifier: BSD-2-Clause
/*
 * uprobe.c - attaches the programs of uprobe.bpf.o with plain libbpf and says what they saw.
 *
 *	uprobe OBJECT PROBE... -- COMMAND...    runs the command; then a line per cookie
 *	uprobe OBJECT PROBE... -N               attaches and detaches N times
 *	uprobe OBJECT PROBE... -                reads lines from standard input: any: a line per cookie, end: ends
 *
 * PROBE: KIND,COOKIE,PID,FILE,WHAT
 *	u, r    uprobe, uretprobe; WHAT is a function of FILE, or 0xOFFSET in it; PID 0: all
 *	p       uprobe of a program that calls no helper, and counts nothing here
 *	w       the same, with a copy that compiled code does in wide steps
 *	t       USDT; WHAT is PROVIDER:NAME
 *	e, x    tracepoint of a system call, entry and exit; FILE is the category, WHAT the event
 *	k, K    kprobe, kretprobe on the function WHAT of a system call
 *	s       samples: FILE is task or cpu (which clock), WHAT the frequency
 *
 * COOKIE hits=N pid=P args=A,B,C ret=R
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct seen {
	__u64 hits, pid, args[3], ret, ip;
};

static int fail(const char *what, long err)
{
	fprintf(stderr, "uprobe: %s: %s\n", what, strerror(err < 0 ? -err : err));
	return 1;
}

static struct bpf_link *attach_sample(struct bpf_program *prog, int pid, const char *clock,
				      int freq, __u64 cookie)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = *clock == 't' ? PERF_COUNT_SW_TASK_CLOCK
							       : PERF_COUNT_SW_CPU_CLOCK,
				       .freq = 1,
				       .sample_freq = freq};
	LIBBPF_OPTS(bpf_perf_event_opts, opts, .bpf_cookie = cookie);
	int fd = syscall(SYS_perf_event_open, &attr, pid, pid > 0 ? -1 : 0, -1,
			 PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? NULL : bpf_program__attach_perf_event_opts(prog, fd, &opts);
}

static struct bpf_link *attach(struct bpf_object *obj, char *text)
{
	char *save, *kind = strtok_r(text, ",", &save), *cookie = strtok_r(NULL, ",", &save),
		    *pid = strtok_r(NULL, ",", &save), *file = strtok_r(NULL, ",", &save),
		    *what = strtok_r(NULL, "", &save), *name;
	LIBBPF_OPTS(bpf_uprobe_opts, uo);
	LIBBPF_OPTS(bpf_usdt_opts, to);
	LIBBPF_OPTS(bpf_kprobe_opts, ko);
	LIBBPF_OPTS(bpf_tracepoint_opts, tpo);
	size_t off = 0;
	int p;

	if (!what) {
		errno = EINVAL;
		return NULL;
	}
	p = atoi(pid) ? atoi(pid) : -1;
	ko.bpf_cookie = tpo.bpf_cookie = strtoull(cookie, NULL, 0);
	ko.retprobe = *kind == 'K';
	switch (*kind) {
	case 'e':
	case 'x':
		return bpf_program__attach_tracepoint_opts(
			bpf_object__find_program_by_name(obj, *kind == 'e' ? "on_sys_enter"
									   : "on_sys_exit"),
			file, what, &tpo);
	case 'k':
	case 'K':
		return bpf_program__attach_kprobe_opts(
			bpf_object__find_program_by_name(obj, ko.retprobe ? "on_return"
									  : "on_sys_kprobe"),
			what, &ko);
	case 's':
		return attach_sample(bpf_object__find_program_by_name(obj, "on_sample"), p, file,
				     atoi(what), strtoull(cookie, NULL, 0));
	}
	if (*kind == 't') {
		name = strchr(what, ':');
		*name++ = '\0';
		to.usdt_cookie = strtoull(cookie, NULL, 0);
		return bpf_program__attach_usdt(bpf_object__find_program_by_name(obj, "on_usdt"), p,
						file, what, name, &to);
	}
	uo.retprobe = *kind == 'r';
	uo.bpf_cookie = strtoull(cookie, NULL, 0);
	if (!strncmp(what, "0x", 2))
		off = strtoull(what, NULL, 16);
	else
		uo.func_name = what;
	return bpf_program__attach_uprobe_opts(
		bpf_object__find_program_by_name(obj, uo.retprobe    ? "on_return"
						      : *kind == 'p' ? "on_plain"
						      : *kind == 'w' ? "on_wide"
								     : "on_entry"),
		p, file, off, &uo);
}

static int by_cookie(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void report(int map)
{
	__u64 keys[1024], key, *prev = NULL;
	struct seen s;
	int n = 0;

	while (n < 1024 && !bpf_map_get_next_key(map, prev, &key)) {
		keys[n] = key;
		prev = &keys[n++];
	}
	qsort(keys, n, sizeof(keys[0]), by_cookie);
	for (int i = 0; i < n; i++)
		if (!bpf_map_lookup_elem(map, &keys[i], &s))
			printf("%llu hits=%llu pid=%llu args=%llu,%llu,%llu ret=%lld\n", keys[i],
			       s.hits, s.pid, s.args[0], s.args[1], s.args[2], (long long)s.ret);
	fflush(stdout);
}

/* As often as 20 times a second. */
static int cycles(struct bpf_object *obj, char **probes, int n, int times)
{
	struct bpf_link *link;
	char text[1024];

	while (times--) {
		for (int i = 0; i < n; i++) {
			snprintf(text, sizeof(text), "%s", probes[i]);
			link = attach(obj, text);
			if (!link)
				return fail(probes[i], errno);
			bpf_link__destroy(link);
		}
		usleep(10000);
	}
	return 0;
}

static int run(char **argv)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		execvp(argv[0], argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	struct bpf_link *links[512];
	int nr = 0, i = 2, map, status = 0;
	struct bpf_object *obj;
	char line[256];

	obj = argc > 2 ? bpf_object__open_file(argv[1], NULL) : NULL;
	if (!obj || bpf_object__load(obj))
		return fail("load", errno);
	if (argc > 3 && argv[argc - 1][0] == '-' && atoi(argv[argc - 1] + 1))
		return cycles(obj, argv + 2, argc - 3, atoi(argv[argc - 1] + 1));
	for (; i < argc && argv[i][0] != '-'; i++) {
		links[nr] = attach(obj, argv[i]);
		if (!links[nr++])
			return fail(argv[i], errno);
	}
	map = bpf_object__find_map_fd_by_name(obj, "seen");
	if (i < argc && !strcmp(argv[i], "--") && argv[i + 1]) {
		status = run(argv + i + 1);
		report(map);
	} else {
		printf("attached\n");
		fflush(stdout);
		while (fgets(line, sizeof(line), stdin)) {
			report(map);
			printf(".\n");
			fflush(stdout);
		}
	}
	while (nr)
		bpf_link__destroy(links[--nr]);
	bpf_object__close(obj);
	return status;
}
