#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# core.sh CLANG BPFTOOL VMLINUX_BTF VMLINUX_H SOURCE ARCH - vmlinux.h compiles, and what a program asks for is found in vmlinux.btf
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$1" -target bpf -D__TARGET_ARCH_"$6" -O2 -g -Wall -Werror -I"$(dirname "$4")" -c "$5" -o "$dir/core.o"
"$2" gen min_core_btf "$3" "$dir/min.btf" "$dir/core.o"
"$2" btf dump file "$dir/min.btf" >"$dir/min.txt"
for field in max_entries key_size attach_func_name strings types hdr str_len name_off seq_num aux; do
	grep -q "'$field' type_id" "$dir/min.txt" || { echo "$field: not found by CO-RE"; exit 1; }
done
grep -q "'BPF_FUNC_loop' val=181" "$dir/min.txt"
