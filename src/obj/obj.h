/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_OBJ_H
#define USERBPF_OBJ_H
/*
 * obj.h - objects, ids, references, handles (DESIGN D2). Knows no concrete kind.
 *
 * An object lives while somebody holds a reference: a handle (client fd), a pin, a link, a program,
 * a map. obj_publish() gives it an id of its kind; GET_FD_BY_ID and GET_NEXT_ID find it until the
 * last reference goes. Then class->release() drops what it refers to (in the caller's thread, no
 * lock held), and class->free() gives back the memory after an RCU grace period, because iterator
 * programs read objects under rcu_read_lock() (liburcu-bp) through BTF pointers.
 *
 * A handle is a memfd of size 0, opened read-write and given away; the table keeps an fd of its own, which counts for no writer,
 * per inode and an inotify watch for IN_CLOSE. When F_SETLEASE/F_RDLCK succeeds nobody has it open:
 * the handle's one reference is dropped. A restricted handle (BPF_F_RDONLY/WRONLY) is a second
 * inode of the same object. Identity is (st_dev, st_ino).
 *
 * Locking: the table's mutex covers ids and handles, is held briefly, never across class callbacks.
 * obj_get/obj_put are lock-free.
 */
#include <sys/types.h>
#include "base/base.h"
#include "base/list.h"

struct obj;
struct obj_table;

enum obj_kind { OBJ_PROG, OBJ_MAP, OBJ_LINK, OBJ_BTF, OBJ_KINDS, OBJ_PERF_EVENT, OBJ_PERF_RING };

struct obj_class {
	const char *name;    /* "prog", "map", "link", "btf" ...; names the handle's memfd */
	enum obj_kind kind;  /* from OBJ_KINDS on: an object that only has handles and is never published */
	void (*set_id)(struct obj *o, u32 id); /* mirror the id into the struct programs see; called by obj_publish, may be NULL */
	void (*release)(struct obj *o); /* last reference gone: drop references to others; may block; no lock held */
	void (*free)(struct obj *o);	/* after the grace period: give back memory */
	/* a reference went and others are left: for objects that can be part of a ring of
	 * references. May block; may drop more; may be NULL */
	void (*dropped)(struct obj *o);
	u32 (*holds)(const struct obj *o, const struct obj *other); /* references of @other that @o has; of programs: of maps; may be NULL */
};

struct obj {
	const struct obj_class *class;
	struct obj_table *table; /* NULL until published */
	u32 id;
	u32 refs;		 /* atomic */
	struct list handles;	 /* under table lock */
	void *priv_node;	 /* src/obj: rcu and id bookkeeping */
	struct fs_inode *inode;	 /* first bpffs inode it was pinned to, for views; under fs lock */
};

/* What a handle allows (open mode of the fd). */
#define HANDLE_READ 1u
#define HANDLE_WRITE 2u
#define HANDLE_RW 3u

/* Characters of object names: the kernel's isalnum() knows Latin-1, and '_' and '.' are allowed. */
static inline bool obj_name_char(u8 c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= 0xc0 && c != 0xd7 && c != 0xf7) ||
	       c == '_' || c == '.';
}

struct obj_table *obj_table_new(void); /* NULL: no memory or no fds */
/*
 * Drops all handles, waits for RCU. Returns how many objects somebody still holds: 0, or the caller
 * leaked (the table then stays allocated for them).
 */
u32 obj_table_free(struct obj_table *t);
u32 obj_table_live(struct obj_table *t); /* published objects whose memory was not given back yet */
int obj_table_event_fd(struct obj_table *t); /* readable when handles were closed: call obj_table_reap() */
void obj_table_reap(struct obj_table *t);    /* drops the references of handles nobody holds any more */
/* The handle with this inode was closed: returns when what hung on it is gone, or when somebody else holds it still. */
void obj_table_settle(struct obj_table *t, dev_t dev, ino_t ino);
void obj_table_stats(struct obj_table *t, u32 count[OBJ_KINDS], u32 *handles);

void obj_init(struct obj *o, const struct obj_class *class); /* one reference, no id */
int obj_publish(struct obj_table *t, struct obj *o);	     /* id > 0, ascending as in the kernel (cyclic); -ENOMEM/-ENOSPC */
struct obj *obj_get(struct obj *o);			     /* NULL stays NULL */
struct obj *obj_get_unless_zero(struct obj *o);		     /* NULL when it is dying */
void obj_put(struct obj *o);				     /* NULL is fine */
struct obj *obj_by_id(struct obj_table *t, enum obj_kind kind, u32 id); /* referenced, or NULL */
/* Smallest published id >= @start of @kind with a reference taken (iterators, GET_NEXT_ID: start
 * = last + 1); NULL at the end */
struct obj *obj_next(struct obj_table *t, enum obj_kind kind, u32 start);

/*
 * A new fd for @o with @perm (HANDLE_*), O_CLOEXEC, owned by the caller; the handle takes its own
 * reference. -errno.
 */
int handle_open(struct obj_table *t, struct obj *o, u32 perm);
/* The object behind @fd, referenced; *perm set when not NULL. ERR_PTR(-EBADF): not a handle of
 * this table. */
struct obj *handle_lookup(struct obj_table *t, int fd, u32 *perm);

#endif
