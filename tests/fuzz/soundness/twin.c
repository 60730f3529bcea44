/* SPDX-License-Identifier: BSD-2-Clause */
/* twin.c - the rewritten program on the machine's inputs (twin.h), interpreted or compiled. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "base/slot.h"
#include "exec/context.h"
#include "exec/fault.h"
#include "helper/kfunc_test.h"
#include "map/kptr.h"
#include "machine.h"
#include "world.h"

#define PAGE 4096

/* One twin per process: the handlers of signals and helpers find it here. */
static struct twin {
	struct world *world;
	u8 *base[RG_END]; /* where the regions are; NULL: not here */
	u8 *pkt_page, *record_page[RECORDS];
	u8 pkt[SP_PKT_SIZE];
	u32 pkt_len, meta_len, pkt_epoch;
	struct sk_buff skb;
	struct xdp_buff xdp;
	u64 args[12]; /* of an iterator */
	u8 key[16];
	struct machine *m; /* while it runs */
	u32 at;		   /* next entry of the log */
	char why[300];
	sigjmp_buf out;
	volatile sig_atomic_t running, ticks;
} twin;

/* The other program of a tail call. */
static struct bpf_insn target_insns[2];
static struct exec_image target_image;

/* --- failing --- */

static void __attribute__((noreturn, format(printf, 1, 2))) differs(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(twin.why, sizeof(twin.why), fmt, ap);
	va_end(ap);
	siglongjmp(twin.out, 1);
}

static void on_fault(int sig, siginfo_t *info, void *ucontext)
{
	if (info->si_code > 0 && fault_handle(ucontext))
		return;
	if (!twin.running) {
		signal(sig, SIG_DFL);
		return;
	}
	snprintf(twin.why, sizeof(twin.why), "fault at %p", info->si_addr);
	siglongjmp(twin.out, 1);
}

static void on_tick(int sig)
{
	if (!twin.running) {
		twin.ticks = 0;
		return;
	}
	if (++twin.ticks < 20)
		return;
	snprintf(twin.why, sizeof(twin.why), "does not end");
	siglongjmp(twin.out, 1);
}

static void install_handlers(void)
{
	struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGBUS, &fault, NULL);
}

/* --- the helpers --- */

static u8 *real(u64 a)
{
	u8 *base = a >> FAR < RG_END ? twin.base[a >> FAR] : NULL;

	return base ? base + (s64)((a & ((1ull << FAR) - 1)) - LOW) : NULL;
}

static void set_packet(u32 meta_len, u32 pkt_len, u32 epoch)
{
	u8 *meta = twin.pkt_page + PAGE - (meta_len + pkt_len);

	memcpy(twin.pkt, twin.pkt_page + PAGE - (twin.meta_len + twin.pkt_len),
	       twin.meta_len + twin.pkt_len);
	memcpy(meta, twin.pkt, meta_len + pkt_len);
	twin.base[RG_PKT + twin.pkt_epoch] = NULL;
	twin.base[RG_PKT + epoch] = meta;
	twin.meta_len = meta_len;
	twin.pkt_len = pkt_len;
	twin.pkt_epoch = epoch;
	twin.skb.data_meta = twin.xdp.data_meta = meta;
	twin.skb.data = twin.xdp.data = meta + meta_len;
	twin.skb.data_end = twin.xdp.data_end = meta + meta_len + pkt_len;
	twin.skb.head = twin.pkt_page;
	twin.skb.end = twin.pkt_page + PAGE;
	twin.xdp.data_hard_start = twin.pkt_page;
	twin.xdp.data_hard_end = twin.pkt_page + PAGE;
	twin.skb.len = pkt_len;
	twin.skb.mac_header = twin.skb.network_header = twin.skb.data - twin.skb.head;
}

/* bpf_loop() may have become a loop of the program itself. */
static void skip_loops(void)
{
	const struct happening *l = &twin.m->log;

	while (twin.at < l->n && l->at[twin.at].id == BPF_FUNC_loop)
		twin.at++;
}

/* @r: arguments, NULL: not looked at */
static const struct happened *next_happened(s32 id, const u64 *r)
{
	const struct happening *l = &twin.m->log;
	const struct happened *h;

	if (id != BPF_FUNC_loop)
		skip_loops();
	while (id == BPF_FUNC_loop && twin.at + 1 < l->n && l->at[twin.at].id == id &&
	       l->at[twin.at].arg[0] != r[0])
		twin.at++; /* became a loop of the program */
	h = &l->at[twin.at];
	if (twin.at >= l->n)
		differs("calls helper %d once more", id);
	if (h->id != id)
		differs("calls helper %d, not %d", id, h->id);
	twin.at++;
	return h;
}

static void check_args(const struct happened *h, const u64 *r)
{
	for (u32 i = 0; i < h->nr_args; i++) {
		if (h->how[i] == SAME && r[i] != h->arg[i])
			differs("gives helper %d as argument %u %#llx, not %#llx", h->id, i + 1,
				(unsigned long long)r[i], (unsigned long long)h->arg[i]);
		if (h->how[i] == ADDRESS && twin.base[region_of(h->arg[i])] &&
		    real(h->arg[i]) != (u8 *)r[i])
			differs("gives helper %d as argument %u another address", h->id, i + 1);
	}
}

static u64 callbacks(const struct happened *h, const u64 *r, struct exec_run *run)
{
	u32 i = 0;
	u64 stop;

	for (; i < h->rounds; i++) {
		memset(twin.key, 0, sizeof(twin.key));
		twin.key[0] = i;
		stop = h->map < 0 ? exec_callback(run, r[1], i, r[2], 0, 0, 0)
				  : exec_callback(run, r[1], (u64)&twin.world->map[h->map],
						  (u64)twin.key,
						  (u64)twin.base[value_region(h->map, i)], r[2], 0);
		if (stop) {
			i++;
			break;
		}
	}
	return i;
}

static void place_record(u32 n, u32 size)
{
	twin.base[RG_RECORD + n] = twin.record_page[n] + PAGE - (size + 7) / 8 * 8;
}

/* Fields of the twin are real ones. */
static u64 exchange(const struct happened *h, const u64 *r)
{
	void *got = kptr_xchg((void *)r[0], (u32)r[2], (void *)r[1]);

	if (got != (h->r0_address ? real(h->r0) : NULL))
		differs("takes another object out of a map");
	return (u64)got;
}

static u64 replay(s32 id, const u64 *r, struct exec_run *run)
{
	const struct happened *h = next_happened(id, r);

	check_args(h, r);
	if (id == BPF_FUNC_kptr_xchg)
		return exchange(h, r);
	if (h->callback)
		return callbacks(h, r, run);
	if (h->copy == 1)
		memmove((void *)r[h->at - 1], real(h->other), h->size);
	else if (h->copy)
		memmove(real(h->other), (void *)r[h->at - 1], h->size);
	else if (h->at)
		memcpy((void *)r[h->at - 1], twin.m->log.bytes + h->from, h->size);
	if (h->id == BPF_FUNC_map_update_elem && h->elem >= 0)
		memmove(twin.base[RG_VALUE + h->elem], (void *)r[2],
			sp_maps[h->elem / ELEMS].value);
	if (h->moved)
		set_packet(h->meta_len, h->pkt_len, h->pkt_epoch);
	if (h->record)
		place_record(h->record - 1, (u32)r[1]);
	return h->r0_address ? (u64)real(h->r0) : h->r0;
}

/* The interpreter does not say which helper it calls: one function for each. */
#define ONE(n)                                                                              \
	static u64 helper_##n(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct exec_run *run) \
	{                                                                                   \
		const u64 r[] = {r1, r2, r3, r4, r5};                                       \
                                                                                            \
		return replay(0x##n, r, run);                                               \
	}
#define NAME(n) helper_##n,
#define SIXTEEN(each, n)                                                                        \
	each(n##0) each(n##1) each(n##2) each(n##3) each(n##4) each(n##5) each(n##6) each(n##7) \
		each(n##8) each(n##9) each(n##a) each(n##b) each(n##c) each(n##d) each(n##e)    \
			each(n##f)
#define ALL(each)        \
	SIXTEEN(each, 0) \
	SIXTEEN(each, 1) \
	SIXTEEN(each, 2) \
	SIXTEEN(each, 3) \
	SIXTEEN(each, 4) \
	SIXTEEN(each, 5) \
	SIXTEEN(each, 6) \
	SIXTEEN(each, 7) \
	SIXTEEN(each, 8) \
	SIXTEEN(each, 9) \
	SIXTEEN(each, a) \
	SIXTEEN(each, b) SIXTEEN(each, c) SIXTEEN(each, d) SIXTEEN(each, e) SIXTEEN(each, f)
ALL(ONE)
static helper_fn replayed[EXEC_NR_HELPERS] = {ALL(NAME)};

static const struct exec_image *tail_target(void *arg, struct bpf_map *map, u32 index)
{
	const struct happened *h = next_happened(-1, NULL);

	if (map != &twin.world->map[MAP_PROGS] || (h->how[2] == SAME && (u32)h->arg[2] != index))
		differs("tail call to %u, not %u", index, (u32)h->arg[2]);
	return h->taken ? exec_image_get(&target_image) : NULL;
}

/* --- set-up --- */

/* Memory that ends at a page nobody may touch. */
static u8 *guarded_page(void)
{
	u8 *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + PAGE, PAGE, PROT_NONE))
		return NULL;
	return p;
}

static int values_init(struct world *w)
{
	for (u32 map = 0; map < SP_MAPS; map++) {
		struct bpf_map *real_map = &w->map[map];

		twin.base[RG_HANDLE + map] = (u8 *)real_map;
		for (u32 e = 0; sp_maps[map].key && map != MAP_OUTER && e < sp_maps[map].entries;
		     e++) {
			u32 size = (sp_maps[map].value + 7) / 8 * 8;
			u8 *page = guarded_page();

			if (!page)
				return -ENOMEM;
			twin.base[value_region(map, e)] = page + PAGE - size;
			if (sp_maps[map].entries == 1)
				twin.base[value_region(map, e)] =
					real_map->ops->direct_value(real_map, 0);
		}
	}
	return 0;
}

int twin_init(struct world *w)
{
	struct itimerval tick = {{0, 100000}, {0, 100000}};
	struct sigaction on = {.sa_handler = on_tick, .sa_flags = SA_NODEFER};
	static u8 any[1 << 14];
	unsigned long number = 0;

	twin.world = w;
	twin.pkt_page = guarded_page();
	if (values_init(w) || !twin.pkt_page)
		return -ENOMEM;
	for (u32 i = 0; i < RECORDS; i++) {
		twin.record_page[i] = guarded_page();
		if (!twin.record_page[i])
			return -ENOMEM;
	}
	twin.base[RG_KEY] = twin.key;
	twin.base[RG_ANY] = any;
	for (u32 i = 0; i < OBJECTS; i++) {
		twin.base[RG_OBJECT + i] = (u8 *)bpf_kfunc_call_test_acquire(&number);
		bpf_kfunc_call_test_release((void *)twin.base[RG_OBJECT + i]);
	}
	for (u32 i = 0; i < 2 * OBJ_MEM_SIZES; i++)
		twin.base[RG_OBJ_MEM + i] = twin.base[RG_OBJECT];
	twin.base[RG_MEMBER] = twin.base[RG_OBJECT] + offsetof(struct prog_test_ref_kfunc, memb);
	for (u32 i = 0; i < ARRAY_SIZE(replayed); i++)
		if (i >= BPF_FUNC_int_skb_load_8)
			replayed[i] = exec_helpers[i];
	target_insns[0] =
		(struct bpf_insn){.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_get_prandom_u32};
	target_insns[1] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
	target_image = (struct exec_image){
		.refs = 1, .len = 2, .insns = target_insns, .helpers = replayed, .bound = true};
	sigaction(SIGVTALRM, &on, NULL);
	setitimer(ITIMER_VIRTUAL, &tick, NULL);
	return 0;
}

static void image_release(struct exec_image *img)
{
	free(img->insns);
	free(img->maps);
	free(img);
}

struct exec_image *twin_image(const struct vfy_prog *v)
{
	struct exec_image *img = calloc(1, sizeof(*img));

	if (!img)
		return NULL;
	img->refs = 1;
	img->release = image_release;
	img->prog_type = v->type;
	img->len = v->len;
	img->nr_maps = v->nr_maps;
	img->helpers = replayed;
	img->insns = malloc(v->len * sizeof(*img->insns));
	img->maps = calloc(v->nr_maps + 1, sizeof(*img->maps));
	if (!img->insns || !img->maps) {
		image_release(img);
		return NULL;
	}
	memcpy(img->insns, v->insns, v->len * sizeof(*img->insns));
	memcpy(img->maps, v->used_maps, v->nr_maps * sizeof(*img->maps));
	if (exec_image_bind(img)) { /* what is wrong shows when it runs */
		img->insns[0] = (struct bpf_insn){.code = 0xff};
		img->bound = true;
	}
	exec_image_compile(img);
	install_handlers();
	return img;
}

/* Copies the machine's bytes; addresses are of the twin. */
static void take_over(u8 *to, const u8 *from, const u8 *shadow, u32 size)
{
	memcpy(to, from, size);
	for (u32 i = 0; i + 8 <= size; i += 8)
		if (shadow[i] & SH_ADDR) {
			u64 a = (u64)real(load(from + i, 8));

			memcpy(to + i, &a, 8);
		}
}

void twin_begin(const struct machine *m)
{
	u32 n;
	const struct ctx_place *p = ctx_places(m->p->type, &n);
	u8 *ctx = m->p->type == BPF_PROG_TYPE_XDP	? (u8 *)&twin.xdp
		  : m->p->type == BPF_PROG_TYPE_TRACING ? (u8 *)twin.args
							: (u8 *)&twin.skb;

	for (u32 i = 0; i < SP_MAPS * ELEMS; i++)
		if (m->rg[RG_VALUE + i].mem && !m->rg[RG_VALUE + i].rdonly)
			memcpy(twin.base[RG_VALUE + i], m->values[i], m->rg[RG_VALUE + i].size);
	for (u32 i = 0; sp_has_kptrs && i < SP_KPTRS; i++) {
		const struct sp_kptr *k = &sp_kptrs[i];
		u64 v = load(m->values[MAP_KPTR * ELEMS] + k->off, 8);

		kptr_store(twin.base[value_region(MAP_KPTR, 0)] + k->off, k->type, real(v));
	}
	take_over(twin.base[RG_OBJECT], m->object, m->object_shadow,
		  sizeof(struct prog_test_ref_kfunc));
	memset(&twin.skb, 0, sizeof(twin.skb));
	memset(&twin.xdp, 0, sizeof(twin.xdp));
	for (u32 i = 0; i < n; i++)
		memcpy(ctx + p[i].kern, m->ctx + p[i].off, p[i].kern_size);
	twin.args[0] = (u64)twin.base[RG_ANY];
	twin.args[1] = m->iter_object ? (u64)twin.base[RG_HANDLE + MAP_ARRAY] : 0;
	twin.base[RG_CTX] = ctx;
	set_packet(m->meta_len, m->pkt_len, m->pkt_epoch);
	memcpy(twin.base[RG_PKT + m->pkt_epoch], m->pkt, m->meta_len + m->pkt_len);
	memcpy(twin.pkt, m->pkt, sizeof(twin.pkt));
}

/* --- comparing --- */

static bool region_differs(struct machine *m, const char *what, const u8 *mine, const u8 *shadow,
			   const u8 *its, u32 size)
{
	for (u32 i = 0; i < size; i++)
		if (!(shadow[i] & (SH_JUNK | SH_ADDR | SH_REST)) && mine[i] != its[i])
			return !violation(m, "rewritten, it leaves %#x in byte %u of %s, not %#x",
					  its[i], i, what, mine[i]);
	return false;
}

static bool context_differs(struct machine *m)
{
	u32 n;
	const struct ctx_place *p = ctx_places(m->p->type, &n);

	for (u32 i = 0; i < n; i++)
		if (region_differs(m, "the context", m->ctx + p[i].off, m->ctx_shadow + p[i].off,
				   twin.base[RG_CTX] + p[i].kern, p[i].kern_size))
			return true;
	return false;
}

static bool memory_differs(struct machine *m)
{
	for (u32 i = 0; i < SP_MAPS * ELEMS; i++)
		if (m->rg[RG_VALUE + i].mem &&
		    region_differs(m, "a map value", m->values[i], m->values_shadow[i],
				   twin.base[RG_VALUE + i], m->rg[RG_VALUE + i].size))
			return true;
	for (u32 i = 0; i < m->nr_records; i++)
		if (region_differs(m, "a record", m->record[i], m->record_shadow[i],
				   twin.base[RG_RECORD + i], m->rg[RG_RECORD + i].size))
			return true;
	return region_differs(m, "the object", m->object, m->object_shadow, twin.base[RG_OBJECT],
			      sizeof(struct prog_test_ref_kfunc)) ||
	       context_differs(m) ||
	       region_differs(m, "the packet", m->pkt, m->pkt_shadow,
			      twin.base[RG_PKT + m->pkt_epoch], m->meta_len + m->pkt_len);
}

bool twin_compiled(const struct exec_image *img)
{
	return img->jit;
}

bool twin_run(struct machine *m, struct exec_image *img, bool interpreted)
{
	struct exec_host host = {.tail_target = tail_target};
	struct exec_run run = {.host = &host};
	struct jit_code *const jit = img->jit;
	enum how how = m->f[0].how[0];
	u64 mine = m->f[0].regs[0], its;
	u32 n;

	if (!ctx_places(m->p->type, &n) && m->p->type != BPF_PROG_TYPE_TRACING)
		return true;
	twin.m = m;
	twin.at = 0;
	twin.ticks = 0;
	if (sigsetjmp(twin.out, 0)) {
		twin.running = 0;
		img->jit = jit;
		slot_leave();
		return violation(m, "rewritten, it %s", twin.why);
	}
	if (interpreted)
		img->jit = NULL;
	twin.running = 1;
	its = exec_run(img, twin.base[RG_CTX], &run);
	twin.running = 0;
	img->jit = jit;
	if (how == SAME && its != mine)
		return violation(m, "rewritten, it returns %#llx, not %#llx",
				 (unsigned long long)its, (unsigned long long)mine);
	skip_loops();
	if (twin.at != m->log.n)
		return violation(m, "rewritten, it calls no helper %d at the end",
				 m->log.at[twin.at].id);
	return !memory_differs(m);
}

/* --- the log --- */

struct happened *happens(struct machine *m, s32 id, u32 nr_args)
{
	struct happening *l = &m->log;
	const struct cframe *f = &m->f[m->depth];
	struct happened *h = &l->at[l->n];

	if (l->n + 1 < MAX_HAPPENED)
		l->n++;
	else
		l->full = true;
	*h = (struct happened){.id = id, .nr_args = nr_args, .elem = -1};
	for (u32 i = 0; i < 5; i++) {
		h->arg[i] = f->regs[i + 1];
		h->how[i] = f->how[i + 1];
	}
	return h;
}
