/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What light skeletons with SEC("usdt") carry, after lskel_rt.h: a probe's places are notes of its file. Each gets a perf event and a link, whose
 * cookie is the number of what <bpf/usdt.bpf.h> wants to know in its map __bpf_usdt_specs: the caller's cookie, and where arguments are.
 */
#ifndef USERBPF_LSKEL_USDT
#define USERBPF_LSKEL_USDT 1

#define USERBPF_USDT_PLACES 32 /* of one probe; more are -E2BIG */
#define USERBPF_USDT_ARGS   12

/* Values of its map, laid out as <bpf/usdt.bpf.h> has them. */
struct userbpf_usdt_arg {
	__u64 value;
	__u32 kind; /* 0: a constant, 1: in a register, 2: where register + value points */
	__s16 reg;  /* offset in struct pt_regs */
	__u8 is_signed;
	__u8 shift; /* bits of 64 that are not the argument's */
};
struct userbpf_usdt_spec {
	struct userbpf_usdt_arg args[USERBPF_USDT_ARGS];
	__u64 cookie;
	__s16 nr_args;
};

/* Of a file: where the probe is, what counts who looks, how its arguments are found. */
struct userbpf_usdt_place {
	__u64 off, ref_ctr_off;
	char args[256];
};

/* --- arguments: "-4@%edi 8@-16(%rbp) 4@$7" --- */

/* Offset of a register in struct pt_regs, or -1. */
static inline int userbpf_usdt_reg(const char *name, size_t len)
{
#if defined(__x86_64__)
	static const struct {
		char name[4][6];
		int off;
	} regs[] = {
		{{"r15", "r15d", "r15w", "r15b"}, 0}, {{"r14", "r14d", "r14w", "r14b"}, 8},
		{{"r13", "r13d", "r13w", "r13b"}, 16}, {{"r12", "r12d", "r12w", "r12b"}, 24},
		{{"rbp", "ebp", "bp", "bpl"}, 32},     {{"rbx", "ebx", "bx", "bl"}, 40},
		{{"r11", "r11d", "r11w", "r11b"}, 48}, {{"r10", "r10d", "r10w", "r10b"}, 56},
		{{"r9", "r9d", "r9w", "r9b"}, 64},     {{"r8", "r8d", "r8w", "r8b"}, 72},
		{{"rax", "eax", "ax", "al"}, 80},      {{"rcx", "ecx", "cx", "cl"}, 88},
		{{"rdx", "edx", "dx", "dl"}, 96},      {{"rsi", "esi", "si", "sil"}, 104},
		{{"rdi", "edi", "di", "dil"}, 112},    {{"rip", "eip", "", ""}, 128},
		{{"rsp", "esp", "sp", "spl"}, 152},
	};
	size_t i, j;

	for (i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		for (j = 0; j < 4; j++)
			if (strlen(regs[i].name[j]) == len && !memcmp(regs[i].name[j], name, len))
				return regs[i].off;
#else
	(void)name;
	(void)len;
#endif
	return -1;
}

/* "%edi" from @p on; where it ends, or NULL. */
static inline const char *userbpf_usdt_take_reg(const char *p, struct userbpf_usdt_arg *a)
{
	size_t len;
	int off;

	if (*p++ != '%')
		return NULL;
	len = strcspn(p, " )");
	off = userbpf_usdt_reg(p, len);
	a->reg = (__s16)off;
	return off < 0 ? NULL : p + len;
}

/* One argument; where it ends, or NULL. */
static inline const char *userbpf_usdt_take_arg(const char *p, struct userbpf_usdt_arg *a)
{
	char *end;
	long size = strtol(p, &end, 10), bytes = size < 0 ? -size : size;

	if (end == p || *end != '@' || (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8))
		return NULL;
	memset(a, 0, sizeof(*a));
	a->is_signed = size < 0;
	a->shift = (__u8)(64 - bytes * 8);
	p = end + 1;
	if (*p == '%') {
		a->kind = 1;
		return userbpf_usdt_take_reg(p, a);
	}
	a->value = (__u64)strtoll(p + (*p == '$'), &end, 0);
	if (*p == '$')
		return end == p + 1 ? NULL : end;
	a->kind = 2;
	p = *end == '(' ? userbpf_usdt_take_reg(end + 1, a) : NULL;
	return p && *p == ')' ? p + 1 : NULL;
}

static inline int userbpf_usdt_parse(const char *args, struct userbpf_usdt_spec *spec)
{
	spec->nr_args = 0;
	for (args += strspn(args, " "); *args; args += strspn(args, " ")) {
		if (spec->nr_args == USERBPF_USDT_ARGS)
			return -E2BIG;
		args = userbpf_usdt_take_arg(args, &spec->args[spec->nr_args++]);
		if (!args)
			return -EOPNOTSUPP; /* as other machines write them, or an index register */
	}
	return 0;
}

/* --- notes --- */

static inline const userbpf_shdr *userbpf_elf_section(const char *elf, size_t size, const char *name)
{
	const userbpf_ehdr *h = (const userbpf_ehdr *)elf;
	const userbpf_shdr *s = (const userbpf_shdr *)(elf + h->e_shoff), *str = s + h->e_shstrndx;
	size_t len = strlen(name) + 1;
	unsigned i;

	if (userbpf_elf_check(elf, size) || h->e_shstrndx >= h->e_shnum || str->sh_offset > size ||
	    str->sh_size > size - str->sh_offset)
		return NULL;
	for (i = 0; i < h->e_shnum; i++)
		if (s[i].sh_name < str->sh_size && len <= str->sh_size - s[i].sh_name &&
		    !memcmp(elf + str->sh_offset + s[i].sh_name, name, len))
			return &s[i];
	return NULL;
}

/* A text within the note; the next one, or NULL. */
static inline const char *userbpf_usdt_text(const char *p, const char *end)
{
	const char *nul = p ? (const char *)memchr(p, 0, (size_t)(end - p)) : NULL;

	return nul ? nul + 1 : NULL;
}

/* 1: the note is of that probe, 0: of another, or negative errno. */
static inline int userbpf_usdt_note(const char *elf, size_t size, const char *desc, size_t len, const char *probe,
				    const userbpf_shdr *base, struct userbpf_usdt_place *place)
{
	const char *end = desc + len, *provider = desc + 3 * sizeof(long), *name, *args;
	unsigned long addr[3]; /* of the probe, of the base, of the semaphore */
	size_t n = strcspn(probe, ":");
	long off;

	name = len > sizeof(addr) ? userbpf_usdt_text(provider, end) : NULL;
	args = userbpf_usdt_text(name, end);
	if (!args || !userbpf_usdt_text(args, end))
		return -EINVAL;
	if (strlen(provider) != n || memcmp(provider, probe, n) || strcmp(name, probe + n + 1))
		return 0;
	memcpy(addr, desc, sizeof(addr));
	if (base) { /* prelinked since */
		addr[0] += base->sh_addr - addr[1];
		addr[2] += addr[2] ? base->sh_addr - addr[1] : 0;
	}
	off = userbpf_elf_offset(elf, size, addr[0], PF_X);
	place->off = (__u64)off;
	place->ref_ctr_off = 0;
	if (off >= 0 && addr[2]) {
		off = userbpf_elf_offset(elf, size, addr[2], PF_W);
		place->ref_ctr_off = (__u64)off;
	}
	if (off < 0 || strlen(args) >= sizeof(place->args))
		return -EINVAL;
	memcpy(place->args, args, strlen(args) + 1);
	return 1;
}

/* How many places a probe has, or negative errno. */
static inline int userbpf_usdt_places(const char *elf, size_t size, const char *probe,
				      struct userbpf_usdt_place *places)
{
	const userbpf_shdr *notes = userbpf_elf_section(elf, size, ".note.stapsdt");
	const userbpf_shdr *base = notes ? userbpf_elf_section(elf, size, ".stapsdt.base") : NULL;
	size_t at = 0, left;
	int nr = 0, err;

	if (!notes)
		return -ENOENT;
	if (notes->sh_offset > size || notes->sh_size > size - notes->sh_offset)
		return -EINVAL;
	while (at + 12 <= notes->sh_size) {
		const char *note = elf + notes->sh_offset + at, *desc;
		__u32 head[3]; /* bytes of the name, of the description; type */
		size_t name_sz, desc_sz;

		memcpy(head, note, sizeof(head));
		name_sz = ((size_t)head[0] + 3) / 4 * 4;
		desc_sz = ((size_t)head[1] + 3) / 4 * 4;
		left = notes->sh_size - at - 12;
		if (name_sz > left || head[1] > left - name_sz)
			return -EINVAL;
		desc = note + 12 + name_sz;
		at += 12 + name_sz + desc_sz;
		if (head[2] != 3 || head[0] != 8 || memcmp(note + 12, "stapsdt", 8))
			continue;
		if (nr == USERBPF_USDT_PLACES)
			return -E2BIG;
		err = userbpf_usdt_note(elf, size, desc, head[1], probe, base, &places[nr]);
		if (err < 0)
			return err;
		nr += err;
	}
	return nr ? nr : -ENOENT;
}

static inline int userbpf_usdt_find(const char *path, const char *probe, struct userbpf_usdt_place *places)
{
	size_t size;
	char *elf;
	int err = userbpf_map_file(path, &elf, &size);

	if (err)
		return err;
	err = userbpf_usdt_places(elf, size, probe, places);
	munmap(elf, size);
	return err;
}

/* --- attaching --- */

static inline int userbpf_usdt_describe(int specs_fd, __u32 id, const char *args, __u64 cookie)
{
	struct userbpf_usdt_spec spec;
	struct userbpf_map_elem update;
	int err;

	memset(&spec, 0, sizeof(spec));
	spec.cookie = cookie;
	err = userbpf_usdt_parse(args, &spec);
	if (err)
		return err;
	memset(&update, 0, sizeof(update));
	update.map_fd = (__u32)specs_fd;
	update.key = userbpf_ptr(&id);
	update.value = userbpf_ptr(&spec);
	return (int)userbpf_sys(USERBPF_MAP_UPDATE_ELEM, &update, sizeof(update));
}

static inline void userbpf_usdt_close(int *fds)
{
	int i;

	for (i = 0; i < USERBPF_USDT_PLACES - 1; i++)
		userbpf_close(&fds[i]);
}

/* "binary:provider:name": the path of the binary, and where the probe's name begins; NULL: it has none. */
static inline const char *userbpf_usdt_split(const char *target, char *path, size_t cap, int *err)
{
	const char *end = strrchr(target, ':'), *provider = end;
	char name[512];

	while (provider > target && *--provider != ':')
		;
	*err = -EINVAL;
	if (!end || provider == target || (size_t)(provider - target) >= sizeof(name))
		return NULL;
	memcpy(name, target, (size_t)(provider - target));
	name[provider - target] = 0;
	*err = userbpf_find_binary(name, path, cap);
	return *err ? NULL : provider + 1;
}

static inline int userbpf_usdt_link(int prog_fd, const char *path, const struct userbpf_usdt_place *place,
				    const struct userbpf_attach_opts *o)
{
	struct perf_event_attr attr;
	__u64 config;
	int type = userbpf_probe_type("uprobe", false, &config);

	if (type < 0)
		return type;
	memset(&attr, 0, sizeof(attr));
	attr.type = (__u32)type;
	attr.config = place->ref_ctr_off << 32;
	attr.config1 = userbpf_ptr(path);
	attr.config2 = place->off;
	return userbpf_attach_perf(prog_fd, userbpf_perf_open(&attr, o->pid > 0 ? o->pid : -1, o->pid > 0 ? -1 : 0), o);
}

/*
 * @specs_fd: the map __bpf_usdt_specs, of which the program has the elements from @id on; 0: it does not use <bpf/usdt.bpf.h>, and its cookie is the caller's.
 * Returns the link of the first place, and leaves those of the others in @more.
 */
static inline int userbpf_attach_usdt(int prog_fd, const char *target, const struct userbpf_attach_opts *opts,
				      int specs_fd, __u32 id, int *more)
{
	struct userbpf_attach_opts o = userbpf_opts(opts), one = o;
	struct userbpf_usdt_place *places;
	char path[1024];
	int fds[USERBPF_USDT_PLACES], nr, i, err;
	const char *probe = userbpf_usdt_split(o.target ? o.target : target, path, sizeof(path), &err);

	if (!probe)
		return err;
	places = (struct userbpf_usdt_place *)calloc(USERBPF_USDT_PLACES, sizeof(*places));
	if (!places)
		return -ENOMEM;
	memset(fds, 0, sizeof(fds));
	nr = userbpf_usdt_find(path, probe, places);
	err = nr < 0 ? nr : 0;
	for (i = 0; i < nr && !err; i++) {
		if (specs_fd > 0) {
			err = userbpf_usdt_describe(specs_fd, id + (__u32)i, places[i].args, o.cookie);
			one.cookie = id + (__u32)i;
		}
		fds[i] = err ? err : userbpf_usdt_link(prog_fd, path, &places[i], &one);
		err = fds[i] < 0 ? fds[i] : 0;
	}
	free(places);
	if (err) {
		while (i)
			userbpf_close(&fds[--i]);
		return err;
	}
	userbpf_usdt_close(more);
	memcpy(more, fds + 1, sizeof(fds) - sizeof(fds[0]));
	return fds[0];
}

#endif
