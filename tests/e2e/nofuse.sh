#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# nofuse.sh - without /dev/fuse: bpf(2) and pins below /sys/fs/bpf work, `userbpf cat|ls|rm` show and remove them. As root and as uid 1000.
. "$SRC/tests/e2e/lib.sh"
if [ -z "${NOFUSE_INSIDE:-}" ]; then
	[ "$(id -u)" = 0 ] || { [ -w /dev/fuse ] && skip "hiding /dev/fuse needs root"; }
	if [ "$(id -u)" != 0 ]; then # there is none: the real thing
		NOFUSE_INSIDE=user sh "$0" || fail "without /dev/fuse"
		exit
	fi
	user_dirs
	: >"$T/empty"
	for over in /dev/null "$T/empty"; do
		unshare -m --propagation private sh -c '
			[ ! -e /dev/fuse ] || mount --bind "$1" /dev/fuse || exit 77
			NOFUSE_INSIDE=root sh "$2"' sh "$over" "$0" >"$T/out" 2>&1 || { fail "root, $over over /dev/fuse"; cat "$T/out"; }
	done
	[ "$(cat /proc/sys/user/max_user_namespaces)" -gt 0 ] || exit
	unshare -m --propagation private sh -c '
		[ ! -e /dev/fuse ] || mount --bind "$1" /dev/fuse || exit 77
		shift
		exec "$@"' sh "$T/empty" setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
		env HOME="$T/home" TMPDIR="$T/home" NOFUSE_INSIDE=user sh "$0" >"$T/out" 2>&1 || { fail "uid 1000"; cat "$T/out"; }
	exit
fi

# with a service, and with the one `run` makes
check "no service" "$USERBPF" run --dir "$RT" -- sh -c 'bpftool map create /sys/fs/bpf/m type array key 4 value 4 entries 1 name m && bpftool map show pinned /sys/fs/bpf/m'
start
check "map create" ub bpftool map create /sys/fs/bpf/m type hash key 4 value 8 entries 5 name hidden
check "map update" ub bpftool map update pinned /sys/fs/bpf/m key 1 0 0 0 value 1 2 3 4 5 6 7 8
same "map dump" 1 "$(ub bpftool map dump pinned /sys/fs/bpf/m | sed -n 's/^Found \([0-9]*\) element.*/\1/p')"
check "prog loadall" ub bpftool prog loadall "$OBJ/plain.bpf.o" /sys/fs/bpf/plain
head -c 64 /dev/zero >"$T/packet"
check "prog run" ub bpftool prog run pinned /sys/fs/bpf/plain/arith data_in "$T/packet"
check "iter pin" ub bpftool iter pin "$OBJ/iter.bpf.o" /sys/fs/bpf/it
ub bpftool map create /sys/fs/bpf/m type hash key 4 value 8 entries 5 name hidden 2>"$T/err" && fail "the name was taken"
grep -q 'File exists' "$T/err" || fail "taken name: $(cat "$T/err")"
ub bpftool map show pinned /sys/fs/bpf/none 2>"$T/err" && fail "nothing is pinned there"
grep -q 'No such file' "$T/err" || fail "absent pin: $(cat "$T/err")"
same "ls" "it m maps.debug plain progs.debug" "$("$USERBPF" ls --dir "$RT" | xargs)"
same "ls of a directory" "arith parse" "$("$USERBPF" ls --dir "$RT" /sys/fs/bpf/plain | grep -x 'arith\|parse' | xargs)"
"$USERBPF" ls --dir "$RT" -l | grep -q '^-rw-------  1 .* progs.debug$' || fail "ls -l: $("$USERBPF" ls --dir "$RT" -l)"
"$USERBPF" cat --dir "$RT" /sys/fs/bpf/maps.debug | grep -q '^ *[0-9]* hidden  *5$' || fail "cat maps.debug"
"$USERBPF" cat --dir "$RT" /sys/fs/bpf/it | grep -q hidden || fail "cat of our own iterator"
"$USERBPF" cat --dir "$RT" /sys/fs/bpf/none 2>"$T/err" && fail "cat of nothing"
same "one line of error" 1 "$(wc -l <"$T/err")"
same "the same inside" "it m maps.debug plain progs.debug" "$(ub "$USERBPF" ls | xargs)"
same "mkdir" ok "$(ub "$BUILD/tests/e2e/fsop" mkdir /sys/fs/bpf/d)"
same "mkdir of the root" EEXIST "$(ub "$BUILD/tests/e2e/fsop" mkdir /sys/fs/bpf)"
same "mkdir with a dot" EPERM "$(ub "$BUILD/tests/e2e/fsop" mkdir /sys/fs/bpf/d.d)"
same "statfs" "cafe4a11 cafe4a11 ENOENT" "$(ub sh -c '"$1" statfs /sys/fs/bpf; "$1" statfs /sys/fs/bpf/d; "$1" statfs /sys/fs/bpf/none' sh "$BUILD/tests/e2e/fsop" | xargs)"
same "unlink of a directory" EISDIR "$(ub "$BUILD/tests/e2e/fsop" unlink /sys/fs/bpf/d)"
same "rmdir of a pin" ENOTDIR "$(ub "$BUILD/tests/e2e/fsop" rmdir /sys/fs/bpf/m)"
same "rmdir" ok "$(ub "$BUILD/tests/e2e/fsop" rmdir /sys/fs/bpf/d)"
check "rm" "$USERBPF" rm --dir "$RT" /sys/fs/bpf/m
"$USERBPF" rm --dir "$RT" /sys/fs/bpf/plain 2>/dev/null && fail "rm of a directory that is not empty"
check "rm -r" "$USERBPF" rm --dir "$RT" -r /sys/fs/bpf/plain /sys/fs/bpf/it
same "left" "maps.debug progs.debug" "$("$USERBPF" ls --dir "$RT" | xargs)"
sleep 0.3
same "programs left" "dump_bpf_map dump_bpf_prog" "$(ub bpftool prog show | sed -n 's/^[0-9]*:.* name \([^ ]*\).*/\1/p' | xargs)"
"$USERBPF" mount --dir "$RT" bpffs "$T/nowhere" 2>"$T/err" && fail "mount without FUSE"
same "mount: one line" 1 "$(wc -l <"$T/err")"
