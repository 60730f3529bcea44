/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/gen/elf.h"

#define INSN_SIZE 8u

/* Head of .BTF.ext; offsets count from its end. */
struct ext_header {
	u16 magic;
	u8 version;
	u8 flags;
	u32 hdr_len;
	u32 func_info_off, func_info_len;
	u32 line_info_off, line_info_len;
	u32 core_relo_off, core_relo_len;
};

/* Records of one section; each table of .BTF.ext is a record size and some of these. */
struct ext_sec {
	u32 name_off;
	u32 cnt;
	const char *records;
	u32 rec_size;
};

/* --- reading --- */

static int read_file(struct elf_obj *o, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	o->image = malloc(st.st_size + 1);
	if (!o->image) {
		close(fd);
		return -ENOMEM;
	}
	while (o->len < st.st_size && (n = read(fd, o->image + o->len, st.st_size - o->len)) > 0)
		o->len += n;
	n = n < 0 ? -errno : 0;
	close(fd);
	return n;
}

static int add_weak(struct elf_obj *o, const char *name)
{
	char **n = realloc(o->weak, (o->nr_weak + 1) * sizeof(*n));

	if (!n)
		return -ENOMEM;
	o->weak = n;
	n[o->nr_weak] = strdup(name ?: "");
	return n[o->nr_weak++] ? 0 : -ENOMEM;
}

static int read_symbols(struct elf_obj *o, Elf *elf, Elf_Scn *scn, const GElf_Shdr *sh)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t n = sh->sh_entsize ? sh->sh_size / sh->sh_entsize : 0;
	GElf_Sym sym;
	int err = 0;

	for (size_t i = 0; data && i < n && !err; i++)
		if (gelf_getsym(data, i, &sym) && sym.st_shndx == SHN_UNDEF &&
		    GELF_ST_BIND(sym.st_info) == STB_WEAK)
			err = add_weak(o, elf_strptr(elf, sh->sh_link, sym.st_name));
	return err;
}

/* Takes the CO-RE relocations out of the image. */
static int take_ext(struct elf_obj *o, char *ext, u32 len)
{
	struct ext_header *h = (void *)ext;

	if (len < offsetof(struct ext_header, core_relo_off))
		return -EINVAL;
	o->ext = malloc(len);
	if (!o->ext)
		return -ENOMEM;
	o->ext_len = len;
	memcpy(o->ext, ext, len);
	if (len >= sizeof(*h) && h->hdr_len >= sizeof(*h))
		h->core_relo_len = 0;
	return 0;
}

static int add_code(struct elf_obj *o, const char *name, const GElf_Shdr *sh)
{
	struct elf_code *n = realloc(o->code, (o->nr_code + 1) * sizeof(*n));

	if (!n)
		return -ENOMEM;
	o->code = n;
	n[o->nr_code] = (struct elf_code){.name = strdup(name),
					  .insns = (void *)(o->image + sh->sh_offset),
					  .cnt = sh->sh_size / INSN_SIZE};
	return n[o->nr_code++].name ? 0 : -ENOMEM;
}

static int read_section(struct elf_obj *o, Elf *elf, Elf_Scn *scn, size_t names)
{
	const char *name;
	GElf_Shdr sh;

	if (!gelf_getshdr(scn, &sh))
		return -EINVAL;
	if (sh.sh_type == SHT_SYMTAB)
		return read_symbols(o, elf, scn, &sh);
	name = elf_strptr(elf, names, sh.sh_name);
	if (!name || sh.sh_type == SHT_NOBITS || sh.sh_offset > o->len ||
	    sh.sh_size > o->len - sh.sh_offset || sh.sh_offset % 4)
		return 0;
	if (!strcmp(name, ".BTF")) {
		o->btf = o->image + sh.sh_offset;
		o->btf_len = sh.sh_size;
	} else if (!strcmp(name, ".BTF.ext") && !o->ext) {
		return take_ext(o, o->image + sh.sh_offset, sh.sh_size);
	} else if (sh.sh_flags & SHF_EXECINSTR && sh.sh_offset % 8 == 0) {
		return add_code(o, name, &sh);
	}
	return 0;
}

static int check_order(Elf *elf, struct log *log)
{
	GElf_Ehdr eh;

	if (!gelf_getehdr(elf, &eh))
		return -EINVAL;
	if (eh.e_ident[EI_DATA] ==
	    (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB))
		return 0;
	log_printf(log, "it has the other byte order, which libbpf of this machine does not read; "
			"generate on a machine of its order\n");
	return -ENOEXEC;
}

static int read_sections(struct elf_obj *o, struct log *log)
{
	Elf *elf = elf_memory(o->image, o->len);
	Elf_Scn *scn = NULL;
	size_t names;
	int err;

	if (!elf || elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names)) {
		log_printf(log, "not an ELF object; give what clang -target bpf -c writes\n");
		elf_end(elf);
		return -ENOEXEC;
	}
	err = check_order(elf, log);
	while (!err && (scn = elf_nextscn(elf, scn)))
		err = read_section(o, elf, scn, names);
	elf_end(elf);
	return err;
}

/* --- .BTF.ext --- */

static bool next_sec(const char **p, u32 *left, u32 rec_size, struct ext_sec *sec)
{
	u64 size;

	if (*left < 8)
		return false;
	memcpy(&sec->name_off, *p, 4);
	memcpy(&sec->cnt, *p + 4, 4);
	sec->records = *p + 8;
	sec->rec_size = rec_size;
	size = 8 + (u64)sec->cnt * rec_size;
	if (size > *left)
		return false;
	*p += size;
	*left -= size;
	return true;
}

/* Calls @fn for every section of the table at @off; stops at the first nonzero answer. */
static int each_sec(const struct elf_obj *o, bool core, u32 want_size,
		    int (*fn)(void *arg, const struct ext_sec *sec), void *arg)
{
	struct ext_header h = {0};
	u32 off, len, rec_size;
	struct ext_sec sec;
	const char *p;
	int ret = 0;

	if (!o->ext)
		return 0;
	memcpy(&h, o->ext, min(o->ext_len, (u32)sizeof(h)));
	if (core && h.hdr_len < sizeof(h))
		return 0;
	off = core ? h.core_relo_off : h.func_info_off;
	len = core ? h.core_relo_len : h.func_info_len;
	if (!len)
		return 0;
	if (h.hdr_len > o->ext_len || off > o->ext_len - h.hdr_len ||
	    len > o->ext_len - h.hdr_len - off || len < 4)
		return -EINVAL;
	p = o->ext + h.hdr_len + off;
	memcpy(&rec_size, p, 4);
	if (rec_size < want_size)
		return -EINVAL;
	p += 4;
	len -= 4;
	while (!ret && next_sec(&p, &len, rec_size, &sec))
		ret = fn(arg, &sec);
	return ret;
}

static int count_records(void *arg, const struct ext_sec *sec)
{
	*(u32 *)arg += sec->cnt;
	return 0;
}

int elf_obj_open(struct elf_obj *o, const char *path, struct log *log)
{
	int err;

	*o = (struct elf_obj){0};
	elf_version(EV_CURRENT);
	err = read_file(o, path);
	if (err) {
		log_printf(log, "cannot be read: %s\n", strerror(-err));
		return err;
	}
	err = read_sections(o, log);
	return err
		       ?: each_sec(o, true, sizeof(struct bpf_core_relo), count_records,
				   &o->core_relo_cnt);
}

void elf_obj_close(struct elf_obj *o)
{
	for (u32 i = 0; i < o->nr_weak; i++)
		free(o->weak[i]);
	free(o->weak);
	for (u32 i = 0; i < o->nr_code; i++)
		free(o->code[i].name);
	free(o->code);
	free(o->ext);
	free(o->image);
	*o = (struct elf_obj){0};
}

bool elf_obj_weak(const struct elf_obj *o, const char *name)
{
	for (u32 i = 0; i < o->nr_weak; i++)
		if (!strcmp(o->weak[i], name))
			return true;
	return false;
}

/* --- relocations of one program --- */

#define MAX_PLACES 64

/* A function as the compiler placed it: bytes from the start of its section. */
struct place {
	u32 sec_name;
	u32 start, end;
};

/* All functions of one type: static ones of the same name in files that were linked can have one. */
struct places {
	u32 type_id;
	struct place at[MAX_PLACES];
	u32 nr;
};

static struct bpf_func_info record(const struct ext_sec *sec, u32 i)
{
	struct bpf_func_info f;

	memcpy(&f, sec->records + (size_t)i * sec->rec_size, sizeof(f));
	return f;
}

static int find_places(void *arg, const struct ext_sec *sec)
{
	struct places *p = arg;

	for (u32 i = 0; i < sec->cnt; i++) {
		struct place *at = &p->at[p->nr];

		if (record(sec, i).type_id != p->type_id)
			continue;
		if (p->nr++ == MAX_PLACES)
			return -E2BIG;
		*at = (struct place){sec->name_off, record(sec, i).insn_off, UINT32_MAX};
		for (u32 j = 0; j < sec->cnt; j++)
			if (record(sec, j).insn_off > at->start)
				at->end = min(at->end, record(sec, j).insn_off);
	}
	return 0;
}

/* Is @insns, a function of a program, what the compiler put there? libbpf changes only what relocations do. */
static bool same_code(const struct elf_code *code, const struct place *at,
		      const struct bpf_insn *insns, u32 cnt)
{
	u32 start = at->start / INSN_SIZE, end = min(at->end / INSN_SIZE, code->cnt);

	if (start > end || end - start != cnt)
		return false;
	for (u32 i = 0; i < cnt; i++) {
		const struct bpf_insn *was = &code->insns[start + i];

		if (was->code != insns[i].code || was->dst_reg != insns[i].dst_reg ||
		    (was->off != insns[i].off && BPF_CLASS(was->code) != BPF_JMP))
			return false;
	}
	return true;
}

static bool is_at(const struct elf_obj *o, const struct btf *btf, const struct place *at,
		  const struct elf_prog *prog, u32 func)
{
	const char *name = btf__name_by_offset(btf, at->sec_name);
	u32 start = prog->funcs[func].insn_off,
	    end = func + 1 < prog->nr_funcs ? prog->funcs[func + 1].insn_off : prog->insn_cnt;

	for (u32 i = 0; name && i < o->nr_code; i++)
		if (!strcmp(o->code[i].name, name) && start <= end && end <= prog->insn_cnt &&
		    same_code(&o->code[i], at, prog->insns + start, end - start))
			return true;
	return false;
}

struct gather {
	const struct place *from;
	u32 to; /* first instruction in the program */
	struct bpf_core_relo *relos;
	u32 cnt, room;
};

static int gather_relos(void *arg, const struct ext_sec *sec)
{
	struct gather *g = arg;

	if (sec->name_off != g->from->sec_name)
		return 0;
	for (u32 i = 0; i < sec->cnt; i++) {
		struct bpf_core_relo r;

		memcpy(&r, sec->records + (size_t)i * sec->rec_size, sizeof(r));
		if (r.insn_off < g->from->start || r.insn_off >= g->from->end)
			continue;
		if (g->cnt == g->room)
			return -E2BIG;
		r.insn_off = r.insn_off - g->from->start + g->to * INSN_SIZE;
		g->relos[g->cnt++] = r;
	}
	return 0;
}

/* Twice the same relocations, gathered from @first and from @second on? */
static bool same_relos(const struct gather *g, u32 first, u32 second)
{
	return second - first == g->cnt - second &&
	       !memcmp(&g->relos[first], &g->relos[second], (second - first) * sizeof(*g->relos));
}

static int ambiguous(const struct btf *btf, u32 type_id, struct log *log)
{
	const struct btf_type *t = btf__type_by_id(btf, type_id);

	log_printf(
		log,
		"functions called %s have the same code but other CO-RE relocations and cannot be "
		"told apart; rename one\n",
		t ? btf__name_by_offset(btf, t->name_off) : "?");
	return -EOPNOTSUPP;
}

static int function_relos(const struct elf_obj *o, const struct btf *btf,
			  const struct elf_prog *prog, u32 func, struct gather *g, struct log *log)
{
	struct places p = {.type_id = prog->funcs[func].type_id};
	int err = each_sec(o, false, sizeof(struct bpf_func_info), find_places, &p);
	u32 first = g->cnt;
	bool found = false;

	g->to = prog->funcs[func].insn_off;
	for (u32 i = 0; i < p.nr && !err; i++) {
		u32 second = g->cnt;

		if (p.nr > 1 && !is_at(o, btf, &p.at[i], prog, func))
			continue;
		g->from = &p.at[i];
		err = each_sec(o, true, sizeof(struct bpf_core_relo), gather_relos, g);
		if (!err && found && !same_relos(g, first, second))
			err = ambiguous(btf, p.type_id, log);
		if (found)
			g->cnt = second;
		found = true;
	}
	if (!err && p.nr && !found)
		err = ambiguous(btf, p.type_id, log);
	return err;
}

int elf_obj_core_relos(const struct elf_obj *o, const struct btf *btf, const struct elf_prog *prog,
		       struct bpf_core_relo **out, u32 *cnt, struct log *log)
{
	/* functions do not overlap, so each relocation is taken once, or twice for a comparison */
	struct gather g = {.room = o->core_relo_cnt * 2};
	int err;

	g.relos = calloc(g.room ?: 1, sizeof(*g.relos));
	err = g.relos ? 0 : -ENOMEM;
	for (u32 i = 0; i < prog->nr_funcs && !err; i++)
		err = function_relos(o, btf, prog, i, &g, log);
	if (err) {
		free(g.relos);
		return err;
	}
	*out = g.relos;
	*cnt = g.cnt;
	return 0;
}
