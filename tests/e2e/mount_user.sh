#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# mount_user.sh - bpffs instances of a user who is not root: by fusermount3 outside `run`, by mount(2) inside; what down leaves.
. "$SRC/tests/e2e/lib.sh"
need_fuse
command -v fusermount3 >/dev/null || skip "fusermount3 is missing"
[ "$(cat /proc/sys/user/max_user_namespaces)" -gt 0 ] || skip "user namespaces are off"
if [ "$(id -u)" = 0 ]; then
	user_dirs
	setpriv --reuid 1000 --clear-groups sh -c ': <>/dev/fuse' 2>/dev/null || skip "/dev/fuse is not open to users"
	m=$T/home/mnt uid=1000
	# fusermount3 is set-user-ID, so no_new_privs has to stay away
	u() { setpriv --reuid 1000 --regid 1000 --clear-groups env HOME="$T/home" TMPDIR="$T/home" XDG_RUNTIME_DIR="$T/run1000" "$@"; }
else
	m=$T/mnt1 uid=$(id -u)
	u() { "$@"; }
fi
u mkdir "$m"
u fusermount3 -V >/dev/null 2>&1 || skip "fusermount3 does not run"
check "up" u "$USERBPF" up
u "$USERBPF" mount bpffs "$m" -o mode=700,preload=0640 >"$T/out" 2>&1 || {
	same "a mount that is refused: lines of ours" 1 "$(grep -c '^userbpf: ' "$T/out")"
	u "$USERBPF" down
	skip "fusermount3 may not mount here: $(head -1 "$T/out")"
}
same "files and modes" "640 maps.debug 640 progs.debug" "$(u sh -c 'cd "$1" && stat -c "%a %n" *' sh "$m" | xargs)"
same "the root's mode and owner" "1700 $uid" "$(u stat -c '%a %u' "$m")"
u cat "$m/progs.debug" | grep -q dump_bpf_prog || fail "cat progs.debug"
[ "$(id -u)" != 0 ] || { ls "$m" >/dev/null 2>&1 && fail "root looks into another user's mount without allow_other"; }
check "remove" u rm "$m/maps.debug"
check "remount" u "$USERBPF" mount -o remount "$m"
same "restored" "maps.debug progs.debug" "$(u ls "$m" | xargs)"
# seen from inside `run`: the same instance, owned by root there
check "pin there from inside run" u "$USERBPF" run -- bpftool map create "$m/x" type array key 4 value 4 entries 1 name x
same "owner inside and outside" "0 $uid" "$(u "$USERBPF" run -- stat -c %u "$m/x") $(u stat -c %u "$m/x")"
check "umount" u "$USERBPF" umount "$m"
gone() { [ "$(u "$USERBPF" status | grep -c '^bpffs')" = 1 ]; }
wait_for 5 gone || fail "the instance is left: $(u "$USERBPF" status)"
# inside `run` mount(2) does it
same "mount -t bpf inside" "755 maps.debug progs.debug" \
	"$(u "$USERBPF" run -- sh -c 'mount -i -t bpf bpf "$1" -o mode=755 && stat -c %a "$1" | sed s/^1// && ls "$1"' sh "$m" 2>&1 | xargs)"
# down leaves no dead mount
check "mount once more" u "$USERBPF" mount bpffs "$m"
check "down" u "$USERBPF" down
grep -q " $m " /proc/mounts && fail "down leaves a dead mount"
same "the runtime directory" "" "$(u ls "${XDG_RUNTIME_DIR:-$T}" 2>/dev/null | grep userbpf; [ "$(id -u)" != 0 ] || u ls "$T/run1000")"
