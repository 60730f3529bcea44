/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_KFUNC_OWNED_H
#define USERBPF_KFUNC_OWNED_H
/*
 * kfunc_owned.h - objects that programs make, and keep in lists and trees (map/heap.h). These do the work of functions
 * that programs know by the kernel's names and prototypes (kfunc_owned_btf.h, for vmlinux.btf). @at says where nodes
 * and fields are; the rewrite puts it into a register that the prototype leaves free (verifier/owned.c). Run side.
 */
#include "exec/exec.h"

void *owned_new(struct exec_run *run, u64 size);
void owned_drop(struct exec_run *run, void *obj);
void *owned_acquire(struct exec_run *run, void *obj);
int owned_push(struct exec_run *run, void *head, void *node, u64 at, bool back);
void *owned_pop(struct exec_run *run, void *head, u64 at, bool back);
void *owned_end(struct exec_run *run, void *head, u64 at, bool back);
int owned_add(struct exec_run *run, void *root, void *node, u64 less, u64 at);
void *owned_remove(struct exec_run *run, void *root, void *node, u64 at);
void *owned_first(struct exec_run *run, void *root, u64 at);
void *owned_root(struct exec_run *run, void *root, u64 at);
void *owned_step(struct exec_run *run, void *root, void *node, u64 at, bool right);

#endif
