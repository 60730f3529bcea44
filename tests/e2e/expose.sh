#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# expose.sh - pinned objects shown in cgroups: every errno, the life of an entry, groups that come, go and move, inheritance, who may what.
# Everything is done on a tree of the service's own, and where root may make cgroups on this machine, on those as well.
. "$SRC/tests/e2e/lib.sh"
need_fuse
ex=$BUILD/tests/e2e/expose
# a view of groups, pinned as /sys/fs/bpf/v/group: it shows "id level name"
views() { ub sh -c 'mkdir /sys/fs/bpf/v && "$0" "$1" /sys/fs/bpf/v $$' "$BUILD/tests/e2e/view" "$OBJ/view.bpf.o" >/dev/null || fail "no views"; }
no_views() { ub rm -r /sys/fs/bpf/v; }
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
	same "removed where it belongs only" "EPERM EPERM" "$(ub sh -c '"$1" unlink "$2"; "$1" write "$2" rm' sh "$ex" "$g/a/b/bpf.all" | xargs)"
	same "expose twice" 1 "$("$USERBPF" expose --dir "$RT" /sys/fs/bpf/t/prog "$g/bpf.one" 2>/dev/null || echo $?)"
	# a mount for a container: its groups, what is passed on to them, no files of the machine, own names
	mkdir -p "$T/mnt1"
	"$USERBPF" mount --dir "$RT" cgroup "$T/mnt1" --root "${g#/sys/fs/cgroup}/a/b" -o prefix=bpf. || fail "mount --root"
	same "what it shows" "bpf.all" "$(ls "$T/mnt1")"
	same "names" EPERM "$(ub "$ex" pin /sys/fs/bpf/t/map "$T/mnt1/x")"
	same "names" ok "$(ub "$ex" pin /sys/fs/bpf/t/map "$T/mnt1/bpf.x")"
	same "names of the machine's files are taken" EEXIST "$("$USERBPF" mount --dir "$RT" cgroup "$T/mnt1" --root "${g#/sys/fs/cgroup}/a/b" &&
		ub "$ex" pin /sys/fs/bpf/t/map "$T/mnt1/cgroup.procs"; umount "$T/mnt1")"
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
	ub rm -r /sys/fs/bpf/t
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
}
rights() {
	mkdir -p "$T/mnt2"
	"$USERBPF" mount --dir "$RT" cgroup "$T/mnt2" -o hostfiles || fail "mount -o hostfiles"
	for who in "" as_user; do
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

# A user who is given a file reads it, and can do nothing else with it or beside it.
reader() {
	mkdir -p "$T/mnt3" "$host/u"
	ub bpftool map create /sys/fs/bpf/u type array key 4 value 4 entries 1 name u
	"$USERBPF" expose --dir "$RT" /sys/fs/bpf/u "$host/u/secret" && "$USERBPF" expose --dir "$RT" --mode 0644 /sys/fs/bpf/u "$host/u/open" || fail "expose"
	views
	"$USERBPF" expose --dir "$RT" --mode 0444 /sys/fs/bpf/v/group "$host/u/view" || fail "expose a view"
	"$USERBPF" mount --dir "$RT" cgroup "$T/mnt3" || fail "mount"
	m=$T/mnt3${host#/sys/fs/cgroup}/u
	same "0600" EACCES "$(as_user "$ex" read "$m/secret")"
	same "0644, of an object without content" EIO "$(as_user "$ex" read "$m/open")"
	same "write" EACCES "$(as_user "$ex" write "$m/open" rm)"
	same "remove" EACCES "$(as_user "$ex" unlink "$m/open")"
	same "make" EACCES "$(as_user "$ex" mkdir "$m/x")"
	as_user chmod 666 "$m/open" 2>/dev/null && fail "a user changes the mode of a file that is not theirs"
	same "a view they were given" "$(stat -c %i "$host/u")" "$(as_user cut -d' ' -f1 "$m/view")"
	no_views
	same "list" "open secret" "$(as_user ls "$m" | xargs)"
	chown 1000 "$m/open"
	same "given away: remove" ok "$(chmod 600 "$m/open"; as_user "$ex" write "$m/open" rm)"
	umount "$T/mnt3"
	ub rm /sys/fs/bpf/u
	rmdir "$host/u"
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

# 100 readers of a file whose pin comes and goes
readers() {
	mkdir "$host/c"
	views
	links=$(ub sh -c 'bpftool link show | grep -c "^[0-9]"')
	ub sh -c '"$0" cycle "$2" /sys/fs/bpf/v/group "$1" & "$0" readers "$2" 100 "$1"; r=$?; wait; exit $r' "$ex" "$host/c/f" "${SECONDS_OF_READERS:-4}" \
		>"$T/out" || fail "readers:"
	cat "$T/out"
	grep -q "^ok" "$T/out" || fail "pins do not come and go"
	same "no link is left over" "$links" "$(ub sh -c 'bpftool link show | grep -c "^[0-9]"')"
	no_views
	same "nothing is left" 0 "$(ub sh -c 'bpftool prog show | grep -c "name group"')"
	rmdir "$host/c"
}

# Reading 2,000 views takes no more than some 10 times what 200 take.
linear() {
	few=$(ms sh -c 'find "$0"/g1[0-9][0-9] "$0"/g2[0-9][0-9] -name bpf.v | xargs cat >/dev/null' "$m")
	all=$(ms sh -c 'find "$0" -name bpf.v | xargs cat >/dev/null' "$m")
	echo "find | xargs cat: 200 views in $few ms, 2,001 in $all ms"
	[ "$all" -le $((few * 30 + 200)) ] || fail "reading all is not linear"
}
ms() {
	before=$(date +%s%N)
	"$@"
	echo $((($(date +%s%N) - before) / 1000000))
}

# 2,000 groups and one file passed on to all of them, groups coming and going meanwhile
many() {
	mkdir -p "$host/many" "$T/mnt4"
	seq -f "$host/many/g%g" 2000 | xargs mkdir
	ub bpftool map create /sys/fs/bpf/m type array key 4 value 4 entries 1 name m
	"$USERBPF" expose --dir "$RT" --inherit /sys/fs/bpf/m "$host/many/bpf.m" || fail "expose"
	"$USERBPF" mount --dir "$RT" cgroup "$T/mnt4" || fail "mount"
	m=$T/mnt4${host#/sys/fs/cgroup}/many
	views
	"$USERBPF" expose --dir "$RT" --inherit /sys/fs/bpf/v/group "$host/many/bpf.v" || fail "expose a view"
	same "a view in each" "2001 2001" "$(find "$m" -name bpf.v | xargs cat | sort -u | wc -l) $(find "$m" -name bpf.v | wc -l)"
	same "its own" "$(stat -c %i "$host/many/g5")" "$(cut -d' ' -f1 "$m/g5/bpf.v")"
	linear
	"$USERBPF" view why --dir "$RT" "$host/many/g5/bpf.v" | grep -q "^program: [0-9]* group" || fail "view why of a view"
	best=$("$ex" bench 300 "$m/g77/bpf.v" | cut -d' ' -f1)
	echo "2,000 groups: open, read and close of one view $best us"
	[ "$best" -le 200 ] || fail "a view takes $best us"
	no_views
	same "files" 2001 "$(find "$m" -type f | wc -l)"
	"$ex" churn 5 "$host/many" "$m" bpf.m >"$T/out" || fail "groups that come and go:"
	cat "$T/out"
	kill -0 "$(service_pid)" || fail "the service is gone"
	umount "$T/mnt4"
	ub rm /sys/fs/bpf/m
	find "$host/many" -depth -type d -exec rmdir {} +
}

start -- --cgroup own
run_table /sys/fs/cgroup/t
ub mkdir /sys/fs/cgroup/b
beyond /sys/fs/cgroup/b
same "processes" "ok 1 EBUSY EINVAL ESRCH" "$(ub sh -c 'c=/sys/fs/cgroup/b/cgroup.procs; "$0" write $c $$; grep -cx $$ $c; "$0" rmdir /sys/fs/cgroup/b; "$0" write $c x
	"$0" write $c 999999999' "$ex" | xargs)"
same "empty again" ok "$(ub "$ex" rmdir /sys/fs/cgroup/b)"
"$USERBPF" down --dir "$RT"
if [ -n "$host" ]; then
	start
	run_table "$host/t"
	beyond "$host"
	rights
	reader
	unprivileged
	renamed
	readers
	many
	"$USERBPF" down --dir "$RT"
else
	echo "no cgroup v2 of this machine can be written: own tree only"
fi
