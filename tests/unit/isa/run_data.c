/* SPDX-License-Identifier: BSD-2-Clause */
/* run_data FILE... - runs each case of the files through the interpreter and, where there
 * is one, through the JIT; see data.h.
 * --coverage: all that cover.h lists must occur. */
#include <stdio.h>
#include <stdlib.h>
#include "cover.h"
#include "exec/exec.h"
#include "isa/disasm.h"
#include "base/slot.h"
#include "map/map.h"

struct state {
	const char *path;
	int failed, cases;
	struct cover cover;
};

#if defined(__x86_64__)
#include "exec/jit_fuse.h"

/* The fusions of compiled code, as cases have them. */
static bool fused_right(const struct isa_case *c, const struct jit_code *jit)
{
	char text[CASE_FUSED] = "";
	size_t len = 0;

	for (u32 f = 1; f < JIT_NR_FUSIONS; f++)
		if (jit->fusions[f])
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %u\n",
						jit_fusion_names[f], jit->fusions[f]);
	if (c->has_fused && strcmp(text, c->fused)) {
		printf("line %d: fused are:\n%s", c->line, text);
		return false;
	}
	return true;
}
#endif

/* Key and value are numbers as wide as the map has them. */
static int fill(struct bpf_map *map)
{
	u64 key[8] = {0}, value[8] = {0};
	bool hash =
		map->map_type != BPF_MAP_TYPE_ARRAY && map->map_type != BPF_MAP_TYPE_PERCPU_ARRAY;
	int err = 0;

	for (u32 i = 0; !err && i < map->max_entries; i++) {
		key[0] = hash ? i * 7 : i;
		value[0] = 100 + i;
		err = map->ops->update(map, key, value, BPF_ANY);
	}
	return err;
}

struct maps {
	struct bpf_map map[CASE_MAPS], *list[CASE_MAPS];
	u32 nr;
};

static void close_maps(struct maps *m)
{
	while (m->nr)
		map_close(&m->map[--m->nr]);
	slot_leave();
}

/* The slot is kept, and with it which per-CPU values are ours. */
static int open_maps(const struct isa_case *c, struct maps *m)
{
	int err = 0;

	slot_enter();
	for (m->nr = 0; !err && m->nr < (u32)c->nr_maps; m->nr++) {
		const struct isa_map *want = &c->maps[m->nr];
		const struct map_attr attr = {.map_type = want->type,
					      .key_size = want->key_size,
					      .value_size = want->value_size,
					      .max_entries = want->max_entries,
					      .nr_cpus = slot_possible_cpus(),
					      .seed = 0x1234567};

		m->list[m->nr] = &m->map[m->nr];
		err = map_open(m->list[m->nr], &attr);
		if (err)
			break;
		err = fill(m->list[m->nr]);
	}
	return err;
}

static u64 run(const struct isa_case *c, u8 *mem, bool jit, int *err)
{
	struct bpf_insn insns[CASE_INSNS];
	struct maps maps = {0};
	struct exec_image img = {.refs = 1,
				 .insns = insns,
				 .len = (u32)c->nr_insns,
				 .jit_tried = !jit,
				 .maps = maps.list,
				 .nr_maps = (u32)c->nr_maps};
	struct exec_run r = {0};
	u64 (*volatile go)(const struct exec_image *, void *, struct exec_run *) = exec_run;
	u64 ret = 0;

	memcpy(insns, c->insns, sizeof(insns));
	*err = open_maps(c, &maps);
	if (!*err)
		*err = exec_image_bind(&img);
	if (!*err)
		ret = go(&img, mem, &r);
#if defined(__x86_64__)
	if (jit && !*err && !img.jit)
		*err = -ENOTSUP;
	if (jit && !*err && !fused_right(c, img.jit))
		*err = -EINVAL;
#endif
	exec_image_put(&img);
	close_maps(&maps);
	return ret;
}

/* What is printed reads back as the same instruction. */
static bool round_trip(const struct isa_case *c)
{
	struct bpf_insn back[2];
	char text[128], wide[160];

	for (int i = 0; i < c->nr_insns; i++) {
		const struct bpf_insn *insn = &c->insns[i];
		bool imm64 = insn_is_ld_imm64(insn);

		if (BPF_CLASS(insn->code) == BPF_LDX && BPF_MODE(insn->code) != BPF_MEM &&
		    BPF_MODE(insn->code) != BPF_MEMSX)
			continue; /* internal: not printed as such */
		if (imm64 && insn->src_reg) {
			i++;
			continue;
		}
		disasm_str(text, sizeof(text), insn);
		snprintf(wide, sizeof(wide), "%s%s", text, imm64 ? " ll" : "");
		if (asm_text(wide, back, 2, NULL) != (imm64 ? 2 : 1) ||
		    memcmp(back, insn, imm64 ? 16 : 8)) {
			printf("line %d: '%s' does not read back\n", c->line, text);
			return false;
		}
		i += imm64;
	}
	return true;
}

static bool right(struct state *st, const struct isa_case *c, bool jit)
{
	u8 *mem = malloc(c->mem_len ? (size_t)c->mem_len : 1); /* exactly: ASan sees the edges */
	const char *how = jit ? "compiled" : "interpreted";
	bool ok = false;
	int err;
	u64 got;

	memcpy(mem, c->mem, (size_t)c->mem_len);
	got = run(c, mem, jit, &err);
	if (err || got != c->result) {
		printf("%s:%d: %s, r0 is 0x%llx, not 0x%llx (error %d)\n%s", st->path, c->line, how,
		       got, c->result, err, c->text);
	} else if (c->after_len &&
		   (c->after_len != c->mem_len || memcmp(mem, c->after, (size_t)c->mem_len))) {
		printf("%s:%d: %s, memory differs:", st->path, c->line, how);
		for (int i = 0; i < c->mem_len; i++)
			printf(" %02x", mem[i]);
		printf("\n%s", c->text);
	} else {
		ok = true;
	}
	free(mem);
	return ok;
}

static void one_case(const struct isa_case *c, void *arg)
{
	struct state *st = arg;

	st->cases++;
	cover_note(&st->cover, c);
	st->failed += !(right(st, c, false) && right(st, c, true) && round_trip(c));
}

int main(int argc, char **argv)
{
	struct state st = {0};
	bool coverage = argc > 1 && !strcmp(argv[1], "--coverage");

	for (int i = 1 + coverage; i < argc; i++) {
		st.path = argv[i];
		if (isa_for_each(argv[i], one_case, &st) < 0)
			st.failed++;
	}
	if (coverage)
		st.failed += cover_missing(&st.cover);
	printf("%d cases, %d failed\n", st.cases, st.failed);
	return st.failed || !st.cases;
}
