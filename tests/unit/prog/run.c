/* SPDX-License-Identifier: BSD-2-Clause */
/* Test runs of small programs: packets in and out, contexts, errno. Programs are text (isa/asm.h).
 */
#include <arpa/inet.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/log.h"
#include "exec/test_run.h"
#include "isa/asm.h"
#include "prog/prog.h"

#define MAX 128

static struct bpf_prog *load_text(enum bpf_prog_type type, u32 attach, u32 flags, const char *text)
{
	struct cred cred = {.caps = ~0ull};
	static const struct vfy_env_ops no_fds;
	struct prog_load_env env = {.cred = &cred, .vfy_env = &no_fds};
	struct bpf_insn insns[MAX];
	struct prog_load_req req = {.insns = insns, .license = "GPL"};
	struct asm_error aerr;
	struct bpf_prog *p;
	struct log log;
	int n = asm_text(text, insns, MAX, &aerr);

	if (n < 0)
		fail_msg("line %d: %s", aerr.line, aerr.text);
	req.attr.prog_type = type;
	req.attr.insn_cnt = n;
	req.attr.expected_attach_type = attach;
	req.attr.prog_flags = flags;
	log_init(&log, 1, 65536);
	p = prog_load(&env, &req, &log);
	if (IS_ERR(p))
		fail_msg("load: %ld\n%s", PTR_ERR(p), log.buf);
	log_free(&log);
	return p;
}

struct io {
	struct test_run t;
	u8 data[8192], out[TEST_RUN_MAX_DATA];
	u8 ctx[512], ctx_out[512];
};

static struct io *io_new(u32 data, u32 out, u32 ctx, u32 ctx_out)
{
	struct io *io = calloc(1, sizeof(*io));

	io->t.attr.test.data_in = data ? 1 : 0;
	io->t.attr.test.data_size_in = data;
	io->t.attr.test.data_out = out ? 1 : 0;
	io->t.attr.test.data_size_out = out;
	io->t.attr.test.ctx_in = ctx ? 1 : 0;
	io->t.attr.test.ctx_size_in = ctx;
	io->t.attr.test.ctx_out = ctx_out ? 1 : 0;
	io->t.attr.test.ctx_size_out = ctx_out;
	io->t.data_in = io->data;
	io->t.data_out = io->out;
	io->t.ctx_in = io->t.ctx_inout = io->ctx;
	io->t.ctx_out = io->ctx_out;
	return io;
}

static int go(struct bpf_prog *p, struct io *io)
{
	static const struct exec_host host;

	io->t.kind = prog_type_of(p->type)->test_run;
	io->t.max_ctx_offset = p->aux->max_ctx_offset;
	return test_run(p->image, &host, &io->t);
}

/* An IPv4/TCP packet, its checksum left zero. */
static void packet(u8 *d)
{
	static const u8 head[] = {0,	0,    0, 0, 0,	0, 2, 2, 2,    2,    2,	   2,	0x08,
				  0x00, 0x45, 0, 0, 40, 0, 1, 0, 0,    64,   6,	   0,	0,
				  10,	0,    0, 1, 10, 0, 0, 2, 0x04, 0xd2, 0x00, 0x50};

	memcpy(d, head, sizeof(head));
}

/* --- one table of small programs --- */

#define FIELD_EXIT(f, bits) "r0 = *(u" bits " *)(r1 +" f ")\nexit\n"

static const struct run_case {
	const char *what;
	enum bpf_prog_type type;
	const char *text;
	u32 size; /* packet */
	int err;
	u32 retval, out_size;
} cases[] = {
	{"length, socket filter sees L3", BPF_PROG_TYPE_SOCKET_FILTER,
	 "r0 = *(u32 *)(r1 +0)\nexit\n", 64, 0, 50, 64},
	{"length, tc sees L2", BPF_PROG_TYPE_SCHED_CLS, "r0 = *(u32 *)(r1 +0)\nexit\n", 64, 0, 64,
	 64},
	{"protocol", BPF_PROG_TYPE_SCHED_CLS, "r0 = *(u32 *)(r1 +16)\nexit\n", 64, 0, 0x0008, 64},
	{"protocol, second byte", BPF_PROG_TYPE_SCHED_CLS, "r0 = *(u8 *)(r1 +16)\nexit\n", 64, 0, 8,
	 64},
	{"wire_len", BPF_PROG_TYPE_SCHED_CLS, "r0 = *(u32 *)(r1 +160)\nexit\n", 64, 0, 0, 64},
	{"ifindex", BPF_PROG_TYPE_SCHED_CLS, "r0 = *(u32 *)(r1 +40)\nexit\n", 64, 0, 1, 64},
	{"too short", BPF_PROG_TYPE_SCHED_CLS, "r0 = 0\nexit\n", 13, -EINVAL, 0, 0},
	{"IPv4 header cut off", BPF_PROG_TYPE_SCHED_CLS, "r0 = 0\nexit\n", 20, -EINVAL, 0, 0},
	{"more than a page", BPF_PROG_TYPE_SCHED_CLS, "r0 = 0\nexit\n", 4000, -EINVAL, 0, 0},
	{"ABS byte", BPF_PROG_TYPE_SOCKET_FILTER, "r6 = r1\n.raw 0x30 0 0 0 9\nexit\n", 64, 0, 6,
	 64},
	{"ABS half", BPF_PROG_TYPE_SCHED_CLS, "r6 = r1\n.raw 0x28 0 0 0 12\nexit\n", 64, 0, 0x800,
	 64},
	{"ABS word", BPF_PROG_TYPE_SCHED_CLS, "r6 = r1\n.raw 0x20 0 0 0 26\nexit\n", 64, 0,
	 0x0a000001, 64},
	{"ABS from the network header", BPF_PROG_TYPE_SCHED_CLS,
	 "r6 = r1\n.raw 0x30 0 0 0 -1048567\nexit\n", 64, 0, 6, 64},
	{"ABS from the MAC header", BPF_PROG_TYPE_SOCKET_FILTER,
	 "r6 = r1\n.raw 0x28 0 0 0 -2097140\nexit\n", 64, 0, 0x800, 64},
	{"ABS beyond leaves with 0", BPF_PROG_TYPE_SCHED_CLS,
	 "r6 = r1\n.raw 0x28 0 0 0 63\nr0 = 7\nexit\n", 64, 0, 0, 64},
	{"IND", BPF_PROG_TYPE_SCHED_CLS, "r6 = r1\nr7 = 10\n.raw 0x48 0 7 0 2\nexit\n", 64, 0,
	 0x800, 64},
	{"load bytes", BPF_PROG_TYPE_SCHED_CLS,
	 "r2 = 26\nr3 = r10\nr3 += -4\nr4 = 4\ncall bpf_skb_load_bytes\nr0 = *(u32 *)(r10 "
	 "-4)\nexit\n",
	 64, 0, 0x0100000a, 64},
	{"load bytes beyond", BPF_PROG_TYPE_SCHED_CLS,
	 "*(u32 *)(r10 -4) = 5\nr2 = 61\nr3 = r10\nr3 += -4\nr4 = 4\ncall bpf_skb_load_bytes\nr1 = "
	 "*(u32 *)(r10 -4)\nr0 += r1\nr0 = -r0\nexit\n",
	 64, 0, EFAULT, 64},
	{"change tail down", BPF_PROG_TYPE_SCHED_CLS,
	 "r2 = 40\nr3 = 0\ncall bpf_skb_change_tail\nexit\n", 64, 0, 0, 40},
	{"change tail up", BPF_PROG_TYPE_SCHED_CLS,
	 "r2 = 9000\nr3 = 0\ncall bpf_skb_change_tail\nexit\n", 64, 0, 0, 9000},
	{"change tail too far", BPF_PROG_TYPE_SCHED_CLS,
	 "r2 = 16065\nr3 = 0\ncall bpf_skb_change_tail\nr0 = -r0\nexit\n", 64, 0, EINVAL, 64},
	{"change tail into the header", BPF_PROG_TYPE_SCHED_CLS,
	 "r2 = 13\nr3 = 0\ncall bpf_skb_change_tail\nr0 = -r0\nexit\n", 64, 0, EINVAL, 64},
	{"change head", BPF_PROG_TYPE_SCHED_CLS,
	 "r2 = 100\nr3 = 0\ncall bpf_skb_change_head\nexit\n", 64, 0, 0, 164},
	{"pull", BPF_PROG_TYPE_SCHED_CLS, "r2 = 64\ncall bpf_skb_pull_data\nexit\n", 64, 0, 0, 64},
	{"pull too much", BPF_PROG_TYPE_SCHED_CLS,
	 "r2 = 65\ncall bpf_skb_pull_data\nr0 = -r0\nexit\n", 64, 0, ENOMEM, 64},
	{"room for a tunnel", BPF_PROG_TYPE_SCHED_CLS,
	 "r2 = 20\nr3 = 1\nr4 = 2\ncall bpf_skb_adjust_room\nexit\n", 64, 0, 0, 84},
	{"room behind the network header", BPF_PROG_TYPE_SCHED_CLS,
	 "r2 = 8\nr3 = 0\nr4 = 0\ncall bpf_skb_adjust_room\nexit\n", 64, 0, 0, 72},
	{"less room", BPF_PROG_TYPE_SCHED_CLS,
	 "r2 = -20\nr3 = 0\nr4 = 0\ncall bpf_skb_adjust_room\nexit\n", 64, 0, 0, 44},
	{"less room than the header", BPF_PROG_TYPE_SCHED_CLS,
	 "r2 = -31\nr3 = 0\nr4 = 0\ncall bpf_skb_adjust_room\nr0 = -r0\nexit\n", 64, 0, 524, 64},
	{"room, both families", BPF_PROG_TYPE_SCHED_CLS,
	 "r2 = 20\nr3 = 1\nr4 = 6\ncall bpf_skb_adjust_room\nr0 = -r0\nexit\n", 64, 0, EINVAL, 64},
	{"IPv4 to IPv6", BPF_PROG_TYPE_SCHED_CLS,
	 "r6 = r1\nr2 = 0xdd86\nr3 = 0\ncall bpf_skb_change_proto\nr0 = *(u32 *)(r6 +16)\nexit\n",
	 64, 0, 0xdd86, 84},
	{"IPv6 from nothing", BPF_PROG_TYPE_SCHED_CLS,
	 "r2 = 8\nr3 = 0\ncall bpf_skb_change_proto\nr0 = -r0\nexit\n", 64, 0, 524, 64},
	{"one VLAN tag is beside the packet", BPF_PROG_TYPE_SCHED_CLS,
	 "r6 = r1\nr2 = 0x81\nr3 = 5\ncall bpf_skb_vlan_push\nr0 = *(u32 *)(r6 +24)\nexit\n", 64, 0,
	 5, 64},
	{"two: the first is in it", BPF_PROG_TYPE_SCHED_CLS,
	 "r6 = r1\nr2 = 0x81\nr3 = 5\ncall bpf_skb_vlan_push\nr1 = r6\nr2 = 0xa888\nr3 = 6\ncall "
	 "bpf_skb_vlan_push\nr0 = *(u32 *)(r6 +28)\nexit\n",
	 64, 0, 0xa888, 68},
	{"and out again", BPF_PROG_TYPE_SCHED_CLS,
	 "r6 = r1\nr2 = 0x81\nr3 = 5\ncall bpf_skb_vlan_push\nr1 = r6\nr2 = 0xa888\nr3 = 6\ncall "
	 "bpf_skb_vlan_push\n"
	 "r1 = r6\ncall bpf_skb_vlan_pop\nr0 = *(u32 *)(r6 +24)\nexit\n",
	 64, 0, 5, 64},
	{"all out", BPF_PROG_TYPE_SCHED_CLS,
	 "r6 = r1\nr2 = 0x81\nr3 = 5\ncall bpf_skb_vlan_push\nr1 = r6\ncall bpf_skb_vlan_pop\nr1 = "
	 "r6\ncall bpf_skb_vlan_pop\nr0 = *(u32 *)(r6 +20)\nexit\n",
	 64, 0, 0, 64},
	{"redirect", BPF_PROG_TYPE_SCHED_CLS, "r1 = 1\nr2 = 0\ncall bpf_redirect\nexit\n", 64, 0, 7,
	 64},
	{"redirect, bad flags", BPF_PROG_TYPE_SCHED_CLS,
	 "r1 = 1\nr2 = 8\ncall bpf_redirect\nexit\n", 64, 0, 2, 64},
	{"packet length by pointers", BPF_PROG_TYPE_XDP,
	 "r2 = *(u32 *)(r1 +0)\nr0 = *(u32 *)(r1 +4)\nr0 -= r2\nexit\n", 64, 0, 64, 64},
	{"xdp first byte of IP", BPF_PROG_TYPE_XDP,
	 "r2 = *(u32 *)(r1 +0)\nr3 = *(u32 *)(r1 +4)\nr4 = r2\nr4 += 15\nr0 = 0\nif r4 > r3 goto "
	 "out\nr0 = *(u8 *)(r2 +14)\nout:\nexit\n",
	 64, 0, 0x45, 64},
	{"xdp grow head", BPF_PROG_TYPE_XDP, "r2 = -20\ncall bpf_xdp_adjust_head\nexit\n", 64, 0, 0,
	 84},
	{"xdp head too far", BPF_PROG_TYPE_XDP,
	 "r2 = -217\ncall bpf_xdp_adjust_head\nr0 = -r0\nexit\n", 64, 0, EINVAL, 64},
	{"xdp whole headroom", BPF_PROG_TYPE_XDP, "r2 = -216\ncall bpf_xdp_adjust_head\nexit\n", 64,
	 0, 0, 280},
	{"xdp shrink", BPF_PROG_TYPE_XDP, "r2 = -50\ncall bpf_xdp_adjust_tail\nexit\n", 64, 0, 0,
	 14},
	{"xdp shrink below a header", BPF_PROG_TYPE_XDP,
	 "r2 = -51\ncall bpf_xdp_adjust_tail\nr0 = -r0\nexit\n", 64, 0, EINVAL, 64},
	{"xdp grow tail", BPF_PROG_TYPE_XDP, "r2 = 128\ncall bpf_xdp_adjust_tail\nexit\n", 64, 0, 0,
	 192},
	{"xdp frags length", BPF_PROG_TYPE_XDP, "call bpf_xdp_get_buff_len\nexit\n", 8000, 0, 8000,
	 8000},
	{"xdp meta", BPF_PROG_TYPE_XDP, "r2 = -8\ncall bpf_xdp_adjust_meta\nexit\n", 64, 0, 0, 72},
	{"xdp meta odd", BPF_PROG_TYPE_XDP, "r2 = -7\ncall bpf_xdp_adjust_meta\nr0 = -r0\nexit\n",
	 64, 0, EACCES, 64},
	{"cgroup skb family", BPF_PROG_TYPE_CGROUP_SKB,
	 "r2 = *(u32 *)(r1 +88)\nr0 = 0\nif r2 != 2 goto out\nr0 = 1\nout:\nexit\n", 64, 0, 1, 64},
	{"cgroup skb address", BPF_PROG_TYPE_CGROUP_SKB,
	 "r2 = *(u32 *)(r1 +92)\nr0 = 0\nif r2 != 0x0200000a goto out\nr0 = 1\nout:\nexit\n", 64, 0,
	 1, 64},
	{"family of the packet's socket", BPF_PROG_TYPE_SCHED_CLS,
	 "r1 = *(u64 *)(r1 +168)\nr0 = 0\nif r1 == 0 goto out\ncall bpf_sk_fullsock\nif r0 == 0 "
	 "goto out\nr0 = *(u32 *)(r0 +4)\nout:\nexit\n",
	 64, 0, 2, 64},
	{"it is no TCP socket", BPF_PROG_TYPE_SCHED_CLS,
	 "r1 = *(u64 *)(r1 +168)\nr0 = 5\nif r1 == 0 goto out\ncall bpf_tcp_sock\nr1 = r0\nr0 = "
	 "6\nif r1 != 0 goto out\nr0 = 7\nout:\nexit\n",
	 64, 0, 7, 64},
	{"a lookup finds none", BPF_PROG_TYPE_SCHED_CLS,
	 "r2 = 0\n*(u64 *)(r10 -16) = r2\n*(u64 *)(r10 -8) = r2\nr2 = r10\nr2 += -16\nr3 = 12\nr4 "
	 "= -1\nr5 = 0\ncall bpf_sk_lookup_tcp\n"
	 "r1 = r0\nr0 = 7\nif r1 == 0 goto out\ncall bpf_sk_release\nr0 = 8\nout:\nexit\n",
	 64, 0, 7, 64},
	{"kprobes have no test run", BPF_PROG_TYPE_KPROBE, "r0 = 0\nexit\n", 64, -ENOTSUPP, 0, 0},
};

static void table(void **state)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct run_case *c = &cases[i];
		struct bpf_prog *p = load_text(c->type, 0, 0, c->text);
		struct io *io = io_new(c->size, sizeof(io->out), 0, 0);
		int err;

		packet(io->data);
		err = go(p, io);
		if (err != c->err ||
		    (!err && (io->t.retval != c->retval || io->t.data_size != c->out_size)))
			fail_msg("%s: %d, retval %#x, size %u", c->what, err, io->t.retval,
				 io->t.data_size);
		free(io);
		obj_put(&p->obj);
	}
}

/* The same programs and packets on the kernel under us: with USERBPF_TEST_KERNEL=1, and where it
 * lets us. */
static int kernel_load(const struct run_case *c)
{
	union bpf_attr a;
	struct bpf_insn insns[MAX];
	int n = asm_text(c->text, insns, MAX, NULL);

	memset(&a, 0, sizeof(a));
	a.prog_type = c->type;
	a.insns = (uintptr_t)insns;
	a.insn_cnt = n;
	a.license = (uintptr_t) "GPL";
	return syscall(SYS_bpf, BPF_PROG_LOAD, &a, sizeof(a));
}

static int kernel_run(int fd, const struct io *io, u8 *out, union bpf_attr *a)
{
	memset(a, 0, sizeof(*a));
	a->test.prog_fd = fd;
	a->test.data_in = (uintptr_t)io->data;
	a->test.data_size_in = io->t.attr.test.data_size_in;
	a->test.data_out = (uintptr_t)out;
	a->test.data_size_out = sizeof(io->out);
	return syscall(SYS_bpf, BPF_PROG_TEST_RUN, a, sizeof(*a)) ? -errno : 0;
}

static void kernel_case(const struct run_case *c, int fd)
{
	struct bpf_prog *p = load_text(c->type, 0, 0, c->text);
	struct io *io = io_new(c->size, sizeof(io->out), 0, 0);
	u8 *out = calloc(1, sizeof(io->out));
	union bpf_attr a;
	int theirs, ours;

	packet(io->data);
	theirs = kernel_run(fd, io, out, &a);
	ours = go(p, io);
	if (ours != theirs ||
	    (!ours && (io->t.retval != a.test.retval || io->t.data_size != a.test.data_size_out ||
		       memcmp(io->out, out, io->t.data_size))))
		fail_msg("%s: %d, %#x, %u bytes; the kernel %d, %#x, %u bytes", c->what, ours,
			 io->t.retval, io->t.data_size, theirs, a.test.retval,
			 a.test.data_size_out);
	free(out);
	free(io);
	obj_put(&p->obj);
}

static void same_as_kernel(void **state)
{
	u32 i;
	int fd;

	if (!getenv("USERBPF_TEST_KERNEL"))
		skip();
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		fd = kernel_load(&cases[i]);
		if (fd < 0 && errno == EPERM)
			skip();
		if (fd < 0)
			fail_msg("%s: the kernel does not load it: %d", cases[i].what, errno);
		kernel_case(&cases[i], fd);
		close(fd);
	}
}

static void skb_context(void **state)
{
	struct bpf_prog *p = load_text(BPF_PROG_TYPE_SCHED_CLS, 0, 0,
				       "r2 = *(u32 *)(r1 +48)\nr2 += 1\n*(u32 *)(r1 +48) = r2\nr0 "
				       "= *(u32 *)(r1 +8)\nr3 = 9\n*(u32 *)(r1 +32) = r3\nexit\n");
	struct io *io = io_new(64, 0, sizeof(struct __sk_buff), sizeof(struct __sk_buff));
	struct __sk_buff *in = (void *)io->ctx, *out = (void *)io->ctx_out;

	in->mark = 42;
	in->cb[0] = 7;
	in->wire_len = 100;
	packet(io->data);
	assert_int_equal(go(p, io), 0);
	assert_int_equal(io->t.retval, 42);
	assert_int_equal(out->cb[0], 8);
	assert_int_equal(out->mark, 42);
	assert_int_equal(out->priority, 9);
	assert_int_equal(out->wire_len, 100);
	assert_int_equal(out->ifindex, 1);
	assert_int_equal(io->t.ctx_size, sizeof(struct __sk_buff));
	/* what may not be given */
	in->len = 1;
	assert_int_equal(go(p, io), -EINVAL);
	in->len = 0;
	in->wire_len = 63;
	assert_int_equal(go(p, io), -EINVAL);
	in->wire_len = 0;
	in->ifindex = 99999;
	assert_int_equal(go(p, io), -ENODEV);
	in->ifindex = 0;
	/* a bigger context whose end is zero is fine, else -E2BIG; a small buffer gets what fits
	 * and -ENOSPC */
	io->t.attr.test.ctx_size_in = sizeof(*in) + 8;
	assert_int_equal(go(p, io), 0);
	io->ctx[sizeof(*in) + 1] = 1;
	assert_int_equal(go(p, io), -E2BIG);
	io->t.attr.test.ctx_size_in = sizeof(*in);
	io->t.attr.test.ctx_size_out = 64;
	assert_int_equal(go(p, io), -ENOSPC);
	assert_int_equal(io->t.ctx_out_len, 64);
	/* size without pointer */
	io->t.attr.test.ctx_in = 0;
	assert_int_equal(go(p, io), -EINVAL);
	free(io);
	obj_put(&p->obj);
}

static void flags_and_sizes(void **state)
{
	struct bpf_prog *p = load_text(BPF_PROG_TYPE_SCHED_CLS, 0, 0, "r0 = 3\nexit\n");
	struct io *io = io_new(64, 20, 0, 0);

	packet(io->data);
	assert_int_equal(go(p, io), -ENOSPC);
	assert_int_equal(io->t.data_out_len, 20);
	assert_int_equal(io->t.data_size, 64);
	assert_int_equal(io->t.retval, 3);
	assert_memory_equal(io->out, io->data, 20);
	io->t.attr.test.data_size_out = 0; /* no hint: everything */
	assert_int_equal(go(p, io), 0);
	assert_int_equal(io->t.data_out_len, 64);
	io->t.attr.test.repeat = 1000;
	assert_int_equal(go(p, io), 0);
	assert_int_equal(io->t.runs, 1000);
	io->t.attr.test.cpu = 1;
	assert_int_equal(go(p, io), -EINVAL);
	io->t.attr.test.cpu = 0;
	io->t.attr.test.batch_size = 1;
	assert_int_equal(go(p, io), -EINVAL);
	io->t.attr.test.batch_size = 0;
	io->t.attr.test.flags = 2;
	assert_int_equal(go(p, io), -EINVAL);
	io->t.attr.test.flags = 4;
	assert_int_equal(go(p, io), 0); /* BPF_F_TEST_SKB_CHECKSUM_COMPLETE, nothing written */
	free(io);
	obj_put(&p->obj);
}

/* Writing behind the checksum's back is noticed; telling it is fine. */
static void checksum_complete(void **state)
{
#define STORE(flags)                                                                  \
	"*(u16 *)(r10 -2) = 0x1234\nr2 = 36\nr3 = r10\nr3 += -2\nr4 = 2\nr5 = " flags \
	"\ncall bpf_skb_store_bytes\nexit\n"
	struct bpf_prog *bad = load_text(BPF_PROG_TYPE_SCHED_CLS, 0, 0, STORE("0"));
	struct bpf_prog *good = load_text(BPF_PROG_TYPE_SCHED_CLS, 0, 0, STORE("1"));
	struct io *io = io_new(64, 64, 0, 0);

	packet(io->data);
	io->t.attr.test.flags = 4;
	assert_int_equal(go(bad, io), -EBADMSG);
	assert_int_equal(go(good, io), 0);
	assert_int_equal(io->out[36], 0x34);
	free(io);
	obj_put(&bad->obj);
	obj_put(&good->obj);
}

/* The kernel's arithmetic on known packets: replacing an address keeps the header's sum right. */
static void checksums(void **state)
{
	struct bpf_prog *p =
		load_text(BPF_PROG_TYPE_SCHED_CLS, 0, 0,
			  "r6 = r1\nr2 = 24\nr3 = 0x0100000a\nr4 = 0x0900000a\nr5 = 4\ncall "
			  "bpf_l3_csum_replace\n"
			  "*(u32 *)(r10 -4) = 0x0900000a\nr1 = r6\nr2 = 26\nr3 = r10\nr3 += -4\nr4 "
			  "= 4\nr5 = 0\ncall bpf_skb_store_bytes\nexit\n");
	struct io *io = io_new(64, 64, 0, 0);
	u32 sum = 0, i;

	packet(io->data);
	for (i = 14; i < 34; i += 2)
		sum += io->data[i] << 8 | io->data[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	io->data[24] = (u8)(~sum >> 8);
	io->data[25] = (u8)~sum;
	assert_int_equal(go(p, io), 0);
	assert_int_equal(io->t.retval, 0);
	assert_int_equal(io->out[29], 9);
	for (i = 14, sum = 0; i < 34; i += 2)
		sum += io->out[i] << 8 | io->out[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
	free(io);
	obj_put(&p->obj);
}

static void xdp_context(void **state)
{
	struct bpf_prog *p = load_text(BPF_PROG_TYPE_XDP, 0, 0, "r0 = *(u32 *)(r1 +12)\nexit\n");
	struct io *io = io_new(64, 64, sizeof(struct xdp_md), sizeof(struct xdp_md));
	struct xdp_md *in = (void *)io->ctx, *out = (void *)io->ctx_out;

	packet(io->data);
	in->data = 8;
	in->data_end = 64;
	assert_int_equal(go(p, io), 0);
	assert_int_equal(io->t.retval, 1); /* lo */
	assert_int_equal(out->data, 8);
	assert_int_equal(out->data_end, 64);
	in->data = 6; /* not a multiple of four */
	assert_int_equal(go(p, io), -EINVAL);
	in->data = 36; /* more than 32 */
	assert_int_equal(go(p, io), -EINVAL);
	in->data = 0;
	in->data_end = 65;
	assert_int_equal(go(p, io), -EINVAL);
	in->data_end = 64;
	in->egress_ifindex = 1;
	assert_int_equal(go(p, io), -EINVAL);
	in->egress_ifindex = 0;
	in->ingress_ifindex = 77777;
	assert_int_equal(go(p, io), -ENODEV);
	in->ingress_ifindex = 1;
	assert_int_equal(go(p, io), 0);
	in->rx_queue_index = 9;
	assert_int_equal(go(p, io), -EINVAL);
	free(io);
	obj_put(&p->obj);
	p = load_text(BPF_PROG_TYPE_XDP, BPF_XDP_DEVMAP, 0, "r0 = 2\nexit\n");
	io = io_new(64, 0, 0, 0);
	assert_int_equal(go(p, io), -EINVAL);
	free(io);
	obj_put(&p->obj);
}

static void syscall_program(void **state)
{
	struct bpf_prog *p =
		load_text(BPF_PROG_TYPE_SYSCALL, 0, BPF_F_SLEEPABLE,
			  "r2 = *(u64 *)(r1 +8)\nr2 += 1\n*(u64 *)(r1 +8) = r2\nr0 = 5\nexit\n");
	struct io *io = io_new(0, 0, 16, 0);
	u64 v = 41;

	memcpy(io->ctx + 8, &v, 8);
	assert_int_equal(go(p, io), 0);
	assert_int_equal(io->t.retval, 5);
	assert_true(io->t.set_ctx_in);
	memcpy(&v, io->ctx + 8, 8);
	assert_int_equal(v, 42);
	io->t.attr.test.ctx_size_in = 15;
	assert_int_equal(go(p, io), -EINVAL);
	io->t.attr.test.ctx_size_in = 16;
	io->t.attr.test.repeat = 1;
	assert_int_equal(go(p, io), -EINVAL);
	free(io);
	obj_put(&p->obj);
}

static void raw_tracepoint(void **state)
{
	struct bpf_prog *p =
		load_text(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, 0, "r0 = *(u64 *)(r1 +8)\nexit\n");
	struct io *io = io_new(0, 0, 16, 0);
	u64 v = 1234;

	memcpy(io->ctx + 8, &v, 8);
	assert_int_equal(go(p, io), 0);
	assert_int_equal(io->t.retval, 1234);
	io->t.attr.test.ctx_size_in = 8;
	assert_int_equal(go(p, io), -EINVAL);
	io->t.attr.test.ctx_size_in = 104;
	assert_int_equal(go(p, io), -EINVAL);
	io->t.attr.test.ctx_size_in = 16;
	io->t.attr.test.cpu = 1;
	assert_int_equal(go(p, io), -EINVAL);
	io->t.attr.test.flags = BPF_F_TEST_RUN_ON_CPU;
	io->t.attr.test.cpu = INT_MAX;
	assert_int_equal(go(p, io), -ENXIO);
	free(io);
	obj_put(&p->obj);
}

static void flow_dissector(void **state)
{
	struct bpf_prog *p =
		load_text(BPF_PROG_TYPE_FLOW_DISSECTOR, 0, 0,
			  "r2 = *(u64 *)(r1 +144)\nr3 = 34\n*(u16 *)(r2 +2) = r3\nr0 = 0\nexit\n");
	struct io *io = io_new(64, sizeof(struct bpf_flow_keys), 0, 0);
	struct bpf_flow_keys *k = (void *)io->out;

	packet(io->data);
	io->t.attr.test.repeat = 3;
	assert_int_equal(go(p, io), 0);
	assert_int_equal(k->nhoff, 14);
	/* offsets are held within the Ethernet header's end and the packet's */
	assert_int_equal(k->thoff, 34);
	assert_int_equal(k->n_proto, htons(ETH_P_IP));
	assert_int_equal(io->t.data_size, sizeof(struct bpf_flow_keys));
	free(io);
	obj_put(&p->obj);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(same_as_kernel),
		cmocka_unit_test(skb_context),
		cmocka_unit_test(flags_and_sizes),
		cmocka_unit_test(checksum_complete),
		cmocka_unit_test(checksums),
		cmocka_unit_test(xdp_context),
		cmocka_unit_test(syscall_program),
		cmocka_unit_test(raw_tracepoint),
		cmocka_unit_test(flow_dissector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
