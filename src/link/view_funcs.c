/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions view programs attach to: types for BTF, never called. */
#include "base/seq_file.h"
#include "link/view_types.h"

#define VIEW_TARGET(name, type, member)                                 \
	struct type;                                                    \
	int bpf_view_##name(struct seq_file *seq, struct type *member); \
	int bpf_view_##name(struct seq_file *seq, struct type *member)  \
	{                                                               \
		return 0;                                               \
	}
#define VIEW_WRITE_TARGET(name, type, member)                                                      \
	int bpf_view_write_##name(struct view_write *write, struct type *member,                   \
				  const void *data);                                               \
	int bpf_view_write_##name(struct view_write *write, struct type *member, const void *data) \
	{                                                                                          \
		return 0;                                                                          \
	}
#include "link/view_targets.def"
