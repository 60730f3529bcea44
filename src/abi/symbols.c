/* SPDX-License-Identifier: BSD-2-Clause */
/* symbols.c - the words of the ABI: enumerators, flags, errno, and the structs behind pointers. Tables only. */
#include <stdio.h>
#include "abi/print.h"

static const char *const map_types[] = {
#define MAP_TYPE(x) [BPF_MAP_TYPE_##x] = "BPF_MAP_TYPE_" #x,
#define PROG_TYPE(x)
#define ATTACH_TYPE(x)
#include "abi/names.def"
#undef MAP_TYPE
#undef PROG_TYPE
};
static const char *const prog_types[] = {
#define MAP_TYPE(x)
#define PROG_TYPE(x) [BPF_PROG_TYPE_##x] = "BPF_PROG_TYPE_" #x,
#include "abi/names.def"
#undef PROG_TYPE
#undef ATTACH_TYPE
};
static const char *const attach_types[] = {
#define PROG_TYPE(x)
#define ATTACH_TYPE(x) [BPF_##x] = "BPF_" #x,
#include "abi/names.def"
};
#define LINK_TYPE(x) [BPF_LINK_TYPE_##x] = "BPF_LINK_TYPE_" #x
static const char *const link_types[] = {
	LINK_TYPE(UNSPEC), LINK_TYPE(RAW_TRACEPOINT), LINK_TYPE(TRACING),
	LINK_TYPE(CGROUP), LINK_TYPE(ITER),	      LINK_TYPE(NETNS),
	LINK_TYPE(XDP),	   LINK_TYPE(PERF_EVENT),     LINK_TYPE(KPROBE_MULTI),
};
static const char *const stats_types[] = {"BPF_STATS_RUN_TIME"};
static const char *const fd_types[] = {
	"BPF_FD_TYPE_RAW_TRACEPOINT", "BPF_FD_TYPE_TRACEPOINT", "BPF_FD_TYPE_KPROBE",
	"BPF_FD_TYPE_KRETPROBE",      "BPF_FD_TYPE_UPROBE",	"BPF_FD_TYPE_URETPROBE",
};

/* Of a field by the end of its name; the longest end that fits stands first. */
static const struct {
	const char *field;
	const char *const *names;
	u32 nr;
} enums[] = {
	{"map_type", map_types, ARRAY_SIZE(map_types)},
	{"prog_type", prog_types, ARRAY_SIZE(prog_types)},
	{"attach_type", attach_types, ARRAY_SIZE(attach_types)},
	{"link_type", link_types, ARRAY_SIZE(link_types)},
	{"enable_stats.type", stats_types, ARRAY_SIZE(stats_types)},
	{"fd_type", fd_types, ARRAY_SIZE(fd_types)},
};

const char *abi_enum_name(const char *field, u64 value)
{
	size_t len = strlen(field);

	for (u32 i = 0; i < ARRAY_SIZE(enums); i++) {
		size_t n = strlen(enums[i].field);

		if (len >= n && !strcmp(field + len - n, enums[i].field))
			return value < enums[i].nr ? enums[i].names[value] : NULL;
	}
	return NULL;
}

struct flag {
	u64 bit;
	const char *name;
};
#define F(x)          \
	{             \
		x, #x \
	}

static const struct flag map_flags[] = {
	F(BPF_F_NO_PREALLOC), F(BPF_F_NO_COMMON_LRU),  F(BPF_F_NUMA_NODE), F(BPF_F_RDONLY),
	F(BPF_F_WRONLY),      F(BPF_F_STACK_BUILD_ID), F(BPF_F_ZERO_SEED), F(BPF_F_RDONLY_PROG),
	F(BPF_F_WRONLY_PROG), F(BPF_F_CLONE),	       F(BPF_F_MMAPABLE),  F(BPF_F_PRESERVE_ELEMS),
	F(BPF_F_INNER_MAP),
};
static const struct flag prog_flags[] = {
	F(BPF_F_STRICT_ALIGNMENT), F(BPF_F_ANY_ALIGNMENT), F(BPF_F_TEST_RND_HI32),
	F(BPF_F_TEST_STATE_FREQ),  F(BPF_F_SLEEPABLE),	   F(BPF_F_XDP_HAS_FRAGS),
};
static const struct flag update_flags[] = {F(BPF_NOEXIST), F(BPF_EXIST), F(BPF_F_LOCK)};
static const struct flag elem_flags[] = {F(BPF_F_LOCK)};
static const struct flag open_flags[] = {F(BPF_F_RDONLY), F(BPF_F_WRONLY)};
static const struct flag attach_flags[] = {F(BPF_F_ALLOW_OVERRIDE), F(BPF_F_ALLOW_MULTI),
					   F(BPF_F_REPLACE)};
static const struct flag query_flags[] = {F(BPF_F_QUERY_EFFECTIVE)};
static const struct flag test_flags[] = {F(BPF_F_TEST_RUN_ON_CPU), F(BPF_F_TEST_XDP_LIVE_FRAMES)};
static const struct flag multi_flags[] = {F(BPF_F_KPROBE_MULTI_RETURN)};
static const struct flag log_levels[] = {{1, "LOG_PATH"}, {2, "LOG_STATES"}, {4, "LOG_STATS"}};

/* @cmd: -1, or the only command in which the field is that. */
static const struct {
	const char *field;
	int cmd;
	const struct flag *flags;
	u32 nr;
	const char *zero;
} flag_fields[] = {
#define ROW(field, cmd, table, zero)                       \
	{                                                  \
		field, cmd, table, ARRAY_SIZE(table), zero \
	}
	ROW("map_flags", -1, map_flags, NULL),
	ROW("prog_flags", -1, prog_flags, NULL),
	ROW("flags", BPF_MAP_UPDATE_ELEM, update_flags, "BPF_ANY"),
	ROW("flags", -1, elem_flags, NULL),
	ROW("batch.elem_flags", BPF_MAP_UPDATE_BATCH, update_flags, "BPF_ANY"),
	ROW("batch.elem_flags", -1, elem_flags, NULL),
	ROW("file_flags", -1, open_flags, NULL),
	ROW("open_flags", -1, open_flags, NULL),
	ROW("attach_flags", -1, attach_flags, NULL),
	ROW("query.attach_flags", -1, attach_flags, NULL),
	ROW("query.query_flags", -1, query_flags, NULL),
	ROW("link_update.flags", -1, attach_flags, NULL),
	ROW("test.flags", -1, test_flags, NULL),
	ROW("link_create.kprobe_multi.flags", -1, multi_flags, NULL),
	ROW("log_level", -1, log_levels, NULL),
	ROW("btf_log_level", -1, log_levels, NULL),
#undef ROW
};

static size_t join(char *buf, size_t len, size_t at, const char *text)
{
	int n = snprintf(at < len ? buf + at : NULL, at < len ? len - at : 0, "%s%s", at ? "|" : "",
			 text);

	return at + max(n, 0);
}

static size_t flags_text(const struct flag *flags, u32 nr, u64 value, char *buf, size_t len)
{
	char rest[24];
	size_t at = 0;

	for (u32 i = 0; i < nr; i++) {
		if (!(value & flags[i].bit))
			continue;
		at = join(buf, len, at, flags[i].name);
		value &= ~flags[i].bit;
	}
	if (value) {
		snprintf(rest, sizeof(rest), "%#llx", value);
		at = join(buf, len, at, rest);
	}
	return at;
}

size_t abi_flag_names(int cmd, const char *field, u64 value, char *buf, size_t len)
{
	for (u32 i = 0; i < ARRAY_SIZE(flag_fields); i++) {
		if (strcmp(flag_fields[i].field, field) ||
		    (flag_fields[i].cmd >= 0 && flag_fields[i].cmd != cmd))
			continue;
		if (!value)
			return snprintf(buf, len, "%s", flag_fields[i].zero ?: "0");
		return flags_text(flag_fields[i].flags, flag_fields[i].nr, value, buf, len);
	}
	return 0;
}

const char *abi_errno_name(int err)
{
	return err == ENOTSUPP ? "ENOTSUPP" : strerrorname_np(err);
}

/* --- structs that are written by OBJ_GET_INFO_BY_FD --- */

#define I(type, member, kind_)                                           \
	{                                                                \
		.name = #member, .off = offsetof(struct type, member),   \
		.size = sizeof_field(struct type, member), .kind = kind_ \
	}
#define N(type, member, name_, kind_)                                    \
	{                                                                \
		.name = name_, .off = offsetof(struct type, member),     \
		.size = sizeof_field(struct type, member), .kind = kind_ \
	}

static const struct abi_field prog_info[] = {
	N(bpf_prog_info, type, "prog_type", ABI_ENUM),
	I(bpf_prog_info, id, ABI_SCALAR),
	{.name = "tag",
	 .off = offsetof(struct bpf_prog_info, tag),
	 .size = BPF_TAG_SIZE,
	 .kind = ABI_SCALAR,
	 .len = LEN_FIXED},
	I(bpf_prog_info, jited_prog_len, ABI_SCALAR),
	I(bpf_prog_info, xlated_prog_len, ABI_SCALAR),
	I(bpf_prog_info, jited_prog_insns, ABI_OUT),
	I(bpf_prog_info, xlated_prog_insns, ABI_OUT),
	I(bpf_prog_info, load_time, ABI_SCALAR),
	I(bpf_prog_info, created_by_uid, ABI_SCALAR),
	I(bpf_prog_info, nr_map_ids, ABI_SCALAR),
	I(bpf_prog_info, map_ids, ABI_OUT),
	I(bpf_prog_info, name, ABI_NAME),
	I(bpf_prog_info, ifindex, ABI_SCALAR),
	I(bpf_prog_info, netns_dev, ABI_SCALAR),
	I(bpf_prog_info, netns_ino, ABI_SCALAR),
	I(bpf_prog_info, nr_jited_ksyms, ABI_SCALAR),
	I(bpf_prog_info, nr_jited_func_lens, ABI_SCALAR),
	I(bpf_prog_info, jited_ksyms, ABI_OUT),
	I(bpf_prog_info, jited_func_lens, ABI_OUT),
	I(bpf_prog_info, btf_id, ABI_SCALAR),
	I(bpf_prog_info, func_info_rec_size, ABI_SCALAR),
	I(bpf_prog_info, func_info, ABI_OUT),
	I(bpf_prog_info, nr_func_info, ABI_SCALAR),
	I(bpf_prog_info, nr_line_info, ABI_SCALAR),
	I(bpf_prog_info, line_info, ABI_OUT),
	I(bpf_prog_info, jited_line_info, ABI_OUT),
	I(bpf_prog_info, nr_jited_line_info, ABI_SCALAR),
	I(bpf_prog_info, line_info_rec_size, ABI_SCALAR),
	I(bpf_prog_info, jited_line_info_rec_size, ABI_SCALAR),
	I(bpf_prog_info, nr_prog_tags, ABI_SCALAR),
	I(bpf_prog_info, prog_tags, ABI_OUT),
	I(bpf_prog_info, run_time_ns, ABI_SCALAR),
	I(bpf_prog_info, run_cnt, ABI_SCALAR),
	I(bpf_prog_info, recursion_misses, ABI_SCALAR),
	I(bpf_prog_info, verified_insns, ABI_SCALAR),
	I(bpf_prog_info, attach_btf_obj_id, ABI_SCALAR),
	I(bpf_prog_info, attach_btf_id, ABI_SCALAR),
};

static const struct abi_field map_info[] = {
	N(bpf_map_info, type, "map_type", ABI_ENUM),
	I(bpf_map_info, id, ABI_SCALAR),
	I(bpf_map_info, key_size, ABI_SCALAR),
	I(bpf_map_info, value_size, ABI_SCALAR),
	I(bpf_map_info, max_entries, ABI_SCALAR),
	I(bpf_map_info, map_flags, ABI_FLAGS),
	I(bpf_map_info, name, ABI_NAME),
	I(bpf_map_info, ifindex, ABI_SCALAR),
	I(bpf_map_info, btf_vmlinux_value_type_id, ABI_SCALAR),
	I(bpf_map_info, netns_dev, ABI_SCALAR),
	I(bpf_map_info, netns_ino, ABI_SCALAR),
	I(bpf_map_info, btf_id, ABI_SCALAR),
	I(bpf_map_info, btf_key_type_id, ABI_SCALAR),
	I(bpf_map_info, btf_value_type_id, ABI_SCALAR),
	I(bpf_map_info, map_extra, ABI_SCALAR),
};

static const struct abi_field btf_info[] = {
	I(bpf_btf_info, btf, ABI_OUT),	       I(bpf_btf_info, btf_size, ABI_SCALAR),
	I(bpf_btf_info, id, ABI_SCALAR),       I(bpf_btf_info, name, ABI_OUT),
	I(bpf_btf_info, name_len, ABI_SCALAR), I(bpf_btf_info, kernel_btf, ABI_SCALAR),
};

static const struct abi_field link_info[] = {
	N(bpf_link_info, type, "link_type", ABI_ENUM),
	I(bpf_link_info, id, ABI_SCALAR),
	I(bpf_link_info, prog_id, ABI_SCALAR),
};

const struct abi_field *abi_info_fields(u32 kind, u32 *nr)
{
	switch (kind) {
	case ABI_FD_PROG: return *nr = ARRAY_SIZE(prog_info), prog_info;
	case ABI_FD_MAP: return *nr = ARRAY_SIZE(map_info), map_info;
	case ABI_FD_BTF: return *nr = ARRAY_SIZE(btf_info), btf_info;
	case ABI_FD_LINK: return *nr = ARRAY_SIZE(link_info), link_info;
	}
	return *nr = 0, NULL;
}

/* --- LINK_CREATE: what follows the flags depends on the attach type --- */

#define A(name_, off_, size_, kind_)                                     \
	{                                                                \
		.name = name_, .off = off_, .size = size_, .kind = kind_ \
	}
static const struct abi_field link_iter[] = {
	A("link_create.iter_info", 16, 8, ABI_IN),
	A("link_create.iter_info_len", 24, 4, ABI_SCALAR),
};
static const struct abi_field link_perf[] = {
	A("link_create.perf_event.bpf_cookie", 16, 8, ABI_FLAGS)};
static const struct abi_field link_multi[] = {
	A("link_create.kprobe_multi.flags", 16, 4, ABI_FLAGS),
	A("link_create.kprobe_multi.cnt", 20, 4, ABI_SCALAR),
	A("link_create.kprobe_multi.syms", 24, 8, ABI_IN),
	A("link_create.kprobe_multi.addrs", 32, 8, ABI_IN),
	A("link_create.kprobe_multi.cookies", 40, 8, ABI_IN),
};
static const struct abi_field link_tracing[] = {
	A("link_create.target_btf_id", 16, 4, ABI_SCALAR),
	A("link_create.tracing.cookie", 24, 8, ABI_FLAGS),
};

const struct abi_field *abi_union_fields(int cmd, const union bpf_attr *attr, u32 *nr)
{
	*nr = 0;
	if (cmd != BPF_LINK_CREATE)
		return NULL;
	switch (attr->link_create.attach_type) {
	case BPF_TRACE_ITER: return *nr = ARRAY_SIZE(link_iter), link_iter;
	case BPF_PERF_EVENT: return *nr = ARRAY_SIZE(link_perf), link_perf;
	case BPF_TRACE_KPROBE_MULTI: return *nr = ARRAY_SIZE(link_multi), link_multi;
	case BPF_CGROUP_INET_INGRESS: /* 0: freplace */
	case BPF_TRACE_RAW_TP:
	case BPF_TRACE_FENTRY:
	case BPF_TRACE_FEXIT:
	case BPF_MODIFY_RETURN:
	case BPF_LSM_MAC: return *nr = ARRAY_SIZE(link_tracing), link_tracing;
	}
	return NULL;
}
