// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent_list.c - the probes of this process and where they are in place. All under agent_lock().
 *
 * A probe in a file is put into every executable mapping of the file that has its offset, now and
 * whenever one appears; its semaphore is counted up in every mapping that has that. Records are
 * never given back to the system.
 */
#include "agent/patch.h"
#include "exec/jit_code.h"
#include "shim/agent.h"
#include "shim/agent_probe.h"
#include "base/raw.h"
#include "shim/shim.h"

#define SITES AGENT_SITES
#define BATCH 64u
#define CHUNK (64u << 10)
#define NEVER (~0ull) /* a thread is lost in there: not to be used again */

static struct {
	struct agent_probe *all, *free;
	struct agent_prog *progs, *free_progs;
	char *chunk;
	u32 left;
} list;

static void *take(u32 size)
{
	void *p;

	size = round_up(size, 64u);
	if (list.left < size) {
		p = raw_mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0);
		if (IS_ERR(p))
			return NULL;
		list.chunk = p;
		list.left = CHUNK;
	}
	p = list.chunk;
	list.chunk += size;
	list.left -= size;
	return p;
}

static bool in_file(const struct agent_probe *p)
{
	return p->m.kind == PROBE_UPROBE || p->m.kind == PROBE_URETPROBE;
}

static struct agent_probe *find(u64 id)
{
	struct agent_probe *p = list.all;

	while (p && p->m.id != id)
		p = p->next;
	return p;
}

/* --- programs --- */

static struct agent_prog *prog_find(u32 id)
{
	struct agent_prog *g = list.progs;

	while (g && g->img->prog_id != id)
		g = g->next;
	return g;
}

static struct agent_prog *prog_new(struct exec_image *img)
{
	struct agent_prog *g = list.free_progs;

	if (g)
		list.free_progs = g->next;
	else
		g = take(sizeof(*g));
	if (!g)
		return NULL;
	*g = (struct agent_prog){
		.next = list.progs, .img = img, .plain = img->jit && !jit_uses_vectors(img->jit)};
	list.progs = g;
	return g;
}

static struct agent_prog *prog_get(const struct msg_probe *m, const struct client_reply *r,
				   const void *image)
{
	struct agent_prog *g = prog_find(m->prog_id);
	struct exec_image *img;

	if (!g && !m->image_len)
		return ERR_PTR(-ESTALE);
	if (!g) {
		img = shim_image_parse(r, image, m->image_len);
		if (IS_ERR(img))
			return ERR_CAST(img);
		exec_image_compile(img);
		g = prog_new(img);
		if (!g) {
			exec_image_put(img);
			return ERR_PTR(-ENOMEM);
		}
	}
	g->users++;
	return g;
}

static void prog_put(struct agent_prog *g, bool in_use)
{
	struct agent_prog **at = &list.progs;

	if (!g || --g->users)
		return;
	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	if (!in_use) /* else some thread never came back from it */
		exec_image_put(g->img);
	g->next = list.free_progs;
	list.free_progs = g;
}

/* --- hits --- */

static void on_site(void *arg, struct pt_regs *regs)
{
	struct exec_regs user = {regs->rip, regs->rsp, regs->rbp};
	struct agent_site *s = arg;

	if (hit_inside)
		return;
	if (!s->p->prog->plain)
		patch_save_vectors();
	hit_run(&s->p->hit, regs, s->addr, &user);
}

/* --- places --- */

static struct {
	struct patch_req req[BATCH];
	struct agent_site *site[BATCH];
	u32 nr;
	bool deaf; /* places in code that runs with all signals blocked at times */
} batch;

static void batch_add(void)
{
	if (!batch.nr)
		return;
	patch_lasting_traps(!batch.deaf);
	patch_add_many(batch.req, batch.nr);
	patch_lasting_traps(true);
	for (u32 i = 0; i < batch.nr; i++) {
		batch.site[i]->err = batch.req[i].err;
		batch.site[i]->patch = batch.req[i].err ? NULL : batch.req[i].patch;
	}
	batch.nr = 0;
}

/* Not relocated, or no signal to be had, when it was tried the first time, perhaps. */
static bool may_change(int err)
{
	return err == -EILSEQ || err == -EADDRNOTAVAIL || err == -ENOMEM || err == -ENOSPC;
}

static void want_site(struct agent_probe *p, u64 addr, bool deaf)
{
	struct agent_site *s = NULL;

	for (u32 i = 0; i < SITES; i++) {
		if (p->site[i].addr == addr) {
			p->site[i].seen = true;
			if (p->site[i].patch || !may_change(p->site[i].err))
				return;
			s = &p->site[i];
			break;
		}
		if (!p->site[i].addr && !s)
			s = &p->site[i];
	}
	if (!s)
		return;
	*s = (struct agent_site){.p = p, .addr = addr, .seen = true};
	if (batch.deaf != deaf)
		batch_add();
	batch.deaf = deaf;
	batch.site[batch.nr] = s;
	batch.req[batch.nr++] = (struct patch_req){
		.addr = (void *)addr,
		.plan = &p->plan,
		.hit = {.fn = on_site, .arg = s, .ret = p->m.kind == PROBE_URETPROBE},
	};
	if (batch.nr == BATCH)
		batch_add();
}

static void want_sem(struct agent_probe *p, u64 addr)
{
	struct agent_sem *free = NULL;

	for (u32 i = 0; i < SITES; i++) {
		if (p->sem[i].at == (u16 *)addr) {
			p->sem[i].seen = true;
			return;
		}
		if (!p->sem[i].at && !free)
			free = &p->sem[i];
	}
	if (!free)
		return;
	*free = (struct agent_sem){(u16 *)addr, true};
	__atomic_add_fetch(free->at, 1, __ATOMIC_SEQ_CST);
}

static bool has_offset(const struct map_line *l, u64 offset)
{
	return offset >= l->off && offset - l->off < l->end - l->start;
}

static void look_at(void *arg, const struct map_line *l)
{
	if (!l->ino || (!l->exec && !(l->write && !l->shared)))
		return;
	for (struct agent_probe *p = list.all; p; p = p->next) {
		if (p->m.ino != l->ino || p->orphan || !in_file(p) ||
		    !maps_is_file(l, p->m.dev, p->m.ino))
			continue;
		if (l->exec && has_offset(l, p->m.offset))
			want_site(p, l->start + p->m.offset - l->off, maps_is_libc(l));
		if (l->write && !l->shared && p->m.ref_ctr_offset &&
		    has_offset(l, p->m.ref_ctr_offset))
			want_sem(p, l->start + p->m.ref_ctr_offset - l->off);
	}
}

/* Memory that is not there any more keeps no places. */
static void drop_unseen(struct agent_probe *p)
{
	for (u32 i = 0; i < SITES; i++) {
		struct agent_site *s = &p->site[i];

		if (p->sem[i].at && !p->sem[i].seen)
			p->sem[i].at = NULL;
		if (!s->addr || s->addr == NEVER || s->seen)
			continue;
		if (s->patch) {
			patch_unmapped(s->addr, s->addr + 1);
			if (patch_del(s->patch) == -EBUSY) {
				*s = (struct agent_site){.p = p, .addr = NEVER};
				continue;
			}
		}
		*s = (struct agent_site){};
	}
}

void agent_list_place(void)
{
	bool any = false;

	agent_sys_place(list.all);
	agent_time_place(list.all);
	agent_proc_place(list.all);
	for (struct agent_probe *p = list.all; p; p = p->next) {
		any |= in_file(p);
		for (u32 i = 0; i < SITES; i++)
			p->site[i].seen = p->sem[i].seen = false;
	}
	if (!any || maps_each(look_at, NULL))
		return;
	batch_add();
	for (struct agent_probe *p = list.all; p; p = p->next)
		if (in_file(p))
			drop_unseen(p);
}

void agent_list_failures(struct msg_probe_ack *ack)
{
	for (struct agent_probe *p = list.all; p; p = p->next) {
		for (u32 i = 0; i < SITES; i++) {
			const struct agent_site *s = &p->site[i];

			if (!s->addr || s->addr == NEVER || s->patch)
				continue;
			ack->failed = p->m.id;
			ack->err = s->err;
			ack->nr_failed++;
		}
	}
}

bool agent_list_has_files(void)
{
	for (struct agent_probe *p = list.all; p; p = p->next)
		if (in_file(p) || agent_probe_is_sys(p))
			return true;
	return false;
}

/* --- coming and going --- */

int agent_list_add(const struct msg_probe *m, const void *plan, const struct client_reply *r,
		   const void *image)
{
	struct agent_probe *p = find(m->id);

	if (p) {
		p->marked = false; /* a parent's, which is ours as well */
		return 0;
	}
	p = list.free ?: take(sizeof(*p));
	if (!p)
		return -ENOMEM;
	if (p == list.free)
		list.free = p->next;
	*p = (struct agent_probe){.m = *m};
	p->prog = prog_get(m, r, image);
	if (IS_ERR(p->prog) ||
	    (in_file(p) && (m->plan_len != sizeof(p->plan) ||
			    !site_plan_valid(memcpy(&p->plan, plan, sizeof(p->plan)))))) {
		int err = IS_ERR(p->prog) ? PTR_ERR(p->prog) : -EINVAL;

		if (!IS_ERR(p->prog))
			prog_put(p->prog, false);
		p->next = list.free;
		list.free = p;
		return err;
	}
	p->hit.img = p->prog->img;
	p->hit.host = shim_host();
	p->hit.cookie = m->cookie;
	p->next = list.all;
	list.all = p;
	return 0;
}

static void sems_down(struct agent_probe *p)
{
	for (u32 i = 0; i < SITES; i++)
		if (p->sem[i].at)
			__atomic_sub_fetch(p->sem[i].at, 1, __ATOMIC_SEQ_CST);
	memset(p->sem, 0, sizeof(p->sem));
}

/* Takes what is in @gone out of the code. True: some thread has not left it. */
static bool sites_out(struct agent_probe *gone)
{
	bool busy = false;
	struct patch_req req[BATCH];
	u32 n = 0;

	for (struct agent_probe *p = gone;; p = p->next) {
		for (u32 i = 0; p && i < SITES; i++)
			if (p->site[i].patch)
				req[n++].patch = p->site[i].patch;
		if (n && (!p || n > BATCH - SITES)) {
			patch_del_many(req, n);
			while (n)
				busy |= req[--n].err == -EBUSY;
		}
		if (!p)
			return busy;
	}
}

static void account(struct agent_probe *p)
{
	struct msg_probe_stats s = {
		.prog_id = p->m.prog_id,
		.runs = __atomic_exchange_n(&p->hit.runs, 0, __ATOMIC_RELAXED),
		.ns = __atomic_exchange_n(&p->hit.ns, 0, __ATOMIC_RELAXED),
		.missed = __atomic_exchange_n(&p->hit.missed, 0, __ATOMIC_RELAXED)};

	if (s.runs || s.missed)
		agent_account(&s);
}

void agent_list_account(void)
{
	for (struct agent_probe *p = list.all; p; p = p->next)
		account(p);
}

/* Mappings may have gone unnoticed: nothing is written to what came in their place. */
static void end_all(struct agent_probe *gone)
{
	bool busy;

	for (struct agent_probe *p = gone; p; p = p->next) {
		__atomic_store_n(&p->hit.dead, 1, __ATOMIC_RELEASE);
		sems_down(p);
	}
	busy = sites_out(gone);
	agent_sys_place(list.all);
	agent_time_place(list.all);
	agent_proc_place(list.all);
	busy |= !hit_quiesce(1000);
	while (gone) {
		struct agent_probe *next = gone->next;

		account(gone);
		prog_put(gone->prog, busy);
		if (!busy) {
			gone->next = list.free;
			list.free = gone;
		}
		gone = next;
	}
}

static u32 take_out(bool (*which)(const struct agent_probe *p, u64 first, u64 n), u64 first, u64 n)
{
	struct agent_probe **at = &list.all, *gone = NULL, *p;
	u32 count = 0;

	while ((p = *at)) {
		if (!which(p, first, n)) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		p->next = gone;
		gone = p;
		count++;
	}
	if (gone)
		end_all(gone);
	return count;
}

static bool has_id(const struct agent_probe *p, u64 first, u64 n)
{
	return p->m.id - first < n;
}

static bool is_marked(const struct agent_probe *p, u64 first, u64 n)
{
	return p->marked;
}

static bool is_any(const struct agent_probe *p, u64 first, u64 n)
{
	return true;
}

u32 agent_list_del(u64 first, u64 n)
{
	agent_list_place();
	return take_out(has_id, first, n);
}

void agent_list_mark(void)
{
	for (struct agent_probe *p = list.all; p; p = p->next)
		p->marked = true;
}

void agent_list_sweep(void)
{
	take_out(is_marked, 0, 0);
}

void agent_list_clear(void)
{
	if (!list.all)
		return;
	agent_list_place();
	take_out(is_any, 0, 0);
}

/* What was for the parent only does nothing here from the first moment on. */
void agent_list_after_fork(void)
{
	for (struct agent_probe *p = list.all; p; p = p->next) {
		p->orphan = p->m.flags & MSG_PROBE_PID;
		if (p->orphan)
			p->hit.dead = 1;
	}
}
