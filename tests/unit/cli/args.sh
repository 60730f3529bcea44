#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# args.sh - what wrong command lines answer: exit status, and one line that names the trouble. usage: args.sh USERBPF
ub=$1
bad=0
T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT
export XDG_RUNTIME_DIR=$T USERBPF_SOCKET=

# try STATUS PATTERN ARG...
try() {
	want=$1 pattern=$2
	shift 2
	"$ub" "$@" >"$T/out" 2>"$T/err" </dev/null
	got=$?
	[ $got = "$want" ] || { echo "userbpf $*: exit status $got, not $want"; bad=1; }
	cat "$T/out" "$T/err" >"$T/all"
	grep -q -- "$pattern" "$T/all" || { echo "userbpf $*: no '$pattern' in:"; cat "$T/all"; bad=1; }
	case $want in
	1 | 2) [ $# = 0 ] || [ "$(wc -l <"$T/err")" = 1 ] || { echo "userbpf $*: not one line"; bad=1; } ;;
	esac
}

try 2 'usage: userbpf COMMAND'
try 0 'usage: userbpf COMMAND' --help
try 0 'usage: userbpf run' help run
try 0 'usage: userbpf mount' mount --help
try 0 '^userbpf [0-9]' --version
try 0 '"version": "[0-9]' version --json
try 2 'no command frobnicate' frobnicate
try 2 'no command frobnicate' help frobnicate
try 2 'run needs a command' run
try 2 'unknown option --frob' run --frob true
try 2 'no argument after --dir' status --dir
try 2 'takes no argument' status extra
try 2 'takes no argument' down extra
try 2 'mount needs' mount
try 2 'mount needs' mount ext4 "$T"
try 2 'needs one directory' mount -o remount
try 2 'umount needs one directory' umount
try 2 'cat needs a path' cat
try 2 'rm needs a path' rm
try 1 'no service in .*; start one' status --dir "$T/none"
try 1 'no service in .*; start one' ls --dir "$T/none"
try 1 'no bpffs of ours' umount "$T"
try 2 'dir wants a directory' run --dir '' true
"$ub" --help >/dev/full 2>"$T/full" && { echo "--help >/dev/full: want exit 1"; bad=1; }
grep -q 'cannot write: No space left' "$T/full" || { echo "--help >/dev/full: $(cat "$T/full")"; bad=1; }
mkdir -m 777 "$T/open"
chmod 777 "$T/open"
try 1 'not a directory that only we' status --dir "$T/open"
: >"$T/file"
try 1 'cannot use .*file' status --dir "$T/file"
USERBPF_PRELOAD=/none try 1 'set USERBPF_PRELOAD' run --dir "$T/none" true
exit $bad
