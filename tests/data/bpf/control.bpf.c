// SPDX-License-Identifier: BSD-2-Clause
/* control.bpf.c - a file of groups that can be written: a number per group, and who set it. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EINVAL 22
#define ERANGE 34

char _license[] SEC("license") = "GPL";

extern void bpf_view_changed(__u64 cgroup_id) __ksym;

struct limit {
	__u64 value;
	__u32 uid;
	__s32 pid;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 100);
	__type(key, __u64);
	__type(value, struct limit);
} limits SEC(".maps");

__u64 sunk;

SEC("view/cgroup")
int BPF_PROG(limit, struct seq_file *seq, struct cgroup *cgrp)
{
	__u64 id = cgrp->kn->id;
	struct limit *l = bpf_map_lookup_elem(&limits, &id);

	if (l)
		BPF_SEQ_PRINTF(seq, "%llu uid %u\n", l->value, l->uid);
	else
		BPF_SEQ_PRINTF(seq, "unset\n");
	return 0;
}

SEC("view_write/cgroup")
int BPF_PROG(set_limit, struct view_write *w, struct cgroup *cgrp, const void *data)
{
	struct limit l = {.uid = w->uid, .pid = w->pid};
	__u64 id = cgrp->kn->id;
	long n;

	n = bpf_strtoul(data, 32, 10, (unsigned long *)&l.value);
	if (n <= 0)
		return -EINVAL;
	if (l.value > 1000)
		return -ERANGE;
	bpf_map_update_elem(&limits, &id, &l, BPF_ANY);
	bpf_view_changed(id);
	return 0;
}

/* Takes at most 10 bytes at a time. */
SEC("view_write/cgroup")
int BPF_PROG(sink, struct view_write *w, struct cgroup *cgrp, const void *data)
{
	__u32 n = w->len < 10 ? w->len : 10;

	__sync_fetch_and_add(&sunk, n);
	return n;
}

/* Sleeps to read; from nowhere. */
SEC("view.s/cgroup")
int BPF_PROG(sleeper, struct seq_file *seq, struct cgroup *cgrp)
{
	char c;

	BPF_SEQ_PRINTF(seq, "%s %ld\n", cgrp->kn->name, bpf_copy_from_user(&c, 1, NULL));
	return 0;
}

struct poke {
	__u64 id;
};

/* Runs in a client. */
SEC("syscall")
int poke(struct poke *p)
{
	bpf_view_changed(p->id);
	return 0;
}

/* Cannot be attached: it looks at more than one write can bring. */
SEC("?view_write/cgroup")
int BPF_PROG(beyond, struct view_write *w, struct cgroup *cgrp, const void *data)
{
	unsigned long n;

	return bpf_strtoul(data + 4090, 8, 10, &n) < 0;
}

/* Refused: it is not the program's to change. */
SEC("?view_write/cgroup")
int BPF_PROG(scribble, struct view_write *w, struct cgroup *cgrp, char *data)
{
	bpf_probe_read_kernel(data, 4, w);
	return 0;
}

/* Refused: there is no file to write to. */
SEC("?view_write/cgroup")
int BPF_PROG(show, struct view_write *w, struct cgroup *cgrp, const void *data)
{
	char text[4] = "abc";

	return bpf_seq_write((struct seq_file *)w, text, sizeof(text));
}

/* Refused: only groups' files are written to. */
SEC("?view_write/map")
int BPF_PROG(unknown, struct view_write *w, struct cgroup *cgrp, const void *data)
{
	return 0;
}

/* Refused: what sleeps says so in its section. */
SEC("?view/cgroup")
int BPF_PROG(awake, struct seq_file *seq, struct cgroup *cgrp)
{
	char c;

	return bpf_copy_from_user(&c, 1, NULL) > 0;
}
