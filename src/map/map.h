/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_MAP_H
#define USERBPF_MAP_H
/*
 * map.h - the contract every map kind fulfils (DESIGN D4). Run side: libc only, no allocation after
 * bind.
 *
 * A map is two things:
 *   - its shared memory: one memfd, mapped by the service and by each client that holds a handle; offsets and indices only, and
 *     every one read from it is masked or bounds-checked, since a hostile peer may write anything there at any time;
 *   - struct bpf_map: this process's private, trusted view. Its geometry comes from the creation attributes (sent by
 *     the service), never from shared memory. It is also the struct BPF programs see through BTF, hence the kernel's names.
 *
 * Shared memory layout: [struct map_shm, one page][kind's own part ...]; for a mmapable kind the
 * values start at @value_off, page aligned, with the kernel's element stride round_up(value_size,
 * 8), so mmap of a handle maps @value_off.
 *
 * Values: plain bytes, concurrent copies may tear (as in the kernel). Publication by single stores;
 * kill -9 at any instruction leaves the map usable. Elements come from a preallocated per-map pool
 * and are reused at once.
 *
 * Ownership: map_open() (control side) creates memfd + view; map_bind() builds a view onto somebody
 * else's memfd. map_close() unmaps and closes. References to *other objects* inside maps (prog
 * arrays) are kept by the service, not here.
 */
#include "base/base.h"
#include "abi/compat.h"

struct bpf_map;
struct btf;

#define MAP_MAX_KPTRS 8u
#define MAP_MAX_ROOTS 10u

/* A pointer to an object in values (map/kptr.h). */
struct map_kptr {
	u32 off;
	u16 type; /* enum kptr_type */
	u16 ref;  /* owns a reference */
};

/* What BPF_MAP_CREATE fixed; travels from service to client as it is. */
struct map_attr {
	u32 map_type, key_size, value_size, max_entries;
	u32 map_flags;
	u32 nr_cpus;	/* slots per-CPU values are laid out for */
	u64 map_extra;
	u32 id;
	u32 seed;	/* hash seed; 0 with BPF_F_ZERO_SEED */
	u32 lock_at, timer_at; /* 1 + offset of the bpf_spin_lock, bpf_timer in values; 0: none */
	char name[BPF_OBJ_NAME_LEN];
	u32 nr_kptrs, pad;
	struct map_kptr kptr[MAP_MAX_KPTRS];
	u32 nr_roots;		 /* lists and trees in values (map/heap.h) ... */
	u32 root[MAP_MAX_ROOTS]; /* ... where */
	u32 heap_id;		 /* of their BTF */
};

/* First page of the shared memory. Nothing in it is trusted. */
struct map_shm {
	u32 frozen;	/* set by BPF_MAP_FREEZE; read by clients so that their own updates answer -EPERM */
	u32 watched;	/* kinds with events: somebody waits for elements (enum map_watched) */
	u32 signalled;	/* who waits has been told, and did not wait again since */
	u32 counting;	/* somebody looks at struct map_counts */
	u64 used;	/* elements present, for kinds that count */
};

/* Operations since counting began, at the end of the first page: what `userbpf map top` shows. */
enum map_count { MAP_LOOKUPS, MAP_UPDATES, MAP_DELETES, MAP_COUNTS };
struct map_counts {
	u64 n[8];
};

/*
 * What mmap of a handle shows: @len bytes of the map's memory from value_off on; what lies behind @twice is
 * a second look at the memory @back bytes before. @len 0: the map cannot be mapped.
 */
struct map_window {
	u64 len, twice, back;
	u64 write_from, write_to; /* writable mappings must lie in here */
	int outside;		  /* and are refused with this elsewhere */
};

/*
 * One per kind. "key" and "value" point to key_size / value_size bytes (per-CPU syscall values:
 * nr_cpus * round_up(value_size, 8)). All of them may be called from any thread of any process at
 * once; errors are the kernel's errno for that kind.
 */
struct bpf_map_ops {
	const char *name;
	/* control side, before anything exists: 0 or the errno MAP_CREATE gives for these
	 * attributes (E2BIG, EINVAL, EPERM ...) */
	int (*alloc_check)(const struct map_attr *attr);
	/* bytes of shared memory, struct map_shm's page included; 0 on overflow (-> -E2BIG /
	 * -ENOMEM) */
	u64 (*shm_size)(const struct map_attr *attr);
	/* formats fresh, zeroed shared memory (service only, once) */
	int (*format)(struct bpf_map *map);
	/* derives the private geometry of @map from its attr; every process */
	int (*bind)(struct bpf_map *map);

	/* program side: pointer to the value in shared memory (this slot's for per-CPU kinds) or
	 * NULL */
	void *(*lookup)(struct bpf_map *map, const void *key);
	int (*update)(struct bpf_map *map, const void *key, const void *value, u64 flags);
	int (*delete)(struct bpf_map *map, const void *key);
	/* for per-CPU kinds: value of the given slot, or NULL (bpf_map_lookup_percpu_elem) */
	void *(*lookup_percpu)(struct bpf_map *map, const void *key, u32 cpu);

	/* kinds without keys: bpf_map_push_elem, _pop_elem, _peek_elem */
	int (*push)(struct bpf_map *map, const void *value, u64 flags);
	int (*pop)(struct bpf_map *map, void *value);
	int (*peek)(struct bpf_map *map, void *value);

	/* how many elements there are; NULL: the header's count */
	u64 (*used)(struct bpf_map *map);

	/* bpf(2) side: copies; for kinds without per-CPU values NULL means "use lookup/update
	 * with value_size bytes" */
	int (*sys_lookup)(struct bpf_map *map, const void *key, void *value, u64 flags);
	int (*sys_update)(struct bpf_map *map, const void *key, const void *value, u64 flags);
	/* an element goes, its value is the caller's, in one step; NULL: not of this kind */
	int (*take)(struct bpf_map *map, const void *key, void *value, u64 flags);
	/* key NULL or absent: first key; -ENOENT at the end */
	int (*get_next_key)(struct bpf_map *map, const void *key, void *next_key);
	/* direct value access (BPF_PSEUDO_MAP_VALUE): address of byte @off inside the value
	 * area, or NULL if outside */
	void *(*direct_value)(struct bpf_map *map, u32 off);
	/* callback per element; stops when cb returns nonzero; -> number of elements visited
	 * (bpf_for_each_map_elem, iterators) */
	long (*for_each)(struct bpf_map *map, long (*cb)(struct bpf_map *map, void *key, void *value, void *arg), void *arg);
	/* checks that BTF key/value types suit the kind (kernel: map_check_btf); may be NULL =
	 * only -ENOTSUPP. Control side fills. */

	/*
	 * Iterators: the first element at or after *pos (0 = beginning; *pos becomes its position,
	 * one more is the next). Copies its key; *value points to the value (NULL for per-CPU
	 * kinds). -ENOENT at the end; NULL op: the kind cannot be iterated.
	 */
	int (*walk)(struct bpf_map *map, u64 *pos, void *key, void **value);
	/* hash kinds: the key of element @n of a bucket; -ENOENT: it has fewer; -ERANGE: no such bucket */
	int (*in_bucket)(struct bpf_map *map, u64 bucket, u32 n, void *key);
	/* the key of the element @value is the value of, or NULL: it is none's; an array's key is
	 * put into *index. Kinds that may hold timers */
	const void *(*key_of)(struct bpf_map *map, const void *value, u32 *index);
	/* the map goes: gives back what its values hold; may be NULL */
	void (*free_fields)(struct bpf_map *map);
	/* service only: what map_release_dead() does for this kind; may be NULL */
	bool (*release_dead)(struct bpf_map *map, bool (*tid_dead)(u32 tid, void *arg), void *arg);

	/* a test run that uses the map begins; may be NULL */
	void (*test_begin)(struct bpf_map *map);

	/* kinds with events: what poll says of the map: there is something to read, or (USER_RINGBUF) room to write */
	bool (*ready)(const struct bpf_map *map);
	/* what mmap of a handle shows; NULL: nothing */
	void (*window)(const struct bpf_map *map, struct map_window *w);

	/* lookup() is the address below and nothing else ("INDEXED"): a JIT computes it itself */
	bool indexed;
	bool percpu;	 /* values exist once per slot */
	bool fd_values;	 /* values are fds at bpf(2) (prog array, maps of maps): lookup/update go through the service, programs may not touch them */
	bool map_values; /* fd_values that are maps: programs look them up (exec_host.inner_map) */
	bool asks_value; /* a lookup goes by the value, which comes in (bloom filter) */
	bool owner_keys; /* keys are fds at bpf(2) and name what the value belongs to (local_storage.h) */
	bool caller_update; /* an update looks at fds or devices of the caller: nobody does it in a client's place */
	bool events;	 /* readers may wait for elements (exec_host.wake) */
};

struct bpf_map {
	const struct bpf_map_ops *ops;
	struct bpf_map *inner_map_meta;
	enum bpf_map_type map_type;
	u32 key_size;
	u32 value_size;
	u32 max_entries;
	u64 map_extra;
	u32 map_flags;
	u32 id;
	struct btf *btf;	/* control side only; NULL in clients */
	u32 btf_key_type_id;
	u32 btf_value_type_id;
	u32 btf_vmlinux_value_type_id;
	char name[BPF_OBJ_NAME_LEN];
	bool bypass_spec_v1;
	bool frozen;		/* control side; clients read shm->frozen */

	/* run side */
	struct map_attr attr;
	struct map_shm *shm;	/* mapping of the whole memfd; read-only when @rdonly */
	u64 shm_len;
	u64 value_off;		/* where values start in the memfd; set by bind */
	u32 elem_stride;	/* bytes from one value to the next, set by bind where it has a meaning */
	u64 slot_stride;	/* indexed per-CPU kinds: bytes from one slot's values to the next; else 0 */
	u32 index_mask;		/* array kinds: masks an index (speculation and hostile peers) */
	bool rdonly;		/* this view may not write */
	bool transient_write;	/* rdonly, but map_sys_update/delete may write through a short-lived mapping (BPF_F_RDONLY_PROG maps) */
	int memfd;		/* -1 when the view does not own one */
	u64 geom[8];		/* private geometry of the kind */
	struct bpf_map *heap;	/* objects that lists and trees in values own (map/heap.h); NULL: there are none, or nobody here may use them */
	void *extra;		/* a second mapping the kind's bind made, or NULL; map_close() undoes it */
	u64 extra_len;
	void *priv;		/* owner's pointer: the service's map object, the shim's map record */
	void **targets;		/* prog arrays in the service: private array of max_entries object pointers; NULL in clients */
};

/*
 * INDEXED. A lookup of such a kind: none for a key not below max_entries, else
 *	shm + value_off + slot_stride * slot + elem_stride * (key & index_mask)
 * with the slot below attr.nr_cpus when slot_stride is not 0.
 */

/* kinds.def expanded; NULL for a type this build does not have (-EINVAL for the caller). */
const struct bpf_map_ops *map_ops_of(u32 map_type);

/* Common checks of MAP_CREATE that need no other object (sizes, flags), then the kind's: 0 or
 * negative errno. */
int map_check_attr(const struct map_attr *attr);
/* Creates the memfd (named, sealed against resizing), maps and formats it. @map is caller's
 * memory. 0 or negative errno. */
int map_open(struct bpf_map *map, const struct map_attr *attr);
/* Builds a view on an existing memfd (borrowed; dup'ed when kept). @rdonly maps it read-only. */
int map_bind(struct bpf_map *map, const struct map_attr *attr, int memfd, bool rdonly);
void map_close(struct bpf_map *map);

/* Service only, when nobody can reach the map any more: gives back what its values hold. */
void map_free_fields(struct bpf_map *map);

/* Size of a value as bpf(2) sees it (per-CPU: all slots). */
u32 map_sys_value_size(const struct bpf_map *map);
/*
 * bpf(2) element operations with the kernel's flag and errno rules, shared by service and shim
 * (which never sends a request for them).
 * @value has map_sys_value_size() bytes. Frozen, read-only view or RDONLY handle: the caller has checked the handle; frozen is checked here (-EPERM).
 */
int map_sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags);
int map_sys_update(struct bpf_map *map, const void *key, const void *value, u64 flags);
int map_sys_delete(struct bpf_map *map, const void *key);
/* BPF_MAP_LOOKUP_AND_DELETE_ELEM; -ENOTSUPP: not of this kind. */
int map_sys_take(struct bpf_map *map, const void *key, void *value, u64 flags);
int map_sys_next_key(struct bpf_map *map, const void *key, void *next_key);
static inline struct map_counts *map_counts(const struct bpf_map *map)
{
	return (struct map_counts *)((char *)map->shm + 4096) - 1;
}
/* An operation by bpf(2) or by a program's helper. */
static inline void map_count(const struct bpf_map *map, enum map_count what)
{
	if (unlikely(__atomic_load_n(&map->shm->counting, __ATOMIC_RELAXED)) && !map->rdonly)
		__atomic_fetch_add(&map_counts(map)->n[what], 1, __ATOMIC_RELAXED);
}
/* Elements of @map, as far as its kind knows. */
u64 map_used(struct bpf_map *map);
/* May bpf(2)'s caller map the values at all? */
static inline bool map_can_mmap(const struct bpf_map *map)
{
	return map->ops->window && !map->attr.lock_at && !map->attr.timer_at && !map->attr.nr_kptrs &&
	       !map->attr.nr_roots;
}
/* Somebody waits for elements (kinds with events). Anybody who may write the map can change it. */
enum map_watched { WATCHED_NOT, WATCHED, WATCHED_ALWAYS /* wants each signal: sees edges, or cannot write "signalled" */ };
static inline bool map_watched(const struct bpf_map *map)
{
	return __atomic_load_n(&map->shm->watched, __ATOMIC_SEQ_CST);
}
/* Is there need for a signal, after what it is for? Who is about to wait calls the other, then takes signals
 * back, then looks for elements. */
static inline bool map_signal(const struct bpf_map *map)
{
	return __atomic_load_n(&map->shm->watched, __ATOMIC_RELAXED) == WATCHED_ALWAYS ||
	       !__atomic_exchange_n(&map->shm->signalled, 1, __ATOMIC_SEQ_CST);
}
/* The reader will look once more before it waits, whatever was added before this. */
static inline bool map_signalled(const struct bpf_map *map)
{
	return __atomic_load_n(&map->shm->signalled, __ATOMIC_SEQ_CST) &&
	       __atomic_load_n(&map->shm->watched, __ATOMIC_RELAXED) == WATCHED;
}
static inline void map_signal_again(const struct bpf_map *map)
{
	if (!map->rdonly)
		__atomic_store_n(&map->shm->signalled, 0, __ATOMIC_SEQ_CST);
}
/* BPF_MAP_FREEZE: -EBUSY when frozen already or (RDONLY_PROG maps: F_SEAL_WRITE) somebody has it mapped writable; the service's own
 * writable mapping is replaced by a read-only one first, so the verifier may treat such contents as constants. */
int map_freeze(struct bpf_map *map);

/*
 * Views of BPF_F_RDONLY_PROG maps are always mapped read-only, the service's too: programs never
 * write them, and a seal against writing (freeze) is then refused only while somebody really
 * writes, as in the kernel. bpf(2) updates through such a view map the memory writable for the one
 * call.
 */

/*
 * Service only: frees what dead owners left in @map. @tid_dead says of a thread id whether that
 * thread is gone. Breaks their locks, and gives back elements that were in flight. Cheap (one pass
 * over the lock words) when nothing died inside the map. -> true: readers that wait have something to look at.
 */
bool map_release_dead(struct bpf_map *map, bool (*tid_dead)(u32 tid, void *arg), void *arg);

/* Prog arrays: the id of the program in slot @index as last published by the service, 0 = empty.
 * A hint: whoever writes to the map can change it. */
u32 map_prog_array_id(const struct bpf_map *map, u32 index);
void map_prog_array_publish(struct bpf_map *map, u32 index, u32 prog_id); /* service only */

/* Arrays of groups: the id of the group at @index, 0: none. A hint like the one of prog arrays. */
u64 map_cgroup_array_id(const struct bpf_map *map, u32 index);
/* Service only. 0 takes out; -E2BIG, -ENOENT: there was none to take out. */
int map_cgroup_array_store(struct bpf_map *map, u32 index, u64 id);

/* Maps of maps: the id of the map behind @key as last published by the service, 0 = none. A hint
 * like the one of prog arrays. */
u32 map_inner_id(struct bpf_map *map, const void *key);

/* Ring buffers (ringbuf.c): room for a record, or NULL; a record gets visible (or skipped) at
 * commit. */
void *map_ringbuf_reserve(struct bpf_map *map, u64 size);
/* -> is the reader to be woken? (BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP, else when it has read all before) */
bool map_ringbuf_commit(const struct bpf_map *map, void *record, bool discard, u64 flags);
bool map_ringbuf_holds(const struct bpf_map *map, const void *record);
/*
 * USER_RINGBUF: user space writes, one program at a time reads. Begin is -EBUSY while another does.
 * next: the record that is to be read, *@size bytes; NULL: there is none (0 in *@err), it was
 * discarded (-EAGAIN: go on) or makes no sense (other errno). done: it was read.
 */
int map_user_ringbuf_begin(struct bpf_map *map);
void *map_user_ringbuf_next(struct bpf_map *map, u32 *size, int *err);
void map_user_ringbuf_done(struct bpf_map *map, u32 size);
void map_user_ringbuf_end(struct bpf_map *map);
u64 map_ringbuf_query(const struct bpf_map *map, u64 what); /* BPF_RB_* */

/* Stack traces (stack_trace.c): the id of the @nr frames (at most as many as the second says, of 8
 * bytes or a struct bpf_stack_build_id each) with hash @hash, stored if new; BPF_F_FAST_STACK_CMP,
 * BPF_F_REUSE_STACKID. */
long map_stack_trace_id(struct bpf_map *map, u32 hash, const void *frames, u32 nr, u64 flags);
u32 map_stack_trace_frames(const struct bpf_map *map);

/* Cgroup storage (cgroup_storage.c): this run's value. */
void *map_cgroup_storage_value(struct bpf_map *map);
static inline bool map_is_cgroup_storage(const struct bpf_map *map)
{
	return map->map_type == BPF_MAP_TYPE_CGROUP_STORAGE || map->map_type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

#endif
