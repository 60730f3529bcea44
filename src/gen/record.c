/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "gen/record.h"
#include "isa/insn.h"

#define MAX_FD_ARRAY 65536u

struct record {
	struct gen_trace *t;
	const struct gen_client *client;
	struct gen_call *call;
	struct log *log;
};

static const int repeatable[] = {
	BPF_MAP_CREATE, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM, BPF_MAP_FREEZE,
	BPF_PROG_LOAD,	BPF_BTF_LOAD,	     BPF_LINK_CREATE,	  BPF_RAW_TRACEPOINT_OPEN,
};

bool gen_can_repeat(int cmd)
{
	for (u32 i = 0; i < ARRAY_SIZE(repeatable); i++)
		if (repeatable[i] == cmd)
			return true;
	return false;
}

static int unknown_fd(struct record *r, const char *what, int fd)
{
	log_printf(r->log, "%s: fd %d is of no object made before\n", what, fd);
	return -EOPNOTSUPP;
}

static int add_ref(struct record *r, struct gen_ref ref)
{
	int n = gen_call_ref(r->call, &ref);

	return n < 0 ? n : 0;
}

static int add_fd(struct record *r, struct gen_place at, const char *what, int fd)
{
	int slot = r->client->slot(r->client->arg, fd);

	if (slot < 0)
		return unknown_fd(r, what, fd);
	if (at.seg != GEN_ATTR)
		memset((char *)r->call->segs[at.seg].data + at.off, 0, sizeof(fd));
	return add_ref(r, (struct gen_ref){.kind = GEN_REF_FD, .at = at, .slot = slot});
}

/* --- what abi_walk() finds --- */

static int on_read(void *arg, void *dst, u64 addr, u64 len)
{
	struct record *r = arg;

	return r->client->read(r->client->arg, dst, addr, len);
}

static int on_mem(void *arg, const struct abi_field *f, u64 addr, u64 len, bool in, bool out)
{
	struct record *r = arg;
	struct gen_place ptr = {GEN_ATTR, f->off};
	int seg;

	if (!in ||
	    f->kind ==
		    ABI_FD_ARRAY) /* the latter when instructions look into it, or whole: record_fd_array() */
		return 0;
	if (len > INT32_MAX)
		return -E2BIG;
	seg = gen_call_seg(r->call, ptr, f, NULL, len);
	return seg < 0 ? seg : on_read(r, r->call->segs[seg].data, addr, len);
}

/* What a program attaches to: another program, or the BTF object of attach_btf_id. */
#define ATTACH_FD_OFF offsetof(union bpf_attr, attach_prog_fd)

/* fds in memory are found with the memory below, and what a program attaches to. */
static int on_fd(void *arg, const struct abi_field *f, int fd)
{
	struct record *r = arg;

	if (f->kind != ABI_FD || (r->call->cmd == BPF_PROG_LOAD && f->off == ATTACH_FD_OFF))
		return 0;
	return add_fd(r, (struct gen_place){GEN_ATTR, f->off}, f->name, fd);
}

static const union bpf_attr *map_attr(struct record *r, int fd)
{
	int slot = r->client->slot(r->client->arg, fd);

	if (slot < 0 || r->t->slots[slot].kind != GEN_MAP)
		return NULL;
	return &r->t->calls[r->t->slots[slot].call].attr;
}

static int on_map_sizes(void *arg, int fd, u32 *key_size, u32 *value_size)
{
	const union bpf_attr *a = map_attr(arg, fd);

	if (!a)
		return -EBADF;
	*key_size = a->key_size;
	*value_size = a->value_size;
	return 0;
}

static const struct abi_visitor visitor = {
	.mem = on_mem,
	.fd = on_fd,
	.read = on_read,
	.map_sizes = on_map_sizes,
};

/* --- fds and ids in the memory of single commands --- */

static bool insn_has_fd_index(const struct bpf_insn *insn)
{
	return insn->src_reg == BPF_PSEUDO_MAP_IDX || insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE;
}

static int find_seg(const struct gen_call *c, u32 attr_off)
{
	for (u32 i = 0; i < c->nr_segs; i++)
		if (c->segs[i].ptr.seg == GEN_ATTR && c->segs[i].ptr.off == attr_off)
			return i;
	return -1;
}

static int add_symbol(struct record *r, enum gen_ref_kind kind, struct gen_place at,
		      const struct gen_symbol *sym)
{
	return add_ref(r, (struct gen_ref){.kind = kind,
					   .at = at,
					   .btf_kind = sym->btf_kind,
					   .weak = sym->weak,
					   .name = (char *)sym->name});
}

static int btf_symbol(struct record *r, int btf_fd, u32 id, struct gen_symbol *sym)
{
	int err = r->client->btf(r->client->arg, btf_fd, id, sym);

	if (err)
		log_printf(r->log, "type %u of the kernel's BTF is not known\n", id);
	return err;
}

static int fd_array_at(struct record *r, u32 idx, int *fd)
{
	u64 addr = r->call->attr.fd_array;

	return addr ? on_read(r, fd, addr + idx * sizeof(*fd), sizeof(*fd)) : -EPROTO;
}

/* Each of its fds is bound to the program, so it stays an array of its own. */
static int record_fd_array(struct record *r)
{
	struct gen_place ptr = {GEN_ATTR, offsetof(union bpf_attr, fd_array)};
	u32 cnt = r->call->fd_array_cnt;
	int seg, fd, err = 0;

	if (cnt > MAX_FD_ARRAY)
		return -E2BIG;
	seg = gen_call_seg(r->call, ptr, NULL, NULL, cnt * sizeof(fd));
	for (u32 i = 0; i < cnt && seg >= 0 && !err; i++)
		err = fd_array_at(r, i, &fd)
			      ?: add_fd(r, (struct gen_place){seg, i * sizeof(fd)}, "fd_array", fd);
	return seg < 0 ? seg : err;
}

/* In such an array it may stand behind the fds that count: a kernel looks for indices only where they lead. */
static int own_array_insn(struct record *r, struct bpf_insn *insn, struct gen_place at)
{
	int seg = find_seg(r->call, offsetof(union bpf_attr, fd_array)), fd, slot, err;
	bool by_index = insn_has_fd_index(insn);
	struct gen_seg *s = &r->call->segs[seg];
	u32 index = s->len / sizeof(fd);
	void *more;

	if (by_index && (u32)insn->imm < r->call->fd_array_cnt)
		return 0;
	fd = insn->imm;
	err = by_index ? fd_array_at(r, insn->imm, &fd) : 0;
	if (err)
		return err;
	slot = r->client->slot(r->client->arg, fd);
	if (slot < 0)
		return unknown_fd(r, "PROG_LOAD", fd);
	more = realloc(s->data, s->len + sizeof(fd));
	if (!more)
		return -ENOMEM;
	s->data = more;
	s->len += sizeof(fd);
	insn->imm = index;
	insn->src_reg = insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_MAP_IDX
				? BPF_PSEUDO_MAP_IDX
				: BPF_PSEUDO_MAP_IDX_VALUE;
	return add_fd(r, (struct gen_place){seg, index * sizeof(fd)}, "PROG_LOAD", fd);
}

/* A load of a map's address or value: by fd from now on, whatever it was. */
static int map_insn(struct record *r, struct bpf_insn *insn, struct gen_place at)
{
	int fd = insn->imm, slot, err;

	if (r->call->fd_array_cnt)
		return own_array_insn(r, insn, at);
	if (insn_has_fd_index(insn)) {
		err = fd_array_at(r, insn->imm, &fd);
		if (err)
			return err;
		insn->src_reg = insn->src_reg == BPF_PSEUDO_MAP_IDX ? BPF_PSEUDO_MAP_FD
								    : BPF_PSEUDO_MAP_VALUE;
	}
	slot = r->client->slot(r->client->arg, fd);
	if (slot < 0)
		return unknown_fd(r, "PROG_LOAD", fd);
	insn->imm = 0;
	return add_ref(r, (struct gen_ref){.kind = GEN_REF_FD_INSN, .at = at, .slot = slot});
}

static int ksym_btf_insn(struct record *r, struct bpf_insn *insn, struct gen_place at)
{
	struct gen_symbol sym = {0};
	int err = btf_symbol(r, insn[1].imm, insn->imm, &sym);

	insn[0].imm = insn[1].imm = 0;
	return err ?: add_symbol(r, GEN_REF_KSYM_BTF, at, &sym);
}

static int constant_insn(struct record *r, struct bpf_insn *insn, struct gen_place at)
{
	struct gen_symbol sym = {0};

	if (!r->client->ksym || r->client->ksym(r->client->arg, insn_imm64(insn), &sym))
		return 0;
	insn_set_imm64(insn, 0);
	return add_symbol(r, GEN_REF_KSYM_ADDR, at, &sym);
}

static int kfunc_insn(struct record *r, struct bpf_insn *insn, struct gen_place at)
{
	struct gen_symbol sym = {0};
	int fd = 0, err = 0;

	if (!insn->imm) /* a weak one that was not found */
		return 0;
	if (r->call->fd_array_cnt) { /* where it loads it may be in a module, whose fd would have to be there */
		log_printf(r->log, "a call of a kernel function beside fd_array_cnt\n");
		return -EOPNOTSUPP;
	}
	if (insn->off)
		err = fd_array_at(r, insn->off, &fd);
	err = err ?: btf_symbol(r, fd, insn->imm, &sym);
	insn->off = 0;
	insn->imm = 0;
	return err ?: add_symbol(r, GEN_REF_KFUNC, at, &sym);
}

static int one_insn(struct record *r, struct bpf_insn *insn, struct gen_place at)
{
	if (insn_is_kfunc_call(insn))
		return kfunc_insn(r, insn, at);
	if (!insn_is_ld_imm64(insn))
		return 0;
	switch (insn->src_reg) {
	case BPF_PSEUDO_MAP_FD:
	case BPF_PSEUDO_MAP_VALUE:
	case BPF_PSEUDO_MAP_IDX:
	case BPF_PSEUDO_MAP_IDX_VALUE: return map_insn(r, insn, at);
	case BPF_PSEUDO_BTF_ID: return ksym_btf_insn(r, insn, at);
	case 0: return constant_insn(r, insn, at);
	default: return 0;
	}
}

static int record_insns(struct record *r)
{
	int seg = find_seg(r->call, offsetof(union bpf_attr, insns)), err = 0;
	struct bpf_insn *insns;
	u32 cnt;

	if (seg < 0)
		return -EFAULT;
	insns = r->call->segs[seg].data;
	cnt = r->call->segs[seg].len / sizeof(*insns);
	for (u32 i = 0; i < cnt && !err; i++) {
		struct gen_place at = {seg, i * sizeof(*insns)};

		if (insn_is_ld_imm64(&insns[i]) && i + 1 == cnt)
			return -EINVAL;
		err = one_insn(r, &insns[i], at);
		i += insn_is_ld_imm64(&insns[i]);
	}
	return err;
}

/* attach_btf_id is of the kernel's BTF unless the program attaches to another one. */
static int record_attach(struct record *r, const union bpf_attr *attr)
{
	static const struct gen_place id_at = {GEN_ATTR, offsetof(union bpf_attr, attach_btf_id)},
				      fd_at = {GEN_ATTR, ATTACH_FD_OFF};
	int fd = attr->attach_prog_fd;
	struct gen_symbol sym = {0};
	int err;

	if (fd && (!attr->attach_btf_id || r->client->slot(r->client->arg, fd) >= 0))
		return add_fd(r, fd_at, "attach_prog_fd", fd);
	if (!attr->attach_btf_id)
		return 0;
	err = btf_symbol(r, fd, attr->attach_btf_id, &sym);
	r->call->attr.attach_btf_id = 0;
	err = err ?: add_symbol(r, GEN_REF_BTF_ID, id_at, &sym);
	return err ?: add_symbol(r, GEN_REF_BTF_OBJ, fd_at, &sym);
}

static int record_prog_load(struct record *r, const union bpf_attr *attr)
{
	union bpf_attr *a = &r->call->attr;
	int err = r->call->fd_array_cnt ? record_fd_array(r) : 0;

	err = err ?: record_insns(r) ?: record_attach(r, attr);

	a->log_level = a->log_size = 0;
	a->log_buf = 0;
	a->fd_array = 0;
	if (attr->core_relo_cnt)
		r->t->core_relos = true;
	return err;
}

static int record_btf_load(struct record *r, const union bpf_attr *attr)
{
	union bpf_attr *a = &r->call->attr;

	a->btf_log_level = a->btf_log_size = 0;
	a->btf_log_buf = 0;
	return 0;
}

static bool values_are_fds(u32 map_type)
{
	return map_type == BPF_MAP_TYPE_PROG_ARRAY || map_type == BPF_MAP_TYPE_ARRAY_OF_MAPS ||
	       map_type == BPF_MAP_TYPE_HASH_OF_MAPS;
}

static bool values_per_cpu(u32 map_type)
{
	return map_type == BPF_MAP_TYPE_PERCPU_ARRAY || map_type == BPF_MAP_TYPE_PERCPU_HASH ||
	       map_type == BPF_MAP_TYPE_LRU_PERCPU_HASH ||
	       map_type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

static int record_map_update(struct record *r, const union bpf_attr *attr)
{
	const union bpf_attr *map = map_attr(r, attr->map_fd);
	int seg = find_seg(r->call, offsetof(union bpf_attr, value)), fd;

	if (!map || seg < 0)
		return -EFAULT;
	if (values_per_cpu(map->map_type)) {
		log_printf(r->log, "the values of a per-CPU map depend on the machine\n");
		return -EOPNOTSUPP;
	}
	if (!values_are_fds(map->map_type))
		return 0;
	memcpy(&fd, r->call->segs[seg].data, sizeof(fd));
	return add_fd(r, (struct gen_place){seg, 0}, "MAP_UPDATE_ELEM", fd);
}

/* The map of a bpf_map_elem iterator. */
static int record_link_create(struct record *r, const union bpf_attr *attr)
{
	int seg = find_seg(r->call, offsetof(union bpf_attr, link_create.iter_info)), fd;

	if (attr->link_create.attach_type != BPF_TRACE_ITER || seg < 0 ||
	    r->call->segs[seg].len < sizeof(fd))
		return 0;
	memcpy(&fd, r->call->segs[seg].data, sizeof(fd));
	if (!fd)
		return 0;
	return add_fd(r, (struct gen_place){seg, 0}, "LINK_CREATE", fd);
}

static const struct {
	int cmd;
	int (*record)(struct record *r, const union bpf_attr *attr);
} special[] = {
	{BPF_PROG_LOAD, record_prog_load},
	{BPF_BTF_LOAD, record_btf_load},
	{BPF_MAP_UPDATE_ELEM, record_map_update},
	{BPF_LINK_CREATE, record_link_create},
};

/* Descriptors and addresses are the recorded process's; what they were is in refs and segments. */
static void drop_numbers(struct gen_call *c, const struct abi_command *row)
{
	for (u32 i = 0; i < row->nr_fields; i++) {
		const struct abi_field *f = &row->fields[i];

		if (f->kind >= ABI_FD)
			memset((char *)&c->attr + f->off, 0, f->size);
	}
}

static int record_call(struct record *r, const struct abi_command *row, const union bpf_attr *attr)
{
	int err = abi_walk(row, attr, &visitor, r);

	for (u32 i = 0; i < ARRAY_SIZE(special) && !err; i++)
		if (special[i].cmd == row->cmd)
			err = special[i].record(r, attr);
	drop_numbers(r->call, row);
	return err;
}

int gen_record(struct gen_trace *t, const struct gen_client *c, int cmd, const union bpf_attr *attr,
	       u32 size, struct log *log)
{
	const struct abi_command *row = abi_command(cmd);
	struct record r = {.t = t, .client = c, .log = log};
	union bpf_attr copy = {0};
	int idx, err;

	if (!row || !gen_can_repeat(cmd)) {
		log_printf(log, "bpf(%s) is nothing a loader program can repeat\n",
			   row ? row->name : "?");
		return -EOPNOTSUPP;
	}
	size = min(size, (u32)sizeof(copy));
	memcpy(&copy, attr, size);
	idx = gen_trace_call(t, cmd, &copy, size);
	if (idx < 0)
		return idx;
	r.call = &t->calls[idx];
	if (cmd == BPF_PROG_LOAD && c->fd_array_cnt)
		r.call->fd_array_cnt = c->fd_array_cnt(c->arg);
	err = record_call(&r, row, &copy);
	if (err)
		gen_trace_drop(t);
	return err ?: idx;
}
