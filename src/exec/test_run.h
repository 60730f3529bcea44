/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_TEST_RUN_H
#define USERBPF_TEST_RUN_H
/*
 * test_run.h - BPF_PROG_TEST_RUN on copies of the caller's data (kernel: net/bpf/test_run.c). Run
 * side: the shim runs it in the calling process, libuserbpf and the service in theirs. Not on a hot
 * path: it may allocate. No client memory is touched.
 */
#include "exec/exec.h"

enum test_run_kind {
	TEST_RUN_NONE, /* -ENOTSUPP */
	TEST_RUN_SKB,
	TEST_RUN_XDP,
	TEST_RUN_FLOW,
	TEST_RUN_SK_LOOKUP,
	TEST_RUN_RAW_TP,
	TEST_RUN_TRACING,
	TEST_RUN_SYSCALL,
};

/*
 * In: attr.test and copies of what it points to. A buffer pointer is NULL exactly when the client's
 * was 0. Out buffers have the size the client gave; data_out with data_size_out 0 means "no limit"
 * to the kernel: then give a buffer of TEST_RUN_MAX_DATA bytes and copy out_data_len of it.
 */
#define TEST_RUN_MAX_DATA (18u * 4096)

struct test_run {
	enum test_run_kind kind;
	u32 max_ctx_offset;  /* of the program: raw_tp and syscall want at least so much */
	union bpf_attr attr; /* test member; pointers only tested for zero */
	const void *data_in, *ctx_in;
	void *data_out, *ctx_out;
	void *ctx_inout; /* syscall programs: where the context goes back to (ctx_in's place) */
	/* bytes to copy to the client; kernel semantics */
	u32 data_out_len, ctx_out_len;
	bool set_data_size, set_ctx_size, set_retval, set_duration,
		set_ctx_in; /* which attr fields to write back */
	u32 data_size, ctx_size, retval, duration;
	u64 runs, ns; /* for prog_account() */
};

/* 0 or negative errno; with -ENOSPC the outputs are still to be copied, as the kernel does. */
int test_run(const struct exec_image *img, const struct exec_host *host, struct test_run *t);

#endif
