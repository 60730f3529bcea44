/* SPDX-License-Identifier: BSD-2-Clause */
/* iter.c - reading an iterator: the kernel's bpf_seq_read(), step by step. */
#include <stdlib.h>
#include "link/iter_link.h"
#include "link/link_kind.h"

#define ITER_BUF	 (4096u << 3) /* PAGE_SIZE << 3: no single object may write more */
#define MAX_ITER_OBJECTS 1000000u     /* objects visited by one read(2) */

struct iter_file {
	pthread_mutex_t lock;
	const struct iter_target *target;
	struct bpf_prog *prog; /* referenced */
	const struct exec_host *host;
	struct exec_run run;
	void *session;
	struct seq_file seq;
	struct bpf_iter_meta meta;
	bool eof_told; /* the program was called for the end */
	u64 ctx[];     /* target->ctx_size bytes */
};

/* Distinguishes readers; programs may print it. */
static u64 new_session_id(void)
{
	static u64 last;

	return __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

struct iter_file *iter_open(struct bpf_link *link, struct obj_table *objs,
			    const struct exec_host *host)
{
	struct iter_link *l = iter_link_of(link);
	struct iter_file *f;
	int err;

	if (link->ops != &iter_link_ops)
		return ERR_PTR(-EINVAL);
	f = calloc(1, sizeof(*f) + l->target->ctx_size);
	if (!f)
		return ERR_PTR(-ENOMEM);
	f->target = l->target;
	f->host = host;
	f->session = f->target->start(objs, l->aux);
	if (IS_ERR(f->session)) {
		err = PTR_ERR(f->session);
		free(f);
		return ERR_PTR(err);
	}
	f->prog = link_prog(link);
	pthread_mutex_init(&f->lock, NULL);
	f->meta.seq = &f->seq;
	f->meta.session_id = new_session_id();
	return f;
}

void iter_close(struct iter_file *f)
{
	f->target->stop(f->session);
	obj_put(&f->prog->obj);
	pthread_mutex_destroy(&f->lock);
	free(f->seq.buf);
	free(f);
}

/* Calls the program with what the target put into the context. 0, or -EAGAIN: it wants to see the
 * object again; or why this read(2) is to end. */
static int run(struct iter_file *f)
{
	/* the program sees and may spoil only a copy */
	struct bpf_iter_meta meta = f->meta;
	u64 ret;

	*(struct bpf_iter_meta **)f->ctx = &meta;
	exec_run_again(&f->run, f->host);
	ret = link_run(f->prog, f->ctx, &f->run);
	if (exec_stopped(&f->run))
		return -(int)run_stopped(&f->run.head);
	return (u32)ret ? -EAGAIN : 0;
}

/* As the kernel's show(): run for the current object, 0 or why its text does not count. */
static int show(struct iter_file *f)
{
	int err = run(f);

	if (!err && seq_has_overflowed(&f->seq))
		err = -E2BIG;
	return err;
}

static bool load(struct iter_file *f)
{
	return f->target->show(f->session, f->ctx);
}

/*
 * Fills the buffer from the position on until @want bytes are there or nothing more fits. 0 also
 * when there is nothing (end of file). An error only when there is no text at all: it belongs to
 * the first object, which is shown again by the next read.
 */
static int fill(struct iter_file *f, size_t want)
{
	struct seq_file *m = &f->seq;
	u32 nr = 0;
	size_t had;
	int err;

	if (!load(f))
		goto end;
	err = show(f);
	if (err) {
		m->count = 0;
		return err;
	}
	for (;;) {
		nr++;
		had = m->count;
		m->index++;
		f->target->next(f->session);
		if (!load(f))
			goto end;
		f->meta.seq_num++;
		if (m->count >= want)
			return 0;
		err = nr >= MAX_ITER_OBJECTS ? -EAGAIN : show(f);
		if (err) {
			m->count = had;
			return had ? 0 : err;
		}
	}
end:
	if (f->eof_told)
		return 0;
	had = m->count;
	err = run(f);
	if (!exec_stopped(&f->run)) /* its return value means nothing any more */
		err = seq_has_overflowed(m) ? -E2BIG : 0;
	f->eof_told = !err;
	if (!err)
		return 0;
	m->count = had; /* the end is told again when there is room, or time */
	return had ? 0 : err;
}

static size_t take(struct seq_file *m, char *buf, size_t len)
{
	size_t n = min(m->count - m->from, len);

	memcpy(buf, m->buf + m->from, n);
	m->from += n;
	m->read_pos += n;
	if (m->from == m->count)
		m->from = m->count = 0;
	return n;
}

static ssize_t read_locked(struct iter_file *f, char *buf, size_t len)
{
	struct seq_file *m = &f->seq;
	struct limit limit; /* all objects of one read(2) together */
	int err;

	if (!m->buf) {
		m->buf = malloc(ITER_BUF);
		if (!m->buf)
			return -ENOMEM;
		m->size = ITER_BUF;
	}
	if (!m->count) {
		f->run.head.stop = 0;
		limit_begin(limits_of(f->host), &limit, &f->run.head);
		err = fill(f, len);
		limit_end(limits_of(f->host), &limit); /* fill() has seen to it */
		f->target->pause(f->session);
		if (err)
			return err;
	}
	return take(m, buf, len);
}

ssize_t iter_read(struct iter_file *f, char *buf, size_t len)
{
	ssize_t n;

	pthread_mutex_lock(&f->lock);
	n = read_locked(f, buf, len);
	pthread_mutex_unlock(&f->lock);
	return n;
}
