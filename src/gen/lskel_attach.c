/* SPDX-License-Identifier: BSD-2-Clause */
/* lskel_attach.c - how a program is attached: by its type, and by what its SEC() says behind the first slash. */
#include "gen/lskel_attach.h"
#include "gen/lskel_data.h"

#define TCX_INGRESS  46 /* 6.6 */
#define TCX_EGRESS   47
#define UPROBE_MULTI 48 /* BPF_TRACE_UPROBE_MULTI, 6.6 */

/* What the C function wants between prog_fd and opts. */
enum args {
	ARGS_NONE,
	ARGS_TYPE,   /* attach type of the load */
	ARGS_TARGET, /* text behind the slash */
	ARGS_ENTRY,  /* the same, and false */
	ARGS_RETURN, /* the same, and true */
	ARGS_TCX,
	ARGS_XDP,
	ARGS_USDT, /* target, opts, and what its notes are written to */
};

struct how {
	u32 prog_type;
	int attach_type; /* -1: any */
	const char *sec; /* text before the slash (or all), NULL: any */
	const char *fn;	 /* userbpf_attach_..., NULL: no link */
	enum args args;
	bool whole; /* nothing more is needed than SEC() says */
};

/* First match counts. */
static const struct how hows[] = {
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, NULL, "iter", ARGS_NONE, true},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_VIEW, NULL, "view", ARGS_NONE, true},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_VIEW_WRITE, NULL, "view_write", ARGS_NONE, false},
	{BPF_PROG_TYPE_TRACING, -1, NULL, "tracing", ARGS_TYPE, true},
	{BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP, NULL, "fd", ARGS_TYPE, false},
	{BPF_PROG_TYPE_LSM, -1, NULL, "tracing", ARGS_TYPE, true},
	{BPF_PROG_TYPE_EXT, -1, NULL, "tracing", ARGS_TYPE, true},
	{BPF_PROG_TYPE_RAW_TRACEPOINT, -1, NULL, "raw_tp", ARGS_TARGET, true},
	{BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, -1, NULL, "raw_tp", ARGS_TARGET, true},
	{BPF_PROG_TYPE_TRACEPOINT, -1, NULL, "tracepoint", ARGS_TARGET, true},
	{BPF_PROG_TYPE_KPROBE, -1, "kprobe", "kprobe", ARGS_ENTRY, true},
	{BPF_PROG_TYPE_KPROBE, -1, "kretprobe", "kprobe", ARGS_RETURN, true},
	{BPF_PROG_TYPE_KPROBE, -1, "ksyscall", "ksyscall", ARGS_ENTRY, true},
	{BPF_PROG_TYPE_KPROBE, -1, "kretsyscall", "ksyscall", ARGS_RETURN, true},
	{BPF_PROG_TYPE_KPROBE, -1, "kprobe.multi", "kprobe_multi", ARGS_ENTRY, true},
	{BPF_PROG_TYPE_KPROBE, -1, "kretprobe.multi", "kprobe_multi", ARGS_RETURN, true},
	{BPF_PROG_TYPE_KPROBE, -1, "uprobe.multi", "uprobe_multi", ARGS_ENTRY, true},
	{BPF_PROG_TYPE_KPROBE, -1, "uprobe.multi.s", "uprobe_multi", ARGS_ENTRY, true},
	{BPF_PROG_TYPE_KPROBE, -1, "uretprobe.multi", "uprobe_multi", ARGS_RETURN, true},
	{BPF_PROG_TYPE_KPROBE, -1, "uretprobe.multi.s", "uprobe_multi", ARGS_RETURN, true},
	{BPF_PROG_TYPE_KPROBE, -1, "uprobe", "uprobe", ARGS_ENTRY, true},
	{BPF_PROG_TYPE_KPROBE, -1, "uprobe.s", "uprobe", ARGS_ENTRY, true},
	{BPF_PROG_TYPE_KPROBE, -1, "uretprobe", "uprobe", ARGS_RETURN, true},
	{BPF_PROG_TYPE_KPROBE, -1, "uretprobe.s", "uprobe", ARGS_RETURN, true},
	{BPF_PROG_TYPE_KPROBE, 0, "usdt", "usdt", ARGS_USDT, true},
	{BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI, NULL, "kprobe_multi", ARGS_ENTRY, false},
	{BPF_PROG_TYPE_KPROBE, UPROBE_MULTI, NULL, "uprobe_multi", ARGS_ENTRY, false},
	/* of a recorded run: the caller's own event (target_fd) */
	{BPF_PROG_TYPE_KPROBE, -1, NULL, "event", ARGS_NONE, false},
	{BPF_PROG_TYPE_PERF_EVENT, -1, NULL, "event", ARGS_NONE, false},
	{BPF_PROG_TYPE_XDP, -1, NULL, "if", ARGS_XDP, false},
	{BPF_PROG_TYPE_SCHED_CLS, -1, NULL, "if", ARGS_TCX, false},
	{BPF_PROG_TYPE_SK_LOOKUP, -1, NULL, "fd", ARGS_TYPE, false},
	{BPF_PROG_TYPE_FLOW_DISSECTOR, -1, NULL, "fd", ARGS_TYPE, false},
	{BPF_PROG_TYPE_CGROUP_SKB, -1, NULL, "fd", ARGS_TYPE, false},
	{BPF_PROG_TYPE_CGROUP_SOCK, -1, NULL, "fd", ARGS_TYPE, false},
	{BPF_PROG_TYPE_CGROUP_DEVICE, -1, NULL, "fd", ARGS_TYPE, false},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, -1, NULL, "fd", ARGS_TYPE, false},
	{BPF_PROG_TYPE_CGROUP_SYSCTL, -1, NULL, "fd", ARGS_TYPE, false},
	{BPF_PROG_TYPE_CGROUP_SOCKOPT, -1, NULL, "fd", ARGS_TYPE, false},
	{BPF_PROG_TYPE_SOCK_OPS, -1, NULL, "fd", ARGS_TYPE, false},
	{BPF_PROG_TYPE_SK_SKB, -1, NULL, "fd", ARGS_TYPE, false},
	{BPF_PROG_TYPE_SK_MSG, -1, NULL, "fd", ARGS_TYPE, false},
};

/* Program types whose loads need not carry the attach type that the link wants. */
static const struct {
	u32 prog_type;
	u32 attach_type;
} defaults[] = {
	{BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP},
	{BPF_PROG_TYPE_FLOW_DISSECTOR, BPF_FLOW_DISSECTOR},
	{BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE},
	{BPF_PROG_TYPE_CGROUP_SYSCTL, BPF_CGROUP_SYSCTL},
	{BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS},
	{BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE},
	{BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT},
	{BPF_PROG_TYPE_LSM, BPF_LSM_MAC},
};

static u32 attach_type(const union bpf_attr *a)
{
	if (a->expected_attach_type)
		return a->expected_attach_type;
	for (u32 i = 0; i < ARRAY_SIZE(defaults); i++)
		if (defaults[i].prog_type == a->prog_type)
			return defaults[i].attach_type;
	return 0;
}

/* "kprobe" of "?kprobe/func": its length. */
static size_t sec_head(const char **sec)
{
	*sec += **sec == '?';
	return strcspn(*sec, "/+");
}

static bool sec_is(const char *sec, const char *head)
{
	size_t len;

	if (!head)
		return true;
	if (!sec)
		return false;
	len = sec_head(&sec);
	return len == strlen(head) && !strncmp(sec, head, len);
}

static const char *sec_target(const char *sec)
{
	size_t len;

	if (!sec)
		return "";
	len = sec_head(&sec);
	return sec[len] ? sec + len + 1 : "";
}

static const struct how *find(const struct gen_trace *t, u32 slot)
{
	const union bpf_attr *a = lskel_attr(t, slot);

	for (u32 i = 0; i < ARRAY_SIZE(hows); i++)
		if (hows[i].prog_type == a->prog_type &&
		    (hows[i].attach_type < 0 || hows[i].attach_type == a->expected_attach_type) &&
		    sec_is(t->slots[slot].sec, hows[i].sec))
			return &hows[i];
	return NULL;
}

static u32 tcx_type(const union bpf_attr *a, const char *sec)
{
	size_t len = sec ? strlen(sec) : 0;

	if (a->expected_attach_type)
		return a->expected_attach_type;
	return len >= 6 && !strcmp(sec + len - 6, "egress") ? TCX_EGRESS : TCX_INGRESS;
}

/* As a C string; SEC() may say anything. */
static void quote(char *buf, size_t len, const char *text)
{
	size_t at = 0;

	for (; *text && at + 8 < len; text++)
		if (*text == '"' || *text == '\\' || (unsigned char)*text < ' ' || *text == '?')
			at += snprintf(buf + at, len - at, "\\%03o", (unsigned char)*text);
		else
			buf[at++] = *text;
	buf[at] = 0;
}

#define SPECS_MAP "__bpf_usdt_specs"
#define PLACES	  32 /* USERBPF_USDT_PLACES */

/* The elements of the map that are the program's: as many as a probe may have places, after those of programs before it. */
static u32 first_spec(const struct gen_trace *t, u32 slot)
{
	u32 nr = 0;

	for (u32 i = 0; i < slot; i++)
		nr += lskel_is_usdt(t, i);
	return nr * PLACES;
}

static bool has_specs(const struct gen_trace *t)
{
	for (u32 i = 0; i < t->nr_slots; i++)
		if (t->slots[i].kind == GEN_MAP && t->slots[i].exported &&
		    !strcmp(t->slots[i].name, SPECS_MAP))
			return true;
	return false;
}

static void usdt_expr(const struct gen_trace *t, u32 slot, const char *target, char *buf,
		      size_t len)
{
	snprintf(buf, len,
		 "userbpf_attach_usdt(prog_fd, \"%s\", opts, %s, %u, skel->links.%s_more)", target,
		 has_specs(t) ? "skel->maps." SPECS_MAP ".map_fd" : "0", first_spec(t, slot),
		 t->slots[slot].ident);
}

bool lskel_is_usdt(const struct gen_trace *t, u32 slot)
{
	const struct how *h = t->slots[slot].kind == GEN_PROG ? find(t, slot) : NULL;

	return h && h->args == ARGS_USDT;
}

bool lskel_attach_expr(const struct gen_trace *t, u32 slot, char *buf, size_t len)
{
	const struct how *h = find(t, slot);
	const char *sec = t->slots[slot].sec;
	char middle[300] = "", text[256];

	if (!h)
		return false;
	quote(text, sizeof(text), sec_target(sec));
	switch (h->args) {
	case ARGS_USDT: usdt_expr(t, slot, text, buf, len); return true;
	case ARGS_NONE: break;
	case ARGS_TARGET: snprintf(middle, sizeof(middle), "\"%s\", ", text); break;
	case ARGS_ENTRY: snprintf(middle, sizeof(middle), "\"%s\", false, ", text); break;
	case ARGS_RETURN: snprintf(middle, sizeof(middle), "\"%s\", true, ", text); break;
	case ARGS_XDP: snprintf(middle, sizeof(middle), "%u, ", BPF_XDP); break;
	case ARGS_TCX:
		snprintf(middle, sizeof(middle), "%u, ", tcx_type(lskel_attr(t, slot), sec));
		break;
	default: snprintf(middle, sizeof(middle), "%u, ", attach_type(lskel_attr(t, slot)));
	}
	snprintf(buf, len, "userbpf_attach_%s(prog_fd, %sopts)", h->fn, middle);
	return true;
}

/* Targets that are kinds of things, of which only the application knows the one. */
static const struct {
	const char *fn, *target;
} kinds[] = {
	{"iter", "bpf_map_elem"}, {"iter", "bpf_sk_storage_map"}, {"view", "map"}, {"view", "link"},
	{"view", "task"},
};

static bool wants_object(const struct how *h, const char *sec)
{
	for (u32 i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(h->fn, kinds[i].fn) && !strcmp(sec_target(sec), kinds[i].target))
			return true;
	return false;
}

bool lskel_autoattach(const struct gen_trace *t, u32 slot)
{
	const struct how *h = find(t, slot);
	const char *sec = t->slots[slot].sec;

	if (!h || !h->whole || !sec)
		return false;
	if (h->args == ARGS_NONE)
		return !wants_object(h, sec);
	return h->args == ARGS_TYPE || *sec_target(sec);
}
