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
 * What is written to the file of a view/cgroup goes to a program of
 *
 *	SEC("view_write/cgroup")
 *	int BPF_PROG(take, struct view_write *w, struct cgroup *cgroup, const void *data)
 *
 * with attach_type BPF_TRACE_VIEW_WRITE and in target_fd the view's link, or 0: then the link itself is
 * exposed, and its file can only be written. One write(2) of at most 4,096 bytes is one call; data has
 * w->len bytes, and zeroes up to 4,096. 0: all of it was taken; else the bytes that were, or a negative
 * errno. Where there is such a program "rm" removes the file for its owner only, and is data for others.
 *
 * Any program may call
 *
 *	void bpf_view_changed(__u64 cgroup_id) __ksym;
 *
 * Who polls views of that group is woken: POLLPRI | POLLERR until the file is read again from its start
 * (as of files of cgroups and sysfs); POLLIN and POLLOUT are always there.
 *
 * The kernel gives numbers out one after the other, below 100 so far. These are far away, so that a
 * kernel answers EINVAL and never does something else.
 */
#define BPF_TRACE_VIEW 30001	 /* enum bpf_attach_type */
#define BPF_TRACE_VIEW_WRITE 30002 /* likewise */
#define BPF_LINK_TYPE_VIEW 30001 /* enum bpf_link_type */

#endif
