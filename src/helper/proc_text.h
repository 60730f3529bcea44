/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_PROC_TEXT_H
#define USERBPF_PROC_TEXT_H
/* proc_text.h - reading the host's text files and their directories without stdio and malloc. Run side. */
#include "base/base.h"

/* "/proc/PID/NAME"; pid 0: this thread's. @path has room for 40 and the name. */
void proc_path(char *path, u32 pid, const char *name);
char *proc_put_number(char *at, u32 n); /* the NUL behind it */
/* The file's text, NUL-terminated, cut to fit: its length (0: empty) or negative errno. */
long proc_read(const char *path, char *buf, size_t size);
/* The number that @text begins with, after blanks. */
u64 proc_u64(const char *text);
/* The same, hexadecimal or not; *p moves behind it. A sign is obeyed. */
u64 proc_number(const char **p, u32 base);
/* At most size - 1 of the @n bytes at @from. */
void text_cut(char *to, size_t size, const char *from, size_t n);

/* Memory from the system; NULL: none. */
void *proc_map(size_t size);
void proc_unmap(void *p, size_t size);

/* Subdirectories only. */
struct proc_dir {
	int fd;
	int at, len;
	char buf[2048] __attribute__((aligned(8)));
};
int proc_opendir(struct proc_dir *d, const char *path); /* 0 or negative errno */
const char *proc_nextdir(struct proc_dir *d, u64 *ino); /* NULL: end. Good until the next call */
const char *proc_nextname(struct proc_dir *d); /* of any kind of entry */
void proc_closedir(struct proc_dir *d);

#endif
