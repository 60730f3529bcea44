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
# compiled WHAT PID: the process has machine code of programs, and no page that is writable and executable at once
compiled() {
	[ "$(uname -m)" = x86_64 ] || return 0
	grep -Eq '^[^ ]+ r-xp [0-9a-f]+ 00:00 0 *$' "/proc/$2/maps" || fail "$1: no code in its memory"
	grep -E '^[^ ]+ .wx' "/proc/$2/maps" && fail "$1: memory that is writable and executable"
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
		rm -rf --one-file-system "$T" # not what a mount that stayed shows
	else
		echo "left for a look: $T"
	fi
	exit $status
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# Of the service in $RT: its pid, how many fds it has, its memory in KiB.
service_pid() { "$USERBPF" status --dir "$RT" --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p'; }
service_fds() { ls "/proc/$1/fd" | wc -l; }
service_rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"; }
# wait_for SECONDS CMD...: until CMD succeeds
wait_for() {
	tenths=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		tenths=$((tenths - 1))
		[ $tenths -gt 0 ] || return 1
		sleep 0.1
	done
}
# as_user CMD...: as uid 1000 with no capability (root only; user_dirs makes what it needs below $T)
user_dirs() {
	command -v setpriv >/dev/null || skip "setpriv is missing"
	setpriv --reuid 1000 --clear-groups test -x "$USERBPF" || skip "the build directory cannot be read by uid 1000"
	chmod 755 "$T"
	mkdir -m 700 "$T/home" "$T/run1000" && chown 1000:1000 "$T/home" "$T/run1000"
}
as_user() {
	setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
		env HOME="$T/home" TMPDIR="$T/home" XDG_RUNTIME_DIR="$T/run1000" "$@"
}
need_fuse() { [ -w /dev/fuse ] || skip "/dev/fuse cannot be opened here"; }
# The machine's own kernel lets us use bpf(2)?
kernel_bpf() { [ "$(id -u)" = 0 ] && bpftool prog show >/dev/null 2>&1; }
