/* SPDX-License-Identifier: BSD-2-Clause */
/* Views: creating, binding, freezing; and the bpf(2) rules every kind shares. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>
#include "map/bucket_lock.h"
#include "map/map_kind.h"

static const struct bpf_map_ops *const kinds[] = {
#define MAP_KIND(type, ops) [type] = &ops,
#include "map/kinds.def"
#undef MAP_KIND
};

const struct bpf_map_ops *map_ops_of(u32 map_type)
{
	return map_type < ARRAY_SIZE(kinds) ? kinds[map_type] : NULL;
}

int map_check_attr(const struct map_attr *attr)
{
	const struct bpf_map_ops *ops = map_ops_of(attr->map_type);

	if (attr->map_extra && attr->map_type != BPF_MAP_TYPE_BLOOM_FILTER)
		return -EINVAL;
	if ((attr->map_flags & (BPF_F_RDONLY | BPF_F_WRONLY)) == (BPF_F_RDONLY | BPF_F_WRONLY))
		return -EINVAL;
	return ops ? ops->alloc_check(attr) : -EINVAL;
}

/* Fills what the attributes decide; the mapping must be there. */
static int view_init(struct bpf_map *map, const struct map_attr *attr)
{
	map->ops = map_ops_of(attr->map_type);
	if (!map->ops || !attr->nr_cpus || attr->nr_cpus > SLOT_MAX)
		return -EINVAL;
	map->map_type = attr->map_type;
	map->key_size = attr->key_size;
	map->value_size = attr->value_size;
	map->max_entries = attr->max_entries;
	map->map_extra = attr->map_extra;
	map->map_flags = attr->map_flags &
			 ~(BPF_F_RDONLY | BPF_F_WRONLY); /* those were about the first handle */
	map->id = attr->id;
	map->attr = *attr;
	memcpy(map->name, attr->name, sizeof(map->name));
	map->name[sizeof(map->name) - 1] = 0;
	map->bypass_spec_v1 = true;
	map->shm_len = map->ops->shm_size(attr);
	return map->shm_len ? 0 : -ENOMEM;
}

/*
 * Maps @fd read-only through a description opened read-only: only such mappings do not stand in the
 * way of F_SEAL_WRITE. Where /proc is missing an ordinary mapping must do.
 */
static void *mmap_rdonly(int fd, u64 len)
{
	char path[32];
	void *mem;
	int ro;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	mem = mmap(NULL, len, PROT_READ, MAP_SHARED, ro >= 0 ? ro : fd, 0);
	if (ro >= 0)
		close(ro);
	return mem;
}

static int view_mmap(struct bpf_map *map, int fd)
{
	void *mem;

	if (map->rdonly)
		mem = mmap_rdonly(fd, map->shm_len);
	else
		mem = mmap(NULL, map->shm_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		return errno == EACCES ? -EPERM : -errno;
	map->shm = mem;
	return 0;
}

/* Kept fds go out of the way of programs that count on low numbers. */
static int dup_high(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 700);

	if (copy < 0)
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return copy < 0 ? -errno : copy;
}

/* Above this much, memory is given as it is touched; below, at once, so that running programs never
 * wait for it. */
#define MAP_POPULATE_MAX (16u << 20)

static int memfd_new(const struct map_attr *attr, u64 len)
{
	bool at_once = !(attr->map_flags & BPF_F_NO_PREALLOC) && len <= MAP_POPULATE_MAX;
	int seals = F_SEAL_GROW | F_SEAL_SHRINK;
	int fd, err;

	/* as vmalloc() in the kernel; maps without preallocation pay as they grow */
	if (!at_once && !(attr->map_flags & BPF_F_NO_PREALLOC) &&
	    len > (u64)sysconf(_SC_PHYS_PAGES) * MAP_PAGE)
		return -ENOMEM;
	fd = memfd_create("bpf-map", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	err = -ENOMEM;
	if (at_once ? fallocate(fd, 0, 0, len) : ftruncate(fd, len))
		goto fail_fd;
	/* Nobody else may seal later; BPF_F_RDONLY_PROG maps get their last seal when frozen. */
	if (!(attr->map_flags & BPF_F_RDONLY_PROG))
		seals |= F_SEAL_SEAL;
	if (fcntl(fd, F_ADD_SEALS, seals))
		goto fail_fd;
	return fd;

fail_fd:
	close(fd);
	return err;
}

/* Formats through a writable mapping of its own, since the view itself may be read-only. */
static int format(struct bpf_map *map)
{
	struct bpf_map tmp = *map;
	int err;

	if (!map->ops->format)
		return 0;
	tmp.rdonly = false;
	err = view_mmap(&tmp, map->memfd);
	if (err)
		return err;
	err = map->ops->bind(&tmp);
	if (!err)
		err = map->ops->format(&tmp);
	munmap(tmp.shm, tmp.shm_len);
	return err;
}

static void view_rdonly_prog(struct bpf_map *map)
{
	if (map->map_flags & BPF_F_RDONLY_PROG) {
		map->transient_write = !map->rdonly;
		map->rdonly = true;
	}
}

int map_open(struct bpf_map *map, const struct map_attr *attr)
{
	struct map_attr a = *attr;
	int err;

	if (a.map_flags & BPF_F_ZERO_SEED)
		a.seed = 0;
	else if (!a.seed && getrandom(&a.seed, sizeof(a.seed), GRND_NONBLOCK) != sizeof(a.seed))
		a.seed = 0x9e3779b9u;
	memset(map, 0, sizeof(*map));
	map->memfd = -1;
	err = view_init(map, &a);
	if (err)
		return err;
	map->memfd = memfd_new(&a, map->shm_len);
	if (map->memfd < 0)
		return map->memfd;
	view_rdonly_prog(map);
	bucket_lock_setup();
	err = format(map);
	if (err)
		goto fail_memfd;
	err = view_mmap(map, map->memfd);
	if (err)
		goto fail_memfd;
	err = map->ops->bind(map);
	if (err)
		goto fail_mmap;
	return 0;

fail_mmap:
	munmap(map->shm, map->shm_len);
	map->shm = NULL;
fail_memfd:
	close(map->memfd);
	map->memfd = -1;
	return err;
}

int map_bind(struct bpf_map *map, const struct map_attr *attr, int memfd, bool rdonly)
{
	off_t size;
	int err;

	memset(map, 0, sizeof(*map));
	map->memfd = -1;
	err = view_init(map, attr);
	if (err)
		return err;
	size = lseek(memfd, 0, SEEK_END);
	if (size < 0)
		return -errno;
	if ((u64)size != map->shm_len) /* not the memory of such a map: touching it could fault */
		return -EINVAL;
	map->rdonly = rdonly;
	view_rdonly_prog(map);
	bucket_lock_setup();
	err = view_mmap(map, memfd);
	if (err)
		return err;
	if (map->transient_write || map->map_flags & BPF_F_MMAPABLE) {
		map->memfd = err = dup_high(memfd);
		if (err < 0)
			goto fail_mmap;
	}
	err = map->ops->bind(map);
	if (err)
		goto fail_dup;
	return 0;

fail_dup:
	if (map->memfd >= 0)
		close(map->memfd);
	map->memfd = -1;
fail_mmap:
	munmap(map->shm, map->shm_len);
	map->shm = NULL;
	return err;
}

void map_close(struct bpf_map *map)
{
	if (map->extra)
		munmap(map->extra, map->extra_len);
	map->extra = NULL;
	if (map->shm)
		munmap(map->shm, map->shm_len);
	map->shm = NULL;
	if (map->memfd >= 0)
		close(map->memfd);
	map->memfd = -1;
}

void map_free_fields(struct bpf_map *map)
{
	if (map->ops->free_fields && map_value_special(map))
		map->ops->free_fields(map);
}

u32 map_sys_value_size(const struct bpf_map *map)
{
	if (map->ops->percpu)
		return round_up(map->value_size, 8) * map->attr.nr_cpus;
	return map->ops->fd_values ? sizeof(u32) : map->value_size;
}

int map_sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	void *at;

	if (flags & ~(u64)BPF_F_LOCK || (flags && !map->attr.lock_at))
		return -EINVAL;
	map_count(map, MAP_LOOKUPS);
	if (map->ops->sys_lookup)
		return map->ops->sys_lookup(map, key, value, flags);
	at = map->ops->lookup(map, key);
	if (!at)
		return -ENOENT;
	if (map_value_special(map))
		map_value_read_special(map, value, at, flags);
	else
		race_copy(value, at, map->value_size);
	return 0;
}

static bool is_frozen(const struct bpf_map *map)
{
	return map->frozen || __atomic_load_n(&map->shm->frozen, __ATOMIC_ACQUIRE);
}

/* A writable view of @map for one operation: @map itself, or @tmp with a mapping of its own. */
static struct bpf_map *write_begin(struct bpf_map *map, struct bpf_map *tmp)
{
	int err;

	if (is_frozen(map))
		return ERR_PTR(-EPERM);
	if (!map->rdonly)
		return map;
	if (!map->transient_write)
		return ERR_PTR(-EPERM);
	*tmp = *map;
	tmp->rdonly = false;
	tmp->extra = NULL;
	err = view_mmap(tmp, map->memfd);
	if (err)
		return ERR_PTR(err);
	err = tmp->ops->bind(tmp);
	if (err) {
		munmap(tmp->shm, tmp->shm_len);
		return ERR_PTR(err);
	}
	return tmp;
}

static void write_end(struct bpf_map *map, struct bpf_map *w)
{
	if (w == map)
		return;
	munmap(w->shm, w->shm_len);
	if (w->extra)
		munmap(w->extra, w->extra_len);
}

int map_sys_update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	struct bpf_map tmp, *w;
	int err;

	w = write_begin(map, &tmp);
	if (IS_ERR(w))
		return PTR_ERR(w);
	map_count(w, MAP_UPDATES);
	if (flags & BPF_F_LOCK && !map->attr.lock_at)
		err = -EINVAL;
	else if (w->ops->sys_update)
		err = w->ops->sys_update(w, key, value, flags);
	else
		err = w->ops->update(w, key, value, flags);
	write_end(map, w);
	return err;
}

int map_sys_delete(struct bpf_map *map, const void *key)
{
	struct bpf_map tmp, *w;
	int err;

	w = write_begin(map, &tmp);
	if (IS_ERR(w))
		return PTR_ERR(w);
	map_count(w, MAP_DELETES);
	err = w->ops->delete (w, key);
	write_end(map, w);
	return err;
}

static bool is_queue(const struct bpf_map *map)
{
	return map->map_type == BPF_MAP_TYPE_QUEUE || map->map_type == BPF_MAP_TYPE_STACK;
}

int map_sys_take(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	struct bpf_map tmp, *w;
	int err;

	if (is_queue(map) && flags)
		return -EINVAL;
	if (flags & ~(u64)BPF_F_LOCK || (flags && !map->attr.lock_at))
		return -EINVAL;
	if (!is_queue(map) && !map->ops->take)
		return -ENOTSUPP;
	w = write_begin(map, &tmp);
	if (IS_ERR(w))
		return PTR_ERR(w);
	map_count(w, MAP_DELETES);
	err = is_queue(map) ? w->ops->pop(w, value) : w->ops->take(w, key, value, flags);
	write_end(map, w);
	return err;
}

u64 map_used(struct bpf_map *map)
{
	if (map->ops->used)
		return map->ops->used(map);
	return map->ops->indexed ? map->max_entries
				 : __atomic_load_n(&map->shm->used, __ATOMIC_RELAXED);
}

int map_sys_next_key(struct bpf_map *map, const void *key, void *next_key)
{
	return map->ops->get_next_key(map, key, next_key);
}

/* Writes the flag clients look at. */
static int publish_frozen(struct bpf_map *map, u32 frozen)
{
	struct map_shm *shm = map->shm;

	if (map->rdonly) {
		shm = mmap(NULL, MAP_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, map->memfd, 0);
		if (shm == MAP_FAILED)
			return -errno;
	}
	__atomic_store_n(&shm->frozen, frozen, __ATOMIC_RELEASE);
	if (map->rdonly)
		munmap(shm, MAP_PAGE);
	return 0;
}

int map_freeze(struct bpf_map *map)
{
	int err;

	if (map->frozen)
		return -EBUSY;
	err = publish_frozen(map, 1);
	if (err)
		return err == -EPERM ? -EBUSY : err; /* somebody with a writable handle sealed it */
	if (map->map_flags & BPF_F_RDONLY_PROG &&
	    fcntl(map->memfd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL)) {
		err = -errno;
		publish_frozen(map, 0);
		return err == -EBUSY || err == -EPERM ? -EBUSY : err;
	}
	map->frozen = true;
	return 0;
}

bool map_release_dead(struct bpf_map *map, bool (*tid_dead)(u32 tid, void *arg), void *arg)
{
	struct bpf_map tmp, *w;
	bool ready = false;

	if (!map->ops->release_dead)
		return false;
	w = write_begin(map, &tmp);
	if (!IS_ERR(w)) {
		ready = w->ops->release_dead(w, tid_dead, arg);
		write_end(map, w);
	} else if (!map->rdonly) { /* frozen for bpf(2); programs still write */
		ready = map->ops->release_dead(map, tid_dead, arg);
	}
	return ready;
}
