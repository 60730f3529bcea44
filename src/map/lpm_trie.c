/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lpm_trie.c - BPF_MAP_TYPE_LPM_TRIE: the value of the longest prefix that matches.
 *
 * Shared memory: [header page: struct map_shm, then struct trie_page][table][nodes]. A key is a number of bits
 * and the bits; a node holds one, its children by the next bit, and a value unless it only forks.
 *
 * There is a trie for each first byte (slot); the 255 prefixes that are shorter than a byte have a place
 * each (shorts), where a binary heap would have them, and come after the others: a walk begins eight
 * levels down, and only who finds nothing there looks at the shorts. A link (u64) says where the node is, how many bits it
 * has and whether it only forks, so that a reader knows which child comes next before it has seen the node. On a way
 * down bits only grow: that is what ends a walk in a trie that a hostile peer has tied into a ring.
 *
 * Readers take no lock: a walk is good when the version is the same before and after. Writers hold
 * the lock and bump the version first (a node that was taken out before then is in nobody's way any more); whatever they do to the trie is one
 * store, so it is whole when one dies, and who takes the lock over finds the lost nodes by looking
 * which ones the trie has (rebuild()). What a link says is bounded when it is read.
 */
#include "map/bucket_lock.h"
#include "map/map_kind.h"

#define FLAGS	  (BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | MAP_ACCESS_FLAGS)
#define DATA_MAX  256u
#define BITS_MAX  (8 * DATA_MAX)
#define TRIES	  1024
#define MARK	  UINT64_MAX
#define NODES_MAX (UINT32_MAX - 1)
/* Of the kernel's node: decides what is too big. */
#define KERNEL_NODE 40u

/* A link: offset of the node, a multiple of 8, << 13 | LINK_SET | LINK_FORK | bits. 0: none. */
#define LINK_BITS  0xfffu
#define LINK_FORK  0x1000u
#define LINK_SET   0x2000u
#define LINK_SHIFT 13
_Static_assert(BITS_MAX <= LINK_BITS, "a link has room for the number of bits");

struct trie_page {
	u32 lock;
	u32 version;
	u32 fresh; /* nodes from here on were never used */
	u32 pad;
	u64 free; /* offset + 1 of the first of a list through node.free */
};

#define SLOTS 256u

struct trie_table {
	u64 slot[SLOTS];   /* links, by the first byte */
	u64 shorts[SLOTS]; /* 1 << bits | those bits */
};
_Static_assert(sizeof(struct trie_table) == MAP_PAGE, "the table is a page");

struct trie_node {
	u64 free;
	u64 child[2]; /* links */
	u8 data[];    /* then the value, aligned to 8 */
};

struct trie_geom {
	struct trie_page *page;
	struct trie_table *table;
	char *nodes;
	u64 node_size, last; /* offset of the last node */
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
	return min(2 * (u64)attr->max_entries + 2, (u64)NODES_MAX);
}

static u64 shm_size(const struct map_attr *attr)
{
	return 2 * MAP_PAGE + map_page_up(nr_nodes(attr) * node_size(attr));
}

static int bind(struct bpf_map *map)
{
	struct trie_geom *g = geom_of(map);

	g->page = (void *)((char *)map->shm + MAP_OWN_PART);
	g->table = (void *)((char *)map->shm + MAP_PAGE);
	g->nodes = (char *)map->shm + 2 * MAP_PAGE;
	g->node_size = node_size(&map->attr);
	g->nr_nodes = nr_nodes(&map->attr);
	g->last = (g->nr_nodes - 1) * g->node_size;
	g->data_size = map->key_size - sizeof(u32);
	g->max_bits = 8 * g->data_size;
	g->value_off = value_off(&map->attr);
	map->value_off = 2 * MAP_PAGE + g->value_off;
	map->elem_stride = round_up(map->value_size, 8);
	return 0;
}

/* --- links and nodes --- */

static u64 load(const u64 *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static void store(u64 *p, u64 v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static struct trie_node *node_at(const struct trie_geom *g, u64 off)
{
	return off <= g->last ? (void *)(g->nodes + (off & ~7ull)) : NULL;
}

static inline u32 bits_of(u64 link)
{
	return link & LINK_BITS;
}

/* The node that @link leads to, or NULL. */
static inline struct trie_node *follow(const struct trie_geom *g, u64 link)
{
	return likely(link) ? node_at(g, link >> LINK_SHIFT) : NULL;
}

static u64 link_to(const struct trie_geom *g, const struct trie_node *n, u32 bits)
{
	return (u64)((const char *)n - g->nodes) << LINK_SHIFT | LINK_SET | bits;
}

static char *value_of(const struct trie_geom *g, struct trie_node *n)
{
	return (char *)n + g->value_off;
}

static u64 load_head(const u8 *data)
{
	u64 v;

	race_copy(&v, data, sizeof(v));
	return __builtin_bswap64(v);
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "heads are big-endian numbers");

/* --- prefixes --- */

/* Bits are numbered from the most significant of the first byte; behind the last: 0. */
static u32 bit_at(const struct trie_geom *g, const u8 *data, u32 i)
{
	return i < g->max_bits ? data[i / 8] >> (7 - i % 8) & 1 : 0;
}

static inline u32 prefix_bit(const struct trie_geom *g, const struct prefix *p, u32 i)
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

/* How many of the first @limit bits, at most the prefix's, the two have in common. A node's data is followed by room
 * up to 8 bytes. */
static u32 common(const struct trie_geom *g, const struct trie_node *n, const struct prefix *p,
		  u32 limit)
{
	u64 differ = load_head(n->data) ^ p->head;

	if (unlikely(!differ && limit > 64))
		return common_tail(g, n, p, limit);
	return min(limit, differ ? (u32)__builtin_clzll(differ) : 64u);
}

static inline bool matches(const struct trie_geom *g, const struct trie_node *n,
			   const struct prefix *p, u32 bits)
{
	if (unlikely(bits > 64))
		return common(g, n, p, bits) == bits;
	return !((load_head(n->data) ^ p->head) >> (64 - bits));
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

/* --- where walks begin --- */

#define SHORT_MAX 7u /* bits of a prefix that is less than a byte */

static u64 *slot_of(const struct trie_geom *g, const struct prefix *p)
{
	return &g->table->slot[p->head >> 56];
}

static u64 *short_of(const struct trie_geom *g, u32 slot, u32 bits)
{
	return &g->table->shorts[1u << bits | slot >> (8 - bits)];
}

/* --- reading --- */

static u64 longest_short(const struct trie_geom *g, const struct prefix *p)
{
	for (u32 bits = min(p->bits, SHORT_MAX) + 1; bits--;) {
		u64 link = load(short_of(g, p->head >> 56, bits));

		if (follow(g, link))
			return link;
	}
	return 0;
}

static inline u64 longest(const struct trie_geom *g, const struct prefix *p)
{
	u64 link = load(slot_of(g, p)), found = 0;
	u32 more_than = SHORT_MAX;

	for (;;) {
		struct trie_node *n = node_at(g, link >> LINK_SHIFT);
		u32 bits = bits_of(link);

		/* no link has no bits, what is longer than the key is none of it */
		if (bits <= more_than || bits > p->bits || !n || !matches(g, n, p, bits))
			break;
		if (!(link & LINK_FORK))
			found = link;
		if (bits == p->bits)
			break;
		link = load(&n->child[prefix_bit(g, p, bits)]);
		more_than = bits;
	}
	return likely(found) ? found : longest_short(g, p);
}

static inline u32 version_of(const struct trie_geom *g)
{
	return __atomic_load_n(&g->page->version, __ATOMIC_ACQUIRE);
}

static inline bool unchanged(const struct trie_geom *g, u32 version)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return likely(version_of(g) == version);
}

static void *lookup(struct bpf_map *map, const void *key)
{
	const struct trie_geom *g = geom_of(map);
	struct prefix p = prefix_of(map, key);
	u64 found = 0;

	if (p.bits > g->max_bits)
		return NULL;
	for (u32 i = 0; i < TRIES; i++) {
		u32 version = version_of(g);

		found = longest(g, &p);
		if (unchanged(g, version))
			break;
	}
	return found ? value_of(g, follow(g, found)) : NULL;
}

static int sys_lookup(struct bpf_map *map, const void *key, void *value, u64 flags)
{
	const struct trie_geom *g = geom_of(map);
	struct prefix p = prefix_of(map, key);

	if (p.bits > g->max_bits)
		return -ENOENT;
	for (u32 i = 0; i < TRIES; i++) {
		u32 version = version_of(g);
		u64 found = longest(g, &p);

		if (found)
			race_copy(value, value_of(g, follow(g, found)), map->value_size);
		if (unchanged(g, version))
			return found ? 0 : -ENOENT;
	}
	return 0; /* changed faster than we can read: torn, as any concurrent copy may be */
}

/* --- the pool; the lock is held --- */

static struct trie_node *pool_pop(const struct trie_geom *g)
{
	u64 free = load(&g->page->free);
	struct trie_node *n = free ? node_at(g, free - 1) : NULL;
	u32 fresh;

	if (n) {
		store(&g->page->free, n->free);
		return n;
	}
	fresh = g->page->fresh;
	if (fresh >= g->nr_nodes)
		return NULL;
	__atomic_store_n(&g->page->fresh, fresh + 1, __ATOMIC_RELEASE);
	return node_at(g, fresh * g->node_size);
}

static void pool_push(const struct trie_geom *g, struct trie_node *n)
{
	n->free = load(&g->page->free);
	store(&g->page->free, (u64)((char *)n - g->nodes) + 1);
}

/* Marks what hangs on @link, at most *left nodes; -> how many values. A node met twice is not followed. */
static u64 mark_used(const struct trie_geom *g, u64 link, u64 *left)
{
	u64 todo[BITS_MAX + 2], values = 0;
	u32 nr = 0;

	todo[nr++] = link;
	while (nr && *left) {
		struct trie_node *n = follow(g, link = todo[--nr]);

		if (!n || n->free == MARK)
			continue;
		n->free = MARK;
		--*left;
		values += !(link & LINK_FORK);
		for (u32 i = 0; i < 2 && nr < ARRAY_SIZE(todo); i++)
			todo[nr++] = load(&n->child[i]);
	}
	return values;
}

/* A writer died: what the trie does not hold is free. */
static void rebuild(struct bpf_map *map)
{
	const struct trie_geom *g = geom_of(map);
	u32 fresh = min(__atomic_load_n(&g->page->fresh, __ATOMIC_ACQUIRE), g->nr_nodes);
	u64 used = 0, left = g->nr_nodes;

	for (u32 i = 0; i < fresh; i++)
		node_at(g, i * g->node_size)->free = 0;
	for (u32 i = 0; i < SLOTS; i++)
		used += mark_used(g, load(&g->table->slot[i]), &left) +
			mark_used(g, load(&g->table->shorts[i]), &left);
	__atomic_store_n(&map->shm->used, used, __ATOMIC_RELAXED);
	store(&g->page->free, 0);
	for (u32 i = fresh; i--;)
		if (node_at(g, i * g->node_size)->free != MARK)
			pool_push(g, node_at(g, i * g->node_size));
}

/* Before a reader could be misled: by a node that is used again, too. */
static void bump(const struct trie_geom *g)
{
	__atomic_store_n(&g->page->version, g->page->version + 1, __ATOMIC_RELEASE);
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

/* Where a prefix is, or would be. */
struct place {
	u64 *at;  /* the link that leads there */
	u64 link; /* what it says, and the node; 0, NULL: nobody is there */
	struct trie_node *n;
	u64 *up; /* the link to the node that @at is in, and that node; NULL in the table */
	u64 up_link;
	struct trie_node *parent;
	u32 common; /* bits of the prefix that the node there begins with */
};

/* Down to the node that is the prefix, that parts from it, or that is missing. */
static struct place descend(const struct trie_geom *g, const struct prefix *p)
{
	struct place w = {slot_of(g, p)};
	struct trie_node *n;

	if (p->bits <= SHORT_MAX) {
		w.at = short_of(g, p->head >> 56, p->bits);
		w.link = load(w.at);
		w.n = follow(g, w.link);
		w.common = p->bits;
		return w;
	}
	for (u32 more_than = SHORT_MAX;;) {
		u64 link = load(w.at);
		u32 bits = bits_of(link);

		n = follow(g, link);
		if (!n || bits <= more_than || bits > g->max_bits)
			return w;
		w.common = common(g, n, p, min(bits, p->bits));
		if (w.common < bits || bits == p->bits) {
			w.link = link;
			w.n = n;
			return w;
		}
		w.up = w.at;
		w.up_link = link;
		w.parent = n;
		w.at = &n->child[prefix_bit(g, p, bits)];
		more_than = bits;
	}
}

static bool is_exact(const struct place *w, const struct prefix *p)
{
	return w->n && bits_of(w->link) == p->bits && w->common == p->bits;
}

static struct trie_node *node_new(const struct trie_geom *g, const u8 *data)
{
	struct trie_node *n = pool_pop(g);

	if (!n)
		return NULL;
	store(&n->child[0], 0);
	store(&n->child[1], 0);
	race_copy(n->data, data, g->data_size);
	return n;
}

/* @new takes the place of the node that parts from it, and has it as a child; or a fork has both. */
static int put_above(const struct trie_geom *g, const struct place *w, const struct prefix *p,
		     struct trie_node *new)
{
	struct trie_node *old = w->n, *top = new;
	u64 link = link_to(g, new, p->bits);

	if (w->common != p->bits) {
		top = node_new(g, old->data);
		if (!top)
			return -ENOSPC;
		store(&top->child[prefix_bit(g, p, w->common)], link);
		link = link_to(g, top, w->common) | LINK_FORK;
	}
	store(&top->child[bit_at(g, old->data, w->common)], w->link);
	store(w->at, link);
	return 0;
}

/* @new takes the place of the node with the same prefix. */
static void put_instead(const struct trie_geom *g, const struct place *w, const struct prefix *p,
			struct trie_node *new)
{
	struct trie_node *old = w->n;

	store(&new->child[0], load(&old->child[0]));
	store(&new->child[1], load(&old->child[1]));
	store(w->at, link_to(g, new, p->bits));
	pool_push(g, old);
}

/* A value of a word is replaced by one store; the bits behind the prefix are those of the last update. */
static bool write_at_once(const struct bpf_map *map, struct trie_node *n, const struct prefix *p,
			  const void *value)
{
	const struct trie_geom *g = geom_of(map);
	u64 v = 0;

	if (map->value_size > sizeof(v) || !race_equal(n->data, p->data, g->data_size))
		return false;
	memcpy(&v, value, map->value_size); /* there is room for a word */
	store((u64 *)value_of(g, n), v);
	return true;
}

static int put(struct bpf_map *map, const struct prefix *p, const void *value, u64 flags)
{
	const struct trie_geom *g = geom_of(map);
	struct place w = descend(g, p);
	bool exact = is_exact(&w, p), there = exact && !(w.link & LINK_FORK);
	struct trie_node *new;
	int err = 0;

	if (flags == BPF_NOEXIST && there)
		return -EEXIST;
	if (flags == BPF_EXIST && !there)
		return -ENOENT;
	if (there && write_at_once(map, w.n, p, value))
		return 0;
	if (!there && __atomic_load_n(&map->shm->used, __ATOMIC_RELAXED) >= map->max_entries)
		return -ENOSPC;
	new = node_new(g, p->data);
	if (!new)
		return -ENOSPC;
	race_copy(value_of(g, new), value, map->value_size);
	if (exact)
		put_instead(g, &w, p, new);
	else if (w.n)
		err = put_above(g, &w, p, new);
	else
		store(w.at, link_to(g, new, p->bits));
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
	struct place w = descend(g, p);
	u64 child[2];

	if (!is_exact(&w, p) || w.link & LINK_FORK)
		return -ENOENT;
	child[0] = load(&w.n->child[0]);
	child[1] = load(&w.n->child[1]);
	if (child[0] && child[1]) {
		store(w.at, w.link | LINK_FORK);
		return 0;
	}
	if (w.parent && w.up_link & LINK_FORK && !child[0] && !child[1]) {
		/* a fork with one way left is none */
		store(w.up, load(&w.parent->child[w.at == &w.parent->child[0]]));
		pool_push(g, w.parent);
	} else {
		store(w.at, child[0] ? child[0] : child[1]);
	}
	pool_push(g, w.n);
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

/* The first of the trie behind @link, or 0. */
static u64 first_of(const struct trie_geom *g, u64 link)
{
	struct trie_node *n;
	u64 found = 0;

	for (u32 more_than = 0; (n = follow(g, link)) && bits_of(link) > more_than;) {
		bool fork = link & LINK_FORK;

		if (!fork)
			found = link;
		more_than = bits_of(link);
		link = load(&n->child[0]);
		if (!link && !fork)
			link = load(&n->child[1]);
	}
	return found;
}

/* The first behind @slot; of the shorts that end with it those of at most @bits bits. */
static u64 first_behind(const struct trie_geom *g, u32 slot, int bits)
{
	for (;; bits = SHORT_MAX) {
		u64 link;

		for (; bits >= 0 && !((slot + 1) & ((1u << (8 - bits)) - 1)); bits--) {
			link = load(short_of(g, slot, bits));
			if (follow(g, link))
				return link;
		}
		if (++slot >= SLOTS)
			return 0;
		link = first_of(g, load(&g->table->slot[slot]));
		if (link)
			return link;
	}
}

static u64 first(const struct trie_geom *g)
{
	return first_of(g, load(&g->table->slot[0])) ?: first_behind(g, 0, SHORT_MAX);
}

static u64 behind_short(const struct trie_geom *g, const struct prefix *p)
{
	u32 slot = p->head >> 56, wide = 8 - p->bits;

	if (!follow(g, load(short_of(g, slot, p->bits))))
		return first(g);
	return first_behind(g, slot | ((1u << wide) - 1), (int)p->bits - 1);
}

/* The one behind @p; without @p among them, the first. */
static u64 next_of(const struct trie_geom *g, const struct prefix *p)
{
	u64 link = load(slot_of(g, p)), right = 0, up = 0;
	u32 more_than = SHORT_MAX, bits;

	if (p->bits <= SHORT_MAX)
		return behind_short(g, p);
	for (;; more_than = bits) {
		struct trie_node *n = follow(g, link);
		u32 side;

		bits = bits_of(link);
		if (!n || bits <= more_than || bits > p->bits || !matches(g, n, p, bits))
			return first(g);
		if (bits == p->bits)
			break;
		side = prefix_bit(g, p, bits);
		if (!side && load(&n->child[1])) {
			right = load(&n->child[1]);
		} else if (!(link & LINK_FORK)) {
			right = 0;
			up = link;
		}
		link = load(&n->child[side]);
	}
	if (link & LINK_FORK)
		return first(g);
	return (right ? first_of(g, right) : up) ?: first_behind(g, p->head >> 56, SHORT_MAX);
}

static int next_key(struct bpf_map *map, const void *key, void *next)
{
	const struct trie_geom *g = geom_of(map);
	struct prefix p = key ? prefix_of(map, key) : (struct prefix){UINT32_MAX};
	u64 link = 0;

	for (u32 i = 0; i < TRIES; i++) {
		u32 version = version_of(g), bits;

		link = p.bits > g->max_bits ? first(g) : next_of(g, &p);
		if (link) {
			bits = min(bits_of(link), g->max_bits);
			memcpy(next, &bits, sizeof(bits));
			race_copy((char *)next + sizeof(bits), follow(g, link)->data, g->data_size);
		}
		if (unchanged(g, version))
			break;
	}
	return link ? 0 : -ENOENT;
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
