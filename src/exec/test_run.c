/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_run.c - a context per kind, the runs, and what comes back. Checks and errno in the order of
 * Linux 6.1's net/bpf/test_run.c.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include "base/slot.h"
#include "exec/context.h"
#include "exec/test_run.h"

#define PAGE		   4096u
#define SHINFO_SIZE	   320u /* SKB_DATA_ALIGN(sizeof(struct skb_shared_info)) */
#define XDP_FRAME_SIZE	   40u
#define XDP_META_MAX	   32u
#define XDP_PAGE_HEAD_SIZE 192u /* struct xdp_page_head, of live frames */
#define MAX_FRAGS	   17u
#define GSO_MAX		   65536u
#define GSO_SEGS_MAX	   65535u
#define RAW_TP_CTX_MAX	   (12 * 8)
#define SYSCALL_CTX_MAX	   0xffffu
#define SKB_ROOM	   16384u /* on both sides: helpers stop at 16064 bytes */
#define LOOPBACK	   1
#define STATE_CLOSE	   7 /* TCP_CLOSE, of a socket nobody has used yet */

/* --- common --- */

static bool is_zero(const void *p, size_t from, size_t to)
{
	const u8 *b = p;

	for (; from < to; from++)
		if (b[from])
			return false;
	return true;
}

static u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* @again restores per-run state of the context; may be NULL. */
static u32 run_many(const struct exec_image *img, const struct exec_host *host, struct test_run *t,
		    void *ctx, u32 repeat, void (*again)(void *ctx))
{
	u64 start, ns;
	u32 i, ret = 0;

	exec_image_compile(img);
	start = now_ns();
	for (i = 0; i < img->nr_maps; i++)
		if (img->maps[i]->ops->test_begin)
			img->maps[i]->ops->test_begin(img->maps[i]);
	if (!repeat)
		repeat = 1;
	for (i = 0; i < repeat; i++) {
		struct exec_run run = {.host = host};

		if (again)
			again(ctx);
		ret = exec_run(img, ctx, &run);
	}
	t->ns = now_ns() - start;
	t->runs = repeat;
	ns = t->ns / repeat;
	t->duration = ns > UINT32_MAX ? UINT32_MAX : ns;
	return ret;
}

/* Context given by the caller, zero-extended to @size. 0 and *@ctx NULL: none given. */
static int ctx_init(const struct test_run *t, u32 size, void **ctx)
{
	u32 len = t->attr.test.ctx_size_in;

	*ctx = NULL;
	if (!t->attr.test.ctx_in && !t->attr.test.ctx_out)
		return 0;
	if (t->attr.test.ctx_in && len > size) {
		if (len > PAGE || !is_zero(t->ctx_in, size, len))
			return -E2BIG;
		len = size;
	}
	*ctx = calloc(1, size);
	if (!*ctx)
		return -ENOMEM;
	if (t->attr.test.ctx_in)
		memcpy(*ctx, t->ctx_in, len);
	return 0;
}

static int ctx_finish(struct test_run *t, const void *ctx, u32 size)
{
	u32 copy = min(size, t->attr.test.ctx_size_out);

	if (!ctx || !t->attr.test.ctx_out)
		return 0;
	memcpy(t->ctx_out, ctx, copy);
	t->ctx_out_len = copy;
	t->ctx_size = size;
	t->set_ctx_size = true;
	return copy < size ? -ENOSPC : 0;
}

/* Packet out: @data then @frags. */
static int finish(struct test_run *t, const void *data, u32 len, const void *frags, u32 frags_len,
		  u32 retval)
{
	u32 size = len + frags_len, copy = size, hint = t->attr.test.data_size_out;
	int err = 0;

	if (hint && copy > hint) {
		copy = hint;
		err = -ENOSPC;
	}
	if (t->attr.test.data_out) {
		if (copy < frags_len) /* quirk of 6.1: the linear part must fit behind the
					 fragments' size */
			return -ENOSPC;
		len = copy - frags_len;
		memcpy(t->data_out, data, len);
		if (frags_len)
			memcpy((u8 *)t->data_out + len, frags, min(frags_len, copy - len));
		t->data_out_len = copy;
	}
	t->data_size = size;
	t->retval = retval;
	t->set_data_size = t->set_retval = t->set_duration = true;
	return err;
}

/* --- struct sk_buff --- */

struct skb_run {
	struct sk_buff skb;
	struct bpf_sock sk;
	u8 *buf;
	bool l2;
};

static u32 csum_range(const u8 *p, u32 len)
{
	u64 sum = 0;
	u16 w;

	for (; len > 1; len -= 2, p += 2) {
		memcpy(&w, p, 2);
		sum += w;
	}
	if (len) {
		w = 0;
		memcpy(&w, p, 1);
		sum += w;
	}
	sum = (sum & UINT32_MAX) + (sum >> 32);
	return (u32)((sum & UINT32_MAX) + (sum >> 32));
}

static u16 csum_fold(u32 c)
{
	c = (c & 0xffff) + (c >> 16);
	c = (c & 0xffff) + (c >> 16);
	return ~c;
}

static u32 csum_packet(const struct sk_buff *skb)
{
	const u8 *net = skb->head + skb->network_header;

	return net < skb->data_end ? csum_range(net, skb->data_end - net) : 0;
}

/* The addresses of the socket the packet pretends to belong to. */
static int skb_sock(struct skb_run *r)
{
	const u8 *net = r->skb.head + r->skb.network_header;
	u32 left = r->skb.data_end - net;

	r->sk.state = STATE_CLOSE;
	r->sk.rx_queue_mapping = -1;
	if (r->skb.protocol == htons(ETH_P_IP)) {
		if (left < sizeof(struct iphdr))
			return -EINVAL;
		r->sk.family = AF_INET;
		memcpy(&r->sk.src_ip4, net + offsetof(struct iphdr, saddr), 4);
		memcpy(&r->sk.dst_ip4, net + offsetof(struct iphdr, daddr), 4);
	} else if (r->skb.protocol == htons(ETH_P_IPV6)) {
		if (left < sizeof(struct ipv6hdr))
			return -EINVAL;
		r->sk.family = AF_INET6;
		memcpy(r->sk.src_ip6, net + offsetof(struct ipv6hdr, saddr), 16);
		memcpy(r->sk.dst_ip6, net + offsetof(struct ipv6hdr, daddr), 16);
	}
	return 0;
}

/* eth_type_trans(): what kind of packet, which protocol */
static void skb_ethernet(struct sk_buff *skb)
{
	static const u8 broadcast[ETH_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, none[ETH_ALEN];
	const u8 *mac = skb->data;

	if (!memcmp(mac, broadcast, ETH_ALEN))
		skb->pkt_type = 1; /* PACKET_BROADCAST */
	else if (mac[0] & 1)
		skb->pkt_type = 2;	      /* PACKET_MULTICAST */
	else if (memcmp(mac, none, ETH_ALEN)) /* the loopback device's address is all zeroes */
		skb->pkt_type = 3;	      /* PACKET_OTHERHOST */
	memcpy(&skb->protocol, mac + 2 * ETH_ALEN, 2);
	if (ntohs(skb->protocol) < ETH_P_802_3_MIN)
		skb->protocol = htons(ETH_P_802_2);
	skb->mac_header = skb->data - skb->head;
	skb->network_header = skb->mac_header + ETH_HLEN;
}

static int skb_from_user(struct sk_buff *skb, const struct __sk_buff *u)
{
	if (!u)
		return 0;
	if (!is_zero(u, 0, offsetof(struct __sk_buff, mark)) ||
	    !is_zero(u, offsetofend(struct __sk_buff, mark),
		     offsetof(struct __sk_buff, priority)) ||
	    !is_zero(u, offsetofend(struct __sk_buff, ifindex), offsetof(struct __sk_buff, cb)) ||
	    !is_zero(u, offsetofend(struct __sk_buff, cb), offsetof(struct __sk_buff, tstamp)) ||
	    !is_zero(u, offsetofend(struct __sk_buff, gso_segs),
		     offsetof(struct __sk_buff, gso_size)) ||
	    !is_zero(u, offsetofend(struct __sk_buff, gso_size),
		     offsetof(struct __sk_buff, hwtstamp)) ||
	    !is_zero(u, offsetofend(struct __sk_buff, hwtstamp), sizeof(*u)))
		return -EINVAL;
	skb->mark = u->mark;
	skb->priority = u->priority;
	skb->skb_iif = u->ingress_ifindex;
	skb->tstamp = u->tstamp;
	memcpy(skb->cb_data, u->cb, sizeof(skb->cb_data));
	if (u->wire_len && (u->wire_len < skb->len || u->wire_len > GSO_MAX))
		return -EINVAL;
	skb->wire_len = u->wire_len ? u->wire_len : skb->len;
	if (u->gso_segs > GSO_SEGS_MAX)
		return -EINVAL;
	skb->gso_segs = u->gso_segs;
	skb->gso_size = (u16)u->gso_size;
	skb->hwtstamp = u->hwtstamp;
	return 0;
}

static void skb_to_user(const struct sk_buff *skb, struct __sk_buff *u)
{
	if (!u)
		return;
	u->mark = skb->mark;
	u->priority = skb->priority;
	u->ingress_ifindex = skb->skb_iif;
	u->ifindex = skb->ifindex;
	u->tstamp = skb->tstamp;
	memcpy(u->cb, skb->cb_data, sizeof(skb->cb_data));
	u->wire_len = skb->wire_len;
	u->gso_segs = skb->gso_segs;
	u->hwtstamp = skb->hwtstamp;
}

static int skb_device(struct sk_buff *skb, const struct __sk_buff *u)
{
	char name[IF_NAMESIZE];

	skb->ifindex = LOOPBACK;
	if (u && u->ifindex > 1) {
		if (!if_indextoname(u->ifindex, name))
			return -ENODEV;
		skb->ifindex = u->ifindex;
	}
	return 0;
}

static void skb_set_data(struct sk_buff *skb, u8 *data)
{
	skb->data = skb->data_meta = data;
	skb->len = skb->data_end - data;
}

static int skb_build(struct skb_run *r, const struct test_run *t, const struct __sk_buff *u)
{
	struct sk_buff *skb = &r->skb;
	u32 size = t->attr.test.data_size_in;
	int err;

	r->buf = calloc(1, 2 * SKB_ROOM + size);
	if (!r->buf)
		return -ENOMEM;
	skb->head = r->buf;
	skb->end = r->buf + 2 * SKB_ROOM + size;
	memcpy(r->buf + SKB_ROOM, t->data_in, size);
	skb->data_end = r->buf + SKB_ROOM + size;
	skb_set_data(skb, r->buf + SKB_ROOM);
	skb->sk = &r->sk;
	err = skb_device(skb, u);
	if (err)
		return err;
	skb_ethernet(skb);
	err = skb_sock(r);
	if (err)
		return err;
	if (!r->l2)
		skb_set_data(skb, skb->data + ETH_HLEN);
	skb->wire_len = 0;
	err = skb_from_user(skb, u);
	if (!err && t->attr.test.flags & BPF_F_TEST_SKB_CHECKSUM_COMPLETE) {
		skb->csum = csum_packet(skb);
		skb->ip_summed = CHECKSUM_COMPLETE;
	}
	return err;
}

static int skb_done(struct skb_run *r, struct test_run *t, struct __sk_buff *u, u32 retval)
{
	struct sk_buff *skb = &r->skb;
	int err;

	if (!r->l2) {
		/* room is there: head starts SKB_ROOM bytes below, helpers take less */
		if (skb->data - skb->head < ETH_HLEN)
			return -ENOMEM;
		memset(skb->data - ETH_HLEN, 0, ETH_HLEN);
		skb_set_data(skb, skb->data - ETH_HLEN);
	}
	if (t->attr.test.flags & BPF_F_TEST_SKB_CHECKSUM_COMPLETE &&
	    csum_fold(skb->csum) != csum_fold(csum_packet(skb)))
		return -EBADMSG;
	skb_to_user(skb, u);
	err = finish(t, skb->data, skb->len, NULL, 0, retval);
	return err ? err : ctx_finish(t, u, sizeof(*u));
}

static int run_skb(const struct exec_image *img, const struct exec_host *host, struct test_run *t)
{
	struct skb_run r = {.l2 = img->prog_type == BPF_PROG_TYPE_SCHED_CLS ||
				  img->prog_type == BPF_PROG_TYPE_SCHED_ACT};
	u32 size = t->attr.test.data_size_in;
	void *ctx = NULL;
	int err;

	if (t->attr.test.flags & ~BPF_F_TEST_SKB_CHECKSUM_COMPLETE || t->attr.test.cpu ||
	    t->attr.test.batch_size)
		return -EINVAL;
	if (size < ETH_HLEN || size > PAGE - SKB_HEADROOM - SHINFO_SIZE)
		return -EINVAL;
	if (!t->data_in)
		return -EFAULT;
	err = ctx_init(t, sizeof(struct __sk_buff), &ctx);
	if (err)
		return err;
	err = skb_build(&r, t, ctx);
	if (!err)
		err = skb_done(&r, t, ctx,
			       run_many(img, host, t, &r.skb, t->attr.test.repeat, NULL));
	free(r.buf);
	free(ctx);
	return err;
}

/* --- struct xdp_buff --- */

static int xdp_check_md(const struct test_run *t, const struct xdp_md *md, bool live)
{
	if (md->data_meta || md->data_end > t->attr.test.data_size_in || md->data > md->data_end ||
	    (live && (t->attr.test.data_out || t->attr.test.ctx_out)))
		return -EINVAL;
	if (md->data & 3 || md->data > XDP_META_MAX ||
	    md->data > XDP_PACKET_HEADROOM - XDP_FRAME_SIZE)
		return -EINVAL;
	return 0;
}

static int xdp_device(struct xdp_buff *x, const struct xdp_md *md)
{
	char name[IF_NAMESIZE];

	x->ingress_ifindex = LOOPBACK;
	if (!md)
		return 0;
	if (md->egress_ifindex || (!md->ingress_ifindex && md->rx_queue_index))
		return -EINVAL;
	if (md->ingress_ifindex) {
		if (!if_indextoname(md->ingress_ifindex, name))
			return -ENODEV;
		if (md->rx_queue_index) /* only queue 0 is known to exist */
			return -EINVAL;
		x->ingress_ifindex = md->ingress_ifindex;
	}
	x->data = x->data_meta + md->data;
	return 0;
}

static int xdp_go(const struct exec_image *img, const struct exec_host *host, struct test_run *t,
		  struct xdp_buff *x, struct xdp_md *md)
{
	u32 retval = run_many(img, host, t, x, t->attr.test.repeat, NULL);
	int err;

	if (md) {
		md->data = x->data - x->data_meta;
		md->data_end = x->data_end - x->data_meta;
	}
	err = finish(t, x->data_meta, x->data_end - x->data_meta, x->frags, x->frags_size, retval);
	return err ? err : ctx_finish(t, md, sizeof(*md));
}

static int xdp_prepare(const struct exec_image *img, const struct exec_host *host,
		       struct test_run *t, struct xdp_md *md)
{
	u32 size = t->attr.test.data_size_in, linear = md ? md->data_end : size,
	    meta = md ? md->data : 0;
	u32 headroom = XDP_PACKET_HEADROOM - meta, rest;
	struct xdp_buff x = {0};
	u8 *page;
	int err;

	linear = min(linear, PAGE - headroom - SHINFO_SIZE);
	if (size - meta < ETH_HLEN)
		return -EINVAL;
	if (!t->data_in)
		return -EFAULT;
	rest = size - linear;
	if (rest > MAX_FRAGS * PAGE)
		return -ENOMEM;
	page = calloc(1, PAGE + round_up(rest, PAGE));
	if (!page)
		return -ENOMEM;
	x.data_hard_start = page;
	x.data_hard_end = page + PAGE - SHINFO_SIZE;
	x.data = x.data_meta = page + headroom;
	x.data_end = x.data + linear;
	memcpy(x.data, t->data_in, linear);
	if (rest) {
		x.frags = page + PAGE;
		x.frags_size = rest;
		memcpy(x.frags, (const u8 *)t->data_in + linear, rest);
	}
	err = xdp_device(&x, md);
	if (!err)
		err = xdp_go(img, host, t, &x, md);
	free(page);
	return err;
}

static int run_xdp(const struct exec_image *img, const struct exec_host *host, struct test_run *t)
{
	bool live = t->attr.test.flags & BPF_F_TEST_XDP_LIVE_FRAMES;
	void *md = NULL;
	int err;

	if (img->attach_type == BPF_XDP_DEVMAP || img->attach_type == BPF_XDP_CPUMAP)
		return -EINVAL;
	if (t->attr.test.flags & ~BPF_F_TEST_XDP_LIVE_FRAMES || (!live && t->attr.test.batch_size))
		return -EINVAL;
	if (live && t->attr.test.batch_size > 256)
		return -E2BIG;
	err = ctx_init(t, sizeof(struct xdp_md), &md);
	if (!err && md)
		err = xdp_check_md(t, md, live);
	if (!err && live) /* there is no network stack behind a run */
		err = -EOPNOTSUPP;
	if (!err)
		err = xdp_prepare(img, host, t, md);
	free(md);
	return err;
}

/* --- flow dissector --- */

struct flow_run {
	struct bpf_flow_dissector d;
	struct bpf_flow_keys keys;
	u16 proto;
	u32 flags;
};

static void flow_again(void *ctx)
{
	struct flow_run *r = container_of(ctx, struct flow_run, d);

	memset(&r->keys, 0, sizeof(r->keys));
	r->keys.n_proto = r->proto;
	r->keys.nhoff = r->keys.thoff = ETH_HLEN;
	r->keys.flags = r->flags;
}

static u16 clamp16(u32 v, u32 lo, u32 hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

static int run_flow(const struct exec_image *img, const struct exec_host *host, struct test_run *t)
{
	u32 size = t->attr.test.data_size_in, retval;
	struct bpf_flow_keys *user = NULL;
	struct flow_run r = {0};
	u8 *data;
	int err;

	if (t->attr.test.flags || t->attr.test.cpu || t->attr.test.batch_size || size < ETH_HLEN ||
	    size > PAGE)
		return -EINVAL;
	if (!t->data_in)
		return -EFAULT;
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	memcpy(data, t->data_in, size);
	err = ctx_init(t, sizeof(*user), (void **)&user);
	if (err)
		goto fail_data;
	err = -EINVAL;
	if (user && (!is_zero(user, 0, offsetof(struct bpf_flow_keys, flags)) ||
		     !is_zero(user, offsetofend(struct bpf_flow_keys, flags), sizeof(*user))))
		goto fail_ctx;
	r.flags = user ? user->flags : 0;
	memcpy(&r.proto, data + 2 * ETH_ALEN, 2);
	r.d.flow_keys = &r.keys;
	r.d.data = data;
	r.d.data_end = data + size;
	retval = run_many(img, host, t, &r.d, t->attr.test.repeat, flow_again);
	r.keys.nhoff = clamp16(r.keys.nhoff, ETH_HLEN, size);
	r.keys.thoff = clamp16(r.keys.thoff, r.keys.nhoff, size);
	err = finish(t, &r.keys, sizeof(r.keys), NULL, 0, retval);
	if (!err)
		err = ctx_finish(t, user, sizeof(*user));
fail_ctx:
	free(user);
fail_data:
	free(data);
	return err;
}

/* --- sk_lookup: runs on the UAPI struct; there are no sockets to select, so none is selected ---
 */

static int run_sk_lookup(const struct exec_image *img, const struct exec_host *host,
			 struct test_run *t)
{
	struct bpf_sk_lookup *user = NULL, ctx;
	u32 retval;
	int err;

	if (t->attr.test.flags || t->attr.test.cpu || t->attr.test.batch_size)
		return -EINVAL;
	if (t->attr.test.data_in || t->attr.test.data_size_in || t->attr.test.data_out ||
	    t->attr.test.data_size_out)
		return -EINVAL;
	err = ctx_init(t, sizeof(*user), (void **)&user);
	if (err)
		return err;
	if (!user)
		return -EINVAL;
	err = -EINVAL;
	if (user->sk ||
	    !is_zero(user, offsetofend(struct bpf_sk_lookup, local_port), sizeof(*user)))
		goto out;
	err = -ERANGE;
	if (user->local_port > UINT16_MAX)
		goto out;
	err = -EAFNOSUPPORT;
	if ((u16)user->family != AF_INET && (u16)user->family != AF_INET6)
		goto out;
	ctx = *user;
	ctx.sk = NULL;
	retval = run_many(img, host, t, &ctx, t->attr.test.repeat, NULL);
	user->cookie = 0;
	/* a program array of one: verdict SK_PASS unless the program drops */
	err = finish(t, NULL, 0, NULL, 0, retval);
	if (!err)
		err = ctx_finish(t, user, sizeof(*user));
out:
	free(user);
	return err;
}

/* --- raw tracepoints and syscall programs: the caller's bytes are the context --- */

/* The program runs on a copy at the end of a block of the size the verifier assumed at least. */
static int run_bytes(const struct exec_image *img, const struct exec_host *host, struct test_run *t,
		     u32 max, bool back)
{
	u32 size = t->attr.test.ctx_size_in;
	void *ctx = NULL;

	if (size < t->max_ctx_offset || size > max)
		return -EINVAL;
	if (size) {
		if (!t->ctx_in)
			return -EFAULT;
		ctx = malloc(size);
		if (!ctx)
			return -ENOMEM;
		memcpy(ctx, t->ctx_in, size);
	}
	t->retval = run_many(img, host, t, ctx, 1, NULL);
	t->set_retval = true;
	if (back && size && t->ctx_inout) {
		memcpy(t->ctx_inout, ctx, size);
		t->set_ctx_in = true;
	}
	free(ctx);
	return 0;
}

static int run_raw_tp(const struct exec_image *img, const struct exec_host *host,
		      struct test_run *t)
{
	const union bpf_attr *a = &t->attr;
	bool on_cpu = a->test.flags & BPF_F_TEST_RUN_ON_CPU;

	if (a->test.data_in || a->test.data_out || a->test.ctx_out || a->test.duration ||
	    a->test.repeat || a->test.batch_size)
		return -EINVAL;
	if (a->test.ctx_size_in < t->max_ctx_offset || a->test.ctx_size_in > RAW_TP_CTX_MAX)
		return -EINVAL;
	if (!on_cpu && a->test.cpu)
		return -EINVAL;
	if (on_cpu && a->test.cpu >= slot_possible_cpus())
		return -ENXIO;
	return run_bytes(img, host, t, RAW_TP_CTX_MAX, false);
}

static int run_syscall(const struct exec_image *img, const struct exec_host *host,
		       struct test_run *t)
{
	const union bpf_attr *a = &t->attr;

	if (a->test.data_in || a->test.data_out || a->test.ctx_out || a->test.duration ||
	    a->test.repeat || a->test.flags || a->test.batch_size)
		return -EINVAL;
	return run_bytes(img, host, t, SYSCALL_CTX_MAX, true);
}

/* Functions of the service are called, with all programs that are around them. */
static int run_tracing(const struct exec_image *img, const struct exec_host *host,
		       struct test_run *t)
{
	int err;

	if (t->attr.test.flags || t->attr.test.cpu || t->attr.test.batch_size)
		return -EINVAL;
	if (img->attach_type != BPF_TRACE_FENTRY && img->attach_type != BPF_TRACE_FEXIT &&
	    img->attach_type != BPF_MODIFY_RETURN)
		return -EFAULT;
	if (!host->call_tests)
		return -ENOTSUPP;
	err = host->call_tests(host->arg, img->attach_type, &t->retval);
	t->set_retval = !err;
	return err;
}
static int (*const kinds[])(const struct exec_image *img, const struct exec_host *host,
			    struct test_run *t) = {
	[TEST_RUN_SKB] = run_skb,	  [TEST_RUN_XDP] = run_xdp,
	[TEST_RUN_FLOW] = run_flow,	  [TEST_RUN_SK_LOOKUP] = run_sk_lookup,
	[TEST_RUN_RAW_TP] = run_raw_tp,	  [TEST_RUN_TRACING] = run_tracing,
	[TEST_RUN_SYSCALL] = run_syscall,
};

int test_run(const struct exec_image *img, const struct exec_host *host, struct test_run *t)
{
	const union bpf_attr *a = &t->attr;

	if (!a->test.ctx_size_in != !a->test.ctx_in || !a->test.ctx_size_out != !a->test.ctx_out)
		return -EINVAL;
	if (t->kind >= ARRAY_SIZE(kinds) || !kinds[t->kind])
		return -ENOTSUPP;
	return kinds[t->kind](img, host, t);
}
