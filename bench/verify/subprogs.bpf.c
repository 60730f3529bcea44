/* SPDX-License-Identifier: BSD-2-Clause */
/* subprogs.bpf.c - static functions, each walked anew at every call, nested three deep;
 * arguments are numbers and pointers into the caller's stack. */
#include "bench.bpf.h"

struct state {
	__u64 a, b, c, d;
};

#define ROUND(n)                                                                                                                       \
	static __noinline void mix##n(struct state *s, __u64 v)                                                                        \
	{                                                                                                                              \
		s->a += v ^ (n);                                                                                                       \
		s->b = (s->b << 7 | s->b >> 57) + s->a;                                                                                \
		s->c ^= s->b * (n + 3);                                                                                                \
		if (s->c & (n + 1))                                                                                                    \
			s->d += s->c;                                                                                                  \
		else                                                                                                                   \
			s->d ^= v;                                                                                                     \
	}                                                                                                                              \
	static __noinline __u64 twice##n(struct state *s, __u64 v)                                                                     \
	{                                                                                                                              \
		mix##n(s, v);                                                                                                          \
		mix##n(s, s->d);                                                                                                       \
		return s->a;                                                                                                           \
	}
ROUND(0) ROUND(1) ROUND(2) ROUND(3) ROUND(4) ROUND(5) ROUND(6) ROUND(7)

SEC("tc") int subprogs(struct __sk_buff *skb)
{
	struct state s = { 1, 2, 3, skb->len };
	__u64 v = skb->mark;

	for (int i = 0; i < 60; i++) {
		v += twice0(&s, v);
		v ^= twice1(&s, v);
		v += twice2(&s, v);
		v ^= twice3(&s, v);
		v += twice4(&s, v);
		v ^= twice5(&s, v);
		v += twice6(&s, v);
		v ^= twice7(&s, v);
	}
	return v + s.a + s.b + s.c + s.d ? TC_ACT_OK : TC_ACT_SHOT;
}
