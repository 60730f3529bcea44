/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef EXAMPLES_SYMBOLS_H
#define EXAMPLES_SYMBOLS_H
/*
 * symbols.h - names of addresses in processes: what their mappings say of the file, and the file's symbol tables of
 * the function. A function's name is only given inside of that function.
 */
#include <stdbool.h>
#include <stddef.h>

struct symbols;

struct symbols *symbols_new(void); /* NULL: no memory */
void symbols_free(struct symbols *s);
/* Reads what is mapped in the process now. Again, and what is new is known, too; what it had before stays known,
 * after its end as well. */
void symbols_look(struct symbols *s, int pid);
/* Is there code at @address? Where a chain of frames leads elsewhere, it ends: what is there is no frame. */
bool symbols_is_code(const struct symbols *s, int pid, unsigned long address);
/* The function, or [FILE]. @is_return: the address is behind a call, and the caller is what is wanted. The text is good until the
 * next call. */
const char *symbols_name(struct symbols *s, int pid, unsigned long address, bool is_return);
/* The same for a list: FUNCTION (FILE), or FILE+0xADDRESS as addr2line and objdump understand it. */
const char *symbols_place(struct symbols *s, int pid, unsigned long address, bool is_return);

#endif
