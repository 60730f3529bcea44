/* SPDX-License-Identifier: BSD-2-Clause */
/* jit_inline_x86_64.c - helpers that need no call: lookups in arrays, the CPU's number, loops. */
#include <stddef.h>
#include <time.h>
#include "exec/jit_inline_x86_64.h"
#include "exec/jit_maps_x86_64.h"
#include "exec/vdso.h"

static bool emit_lookup(struct jit *j, const struct bpf_map *map)
{
	struct jit_lookup l = {.map = map, .key = {.kind = JIT_KEY_AT, .base = RSI}, .absent = -1};

	if (!map || !jit_may_look_up(j, map))
		return false;
	jit_look_up(j, &l);
	jit_land_lookup(j, &l);
	return true;
}

/* The clock, from where the C library has it. */
static bool emit_clock(struct jit *j, clockid_t clock)
{
	const void *fn = vdso_function("__vdso_clock_gettime");

	if (!fn)
		return false;
	x86_alu_imm(j, 1, 5, RSP, 16); /* sub */
	x86_mov_imm(j, RDI, (u64)clock);
	x86_mov(j, 1, RSI, RSP);
	jit_emit_c_call(j, fn);
	x86_mem(j, 1, 0x69, RAX, RSP, 0); /* imul: seconds */
	put32(j, 1000000000);
	x86_mem(j, 1, 0x03, RAX, RSP, 8); /* add */
	x86_alu_imm(j, 1, 0, RSP, 16);
	return true;
}

/* bpf_loop() of a callback that is known, in registers that the callback saves: rbx counts, r13 is how often, r14
 * the context. What is an error, and a callback too deep, is the helper's. */
static bool emit_loop(struct jit *j, u32 func)
{
	const s32 depth = offsetof(struct exec_run, depth);
	u8 *deep, *flags, *many, *enter, *hurry, *stop, *end, *again;

	if (!func)
		return false;
	x86_mem(j, 0, 0x83, 7, RUN, depth); /* cmp */
	put8(j, EXEC_MAX_DEPTH);
	deep = X86_SKIP_IF(j, CC_AE);
	x86_rr(j, 1, 0x85, RCX, RCX);
	flags = X86_SKIP_IF(j, CC_NE);
	x86_alu_imm(j, 0, 7, RDI, EXEC_MAX_LOOPS);
	many = X86_SKIP_IF(j, CC_A);
	x86_push(j, RBX);
	x86_push(j, R13);
	x86_push(j, R14);
	x86_push(j, R14);		    /* C wants multiples of 16 */
	x86_mem(j, 0, 0xff, 0, RUN, depth); /* inc */
	x86_zero(j, RBX);
	x86_mov(j, 0, R13, RDI);
	x86_mov(j, 1, R14, RDX);
	enter = X86_SKIP(j);
	again = j->p;
	x86_mem(j, 0, 0x83, 7, RUN, STOP); /* cmp */
	put8(j, 0);
	hurry = X86_SKIP_IF(j, CC_NE);
	x86_mov(j, 0, RDI, RBX);
	x86_mov(j, 1, RSI, R14);
	x86_zero(j, RDX);
	x86_zero(j, RCX);
	x86_zero(j, R8);
	jit_emit_rel32(j, 0xe8, j->entry[func - 1]);
	x86_rr(j, 0, 0xff, 0, RBX); /* inc */
	x86_rr(j, 1, 0x85, RAX, RAX);
	stop = X86_SKIP_IF(j, CC_NE);
	x86_land(j, enter);
	x86_rr(j, 0, 0x39, R13, RBX); /* cmp */
	put8(j, 0x70 | CC_B);
	put8(j, (u32)(again - (j->p + 1)));
	x86_land(j, stop);
	x86_land(j, hurry);
	x86_mov(j, 0, RAX, RBX);
	x86_mem(j, 0, 0xff, 1, RUN, depth); /* dec */
	x86_pop(j, R14);
	x86_pop(j, R14);
	x86_pop(j, R13);
	x86_pop(j, RBX);
	end = X86_SKIP(j);
	x86_land(j, deep);
	x86_land(j, flags);
	x86_land(j, many);
	jit_emit_helper(j, exec_helpers[BPF_FUNC_loop]);
	x86_land(j, end);
	return true;
}

bool jit_emit_inline(struct jit *j, u32 id)
{
	if (j->helpers[id] != exec_helpers[id])
		return false;
	switch (id) {
	case BPF_FUNC_get_smp_processor_id:
		x86_mem(j, 0, 0x8b, RAX, RUN, offsetof(struct exec_run, slot));
		return true;
	case BPF_FUNC_ktime_get_ns: return emit_clock(j, CLOCK_MONOTONIC);
	case BPF_FUNC_ktime_get_boot_ns: return emit_clock(j, CLOCK_BOOTTIME);
	case BPF_FUNC_ktime_get_coarse_ns: return emit_clock(j, CLOCK_MONOTONIC_COARSE);
	case BPF_FUNC_ktime_get_tai_ns: return emit_clock(j, CLOCK_TAI);
	case BPF_FUNC_this_cpu_ptr: x86_mov(j, 1, RAX, RDI); return true;
	case BPF_FUNC_map_lookup_elem: return emit_lookup(j, j->known[BPF_REG_1].map);
	case BPF_FUNC_loop: return emit_loop(j, j->known[BPF_REG_2].func);
	}
	return false;
}
