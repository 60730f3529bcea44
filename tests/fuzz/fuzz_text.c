/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_text.c - any format with any arguments through bprintf, any words through the disassembler,
 * any text through the assembler: nothing outside the buffers is touched, the checker and the
 * printer agree, and lengths do not depend on the room.
 */
#include <assert.h>
#include <stdlib.h>
#include "helper/format.h"
#include "isa/asm.h"
#include "isa/disasm.h"

static void fuzz_bprintf(const u8 *data, size_t size)
{
	u32 nr = size ? data[0] % (BPRINTF_MAX_ARGS + 1) : 0, fmt_size;
	u64 args[BPRINTF_MAX_ARGS] = {0};
	char *fmt, small[16], large[1024];
	long a, b, c;

	if (size < 1 + nr * 8)
		return;
	memcpy(args, data + 1, nr * 8);
	fmt_size = (u32)(size - 1 - nr * 8);
	fmt = malloc(fmt_size + 1u); /* exactly, so that ASan sees the end */
	memcpy(fmt, data + 1 + nr * 8, fmt_size);
	a = bprintf(large, sizeof(large), fmt, fmt_size, args, nr);
	b = bprintf(small, sizeof(small), fmt, fmt_size, args, nr);
	c = bprintf(NULL, 0, fmt, fmt_size, args, nr);
	assert(a == b && b == c);
	assert((bprintf_check(fmt, fmt_size, nr) < 0) == (a == -EINVAL));
	assert(a < 0 ? a == -EINVAL || a == -ENOSPC : strlen(small) <= sizeof(small) - 1);
	free(fmt);
}

static void fuzz_disasm(const u8 *data, size_t size)
{
	struct bpf_insn insn[2] = {{0}}, back[2];
	char text[256], line[300];

	memcpy(insn, data, min(size, sizeof(insn)));
	assert(disasm_str(text, sizeof(text), insn) < (int)sizeof(text));
	memcpy(line, text, sizeof(text));
	asm_text(line, back, 2, NULL);
}

static void fuzz_asm(const u8 *data, size_t size)
{
	struct bpf_insn insns[64];
	struct asm_error err;
	char *text = malloc(size + 1);
	int n;

	memcpy(text, data, size);
	text[size] = '\0';
	n = asm_text(text, insns, 64, &err);
	assert(n <= 64 && (n >= 0 || n == -EINVAL || n == -E2BIG));
	free(text);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static void (*const fuzz[])(const u8 *, size_t) = {fuzz_bprintf, fuzz_disasm, fuzz_asm};

	if (size)
		fuzz[data[0] % ARRAY_SIZE(fuzz)](data + 1, size - 1);
	return 0;
}
