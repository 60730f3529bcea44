/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lpm_trie.c - BPF_MAP_TYPE_LPM_TRIE: the value of the longest prefix that matches.
 *
 * Shared memory: [header page: struct map_shm, then struct trie_page][nodes]. A key is a number of bits
 * and the bits; a node holds one, its children by the next bit, and a value unless it only forks.
 *
 * Readers take no lock: a walk is good when the version is the same before and after. Writers hold
 * the lock and bump the version first (a node that was taken out before then is in nobody's way any more); whatever they do to the trie is one
 * store, so it is whole when one dies, and who takes the lock over finds the lost nodes by looking
 * which ones the trie has (rebuild()). References are bounded when they are read, and walks go no
 * deeper than a key has bits.
 */
#include "map/bucket_lock.h"
#include "map/map_kind.h"

#define FLAGS	  (BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS)
#define DATA_MAX  256u
#define BITS_MAX  (8 * DATA_MAX)
#define DEPTH_MAX (BITS_MAX + 1)
#define TRIES	  1024
#define MARK	  UINT32_MAX
/* Of the kernel's node: decides what is too big. */
#define KERNEL_NODE 40u

struct trie_page {
	u32 lock;
	u32 version;
	u32 root;
	u32 free;  /* list through node.free */
	u32 fresh; /* nodes from here on were never used */
};

struct trie_node {
	u32 child[2]; /* references: index + 1, 0 none */
	u32 bits;
	u32 fork; /* no value */
	u32 free;
	u32 pad;
	u8 data[]; /* then the value, aligned to 8 */
};

struct trie_geom {
	struct trie_page *page;
	char *nodes;
	u64 node_size;
	u32 nr_nodes, data_size, max_bits, value_off;
};
_Static_assert(sizeof(struct trie_geom) <= sizeof_field(struct bpf_map, geom), "geom too small");

/* As in struct bpf_lpm_trie_key; @head: the first 64 bits as a number, what is missing is 0. */
struct prefix {
	u32 bits;
	const u8 *data;
	u64 head;
};

static struct trie_geom *geom_of(const struct bpf_map *map)
{
	return (struct trie_geom *)map->geom;
}

/* --- creation --- */

static int check(const struct map_attr *attr)
{
	if (!attr->max_entries || !(attr->map_flags & BPF_F_NO_PREALLOC) ||
	    attr->map_flags & ~FLAGS || !map_access_ok(attr->map_flags))
		return -EINVAL;
	if (attr->key_size < sizeof(u32) + 1 || attr->key_size > sizeof(u32) + DATA_MAX ||
	    !attr->value_size || attr->value_size > MAP_KMALLOC_MAX - DATA_MAX - KERNEL_NODE)
		return -EINVAL;
	return 0;
}

static u64 value_off(const struct map_attr *attr)
{
	return round_up(sizeof(struct trie_node) + attr->key_size - sizeof(u32), 8);
}

static u64 node_size(const struct map_attr *attr)
{
	return value_off(attr) + round_up((u64)attr->value_size, 8);
}

/* As many forks as keys, and the node that replaces another. */
static u32 nr_nodes(const struct map_attr *attr)
{
	return min(2 * (u64)attr->max_entries + 2, (u64)MARK - 1);
}

static u64 shm_size(const struct map_attr *attr)
{
	return MAP_PAGE + map_page_up(nr_nodes(attr) * node_size(attr));
}

static int bind(struct bpf_map *map)
{
	struct trie_geom *g = geom_of(map);

	g->page = (void *)((char *)map->shm + MAP_OWN_PART);
	g->nodes = (char *)map->shm + MAP_PAGE;
	g->node_size = node_size(&map->attr);
	g->nr_nodes = nr_nodes(&map->attr);
	g->data_size = map->key_size - sizeof(u32);
	g->max_bits = 8 * g->data_size;
	g->value_off = value_off(&map->attr);
	map->value_off = MAP_PAGE + g->value_off;
	map->elem_stride = round_up(map->value_size, 8);
	return 0;
}

/* --- nodes --- */

static u32 load(const u32 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void store(u32 *p, u32 v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static struct trie_node *node_at(const struct trie_geom *g, u32 ref)
{
	return ref - 1 < g->nr_nodes ? (void *)(g->nodes + (ref - 1) * g->node_size) : NULL;
}

static char *value_of(const struct trie_geom *g, struct trie_node *n)
{
	return (char *)n + g->value_off;
}

static u32 bits_of(const struct trie_geom *g, const struct trie_node *n)
{
	return min(load(&n->bits), g->max_bits);
}

static u64 load_head(const u8 *data)
{
	u64 v;

	race_copy(&v, data, sizeof(v));
	return __builtin_bswap64(v);
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "heads are big-endian numbers");

/* Bits are numbered from the most significant of the first byte; behind the last: 0. */
static u32 bit_at(const struct trie_geom *g, const u8 *data, u32 i)
{
	return i < g->max_bits ? data[i / 8] >> (7 - i % 8) & 1 : 0;
}

static u32 prefix_bit(const struct trie_geom *g, const struct prefix *p, u32 i)
{
	return likely(i < 64) ? p->head << i >> 63 : bit_at(g, p->data, i);
}

static u32 common_tail(const struct trie_geom *g, const struct trie_node *n, const struct prefix *p,
		       u32 limit)
{
	u32 i = 64;

	for (; i + 8 <= limit; i += 8)
		if (n->data[i / 8] != p->data[i / 8])
			break;
	while (i < limit && bit_at(g, n->data, i) == bit_at(g, p->data, i))
		i++;
	return i;
}

/* How many bits the two begin with in common. A node's data is followed by room up to 8 bytes. */
static u32 common(const struct trie_geom *g, const struct trie_node *n, const struct prefix *p)
{
	u32 limit = min(bits_of(g, n), p->bits);
	u64 differ = load_head(n->data) ^ p->head;

	if (unlikely(!differ && limit > 64))
		return common_tail(g, n, p, limit);
	return min(limit, differ ? (u32)__builtin_clzll(differ) : 64u);
}

static struct prefix prefix_of(const struct bpf_map *map, const void *key)
{
	struct prefix p = {map_load_u32(key), (const u8 *)key + sizeof(u32)};
	u32 size = geom_of(map)->data_size;
	u8 head[8] = {0};

	if (likely(size == 4)) { /* IPv4 */
		p.head = (u64)__builtin_bswap32(map_load_u32(p.data)) << 32;
		return p;
	}
	memcpy(head, p.data, min(size, 8u));
	p.head = load_head(head);
	return p;
}

/* --- walks --- */

struct walk {
	u32 ref, depth; /* where it ended: 0, or the node that does not lead on */
	u32 common;
	u32 path[DEPTH_MAX];
};

/* Down to the node that is the prefix, that parts from it, or that is missing. */
static void descend(const struct trie_geom *g, const struct prefix *p, struct walk *w)
{
	struct trie_node *n;
	u32 ref = load(&g->page->root);

	w->depth = 0;
	w->common = 0;
	for (; (n = node_at(g, ref)) && w->depth < DEPTH_MAX;
	     ref = load(&n->child[prefix_bit(g, p, bits_of(g, n))])) {
		w->path[w->depth++] = ref;
		w->common = common(g, n, p);
		if (bits_of(g, n) != w->common || bits_of(g, n) == p->bits)
			break;
	}
	w->ref = n && w->depth ? ref : 0;
}

static u32 longest(const struct trie_geom *g, const struct prefix *p)
{
	u32 ref = load(&g->page->root), found = 0;
	struct trie_node *n;

	for (u32 depth = 0; (n = node_at(g, ref)) && depth < DEPTH_MAX; depth++) {
		u32 bits = bits_of(g, n);

		if (common(g, n, p) < bits)
			break;
		if (!load(&n->fork))
			found = ref;
		if (bits == g->max_bits)
			break;
		ref = load(&n->child[prefix_bit(g, p, bits)]);
	}
	return found;
}

static bool unchanged(const struct trie_geom *g, u32 version)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return load(&g->page->version) == version;
}

static void *lookup(struct bpf_map *map, const void *key)
{
	const struct trie_geom *g = geom_of(map);
	struct prefix p = prefix_of(map, key);
	u32 found = 0;

	if (p.bits > g->max_bits)
		return NULL;
	for (u32 i = 0; i < TRIES; i++) {
		u32 version = load(&g->page->version);

		found = longest(g, &p);
		if (unchanged(g, version))
			break;
	}
	return found ? value_of(g, node_at(g, found)) : NULL;
}

static int sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	const struct trie_geom *g = geom_of(map);
	struct prefix p = prefix_of(map, key);

	if (p.bits > g->max_bits)
		return -ENOENT;
	for (u32 i = 0; i < TRIES; i++) {
		u32 version = load(&g->page->version), found = longest(g, &p);

		if (found)
			race_copy(value, value_of(g, node_at(g, found)), map->value_size);
		if (unchanged(g, version))
			return found ? 0 : -ENOENT;
	}
	return 0; /* changed faster than we can read: torn, as any concurrent copy may be */
}

/* --- the pool; the lock is held --- */

static u32 pool_pop(const struct trie_geom *g)
{
	struct trie_node *n = node_at(g, g->page->free);
	u32 ref = g->page->free;

	if (n) {
		store(&g->page->free, n->free);
		return ref;
	}
	ref = g->page->fresh;
	if (ref >= g->nr_nodes)
		return 0;
	store(&g->page->fresh, ref + 1);
	return ref + 1;
}

static void pool_push(const struct trie_geom *g, u32 ref)
{
	struct trie_node *n = node_at(g, ref);

	if (!n)
		return;
	n->free = g->page->free;
	store(&g->page->free, ref);
}

/* Marks what hangs on the root; -> how many values. A node met twice is not followed. */
static u64 mark_used(const struct trie_geom *g)
{
	u32 todo[DEPTH_MAX + 1], nr = 0;
	u64 values = 0;

	todo[nr++] = load(&g->page->root);
	while (nr) {
		struct trie_node *n = node_at(g, todo[--nr]);

		if (!n || n->free == MARK)
			continue;
		n->free = MARK;
		values += !load(&n->fork);
		for (u32 i = 0; i < 2 && nr < ARRAY_SIZE(todo); i++)
			todo[nr++] = load(&n->child[i]);
	}
	return values;
}

/* A writer died: what the trie does not hold is free. */
static void rebuild(struct bpf_map *map)
{
	const struct trie_geom *g = geom_of(map);
	u32 fresh = min(load(&g->page->fresh), g->nr_nodes), head = 0;

	for (u32 ref = 1; ref <= fresh; ref++)
		node_at(g, ref)->free = 0;
	__atomic_store_n(&map->shm->used, mark_used(g), __ATOMIC_RELAXED);
	for (u32 ref = fresh; ref; ref--) {
		struct trie_node *n = node_at(g, ref);

		if (n->free == MARK)
			continue;
		n->free = head;
		head = ref;
	}
	store(&g->page->free, head);
}

/* Before a reader could be misled: by a node that is used again, too. */
static void bump(const struct trie_geom *g)
{
	store(&g->page->version, g->page->version + 1);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static int lock(struct bpf_map *map)
{
	bool stolen = false;
	int err = map->rdonly ? -EPERM : bucket_lock(&geom_of(map)->page->lock, &stolen);

	if (err)
		return err;
	bump(geom_of(map));
	if (stolen)
		rebuild(map);
	return 0;
}

static void unlock(struct bpf_map *map)
{
	bucket_unlock(&geom_of(map)->page->lock);
}

/* --- changes --- */

static u32 node_new(const struct trie_geom *g, const u8 *data, u32 bits, bool fork)
{
	u32 ref = pool_pop(g);
	struct trie_node *n = node_at(g, ref);

	if (!n)
		return 0;
	store(&n->child[0], 0);
	store(&n->child[1], 0);
	store(&n->bits, bits);
	store(&n->fork, fork);
	race_copy(n->data, data, g->data_size);
	return ref;
}

/* Where the reference to the last node but @up of the path stands. */
static u32 *link_of(const struct trie_geom *g, const struct walk *w, u32 up, const struct prefix *p)
{
	struct trie_node *parent;

	if (w->depth <= up)
		return &g->page->root;
	parent = w->depth - up >= 2 ? node_at(g, w->path[w->depth - up - 2]) : NULL;
	return parent ? &parent->child[prefix_bit(g, p, bits_of(g, parent))] : &g->page->root;
}

/* The missing child of the last node on the path. */
static u32 *free_link(const struct trie_geom *g, const struct walk *w, const struct prefix *p)
{
	struct trie_node *last = w->depth ? node_at(g, w->path[w->depth - 1]) : NULL;

	return last ? &last->child[prefix_bit(g, p, bits_of(g, last))] : &g->page->root;
}

/* @new takes the place of the node that parts from it, and has it as a child. */
static int put_above(const struct trie_geom *g, const struct walk *w, const struct prefix *p,
		     u32 new)
{
	struct trie_node *old = node_at(g, w->ref);
	u32 top = new;

	if (w->common != p->bits) {
		top = node_new(g, old->data, w->common, true);
		if (!top)
			return -ENOSPC;
		store(&node_at(g, top)->child[prefix_bit(g, p, w->common)], new);
	}
	store(&node_at(g, top)->child[bit_at(g, old->data, w->common)], w->ref);
	store(link_of(g, w, 0, p), top);
	return 0;
}

/* @new takes the place of the node with the same prefix. */
static void put_instead(const struct trie_geom *g, const struct walk *w, const struct prefix *p,
			u32 new)
{
	struct trie_node *old = node_at(g, w->ref), *n = node_at(g, new);

	store(&n->child[0], load(&old->child[0]));
	store(&n->child[1], load(&old->child[1]));
	store(link_of(g, w, 0, p), new);
	pool_push(g, w->ref);
}

static int put(struct bpf_map *map, const struct prefix *p, const void *value, u64 flags)
{
	const struct trie_geom *g = geom_of(map);
	struct trie_node *at;
	struct walk w;
	bool exact, there;
	int err = 0;
	u32 new;

	descend(g, p, &w);
	at = node_at(g, w.ref);
	exact = at && bits_of(g, at) == w.common && w.common == p->bits;
	there = exact && !load(&at->fork);
	if (flags == BPF_NOEXIST && there)
		return -EEXIST;
	if (flags == BPF_EXIST && !there)
		return -ENOENT;
	if (!there && __atomic_load_n(&map->shm->used, __ATOMIC_RELAXED) >= map->max_entries)
		return -ENOSPC;
	new = node_new(g, p->data, p->bits, false);
	if (!new)
		return -ENOSPC;
	race_copy(value_of(g, node_at(g, new)), value, map->value_size);
	if (exact)
		put_instead(g, &w, p, new);
	else if (at)
		err = put_above(g, &w, p, new);
	else
		store(free_link(g, &w, p), new);
	if (err)
		pool_push(g, new);
	else if (!there)
		__atomic_fetch_add(&map->shm->used, 1, __ATOMIC_RELAXED);
	return err;
}

static int update(struct bpf_map *map, const void *key, const void *value, u64 flags)
{
	struct prefix p = prefix_of(map, key);
	int err;

	if (flags > BPF_EXIST || p.bits > geom_of(map)->max_bits)
		return -EINVAL;
	err = lock(map);
	if (err)
		return err;
	err = put(map, &p, value, flags);
	unlock(map);
	return err;
}

static int take_out(const struct trie_geom *g, const struct prefix *p)
{
	struct trie_node *n, *parent;
	struct walk w;
	u32 child[2];

	descend(g, p, &w);
	n = node_at(g, w.ref);
	if (!n || bits_of(g, n) != w.common || w.common != p->bits || load(&n->fork))
		return -ENOENT;
	child[0] = load(&n->child[0]);
	child[1] = load(&n->child[1]);
	parent = w.depth >= 2 ? node_at(g, w.path[w.depth - 2]) : NULL;
	if (child[0] && child[1]) {
		store(&n->fork, 1);
	} else if (parent && load(&parent->fork) && !child[0] && !child[1]) {
		/* a fork with one way left is none */
		u32 side = prefix_bit(g, p, bits_of(g, parent));

		store(link_of(g, &w, 1, p), load(&parent->child[!side]));
		pool_push(g, w.path[w.depth - 2]);
		pool_push(g, w.ref);
	} else {
		store(link_of(g, &w, 0, p), child[0] ? child[0] : child[1]);
		pool_push(g, w.ref);
	}
	return 0;
}

static int delete (struct bpf_map *map, const void *key)
{
	struct prefix p = prefix_of(map, key);
	int err;

	if (p.bits > geom_of(map)->max_bits)
		return -EINVAL;
	err = lock(map);
	if (err)
		return err;
	err = take_out(geom_of(map), &p);
	if (!err)
		__atomic_fetch_sub(&map->shm->used, 1, __ATOMIC_RELAXED);
	unlock(map);
	return err;
}

/* --- iteration: children before their parent, 0 before 1 --- */

/* The first of the trie under @ref, or 0. */
static u32 first_of(const struct trie_geom *g, u32 ref)
{
	u32 found = 0;
	struct trie_node *n;

	for (u32 depth = 0; (n = node_at(g, ref)) && depth < DEPTH_MAX; depth++) {
		if (!load(&n->fork))
			found = ref;
		ref = load(&n->child[0]);
		if (!node_at(g, ref) && !load(&n->fork))
			ref = load(&n->child[1]);
	}
	return found;
}

static u32 next_of(const struct trie_geom *g, const struct prefix *p)
{
	struct trie_node *n, *parent;
	struct walk w;
	u32 right;

	descend(g, p, &w);
	n = node_at(g, w.ref);
	if (!n || bits_of(g, n) != w.common || w.common != p->bits || load(&n->fork))
		return first_of(g, load(&g->page->root));
	for (u32 at = w.depth - 1; at; at--) {
		parent = node_at(g, w.path[at - 1]);
		if (load(&parent->child[0]) == w.path[at]) {
			right = load(&parent->child[1]);
			if (node_at(g, right))
				return first_of(g, right);
		}
		if (!load(&parent->fork))
			return w.path[at - 1];
	}
	return 0;
}

static int next_key(struct bpf_map *map, const void *key, void *next)
{
	const struct trie_geom *g = geom_of(map);
	struct prefix p = key ? prefix_of(map, key) : (struct prefix){UINT32_MAX};
	struct trie_node *n = NULL;

	for (u32 i = 0; i < TRIES; i++) {
		u32 version = load(&g->page->version), bits;

		n = node_at(g, p.bits > g->max_bits ? first_of(g, load(&g->page->root))
						    : next_of(g, &p));
		if (n) {
			bits = bits_of(g, n);
			memcpy(next, &bits, sizeof(bits));
			race_copy((char *)next + sizeof(bits), n->data, g->data_size);
		}
		if (unchanged(g, version))
			break;
	}
	return n ? 0 : -ENOENT;
}

static bool release_dead(struct bpf_map *map, bool (*tid_dead)(u32 tid, void *arg), void *arg)
{
	if (!bucket_lock_break(&geom_of(map)->page->lock, tid_dead, arg) || lock(map))
		return false;
	rebuild(map);
	unlock(map);
	return false;
}

const struct bpf_map_ops map_lpm_trie_ops = {
	.name = "lpm_trie",
	.alloc_check = check,
	.shm_size = shm_size,
	.bind = bind,
	.lookup = lookup,
	.update = update,
	.delete = delete,
	.sys_lookup = sys_lookup,
	.get_next_key = next_key,
	.release_dead = release_dead,
};
