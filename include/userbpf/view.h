/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_VIEW_H
#define USERBPF_VIEW_H
/*
 * view.h - numbers of view programs, which no kernel header has. For applications and BPF programs
 * alike: only constants here. userbpf/view_libbpf.h teaches libbpf the section names.
 *
 * A view is a program of type BPF_PROG_TYPE_TRACING that writes the content of a file:
 *
 *	SEC("view/cgroup")
 *	int BPF_PROG(show, struct seq_file *seq, struct cgroup *cgroup)
 *
 * It attaches to the BTF function bpf_view_TARGET. LINK_CREATE makes the link, with attach_type
 * BPF_TRACE_VIEW and in target_fd what is shown:
 *
 *	view/cgroup	0: the group in whose directory the link is exposed (OBJ_PIN there, after one
 *			in a bpffs)
 *	view/map	a map
 *	view/link	a link
 *	view/task	a process (pidfd_open(2))
 *
 * The last three are read where they are pinned in a bpffs. bpf_link_info tells about a view as
 * about an iterator: target_name, and map.map_id of a view/map.
 *
 * The kernel gives numbers out one after the other, below 100 so far. These are far away, so that a
 * kernel answers EINVAL and never does something else.
 */
#define BPF_TRACE_VIEW 30001	 /* enum bpf_attach_type */
#define BPF_LINK_TYPE_VIEW 30001 /* enum bpf_link_type */

#endif
