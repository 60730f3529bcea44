/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile.c - a process that may write some maps writes random bytes all over their memory, as fast as it
 * can. Meanwhile others go on: bpf(2) on the elements (answered here and, for batches, by the
 * service), programs, readers of a ring buffer, iterators in the service. They may be told anything
 * about those maps, but they come back, touch nothing else, and a map that the peer has no part in is as
 * it should be.
 *   usage: hostile FILE.bpf.o SECONDS      prints "ok" or what went wrong
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STUCK_MS 8000 /* for one round; a lock that is never free costs half a second each */
#define MAX_FDS	 32
#define ROOM	 (64 * 64)

enum { ELEMENTS, BATCHES, PROGRAMS, ITERATORS, READER, OWN, NR_USERS };
static const char *const names[] = {"elements",	 "batches", "programs",
				    "iterators", "reader",  "a map of its own"};

static struct shared {
	uint64_t rounds[NR_USERS], writes;
	char text[200];
} * shared;

static struct bpf_object *obj;
static int fds[MAX_FDS], nr_fds, prog, iter, ring;
static uint32_t seed;

static uint32_t rnd(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

static void complain(const char *what, long a)
{
	if (!shared->text[0])
		snprintf(shared->text, sizeof(shared->text), "%s (%ld)", what, a);
}

/* --- the peer: all memory of maps that this process has mapped writable --- */

static void scribble(void)
{
	struct {
		uint32_t *at;
		size_t words;
	} maps[64];
	unsigned long from, to;
	int nr = 0, key = 0;
	char line[512], prot[8], value[ROOM];
	FILE *f;

	for (int i = 0; i < nr_fds; i++) /* so that they are mapped */
		bpf_map_lookup_elem(fds[i], &key, value);
	f = fopen("/proc/self/maps", "r");
	while (f && fgets(line, sizeof(line), f) && nr < 64)
		if (sscanf(line, "%lx-%lx %7s", &from, &to, prot) == 3 && prot[1] == 'w' &&
		    strstr(line, "memfd:bpf-map")) {
			maps[nr].at = (void *)from;
			maps[nr++].words = (to - from) / 4;
		}
	if (f)
		fclose(f);
	if (nr < 8)
		complain("the peer sees no maps", nr);
	for (;;) {
		int m = rnd() % nr;
		size_t at = (rnd() ^ (size_t)rnd() << 13) % maps[m].words;

		if (rnd() & 1) /* headers and locks are where it hurts */
			at %= 2048 < maps[m].words ? 2048 : maps[m].words;
		maps[m].at[at] = rnd() & 1   ? rnd() & 0xff
				 : rnd() & 2 ? 0x80000000u | (rnd() & 0xff)
					     : rnd() * 2654435761u;
		shared->writes++;
		if (!(rnd() & 0xfff))
			usleep(1000); /* others want to get somewhere now and then */
	}
}

/* --- those who go on --- */

static void elements(void)
{
	char key[64] = {0}, next[64], value[ROOM];
	int fd = fds[rnd() % nr_fds];

	key[0] = rnd();
	memset(value, rnd(), sizeof(value));
	switch (rnd() % 5) {
	case 0: bpf_map_update_elem(fd, key, value, BPF_ANY); break;
	case 1: bpf_map_delete_elem(fd, key); break;
	case 2: bpf_map_lookup_and_delete_elem(fd, key, value); break;
	case 3: bpf_map_get_next_key(fd, rnd() & 1 ? key : NULL, next); break;
	default: bpf_map_lookup_elem(fd, key, value);
	}
}

static void batches(void)
{
	static char keys[64 * 64], values[64 * ROOM];
	char in[64] = {0}, out[64];
	uint32_t n = 64;
	int fd = fds[rnd() % nr_fds];

	switch (rnd() % 3) {
	case 0: bpf_map_lookup_batch(fd, NULL, out, keys, values, &n, NULL); break;
	case 1: bpf_map_lookup_batch(fd, in, out, keys, values, &n, NULL); break;
	default: bpf_map_lookup_and_delete_batch(fd, NULL, out, keys, values, &n, NULL);
	}
}

static void programs(void)
{
	char packet[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));

	if (bpf_prog_test_run_opts(prog, &opts))
		complain("test run", errno);
}

static void iterators(void)
{
	union bpf_iter_link_info info = {.map.map_fd = fds[rnd() % 6]};
	LIBBPF_OPTS(bpf_link_create_opts, opts, .iter_info = &info, .iter_info_len = sizeof(info));
	int link = bpf_link_create(iter, 0, BPF_TRACE_ITER, &opts), fd;
	char buf[4096];

	if (link < 0)
		return;
	fd = bpf_iter_create(link);
	while (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
		;
	close(fd);
	close(link);
}

static int on_record(void *ctx, void *data, size_t size)
{
	return 0;
}

/* The reader of unmodified libbpf believes what the ring says: only its positions are looked at here. */
static void reader(void)
{
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	(void)on_record;
	if (bpf_obj_get_info_by_fd(ring, &info, &len))
		complain("info", errno);
	usleep(1000);
}

static void own(void)
{
	static int fd = -1;
	uint32_t key = rnd() % 64;
	uint64_t value = key * 77, got;

	if (fd < 0)
		fd = bpf_map_create(BPF_MAP_TYPE_HASH, "own", 4, 8, 64, NULL);
	if (bpf_map_update_elem(fd, &key, &value, BPF_ANY) || bpf_map_lookup_elem(fd, &key, &got) ||
	    got != value)
		complain("a map that the peer has no part in", errno);
}

static void (*const users[])(void) = {elements, batches, programs, iterators, reader, own};

static pid_t start(int user)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	seed = getpid() * 2654435761u;
	if (user == NR_USERS)
		scribble();
	for (;; shared->rounds[user]++)
		users[user]();
}

static int open_all(const char *path)
{
	struct bpf_map *map;

	obj = bpf_object__open_file(path, NULL);
	if (!obj || bpf_object__load(obj))
		return -1;
	prog = bpf_program__fd(bpf_object__find_program_by_name(obj, "touch"));
	iter = bpf_program__fd(bpf_object__find_program_by_name(obj, "elements"));
	bpf_object__for_each_map(map, obj)
	{
		if (!strcmp(bpf_map__name(map), "ring"))
			ring = bpf_map__fd(map);
		if (nr_fds < MAX_FDS)
			fds[nr_fds++] = bpf_map__fd(map);
	}
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t end, last[NR_USERS], done[NR_USERS] = {0};
	pid_t pids[NR_USERS + 1];

	if (argc < 3 || open_all(argv[1])) {
		puts("no object");
		return 1;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	for (int i = 0; i <= NR_USERS; i++)
		pids[i] = start(i);
	for (int i = 0; i < NR_USERS; i++)
		last[i] = now_ms();
	end = now_ms() + atof(argv[2]) * 1000;
	while (now_ms() < end && !shared->text[0]) {
		usleep(20000);
		for (int i = 0; i < NR_USERS; i++) {
			int status;

			if (waitpid(pids[i], &status, WNOHANG))
				complain(names[i], -1);
			if (shared->rounds[i] != done[i])
				done[i] = shared->rounds[i], last[i] = now_ms();
			else if (now_ms() - last[i] > STUCK_MS)
				complain(names[i], done[i]);
		}
	}
	for (int i = 0; i <= NR_USERS; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	for (int i = 0; i < NR_USERS; i++) {
		if (getenv("CHAOS_VERBOSE"))
			fprintf(stderr, "%s: %lu\n", names[i], (unsigned long)shared->rounds[i]);
		if (!shared->rounds[i])
			complain(names[i], 0);
	}
	if (getenv("CHAOS_VERBOSE"))
		fprintf(stderr, "the peer: %lu\n", (unsigned long)shared->writes);
	puts(shared->text[0] ? shared->text : "ok");
	bpf_object__close(obj);
	return !!shared->text[0];
}
