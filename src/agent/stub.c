/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stub.c - the stub's code. In front of it stand the addresses of patch_enter and of the site.
 *
 *	lea -128(%rsp), %rsp		the red zone is the program's
 *	call *patch_enter		returns with every register and flag as it was
 *	lea 128(%rsp), %rsp
 * body:				the displaced instruction, or what does the same
 *	jmp behind it
 *
 * Calls are taken apart, so that the return address is the one the program would have there.
 */
#include "agent/engine.h"

struct out {
	u8 *p, *start;
	u64 at; /* where start will be */
	bool far;
};

static void put(struct out *o, const void *bytes, u32 len)
{
	memcpy(o->p, bytes, len);
	o->p += len;
}
#define PUT(o, ...) put(o, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static u64 here(const struct out *o)
{
	return o->at + (u64)(o->p - o->start);
}

static void put32(struct out *o, u32 v)
{
	put(o, &v, 4);
}

static bool fits(s64 distance)
{
	return distance == (s32)distance;
}

/* A displacement of 4 bytes that end the instruction, @tail bytes in front of its end. */
static void put_rel32(struct out *o, u64 to)
{
	s64 distance = (s64)(to - (here(o) + 4));

	o->far |= !fits(distance);
	put32(o, (u32)distance);
}

/* jmp @to, however far */
static void put_jmp(struct out *o, u64 to)
{
	if (fits((s64)(to - (here(o) + 5)))) {
		PUT(o, 0xe9);
		put_rel32(o, to);
	} else {
		PUT(o, 0xff, 0x25, 0, 0, 0, 0);
		put(o, &to, 8);
	}
}

static void put_store_imm(struct out *o, s8 disp, u32 v)
{
	PUT(o, 0xc7, 0x44, 0x24, (u8)disp); /* movl $v, disp(%rsp) */
	put32(o, v);
}

/* --- the kinds --- */

/* An instruction and where it was. */
struct displaced {
	const struct site_insn *in;
	u64 next;   /* the address behind it */
	u64 target; /* of branches */
};

static void put_copy(struct out *o, const struct displaced *d)
{
	put(o, d->in->bytes, d->in->len);
}

static void put_nothing(struct out *o, const struct displaced *d) {}

/* The displacement at @fix still leads to where it led. */
static void put_riprel(struct out *o, const struct displaced *d)
{
	u8 *insn = o->p;
	s64 disp;
	s32 old;

	put_copy(o, d);
	memcpy(&old, d->in->bytes + d->in->fix, 4);
	disp = (s64)(d->next + (u64)(s64)old - here(o));
	o->far |= !fits(disp);
	old = (s32)disp;
	memcpy(insn + d->in->fix, &old, 4);
}

static void put_target_jmp(struct out *o, const struct displaced *d)
{
	put_jmp(o, d->target);
}

static void put_jcc(struct out *o, const struct displaced *d)
{
	if (fits((s64)(d->target - (here(o) + 6)))) {
		PUT(o, 0x0f, (u8)(0x80 | d->in->cond));
		put_rel32(o, d->target);
	} else {
		PUT(o, (u8)(0x70 | (d->in->cond ^ 1)), 14);
		put_jmp(o, d->target);
	}
}

static void put_loop(struct out *o, const struct displaced *d)
{
	u8 *skip;

	put(o, d->in->bytes, d->in->fix);
	PUT(o, d->in->cond, 2, 0xeb, 0);
	skip = o->p;
	put_jmp(o, d->target);
	skip[-1] = (u8)(o->p - skip);
}

static void put_call(struct out *o, const struct displaced *d)
{
	put_store_imm(o, -8, (u32)d->next);
	put_store_imm(o, -4, (u32)(d->next >> 32));
	PUT(o, 0x48, 0x8d, 0x64, 0x24, 0xf8); /* lea -8(%rsp), %rsp */
	put_jmp(o, d->target);
}

static void put_call_mem(struct out *o, const struct displaced *d)
{
	u8 *insn = o->p;

	if (d->in->fix)
		put_riprel(o, d);
	else
		put_copy(o, d);
	insn[d->in->modrm] = (insn[d->in->modrm] & ~0x38) | 6 << 3; /* push of the same operand */
	PUT(o, 0xff, 0x34, 0x24);				    /* push (%rsp) */
	PUT(o, 0x48, 0x8d, 0x64, 0x24, 8);			    /* lea 8(%rsp), %rsp */
	put_store_imm(o, 0, (u32)d->next);
	put_store_imm(o, 4, (u32)(d->next >> 32));
	PUT(o, 0xff, 0x64, 0x24, 0xf8); /* jmp *-8(%rsp): in the red zone */
}

static void (*const put_kind[SITE_NR_KINDS])(struct out *, const struct displaced *) = {
	[SITE_COPY] = put_copy,	     [SITE_NOP] = put_nothing,	     [SITE_RIPREL] = put_riprel,
	[SITE_JMP] = put_target_jmp, [SITE_JCC] = put_jcc,	     [SITE_LOOP] = put_loop,
	[SITE_CALL] = put_call,	     [SITE_CALL_MEM] = put_call_mem,
};

static u64 put_insn(struct out *o, const struct site_insn *in, u64 addr)
{
	const struct displaced d = {in, addr + in->len, addr + in->len + (u64)(s64)in->rel};

	put_kind[in->kind](o, &d);
	return d.next;
}

/* The longest that an instruction can become, in bytes, and the way back. */
#define LONGEST (SITE_INSN_MAX + 30)
#define BACK	14

int stub_write(struct site *s, u64 at, bool many)
{
	const u64 head[2] = {(u64)patch_enter, (u64)s};
	u8 buf[STUB_HEAD + 19 + (SITE_MORE_MAX + 1) * LONGEST + BACK];
	struct out o = {.start = buf, .p = buf, .at = at - STUB_HEAD};
	u64 next;

	put(&o, head, sizeof(head));
	PUT(&o, 0x48, 0x8d, 0x64, 0x24, 0x80);
	PUT(&o, 0xff, 0x15);
	put_rel32(&o, at - STUB_HEAD);
	PUT(&o, 0x48, 0x8d, 0xa4, 0x24, 0x80, 0, 0, 0);
	next = put_insn(&o, &s->plan.insn, s->addr);
	for (u32 i = 0; many && i < s->plan.nr_more; i++) {
		s->inner[i] = here(&o);
		next = put_insn(&o, &s->plan.more[i], next);
	}
	put_jmp(&o, next);
	if (o.far || (size_t)(o.p - buf) > STUB_HEAD + (many ? STUB_MANY_MAX : STUB_MAX))
		return -ERANGE;
	return text_write(at - STUB_HEAD, buf, (size_t)(o.p - buf));
}
