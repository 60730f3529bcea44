# SPDX-License-Identifier: BSD-2-Clause
# lib.sh - sourced by every end-to-end test: a private directory, a private service, clean-up whatever happens.
#   environment, set by meson: BUILD (build directory), SRC (source directory), OBJ (BPF objects)
# A test calls `start` when it wants a service that outlives one command; `ub CMD...` runs CMD under it. Without `start` each `ub` gets its own.
set -u
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
USERBPF=$BUILD/src/cli/userbpf
T=$(mktemp -d "${TMPDIR:-/tmp}/userbpf-test.XXXXXX")
export XDG_RUNTIME_DIR=$T/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
RT=$T/rt
started=
failures=0

skip() {
	echo "SKIP: $*"
	exit 77
}
fail() {
	echo "FAIL: $*"
	failures=$((failures + 1))
}
# check WHAT CMD...: CMD must succeed; prints its output when it does not
check() {
	what=$1
	shift
	"$@" >"$T/check.out" 2>&1 || {
		fail "$what"
		sed 's/^/	/' "$T/check.out" | head -20
	}
}
# same WHAT WANT GOT
same() {
	[ "$2" = "$3" ] || fail "$1: want '$2', got '$3'"
}
start() {
	"$USERBPF" up --dir "$RT" "$@" || { fail "the service does not start"; exit 1; }
	started=1
}
ub() {
	"$USERBPF" run --dir "$RT" -- "$@"
}
cleanup() {
	status=$?
	trap - EXIT INT TERM
	[ -z "$started" ] || "$USERBPF" down --dir "$RT" >/dev/null 2>&1
	for d in "$T"/mnt*; do
		[ -d "$d" ] && umount -l "$d" 2>/dev/null
	done
	if [ $status = 0 ] && [ $failures -gt 0 ]; then
		status=1
	fi
	if [ $status = 0 ] || [ $status = 77 ]; then
		rm -rf "$T"
	else
		echo "left for a look: $T"
	fi
	exit $status
}
trap cleanup EXIT
trap 'exit 1' INT TERM

need_fuse() { [ -w /dev/fuse ] || skip "/dev/fuse cannot be opened here"; }
# The machine's own kernel lets us use bpf(2)?
kernel_bpf() { [ "$(id -u)" = 0 ] && bpftool prog show >/dev/null 2>&1; }
