/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.c - programs of BPF objects as seeds. libbpf loads an object into nothing: its bpf(2) is
 * the one here, which says yes to everything and keeps the relocated instructions. Maps become the
 * fixed map that is most like them.
 */
#include <bpf/libbpf.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seeds.h"
#include "text.h"

#define MAX_FDS 1024

static struct {
	struct seeds *seeds;   /* NULL: bpf(2) is the kernel's */
	s8 map_of_fd[MAX_FDS]; /* 1 + fixed map */
} capture;

static int new_fd(void)
{
	return dup(STDERR_FILENO);
}

static int create_map(const union bpf_attr *a)
{
	const struct bpf_map_ops *ops = map_ops_of(a->map_type);
	s32 map = ops ? text_map_like(ops->name, a->key_size, a->value_size, a->max_entries,
				      a->map_flags & BPF_F_RDONLY_PROG)
		      : -1;
	int fd = new_fd();

	if (fd >= 0 && fd < MAX_FDS)
		capture.map_of_fd[fd] = map + 1;
	return fd;
}

/* Loads of maps by fd name a fixed map; false: there is none like it. */
static bool name_maps(struct sprog *p)
{
	for (u32 i = 0; i < p->len; i++) {
		struct bpf_insn *in = &p->insns[i];

		if (!insn_is_ldimm64(in) ||
		    (in->src_reg != BPF_PSEUDO_MAP_FD && in->src_reg != BPF_PSEUDO_MAP_VALUE))
			continue;
		if ((u32)in->imm >= MAX_FDS || !capture.map_of_fd[in->imm])
			return false;
		in->imm = capture.map_of_fd[in->imm] - 1;
		if (in->src_reg == BPF_PSEUDO_MAP_VALUE && sp_maps[in->imm].entries != 1)
			in->imm = MAP_ONE;
	}
	return true;
}

static int load_program(const union bpf_attr *a)
{
	static struct sprog p;
	const struct bpf_func_info *f = (void *)(unsigned long)a->func_info;

	memset(&p, 0, sizeof(p));
	p.type = a->prog_type;
	p.nr_funcs = 1;
	if (a->insn_cnt > SP_MAX_INSNS || a->insn_cnt < 4 || a->func_info_cnt > SP_MAX_FUNCS ||
	    !prog_type_of(p.type))
		return new_fd(); /* (libbpf's own probes are shorter) */
	p.len = a->insn_cnt;
	memcpy(p.insns, (void *)(unsigned long)a->insns, p.len * sizeof(*p.insns));
	for (u32 i = 1; i < a->func_info_cnt; i++)
		p.func[p.nr_funcs++] = f[i].insn_off;
	if (name_maps(&p))
		seeds_add(capture.seeds, &p);
	return new_fd();
}

static long captured(int cmd, const union bpf_attr *a)
{
	switch (cmd) {
	case BPF_MAP_CREATE: return create_map(a);
	case BPF_PROG_LOAD: return load_program(a);
	case BPF_BTF_LOAD: return new_fd();
	}
	return 0;
}

/* libbpf calls bpf(2) by it. */
__attribute__((visibility("default"))) long syscall(long number, ...)
{
	static long (*next)(long, ...);
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (u32 i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (capture.seeds && number == __NR_bpf)
		return captured(a[0], (void *)a[1]);
	if (!next)
		next = dlsym(RTLD_NEXT, "syscall");
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

void seeds_capture(struct seeds *s, const char *path, const char *vmlinux_path)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = vmlinux_path);
	struct bpf_object *o;

	libbpf_set_print(silent);
	o = bpf_object__open_file(path, &opts);
	if (!o)
		return;
	memset(&capture, 0, sizeof(capture));
	capture.seeds = s;
	bpf_object__load(o);
	bpf_object__close(o);
	capture.seeds = NULL;
}
