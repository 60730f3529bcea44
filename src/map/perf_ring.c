/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perf_ring.c - the buffer of a perf event of bpf output: what elements of a PERF_EVENT_ARRAY are. A kind of
 * its own, which MAP_CREATE does not make: an event's fd is its handle (prog/perf_ring.h).
 *
 * Shared memory: [header page: struct map_shm, then struct perf_ring_state][struct perf_event_mmap_page][data].
 * The last two are what readers map, and they say how large the data is by mapping it first. The
 * memory has room for the largest; what nobody maps is never touched.
 *
 * Writers hold the lock. A record is there with the one store to data_head, so a writer that dies
 * loses its own; the reader's data_tail only decides whether there is room.
 */
#include <linux/perf_event.h>
#include <time.h>
#include <unistd.h>
#include "map/bucket_lock.h"
#include "map/map_kind.h"
#include "map/perf_ring.h"

#define DATA_MAX (PERF_RING_PAGES_MAX * (u64)MAP_PAGE)

struct perf_ring_state {
	u32 lock;
	u32 enabled;
	u64 size; /* of the data; 0: nobody has mapped it yet */
	u64 head;
	u64 lost; /* records since the last one that says so */
	u64 lost_all;
	u32 waiting; /* records since readers were woken last */
	u32 pad;
	u64 woken_at; /* head at that time */
};

static struct perf_ring_state *state_of(const struct bpf_map *map)
{
	return (void *)((char *)map->shm + MAP_OWN_PART);
}

static struct perf_event_mmap_page *page_of(const struct bpf_map *map)
{
	return (void *)((char *)map->shm + MAP_PAGE);
}

static char *data_of(const struct bpf_map *map)
{
	return (char *)map->shm + 2 * MAP_PAGE;
}

static int check(const struct map_attr *attr)
{
	return -EINVAL;
}

static u64 shm_size(const struct map_attr *attr)
{
	return 2 * MAP_PAGE + DATA_MAX;
}

static int bind(struct bpf_map *map)
{
	map->value_off = MAP_PAGE;
	return 0;
}

/* What a hostile peer wrote is no size. */
static u64 size_of(const struct bpf_map *map)
{
	u64 size = __atomic_load_n(&state_of(map)->size, __ATOMIC_ACQUIRE);

	return size >= MAP_PAGE && size <= DATA_MAX && !(size & (size - 1)) ? size : 0;
}

int map_perf_ring_mapped(struct bpf_map *map, u64 len)
{
	u64 size = len - MAP_PAGE, none = 0;

	if (len % MAP_PAGE || len < 2 * MAP_PAGE || size & (size - 1))
		return -EINVAL;
	if (size > DATA_MAX)
		return -ENOMEM;
	if (__atomic_compare_exchange_n(&state_of(map)->size, &none, size, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE)) {
		page_of(map)->data_offset = MAP_PAGE;
		page_of(map)->data_size = size;
		return 0;
	}
	return none == size ? 0 : -EINVAL;
}

int map_perf_ring_control(struct bpf_map *map, bool enable)
{
	__atomic_store_n(&state_of(map)->enabled, enable, __ATOMIC_RELEASE);
	return 0;
}

static void window(const struct bpf_map *map, struct map_window *w)
{
	*w = (struct map_window){.len = MAP_PAGE + DATA_MAX, .write_to = UINT64_MAX};
}

static bool ready(const struct bpf_map *map)
{
	const struct perf_event_mmap_page *p = page_of(map);

	return __atomic_load_n(&p->data_head, __ATOMIC_ACQUIRE) !=
	       __atomic_load_n(&p->data_tail, __ATOMIC_ACQUIRE);
}

/* --- writing; the lock is held --- */

struct writer {
	char *data;
	u64 at, mask;
};

static void put(struct writer *w, const void *from, u64 len)
{
	u64 off = w->at & w->mask, first = min(len, w->mask + 1 - off);

	memcpy(w->data + off, from, first);
	memcpy(w->data, (const char *)from + first, len - first);
	w->at += len;
}

static u64 now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* What stands before the raw data, as sample_type says, in the kernel's order. -> words */
static u32 sample_fields(const struct bpf_map *map, u64 field[PERF_RING_FIELDS])
{
	u64 type = map->map_extra;
	u32 n = 0;

	if (type & PERF_SAMPLE_TID)
		field[n++] = (u64)slot_tid() << 32 | (u32)getpid();
	if (type & PERF_SAMPLE_TIME)
		field[n++] = now();
	if (type & PERF_SAMPLE_CPU)
		field[n++] = slot_current();
	if (type & PERF_SAMPLE_PERIOD)
		field[n++] = 1;
	return n;
}

static void put_lost(struct writer *w, struct perf_ring_state *s)
{
	struct {
		struct perf_event_header h;
		u64 id, lost;
	} r = {{PERF_RECORD_LOST, 0, sizeof(r)}, 0, s->lost};

	put(w, &r, sizeof(r));
	s->lost = 0;
}

static u64 raw_size(const struct perf_raw *raw)
{
	return round_up(raw->len + raw->len2 + sizeof(u32), (u64)8) - sizeof(u32);
}

static void put_sample(struct writer *w, const struct perf_raw *raw, const u64 *field, u32 fields)
{
	static const char zeros[8];
	u32 size = raw_size(raw);
	struct perf_event_header h = {PERF_RECORD_SAMPLE, PERF_RECORD_MISC_KERNEL,
				      sizeof(h) + fields * sizeof(u64) + sizeof(size) + size};

	put(w, &h, sizeof(h));
	put(w, field, fields * sizeof(u64));
	put(w, &size, sizeof(size));
	put(w, raw->data, raw->len);
	put(w, raw->data2, raw->len2);
	put(w, zeros, size - raw->len - raw->len2);
}

/* Shall readers be woken? wakeup_events records, or bytes (a watermark); 0: half of the data. */
static bool is_time(const struct bpf_map *map, struct perf_ring_state *s, u64 size)
{
	u32 wakeup = map->value_size;
	bool bytes = map->map_extra & PERF_RING_WATERMARK || !wakeup;

	s->waiting++;
	if (bytes ? s->head - s->woken_at < (wakeup ?: size / 2) : s->waiting < wakeup)
		return false;
	s->waiting = 0;
	s->woken_at = s->head;
	return true;
}

static int write_record(struct bpf_map *map, const struct perf_raw *raw, bool *wake)
{
	struct perf_ring_state *s = state_of(map);
	struct perf_event_mmap_page *p = page_of(map);
	u64 size = size_of(map), need, field[PERF_RING_FIELDS];
	struct writer w = {data_of(map), __atomic_load_n(&s->head, __ATOMIC_RELAXED), size - 1};
	u32 fields = sample_fields(map, field);

	if (!size)
		return -ENOSPC;
	w.at &= ~7ull;
	need = sizeof(struct perf_event_header) + fields * sizeof(u64) + sizeof(u32) +
	       raw_size(raw) + (s->lost ? 24 : 0);
	if (((__atomic_load_n(&p->data_tail, __ATOMIC_ACQUIRE) - w.at - 1) & w.mask) < need) {
		s->lost++;
		s->lost_all++;
		return -ENOSPC;
	}
	if (s->lost)
		put_lost(&w, s);
	put_sample(&w, raw, field, fields);
	__atomic_store_n(&s->head, w.at, __ATOMIC_RELAXED);
	__atomic_store_n(&p->data_head, w.at, __ATOMIC_SEQ_CST);
	*wake = is_time(map, s, size);
	return 0;
}

int map_perf_ring_write(struct bpf_map *map, u32 cpu, const struct perf_raw *raw, bool *wake)
{
	struct perf_ring_state *s = state_of(map);
	bool stolen;
	int err;

	*wake = false;
	if (map->map_type != MAP_TYPE_PERF_RING || map->rdonly)
		return -EINVAL;
	if (map->key_size != cpu || !__atomic_load_n(&s->enabled, __ATOMIC_ACQUIRE))
		return -EOPNOTSUPP;
	err = bucket_lock(&s->lock, &stolen);
	if (err)
		return err;
	err = write_record(map, raw, wake);
	bucket_unlock(&s->lock);
	return err;
}

static bool release_dead(struct bpf_map *map, bool (*tid_dead)(u32 tid, void *arg), void *arg)
{
	bucket_lock_break(&state_of(map)->lock, tid_dead, arg);
	return false;
}

/* bpf(2) knows no such map: nobody comes here. */
static void *lookup(struct bpf_map *map, const void *key)
{
	return NULL;
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	return -ENOTSUPP;
}

static int delete (struct bpf_map *map, const void *key)
{
	return -ENOTSUPP;
}

static int next_key(struct bpf_map *map, const void *key, void *next)
{
	return -ENOTSUPP;
}

const struct bpf_map_ops map_perf_ring_ops = {
	.name = "perf_ring",
	.alloc_check = check,
	.shm_size = shm_size,
	.bind = bind,
	.lookup = lookup,
	.update = update,
	.delete = delete,
	.get_next_key = next_key,
	.release_dead = release_dead,
	.window = window,
	.ready = ready,
	.events = true,
};
