#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# userbpf record and userbpf load: what a command loaded is loaded again from the file, the same programs and maps.
. "$SRC/tests/e2e/lib.sh"

start
# What is there, without what differs from load to load: ids, times, tags (instructions name maps by fd or by index), places of code.
objects() {
	ub bpftool map show | sed 's/^[0-9]*: //; s/btf_id [0-9]*//; s/pids .*//' | grep -v iterator | sort
	for id in $(ub bpftool prog show | sed -n 's/^\([0-9]*\): .*/\1/p'); do
		ub bpftool prog show id "$id" | head -1 | sed 's/^[0-9]*: //; s/tag [0-9a-f]*//'
		ub bpftool prog dump xlated id "$id" | sed 's/\[id:[0-9]*\]/[id]/; s/r[0-9]* = map.*/map/; s/#0x[0-9a-f]*$//'
	done
}
contents() {
	for id in $(ub bpftool map show | sed -n 's/^\([0-9]*\): array .*/\1/p'); do
		ub bpftool map dump id "$id" 2>/dev/null | grep -v '^\[*{*$' | sort
	done
}
again() { # NAME CMD...: recorded, and the file's objects are those of the command
	name=$1
	shift
	"$USERBPF" record --dir "$RT" -o "$T/$name.loader" -- "$@" >"$T/out" 2>"$T/err" || { fail "$name: record: $(cat "$T/err")"; return; }
	ub test -e "$T/$name.loader" || fail "$name: no file"
	objects >"$T/$name.want"
	contents >"$T/$name.want.data"
	ub rm -rf /sys/fs/bpf/x
	"$USERBPF" run --dir "$RT" -- "$USERBPF" load --pin /sys/fs/bpf/y "$T/$name.loader" >"$T/out" 2>&1 ||
		fail "$name: load: $(tail -3 "$T/out")"
	objects >"$T/$name.got"
	contents >"$T/$name.got.data"
	ub rm -rf /sys/fs/bpf/y
	cmp -s "$T/$name.want" "$T/$name.got" || fail "$name: other objects: $(diff "$T/$name.want" "$T/$name.got" | head -10)"
	cmp -s "$T/$name.want.data" "$T/$name.got.data" || fail "$name: other contents: $(diff "$T/$name.want.data" "$T/$name.got.data" | head -10)"
}

for o in sample iter helpers mapinmap plain printk; do
	again $o bpftool prog loadall "$OBJ/$o.bpf.o" /sys/fs/bpf/x pinmaps /sys/fs/bpf/x/maps
done
grep -q 'record: BPF_OBJ_PIN /sys/fs/bpf/x/[a-z_]* is left out' "$T/err" || fail "no word of the pins: $(cat "$T/err")"

# a map with values that the command stored: the last ones count
cat >"$T/fill" <<'SH'
bpftool map create /sys/fs/bpf/x type array key 4 value 4 entries 2 name filled
bpftool map update pinned /sys/fs/bpf/x key 0 0 0 0 value 1 0 0 0
bpftool map update pinned /sys/fs/bpf/x key 1 0 0 0 value 2 0 0 0
bpftool map update pinned /sys/fs/bpf/x key 0 0 0 0 value 3 0 0 0
SH
again filled sh "$T/fill"
grep -q 03 "$T/filled.got.data" || fail "the value is not there: $(cat "$T/filled.got.data")"

# maps that are bound to a program by fd_array_cnt alone
check "compile" ${CC:-cc} -Wall -Wextra -Werror -o "$T/fdarray" "$SRC/tests/e2e/fdarray.c"
again bound "$T/fdarray" /sys/fs/bpf/x
"$USERBPF" run --dir "$RT" -- "$USERBPF" load --pin /sys/fs/bpf/y "$T/bound.loader" >/dev/null || fail "load what has fd_array_cnt"
same "maps of a program with fd_array_cnt" 2 "$(ub bpftool --json prog show pinned /sys/fs/bpf/y/progs/bound | grep -o '"map_ids":\[[0-9,]*\]' | tr ',' '\n' | wc -l)"
ub rm -rf /sys/fs/bpf/y
"$USERBPF" trace --dir "$RT" -- "$T/fdarray" /sys/fs/bpf/x 2>&1 | grep -q 'fd_array=\[[^]]*\].*fd_array_cnt=2' || fail "trace does not show fd_array_cnt"
ub rm -f /sys/fs/bpf/x

# a link becomes a link: an iterator that is pinned can be read
"$USERBPF" record --dir "$RT" -o "$T/it.loader" -- bpftool iter pin "$OBJ/iter.bpf.o" /sys/fs/bpf/it >/dev/null 2>&1 || fail "record an iterator"
ub rm -f /sys/fs/bpf/it
ub "$USERBPF" load --pin /sys/fs/bpf/y "$T/it.loader" >"$T/out" || fail "load an iterator: $(cat "$T/out")"
grep -q '^link [0-9]*  name dump_maps  pinned /sys/fs/bpf/y/links/dump_maps$' "$T/out" || fail "no link: $(cat "$T/out")"
ub cat /sys/fs/bpf/y/links/dump_maps | grep -q 'end after' || fail "the link does not iterate"
ub rm -rf /sys/fs/bpf/y

# the same as a skeleton: load attaches it
"$USERBPF" record --dir "$RT" -o "$T/it.lskel.h" -- bpftool iter pin "$OBJ/iter.bpf.o" /sys/fs/bpf/it >/dev/null 2>&1 || fail "record an iterator"
ub rm -f /sys/fs/bpf/it
cat >"$T/it.c" <<'C'
#include "it.lskel.h"
int main(void)
{
	struct it *s = it__open_and_load();

	printf("%d %d\n", s && s->links.dump_maps_fd > 0, s ? it__attach(s) : -1);
	it__destroy(s);
	return 0;
}
C
check "compile" ${CC:-cc} -std=c99 -Wall -Wextra -Werror -I"$T" -o "$T/it" "$T/it.c"
same "a skeleton with a link" "1 0" "$(ub "$T/it" 2>&1)"

# as a light skeleton, from a command that is one itself (its loader program is no part of it)
"$USERBPF" record --dir "$RT" -o "$T/again.lskel.h" -- "$USERBPF" load --pin /sys/fs/bpf/y "$T/sample.loader" >/dev/null 2>"$T/err" ||
	fail "record a loader: $(cat "$T/err")"
ub rm -rf /sys/fs/bpf/y
cat >"$T/again.c" <<'C'
#include "again.lskel.h"
int main(void)
{
	struct again *s = again__open();
	int err;

	if (!s)
		return 1;
	s->data->limit = 77;
	err = again__load(s);
	if (err)
		fprintf(stderr, "load: %s\n", strerror(-err));
	else
		printf("%u %d %d\n", s->data->limit, s->rodata->min_len, s->progs.count_packets.prog_fd > 0);
	again__destroy(s);
	return err != 0;
}
C
check "compile" ${CC:-cc} -std=c99 -Wall -Wextra -Werror -I"$T" -o "$T/again" "$T/again.c"
same "skeleton of a recorded loader" "77 14 1" "$(ub "$T/again" 2>&1)"

# errors
"$USERBPF" record --dir "$RT" -o "$T/none.loader" -- sh -c 'exit 4' 2>"$T/err"
same "status of the command" 4 $?
[ -e "$T/none.loader" ] && fail "a file of a command that failed"
"$USERBPF" record --dir "$RT" -o "$T/none.loader" -- bpftool prog show >/dev/null 2>"$T/err" && fail "a loader of nothing"
grep -q 'loaded nothing that stays' "$T/err" || fail "message: $(cat "$T/err")"
echo garbage >"$T/bad.loader"
ub "$USERBPF" load "$T/bad.loader" 2>"$T/err" && fail "garbage was loaded"
grep -q 'loader files are made by userbpf gen loader' "$T/err" || fail "message: $(cat "$T/err")"
# the log of a program that was accepted is not why another has no target
"$USERBPF" gen loader "$OBJ/lskel/tracing.bpf.o" -o "$T/tracing.loader" || fail "gen loader tracing"
ub "$USERBPF" load "$T/tracing.loader" 2>"$T/err" && fail "tracing: loads without its targets"
grep -q 'cannot be loaded: kernel [a-z]* [a-z_0-9]* for program [a-z_0-9]*: No such' "$T/err" || fail "tracing: what is missing: $(cat "$T/err")"
same "tracing: one line" 1 "$(wc -l <"$T/err")"
USERBPF_FAIL=6:EXDEV ub "$USERBPF" load "$T/sample.loader" 2>"$T/err" && fail "a map that is not made"
grep -q 'cannot be loaded: map ' "$T/err" || fail "which map: $(cat "$T/err")"
"$USERBPF" record --dir "$RT" -o - -- true 2>"$T/err"
same "record to standard output" 2 $?
n=$(ub bpftool map show | wc -l)
ub "$USERBPF" load --pin /nowhere/x "$T/sample.loader" 2>"$T/err" && fail "a pin in no directory"
same "left after a failed pin" "$n" "$(ub bpftool map show | wc -l)"
if command -v python3 >/dev/null; then
	ub "$USERBPF" load --json "$T/sample.loader" | python3 -c 'import json,sys; o = json.load(sys.stdin); assert [x for x in o if x["kind"] == "prog" and x["name"] == "count_packets" and x["id"] > 0]' || fail "load --json"
fi

# the same file on the machine's own kernel
if kernel_bpf; then
	"$USERBPF" load "$T/sample.loader" >"$T/out" 2>&1 || fail "on the kernel: $(tail -3 "$T/out")"
	grep -q '^prog [0-9]*  name count_packets$' "$T/out" || fail "on the kernel: $(cat "$T/out")"
fi
exit 0
