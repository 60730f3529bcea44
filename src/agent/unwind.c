/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unwind.c - unwind information for return stubs, so that exceptions, pthread_cancel() and
 * backtrace() find the way through a call with a return probe.
 *
 * To an unwinder a return stub is a function of its own between the probed one and its caller. One
 * description serves them all: the slot below the stack pointer still has the stub's address, which
 * gives the place of the entry, which begins with the true return address.
 *
 *	CFA = rsp + 1			as if it had one byte of stack
 *	return address at entries + 2 * (*(rsp - 8) - first stub)
 *	rsp = rsp
 *
 * The odd byte: libgcc knows a frame again (the one with the handler, in its second walk) by the CFA of
 * the frame below it alone, and aborts when that is found earlier. With no stack of its own a stub
 * could not be told from its caller; with any whole number of words the caller might not from its own.
 *
 * Unwinders find it by asking libc for the object at an address. The library that has the engine in
 * it exports these two under libc's names, in front of libc.
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include "agent/engine.h"
#include "agent/unwind.h"

#define CODE_SIZE (RET_MAX * RET_STRIDE)
#define AT_UNWIND (CODE_SIZE + 64)

struct out {
	u8 *p;
};

static void put(struct out *o, const void *bytes, size_t len)
{
	memcpy(o->p, bytes, len);
	o->p += len;
}
#define PUT(o, ...) put(o, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))
static void put32(struct out *o, u32 v)
{
	put(o, &v, sizeof(v));
}
static void put64(struct out *o, u64 v)
{
	put(o, &v, sizeof(v));
}

/* Pads a record that began at @start with nops, and writes its length in front. */
static void finish(struct out *o, u8 *start)
{
	u32 len;

	while ((o->p - start) % 8 != 4)
		PUT(o, 0);
	len = (u32)(o->p - start);
	memcpy(start - 4, &len, 4);
}

static void put_cie(struct out *o)
{
	u8 *start = (o->p += 4);

	put32(o, 0); /* a CIE */
	PUT(o, 1, 'z', 'R', 0);
	PUT(o, 1, 0x78, 16); /* code factor 1, data factor -8, return address is column 16 */
	PUT(o, 1, 0);	     /* pointers are absolute */
	PUT(o, 0x0c, 7, 8, 0x90, 1); /* CFA rsp + 8, return address below it: some readers insist */
	finish(o, start);
}

static void put_fde(struct out *o, u8 *cie)
{
	u8 *start = (o->p += 4), *expr;

	put32(o, (u32)(start - cie));
	put64(o, (u64)ret_code);
	put64(o, CODE_SIZE);
	PUT(o, 0);
	PUT(o, 0x0c, 7, 1);  /* DW_CFA_def_cfa rsp + 1 */
	PUT(o, 0x10, 16, 0); /* DW_CFA_expression, return address */
	expr = o->p;
	PUT(o, 0x77, 0x78, 0x06); /* *(rsp - 8) */
	PUT(o, 0x0e);
	put64(o, ret_stub(0));
	PUT(o, 0x1c, 0x31, 0x24); /* - first stub, << 1 */
	PUT(o, 0x0e);
	put64(o, (u64)ret_entries);
	PUT(o, 0x22); /* + */
	expr[-1] = (u8)(o->p - expr);
	PUT(o, 0x16, 7, 2, 0x77, 0); /* DW_CFA_val_expression, rsp: rsp + 0 */
	finish(o, start);
}

/* A header as the linker makes it, with a table of one row, and the two records. */
void unwind_make(u8 *page)
{
	struct out o = {page};
	u8 *cie = page + 24, *fde;

	PUT(&o, 1, 0x1b, 0x03, 0x3b); /* pcrel sdata4, udata4, datarel sdata4 */
	put32(&o, (u32)(cie - o.p));
	put32(&o, 1);
	put32(&o, (u32)(ret_code - page));
	o.p = cie;
	put_cie(&o);
	fde = o.p;
	put_fde(&o, cie);
	put32(&o, 0); /* the end */
	o.p = page + 16;
	put32(&o, (u32)(fde - page));
}

static bool is_stub(const void *pc)
{
	return ret_code && (const u8 *)pc >= ret_code && (const u8 *)pc < ret_code + CODE_SIZE;
}

#ifdef DLFO_STRUCT_HAS_EH_DBASE
int patch_dl_find_object(void *pc, struct dl_find_object *result)
{
	static int (*next)(void *, struct dl_find_object *);

	if (is_stub(pc)) {
		*result = (struct dl_find_object){.dlfo_map_start = ret_code,
						  .dlfo_map_end = ret_code + CODE_SIZE,
						  .dlfo_eh_frame = ret_code + AT_UNWIND};
		return 0;
	}
	if (unlikely(!next))
		next = dlsym(RTLD_NEXT, "_dl_find_object");
	return next ? next(pc, result) : -1;
}
#endif

typedef int (*iterate_cb)(struct dl_phdr_info *, size_t, void *);

struct iterate {
	iterate_cb cb;
	void *data;
	struct dl_phdr_info last; /* for the counts, which are the same in all */
	size_t size;
};

static int pass_on(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct iterate *it = arg;

	it->last = *info;
	it->size = size;
	return it->cb(info, size, it->data);
}

int patch_dl_iterate_phdr(iterate_cb cb, void *data)
{
	static int (*next)(iterate_cb, void *);
	struct iterate it = {.cb = cb, .data = data};
	ElfW(Phdr) phdr[2] = {{.p_type = PT_LOAD, .p_flags = PF_R | PF_X},
			      {.p_type = PT_GNU_EH_FRAME, .p_flags = PF_R}};
	int ret;

	if (unlikely(!next))
		next = dlsym(RTLD_NEXT, "dl_iterate_phdr");
	ret = next ? next(pass_on, &it) : 0;
	if (ret || !ret_code || !it.size)
		return ret;
	phdr[0].p_vaddr = (u64)ret_code;
	phdr[0].p_memsz = CODE_SIZE + PAGE;
	phdr[1].p_vaddr = (u64)ret_code + AT_UNWIND;
	phdr[1].p_memsz = PAGE - 64;
	it.last.dlpi_addr = 0;
	it.last.dlpi_name = "[userbpf return stubs]";
	it.last.dlpi_phdr = phdr;
	it.last.dlpi_phnum = ARRAY_SIZE(phdr);
	return cb(&it.last, it.size, data);
}
