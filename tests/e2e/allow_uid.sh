#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# allow_uid.sh - one service, two users: the other one (--allow-uid) is unprivileged, owns what it pins, and reads what file modes let it read.
. "$SRC/tests/e2e/lib.sh"
[ "$(id -u)" = 0 ] || skip "two users need root"
need_fuse
user_dirs
chmod 711 "$XDG_RUNTIME_DIR"
start -- --allow-uid 1000 --unpriv 0
printf '%s\n' 'mknod -m 666 "$T/fuse" c 10 229 && mount --bind "$T/fuse" /dev/fuse || exit 77; exec "$@"' >"$T/open_fuse"
other() {
	T=$T unshare -m --propagation private sh "$T/open_fuse" setpriv --reuid 1000 --regid 1000 --clear-groups \
		env HOME="$T/home" TMPDIR="$T/home" XDG_RUNTIME_DIR="$T/run1000" "$USERBPF" "$@" 2>"$T/err"
	status=$?
	rm -f "$T/fuse"
	return $status
}
other status --dir "$RT" >"$T/out" || fail "status: $(cat "$T/err")"
other run --dir "$RT" -- bpftool map create /sys/fs/bpf/theirs type array key 4 value 4 entries 1 name theirs || fail "create and pin: $(cat "$T/err")"
same "who owns the pin" "1000" "$(ub stat -c %u /sys/fs/bpf/theirs)"
ub bpftool map show name theirs | grep -q theirs || fail "the service's own user does not see the map"
other run --dir "$RT" -- bpftool prog show && fail "another user lists programs"
grep -q 'Operation not permitted' "$T/err" || fail "list: $(cat "$T/err")"
other run --dir "$RT" -- cat /sys/fs/bpf/progs.debug && fail "another user reads a 0600 file"
ub chmod 644 /sys/fs/bpf/progs.debug
other run --dir "$RT" -- cat /sys/fs/bpf/progs.debug | grep -q dump_bpf_prog || fail "another user cannot read a 0644 file: $(cat "$T/err")"
ub bpftool map create /sys/fs/bpf/ours type array key 4 value 4 entries 1 name ours
other run --dir "$RT" -- bpftool map show pinned /sys/fs/bpf/ours && fail "another user opens a 0600 pin"
other run --dir "$RT" -- rm -f /sys/fs/bpf/ours && fail "another user removes our pin from the sticky root"
other down --dir "$RT" && fail "another user stops the service"
check "the service goes on" "$USERBPF" status --dir "$RT"
# a third user is nobody here
T=$T setpriv --reuid 1001 --clear-groups env XDG_RUNTIME_DIR=/nonexistent "$USERBPF" status --dir "$RT" >"$T/out" 2>&1 && fail "a third user is served"
exit 0
