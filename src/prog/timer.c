/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <urcu/urcu-bp.h>
#include "prog/limit.h"
#include "prog/timer.h"

#define NSEC	 1000000000ull
#define SWEEP_NS NSEC /* how long a timer that nothing names stays */

/* Low half of the id: index in timers.at, from 1; the other half is random. */
struct timer {
	u64 id;
	struct map_obj *map; /* no reference: the map drops its timers before it goes */
	u64 value_off;
	struct bpf_prog *prog; /* reference; NULL: no callback */
	u32 callback;
	bool armed;
	u64 expires; /* ns, CLOCK_MONOTONIC */
};

struct timers {
	pthread_mutex_t lock;
	pthread_cond_t changed, done;
	pthread_t thread;
	const struct exec_host *host;
	struct timer **at;
	u32 nr, room, used;
	u64 running; /* id of the timer whose callback runs */
	bool started, stop;
};

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

/* --- timers and the values they belong to --- */

static char *value_of(const struct map_obj *m, u64 value_off)
{
	return (char *)m->map.shm + value_off;
}

static u64 *field_of(const struct map_obj *m, u64 value_off)
{
	return (u64 *)(value_of(m, value_off) + m->map.attr.timer_at - 1);
}

static bool is_named(const struct timer *t)
{
	return __atomic_load_n(field_of(t->map, t->value_off), __ATOMIC_ACQUIRE) == t->id;
}

/* The timer of that name, if its value still says so. */
static struct timer *find(struct timers *ts, u64 id)
{
	u32 i = (u32)id - 1;
	struct timer *t = i < ts->nr ? ts->at[i] : NULL;

	return t && t->id == id && is_named(t) ? t : NULL;
}

/* -> the program whose reference the caller drops, without lock */
static struct bpf_prog *disarm(struct timer *t)
{
	struct bpf_prog *prog = t->prog;

	t->prog = NULL;
	t->armed = false;
	return prog;
}

static struct bpf_prog *drop(struct timers *ts, u32 i)
{
	struct timer *t = ts->at[i];
	struct bpf_prog *prog = disarm(t);

	ts->at[i] = NULL;
	ts->used--;
	__atomic_sub_fetch(&t->map->nr_timers, 1, __ATOMIC_RELAXED);
	free(t);
	return prog;
}

static int free_place(struct timers *ts)
{
	u32 room = ts->room ? ts->room * 2 : 16;
	struct timer **at;

	if (ts->used < ts->nr)
		for (u32 i = 0; i < ts->nr; i++)
			if (!ts->at[i])
				return i;
	if (ts->nr == ts->room) {
		at = realloc(ts->at, room * sizeof(*at));
		if (!at)
			return -ENOMEM;
		ts->at = at;
		ts->room = room;
	}
	ts->at[ts->nr] = NULL;
	return ts->nr++;
}

static u64 new_id(u32 place)
{
	u32 secret;

	if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
		return 0;
	return (u64)secret << 32 | (place + 1);
}

/* --- the thread --- */

struct firing {
	struct map_obj *m;
	struct bpf_prog *prog;
	u64 value_off;
	u32 callback;
};

/* 0, or why the callback was ended. */
static int call(struct timers *ts, const struct firing *f)
{
	struct exec_run run = {.host = ts->host};
	struct limit limit;
	struct bpf_map *map = &f->m->map;
	char *value = value_of(f->m, f->value_off);
	const void *key;
	u32 index;

	key = map->ops->key_of(map, value, &index);
	if (!key)
		return 0;
	limit_begin(limits_of(ts->host), &limit, &run.head);
	urcu_bp_read_lock();
	exec_run_subprog(f->prog->image, f->callback, (u64)map, (u64)key, (u64)value, &run);
	urcu_bp_read_unlock();
	return limit_end(limits_of(ts->host), &limit);
}

/* The timer that has taken too long, if it is still there: others wait behind it. */
static struct bpf_prog *disarm_late(struct timers *ts, u64 id)
{
	struct timer *t = find(ts, id);

	return t ? disarm(t) : NULL;
}

static void fire(struct timers *ts, struct timer *t)
{
	struct firing f = {.value_off = t->value_off, .callback = t->callback};
	struct obj *o = obj_get_unless_zero(&t->map->obj);
	struct bpf_prog *late = NULL;
	u64 id = t->id;
	int err;

	t->armed = false;
	if (!o)
		return;
	f.m = t->map;
	f.prog = t->prog;
	obj_get(&f.prog->obj);
	ts->running = id;
	pthread_mutex_unlock(&ts->lock);
	err = call(ts, &f);
	pthread_mutex_lock(&ts->lock);
	ts->running = 0;
	if (err == -ETIME)
		late = disarm_late(ts, id);
	pthread_cond_broadcast(&ts->done);
	pthread_mutex_unlock(&ts->lock);
	if (late)
		obj_put(&late->obj);
	obj_put(&f.prog->obj);
	obj_put(&f.m->obj);
	pthread_mutex_lock(&ts->lock);
}

/* What is to be done first: a timer that nothing names or that is due, or *until when to sleep. */
static int next_timer(struct timers *ts, u64 *until)
{
	u64 now = now_ns();

	*until = ts->used ? now + SWEEP_NS : UINT64_MAX;
	for (u32 i = 0; i < ts->nr; i++) {
		const struct timer *t = ts->at[i];

		if (!t)
			continue;
		if (!is_named(t) || (t->armed && t->expires <= now))
			return i;
		if (t->armed && t->expires < *until)
			*until = t->expires;
	}
	return -ENOENT;
}

static void sleep_until(struct timers *ts, u64 until)
{
	struct timespec at = {.tv_sec = until / NSEC, .tv_nsec = until % NSEC};

	if (until == UINT64_MAX)
		pthread_cond_wait(&ts->changed, &ts->lock);
	else
		pthread_cond_timedwait(&ts->changed, &ts->lock, &at);
}

static void *thread_main(void *arg)
{
	struct timers *ts = arg;
	u64 until;
	int i;

	pthread_mutex_lock(&ts->lock);
	while (!ts->stop) {
		struct bpf_prog *prog;

		i = next_timer(ts, &until);
		if (i < 0) {
			sleep_until(ts, until);
		} else if (is_named(ts->at[i])) {
			fire(ts, ts->at[i]);
		} else {
			prog = drop(ts, i);
			pthread_mutex_unlock(&ts->lock);
			if (prog)
				obj_put(&prog->obj);
			pthread_mutex_lock(&ts->lock);
		}
	}
	pthread_mutex_unlock(&ts->lock);
	return NULL;
}

static bool in_callback(const struct timers *ts)
{
	return ts->started && pthread_equal(pthread_self(), ts->thread);
}

static int start_thread(struct timers *ts)
{
	int err = ts->started ? 0 : -pthread_create(&ts->thread, NULL, thread_main, ts);

	ts->started |= !err;
	return err;
}

struct timers *timers_new(const struct exec_host *host)
{
	struct timers *ts = calloc(1, sizeof(*ts));
	pthread_condattr_t attr;

	if (!ts)
		return NULL;
	ts->host = host;
	pthread_mutex_init(&ts->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&ts->changed, &attr);
	pthread_cond_init(&ts->done, &attr);
	pthread_condattr_destroy(&attr);
	return ts;
}

void timers_stop(struct timers *ts)
{
	pthread_mutex_lock(&ts->lock);
	ts->stop = true;
	pthread_cond_broadcast(&ts->changed);
	pthread_mutex_unlock(&ts->lock);
	if (ts->started)
		pthread_join(ts->thread, NULL);
	ts->started = false;
	for (u32 i = 0; i < ts->nr; i++) {
		struct bpf_prog *prog = ts->at[i] ? drop(ts, i) : NULL;

		if (prog)
			obj_put(&prog->obj);
	}
}

void timers_free(struct timers *ts)
{
	timers_stop(ts);
	pthread_cond_destroy(&ts->changed);
	pthread_cond_destroy(&ts->done);
	pthread_mutex_destroy(&ts->lock);
	free(ts->at);
	free(ts);
}

static void drop_map(struct map_obj *m)
{
	struct timers *ts = m->timers;
	struct bpf_prog *prog;
	u32 i = 0;

	do {
		prog = NULL;
		pthread_mutex_lock(&ts->lock);
		for (; i < ts->nr && !prog; i++)
			if (ts->at[i] && ts->at[i]->map == m) {
				*field_of(m, ts->at[i]->value_off) = 0;
				prog = drop(ts, i);
			}
		pthread_mutex_unlock(&ts->lock);
		if (prog)
			obj_put(&prog->obj);
	} while (prog);
}

/* --- the helpers --- */

static long init_locked(struct timers *ts, struct map_obj *m, u64 value_off)
{
	u64 *field = field_of(m, value_off);
	struct timer *t = find(ts, __atomic_load_n(field, __ATOMIC_ACQUIRE));
	int place, err;

	if (t && t->map == m && t->value_off == value_off)
		return -EBUSY;
	if (ts->stop)
		return -EPERM;
	err = start_thread(ts);
	if (err)
		return err == -EAGAIN ? -ENOMEM : err;
	place = free_place(ts);
	if (place < 0)
		return place;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->id = new_id(place);
	if (!t->id) {
		free(t);
		return -ENOMEM;
	}
	t->map = m;
	t->value_off = value_off;
	ts->at[place] = t;
	ts->used++;
	m->timers = ts;
	m->drop_timers = drop_map;
	__atomic_add_fetch(&m->nr_timers, 1, __ATOMIC_RELEASE);
	__atomic_store_n(field, t->id, __ATOMIC_RELEASE);
	pthread_cond_signal(&ts->changed); /* there is something to sweep now */
	return 0;
}

long timers_init(struct timers *ts, struct map_obj *m, u64 value_off)
{
	struct bpf_map *map = &m->map;
	u32 index;
	long ret;

	if (!map->attr.timer_at || map->rdonly || value_off >= map->shm_len || !map->ops->key_of ||
	    !map->ops->key_of(map, value_of(m, value_off), &index))
		return -EINVAL;
	pthread_mutex_lock(&ts->lock);
	ret = init_locked(ts, m, value_off);
	pthread_mutex_unlock(&ts->lock);
	/* whoever let go meanwhile may have missed it */
	if (!ret && !map_obj_has_user(m)) {
		drop_map(m);
		ret = -EPERM;
	}
	return ret;
}

/* Did the verifier see this subprogram as callback for values of maps like @m? */
static bool callback_fits(const struct bpf_prog *prog, u32 start, struct map_obj *m)
{
	const struct bpf_prog_aux *aux = prog->aux;
	const struct vfy_subprog *sub = NULL;

	for (u32 i = 0; i < aux->nr_subprogs; i++)
		if (aux->subprogs[i].start == start)
			sub = &aux->subprogs[i];
	if (!sub || !sub->is_async_cb)
		return false;
	for (u32 i = 0; i < min(aux->used_map_cnt, 64u); i++) {
		const struct bpf_map *map = aux->used_maps[i];

		if ((sub->async_maps >> i & 1) && map == &m->map)
			return true;
		if ((sub->async_inner >> i & 1) && map->inner_map_meta &&
		    map_inner_alike(map->inner_map_meta, &m->map))
			return true;
	}
	return false;
}

long timers_set_callback(struct timers *ts, u64 id, struct bpf_prog *prog, u32 callback)
{
	struct bpf_prog *old = NULL;
	struct timer *t;
	long ret = -EINVAL;

	pthread_mutex_lock(&ts->lock);
	t = find(ts, id);
	if (t && callback_fits(prog, callback, t->map)) {
		old = t->prog;
		t->prog = obj_to_prog(obj_get(&prog->obj));
		t->callback = callback;
		ret = 0;
	}
	pthread_mutex_unlock(&ts->lock);
	if (old)
		obj_put(&old->obj);
	return ret;
}

long timers_start(struct timers *ts, u64 id, u64 ns)
{
	struct timer *t;
	u64 now = now_ns();
	long ret = -EINVAL;

	pthread_mutex_lock(&ts->lock);
	t = find(ts, id);
	if (t && t->prog) {
		t->armed = true;
		t->expires = now + ns < now ? UINT64_MAX - 1 : now + ns;
		pthread_cond_signal(&ts->changed);
		ret = 0;
	}
	pthread_mutex_unlock(&ts->lock);
	return ret;
}

long timers_cancel(struct timers *ts, u64 id)
{
	struct bpf_prog *prog = NULL;
	struct timer *t;
	long ret = -EINVAL;

	pthread_mutex_lock(&ts->lock);
	t = find(ts, id);
	if (t && ts->running == id && in_callback(ts)) {
		ret = -EDEADLK;
	} else if (t) {
		ret = t->armed || ts->running == id;
		prog = disarm(t);
		/* the callback may arm it again; that is over when it is */
		while (ts->running == id)
			pthread_cond_wait(&ts->done, &ts->lock);
	}
	pthread_mutex_unlock(&ts->lock);
	if (prog)
		obj_put(&prog->obj);
	return ret;
}
