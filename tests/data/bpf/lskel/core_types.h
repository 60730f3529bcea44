/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * core_types.h - the few kernel types the CO-RE objects look at, as little of each as they need. Where the fields are
 * really, the loading side knows; nothing here has the layout of any kernel.
 */
#ifndef CORE_TYPES_H
#define CORE_TYPES_H

#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define CORE __attribute__((preserve_access_index))

struct bpf_map {
	__u32 id;
	char name[BPF_OBJ_NAME_LEN];
	enum bpf_map_type map_type;
	__u32 key_size;
	__u32 value_size;
	__u32 max_entries;
	_Bool frozen;
} CORE;

struct bpf_prog_aux;

struct bpf_prog {
	struct bpf_prog_aux *aux;
	__u32 len;
	__u16 gpl_compatible : 1;
	__u16 jited : 1;
	__u16 cb_access : 1;
	enum bpf_prog_type type;
} CORE;

struct bpf_prog_aux {
	__u32 id;
	__u32 attach_btf_id;
	struct bpf_prog *dst_prog;
	struct bpf_map **used_maps;
	_Bool verifier_zext;
} CORE;

struct seq_file;

struct bpf_iter_meta {
	__u64 seq_num;
	__u64 session_id;
	struct seq_file *seq;
} CORE;

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
} CORE;

struct bpf_iter__bpf_prog {
	struct bpf_iter_meta *meta;
	struct bpf_prog *prog;
} CORE;

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
} CORE;

#endif
