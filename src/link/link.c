/* SPDX-License-Identifier: BSD-2-Clause */
#include "link/link.h"
#include "link/link_kind.h"

static void set_id(struct obj *o, u32 id)
{
	obj_to_link(o)->id = id;
}

static void release(struct obj *o)
{
	struct bpf_link *l = obj_to_link(o);

	if (l->ops->release)
		l->ops->release(l);
	/* the pointer stays for readers that still see the link; the program's memory outlives them
	 * too */
	if (l->prog)
		obj_put(&l->prog->obj);
}

static void link_free(struct obj *o)
{
	struct bpf_link *l = obj_to_link(o);

	pthread_mutex_destroy(&l->lock);
	l->ops->dealloc(l);
}

const struct obj_class link_class = {
	.name = "link",
	.kind = OBJ_LINK,
	.set_id = set_id,
	.release = release,
	.free = link_free,
};

void link_init(struct bpf_link *l, enum bpf_link_type type, const struct bpf_link_ops *ops,
	       struct bpf_prog *prog)
{
	l->id = 0;
	l->type = type;
	l->ops = ops;
	l->prog = prog;
	obj_init(&l->obj, &link_class);
	pthread_mutex_init(&l->lock, NULL);
}

void link_discard(struct bpf_link *l)
{
	obj_put(&l->prog->obj);
	pthread_mutex_destroy(&l->lock);
}

/* --- what kinds share --- */

/* Only a program for the same target may take over (kernel: bpf_iter_link_replace). */
int link_replace_prog(struct bpf_link *link, struct bpf_prog *new_prog, struct bpf_prog *old_prog)
{
	struct bpf_prog *cur;
	int err = 0;

	pthread_mutex_lock(&link->lock);
	cur = link->prog;
	if (old_prog && cur != old_prog)
		err = -EPERM;
	else if (cur->type != new_prog->type ||
		 cur->expected_attach_type != new_prog->expected_attach_type ||
		 cur->aux->attach_btf_id != new_prog->aux->attach_btf_id)
		err = -EINVAL;
	else
		WRITE_ONCE(link->prog, new_prog);
	pthread_mutex_unlock(&link->lock);
	if (!err)
		obj_put(&cur->obj);
	return err;
}

int link_put_name(const char *name, u64 ubuf, u32 *len,
		  int (*str_out)(void *, u64, const char *, u32), void *arg)
{
	u32 room = *len, need = strlen(name) + 1;
	char cut[BPF_OBJ_NAME_LEN * 2];
	int err;

	if (!room != !ubuf)
		return -EINVAL;
	*len = need;
	if (!ubuf)
		return 0;
	if (room >= need)
		return str_out(arg, ubuf, name, need);
	room = min(room, (u32)sizeof(cut));
	memcpy(cut, name, room - 1);
	cut[room - 1] = 0;
	err = str_out(arg, ubuf, cut, room);
	return err ? err : -ENOSPC;
}
