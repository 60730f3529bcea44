/* SPDX-License-Identifier: BSD-2-Clause */
/* map.c - `userbpf map top`: two answers of the service (MSG_MAP_TOP), and what happened in between. */
#include <getopt.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "cli/cli.h"

struct sample {
	struct msg_map_top *map;
	u32 nr;
	double at; /* seconds */
};

struct row {
	const struct msg_map_top *map;
	double rate[MAP_COUNTS], all;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int take(struct cli *cli, struct sample *s)
{
	struct client_req req = {.type = MSG_MAP_TOP};
	struct client_reply reply;
	int err = client_call(&cli->client, &req, &reply);

	if (err)
		return err;
	err = reply.result < 0 ? reply.result : 0;
	free(s->map);
	s->nr = reply.len / sizeof(*s->map);
	s->map = malloc(reply.len + 1);
	s->at = now();
	if (s->map)
		memcpy(s->map, reply.body, s->nr * sizeof(*s->map));
	else
		err = -ENOMEM;
	client_done(&reply);
	return err;
}

static const struct msg_map_top *find(const struct sample *s, u32 id)
{
	for (u32 i = 0; i < s->nr; i++)
		if (s->map[i].id == id)
			return &s->map[i];
	return NULL;
}

static void fill(struct row *r, const struct msg_map_top *map, const struct msg_map_top *before,
		 double seconds)
{
	*r = (struct row){.map = map};
	for (u32 i = 0; i < MAP_COUNTS; i++) {
		u64 n = map->count[i], old = before ? before->count[i] : 0;

		r->rate[i] = n > old ? (n - old) / seconds : 0;
		r->all += r->rate[i];
	}
}

static int busiest_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->all != y->all)
		return x->all < y->all ? 1 : -1;
	return x->map->id < y->map->id ? -1 : x->map->id > y->map->id;
}

static void print_json(const struct row *row, u32 nr)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '[');
	for (u32 i = 0; i < nr; i++) {
		const struct msg_map_top *m = row[i].map;

		json_open(&j, NULL, '{');
		json_num(&j, "id", m->id);
		json_str(&j, "name", m->name);
		json_str(&j, "kind", m->kind);
		json_num(&j, "lookups_per_s", (long long)row[i].rate[MAP_LOOKUPS]);
		json_num(&j, "updates_per_s", (long long)row[i].rate[MAP_UPDATES]);
		json_num(&j, "deletes_per_s", (long long)row[i].rate[MAP_DELETES]);
		json_num(&j, "elements", (long long)m->used);
		json_num(&j, "max_entries", m->max_entries);
		json_num(&j, "memory", (long long)m->memory);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	putchar('\n');
}

static void print_table(const struct row *row, u32 nr, u32 lines)
{
	printf("%6s %-15s %-16s %10s %10s %10s %12s %12s %4s %9s\n", "ID", "NAME", "KIND",
	       "LOOKUP/s", "UPDATE/s", "DELETE/s", "ELEMENTS", "MAX", "%", "KiB");
	for (u32 i = 0; i < nr && i < lines; i++) {
		const struct msg_map_top *m = row[i].map;

		printf("%6u %-15.15s %-16.16s %10.0f %10.0f %10.0f %12llu %12u %4.0f %9llu\n",
		       m->id, m->name, m->kind, row[i].rate[MAP_LOOKUPS], row[i].rate[MAP_UPDATES],
		       row[i].rate[MAP_DELETES], (unsigned long long)m->used, m->max_entries,
		       m->max_entries ? 100.0 * m->used / m->max_entries : 0,
		       (unsigned long long)m->memory / 1024);
	}
}

static int show(const struct cli *cli, const struct sample *old, const struct sample *new,
		bool live)
{
	struct row *row = calloc(new->nr + 1, sizeof(*row));

	if (!row)
		return -ENOMEM;
	for (u32 i = 0; i < new->nr; i++)
		fill(&row[i], &new->map[i], find(old, new->map[i].id), new->at - old->at);
	qsort(row, new->nr, sizeof(*row), busiest_first);
	if (live)
		fputs("\033[H\033[2J", stdout);
	if (cli->json)
		print_json(row, new->nr);
	else
		print_table(row, new->nr, live ? 40 : UINT32_MAX);
	fflush(stdout);
	free(row);
	return 0;
}

static int top(struct cli *cli, double interval, bool once)
{
	bool live = !once && !cli->json && isatty(STDOUT_FILENO);
	struct sample s[2] = {0};
	int err = take(cli, &s[0]);

	for (u32 i = 0; !err; i ^= 1) {
		usleep((useconds_t)(interval * 1e6));
		err = take(cli, &s[!i]);
		if (!err)
			err = show(cli, &s[i], &s[!i], live);
		if (once)
			break;
	}
	free(s[0].map);
	free(s[1].map);
	return err ? cli_fail("the service does not answer: %s; see %s/log", strerror(-err),
			      cli->dir)
		   : 0;
}

int cmd_map(struct cli *cli, int argc, char **argv)
{
	const struct cli_cmd *cmd = cli_cmd_by_name("map");
	double interval = 1;
	bool once = false;
	int c, status;

	while ((c = cli_getopt(cli, cmd, argc, argv)) != -1) {
		if (c == 'O')
			once = true;
		else if (c == 'I')
			interval = atof(optarg);
		else
			return EXIT_USAGE;
	}
	if (optind + 1 != argc || strcmp(argv[optind], "top"))
		return cli_usage("map wants what to do: top; see `userbpf help map`");
	if (!(interval >= 0.01 && interval <= 3600))
		return cli_usage("--interval is in seconds, from 0.01 to 3600");
	status = cli_service(cli);
	return status ? status : top(cli, interval, once);
}
