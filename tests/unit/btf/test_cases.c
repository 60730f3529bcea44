/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cases.c FILE... - runs the data files of tests/data/btf. With BTF_CASES_KERNEL=1 (root) it
 * also loads each blob into the kernel it runs on and says where errno or log differ; kernels newer
 * than 6.1 differ in a few texts.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "btf/core.h"
#include "cases.h"

static u8 blob[1 << 16];
static int failures;

static void fail(const char *file, const struct btf_case *c, const struct case_action *a,
		 const char *got)
{
	failures++;
	printf("%s:%d: %s: -> %s\n--- expected\n%s--- got\n%s\n", file, a->lineno, c->title,
	       a->line, a->expect, got);
}

/* --- actions --- */

struct text {
	char buf[1 << 15];
	size_t len;
};

static int text_emit(void *out, const char *s, size_t n)
{
	struct text *t = out;

	if (t->len + n >= sizeof(t->buf))
		return -ENOSPC;
	memcpy(t->buf + t->len, s, n);
	t->len += n;
	t->buf[t->len] = 0;
	return 0;
}

static void ask_kernel(const char *file, const struct btf_case *c, u32 size, int err,
		       const char *log)
{
	static char klog[1 << 16];
	union bpf_attr attr = {0};
	int fd;

	attr.btf = (u64)(unsigned long)blob;
	attr.btf_size = size;
	attr.btf_log_buf = (u64)(unsigned long)klog;
	attr.btf_log_size = sizeof(klog);
	attr.btf_log_level = 1;
	klog[0] = 0;
	fd = syscall(__NR_bpf, BPF_BTF_LOAD, &attr, sizeof(attr));
	if ((fd < 0 ? -errno : 0) != err || strcmp(klog, log))
		printf("%s:%d: %s: kernel says %d, we say %d\n--- kernel\n%s\n--- we\n%s\n", file,
		       c->lineno, c->title, fd < 0 ? -errno : 0, err, klog, log);
	if (fd >= 0)
		close(fd);
}

static void act_load(const char *file, const struct btf_case *c, const struct case_action *a,
		     char *args)
{
	u32 size = case_blob(c, blob, sizeof(blob));
	struct log log;
	struct btf *btf;
	int err;
	const char *got;
	char expect[sizeof(a->expect)];

	log_init(&log, LOG_LEVEL1, 1 << 16);
	btf = btf_parse(blob, size, &log);
	err = IS_ERR(btf) ? PTR_ERR(btf) : 0;
	got = log.buf ? log.buf : "";
	/* some kernel texts lack the newline at their end */
	snprintf(expect, sizeof(expect), "%.*s", (int)strlen(a->expect) - 1,
		 *a->expect ? a->expect : "\n");
	if (err != case_errno(strtok(args, " ")) || !strstr(got, expect))
		fail(file, c, a, got);
	if (getenv("BTF_CASES_KERNEL"))
		ask_kernel(file, c, size, err, got);
	if (!err)
		btf_put(btf);
	log_free(&log);
}

static struct btf *parsed(const struct btf_case *c)
{
	struct btf *btf = btf_parse(blob, case_blob(c, blob, sizeof(blob)), NULL);

	if (IS_ERR(btf)) {
		printf("%s: does not parse: %ld\n", c->title, PTR_ERR(btf));
		exit(1);
	}
	return btf;
}

/* walk ID OFF SIZE scalar | ptr NEXT FLAGS | ERRNO */
static void act_walk(const char *file, const struct btf_case *c, const struct case_action *a,
		     char *args)
{
	struct btf *btf = parsed(c);
	u32 id, off, size, next = 0, flags = 0, want_next = 0, want_flags = 0;
	char want[16];
	struct log log;
	int ret;
	bool ok;

	log_init(&log, LOG_LEVEL1, 4096);
	sscanf(args, "%u %u %u %15s %u %x", &id, &off, &size, want, &want_next, &want_flags);
	ret = btf_struct_walk(&log, btf, btf_type_by_id(btf, id), off, size, &next, &flags);
	if (!strcmp(want, "scalar"))
		ok = ret == BTF_WALK_SCALAR;
	else if (!strcmp(want, "ptr"))
		ok = ret == BTF_WALK_PTR && next == want_next && flags == want_flags;
	else
		ok = ret == BTF_WALK_ERROR && (int)next == case_errno(want);
	if (!ok || strcmp(log.buf ? log.buf : "", a->expect)) {
		printf("result %d next %d flags %x\n", ret, (int)next, flags);
		fail(file, c, a, log.buf ? log.buf : "");
	}
	log_free(&log);
	btf_put(btf);
}

/* match ID OFF NEED STRICT yes|no */
static void act_match(const char *file, const struct btf_case *c, const struct case_action *a,
		      char *args)
{
	struct btf *btf = parsed(c);
	u32 id, off, need, strict;
	char want[8];

	sscanf(args, "%u %u %u %u %7s", &id, &off, &need, &strict, want);
	if (btf_struct_ids_match(NULL, btf, id, off, btf, need, strict) != !strcmp(want, "yes"))
		fail(file, c, a, "");
	btf_put(btf);
}

/* size ID BYTES|none */
static void act_size(const char *file, const struct btf_case *c, const struct case_action *a,
		     char *args)
{
	struct btf *btf = parsed(c);
	u32 id, size = 0;
	char want[16];
	bool has;

	sscanf(args, "%u %15s", &id, want);
	has = !IS_ERR(btf_resolve_size(btf, btf_type_by_id(btf, id), &size));
	if (has != !!strcmp(want, "none") || (has && size != strtoul(want, NULL, 0)))
		fail(file, c, a, "");
	btf_put(btf);
}

static u32 hex(const char *s, u8 *out, u32 room)
{
	u32 n = 0, v;

	while (n < room && sscanf(s, "%2x", &v) == 1) {
		out[n++] = v;
		s += 2;
	}
	return n;
}

/* show ID FLAGS HEX, map ID HEX */
static void show(const char *file, const struct btf_case *c, const struct case_action *a, u32 id,
		 u64 flags, const char *bytes, bool map)
{
	struct btf *btf = parsed(c);
	static struct text t;
	u8 obj[512] = {0};
	int ret;

	hex(bytes, obj, sizeof(obj));
	t.len = 0;
	t.buf[0] = 0;
	ret = map ? btf_show_map_value(btf, id, obj, text_emit, &t)
		  : btf_show(btf, id, obj, flags, text_emit, &t);
	if (ret != (int)t.len)
		failures++;
	if (!t.len || t.buf[t.len - 1] != '\n')
		strcat(t.buf, "\n");
	if (strcmp(t.buf, *a->expect ? a->expect : "\n"))
		fail(file, c, a, t.buf);
	btf_put(btf);
}

static void act_show(const char *file, const struct btf_case *c, const struct case_action *a,
		     char *args)
{
	char bytes[512] = "";
	u32 id, flags;

	sscanf(args, "%u %u %511s", &id, &flags, bytes);
	show(file, c, a, id, flags, bytes, false);
}

static void act_map(const char *file, const struct btf_case *c, const struct case_action *a,
		    char *args)
{
	char bytes[512] = "";
	u32 id;

	sscanf(args, "%u %511s", &id, bytes);
	show(file, c, a, id, 0, bytes, true);
}

/* --- CO-RE --- */

static const char *const core_kinds[] = {
	"byte_off",	  "byte_sz",	   "field_exists",   "signed",	    "lshift_u64",
	"rshift_u64",	  "local_type_id", "target_type_id", "type_exists", "type_size",
	"enumval_exists", "enumval_value", "type_matches",
};

static u32 core_kind(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(core_kinds); i++)
		if (!strcmp(core_kinds[i], name))
			return i;
	return strtoul(name, NULL, 0);
}

static u8 size_code(u32 bytes)
{
	return bytes == 8 ? BPF_DW : bytes == 4 ? BPF_W : bytes == 2 ? BPF_H : BPF_B;
}

/* "alu IMM", "ldx|st|stx BYTES OFF", "ld64 IMM", "raw CODE SRC OFF IMM" */
static void core_insn(const char *s, struct bpf_insn in[2])
{
	char word[8];
	long long a = 0, b = 0, c = 0, d = 0;

	memset(in, 0, 2 * sizeof(*in));
	sscanf(s, "%7s %lli %lli %lli %lli", word, &a, &b, &c, &d);
	if (!strcmp(word, "alu"))
		in[0] = (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = a};
	else if (!strcmp(word, "ld64"))
		in[0] = (struct bpf_insn){.code = BPF_LD | BPF_IMM | BPF_DW, .imm = a};
	else if (!strcmp(word, "raw"))
		in[0] = (struct bpf_insn){.code = a, .src_reg = b, .off = c, .imm = d};
	else
		in[0] = (struct bpf_insn){.code = BPF_MEM | size_code(a), .off = b};
	in[0].code |= !strcmp(word, "ldx")   ? BPF_LDX
		      : !strcmp(word, "st")  ? BPF_ST
		      : !strcmp(word, "stx") ? BPF_STX
					     : 0;
	if (!strcmp(word, "ld64"))
		in[1].imm = a >> 32;
}

static bool core_poisoned(const struct bpf_insn *in)
{
	return in->code == (BPF_JMP | BPF_CALL) && in->imm == 0xbad2310;
}

/* core KIND ID ACCESS INSN = INSN | poison | ERRNO */
static void act_core(const char *file, const struct btf_case *c, const struct case_action *a,
		     char *args)
{
	char kind[32], access[128], *want = strstr(args, " = ") + 3;
	struct bpf_core_relo relo = {0};
	struct bpf_insn in[2], expect[2];
	struct btf *local, *target;
	struct btf_core *core;
	struct log log;
	bool ok;
	int at, err;

	sscanf(args, "%31s %u %127s %n", kind, &relo.type_id, access, &at);
	relo.kind = core_kind(kind);
	relo.access_str_off = case_string(c->local, access);
	local = parsed(c->local);
	target = parsed(c);
	core_insn(args + at, in);
	log_init(&log, LOG_LEVEL1, 1 << 15);
	core = btf_core_new(local, &(struct btf_core_target){.vmlinux = target}, &log);
	err = btf_core_apply(core, &relo, 0, in, 2);
	if (*want == 'E') {
		ok = err == case_errno(want);
	} else if (!strcmp(want, "poison")) {
		ok = !err && core_poisoned(in);
	} else {
		core_insn(want, expect);
		ok = !err && !memcmp(in, expect, sizeof(in));
	}
	if (!ok || !strstr(log.buf ? log.buf : "", a->expect)) {
		printf("result %d code %02x off %d imm %d %d\n", err, in[0].code, in[0].off,
		       in[0].imm, in[1].imm);
		fail(file, c, a, log.buf ? log.buf : "");
	}
	btf_core_free(core);
	log_free(&log);
	btf_put(local);
	btf_put(target);
}

static const struct {
	const char *name;
	void (*run)(const char *file, const struct btf_case *c, const struct case_action *a,
		    char *args);
} actions[] = {
	{"load", act_load}, {"walk", act_walk}, {"match", act_match}, {"size", act_size},
	{"show", act_show}, {"map", act_map},	{"core", act_core},
};

static void run_action(const char *file, const struct btf_case *c, const struct case_action *a)
{
	char line[sizeof(a->line)], *args;
	u32 i;

	memcpy(line, a->line, sizeof(line));
	args = line + strcspn(line, " ");
	if (*args)
		*args++ = 0;
	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		if (!strcmp(actions[i].name, line)) {
			actions[i].run(file, c, a, args);
			return;
		}
	}
	fail(file, c, a, "unknown action");
}

static int run_file(const char *file)
{
	static struct btf_case c;
	int lineno = 0, n = 0;
	FILE *f = fopen(file, "r");
	u32 i;

	if (!f) {
		perror(file);
		exit(1);
	}
	for (; case_read(f, file, &lineno, &c); n++)
		for (i = 0; i < c.nr_actions; i++)
			run_action(file, &c, &c.actions[i]);
	fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	int i, n = 0;

	for (i = 1; i < argc; i++)
		n += run_file(argv[i]);
	printf("%d cases, %d failures\n", n, failures);
	return failures || !n;
}
