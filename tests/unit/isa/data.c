/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include "data.h"

enum section { S_NONE, S_ASM, S_MEM, S_RESULT, S_AFTER, S_FUSED, S_MAPS };

static const char *const section_line[] = {
	[S_ASM] = "-- asm",	    [S_MEM] = "-- mem",	    [S_RESULT] = "-- result",
	[S_AFTER] = "-- mem after", [S_FUSED] = "-- fused", [S_MAPS] = "-- maps",
};

static int add_hex(u8 *mem, int len, const char *s)
{
	unsigned int byte;
	int used;

	for (; sscanf(s, " %2x%n", &byte, &used) == 1 && len < CASE_MEM; s += used)
		mem[len++] = (u8)byte;
	return len;
}

static int add_map(struct isa_case *c, const char *line)
{
	static const struct {
		const char *name;
		u32 type;
	} kinds[] = {
		{"array", BPF_MAP_TYPE_ARRAY},	     {"percpu_array", BPF_MAP_TYPE_PERCPU_ARRAY},
		{"hash", BPF_MAP_TYPE_HASH},	     {"percpu_hash", BPF_MAP_TYPE_PERCPU_HASH},
		{"lru_hash", BPF_MAP_TYPE_LRU_HASH},
	};
	struct isa_map *m = &c->maps[c->nr_maps];
	char kind[32];

	if (c->nr_maps == CASE_MAPS ||
	    sscanf(line, "%31s %u %u %u", kind, &m->key_size, &m->value_size, &m->max_entries) != 4)
		return -1;
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kind, kinds[i].name))
			m->type = kinds[i].type;
	c->nr_maps++;
	return m->type ? 0 : -1;
}

static int add_line(struct isa_case *c, enum section s, const char *line)
{
	if (*line == '#')
		return 0;
	switch (s) {
	case S_ASM:
		if (strlen(c->text) + strlen(line) >= sizeof(c->text))
			return -1;
		strcat(c->text, line);
		break;
	case S_MEM: c->mem_len = add_hex(c->mem, c->mem_len, line); break;
	case S_AFTER: c->after_len = add_hex(c->after, c->after_len, line); break;
	case S_RESULT:
		if (*line == '\n')
			break;
		c->result = line[0] == '-' ? (u64)strtoll(line, NULL, 0) : strtoull(line, NULL, 0);
		c->has_result = true;
		break;
	case S_FUSED:
		if (*line != '\n' && strlen(c->fused) + strlen(line) < sizeof(c->fused))
			strcat(c->fused, line);
		break;
	case S_MAPS: return *line == '\n' ? 0 : add_map(c, line);
	case S_NONE: break;
	}
	return 0;
}

static int finish(struct isa_case *c, const char *path,
		  void (*fn)(const struct isa_case *c, void *arg), void *arg)
{
	struct asm_error err;

	c->nr_insns = asm_text(c->text, c->insns, CASE_INSNS, &err);
	if (c->nr_insns <= 0 || !c->has_result) {
		fprintf(stderr, "%s:%d: %s\n", path, c->line + (c->nr_insns < 0 ? err.line : 0),
			c->nr_insns < 0 ? err.text : "no instructions or no result");
		return -1;
	}
	fn(c, arg);
	return 0;
}

static enum section section_of(const char *line)
{
	for (int s = S_ASM; s <= S_MAPS; s++) {
		size_t n = strlen(section_line[s]);

		if (!strncmp(line, section_line[s], n) && line[n] == '\n')
			return (enum section)s;
	}
	return S_NONE;
}

int isa_for_each(const char *path, void (*fn)(const struct isa_case *c, void *arg), void *arg)
{
	struct isa_case *c = calloc(1, sizeof(*c));
	enum section now = S_NONE, next;
	int nr = 0, at = 0, ret = 0;
	FILE *f = fopen(path, "r");
	char line[512];

	if (!f || !c) {
		perror(path);
		goto fail_open;
	}
	while (!ret && fgets(line, sizeof(line), f)) {
		at++;
		next = section_of(line);
		if (next == S_ASM) {
			if (now != S_NONE)
				ret = finish(c, path, fn, arg);
			memset(c, 0, sizeof(*c));
			c->line = at;
			nr++;
		}
		c->has_fused |= next == S_FUSED;
		if (next != S_NONE)
			now = next;
		else if (add_line(c, now, line))
			ret = -1;
	}
	if (!ret && nr)
		ret = finish(c, path, fn, arg);
	fclose(f);
	free(c);
	return ret ? ret : nr;

fail_open:
	if (f)
		fclose(f);
	free(c);
	return -1;
}
