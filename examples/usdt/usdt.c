// SPDX-License-Identifier: BSD-2-Clause
/*
 * usdt - hits of USDT probes with their arguments, a line each:
 *
 *	userbpf run usdt usdt.bpf.o SECONDS PID FILE:PROVIDER:NAME[:FORMAT]...
 *
 * PID 0: of all processes. FORMAT has a letter per argument: s string, d signed, u unsigned, x hexadecimal (what is not said is d).
 * E.g. usdt.bpf.o 10 0 /usr/bin/python3:python:function__entry:ssd. readelf -n FILE says which probes there are. Unchanged on a
 * kernel.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "usdt.h"

#define PLACES 64

/* As on the command line, taken apart. */
struct named {
	char *file, *provider, *name;
};

static struct named named[PLACES];
static struct place places[PLACES];

static int parse(char *arg, struct named *n, struct place *p)
{
	char *format;

	n->file = arg;
	n->provider = strchr(arg, ':');
	n->name = n->provider ? strchr(n->provider + 1, ':') : NULL;
	if (!n->name)
		return -EINVAL;
	*n->provider++ = '\0';
	*n->name++ = '\0';
	format = strchr(n->name, ':');
	memset(p->format, 'd', sizeof(p->format));
	if (!format)
		return 0;
	*format++ = '\0';
	if (strlen(format) > ARGS || strspn(format, "sdux") != strlen(format))
		return -EINVAL;
	memcpy(p->format, format, strlen(format));
	return 0;
}

static void print_arg(char how, unsigned long long v, const char *text)
{
	switch (how) {
	case 's': printf("\"%s\"", text); break;
	case 'u': printf("%llu", v); break;
	case 'x': printf("%#llx", v); break;
	default: printf("%lld", (long long)v);
	}
}

static int on_hit(void *arg, void *data, size_t size)
{
	const struct hit *h = data;
	const struct named *n = &named[h->place];

	printf("%llu.%06llu %-16s %u %s:%s(", h->ns / 1000000000, h->ns / 1000 % 1000000, h->comm,
	       h->tid, n->provider, n->name);
	for (unsigned int i = 0; i < h->nr_args && i < ARGS; i++) {
		if (i)
			printf(", ");
		print_arg(places[h->place].format[i], h->value[i], h->text[i]);
	}
	puts(")");
	return 0;
}

static struct bpf_link *links[PLACES];

static int attach(struct bpf_object *obj, int pid, char *arg, unsigned int i)
{
	LIBBPF_OPTS(bpf_usdt_opts, opts, .usdt_cookie = i);
	int err = parse(arg, &named[i], &places[i]);

	if (err)
		return err;
	if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(obj, "places"), &i, &places[i],
				BPF_ANY))
		return -errno;
	links[i] = bpf_program__attach_usdt(bpf_object__find_program_by_name(obj, "probe"),
					    pid ? pid : -1, named[i].file, named[i].provider,
					    named[i].name, &opts);
	return links[i] ? 0 : -errno;
}

static unsigned long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	unsigned long long until, lost;
	unsigned int zero = 0;
	struct ring_buffer *rb;
	struct bpf_object *obj;

	if (argc < 5 || argc > 4 + PLACES) {
		fprintf(stderr, "usage: usdt OBJECT SECONDS PID FILE:PROVIDER:NAME[:FORMAT]...\n");
		return 2;
	}
	obj = bpf_object__open_file(argv[1], NULL);
	if (!obj || bpf_object__load(obj)) {
		fprintf(stderr, "usdt: cannot load %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	for (int i = 4; i < argc; i++) {
		int err = attach(obj, atoi(argv[3]), argv[i], i - 4);

		if (err) {
			fprintf(stderr, "usdt: %s: %s\n", argv[i], strerror(-err));
			return 1;
		}
	}
	rb = ring_buffer__new(bpf_object__find_map_fd_by_name(obj, "hits"), on_hit, NULL, NULL);
	if (!rb) {
		fprintf(stderr, "usdt: %s\n", strerror(errno));
		return 1;
	}
	printf("attached\n");
	for (until = now() + atof(argv[2]) * 1000; now() < until;) {
		fflush(stdout);
		ring_buffer__poll(rb, 100);
	}
	for (int i = 4; i < argc; i++)
		bpf_link__destroy(links[i - 4]);
	ring_buffer__consume(rb);
	if (!bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(obj, "lost"), &zero, &lost) &&
	    lost)
		fprintf(stderr, "usdt: %llu hits lost\n", lost);
	ring_buffer__free(rb);
	bpf_object__close(obj);
	return 0;
}
