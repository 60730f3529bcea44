/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helpers.c - helpers and kernel functions as the machine has them (machine.h). Those with an
 * effect of their own have a row; the others are what their prototype says: they read and fill the
 * memory they are given and return any number.
 */
#include "helper/helper.h"
#include "helper/kfunc_test.h"
#include "machine.h"

static int map_of(u64 v)
{
	for (u32 i = 0; i < SP_MAPS; i++)
		if (v == addr(RG_HANDLE + i))
			return i;
	return -1;
}

/* Element of @key, -1: none. There is one per value of the key's low bits, unless it went. */
static int elem_of(struct machine *m, int map, const u8 *key)
{
	u32 i = load(key, 4);

	if (map == MAP_HASH || map == MAP_LRU || map == MAP_LPM)
		return m->present[i % ELEMS] && (map == MAP_HASH || chance(&m->r, 80))
			       ? (int)(i % ELEMS)
			       : -1;
	return i < sp_maps[map].entries ? (int)i : -1;
}

/* Memory a helper reads: no addresses for those who may know none, nothing that may differ. */
static u8 *input(struct hcall *c, u32 arg, u64 size, const char *what)
{
	struct machine *m = c->m;
	u8 *at = mem_read(m, c->r[arg], size, what);

	if (at && mem_secret(m, c->r[arg], size)) {
		violation(m, "an address in %s", what);
		return NULL;
	}
	return at;
}

/* --- maps --- */

static bool map_element(struct hcall *c, int *map, int *elem)
{
	u8 *key;

	*map = map_of(c->r[1]);
	if (*map < 0 || !sp_maps[*map].key)
		return violation(c->m, "not a map with elements");
	key = input(c, 2, sp_maps[*map].key, "key");
	if (!key)
		return false;
	if (mem_how(c->m, c->r[2], sp_maps[*map].key) != SAME)
		unpair(c->m);
	*elem = elem_of(c->m, *map, key);
	return true;
}

static bool h_lookup(struct hcall *c)
{
	int map, elem;

	if (!map_element(c, &map, &elem))
		return false;
	if (map == MAP_OUTER && chance(&c->m->r, 30))
		elem = -1;
	c->r0 = elem < 0	   ? 0
		: map == MAP_OUTER ? addr(RG_HANDLE + MAP_ARRAY)
				   : addr(value_region(map, elem));
	c->how = elem >= 0 ? ADDRESS : SAME;
	return true;
}

static bool h_lookup_percpu(struct hcall *c)
{
	if (!h_lookup(c))
		return false;
	if (chance(&c->m->r, 20)) {
		c->r0 = 0;
		c->how = SAME;
	}
	return true;
}

static bool h_update(struct hcall *c)
{
	struct machine *m = c->m;
	int map, elem;
	u32 size;
	u8 *value;

	if (!map_element(c, &map, &elem))
		return false;
	size = sp_maps[map].value;
	value = input(c, 3, size, "value");
	if (!value)
		return false;
	c->h->elem = -1;
	if (elem >= 0 && map != MAP_LOCK && map != MAP_KPTR) {
		u32 to = map * ELEMS + elem;

		c->h->elem = to;
		memmove(m->values[to], value, size);
		memmove(m->values_shadow[to], shadow_at(m, c->r[3]), size);
	}
	c->r0 = chance(&m->r, 50) ? 0 : -22ull;
	return true;
}

static bool h_delete(struct hcall *c)
{
	int map, elem;

	c->r0 = chance(&c->m->r, 50) ? 0 : -2ull;
	return map_element(c, &map, &elem);
}

/* Maps without keys hold what nobody knows. */
static bool keyless(struct hcall *c)
{
	int map = map_of(c->r[1]);

	if (map != MAP_FIFO && map != MAP_LIFO && map != MAP_BLOOM)
		return violation(c->m, "not a queue, stack or filter");
	c->r0 = chance(&c->m->r, 60) ? 0 : map == MAP_BLOOM ? -2ull : -7ull;
	return true;
}

static bool h_push(struct hcall *c)
{
	return keyless(c) && input(c, 2, sp_maps[map_of(c->r[1])].value, "value");
}

/* Filled in any case; a filter is asked about the value. */
static bool h_peek(struct hcall *c)
{
	if (!keyless(c))
		return false;
	if (map_of(c->r[1]) == MAP_BLOOM)
		return input(c, 2, sp_maps[MAP_BLOOM].value, "value");
	c->h->at = 2;
	return fill(c->m, c->r[2], sp_maps[map_of(c->r[1])].value, "value");
}

/* --- control --- */

static bool h_loop(struct hcall *c)
{
	/* the helper takes 32 bits; as a loop of the program, and so in the kernel, it takes 64 */
	if (c->m->f[c->m->depth].how[1] != SAME || c->r[1] >> 32)
		unpair(c->m);
	c->h->callback = true;
	c->h->map = -1;
	c->h->rounds = (u32)c->r[1];
	if ((u32)c->r[1] > 1 << 23) {
		c->h->callback = false;
		c->r0 = (u64)-E2BIG;
		return true;
	}
	return call_back(c->m, -1, (u32)c->r[1], c->r[2], c->r[3], c->m->f[c->m->depth].how[3]);
}

static bool h_for_each(struct hcall *c)
{
	int map = map_of(c->r[1]);

	if (map < 0)
		return violation(c->m, "not a map");
	c->h->callback = true;
	c->h->map = map;
	c->h->rounds = below(&c->m->r, sp_maps[map].entries + 1);
	return call_back(c->m, map, c->h->rounds, c->r[2], c->r[3], c->m->f[c->m->depth].how[3]);
}

/* The other program does what it wants with the packet and returns a number. */
static bool tail_call_taken(struct hcall *c)
{
	struct machine *m = c->m;

	c->h->taken = true;
	c->h = happens(m, BPF_FUNC_get_prandom_u32, 0);
	c->h->r0 = rnd_interesting(&m->r);
	clobber(m, c->h->r0, SAME);
	if (m->held != m->f[m->depth].held)
		return violation(m, "a tail call with %u references",
				 m->held - m->f[m->depth].held);
	if (m->locked)
		return violation(m, "a tail call with a lock");
	pkt_changed(m);
	c->h->moved = true;
	c->h->pkt_len = m->pkt_len;
	c->h->meta_len = m->meta_len;
	c->h->pkt_epoch = m->pkt_epoch;
	return leave(m);
}

static bool h_tail_call(struct hcall *c)
{
	struct machine *m = c->m;
	u32 index = c->r[3];
	bool reaches = index < sp_maps[MAP_PROGS].entries && m->tail_calls < MAX_TAIL_CALL_CNT;

	if (map_of(c->r[2]) != MAP_PROGS)
		return violation(m, "tail call without programs");
	if (m->f[m->depth].how[3] != SAME)
		unpair(m);
	if (!reaches) {
		m->log.n--;
		return true;
	}
	m->tail_calls++;
	c->h->id = -1;
	return chance(&m->r, 40) ? tail_call_taken(c) : true;
}

static bool h_lock(struct hcall *c)
{
	if (c->m->locked || c->r[1] != addr(value_region(MAP_LOCK, 0)) + SP_LOCK_AT)
		return violation(c->m, "what is locked is no lock, or the second one");
	c->m->locked = c->r[1];
	return true;
}

static bool h_unlock(struct hcall *c)
{
	if (c->m->locked != c->r[1])
		return violation(c->m, "what is unlocked was not locked");
	c->m->locked = 0;
	return true;
}

/* --- ring buffers --- */

void new_record(struct machine *m, u32 size)
{
	u32 n = m->nr_records++;

	for (u32 i = 0; i < SP_MAX_RECORD; i++)
		m->record[n][i] = rnd(&m->r);
	memset(m->record_shadow[n], SH_JUNK, SP_MAX_RECORD);
	m->rg[RG_RECORD + n] = (struct region){m->record[n], m->record_shadow[n], size, false};
}

static bool h_reserve(struct hcall *c)
{
	struct machine *m = c->m;
	u32 n = m->nr_records;

	if (c->r[1] != addr(RG_HANDLE + MAP_RING))
		return violation(m, "not a ring buffer");
	if (c->r[3] || c->r[2] > SP_MAX_RECORD || n == RECORDS || chance(&m->r, 25))
		return true;
	new_record(m, c->r[2]);
	m->held++;
	c->h->record = n + 1;
	c->r0 = addr(RG_RECORD + n);
	c->how = ADDRESS;
	return true;
}

static bool h_submit(struct hcall *c)
{
	struct region *g = &c->m->rg[region_of(c->r[1])];

	if (region_of(c->r[1]) < RG_RECORD || region_of(c->r[1]) >= RG_OBJECT || !g->mem ||
	    region_pos(c->r[1]))
		return violation(c->m, "%#llx is not a record", (unsigned long long)c->r[1]);
	g->mem = NULL;
	c->m->held--;
	return true;
}

/* --- what the prototype says --- */

static u32 arg_base(u32 type)
{
	return type & BPF_BASE_TYPE_MASK;
}

static bool output(struct hcall *c, u32 arg, u64 size)
{
	if (c->h->at) /* two of them: the log has room for one */
		unpair(c->m);
	c->h->at = arg;
	return fill(c->m, c->r[arg], size, "output of a helper");
}

static bool memory_arg(struct hcall *c, const struct helper_proto *p, u32 arg)
{
	u32 type = p->arg[arg - 1];
	u64 size = arg < 5 ? (u32)c->r[arg + 1] : 0;

	if (!size)
		return true;
	if (!c->r[arg])
		return violation(c->m, "NULL as memory of %llu bytes", (unsigned long long)size);
	if (type & MEM_UNINIT)
		return output(c, arg, size);
	if (!input(c, arg, size, "input of a helper"))
		return false;
	return type & MEM_RDONLY ? true : output(c, arg, size);
}

static bool argument(struct hcall *c, const struct helper_proto *p, u32 arg)
{
	switch (arg_base(p->arg[arg - 1])) {
	case ARG_ANYTHING:
		return is_secret(c->m, arg) ? violation(c->m, "an address goes to a helper") : true;
	case ARG_DONTCARE:
	case ARG_CONST_SIZE:
	case ARG_CONST_SIZE_OR_ZERO:
	case ARG_PTR_TO_CTX: return true;
	case ARG_CONST_MAP_PTR: return map_of(c->r[arg]) >= 0 ? true : violation(c->m, "not a map");
	case ARG_PTR_TO_MEM: return memory_arg(c, p, arg);
	case ARG_PTR_TO_LONG: return output(c, arg, 8);
	case ARG_PTR_TO_INT: return output(c, arg, 4);
	}
	return stop(c->m);
}

/* What the verifier takes for granted of results. */
static u64 result(struct hcall *c, s32 id)
{
	static const struct {
		s32 id;
		u32 size_arg;
	} bounded[] = {{BPF_FUNC_get_stack, 3},
		       {BPF_FUNC_probe_read_str, 2},
		       {BPF_FUNC_probe_read_kernel_str, 2},
		       {BPF_FUNC_probe_read_user_str, 2}};
	struct rng *r = &c->m->r;

	if (id == BPF_FUNC_get_smp_processor_id)
		return 0;
	for (u32 i = 0; i < ARRAY_SIZE(bounded); i++)
		if (bounded[i].id == id)
			return chance(r, 50) ? (u64)-EFAULT
					     : below(r, (u32)c->r[bounded[i].size_arg] + 1);
	switch (below(r, 3)) {
	case 0: return 0;
	case 1: return -22ull;
	}
	return rnd_interesting(r);
}

static bool by_prototype(struct hcall *c, s32 id)
{
	const struct helper_proto *p = helper_by_id(id);

	if (!p || (arg_base(p->ret) != RET_INTEGER && arg_base(p->ret) != RET_VOID))
		return stop(c->m);
	for (u32 i = 1; i <= 5; i++)
		if (!argument(c, p, i))
			return false;
	c->r0 = result(c, id);
	if (!(p->flags & HELPER_CHANGES_PKT))
		return true;
	pkt_changed(c->m);
	c->h->moved = true;
	c->h->pkt_len = c->m->pkt_len;
	c->h->meta_len = c->m->meta_len;
	c->h->pkt_epoch = c->m->pkt_epoch;
	return true;
}

/* --- the call --- */

static const struct {
	s32 id;
	bool (*call)(struct hcall *c);
	u32 nr_args;
	bool goes_on; /* sets R0 and the next instruction itself, unless R0 is set in the call */
} rows[] = {
	{BPF_FUNC_map_lookup_elem, h_lookup, 2, false},
	{BPF_FUNC_map_lookup_percpu_elem, h_lookup_percpu, 2, false},
	{BPF_FUNC_map_update_elem, h_update, 3, false},
	{BPF_FUNC_map_delete_elem, h_delete, 2, false},
	{BPF_FUNC_map_push_elem, h_push, 2, false},
	{BPF_FUNC_map_pop_elem, h_peek, 2, false},
	{BPF_FUNC_map_peek_elem, h_peek, 2, false},
	{BPF_FUNC_kptr_xchg, kptr_exchange, 2, false},
	{BPF_FUNC_loop, h_loop, 1, true},
	{BPF_FUNC_for_each_map_elem, h_for_each, 1, true},
	{BPF_FUNC_tail_call, h_tail_call, 0, true},
	{BPF_FUNC_spin_lock, h_lock, 1, false},
	{BPF_FUNC_spin_unlock, h_unlock, 1, false},
	{BPF_FUNC_ringbuf_reserve, h_reserve, 3, false},
	{BPF_FUNC_ringbuf_submit, h_submit, 1, false},
	{BPF_FUNC_ringbuf_discard, h_submit, 1, false},
	{BPF_FUNC_dynptr_from_mem, so_from_mem, 2, false},
	{BPF_FUNC_dynptr_read, so_read, 2, false},
	{BPF_FUNC_dynptr_write, so_write, 2, false},
	{BPF_FUNC_dynptr_data, so_data, 3, false},
	{BPF_FUNC_ringbuf_reserve_dynptr, so_reserve, 3, false},
	{BPF_FUNC_ringbuf_submit_dynptr, so_submit, 0, false},
	{BPF_FUNC_ringbuf_discard_dynptr, so_submit, 0, false},
};

static s32 row_of(s32 id)
{
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].id == id)
			return i;
	return -1;
}

static u32 count_args(s32 id)
{
	const struct helper_proto *p = helper_by_id(id);
	u32 n = 0;

	while (p && n < 5 && arg_base(p->arg[n]) != ARG_DONTCARE)
		n++;
	return n;
}

static bool returns(struct hcall *c)
{
	c->h->r0 = c->r0;
	c->h->r0_address = c->how == ADDRESS;
	clobber(c->m, c->r0, c->how);
	set_secret(c->m, 0, c->how == ADDRESS);
	return go_to(c->m, c->m->pc + 1);
}

bool helper(struct machine *m, s32 id)
{
	s32 row = row_of(id);
	struct hcall c = {.m = m, .r0 = 0, .how = SAME};
	s32 at = m->pc;
	u32 depth = m->depth;

	memcpy(c.r, regs_of(m), sizeof(c.r));
	c.h = happens(m, id, row >= 0 ? rows[row].nr_args : count_args(id));
	if (row < 0)
		return by_prototype(&c, id) && returns(&c);
	for (u32 i = 1; i <= rows[row].nr_args; i++)
		if (m->f[m->depth].how[i] == JUNK)
			unpair(m);
	if (!rows[row].call(&c))
		return false;
	if (rows[row].goes_on && (m->pc != at || m->depth != depth))
		return true;
	return returns(&c);
}

/* --- kernel functions; the twin calls the real ones --- */

u64 new_reference(struct machine *m)
{
	if (m->nr_objects == OBJECTS - 1)
		return 0;
	m->nr_objects++;
	m->held++;
	m->rg[RG_OBJECT + m->nr_objects] = m->rg[RG_OBJECT];
	return addr(RG_OBJECT + m->nr_objects);
}

static bool k_acquire(struct hcall *c)
{
	struct machine *m = c->m;

	if (!mem_read(m, c->r[1], 8, "argument of acquire"))
		return false;
	if (m->nr_objects == OBJECTS - 1 || chance(&m->r, 20)) { /* ours never fails */
		unpair(m);
		return true;
	}
	c->r0 = new_reference(m);
	c->how = ADDRESS;
	return true;
}

static bool k_release(struct hcall *c)
{
	u32 n = region_of(c->r[1]);

	if (n <= RG_OBJECT || n >= RG_OBJ_MEM || !c->m->rg[n].mem || region_pos(c->r[1]))
		return violation(c->m, "%#llx is not a reference", (unsigned long long)c->r[1]);
	c->m->rg[n].mem = NULL;
	c->m->held--;
	return true;
}

static bool object_memory(struct hcall *c, u32 region)
{
	u32 n = region_of(c->r[1]);

	if (n < RG_OBJECT || n >= RG_OBJ_MEM || !c->m->rg[n].mem || region_pos(c->r[1]))
		return violation(c->m, "%#llx is not an object", (unsigned long long)c->r[1]);
	if ((s32)c->r[2] < 0 || (s32)c->r[2] > 8)
		return true;
	c->r0 = addr(region + (u32)c->r[2]);
	c->how = ADDRESS;
	return true;
}

static bool k_rdonly(struct hcall *c)
{
	return object_memory(c, RG_OBJ_MEM);
}

static bool k_rdwr(struct hcall *c)
{
	return object_memory(c, RG_OBJ_MEM + OBJ_MEM_SIZES);
}

static bool k_context(struct hcall *c)
{
	return c->r[1] == addr(RG_CTX) ? true : violation(c->m, "not the context");
}

static bool k_memory(struct hcall *c)
{
	u32 size = c->r[2];

	return !size || mem_read(c->m, c->r[1], size, "memory of a kernel function");
}

static bool k_struct(struct hcall *c)
{
	return !c->r[1] || mem_read(c->m, c->r[1], sizeof(struct prog_test_pass1),
				    "struct of a kernel function");
}

static bool k_none(struct hcall *c)
{
	return true;
}

static bool (*const kernel_functions[SP_KFUNCS])(struct hcall *c) = {
	[KF_ACQ] = k_acquire,
	[KF_REL] = k_release,
	[KF_RDWR] = k_rdwr,
	[KF_RDONLY] = k_rdonly,
	[KF_CTX] = k_context,
	[KF_MEMLEN] = k_memory,
	[KF_PASS1] = k_struct,
	[KF_MEMB_ACQ] = k_none,
	[KF_KPTR_GET] = kptr_get_field,
	[KF_ITER_NEW] = so_iter_new,
	[KF_ITER_NEXT] = so_iter_next,
	[KF_ITER_DESTROY] = so_iter_destroy,
};

bool kfunc(struct machine *m, s32 id)
{
	struct happened none;
	struct hcall c = {.m = m, .h = &none, .r0 = 0, .how = SAME};

	memcpy(c.r, regs_of(m), sizeof(c.r));
	for (u32 i = 0; i < SP_KFUNCS; i++)
		if (sp_kfunc_id[i] == id)
			return kernel_functions[i](&c) && returns(&c);
	return stop(m);
}
