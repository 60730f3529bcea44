#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# fresh.sh - on a fresh Debian 12 (debootstrap, nothing but git and make): clone, `make demo`, `make test`.
. "$SRC/tests/e2e/lib.sh"
[ -z "${USERBPF_FRESH:-}" ] || skip "this is the fresh tree already"
[ "$(id -u)" = 0 ] || skip "debootstrap needs root"
command -v debootstrap >/dev/null || skip "debootstrap is not installed"
need_fuse
mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[.*\] \)\?\(http[^ ]*\) bookworm main.*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
	grep '/debian/\?$' | head -1)
root=$T/debian
debootstrap --variant=minbase --include=git,make,ca-certificates bookworm "$root" "${mirror:-http://deb.debian.org/debian}" >"$T/debootstrap.log" 2>&1 || {
	grep -q 'Failed getting release file\|Unable to\|Could not' "$T/debootstrap.log" && skip "no Debian mirror can be reached"
	tail -5 "$T/debootstrap.log"
	fail "debootstrap"
	exit 1
}
cp /etc/resolv.conf "$root/etc/" 2>/dev/null
cp /etc/apt/apt.conf.d/*artifact* /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null
git clone -q "$SRC" "$root/root/userbpf" || git -c safe.directory='*' clone -q "$SRC" "$root/root/userbpf"

cat >"$T/inside" <<'X'
set -e
mount -t proc proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
exec chroot "$1" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C USERBPF_FRESH=1 \
	sh -c 'cd /root/userbpf && make demo && echo DEMO-OK && make test'
X
unshare -m --propagation private sh "$T/inside" "$root" >"$T/fresh.log" 2>&1 || fail "make demo or make test in a fresh Debian 12"
grep -q '^DEMO-OK' "$T/fresh.log" || fail "make demo in a fresh Debian 12"
tail -3 "$T/fresh.log"
[ $failures = 0 ] || tail -60 "$T/fresh.log"
rm -rf --one-file-system "$root"
