#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# fresh.sh - on a fresh Debian 12 (debootstrap, nothing but git and make): clone, `make demo`, `make test`; then the
# same as uid 1000 without capabilities, with /dev/fuse open to users.
. "$SRC/tests/e2e/lib.sh"
[ -z "${USERBPF_FRESH:-}" ] || skip "this is the fresh tree already"
case $BUILD in *asan*) skip "a fresh tree is built without sanitizers; make test shows it" ;; esac
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
ln -sf /proc/self/mounts "$root/etc/mtab" # minbase has none; fusermount3 wants it
cp /etc/resolv.conf "$root/etc/" 2>/dev/null
cp /etc/apt/apt.conf.d/*artifact* /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null
git clone -q "$SRC" "$root/srv/userbpf" || git -c safe.directory='*' clone -q "$SRC" "$root/srv/userbpf"

# A root of its own by pivot_root: in a chroot no user namespace may be made, so uid 1000 could not run anything.
cat >"$T/inside" <<'X'
set -e
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
mknod -m 666 "$1/root/fuse" c 10 229
mount --bind "$1/root/fuse" "$1/dev/fuse"
cd "$1"
mkdir -p old
pivot_root . old
cd /
umount -l old
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C USERBPF_FRESH=1 SOUNDNESS_SECONDS=5 JIT_SECONDS=5 sh /inside2
X
cat >"$root/inside2" <<'X'
set -e
export HOME=/root
cd /srv/userbpf
make demo
echo ROOT-DEMO
make test
echo ROOT-TEST
useradd -m -u 1000 somebody
git clone -q /srv/userbpf /home/somebody/userbpf
chown -R 1000:1000 /home/somebody
cd /home/somebody/userbpf
as="setpriv --reuid 1000 --regid 1000 --clear-groups env HOME=/home/somebody"
$as make demo
echo USER-DEMO
$as make test
echo USER-TEST
X
unshare -m --propagation private sh "$T/inside" "$root" >"$T/fresh.log" 2>&1
for step in ROOT-DEMO ROOT-TEST USER-DEMO USER-TEST; do
	grep -q "^$step" "$T/fresh.log" || {
		fail "a fresh Debian 12 does not get to $step"
		tail -100 "$T/fresh.log"
		break
	}
done
grep -E '^[0-9]+ passed|^skipped' "$T/fresh.log"
rm -rf --one-file-system "$root"
