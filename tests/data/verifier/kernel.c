/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel.c - a kernel for the text cases: types and functions programs attach to. Only its BTF is used; what names mean
 * (which hook may sleep, whose result may change) is src/prog/hooks.def.
 */
#define user_ptr __attribute__((btf_type_tag("user")))
#define percpu_ptr __attribute__((btf_type_tag("percpu")))
#define percpu __attribute__((section(".data..percpu")))

typedef unsigned long long u64;

struct inode {
	u64 number;
	int *links;
};

struct gap {
	char before;
	long after;
};

struct file {
	struct inode *inode;
	u64 size;
	char name[8];
	struct {
		int low, high;
	} pos;
	struct file *next;
	struct inode user_ptr *user_inode;
	struct inode percpu_ptr *cpu_inode;
	void (*close)(struct file *file);
	u64 mode : 24;
};

struct big {
	long word[3];
};

/* Functions for fentry, fexit and fmod_ret; the last one is a system call by its prefix. */
int bpf_fentry_test1(int a) { return a; }
u64 read_file(struct file *file, int *length, u64 flags) { return 0; }
void close_file(struct file *file) {}
struct file *open_file(const char *name) { return 0; }
int user_file(struct file user_ptr *file) { return 0; }
int cpu_file(struct file percpu_ptr *file) { return 0; }
int takes_gap(struct gap *gap) { return 0; }
struct file *security_open(const char *name) { return 0; }
int takes_function(int (*f)(int)) { return 0; }
int takes_big(struct big big) { return 0; }
struct big returns_big(void) { return (struct big){}; }
int takes_some(int a, ...) { return 0; }
int takes_many(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l, int m) { return 0; }
int takes_double(double d) { return 0; }
int no_address(int a) { return 0; }
int migrate_disable(int a) { return 0; }
int __x64_sys_getpgid(const struct file *regs) { return 0; }

/* Functions where bpf_d_path may be called. */
struct path {
	void *mnt, *dentry;
};
struct sock_common {
	int state;
};
struct sock {
	struct sock_common common;
	int type;
};
int vfs_truncate(const struct path *path, u64 length) { return 0; }
int filp_close(struct file *file, void *id) { return 0; }
int tcp_close(struct sock *sk) { return 0; }

/* Hooks of security modules: with a result, without one, closed to programs. */
int bpf_lsm_file_open(struct file *file) { return 0; }
int bpf_lsm_file_permission(struct file *file, int mask) { return 0; }
void bpf_lsm_sk_free_security(struct file *file) {}
int bpf_lsm_inet_conn_established(struct sock *sk) { return 0; }
int bpf_lsm_getprocattr(struct file *file) { return 0; }

/* Iterators: over files, which may be NULL at the end; over elements with a key to read and a value to write. */
struct iter_meta {
	u64 nr;
};
int bpf_iter_file(struct iter_meta *meta, struct file *file) { return 0; }
int bpf_iter_elem(struct iter_meta *meta, struct file *file, void *key, void *value) { return 0; }

/* A tracepoint and a type that is none. */
typedef void (*btf_trace_file_open)(void *data, struct file *file, int mask);
typedef void (*btf_trace_load)(void *data, double load);
typedef void (*not_a_tracepoint)(void *data, int mask);
btf_trace_file_open trace_file_open;
btf_trace_load trace_load;
not_a_tracepoint other;

/* Variables of every CPU. */
int cpu_count percpu;
struct inode cpu_root percpu;
int no_address_count percpu;
