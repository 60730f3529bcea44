/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lack.c - what a loader can do without: the object's BTF, of which a kernel may be too old to take some kind of type. As libbpf has it, maps and programs go
 * without then. But not those that are refused for that: with CO-RE relocations, callbacks, locks or timers the BTF's own error says more.
 */
#include <stdlib.h>

#include "gen/layout.h"
#include "isa/insn.h"

bool gen_refers_to(const struct gen_ref *r, u32 slot)
{
	return !r->name && r->slot == slot;
}

static bool takes_functions(const struct gen_call *c)
{
	for (u32 i = 0; i < c->nr_segs; i++) {
		const struct gen_seg *s = &c->segs[i];
		const struct bpf_insn *insn = s->data;

		if (s->ptr.seg != GEN_ATTR || s->ptr.off != offsetof(union bpf_attr, insns))
			continue;
		for (u32 j = 0; j < s->len / sizeof(*insn); j++)
			if (insn_is_ld_imm64(&insn[j]) && insn[j].src_reg == BPF_PSEUDO_FUNC)
				return true;
	}
	return false;
}

/* It describes the call's object, and no more. */
static bool describes(const struct gen_call *c, const struct gen_ref *r)
{
	if (r->at.seg != GEN_ATTR)
		return false;
	if (c->cmd == BPF_MAP_CREATE)
		return r->at.off == offsetof(union bpf_attr, btf_fd);
	return c->cmd == BPF_PROG_LOAD && r->at.off == offsetof(union bpf_attr, prog_btf_fd) &&
	       !c->attr.core_relo_cnt && !takes_functions(c);
}

static bool has_text(const struct gen_seg *s, const char *text)
{
	size_t len = strlen(text) + 1;
	const char *p = s->data;

	for (size_t i = 0; i + 1 + len <= s->len; i++)
		if (!p[i] && !memcmp(p + i + 1, text, len))
			return true;
	return false;
}

/* Some map's value has what a kernel must know the place of, as far as names tell. */
static bool has_special_fields(const struct gen_call *c)
{
	static const char *const names[] = {
		"bpf_spin_lock", "bpf_res_spin_lock", "bpf_timer",    "bpf_wq",
		"bpf_list_head", "bpf_rb_root",	      "bpf_refcount", "kptr",
		"kptr_ref",	 "kptr_untrusted",    "percpu_kptr",  "uptr",
		"bpf_task_work"};

	for (u32 i = 0; i < c->nr_segs; i++)
		for (u32 j = 0; j < ARRAY_SIZE(names); j++)
			if (has_text(&c->segs[i], names[j]))
				return true;
	return false;
}

bool gen_may_lack(const struct gen_layout *l, u32 call)
{
	const struct gen_trace *t = l->trace;
	const struct gen_call *c = &t->calls[call];

	if (c->cmd != BPF_BTF_LOAD || c->slot < 0 || l->ctx_off[c->slot] >= 0 ||
	    has_special_fields(c))
		return false;
	for (u32 i = call + 1; i < t->nr_calls; i++)
		for (u32 j = 0; j < t->calls[i].nr_refs; j++)
			if (gen_refers_to(&t->calls[i].refs[j], c->slot) &&
			    !describes(&t->calls[i], &t->calls[i].refs[j]))
				return false;
	return true;
}
