/* SPDX-License-Identifier: BSD-2-Clause */
/* text.c - programs as text cases (text.h). */
#include <stdlib.h>

#include "isa/asm.h"
#include "isa/disasm.h"
#include "text.h"

/* --- writing --- */

static bool names_map(const struct bpf_insn *in)
{
	return insn_is_ldimm64(in) &&
	       (in->src_reg == BPF_PSEUDO_MAP_FD || in->src_reg == BPF_PSEUDO_MAP_VALUE);
}

/* The maps @p uses, in the order of their numbers; @nr gets each one's number in the case. */
static void write_maps(FILE *out, const struct sprog *p, s32 nr[SP_MAPS])
{
	u32 used = 0, n = 0;

	for (u32 i = 0; i < p->len; i++)
		if (names_map(&p->insns[i]) && (u32)p->insns[i].imm < SP_MAPS)
			used |= 1u << p->insns[i].imm;
	for (u32 i = 0; i < SP_MAPS; i++) {
		const struct sp_map *m = &sp_maps[i];

		if (!(used >> i & 1))
			continue;
		nr[i] = n++;
		fprintf(out, "map: %s %u %u %u", map_ops_of(m->type)->name, m->key, m->value,
			m->entries);
		fprintf(out, m->flags ? " %#x\n" : "\n", m->flags);
		if (i == MAP_OUTER)
			fprintf(out, "inner: array %u %u %u\n", sp_maps[MAP_ARRAY].key,
				sp_maps[MAP_ARRAY].value, sp_maps[MAP_ARRAY].entries);
		if (i == MAP_LOCK)
			fprintf(out, "field: lock %u\n", SP_LOCK_AT);
		for (u32 k = 0; i == MAP_KPTR && k < SP_KPTRS; k++)
			fprintf(out, "field: %s %u %s\n", sp_kptrs[k].ref ? "kptr_ref" : "kptr",
				sp_kptrs[k].off, sp_kptrs[k].name);
	}
}

static void write_head(FILE *out, const struct world *w, const struct sprog *p, const char *name,
		       s32 nr[SP_MAPS])
{
	fprintf(out, "== %s\ntype: %s\n", name, prog_type_of(p->type)->name);
	if (p->unpriv)
		fprintf(out, "unpriv\n");
	if (p->flags)
		fprintf(out, "flags: %#x\n", p->flags);
	write_maps(out, p, nr);
	if (p->nr_funcs > 1)
		fprintf(out, "funcs:");
	for (u32 i = 0; p->nr_funcs > 1 && i < p->nr_funcs; i++)
		fprintf(out, " %u:%s", p->func[i], p->global >> i & 1 ? "global" : "static");
	if (p->nr_funcs > 1)
		fprintf(out, "\n");
	if (p->global)
		fprintf(out, "# global %#x %#x\n", p->global, p->takes_ctx);
	for (u32 i = 0; i < p->len; i++)
		if (insn_is_call(&p->insns[i], BPF_PSEUDO_KFUNC_CALL) && w->vmlinux)
			fprintf(out, "kfunc: %u %s\n", i,
				vfy_btf_name(w->vmlinux, p->insns[i].imm));
}

/* What the disassembler shows otherwise than the assembler reads it. */
static void insn_text(char *buf, u32 size, const struct bpf_insn *in)
{
	const char *opcode;

	if (insn_is_func_ptr(in)) {
		snprintf(buf, size, "r%u = func pc%+d", in->dst_reg, in->imm);
	} else if (names_map(in) && in->src_reg == BPF_PSEUDO_MAP_FD) {
		snprintf(buf, size, "r%u = map_fd[%d]", in->dst_reg, in->imm);
	} else if (names_map(in)) {
		snprintf(buf, size, "r%u = map_value[%d][%d]", in->dst_reg, in->imm, in[1].imm);
	} else {
		disasm_str(buf, size, in);
		opcode = strstr(buf, ") ");
		if (buf[0] == '(' && opcode)
			memmove(buf, opcode + 2, strlen(opcode + 2) + 1);
	}
}

/* As text when that gives the very instruction again. */
static void write_insn(FILE *out, const struct bpf_insn *in)
{
	struct bpf_insn back[2];
	char text[160];
	u32 n = insn_is_ldimm64(in) ? 2 : 1;

	insn_text(text, sizeof(text), in);
	memset(back, 0, sizeof(back));
	if (asm_text(text, back, 2, NULL) == (int)n && !memcmp(back, in, n * sizeof(*in))) {
		fprintf(out, "%s\n", text);
		return;
	}
	for (u32 i = 0; i < n; i++)
		fprintf(out, ".raw %#x %u %u %d %d\n", in[i].code, in[i].dst_reg, in[i].src_reg,
			in[i].off, in[i].imm);
}

void text_write(FILE *out, const struct world *w, const struct sprog *p, const char *name)
{
	s32 nr[SP_MAPS] = {0};

	write_head(out, w, p, name, nr);
	fprintf(out, "expect: EACCES\n--\n");
	for (u32 i = 0; i < p->len; i++) {
		struct bpf_insn in[2] = {p->insns[i],
					 i + 1 < p->len ? p->insns[i + 1] : p->insns[i]};

		if (insn_is_call(in, BPF_PSEUDO_KFUNC_CALL))
			in[0].imm = 0; /* named above */
		if (names_map(in) && (u32)in[0].imm < SP_MAPS)
			in[0].imm = nr[in[0].imm];
		write_insn(out, in);
		i += insn_is_ldimm64(in);
	}
	fprintf(out, "\n");
}

/* --- reading --- */

struct reader {
	const struct world *w;
	struct sprog *p;
	u64 *run_seed;
	u32 map[8], nr_maps;
	struct {
		u32 at;
		s32 id;
	} kfunc[8];
	u32 nr_kfuncs;
	bool bad, body, loud;
	char text[1 << 16];
	u32 len;
};

/* The fixed map most like @kind @key @value. */
s32 text_map_like(const char *kind, u32 key, u32 value, u32 entries, bool rdonly)
{
	s32 best = -1;
	u32 score, best_score = 0;

	for (u32 i = 0; i < SP_MAPS; i++) {
		const struct sp_map *m = &sp_maps[i];

		if (strcmp(map_ops_of(m->type)->name, kind) ||
		    rdonly != !!(m->flags & BPF_F_RDONLY_PROG))
			continue;
		score = 1 + (m->key == key) * 8 + (m->value == value) * 4 +
			(m->value >= value) * 2 + (m->entries == entries);
		if (score > best_score) {
			best = i;
			best_score = score;
		}
	}
	return best;
}

static void read_map(struct reader *r, const char *s)
{
	u32 key, value, entries;
	int flags = 0;
	char kind[32];
	s32 map = -1;

	if (sscanf(s, "%31s %u %u %u %i", kind, &key, &value, &entries, &flags) >= 4)
		map = text_map_like(kind, key, value, entries, flags & BPF_F_RDONLY_PROG);
	r->bad |= map < 0 || r->nr_maps == ARRAY_SIZE(r->map);
	if (!r->bad)
		r->map[r->nr_maps++] = map;
}

static void read_type(struct reader *r, const char *name)
{
	r->p->type = ~0u;
	for (u32 i = 0; i < 64; i++)
		if (prog_type_of(i) && !strcmp(prog_type_of(i)->name, name))
			r->p->type = i;
	r->bad |= r->p->type == ~0u;
}

static void read_funcs(struct reader *r, char *s)
{
	for (char *w = strtok(s, " "); w && r->p->nr_funcs < SP_MAX_FUNCS; w = strtok(NULL, " ")) {
		if (strstr(w, ":global"))
			r->p->global |= 1u << r->p->nr_funcs;
		r->p->func[r->p->nr_funcs++] = atoi(w);
	}
}

static void read_kfunc(struct reader *r, const char *s)
{
	char name[64];
	u32 at;

	if (sscanf(s, "%u %63s", &at, name) != 2 || !r->w->vmlinux ||
	    r->nr_kfuncs == ARRAY_SIZE(r->kfunc)) {
		r->bad = true;
		return;
	}
	r->kfunc[r->nr_kfuncs].at = at;
	r->kfunc[r->nr_kfuncs++].id = btf_find_by_name_kind(r->w->vmlinux, name, BTF_KIND_FUNC);
}

static void read_key(struct reader *r, char *line)
{
	static const char *const harmless[] = {"expect", "inner", "level", "log", "without"};
	unsigned long long seed;
	char *value = strstr(line, ": ");

	if (sscanf(line, "# run %llu", &seed) == 1)
		*r->run_seed = seed;
	if (sscanf(line, "# global %i %i", (int *)&r->p->global, (int *)&r->p->takes_ctx) == 2 ||
	    line[0] == '#' || !line[0])
		return;
	if (!strcmp(line, "unpriv"))
		r->p->unpriv = true;
	if (!value)
		return;
	*value = 0;
	value += 2;
	if (!strcmp(line, "type"))
		read_type(r, value);
	else if (!strcmp(line, "flags"))
		r->p->flags = strtoul(value, NULL, 0);
	else if (!strcmp(line, "map"))
		read_map(r, value);
	else if (!strcmp(line, "field") && r->nr_maps)
		r->map[r->nr_maps - 1] = !strncmp(value, "kptr", 4) ? MAP_KPTR : MAP_LOCK;
	else if (!strcmp(line, "funcs"))
		read_funcs(r, value);
	else if (!strcmp(line, "kfunc"))
		read_kfunc(r, value);
	else {
		for (u32 i = 0; i < ARRAY_SIZE(harmless); i++)
			if (!strcmp(line, harmless[i]))
				return;
		r->bad = true; /* a case of something the fuzzer has not */
	}
}

static int finish(struct reader *r)
{
	struct sprog *p = r->p;
	struct asm_error bad;
	int n = r->bad ? -1 : asm_text(r->text, p->insns, SP_MAX_INSNS, &bad);

	if (n <= 0 && !r->bad && r->loud)
		fprintf(stderr, "line %d: %s\n", bad.line, bad.text);
	if (n <= 0)
		return -EINVAL;
	p->len = n;
	if (!p->nr_funcs)
		p->nr_funcs = 1;
	for (u32 i = 0; i < p->len; i++)
		if (names_map(&p->insns[i])) {
			if ((u32)p->insns[i].imm >= r->nr_maps)
				return -EINVAL;
			p->insns[i].imm = r->map[p->insns[i].imm];
		}
	for (u32 i = 0; i < r->nr_kfuncs; i++)
		if (r->kfunc[i].at < p->len)
			p->insns[r->kfunc[i].at].imm = r->kfunc[i].id;
	return 1;
}

static void read_line(struct reader *r, char *line)
{
	if (!r->body && !strcmp(line, "--"))
		r->body = true;
	else if (!r->body)
		read_key(r, line);
	else if (r->len + strlen(line) + 2 < sizeof(r->text))
		r->len += sprintf(r->text + r->len, "%s\n", line);
	else
		r->bad = true;
}

int text_read(FILE *in, const struct world *w, struct sprog *p, u64 *run_seed, bool loud)
{
	static struct reader r;
	char line[512];
	bool begun = false;
	long at = ftell(in);

	memset(&r, 0, sizeof(r));
	memset(p, 0, sizeof(*p));
	p->type = BPF_PROG_TYPE_SOCKET_FILTER;
	r.w = w;
	r.p = p;
	r.run_seed = run_seed;
	r.loud = loud;
	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "== ", 3)) {
			if (begun) {
				fseek(in, at, SEEK_SET);
				return finish(&r);
			}
			begun = true;
		} else {
			if (begun || line[0] == '#')
				read_line(&r, line);
		}
		at = ftell(in);
	}
	return begun ? finish(&r) : 0;
}
