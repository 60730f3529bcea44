// SPDX-License-Identifier: BSD-2-Clause
/*
 * attach_api.c - attaches by each of libbpf's functions, with options, to a process that it did not build, and prints
 * what the programs of attach_api.bpf.c saw of it:
 *
 *	attach_api OBJECT LIST [-t TEXT] COMMAND...
 *
 * The command begins when all is attached; with -t on a terminal, where TEXT is typed. LIST is a file of lines
 *
 *	API COOKIE FORMAT PLACE...
 *
 *	uprobe, uretprobe              FILE FUNCTION (or 0xOFFSET); with -pid behind the name: of the command's process only
 *	uprobe_multi, uretprobe_multi  FILE FUNCTION; lines that follow each other are one link
 *	usdt                           FILE PROVIDER NAME
 *	kprobe, kretprobe              FUNCTION
 *	ksyscall, kretsyscall          CALL
 *	kprobe_multi, kretprobe_multi  FUNCTION; lines that follow each other are one link
 *	tracepoint                     CATEGORY NAME
 *	raw_tp, tp_btf                 TRACEPOINT NUMBER (of the system call)
 *	fentry, fexit                  bpf_fentry_test1, bpf_fentry_test2: called here, by a test run
 *	perf_event                     HERTZ
 *
 * FORMAT has a letter per argument, or one for the result: s string, d int, l long, x hexadecimal, o octal, _ is left out; 0: nothing.
 * Output: a line per hit, by cookies, and as they came:  COOKIE NAME(ARGUMENTS)  or  COOKIE NAME = RESULT.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <linux/perf_event.h>
#include <pty.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "attach_api.h"

#define TRACE_UPROBE_MULTI 48
#define LINES		   64
#define RECORDS		   4096

struct line {
	const char *api, *format, *word[3]; /* words: of the place */
	unsigned long long cookie;
	char prog[32]; /* on_API */
	bool pid;      /* of the process only */
};

static struct line lines[LINES];
static int nr_lines;
static struct bpf_link *links[LINES];
static struct bpf_object *obj;
static struct record records[RECORDS];
static int nr_records;

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fputs("attach_api: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static void read_lines(const char *path)
{
	char text[1024], *save, *word;
	FILE *f = fopen(path, "re");

	if (!f)
		die("%s: %s", path, strerror(errno));
	while (fgets(text, sizeof(text), f)) {
		struct line *l = &lines[nr_lines];
		char *suffix;

		word = strtok_r(strdup(text), " \t\n", &save);
		if (!word || *word == '#')
			continue;
		if (nr_lines == LINES)
			die("too many lines");
		suffix = strstr(word, "-pid");
		if (suffix)
			*suffix = '\0';
		l->pid = suffix;
		l->api = word;
		snprintf(l->prog, sizeof(l->prog), "on_%s", word);
		word = strtok_r(NULL, " \t\n", &save);
		l->cookie = strtoull(word ? word : "0", NULL, 0);
		l->format = strtok_r(NULL, " \t\n", &save);
		for (int i = 0; i < 3; i++)
			l->word[i] = strtok_r(NULL, " \t\n", &save);
		if (!l->format || !l->word[0])
			die("a line that says too little: %s", text);
		nr_lines++;
	}
	fclose(f);
}

/* --- where a function is in its file --- */

static unsigned long file_offset(Elf *elf, unsigned long addr)
{
	size_t n = 0;
	GElf_Phdr ph;

	elf_getphdrnum(elf, &n);
	for (size_t i = 0; i < n; i++)
		if (gelf_getphdr(elf, i, &ph) && ph.p_type == PT_LOAD && addr >= ph.p_vaddr &&
		    addr < ph.p_vaddr + ph.p_filesz)
			return addr - ph.p_vaddr + ph.p_offset;
	return 0;
}

static unsigned long symbol_in(Elf *elf, Elf_Scn *scn, const char *name)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	GElf_Shdr sh;
	GElf_Sym sym;

	gelf_getshdr(scn, &sh);
	if (sh.sh_type != SHT_DYNSYM && sh.sh_type != SHT_SYMTAB)
		return 0;
	for (size_t i = 0; data && i < sh.sh_size / sh.sh_entsize; i++)
		if (gelf_getsym(data, i, &sym) && GELF_ST_TYPE(sym.st_info) == STT_FUNC &&
		    sym.st_value && !strcmp(elf_strptr(elf, sh.sh_link, sym.st_name), name))
			return file_offset(elf, sym.st_value);
	return 0;
}

static unsigned long offset_of(const char *path, const char *name)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
	unsigned long found = 0;
	Elf_Scn *scn = NULL;

	while (elf && !found && (scn = elf_nextscn(elf, scn)))
		found = symbol_in(elf, scn, name);
	if (!found)
		die("no %s in %s", name, path);
	elf_end(elf);
	close(fd);
	return found;
}

/* --- attaching --- */

static bool is(const struct line *l, const char *api)
{
	return !strcmp(l->api, api);
}

static bool of_return(const struct line *l)
{
	return !strncmp(l->api, "uret", 4) || !strncmp(l->api, "kret", 4);
}

static bool at_enter(const struct line *l)
{
	return strstr(l->word[is(l, "tracepoint")], "enter");
}

/* Which program a line is for. The record of a call has as many arguments as the call. */
static const char *prog_name(const struct line *l)
{
	if (is(l, "ksyscall"))
		return "on_kprobe";
	if (is(l, "kretsyscall"))
		return "on_kretprobe";
	if (is(l, "perf_event"))
		return "on_sample";
	if (is(l, "raw_tp"))
		return at_enter(l) ? "on_raw_enter" : "on_raw_exit";
	if (is(l, "tp_btf"))
		return at_enter(l) ? "on_btf_enter" : "on_btf_exit";
	if (!is(l, "tracepoint"))
		return l->prog;
	if (!at_enter(l))
		return "on_tracepoint_exit";
	return strlen(l->format) <= 2 ? "on_tracepoint_enter2" : "on_tracepoint_enter";
}

static struct bpf_program *prog_of(const struct line *l)
{
	struct bpf_program *p = bpf_object__find_program_by_name(obj, prog_name(l));

	if (!p)
		die("no API %s", l->api);
	return p;
}

static struct bpf_link *attach_uprobe(const struct line *l, pid_t pid)
{
	LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = l->cookie, .retprobe = of_return(l));
	size_t offset = 0;

	if (!strncmp(l->word[1], "0x", 2))
		offset = strtoul(l->word[1], NULL, 16);
	else
		opts.func_name = l->word[1];
	return bpf_program__attach_uprobe_opts(prog_of(l), l->pid ? pid : -1, l->word[0], offset,
					       &opts);
}

static struct bpf_link *attach_usdt(const struct line *l, pid_t pid)
{
	LIBBPF_OPTS(bpf_usdt_opts, opts, .usdt_cookie = l->cookie);

	return bpf_program__attach_usdt(prog_of(l), l->pid ? pid : -1, l->word[0], l->word[1],
					l->word[2], &opts);
}

static struct bpf_link *attach_kprobe(const struct line *l, pid_t pid)
{
	LIBBPF_OPTS(bpf_kprobe_opts, opts, .bpf_cookie = l->cookie, .retprobe = of_return(l));

	return bpf_program__attach_kprobe_opts(prog_of(l), l->word[0], &opts);
}

static struct bpf_link *attach_ksyscall(const struct line *l, pid_t pid)
{
	LIBBPF_OPTS(bpf_ksyscall_opts, opts, .bpf_cookie = l->cookie, .retprobe = of_return(l));

	return bpf_program__attach_ksyscall(prog_of(l), l->word[0], &opts);
}

static struct bpf_link *attach_tracepoint(const struct line *l, pid_t pid)
{
	LIBBPF_OPTS(bpf_tracepoint_opts, opts, .bpf_cookie = l->cookie);

	return bpf_program__attach_tracepoint_opts(prog_of(l), l->word[0], l->word[1], &opts);
}

static struct bpf_link *attach_perf_event(const struct line *l, pid_t pid)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_SW_TASK_CLOCK,
				       .freq = 1,
				       .sample_freq = strtoul(l->word[0], NULL, 0)};
	LIBBPF_OPTS(bpf_perf_event_opts, opts, .bpf_cookie = l->cookie);
	int fd = syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? NULL : bpf_program__attach_perf_event_opts(prog_of(l), fd, &opts);
}

/* attach_trace_opts() of fentry and its like; of raw tracepoints it takes no cookie, LINK_CREATE (6.10) does. */
static struct bpf_link *attach_trace(const struct line *l, pid_t pid)
{
	LIBBPF_OPTS(bpf_trace_opts, opts, .cookie = l->cookie);

	return bpf_program__attach_trace_opts(prog_of(l), &opts);
}

static int link_tp_btf(const struct line *l)
{
	union bpf_attr attr = {.link_create = {.prog_fd = bpf_program__fd(prog_of(l)),
					       .attach_type = BPF_TRACE_RAW_TP,
					       .tracing.cookie = l->cookie}};

	return syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
}

/* Cookies of raw tracepoints (6.10) are younger than some libraries: the command itself. */
static int open_raw_tp(const struct line *l)
{
	struct {
		unsigned long long name;
		unsigned int prog_fd, pad;
		unsigned long long cookie;
	} attr = {(unsigned long)l->word[0], bpf_program__fd(prog_of(l)), 0, l->cookie};

	return syscall(SYS_bpf, BPF_RAW_TRACEPOINT_OPEN, &attr, sizeof(attr));
}

static int link_kprobe_multi(const struct line *l, int n)
{
	LIBBPF_OPTS(bpf_kprobe_multi_opts, opts, .cnt = n, .retprobe = of_return(l));
	const char *syms[LINES];
	__u64 cookies[LINES];

	for (int i = 0; i < n; i++) {
		syms[i] = l[i].word[0];
		cookies[i] = l[i].cookie;
	}
	opts.syms = syms;
	opts.cookies = cookies;
	links[l - lines] = bpf_program__attach_kprobe_multi_opts(prog_of(l), NULL, &opts);
	return links[l - lines] ? 0 : -1;
}

/* As kprobe_multi, but libraries older than 1.3 have no function for it: LINK_CREATE itself. */
static int link_uprobe_multi(const struct line *l, int n, pid_t pid)
{
	unsigned long long cookies[LINES], offsets[LINES];
	struct {
		unsigned int prog_fd, target_fd, attach_type, flags;
		unsigned long long path, offsets, ref_ctr_offsets, cookies;
		unsigned int cnt, multi_flags, pid;
	} __attribute__((packed)) attr = {
		.prog_fd = bpf_program__fd(prog_of(l)),
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (unsigned long)l->word[0],
		.offsets = (unsigned long)offsets,
		.cookies = (unsigned long)cookies,
		.cnt = n,
		.multi_flags = of_return(l),
		.pid = l->pid ? pid : 0,
	};

	for (int i = 0; i < n; i++) {
		offsets[i] = offset_of(l[i].word[0], l[i].word[1]);
		cookies[i] = l[i].cookie;
	}
	return syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
}

static const struct {
	const char *api;
	struct bpf_link *(*attach)(const struct line *l, pid_t pid);
} apis[] = {
	{"uprobe", attach_uprobe},
	{"uretprobe", attach_uprobe},
	{"usdt", attach_usdt},
	{"kprobe", attach_kprobe},
	{"kretprobe", attach_kprobe},
	{"ksyscall", attach_ksyscall},
	{"kretsyscall", attach_ksyscall},
	{"tracepoint", attach_tracepoint},
	{"perf_event", attach_perf_event},
	{"fentry", attach_trace},
	{"fexit", attach_trace},
};

static bool goes_with(const struct line *a, const struct line *b)
{
	bool many = strstr(a->api, "_multi");
	bool file = many && *a->api == 'u';

	return many && is(a, b->api) && a->pid == b->pid &&
	       (!file || !strcmp(a->word[0], b->word[0]));
}

/* The line, or those that are one link with it; how many. */
static int attach(const struct line *l, pid_t pid)
{
	int n = 1, err = -1;

	while (l + n < lines + nr_lines && goes_with(l, l + n))
		n++;
	if (strstr(l->api, "uprobe_multi") || strstr(l->api, "uretprobe_multi"))
		err = link_uprobe_multi(l, n, pid);
	else if (strstr(l->api, "_multi"))
		err = link_kprobe_multi(l, n);
	else if (is(l, "raw_tp"))
		err = open_raw_tp(l);
	else if (is(l, "tp_btf"))
		err = link_tp_btf(l);
	for (size_t i = 0; i < sizeof(apis) / sizeof(apis[0]); i++)
		if (is(l, apis[i].api))
			err = (links[l - lines] = apis[i].attach(l, pid)) ? 0 : -1;
	if (err < 0)
		die("%s %llu: %s", l->api, l->cookie, strerror(errno));
	return n;
}

/* What is not attached need not be known to the kernel. */
static void load(const char *path)
{
	struct bpf_program *p;

	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		die("%s: %s", path, strerror(errno));
	bpf_object__for_each_program(p, obj)
	{
		bool used = false;

		for (int i = 0; i < nr_lines; i++)
			used |= !strcmp(bpf_program__name(p), prog_name(&lines[i]));
		bpf_program__set_autoload(p, used);
		if (strstr(bpf_program__name(p), "uprobe_multi") ||
		    strstr(bpf_program__name(p), "uretprobe_multi"))
			bpf_program__set_expected_attach_type(p, TRACE_UPROBE_MULTI);
	}
	if (bpf_object__load(obj))
		die("load: %s", strerror(errno));
}

static int map_fd(const char *name)
{
	return bpf_object__find_map_fd_by_name(obj, name);
}

static void tell_formats(void)
{
	for (int i = 0; i < nr_lines; i++) {
		const struct line *l = &lines[i];
		struct how how = {.nr = is(l, "raw_tp") || is(l, "tp_btf") ? atoi(l->word[1]) : -1};

		strncpy(how.format, l->format, sizeof(how.format) - 1);
		if (bpf_map_update_elem(map_fd("hows"), &l->cookie, &how, BPF_NOEXIST))
			die("cookie %llu twice", l->cookie);
	}
}

/* --- the command --- */

static int go; /* a byte in there, and it begins */

static pid_t command(char **argv, const char *text, int *terminal)
{
	int pipefd[2];
	pid_t pid;
	char c;

	if (pipe2(pipefd, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	pid = text ? forkpty(terminal, NULL, NULL, NULL) : fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (!pid) {
		close(pipefd[1]); /* who should tell may be gone */
		if (read(pipefd[0], &c, 1) == 1)
			execvp(argv[0], argv);
		_exit(127);
	}
	close(pipefd[0]);
	go = pipefd[1];
	return pid;
}

/* What fentry and fexit are at is called by test runs. */
static void run_tests(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	for (int i = 0; i < nr_lines; i++)
		if (is(&lines[i], "fentry") || is(&lines[i], "fexit")) {
			if (bpf_prog_test_run_opts(bpf_program__fd(prog_of(&lines[i])), &opts))
				die("test run: %s", strerror(errno));
			return;
		}
}

static int run(pid_t pid, const char *text, int terminal)
{
	char answer[512];
	int status = 0;

	if (write(go, "", 1) != 1)
		die("the command is gone");
	if (text && write(terminal, text, strlen(text)) < 0)
		die("terminal: %s", strerror(errno));
	while (text && read(terminal, answer, sizeof(answer)) > 0)
		;
	if (waitpid(pid, &status, 0) != pid)
		die("wait: %s", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* --- what was seen --- */

static int on_record(void *arg, void *data, size_t size)
{
	if (nr_records == RECORDS)
		die("too many records");
	memcpy(&records[nr_records++], data, sizeof(records[0]));
	return 0;
}

static void print_value(char how, unsigned long long v, const char *text)
{
	switch (how) {
	case 's': printf("\"%s\"", text); break;
	case 'd': printf("%d", (int)v); break;
	case 'l': printf("%lld", (long long)v); break;
	case 'x': printf("%#llx", v); break;
	case 'o': printf("%#llo", v); break;
	default: putchar(how);
	}
}

static void print(const struct line *l, const struct record *r)
{
	const char *name = l->word[2] ? l->word[2] : l->word[1] ? l->word[1] : l->word[0];
	bool result = of_return(l) || strstr(prog_name(l), "exit");

	printf("%llu %s%s", l->cookie, is(l, "raw_tp") || is(l, "tp_btf") ? l->word[0] : name,
	       result ? " = " : "(");
	for (int i = 0; i < ARGS && l->format[i] && l->format[i] != '0'; i++) {
		if (i)
			printf(", ");
		print_value(l->format[i], r->value[i], r->text[i]);
	}
	puts(result ? "" : ")");
}

static void report(void)
{
	struct ring_buffer *rb = ring_buffer__new(map_fd("records"), on_record, NULL, NULL);
	unsigned int zero = 0;
	struct state state;

	if (!rb || ring_buffer__consume(rb) < 0)
		die("ring buffer: %s", strerror(errno));
	for (int i = 0; i < nr_lines; i++)
		for (int j = 0; j < nr_records; j++)
			if (records[j].cookie == lines[i].cookie)
				print(&lines[i], &records[j]);
	if (bpf_map_lookup_elem(map_fd("state"), &zero, &state) || state.lost)
		die("%llu records lost", state.lost);
	ring_buffer__free(rb);
}

static void tell_target(pid_t pid)
{
	struct state state = {.target = pid};
	unsigned int zero = 0;

	if (bpf_map_update_elem(map_fd("state"), &zero, &state, BPF_ANY))
		die("state: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	const char *text = NULL;
	int status, terminal = -1, at = 3;
	pid_t pid;

	if (argc > 5 && !strcmp(argv[3], "-t")) {
		text = argv[4];
		at = 5;
	}
	if (argc <= at) {
		fprintf(stderr, "usage: attach_api OBJECT LIST [-t TEXT] COMMAND...\n");
		return 2;
	}
	elf_version(EV_CURRENT);
	read_lines(argv[2]);
	load(argv[1]);
	tell_formats();
	pid = command(argv + at, text, &terminal);
	tell_target(pid);
	for (int i = 0; i < nr_lines;)
		i += attach(&lines[i], pid);
	run_tests();
	status = run(pid, text, terminal);
	report();
	for (int i = 0; i < nr_lines; i++)
		bpf_link__destroy(links[i]);
	bpf_object__close(obj);
	return status;
}
