/* SPDX-License-Identifier: BSD-2-Clause */
#include "isa/insn.h"

static const u8 cpu_version[256] = {
#define OP(name, code, cpu, text) [code] = cpu,
#define INTERNAL(name, code, text)
#include "isa/opcodes.def"
};

static const char *const names[256] = {
#define OP(name, code, cpu, text)  [code] = #name,
#define INTERNAL(name, code, text) [code] = #name,
#include "isa/opcodes.def"
};

bool isa_opcode_valid(u8 code)
{
	return cpu_version[code] != 0;
}

unsigned int isa_opcode_cpu(u8 code)
{
	return cpu_version[code];
}

const char *isa_opcode_name(u8 code)
{
	return names[code];
}
