/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_KPTR_H
#define USERBPF_KPTR_H
/*
 * kptr.h - pointers to objects of the service in map values (kptr fields). Run side.
 *
 * Map values are memory that others write, and each process has the objects at an address of its
 * own. So a field holds the number of an object, 0 for NULL, and whoever loads it translates: a
 * number that names no object of the field's type is NULL. The rewrite makes every access to such a
 * field one of exec/exec.h's BPF_KPTR instructions or a call of bpf_kptr_xchg() with the type.
 *
 * References: a field of type __kptr_ref owns one reference of its object. How many there are is
 * counted in memory that all processes share (base/slot.h), so that whoever takes the last number
 * out of a map, a program, an update or the service at the end of the map, can give it back. Who
 * forges numbers can spoil these counts, which is why no object goes because of them.
 *
 * Tasks and groups are the machine's: their numbers name them in any process, each of which looks at
 * them by itself (struct kptr_world), and a map holds nothing but the number: one that is no more is
 * NULL.
 *
 * A type: its row in kptrs.def, and the object of the process behind it, or a struct kptr_world.
 */
#include "map/map.h"

enum kptr_type {
	KPTR_OTHER, /* a struct without objects that have numbers: always NULL */
#define KPTR(id, ...) id,
#include "map/kptrs.def"
#undef KPTR
	NR_KPTR_TYPES
};

struct kptr_world {
	void *(*object)(u64 number); /* one more reference for this process; NULL: it is no more */
	u64 (*number)(const void *object);
	void (*put)(void *object);
	void (*keep)(void *object); /* takes over a reference: it went into a map and may be wanted again */
};
/* helper/kptr_world.c: whoever has maps has the whole run side */
extern const struct kptr_world kptr_tasks, kptr_groups;

/* The row of a struct by name, KPTR_OTHER when there is none. */
u32 kptr_type_of(const char *name);
/* The function that gives a reference of the type back; NULL: no references in maps. */
const char *kptr_dtor(u32 type);

/* What the instructions and helpers do. Addresses are those of fields. */
void *kptr_load(const void *field, u32 type);
void kptr_store(void *field, u32 type, const void *object);
void *kptr_xchg(void *field, u32 type, const void *object);

/* References of an object. */
void kptr_get(u32 type);
void kptr_put(u32 type);

/* Empties the fields of a value that goes; references are given back. */
void kptr_free_fields(const struct bpf_map *map, void *value);

#endif
