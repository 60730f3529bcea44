/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.c - helpers about devices, sockets and cgroups around a packet. The network of a test run has
 * the loopback device and, by number, those of the host; packets sent there are seen by nobody.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "exec/context.h"
#include "helper/cgroup_id.h"
#include "helper/fn.h"

#define LOOPBACK     1
#define LOOPBACK_MTU 65536u
#define OVERFLOW_UID 65534u
#define TH_LEN	     20u /* struct tcphdr */
#define ECN_MASK     3u

static const struct sk_buff *to_skb(u64 r)
{
	return (const void *)(uintptr_t)r;
}

/* --- devices --- */

struct device {
	u32 mtu, header;
};

static bool has_ethernet_header(const struct ifreq *r)
{
	return r->ifr_hwaddr.sa_family == ARPHRD_ETHER ||
	       r->ifr_hwaddr.sa_family == ARPHRD_LOOPBACK;
}

static bool host_device(u32 ifindex, struct device *d)
{
	int saved = errno, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq r = {.ifr_ifindex = (int)ifindex};
	bool ok = fd >= 0 && !ioctl(fd, SIOCGIFNAME, &r) && !ioctl(fd, SIOCGIFMTU, &r);

	if (ok) {
		d->mtu = (u32)r.ifr_mtu;
		d->header = !ioctl(fd, SIOCGIFHWADDR, &r) && has_ethernet_header(&r) ? ETH_HLEN : 0;
	}
	if (fd >= 0)
		close(fd);
	errno = saved;
	return ok;
}

static bool device_of(u32 ifindex, struct device *d)
{
	if (ifindex != LOOPBACK)
		return host_device(ifindex, d);
	*d = (struct device){LOOPBACK_MTU, ETH_HLEN};
	return true;
}

/* What fits the device: @len is the packet's, @asked the caller's idea of it without the header. */
static u64 check_mtu(u32 ifindex, u32 *asked, s32 len, s32 diff)
{
	struct device d;
	u32 given = *asked;

	*asked = 0;
	if (!device_of(ifindex, &d))
		return (u64)-ENODEV;
	*asked = d.mtu;
	len = (s32)((given ? given + d.header : (u32)len) + (u32)diff);
	return len > (s32)(d.mtu + d.header) ? BPF_MTU_CHK_RET_FRAG_NEEDED
					     : BPF_MTU_CHK_RET_SUCCESS;
}

static u64 xdp_check_mtu(const struct xdp_buff *xdp, u32 ifindex, u32 *asked, s32 diff, u64 flags)
{
	if (flags) {
		*asked = 0;
		return (u64)-EINVAL;
	}
	return check_mtu(ifindex ? ifindex : xdp->ingress_ifindex, asked,
			 (s32)(xdp->data_end - xdp->data), diff);
}

static u64 skb_check_mtu(const struct sk_buff *skb, u32 ifindex, u32 *asked, s32 diff, u64 flags)
{
	u64 ret;

	if (flags & ~(u64)BPF_MTU_CHK_SEGS || (flags && (diff || *asked))) {
		*asked = 0;
		return (u64)-EINVAL;
	}
	ret = check_mtu(ifindex ? ifindex : skb->ifindex, asked, (s32)skb->len, diff);
	if (ret != BPF_MTU_CHK_RET_FRAG_NEEDED || !skb->gso_size)
		return ret;
	/* segments are looked at where the packet has a transport header, which no test run's has */
	return flags ? (u64)-EINVAL : BPF_MTU_CHK_RET_SUCCESS;
}

HELPER_FN(check_mtu)
{
	u32 *asked = (u32 *)(uintptr_t)r3;

	if (run->image->prog_type == BPF_PROG_TYPE_XDP)
		return xdp_check_mtu((const void *)(uintptr_t)r1, (u32)r2, asked, (s32)r4, r5);
	return skb_check_mtu(to_skb(r1), (u32)r2, asked, (s32)r4, r5);
}

HELPER_FN(clone_redirect)
{
	struct device d;

	if (r3 & ~(u64)BPF_F_INGRESS)
		return (u64)-EINVAL;
	if (to_skb(r1)->gso_size) /* a test run's packet says its size but no kind */
		return (u64)-EBADMSG;
	return device_of((u32)r2, &d) ? 0 : (u64)-EINVAL;
}

HELPER_FN(redirect_neigh)
{
	return ((u32)r3 && (u32)r3 < sizeof(struct bpf_redir_neigh)) || r4 ? TC_ACT_SHOT
									   : TC_ACT_REDIRECT;
}

/* --- what a packet of a test run never has: a route, IPsec state --- */

HELPER_FN(get_route_realm)
{
	return 0;
}

HELPER_FN(skb_get_xfrm_state)
{
	memset((void *)(uintptr_t)r3, 0, (u32)r4);
	return (u64)-EINVAL;
}

/* --- sockets --- */

HELPER_FN(get_socket_uid)
{
	return to_skb(r1)->sk ? 0 : OVERFLOW_UID; /* sockets of test runs are root's */
}

/* A packet of a test run does not come in, and a socket look-up has no socket to give. */
HELPER_FN(sk_assign)
{
	if (run->image->prog_type != BPF_PROG_TYPE_SK_LOOKUP)
		return r3 ? (u64)-EINVAL : (u64)-EOPNOTSUPP;
	if (r3 & ~(u64)(BPF_SK_LOOKUP_F_REPLACE | BPF_SK_LOOKUP_F_NO_REUSEPORT))
		return (u64)-EINVAL;
	return r2 ? (u64)-ESOCKTNOSUPPORT : 0;
}

/* No socket listens. */
HELPER_FN(tcp_check_syncookie)
{
	return (u64)-EINVAL;
}

HELPER_FN(tcp_gen_syncookie)
{
	return (u64)-EINVAL;
}

/* --- cgroups: a socket of a test run is in the cgroup of who runs it --- */

HELPER_FN(skb_cgroup_id)
{
	return to_skb(r1)->sk ? cgroup_id_current(-1) : 0;
}

HELPER_FN(skb_ancestor_cgroup_id)
{
	return to_skb(r1)->sk && (s32)r2 >= 0 ? cgroup_id_current((s32)r2) : 0;
}

HELPER_FN(sk_cgroup_id)
{
	return cgroup_id_current(-1);
}

HELPER_FN(sk_ancestor_cgroup_id)
{
	return (s32)r2 >= 0 ? cgroup_id_current((s32)r2) : 0;
}

HELPER_FN(skb_cgroup_classid)
{
	return 0;
}

HELPER_FN(get_current_cgroup_id)
{
	return cgroup_id_current(-1);
}

HELPER_FN(get_current_ancestor_cgroup_id)
{
	return (s32)r1 >= 0 ? cgroup_id_current((s32)r1) : 0;
}

/* --- congestion marks --- */

/* Sets "congestion experienced" if the sender knows such marks; the header's sum follows (RFC 1624). */
static u64 mark_ip(u8 *ip)
{
	struct iphdr *h = (struct iphdr *)ip;
	u16 before, after;
	u32 sum;

	if (!(h->tos & ECN_MASK))
		return 0;
	memcpy(&before, ip, sizeof(before));
	h->tos |= ECN_MASK;
	memcpy(&after, ip, sizeof(after));
	sum = (u16)~h->check + (u16)~before + (u32)after;
	sum = (sum & 0xffff) + (sum >> 16);
	h->check = (u16) ~(sum + (sum >> 16));
	return 1;
}

static u64 mark_ip6(u8 *ip)
{
	u8 ecn = ip[1] >> 4 & ECN_MASK;

	if (!ecn)
		return 0;
	ip[1] |= ECN_MASK << 4;
	return 1;
}

HELPER_FN(skb_ecn_set_ce)
{
	const struct sk_buff *skb = to_skb(r1);
	u8 *ip = skb->head + skb->network_header;
	u64 room = skb->network_header != SKB_NO_HEADER && ip <= skb->data_end
			   ? (u64)(skb->data_end - ip)
			   : 0;

	if (skb->protocol == htons(ETH_P_IP) && room >= sizeof(struct iphdr))
		return mark_ip(ip);
	if (skb->protocol == htons(ETH_P_IPV6) && room >= sizeof(struct ipv6hdr))
		return mark_ip6(ip);
	return 0;
}
