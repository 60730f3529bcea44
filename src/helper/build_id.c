/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <link.h>
#include "exec/fault.h"
#include "helper/build_id.h"

#define ID_MAX sizeof_field(struct bpf_stack_build_id, build_id)

struct ask {
	struct bpf_stack_build_id *out;
	const u64 *ips;
	u32 nr;
};

/* The build id among the notes at @at; its length, 0: none. */
static u32 find_id(u8 *id, const char *at, u64 size)
{
	ElfW(Nhdr) n;
	u64 name, step;

	while (size >= sizeof(n) && !fault_copy(&n, at, sizeof(n))) {
		name = round_up((u64)n.n_namesz, 4);
		step = sizeof(n) + name + round_up((u64)n.n_descsz, 4);
		if (step > size)
			return 0;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == sizeof("GNU") &&
		    !memcmp(at + sizeof(n), "GNU", sizeof("GNU")) && n.n_descsz &&
		    n.n_descsz <= ID_MAX)
			return fault_copy(id, at + sizeof(n) + name, n.n_descsz) ? 0 : n.n_descsz;
		at += step;
		size -= step;
	}
	return 0;
}

static u32 id_of_object(u8 *id, const struct dl_phdr_info *o)
{
	u32 len;

	for (int i = 0; i < o->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &o->dlpi_phdr[i];

		if (p->p_type != PT_NOTE)
			continue;
		len = find_id(id, (const char *)o->dlpi_addr + p->p_vaddr, p->p_memsz);
		if (len)
			return len;
	}
	return 0;
}

static int resolve(struct dl_phdr_info *o, size_t size, void *arg)
{
	struct ask *ask = arg;
	u8 id[ID_MAX] = {};
	u32 len = id_of_object(id, o);

	for (int i = 0; len && i < o->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &o->dlpi_phdr[i];
		u64 start = o->dlpi_addr + p->p_vaddr;

		for (u32 k = 0; p->p_type == PT_LOAD && k < ask->nr; k++) {
			if (ask->ips[k] - start >= p->p_memsz)
				continue;
			ask->out[k].status = BPF_STACK_BUILD_ID_VALID;
			memcpy(ask->out[k].build_id, id, sizeof(id));
			ask->out[k].offset = p->p_offset + (ask->ips[k] - start);
		}
	}
	return 0;
}

void build_ids_of(struct bpf_stack_build_id *out, const u64 *ips, u32 nr)
{
	struct ask ask = {.out = out, .ips = ips, .nr = nr};

	for (u32 i = 0; i < nr; i++) {
		memset(&out[i], 0, sizeof(out[i]));
		out[i].status = BPF_STACK_BUILD_ID_IP;
		out[i].ip = ips[i];
	}
	dl_iterate_phdr(resolve, &ask);
}
