#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# bpftool.sh - Debian's bpftool gives under userbpf what it gives on a 6.1 kernel with the same objects (tests/data/kernel-6.1/bpftool.txt,
# recorded by tests/tools/record-kernel). Differences that stay stand in tests/e2e/bpftool.known, with their reasons.
. "$SRC/tests/e2e/lib.sh"
need_fuse
start
ub sh "$SRC/tests/e2e/bpftool_cases.sh" "$T/out" "$OBJ" /sys/fs/bpf
# the answers were recorded as root
"$SRC/tests/e2e/normalise" "$T/out" | sed "s/uid $(id -u)$/uid 0/; s/\"uid\":$(id -u),/\"uid\":0,/" >"$T/got"
cp "$SRC/tests/data/kernel-6.1/bpftool.txt" "$T/want"
grep -v '^#' "$SRC/tests/e2e/bpftool.known" >"$T/known"
diff "$T/want" "$T/got" | grep '^[<>]' | grep -vxFf "$T/known" >"$T/diff"
cases=$(grep -c '^== ' "$T/want")
[ -s "$T/diff" ] && {
	fail "answers that differ from the kernel's (< kernel, > here):"
	cat "$T/diff"
	diff -u "$T/want" "$T/got" | head -150
}
echo "$cases cases compared"
