/* SPDX-License-Identifier: BSD-2-Clause */
/* image.c - program images from the service, bound to this process, and what a program running here
 * may ask of it (struct exec_host). */
#include "agent/patch.h"
#include "exec/exec.h"
#include "map/heap.h"
#include "map/map_kind.h"
#include "base/raw.h"
#include "shim/shim.h"

#define TAIL_CACHE   64u
#define BTF_SHOW_MAX 4096u

/* One mapping holds it all: struct, name, insns, subprogs, maps[], and the records that keep the
 * maps' views. */
struct image {
	struct exec_image img;
	size_t size;
	u16 test_run, max_ctx_offset;
	struct fd_obj **views;
};

/* Programs reached by tail calls, by id; a prog array's shared memory says which id a slot holds
 * now. */
static struct {
	u32 lock;
	u32 next;
	struct {
		u32 id;
		u64 shm_ino;
		struct exec_image *img;
	} slot[TAIL_CACHE];
} tail;

static struct image *image_of(const struct exec_image *img)
{
	return container_of(img, struct image, img);
}

void shim_image_test(const struct exec_image *img, u32 *kind, u32 *max_ctx_offset)
{
	*kind = image_of(img)->test_run;
	*max_ctx_offset = image_of(img)->max_ctx_offset;
}

static void image_release(struct exec_image *img)
{
	struct image *im = image_of(img);

	for (u32 i = 0; i < img->nr_maps; i++)
		fdtab_put(shim.fds, im->views[i]);
	raw_munmap(im, im->size);
}

void shim_image_put(struct exec_image *img)
{
	exec_image_put(img);
}

static struct image *image_alloc(const struct msg_image *m)
{
	u64 insns = m->len * (u64)sizeof(struct bpf_insn),
	    maps = m->nr_maps * 2ull * sizeof(void *);
	u64 subprogs = m->nr_subprogs * (u64)sizeof(struct exec_subprog);
	u64 size = sizeof(struct image) + maps + insns + MSG_PAD(subprogs);
	struct image *im =
		raw_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (IS_ERR(im))
		return ERR_PTR(-ENOMEM);
	im->size = size;
	im->views = (void *)(im + 1);
	im->img.maps = (void *)(im->views + m->nr_maps);
	im->img.insns = (void *)(im->img.maps + m->nr_maps);
	im->img.subprogs = (void *)(im->img.insns + m->len);
	return im;
}

/* Objects that values own are in a heap, which came with the program. A view keeps the first it gets: there is only
 * one. */
static void bind_heap(struct image *im, struct fd_obj *view)
{
	struct bpf_map *map = view->map;
	struct fd_obj *none = NULL;

	for (u32 i = 0; i < im->img.nr_maps && map->attr.nr_roots && !view->heap; i++) {
		struct fd_obj *heap = im->views[i];

		if (heap->map->map_type != MAP_TYPE_HEAP || heap->map->id != map->attr.heap_id)
			continue;
		__atomic_add_fetch(&heap->refs, 1, __ATOMIC_RELAXED);
		if (__atomic_compare_exchange_n(&view->heap, &none, heap, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			__atomic_store_n(&map->heap, heap->map, __ATOMIC_RELEASE);
		else
			fdtab_put(shim.fds, heap);
	}
}

static int image_maps(struct image *im, const struct msg_map *maps, u32 nr,
		      const struct client_reply *reply)
{
	for (u32 i = 0; i < nr; i++) {
		struct fd_obj *view;

		if (maps[i].index >= reply->nr_fds)
			return -EIO;
		view = fdtab_map_view(shim.fds, &maps[i].attr, reply->fds[maps[i].index],
				      maps[i].flags & MSG_MAP_RDONLY);
		if (IS_ERR(view))
			return PTR_ERR(view);
		im->views[i] = view;
		im->img.maps[i] = view->map;
		im->img.nr_maps = i + 1;
	}
	for (u32 i = 0; i < nr; i++)
		bind_heap(im, im->views[i]);
	return 0;
}

struct exec_image *shim_image_parse(const struct client_reply *reply, const void *body, u32 len)
{
	const struct msg_image *m = body;
	const struct msg_subprog *subs;
	const struct bpf_insn *insns;
	struct image *im;
	u64 need;
	int err;

	if (len < sizeof(*m))
		return ERR_PTR(-EIO);
	need = sizeof(*m) + m->len * 8ull + m->nr_subprogs * (u64)sizeof(*subs) +
	       m->nr_maps * (u64)sizeof(struct msg_map);
	if (len < need)
		return ERR_PTR(-EIO);
	im = image_alloc(m);
	if (IS_ERR(im))
		return ERR_CAST(im);
	insns = (const void *)(m + 1);
	subs = (const void *)(insns + m->len);
	memcpy(im->img.insns, insns, m->len * sizeof(*insns));
	for (u32 i = 0; i < m->nr_subprogs; i++)
		im->img.subprogs[i] = (struct exec_subprog){.start = subs[i].start,
							    .stack_depth = subs[i].stack_depth};
	memcpy(im->img.name, m->name, sizeof(im->img.name));
	im->test_run = m->test_run;
	im->max_ctx_offset = m->max_ctx_offset;
	im->img.refs = 1;
	im->img.prog_id = m->prog_id;
	im->img.prog_type = m->prog_type;
	im->img.attach_type = m->attach_type;
	im->img.len = m->len;
	im->img.nr_subprogs = m->nr_subprogs;
	im->img.release = image_release;
	err = image_maps(im, (const void *)(subs + m->nr_subprogs), m->nr_maps, reply);
	if (!err)
		err = exec_image_bind(&im->img);
	if (!err)
		return &im->img;
	image_release(&im->img);
	return ERR_PTR(err);
}

static struct exec_image *fetch(u32 type, const void *body, u32 len, int fd)
{
	struct iovec iov = {(void *)body, len};
	struct client_req req = {.type = type, .iov = &iov, .nr_iov = 1, .fds = &fd, .nr_fds = 1};
	struct client_reply reply;
	struct exec_image *img;
	int err = client_call(&shim.client, &req, &reply);

	if (err)
		return ERR_PTR(err);
	img = reply.result < 0 ? ERR_PTR(reply.result)
			       : shim_image_parse(&reply, reply.body, reply.len);
	client_done(&reply);
	return img;
}

/* Cached, unless another thread's is. */
static void keep(struct fd_obj *prog, struct exec_image *img)
{
	struct exec_image *none = NULL;

	exec_image_get(img);
	if (!__atomic_compare_exchange_n(&prog->image, &none, img, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		exec_image_put(img);
}

struct exec_image *shim_image(struct fd_obj *prog, int prog_fd)
{
	struct exec_image *img = __atomic_load_n(&prog->image, __ATOMIC_ACQUIRE);

	if (img)
		return exec_image_get(img);
	img = fetch(MSG_IMAGE, NULL, 0, prog_fd);
	if (!IS_ERR(img))
		keep(prog, img);
	return img;
}

void shim_image_tell(struct fd_obj *prog, const struct client_reply *reply, const void *body,
		     u64 len)
{
	struct exec_image *img = shim_image_parse(reply, body, len);

	if (IS_ERR(img))
		return; /* who runs it asks */
	keep(prog, img);
	exec_image_put(img);
}

/* host */

static void host_printk(void *arg, const char *text, u32 len)
{
	struct msg_printk head = {.tid = raw3(SYS_gettid, 0, 0, 0)};
	struct iovec iov[] = {{&head, sizeof(head)}, {(void *)text, min(len, 1024u)}};
	struct client_req req = {.type = MSG_PRINTK, .iov = iov, .nr_iov = 2};
	struct client_reply reply;

	raw3(SYS_getcpu, &head.cpu, NULL, NULL);
	if (!client_call(&shim.client, &req, &reply))
		client_done(&reply);
}

static void host_view_changed(struct exec_run *run, u64 group)
{
	struct msg_view_changed m = {.group = group};
	struct iovec iov = {&m, sizeof(m)};
	struct client_req req = {.type = MSG_VIEW_CHANGED, .iov = &iov, .nr_iov = 1};
	struct client_reply reply;

	if (!client_call(&shim.client, &req, &reply))
		client_done(&reply);
}

static void tail_lock(void)
{
	while (__atomic_exchange_n(&tail.lock, 1, __ATOMIC_ACQUIRE))
		raw3(SYS_sched_yield, 0, 0, 0);
}

static void tail_unlock(void)
{
	__atomic_store_n(&tail.lock, 0, __ATOMIC_RELEASE);
}

void shim_images_after_fork(void)
{
	tail_unlock();
}

static struct exec_image *tail_find(u32 id, u64 shm_ino)
{
	struct exec_image *img = NULL;

	tail_lock();
	for (u32 i = 0; i < TAIL_CACHE && !img; i++)
		if (tail.slot[i].img && tail.slot[i].id == id && tail.slot[i].shm_ino == shm_ino)
			img = exec_image_get(tail.slot[i].img);
	tail_unlock();
	return img;
}

static void tail_keep(u32 id, u64 shm_ino, struct exec_image *img)
{
	struct exec_image *old;
	u32 i;

	tail_lock();
	i = tail.next++ % TAIL_CACHE;
	old = tail.slot[i].img;
	tail.slot[i].id = id;
	tail.slot[i].shm_ino = shm_ino;
	tail.slot[i].img = exec_image_get(img);
	tail_unlock();
	exec_image_put(old);
}

/* The memfd of a view, as proof that we may use the map. */
static const struct exec_image *tail_fetch(struct bpf_map *map, u32 index, u32 id)
{
	struct msg_tail_target req = {.map_id = map->id, .index = index};
	struct fd_obj *view = map->priv;
	struct exec_image *img;

	img = fetch(MSG_TAIL_TARGET, &req, sizeof(req), map->memfd);
	if (IS_ERR(img))
		return NULL;
	if (img->prog_id == id)
		tail_keep(id, view->shm_ino, img);
	return img;
}

static const struct exec_image *host_tail_target(void *arg, struct bpf_map *map, u32 index)
{
	u32 id = map_prog_array_id(map, index);
	struct fd_obj *view = map->priv;
	const struct exec_image *img;

	if (!id)
		return NULL;
	img = tail_find(id, view->shm_ino);
	return img ?: tail_fetch(map, index, id);
}

/* How large the object is only the service knows: as much as can be read goes there. */
static long host_btf_show(void *arg, u32 btf_id, const void *obj, u64 flags,
			  int (*emit)(void *out, const char *s, size_t n), void *out)
{
	struct msg_btf_show head = {.type_id = btf_id, .flags = flags};
	char copy[BTF_SHOW_MAX];
	u32 len = sizeof(copy), to_page = 4096 - (uintptr_t)obj % 4096;
	struct iovec iov[] = {{&head, sizeof(head)}, {copy, 0}};
	struct client_req req = {.type = MSG_BTF_SHOW, .iov = iov, .nr_iov = 2};
	struct client_reply reply;
	long ret;

	if (fault_copy(copy, obj, len)) {
		len = min(to_page, len);
		if (fault_copy(copy, obj, len))
			return -EFAULT;
	}
	iov[1].iov_len = len;
	ret = client_call(&shim.client, &req, &reply);
	if (ret)
		return ret;
	ret = reply.result;
	if (ret >= 0 && reply.len)
		emit(out, reply.body, reply.len);
	client_done(&reply);
	return ret;
}

const struct exec_host *shim_host(void)
{
	static const struct exec_host host = {
		.trace_printk = host_printk,
		.tail_target = host_tail_target,
		.inner_map = shim_inner_map,
		.return_address = patch_return_address,
		.timer = shim_timer,
		.call_tests = shim_call_tests,
		.wake = shim_wake,
		.view_changed = host_view_changed,
		.btf_show = host_btf_show,
		.sys_bpf = host_sys_bpf,
		.sys_close = host_sys_close,
		.btf_find = host_btf_find,
		.ksym_find = host_ksym_find,
	};

	return &host;
}
