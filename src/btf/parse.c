/* SPDX-License-Identifier: BSD-2-Clause */
/* parse.c - from bytes to struct btf: header, sections, then the checks of check.c and
 * resolve.c; life of the object; lookup by name. */
#include <stdio.h>
#include <stdlib.h>

#include "btf/priv.h"

/* --- header and sections --- */

static void log_header(struct btf_env *env)
{
	const struct btf_header *h = &env->btf->hdr;

	btf_log(env, "magic: 0x%x\n", h->magic);
	btf_log(env, "version: %u\n", h->version);
	btf_log(env, "flags: 0x%x\n", h->flags);
	btf_log(env, "hdr_len: %u\n", h->hdr_len);
	btf_log(env, "type_off: %u\n", h->type_off);
	btf_log(env, "type_len: %u\n", h->type_len);
	btf_log(env, "str_off: %u\n", h->str_off);
	btf_log(env, "str_len: %u\n", h->str_len);
	btf_log(env, "btf_total_size: %u\n", env->btf->data_size);
}

static int refuse(struct btf_env *env, int err, const char *reason)
{
	btf_log(env, "%s", reason);
	return err;
}

/* Two sections, in any order, that fill what follows the header without gap or overlap. */
static int check_sections(struct btf_env *env)
{
	const struct btf_header *h = &env->btf->hdr;
	struct {
		u32 off, len;
	} sec[2] = {{h->type_off, h->type_len}, {h->str_off, h->str_len}};
	u32 i, total = 0, expected = env->btf->data_size - h->hdr_len;
	bool swap = (int)(sec[0].off - sec[1].off) > 0 ||
		    (sec[0].off == sec[1].off && (int)(sec[0].len - sec[1].len) > 0);

	for (i = 0; i < 2; i++) {
		u32 off = sec[i ^ swap].off, len = sec[i ^ swap].len;

		if (expected < off)
			return refuse(env, -EINVAL, "Invalid section offset");
		if (total < off)
			return refuse(env, -EINVAL, "Unsupported section found");
		if (total > off)
			return refuse(env, -EINVAL, "Section overlap found");
		if (expected - total < len)
			return refuse(env, -EINVAL, "Total section length too long");
		total += len;
	}
	return expected == total ? 0 : refuse(env, -EINVAL, "Unsupported section found");
}

static bool all_zero(const u8 *p, const u8 *end)
{
	while (p < end && !*p)
		p++;
	return p >= end;
}

static int check_header(struct btf_env *env)
{
	struct btf *btf = env->btf;
	const struct btf_header *h = &btf->hdr;
	u32 len;

	if (btf->data_size < offsetofend(struct btf_header, hdr_len))
		return refuse(env, -EINVAL, "hdr_len not found");
	memcpy(&len, (u8 *)btf->data + offsetof(struct btf_header, hdr_len), sizeof(len));
	if (btf->data_size < len)
		return refuse(env, -EINVAL, "btf_header not found");
	if (len > sizeof(*h) && !all_zero((u8 *)btf->data + sizeof(*h), (u8 *)btf->data + len))
		return refuse(env, -E2BIG, "Unsupported btf_header");
	memcpy(&btf->hdr, btf->data, min(len, (u32)sizeof(*h)));
	log_header(env);
	if (h->magic != BTF_MAGIC)
		return refuse(env, -EINVAL, "Invalid magic");
	if (h->version != BTF_VERSION)
		return refuse(env, -ENOTSUPP, "Unsupported version");
	if (h->flags)
		return refuse(env, -ENOTSUPP, "Unsupported flags");
	if (!btf->base_btf && btf->data_size == len)
		return refuse(env, -EINVAL, "No data");
	return check_sections(env);
}

static int check_strings(struct btf_env *env)
{
	struct btf *btf = env->btf;
	const struct btf_header *h = &btf->hdr;
	const char *start = (char *)btf->nohdr_data + h->str_off;

	if (start + h->str_len != (char *)btf->data + btf->data_size)
		return refuse(env, -EINVAL, "String section is not at the end");
	btf->strings = start;
	if (btf->base_btf && !h->str_len)
		return 0;
	if (!h->str_len || h->str_len - 1 > BTF_MAX_NAME_OFFSET || start[h->str_len - 1])
		return refuse(env, -EINVAL, "Invalid string section");
	if (!btf->base_btf && start[0])
		return refuse(env, -EINVAL, "Invalid string section");
	return 0;
}

static int check_types(struct btf_env *env)
{
	const struct btf_header *h = &env->btf->hdr;
	int err;

	if (h->type_off & 3)
		return refuse(env, -EINVAL, "Unaligned type_off");
	if (!env->btf->base_btf && !h->type_len)
		return refuse(env, -EINVAL, "No type found");
	err = btf_check_metas(env);
	if (err)
		return err;
	return env->btf->kernel_btf ? btf_check_ids(env) : btf_resolve_all(env);
}

/* --- life --- */

static struct btf_priv *priv_of(const struct btf *btf)
{
	return btf->priv;
}

static void btf_free(struct btf *btf)
{
	struct btf_priv *p = priv_of(btf);

	if (btf->heap)
		btf->heap_put(btf->heap);
	if (p) {
		free(p->mem);
		free(p->bucket);
		free(p->next);
		free(p);
	}
	free(btf->types);
	free(btf->resolved_ids);
	free(btf->resolved_sizes);
	free(btf);
}

static struct btf *to_btf(struct obj *o)
{
	return container_of(o, struct btf, obj);
}

static void class_set_id(struct obj *o, u32 id)
{
	to_btf(o)->id = id;
}

static void class_release(struct obj *o)
{
	btf_put(to_btf(o)->base_btf);
}

static void class_free(struct obj *o)
{
	btf_free(to_btf(o));
}

const struct obj_class btf_class = {
	.name = "btf",
	.kind = OBJ_BTF,
	.set_id = class_set_id,
	.release = class_release,
	.free = class_free,
};

struct btf *btf_get(struct btf *btf)
{
	return btf ? to_btf(obj_get(&btf->obj)) : NULL;
}

void btf_put(struct btf *btf)
{
	if (btf)
		obj_put(&btf->obj);
}

/* A copy of @data, placed so that the type section is aligned whatever the header's length. */
static struct btf *btf_new(const void *data, u32 size)
{
	struct btf *btf = calloc(1, sizeof(*btf));
	struct btf_priv *p = calloc(1, sizeof(*p));
	u32 hdr_len = 0;

	if (!btf || !p)
		goto fail;
	btf->priv = p;
	p->mem = malloc((size_t)size + 4);
	if (!p->mem) {
		btf_free(btf);
		return NULL;
	}
	if (size >= offsetofend(struct btf_header, hdr_len))
		memcpy(&hdr_len, (const u8 *)data + offsetof(struct btf_header, hdr_len),
		       sizeof(hdr_len));
	btf->data = (u8 *)p->mem + (-hdr_len & 3);
	btf->data_size = size;
	if (size)
		memcpy(btf->data, data, size);
	return btf;
fail:
	free(p);
	free(btf);
	return NULL;
}

static int parse(struct btf_env *env)
{
	struct btf *btf = env->btf;
	int err = check_header(env);

	if (err)
		return err;
	btf->nohdr_data = (u8 *)btf->data + btf->hdr.hdr_len;
	err = check_strings(env);
	if (!err)
		err = check_types(env);
	if (!err)
		err = btf_check_type_tags(env, btf->base_btf ? btf->start_id : 1);
	return err ? err : btf_check_nesting(env);
}

struct btf *btf_parse(const void *data, u32 size, struct log *log)
{
	struct btf_env env = {.log = log};
	int err;

	if (size > BTF_MAX_SIZE)
		return ERR_PTR(-E2BIG);
	env.btf = btf_new(data, size);
	if (!env.btf)
		return ERR_PTR(-ENOMEM);
	err = parse(&env);
	if (!err)
		err = btf_check_graphs(env.btf);
	if (!err && log && log->level && log->cap && (log->truncated || log->len + 1 >= log->cap))
		err = -ENOSPC;
	if (err) {
		btf_free(env.btf);
		return ERR_PTR(err);
	}
	obj_init(&env.btf->obj, &btf_class);
	return env.btf;
}

/* @base: NULL, or what @data is split from. */
static struct btf *parse_kernel(struct btf *base, const char *name, const void *data, u32 size)
{
	struct btf_env env = {0};
	struct btf *btf;
	int err;

	if (size > BTF_MAX_SIZE)
		return ERR_PTR(-E2BIG);
	btf = env.btf = btf_new(data, size);
	if (!btf)
		return ERR_PTR(-ENOMEM);
	btf->kernel_btf = true;
	snprintf(btf->name, sizeof(btf->name), "%s", name);
	if (base) {
		btf->base_btf = base;
		btf->start_id = btf_nr_types(base);
		btf->start_str_off = base->start_str_off + base->hdr.str_len;
	}
	err = parse(&env);
	if (!err && !base)
		err = btf_hash_names(btf);
	if (err) {
		btf_free(btf);
		return ERR_PTR(err);
	}
	btf_get(base);
	obj_init(&btf->obj, &btf_class);
	return btf;
}

struct btf *btf_parse_vmlinux(const void *data, u32 size)
{
	return parse_kernel(NULL, "vmlinux", data, size);
}

struct btf *btf_parse_module(struct btf *base, const char *name, const void *data, u32 size)
{
	return parse_kernel(base, name, data, size);
}
