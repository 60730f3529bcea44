/* SPDX-License-Identifier: BSD-2-Clause */
/* shrink.c - makes a failing program small (text.h). */
#include "isa/insn.h"
#include "text.h"

static bool is_jump(const struct bpf_insn *in)
{
	u8 cls = BPF_CLASS(in->code);

	return (cls == BPF_JMP || cls == BPF_JMP32) && BPF_OP(in->code) != BPF_CALL &&
	       BPF_OP(in->code) != BPF_EXIT;
}

/* Instructions between @from and its target lose those in [at, at + n). */
static s32 shorter(s64 from, s64 rel, s64 at, s64 n)
{
	s64 to = from + 1 + rel, new_from = from >= at ? from - n : from,
	    new_to = to > at ? max(to - n, at) : to;

	return new_to - new_from - 1;
}

static void fix_target(struct bpf_insn *in, s64 i, s64 at, s64 n)
{
	if (in->code == (BPF_JMP32 | BPF_JA) || insn_is_call(in, BPF_PSEUDO_CALL) ||
	    insn_is_func_ptr(in))
		in->imm = shorter(i, in->imm, at, n);
	else if (is_jump(in))
		in->off = shorter(i, in->off, at, n);
}

static void cut(struct sprog *p, u32 at, u32 n)
{
	for (u32 i = 0; i < p->len; i++) {
		if (i < at || i >= at + n)
			fix_target(&p->insns[i], i, at, n);
		i += insn_is_ldimm64(&p->insns[i]);
	}
	memmove(&p->insns[at], &p->insns[at + n], (p->len - at - n) * sizeof(*p->insns));
	p->len -= n;
	for (u32 i = 0; i < p->nr_funcs; i++)
		if (p->func[i] > at)
			p->func[i] -= min(n, p->func[i] - at);
}

/* One round over all pieces of @size instructions; did one go? */
static bool cut_pieces(struct sprog *p, u32 size, u64 *seed, fails_fn fails, void *arg)
{
	bool any = false;

	for (u32 i = 0; i < p->len;) {
		struct sprog q = *p;
		u64 s = *seed;
		u32 wide = insn_is_ldimm64(&p->insns[i]) ? 2 : 1, n = max(size, wide);

		if (i + n <= p->len && n < p->len) {
			cut(&q, i, n);
			if (fails(arg, &q, &s)) {
				*p = q;
				*seed = s;
				any = true;
				continue;
			}
		}
		i += wide;
	}
	return any;
}

/* A function nobody names any more. */
static void drop_functions(struct sprog *p, u64 *seed, fails_fn fails, void *arg)
{
	while (p->nr_funcs > 1) {
		struct sprog q = *p;
		u64 s = *seed;
		u32 last = p->nr_funcs - 1;

		q.nr_funcs = last;
		q.len = p->func[last];
		q.global &= ~(1u << last);
		if (!q.len || !fails(arg, &q, &s))
			return;
		*p = q;
		*seed = s;
	}
}

void shrink(struct sprog *p, u64 *seed, fails_fn fails, void *arg)
{
	bool again = true;

	while (again) {
		drop_functions(p, seed, fails, arg);
		again = false;
		for (u32 size = p->len / 2; size; size /= 2)
			again |= cut_pieces(p, size, seed, fails, arg);
	}
}
