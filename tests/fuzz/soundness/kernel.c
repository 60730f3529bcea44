/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel.c - verdicts of the machine's own kernel. Programs are loaded and closed at once, never
 * run; only types and helpers of soundness.h, without BTF types of the kernel.
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "soundness.h"

static int fds[SP_MAPS] = {-1, -1, -1, -1, -1, -1};
static int btf_fd = -1;

static int sys_bpf(int cmd, union bpf_attr *a)
{
	int r = syscall(__NR_bpf, cmd, a, sizeof(*a));

	return r < 0 ? -errno : r;
}

int kernel_open(void)
{
	u8 value[64] = {0};
	u32 zero = 0;

	for (u32 i = 0; i < SP_MAPS; i++) {
		union bpf_attr a = {0};

		a.map_type = sp_maps[i].type;
		a.key_size = sp_maps[i].key;
		a.value_size = sp_maps[i].value;
		a.max_entries = sp_maps[i].entries;
		a.map_flags = sp_maps[i].flags;
		fds[i] = sys_bpf(BPF_MAP_CREATE, &a);
		if (fds[i] < 0)
			return fds[i];
	}
	for (u32 i = 0; i < 32; i++)
		value[i] = i < 16 ? i : 255 - 7 * i;
	union bpf_attr up = {.map_fd = fds[MAP_CONST], .key = (u64)(unsigned long)&zero};

	up.value = (u64)(unsigned long)value;
	sys_bpf(BPF_MAP_UPDATE_ELEM, &up);
	u8 blob[512];
	union bpf_attr btf = {.btf = (u64)(unsigned long)blob, .btf_size = functions_blob(blob)};

	btf_fd = sys_bpf(BPF_BTF_LOAD, &btf);
	if (btf_fd < 0)
		return btf_fd;
	union bpf_attr fr = {.map_fd = fds[MAP_CONST]};

	return sys_bpf(BPF_MAP_FREEZE, &fr);
}

int kernel_check(const struct sprog *p, char *log, u32 log_size)
{
	struct bpf_insn insns[SP_MAX_INSNS];
	struct bpf_func_info funcs[SP_MAX_FUNCS];
	union bpf_attr a = {0};
	int fd;

	log[0] = 0;
	for (u32 i = 0; i < p->nr_funcs; i++)
		funcs[i] = (struct bpf_func_info){.insn_off = p->func[i],
						  .type_id = p->global >> i & 1 ? 7 : 5};
	memcpy(insns, p->insns, p->len * sizeof(*insns));
	for (u32 i = 0; i < p->len; i++)
		if (insn_is_ldimm64(&insns[i]) && (insns[i].src_reg == BPF_PSEUDO_MAP_FD ||
						   insns[i].src_reg == BPF_PSEUDO_MAP_VALUE))
			insns[i].imm = (u32)insns[i].imm < SP_MAPS ? fds[insns[i].imm] : -1;
	a.prog_type = p->type;
	a.insn_cnt = p->len;
	a.insns = (u64)(unsigned long)insns;
	a.license = (u64)(unsigned long)"GPL";
	a.prog_flags = p->flags;
	if (p->nr_funcs > 1) {
		a.prog_btf_fd = btf_fd;
		a.func_info = (u64)(unsigned long)funcs;
		a.func_info_cnt = p->nr_funcs;
		a.func_info_rec_size = sizeof(funcs[0]);
	}
	a.log_buf = (u64)(unsigned long)log;
	a.log_size = log_size;
	a.log_level = 1;
	fd = sys_bpf(BPF_PROG_LOAD, &a);
	if (fd == -ENOSPC) { /* the log did not fit */
		a.log_level = a.log_size = 0;
		a.log_buf = 0;
		fd = sys_bpf(BPF_PROG_LOAD, &a);
	}
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

void kernel_close(void)
{
	for (u32 i = 0; i < SP_MAPS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (btf_fd >= 0)
		close(btf_fd);
}
