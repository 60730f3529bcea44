/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions view programs attach to: types for BTF, never called. */
#include "base/seq_file.h"

#define VIEW_TARGET(name, type, member)                                 \
	struct type;                                                    \
	int bpf_view_##name(struct seq_file *seq, struct type *member); \
	int bpf_view_##name(struct seq_file *seq, struct type *member)  \
	{                                                               \
		return 0;                                               \
	}
#include "link/view_targets.def"
