#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# expose.sh - pinned objects shown in cgroups: inheritance, restricted mounts, names, who may what, groups that move, a user's own service, a tree of
# the service's own. Errnos: expose_errno.sh.
. "$SRC/tests/e2e/lib.sh"
. "$SRC/tests/e2e/cg.sh"
need_fuse
[ "$(id -u)" = 0 ] || skip "needs root to make cgroups and to be two users"
user_dirs
cat >"$T/pins.sh" <<Y
export PATH=$PATH
bpftool map create /sys/fs/bpf/t/map type array key 4 value 4 entries 1 name m
bpftool prog load "$OBJ/sample.bpf.o" /sys/fs/bpf/t/prog type xdp 2>/dev/null || bpftool prog load "$OBJ/printk.bpf.o" /sys/fs/bpf/t/prog
bpftool iter pin "$OBJ/iter.bpf.o" /sys/fs/bpf/t/link
Y
# Inheritance, restricted mounts, names, and who stands behind a file; $1: a group to work in
beyond() {
	g=$1/i
	ub sh -c 'mkdir /sys/fs/bpf/t && . "$0"' "$T/pins.sh" || fail "no pins"
	ub mkdir "$g" "$g/a" "$g/a/b" || fail "no group $g"
	"$USERBPF" expose --dir "$RT" --inherit --mode 0640 /sys/fs/bpf/t/map "$g/a/bpf.all" || fail "expose --inherit"
	"$USERBPF" expose --dir "$RT" /sys/fs/bpf/t/prog "$g/bpf.one" || fail "expose"
	ub mkdir "$g/a/later"
	same "where they show" "./a/b/bpf.all ./a/bpf.all ./a/later/bpf.all ./bpf.one" \
		"$(ub sh -c 'cd "$1" && find . -name "bpf.*" | sort | xargs' sh "$g")"
	same "mode and owner" "640 0 0" "$(ub stat -c '%a %u %g' "$g/a/b/bpf.all")"
	same "ls -l without the mount" "$(ub stat -c '%A %h %n' "$g/a" "$g/bpf.one" | sed 's| /.*/| |' | xargs)" \
		"$("$USERBPF" ls --dir "$RT" -l "$g" | awk '$NF ~ /^(a|bpf.one)$/ { print $1, $2, $NF }' | xargs)"
	same "removed where it belongs only" "EPERM EPERM" "$(ub sh -c '"$1" unlink "$2"; "$1" write "$2" rm' sh "$ex" "$g/a/b/bpf.all" | xargs)"
	ub sh -c '"$0" pin /sys/fs/bpf/t/link /sys/fs/bpf/t/link2 && rm /sys/fs/bpf/t/link' "$ex" >/dev/null
	"$USERBPF" expose --dir "$RT" /sys/fs/bpf/t/link2 "$g/bpf.two" 2>&1 | grep -q "first, was removed" || fail "expose without the first pin"
	same "expose twice" 1 "$("$USERBPF" expose --dir "$RT" /sys/fs/bpf/t/prog "$g/bpf.one" 2>/dev/null || echo $?)"
	# a mount for a container: its groups, what is passed on to them, no files of the machine, own names
	mkdir -p "$T/mnt1"
	"$USERBPF" mount --dir "$RT" cgroup "$T/mnt1" --root "${g#/sys/fs/cgroup}/a/b" -o prefix=bpf. || fail "mount --root"
	same "what it shows" "bpf.all" "$(ls "$T/mnt1")"
	same "names" EPERM "$(ub "$ex" pin /sys/fs/bpf/t/map "$T/mnt1/x")"
	same "names" ok "$(ub "$ex" pin /sys/fs/bpf/t/map "$T/mnt1/bpf.x")"
	same "names of the machine's files are taken" EEXIST "$("$USERBPF" mount --dir "$RT" cgroup "$T/mnt1" --root "${g#/sys/fs/cgroup}/a/b" &&
		ub "$ex" pin /sys/fs/bpf/t/map "$T/mnt1/cgroup.procs"; umount "$T/mnt1")"
	# what stands behind a file there, without names that the mount does not show
	"$USERBPF" view why --dir "$RT" "$T/mnt1/bpf.all" >"$T/why" || fail "view why, part of the tree"
	grep -q "^inherited from: a group above this mount's" "$T/why" || fail "view why, part of the tree: $(cat "$T/why")"
	"$USERBPF" view why --dir "$RT" "$T/mnt1" >>"$T/why"
	"$USERBPF" view why --dir "$RT" "$T/mnt1/bpf.one" >>"$T/why"
	grep "$g" "$T/why" && fail "view why names groups outside"
	same "and everybody sees it" ok "$(ub "$ex" open "$g/a/b/bpf.x" r)"
	same "above its root" "bpf.all bpf.x" "$(cd "$T/mnt1/.." && ls mnt1/../mnt1 | xargs)"
	for bad in prefix=a/b mode=7 root= hostfiles=1; do
		"$USERBPF" mount --dir "$RT" cgroup "$T/mnt1" -o $bad,root=/no/such 2>/dev/null && fail "mount -o $bad"
	done
	umount "$T/mnt1"
	# who stands behind it
	"$USERBPF" view why --dir "$RT" "$g/a/b/bpf.all" >"$T/why" || fail "view why"
	for w in "inherited from: .*/i/a (and all groups below)" "pin: /sys/fs/bpf/t/map" "exposed by: uid 0" "owner: 0:0, mode 0640" "map: [0-9]* m"; do
		grep -q "^$w" "$T/why" || fail "view why: no '$w' in $(cat "$T/why")"
	done
	ub rm "$g/bpf.one"
	"$USERBPF" view why --dir "$RT" "$g/bpf.one" >"$T/why" && fail "view why of a removed file succeeds"
	grep -q "^ended: .*it was unlinked" "$T/why" || fail "view why: $(cat "$T/why")"
	"$USERBPF" view why --dir "$RT" "$g/none/x" | grep -q "no such group" || fail "view why, no group"
	same "an open file outlives its name" "640 1 640 0" "$(ub sh -c 'exec 3<"$1/a/b/bpf.all" && stat -L -c "%a %h" /dev/fd/3 && rm -r /sys/fs/bpf/t && stat -L -c "%a %h" /dev/fd/3' sh "$g" 2>&1 | xargs)"
	same "all gone with the pins" "" "$(ub find "$g" -name 'bpf.*')"
	"$USERBPF" view why --dir "$RT" "$g/a/bpf.all" | grep -q "its pin in the bpffs was removed" || fail "view why of a removed pin"
	ub sh -c 'find "$0" -depth -type d -exec rmdir {} \;' "$g"
}

# What the machine lets a user do it lets them do here, and nothing else: the same commands in the group $1 of the machine and of the mirror $2.
cat >"$T/rights.sh" <<'Y'
cd "$1" || exit
ex=$2
q() { echo "$*: $("$@" 2>&1 | sed 's/.*: //' | xargs)"; }
q cat cgroup.type
q "$ex" write cgroup.max.depth 3
q "$ex" write cgroup.procs $3
q "$ex" mkdir theirs/new
q "$ex" mkdir new
q "$ex" write theirs/cgroup.procs 0
q "$ex" write theirs/cgroup.procs 999999999
q "$ex" write theirs/cgroup.max.depth 5
q "$ex" write theirs/cgroup.max.descendants x
q cat theirs/cgroup.max.depth
q "$ex" rmdir theirs/new
q "$ex" unlink theirs/cgroup.procs
q "$ex" move theirs moved
q chmod 700 theirs/cgroup.max.depth
q chown 0 theirs
q test -w theirs
q test -w .
q test -w theirs/cgroup.procs
q stat -c '%a %u %g %i' theirs theirs/cgroup.max.depth
q sh -c 'ls theirs | xargs'
q "$ex" rmdir new
q "$ex" rmdir theirs
Y
delegate() {
	mkdir -p "$host/r/theirs"
	chmod 644 "$host/r/theirs/cgroup.max.depth"
	chown 1000 "$host/r/theirs" "$host/r/theirs/cgroup.procs" "$host/r/theirs/cgroup.max.depth"
	chgrp 4242 "$host/r/theirs/cgroup.max.descendants" && chmod 664 "$host/r/theirs/cgroup.max.descendants"
}
as_member() { # of the group 4242, too
	setpriv --reuid 1000 --regid 1000 --groups 4242 --inh-caps=-all --bounding-set=-all --no-new-privs "$@"
}
rights() {
	mkdir -p "$T/mnt2"
	"$USERBPF" mount --dir "$RT" cgroup "$T/mnt2" -o hostfiles || fail "mount -o hostfiles"
	for who in "" as_user as_member; do
		delegate
		sleep 60 & # of root, to be moved
		victim=$!
		$who sh "$T/rights.sh" "$host/r" "$ex" $victim >"$T/there" 2>&1
		delegate
		$who sh "$T/rights.sh" "$T/mnt2${host#/sys/fs/cgroup}/r" "$ex" $victim >"$T/here" 2>&1
		kill $victim
		wait $victim 2>/dev/null
		[ "$(grep -c . "$T/here")" -gt 15 ] || fail "${who:-root}: the commands did not run"
		sed -i '/^stat/s/ [0-9]*$//; /^stat/s/ \([0-9]*\) \([0-9]*\) \([0-9]*\) [0-9]*/ \1 \2 \3/g' "$T/there" "$T/here" # another group, another number
		same "${who:-root} writes what a group may" "$([ "$who" = as_user ] && echo EACCES || echo EINVAL)" "$(sed -n 's/.*max.descendants x: //p' "$T/here")"
		diff "$T/there" "$T/here" >"$T/diff" || { fail "${who:-root}: rights differ (< the machine's, > ours)"; cat "$T/diff"; }
	done
	delegate
	same "inode numbers are ids" "$(stat -c %i "$host/r/theirs")" "$(stat -c %i "$T/mnt2${host#/sys/fs/cgroup}/r/theirs")"
	# poll(2): cgroup.events changes when the first process comes
	"$ex" poll "$T/mnt2${host#/sys/fs/cgroup}/r/theirs/cgroup.events" >"$T/poll" &
	poller=$!
	wait_for 5 grep -q waiting "$T/poll"
	sleep 5 &
	echo $! >"$host/r/theirs/cgroup.procs"
	wait $poller
	kill $!
	wait $! 2>/dev/null
	same "poll" "waiting changed" "$(xargs <"$T/poll")"
	umount "$T/mnt2"
	find "$host/r" -depth -type d -exec rmdir {} \; || fail "processes are left in $host/r"
}

# A user without privileges and their own service: the files are theirs, the machine's groups are not.
unprivileged() {
	mkdir "$host/p"
	u() { as_user "$USERBPF" run --dir "$T/run1000/rt" -- "$@"; }
	as_user "$USERBPF" up --dir "$T/run1000/rt" || fail "no service for a user"
	u true 2>/dev/null && same "there is a tree" 63677270 "$(u stat -f -c %t "$host")"
	same "pin" "ok ok" "$(u sh -c 'bpftool map create /sys/fs/bpf/m type array key 4 value 4 entries 1 name m && "$0" pin /sys/fs/bpf/m "$1/m"; "$0" open "$1/m" rw' \
		"$ex" "$host/p" | xargs)"
	same "the machine's" "EACCES EACCES EACCES" "$(u sh -c '"$0" mkdir "$1/x"; "$0" rmdir "$1"; "$0" write "$1/cgroup.max.depth" 3' "$ex" "$host/p" | xargs)"
	same "what may be read" max "$(u cat "$host/p/cgroup.max.depth")"
	same "unlink" ok "$(u "$ex" unlink "$host/p/m")"
	as_user "$USERBPF" down --dir "$T/run1000/rt"
	rmdir "$host/p"
}

# v1 groups can be renamed, and keep what was exposed in them.
renamed() {
	v1=$(find /sys/fs/cgroup -maxdepth 1 -name cpu -type d 2>/dev/null)
	[ -n "$v1" ] && [ "$(stat -f -c %t "$v1")" = 27e0eb ] && mkdir "$v1/userbpf-old.$$" 2>/dev/null || { echo "no v1 hierarchy: nothing renamed"; return; }
	ub bpftool map create /sys/fs/bpf/r type array key 4 value 4 entries 1 name r
	"$USERBPF" expose --dir "$RT" /sys/fs/bpf/r "$v1/userbpf-old.$$/m" || fail "expose in v1"
	mv "$v1/userbpf-old.$$" "$v1/userbpf-new.$$"
	same "after a rename" "ok ENOENT" "$(ub sh -c '"$0" open "$1-new.$2/m" r; "$0" open "$1-old.$2/m" r' "$ex" "$v1/userbpf" $$ | xargs)"
	ub rm /sys/fs/bpf/r
	rmdir "$v1/userbpf-new.$$"
}

start -- --cgroup own
ub mkdir /sys/fs/cgroup/b
beyond /sys/fs/cgroup/b
same "processes" "ok 1 EBUSY EINVAL ESRCH" "$(ub sh -c 'c=/sys/fs/cgroup/b/cgroup.procs; sleep 9 & "$0" write $c $!; grep -cx $! $c; "$0" rmdir /sys/fs/cgroup/b; "$0" write $c x
	"$0" write $c 999999999; kill $!; wait $! 2>/dev/null' "$ex" | xargs)"
same "empty again" ok "$(ub "$ex" rmdir /sys/fs/cgroup/b)"
"$USERBPF" down --dir "$RT"
if [ -n "$host" ]; then
	start
	beyond "$host"
	rights
	unprivileged
	renamed
	end_service
else
	echo "no cgroup v2 of this machine can be written: own tree only"
fi
