/* SPDX-License-Identifier: BSD-2-Clause */
/* memory.c - the machine's regions, and what is known of each byte in them (machine.h). */
#include "machine.h"

u64 pkt_start(const struct machine *m)
{
	return addr(RG_PKT + m->pkt_epoch) + m->meta_len;
}

u64 pkt_end(const struct machine *m)
{
	return pkt_start(m) + m->pkt_len;
}

int stack_frame_of(u64 a)
{
	u64 region = a >> FAR;

	return region >= RG_STACK && region < RG_STACK + SP_FRAMES ? (int)(region - RG_STACK) : -1;
}

/* The lock of a value is for the two helpers only. */
static bool touches_lock(const struct region *g, const struct machine *m, u64 off, u64 size)
{
	return g == &m->rg[value_region(MAP_LOCK, 0)] && off < SP_LOCK_AT + 4 &&
	       off + size > SP_LOCK_AT;
}

u8 *mem_at(struct machine *m, u64 a, u64 size, bool write, const char *what)
{
	u64 region = a >> FAR, off = (a & ((1ull << FAR) - 1)) - LOW;
	const struct region *g = region < RG_END ? &m->rg[region] : NULL;

	if (!g || !g->mem || off > g->size || size > g->size - off) {
		violation(m, "%s of %llu bytes at %#llx (region %llu + %lld of %u): bad access",
			  what, (unsigned long long)size, (unsigned long long)a,
			  (unsigned long long)region, (long long)off, g ? g->size : 0);
		return NULL;
	}
	if (write && g->rdonly) {
		violation(m, "%s to read-only region %llu", what, (unsigned long long)region);
		return NULL;
	}
	if (size && touches_lock(g, m, off, size)) {
		violation(m, "%s of a spin lock", what);
		return NULL;
	}
	if (size && kptr_touched(m, a, size)) {
		violation(m, "%s of %llu bytes of a pointer in a map value", what,
			  (unsigned long long)size);
		return NULL;
	}
	return g->mem + off;
}

u8 *shadow_at(struct machine *m, u64 a)
{
	return m->rg[region_of(a)].shadow + region_pos(a);
}

static bool stack_written(struct machine *m, u64 a, u64 size, const char *what)
{
	const u8 *s;

	if (!m->p->unpriv || stack_frame_of(a) < 0)
		return true;
	s = shadow_at(m, a);
	for (u64 i = 0; i < size; i++)
		if (!(s[i] & SH_WRITTEN))
			return violation(m, "%s of stack byte fp%d never written", what,
					 (int)(region_pos(a) + i) - STACK_SIZE);
	return true;
}

/* Does memory hold addresses, to one who may not know any? */
bool mem_secret(struct machine *m, u64 a, u64 size)
{
	const u8 *s = m->p->unpriv && stack_frame_of(a) >= 0 ? shadow_at(m, a) : NULL;

	for (u64 i = 0; s && i < size; i++)
		if (s[i] & SH_SECRET)
			return true;
	return false;
}

enum how mem_how(struct machine *m, u64 a, u64 size)
{
	const u8 *s = shadow_at(m, a);
	u32 any = 0, rest = 0;

	for (u64 i = 0; i < size; i++) {
		any |= s[i] & (SH_JUNK | SH_ADDR | SH_REST);
		rest += s[i] & SH_REST ? 1 : 0;
	}
	if (!any)
		return SAME;
	return size == 8 && s[0] & SH_ADDR && rest == 7 ? ADDRESS : JUNK;
}

void mem_set_how(struct machine *m, u64 a, u32 size, enum how how, bool secret)
{
	u8 *s = shadow_at(m, a), with = SH_WRITTEN | (secret ? SH_SECRET : 0);

	for (u32 i = 0; i < size; i++)
		s[i] = with | (how == SAME		  ? 0
			       : how == JUNK || size != 8 ? SH_JUNK
			       : i			  ? SH_REST
							  : SH_ADDR);
}

u8 *mem_read(struct machine *m, u64 a, u64 size, const char *what)
{
	u8 *at = mem_at(m, a, size, false, what);

	return at && stack_written(m, a, size, what) ? at : NULL;
}

u8 *mem_write(struct machine *m, u64 a, u64 size, const char *what)
{
	u8 *at = mem_at(m, a, size, true, what);

	if (at && size)
		mem_set_how(m, a, size, SAME, false);
	return at;
}

bool fill(struct machine *m, u64 a, u64 size, const char *what)
{
	struct happening *l = &m->log;
	u8 *at = mem_write(m, a, size, what);

	if (!at)
		return false;
	for (u64 i = 0; i < size; i++)
		at[i] = rnd(&m->r);
	if (size > sizeof(l->bytes) - l->nr_bytes) {
		l->full = true;
		return true;
	}
	if (!l->n)
		return true;
	memcpy(l->bytes + l->nr_bytes, at, size);
	l->at[l->n - 1].from = l->nr_bytes;
	l->at[l->n - 1].size = size;
	l->nr_bytes += size;
	return true;
}

void pkt_changed(struct machine *m)
{
	struct region old = m->rg[RG_PKT + m->pkt_epoch];

	m->rg[RG_PKT + m->pkt_epoch].mem = NULL;
	m->pkt_epoch = (m->pkt_epoch + 1) % PACKETS;
	m->pkt_len = below(&m->r, 5) ? below(&m->r, 100) : 0;
	m->meta_len = below(&m->r, 3) * 8;
	old.size = m->pkt_len + m->meta_len;
	m->rg[RG_PKT + m->pkt_epoch] = old;
	ctx_packet(m);
}

void set_secret(struct machine *m, u32 n, bool on)
{
	struct cframe *f = &m->f[m->depth];

	f->secret = (f->secret & ~(1u << n)) | (u32)on << n;
}

bool is_secret(const struct machine *m, u32 n)
{
	return m->p->unpriv && (m->f[m->depth].secret >> n & 1);
}

void set_how(struct machine *m, u32 n, enum how how)
{
	m->f[m->depth].how[n] = how;
}

void unpair(struct machine *m)
{
	m->paired = false;
}
