/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_files.c - writing kprobe_events and uprobe_events of tracefs. Who opens one for writing gets a
 * memory file; what was written there goes to the service when an fd of it is closed or replaced, so
 * that what it defines is there when close() returns. An error is close()'s.
 */
#include "base/raw.h"
#include "shim/shim.h"

#define FILES	 8u /* known at once; the oldest are forgotten */
#define TEXT_MAX (64u << 10)

static struct trace_file {
	u64 dev, ino;
	u64 sent; /* bytes */
	u32 flags;
} files[FILES];
static u32 nr_files; /* ever; atomic */

static bool ends_with(const char *path, const char *end)
{
	size_t len = strlen(path), n = strlen(end);

	return len >= n && !strcmp(path + len - n, end);
}

static long tell(u32 flags, const char *text, u32 len)
{
	struct msg_trace_events m = {.flags = flags, .len = len + 1};
	struct iovec iov[] = {{&m, sizeof(m)}, {(void *)text, len}, {(void *)"", 1}};
	struct client_req req = {.type = MSG_TRACE_EVENTS, .iov = iov, .nr_iov = 3};
	struct client_reply reply;
	long ret = client_call(&shim.client, &req, &reply);

	if (ret)
		return ret;
	ret = reply.result;
	client_done(&reply);
	return ret;
}

long shim_trace_file_open(const char *path, int flags)
{
	u32 kind = ends_with(path, "/tracing/uprobe_events") ? TRACE_EVENTS_UPROBE : 0;
	struct trace_file *f;
	struct stat st;
	long fd, err = 0;

	if ((flags & O_ACCMODE) == O_RDONLY ||
	    (!kind && !ends_with(path, "/tracing/kprobe_events")))
		return SHIM_ELSEWHERE;
	if (flags & O_TRUNC)
		err = tell(kind | TRACE_EVENTS_CLEAR, "", 0);
	if (err)
		return err;
	fd = raw_memfd("trace-events", flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
	if (fd < 0 || raw_fstat(fd, &st))
		return fd;
	if (flags & O_APPEND)
		raw_fcntl(fd, F_SETFL, O_APPEND);
	f = &files[__atomic_fetch_add(&nr_files, 1, __ATOMIC_RELAXED) % FILES];
	*f = (struct trace_file){.dev = st.st_dev, .ino = st.st_ino, .flags = kind};
	return fd;
}

bool shim_trace_files_open(void)
{
	return __atomic_load_n(&nr_files, __ATOMIC_RELAXED);
}

static long flush(int fd, struct trace_file *f, u64 size)
{
	u64 len = min(size - f->sent, (u64)TEXT_MAX);
	char *text = raw_mmap(NULL, TEXT_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			      -1, 0);
	long n, ret;

	if (IS_ERR(text))
		return -ENOMEM;
	n = raw6(SYS_pread64, fd, (long)text, (long)len, (long)f->sent, 0, 0);
	ret = n < 0 ? n : tell(f->flags, text, (u32)n);
	f->sent = size;
	raw_munmap(text, TEXT_MAX);
	return ret;
}

long shim_trace_file_close(int fd)
{
	struct stat st;

	if (raw_fstat(fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	for (u32 i = 0; i < FILES; i++)
		if (files[i].ino == st.st_ino && files[i].dev == st.st_dev &&
		    (u64)st.st_size > files[i].sent)
			return flush(fd, &files[i], st.st_size);
	return 0;
}
