#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# view.sh - files that BPF programs write: views of groups exposed in the cgroup tree, of maps, links and tasks in a bpffs.
. "$SRC/tests/e2e/lib.sh"
[ -r /dev/fuse ] || skip "no /dev/fuse"
[ "$(id -u)" = 0 ] || skip "needs root to make groups"
for g in /sys/fs/cgroup/unified /sys/fs/cgroup; do
	[ -e "$g/cgroup.procs" ] && break
	g=
done
[ -n "$g" ] || skip "no cgroup v2"
G=$g/userbpf-view.$$
mkdir "$G" "$G/a" "$G/b" 2>/dev/null || skip "cannot make groups in $g"
trap 'rmdir "$G/a" "$G/b" "$G" 2>/dev/null; cleanup' EXIT
V=$BUILD/tests/e2e/view
B=/sys/fs/bpf
start
at() { ub sh -c "$1" 2>&1; }
id_of() { stat -c %i "$1"; }

same "views of all targets are attached and pinned" OK "$(ub "$V" "$OBJ/view.bpf.o" $B $$)"
same "a program that may return 2 is refused" EINVAL "$(ub "$V" load "$OBJ/view.bpf.o" two)"
same "there is no such target" ENOENT "$(ub "$V" load "$OBJ/view.bpf.o" unknown)"

# in a bpffs: what the link names
same "a map's" "map seen: 100 entries at most" "$(at "cat $B/of_map")"
at "cat $B/of_link" | grep -Eq '^link [0-9]+ of group$' || fail "a link's"
at "cat $B/of_task" | grep -Eq "^task $$ .* of [0-9]+\$" || fail "a task's"
at "cat $B/group" | grep -q "Input/output error" || fail "a bpffs is no group"

# in a group: its own answer
same "exposed" OK "$(ub "$V" pin $B/group "$G/a/show")"
same "exposed" OK "$(ub "$V" pin $B/group "$G/b/show")"
same "the group's id, level and name" "$(id_of "$G/a") 2 a" "$(at "cat $G/a/show")"
same "another group" "$(id_of "$G/b") 2 b" "$(at "cat $G/b/show")"
same "each reading runs it" "$(printf '%s\n' "$(id_of "$G/a") 2 a" "$(id_of "$G/a") 2 a")" "$(at "cat $G/a/show $G/a/show")"
same "exposed" OK "$(ub "$V" pin $B/binary "$G/a/bin")"
same "any size, binary" 524288 "$(at "cat $G/a/bin | wc -c")"
same "the last number" 32767 "$(at "tail -c 8 $G/a/bin | od -An -tu8" | tr -d ' ')"
same "pieces of any size" "$(at "cat $G/a/bin | cksum")" "$(at "dd if=$G/a/bin bs=777 2>/dev/null | cksum")"

# functions about groups
same "exposed" OK "$(ub "$V" pin $B/numbers "$G/a/numbers")"
same "numbers" "above ${G##*/},again 1,below 0,errors -2 -22" "$(at "cat $G/a/numbers" | paste -sd,)"

# who is in a group
sleep 60 &
one=$!
sleep 60 &
two=$!
echo $one >"$G/b/cgroup.procs"
echo $two >"$G/b/cgroup.procs"
same "exposed" OK "$(ub "$V" pin $B/members "$G/b/members")"
same "members" "$(for i in 1 2 3; do seq -f '%.0f sleep' $one $((two - one)) $two; done; echo 2 2 2 -22)" "$(at "cat $G/b/members")"
same "nobody" "" "$(ub "$V" pin $B/members "$G/a/members" >/dev/null; at "cat $G/a/members" | sed 's/^0 0 0 -22$//')"
kill $one $two
wait $one $two 2>/dev/null

# groups and tasks, one after the other
same "exposed" OK "$(ub "$V" pin $B/tree "$G/tree")"
at "cat $G/tree" >"$T/tree"
i0=$(id_of "$G") ia=$(id_of "$G/a") ib=$(id_of "$G/b")
same "no such order" -22 "$(sed -n 1p "$T/tree")"
same "groups below" "0 $i0" "$(sed -n 2p "$T/tree" | cut -d' ' -f1-2)"
same "groups below, in any order" "$(printf '%s\n' "$i0" "$ia" "$ib" | sort)" "$(sed -n 2p "$T/tree" | cut -d' ' -f2- | tr ' ' '\n' | sort)"
same "children first" "0 $i0" "$(sed -n 3p "$T/tree" | awk '{ print $1, $NF }')"
same "all of them" "$(printf '%s\n' "$i0" "$ia" "$ib" | sort)" "$(sed -n 3p "$T/tree" | cut -d' ' -f2- | tr ' ' '\n' | sort)"
same "groups above" "0 $i0 $(id_of "$g")" "$(sed -n 4p "$T/tree")"
[ "$(wc -l <"$T/tree")" = 4 ] || same "of a controller" "0 $i0" "$(sed -n 5p "$T/tree" | cut -d' ' -f1-2)"
same "a process, its threads" "1 1 1 -22 -22" "$(at "cat $B/threads")"

# what has nothing to show there
same "exposed" OK "$(ub "$V" pin $B/of_map "$G/a/map-view")"
at "cat $G/a/map-view" | grep -q "Permission denied" || fail "EACCES for a view of something else"
for o in program seen; do
	same "exposed" OK "$(ub "$V" pin $B/$o "$G/a/$o")"
	at "cat $G/a/$o" | grep -q "Input/output error" || fail "EIO for a $o"
	at "echo xxx | cat >$G/a/$o" | grep -q "Invalid argument" || fail "EINVAL for what is no rm"
	same "rm" "" "$(at "echo rm >$G/a/$o")"
	at "cat $G/a/$o" | grep -q "No such file" || fail "rm removes $o"
done

# the end of the pin is the end of the files
same "unpin" "" "$(at "rm $B/group")"
at "ls $G/a $G/b" | grep -q show && fail "entries outlive the pin"

# what others see
at "bpftool link show" | grep -q "type 30001\|view" || fail "bpftool shows links it does not know"
at "bpftool prog show" | grep -q "name binary" || fail "bpftool prog show"

# tasks and groups kept in a map, by programs of several processes
for t in "EINVAL leak" "EACCES mixed"; do
	same "${t#* }" "${t% *}" "$(ub "$V" load "$OBJ/stored.bpf.o" "${t#* }")"
done
S=/sys/fs/bpf/stored
ub mkdir $S
same "attached" OK "$(ub "$V" "$OBJ/stored.bpf.o" $S)"
same "exposed" "OK OK OK" "$(for p in a/remember b/remember a/recall; do ub "$V" pin "$S/${p#*/}" "$G/$p"; done | xargs)"
sleep 60 &
one=$!
echo $one >"$G/a/cgroup.procs"
same "nothing yet" "" "$(at "cat $G/a/recall")"
same "kept" "before:" "$(at "cat $G/a/remember")"
all="seen $one task $one sleep group a"
same "taken out and put back" "$(printf '%s\n' "$all" "$all")" "$(at "cat $G/a/recall $G/a/recall")"
same "in another process" $one "$(ub "$V" ask $S/look)"
same "still there" "$all" "$(at "cat $G/a/recall")"
kill $one
wait $one 2>/dev/null
same "a task that ended" " group a" "$(at "cat $G/a/recall")"
same "another group" "before: a" "$(at "cat $G/b/remember")"
same "the other group" " group b" "$(at "cat $G/a/recall")"
ub rm -r $S

# iterators: groups in every order, by directory, id or root; threads, all or of one process
walk() { ub "$V" walk "$OBJ/walk.bpf.o" "$@" | grep -v '^info'; }
g0=$(id_of "$G") ga=$(id_of "$G/a") gb=$(id_of "$G/b")
name=${G##*/}
same "itself" "$ga a end" "$(walk groups order=1 id=$ga | tr '\n' ' ' | sed 's/ $//')"
same "first itself" "$g0 $name" "$(walk groups order=2 dir=$G | head -1)"
same "last itself" "$g0 $name" "$(walk groups order=3 dir=$G | tail -2 | head -1)"
same "all below" "$(printf '%s\n' "$g0 $name" "$ga a" "$gb b" end | sort)" "$(walk groups order=2 dir=$G | sort)"
same "up" "$gb b,$g0 $name" "$(walk groups order=4 dir=$G/b | head -2 | paste -sd,)"
walk groups order=2 | grep -q "^$ga a$" || fail "from the root"
same "link info" "info $ga" "$(ub "$V" walk "$OBJ/walk.bpf.o" groups order=1 id=$ga | sed -n 's/^\(info [0-9]*\) .*/\1/p')"
same "no order" EINVAL "$(walk groups)"
same "no such order" EINVAL "$(walk groups order=5)"
same "id and directory" EINVAL "$(walk groups order=1 id=1 dir=$G)"
same "no such group" ENOENT "$(walk groups order=1 id=99999999999)"
same "no group" EBADF "$(walk groups order=1 dir=/tmp)"
same "one thread" "$$ $$ $(cat /proc/$$/comm)" "$(walk tasks tid=$$)"
same "a process" "$$ $$ $(cat /proc/$$/comm)" "$(walk tasks pid=$$)"
same "a process by pidfd" "$$ $$ $(cat /proc/$$/comm)" "$(walk tasks pidfd=$$)"
same "two filters" EINVAL "$(walk tasks pid=$$ tid=$$)"
walk tasks | grep -q "^$$ $$ " || fail "all threads"
same "info of tasks" "$$" "$(ub "$V" walk "$OBJ/walk.bpf.o" tasks tid=$$ | sed -n 's/^info [0-9]* \([0-9]*\) .*/\1/p')"

walk files pid=$$ | grep -q "^$$ 0 ino $(stat -L -c %i /proc/$$/fd/0) $(readlink /proc/$$/fd/0)$" || fail "files of a process"
# mappings: what /proc/PID/maps says
tr -s ' ' </proc/$$/maps | sed 's/ 00:00 0.*//' >"$T/want"
walk mappings pid=$$ >"$T/got"
diff "$T/want" "$T/got" >"$T/diff" || { fail "mappings of a process"; head -6 "$T/diff"; }
same "of a thread" "$(wc -l <"$T/got")" "$(walk mappings tid=$$ | wc -l)"
[ "$(walk mappings | grep -c '\[stack\]\|/')" -gt 100 ] || fail "mappings of everybody"
# (the command that asks has its own programs open)
walk files | grep -Eq '^[0-9]+ [0-9]+ prog [0-9]+$' || fail "handles of programs are found"

# one file per container, and one for scrapers
S=$BUILD/examples/view_stats
if [ -e "$S/stats.bpf.o" ]; then
	same "attached and exposed" "" "$(ub "$S/view_stats" "$S/stats.bpf.o" "$G/a" "$G/b" 2>&1)"
	at "cat $G/a/bpf.summary" | grep -q "^group a level 2 busy 0" || fail "a summary"
	sleep 60 &
	echo $! >"$G/a/cgroup.procs"
	same "with its process" "  $! sleep" "$(at "cat $G/a/bpf.summary" | sed 1d)"
	kill $!
	wait $! 2>/dev/null
	at "cat $G/b/bpf.prometheus" | grep -qx 'cgroup_populated{group="b"} 0' || fail "text for Prometheus"
fi

# waits for a CPU, by group: two that spin on one CPU wait for each other
W=$BUILD/examples/view_wait
if [ -e "$W/wait.bpf.o" ] && [ -e /proc/self/schedstat ]; then
	C=/sys/fs/cgroup/cpu
	[ -e $C/cgroup.procs ] || C=$g
	[ -e $C/cpu.shares ] || grep -qw cpu "$C/cgroup.subtree_control" || C=
fi
if [ -n "${C-}" ] && mkdir "$C/userbpf-wait.$$"; then
	for i in 1 2; do
		sh -c "echo \$\$ >$C/userbpf-wait.$$/cgroup.procs; exec taskset -c 0 timeout 4 sh -c 'while :; do :; done'" &
	done
	out=$(ub "$W/view_wait" "$W/wait.bpf.o" "$C/userbpf-wait.$$" 2)
	same "the waiting group" "$(id_of "$C/userbpf-wait.$$")" "${out% *}"
	[ "${out#* }" -gt 100000 ] 2>/dev/null || fail "it waited: $out"
	wait
	rmdir "$C/userbpf-wait.$$"
fi

compiled "the service that ran views" "$("$USERBPF" status --dir "$RT" --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')"
