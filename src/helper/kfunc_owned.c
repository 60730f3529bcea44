/* SPDX-License-Identifier: BSD-2-Clause */
#include "helper/kfunc_owned.h"
#include "map/heap.h"

/* The last of the image's maps (prog.c). */
static struct bpf_map *heap_of(const struct exec_run *run)
{
	const struct exec_image *img = run->image;
	struct bpf_map *last = img->nr_maps ? img->maps[img->nr_maps - 1] : NULL;

	return last && (u32)last->map_type == MAP_TYPE_HEAP ? last : NULL;
}

void *owned_new(struct exec_run *run, u64 size)
{
	return heap_new(heap_of(run), size);
}

void owned_drop(struct exec_run *run, void *obj)
{
	heap_drop(heap_of(run), obj);
}

void *owned_acquire(struct exec_run *run, void *obj)
{
	return heap_acquire(heap_of(run), obj);
}

int owned_push(struct exec_run *run, void *head, void *node, u64 at, bool back)
{
	return heap_list_push(heap_of(run), head, node, heap_at(at), back);
}

void *owned_pop(struct exec_run *run, void *head, u64 at, bool back)
{
	return heap_list_pop(heap_of(run), head, heap_at(at), back);
}

void *owned_end(struct exec_run *run, void *head, u64 at, bool back)
{
	return heap_list_end(heap_of(run), head, heap_at(at), back);
}

struct less {
	struct exec_run *run;
	u64 func;
};

static int call_less(void *a, void *b, void *arg)
{
	const struct less *l = arg;
	bool less = exec_callback(l->run, l->func, (u64)a, (u64)b, 0, 0, 0);

	/* what callbacks say then means nothing, and the tree's order is others' */
	return exec_stopped(l->run) ? -EINTR : less;
}

int owned_add(struct exec_run *run, void *root, void *node, u64 less, u64 at)
{
	struct less l = {run, less};

	return heap_tree_add(heap_of(run), root, node, heap_at(at), call_less, &l);
}

void *owned_remove(struct exec_run *run, void *root, void *node, u64 at)
{
	return heap_tree_remove(heap_of(run), root, node, heap_at(at));
}

void *owned_first(struct exec_run *run, void *root, u64 at)
{
	return heap_tree_first(heap_of(run), root, heap_at(at));
}

void *owned_root(struct exec_run *run, void *root, u64 at)
{
	return heap_tree_root(heap_of(run), root, heap_at(at));
}

void *owned_step(struct exec_run *run, void *root, void *node, u64 at, bool right)
{
	return heap_tree_step(heap_of(run), root, node, heap_at(at),
			      right ? HEAP_RIGHT : HEAP_LEFT);
}
