/* SPDX-License-Identifier: BSD-2-Clause */
/* log.c - the text of the check: types, registers, stack, instructions, source lines; wording
 * and layout of Linux 6.1. */
#include <ctype.h>
#include <stdio.h>

#include "isa/disasm.h"
#include "verifier/vfy.h"

static const char *const type_names[__BPF_REG_TYPE_MAX] = {
	[NOT_INIT] = "?",
	[SCALAR_VALUE] = "scalar",
	[PTR_TO_CTX] = "ctx",
	[CONST_PTR_TO_MAP] = "map_ptr",
	[PTR_TO_MAP_VALUE] = "map_value",
	[PTR_TO_MAP_KEY] = "map_key",
	[PTR_TO_STACK] = "fp",
	[PTR_TO_PACKET_META] = "pkt_meta",
	[PTR_TO_PACKET] = "pkt",
	[PTR_TO_PACKET_END] = "pkt_end",
	[PTR_TO_FLOW_KEYS] = "flow_keys",
	[PTR_TO_SOCKET] = "sock",
	[PTR_TO_SOCK_COMMON] = "sock_common",
	[PTR_TO_TCP_SOCK] = "tcp_sock",
	[PTR_TO_TP_BUFFER] = "tp_buffer",
	[PTR_TO_XDP_SOCK] = "xdp_sock",
	[PTR_TO_BTF_ID] = "ptr_",
	[PTR_TO_MEM] = "mem",
	[PTR_TO_BUF] = "buf",
	[PTR_TO_FUNC] = "func",
	[CONST_PTR_TO_DYNPTR] = "dynptr_ptr",
};

/* The last one that applies wins. */
static const struct {
	u32 flag;
	const char *prefix;
} type_prefixes[] = {
	{MEM_RDONLY, "rdonly_"}, {MEM_ALLOC_FLAG, "alloc_"}, {MEM_USER, "user_"},
	{MEM_PERCPU, "percpu_"}, {MEM_RCU, "rcu_"},	     {PTR_UNTRUSTED, "untrusted_"},
};

const char *vfy_type_text(struct venv *env, u32 type)
{
	char *buf = env->type_text[env->type_text_at++ % ARRAY_SIZE(env->type_text)];
	const char *prefix = "", *suffix = "";

	for (u32 i = 0; i < ARRAY_SIZE(type_prefixes); i++)
		if (type & type_prefixes[i].flag)
			prefix = type_prefixes[i].prefix;
	if (type & PTR_MAYBE_NULL)
		suffix = type_base(type) == PTR_TO_BTF_ID ? "or_null_" : "_or_null";
	snprintf(buf, sizeof(env->type_text[0]), "%s%s%s", prefix,
		 type_base(type) < __BPF_REG_TYPE_MAX ? type_names[type_base(type)] : "?", suffix);
	return buf;
}

const char *vfy_btf_name(const struct btf *btf, u32 id)
{
	const char *s = btf ? btf_type_name(btf, id) : NULL;

	return s ? s : "";
}

const char *vfy_kind_name(const struct btf_type *t)
{
	return btf_kind_name(btf_type_kind(t));
}

/* --- registers and stack --- */

static void log_liveness(struct venv *env, u8 live)
{
	if (!live)
		return;
	vlog(env, "_%s%s", live & LIVE_READ ? "r" : "", live & LIVE_WRITTEN ? "w" : "");
}

/* Collects "a=1,b=2". */
struct attrs {
	char text[512];
	u32 len;
};

static void __printf(2, 3) attr(struct attrs *a, const char *fmt, ...)
{
	u32 room = sizeof(a->text) - a->len;
	va_list ap;
	int n;

	if (a->len && room > 1) {
		a->text[a->len++] = ',';
		room--;
	}
	va_start(ap, fmt);
	n = vsnprintf(a->text + a->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		a->len += min((u32)n, room - 1);
}

static void attr_bounds(struct attrs *a, const struct vreg *r)
{
	char buf[48];

	if (r->smin64 != (s64)r->umin64 && r->smin64 != INT64_MIN)
		attr(a, "smin=%lld", (long long)r->smin64);
	if (r->smax64 != (s64)r->umax64 && r->smax64 != INT64_MAX)
		attr(a, "smax=%lld", (long long)r->smax64);
	if (r->umin64)
		attr(a, "umin=%llu", (unsigned long long)r->umin64);
	if (r->umax64 != UINT64_MAX)
		attr(a, "umax=%llu", (unsigned long long)r->umax64);
	if (!tnum_is_unknown(r->var))
		attr(a, "var_off=%s", tnum_text(buf, r->var));
	if (r->smin32 != r->smin64 && r->smin32 != INT32_MIN)
		attr(a, "s32_min=%d", r->smin32);
	if (r->smax32 != r->smax64 && r->smax32 != INT32_MAX)
		attr(a, "s32_max=%d", r->smax32);
	if (r->umin32 != r->umin64 && r->umin32)
		attr(a, "u32_min=%d", (int)r->umin32);
	if (r->umax32 != r->umax64 && r->umax32 != UINT32_MAX)
		attr(a, "u32_max=%d", (int)r->umax32);
}

static bool shows_ref(u32 t)
{
	t = type_base(t);
	return t == PTR_TO_SOCKET || t == PTR_TO_TCP_SOCK || t == PTR_TO_MEM || t == PTR_TO_BTF_ID;
}

static void log_reg(struct venv *env, const struct vreg *r)
{
	struct attrs a = {.len = 0};
	u32 t = r->type, base = type_base(t);

	a.text[0] = 0;
	if (t == SCALAR_VALUE && r->precise)
		vlog(env, "P");
	if ((t == SCALAR_VALUE || t == PTR_TO_STACK) && tnum_is_const(r->var)) {
		vlog(env, "%s%lld", t == SCALAR_VALUE ? "" : vfy_type_text(env, t),
		     (long long)(r->var.value + r->off));
		return;
	}
	if (r->id && t == SCALAR_VALUE && r->delta)
		attr(&a, "id=%d%+d", r->id, r->delta);
	else if (r->id)
		attr(&a, "id=%d", r->id);
	if (shows_ref(t) && r->ref_id)
		attr(&a, "ref_obj_id=%d", r->ref_id);
	if (base == PTR_TO_BTF_ID && (t & NON_OWN_REF))
		attr(&a, "non_own_ref");
	if (t != SCALAR_VALUE)
		attr(&a, "off=%d", r->off);
	if (type_is_pkt(base))
		attr(&a, "r=%d", r->range);
	else if (base == CONST_PTR_TO_MAP || base == PTR_TO_MAP_KEY || base == PTR_TO_MAP_VALUE)
		attr(&a, "ks=%d,vs=%d", r->map->key_size, r->map->value_size);
	if (tnum_is_const(r->var))
		attr(&a, "imm=%llx", (unsigned long long)r->var.value);
	else
		attr_bounds(&a, r);
	vlog(env, "%s%s(%s)", vfy_type_text(env, t),
	     base == PTR_TO_BTF_ID ? vfy_btf_name(r->btf, r->btf_id) : "", a.text);
}

static void log_slot(struct venv *env, const struct vslot *s, u32 i)
{
	static const char letters[] = "?rm0di";
	char kinds[SLOT_SIZE + 1] = "";
	const struct vreg *r = &s->reg;

	vlog(env, " fp%d", (-(int)i - 1) * SLOT_SIZE);
	log_liveness(env, r->live);
	if (s->kind[0] == SLOT_ITER && slot_is_object(s)) {
		vfy_iter_log(env, r);
		return;
	}
	if (!slot_is_spill(s)) {
		for (u32 j = 0; j < SLOT_SIZE; j++)
			kinds[j] = letters[s->kind[j]];
		vlog(env, "=%s", kinds);
		return;
	}
	vlog(env, "=%s", r->type == SCALAR_VALUE ? "" : vfy_type_text(env, r->type));
	if (r->type == SCALAR_VALUE && r->precise)
		vlog(env, "P");
	if (r->type == SCALAR_VALUE && tnum_is_const(r->var))
		vlog(env, "%lld", (long long)(r->var.value + r->off));
}

static bool slot_empty(const struct vslot *s)
{
	for (u32 j = 0; j < SLOT_SIZE; j++)
		if (s->kind[j] != SLOT_INVALID)
			return false;
	return true;
}

void vfy_log_frame(struct venv *env, const struct vframe *f, bool all)
{
	if (f->frameno)
		vlog(env, " frame%d:", f->frameno);
	for (u32 i = 0; i < VFY_REGS; i++) {
		if (f->regs[i].type == NOT_INIT || (!all && !(env->scratched_regs >> i & 1)))
			continue;
		vlog(env, " R%d", i);
		log_liveness(env, f->regs[i].live);
		vlog(env, "=");
		log_reg(env, &f->regs[i]);
	}
	for (u32 i = 0; i < f->nr_slots; i++)
		if (!slot_empty(&f->slots[i]) && (all || (env->scratched_slots >> i & 1)))
			log_slot(env, &f->slots[i], i);
	for (u32 i = 0; i < f->nr_refs; i++)
		vlog(env, "%s%d", i ? "," : " refs=", f->refs[i].id);
	if (f->in_callback)
		vlog(env, " cb");
	if (f->in_async)
		vlog(env, " async_cb");
	vlog(env, "\n");
	if (!all) {
		env->scratched_regs = 0;
		env->scratched_slots = 0;
	}
}

/* Column of the ";" after an instruction that took @pos columns. */
static u32 state_column(u32 pos)
{
	u32 col = max(pos + 4, 40u);

	return (col + 7) / 8 * 8 - pos - 1;
}

void vfy_log_state_line(struct venv *env, const struct vframe *f)
{
	if (!env->log)
		return;
	if (env->prev_log_len && env->prev_log_len == env->log->len) {
		log_reset(env->log, env->prev_log_len - 1);
		vlog(env, "%*c;", (int)state_column(env->prev_print_len), ' ');
	} else {
		vlog(env, "%d:", env->insn_idx);
	}
	vfy_log_frame(env, f, false);
}

/* --- instructions and source lines --- */

static void __printf(2, 3) print_piece(void *arg, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vprintf(((struct venv *)arg)->log, fmt, ap);
	va_end(ap);
}

/* A function of the service by its name. */
static const char *kfunc_name(void *arg, const struct bpf_insn *insn)
{
	const struct btf *btf = ((struct venv *)arg)->prog->vmlinux;

	return insn->src_reg == BPF_PSEUDO_KFUNC_CALL && btf && insn->imm && !insn->off
		       ? btf_type_name(btf, insn->imm)
		       : NULL;
}

/* What a reference to a map will load, as far as the caller may see it: the kernel has put the
 * address in by now, we keep the fd. */
static u64 map_address(const struct venv *env, u32 idx)
{
	const struct vfy_insn_aux *aux = &env->aux[idx];
	struct bpf_map *map = env->prog->used_maps[aux->map_index];
	u8 src = env->insns[idx].src_reg;

	if (src == BPF_PSEUDO_MAP_VALUE || src == BPF_PSEUDO_MAP_IDX_VALUE)
		return (u64)map->ops->direct_value(map, aux->map_off);
	return (u64)map;
}

static bool names_map(const struct bpf_insn *insn)
{
	return insn_is_ld_imm64(insn) && insn->src_reg >= BPF_PSEUDO_MAP_FD &&
	       insn->src_reg <= BPF_PSEUDO_MAP_IDX_VALUE && insn->src_reg != BPF_PSEUDO_BTF_ID &&
	       insn->src_reg != BPF_PSEUDO_FUNC;
}

void vfy_log_insn(struct venv *env, u32 idx)
{
	struct disasm d = {.print = print_piece, .call = kfunc_name, .arg = env};
	struct bpf_insn insn[2] = {env->insns[idx]};

	if (!log_on(env->log))
		return;
	if (insn_is_ld_imm64(&insn[0]))
		insn[1] = env->insns[idx + 1];
	if (names_map(&insn[0])) {
		u64 address = map_address(env, idx);

		insn[0].imm = (u32)address;
		insn[1].imm = address >> 32;
	}
	disasm_insn(&d, insn, env->ptr_leaks);
}

static const struct bpf_line_info *find_linfo(const struct venv *env, u32 idx)
{
	const struct vfy_prog *p = env->prog;
	u32 lo = 0, hi = p->nr_linfo;

	if (!hi || !p->line_info || !p->btf || idx >= env->len)
		return NULL;
	while (hi - lo > 1) {
		u32 mid = lo + (hi - lo) / 2;

		if (p->line_info[mid].insn_off <= idx)
			lo = mid;
		else
			hi = mid;
	}
	return &p->line_info[lo];
}

void vfy_log_linfo(struct venv *env, u32 idx, const char *prefix)
{
	const struct bpf_line_info *l;
	const char *s;

	if (!log_on(env->log))
		return;
	l = find_linfo(env, idx);
	if (!l || l == env->prev_linfo)
		return;
	s = btf_name_by_offset(env->prog->btf, l->line_off);
	while (s && isspace((unsigned char)*s))
		s++;
	vlog(env, "%s%s\n", prefix, s ? s : "");
	env->prev_linfo = l;
}

void vfy_log_bad_scalar(struct venv *env, const struct vreg *r, struct tnum range, const char *what,
			const char *name)
{
	char buf[48];

	vlog(env, "At %s the register %s ", what, name);
	if (tnum_is_unknown(r->var))
		vlog(env, "has unknown scalar value");
	else
		vlog(env, "has value %s", tnum_text(buf, r->var));
	vlog(env, " should have been in %s\n", tnum_text(buf, range));
}
