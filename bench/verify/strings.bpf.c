/* SPDX-License-Identifier: BSD-2-Clause */
/* strings.bpf.c - text searched byte by byte in a buffer of a map value: an inner loop that may
 * leave early at each step. */
#include "bench.bpf.h"

struct text {
	char line[256];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct text);
} buffer SEC(".maps");

static __always_inline int matches(const struct text *t, __u32 at, const char *word, int len)
{
	for (int i = 0; i < len; i++)
		if (at + i >= sizeof(t->line) || t->line[(at + i) & 255] != word[i])
			return 0;
	return 1;
}

SEC("socket") int strings(struct __sk_buff *skb)
{
	__u32 zero = 0, found = 0;
	struct text *t = bpf_map_lookup_elem(&buffer, &zero);

	if (!t)
		return 0;
	for (__u32 i = 0; i < 240; i++) {
		found += matches(t, i, "GET ", 4);
		found += matches(t, i, "Host: ", 6) << 4;
		found += matches(t, i, "\r\n\r\n", 4) << 8;
		barrier_var(found);
	}
	return found;
}
