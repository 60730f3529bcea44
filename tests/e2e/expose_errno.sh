#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# expose_errno.sh - what objects in groups answer, line by line, in a tree of the service's own and in groups of this machine. view_seed.c tells a story with them.
. "$SRC/tests/e2e/lib.sh"
. "$SRC/tests/e2e/cg.sh"
need_fuse
[ "$(id -u)" = 0 ] || skip "needs root to make cgroups"

# Each line of the table: what is expected, then the command. G is the group, P and V are in the bpffs, O has the objects.
table() {
	cat <<'Y'
# not pinned yet
ENXIO	raw map G/raw
ENXIO	raw prog G/raw
ENXIO	raw P/link G/raw
ok	pin P/map G/map
ok	pin P/prog G/prog
ok	pin P/link G/link
# names that are taken, by an entry, a file of the machine, a group
EEXIST	pin P/map G/map
EEXIST	pin P/prog G/map
EEXIST	pin P/map G/cgroup.procs
EEXIST	pin P/map G/sub
# a slash at the end: directories only
EEXIST	pin P/map G/sub/
EEXIST	pin P/map G/map/
ENOENT	pin P/map G/new/
ENOENT	pin P/map P/new//
# elsewhere
EPERM	pin P/map /tmp/no
EPERM	pin P/map /proc/no
EPERM	pin P/map /dev/shm/no
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
# views: an unknown target, a bpffs is no group, a group is no map and no link
ENOENT	load O/view.bpf.o unknown
EINVAL	load O/view.bpf.o two
EIO	read V/group
ok	pin V/group G/show
ok	open G/show r
EINVAL	write G/show x
ok	pin V/of_map G/of_map
EACCES	read G/of_map
ok	pin V/of_link G/of_link
EACCES	read G/of_link
ok	write G/of_link rm
ENOENT	read G/of_link
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
cat >"$T/table.sh" <<Y
group=\$1
while IFS='	' read -r want line; do
	case \$want in '#'*) continue ;; esac
	set -- \$(printf '%s' "\$line" | sed "s| G/| \$group/|g; s| P/| /sys/fs/bpf/t/|g; s| V/| /sys/fs/bpf/v/|g; s| O/| $OBJ/|g")
	case \$1 in load) got=\$("$view" "\$@" 2>&1) ;; *) got=\$("$ex" "\$@" 2>&1) ;; esac
	[ "\$got" = "\$want" ] || printf '%s: %s, not %s\n' "\$line" "\$got" "\$want"
done
Y
cat >"$T/pins.sh" <<Y
mkdir /sys/fs/bpf/t
bpftool map create /sys/fs/bpf/t/map type array key 4 value 4 entries 1 name m
bpftool prog load "$OBJ/sample.bpf.o" /sys/fs/bpf/t/prog type xdp 2>/dev/null || bpftool prog load "$OBJ/printk.bpf.o" /sys/fs/bpf/t/prog
bpftool iter pin "$OBJ/iter.bpf.o" /sys/fs/bpf/t/link
Y
# run_table GROUP: all lines in one `run`; says which differ
run_table() {
	ub sh "$T/pins.sh" || fail "no pins"
	views
	ub mkdir "$1" "$1/sub" || fail "no group $1"
	table | ub sh "$T/table.sh" "$1" >"$T/differ"
	[ -s "$T/differ" ] && { fail "in $1:"; cat "$T/differ"; }
	no_views
	same "with the pins all entries went" 0 "$(ub find "$1" -name show -o -name of_map | wc -l)"
	ub sh -c 'rm -r /sys/fs/bpf/t; rmdir "$0"' "$1" || fail "the group $1 stays"
}

start -- --cgroup own
run_table /sys/fs/cgroup/t
"$USERBPF" down --dir "$RT"
if [ -n "$host" ]; then
	start
	run_table "$host/t"
	end_service
else
	echo "no cgroup v2 of this machine can be written: own tree only"
fi
