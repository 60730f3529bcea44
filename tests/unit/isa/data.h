/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_ISA_DATA_H
#define TEST_ISA_DATA_H
/*
 * data.h - reads tests/data/isa files: cases of "-- asm", optional "-- mem" (hex bytes), "--
 * result" (a number), optional "-- mem after", optional "-- fused" ("NAME COUNT" lines: what the JIT makes
 * one instruction of; empty: nothing), optional "-- maps" ("KIND KEY_SIZE VALUE_SIZE ENTRIES" lines: map_fd[0] is the first; of hashes the
 * n'th key is n * 7, of all the n'th value 100 + n). Lines from '#' are comment. A
 * case ends where the next "-- asm" begins.
 */
#include "isa/asm.h"

#define CASE_TEXT 4096
#define CASE_MEM 256
#define CASE_INSNS 256
#define CASE_FUSED 256
#define CASE_MAPS 2

struct isa_map {
	u32 type, key_size, value_size, max_entries;
};

struct isa_case {
	int line; /* of its "-- asm" */
	char text[CASE_TEXT];
	u8 mem[CASE_MEM], after[CASE_MEM];
	int mem_len, after_len;
	u64 result;
	char fused[CASE_FUSED];
	bool has_result, has_fused;
	struct bpf_insn insns[CASE_INSNS];
	int nr_insns;
	struct isa_map maps[CASE_MAPS];
	int nr_maps;
};

/* Calls @fn for each case, assembled. Returns number of cases; prints and returns -1 when a file
 * is malformed. */
int isa_for_each(const char *path, void (*fn)(const struct isa_case *c, void *arg), void *arg);

#endif
