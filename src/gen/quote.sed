# SPDX-License-Identifier: BSD-2-Clause
# A text as the C string of a definition that stands before: "line\n" ... ;
s/\\/\\\\/g
s/"/\\"/g
s/^/"/
s/$/\\n"/
$a ;
