/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_INSN_H
#define USERBPF_INSN_H
/*
 * insn.h - building and classifying instructions (RFC 9669).
 *
 *   bit  0      8    12   16            32                             64
 *        | code | dst | src | off (s16) | imm (s32)                    |
 *
 * LD_IMM64 takes two such words: the low half of the constant is imm of the first, the high half
 * imm of the second, whose other fields are zero. The builder macros carry the names every BPF
 * programmer knows from the kernel's tests.
 *
 * What is an opcode, and since which BPF cpu version, is in opcodes.def alone ("ORDER OP": nothing
 * depends on the order).
 */
#include <linux/bpf.h>
#include "base/base.h"

/* Helpers that headers before Linux 6.2 do not have, and where ids of helpers end whatever the header knows. */
#define BPF_FUNC_cgrp_storage_get ((enum bpf_func_id)210)
#define BPF_FUNC_cgrp_storage_delete ((enum bpf_func_id)211)
#define HELPER_IDS_END (__BPF_FUNC_MAX_ID > 212 ? (int)__BPF_FUNC_MAX_ID : 212)

/* isa stands below abi, so what it needs beyond the 6.1 header is spelled here too, word for
 * word as in abi/compat.h. */
#ifndef BPF_MEMSX
#define BPF_MEMSX 0x80
#endif
#define BPF_JCOND 0xe0
#define BPF_MAY_GOTO 0
#define BPF_PROBE_MEM 0x20
#define BPF_PROBE_MEMSX 0x40
#define BPF_KPTR 0xa0
#define BPF_TAIL_CALL 0xf0

/* --- pieces of an instruction --- */
#ifndef BPF_OP
#define BPF_OP(code) ((code) & 0xf0)
#endif
#define BPF_INSN(CODE, DST, SRC, OFF, IMM)                                                           \
	((struct bpf_insn){ .code = (CODE), .dst_reg = (DST), .src_reg = (SRC), .off = (OFF), .imm = (IMM) })
#define BPF_RAW_INSN(CODE, DST, SRC, OFF, IMM) BPF_INSN(CODE, DST, SRC, OFF, IMM)

/* --- arithmetic: dst = dst OP (src | imm) --- */
#define BPF_ALU64_REG(OP, DST, SRC) BPF_INSN(BPF_ALU64 | BPF_OP(OP) | BPF_X, DST, SRC, 0, 0)
#define BPF_ALU32_REG(OP, DST, SRC) BPF_INSN(BPF_ALU | BPF_OP(OP) | BPF_X, DST, SRC, 0, 0)
#define BPF_ALU64_IMM(OP, DST, IMM) BPF_INSN(BPF_ALU64 | BPF_OP(OP) | BPF_K, DST, 0, 0, IMM)
#define BPF_ALU32_IMM(OP, DST, IMM) BPF_INSN(BPF_ALU | BPF_OP(OP) | BPF_K, DST, 0, 0, IMM)
#define BPF_ALU64_REG_OFF(OP, DST, SRC, OFF) BPF_INSN(BPF_ALU64 | BPF_OP(OP) | BPF_X, DST, SRC, OFF, 0)
#define BPF_ALU32_REG_OFF(OP, DST, SRC, OFF) BPF_INSN(BPF_ALU | BPF_OP(OP) | BPF_X, DST, SRC, OFF, 0)
#define BPF_ENDIAN(TYPE, DST, LEN) BPF_INSN(BPF_ALU | BPF_END | BPF_SRC(TYPE), DST, 0, 0, LEN)
#define BPF_BSWAP(DST, LEN) BPF_INSN(BPF_ALU64 | BPF_END | BPF_TO_LE, DST, 0, 0, LEN)

#define BPF_MOV64_REG(DST, SRC) BPF_ALU64_REG(BPF_MOV, DST, SRC)
#define BPF_MOV32_REG(DST, SRC) BPF_ALU32_REG(BPF_MOV, DST, SRC)
#define BPF_MOV64_IMM(DST, IMM) BPF_ALU64_IMM(BPF_MOV, DST, IMM)
#define BPF_MOV32_IMM(DST, IMM) BPF_ALU32_IMM(BPF_MOV, DST, IMM)
#define BPF_MOVSX64_REG(DST, SRC, BITS) BPF_ALU64_REG_OFF(BPF_MOV, DST, SRC, BITS)
#define BPF_MOVSX32_REG(DST, SRC, BITS) BPF_ALU32_REG_OFF(BPF_MOV, DST, SRC, BITS)

/* --- 64-bit constants; two instructions each --- */
#define BPF_LD_IMM64_RAW(DST, SRC, IMM)                                                              \
	BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, DST, SRC, 0, (u32)(IMM)),                                \
	BPF_INSN(0, 0, 0, 0, (u64)(IMM) >> 32)
#define BPF_LD_IMM64_RAW_FULL(DST, SRC, OFF1, OFF2, IMM1, IMM2)                                      \
	BPF_INSN(BPF_LD | BPF_DW | BPF_IMM, DST, SRC, OFF1, IMM1), BPF_INSN(0, 0, 0, OFF2, IMM2)
#define BPF_LD_IMM64(DST, IMM) BPF_LD_IMM64_RAW(DST, 0, IMM)
#define BPF_LD_MAP_FD(DST, FD) BPF_LD_IMM64_RAW_FULL(DST, BPF_PSEUDO_MAP_FD, 0, 0, FD, 0)
#define BPF_LD_MAP_VALUE(DST, FD, OFF) BPF_LD_IMM64_RAW_FULL(DST, BPF_PSEUDO_MAP_VALUE, 0, 0, FD, OFF)

/* --- memory --- */
#define BPF_LDX_MEM(SIZE, DST, SRC, OFF) BPF_INSN(BPF_LDX | BPF_SIZE(SIZE) | BPF_MEM, DST, SRC, OFF, 0)
#define BPF_LDX_MEMSX(SIZE, DST, SRC, OFF) BPF_INSN(BPF_LDX | BPF_SIZE(SIZE) | BPF_MEMSX, DST, SRC, OFF, 0)
#define BPF_STX_MEM(SIZE, DST, SRC, OFF) BPF_INSN(BPF_STX | BPF_SIZE(SIZE) | BPF_MEM, DST, SRC, OFF, 0)
#define BPF_ST_MEM(SIZE, DST, OFF, IMM) BPF_INSN(BPF_ST | BPF_SIZE(SIZE) | BPF_MEM, DST, 0, OFF, IMM)
/* OP: BPF_ADD, BPF_AND, BPF_OR, BPF_XOR, each | BPF_FETCH, BPF_XCHG, BPF_CMPXCHG; SIZE: BPF_W,
 * BPF_DW */
#define BPF_ATOMIC_OP(SIZE, OP, DST, SRC, OFF) BPF_INSN(BPF_STX | BPF_SIZE(SIZE) | BPF_ATOMIC, DST, SRC, OFF, OP)
#define BPF_LD_ABS(SIZE, IMM) BPF_INSN(BPF_LD | BPF_SIZE(SIZE) | BPF_ABS, 0, 0, 0, IMM)
#define BPF_LD_IND(SIZE, SRC, IMM) BPF_INSN(BPF_LD | BPF_SIZE(SIZE) | BPF_IND, 0, SRC, 0, IMM)

/* --- control flow --- */
#define BPF_JMP_REG(OP, DST, SRC, OFF) BPF_INSN(BPF_JMP | BPF_OP(OP) | BPF_X, DST, SRC, OFF, 0)
#define BPF_JMP_IMM(OP, DST, IMM, OFF) BPF_INSN(BPF_JMP | BPF_OP(OP) | BPF_K, DST, 0, OFF, IMM)
#define BPF_JMP32_REG(OP, DST, SRC, OFF) BPF_INSN(BPF_JMP32 | BPF_OP(OP) | BPF_X, DST, SRC, OFF, 0)
#define BPF_JMP32_IMM(OP, DST, IMM, OFF) BPF_INSN(BPF_JMP32 | BPF_OP(OP) | BPF_K, DST, 0, OFF, IMM)
#define BPF_JMP_A(OFF) BPF_INSN(BPF_JMP | BPF_JA, 0, 0, OFF, 0)
#define BPF_JMP32_A(IMM) BPF_INSN(BPF_JMP32 | BPF_JA, 0, 0, 0, IMM)
#define BPF_MAY_GOTO_INSN(OFF) BPF_INSN(BPF_JMP | BPF_JCOND, 0, BPF_MAY_GOTO, OFF, 0)
#define BPF_CALL_REL(TGT) BPF_INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, TGT)
#define BPF_CALL_KFUNC(OFF, IMM) BPF_INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, OFF, IMM)
#define BPF_EMIT_CALL(ID) BPF_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, ID)
#define BPF_EXIT_INSN() BPF_INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

/* --- classification --- */
/* Is @code an instruction a client may load, of any cpu version? (LD_IMM64's second half, code
 * 0, is not.) */
bool isa_opcode_valid(u8 code);
/* BPF cpu version (1..4) that introduced @code; 0 when it is not valid. Linux 6.1 knows versions
 * up to 3. */
unsigned int isa_opcode_cpu(u8 code);
/* "mov64_k" and so on: the row's name in opcodes.def, internal opcodes included; NULL if there
 * is none. */
const char *isa_opcode_name(u8 code);

static inline bool insn_is_ld_imm64(const struct bpf_insn *insn) { return insn->code == (BPF_LD | BPF_IMM | BPF_DW); }
static inline bool insn_is_pseudo_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL;
}
static inline bool insn_is_kfunc_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_KFUNC_CALL;
}
static inline bool insn_is_helper_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == 0;
}
static inline bool insn_is_pseudo_func(const struct bpf_insn *insn)
{
	return insn_is_ld_imm64(insn) && insn->src_reg == BPF_PSEUDO_FUNC;
}
/* The constant of an LD_IMM64; @insn points to the first half, the second must be there. */
static inline u64 insn_imm64(const struct bpf_insn *insn) { return (u64)(u32)insn[1].imm << 32 | (u32)insn[0].imm; }
static inline void insn_set_imm64(struct bpf_insn *insn, u64 v)
{
	insn[0].imm = (s32)(u32)v;
	insn[1].imm = (s32)(u32)(v >> 32);
}
/* Bytes a BPF_SIZE() stands for: 1, 2, 4, 8. */
static inline int isa_size_bytes(u8 bpf_size)
{
	static const u8 bytes[4] = { [BPF_W >> 3] = 4, [BPF_H >> 3] = 2, [BPF_B >> 3] = 1, [BPF_DW >> 3] = 8 };

	return bytes[(bpf_size & 0x18) >> 3];
}
/* The BPF_SIZE() for a number of bytes, or -EINVAL. */
static inline int isa_bytes_size(unsigned int bytes)
{
	switch (bytes) {
	case 1: return BPF_B;
	case 2: return BPF_H;
	case 4: return BPF_W;
	case 8: return BPF_DW;
	}
	return -EINVAL;
}

#endif
