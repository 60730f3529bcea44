/* SPDX-License-Identifier: BSD-2-Clause */
/* core.c - loads core.bpf.o with libbpf, lets its iterator look at one map, prints what it saw. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core.skel.h"

static int fail(const char *what)
{
	perror(what);
	return 1;
}

int main(void)
{
	struct bpf_map_info info = {0};
	__u32 len = sizeof(info);
	struct core *s = core__open();
	int map = bpf_map_create(BPF_MAP_TYPE_HASH, "looked_at", 12, 8, 345, NULL), it;
	char buf[64];

	if (!s || map < 0 || bpf_obj_get_info_by_fd(map, &info, &len))
		return fail("open");
	s->bss->want_id = info.id;
	if (core__load(s) || core__attach(s))
		return fail("load");
	it = bpf_iter_create(bpf_link__fd(s->links.look));
	if (it < 0)
		return fail("iterator");
	while (read(it, buf, sizeof(buf)) > 0)
		;
	printf("seen %u max %u id %d has %u %u %u %u name %u %s key %u off %u wrong %u\n",
	       s->bss->seen, s->bss->max_entries_by_core, s->bss->id_by_core == info.id,
	       s->bss->has_id, s->bss->has_none, s->bss->has_struct, s->bss->has_no_struct,
	       s->bss->name_size, s->bss->name_by_core, s->bss->key_size_direct, s->bss->off_id,
	       s->bss->wrong);
	core__destroy(s);
	return 0;
}
