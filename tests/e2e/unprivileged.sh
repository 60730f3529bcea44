#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# unprivileged.sh - the demo as uid 1000 without capabilities, /dev/fuse open to users.
. "$SRC/tests/e2e/lib.sh"
need_fuse
[ "$(cat /proc/sys/user/max_user_namespaces)" -gt 0 ] || skip "user namespaces are off"
if [ "$(id -u)" != 0 ]; then
	"$SRC/scripts/demo" "$BUILD" >"$T/demo" 2>&1 || fail "demo"
	exit
fi
command -v setpriv >/dev/null || skip "setpriv is missing"
# As root: a /dev/fuse open to users, in a mount namespace of its own, then uid 1000 with nothing.
chmod 755 "$T"
chown -R 1000:1000 "$XDG_RUNTIME_DIR"
mkdir "$T/home" && chown 1000:1000 "$T/home"
cat >"$T/inside" <<'X'
mkdir "$1/dev" && mount -t tmpfs -o mode=755,dev tmpfs "$1/dev" && mknod -m 666 "$1/dev/fuse" c 10 229 && mount --bind "$1/dev/fuse" /dev/fuse || exit 77
exec setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs \
	env HOME="$1/home" TMPDIR="$1/home" XDG_RUNTIME_DIR="$1/run" "$2" "$3"
X
chmod a+rX "$SRC" "$BUILD" 2>/dev/null
setpriv --reuid 1000 --clear-groups test -x "$USERBPF" || skip "the build directory cannot be read by uid 1000"
unshare -m --propagation private sh "$T/inside" "$T" "$SRC/scripts/demo" "$BUILD" >"$T/demo" 2>&1
case $? in
0) ;;
77) skip "no device nodes can be made here" ;;
*) fail "demo as uid 1000"; tail -40 "$T/demo" ;;
esac
grep -q 'dump_bpf_prog' "$T/demo" || fail "progs.debug is not shown"
