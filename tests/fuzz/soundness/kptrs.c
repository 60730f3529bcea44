/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kptrs.c - pointers to objects in the value of MAP_KPTR (machine.h). Here a field holds the address
 * of an object, in the twin a number (map/kptr.h): nothing but whole loads and stores of what the
 * field is for, and bpf_kptr_xchg(), may touch it.
 *
 * An object in a map is RG_OBJECT or RG_MEMBER, which nobody owns; what comes out of a field that
 * owns a reference is a reference of its own.
 */
#include "map/kptr.h"
#include "map/kptr_test.h"
#include "machine.h"

const struct sp_kptr sp_kptrs[SP_KPTRS] = {
	{0, KPTR_TEST_REF, false, "prog_test_ref_kfunc"},
	{8, KPTR_TEST_REF, true, "prog_test_ref_kfunc"},
	{16, KPTR_TEST_MEMBER, false, "prog_test_member"},
};

bool kptr_touched(const struct machine *m, u64 a, u64 size)
{
	u64 off = a - addr(value_region(MAP_KPTR, 0));

	if (!sp_has_kptrs || region_of(a) != value_region(MAP_KPTR, 0))
		return false;
	for (u32 i = 0; i < SP_KPTRS; i++)
		if (off < sp_kptrs[i].off + 8 && sp_kptrs[i].off < off + size)
			return true;
	return false;
}

const struct sp_kptr *kptr_at(const struct machine *m, u64 a, u32 size)
{
	if (!sp_has_kptrs || size != 8)
		return NULL;
	for (u32 i = 0; i < SP_KPTRS; i++)
		if (a == addr(value_region(MAP_KPTR, 0)) + sp_kptrs[i].off)
			return &sp_kptrs[i];
	return NULL;
}

u8 *kptr_field(struct machine *m, const struct sp_kptr *k)
{
	return m->values[MAP_KPTR * ELEMS] + k->off;
}

static u64 stands_for(const struct sp_kptr *k)
{
	return addr(k->type == KPTR_TEST_REF ? RG_OBJECT : RG_MEMBER);
}

static void set_field(struct machine *m, const struct sp_kptr *k, bool object)
{
	u64 v = object ? stands_for(k) : 0;

	memcpy(kptr_field(m, k), &v, 8);
	mem_set_how(m, addr(value_region(MAP_KPTR, 0)) + k->off, 8, object ? ADDRESS : SAME, false);
}

void kptr_set_up(struct machine *m)
{
	for (u32 i = 0; sp_has_kptrs && i < SP_KPTRS; i++)
		set_field(m, &sp_kptrs[i], chance(&m->r, 60));
}

/* Is @v the object, or where it is in a larger one? */
static bool fits(const struct machine *m, const struct sp_kptr *k, u64 v)
{
	u32 region = region_of(v), member = offsetof(struct prog_test_ref_kfunc, memb);
	bool object = region >= RG_OBJECT && region < RG_OBJ_MEM && m->rg[region].mem;

	if (k->type == KPTR_TEST_REF)
		return object && !region_pos(v);
	return v == addr(RG_MEMBER) || (object && region_pos(v) == member);
}

bool kptr_store_field(struct machine *m, const struct sp_kptr *k, u64 v)
{
	if (k->ref)
		return violation(m, "a reference in a map is overwritten");
	if (v && !fits(m, k, v))
		return violation(m, "%#llx goes where a map has a %s", (unsigned long long)v,
				 k->name);
	set_field(m, k, v);
	return true;
}

/* --- functions --- */

bool kptr_exchange(struct hcall *c)
{
	struct machine *m = c->m;
	const struct sp_kptr *k = kptr_at(m, c->r[1], 8);
	u32 region = region_of(c->r[2]);
	u64 old;

	if (!k || !k->ref)
		return violation(m, "no place for a reference");
	if (c->r[2] && (!fits(m, k, c->r[2]) || region == RG_OBJECT))
		return violation(m, "no reference goes to a map");
	if (c->r[2]) {
		m->rg[region].mem = NULL;
		m->held--;
	}
	old = load(kptr_field(m, k), 8);
	set_field(m, k, c->r[2]);
	if (!old)
		return true;
	c->r0 = new_reference(m);
	c->how = ADDRESS;
	return c->r0 ? true : stop(m);
}

bool kptr_get_field(struct hcall *c)
{
	const struct sp_kptr *k = kptr_at(c->m, c->r[1], 8);

	if (!k || !k->ref)
		return violation(c->m, "no reference in a map");
	if (!load(kptr_field(c->m, k), 8))
		return true;
	c->r0 = new_reference(c->m);
	c->how = ADDRESS;
	return c->r0 ? true : stop(c->m);
}
