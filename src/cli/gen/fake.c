/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cli/gen/fake.h"
#include "cli/interpose.h"
#include "gen/record.h"
#include "isa/insn.h"

#define PATH_CAP 32

/* interpose.h has no other way to know. */
static struct {
	struct gen_trace *trace;
	const struct elf_obj *elf;
	const struct types *types;
	struct log *log;
	ino_t *inodes; /* by slot */
	int btf_fd, kallsyms_fd;
	char btf_path[PATH_CAP], kallsyms_path[PATH_CAP];
} self = {.btf_fd = -1, .kallsyms_fd = -1};

/* --- what numbers mean --- */

int fake_slot(int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return -1;
	for (u32 i = 0; i < self.trace->nr_slots; i++)
		if (self.inodes[i] == st.st_ino)
			return i;
	return -1;
}

/* A text is looked for in more than its own bytes, which need not be there. */
static int read_own(void *arg, void *dst, u64 addr, u64 len)
{
	struct iovec to = {dst, len}, from = {(void *)(uintptr_t)addr, len};

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

static int slot_of(void *arg, int fd)
{
	return fake_slot(fd);
}

static int type_of(void *arg, int btf_fd, u32 id, struct gen_symbol *sym)
{
	const struct btf_type *t = btf__type_by_id(self.types->btf, id);

	if (!t || !t->name_off)
		return -ENOENT;
	sym->name = btf__name_by_offset(self.types->btf, t->name_off);
	sym->btf_kind = btf_kind(t);
	sym->weak = elf_obj_weak(self.elf, sym->name);
	return 0;
}

static int ksym_at(void *arg, u64 addr, struct gen_symbol *sym)
{
	u64 i = (addr - TYPES_KSYM_BASE) / 16;

	if (addr < TYPES_KSYM_BASE || i >= self.types->nr_ksyms || addr % 16)
		return -ENOENT;
	sym->name = self.types->ksyms[i];
	sym->weak = elf_obj_weak(self.elf, sym->name);
	return 0;
}

static const struct gen_client client = {
	.read = read_own,
	.slot = slot_of,
	.btf = type_of,
	.ksym = ksym_at,
};

/* --- calls --- */

/* An fd for what call @call makes. */
static long give_fd(u32 call, enum gen_obj_kind kind, const char *name)
{
	ino_t *n = realloc(self.inodes, (self.trace->nr_slots + 1) * sizeof(*n));
	int fd, slot;
	struct stat st;

	if (!n)
		return -ENOMEM;
	self.inodes = n;
	fd = memfd_create("recorded", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st)) {
		close(fd);
		return -EIO;
	}
	slot = gen_trace_slot(self.trace, call, kind, name);
	if (slot < 0) {
		close(fd);
		return slot;
	}
	n[slot] = st.st_ino;
	return fd;
}

static long record(int cmd, union bpf_attr *attr, unsigned int size)
{
	static const struct {
		int cmd;
		enum gen_obj_kind kind;
		size_t name;
	} makes[] = {
		{BPF_MAP_CREATE, GEN_MAP, offsetof(union bpf_attr, map_name)},
		{BPF_PROG_LOAD, GEN_PROG, offsetof(union bpf_attr, prog_name)},
		{BPF_BTF_LOAD, GEN_BTF, 0},
	};
	int call = gen_record(self.trace, &client, cmd, attr, size, self.log);
	char name[BPF_OBJ_NAME_LEN + 1] = "";

	if (call < 0)
		return call;
	for (u32 i = 0; i < ARRAY_SIZE(makes); i++) {
		if (makes[i].cmd != cmd)
			continue;
		if (makes[i].name && size >= makes[i].name + BPF_OBJ_NAME_LEN)
			memcpy(name, (char *)attr + makes[i].name, BPF_OBJ_NAME_LEN);
		return give_fd(call, makes[i].kind, name);
	}
	return 0;
}

/* BTF that the object brings, or NULL. */
static struct btf *btf_of(int fd)
{
	int slot = fake_slot(fd);

	for (u32 i = 0; slot >= 0 && i < self.trace->nr_calls; i++) {
		const struct gen_call *c = &self.trace->calls[i];

		if (c->slot != slot || c->cmd != BPF_BTF_LOAD || !c->nr_segs)
			continue;
		struct btf *btf = btf__new(c->segs[0].data, c->segs[0].len);

		return libbpf_get_error(btf) ? NULL : btf;
	}
	return NULL;
}

/*
 * Kernels refuse a map for the type of its key: of an array it is an integer, of an LPM trie a struct. libbpf then makes the map without types, as it
 * will here when it is told the same; a loader could not.
 */
static bool refuses_key(const union bpf_attr *attr)
{
	u32 type = attr->map_type;
	bool is_array = type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
	const struct btf_type *t;
	bool refused = false;
	struct btf *btf;
	int id;

	if (!attr->btf_key_type_id || (!is_array && type != BPF_MAP_TYPE_LPM_TRIE))
		return false;
	btf = btf_of(attr->btf_fd);
	if (!btf)
		return false;
	id = btf__resolve_type(btf, attr->btf_key_type_id);
	t = id > 0 ? btf__type_by_id(btf, id) : NULL;
	if (t)
		refused = is_array ? !btf_is_int(t) : !btf_is_struct(t);
	btf__free(btf);
	return refused;
}

/* Answers to what is asked but not repeated; whatever is not here is EINVAL. */
static const struct {
	int cmd;
	int ret;
} answers[] = {
	{BPF_LINK_CREATE, -EBADF},	/* how libbpf asks for links of perf events */
	{BPF_BTF_GET_NEXT_ID, -ENOENT}, /* no modules */
	{BPF_OBJ_GET, -ENOENT},
	{BPF_MAP_LOOKUP_ELEM, -ENOENT},
};

static long fake_bpf(int cmd, union bpf_attr *attr, unsigned int size)
{
	for (u32 i = 0; i < ARRAY_SIZE(answers); i++)
		if (answers[i].cmd == cmd)
			return answers[i].ret;
	if (cmd == BPF_MAP_CREATE && refuses_key(attr))
		return -EINVAL;
	return gen_can_repeat(cmd) ? record(cmd, attr, size) : -EINVAL;
}

/* --- files --- */

static const char *redirect(const char *path)
{
	if (!strcmp(path, "/sys/kernel/btf/vmlinux"))
		return self.btf_path;
	if (!strcmp(path, "/proc/kallsyms"))
		return self.kallsyms_path;
	return path;
}

static int write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0)
			return -errno;
		p += n;
		len -= n;
	}
	return 0;
}

static int make_file(int *fd, char *path)
{
	*fd = memfd_create("kernel", MFD_CLOEXEC);
	snprintf(path, PATH_CAP, "/proc/self/fd/%d", *fd);
	return *fd < 0 ? -errno : 0;
}

static int make_btf(void)
{
	u32 len = 0;
	const void *raw = btf__raw_data(self.types->btf, &len);
	int err = raw ? make_file(&self.btf_fd, self.btf_path) : -ENOMEM;

	return err ?: write_all(self.btf_fd, raw, len);
}

static int make_kallsyms(void)
{
	int err = make_file(&self.kallsyms_fd, self.kallsyms_path);

	for (u32 i = 0; i < self.types->nr_ksyms && !err; i++)
		if (dprintf(self.kallsyms_fd, "%llx D %s\n", TYPES_KSYM_BASE + 16ull * i,
			    self.types->ksyms[i]) < 0)
			err = -errno;
	return err;
}

static const struct interpose hooks = {.bpf = fake_bpf, .path = redirect};

int fake_begin(struct gen_trace *t, const struct elf_obj *elf, const struct types *types,
	       struct log *log)
{
	int err;

	self.trace = t;
	self.elf = elf;
	self.types = types;
	self.log = log;
	err = make_btf() ?: make_kallsyms();
	if (!err)
		interpose_set(&hooks);
	return err;
}

void fake_end(void)
{
	interpose_set(NULL);
	if (self.btf_fd >= 0)
		close(self.btf_fd);
	if (self.kallsyms_fd >= 0)
		close(self.kallsyms_fd);
	self.btf_fd = self.kallsyms_fd = -1;
	free(self.inodes);
	self.inodes = NULL;
}
