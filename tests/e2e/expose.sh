#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# expose.sh - pinned objects shown in cgroups: every errno, the life of an entry, groups that come, go and move, inheritance, who may what.
# Everything is done on a tree of the service's own, and where root may make cgroups on this machine, on those as well.
. "$SRC/tests/e2e/lib.sh"
need_fuse
ex=$BUILD/tests/e2e/expose
[ "$(id -u)" = 0 ] || skip "needs root to make cgroups and to be two users"
user_dirs
host=
for d in /sys/fs/cgroup/unified /sys/fs/cgroup; do
	[ "$(stat -f -c %t $d 2>/dev/null)" = 63677270 ] && mkdir "$d/userbpf-test.$$" 2>/dev/null && host=$d/userbpf-test.$$ && break
done
remove_host() {
	[ -z "$host" ] || find "$host" -depth -type d -exec rmdir {} \; 2>/dev/null
}
trap 'remove_host; cleanup' EXIT

# Each line of the table: what is expected, then the command. G is the group, P the bpffs.
table() {
	cat <<'Y'
# not pinned yet
ENXIO	raw G/raw
ok	pin P/map G/map
ok	pin P/prog G/prog
ok	pin P/link G/link
# names that are taken, by an entry, a file of the machine, a group
EEXIST	pin P/map G/map
EEXIST	pin P/prog G/map
EEXIST	pin P/map G/cgroup.procs
EEXIST	pin P/map G/sub
# elsewhere
EPERM	pin P/map /tmp/no
EPERM	pin P/map /proc/no
ENOENT	pin P/map G/none/x
ENOTDIR	pin P/map G/map/x
# no files of bpffs: OBJ_GET does not work on them
EACCES	get G/map
EACCES	get G/prog
# nothing of them can be read or written
EIO	read G/map
EIO	read G/prog
EIO	read G/link
EINVAL	write G/map x
EINVAL	write G/map rmx
EINVAL	write G/map \nrm
EINVAL	write G/map rm\n\n
# they can be removed
ok	write G/map rm
ENOENT	read G/map
ok	pin P/map G/map
ok	write G/map rm\n
ENOENT	read G/map
ok	pin P/map G/map
ok	write G/map rm\0
ENOENT	open G/map r
ok	pin P/map G/map
ok	unlink G/map
ENOENT	unlink G/map
EISDIR	unlink G/sub
ENOTDIR	rmdir G/prog
EEXIST	mkdir G/prog
# a pin's end is theirs
ok	pin P/map G/map
ok	pin P/map G/map2
ok	pin P/map G/sub/map
ok	unlink P/map
ENOENT	open G/map r
ENOENT	open G/map2 r
ENOENT	open G/sub/map r
ENOENT	unlink G/map
ok	rmdir G/sub
ENOENT	open G/sub/x r
Y
}
pins() { # in `run`: the three objects below $1
	bpftool map create "$1/map" type array key 4 value 4 entries 1 name m &&
		bpftool prog load "$OBJ/xdp_pass.bpf.o" "$1/prog" && bpftool iter pin "$OBJ/iter_map.bpf.o" "$1/link"
}

# run_table GROUP: all lines in one `run`; prints those that differ
cat >"$T/table.sh" <<'Y'
group=$1 ex=$2 P=/sys/fs/bpf/t
while IFS='	' read -r want line; do
	case $want in '#'*) continue ;; esac
	set -- $(printf '%s' "$line" | sed "s| G/| $group/|g; s| P/| $P/|g")
	got=$("$ex" "$@" 2>&1)
	[ "$got" = "$want" ] || printf '%s: %s, not %s\n' "$line" "$got" "$want"
done
Y
run_table() {
	ub sh -c 'mkdir /sys/fs/bpf/t && . "$0"' "$T/pins.sh" || fail "no pins"
	ub mkdir "$1" "$1/sub" || fail "no group $1"
	table | ub sh "$T/table.sh" "$1" "$ex" >"$T/differ"
	[ -s "$T/differ" ] && { fail "in $1:"; cat "$T/differ"; }
	ub sh -c 'rm -r /sys/fs/bpf/t; rmdir "$0"' "$1" || fail "the group $1 stays"
}
cat >"$T/pins.sh" <<Y
export PATH=$PATH
bpftool map create /sys/fs/bpf/t/map type array key 4 value 4 entries 1 name m
bpftool prog load "$OBJ/sample.bpf.o" /sys/fs/bpf/t/prog type xdp 2>/dev/null || bpftool prog load "$OBJ/printk.bpf.o" /sys/fs/bpf/t/prog
bpftool iter pin "$OBJ/iter.bpf.o" /sys/fs/bpf/t/link
Y
start -- --cgroup own
run_table /sys/fs/cgroup/t
"$USERBPF" down --dir "$RT"
if [ -n "$host" ]; then
	start
	run_table "$host/t"
	"$USERBPF" down --dir "$RT"
else
	echo "no cgroup v2 of this machine can be written: own tree only"
fi
