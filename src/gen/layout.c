/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "gen/layout.h"
#include "gen/record.h"
#include "isa/insn.h"

#define MAX_DATA   (1u << 28) /* a verifier lets pointers into a map go up to 1 << 29 */
#define MAX_CTX	   32760      /* offsets of loads and stores have 16 bits */
#define MAX_COMMON 16
#define MAX_NEAR   32767 /* and so have indices into fd_array */

/* --- the map's value --- */

static u32 add_data(struct gen_layout *l, const void *data, u32 len)
{
	u32 off = l->len,
	    room = round_up(max(len, 1u), 8u); /* an address of nothing is one of the value, too */

	if (l->err)
		return 0;
	if (len > MAX_DATA || l->len + room > MAX_DATA) {
		l->err = -E2BIG;
		return 0;
	}
	if (l->len + room > l->cap) {
		u32 cap = max(l->cap * 2, l->len + room);
		void *n = realloc(l->data, cap);

		if (!n) {
			l->err = -ENOMEM;
			return 0;
		}
		l->data = n;
		l->cap = cap;
	}
	memset(l->data + off, 0, room);
	if (data)
		memcpy(l->data + off, data, len);
	l->len += room;
	return off;
}

u32 gen_place_off(const struct gen_layout *l, u32 call, struct gen_place at)
{
	return (at.seg == GEN_ATTR ? l->attr_off[call] : l->seg_off[call][at.seg]) + at.off;
}

static bool has_ref(const struct gen_call *c, enum gen_ref_kind kind)
{
	for (u32 i = 0; i < c->nr_refs; i++)
		if (c->refs[i].kind == kind)
			return true;
	return false;
}

bool gen_wants_fd_array(const struct gen_call *c)
{
	return c->cmd == BPF_PROG_LOAD && !c->fd_array_cnt &&
	       (has_ref(c, GEN_REF_FD_INSN) || has_ref(c, GEN_REF_KFUNC));
}

u32 gen_attr_size(const struct gen_call *c)
{
	if (c->fd_array_cnt)
		return BPF_ATTR_LOAD_SIZE;
	if (gen_wants_fd_array(c))
		return max(c->attr_size, (u32)offsetofend(union bpf_attr, fd_array));
	return c->attr_size;
}

u32 gen_fd_off(const struct gen_layout *l, u32 call)
{
	return l->result_off[call] + (l->trace->big_endian ? 4 : 0);
}

u32 gen_sign_off(const struct gen_layout *l, u32 call)
{
	return l->result_off[call] + (l->trace->big_endian ? 0 : 4);
}

u32 gen_slot_off(const struct gen_layout *l, u32 slot)
{
	return gen_fd_off(l, l->trace->slots[slot].call);
}

static void place_attrs(struct gen_layout *l)
{
	const struct gen_trace *t = l->trace;

	for (u32 i = 0; i < t->nr_calls; i++) {
		const struct gen_call *c = &t->calls[i];
		u8 attr[ABI_ATTR_MAX] = {0};

		memcpy(attr, &c->attr, sizeof(c->attr));
		if (c->fd_array_cnt)
			memcpy(attr + BPF_ATTR_FD_ARRAY_CNT, &c->fd_array_cnt, 4);
		l->attr_off[i] = add_data(l, attr, gen_attr_size(c));
	}
}

/* --- names --- */

u32 gen_name_id_off(const struct gen_layout *l, const struct gen_name *n)
{
	return n->off + (l->trace->big_endian ? 4 : 0);
}

u32 gen_name_fd_off(const struct gen_layout *l, const struct gen_name *n)
{
	return n->off + (l->trace->big_endian ? 0 : 4);
}

struct gen_name *gen_name_of(const struct gen_layout *l, const struct gen_ref *ref)
{
	u32 kind = ref->kind == GEN_REF_KSYM_ADDR ? 0 : ref->btf_kind;

	for (u32 i = 0; i < l->nr_names; i++)
		if (l->names[i].btf_kind == kind && !strcmp(l->names[i].name, ref->name))
			return &l->names[i];
	return NULL;
}

/* Somebody who needs it makes it needed. */
static void collect_name(struct gen_layout *l, const struct gen_ref *ref, u32 call)
{
	struct gen_name *n;

	if (!ref->name)
		return;
	n = gen_name_of(l, ref);
	if (!n) {
		n = &l->names[l->nr_names++];
		*n = (struct gen_name){.name = ref->name, .weak = true, .before = call};
		n->btf_kind = ref->kind == GEN_REF_KSYM_ADDR ? 0 : ref->btf_kind;
	}
	n->weak &= ref->weak;
}

static int collect_names(struct gen_layout *l)
{
	const struct gen_trace *t = l->trace;
	u32 nr = 0;

	for (u32 i = 0; i < t->nr_calls; i++)
		nr += t->calls[i].nr_refs;
	l->names = calloc(nr ?: 1, sizeof(*l->names));
	if (!l->names)
		return -ENOMEM;
	for (u32 i = 0; i < t->nr_calls; i++)
		for (u32 j = 0; j < t->calls[i].nr_refs; j++)
			collect_name(l, &t->calls[i].refs[j], i);
	return 0;
}

/* What no call of the kernel answers, and no fd: the lowest number of 32 bits. */
static void put_nothing_yet(struct gen_layout *l, u32 call)
{
	memset(l->data + gen_sign_off(l, call), 0xff, 4);
	memset(l->data + gen_fd_off(l, call), 0, 4);
	l->data[gen_fd_off(l, call) + (l->trace->big_endian ? 0 : 3)] = 0x80;
}

static u32 add_result(struct gen_layout *l)
{
	l->nr_results++;
	return add_data(l, NULL, 8);
}

/* Names stand in the order in which calls want them. */
static void place_results(struct gen_layout *l)
{
	u32 name = 0;

	add_result(l); /* emit.c: of what was before the first call */
	for (u32 i = 0; i < l->trace->nr_calls && !l->err; i++) {
		for (; name < l->nr_names && l->names[name].before == i; name++)
			l->names[name].off = add_result(l);
		if (l->len / 4 > MAX_NEAR && name)
			l->err = -E2BIG;
		l->result_off[i] = add_result(l);
		if (!l->err)
			put_nothing_yet(l, i);
	}
}

static void place_strings(struct gen_layout *l)
{
	for (u32 i = 0; i < l->nr_names; i++) {
		struct gen_name *n = &l->names[i];

		n->str_len = strlen(n->name) + 1;
		n->str_off = add_data(l, n->name, n->str_len);
	}
}

/* --- memory of the calls --- */

s32 gen_value_slot(const struct gen_trace *t, const struct gen_call *c)
{
	if (c->cmd != BPF_MAP_UPDATE_ELEM)
		return -1;
	for (u32 i = 0; i < c->nr_refs; i++) {
		const struct gen_ref *r = &c->refs[i];

		if (r->at.seg == GEN_ATTR && r->at.off == offsetof(union bpf_attr, map_fd))
			return t->slots[r->slot].data && t->slots[r->slot].exported ? (s32)r->slot
										    : -1;
	}
	return -1;
}

/* At the end, where neither a file nor a header has them. */
static bool wants_zeros(struct gen_layout *l, u32 call, const struct gen_seg *s)
{
	const struct gen_call *c = &l->trace->calls[call];

	return gen_seg_is_value(s) && gen_value_slot(l->trace, c) >= 0 && gen_seg_is_zero(s);
}

/* Many calls have the same: the license, and a key of zeros, which the result before the first call is, too. */
static bool is_common(const struct gen_call *c, const struct gen_seg *s)
{
	u32 off = c->cmd == BPF_PROG_LOAD	  ? offsetof(union bpf_attr, license)
		  : c->cmd == BPF_MAP_UPDATE_ELEM ? offsetof(union bpf_attr, key)
						  : GEN_ATTR;

	return s->ptr.seg == GEN_ATTR && s->ptr.off == off && s->data && s->len &&
	       s->len <= MAX_COMMON;
}

static u32 add_common(struct gen_layout *l, const struct gen_seg *s)
{
	if (s->len <= 8 && gen_seg_is_zero(s))
		return 0;
	for (u32 i = 0; i < l->nr_common; i++)
		if (!memcmp(l->data + l->common[i], s->data, s->len))
			return l->common[i];
	if (l->nr_common < ARRAY_SIZE(l->common)) {
		u32 off = add_data(l, NULL, MAX_COMMON);

		memcpy(l->data + off, s->data, l->err ? 0 : s->len);
		return l->common[l->nr_common++] = off;
	}
	return add_data(l, s->data, s->len);
}

static void place_segs(struct gen_layout *l, u32 call, bool zeros)
{
	const struct gen_call *c = &l->trace->calls[call];

	for (u32 i = 0; i < c->nr_segs; i++) {
		const struct gen_seg *s = &c->segs[i];

		if (wants_zeros(l, call, s) != zeros)
			continue;
		l->seg_off[call][i] =
			is_common(c, s) ? add_common(l, s) : add_data(l, s->data, s->len);
	}
}

static int place_memory(struct gen_layout *l)
{
	const struct gen_trace *t = l->trace;

	for (u32 i = 0; i < t->nr_calls; i++) {
		l->seg_off[i] = calloc(t->calls[i].nr_segs ?: 1, sizeof(u32));
		if (!l->seg_off[i])
			return -ENOMEM;
	}
	for (int zeros = 0; zeros <= 1; zeros++)
		for (u32 i = 0; i < t->nr_calls; i++)
			place_segs(l, i, zeros);
	return 0;
}

/* Loads of maps: an index instead of an fd. */
static void finish_insns(struct gen_layout *l)
{
	for (u32 i = 0; i < l->trace->nr_calls; i++) {
		const struct gen_call *c = &l->trace->calls[i];

		for (u32 j = 0; j < c->nr_refs; j++) {
			struct bpf_insn *insn;

			if (c->refs[j].kind != GEN_REF_FD_INSN)
				continue;
			insn = (void *)(l->data + gen_place_off(l, i, c->refs[j].at));
			insn->imm = gen_slot_off(l, c->refs[j].slot) / 4;
			insn->src_reg = insn->src_reg == BPF_PSEUDO_MAP_FD
						? BPF_PSEUDO_MAP_IDX
						: BPF_PSEUDO_MAP_IDX_VALUE;
		}
	}
}

/* --- the context --- */

static u32 place_kind(struct gen_layout *l, enum gen_obj_kind kind, u32 at, u32 size)
{
	for (u32 i = 0; i < l->trace->nr_slots; i++)
		if (l->trace->slots[i].kind == kind && l->trace->slots[i].exported) {
			l->ctx_off[i] = at;
			at += size;
		}
	return at;
}

static int place_context(struct gen_layout *l)
{
	u32 at = sizeof(struct gen_loader_ctx);

	for (u32 i = 0; i < l->trace->nr_slots; i++)
		l->ctx_off[i] = -1;
	at = place_kind(l, GEN_MAP, at, sizeof(struct gen_map_desc));
	at = place_kind(l, GEN_PROG, at, 4);
	at = place_kind(l, GEN_LINK, at, 4);
	l->ctx_sz = at;
	return at > MAX_CTX ? -E2BIG : 0;
}

/* --- what the runner puts into the value --- */

#define LOG_FIELD(field) offsetof(struct gen_loader_ctx, field)

/* A command's own logs give way to the caller's. */
static const struct {
	int cmd;
	u32 to, from, len;
} log_patches[] = {
	/* level and size, side by side here and there */
	{BPF_PROG_LOAD, offsetof(union bpf_attr, log_level), LOG_FIELD(log_level), 8},
	{BPF_PROG_LOAD, offsetof(union bpf_attr, log_buf), LOG_FIELD(log_buf), 8},
	{BPF_BTF_LOAD, offsetof(union bpf_attr, btf_log_buf), LOG_FIELD(log_buf), 8},
	{BPF_BTF_LOAD, offsetof(union bpf_attr, btf_log_size), LOG_FIELD(log_size), 4},
	{BPF_BTF_LOAD, offsetof(union bpf_attr, btf_log_level), LOG_FIELD(log_level), 4},
};

static void add_patch(struct gen_layout *l, u32 to, u32 from, u32 len, bool indirect)
{
	l->patches[l->nr_patches++] = (struct gen_patch){to, from, len, indirect};
}

static void patch_logs(struct gen_layout *l, u32 call)
{
	const struct gen_call *c = &l->trace->calls[call];

	for (u32 i = 0; i < ARRAY_SIZE(log_patches); i++) {
		u32 to = l->attr_off[call] + log_patches[i].to, len = log_patches[i].len;

		if (log_patches[i].cmd != c->cmd || log_patches[i].to + len > gen_attr_size(c))
			continue;
		memset(l->data + to, 0, len);
		add_patch(l, to, log_patches[i].from, len, false);
	}
}

static void patch_map(struct gen_layout *l, u32 call)
{
	const struct gen_call *c = &l->trace->calls[call];

	if (c->cmd == BPF_MAP_CREATE && c->slot >= 0 && l->ctx_off[c->slot] >= 0)
		add_patch(l, l->attr_off[call] + offsetof(union bpf_attr, max_entries),
			  l->ctx_off[c->slot] + offsetof(struct gen_map_desc, max_entries), 4,
			  false);
}

static void patch_value(struct gen_layout *l, u32 call)
{
	const struct gen_call *c = &l->trace->calls[call];
	s32 slot = gen_value_slot(l->trace, c);

	for (u32 i = 0; slot >= 0 && i < c->nr_segs; i++)
		if (gen_seg_is_value(&c->segs[i]))
			add_patch(l, l->seg_off[call][i],
				  l->ctx_off[slot] + offsetof(struct gen_map_desc, initial_value),
				  c->segs[i].len, true);
}

static int add_patches(struct gen_layout *l)
{
	u32 most = l->trace->nr_calls * 3;

	l->patches = calloc(most ?: 1, sizeof(*l->patches));
	if (!l->patches)
		return -ENOMEM;
	for (u32 i = 0; i < l->trace->nr_calls; i++) {
		patch_logs(l, i);
		patch_map(l, i);
		patch_value(l, i);
	}
	return 0;
}

/* --- */

static int check_calls(const struct gen_trace *t, struct log *log)
{
	for (u32 i = 0; i < t->nr_calls; i++)
		if (!gen_can_repeat(t->calls[i].cmd)) {
			log_printf(log, "bpf command %d cannot be repeated by a loader program\n",
				   t->calls[i].cmd);
			return -EOPNOTSUPP;
		}
	return 0;
}

static int allocate(struct gen_layout *l)
{
	u32 calls = l->trace->nr_calls ?: 1;

	l->attr_off = calloc(calls, sizeof(*l->attr_off));
	l->seg_off = calloc(calls, sizeof(*l->seg_off));
	l->result_off = calloc(calls, sizeof(*l->result_off));
	l->ctx_off = calloc(l->trace->nr_slots ?: 1, sizeof(*l->ctx_off));
	return l->result_off && l->attr_off && l->seg_off && l->ctx_off ? 0 : -ENOMEM;
}

int gen_layout(struct gen_layout *l, const struct gen_trace *t, struct log *log)
{
	int err;

	*l = (struct gen_layout){.trace = t};
	err = check_calls(t, log) ?: allocate(l);
	if (err)
		return err;
	err = collect_names(l);
	if (err)
		return err;
	place_results(l);
	place_attrs(l);
	place_strings(l);
	err = l->err ?: place_memory(l) ?: l->err;
	if (!err)
		finish_insns(l);
	err = err ?: place_context(l) ?: add_patches(l);
	if (err == -E2BIG)
		log_printf(log, "too large for one loader program\n");
	return err;
}

void gen_layout_free(struct gen_layout *l)
{
	for (u32 i = 0; l->seg_off && i < l->trace->nr_calls; i++)
		free(l->seg_off[i]);
	free(l->seg_off);
	free(l->attr_off);
	free(l->result_off);
	free(l->patches);
	free(l->ctx_off);
	free(l->names);
	free(l->data);
	*l = (struct gen_layout){0};
}
