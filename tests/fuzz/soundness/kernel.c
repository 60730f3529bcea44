/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel.c - verdicts of the machine's own kernel, compared with ours. Programs are loaded and
 * closed at once, never run; only types and helpers of soundness.h, without BTF types of the
 * kernel.
 *
 * A verdict that differs and is in no row of a table below is reported. The kernel may be newer
 * than the 6.1 we follow, and we are stricter on purpose in places (docs/limits.md): rows say where
 * and why.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "helper/helper.h"
#include "isa/insn.h"
#include "world.h"

#define LOG_SIZE (1 << 20)

static int fds[SP_MAPS], btf_fd = -1;
static char log_text[LOG_SIZE];
static struct {
	u64 both_ok, both_bad, only_kernel, only_us, explained;
} count;

static int sys_bpf(int cmd, union bpf_attr *a)
{
	int r = syscall(__NR_bpf, cmd, a, sizeof(*a));

	return r < 0 ? -errno : r;
}

/* --- set-up --- */

static int load_types(void)
{
	u8 blob[1024];
	union bpf_attr a = {.btf = (u64)(unsigned long)blob,
			    .btf_size = functions_blob(blob, false)};

	btf_fd = sys_bpf(BPF_BTF_LOAD, &a);
	return btf_fd < 0 ? btf_fd : 0;
}

static int create_map(u32 i)
{
	union bpf_attr a = {.map_type = sp_maps[i].type,
			    .key_size = sp_maps[i].key,
			    .value_size = sp_maps[i].value,
			    .max_entries = sp_maps[i].entries,
			    .map_flags = sp_maps[i].flags};

	if (i == MAP_KPTR) /* of objects this kernel may not have */
		return 0;
	if (i == MAP_OUTER)
		a.inner_map_fd = fds[MAP_ARRAY];
	if (i == MAP_LOCK) {
		a.btf_fd = btf_fd;
		a.btf_key_type_id = 1;
		a.btf_value_type_id = LOCK_VALUE_TYPE;
	}
	fds[i] = sys_bpf(BPF_MAP_CREATE, &a);
	return fds[i] < 0 ? fds[i] : 0;
}

static int fill_constants(void)
{
	u8 value[64] = {0};
	u32 zero = 0;
	union bpf_attr up = {.map_fd = fds[MAP_CONST], .key = (u64)(unsigned long)&zero};
	union bpf_attr freeze = {.map_fd = fds[MAP_CONST]};

	for (u32 i = 0; i < 32; i++)
		value[i] = i < 16 ? i : 255 - 7 * i;
	up.value = (u64)(unsigned long)value;
	sys_bpf(BPF_MAP_UPDATE_ELEM, &up);
	return sys_bpf(BPF_MAP_FREEZE, &freeze);
}

int kernel_open(void)
{
	int err;

	memset(fds, -1, sizeof(fds));
	err = load_types();
	for (u32 i = 0; !err && i < SP_MAPS; i++)
		err = create_map(i);
	return err ? err : fill_constants();
}

void kernel_close(void)
{
	for (u32 i = 0; i < SP_MAPS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (btf_fd >= 0)
		close(btf_fd);
}

/* --- one program --- */

/* Prog arrays belong to the kind of program that used them first: each program has a new one. */
static void name_maps(struct bpf_insn *insns, u32 len)
{
	bool progs = false;
	s32 map;

	for (u32 i = 0; i < len; i++) {
		map = insns[i].imm;
		if (!insn_is_ldimm64(&insns[i]) || (insns[i].src_reg != BPF_PSEUDO_MAP_FD &&
						    insns[i].src_reg != BPF_PSEUDO_MAP_VALUE))
			continue;
		if (map == MAP_PROGS && !progs) {
			close(fds[MAP_PROGS]);
			progs = !create_map(MAP_PROGS);
		}
		insns[i].imm = map >= 0 && map < SP_MAPS ? fds[map] : -1;
	}
}

static int kernel_check(const struct sprog *p)
{
	struct bpf_insn insns[SP_MAX_INSNS];
	struct bpf_func_info funcs[SP_MAX_FUNCS];
	union bpf_attr a = {.prog_type = p->type,
			    .insn_cnt = p->len,
			    .insns = (u64)(unsigned long)insns,
			    .license = (u64)(unsigned long)"GPL",
			    .prog_flags = p->flags,
			    .log_buf = (u64)(unsigned long)log_text,
			    .log_size = LOG_SIZE,
			    .log_level = 1};
	int fd;

	log_text[0] = 0;
	memcpy(insns, p->insns, p->len * sizeof(*insns));
	name_maps(insns, p->len);
	for (u32 i = 0; i < p->nr_funcs; i++)
		funcs[i] = (struct bpf_func_info){.insn_off = p->func[i],
						  .type_id = function_type(p, i)};
	if (p->nr_funcs > 1) {
		a.prog_btf_fd = btf_fd;
		a.func_info = (u64)(unsigned long)funcs;
		a.func_info_cnt = p->nr_funcs;
		a.func_info_rec_size = sizeof(funcs[0]);
	}
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

const char *last_line(char *log)
{
	char *stats = strstr(log, "processed "), *last;

	if (stats && stats > log)
		stats[-1] = 0;
	else if (*log && log[strlen(log) - 1] == '\n')
		log[strlen(log) - 1] = 0;
	last = strrchr(log, '\n');
	return last ? last + 1 : log;
}

/* --- differences that are known --- */

static bool has_callback(const struct sprog *p)
{
	for (u32 i = 0; i < p->len; i++)
		if (insn_is_func_ptr(&p->insns[i]))
			return true;
	return false;
}

/* 32-bit results the kernel forgets to be of 32 bits: division, shifts by an unknown number. */
static bool has_wide_unknown(const struct sprog *p)
{
	u8 op;

	for (u32 i = 0; i < p->len; i++) {
		op = BPF_OP(p->insns[i].code);
		if (BPF_CLASS(p->insns[i].code) != BPF_ALU)
			continue;
		if (op == BPF_DIV || op == BPF_MOD ||
		    ((op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH) &&
		     BPF_SRC(p->insns[i].code) == BPF_X))
			return true;
	}
	return false;
}

static bool has_link(const struct sprog *p)
{
	for (u32 i = 1; i < p->len; i++)
		if (BPF_OP(p->insns[i].code) == BPF_ADD &&
		    (p->insns[i - 1].code & 0xf8) == (BPF_MOV | BPF_X))
			return true;
	return false;
}

/*
 * Accepted here and refused by the kernel: programs with @has that it refuses with @says (part of
 * the line; NULL: whatever it says).
 */
static const struct {
	bool (*has)(const struct sprog *p);
	const char *says, *because;
} kernel_refuses[] = {
	{has_callback, "No program to jit", "an error of the kernel: a callback nobody can call"},
	{has_callback, "backtracking misuse", "an error of the kernel: not initialised R1"},
	{has_callback, "pointer += pointer", "what a callback changes is a number here"},
	{has_callback, "math between", "a stored 0 stays 0 when a part of it is written with 0"},
	{has_link, "unbounded memory", "w = v + constant of 32 bits stays linked"},
	{has_wide_unknown, NULL, "32-bit division gives 32 bits, and branches on that are decided"},
};

static bool refuses_known(const struct sprog *p, const char *line)
{
	for (u32 i = 0; i < ARRAY_SIZE(kernel_refuses); i++)
		if (kernel_refuses[i].has(p) &&
		    (!kernel_refuses[i].says || strstr(line, kernel_refuses[i].says)))
			return true;
	return false;
}

#define NUMBERS "later kernels know more of numbers; we walk branches they do not"
/* Refused here, for what we say (part of the line), and accepted by the kernel. */
static const struct {
	const char *says, *because;
} kernel_accepts[] = {
	{"memory range", NUMBERS},
	{"unbounded", NUMBERS},
	{"is negative", NUMBERS},
	{"pkt pointer", NUMBERS},
	{"outside of the packet", NUMBERS},
	{"invalid mem access 'scalar'", NUMBERS},
	{"Unreleased reference", NUMBERS},
	{"!read_ok", NUMBERS},
	{"misaligned stack", NUMBERS},
	{"back-edge", NUMBERS},
	{"reserved fields", NUMBERS},
	{"prohibited", NUMBERS},
	{"infinite loop", NUMBERS},
	{"_or_null", "a 32-bit comparison with 0 decides nothing"},
	{"combined stack size", "counted otherwise since 6.13"},
	{"unknown opcode", "load-acquire and store-release (6.15)"},
	{"zero-sized read", "a constant size of 0 is allowed since 6.8"},
	{"unknown func", "helpers that are not here"},
	{"Caller passes invalid args", "what a second path passes counts here, NULL or not"},
	{"too large", "not as patient"},
};

static bool accepts_known(const char *line)
{
	for (u32 i = 0; i < ARRAY_SIZE(kernel_accepts); i++)
		if (strstr(line, kernel_accepts[i].says))
			return true;
	return false;
}

/* Types of the service, or a kind of program this kernel may not have. */
static bool not_for_kernel(const struct sprog *p)
{
	const struct helper_proto *h;

	if (p->unpriv || p->type == BPF_PROG_TYPE_TRACING || p->type == BPF_PROG_TYPE_LIRC_MODE2)
		return true; /* (the kernel's caller is root) */
	for (u32 i = 0; i < p->len; i++) {
		const struct bpf_insn *in = &p->insns[i];

		h = insn_is_call(in, 0) ? helper_by_id(in->imm) : NULL;
		if (insn_is_call(in, BPF_PSEUDO_KFUNC_CALL) ||
		    (h && (h->ret & BPF_BASE_TYPE_MASK) == RET_PTR_TO_BTF_ID))
			return true;
		if (insn_is_ldimm64(in) && in->src_reg == BPF_PSEUDO_MAP_FD && in->dst_reg > 5)
			return true; /* to look inside the map */
		if (insn_is_ldimm64(in) && in->imm == MAP_KPTR &&
		    (in->src_reg == BPF_PSEUDO_MAP_FD || in->src_reg == BPF_PSEUDO_MAP_VALUE))
			return true;
	}
	return false;
}

bool kernel_compare(const struct sprog *p, int err, const char *line, char *text, u32 size)
{
	int kerr;

	if (not_for_kernel(p))
		return false;
	kerr = kernel_check(p);
	count.both_ok += !err && !kerr;
	count.both_bad += err && kerr;
	if (!err == !kerr)
		return false;
	if (kerr)
		line = last_line(log_text);
	if (kerr ? refuses_known(p, line) : accepts_known(line)) {
		count.explained++;
		return false;
	}
	count.only_us += !err;
	count.only_kernel += !kerr;
	snprintf(text, size,
		 err ? "refused here (%d), accepted by the kernel: %s"
		     : "accepted here, refused by the kernel (%d): %s",
		 err ? err : kerr, line);
	return true;
}

void kernel_show(const struct sprog *p)
{
	int err;

	if (kernel_open())
		return;
	err = kernel_check(p);
	printf("the kernel: %d\n%s\n", err, log_text);
	kernel_close();
}

void kernel_statistics(void)
{
	printf("kernel: both accept %llu, both refuse %llu, only the kernel accepts %llu, only we "
	       "accept %llu and for known reasons %llu\n",
	       (unsigned long long)count.both_ok, (unsigned long long)count.both_bad,
	       (unsigned long long)count.only_kernel, (unsigned long long)count.only_us,
	       (unsigned long long)count.explained);
}
