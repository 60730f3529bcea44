/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.c - BPF_PROG_TEST_RUN in the calling process (DESIGN D1). test_run() works on copies, so the
 * caller's memory is only touched here, guarded. One mapping holds the copies: data_in, ctx_in,
 * data_out, ctx_out.
 */
#include "abi/command.h"
#include "exec/test_run.h"
#include "shim/guard.h"
#include "base/raw.h"
#include "base/slot.h"
#include "shim/shim.h"

#define TEST_END offsetofend(union bpf_attr, test.batch_size)
#define BUF_MAX	 (64u << 20)

struct bufs {
	char *base;
	u64 size;
};

/* Out buffers of size 0 with an address mean "as much as there is" for data; for the context the
 * kernel has refused that by now. */
static u64 out_size(const union bpf_attr *a)
{
	if (!a->test.data_out)
		return 0;
	return a->test.data_size_out ?: TEST_RUN_MAX_DATA;
}

static int bufs_map(struct bufs *b, const union bpf_attr *a)
{
	u64 sizes[] = {a->test.data_size_in, a->test.ctx_size_in, out_size(a),
		       a->test.ctx_size_out};

	b->size = 64;
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++)
		b->size += MSG_PAD(sizes[i]);
	if (b->size > BUF_MAX)
		return -ENOMEM;
	b->base =
		raw_mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return IS_ERR(b->base) ? -ENOMEM : 0;
}

static char *take(char **at, u64 len)
{
	char *p = *at;

	*at += MSG_PAD(len);
	return p;
}

static int copy_in(struct test_run *t, struct bufs *b)
{
	const union bpf_attr *a = &t->attr;
	char *at = b->base, *data = take(&at, a->test.data_size_in),
	     *ctx = take(&at, a->test.ctx_size_in);

	if (a->test.data_in) {
		t->data_in = data;
		if (guard_read(data, a->test.data_in, a->test.data_size_in))
			return -EFAULT;
	}
	if (a->test.ctx_in) {
		t->ctx_in = t->ctx_inout = ctx;
		if (guard_read(ctx, a->test.ctx_in, a->test.ctx_size_in))
			return -EFAULT;
	}
	if (a->test.data_out)
		t->data_out = take(&at, out_size(a));
	if (a->test.ctx_out)
		t->ctx_out = take(&at, a->test.ctx_size_out);
	return 0;
}

static int put_u32(u64 uattr, u32 off, bool set, u32 value)
{
	return set ? guard_write_fast(uattr + off, &value, sizeof(value)) : 0;
}

#define PUT(field, set, value) put_u32(uattr, offsetof(union bpf_attr, test.field), set, value)

static int copy_out(const struct test_run *t, u64 uattr)
{
	const union bpf_attr *a = &t->attr;
	int err = 0;

	if (a->test.data_out && t->data_out_len)
		err |= guard_write(a->test.data_out, t->data_out, t->data_out_len);
	if (a->test.ctx_out && t->ctx_out_len)
		err |= guard_write(a->test.ctx_out, t->ctx_out, t->ctx_out_len);
	if (t->set_ctx_in && a->test.ctx_in)
		err |= guard_write(a->test.ctx_in, t->ctx_inout, a->test.ctx_size_in);
	err |= PUT(data_size_out, t->set_data_size, t->data_size);
	err |= PUT(ctx_size_out, t->set_ctx_size, t->ctx_size);
	err |= PUT(retval, t->set_retval, t->retval);
	err |= PUT(duration, t->set_duration, t->duration);
	return err ? -EFAULT : 0;
}

static void account(int fd, const struct test_run *t)
{
	struct msg_account m = {.runs = t->runs, .ns = t->ns};
	struct iovec iov = {&m, sizeof(m)};
	struct client_req req = {
		.type = MSG_ACCOUNT, .iov = &iov, .nr_iov = 1, .fds = &fd, .nr_fds = 1};
	struct client_reply reply;

	if (!client_call(&shim.client, &req, &reply))
		client_done(&reply);
}

static long run_image(const struct exec_image *img, struct test_run *t, u64 uattr)
{
	struct bufs b;
	int err, fault;

	shim_image_test(img, (u32 *)&t->kind, &t->max_ctx_offset);
	if (t->kind == TEST_RUN_NONE)
		return -ENOTSUPP;
	err = bufs_map(&b, &t->attr);
	if (err)
		return err;
	err = copy_in(t, &b);
	if (!err) {
		shim_meet();
		shim_run_begin();
		err = test_run(img, shim_host(), t);
		shim_run_end();
		fault = !err || err == -ENOSPC ? copy_out(t, uattr) : 0;
		err = fault ?: err;
	}
	raw_munmap(b.base, b.size);
	return err;
}

static int check(const union bpf_attr *a)
{
	if (!shim_attr_tail_zero(a, TEST_END))
		return -EINVAL;
	if (!a->test.ctx_size_in != !a->test.ctx_in || !a->test.ctx_size_out != !a->test.ctx_out)
		return -EINVAL;
	return 0;
}

/* Attr of newer headers is longer; what this build does not know must be zero. */
static int read_attr(union bpf_attr *attr, u64 uattr, u32 size)
{
	u32 known = min(size, (u32)sizeof(*attr));
	char rest[64];

	if (size > ABI_ATTR_MAX)
		return -E2BIG;
	for (u32 at = known, n; at < size; at += n) {
		n = min(size - at, (u32)sizeof(rest));
		if (guard_read(rest, uattr + at, n))
			return -EFAULT;
		for (u32 i = 0; i < n; i++)
			if (rest[i])
				return -E2BIG;
	}
	return shim_read_attr(attr, uattr, known);
}

long shim_test_run(u64 uattr, u32 size)
{
	struct test_run t = {0};
	struct exec_image *img;
	struct fd_obj *prog;
	long ret;

	ret = read_attr(&t.attr, uattr, size);
	if (!ret)
		ret = check(&t.attr);
	if (ret)
		return ret;
	prog = fdtab_get(shim.fds, t.attr.test.prog_fd);
	if (IS_ERR(prog))
		return PTR_ERR(prog);
	img = prog->kind == FD_PROG ? shim_image(prog, t.attr.test.prog_fd) : ERR_PTR(-EINVAL);
	fdtab_put(shim.fds, prog);
	if (IS_ERR(img))
		return PTR_ERR(img);
	ret = run_image(img, &t, uattr);
	if (t.runs && slot_stats())
		account(t.attr.test.prog_fd, &t);
	exec_image_put(img);
	return ret;
}
