/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef USERBPF_H
#define USERBPF_H
/*
 * userbpf.h - the Linux BPF subsystem inside one process: no kernel support, no privilege, no
 * daemon, no socket.
 *
 * An instance (struct userbpf) is a subsystem of its own: objects, ids, a bpffs, its own kernel
 * BTF. userbpf_bpf() is bpf(2) on it: the same commands, the same union bpf_attr of <linux/bpf.h>,
 * the same checks and errno as Linux 6.1.
 *
 *	struct userbpf *u = userbpf_open(NULL);
 *	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 16 };
 *	int fd = userbpf_bpf(u, BPF_MAP_CREATE, &attr, sizeof(attr));
 *	...
 *	close(fd);
 *	userbpf_close(u);
 *
 * Memory. Pointers in attr are addresses of this process. One that cannot be read or written gives
 * -EFAULT, not a signal.
 *
 * Descriptors. What a command returns is a real file descriptor that means its object: dup(2),
 * fork(2), SCM_RIGHTS and close(2) work as for the kernel's BPF descriptors, and the object goes
 * when the last descriptor, pin, link or program that holds it goes. close(2) takes effect within
 * milliseconds (a thread of the instance notices it); userbpf_close_fd() has taken effect when it
 * returns. read(2) works on the descriptor of BPF_ITER_CREATE. mmap(2) does not work on map
 * descriptors: use userbpf_map_mmap().
 *
 * Paths. BPF_OBJ_PIN and BPF_OBJ_GET take paths below USERBPF_BPFFS in the instance's own bpffs;
 * nothing of it is visible outside.
 *
 * Programs run in the calling thread (BPF_PROG_TEST_RUN) or, for iterators, in a thread of the
 * instance. The first program that needs it installs a SIGSEGV/SIGBUS handler that passes on what
 * is not its business; a thread that makes calls must not block these two signals.
 *
 * Privilege. The instance is yours, so calls have every capability unless userbpf_options.drop_caps
 * takes some away.
 *
 * Errors. Functions return negative errno where they return numbers, NULL with errno set where they
 * return pointers.
 *
 * Threads. All functions but userbpf_close() may be called from any threads at the same time.
 *
 * Fork. The child has the descriptors (they keep objects alive) but not the instance: it must not
 * call these functions.
 */
#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define USERBPF_API __attribute__((visibility("default")))

/* Where the instance's bpffs is in the eyes of BPF_OBJ_PIN, BPF_OBJ_GET, userbpf_cat() and
 * userbpf_unlink(). */
#define USERBPF_BPFFS "/sys/fs/bpf"

struct userbpf;

/* Zero means the default for every member, so memset or { .size = sizeof(opts) } is a good
 * start. */
struct userbpf_options {
	size_t size;		 /* sizeof(struct userbpf_options): tells which members the caller knows */
	const char *vmlinux_btf; /* raw BTF file to use as /sys/kernel/btf/vmlinux; NULL: the installed one, or none when that is missing */
	uint64_t drop_caps;	 /* capabilities calls do not have: bit 1ull << CAP_* */
	uint32_t unprivileged_bpf_disabled; /* as the sysctl: 0, 1, 2; matters only to calls without CAP_BPF */
	/* bpf_trace_printk() of programs that run here: text as printed, not NUL-terminated; any
	 * thread. NULL: dropped */
	void (*printk)(void *arg, const char *text, uint32_t len);
	void *printk_arg;
	/*
	 * Not 0: only verify. vmlinux_btf may be another machine's kernel; its functions and
	 * variables count as there, so programs that attach to them are verified. Commands that run
	 * or attach programs fail with EPERM.
	 */
	uint32_t verify_only;
	/* Of each module of that kernel its name and a file with its raw split BTF, then NULL; or
	 * NULL. */
	const char *const *module_btfs;
};

/* New instance with nothing in it. @opts may be NULL. NULL and errno: ENOMEM, EMFILE, EINVAL
 * (options), or why vmlinux_btf could not be read. */
USERBPF_API struct userbpf *userbpf_open(const struct userbpf_options *opts);

/*
 * Ends the instance: unpins everything, lets descriptors of it go stale (they stay open; close(2)
 * them), waits for its threads. No other call may be running. Returns 0; a positive number of
 * objects that could not be freed is a defect worth a report.
 */
USERBPF_API int userbpf_close(struct userbpf *u);

/*
 * bpf(2). @attr and @size as there; members the kernel would write are written. The result of the
 * system call, with errors as negative errno (ENOTSUPP is 524). Commands return a new descriptor,
 * owned by the caller and close-on-exec, where the kernel's do.
 */
USERBPF_API int userbpf_bpf(struct userbpf *u, int cmd, union bpf_attr *attr, unsigned int size);

/* close(2) of a descriptor; when it was the last holder of an object, the object is gone on
 * return. 0 or negative errno. */
USERBPF_API int userbpf_close_fd(struct userbpf *u, int fd);

/*
 * Maps the values of an array created with BPF_F_MMAPABLE, as mmap(2) of its descriptor does in the
 * kernel: @len bytes from byte @off (page aligned). PROT_WRITE fails with EPERM on a frozen map or
 * read-only descriptor, EACCES on a BPF_F_RDONLY_PROG one. munmap(2) ends it. The mapping stays
 * valid without the map. NULL and errno.
 */
USERBPF_API void *userbpf_map_mmap(struct userbpf *u, int map_fd, size_t len, int prot, off_t off);

/*
 * The content of a pinned iterator link or of a pinned map with BTF, as cat(1) shows it: @sink gets
 * it in pieces and stops it with a nonzero return, which is then the result. 0 at the end, or
 * negative errno (ENOENT, EIO for a pin without content ...).
 */
USERBPF_API int userbpf_cat(struct userbpf *u, const char *path, int (*sink)(void *arg, const char *text, size_t len), void *arg);

/* mkdir(2), unlink(2) and rmdir(2) inside the instance's bpffs. 0 or negative errno. */
USERBPF_API int userbpf_mkdir(struct userbpf *u, const char *path, mode_t mode);
USERBPF_API int userbpf_unlink(struct userbpf *u, const char *path);
USERBPF_API int userbpf_rmdir(struct userbpf *u, const char *path);

/* How many objects live (programs, maps, links, BTF) and how many distinct handles they have,
 * after noticing closed ones. For tests and monitoring. */
struct userbpf_stats {
	uint32_t progs, maps, links, btfs, handles;
};
USERBPF_API void userbpf_get_stats(struct userbpf *u, struct userbpf_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
