#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# mount.sh - bpffs instances through FUSE: mount options, remount, what the file system operations answer. Where root may mount the kernel's own
# bpffs the same operations are done there and every answer is compared.
. "$SRC/tests/e2e/lib.sh"
need_fuse
[ "$(id -u)" = 0 ] || skip "mounting at a directory of choice needs root"
fsop=$BUILD/tests/e2e/fsop
start
user_dirs
m=$T/mnt1
mkdir "$m" "$T/mnt2" "$T/mnt3"
mnt() { "$USERBPF" mount --dir "$RT" "$@"; }
refused() { # WHAT STATUS TEXT CMD...: fails with that status and one line that has TEXT
	what=$1 want=$2 text=$3
	shift 3
	"$@" >"$T/out" 2>"$T/err"
	same "$what: status" "$want" "$?"
	same "$what: lines of error" 1 "$(wc -l <"$T/err")"
	grep -q "$text" "$T/err" || fail "$what: $(cat "$T/err")"
}

# options
check "mount with options" mnt bpffs "$m" -o mode=0750,uid=1000,gid=1001,preload=0640
same "mode, uid, gid of the root" "1750 1000 1001" "$(stat -c '%a %u %g' "$m")"
same "mode of the files" "640 640" "$(stat -c %a "$m"/*.debug | xargs)"
check "mount without preload" mnt bpffs "$T/mnt2" -o preload=off
same "no files" "" "$(ls -A "$T/mnt2")"
check "mount, several -o, an unknown option (the kernel ignores it)" mnt -o mode=700 -o frobnicate=1 bpffs "$T/mnt3"
same "mode of the third" 1700 "$(stat -c %a "$T/mnt3")"
same "instances in the status" "$m $T/mnt2 $T/mnt3" "$("$USERBPF" status --dir "$RT" | sed -n 's/^bpffs *\([^ ]*\) (mounted)$/\1/p' | grep "$T/mnt" | xargs)"
mkdir "$T/mnt4"
for bad in mode=999 mode= mode uid=x gid=-1 uid=4294967296 preload=on preload=7777 mode=0x1; do
	refused "mount -o $bad" 1 'bad option' mnt bpffs "$T/mnt4" -o $bad
	mountpoint -q "$T/mnt4" && { fail "mount -o $bad left a mount"; umount -l "$T/mnt4"; }
done
refused "mount on nothing" 1 'No such file' mnt bpffs "$T/absent"
refused "mount on a file" 1 'Not a directory' mnt bpffs "$T/err"
refused "mount of another type" 2 'needs' mnt ext4 "$T/mnt4"
refused "mount without a directory" 2 'needs' mnt bpffs
refused "remount of something else" 1 'no bpffs of ours' mnt -o remount "$T/mnt4"
refused "umount of something else" 1 'no bpffs of ours' "$USERBPF" umount "$T/mnt4"

# remount: options and preload files
rm "$m/maps.debug"
check "remount" mnt -o remount,mode=0711,preload=0600 "$m"
same "the removed file is back" "maps.debug progs.debug" "$(ls "$m" | xargs)"
same "the mode is new, the rest stays" "1711 1000 1001" "$(stat -c '%a %u %g' "$m")"
same "files have the new mode" "600" "$(stat -c %a "$m"/*.debug | sort -u)"
refused "remount with a bad option" 1 'bad option' mnt -o remount,mode=8 "$m"
same "nothing changed" 1711 "$(stat -c %a "$m")"
check "umount" "$USERBPF" umount "$m"
check "umount" umount "$T/mnt2"
check "umount" umount "$T/mnt3"
gone() { ! "$USERBPF" status --dir "$RT" | grep -q "$T/mnt"; }
wait_for 5 gone || fail "instances are left: $("$USERBPF" status --dir "$RT")"

# inside `run`
same "statfs inside" cafe4a11 "$(ub "$fsop" statfs /sys/fs/bpf)"
same "stat -f inside" cafe4a11 "$(ub stat -f -c %t /sys/fs/bpf)"
mkdir "$T/mnt5"
same "mount -t bpf inside" "cafe4a11 maps.debug progs.debug" \
	"$(ub sh -c 'mount -i -t bpf bpf "$1" && stat -f -c %t "$1" && ls "$1"; umount "$1"' sh "$T/mnt5" 2>&1 | xargs)"
wait_for 5 gone || fail "the instance of a finished command is left: $("$USERBPF" status --dir "$RT")"

# operations; the same text has to come out of the kernel's bpffs
cat >"$T/ops" <<'Y'
cd "$1" || exit 1
fsop=$2 user="setpriv --reuid 1000 --regid 1000 --clear-groups"
q() { # WHAT CMD...: what it says and how it ends, no paths
	what=$1
	shift
	out=$("$@" 2>&1)
	echo "$what: exit $? $(echo "$out" | sed "s|.*: \(.*\)$|\1|" | xargs)"
}
mk() { bpftool map create "$1" type array key 4 value 4 entries 1 name "${2:-m}"; }
id_of() { bpftool map show pinned "$1" | sed -n 's/.*name \([^ ]*\) .*/\1/p'; }
q pin mk "$PWD/a" one
q pin-2 mk "$PWD/b" two
q pin-dot mk "$PWD/a.b"
q pin-taken mk "$PWD/a"
q pin-nowhere mk "$PWD/none/x"
q pin-below-pin mk "$PWD/a/x"
mkdir d
q mkdir-taken mkdir d
q mkdir-dot mkdir d/x.y
q mkdir-mode sh -c 'umask 027; mkdir d/e; stat -c "%a %h" d/e d'
q rmdir-full rmdir d
q rmdir-pin rmdir a
q touch touch d/f
q mknod "$fsop" mknod d/f
q mknod-dot "$fsop" mknod d/f.g
q mkfifo mkfifo d/p
q exchange "$fsop" rename a b exchange
q exchange-ids sh -c "echo $(id_of a) $(id_of b)"
q exchange-back "$fsop" rename a b exchange
q exchange-dir "$fsop" rename a d exchange
q exchange-dir-ids sh -c "stat -c %F a d"
q exchange-dir-back "$fsop" rename a d exchange
q exchange-absent "$fsop" rename a zz exchange
q noreplace-taken "$fsop" rename a b noreplace
q noreplace-free "$fsop" rename a c noreplace
q noreplace-self "$fsop" rename c c noreplace
q noreplace-ids sh -c "ls -d a b c 2>/dev/null | xargs; echo $(id_of c)"
q whiteout "$fsop" rename c w whiteout
q rename-over "$fsop" rename c b
q rename-over-ids sh -c "echo $(id_of b); ls"
q rename-absent "$fsop" rename zz b
q rename-dot "$fsop" rename b b.b
q rename-into-dot "$fsop" rename b d/.b
q rename-file-over-dir "$fsop" rename b d
q rename-dir-over-file "$fsop" rename d b
mkdir g
q rename-dir-over-full "$fsop" rename g d
q rename-dir-into-itself "$fsop" rename d d/e/d
q rename-dir-over-empty "$fsop" rename d g
q rename-dir-back "$fsop" rename g d
q rename-same "$fsop" rename b b
q rename-across "$fsop" rename b /tmp/b
q symlink ln -s ../b d/l
q symlink-taken ln -s ../b d/l
q symlink-dot ln -s b d/l.l
q symlink-read readlink d/l
q symlink-stat stat -c '%a %F %s' d/l
q symlink-get bpftool map show pinned "$PWD/d/none"
q symlink-loop sh -c 'ln -s loop d/loop; cat d/loop'
q symlink-ids sh -c "echo $(id_of d/l)"
q link ln b b2
q unlink-dir "$fsop" rename d/e d/e
q rm-dir unlink d
q rm-absent rm none
q chmod sh -c 'chmod 604 b; stat -c %a b'
q chmod-suid sh -c 'chmod 4755 b; stat -c %a b'
q chown sh -c 'chown 1000:1001 b; stat -c "%a %u %g" b'
q chown-dir sh -c 'chown 1000:1000 d; stat -c "%u %g" d'
q truncate truncate -s 0 b
q truncate-4 truncate -s 4 b
q times sh -c 'touch -d @100000 b; stat -c %Y b'
q stat stat -c '%s %h %F %b %o' b
q write sh -c 'echo x >b'
q read cat b
q xattr setfattr -n user.x -v y b
# two users in the sticky root: uid 1000 has b (and d), root has r
q pin-root mk "$PWD/r" root
q sticky-rm $user rm -f r
q sticky-rename $user "$fsop" rename r r2
q sticky-exchange $user "$fsop" rename b r exchange
q sticky-over $user "$fsop" rename b r
q sticky-own $user "$fsop" rename b b3
q sticky-mkdir $user mkdir u
q sticky-mkdir-owner stat -c '%a %u %g' u
q user-chmod $user chmod 777 r
q user-chown $user chown 1000 r
q user-chown-own $user chown 0 b3
q user-read $user cat r
q user-mkdir-closed $user mkdir d/e/no
q user-symlink $user ln -s x ul
q user-symlink-owner stat -c '%u %g' ul
q root-rm-user rm -r u ul
q setgid-dir sh -c 'chmod 2777 d; chgrp 55 d; mkdir d/sg; stat -c "%a %g" d/sg'
q long-name mkdir "$(printf '%0255d' 1)"
q too-long-name mkdir "$(printf '%0256d' 1)"
q statfs "$fsop" statfs .
q find sh -c 'find . | sort'
cd /
rm -r "$1"/*
Y
same_ops() {
	ub sh -c 'cd "$1" && mkdir -m 1777 ops && sh "$2" "$1/ops" "$3"; rmdir ops' sh /sys/fs/bpf "$T/ops" "$fsop" >"$T/here" 2>"$T/err"
	[ -s "$T/err" ] && { fail "noise:"; head "$T/err"; }
	unshare -m --propagation private sh -c 'mount -t bpf bpf "$1" && cd "$1" && mkdir -m 1777 ops && sh "$2" "$1/ops" "$3"' \
		sh "$T/mnt4" "$T/ops" "$fsop" >"$T/kernel" 2>"$T/err" || return 1
	diff "$T/kernel" "$T/here" >"$T/diff" || { fail "answers that differ (< the kernel's bpffs, > ours)"; cat "$T/diff"; }
	echo "$(wc -l <"$T/kernel") operations compared with the kernel's bpffs"
}
chmod 777 "$T/mnt4"
if kernel_bpf; then
	same_ops || fail "the operations did not run"
else
	ub sh -c 'cd "$1" && mkdir -m 1777 ops && sh "$2" "$1/ops" "$3"; rmdir ops' sh /sys/fs/bpf "$T/ops" "$fsop" >"$T/here"
	echo "the machine's kernel does not let us use bpf(2): compared with nothing"
fi
