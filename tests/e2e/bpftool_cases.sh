#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# bpftool_cases.sh - the bpftool commands whose answers are compared with a kernel's; runs on a kernel (to record) and under userbpf.
#   usage: bpftool_cases.sh OUTDIR OBJDIR BPFFS
# Each case leaves OUTDIR/<case>: the output, stderr included, and the exit status. Plain sh, so that a busybox can run it.
out=$1 obj=$2 fs=$3
mkdir -p "$out"
cd "$out" || exit 1

t() {
	name=$1
	shift
	"$@" >"$name" 2>&1
	echo "exit $?" >>"$name"
}
id_of() { # first id bpftool prints for a named object
	bpftool "$1" show name "$2" | sed -n 's/^\([0-9]*\):.*/\1/p' | head -1
}
mkdir -p $fs/t

# maps
t map_create_hash bpftool map create $fs/t/h type hash key 4 value 8 entries 3 name h_map
t map_create_array bpftool map create $fs/t/a type array key 4 value 4 entries 2 name a_map
t map_create_percpu bpftool map create $fs/t/pc type percpu_hash key 4 value 8 entries 2 name pc_map
t map_create_bad_key bpftool map create $fs/t/x type array key 8 value 4 entries 2 name x
t map_create_no_entries bpftool map create $fs/t/x type hash key 4 value 4 entries 0 name x
t map_create_dot bpftool map create $fs/t/x.y type hash key 4 value 4 entries 1 name x
t map_create_exists bpftool map create $fs/t/h type hash key 4 value 8 entries 3 name h_map
t map_show_pinned bpftool map show pinned $fs/t/h
t map_show_json bpftool -j map show pinned $fs/t/a
t map_show_name bpftool map show name a_map
t map_show_absent bpftool map show id 999999
t map_update bpftool map update pinned $fs/t/h key 1 0 0 0 value 1 2 3 4 5 6 7 8
t map_update_2 bpftool map update pinned $fs/t/h key 2 0 0 0 value 2 2 2 2 2 2 2 2
t map_update_noexist bpftool map update pinned $fs/t/h key 1 0 0 0 value 0 0 0 0 0 0 0 0 noexist
t map_update_exist bpftool map update pinned $fs/t/h key 9 0 0 0 value 0 0 0 0 0 0 0 0 exist
t map_lookup bpftool map lookup pinned $fs/t/h key 1 0 0 0
t map_lookup_absent bpftool map lookup pinned $fs/t/h key 7 0 0 0
t map_lookup_json bpftool -j map lookup pinned $fs/t/h key 1 0 0 0
t map_getnext_array bpftool map getnext pinned $fs/t/a key 0 0 0 0
t map_getnext_end bpftool map getnext pinned $fs/t/a key 1 0 0 0
t map_delete bpftool map delete pinned $fs/t/h key 2 0 0 0
t map_delete_absent bpftool map delete pinned $fs/t/h key 2 0 0 0
t map_delete_array bpftool map delete pinned $fs/t/a key 0 0 0 0
t map_dump bpftool map dump pinned $fs/t/h
t map_dump_json bpftool -j map dump pinned $fs/t/a
t map_pin sh -c "bpftool map pin pinned $fs/t/h $fs/t/h2 && ls $fs/t && rm $fs/t/h2"
t map_freeze sh -c "bpftool map freeze pinned $fs/t/a && bpftool map update pinned $fs/t/a key 0 0 0 0 value 1 0 0 0"
t map_freeze_again bpftool map freeze pinned $fs/t/a
t map_update_full sh -c "for i in 3 4 5; do bpftool map update pinned $fs/t/h key \$i 0 0 0 value 0 0 0 0 0 0 0 0; done"

# programs
t prog_load bpftool prog load $obj/sample.bpf.o $fs/t/one
t prog_load_exists bpftool prog load $obj/sample.bpf.o $fs/t/one
t prog_loadall bpftool prog loadall $obj/plain.bpf.o $fs/t/plain pinmaps $fs/t
t prog_load_absent bpftool prog load /nonexistent.o $fs/t/two
t prog_loadall_ls ls $fs/t/plain
t prog_show_pinned bpftool prog show pinned $fs/t/one
t prog_show_plain bpftool prog show pinned $fs/t/plain/arith
t prog_show_json bpftool -j prog show pinned $fs/t/plain/parse
t prog_list_json bpftool prog list -j name parse
t prog_show_absent bpftool prog show id 999999
t prog_dump_arith bpftool prog dump xlated pinned $fs/t/plain/arith
t prog_dump_arith_linum bpftool prog dump xlated pinned $fs/t/plain/arith linum
t prog_dump_arith_json bpftool -jp prog dump xlated pinned $fs/t/plain/arith
t prog_dump_arith_opcodes bpftool prog dump xlated pinned $fs/t/plain/arith opcodes
t prog_dump_parse bpftool prog dump xlated pinned $fs/t/plain/parse
t prog_dump_sample bpftool prog dump xlated pinned $fs/t/one
head -c 64 /dev/zero >/tmp/data_in
t prog_run bpftool prog run pinned $fs/t/one data_in /tmp/data_in data_out - repeat 3
t prog_run_json sh -c "bpftool -j prog run pinned $fs/t/plain/arith data_in /tmp/data_in"
t prog_run_xdp bpftool prog run pinned $fs/t/plain/parse data_in /tmp/data_in
head -c 8 /dev/zero >/tmp/short_in
t prog_run_short bpftool prog run pinned $fs/t/one data_in /tmp/short_in
t prog_pin sh -c "bpftool prog pin pinned $fs/t/one $fs/t/one_more && bpftool prog show pinned $fs/t/one_more | head -1 && rm $fs/t/one_more"
t prog_bad bpftool prog load $obj/bad.bpf.o $fs/t/bad
m=$(id_of map flows)
t map_dump_btf bpftool map dump id $m
t map_dump_btf_json bpftool -jp map dump id $m
m=$(id_of map totals)
t map_dump_totals bpftool map dump id $m
m=$(id_of map sample.data)
t map_dump_data bpftool map dump id $m
t map_show_data bpftool map show id $m
m=$(id_of map sample.rodata)
t map_show_rodata bpftool map show id $m
t map_update_rodata bpftool map update id $m key 0 0 0 0 value 1 0 0 0

# btf and links
b=$(bpftool prog show pinned $fs/t/one | sed -n 's/.*btf_id \([0-9]*\).*/\1/p')
t btf_list bpftool btf list id "$b"
t btf_dump_id bpftool btf dump id "$b" format c
t btf_dump_raw bpftool btf dump id "$b"
t btf_dump_map bpftool btf dump map pinned $fs/t/h
t btf_dump_file bpftool btf dump file $obj/sample.bpf.o format c
t btf_dump_prog bpftool btf dump prog pinned $fs/t/one
t link_show_absent bpftool link show id 999999
t iter_pin bpftool iter pin $obj/iter.bpf.o $fs/t/it
t iter_cat sh -c "grep -c h_map $fs/t/it"
t link_show_pinned bpftool link show pinned $fs/t/it
t link_show_json bpftool -j link show pinned $fs/t/it
t link_pin sh -c "bpftool link pin pinned $fs/t/it $fs/t/it2 && cat $fs/t/it2 | grep h_map"
t link_detach bpftool link detach pinned $fs/t/it
t iter_elem sh -c "bpftool map create $fs/t/e type hash key 4 value 8 entries 4 name e_map && \
	bpftool map update pinned $fs/t/e key 5 0 0 0 value 6 0 0 0 0 0 0 0 && \
	bpftool iter pin $obj/iter_elem.bpf.o $fs/t/elem map pinned $fs/t/e && cat $fs/t/elem"
t link_show_elem bpftool link show pinned $fs/t/elem
t iter_pin_not bpftool iter pin $obj/plain.bpf.o $fs/t/no
t cat_map sh -c "cat $fs/t/h; echo \$?"
t cat_prog sh -c "cat $fs/t/one"
t bpffs_cat_btf_map sh -c "bpftool map pin name totals $fs/t/totals && cat $fs/t/totals"
t bpffs_cat_hash sh -c "bpftool map pin name flows $fs/t/flows && cat $fs/t/flows"

# the file system itself
t fs_stat stat -f -c '%t' $fs
t fs_root stat -c '%a %u %g %s' $fs
t fs_touch touch $fs/t/file
t fs_mkdir_dot mkdir $fs/t/a.b
t fs_mkdir mkdir $fs/t/dir
t fs_symlink sh -c "ln -s ../one $fs/t/dir/lnk && readlink $fs/t/dir/lnk && bpftool prog show pinned $fs/t/dir/lnk | head -1"
t fs_rmdir_full rmdir $fs/t/dir
t fs_rename sh -c "mv $fs/t/dir/lnk $fs/t/moved && ls $fs/t/dir && rmdir $fs/t/dir"
t fs_hardlink ln $fs/t/one $fs/t/hard
t fs_pin_stat stat -c '%a %s %F %h' $fs/t/one
t fs_chmod sh -c "chmod 640 $fs/t/one && stat -c %a $fs/t/one"
t fs_write sh -c "echo x > $fs/t/one"
rm -rf $fs/t
