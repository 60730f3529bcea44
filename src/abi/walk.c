/* SPDX-License-Identifier: BSD-2-Clause */
#include "abi/table.h"

#define INSN_CHUNK   128u
#define MAX_INSNS    1000000u
#define MAX_FD_INDEX 65536u
#define PAGE	     4096u

struct walk {
	const struct abi_command *row;
	const union bpf_attr *attr;
	const struct abi_visitor *v;
	void *arg;
};

static int visit_mem(const struct walk *w, const struct abi_field *f, u64 uaddr, u64 len)
{
	bool in = f->kind != ABI_OUT, out = f->kind == ABI_OUT || f->kind == ABI_INOUT;

	if (!uaddr || !len || !w->v->mem)
		return 0;
	return w->v->mem(w->arg, f, uaddr, len, in, out);
}

static int visit_fd(const struct walk *w, const struct abi_field *f, int fd)
{
	return w->v->fd ? w->v->fd(w->arg, f, fd) : 0;
}

static bool readable(const struct walk *w, void *dst, u64 uaddr, u64 len)
{
	return uaddr && w->v->read && w->v->read(w->arg, dst, uaddr, len) == 0;
}

static int visit_fd_field(const struct walk *w, const struct abi_field *f)
{
	int fd = abi_field_value(w->attr, f->off, 4);

	if (!fd && (f->fd_kinds & ABI_FD_SIGNED0))
		return 0;
	return visit_fd(w, f, fd);
}

/* Bytes up to and with the NUL, at most @longest; 0 when the text cannot be read. */
static u64 text_len(const struct walk *w, u64 uaddr, u64 longest)
{
	char chunk[256];
	u64 len = 0;

	while (len < longest) {
		u64 n = min(min((u64)sizeof(chunk), PAGE - (uaddr + len) % PAGE), longest - len);
		const char *nul;

		/* a record has the text and nothing behind it */
		if (!readable(w, chunk, uaddr + len, n) && !readable(w, chunk, uaddr + len, n = 1))
			return len;
		nul = memchr(chunk, 0, n);
		if (nul)
			return len + (nul - chunk) + 1;
		len += n;
	}
	return len;
}

/* The fd of the map a command works on: its field is called map_fd. */
static int command_map_fd(const struct walk *w)
{
	for (u32 i = 0; i < w->row->nr_fields; i++) {
		const struct abi_field *f = &w->row->fields[i];

		if (f->kind == ABI_FD &&
		    (!strcmp(f->name, "map_fd") || !strcmp(f->name, "batch.map_fd")))
			return abi_field_value(w->attr, f->off, 4);
	}
	return -1;
}

static bool map_sizes(const struct walk *w, u32 *key_size, u32 *value_size)
{
	return w->v->map_sizes &&
	       w->v->map_sizes(w->arg, command_map_fd(w), key_size, value_size) == 0;
}

/* --- rules: one per RULE() of fields.def --- */

#define MAX_BATCH_FDS 1000u /* as many as a message takes */

/* Values that go in are fds in some maps. */
static int visit_fds_among(const struct walk *w, const struct abi_field *f, u64 uaddr)
{
	u32 n = min((u32)abi_field_value(w->attr, f->len_off, 4), MAX_BATCH_FDS);
	int fd, err = 0;

	if (f->kind != ABI_IN || f->len != LEN_VALUE || !f->len_off || !w->v->fd_values ||
	    !w->v->fd_values(w->arg, command_map_fd(w)))
		return 0;
	for (u32 i = 0; i < n && !err; i++)
		if (readable(w, &fd, uaddr + i * sizeof(fd), sizeof(fd)))
			err = visit_fd(w, f, fd);
	return err;
}

static int rule_map_value(const struct walk *w, const struct abi_field *f, u64 uaddr)
{
	u32 key_size, value_size;
	int err, fd;

	if (!map_sizes(w, &key_size, &value_size))
		return 0;
	err = visit_mem(w, f, uaddr, value_size);
	if (err || !w->v->fd_values || !w->v->fd_values(w->arg, command_map_fd(w)) ||
	    !readable(w, &fd, uaddr, sizeof(fd)))
		return err;
	return visit_fd(w, f, fd);
}

/* What a batch cursor holds is the kind's business: a key for arrays, a u32 for hashes. Both fit
 * what is passed on. */
static int rule_batch_cursor(const struct walk *w, const struct abi_field *f, u64 uaddr)
{
	u32 key_size, value_size;

	return map_sizes(w, &key_size, &value_size) ? visit_mem(w, f, uaddr, max(key_size, 4u)) : 0;
}

static int for_each_insn(const struct walk *w,
			 int (*cb)(const struct walk *w, const struct bpf_insn *insn, void *data),
			 void *data)
{
	u64 uaddr = w->attr->insns, left = min(w->attr->insn_cnt, MAX_INSNS);
	struct bpf_insn chunk[INSN_CHUNK];
	bool second = false;
	int err = 0;

	while (left && !err) {
		u64 n = min(left, (u64)INSN_CHUNK);

		if (!readable(w, chunk, uaddr, n * sizeof(chunk[0])))
			return 0;
		for (u64 i = 0; i < n && !err; i++) {
			if (!second)
				err = cb(w, &chunk[i], data);
			second = !second && chunk[i].code == (BPF_LD | BPF_IMM | BPF_DW);
		}
		uaddr += n * sizeof(chunk[0]);
		left -= n;
	}
	return err;
}

static bool is_ld_imm64(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static int insn_fd(const struct walk *w, const struct bpf_insn *insn, void *field)
{
	if (is_ld_imm64(insn) &&
	    (insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_MAP_VALUE))
		return visit_fd(w, field, insn->imm);
	return 0;
}

/* The second half of a BTF_ID load names the BTF object its type is of. */
static int btf_id_fds(const struct walk *w, const struct abi_field *f)
{
	u64 cnt = min(w->attr->insn_cnt, MAX_INSNS);
	struct bpf_insn chunk[INSN_CHUNK];
	bool second = false, named = false;

	for (u64 at = 0; at < cnt; at += INSN_CHUNK) {
		u64 n = min(cnt - at, (u64)INSN_CHUNK);

		if (!readable(w, chunk, w->attr->insns + at * sizeof(chunk[0]),
			      n * sizeof(chunk[0])))
			return 0;
		for (u64 i = 0; i < n; i++) {
			if (second && named && chunk[i].imm) {
				int err = visit_fd(w, f, chunk[i].imm);

				if (err)
					return err;
			}
			second = !second && is_ld_imm64(&chunk[i]);
			named = second && chunk[i].src_reg == BPF_PSEUDO_BTF_ID;
		}
	}
	return 0;
}

static int rule_insns(const struct walk *w, const struct abi_field *f, u64 uaddr)
{
	int err = 0;

	if (w->attr->insn_cnt <= MAX_INSNS)
		err = visit_mem(w, f, uaddr, (u64)w->attr->insn_cnt * sizeof(struct bpf_insn));
	if (!err)
		err = for_each_insn(w, insn_fd, (void *)f);
	return err ? err : btf_id_fds(w, f);
}

/* Which entry of fd_array an instruction wants, or -1. */
static s64 fd_index(const struct bpf_insn *insn)
{
	s64 idx = -1;

	if (is_ld_imm64(insn) &&
	    (insn->src_reg == BPF_PSEUDO_MAP_IDX || insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE))
		idx = (u32)insn->imm;
	else if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_KFUNC_CALL &&
		 insn->off > 0)
		idx = insn->off;
	return idx < (s64)MAX_FD_INDEX ? idx : -1;
}

static int count_fds(const struct walk *w, const struct bpf_insn *insn, void *data)
{
	u64 *end = data;

	*end = max(*end, (u64)(fd_index(insn) + 1));
	return 0;
}

static int visit_fd_at(const struct walk *w, const struct abi_field *f, u64 idx)
{
	int fd;

	/* 0, too: whose standard input is closed has objects there */
	return readable(w, &fd, w->attr->fd_array + idx * sizeof(fd), sizeof(fd))
		       ? visit_fd(w, f, fd)
		       : 0;
}

static int visit_insn_fd(const struct walk *w, const struct bpf_insn *insn, void *field)
{
	s64 idx = fd_index(insn);

	return idx < 0 ? 0 : visit_fd_at(w, field, idx);
}

/* Entries that nobody wants may be anything, but for the first fd_array_cnt. */
static int rule_fd_array(const struct walk *w, const struct abi_field *f, u64 uaddr)
{
	u64 cnt = w->v->fd_array_cnt ? w->v->fd_array_cnt(w->arg) : 0, nr;
	int err;

	if (!uaddr)
		return 0;
	nr = cnt = min(cnt, (u64)MAX_FD_INDEX);
	for_each_insn(w, count_fds, &nr);
	err = visit_mem(w, f, uaddr, nr * sizeof(int));
	for (u64 i = 0; i < cnt && !err; i++)
		err = visit_fd_at(w, f, i);
	return err ?: for_each_insn(w, visit_insn_fd, (void *)f);
}

static int rule_func_info(const struct walk *w, const struct abi_field *f, u64 uaddr)
{
	return visit_mem(w, f, uaddr, (u64)w->attr->func_info_cnt * w->attr->func_info_rec_size);
}

static int rule_line_info(const struct walk *w, const struct abi_field *f, u64 uaddr)
{
	return visit_mem(w, f, uaddr, (u64)w->attr->line_info_cnt * w->attr->line_info_rec_size);
}

static int rule_core_relos(const struct walk *w, const struct abi_field *f, u64 uaddr)
{
	return visit_mem(w, f, uaddr, (u64)w->attr->core_relo_cnt * w->attr->core_relo_rec_size);
}

#define MULTI_MAX  4096u
#define STR_SPAN   (256u << 10)
#define SYMBOL_MAX 128u

/* Texts that lie close together, as those of one object do, are one piece of memory. */
static int visit_texts(const struct walk *w, const struct abi_field *f, u64 array, u32 cnt)
{
	u64 at, lo = ~0ull, hi = 0;
	int err = 0;
	char c;

	for (u32 i = 0; i < cnt; i++) {
		if (!readable(w, &at, array + i * sizeof(at), sizeof(at)))
			return 0;
		lo = min(lo, at);
		hi = max(hi, at + text_len(w, at, SYMBOL_MAX));
	}
	if (cnt && hi > lo && hi - lo <= STR_SPAN) {
		for (at = lo; at < hi && readable(w, &c, at, 1); at += PAGE - at % PAGE)
			;
		if (at >= hi)
			return visit_mem(w, f, lo, hi - lo);
	}
	for (u32 i = 0; i < cnt && !err; i++)
		if (readable(w, &at, array + i * sizeof(at), sizeof(at)))
			err = visit_mem(w, f, at, text_len(w, at, SYMBOL_MAX));
	return err;
}

static int link_kprobes(const struct walk *w, const struct abi_field *f)
{
	const union bpf_attr *a = w->attr;
	u32 cnt = min(a->link_create.kprobe_multi.cnt, MULTI_MAX);
	int err = visit_mem(w, f, a->link_create.kprobe_multi.syms, cnt * 8ull);

	if (!err)
		err = visit_mem(w, f, a->link_create.kprobe_multi.addrs, cnt * 8ull);
	if (!err)
		err = visit_mem(w, f, a->link_create.kprobe_multi.cookies, cnt * 8ull);
	if (!err && a->link_create.kprobe_multi.syms)
		err = visit_texts(w, f, a->link_create.kprobe_multi.syms, cnt);
	return err;
}

static int link_uprobes(const struct walk *w, const struct abi_field *f)
{
	struct link_create_uprobe_multi m;
	u64 len;
	int err;

	memcpy(&m, (const char *)w->attr + BPF_ATTR_LINK_KIND, sizeof(m));
	len = min(m.cnt, 1u << 20) * 8ull;
	err = m.path && w->v->path ? w->v->path(w->arg, f, m.path) : 0;
	if (!err)
		err = visit_mem(w, f, m.offsets, len);
	if (!err)
		err = visit_mem(w, f, m.ref_ctr_offsets, len);
	return err ? err : visit_mem(w, f, m.cookies, len);
}

/*
 * The fd of an iterator lies in memory: a map in the first word, a group in the second, a process in the
 * third. What stands there otherwise travels as if it were one, which does no harm.
 */
static int rule_iter_info(const struct walk *w, const struct abi_field *f, u64 uaddr)
{
	u32 len = w->attr->link_create.iter_info_len, fd;
	int err;

	if (w->attr->link_create.attach_type == BPF_TRACE_KPROBE_MULTI)
		return link_kprobes(w, f);
	if (w->attr->link_create.attach_type == BPF_TRACE_UPROBE_MULTI_NR)
		return link_uprobes(w, f);
	if (w->attr->link_create.attach_type != BPF_TRACE_ITER)
		return 0;
	err = visit_mem(w, f, uaddr, len);
	for (u32 at = 0; !err && at < 3 * sizeof(fd) && at + sizeof(fd) <= len; at += sizeof(fd))
		if (readable(w, &fd, uaddr + at, sizeof(fd)) && fd)
			err = visit_fd(w, f, fd);
	return err;
}

static int rule_map_btf(const struct walk *w, const struct abi_field *f, u64 fd)
{
	const union bpf_attr *a = w->attr;

	return a->btf_key_type_id || a->btf_value_type_id || a->btf_vmlinux_value_type_id
		       ? visit_fd(w, f, fd)
		       : 0;
}

static int rule_prog_btf(const struct walk *w, const struct abi_field *f, u64 fd)
{
	const union bpf_attr *a = w->attr;

	return fd || a->func_info_cnt || a->line_info_cnt ? visit_fd(w, f, fd) : 0;
}

/* Pointers inside the info structs: where, and where their element count is. */
struct info_ptr {
	u32 kind;
	struct abi_field f;
};
#define P(kind_, type, ptr, count, unit_)                                           \
	{                                                                           \
		kind_,                                                              \
		{                                                                   \
			.name = #ptr, .off = offsetof(struct type, ptr), .size = 8, \
			.kind = ABI_OUT, .len = LEN_FIELD,                          \
			.len_off = offsetof(struct type, count), .unit = (unit_)    \
		}                                                                   \
	}
static const struct info_ptr info_ptrs[] = {
	P(ABI_FD_PROG, bpf_prog_info, jited_prog_insns, jited_prog_len, 1),
	P(ABI_FD_PROG, bpf_prog_info, xlated_prog_insns, xlated_prog_len, 1),
	P(ABI_FD_PROG, bpf_prog_info, map_ids, nr_map_ids, 4),
	P(ABI_FD_PROG, bpf_prog_info, jited_ksyms, nr_jited_ksyms, 8),
	P(ABI_FD_PROG, bpf_prog_info, jited_func_lens, nr_jited_func_lens, 4),
	P(ABI_FD_PROG, bpf_prog_info, func_info, nr_func_info, sizeof(struct bpf_func_info)),
	P(ABI_FD_PROG, bpf_prog_info, line_info, nr_line_info, sizeof(struct bpf_line_info)),
	P(ABI_FD_PROG, bpf_prog_info, jited_line_info, nr_jited_line_info, 8),
	P(ABI_FD_PROG, bpf_prog_info, prog_tags, nr_prog_tags, BPF_TAG_SIZE),
	P(ABI_FD_BTF, bpf_btf_info, btf, btf_size, 1),
	P(ABI_FD_BTF, bpf_btf_info, name, name_len, 1),
	P(ABI_FD_LINK, bpf_link_info, iter.target_name, iter.target_name_len, 1),
	P(ABI_FD_LINK | ABI_LINK_PERF, bpf_link_info_long, perf_event.name, perf_event.name_len, 1),
	P(ABI_FD_LINK | ABI_LINK_KPROBES, bpf_link_info_long, kprobe_multi.addrs,
	  kprobe_multi.count, 8),
	P(ABI_FD_LINK | ABI_LINK_KPROBES, bpf_link_info_long, kprobe_multi.cookies,
	  kprobe_multi.count, 8),
	P(ABI_FD_LINK | ABI_LINK_UPROBES, bpf_link_info_long, uprobe_multi.path,
	  uprobe_multi.path_size, 1),
	P(ABI_FD_LINK | ABI_LINK_UPROBES, bpf_link_info_long, uprobe_multi.offsets,
	  uprobe_multi.count, 8),
	P(ABI_FD_LINK | ABI_LINK_UPROBES, bpf_link_info_long, uprobe_multi.ref_ctr_offsets,
	  uprobe_multi.count, 8),
	P(ABI_FD_LINK | ABI_LINK_UPROBES, bpf_link_info_long, uprobe_multi.cookies,
	  uprobe_multi.count, 8),
};
#undef P

static u32 info_kind(const struct walk *w)
{
	u32 len = w->attr->info.info_len;

	if (w->v->fd_kind)
		return w->v->fd_kind(w->arg, w->attr->info.bpf_fd);
	if (len > sizeof(struct bpf_map_info))
		return ABI_FD_PROG;
	if (len == sizeof(struct bpf_btf_info))
		return ABI_FD_BTF;
	return len == sizeof(struct bpf_link_info) ? ABI_FD_LINK : 0;
}

static int rule_info(const struct walk *w, const struct abi_field *f, u64 uaddr)
{
	u32 len = w->attr->info.info_len, kind;
	char info[sizeof(struct bpf_prog_info)] = {0};
	int err;

	if (len > ABI_ATTR_MAX)
		return 0;
	err = visit_mem(w, f, uaddr, len);
	if (err || !readable(w, info, uaddr, min(len, (u32)sizeof(info))))
		return err;
	kind = info_kind(w);
	for (u32 i = 0; i < ARRAY_SIZE(info_ptrs) && !err; i++) {
		const struct abi_field *p = &info_ptrs[i].f;
		u64 addr;
		u32 count;

		if (info_ptrs[i].kind != kind)
			continue;
		memcpy(&addr, info + p->off, sizeof(addr));
		memcpy(&count, info + p->len_off, sizeof(count));
		err = visit_mem(w, p, addr, (u64)count * p->unit);
	}
	return err;
}

static int (*const rules[NR_ABI_RULES])(const struct walk *w, const struct abi_field *f,
					u64 value) = {
#define R(name) [RULE_##name] = rule_##name,
	ABI_RULES(R)
#undef R
};

/* --- */

/* The key of one element is an fd in some maps. */
static int visit_key_fd(const struct walk *w, const struct abi_field *f, u64 uaddr)
{
	int fd;

	if (f->kind != ABI_IN || f->len != LEN_KEY || !f->unit || !w->v->fd_keys ||
	    !w->v->fd_keys(w->arg, command_map_fd(w)))
		return 0;
	return readable(w, &fd, uaddr, sizeof(fd)) ? visit_fd(w, f, fd) : 0;
}

static int visit_map_mem(const struct walk *w, const struct abi_field *f, u64 uaddr)
{
	u32 key_size, value_size;
	u64 n;
	int err;

	if (!map_sizes(w, &key_size, &value_size))
		return 0;
	n = f->unit ? 1 : abi_field_value(w->attr, f->len_off, 4);
	err = visit_mem(w, f, uaddr, n * (f->len == LEN_KEY ? key_size : value_size));
	return err ?: visit_key_fd(w, f, uaddr);
}

static int visit_field(const struct walk *w, const struct abi_field *f)
{
	u64 value;

	if (f->kind == ABI_NAME)
		return 0;
	value = abi_field_value(w->attr, f->off, f->size);
	switch (f->len) {
	case LEN_RULE: return rules[f->unit](w, f, value);
	case LEN_FIELD:
		return visit_mem(w, f, value, abi_field_value(w->attr, f->len_off, 4) * f->unit);
	case LEN_KEY:
	case LEN_VALUE: return visit_map_mem(w, f, value) ?: visit_fds_among(w, f, value);
	case LEN_STR:
		if (f->kind == ABI_PATH)
			return w->v->path ? w->v->path(w->arg, f, value) : 0;
		return value ? visit_mem(w, f, value, text_len(w, value, f->unit)) : 0;
	default: return f->kind == ABI_FD ? visit_fd_field(w, f) : 0;
	}
}

int abi_walk(const struct abi_command *row, const union bpf_attr *attr, const struct abi_visitor *v,
	     void *arg)
{
	const struct walk w = {.row = row, .attr = attr, .v = v, .arg = arg};
	int ret = 0;

	for (u32 i = 0; i < row->nr_fields && !ret; i++)
		ret = visit_field(&w, &row->fields[i]);
	return ret;
}
