/* SPDX-License-Identifier: BSD-2-Clause */
#include <Zydis/Zydis.h>
#include <elf.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "link/plan.h"

#define FILE_MAX  (512ull << 20)
#define SWEEP_MAX (1u << 20) /* bytes to disassemble in front of a site */
#define SHORT	  130	     /* a short branch reaches so far */

struct segment {
	u64 vaddr, offset, size;
	u64 *targets; /* a bit for each byte that something which may be a long branch leads to; or NULL */
};

struct plan_file {
	u8 *data;
	u64 size;
	struct segment *text;
	u32 nr_text;
	u64 *start; /* of functions, sorted */
	size_t nr_start, max_start;
	u64 *twice; /* functions that return twice, or have no return address */
	size_t nr_twice, max_twice;
	ZydisDecoder decoder;
};

/* They must not see another return address: they keep it, or look who called them, or it is none. */
static const char *const no_return[] = {
	"setjmp",
	"_setjmp",
	"sigsetjmp",
	"__sigsetjmp",
	"__setjmp",
	"getcontext",
	"__getcontext",
	"vfork",
	"__vfork",
	"__libc_vfork",
	"_start",
	"__restore_rt",
	"_dl_start_user",
	"_dl_runtime_resolve",
	"_dl_runtime_resolve_xsave",
	"_dl_runtime_resolve_xsavec",
	"_dl_runtime_resolve_fxsave",
	"__morestack",
	"dlsym",
	"dlvsym",
	"mcount",
	"_mcount",
	"__fentry__",
};

/* --- the file --- */

static const void *at(const struct plan_file *f, u64 offset, u64 size)
{
	return offset <= f->size && size <= f->size - offset ? f->data + offset : NULL;
}

static int read_file(struct plan_file *f, int fd)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	if ((u64)st.st_size > FILE_MAX)
		return -EFBIG;
	f->data = malloc((size_t)st.st_size + 1);
	if (!f->data)
		return -ENOMEM;
	while (f->size < (u64)st.st_size) {
		n = pread(fd, f->data + f->size, (size_t)((u64)st.st_size - f->size),
			  (off_t)f->size);
		if (n < 0)
			return -errno;
		if (!n)
			break;
		f->size += (u64)n;
	}
	return 0;
}

static const Elf64_Phdr *phdrs(const struct plan_file *f, u32 *nr)
{
	const Elf64_Ehdr *eh = at(f, 0, sizeof(*eh));

	*nr = eh->e_phnum;
	return eh->e_phentsize == sizeof(Elf64_Phdr)
		       ? at(f, eh->e_phoff, (u64)eh->e_phnum * sizeof(Elf64_Phdr))
		       : NULL;
}

static bool is_ours(const struct plan_file *f)
{
	const Elf64_Ehdr *eh = at(f, 0, sizeof(*eh));

	return eh && !memcmp(eh->e_ident, ELFMAG, SELFMAG) && eh->e_ident[EI_CLASS] == ELFCLASS64 &&
	       eh->e_ident[EI_DATA] == ELFDATA2LSB && eh->e_machine == EM_X86_64 &&
	       (eh->e_type == ET_EXEC || eh->e_type == ET_DYN);
}

static int find_text(struct plan_file *f)
{
	const Elf64_Phdr *ph;
	u32 nr;

	ph = phdrs(f, &nr);
	if (!ph)
		return -ENOEXEC;
	f->text = calloc(nr ? nr : 1, sizeof(*f->text));
	if (!f->text)
		return -ENOMEM;
	for (u32 i = 0; i < nr; i++)
		if (ph[i].p_type == PT_LOAD && (ph[i].p_flags & PF_X) &&
		    at(f, ph[i].p_offset, ph[i].p_filesz) && ph[i].p_filesz)
			f->text[f->nr_text++] = (struct segment){ph[i].p_vaddr, ph[i].p_offset,
								 ph[i].p_filesz, NULL};
	return f->nr_text ? 0 : -ENOEXEC;
}

/* What the file has for @vaddr up to the end of its segment. */
static const u8 *at_vaddr(const struct plan_file *f, u64 vaddr, u64 *left)
{
	const Elf64_Phdr *ph;
	u32 nr;

	ph = phdrs(f, &nr);
	for (u32 i = 0; i < nr; i++) {
		if (ph[i].p_type != PT_LOAD || vaddr < ph[i].p_vaddr ||
		    vaddr - ph[i].p_vaddr >= ph[i].p_filesz)
			continue;
		*left = ph[i].p_filesz - (vaddr - ph[i].p_vaddr);
		return at(f, ph[i].p_offset + (vaddr - ph[i].p_vaddr), *left);
	}
	return NULL;
}

static struct segment *segment_of(const struct plan_file *f, u64 offset)
{
	for (u32 i = 0; i < f->nr_text; i++)
		if (offset >= f->text[i].offset && offset - f->text[i].offset < f->text[i].size)
			return &f->text[i];
	return NULL;
}

/* --- where functions begin --- */

static int push(u64 **list, size_t *nr, size_t *max, u64 v)
{
	if (*nr == *max) {
		size_t new_max = *max ? *max * 2 : 256;
		u64 *p = realloc(*list, new_max * sizeof(**list));

		if (!p)
			return -ENOMEM;
		*list = p;
		*max = new_max;
	}
	(*list)[(*nr)++] = v;
	return 0;
}

static int cmp_u64(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static bool has(const u64 *list, size_t nr, u64 v)
{
	return nr && bsearch(&v, list, nr, sizeof(v), cmp_u64);
}

/* The search table of .eh_frame_hdr, in the form every linker makes. */
static int starts_by_unwind(struct plan_file *f)
{
	const Elf64_Phdr *ph;
	const u8 *hdr = NULL;
	u64 left = 0, base = 0;
	u32 nr, count;
	s32 loc;
	int err = 0;

	ph = phdrs(f, &nr);
	for (u32 i = 0; i < nr && !hdr; i++)
		if (ph[i].p_type == PT_GNU_EH_FRAME)
			hdr = at_vaddr(f, base = ph[i].p_vaddr, &left);
	if (!hdr || left < 12 || hdr[0] != 1 || hdr[1] != 0x1b || hdr[2] != 0x03 || hdr[3] != 0x3b)
		return 0;
	memcpy(&count, hdr + 8, 4);
	for (u32 i = 0; !err && i < count && 12 + (i + 1ull) * 8 <= left; i++) {
		memcpy(&loc, hdr + 12 + i * 8ull, 4);
		err = push(&f->start, &f->nr_start, &f->max_start, base + (u64)(s64)loc);
	}
	return err;
}

static bool returns_twice(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(no_return); i++)
		if (!strcmp(name, no_return[i]))
			return true;
	return false;
}

static int add_symbol(struct plan_file *f, const Elf64_Sym *sym, const char *names, u64 size)
{
	u32 type = ELF64_ST_TYPE(sym->st_info);
	int err;

	if (sym->st_shndx == SHN_UNDEF || !sym->st_value)
		return 0;
	if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
		return 0;
	if (sym->st_name < size && memchr(names + sym->st_name, 0, size - sym->st_name) &&
	    returns_twice(names + sym->st_name)) {
		err = push(&f->twice, &f->nr_twice, &f->max_twice, sym->st_value);
		if (err)
			return err;
	}
	return type == STT_NOTYPE ? 0 : push(&f->start, &f->nr_start, &f->max_start, sym->st_value);
}

static int starts_by_symbols(struct plan_file *f)
{
	const Elf64_Ehdr *eh = (const void *)f->data;
	const Elf64_Shdr *sh = at(f, eh->e_shoff, (u64)eh->e_shnum * sizeof(*sh));
	int err = 0;

	if (!sh || eh->e_shentsize != sizeof(*sh))
		return 0;
	for (u32 i = 0; i < eh->e_shnum; i++) {
		const Elf64_Sym *sym;
		const char *names;

		if ((sh[i].sh_type != SHT_SYMTAB && sh[i].sh_type != SHT_DYNSYM) ||
		    sh[i].sh_link >= eh->e_shnum)
			continue;
		sym = at(f, sh[i].sh_offset, sh[i].sh_size);
		names = at(f, sh[sh[i].sh_link].sh_offset, sh[sh[i].sh_link].sh_size);
		for (u64 j = 0; !err && sym && names && j < sh[i].sh_size / sizeof(*sym); j++)
			err = add_symbol(f, &sym[j], names, sh[sh[i].sh_link].sh_size);
	}
	return err;
}

int plan_open(int fd, struct plan_file **out)
{
	struct plan_file *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return -ENOMEM;
	err = read_file(f, fd);
	if (!err)
		err = is_ours(f) ? find_text(f) : -ENOEXEC;
	if (!err)
		err = starts_by_unwind(f);
	if (!err)
		err = starts_by_symbols(f);
	if (!err) /* _start, in stripped programs, too */
		err = push(&f->twice, &f->nr_twice, &f->max_twice,
			   ((Elf64_Ehdr *)f->data)->e_entry);
	if (!err && ZYAN_FAILED(ZydisDecoderInit(&f->decoder, ZYDIS_MACHINE_MODE_LONG_64,
						 ZYDIS_STACK_WIDTH_64)))
		err = -ENOEXEC;
	if (err) {
		plan_close(f);
		return err;
	}
	if (f->nr_start)
		qsort(f->start, f->nr_start, sizeof(u64), cmp_u64);
	if (f->nr_twice)
		qsort(f->twice, f->nr_twice, sizeof(u64), cmp_u64);
	*out = f;
	return 0;
}

void plan_close(struct plan_file *f)
{
	if (!f)
		return;
	for (u32 i = 0; i < f->nr_text; i++)
		free(f->text[i].targets);
	free(f->text);
	free(f->start);
	free(f->twice);
	free(f->data);
	free(f);
}

/* --- where branches lead --- */

/* Do the bytes in front of @p, at least two, take the four there for a distance to code? call, jmp, jcc, lea
 * from rip, xbegin. Asked of every place, so branches are found in code that nobody can follow. */
static bool may_be_branch(const u8 *p)
{
	return (p[-1] & 0xfe) == 0xe8 || (p[-2] == 0x0f && (p[-1] & 0xf0) == 0x80) ||
	       (p[-2] == 0x8d && (p[-1] & 0xc7) == 5) || (p[-2] == 0xc7 && p[-1] == 0xf8);
}

static int mark_targets(struct plan_file *f, struct segment *to)
{
	if (to->targets)
		return 0;
	to->targets = calloc(to->size / 64 + 1, sizeof(u64));
	if (!to->targets)
		return -ENOMEM;
	for (u32 i = 0; i < f->nr_text; i++) {
		const struct segment *s = &f->text[i];
		const u8 *p = f->data + s->offset;

		for (u64 j = 2; j + 4 <= s->size; j++) {
			s32 rel;
			u64 to_byte;

			if (!may_be_branch(p + j))
				continue;
			memcpy(&rel, p + j, 4);
			to_byte = s->vaddr + j + 4 + (u64)(s64)rel - to->vaddr;
			if (to_byte < to->size)
				to->targets[to_byte / 64] |= 1ull << to_byte % 64;
		}
	}
	return 0;
}

/* The function start, at or in front of @vaddr, from which instructions can be followed; 0: none near. */
static u64 start_before(const struct plan_file *f, u64 vaddr)
{
	size_t lo = 0, hi = f->nr_start;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (f->start[mid] <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && vaddr - f->start[lo - 1] < SWEEP_MAX ? f->start[lo - 1] : 0;
}

/* Do the four bytes at @at end an instruction, when followed from where its function begins? Yes where that
 * is not known. */
static bool ends_insn(const struct plan_file *f, const struct segment *s, u64 at)
{
	u64 p = start_before(f, at);
	ZydisDecodedInstruction in;

	if (!p || p < s->vaddr)
		return true;
	while (p < at) {
		if (ZYAN_FAILED(ZydisDecoderDecodeInstruction(&f->decoder, NULL,
							      f->data + s->offset + (p - s->vaddr),
							      s->vaddr + s->size - p, &in)))
			return true;
		p += in.length;
	}
	return p == at + 4;
}

/* Whoever may be a branch to @to: is one of them? */
static bool is_target(const struct plan_file *f, u64 to)
{
	for (u32 i = 0; i < f->nr_text; i++) {
		const struct segment *s = &f->text[i];
		const u8 *p = f->data + s->offset;

		for (u64 j = 2; j + 4 <= s->size; j++) {
			s32 rel;

			memcpy(&rel, p + j, 4);
			if (s->vaddr + j + 4 + (u64)(s64)rel == to && may_be_branch(p + j) &&
			    ends_insn(f, s, s->vaddr + j))
				return true;
		}
	}
	return false;
}

static bool is_short_branch(u8 op)
{
	return (op & 0xf0) == 0x70 || op == 0xeb || (op & 0xfc) == 0xe0;
}

/* How far from @vaddr, below @len, no short branch leads. */
static u32 free_of_short(const struct plan_file *f, const struct segment *s, u64 vaddr, u32 len)
{
	u64 low = vaddr - s->vaddr > SHORT ? vaddr - SHORT : s->vaddr;
	u64 p = start_before(f, low), end = min(s->vaddr + s->size, vaddr + len + SHORT);
	bool follow = p >= s->vaddr && p;
	ZydisDecodedInstruction in;

	for (p = follow ? p : low; p + 2 <= end;) {
		const u8 *code = f->data + s->offset + (p - s->vaddr);
		bool known =
			follow && ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(
					  &f->decoder, NULL, code, s->vaddr + s->size - p, &in));
		u32 step = known ? in.length : 1;
		/* where instructions cannot be followed, every byte may begin one */
		bool branch = known ? in.raw.imm[0].is_relative && in.raw.imm[0].size == 8
				    : is_short_branch(code[0]);
		u64 to = p + (known ? step : 2);

		to += branch ? (u64)(s64)(s8)(known ? in.raw.imm[0].value.s : code[1]) : 0;
		if (branch && to > vaddr && to < vaddr + len)
			len = (u32)(to - vaddr);
		p += step;
	}
	return len;
}

/* No branch leads to the bytes [1, result) of the instruction. */
static int free_bytes(struct plan_file *f, struct segment *s, u64 vaddr, u32 len)
{
	int err = len > 1 ? mark_targets(f, s) : 0;

	if (err)
		return err;
	for (u32 i = 1; i < len; i++) {
		u64 byte = vaddr - s->vaddr + i;

		if (byte < s->size && s->targets[byte / 64] >> byte % 64 & 1 &&
		    is_target(f, vaddr + i))
			len = i;
	}
	return len > 1 ? (int)free_of_short(f, s, vaddr, len) : 1;
}

/* --- instructions --- */

static bool is_nop(const ZydisDecodedInstruction *in)
{
	return in->mnemonic == ZYDIS_MNEMONIC_NOP || in->mnemonic == ZYDIS_MNEMONIC_ENDBR64;
}

/* Relative to the instruction pointer: mod 0, rm 5. */
static bool is_riprel(const ZydisDecodedInstruction *in)
{
	return (in->attributes & ZYDIS_ATTRIB_HAS_MODRM) && in->raw.modrm.mod == 0 &&
	       in->raw.modrm.rm == 5;
}

static bool cannot_be_probed(const ZydisDecodedInstruction *in)
{
	switch (in->mnemonic) {
	case ZYDIS_MNEMONIC_INT:
	case ZYDIS_MNEMONIC_INT1:
	case ZYDIS_MNEMONIC_INT3:
	case ZYDIS_MNEMONIC_IRET:
	case ZYDIS_MNEMONIC_IRETD:
	case ZYDIS_MNEMONIC_IRETQ:
	case ZYDIS_MNEMONIC_XBEGIN: return true;
	default: break;
	}
	if (in->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED)
		return true;
	if (in->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
		return true;
	/* 16-bit branches, addresses relative to eip: nobody makes them */
	if (in->raw.imm[0].is_relative && (in->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE))
		return true;
	return is_riprel(in) && (in->attributes & ZYDIS_ATTRIB_HAS_ADDRESSSIZE);
}

/* A relative branch. */
static int plan_branch(const ZydisDecodedInstruction *in, struct site_insn *plan)
{
	u8 op = in->opcode;

	plan->rel = (s32)in->raw.imm[0].value.s;
	if (in->mnemonic == ZYDIS_MNEMONIC_CALL) {
		plan->kind = SITE_CALL;
	} else if (in->mnemonic == ZYDIS_MNEMONIC_JMP) {
		plan->kind = SITE_JMP;
	} else if (op >= 0xe0 && op <= 0xe3 && in->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT) {
		plan->kind = SITE_LOOP;
		plan->cond = op;
		plan->fix = (u8)(in->length - 2);
	} else {
		plan->kind = SITE_JCC;
		plan->cond = op & 15;
	}
	return 0;
}

static int plan_insn(const ZydisDecodedInstruction *in, struct site_insn *plan)
{
	if (cannot_be_probed(in))
		return -ENOTSUPP;
	if (is_nop(in)) {
		plan->kind = SITE_NOP;
		return 0;
	}
	if (in->raw.imm[0].is_relative)
		return plan_branch(in, plan);
	if (is_riprel(in)) {
		plan->kind = SITE_RIPREL;
		plan->fix = in->raw.disp.offset;
	}
	if (in->mnemonic == ZYDIS_MNEMONIC_CALL) {
		if (in->attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE)
			return -ENOTSUPP;
		plan->kind = SITE_CALL_MEM;
		plan->modrm = in->raw.modrm.offset;
	}
	return 0;
}

int plan_vaddr(const struct plan_file *f, u64 offset, u64 *vaddr)
{
	const struct segment *s = segment_of(f, offset);

	if (!s)
		return -ENOENT;
	*vaddr = s->vaddr + (offset - s->offset);
	return 0;
}

/* Decodes and plans one; -ENOEXEC, -ENOTSUPP. */
static int plan_at(const struct plan_file *f, const struct segment *s, u64 offset,
		   ZydisDecodedInstruction *in, struct site_insn *plan)
{
	u64 left = s->offset + s->size - offset;

	if (!left || ZYAN_FAILED(ZydisDecoderDecodeInstruction(&f->decoder, NULL, f->data + offset,
							       left, in)))
		return -ENOEXEC;
	plan->len = in->length;
	memcpy(plan->bytes, f->data + offset, in->length);
	return plan_insn(in, plan);
}

/* Nothing comes here from the instruction before. */
static bool goes_elsewhere(const ZydisDecodedInstruction *in)
{
	return in->mnemonic == ZYDIS_MNEMONIC_JMP || in->mnemonic == ZYDIS_MNEMONIC_RET ||
	       in->mnemonic == ZYDIS_MNEMONIC_UD2 || in->mnemonic == ZYDIS_MNEMONIC_HLT;
}

/* What is called has a return address on the stack; the head of a PLT, which unwind information takes for a
 * function, finds the number of a relocation there. */
static bool is_plt_head(const struct segment *s, const u8 *code, u64 offset)
{
	u64 left = s->offset + s->size - offset;

	return left >= 16 && code[0] == 0xff && code[1] == 0x35 &&
	       ((code[6] == 0xff && code[7] == 0x25) ||
		(code[6] == 0xf2 && code[7] == 0xff && code[8] == 0x25));
}

static bool starts_within(const struct plan_file *f, u64 from, u64 to)
{
	for (; from < to; from++)
		if (has(f->start, f->nr_start, from))
			return true;
	return false;
}

/* The instructions behind the first one that a jump would cover. Behind one that goes elsewhere nothing but
 * padding is known to be code; a call must be the last, as it comes back behind itself. */
static void plan_more(struct plan_file *f, struct segment *s, u64 offset, u64 vaddr,
		      ZydisDecodedInstruction in, struct site_plan *plan)
{
	u32 len = plan->insn.len, nr = 0;
	bool padding = goes_elsewhere(&in);

	if (len >= SITE_JUMP_LEN || starts_within(f, vaddr + 1, vaddr + SITE_JUMP_LEN) ||
	    offset + SITE_JUMP_LEN > s->offset + s->size ||
	    free_bytes(f, s, vaddr, SITE_JUMP_LEN) != SITE_JUMP_LEN)
		return;
	while (len < SITE_JUMP_LEN) {
		struct site_insn *more = &plan->more[nr++];

		if (in.mnemonic == ZYDIS_MNEMONIC_CALL)
			return;
		if (padding && f->data[offset + len] == 0xcc) {
			*more = (struct site_insn){.kind = SITE_COPY, .len = 1, .bytes = {0xcc}};
		} else if (plan_at(f, s, offset + len, &in, more) ||
			   (padding && more->kind != SITE_NOP)) {
			return;
		} else {
			padding |= goes_elsewhere(&in);
		}
		len += more->len;
	}
	plan->nr_more = (u8)nr;
}

int plan_site(struct plan_file *f, u64 offset, struct site_plan *plan)
{
	struct segment *s = segment_of(f, offset);
	ZydisDecodedInstruction in;
	u64 vaddr;
	int err;

	memset(plan, 0, sizeof(*plan));
	if (!s)
		return -ENOENT;
	vaddr = s->vaddr + (offset - s->offset);
	err = plan_at(f, s, offset, &in, &plan->insn);
	if (err)
		return err;
	err = free_bytes(f, s, vaddr, in.length);
	if (err < 0)
		return err;
	plan->free = (u8)err;
	if (has(f->start, f->nr_start, vaddr) && !is_plt_head(s, f->data + offset, offset))
		plan->flags |= SITE_F_ENTRY;
	if (has(f->twice, f->nr_twice, vaddr))
		plan->flags |= SITE_F_NO_RETURN_PROBE;
	plan_more(f, s, offset, vaddr, in, plan);
	if (!plan->nr_more)
		memset(plan->more, 0, sizeof(plan->more));
	return site_plan_valid(plan) ? 0 : -ENOTSUPP;
}

/* --- system calls --- */

static bool any_syscall(const u8 *code, u64 len)
{
	for (u64 i = 0; i + 2 <= len; i++)
		if (code[i] == 0x0f && code[i + 1] == 0x05)
			return true;
	return false;
}

/* Does a branch between @from and @to lead to @vaddr? */
static bool leads_to(struct plan_file *f, const u8 *code, u64 from, u64 to, u64 vaddr)
{
	ZydisDecodedInstruction in;

	for (; from < to; from += in.length) {
		in.length = 1;
		if (ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&f->decoder, NULL, code + from,
							       to - from, &in)) &&
		    in.raw.imm[0].is_relative &&
		    from + in.length + (u64)in.raw.imm[0].value.s == vaddr)
			return true;
		if (!in.length)
			in.length = 1;
	}
	return false;
}

/* @number: mov $number, %eax stands in front, where there is more room. */
static int syscall_at(struct plan_file *f, struct segment *s, u64 vaddr, bool number,
		      int (*each)(void *arg, const struct plan_syscall *c), void *arg)
{
	u64 off = s->offset + (vaddr - s->vaddr);
	struct plan_syscall c = {.enter = off, .exit = off + 2, .nr = -1};

	if (number) {
		c.enter = off - 5;
		memcpy(&c.nr, f->data + off - 4, sizeof(c.nr));
	}
	if (plan_site(f, c.enter, &c.enter_plan) || plan_site(f, c.exit, &c.exit_plan))
		return 0;
	return each(arg, &c);
}

static int syscalls_of(struct plan_file *f, struct segment *s, u64 from, u64 to,
		       int (*each)(void *arg, const struct plan_syscall *c), void *arg)
{
	const u8 *code = f->data + s->offset - s->vaddr;
	ZydisDecodedInstruction in;
	bool mov = false;
	int err = 0;
	u32 len;

	if (!any_syscall(code + from, to - from))
		return 0;
	for (u64 p = from; p < to && !err; p += len) {
		len = 1;
		if (ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&f->decoder, NULL, code + p, to - p,
							       &in)))
			len = in.length;
		if (len == 2 && in.mnemonic == ZYDIS_MNEMONIC_SYSCALL)
			err = syscall_at(f, s, p, mov && !leads_to(f, code, from, to, p), each,
					 arg);
		mov = len == 5 && code[p] == 0xb8;
	}
	return err;
}

int plan_syscalls(struct plan_file *f, int (*each)(void *arg, const struct plan_syscall *c),
		  void *arg)
{
	int err = 0;

	for (u32 t = 0; t < f->nr_text && !err; t++) {
		struct segment *s = &f->text[t];
		u64 end = s->vaddr + s->size;

		for (size_t i = 0; i < f->nr_start && !err; i++) {
			u64 from = f->start[i],
			    to = i + 1 < f->nr_start ? min(f->start[i + 1], end) : end;

			if (from >= s->vaddr && from < to)
				err = syscalls_of(f, s, from, to, each, arg);
		}
	}
	return err;
}
