/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.c - this process's bpf(2) calls as records in a file (abi/record.h), for `userbpf trace` and `userbpf record`.
 *
 * Off unless the environment names a file; then one test of a flag is all a call pays. A record is put together in a mapping of its
 * own: attr, memory and fds before the call, what the command wrote after it, one write(2). What fds are is asked of the
 * service each time and not kept: fdtab would map the maps, and a map that is mapped cannot be frozen.
 */
#include <time.h>
#include "abi/record.h"
#include "shim/guard.h"
#include "base/raw.h"
#include "shim/shim.h"

#define FIRST_SIZE (64u << 10)
#define OUT_MAX	   (256u << 10) /* of what a command wrote; inputs are kept whole */
#define HIGH_FD	   680

struct trace {
	int fd; /* -1: off */
	u64 dev, ino;
	u64 handle_dev; /* of the handles seen; 0: none yet */
};

static struct trace trace = {.fd = -1};
static __thread u32 depth __attribute__((tls_model("initial-exec")));

struct range {
	u64 uaddr, len;
};

#define MAX_RANGES 24u

struct recorder {
	struct abi_rec *rec; /* mapping; grows */
	u64 size;
	bool full; /* no memory: the record is lost */
	struct range out[MAX_RANGES];
	u32 nr_out;
};

void shim_trace_start(const char *path)
{
	int fd = raw_openat(AT_FDCWD, path, O_WRONLY | O_APPEND | O_CLOEXEC, 0), high;
	struct stat st;

	if (fd < 0)
		return;
	high = raw_fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
	if (high >= 0) {
		raw_close(fd);
		fd = high;
	}
	if (raw_fstat(fd, &st)) {
		raw_close(fd);
		return;
	}
	trace.dev = st.st_dev;
	trace.ino = st.st_ino;
	trace.fd = fd;
	shim.tracing = true;
}

bool shim_trace_owns_fd(int fd)
{
	return fd >= 0 && fd == trace.fd;
}

unsigned int shim_trace_next_fd(unsigned int first)
{
	return trace.fd >= 0 && (unsigned int)trace.fd >= first ? (unsigned int)trace.fd : ~0u;
}

/* --- the record under construction --- */

static bool room(struct recorder *r, u64 more)
{
	u64 need = (r->rec ? r->rec->len : sizeof(*r->rec)) + more, size = r->size ?: FIRST_SIZE;
	void *p;

	if (r->full || need > ABI_REC_MAX)
		goto fail;
	if (need <= r->size)
		return true;
	while (size < need)
		size *= 2;
	if (r->rec)
		p = (void *)raw6(SYS_mremap, (long)r->rec, r->size, size, MREMAP_MAYMOVE, 0, 0);
	else
		p = raw_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0);
	if (IS_ERR(p))
		goto fail;
	r->rec = p;
	r->size = size;
	return true;
fail:
	r->full = true;
	return false;
}

/* A new part of @len bytes, to be filled; fresh memory of the mapping is zero. NULL: no room. */
static void *part(struct recorder *r, u16 kind, u64 uaddr, u64 len)
{
	struct abi_rec_part *p;

	if (len > ABI_REC_MAX || !room(r, sizeof(*p) + ABI_REC_PAD(len)))
		return NULL;
	p = (void *)((char *)r->rec + r->rec->len);
	*p = (struct abi_rec_part){.kind = kind, .len = len, .uaddr = uaddr};
	memset((char *)(p + 1) + len, 0, ABI_REC_PAD(len) - len);
	r->rec->len += sizeof(*p) + ABI_REC_PAD(len);
	r->rec->nr_parts++;
	return p + 1;
}

static void drop_part(struct recorder *r, void *data, u64 len)
{
	r->rec->len -= sizeof(struct abi_rec_part) + ABI_REC_PAD(len);
	r->rec->nr_parts--;
}

static int read_user(void *dst, u64 uaddr, u64 len)
{
	return len <= 4096 ? guard_read_fast(dst, uaddr, len) : guard_read(dst, uaddr, len);
}

/* Memory of the caller. What cannot be read leaves no part. */
static void memory(struct recorder *r, u16 kind, u64 uaddr, u64 len)
{
	bool cut = kind == ABI_PART_OUT && len > OUT_MAX;
	void *data;

	if (cut)
		len = OUT_MAX;
	data = part(r, kind, uaddr, len);
	if (!data)
		return;
	if (read_user(data, uaddr, len))
		drop_part(r, data, len);
	else
		((struct abi_rec_part *)data)[-1].cut = cut;
}

/* --- what fds are --- */

static u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static const u32 abi_kinds[] = {
	[FD_PROG] = ABI_FD_PROG, [FD_MAP] = ABI_FD_MAP,	     [FD_LINK] = ABI_FD_LINK,
	[FD_BTF] = ABI_FD_BTF,	 [FD_PERF] = ABI_FD_FOREIGN, [FD_PERF_RING] = ABI_FD_FOREIGN,
};

static void describe_map(struct abi_rec_fd *i, const struct map_attr *attr)
{
	struct bpf_map map = {.ops = map_ops_of(attr->map_type),
			      .attr = *attr,
			      .key_size = attr->key_size,
			      .value_size = attr->value_size};

	i->key_size = attr->key_size;
	memcpy(i->name, attr->name, sizeof(i->name));
	if (!map.ops)
		return;
	i->value_size = map_sys_value_size(&map);
	i->fd_values = map.ops->fd_values;
}

static bool maybe_handle(const struct stat *st)
{
	return S_ISREG(st->st_mode) && !st->st_size;
}

static void describe(struct abi_rec_fd *i, int fd)
{
	struct fd_obj o = {0};
	struct map_attr attr;
	struct stat st;
	int memfd = -1;

	*i = (struct abi_rec_fd){.fd = fd};
	if (fd < 0 || client_owns_fd(&shim.client, fd) || raw_fstat(fd, &st))
		return;
	i->dev = st.st_dev;
	i->ino = st.st_ino;
	if (!maybe_handle(&st) || shim_describe(NULL, fd, &o, &attr, &memfd))
		return;
	if (memfd >= 0)
		raw_close(memfd);
	i->kind = abi_kinds[o.kind];
	i->id = o.id;
	i->type = o.type;
	WRITE_ONCE(trace.handle_dev, st.st_dev);
	if (o.kind == FD_MAP)
		describe_map(i, &attr);
}

/* The part of @fd, made on first use. NULL: no room. */
static const struct abi_rec_fd *fd_part(struct recorder *r, int fd)
{
	const struct abi_rec_fd *known = abi_rec_fd(r->rec, fd);
	struct abi_rec_fd i, *data;

	if (known)
		return known;
	describe(&i, fd);
	data = part(r, ABI_PART_FD, 0, sizeof(i));
	return data ? memcpy(data, &i, sizeof(i)) : NULL;
}

/* --- the walk over a call's arguments --- */

static int on_mem(void *arg, const struct abi_field *f, u64 uaddr, u64 len, bool in, bool out)
{
	struct recorder *r = arg;

	if (in)
		memory(r, ABI_PART_IN, uaddr, len);
	if (out && r->nr_out < MAX_RANGES)
		r->out[r->nr_out++] = (struct range){uaddr, len};
	return r->full ? -ENOMEM : 0;
}

static int on_fd(void *arg, const struct abi_field *f, int fd)
{
	return fd_part(arg, fd) ? 0 : -ENOMEM;
}

static int on_path(void *arg, const struct abi_field *f, u64 uaddr)
{
	struct recorder *r = arg;
	char text[4096];
	long len = guard_read_str(text, uaddr, sizeof(text));
	void *data = len > 0 ? part(r, ABI_PART_PATH, uaddr, len) : NULL;

	if (data)
		memcpy(data, text, len);
	return 0;
}

static int on_read(void *arg, void *dst, u64 uaddr, u64 len)
{
	return read_user(dst, uaddr, len);
}

static int on_map_sizes(void *arg, int fd, u32 *key_size, u32 *value_size)
{
	const struct abi_rec_fd *i = fd_part(arg, fd);

	if (!i || i->kind != ABI_FD_MAP)
		return -EINVAL;
	*key_size = i->key_size;
	*value_size = i->value_size;
	return 0;
}

static u32 on_fd_kind(void *arg, int fd)
{
	const struct abi_rec_fd *i = fd_part(arg, fd);

	return i ? i->kind : 0;
}

static bool on_fd_values(void *arg, int fd)
{
	const struct abi_rec_fd *i = fd_part(arg, fd);

	return i && i->fd_values;
}

static u32 on_fd_array_cnt(void *arg)
{
	return abi_rec_fd_array_cnt(((struct recorder *)arg)->rec);
}

static const struct abi_visitor visitor = {
	.mem = on_mem,
	.fd = on_fd,
	.path = on_path,
	.read = on_read,
	.map_sizes = on_map_sizes,
	.fd_kind = on_fd_kind,
	.fd_values = on_fd_values,
	.fd_array_cnt = on_fd_array_cnt,
};

static void begin(struct recorder *r, u16 kind, int cmd, u32 size)
{
	if (!room(r, 0))
		return;
	*r->rec = (struct abi_rec){
		.magic = ABI_REC_MAGIC,
		.len = sizeof(*r->rec),
		.kind = kind,
		.flags = depth ? ABI_REC_NESTED : 0,
		.cmd = cmd,
		.pid = raw_getpid(),
		.tid = raw3(SYS_gettid, 0, 0, 0),
		.attr_size = size,
	};
}

static void before(struct recorder *r, int cmd, u64 uattr, u32 size)
{
	const struct abi_command *row = abi_command(cmd);
	union bpf_attr attr;

	begin(r, ABI_REC_BPF, cmd, size);
	if (r->full)
		return;
	memory(r, ABI_PART_ATTR, uattr, min(size, ABI_ATTR_MAX));
	abi_rec_attr(r->rec, &attr, false);
	if (row)
		abi_walk(row, &attr, &visitor, r);
}

/* Text ends at its NUL: log buffers are large and mostly empty. */
static u64 log_len(u64 uaddr, u64 len)
{
	char chunk[256];

	for (u64 at = 0; at < len;) {
		u64 n = min(min((u64)sizeof(chunk), len - at), 4096 - (uaddr + at) % 4096);
		char *nul;

		if (guard_read_fast(chunk, uaddr + at, n))
			return at;
		nul = memchr(chunk, 0, n);
		if (nul)
			return at + (nul - chunk) + 1;
		at += n;
	}
	return len;
}

static bool is_log(int cmd, const union bpf_attr *attr, u64 uaddr)
{
	return (cmd == BPF_PROG_LOAD && uaddr == attr->log_buf) ||
	       (cmd == BPF_BTF_LOAD && uaddr == attr->btf_log_buf);
}

static void attr_after(struct recorder *r, u64 uattr)
{
	const struct abi_rec_part *was = abi_rec_next(r->rec, NULL);
	u32 len = was && was->kind == ABI_PART_ATTR ? was->len : 0;
	char now_[ABI_ATTR_MAX];
	void *data;

	if (!len || read_user(now_, uattr, len) || !memcmp(now_, abi_rec_data(was), len))
		return;
	data = part(r, ABI_PART_ATTR_OUT, uattr, len);
	if (data)
		memcpy(data, now_, len);
}

static void after(struct recorder *r, int cmd, u64 uattr, long ret)
{
	struct abi_rec_fd *result;
	union bpf_attr attr;

	abi_rec_attr(r->rec, &attr, false);
	r->rec->ret = ret;
	attr_after(r, uattr);
	for (u32 i = 0; i < r->nr_out; i++) {
		struct range *o = &r->out[i];

		if (is_log(cmd, &attr, o->uaddr))
			memory(r, ABI_PART_OUT, o->uaddr, log_len(o->uaddr, o->len));
		else if (ret >= 0 || ret == -ENOSPC)
			memory(r, ABI_PART_OUT, o->uaddr, o->len);
	}
	if (ret < 0 || !abi_returns_fd(cmd))
		return;
	result = part(r, ABI_PART_RESULT, 0, sizeof(*result));
	if (result)
		describe(result, ret);
}

/* One write(2), whole; an interrupted one cannot be mended without mixing with others. */
static void commit(struct recorder *r)
{
	struct stat st;

	if (!r->full && !raw_fstat(trace.fd, &st) && st.st_ino == trace.ino &&
	    st.st_dev == trace.dev)
		raw_write(trace.fd, r->rec, r->rec->len);
	if (r->rec)
		raw_munmap(r->rec, r->size);
}

long shim_trace_bpf(int cmd, u64 uattr, u32 size)
{
	struct recorder r = {0};
	u64 start;
	long ret;

	before(&r, cmd, uattr, size);
	depth++;
	start = now();
	ret = shim_answer(cmd, uattr, size);
	depth--;
	if (!r.full) {
		r.rec->start_ns = start;
		r.rec->end_ns = now();
		after(&r, cmd, uattr, ret);
	}
	commit(&r);
	return ret;
}

void shim_trace_close(int fd)
{
	u64 dev = READ_ONCE(trace.handle_dev);
	struct recorder r = {0};
	struct abi_rec_fd *i;
	struct stat st;

	if (!dev || raw_fstat(fd, &st) || st.st_dev != dev || !maybe_handle(&st))
		return;
	begin(&r, ABI_REC_CLOSE, 0, 0);
	i = r.full ? NULL : part(&r, ABI_PART_FD, 0, sizeof(*i));
	if (i) {
		*i = (struct abi_rec_fd){.fd = fd, .dev = st.st_dev, .ino = st.st_ino};
		r.rec->start_ns = r.rec->end_ns = now();
	}
	commit(&r);
}
