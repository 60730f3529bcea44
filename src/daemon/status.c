/* SPDX-License-Identifier: BSD-2-Clause */
/* status.c - `userbpf status`: one list of facts, written as text or as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "daemon/agent.h"
#include "daemon/daemon.h"
#include "link/probe.h"

static const char *const kinds[OBJ_KINDS] = {"programs", "maps", "links", "btfs"};

struct facts {
	u64 uptime, memory_kib, served, runs_ended;
	u32 run_limit_ms, clients, handles, mounts, count[OBJ_KINDS];
	char preload[320];
	bool preload_ok;
};

static u64 resident_kib(void)
{
	unsigned long total, resident;
	FILE *f = fopen("/proc/self/statm", "re");
	u64 kib = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%lu %lu", &total, &resident) == 2)
		kib = (u64)resident * sysconf(_SC_PAGESIZE) / 1024;
	fclose(f);
	return kib;
}

static void gather(struct daemon *d, struct facts *f)
{
	struct timespec now;

	memset(f, 0, sizeof(*f));
	clock_gettime(CLOCK_MONOTONIC, &now);
	f->uptime = now.tv_sec - d->started.tv_sec;
	f->memory_kib = resident_kib();
	f->served = __atomic_load_n(&d->served, __ATOMIC_RELAXED);
	f->clients = __atomic_load_n(&d->nr_conns, __ATOMIC_RELAXED);
	f->mounts = mount_count(d);
	obj_table_stats(sys_objs(d->sys), f->count, &f->handles);
	f->run_limit_ms = sys_run_limit(d->sys, &f->runs_ended);
	preload_describe(d, f->preload, sizeof(f->preload), &f->preload_ok);
}

static void json_text(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if ((u8)*s < ' ')
			fprintf(out, "\\u%04x", (u8)*s);
		else
			fputc(*s, out);
	}
	fputc('"', out);
}

struct agent_out {
	FILE *out;
	u32 nr;
	const char *sep;
};

static void count_agent(void *arg, pid_t pid, const char *why)
{
	((struct agent_out *)arg)->nr += !why;
}

static void agent_text(void *arg, pid_t pid, const char *why)
{
	if (why)
		fprintf(((struct agent_out *)arg)->out, "           %d %s\n", pid, why);
}

static void write_agents_text(struct daemon *d, FILE *out)
{
	struct agent_out o = {.out = out};

	agents_describe(d, count_agent, &o);
	fprintf(out, "probes     %u in processes, %u processes with an agent\n",
		probes_count(sys_probes(d->sys)), o.nr);
	agents_describe(d, agent_text, &o);
}

static void agent_json(void *arg, pid_t pid, const char *why)
{
	struct agent_out *o = arg;

	fprintf(o->out, "%s{\"process\":%d,\"agent\":%s", o->sep, pid,
		why ? "false,\"why\":" : "true");
	if (why)
		json_text(o->out, why);
	fputc('}', o->out);
	o->sep = ",";
}

static void write_agents_json(struct daemon *d, FILE *out)
{
	struct agent_out o = {.out = out, .sep = ""};

	fprintf(out, ",\"probes\":%u,\"processes\":[", probes_count(sys_probes(d->sys)));
	agents_describe(d, agent_json, &o);
	fputc(']', out);
}

static void write_json(struct daemon *d, const struct facts *f, FILE *out)
{
	struct fs_super *sb = NULL;
	const char *sep = "";

	fprintf(out, "{\"pid\":%d,\"dir\":", getpid());
	json_text(out, d->dir);
	fprintf(out,
		",\"uptime\":%llu,\"clients\":%u,\"requests\":%llu,\"memory_kib\":%llu,\"handles\":%u,\"mounts\":%u",
		f->uptime, f->clients, f->served, f->memory_kib, f->handles, f->mounts);
	fprintf(out, ",\"objects\":{");
	for (u32 k = 0; k < OBJ_KINDS; k++)
		fprintf(out, "%s\"%s\":%u", k ? "," : "", kinds[k], f->count[k]);
	fprintf(out, "},\"instances\":[");
	while ((sb = fs_super_next(sys_fs(d->sys), sb))) {
		fprintf(out, "%s{\"id\":%u,\"type\":\"%s\",\"label\":", sep, fs_super_id(sb),
			fs_super_is_cgroup(sb) ? "cgroup" : "bpffs");
		json_text(out, fs_super_label(sb));
		fprintf(out, ",\"mounts\":%u}", fs_super_devs(sb));
		sep = ",";
	}
	fprintf(out, "],\"preload\":{\"ok\":%s,\"text\":", f->preload_ok ? "true" : "false");
	json_text(out, f->preload);
	fputc('}', out);
	write_agents_json(d, out);
	fprintf(out, ",\"run_limit_ms\":%u,\"runs_ended\":%llu", f->run_limit_ms, f->runs_ended);
	fprintf(out, ",\"unprivileged_bpf_disabled\":%u}\n", d->unpriv);
}

static void write_text(struct daemon *d, const struct facts *f, FILE *out)
{
	struct fs_super *sb = NULL;

	fprintf(out, "service    pid %d in %s, up %llu:%02llu:%02llu, %llu KiB\n", getpid(), d->dir,
		f->uptime / 3600, f->uptime / 60 % 60, f->uptime % 60, f->memory_kib);
	fprintf(out, "clients    %u connected, %llu requests served\n", f->clients, f->served);
	fprintf(out, "objects   ");
	for (u32 k = 0; k < OBJ_KINDS; k++)
		fprintf(out, " %u %s,", f->count[k], kinds[k]);
	fprintf(out, " %u handles\n", f->handles);
	while ((sb = fs_super_next(sys_fs(d->sys), sb)))
		fprintf(out, "%-10s %s (%s)\n", fs_super_is_cgroup(sb) ? "cgroup" : "bpffs",
			fs_super_label(sb),
			fs_super_devs(sb) ? "mounted"
					  : "not mounted; reach it with userbpf cat, ls");
	write_agents_text(d, out);
	if (f->runs_ended)
		fprintf(out, "runs       %llu ended after %.3g s (userbpfd --run-limit)\n",
			f->runs_ended, f->run_limit_ms / 1000.0);
	fprintf(out, "preload    %s%s\n", f->preload_ok ? "" : "failed: ", f->preload);
}

int status_handle(struct conn *c)
{
	struct msg_status m;
	struct facts f;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -ENOMEM;
	memcpy(&m, c->msg.body, sizeof(m));
	gather(c->d, &f);
	(m.flags & STATUS_JSON ? write_json : write_text)(c->d, &f, out);
	if (fclose(out)) {
		free(text);
		return -ENOMEM;
	}
	if (reply_add(&c->reply, text, len))
		c->reply.len = len; /* text, not padding */
	free(text);
	return 0;
}
