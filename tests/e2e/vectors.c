// SPDX-License-Identifier: BSD-2-Clause
/*
 * vectors.c - a program whose vector registers are full of values it wants to keep, where probes are: at an instruction, at a return,
 * around a system call. Says where the instruction is in the file; at each line of standard input, whether all is as it was.
 * x86-64; the lower halves and, where the CPU has AVX, the upper ones.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef unsigned char vectors[16][32] __attribute__((aligned(32)));

#define EACH(op)                                                                                \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13) \
		op(14) op(15)
#define GET(n)	 "vmovdqa " #n "*32(%rdi), %ymm" #n "\n"
#define PUT(n)	 "vmovdqa %ymm" #n ", " #n "*32(%rbx)\n"
#define GET_X(n) "movdqa " #n "*32(%rdi), %xmm" #n "\n"
#define PUT_X(n) "movdqa %xmm" #n ", " #n "*32(%rbx)\n"
#define FUNCTION(name, get, in_between, put)                                         \
	__asm__(".text\n.globl " name "\n.type " name ", @function\n" name           \
		": push %rbx\nmov %rsi, %rbx\n" get in_between put "pop %rbx\nret\n" \
		".size " name ", . - " name "\n")

/* (in, out) */
void at_insn(vectors, vectors), at_insn_x(vectors, vectors), at_call(vectors, vectors),
	at_call_x(vectors, vectors);
void at_syscall(vectors, vectors), at_syscall_x(vectors, vectors), callee(void);
FUNCTION("at_insn", EACH(GET), "site: lea 3(%rbx), %rax\n", EACH(PUT));
FUNCTION("at_insn_x", EACH(GET_X), "site_x: lea 3(%rbx), %rax\n", EACH(PUT_X));
FUNCTION("at_call", EACH(GET), "call callee\n", EACH(PUT));
FUNCTION("at_call_x", EACH(GET_X), "call callee\n", EACH(PUT_X));
FUNCTION("at_syscall", EACH(GET), "call getppid@PLT\n", EACH(PUT));
FUNCTION("at_syscall_x", EACH(GET_X), "call getppid@PLT\n", EACH(PUT_X));
__asm__(".globl callee\n.type callee, @function\ncallee: mov %rdi, %rax\nret\n.size callee, . - callee\n");

int main(void)
{
	int avx = __builtin_cpu_supports("avx"), bytes = avx ? 32 : 16;
	void (*const all[])(vectors, vectors) = {avx ? at_insn : at_insn_x,
						 avx ? at_call : at_call_x,
						 avx ? at_syscall : at_syscall_x};
	static const char *const names[] = {"instruction", "return", "system call"};
	char line[64], bad[64];
	vectors in, out;

	getppid(); /* lazy binding */
	printf("ready %s\n", avx ? "site" : "site_x");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		strcpy(bad, "kept");
		for (int i = 0; i < 3000; i++) {
			for (int k = 0; k < 16 * 32; k++)
				in[k / 32][k % 32] = k * 7 + i;
			memset(out, 0, sizeof(out));
			all[i % 3](in, out);
			for (int k = 0; k < 16; k++)
				if (memcmp(in[k], out[k], bytes))
					snprintf(bad, sizeof(bad), "register %d differs at the %s",
						 k, names[i % 3]);
		}
		puts(bad);
		fflush(stdout);
	}
	return 0;
}
