# SPDX-License-Identifier: BSD-2-Clause
# A text as one C string: `const char lskel_rt_text[] = "line\n" ...;`
1i /* made of lskel_rt.h */\nextern const char lskel_rt_text[];\nconst char lskel_rt_text[] =
s/\\/\\\\/g
s/"/\\"/g
s/^/"/
s/$/\\n"/
$a ;
