/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos.c - eight processes hammer a map of each kind through bpf(2), or through programs they run,
 * while one of them is killed every 20 ms. Nobody may see an element that nobody wrote, nobody may
 * hang or crash, and afterwards the map counts right, takes as many elements as it should, and has no
 * lock left.
 *   usage: chaos FILE.bpf.o SECONDS [KIND]      SECONDS per kind; prints "ok" or what went wrong
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <arpa/inet.h>
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

#define WORKERS	 8
#define KEYS	 256u /* as in chaos.bpf.c */
#define WORDS	 8
#define MAX_CPU	 64
#define MAGIC	 0xc0de000000000000ull
#define EVERY_MS 20
#define STUCK_MS \
	5000 /* on a busy machine a process may wait that long for its turn, hardly longer */

enum {
	KEYED = 1,
	PERCPU = 2,
	FIXED = 4,
	LRU = 8,
	LPM = 16,
	VALUES = 32,
	BLOOM = 64,
	PROGRAM = 128,
	RING = 256,
	WORD = 512 /* values of one word: they are replaced where they are */
};

static const struct kind {
	const char *name;
	uint32_t type, flags, what;
} kinds[] = {
	{"hash", BPF_MAP_TYPE_HASH, 0, KEYED},
	{"hash_word", BPF_MAP_TYPE_HASH, 0, KEYED | WORD},
	{"hash_no_prealloc", BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, KEYED},
	{"percpu_hash", BPF_MAP_TYPE_PERCPU_HASH, 0, KEYED | PERCPU},
	{"lru_hash", BPF_MAP_TYPE_LRU_HASH, 0, KEYED | LRU},
	{"lru_percpu_hash", BPF_MAP_TYPE_LRU_PERCPU_HASH, 0, KEYED | LRU | PERCPU},
	{"lpm_trie", BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, KEYED | LPM},
	{"lpm_word", BPF_MAP_TYPE_LPM_TRIE, BPF_F_NO_PREALLOC, KEYED | LPM | WORD},
	{"array", BPF_MAP_TYPE_ARRAY, 0, KEYED | FIXED},
	{"percpu_array", BPF_MAP_TYPE_PERCPU_ARRAY, 0, KEYED | FIXED | PERCPU},
	{"queue", BPF_MAP_TYPE_QUEUE, 0, VALUES},
	{"stack", BPF_MAP_TYPE_STACK, 0, VALUES},
	{"bloom_filter", BPF_MAP_TYPE_BLOOM_FILTER, 0, BLOOM},
	{"in_programs", BPF_MAP_TYPE_HASH, 0, KEYED | PROGRAM},
	{"ring", BPF_MAP_TYPE_RINGBUF, 0, RING},
};

struct key {
	uint32_t word[2];
};
struct value {
	uint64_t word[WORDS];
};

/* What workers tell, in memory of all. */
static struct shared {
	uint64_t ops[WORKERS];
	int wrong;
	char text[200];
} * shared;

struct chaos {
	const struct kind *kind;
	int fd, prog;
	uint32_t max;
	int words; /* of a value */
	unsigned int cpus;
	unsigned long kills, seen;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

static void complain(const struct chaos *c, const char *what, long a, long b)
{
	if (!__atomic_exchange_n(&shared->wrong, 1, __ATOMIC_SEQ_CST))
		snprintf(shared->text, sizeof(shared->text), "%s: %s (%ld, %ld)", c->kind->name,
			 what, a, b);
}

/* Prefixes have the number in their last byte, so that they hang on each other. */
static struct key key_of(const struct chaos *c, uint32_t n)
{
	return c->kind->what & LPM ? (struct key){{32, htonl(n)}} : (struct key){{n}};
}

static uint32_t number_of(const struct chaos *c, const struct key *k)
{
	return c->kind->what & LPM ? ntohl(k->word[1]) : k->word[0];
}

static void fill(const struct chaos *c, struct value *v, uint32_t n)
{
	for (unsigned int cpu = 0; cpu < c->cpus; cpu++)
		for (int i = 0; i < c->words; i++)
			v[cpu].word[i] = MAGIC | (uint64_t)n << 32 | i;
}

/* Copies may tear between two writers of the same key, but each word is somebody's for this key. */
static void check_value(const struct chaos *c, const struct value *v, uint32_t n)
{
	for (unsigned int cpu = 0; cpu < c->cpus; cpu++)
		for (int i = 0; i < c->words; i++) {
			uint64_t w = v[cpu].word[i], want = MAGIC | (uint64_t)n << 32 | i;

			if (w != want && !(c->kind->what & FIXED && !w))
				complain(c, "a value that nobody wrote", n, (long)w);
		}
}

/* Values without keys: all of it is one writer's. */
static void check_whole_value(const struct chaos *c, const struct value *v)
{
	uint32_t n = v->word[0] >> 32 & 0xffff;

	if (n >= KEYS)
		complain(c, "a value that nobody wrote", n, (long)v->word[0]);
	else
		check_value(c, v, n);
}

/* --- a worker --- */

static void some_keyed(const struct chaos *c, uint32_t n, uint32_t what)
{
	struct value v[MAX_CPU];
	struct key k = key_of(c, n), next;
	int err;

	switch (what % 8) {
	case 0:
	case 1:
	case 2:
		fill(c, v, n);
		err = bpf_map_update_elem(c->fd, &k, v, what & 8 ? BPF_ANY : BPF_EXIST);
		if (err && err != -E2BIG && err != -ENOSPC && err != -ENOENT && err != -EBUSY &&
		    err != -ENOMEM)
			complain(c, "update", err, n);
		break;
	case 3:
	case 4:
		err = bpf_map_delete_elem(c->fd, &k);
		if (err && err != -ENOENT && err != -EBUSY && !(c->kind->what & FIXED))
			complain(c, "delete", err, n);
		break;
	case 5:
		err = bpf_map_lookup_and_delete_elem(c->fd, &k, v);
		if (!err)
			check_value(c, v, n);
		break;
	case 6:
		err = bpf_map_get_next_key(c->fd, &k, &next);
		if (!err && number_of(c, &next) >= KEYS)
			complain(c, "a key that nobody wrote", number_of(c, &next), n);
		break;
	default:
		if (!bpf_map_lookup_elem(c->fd, &k, v))
			check_value(c, v, n);
	}
}

static void some_value(const struct chaos *c, uint32_t n, uint32_t what)
{
	struct value v;
	int err;

	if (what & 1) {
		fill(c, &v, n);
		err = bpf_map_update_elem(c->fd, NULL, &v, what & 2 ? BPF_EXIST : BPF_ANY);
		if (err && err != -E2BIG && err != -EBUSY)
			complain(c, "push", err, n);
		return;
	}
	err = what & 2 ? bpf_map_lookup_elem(c->fd, NULL, &v)
		       : bpf_map_lookup_and_delete_elem(c->fd, NULL, &v);
	if (!err)
		check_whole_value(c, &v);
	else if (err != -ENOENT && err != -EBUSY)
		complain(c, "pop", err, n);
}

static void some_bloom(const struct chaos *c, uint32_t n)
{
	struct value v;

	fill(c, &v, n);
	if (bpf_map_update_elem(c->fd, NULL, &v, BPF_ANY))
		complain(c, "push", errno, n);
	if (bpf_map_lookup_elem(c->fd, NULL, &v))
		complain(c, "a value that was pushed is missing", errno, n);
}

static int run(const struct chaos *c, unsigned int times)
{
	char packet[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = times);

	return bpf_prog_test_run_opts(c->prog, &opts);
}

static void work(const struct chaos *c, int me)
{
	uint32_t seed = getpid() * 2654435761u;

	for (;;) {
		uint32_t n, what;

		seed = seed * 1664525 + 1013904223;
		n = seed >> 8 & (KEYS - 1);
		what = seed >> 20;
		if (c->kind->what & (PROGRAM | RING) && (what & 3 || c->kind->what & RING))
			run(c, 20);
		else if (c->kind->what & KEYED)
			some_keyed(c, n, what);
		else if (c->kind->what & VALUES)
			some_value(c, n, what);
		else
			some_bloom(c, n);
		shared->ops[me]++;
	}
}

/* --- the one who kills, reads and counts --- */

static int on_record(void *arg, void *data, size_t size)
{
	struct chaos *c = arg;

	if (size != sizeof(struct value))
		complain(c, "a record's size", size, 0);
	else
		check_whole_value(c, data);
	c->seen++;
	return 0;
}

static void start(const struct chaos *c, pid_t *pids, int i)
{
	pids[i] = fork();
	if (!pids[i])
		work(c, i);
}

static void hammer(struct chaos *c, struct ring_buffer *rb, double seconds)
{
	uint64_t end = now_ms() + seconds * 1000, last[WORKERS], done[WORKERS] = {0},
		 seen_at = now_ms();
	pid_t pids[WORKERS];
	unsigned long seen = 0;

	memset(shared->ops, 0, sizeof(shared->ops));
	for (int i = 0; i < WORKERS; i++) {
		start(c, pids, i);
		last[i] = now_ms();
	}
	while (now_ms() < end && !shared->wrong) {
		int victim = random() % WORKERS;

		if (rb)
			ring_buffer__poll(rb, EVERY_MS);
		else
			usleep(EVERY_MS * 1000);
		if (c->seen != seen)
			seen = c->seen, seen_at = now_ms();
		else if (rb && now_ms() - seen_at > STUCK_MS)
			complain(c, "no more records", seen, 0);
		for (int i = 0; i < WORKERS; i++) {
			if (waitpid(pids[i], NULL, WNOHANG))
				complain(c, "a process crashed", i, 0);
			if (shared->ops[i] != done[i])
				done[i] = shared->ops[i], last[i] = now_ms();
			else if (now_ms() - last[i] > STUCK_MS)
				complain(c, "a process hangs", i, done[i]);
		}
		kill(pids[victim], SIGKILL);
		waitpid(pids[victim], NULL, 0);
		c->kills++;
		start(c, pids, victim);
		last[victim] = now_ms();
	}
	for (int i = 0; i < WORKERS; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < WORKERS; i++)
		waitpid(pids[i], NULL, 0);
}

/* How many elements a walk finds; each is found by its key, too. */
static uint32_t count(const struct chaos *c)
{
	struct value v[MAX_CPU];
	struct key k, next;
	uint32_t n = 0;

	for (int err = bpf_map_get_next_key(c->fd, NULL, &next); !err && n <= KEYS; n++) {
		k = next;
		if (bpf_map_lookup_elem(c->fd, &k, v))
			complain(c, "a key of the walk is not found", number_of(c, &k), errno);
		else
			check_value(c, v, number_of(c, &k));
		err = bpf_map_get_next_key(c->fd, &k, &next);
	}
	return n;
}

static void check_keyed(const struct chaos *c)
{
	int full = c->kind->what & LPM ? -ENOSPC : -E2BIG, err;
	struct value v[MAX_CPU];
	uint32_t found = 0, n = count(c);
	struct key k;

	for (uint32_t i = 0; i < KEYS; i++) {
		k = key_of(c, i);
		found += !bpf_map_lookup_elem(c->fd, &k, v);
	}
	if (found != n || n > c->max)
		complain(c, "a walk and look-ups count differently", n, found);
	if (c->kind->what & FIXED)
		return;
	for (uint32_t i = 0; i < KEYS; i++) {
		k = key_of(c, i);
		err = bpf_map_delete_elem(c->fd, &k);
		if (err && err != -ENOENT)
			complain(c, "delete afterwards", err, i);
	}
	if (count(c))
		complain(c, "an empty map has elements", count(c), 0);
	for (uint32_t i = 0; i <= c->max; i++) {
		k = key_of(c, i);
		fill(c, v, i);
		err = bpf_map_update_elem(c->fd, &k, v, BPF_NOEXIST);
		if (err != (i < c->max || c->kind->what & LRU ? 0 : full))
			complain(c, "filling it afterwards", i, err);
	}
	if (count(c) != c->max)
		complain(c, "a full map's elements", count(c), c->max);
}

static void check_values(const struct chaos *c)
{
	struct value v;
	uint32_t n = 0;
	int err;

	for (; !bpf_map_lookup_and_delete_elem(c->fd, NULL, &v); n++)
		check_whole_value(c, &v);
	if (n > c->max)
		complain(c, "more elements than there can be", n, c->max);
	for (n = 0; n <= c->max; n++) {
		fill(c, &v, n);
		err = bpf_map_update_elem(c->fd, NULL, &v, BPF_ANY);
		if (err != (n < c->max ? 0 : -E2BIG))
			complain(c, "filling it afterwards", n, err);
	}
}

/* A process that runs programs, not killed: everything it writes arrives. */
static void check_ring(struct chaos *c, struct ring_buffer *rb)
{
	uint64_t end = now_ms() + STUCK_MS;
	unsigned long before;

	while (ring_buffer__poll(rb, 1500) >
	       0) /* what the dead left, until the service has looked */
		;
	before = c->seen;
	while (c->seen == before && now_ms() < end) {
		run(c, 1); /* finds no room as long as what the dead left is there */
		ring_buffer__poll(rb, 50);
	}
	if (c->seen == before)
		complain(c, "no record arrives afterwards", before, 0);
}

static void one(const struct kind *k, struct bpf_object *obj, double seconds)
{
	struct chaos c = {
		.kind = k, .max = KEYS / 2, .cpus = 1, .words = k->what & WORD ? 1 : WORDS};
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = k->flags);
	struct ring_buffer *rb = NULL;
	uint64_t t;

	if (k->what & PERCPU)
		c.cpus =
			libbpf_num_possible_cpus() < MAX_CPU ? libbpf_num_possible_cpus() : MAX_CPU;
	if (k->what & FIXED)
		c.max = KEYS;
	if (k->what & (PROGRAM | RING)) {
		c.fd = bpf_object__find_map_fd_by_name(obj, k->name);
		c.prog = bpf_program__fd(bpf_object__find_program_by_name(
			obj, k->what & RING ? "records" : "update"));
	} else {
		c.fd = bpf_map_create(k->type, "chaos",
				      !(k->what & KEYED) ? 0
				      : k->what & LPM	 ? 8
							 : 4,
				      c.words * sizeof(uint64_t), c.max, &opts);
	}
	if (c.fd < 0) {
		complain(&c, "no map", c.fd, 0);
		return;
	}
	if (k->what & RING)
		rb = ring_buffer__new(c.fd, on_record, &c, NULL);
	hammer(&c, rb, seconds);
	t = now_ms();
	if (rb)
		check_ring(&c, rb);
	else if (k->what & KEYED)
		check_keyed(&c);
	else if (k->what & VALUES)
		check_values(&c);
	else
		some_bloom(&c, 7);
	if (now_ms() - t > STUCK_MS * 2)
		complain(&c, "slow afterwards, ms", now_ms() - t, 0);
	if (getenv("CHAOS_VERBOSE"))
		fprintf(stderr, "%s: %lu kills\n", k->name, c.kills);
	ring_buffer__free(rb);
	if (!(k->what & (PROGRAM | RING)))
		close(c.fd);
}

int main(int argc, char **argv)
{
	double seconds = argc > 2 ? atof(argv[2]) : 1;
	struct bpf_object *obj = argc > 1 ? bpf_object__open_file(argv[1], NULL) : NULL;

	if (!obj || bpf_object__load(obj)) {
		printf("%s cannot be loaded\n", argc > 1 ? argv[1] : "no object");
		return 1;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds) && !shared->wrong; i++)
		if (argc < 4 || !strcmp(argv[3], kinds[i].name))
			one(&kinds[i], obj, seconds);
	puts(shared->wrong ? shared->text : "ok");
	bpf_object__close(obj);
	return shared->wrong;
}
