#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# jit.sh - programs are compiled where they run, never into memory that is writable and executable at once; USERBPF_JIT=0 and --no-jit: not at all.
. "$SRC/tests/e2e/lib.sh"
cc=$(command -v cc || command -v gcc) || skip "a C compiler is missing"
start
$cc -O2 -Wall "$SRC/tests/e2e/jit.c" -o "$T/app" -lbpf 2>"$T/err" || { fail "jit.c: $(head -5 "$T/err")"; exit 1; }
code=10
[ "$(uname -m)" = x86_64 ] || code=0
same "compiled" "sum 55, code $code, writable code 0" "$(ub "$T/app" 2>&1 | tail -5)"
same "USERBPF_JIT=0" "sum 55, code 0, writable code 0" "$(USERBPF_JIT=0 ub "$T/app" 2>&1 | tail -5)"
same "run --no-jit" "sum 55, code 0, writable code 0" "$("$USERBPF" run --dir "$RT" --no-jit -- "$T/app" 2>&1 | tail -5)"
