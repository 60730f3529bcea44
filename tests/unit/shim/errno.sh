#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# errno.sh - the answers of a client that asks for trouble are the kernel's. usage: errno.sh USERBPF USERBPFD PRELOAD ERRNO errno.txt
T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT
export XDG_RUNTIME_DIR=$T USERBPF_SOCKET= USERBPF_DAEMON=$2 USERBPF_PRELOAD=$3
"$1" run --dir "$T/rt" -- "$4" >"$T/got" 2>&1 </dev/null || { echo "exit status $?"; tail -5 "$T/got"; exit 1; }
diff "$5" "$T/got"
