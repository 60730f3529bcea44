#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# gen_since - no loader uses more of bpf(2) than the kernel it says it needs has, unless the object itself does: libbpf's calls for it do, then.
. "$SRC/tests/e2e/lib.sh"
bin=$BUILD/tests/e2e
mkdir "$T/loaders"
. "$SRC/tests/e2e/gen_loaders.sh"
start

# lines TRACE SCOPE COMMAND
lines() {
	case $2 in
	any) grep -E "\"cmd\": \"$3\"" "$1" ;;
	nested) grep '"nested": true' "$1" | grep -E "\"cmd\": \"$3" ;;
	loader) grep '"__loader.prog"' "$1" | grep "\"cmd\": \"$3\"" ;;
	esac
}
# newer A B: version A is newer than B
newer() {
	[ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | tail -1)" = "$1" ] && [ "$1" != "$2" ]
}
used=0
# check_trace NAME TRACE NEEDS [TRACE of libbpf]
check_trace() {
	grep -v '^#' "$SRC/tests/data/since" >rows
	while read -r version scope cmd what; do
		lines "$2" "$scope" "$cmd" | grep -qE "$what" || continue
		used=$((used + 1))
		newer "$version" "$3" || continue
		[ "$scope" = any ] && [ -n "${4-}" ] && lines "$4" any "$cmd" | grep -qE "$what" && continue
		fail "$1 needs $3 as it says, but uses: $version $cmd $what"
	done <rows
}
needs() { # SKELETON
	sed -n 's/^.. Needs Linux \([0-9.]*\) or later.*/\1/p' "$1"
}

cd "$T" || exit 1
checked=0
for object in $objects; do
	name=${object##*/} name=${name%.bpf.o}
	"$USERBPF" gen skeleton -L "$object" name x >x.lskel.h || fail "$name: no skeleton"
	"$USERBPF" trace --dir "$RT" --json -o ours.json -- "$bin/runloader" "$T/loaders/$name.loader" >out 2>&1
	"$USERBPF" trace --dir "$RT" --json -o libbpf.json -- "$bin/libload" "$object" >out 2>&1
	grep -q '"nested": true' ours.json || [ "$name" = bad ] || needs_kernel "$name" || fail "$name: nothing was run"
	check_trace "$name" ours.json "$(needs x.lskel.h)" libbpf.json
	needs x.lskel.h >>versions
	checked=$((checked + 1))
done
[ $checked -gt 50 ] || fail "only $checked loaders"
[ $used -gt 10 ] || fail "only $used uses of later kernels were seen"
same "kernels they need" "5.15 5.16 5.17 " "$(sort -uV versions | tr '\n' ' ')"

# recorded runs
check "compile" ${CC:-cc} -o fdarray "$SRC/tests/e2e/fdarray.c"
"$USERBPF" record --dir "$RT" -o bound.lskel.h -- ./fdarray /sys/fs/bpf/bound 2>/dev/null || fail "record fd_array_cnt"
"$USERBPF" record --dir "$RT" -o bound.loader -- ./fdarray /sys/fs/bpf/bound2 2>/dev/null || fail "record fd_array_cnt"
"$USERBPF" record --dir "$RT" -o link.lskel.h -- bpftool iter pin "$OBJ/iter.bpf.o" /sys/fs/bpf/link >/dev/null 2>&1 || fail "record a link"
same "needs of recorded runs" "6.14 5.18" "$(needs bound.lskel.h) $(needs link.lskel.h)"
"$USERBPF" trace --dir "$RT" --json -o ours.json -- "$bin/runloader" bound.loader >out 2>&1
check_trace "recorded fd_array_cnt" ours.json 6.14
# the check sees what it is for
before=$failures
check_trace "x" ours.json 5.15 >out
[ $failures -gt "$before" ] || { echo "FAIL: fd_array_cnt is not seen"; before=$((before + 1)); }
failures=$before
cd /
