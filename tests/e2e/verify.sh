#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# verify.sh - `userbpf verify`: verdicts, explanations, another kernel's BTF, JSON, exit status; it needs no service, no root and leaves nothing behind.
. "$SRC/tests/e2e/lib.sh"
R=$OBJ/verify-refused.bpf.o L=$OBJ/verify-licence.bpf.o GOOD=$BUILD/bpf/iterators.bpf.o
v() { "$USERBPF" verify "$@" >"$T/out" 2>"$T/err"; }
status() { # WANT WHAT ARG...
	want=$1 what=$2
	shift 2
	v "$@"
	same "exit status: $what" "$want" $?
}
said() { grep -qE -- "$1" "$T/out" || fail "$2: no '$1' in: $(head -c 2000 "$T/out")"; }

# what is verified
status 0 "an object that is fine" "$GOOD"
same "messages" "" "$(cat "$T/err")"
same "lines" 2 "$(wc -l <"$T/out")"
said '^verified  dump_bpf_map  iter/bpf_map  tracing  [0-9]+ insns  [0-9]+ states  [0-9]+ us  stack [0-9+]+$' "a verified program"

# what is not: all programs are tried; each is refused for the reason its name says
status 1 "an object with refused programs" --json "$R"
for name in $(sed -n 's/^SEC("[^"]*") int \([a-z_0-9]*\)(.*/\1/p' "$SRC/tests/data/bpf/verify/refused.bpf.c"); do
	topic=$(tr '{' '\n' <"$T/out" | sed -n "/\"name\": \"$name\",/,/\"topic\"/s/.*\"topic\": \"\([a-z_]*\)\".*/\1/p")
	same "$name" "$(echo "$name" | sed 's/[0-9]*$//')" "$topic"
done
if command -v python3 >/dev/null; then
	python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); assert all(p["verified"] is False and p["message"] and p["advice"] for p in d["programs"])' \
		"$T/out" 2>"$T/err" || fail "the JSON: $(tail -1 "$T/err")"
fi
status 1 "one of two refused" "$L"
said '^refused   gpl  socket  socket_filter  Invalid argument$' "the licence"
said '^verified  verified ' "the program behind a refused one"

# the explanation, line by line
v "$R"
sed -n '/^refused   packet_bounds /,/  advice/p' "$T/out" >"$T/one"
mv "$T/one" "$T/out"
line=$(grep -n 'data + 14 > end' "$SRC/tests/data/bpf/verify/refused.bpf.c" | cut -d: -f1)
said "^  source    .*/refused\.bpf\.c:$line: return data \+ 14 > end \? XDP_DROP : data\[20\];\$" "the source line"
said '^  insn      [0-9]+: \(71\) r[0-9] = \*\(u8 \*\)\(r[0-9] \+20\)$' "the instruction"
said '^  .* R[0-9]=pkt\(id=0,off=20,r=14\)$' "the register"
said '^  message   invalid access to packet, off=20 size=1' "the message"
said '^  advice    Check the bounds before the access' "the advice"

# the log as well
status 0 "with a log" --log 2 "$GOOD"
said '^processed [0-9]+ insns' "the log"
said '^0: \(' "the log's instructions"

# another kernel's types: one that lacks a field is refused with CO-RE advice
if command -v clang-19 >/dev/null && command -v bpftool >/dev/null; then
	cat >"$T/core.bpf.c" <<'Y'
struct bpf_map { int not_here; } __attribute__((preserve_access_index));
struct bpf_iter__bpf_map { void *meta; struct bpf_map *map; };
__attribute__((section("iter/bpf_map"), used)) int core_relocation(struct bpf_iter__bpf_map *ctx)
{
	return ctx->map ? ctx->map->not_here == 7 : 0;
}
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
Y
	(cd "$T" && clang-19 -target bpf -O2 -g -c core.bpf.c -o core.bpf.o) || fail "core.bpf.c does not compile"
	status 1 "a field that is not there" "$T/core.bpf.o"
	said 'advice    The field, type or enumerator does not exist' "the relocation"
fi
if [ -r /sys/kernel/btf/vmlinux ]; then
	status 0 "against the machine's kernel BTF" --btf /sys/kernel/btf/vmlinux "$GOOD"
	said '^verified  dump_bpf_prog ' "the machine's types"
	if command -v clang-19 >/dev/null; then
		cat >"$T/walk.bpf.c" <<'Y'
typedef unsigned long long u64;
struct task_struct { int pid; struct task_struct *real_parent; char comm[16]; } __attribute__((preserve_access_index));
__attribute__((section("tp_btf/sched_switch"), used)) int walk(u64 *ctx)
{
	struct task_struct *prev = (void *)ctx[1];
	return prev->real_parent->pid + prev->comm[0];
}
__attribute__((section("fentry/do_exit"), used)) int enter(u64 *ctx) { return 0; }
__attribute__((section("lsm/file_open"), used)) int hook(u64 *ctx) { return 0; }
__attribute__((section("fentry/no_such_function"), used)) int attach_target(u64 *ctx) { return 0; }
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
Y
		(cd "$T" && clang-19 -target bpf -mcpu=v3 -O2 -g -c walk.bpf.c -o walk.bpf.o) || fail "walk.bpf.c does not compile"
		status 1 "one attach target missing" --btf /sys/kernel/btf/vmlinux "$T/walk.bpf.o"
		said '^verified  walk ' "a walk through the machine's structs"
		said '^verified  enter ' "an attach target of the machine"
		said '^verified  hook ' "an LSM hook of the machine"
		said '^refused   attach_target ' "an attach target that is not there"
	fi
fi
status 1 "BTF that is none" --btf "$SRC/README.md" "$GOOD"

# a kernel with a module: split BTF, as an ELF file and raw
VMLINUX=$BUILD/src/sys/vmlinux/vmlinux.btf
if command -v clang-19 >/dev/null && command -v pahole >/dev/null && command -v gcc >/dev/null && [ -r "$VMLINUX" ]; then
	cat >"$T/widgets.c" <<'Y'
struct task_struct;
struct widget { int size; struct task_struct *owner; struct widget *next; };
int widget_poke(struct widget *w, int how) { return w->size + how; }
Y
	cat >"$T/module.bpf.c" <<'Y'
typedef unsigned long long u64;
struct task_struct { int pid; } __attribute__((preserve_access_index));
struct widget { struct widget *next; struct task_struct *owner; int size; } __attribute__((preserve_access_index));
int sum, how;
__attribute__((section("fentry/widget_poke"), used)) int poke(u64 *ctx)
{
	struct widget *w = (void *)ctx[0];
	sum = w->next->size + w->owner->pid;
	how = ctx[1];
	return 0;
}
__attribute__((section("fentry/widget_poke"), used)) int beyond(u64 *ctx)
{
	sum = ctx[2];
	return 0;
}
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
Y
	# BTF beside the file: to put it in, pahole wants llvm-objcopy
	(cd "$T" && gcc -g -c widgets.c -o widgets.ko && pahole --btf_encode_detached=widgets --btf_base "$VMLINUX" widgets.ko && objcopy --add-section .BTF=widgets widgets.ko &&
		clang-19 -target bpf -mcpu=v3 -O2 -g -c module.bpf.c -o module.bpf.o) || fail "the module does not compile"
	for file in widgets.ko widgets; do
		status 1 "a module ($file)" --btf "$VMLINUX" --btf "$T/$file" "$T/module.bpf.o"
		said '^verified  poke ' "a walk from a module's struct into the kernel's"
		said '^refused   beyond ' "an argument that a module's function has not"
	done
	status 1 "without the module" --btf "$VMLINUX" "$T/module.bpf.o"
	said '^refused   poke ' "a target in a module that is not given"
	status 1 "a module's BTF that is none" --btf "$VMLINUX" --btf "$SRC/README.md" "$GOOD"
fi
status 2 "a module that cannot be read" --btf "$GOOD" --btf "$T/nothing" "$GOOD"

# sizes and pins that an object leaves to its loader
if command -v clang-19 >/dev/null; then
	cat >"$T/sizes.bpf.c" <<'Y'
#define MAP(name, kind, more) struct { int (*type)[kind]; more } name __attribute__((section(".maps"), used))
MAP(counts, 2, int *key; long *value;);
MAP(records, 27, );
MAP(pinned, 1, int *key; long *value; int (*max_entries)[4]; int (*pinning)[1];);
static void *(*lookup)(void *, const void *) = (void *)1;
__attribute__((section("xdp"), used)) int count(void *ctx)
{
	int key = 0;
	long *n = lookup(&counts, &key), *p = lookup(&pinned, &key);
	return n && p ? *n + *p : 0;
}
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
Y
	(cd "$T" && clang-19 -target bpf -mcpu=v3 -O2 -g -c sizes.bpf.c -o sizes.bpf.o) || fail "sizes.bpf.c does not compile"
	status 0 "maps without sizes, a pinned map" "$T/sizes.bpf.o"
fi

# wrong usage
status 2 "no file" --json
status 2 "two files" "$GOOD" "$GOOD"
status 2 "a file that is not there" "$T/none.o"
status 2 "a level that is none" --log 9 "$GOOD"
status 2 "an unknown option" --what "$GOOD"
status 1 "no BPF object" "$USERBPF"
grep -q 'not a valid eBPF object' "$T/err" || fail "no reason given: $(cat "$T/err")"

# nobody special may use it, and nothing of it is left
if [ "$(id -u)" = 0 ]; then
	user_dirs
	as_user "$USERBPF" verify "$GOOD" >"$T/out" 2>&1 || fail "as a user: $(cat "$T/out")"
fi
[ ! -e "$T/run/userbpf" ] || fail "it left a runtime directory"
exit 0
